//! Whole pages about the page cache, from machines made by hand.

use std::collections::BTreeMap;

use expect_test::expect_file;
use facts::{
    AskedBy, Backing, CachedFile, CachedPages, Examples, Field, Hold, Holder, Kernel, LeftAlone,
    Meminfo, Name, PageCache,
};
use oomph_views::{Amounts, Charset, Style, cache, cache_csv};
use rules::cache::{By, CacheOptions};
use units::{Bytes, PageSize, Pid};

const MIB: u64 = 1 << 20;

fn style(width: usize, charset: Charset) -> Style {
    Style { width: Some(width), charset, color: false }
}

fn file(directory: u32, name: &str, mib: u64, of_mib: u64, held_by: &[u32]) -> CachedFile {
    let hold = |&holder: &u32| Hold { holder, open: true, mapped: false };
    CachedFile {
        directory: Some(directory),
        name: Name::new(name),
        size: of_mib * MIB,
        uid: 26,
        links: 1,
        backing: Backing::Filesystem,
        pages: CachedPages {
            cached: mib * MIB / 4096,
            dirty: Some(0),
            writeback: Some(0),
            evicted: Some(0),
            recently_evicted: Some(0),
        },
        held_by: held_by.iter().map(hold).collect(),
    }
}

/// A database server: a heap of files, a deleted log, a memfd, and much that was not asked about.
fn server() -> PageCache {
    let mut meminfo = Meminfo::default();
    for (field, mib) in [
        (Field::MemTotal, 16_000),
        (Field::Cached, 9_600),
        (Field::Buffers, 400),
        (Field::Shmem, 600),
    ] {
        meminfo.set(field, Bytes::new(mib * MIB));
    }
    let mut log = file(1, "postgresql-15.log", 300, 310, &[0]);
    log.links = 0;
    let mut memfd = file(0, "memfd:pg (x)", 200, 200, &[0, 1, 2, 3]);
    memfd.directory = None;
    memfd.backing = Backing::Swap;
    let mut written = file(0, "24576.1", 900, 1024, &[0, 1, 2, 3]);
    written.pages.dirty = Some(12 * MIB / 4096);
    written.pages.evicted = Some(124 * MIB / 4096);
    written.pages.recently_evicted = Some(100 * MIB / 4096);
    let mut library = file(2, "libc.so.6", 2, 2, &[0, 1, 2, 3]);
    library.uid = 0;
    let files = vec![
        file(0, "24576", 1024, 1024, &[0, 1, 2, 3]),
        written,
        file(0, "a\x1b[2J\n\u{202e}b", 700, 1000, &[]),
        log,
        memfd,
        library,
    ];
    let holder = |pid, name: &str| Holder {
        pid: Pid::new(pid),
        name: Some(Name::from(name)),
        uid: Some(26),
    };
    PageCache {
        origin: "this machine".to_owned(),
        taken_at: None,
        kernel: Kernel::default(),
        page_size: PageSize::KIB_4,
        asked_by: AskedBy::Cachestat,
        paths: vec![Name::from("/var/lib"), Name::from("/usr/lib")],
        directories: ["/var/lib/postgresql/15/main/base/16384", "/var/log", "/usr/lib"]
            .map(Name::from)
            .to_vec(),
        files,
        holders: vec![
            holder(811, "postgres"),
            holder(812, "postgres"),
            holder(813, "checkpointer"),
            holder(900, "pg_dump"),
        ],
        asked: 70_666,
        walked: 7000,
        left_alone: BTreeMap::new(),
        hidden_processes: 0,
        users: [(0, "root"), (26, "postgres")].map(|(uid, n)| (uid, Name::from(n))).into(),
        meminfo,
        missing: Vec::new(),
    }
}

/// A machine of which little may be seen.
fn dark() -> PageCache {
    let examples = |count, first: &[&str]| Examples {
        count,
        first: first.iter().copied().map(Name::from).collect(),
    };
    PageCache {
        asked_by: AskedBy::Mincore,
        files: Vec::new(),
        holders: Vec::new(),
        asked: 0,
        left_alone: [
            (LeftAlone::NotPermitted, examples(305, &["/etc/a", "/etc/b\n", "/etc/c"])),
            (LeftAlone::DirectoryNotPermitted, examples(1, &["/etc/ssl/private"])),
            (LeftAlone::OtherFilesystem, examples(2, &["/proc", "/sys"])),
            (LeftAlone::Failed, examples(1, &["/mnt/x: Input/output error"])),
        ]
        .into(),
        hidden_processes: 28,
        meminfo: Meminfo::default(),
        ..server()
    }
}

fn page(of: &PageCache, options: &CacheOptions, style: &Style) -> String {
    cache(&rules::cache(of, options), Amounts::Human, style)
}

#[test]
fn files_are_told_with_how_much_of_them_and_by_whom() {
    let options = CacheOptions { top: Some(5), ..CacheOptions::default() };
    for width in [80, 120] {
        let shown = page(&server(), &options, &style(width, Charset::Utf8));
        expect_file![format!("snapshots/cache-files-{width}.txt")].assert_eq(&shown);
        assert!(shown.lines().all(|line| line.chars().count() <= width), "{shown}");
    }
}

#[test]
fn processes_directories_and_extensions_have_tables_of_their_own() {
    for (name, by) in
        [("processes", By::Process), ("directories", By::Directory), ("extensions", By::Extension)]
    {
        let options = CacheOptions { by, depth: Some(3), ..CacheOptions::default() };
        let shown = page(&server(), &options, &style(80, Charset::Ascii));
        expect_file![format!("snapshots/cache-{name}-80.txt")].assert_eq(&shown);
        assert!(shown.is_ascii(), "{shown}");
    }
}

#[test]
fn what_may_not_be_seen_is_counted_and_unknown_totals_are_not_zero() {
    let shown = page(&dark(), &CacheOptions::default(), &style(80, Charset::Utf8));
    expect_file!["snapshots/cache-dark-80.txt"].assert_eq(&shown);
}

#[test]
fn narrow_terminals_keep_the_amount_and_the_end_of_the_path() {
    let shown = page(&server(), &CacheOptions::default(), &style(40, Charset::Utf8));
    expect_file!["snapshots/cache-files-40.txt"].assert_eq(&shown);
}

#[test]
fn amounts_in_bytes_are_exact() {
    let report = rules::cache(&server(), &CacheOptions::default());
    let shown = cache(&report, Amounts::Bytes, &style(120, Charset::Utf8));
    assert!(shown.contains("1073741824 ████████"), "{shown}");
}

#[test]
fn csv_has_one_line_a_row_whatever_the_names_hold() {
    let mut server = server();
    server.files[0].name = Name::from("a\"b,\r\nc");
    let csv = cache_csv(&rules::cache(&server, &CacheOptions::default()));
    // The snapshot has line ends of its own.
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    expect_file!["snapshots/cache.csv"].assert_eq(&format!("{}\n", lines.join("\n")));
    assert_eq!(lines.len(), 1 + server.files.len());
}
