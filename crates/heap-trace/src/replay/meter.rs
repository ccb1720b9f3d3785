//! A kernel that counts what it is asked, and knows which pages were given back in place.

use malloc::{AddressSpace, Advice, Errno, Kernel, Map, Prot};
use std::collections::BTreeMap;

/// An address space with a meter.
#[derive(Debug, Clone)]
pub struct Meter {
    space: AddressSpace,
    calls: u64,
    /// Whether `malloc_trim` is at work: it gives back pages that the heap still counts as its own.
    /// Thread arenas that shrink give back what they do not count any more.
    trimming: bool,
    /// Ranges that `madvise` gave back and nothing has used since.
    released: BTreeMap<u64, u64>,
    released_bytes: u64,
}

impl Meter {
    /// Counts from here on.
    pub fn new(space: AddressSpace) -> Meter {
        Meter { space, calls: 0, trimming: false, released: BTreeMap::new(), released_bytes: 0 }
    }

    /// System calls so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Bytes inside the heap that were given back by `malloc_trim` and not used since.
    pub fn released(&self) -> u64 {
        self.released_bytes
    }

    /// The end of the heap.
    pub fn heap_end(&self) -> u64 {
        self.space.heap_end()
    }

    /// Whether `malloc_trim` is at work from here on.
    pub(crate) fn trimming(&mut self, is: bool) {
        self.trimming = is;
    }

    /// A range is used again, or gone.
    pub(crate) fn used(&mut self, start: u64, end: u64) {
        if self.released.is_empty() || start >= end {
            return;
        }
        let (start, end) = (start & !4095, end.checked_next_multiple_of(4096).unwrap_or(end));
        loop {
            let Some((&from, &to)) = self.released.range(..end).next_back() else { return };
            if to <= start {
                return;
            }
            self.released.remove(&from);
            self.released_bytes -= to.min(end) - from.max(start);
            if to > end {
                self.released.insert(end, to);
            }
            if from < start {
                self.released.insert(from, start);
                return;
            }
        }
    }
}

impl Kernel for Meter {
    fn brk(&mut self, to: u64) -> u64 {
        self.calls += 1;
        let before = self.space.heap_end();
        let after = self.space.brk(to);
        self.used(after, before);
        after
    }

    fn mmap(&mut self, hint: Option<u64>, len: u64, prot: Prot, how: Map) -> Result<u64, Errno> {
        self.calls += 1;
        self.space.mmap(hint, len, prot, how)
    }

    fn munmap(&mut self, addr: u64, len: u64) -> Result<(), Errno> {
        self.calls += 1;
        self.used(addr, addr.saturating_add(len));
        self.space.munmap(addr, len)
    }

    fn mremap(&mut self, addr: u64, old_len: u64, new_len: u64) -> Result<u64, Errno> {
        self.calls += 1;
        self.space.mremap(addr, old_len, new_len)
    }

    fn mprotect(&mut self, addr: u64, len: u64, prot: Prot) -> Result<(), Errno> {
        self.calls += 1;
        self.space.mprotect(addr, len, prot)
    }

    fn madvise(&mut self, addr: u64, len: u64, advice: Advice) -> Result<(), Errno> {
        self.calls += 1;
        if advice == Advice::DontNeed && self.trimming {
            // What was released already is not released twice.
            let end = addr.saturating_add(len);
            self.used(addr, end);
            self.released.insert(addr, end);
            self.released_bytes += end - addr;
        }
        self.space.madvise(addr, len, advice)
    }

    fn page_size(&self) -> u64 {
        self.space.page_size()
    }

    fn cpus(&self) -> u32 {
        self.space.cpus()
    }

    fn thp_madvise(&self) -> Option<u64> {
        self.space.thp_madvise()
    }

    fn huge_page(&self) -> Option<u64> {
        self.space.huge_page()
    }

    fn never_overcommits(&self) -> bool {
        self.space.never_overcommits()
    }
}
