//! The least that any program must do to learn what `oomph` learns: open, read and close the same
//! files. `cargo xtask bench` measures `oomph` against it.
//!
//! Its first argument is a file that holds paths, each ended by a NUL. A path that ends in `/` is a
//! directory to be listed; one under `/proc` is opened from there, as a program would that reads
//! many. Files of one process come in one piece, but for `smaps`; that and
//! others are read to their end. Nothing is parsed,
//! kept or printed. Its second argument is how many bytes of `smaps` are asked for at once, 64 KiB
//! when there is none.

use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat};
use rustix::io::{Result, read};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(list) = std::env::args_os().nth(1).and_then(|path| std::fs::read(path).ok()) else {
        return ExitCode::FAILURE;
    };
    let Ok(proc) = open(CWD, c"/proc", OFlags::DIRECTORY) else { return ExitCode::FAILURE };
    let mut buffer = vec![0; 64 * 1024];
    let request = std::env::args().nth(2).and_then(|size| size.parse().ok());
    let request = request.unwrap_or(buffer.len()).clamp(1, buffer.len());
    for path in list.split_inclusive(|byte| *byte == 0) {
        // A process may be gone since the list was made.
        let _ = visit(&proc, path, request, &mut buffer);
    }
    ExitCode::SUCCESS
}

fn visit(proc: &OwnedFd, path: &[u8], request: usize, buffer: &mut [u8]) -> Result<()> {
    if path.ends_with(b"/\0") {
        return list(&open(CWD, as_c(path), OFlags::DIRECTORY)?);
    }
    let (file, one_piece) = match path.strip_prefix(b"/proc/") {
        Some(below) => (
            open(proc, as_c(below), OFlags::empty())?,
            below.first().is_some_and(u8::is_ascii_digit) && !below.ends_with(b"/smaps\0"),
        ),
        None => (open(CWD, as_c(path), OFlags::empty())?, false),
    };
    let request = if path.ends_with(b"/smaps\0") { request } else { buffer.len() };
    while read(&file, &mut buffer[..request])? > 0 && !one_piece {}
    Ok(())
}

fn list(directory: &OwnedFd) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); 16 * 1024];
    let mut entries = RawDir::new(directory, &mut space);
    while let Some(entry) = entries.next() {
        entry?;
    }
    Ok(())
}

fn open<Fd: rustix::fd::AsFd>(directory: Fd, path: &CStr, flags: OFlags) -> Result<OwnedFd> {
    openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty())
}

fn as_c(path: &[u8]) -> &CStr {
    CStr::from_bytes_with_nul(path).unwrap_or(c"")
}
