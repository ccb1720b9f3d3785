//! Reading whole files whose size is not known before.

use rustix::buffer::spare_capacity;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{Errno, read};
use rustix::path::Arg;

use crate::Refusal;

/// Room made for a file before it is read: more than any file of one process but `smaps` has, so
/// that one `read` gets all of it.
const ROOM: usize = 64 * 1024;

/// How far to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Until `read` returns 0.
    End,
    /// Until `read` returns less than there was room for, or 0: for files that the kernel prints in
    /// one piece.
    ShortRead,
}

/// Opens and reads a file below `dir`, at most `most` bytes of it.
pub(crate) fn read_at<P: Arg>(
    dir: impl AsFd,
    path: P,
    flags: OFlags,
    until: Until,
    most: u64,
    buf: &mut Vec<u8>,
) -> Result<(), Refusal> {
    buf.clear();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | flags;
    let file = openat(dir, path, flags, Mode::empty())?;
    read_to_end(&file, until, most, buf)
}

/// Reads an open file, at most `most` bytes of it.
pub(crate) fn read_to_end(
    file: &OwnedFd,
    until: Until,
    most: u64,
    buf: &mut Vec<u8>,
) -> Result<(), Refusal> {
    loop {
        if buf.capacity() - buf.len() < ROOM / 2 {
            buf.reserve(ROOM);
        }
        let room = buf.capacity() - buf.len();
        match read(file, spare_capacity(buf)) {
            Ok(0) => return Ok(()),
            Ok(n) if until == Until::ShortRead && n < room => return Ok(()),
            Ok(_) if buf.len() as u64 > most => {
                return Err(Refusal::TooLarge { size: buf.len() as u64, most });
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Bytes of one piece. The kernel fills at most a page of `smaps` for one `read` anyway.
pub(crate) const PIECE: usize = 64 * 1024;

/// Opens a file below `dir` and hands it out in pieces, at most `most` bytes of it.
pub(crate) fn pieces_at<P: Arg>(
    dir: impl AsFd,
    path: P,
    flags: OFlags,
    most: u64,
    buf: &mut Vec<u8>,
    piece: &mut dyn FnMut(&[u8]),
) -> Result<(), Refusal> {
    let file = openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty())?;
    pieces(&file, most, buf, piece)
}

/// Hands an open file out in pieces, at most `most` bytes of it. `buf` is room for one piece, and is
/// kept for the next file.
pub(crate) fn pieces(
    file: &OwnedFd,
    most: u64,
    buf: &mut Vec<u8>,
    piece: &mut dyn FnMut(&[u8]),
) -> Result<(), Refusal> {
    buf.resize(PIECE, 0);
    let mut size = 0;
    loop {
        match read(file, &mut buf[..]) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                size += n as u64;
                if size > most {
                    return Err(Refusal::TooLarge { size, most });
                }
                piece(&buf[..n]);
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A directory, for opening files below it.
pub(crate) fn open_dir<P: Arg>(path: P) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}
