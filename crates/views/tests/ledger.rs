//! The ledger's terminal output and picture, kept in `snapshots/`.
//! `UPDATE_EXPECT=1 cargo test -p oomph-views` rewrites them.

use expect_test::expect_file;
use facts::{Account, BootLog, BootTable, Cgroup, CgroupVersion, Field, HugePool, IomemTotals};
use facts::{Name, ProcessShare, Share, Shares, SlabCache, Snapshot, TablePlace};
use oomph_views as views;
use rules::ledger::ledger;
use rules::ledger_diff::{Moment, diff};
use unicode_width::UnicodeWidthStr;
use units::{Bytes, PageSize, Pages, Pid};
use views::{Charset, Rows, Style};

const MIB: u64 = 1 << 20;

fn style(width: usize, charset: Charset, color: bool) -> Style {
    Style { width: Some(width), charset, color }
}

/// A server of 16 GiB with huge pages, shared memory and a little of everything.
fn server() -> (Snapshot, Account) {
    let mut snapshot = Snapshot::unknown("capture web1.tar");
    snapshot.kernel.release = "6.18.2".parse().ok();
    snapshot.machine = Some(Name::from("x86_64"));
    snapshot.page_size_known = true;
    snapshot.taken_at = Some(1_763_600_000);
    for (field, mib) in [
        (Field::MemTotal, 15_900),
        (Field::MemFree, 3_180),
        (Field::MemAvailable, 7_000),
        (Field::Buffers, 210),
        (Field::Cached, 4_900),
        (Field::SwapCached, 12),
        (Field::Active, 4_200),
        (Field::Inactive, 5_720),
        (Field::Unevictable, 80),
        (Field::Mlocked, 60),
        (Field::AnonPages, 4_880),
        (Field::AnonHugePages, 1_900),
        (Field::Mapped, 1_500),
        (Field::Shmem, 900),
        (Field::Dirty, 14),
        (Field::Slab, 700),
        (Field::SReclaimable, 480),
        (Field::SUnreclaim, 220),
        (Field::KernelStack, 18),
        (Field::PageTables, 70),
        (Field::SecPageTables, 3),
        (Field::VmallocUsed, 96),
        (Field::Percpu, 22),
        (Field::Hugetlb, 1_024),
    ] {
        snapshot.meminfo.set(field, Bytes::new(mib * MIB));
    }
    let pages = |mib: u64| Some(Pages::new(mib << 8));
    for (name, free, present, pcp) in [("DMA32", 900, 2_000, 10), ("Normal", 2_280, 14_384, 780)] {
        snapshot.zones.push(facts::Zone {
            name: name.into(),
            free: pages(free),
            present: pages(present),
            managed: pages(if name == "DMA32" { 1_950 } else { 13_950 }),
            pcp: pages(pcp),
            ..facts::Zone::default()
        });
    }
    snapshot.vmstat.lines.push(("nr_memmap_boot_pages".into(), 256 << 8));
    snapshot.cgroups.version = Some(CgroupVersion::V2);
    let mib = |n: u64| Some(Bytes::new(n * MIB));
    for (path, current, anon, file, kernel) in [
        ("/system.slice", 6_000, 3_900, 1_800, 250),
        ("/system.slice/postgres.service", 5_000, 3_100, 1_700, 190),
        ("/user.slice", 2_000, 900, 1_000, 80),
    ] {
        let mut group = Cgroup { current: mib(current), ..Cgroup::default() };
        group.stat.anon = mib(anon);
        group.stat.file = mib(file);
        group.stat.shmem = mib(100);
        group.stat.kernel = mib(kernel);
        snapshot.cgroups.groups.insert(Name::from(path), group);
    }
    let mut account = Account {
        iomem: IomemTotals {
            system_ram: mib(16_384),
            kernel_image: mib(38),
            crash_kernel: mib(160),
        },
        pools: vec![HugePool { page: Bytes::new(2 * MIB), total: 512, free: Some(100) }],
        boot: BootLog {
            tables: vec![BootTable {
                name: "TCP established".into(),
                bytes: Bytes::new(2 * MIB),
                place: TablePlace::Pages,
            }],
            percpu_first_chunk: None,
        },
        ..Account::default()
    };
    for (pid, name, anon, file, shmem) in
        [(1, "systemd", 10, 8, 0), (77, "postgres", 4_000, 300, 850), (90, "java", 865, 335, 0)]
    {
        account.shares.push(process(pid, name, [anon, file, shmem]));
    }
    (snapshot, account)
}

/// Sets free memory, of the machine and of its last zone.
fn set_free(snapshot: &mut Snapshot, mib: u64) {
    snapshot.meminfo.set(Field::MemFree, Bytes::new(mib * MIB));
    snapshot.zones[1].free = Some(Pages::new((mib - 900) << 8));
}

fn process(pid: u32, name: &str, mib: [u64; 3]) -> ProcessShare {
    let mut shares = Shares::default();
    let [anon, file, shmem] = mib.map(|mib| Bytes::new(mib * MIB));
    let total = anon.saturating_add(file).saturating_add(shmem);
    shares.set(Share::Pss, total);
    shares.set(Share::PssAnon, anon);
    shares.set(Share::PssFile, file);
    shares.set(Share::PssShmem, shmem);
    ProcessShare {
        pid: Pid::new(pid),
        start_ticks: Some(u64::from(pid)),
        name: Some(Name::from(name)),
        cgroup: None,
        rss: Some(total),
        rss_anon: Some(anon),
        shares: Some(shares),
        twin_of: None,
    }
}

fn fits(screen: &str, width: usize) {
    for line in screen.lines() {
        assert!(line.width() <= width, "wider than {width}: {line}");
    }
}

