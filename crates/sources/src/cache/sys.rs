//! Raw system calls: those of the page cache.
//!
//! [`cachestat`] and [`resident_pages`] ask the kernel which pages of an open file are in the page
//! cache. Neither reads the file.
#![expect(unsafe_code, reason = "rustix has no safe cachestat and no mincore")]

use std::ffi::c_void;
use std::io;
use std::ptr;

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Errno;

/// Number of `cachestat(2)`, 6.5. Calls that are younger than 5.1 have one number everywhere but on
/// the architectures that count from an offset.
const CACHESTAT: Option<libc::c_long> = if cfg!(target_arch = "mips") {
    Some(4451)
} else if cfg!(all(target_arch = "mips64", target_pointer_width = "64")) {
    Some(5451)
} else if cfg!(all(
    any(target_arch = "x86_64", target_arch = "mips64"),
    target_pointer_width = "32"
)) {
    None
} else {
    Some(451)
};

/// `struct cachestat` of `include/uapi/linux/mman.h`: pages.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CacheStat {
    /// In the page cache.
    pub(super) cached: u64,
    /// Of these, changed and not yet written.
    pub(super) dirty: u64,
    /// Of these, being written.
    pub(super) writeback: u64,
    /// Once in the page cache, evicted since, and remembered. For shared memory: swapped out.
    pub(super) evicted: u64,
    /// Of the evicted, those evicted so lately that their return would count as a refault of the
    /// working set.
    pub(super) recently_evicted: u64,
}

/// `struct cachestat_range`: bytes; a length of 0 means to the end of the file.
#[repr(C)]
struct Range {
    offset: u64,
    length: u64,
}

/// Pages of the whole file in the page cache, by `cachestat(2)`.
///
/// # Errors
/// `ENOSYS` before 6.5 or where a filter does not know the call, `EPERM` for a file that the caller
/// neither owns nor may write (`can_do_cachestat()` in `mm/filemap.c`, 6.14 and stable releases
/// before), `EOPNOTSUPP` on hugetlbfs.
pub(super) fn cachestat(file: impl AsFd) -> Result<CacheStat, Errno> {
    let number = CACHESTAT.ok_or(Errno::NOSYS)?;
    let range = Range { offset: 0, length: 0 };
    let mut stat = CacheStat::default();
    // SAFETY: the kernel reads `range` and writes `stat`, both of its own layout and alive for the
    // call; it keeps neither.
    let answer = unsafe {
        libc::syscall(
            number,
            file.as_fd().as_raw_fd(),
            ptr::from_ref(&range),
            ptr::from_mut(&mut stat),
            0 as libc::c_uint,
        )
    };
    if answer == 0 { Ok(stat) } else { Err(last_error()) }
}

/// Bytes of a file that are mapped at a time.
const WINDOW: u64 = 256 << 20;

/// Pages of the first `size` bytes of a file in the page cache, by `mincore(2)`; `vector` is room to
/// work in.
///
/// Since 5.2 the kernel answers "all of them" about a file that the caller neither owns nor may
/// write (`can_do_mincore()` in `mm/mincore.c`): only ask about others.
///
/// Mapping a file counts as a use of it (`file_accessed()`), unless it was opened with `O_NOATIME`.
///
/// # Errors
/// Those of `mmap(2)`: `ENODEV` where files cannot be mapped.
pub(super) fn resident_pages(
    file: impl AsFd,
    size: u64,
    page_size: usize,
    vector: &mut Vec<u8>,
) -> Result<u64, Errno> {
    let mut resident = 0;
    let mut offset = 0;
    while offset < size {
        let length = usize::try_from((size - offset).min(WINDOW)).map_err(|_| Errno::OVERFLOW)?;
        let start = libc::off64_t::try_from(offset).map_err(|_| Errno::OVERFLOW)?;
        vector.clear();
        vector.resize(length.div_ceil(page_size), 0);
        let window = Window::new(file.as_fd().as_raw_fd(), start, length)?;
        // SAFETY: the window is mapped for `length` bytes, and the kernel writes one byte for each
        // page of it, for which `vector` has room.
        if unsafe { libc::mincore(window.start, length, vector.as_mut_ptr().cast()) } != 0 {
            return Err(last_error());
        }
        // The other bits are reserved.
        resident += vector.iter().map(|&page| u64::from(page & 1)).sum::<u64>();
        offset += WINDOW;
    }
    Ok(resident)
}

/// A part of a file, mapped and never touched.
struct Window {
    start: *mut c_void,
    length: usize,
}

impl Window {
    fn new(file: libc::c_int, offset: libc::off64_t, length: usize) -> Result<Window, Errno> {
        // SAFETY: the kernel chooses an address that is free, and nobody looks through the pointer,
        // so that it does not matter what the file holds or whether it becomes shorter.
        let start = unsafe {
            libc::mmap64(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file, offset)
        };
        if start == libc::MAP_FAILED { Err(last_error()) } else { Ok(Window { start, length }) }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: exactly what `new` mapped; no reference into it was ever made.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}
