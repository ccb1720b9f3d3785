//! Kernel logs: files, packed or not, standard input, the journal, and the kernel's ring buffer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::journal::{self, Journal};

/// How much is read at once. A record of the ring buffer is never larger.
pub(crate) const PIECE: usize = 256 << 10;
/// Most memory that unpacking xz may take, KiB: what `xz -9` needs.
const XZ_MEMORY: u32 = 72 << 10;

/// A log to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// This file, plain or packed by gzip, Zstandard or xz; its first bytes say which.
    File(PathBuf),
    /// Standard input, plain or packed.
    Input,
    /// What the running kernel still remembers: `/dev/kmsg`, from its oldest record to now.
    Ring,
    /// systemd's journal, through `journalctl`.
    Journal(Journal),
}

/// Why a log could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It could not be opened.
    #[error("cannot open it")]
    Open(#[source] io::Error),
    /// Reading stopped; what came before was handed out.
    #[error("{}", match read { 0 => "it cannot be read".to_owned(), _ => format!("cannot read on after {read} bytes") })]
    Read {
        /// Bytes handed out until then.
        read: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The journal is read by a program that could not be run.
    #[error("cannot run journalctl, which reads the journal")]
    NoJournalctl(#[source] io::Error),
    /// That program failed.
    #[error("journalctl: {said}")]
    Journalctl {
        /// Bytes handed out until then.
        read: u64,
        /// What it said.
        said: String,
    },
}

/// Reads a log from its beginning to its end and hands out pieces of any size, in order; what was
/// packed is unpacked on the way. Returns how many bytes there were.
///
/// # Errors
/// When it cannot be opened, or not be read to its end.
pub fn read_log(log: &Log, piece: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
    match log {
        Log::File(path) => {
            let file = File::open(path).map_err(LogError::Open)?;
            unpacked(BufReader::with_capacity(PIECE, file), piece)
        }
        Log::Input => unpacked(BufReader::with_capacity(PIECE, io::stdin().lock()), piece),
        Log::Ring => ring(piece),
        Log::Journal(journal) => journal::read(journal, piece),
    }
}

fn unpacked<R: BufRead>(mut packed: R, piece: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
    let begin = loop {
        match packed.fill_buf() {
            Ok(begin) => break begin,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(LogError::Read { read: 0, source }),
        }
    };
    if begin.starts_with(b"\x1f\x8b") {
        pass_on(flate2::bufread::MultiGzDecoder::new(packed), piece)
    } else if begin.starts_with(b"\x28\xb5\x2f\xfd") {
        frames(packed, piece)
    } else if begin.starts_with(b"\xfd7zXZ\0") {
        pass_on(lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_MEMORY), piece)
    } else {
        pass_on(packed, piece)
    }
}

/// Zstandard writes one frame after another when files are appended.
fn frames<R: BufRead>(mut packed: R, piece: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
    let mut read = 0;
    loop {
        let rest = packed.fill_buf().map_err(|source| LogError::Read { read, source })?;
        if rest.is_empty() {
            return Ok(read);
        }
        let decoder = ruzstd::decoding::StreamingDecoder::new(&mut packed).map_err(|error| {
            LogError::Read {
                read,
                source: io::Error::new(ErrorKind::InvalidData, error.to_string()),
            }
        })?;
        read += pass_on(decoder, piece).map_err(|error| match error {
            LogError::Read { read: more, source } => LogError::Read { read: read + more, source },
            other => other,
        })?;
    }
}

fn pass_on(mut from: impl Read, piece: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
    let mut buffer = vec![0; PIECE];
    let mut read = 0u64;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(read),
            Ok(n) => {
                piece(&buffer[..n]);
                read = read.saturating_add(n as u64);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(LogError::Read { read, source }),
        }
    }
}

/// One `read` gives one record; `EAGAIN` is the end for now, `EPIPE` a record that was overwritten
/// before it could be read.
fn ring(piece: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut kmsg = File::options()
        .read(true)
        .custom_flags(nonblocking)
        .open("/dev/kmsg")
        .map_err(LogError::Open)?;
    let mut buffer = vec![0; PIECE];
    let mut read = 0u64;
    loop {
        match kmsg.read(&mut buffer) {
            Ok(0) => return Ok(read),
            Ok(n) => {
                piece(&buffer[..n]);
                read = read.saturating_add(n as u64);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(read),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == Some(Errno::PIPE.raw_os_error()) => {}
            Err(source) => return Err(LogError::Read { read, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"one line\nand another\n";
    /// `printf … | gzip -n`, `zstd -19 --no-check`, `xz --check=crc32`.
    const GZIP: &[u8] = include_bytes!("testing/log.gz");
    const ZSTD: &[u8] = include_bytes!("testing/log.zst");
    const XZ: &[u8] = include_bytes!("testing/log.xz");

    fn read(packed: &[u8]) -> (Vec<u8>, Result<u64, LogError>) {
        let mut all = Vec::new();
        let result = unpacked(packed, &mut |piece| all.extend_from_slice(piece));
        (all, result)
    }

    #[test]
    fn packed_logs_are_known_by_their_first_bytes() {
        for packed in [TEXT, GZIP, ZSTD, XZ] {
            let (all, result) = read(packed);
            assert_eq!(result.unwrap(), TEXT.len() as u64);
            assert_eq!(all, TEXT);
        }
    }

    #[test]
    fn logs_packed_one_after_another_are_read_to_the_end() {
        for packed in [GZIP, ZSTD, XZ] {
            let (all, result) = read(&[packed, packed].concat());
            assert_eq!(all, [TEXT, TEXT].concat(), "{result:?}");
        }
    }

    #[test]
    fn a_cut_archive_is_an_error_and_not_an_end() {
        for packed in [GZIP, ZSTD, XZ] {
            for length in 8..packed.len() {
                let (all, result) = read(&packed[..length]);
                assert!(TEXT.starts_with(&all));
                assert!(result.is_err(), "{length} of {}", packed.len());
            }
        }
    }

    #[test]
    fn an_empty_log_is_read() {
        assert_eq!(read(b"").1.unwrap(), 0);
    }

    #[test]
    fn a_file_that_is_not_there_is_named_by_its_error() {
        let error = read_log(&Log::File("/nonexistent/log".into()), &mut |_| ()).unwrap_err();
        assert!(matches!(error, LogError::Open(error) if error.kind() == ErrorKind::NotFound));
    }
}
