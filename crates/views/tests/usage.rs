//! Whole outputs of `oomph usage`. `UPDATE_EXPECT=1 cargo test -p oomph-views` rewrites them.
#![expect(clippy::similar_names, reason = "pid and ppid are the words of the field")]

use expect_test::{ExpectFile, expect_file};
use facts::{
    Amounts, Bounds, Field as MeminfoField, MappingUse, MemoryOf, Name, ProcessUse, Share, Shares,
    Snapshot, Survey, TwinsBy, Unshared, Why,
};
use oomph_views as views;
use rules::usage::{Field, Grouping, UsageFilter, UsageOptions, UsageReport, usage};
use unicode_width::UnicodeWidthStr;
use units::{Bytes, Pid};
use views::{Charset, SizeUnit, Style, UsageView};

/// Sizes in KiB: own anonymous, shared anonymous of two, files of four, shared memory of three.
fn shares(own: u64, anon: u64, file: u64, shmem: u64, swap: u64) -> MemoryOf {
    let mut shares = Shares::default();
    let parts = [own, anon / 2, file / 4, shmem / 3];
    for (share, kib) in [
        (Share::Rss, own + anon + file + shmem),
        (Share::Pss, parts.iter().sum()),
        (Share::PssAnon, parts[0] + parts[1]),
        (Share::PssFile, parts[2]),
        (Share::PssShmem, parts[3]),
        (Share::PrivateClean, 0),
        (Share::PrivateDirty, own),
        (Share::Swap, swap),
        (Share::SwapPss, swap),
        (Share::SharedHugetlb, 0),
        (Share::PrivateHugetlb, 0),
    ] {
        shares.set(share, Bytes::new(kib << 10));
    }
    MemoryOf::Shares(Box::new(shares))
}

fn bounds(why: Unshared, kib: u64) -> MemoryOf {
    MemoryOf::Bounds(Box::new(Bounds {
        why,
        rss: Bytes::from_kib(kib),
        rss_anon: Bytes::from_kib(kib / 2),
        rss_file: Bytes::from_kib(kib / 4),
        rss_shmem: Bytes::from_kib(kib / 4),
        swap: Some(Bytes::ZERO),
        hugetlb: Some(Bytes::ZERO),
    }))
}

fn process(
    pid: u32,
    ppid: u32,
    uid: u32,
    comm: &str,
    cgroup: &str,
    memory: MemoryOf,
) -> ProcessUse {
    ProcessUse {
        pid: Pid::new(pid),
        ppid: Some(Pid::new(ppid)),
        comm: Some(Name::from(comm)),
        command: Some(Name::from(format!("/usr/bin/{comm} --serve").as_str())),
        program: Some(Name::from(comm)),
        start_ticks: Some(1),
        uid: Some(uid),
        cgroup: Some(Name::from(cgroup)),
        memory,
    }
}

/// A server with a database of workers, a container, a twin, and two that could not be read.
fn server() -> Survey {
    let mut machine = Snapshot::unknown("this machine");
    for (field, kib) in [
        (MeminfoField::MemTotal, 16_000_000),
        (MeminfoField::SwapTotal, 4_000_000),
        (MeminfoField::AnonPages, 5_800_000),
        (MeminfoField::Mapped, 600_000),
    ] {
        machine.meminfo.set(field, Bytes::new(kib << 10));
    }
    machine.users = [(0, "root"), (26, "postgres"), (1000, "ann")]
        .map(|(uid, name)| (uid, Name::from(name)))
        .into();
    let db = "/system.slice/postgresql.service";
    let docker = "/system.slice/docker-5e1f0a2b3c4d5e1f0a2b3c4d5e1f0a2b3c4d5e1f0a2b3c4d5e1f0a2b3c4d5e1f.scope";
    let home = "/user.slice/user-1000.slice/session-3.scope";
    let denied = Unshared::Refused(Why::Denied);
    Survey {
        machine,
        processes: vec![
            process(1, 0, 0, "systemd", "/init.scope", shares(5_000, 0, 8_000, 0, 900)),
            process(812, 1, 26, "postgres", db, shares(20_000, 40_000, 60_000, 1_200_000, 0)),
            process(815, 812, 26, "postgres", db, shares(30_000, 40_000, 60_000, 900_000, 0)),
            process(816, 812, 26, "postgres", db, shares(90_000, 40_000, 60_000, 600_000, 5_000)),
            process(2040, 1, 0, "java", docker, shares(4_800_000, 0, 90_000, 0, 250_000)),
            process(2100, 2040, 0, "java", docker, MemoryOf::Twin(Pid::new(2040))),
            process(3000, 1, 1000, "bash", home, shares(2_000, 0, 4_000, 0, 0)),
            process(3001, 3000, 1000, "ssh-agent", home, bounds(denied, 6_000)),
            process(
                4000,
                1,
                0,
                "huge",
                "/system.slice/huge.service",
                bounds(Unshared::TooLong { estimate_us: 300_000 }, 900_000),
            ),
        ],
        mappings: None,
        kernel_threads: 120,
        without_memory: 1,
        filtered: 0,
        twins_by: TwinsBy::Kernel,
    }
}