#[test]
fn a_server_is_laid_out_from_the_top_down() {
    let (snapshot, account) = server();
    let report = ledger(&snapshot, &account);
    for (width, charset) in [(80, Charset::Utf8), (130, Charset::Utf8), (60, Charset::Ascii)] {
        let screen = views::ledger(&report, Rows::All, &style(width, charset, false));
        fits(&screen, width);
        expect_file![format!("snapshots/ledger-server-{width}.txt")].assert_eq(&screen);
    }
}

#[test]
fn ascii_terminals_get_ascii() {
    let (snapshot, account) = server();
    let report = ledger(&snapshot, &account);
    let screen = views::ledger(&report, Rows::All, &style(80, Charset::Ascii, false));
    assert!(screen.is_ascii(), "{screen}");
}

#[test]
fn colours_add_nothing_but_colour() {
    let (snapshot, account) = server();
    let report = ledger(&snapshot, &account);
    let plain = views::ledger(&report, Rows::All, &style(80, Charset::Utf8, false));
    let coloured = views::ledger(&report, Rows::All, &style(80, Charset::Utf8, true));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find('\x1b') {
        stripped.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert!(coloured.contains('\x1b'));
    assert_eq!(stripped, plain);
}

#[test]
fn missing_memory_is_told_with_guesses() {
    let (mut snapshot, account) = server();
    set_free(&mut snapshot, 1_000);
    let report = ledger(&snapshot, &account);
    let screen = views::ledger(&report, Rows::All, &style(80, Charset::Utf8, false));
    fits(&screen, 80);
    expect_file!["snapshots/ledger-missing-80.txt"].assert_eq(&screen);
}

#[test]
fn nothing_known_is_said_so() {
    let report = ledger(&Snapshot::unknown("nothing"), &Account::default());
    let screen = views::ledger(&report, Rows::All, &style(80, Charset::Utf8, false));
    assert!(screen.starts_with("UNKNOWN: "), "{screen}");
    assert!(views::ledger_svg(&report).ends_with("</svg>\n"));
}

#[test]
fn a_leak_between_two_moments_is_shown_with_its_pace() {
    let (before, mut old) = server();
    let (mut after, mut new) = server();
    after.taken_at = Some(1_763_600_000 + 6 * 3600);
    set_free(&mut after, 2_100);
    for (field, mib) in [(Field::Slab, 1_750), (Field::SUnreclaim, 1_270)] {
        after.meminfo.set(field, Bytes::new(mib * MIB));
    }
    let cache =
        |name: &str, mib: u64| SlabCache { name: name.into(), bytes: Bytes::new(mib * MIB) };
    old.caches = vec![cache("kmalloc-1k", 30), cache("dentry", 200)];
    new.caches = vec![cache("kmalloc-1k", 1_075), cache("dentry", 201)];
    new.shares[2] = process(90, "java\x1b[2J", [870, 335, 0]);
    let (a, b) = (ledger(&before, &old), ledger(&after, &new));
    let report = diff(
        &Moment { snapshot: &before, account: &old, ledger: &a },
        &Moment { snapshot: &after, account: &new, ledger: &b },
    );
    let screen = views::ledger_diff(&report, Rows::Top(5), &style(80, Charset::Utf8, false));
    fits(&screen, 80);
    assert!(!screen.contains('\x1b'));
    expect_file!["snapshots/ledger-diff-80.txt"].assert_eq(&screen);
}

#[test]
fn the_picture_is_whole_and_holds_nothing_from_outside_unescaped() {
    let (mut snapshot, account) = server();
    snapshot.origin = "capture <script>&\"x\".tar".to_owned();
    let report = ledger(&snapshot, &account);
    let picture = views::ledger_svg(&report);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(!picture.contains("<script>"));
    assert!(picture.contains("&lt;script&gt;&amp;"));
    // Self-contained: nothing is fetched.
    assert_eq!(picture.matches("http").count(), 1, "the namespace alone");
    for element in ["g", "text", "svg", "title", "style"] {
        let opened = picture.matches(&format!("<{element} ")).count()
            + picture.matches(&format!("<{element}>")).count();
        assert_eq!(opened, picture.matches(&format!("</{element}>")).count(), "{element}");
    }
    assert!(picture.contains("prefers-color-scheme:dark"));
    assert!(!picture.contains("NaN") && !picture.contains("\"inf") && !picture.contains("\"-"));
}

#[test]
fn pages_of_another_size_change_no_amount_of_meminfo() {
    let (mut snapshot, account) = server();
    let four = ledger(&snapshot, &account);
    snapshot.page_size = PageSize::new(65_536).unwrap();
    let large = ledger(&snapshot, &account);
    assert_eq!(four.total, large.total);
    // The zones' counts of pages are then sixteen times the machine: said, not used.
    assert!(!large.verdict.text.is_empty());
}

#[test]
fn the_documented_fields_are_those_of_the_reports() {
    use views::json::{Format, Layout, fields, schema, to_string};
    let (snapshot, account) = server();
    let report = ledger(&snapshot, &account);
    let moment = Moment { snapshot: &snapshot, account: &account, ledger: &report };
    for (name, text) in [
        ("ledger", to_string(&report, Layout::Line)),
        ("ledger-diff", to_string(&diff(&moment, &moment), Layout::Line)),
    ] {
        let json: serde_json::Value = serde_json::from_str(&text.unwrap()).unwrap();
        let format = Format::named(name).unwrap();
        let documented = fields(format);
        for key in json.as_object().unwrap().keys() {
            assert!(documented.contains(&format!("| `{key}` |")), "{key} is not documented");
        }
        assert_eq!(json["schema"], schema(format)["title"]);
    }
}
