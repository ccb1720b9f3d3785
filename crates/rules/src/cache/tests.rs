use std::collections::BTreeMap;

use facts::{CachedPages, Hold, Holder, Kernel, Meminfo, Name};
use units::{PageSize, Pid};

use super::*;

const KIB: u64 = 1024;

fn told(cached: u64) -> CachedPages {
    CachedPages {
        cached,
        dirty: Some(0),
        writeback: Some(0),
        evicted: Some(0),
        recently_evicted: Some(0),
    }
}

fn file(directory: Option<u32>, name: &str, cached: u64, held_by: &[u32]) -> CachedFile {
    CachedFile {
        directory,
        name: Name::from(name),
        size: cached * 4 * KIB,
        uid: 0,
        links: 1,
        backing: Backing::Filesystem,
        pages: told(cached),
        held_by: held_by.iter().map(|&holder| Hold { holder, open: true, mapped: false }).collect(),
    }
}

fn machine(files: Vec<CachedFile>) -> PageCache {
    let holder =
        |pid, name: &str| Holder { pid: Pid::new(pid), name: Some(Name::from(name)), uid: Some(0) };
    let mut meminfo = Meminfo::default();
    for (field, kib) in
        [(Field::MemTotal, 8000), (Field::Cached, 3600), (Field::Buffers, 400), (Field::Shmem, 600)]
    {
        meminfo.set(field, Bytes::new(kib * KIB));
    }
    PageCache {
        origin: "this machine".to_owned(),
        taken_at: None,
        kernel: Kernel::default(),
        page_size: PageSize::KIB_4,
        asked_by: AskedBy::Cachestat,
        paths: Vec::new(),
        directories: ["/a", "/a/b", "/a/b/c"].map(Name::from).to_vec(),
        files,
        holders: vec![holder(1, "init"), holder(7, "db")],
        asked: 9,
        walked: 3,
        left_alone: BTreeMap::new(),
        hidden_processes: 0,
        users: BTreeMap::new(),
        meminfo,
        missing: Vec::new(),
    }
}

fn rows(cache_of: &PageCache, options: &CacheOptions) -> Vec<(String, u64)> {
    let name = |row: &CacheRow| row.name.as_ref().map_or("-".to_owned(), ToString::to_string);
    cache(cache_of, options).rows.iter().map(|r| (name(r), r.cached.kib())).collect()
}

fn named(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|&(name, kib)| (name.to_owned(), kib)).collect()
}

#[test]
fn found_and_rest_add_up_to_what_the_kernel_counts() {
    let mut shared = file(None, "memfd:x", 25, &[1]);
    shared.backing = Backing::Swap;
    let report =
        cache(&machine(vec![file(Some(0), "x", 500, &[]), shared]), &CacheOptions::default());
    let (found, rest) = (&report.found, &report.rest);
    assert_eq!(found.in_filesystems.kib(), 2000);
    assert_eq!(found.in_shared_memory.kib(), 100);
    assert_eq!(rest.shared_memory.map(Bytes::kib), Some(500));
    assert_eq!(rest.block_devices.map(Bytes::kib), Some(400));
    assert_eq!(rest.elsewhere.map(Bytes::kib), Some(1000));
    assert_eq!(rest.excess, Some(Bytes::ZERO));
    assert_eq!(found.share, Some(Percent::from_hundredths(5250)));
}

#[test]
fn what_was_found_beyond_the_kernels_count_is_said() {
    let report = cache(&machine(vec![file(Some(0), "x", 1000, &[])]), &CacheOptions::default());
    assert_eq!(report.rest.elsewhere, Some(Bytes::ZERO));
    assert_eq!(report.rest.excess.map(Bytes::kib), Some(1000));
}

#[test]
fn without_the_kernels_count_the_rest_is_unknown() {
    let mut machine = machine(vec![file(Some(0), "x", 1, &[])]);
    machine.meminfo = Meminfo::default();
    let report = cache(&machine, &CacheOptions::default());
    assert_eq!(
        (report.rest.elsewhere, report.rest.shared_memory, report.found.share),
        (None, None, None)
    );
    assert_eq!(report.rows[0].share, None);
}

#[test]
fn what_is_unknown_of_one_file_is_unknown_of_all() {
    let mut unknown = file(Some(0), "y", 1, &[]);
    unknown.pages = CachedPages { cached: 1, ..CachedPages::default() };
    let both = machine(vec![file(Some(0), "x", 1, &[]), unknown]);
    let by = CacheOptions { by: By::Directory, ..CacheOptions::default() };
    let report = cache(&both, &by);
    assert_eq!((report.found.dirty, report.rows[0].dirty), (None, None));
    assert_eq!(report.rows[0].cached.kib(), 8);
}