fn with_mappings() -> Survey {
    let amounts = |memory: MemoryOf| match memory {
        MemoryOf::Shares(shares) => Amounts::from(&*shares),
        _ => Amounts::ZERO,
    };
    let mut survey = server();
    survey.mappings = Some(
        [
            ("", 40, 8, shares(4_500_000, 0, 0, 0, 200_000)),
            ("[heap]", 8, 8, shares(400_000, 0, 0, 0, 0)),
            ("/dev/zero (deleted)", 3, 3, shares(0, 0, 0, 2_700_000, 0)),
            (
                "/usr/lib/jvm/java-21-openjdk-amd64/lib/server/libjvm.so",
                5,
                1,
                shares(0, 0, 90_000, 0, 0),
            ),
            ("/usr/lib/x86_64-linux-gnu/libc.so.6", 35, 7, shares(0, 0, 14_000, 0, 0)),
        ]
        .map(|(name, mappings, processes, memory)| MappingUse {
            name: Name::from(name),
            mappings,
            processes,
            amounts: amounts(memory),
        })
        .into(),
    );
    survey
}

fn style(width: usize) -> Style {
    Style { width: Some(width), charset: Charset::Utf8, color: false }
}

fn report(survey: &Survey, by: Grouping) -> UsageReport {
    usage(survey, &UsageOptions::by(by))
}

fn check(report: &UsageReport, view: &UsageView, style: &Style, expected: &ExpectFile) {
    let screen = views::usage(report, view, style);
    for line in screen.lines().filter(|_| style.width.is_some() && view.columns.is_none()) {
        assert!(line.width() <= style.width.unwrap(), "too wide: {line}");
    }
    expected.assert_eq(&screen);
}

#[test]
fn processes_stand_with_their_shares_and_bounds() {
    let report = report(&server(), Grouping::Process);
    let view = UsageView::default();
    check(&report, &view, &style(80), &expect_file!["snapshots/usage-process-80.txt"]);
    check(&report, &view, &style(120), &expect_file!["snapshots/usage-process-120.txt"]);
    check(&report, &view, &style(40), &expect_file!["snapshots/usage-process-40.txt"]);
    let ascii = Style { charset: Charset::Ascii, ..style(80) };
    assert!(views::usage(&report, &view, &ascii).is_ascii());
    let pipe = Style { width: None, ..style(80) };
    check(&report, &view, &pipe, &expect_file!["snapshots/usage-process-pipe.txt"]);
}

#[test]
fn groups_add_up() {
    let view = UsageView::default();
    for (by, expected) in [
        (Grouping::Program, expect_file!["snapshots/usage-program-80.txt"]),
        (Grouping::User, expect_file!["snapshots/usage-user-80.txt"]),
        (Grouping::Unit, expect_file!["snapshots/usage-unit-80.txt"]),
        (Grouping::Cgroup, expect_file!["snapshots/usage-cgroup-80.txt"]),
        (Grouping::Tree, expect_file!["snapshots/usage-tree-80.txt"]),
    ] {
        check(&report(&server(), by), &view, &style(80), &expected);
    }
    let mapping = report(&with_mappings(), Grouping::Mapping);
    check(&mapping, &view, &style(80), &expect_file!["snapshots/usage-mapping-80.txt"]);
}

