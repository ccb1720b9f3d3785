//! Opening one file and asking about it.

use std::cell::RefCell;

use facts::{AskedBy, CachedPages, LeftAlone};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, MemfdFlags, Mode, OFlags, memfd_create, openat};
use rustix::io::{Errno, write};
use rustix::path::Arg;
use units::PageSize;

use super::filesystems::Kind;
use super::meta::Meta;
use super::sys::{self, CacheStat};

/// Length from which `mincore` is not asked: about four seconds of one core.
const TOO_LARGE: u64 = 256 << 30;

/// Asks about files, one at a time.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    by: AskedBy,
    page_size: PageSize,
    /// Whether a file may always be opened without changing its time of access.
    privileged: bool,
    vector: RefCell<Vec<u8>>,
}

/// What came of asking about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Not a page of it, and none remembered.
    Nothing,
    /// So much of this file.
    Pages(Meta, CachedPages),
    /// It was left alone.
    Left(LeftAlone, Option<Errno>),
}

impl Asker {
    /// With `by`, or with the best that this kernel has.
    pub(super) fn new(by: Option<AskedBy>, page_size: PageSize) -> Asker {
        let by = by.unwrap_or_else(|| {
            if cachestat_works() { AskedBy::Cachestat } else { AskedBy::Mincore }
        });
        let privileged = rustix::process::geteuid().is_root();
        Asker { by, page_size, privileged, vector: RefCell::default() }
    }

    pub(super) fn asked_by(&self) -> AskedBy {
        self.by
    }

    /// How to ask on a filesystem.
    fn by(&self, kind: Kind) -> AskedBy {
        if kind == Kind::Layered { AskedBy::Mincore } else { self.by }
    }

    /// Asks about a file in a directory, not following links.
    pub(super) fn at(&self, dir: impl AsFd, name: impl Arg + Copy, kind: Kind) -> Answer {
        self.open_and_ask(dir, name, kind, OFlags::NOFOLLOW)
    }

    /// Asks about a file through a link of `/proc` that leads to an open file.
    pub(super) fn through(&self, dir: impl AsFd, link: impl Arg + Copy, kind: Kind) -> Answer {
        self.open_and_ask(dir, link, kind, OFlags::empty())
    }

    fn open_and_ask(
        &self,
        dir: impl AsFd,
        name: impl Arg + Copy,
        kind: Kind,
        more: OFlags,
    ) -> Answer {
        let by = self.by(kind);
        match self.open(dir, name, by, more) {
            Ok(file) => self.ask(&file, by).unwrap_or_else(refused),
            Err(errno) => refused(errno),
        }
    }

    /// `cachestat` does not use a file; mapping it for `mincore` does, unless `O_NOATIME` stands.
    /// That is granted to just those whom `mincore` tells the truth: owners, and `CAP_FOWNER`.
    fn open(
        &self,
        dir: impl AsFd,
        name: impl Arg + Copy,
        by: AskedBy,
        more: OFlags,
    ) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
        if self.privileged || by == AskedBy::Mincore {
            match openat(&dir, name, flags | OFlags::NOATIME, Mode::empty()) {
                Err(Errno::PERM) if by == AskedBy::Cachestat => {}
                other => return other,
            }
        }
        openat(dir, name, flags, Mode::empty())
    }

    fn ask(&self, file: &OwnedFd, by: AskedBy) -> Result<Answer, Errno> {
        if by == AskedBy::Cachestat {
            let found = sys::cachestat(file)?;
            // Most files of a disk are not cached: who they are is not asked.
            if found.cached == 0 && found.evicted == 0 {
                return Ok(Answer::Nothing);
            }
            let meta = Meta::of(file)?;
            return Ok(match meta.kind {
                FileType::RegularFile => Answer::Pages(meta, found.into()),
                _ => Answer::Left(LeftAlone::Changed, None),
            });
        }
        let meta = Meta::of(file)?;
        if meta.kind != FileType::RegularFile {
            return Ok(Answer::Left(LeftAlone::Changed, None));
        }
        if meta.size > TOO_LARGE {
            return Ok(Answer::Left(LeftAlone::TooLarge, None));
        }
        let page = usize::try_from(self.page_size.bytes()).map_err(|_| Errno::INVAL)?;
        let mut vector = self.vector.borrow_mut();
        Ok(match sys::resident_pages(file, meta.size, page, &mut vector)? {
            0 => Answer::Nothing,
            cached => Answer::Pages(meta, CachedPages { cached, ..CachedPages::default() }),
        })
    }
}

impl From<CacheStat> for CachedPages {
    fn from(stat: CacheStat) -> CachedPages {
        CachedPages {
            cached: stat.cached,
            dirty: Some(stat.dirty),
            writeback: Some(stat.writeback),
            evicted: Some(stat.evicted),
            recently_evicted: Some(stat.recently_evicted),
        }
    }
}

/// Why a file was left alone, by the error.
pub(super) fn refused(errno: Errno) -> Answer {
    let why = match errno {
        Errno::PERM | Errno::ACCESS => LeftAlone::NotPermitted,
        Errno::OPNOTSUPP => LeftAlone::HugePages,
        Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::STALE | Errno::NOTDIR => {
            LeftAlone::Changed
        }
        Errno::NAMETOOLONG => LeftAlone::TooLong,
        other => return Answer::Left(LeftAlone::Failed, Some(other)),
    };
    Answer::Left(why, None)
}

/// Whether `cachestat` tells the truth here. A filter of system calls may answer `EPERM` to what it
/// does not know, which would look like a file that is none of our business; so it is asked about a
/// file of our own that has one page.
fn cachestat_works() -> bool {
    let Ok(file) = memfd_create("oomph", MemfdFlags::CLOEXEC) else { return false };
    write(&file, b"x").is_ok() && sys::cachestat(&file).is_ok_and(|found| found.cached == 1)
}