#[test]
fn a_file_counts_for_each_of_its_holders_and_alone_for_a_single_one() {
    let files = vec![
        file(Some(0), "x", 100, &[0, 1]),
        file(Some(0), "y", 10, &[1]),
        file(Some(0), "z", 1, &[]),
    ];
    let by = CacheOptions { by: By::Process, ..CacheOptions::default() };
    let report = cache(&machine(files), &by);
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|r| (r.pid.map(Pid::get), r.cached.kib(), r.alone.map(Bytes::kib)))
        .collect();
    assert_eq!(rows, [(Some(7), 440, Some(40)), (Some(1), 400, Some(0)), (None, 4, None)]);
    assert_eq!(report.notes.len(), 1);
}

#[test]
fn directories_are_put_together_at_a_depth() {
    let files = vec![
        file(Some(0), "x", 1, &[]),
        file(Some(1), "x", 2, &[]),
        file(Some(2), "x", 4, &[]),
        file(None, "memfd:x", 8, &[]),
    ];
    let machine = machine(files);
    let by = CacheOptions { by: By::Directory, ..CacheOptions::default() };
    assert_eq!(rows(&machine, &by), named(&[("-", 32), ("/a/b/c", 16), ("/a/b", 8), ("/a", 4)]));
    let two = CacheOptions { depth: Some(2), ..by };
    assert_eq!(rows(&machine, &two), named(&[("-", 32), ("/a/b", 24), ("/a", 4)]));
    let one = CacheOptions { depth: Some(1), ..by };
    assert_eq!(rows(&machine, &one), named(&[("-", 32), ("/a", 28)]));
}

#[test]
fn steps_of_a_path_are_counted_without_the_slash_in_front() {
    let check = |path: &str, depth, expected: &str| {
        assert_eq!(at_depth(path.as_bytes(), depth), expected.as_bytes(), "{path} {depth}");
    };
    check("/usr/lib/x", 1, "/usr");
    check("/usr/lib/x", 3, "/usr/lib/x");
    check("/usr/lib/x", 9, "/usr/lib/x");
    check("a/b/c", 2, "a/b");
    check("./b", 1, ".");
    check("/", 1, "/");
    check("", 1, "");
}

#[test]
fn an_extension_is_not_a_version() {
    let check = |name: &str, expected: Option<&str>| {
        assert_eq!(extension(name.as_bytes()), expected.map(str::as_bytes), "{name}");
    };
    check("libc.so.6", Some("so"));
    check("libpython3.11.so.1.0", Some("so"));
    check("a.tar.gz", Some("gz"));
    check("access.log.1", Some("log"));
    check("python3.11", None);
    check(".bashrc", None);
    check("base", None);
    check("a.", None);
    check("", None);
}

#[test]
fn rows_left_out_are_counted_with_what_they_hold() {
    let files = [50, 40, 30, 20, 10].iter().map(|&n| file(Some(0), &n.to_string(), n, &[]));
    let machine = machine(files.collect());
    let options = CacheOptions { top: Some(2), ..CacheOptions::default() };
    assert_eq!(rows(&machine, &options), named(&[("/a/50", 200), ("/a/40", 160)]));
    let more = cache(&machine, &options).more;
    assert_eq!((more.rows, more.cached.kib()), (3, 240));
    let options = CacheOptions { min: Bytes::new(100 * KIB), ..CacheOptions::default() };
    assert_eq!(cache(&machine, &options).more.rows, 2);
    let options = CacheOptions { top: Some(0), ..CacheOptions::default() };
    assert_eq!(cache(&machine, &options).more.rows, 5);
}

#[test]
fn files_that_were_evicted_whole_are_told_to_those_who_sort_by_it() {
    let mut gone = file(Some(0), "gone", 0, &[]);
    gone.pages.evicted = Some(8);
    let machine = machine(vec![gone, file(Some(0), "here", 1, &[])]);
    assert_eq!(rows(&machine, &CacheOptions::default()), named(&[("/a/here", 4)]));
    let options = CacheOptions { sort: SortBy::Evicted, ..CacheOptions::default() };
    assert_eq!(rows(&machine, &options), named(&[("/a/gone", 0), ("/a/here", 4)]));
    assert_eq!(cache(&machine, &options).found.files, 1);
}

#[test]
fn hostile_numbers_saturate() {
    let mut huge = file(Some(0), "x", 0, &[]);
    huge.size = u64::MAX;
    huge.pages = told(u64::MAX);
    let report = cache(&machine(vec![huge.clone(), huge]), &CacheOptions::default());
    assert_eq!(report.found.cached, Bytes::new(u64::MAX));
    assert_eq!(report.rest.elsewhere, Some(Bytes::ZERO));
}
