//! `cachestat(2)`, for which there is no safe wrapper.
#![expect(unsafe_code, reason = "rustix has no cachestat")]

use rustix::fd::{AsRawFd, OwnedFd};

/// The number of the call on every architecture but MIPS.
const CACHESTAT: libc::c_long = 451;

/// Pages of a file in the page cache; 0 where the kernel does not tell.
pub(super) fn cached(file: &OwnedFd) -> u64 {
    let range = [0u64; 2];
    let mut pages = [0u64; 5];
    // SAFETY: the kernel reads two numbers and writes five, and keeps neither pointer.
    let answer = unsafe {
        libc::syscall(CACHESTAT, file.as_raw_fd(), range.as_ptr(), pages.as_mut_ptr(), 0u32)
    };
    if answer == 0 { pages[0] } else { 0 }
}
