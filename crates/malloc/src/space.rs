//! Where the kernel puts mappings: the free gaps of one address space, and the limits on it.
//!
//! # What it follows
//! `mm/mmap.c` and `mm/mremap.c` of Linux 6.18: `vm_unmapped_area()` top down from `mmap_base`, then bottom up;
//! `thp_get_unmapped_area_vmflags()`, which since 6.7 puts anonymous mappings of whole huge pages
//! on a boundary of them; `do_brk_flags()`; `may_expand_vm()` for `RLIMIT_AS`; the
//! heuristic of `__vm_enough_memory()`, which only refuses what exceeds all memory and swap.
//!
//! # What it leaves out
//! `vm.max_map_count`, `RLIMIT_DATA`, and all accounting of overcommit mode 2.

use crate::kernel::{Advice, Errno, Kernel, Map, Prot};

const PAGE: u64 = 4096;
/// `HPAGE_PMD_SIZE` of x86.
const HUGE: u64 = 2 << 20;

/// One process's address space.
#[derive(Debug, Clone)]
pub struct AddressSpace {
    /// Free ranges, ascending, never touching.
    gaps: Vec<(u64, u64)>,
    layout: Layout,
    brk: u64,
    /// Bytes mapped, as `RLIMIT_AS` counts them.
    mapped: u64,
}

/// The fixed points of an address space and the facts of its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Where the heap begins; it need not be on a page boundary.
    pub brk: u64,
    /// `mmap_min_addr`: nothing is placed below.
    pub floor: u64,
    /// `mmap_base`: mappings are placed below it, downwards.
    pub mmap_base: u64,
    /// Where the search upwards begins when there is no gap below `mmap_base`.
    pub legacy_base: u64,
    /// `TASK_SIZE`.
    pub task_size: u64,
    /// Whether mappings of whole huge pages go to a boundary of them: 64-bit tasks since 6.7 on
    /// kernels with transparent huge pages.
    pub huge_aligned: bool,
    /// `RLIMIT_AS` in bytes, `None` without.
    pub rlimit_as: Option<u64>,
    /// Bytes mapped beside the listed ranges' own, as `RLIMIT_AS` counts them.
    pub mapped_before: u64,
    /// Memory and swap of the machine, more than which no single call gets under
    /// `vm.overcommit_memory` 0; `None` for no such check.
    pub memory_and_swap: Option<u64>,
    /// Processors online.
    pub cpus: u32,
    /// Whether the mode of transparent huge pages is `madvise`.
    pub thp_madvise: bool,
    /// Bytes of the default page of `hugetlbfs`, whose pool is taken to be empty.
    pub huge_page: Option<u64>,
    /// Whether `vm.overcommit_memory` is 2.
    pub never_overcommits: bool,
}

impl Layout {
    /// A 64-bit process of x86 without randomisation, which has nothing mapped yet.
    pub const X86_64: Layout = Layout {
        brk: 0x5555_5555_9000,
        floor: 0x1_0000,
        mmap_base: 0x7fff_f7ff_f000,
        legacy_base: 0x2aaa_aaaa_b000,
        task_size: 0x7fff_ffff_f000,
        huge_aligned: true,
        rlimit_as: None,
        mapped_before: 0,
        memory_and_swap: None,
        cpus: 2,
        thp_madvise: false,
        huge_page: None,
        never_overcommits: false,
    };

    /// A 32-bit process of x86 on a 64-bit kernel, without randomisation, which has nothing mapped
    /// yet.
    pub const I386: Layout = Layout {
        brk: 0x5655_a000,
        mmap_base: 0xf7ff_e000,
        legacy_base: 0x5555_5000,
        task_size: 0xffff_e000,
        huge_aligned: false,
        ..Layout::X86_64
    };
}

