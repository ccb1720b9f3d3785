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

/// Bytes of one piece of a stored file.
pub(crate) const PIECE: usize = 64 * 1024;

/// Bytes to ask a running kernel's `smaps` for in one `read`.
///
/// `seq_read_iter()` in `fs/seq_file.c` prints mappings into one page until what was asked for is
/// there, or until a mapping does not fit any more. That mapping is thrown away, and printed again
/// for the next `read`: its page tables are walked twice. Of mappings of 700 bytes that is every
/// sixth. Who asks for a page less the length of a mapping is served before that happens: 15 % less
/// CPU time on 6.18, and as much less of it with the process's memory map locked.
pub(crate) fn smaps_request() -> usize {
    /// About what a mapping takes: 24 lines of 28 bytes, and its first line with a name.
    const MAPPING: usize = 768;
    rustix::param::page_size().saturating_sub(MAPPING).max(MAPPING)
}

/// Opens a file below `dir` and hands it out as [`pieces`] does.
pub(crate) fn pieces_at<P: Arg>(
    dir: impl AsFd,
    path: P,
    request: usize,
    most: u64,
    buf: &mut Vec<u8>,
    piece: &mut dyn FnMut(&[u8]),
) -> Result<(), Refusal> {
    let file = openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    pieces(&file, request, most, buf, piece)
}

/// Hands an open file out in pieces of about [`PIECE`] bytes, at most `most` bytes of it, and asks for
/// `request` bytes at once. `buf` is room for one piece, and is kept for the next file.
///
/// Whoever parses a piece does so twice as fast when it holds many answers of the kernel instead of
/// one: the way through the kernel and back leaves the processor with nothing it had learnt.
pub(crate) fn pieces(
    file: &OwnedFd,
    request: usize,
    most: u64,
    buf: &mut Vec<u8>,
    piece: &mut dyn FnMut(&[u8]),
) -> Result<(), Refusal> {
    buf.resize(PIECE.max(request), 0);
    let (mut size, mut filled) = (0, 0);
    loop {
        let room = &mut buf[filled..];
        let end = room.len().min(request);
        match read(file, &mut room[..end]) {
            Ok(0) => {
                piece(&buf[..filled]);
                return Ok(());
            }
            Ok(n) => {
                size += n as u64;
                if size > most {
                    return Err(Refusal::TooLarge { size, most });
                }
                filled += n;
                if buf.len() - filled < request {
                    piece(&buf[..filled]);
                    filled = 0;
                }
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
