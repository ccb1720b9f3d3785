//! Walking directories, on all cores.
//!
//! A directory is a piece of work. Workers take one from a common pile, ask about its files, and put
//! its directories back on the pile. Directories are opened by their path and compared with what was
//! seen before they were put there, so that no descriptor is held for one that waits.

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use facts::{Backing, LeftAlone, Name};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, openat};
use rustix::io::Errno;
use units::PageSize;

use super::ask::{Answer, Asker, refused};
use super::filesystems::{Filesystems, Kind};
use super::findings::{Findings, Found, Key, Share, number, split};
use super::meta::Meta;
use super::{CacheProgress, CacheQuestion};

/// More workers than this wait for each other in the kernel.
const MOST_WORKERS: usize = 8;
/// Room for the names of a directory.
const NAMES: usize = 32 << 10;

/// Walks all paths of the question.
pub(super) fn walk(
    question: &CacheQuestion,
    filesystems: &Filesystems,
    asker: &Asker,
    page_size: PageSize,
    progress: &CacheProgress,
    findings: &mut Findings,
) {
    let pile = Pile::default();
    let mut first = worker(question.cross, filesystems, asker.clone(), page_size, progress);
    for path in &question.paths {
        first.start(path.as_encoded_bytes(), &pile);
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let others = if pile.is_empty() { 0 } else { cores.min(MOST_WORKERS) - 1 };
    let shares = thread::scope(|scope| {
        let others: Vec<_> = (0..others)
            .map(|_| {
                let mut other =
                    worker(question.cross, filesystems, asker.clone(), page_size, progress);
                let pile = &pile;
                scope.spawn(move || {
                    other.work(pile);
                    other.share
                })
            })
            .collect();
        first.work(&pile);
        let mut shares = vec![first.share];
        // A worker that panicked has told so; what the others found still stands.
        shares.extend(others.into_iter().filter_map(|other| other.join().ok()));
        shares
    });
    for share in shares {
        findings.add(share);
    }
}

/// A directory that waits.
#[derive(Debug)]
struct Waiting {
    path: Vec<u8>,
    meta: Meta,
    kind: Kind,
}

/// Directories that wait, and what is needed to know when none will come any more.
#[derive(Debug, Default)]
struct Pile {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Waiting>,
    /// Device and inode of each directory that ever waited: one that is mounted in two places, or
    /// lies below two paths, is walked once.
    seen: HashSet<(u64, u64)>,
    working: usize,
}

impl Pile {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    fn put(&self, more: &mut Vec<Waiting>) {
        let mut inner = self.lock();
        for dir in more.drain(..) {
            if inner.seen.insert((dir.meta.dev, dir.meta.ino)) {
                inner.waiting.push(dir);
            }
        }
    }

    /// The next directory; `None` when all are done.
    fn take(&self) -> Option<Waiting> {
        let mut inner = self.lock();
        loop {
            if let Some(dir) = inner.waiting.pop() {
                inner.working += 1;
                return Some(dir);
            }
            if inner.working == 0 {
                return None;
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A directory is done, and these were in it.
    fn done(&self, more: &mut Vec<Waiting>) {
        self.put(more);
        let mut inner = self.lock();
        inner.working -= 1;
        if inner.working == 0 || !inner.waiting.is_empty() {
            self.changed.notify_all();
        }
    }
}

/// One thread.
#[derive(Debug)]
struct Worker<'a> {
    cross: bool,
    filesystems: &'a Filesystems,
    asker: Asker,
    page_size: PageSize,
    progress: &'a CacheProgress,
    share: Share,
    below: Vec<Waiting>,
}

fn worker<'a>(
    cross: bool,
    filesystems: &'a Filesystems,
    asker: Asker,
    page_size: PageSize,
    progress: &'a CacheProgress,
) -> Worker<'a> {
    let share = Share::default();
    Worker { cross, filesystems, asker, page_size, progress, share, below: Vec::new() }
}

impl Worker<'_> {
    /// A path that somebody named: a file is asked about at once, a directory put on the pile.
    fn start(&mut self, path: &[u8], pile: &Pile) {
        let meta = match Meta::at(CWD, path, false) {
            Ok(meta) => meta,
            Err(Errno::NOENT | Errno::NOTDIR) => {
                return self.share.leave(LeftAlone::Absent, None, || path.to_vec());
            }
            Err(errno) => return self.left(refused(errno), || path.to_vec()),
        };
        let kind = self.filesystems.kind(meta.dev).unwrap_or(Kind::Plain);
        if let Some(why) = no_cache(kind) {
            return self.share.leave(why, None, || path.to_vec());
        }
        match meta.kind {
            FileType::Directory => {
                let path = match path.iter().rposition(|&b| b != b'/') {
                    Some(last) => path[..=last].to_vec(),
                    None => b"/".to_vec(),
                };
                pile.put(&mut vec![Waiting { path, meta, kind }]);
            }
            FileType::RegularFile => {
                let (directory, name) = split(path);
                let answer = self.asker.at(CWD, path, kind);
                self.share.directories.push(Name::new(directory));
                self.take(answer, kind, name, || path.to_vec());
                self.progress.add(1, 0);
            }
            FileType::Symlink => {
                self.share.leave(LeftAlone::SymbolicLink, None, || path.to_vec());
            }
            _ => self.share.leave(LeftAlone::NotAFile, None, || path.to_vec()),
        }
    }

    fn work(&mut self, pile: &Pile) {
        let mut names = vec![MaybeUninit::uninit(); NAMES];
        let mut below = std::mem::take(&mut self.below);
        while let Some(dir) = pile.take() {
            self.directory(&dir, &mut names, &mut below);
            pile.done(&mut below);
        }
    }

    fn directory(
        &mut self,
        dir: &Waiting,
        names: &mut [MaybeUninit<u8>],
        below: &mut Vec<Waiting>,
    ) {
        let path = || dir.path.clone();
        let opened = open_dir(&dir.path).and_then(|fd| Ok((Meta::of(&fd)?, fd)));
        let fd = match opened {
            Ok((meta, fd)) if meta.is(&dir.meta) => fd,
            Ok(_) => return self.share.leave(LeftAlone::Changed, None, path),
            Err(Errno::PERM | Errno::ACCESS) => {
                return self.share.leave(LeftAlone::DirectoryNotPermitted, None, path);
            }
            Err(errno) => return self.left(refused(errno), path),
        };
        self.share.walked += 1;
        let (asked, found) = (self.share.asked, self.share.files.len());
        let before = self.share.directories.len();
        self.share.directories.push(Name::new(dir.path.as_slice()));
        let mut entries = RawDir::new(&fd, names);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) => {
                    self.left(refused(errno), path);
                    break;
                }
            };
            let name = entry.file_name();
            let path = || join(&dir.path, name.to_bytes());
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                match Meta::at(&fd, name, false) {
                    Ok(meta) => kind = meta.kind,
                    Err(errno) => {
                        self.left(refused(errno), path);
                        continue;
                    }
                }
            }
            match kind {
                FileType::RegularFile => {
                    let answer = self.asker.at(&fd, name, dir.kind);
                    self.take(answer, dir.kind, name.to_bytes(), path);
                }
                FileType::Directory if matches!(name.to_bytes(), b"." | b"..") => {}
                FileType::Directory => below.extend(self.below(&fd, name, dir)),
                // Where it leads to is counted there.
                FileType::Symlink => {}
                _ => self.share.leave(LeftAlone::NotAFile, None, path),
            }
        }
        let new = &self.share.files[found..];
        if new.is_empty() {
            self.share.directories.truncate(before);
        }
        let pages: u64 = new.iter().map(|f| f.pages.cached).sum();
        let bytes = pages.saturating_mul(self.page_size.bytes());
        self.progress.add(self.share.asked - asked, bytes);
    }

    /// A directory below another, unless it is left alone.
    fn below(&mut self, fd: &OwnedFd, name: &std::ffi::CStr, dir: &Waiting) -> Option<Waiting> {
        let path = join(&dir.path, name.to_bytes());
        let meta = match Meta::at(fd.as_fd(), name, false) {
            Ok(meta) => meta,
            Err(errno) => {
                self.left(refused(errno), || path);
                return None;
            }
        };
        let mut kind = dir.kind;
        let mut why = None;
        if meta.kind != FileType::Directory {
            why = Some(LeftAlone::Changed);
        } else if meta.automount {
            why = Some(LeftAlone::Automount);
        } else if meta.dev != dir.meta.dev {
            // A device that is mounted nowhere is a subvolume of the filesystem around it.
            kind = self.filesystems.kind(meta.dev).unwrap_or(dir.kind);
            why = match kind {
                _ if !self.cross => Some(LeftAlone::OtherFilesystem),
                Kind::Remote => Some(LeftAlone::Remote),
                Kind::Layered => Some(LeftAlone::Overlay),
                kind => no_cache(kind),
            };
        }
        if let Some(why) = why {
            self.share.leave(why, None, || path);
            return None;
        }
        Some(Waiting { path, meta, kind })
    }

    fn take(&mut self, answer: Answer, kind: Kind, name: &[u8], path: impl FnOnce() -> Vec<u8>) {
        self.share.asked += 1;
        match answer {
            Answer::Nothing => {}
            Answer::Pages(meta, pages) => self.share.files.push(Found {
                key: Key::new(&meta, kind),
                meta,
                backing: kind.backing().unwrap_or(Backing::Filesystem),
                pages,
                directory: number(self.share.directories.len().saturating_sub(1)),
                name: Name::new(name),
            }),
            left @ Answer::Left(..) => {
                self.share.asked -= 1;
                self.left(left, path);
            }
        }
    }

    fn left(&mut self, answer: Answer, path: impl FnOnce() -> Vec<u8>) {
        if let Answer::Left(why, errno) = answer {
            self.share.leave(why, errno, path);
        }
    }
}

/// Why nothing on a filesystem is asked about, if so.
pub(super) fn no_cache(kind: Kind) -> Option<LeftAlone> {
    match kind {
        Kind::MadeUp => Some(LeftAlone::MadeUp),
        Kind::Huge => Some(LeftAlone::HugePages),
        Kind::Automount => Some(LeftAlone::Automount),
        Kind::Plain | Kind::Swap | Kind::Pinned | Kind::Layered | Kind::Remote => None,
    }
}

/// Opens a directory, if possible so that its time of access does not change.
fn open_dir(path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(CWD, path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(CWD, path, flags, Mode::empty()),
        other => other,
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(dir.len() + name.len() + 1);
    path.extend_from_slice(dir);
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
