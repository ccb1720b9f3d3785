//! Who a file is: without waiting for a server, and without triggering an automount.

use rustix::fd::AsFd;
use rustix::fs::{
    AtFlags, FileType, Stat, StatxAttributes, StatxFlags, fstat, makedev, statat, statx,
};
use rustix::io::Errno;
use rustix::path::Arg;

/// What is known about a file before it is opened, or of an open one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    /// Device of its filesystem.
    pub(super) dev: u64,
    pub(super) ino: u64,
    pub(super) kind: FileType,
    pub(super) size: u64,
    pub(super) uid: u32,
    pub(super) links: u64,
    /// Seconds and nanoseconds of its last change.
    pub(super) changed: (i64, i64),
    /// Whether something would be mounted by walking into it.
    pub(super) automount: bool,
}

impl Meta {
    /// Of an open file.
    pub(super) fn of(file: impl AsFd) -> Result<Meta, Errno> {
        fstat(file).map(|stat| Meta::from(&stat))
    }

    /// Of a file in a directory. A symbolic link is not followed, except the links of `/proc` when
    /// `follow` says so.
    pub(super) fn at(dir: impl AsFd, name: impl Arg + Copy, follow: bool) -> Result<Meta, Errno> {
        let mut flags = AtFlags::NO_AUTOMOUNT;
        if !follow {
            flags |= AtFlags::SYMLINK_NOFOLLOW;
        }
        // What the kernel knows already is enough; a dead server is not asked.
        let lazily = flags | AtFlags::STATX_DONT_SYNC;
        match statx(&dir, name, lazily, StatxFlags::BASIC_STATS) {
            Ok(found) => Ok(Meta {
                dev: makedev(found.stx_dev_major, found.stx_dev_minor),
                ino: found.stx_ino,
                kind: FileType::from_raw_mode(found.stx_mode.into()),
                size: found.stx_size,
                uid: found.stx_uid,
                links: found.stx_nlink.into(),
                changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec.into()),
                automount: found.stx_attributes.contains(StatxAttributes::AUTOMOUNT),
            }),
            // Before 4.11.
            Err(Errno::NOSYS) => statat(dir, name, flags).map(|stat| Meta::from(&stat)),
            Err(errno) => Err(errno),
        }
    }

    /// Whether this is the same file as it was.
    pub(super) fn is(&self, before: &Meta) -> bool {
        (self.dev, self.ino, self.kind) == (before.dev, before.ino, before.kind)
    }
}

impl From<&Stat> for Meta {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_lossless,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "the widths of these fields differ between architectures"
    )]
    fn from(stat: &Stat) -> Meta {
        Meta {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            kind: FileType::from_raw_mode(stat.st_mode),
            size: stat.st_size as u64,
            uid: stat.st_uid,
            links: stat.st_nlink as u64,
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            automount: false,
        }
    }
}