impl AddressSpace {
    /// An address space with `taken` in use beside the heap, as ranges of addresses.
    pub fn new(layout: Layout, taken: impl IntoIterator<Item = (u64, u64)>) -> AddressSpace {
        let mut space = AddressSpace {
            gaps: vec![(layout.floor, layout.task_size)],
            layout,
            brk: layout.brk,
            mapped: 0,
        };
        for (start, end) in taken {
            space.take(start, end);
        }
        space.mapped = layout.mapped_before;
        space
    }

    /// Sets `RLIMIT_AS` from now on.
    pub fn set_limit(&mut self, bytes: Option<u64>) {
        self.layout.rlimit_as = bytes;
    }

    /// The end of the heap.
    pub fn heap_end(&self) -> u64 {
        self.brk
    }

    /// Bytes mapped, as `RLIMIT_AS` counts them.
    pub fn mapped(&self) -> u64 {
        self.mapped
    }

    fn may_expand(&self, bytes: u64, accounted: bool) -> Result<(), Errno> {
        let limit = self.layout.rlimit_as.map(page_floor);
        let within_limit = limit.is_none_or(|limit| self.mapped.saturating_add(bytes) <= limit);
        let memory = self.layout.memory_and_swap;
        let within_memory = !accounted || memory.is_none_or(|memory| bytes <= memory);
        if within_limit && within_memory { Ok(()) } else { Err(Errno::NoMemory) }
    }

    /// The gap a range lies in, if it is free.
    fn gap_of(&self, start: u64, end: u64) -> Option<usize> {
        let at = self.gaps.partition_point(|gap| gap.1 <= start);
        let gap = self.gaps.get(at)?;
        (gap.0 <= start && end <= gap.1).then_some(at)
    }

    /// Makes a range used; returns how much of it was free.
    fn take(&mut self, start: u64, end: u64) -> u64 {
        let mut taken = 0;
        let mut at = self.gaps.partition_point(|gap| gap.1 <= start);
        while let Some(&(low, high)) = self.gaps.get(at) {
            if low >= end {
                break;
            }
            taken += high.min(end) - low.max(start);
            match (low < start, end < high) {
                (true, true) => {
                    self.gaps[at].1 = start;
                    self.gaps.insert(at + 1, (end, high));
                    break;
                }
                (true, false) => self.gaps[at].1 = start,
                (false, true) => self.gaps[at].0 = end,
                (false, false) => {
                    self.gaps.remove(at);
                    continue;
                }
            }
            at += 1;
        }
        self.mapped += taken;
        taken
    }

    /// Makes a range free.
    fn give(&mut self, start: u64, end: u64) {
        let first = self.gaps.partition_point(|gap| gap.1 < start);
        let after = self.gaps.partition_point(|gap| gap.0 <= end);
        let mut free = 0;
        let (mut low, mut high) = (start, end);
        for gap in &self.gaps[first..after] {
            low = low.min(gap.0);
            high = high.max(gap.1);
            free += gap.1.min(end).saturating_sub(gap.0.max(start));
        }
        self.gaps.splice(first..after, [(low, high)]);
        self.mapped = self.mapped.saturating_sub(end - start - free);
    }

    /// `vm_unmapped_area()`: the highest gap below `mmap_base`, or else the lowest above the
    /// legacy base.
    fn search(&self, len: u64) -> Option<u64> {
        let Layout { mmap_base, legacy_base, task_size, .. } = self.layout;
        let below = self.gaps.partition_point(|gap| gap.0 < mmap_base);
        for &(low, high) in self.gaps[..below].iter().rev() {
            let high = high.min(mmap_base);
            if high - low >= len {
                return Some(high - len);
            }
        }
        self.gaps.iter().find_map(|&(low, high)| {
            let (low, high) = (low.max(legacy_base), high.min(task_size));
            (high.checked_sub(low)? >= len).then_some(low)
        })
    }

