//! What a page table says of a page.

use crate::range_map::Run;

/// Bytes of a page in bits; every architecture here has pages of 4 KiB.
pub(crate) const PAGE_BITS: u32 = 12;
/// Bytes of a page.
pub(crate) const PAGE: u64 = 1 << PAGE_BITS;
/// Pages of a huge page.
pub(crate) const HUGE: u64 = 512;
/// Bytes of a huge page.
pub(crate) const HUGE_BYTES: u64 = HUGE * PAGE;

/// What an entry points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The page of zeros, counted nowhere.
    Zero,
    /// A page of the process's own.
    Anon,
    /// A page of a file.
    File,
    /// A page of shared memory.
    Shmem,
    /// A page of the kernel's that is mapped without bookkeeping (vvar).
    Special,
    /// A guard: any access gets a signal.
    Guard,
    /// An anonymous page that is in swap.
    Swap,
    /// A huge page of the pool, or a part of one.
    Hugetlb,
}

/// Entries of one kind, one after the other.
#[allow(clippy::struct_excessive_bools, reason = "each is a bit of an entry")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pte {
    pub(crate) what: What,
    /// The frame of the first page; 0 where there is none.
    pub(crate) frame: u64,
    pub(crate) writable: bool,
    pub(crate) dirty: bool,
    pub(crate) young: bool,
    /// Mapped by an entry of the level above: a huge page.
    pub(crate) huge: bool,
}

impl Run for Pte {
    fn skip(&self, by: u64) -> Pte {
        let named = self.counted() || matches!(self.what, What::Swap | What::Hugetlb);
        Pte { frame: if named { self.frame + by } else { 0 }, ..*self }
    }
}

impl Pte {
    /// Nothing of its own, just read.
    pub(crate) const BLANK: Pte =
        Pte { what: What::Zero, frame: 0, writable: false, dirty: false, young: true, huge: false };

    /// Whether it has a frame that is counted.
    pub(crate) fn counted(&self) -> bool {
        matches!(self.what, What::Anon | What::File | What::Shmem)
    }

    /// Whether something is mapped.
    pub(crate) fn present(&self) -> bool {
        !matches!(self.what, What::Guard | What::Swap)
    }

    /// The index of its kind among the RSS counters.
    pub(crate) fn rss(&self) -> Option<usize> {
        match self.what {
            What::File => Some(FILE),
            What::Anon => Some(ANON),
            What::Shmem => Some(SHMEM),
            What::Zero | What::Special | What::Guard | What::Swap | What::Hugetlb => None,
        }
    }
}

/// Index of the RSS counter of anonymous pages.
pub(crate) const ANON: usize = 0;
/// Index of the RSS counter of file pages.
pub(crate) const FILE: usize = 1;
/// Index of the RSS counter of shared memory.
pub(crate) const SHMEM: usize = 2;

/// The next page boundary at or above; `None` past the end of all addresses.
pub(crate) fn page_up(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE)
}

/// As the kernel's `PAGE_ALIGN`, which wraps to 0.
pub(crate) fn page_align(bytes: u64) -> u64 {
    page_up(bytes).unwrap_or(0)
}

/// The page that holds this address.
pub(crate) fn page_of(address: u64) -> u64 {
    address >> PAGE_BITS
}
