//! What the running kernel says of files that these tests make.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use facts::{AskedBy, Backing, CachedFile, LeftAlone, PageCache};
use oomph_sources::{CacheProgress, CacheQuestion, page_cache};
use rustix::fs::{Advice, MemfdFlags, fadvise, memfd_create};

const BOTH: [AskedBy; 2] = [AskedBy::Cachestat, AskedBy::Mincore];

/// A directory of one test, below that of the build.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cache-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    /// A file of so many pages, all of them written.
    fn file(&self, name: impl AsRef<Path>, pages: usize) -> PathBuf {
        let path = self.0.join(name);
        File::create(&path).unwrap().write_all(&vec![7; pages * page()]).unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that holds a file as its standard input until it is dropped.
struct Holder(Child);

impl Holder {
    fn of(file: File) -> Holder {
        // Nothing else may be open in it, such as a log that the tests write to.
        let mut sleep = Command::new("sleep");
        sleep.arg("600").stdin(Stdio::from(file)).stdout(Stdio::null()).stderr(Stdio::null());
        Holder(sleep.spawn().unwrap())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn page() -> usize {
    rustix::param::page_size()
}

fn ask_by<P: AsRef<OsStr>>(ask_by: Option<AskedBy>, paths: &[P]) -> PageCache {
    let paths: Vec<OsString> = paths.iter().map(|path| path.as_ref().to_owned()).collect();
    let question = CacheQuestion { paths, cross: false, ask_by };
    page_cache(&question, &CacheProgress::default()).expect("/proc is there")
}

fn ask<P: AsRef<OsStr>>(paths: &[P]) -> PageCache {
    ask_by(None, paths)
}

fn left(cache: &PageCache, why: LeftAlone) -> u64 {
    cache.left_alone.get(&why).map_or(0, |examples| examples.count)
}

fn pages(cache: &PageCache) -> u64 {
    cache.files.iter().map(|file| file.pages.cached).sum()
}

/// The ways of asking that this kernel has.
fn ways() -> impl Iterator<Item = AskedBy> {
    let best = ask(&["/proc"]).asked_by;
    BOTH.into_iter().filter(move |&way| way == AskedBy::Mincore || way == best)
}

#[test]
fn a_file_that_was_written_is_cached_whole_whichever_way_is_asked() {
    let place = Place::new("written");
    let path = place.file("a", 300);
    for way in ways() {
        let cache = ask_by(Some(way), &[&place.0]);
        let [file] = &cache.files[..] else { panic!("{way:?}: {:?}", cache.files) };
        assert_eq!(file.pages.cached, 300, "{way:?}");
        assert_eq!(file.size, 300 * page() as u64);
        assert_eq!(cache.path(file).as_bytes(), path.as_os_str().as_bytes());
        assert_eq!((cache.asked, cache.walked), (1, 1));
    }
}

#[test]
fn mincore_leaves_unknown_what_it_does_not_tell() {
    let place = Place::new("unknown");
    place.file("a", 1);
    let file = &ask_by(Some(AskedBy::Mincore), &[&place.0]).files[0];
    assert_eq!((file.pages.dirty, file.pages.evicted), (None, None));
}

#[test]
fn pages_that_were_given_up_are_not_cached_and_both_ways_agree() {
    let place = Place::new("given-up");
    let path = place.file("a", 64);
    let file = File::open(&path).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    // Some filesystems keep them (tmpfs has nowhere else); then both ways say that.
    let counts: Vec<u64> = ways().map(|way| pages(&ask_by(Some(way), &[&path]))).collect();
    assert!(counts.iter().all(|&count| count == counts[0]), "{counts:?}");
    // One page read is at least one page cached, and with readahead perhaps all.
    file.read_at(&mut [0], 0).unwrap();
    let now = pages(&ask(&[&path]));
    assert!((1..=64).contains(&now) && now >= counts[0], "{now} after {counts:?}");
    if let Some(theirs) = fincore(&path) {
        assert_eq!(pages(&ask(&[&path])), theirs);
    }
}

/// What util-linux says, where it is installed.
fn fincore(path: &Path) -> Option<u64> {
    let output =
        Command::new("fincore").args(["--noheadings", "--output", "PAGES"]).arg(path).output();
    let output = output.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[test]
fn an_inode_counts_once_under_all_its_names_and_all_paths_to_it() {
    let place = Place::new("once");
    let path = place.file("a", 10);
    fs::hard_link(&path, place.0.join("b")).unwrap();
    fs::create_dir(place.0.join("below")).unwrap();
    fs::hard_link(&path, place.0.join("below/c")).unwrap();
    let cache = ask(&[&place.0, &place.0.join("below"), &place.0, &path, &path]);
    assert_eq!((cache.files.len(), pages(&cache), cache.walked), (1, 10, 2));
    assert_eq!(cache.files[0].links, 3);
}

#[test]
fn a_sparse_file_has_no_pages_and_costs_nothing() {
    let place = Place::new("sparse");
    let file = File::create(place.0.join("a")).unwrap();
    file.set_len(1 << 40).unwrap();
    let cache = ask(&[&place.0]);
    assert_eq!((cache.asked, cache.files.len()), (1, 0));
    // A page at its end is one page.
    file.write_at(b"x", (1 << 40) - 1).unwrap();
    assert_eq!(pages(&ask(&[&place.0])), 1);
    if ask(&[&place.0]).asked_by == AskedBy::Cachestat {
        let cache = ask_by(Some(AskedBy::Mincore), &[&place.0]);
        assert_eq!((left(&cache, LeftAlone::TooLarge), cache.asked), (1, 0));
    }
}

#[test]
fn names_may_hold_anything() {
    let place = Place::new("names");
    let name = OsStr::from_bytes(b"a\n\x1b[2J\xff\\ (deleted)");
    place.file(name, 1);
    let cache = ask(&[&place.0]);
    assert_eq!(cache.files[0].name.as_bytes(), name.as_bytes());
    assert_eq!(cache.files[0].name.to_string(), r"a\n\x1b[2J\xff\\ (deleted)");
}

#[test]
fn a_directory_that_may_not_be_read_is_counted_and_the_others_are_walked() {
    let place = Place::new("closed");
    let closed = place.0.join("closed");
    fs::create_dir(&closed).unwrap();
    place.file("closed/a", 1);
    place.file("b", 1);
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let may_read = fs::read_dir(&closed).is_ok();
    let cache = ask(&[&place.0]);
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    if may_read {
        assert_eq!((cache.files.len(), left(&cache, LeftAlone::DirectoryNotPermitted)), (2, 0));
    } else {
        assert_eq!((cache.files.len(), left(&cache, LeftAlone::DirectoryNotPermitted)), (1, 1));
    }
}

#[test]
fn links_pipes_and_what_the_kernel_makes_up_are_left_alone() {
    let place = Place::new("strange");
    let path = place.file("a", 1);
    symlink(&path, place.0.join("link")).unwrap();
    symlink("/", place.0.join("root")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.0.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let cache = ask(&[&place.0]);
    assert_eq!((cache.files.len(), cache.walked, left(&cache, LeftAlone::NotAFile)), (1, 1, 1));
    let cache = ask(&[Path::new("/proc"), Path::new("/sys"), &place.0.join("root")]);
    assert_eq!((cache.asked, cache.walked, cache.files.len()), (0, 0, 0));
    assert_eq!(left(&cache, LeftAlone::MadeUp), 2);
    assert_eq!(left(&cache, LeftAlone::SymbolicLink), 1);
    let cache = ask(&[Path::new("/dev/null"), &place.0.join("absent"), &path.join("below")]);
    assert_eq!((left(&cache, LeftAlone::NotAFile), left(&cache, LeftAlone::Absent)), (1, 2));
}

fn held_by(cache: &PageCache, holder: &Holder) -> Vec<CachedFile> {
    let is_it = |file: &&CachedFile| {
        file.held_by
            .iter()
            .any(|hold| hold.open && cache.holders[hold.holder as usize].pid.get() == holder.0.id())
    };
    cache.files.iter().filter(is_it).cloned().collect()
}

#[test]
fn a_deleted_file_is_found_by_who_holds_it() {
    let place = Place::new("deleted");
    let path = place.file("a", 5);
    let holder = Holder::of(File::open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    let cache = ask::<&str>(&[]);
    let files = held_by(&cache, &holder);
    let [file] = &files[..] else { panic!("{files:?}") };
    assert_eq!((file.links, file.pages.cached), (0, 5));
    assert_eq!(cache.path(file).as_bytes(), path.as_os_str().as_bytes());
}

#[test]
fn a_file_below_a_path_is_told_with_who_holds_it() {
    let place = Place::new("held");
    let path = place.file("a", 2);
    place.file("b", 2);
    let holder = Holder::of(File::open(&path).unwrap());
    let cache = ask(&[&place.0]);
    let files = held_by(&cache, &holder);
    let [file] = &files[..] else { panic!("{files:?}") };
    assert_eq!(file.name.as_bytes(), b"a");
    assert_eq!(cache.files.len(), 2);
    // A program is mapped by whoever runs it.
    let program = fs::canonicalize(format!("/proc/{}/exe", holder.0.id())).unwrap();
    let cache = ask(&[program]);
    let mapped = |file: &CachedFile| file.held_by.iter().any(|hold| hold.mapped);
    let told = cache.files.iter().any(mapped) || left(&cache, LeftAlone::NotPermitted) == 1;
    assert!(told, "{cache:?}");
}

#[test]
fn a_memfd_can_only_be_swapped_out_and_is_in_no_directory() {
    let memfd = memfd_create("oomph-test", MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(memfd);
    file.write_all(&vec![1; 3 * page()]).unwrap();
    let holder = Holder::of(file);
    for way in ways() {
        let cache = ask_by::<&str>(Some(way), &[]);
        let files = held_by(&cache, &holder);
        let [file] = &files[..] else { panic!("{files:?}") };
        assert_eq!((file.backing, file.directory), (Backing::Swap, None));
        assert_eq!((file.name.to_string(), file.pages.cached), ("memfd:oomph-test".to_owned(), 3));
    }
}

#[test]
fn a_file_that_is_not_ours_is_told_or_not_permitted_but_never_nothing() {
    // It has just been read.
    let path = fs::canonicalize("/etc/passwd").unwrap();
    fs::read(&path).unwrap();
    for way in ways() {
        let cache = ask_by(Some(way), &[&path]);
        assert_eq!(cache.files.len() as u64 + left(&cache, LeftAlone::NotPermitted), 1, "{way:?}");
    }
}