#[test]
fn units_columns_and_filters_are_as_asked() {
    let options = UsageOptions {
        top: Some(2),
        filters: vec![UsageFilter { on: "name", pattern: "^post".to_owned() }],
        ..UsageOptions::by(Grouping::Process)
    };
    let report = usage(&server(), &options);
    let columns = Some(vec![Field::Pid, Field::SwapPss, Field::Pss, Field::Memory, Field::Command]);
    let view = UsageView { columns, unit: SizeUnit::KiB };
    check(&report, &view, &style(80), &expect_file!["snapshots/usage-columns-80.txt"]);
    let view = UsageView { columns: None, unit: SizeUnit::Percent };
    check(&report, &view, &style(80), &expect_file!["snapshots/usage-percent-80.txt"]);
    for (unit, text) in
        [(SizeUnit::Bytes, "4938240000"), (SizeUnit::MiB, "4709.4"), (SizeUnit::GiB, "4.59")]
    {
        let view = UsageView { columns: Some(vec![Field::Pss]), unit };
        let screen = views::usage(&report, &view, &style(80));
        assert!(screen.contains(text), "{text}: {screen}");
    }
}

#[test]
fn hostile_names_stay_names() {
    let mut survey = server();
    for process in &mut survey.processes {
        process.comm = Some(Name::new(&b"a\x1b[2J\n\"<b>&,\xff"[..]));
        process.cgroup = Some(Name::from("/\u{202e}x\x07.service"));
    }
    for by in [Grouping::Process, Grouping::Program, Grouping::Unit, Grouping::Tree] {
        let report = report(&survey, by);
        for text in [
            views::usage(&report, &UsageView::default(), &style(120)),
            views::usage_csv(&report, None),
            views::usage_svg(&report),
        ] {
            assert!(!text.contains(['\x1b', '\u{202e}', '\x07']), "{text}");
            assert!(!text.contains("<b>") || !text.starts_with("<svg"), "{text}");
        }
    }
    let all = views::usage_csv(&report(&survey, Grouping::Program), Some(&[Field::Name]));
    assert_eq!(all.lines().count(), 2, "{all}");
}

#[test]
fn csv_has_bytes_and_empty_fields_for_what_is_unknown() {
    let columns = [Field::Pid, Field::Name, Field::Uss, Field::Pss, Field::Swap];
    let csv = views::usage_csv(&report(&server(), Grouping::Process), Some(&columns));
    expect_file!["snapshots/usage.csv"].assert_eq(&csv.replace('\r', ""));
}

#[test]
fn the_picture_has_a_rectangle_for_each_row() {
    let report = report(&server(), Grouping::Process);
    let picture = views::usage_svg(&report);
    expect_file!["snapshots/usage.svg"].assert_eq(&picture);
    let drawn = report.rows.iter().filter(|row| row.sizes.pss.is_some()).count();
    assert_eq!(picture.matches("<g>").count(), drawn);
}

#[test]
fn nobody_is_a_sentence() {
    let survey = Survey { processes: Vec::new(), ..server() };
    let screen =
        views::usage(&report(&survey, Grouping::Process), &UsageView::default(), &style(80));
    assert!(screen.contains("Nobody: no process here has memory."), "{screen}");
    assert!(views::usage_svg(&report(&survey, Grouping::Process)).ends_with("</svg>\n"));
}

#[test]
fn bars_are_for_terminals() {
    let report = report(&server(), Grouping::Program);
    let screen = views::usage(&report, &UsageView::default(), &style(120));
    assert!(screen.contains('█'), "{screen}");
    let piped = views::usage(&report, &UsageView::default(), &Style { width: None, ..style(80) });
    assert!(!piped.contains('█'), "{piped}");
}
