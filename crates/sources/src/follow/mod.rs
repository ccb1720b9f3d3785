//! A log that grows: the ring buffer, the journal, a pipe, or a file that is rotated away.

mod file;
mod sys;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::log::{Log, LogError, PIECE};
use file::{GrowingFile, Grown};

/// How often a file is asked whether it has grown, and how long quiet is reported in.
const TICK: Duration = Duration::from_millis(250);

/// What a log that grows says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// It is open, and what is printed from now on will be heard.
    Begun,
    /// More text.
    Piece(&'a [u8]),
    /// The file was replaced or emptied: another text begins.
    Anew,
    /// Nothing has come for so long.
    Quiet(Duration),
}

/// Hands out what is added to a log from now on, until it ends (a pipe does), the reader of
/// `listener` goes away, a person interrupts, or `heard` breaks.
///
/// # Errors
/// When the log cannot be opened, or not be read on.
pub fn follow(
    log: &Log,
    listener: BorrowedFd<'_>,
    heard: &mut dyn FnMut(Heard<'_>) -> ControlFlow<()>,
) -> Result<(), LogError> {
    sys::catch_interrupts();
    match log {
        Log::Ring => {
            let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
            let mut options = File::options();
            let open = options.read(true).custom_flags(nonblocking).open("/dev/kmsg");
            let mut kmsg = open.map_err(LogError::Open)?;
            // Only what is new: the end of this device is its next record.
            kmsg.seek(SeekFrom::End(0)).map_err(LogError::Open)?;
            stream(&mut kmsg, listener, heard)
        }
        Log::Journal(journal) => {
            let mut running = journal.start(true)?;
            match stream(&mut running.out, listener, heard) {
                Ok(()) if !sys::interrupted() && !is_gone(listener) => running.end(0).map(|_| ()),
                ended => ended,
            }
        }
        Log::Input => {
            let mut input = io::stdin();
            stream(&mut input, listener, heard)
        }
        Log::File(path) => {
            let mut file = GrowingFile::open(path).map_err(LogError::Open)?;
            if heard(Heard::Begun).is_break() {
                return Ok(());
            }
            growing(&mut file, listener, heard)
        }
    }
}

/// From a descriptor that tells when there is more.
fn stream<R: Read + AsFd>(
    from: &mut R,
    listener: BorrowedFd<'_>,
    heard: &mut dyn FnMut(Heard<'_>) -> ControlFlow<()>,
) -> Result<(), LogError> {
    if heard(Heard::Begun).is_break() {
        return Ok(());
    }
    let mut buffer = vec![0; PIECE];
    let mut quiet = Duration::ZERO;
    let mut read = 0u64;
    loop {
        let woke = wait(Some(from.as_fd()), listener, TICK)
            .map_err(|source| LogError::Read { read, source })?;
        let flow = match woke {
            Woke::Ended => return Ok(()),
            Woke::Quiet => {
                quiet = quiet.saturating_add(TICK);
                heard(Heard::Quiet(quiet))
            }
            Woke::More => match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    quiet = Duration::ZERO;
                    read = read.saturating_add(n as u64);
                    heard(Heard::Piece(&buffer[..n]))
                }
                Err(error) if is_passing(&error) => ControlFlow::Continue(()),
                Err(source) => return Err(LogError::Read { read, source }),
            },
        };
        if flow.is_break() {
            return Ok(());
        }
    }
}

/// From a file, which has to be asked.
fn growing(
    file: &mut GrowingFile,
    listener: BorrowedFd<'_>,
    heard: &mut dyn FnMut(Heard<'_>) -> ControlFlow<()>,
) -> Result<(), LogError> {
    let mut buffer = vec![0; PIECE];
    let mut quiet = Duration::ZERO;
    loop {
        let grown = file.step(&mut buffer);
        let flow = match grown.map_err(|source| LogError::Read { read: file.read(), source })? {
            Grown::By(n) => {
                quiet = Duration::ZERO;
                heard(Heard::Piece(&buffer[..n]))
            }
            Grown::Anew => heard(Heard::Anew),
            Grown::Not => {
                let woke = wait(None, listener, TICK)
                    .map_err(|source| LogError::Read { read: file.read(), source })?;
                if woke == Woke::Ended {
                    return Ok(());
                }
                quiet = quiet.saturating_add(TICK);
                heard(Heard::Quiet(quiet))
            }
        };
        if flow.is_break() {
            return Ok(());
        }
    }
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woke {
    /// There is something to read, or its end.
    More,
    /// The time is over.
    Quiet,
    /// Nobody wants more: the listener is gone, or a person interrupted.
    Ended,
}

fn wait(
    from: Option<BorrowedFd<'_>>,
    listener: BorrowedFd<'_>,
    at_most: Duration,
) -> io::Result<Woke> {
    if sys::interrupted() {
        return Ok(Woke::Ended);
    }
    let mut fds = vec![PollFd::from_borrowed_fd(listener, PollFlags::empty())];
    fds.extend(from.map(|from| PollFd::from_borrowed_fd(from, PollFlags::IN)));
    let timeout = Timespec::try_from(at_most).ok();
    match poll(&mut fds, timeout.as_ref()) {
        Ok(0) => Ok(Woke::Quiet),
        Ok(_) if fds[0].revents().intersects(PollFlags::ERR) => Ok(Woke::Ended),
        Ok(_) if fds.get(1).is_some_and(|fd| !fd.revents().is_empty()) => Ok(Woke::More),
        Ok(_) => {
            // A listener that reports something else would wake us at once again.
            std::thread::sleep(at_most);
            Ok(Woke::Quiet)
        }
        Err(Errno::INTR) if sys::interrupted() => Ok(Woke::Ended),
        Err(Errno::INTR) => Ok(Woke::Quiet),
        Err(error) => Err(error.into()),
    }
}

/// Whether whoever read our output has gone.
fn is_gone(listener: BorrowedFd<'_>) -> bool {
    matches!(wait(None, listener, Duration::ZERO), Ok(Woke::Ended))
}

/// `EPIPE` is a record of the ring buffer that was overwritten before it could be read.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        || error.raw_os_error() == Some(Errno::PIPE.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_pipe_is_heard_to_its_end() {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let (listener, _other) = UnixStream::pair().unwrap();
        far.write_all(b"one\n").unwrap();
        drop(far);
        let mut text = Vec::new();
        let mut begun = false;
        stream(&mut near, listener.as_fd(), &mut |heard| {
            match heard {
                Heard::Begun => begun = true,
                Heard::Piece(piece) => text.extend_from_slice(piece),
                Heard::Anew | Heard::Quiet(_) => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(begun);
        assert_eq!(text, b"one\n");
    }

    #[test]
    fn whoever_stops_listening_ends_it() {
        let (mut near, _far) = UnixStream::pair().unwrap();
        let (reader, listener) = rustix::pipe::pipe().unwrap();
        drop(reader);
        stream(&mut near, listener.as_fd(), &mut |_| ControlFlow::Continue(())).unwrap();
    }

    #[test]
    fn quiet_is_told_and_can_end_it() {
        let (mut near, _far) = UnixStream::pair().unwrap();
        let (listener, _other) = UnixStream::pair().unwrap();
        stream(&mut near, listener.as_fd(), &mut |heard| match heard {
            Heard::Quiet(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .unwrap();
    }
}