    /// `__get_unmapped_area()` for anonymous memory without a hint.
    fn place(&self, len: u64) -> Result<u64, Errno> {
        if len > self.layout.task_size {
            return Err(Errno::NoMemory);
        }
        if self.layout.huge_aligned
            && len.is_multiple_of(HUGE)
            && let Some(addr) = self.search(len + HUGE)
        {
            // A place that is aligned already is moved up by a whole huge page.
            return Ok((addr / HUGE + 1) * HUGE);
        }
        self.search(len).ok_or(Errno::NoMemory)
    }
}

impl Kernel for AddressSpace {
    fn brk(&mut self, to: u64) -> u64 {
        if to < self.layout.brk || to > self.layout.task_size {
            return self.brk;
        }
        let (old, new) = (page_ceil(self.brk), page_ceil(to));
        if new > old {
            // A page must stay free above the heap.
            if self.gap_of(old, new + PAGE).is_none() || self.may_expand(new - old, true).is_err() {
                return self.brk;
            }
            self.take(old, new);
        } else if new < old {
            self.give(new, old);
        }
        self.brk = to;
        to
    }

    fn mmap(&mut self, hint: Option<u64>, len: u64, prot: Prot, how: Map) -> Result<u64, Errno> {
        if len == 0 {
            return Err(Errno::Invalid);
        }
        let len = len.checked_next_multiple_of(PAGE).ok_or(Errno::NoMemory)?;
        let accounted = prot == Prot::ReadWrite && how != Map::NoReserve;
        let at = match (how, hint) {
            // The pool of huge pages is empty.
            (Map::Huge { .. }, _) => return Err(Errno::NoMemory),
            (Map::Fixed, hint) => {
                let start = hint.ok_or(Errno::Invalid)?;
                self.give(start, start.checked_add(len).ok_or(Errno::NoMemory)?);
                start
            }
            (_, None) => self.place(len)?,
            (_, Some(hint)) => {
                let end = hint.checked_add(len).ok_or(Errno::NoMemory)?;
                match self.gap_of(hint, end) {
                    Some(_) => hint,
                    None => self.search(len).ok_or(Errno::NoMemory)?,
                }
            }
        };
        self.may_expand(len, accounted)?;
        self.take(at, at + len);
        Ok(at)
    }

    fn munmap(&mut self, addr: u64, len: u64) -> Result<(), Errno> {
        let end = addr.checked_add(page_ceil(len)).ok_or(Errno::Invalid)?;
        if !addr.is_multiple_of(PAGE) || len == 0 || end > self.layout.task_size {
            return Err(Errno::Invalid);
        }
        self.give(addr, end);
        Ok(())
    }

    fn mremap(&mut self, addr: u64, old_len: u64, new_len: u64) -> Result<u64, Errno> {
        let (old, new) = (page_ceil(old_len), page_ceil(new_len));
        if new <= old {
            if new < old {
                self.give(addr + new, addr + old);
            }
            return Ok(addr);
        }
        self.may_expand(new - old, true)?;
        let end = addr.checked_add(new).ok_or(Errno::NoMemory)?;
        if self.gap_of(addr + old, end).is_some() && end <= self.layout.task_size {
            self.take(addr + old, end);
            return Ok(addr);
        }
        let at = self.place(new)?;
        self.take(at, at + new);
        self.give(addr, addr + old);
        Ok(at)
    }

    fn mprotect(&mut self, _: u64, _: u64, _: Prot) -> Result<(), Errno> {
        Ok(())
    }

    fn madvise(&mut self, _: u64, _: u64, _: Advice) -> Result<(), Errno> {
        Ok(())
    }

    fn cpus(&self) -> u32 {
        self.layout.cpus
    }

    fn thp_madvise(&self) -> Option<u64> {
        self.layout.thp_madvise.then_some(HUGE)
    }

    fn huge_page(&self) -> Option<u64> {
        self.layout.huge_page
    }

    fn never_overcommits(&self) -> bool {
        self.layout.never_overcommits
    }
}

fn page_floor(bytes: u64) -> u64 {
    bytes & !(PAGE - 1)
}

fn page_ceil(bytes: u64) -> u64 {
    page_floor(bytes.saturating_add(PAGE - 1))
}
