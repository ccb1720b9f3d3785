//! The least that must be done to know what of a directory is in the page cache: list every
//! directory, open every file, ask `cachestat` about it and `fstat` who it is, close it.
//!
//! One thread, no path, no sum by file; `cargo xtask bench cache` holds `oomph cache` against it.
#![expect(clippy::print_stdout, reason = "it answers on its standard output")]

mod sys;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, fstat, openat};
use std::env;
use std::mem::MaybeUninit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut cached = 0;
    for path in env::args_os().skip(1) {
        match open(CWD, path.as_encoded_bytes(), OFlags::DIRECTORY) {
            Some(dir) => walk(&dir, &mut cached),
            None => return ExitCode::FAILURE,
        }
    }
    println!("{cached} pages");
    ExitCode::SUCCESS
}

fn open(dir: impl AsFd, name: impl rustix::path::Arg, more: OFlags) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    openat(dir, name, flags, Mode::empty()).ok()
}

fn walk(dir: &OwnedFd, cached: &mut u64) {
    let mut names = vec![MaybeUninit::uninit(); 32 << 10];
    let mut entries = RawDir::new(dir, &mut names);
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        match entry.file_type() {
            FileType::RegularFile => {
                let Some(file) = open(dir, name, OFlags::empty()) else { continue };
                *cached += sys::cached(&file);
                std::hint::black_box(fstat(&file).is_ok());
            }
            FileType::Directory if !matches!(name.to_bytes(), b"." | b"..") => {
                if let Some(below) = open(dir, name, OFlags::DIRECTORY) {
                    walk(&below, cached);
                }
            }
            _ => {}
        }
    }
}
