//! The one system call without a safe wrapper: `PAGEMAP_SCAN` (6.7), which finds runs of pages.
#![expect(unsafe_code, reason = "an ioctl with a pointer inside has no safe wrapper")]

use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

/// Categories of pages: `PAGE_IS_*` in `include/uapi/linux/fs.h`.
pub(super) mod category {
    /// Of a file or of shared memory.
    pub(in super::super) const FILE: u64 = 1 << 2;
    /// In memory.
    pub(in super::super) const PRESENT: u64 = 1 << 3;
    /// In swap.
    pub(in super::super) const SWAPPED: u64 = 1 << 4;
    /// The page of zeros.
    pub(in super::super) const ZERO: u64 = 1 << 5;
    /// Part of a huge page.
    pub(in super::super) const HUGE: u64 = 1 << 6;
    /// Changed since the marks were last cleared.
    pub(in super::super) const SOFT_DIRTY: u64 = 1 << 7;
    /// A guard page (6.16).
    pub(in super::super) const GUARD: u64 = 1 << 8;
}

/// Pages side by side in the same categories: `struct page_region`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) categories: u64,
}

/// `struct pm_scan_arg`.
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

const PAGEMAP_SCAN: Opcode = opcode::read_write::<Scan>(b'f', 16);

/// Looks through the addresses from `start` to `end` for pages in any of the categories `any`, and
/// fills `found` with their runs, which differ in the categories `told`. How many there are, and where the next look begins.
///
/// # Errors
/// `ENOTTY` before 6.7, `EINVAL` for a category that the kernel does not know.
pub(super) fn scan(
    pagemap: BorrowedFd<'_>,
    start: u64,
    end: u64,
    (any, told): (u64, u64),
    found: &mut [Region],
) -> Result<(usize, u64), Errno> {
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        flags: 0,
        start,
        end,
        walk_end: 0,
        vec: found.as_mut_ptr().expose_provenance() as u64,
        vec_len: found.len() as u64,
        max_pages: 0,
        category_inverted: 0,
        category_mask: 0,
        category_anyof_mask: any,
        return_mask: told,
    };
    // SAFETY: the opcode is that of `PAGEMAP_SCAN`, whose argument is `struct pm_scan_arg`, which
    // `Scan` repeats field by field; it reads and writes that alone, and what `vec` points at.
    let call = unsafe { Updater::<PAGEMAP_SCAN, Scan>::new(&mut scan) };
    // SAFETY: `vec` points at `found`, borrowed for writing until this function returns, and
    // `vec_len` is its length; the kernel writes at most as many `struct page_region`, which
    // `Region` repeats, and for which every bit pattern is valid. On any other file the opcode is
    // unknown (`ENOTTY`) or of a file system (`FS_IOC_*` with 'f' have other numbers or sizes).
    unsafe { ioctl(pagemap, call) }?;
    let number = found.iter().take_while(|region| region.end > region.start).count();
    Ok((number, scan.walk_end))
}
