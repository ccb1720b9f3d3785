//! Where a new mapping goes.
//!
//! # What it follows
//! `__get_unmapped_area()` and `vm_unmapped_area()` in `mm/mmap.c` and `mm/vma.c`,
//! `arch/x86/kernel/sys_x86_64.c`, `__thp_get_unmapped_area()` in `mm/huge_memory.c`, of 6.18; up to
//! 3.6 the search that goes on where the last one ended, of 2.6.18.

use rules::layout::{Arch, HugeAlign, Search};
use world::{Errno, MapFlags};

use crate::ctx::{Answer, Ctx};
use crate::files::FileKind;
use crate::page::{HUGE_BYTES, PAGE, page_align};
use crate::vm_flags::VmFlags;
use crate::vma::Vma;

/// What a place is wanted for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The hint, or the address with `MAP_FIXED`.
    pub(crate) addr: u64,
    /// A multiple of the page size.
    pub(crate) len: u64,
    /// Pages into the file.
    pub(crate) pgoff: u64,
    /// The open file, if any.
    pub(crate) open: Option<usize>,
    pub(crate) flags: MapFlags,
}

impl Ctx<'_> {
    /// `__get_unmapped_area()`.
    pub(crate) fn get_unmapped_area(&mut self, wanted: &Wanted) -> Answer {
        let task_size = self.mm.layout.task_size;
        if wanted.len > task_size {
            return Err(Errno::ENOMEM);
        }
        let huge = |open| self.store.file(open).kind == FileKind::Hugetlb;
        let address = if wanted.open.is_some_and(huge) {
            self.huge_area(wanted)?
        } else if self.may_align(wanted) {
            match self.aligned(wanted) {
                Some(found) => found,
                None => self.arch_area(wanted)?,
            }
        } else {
            self.arch_area(wanted)?
        };
        if address > task_size - wanted.len {
            return Err(Errno::ENOMEM);
        }
        if address & (PAGE - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        if address < self.store.config.mmap_min_addr && !self.task.privileged() {
            return Err(Errno::EPERM);
        }
        Ok(address)
    }

    /// Whether a boundary of huge pages is looked for: anonymous private memory by its length, files
    /// of disks whose file system asks for it; shared memory has its own rule, off by default.
    fn may_align(&self, wanted: &Wanted) -> bool {
        let rule = self.store.placement.huge_align;
        match wanted.open {
            Some(open) => {
                self.store.file(open).kind == FileKind::Disk && self.store.placement.file_align
            }
            None if wanted.flags.has(MapFlags::SHARED) => false,
            None => {
                let fits = match rule {
                    HugeAlign::Never => false,
                    HugeAlign::Large => true,
                    HugeAlign::Multiple => wanted.len.is_multiple_of(HUGE_BYTES),
                };
                fits && wanted.addr == 0
            }
        }
    }

    /// `__thp_get_unmapped_area()`.
    fn aligned(&mut self, wanted: &Wanted) -> Option<u64> {
        let offset = if wanted.open.is_some() { wanted.pgoff.wrapping_mul(PAGE) } else { 0 };
        let first = offset.checked_next_multiple_of(HUGE_BYTES)?;
        let end = offset.checked_add(wanted.len)?;
        if end <= first || end - first < HUGE_BYTES {
            return None;
        }
        let padded = Wanted { len: wanted.len.checked_add(HUGE_BYTES)?, ..*wanted };
        let found = self.arch_area(&padded).ok()?;
        if found == wanted.addr {
            return Some(found);
        }
        let by = offset.wrapping_sub(found) & (HUGE_BYTES - 1);
        if self.mm.layout.top_down && by == 0 {
            return Some(found + HUGE_BYTES);
        }
        Some(found + by)
    }

    /// A place without a boundary in mind.
    pub(crate) fn plain_area(&mut self, wanted: &Wanted) -> Answer {
        self.arch_area(wanted)
    }

    fn arch_area(&mut self, wanted: &Wanted) -> Answer {
        let layout = self.mm.layout;
        let Wanted { addr, len, flags, .. } = *wanted;
        let arch = self.store.config.arch;
        let generic = matches!(arch, Arch::Arm | Arch::Arm64);
        if generic && len > layout.task_size - self.store.config.lowest_address() {
            return Err(Errno::ENOMEM);
        }
        if len > layout.task_size {
            return Err(Errno::ENOMEM);
        }
        if flags.has(MapFlags::FIXED) {
            // An address in the last page below 2⁶⁴ looks like an error of that number.
            return match u16::try_from(addr.wrapping_neg()) {
                Ok(error @ 1..=4095) => Err(Errno(error)),
                _ => Ok(addr),
            };
        }
        let low_32 = arch == Arch::X86_64 && flags.has(MapFlags::BIT32);
        if layout.top_down && !low_32 {
            if addr != 0
                && let Some(found) = self.hinted(addr, len, self.store.placement.hint_down)
            {
                return Ok(found);
            }
            if let Some(found) = self.search_down(len) {
                return Ok(found);
            }
        }
        let (begin, end) = if low_32 {
            (0x4000_0000, 0x8000_0000)
        } else {
            (layout.legacy_base, layout.task_size)
        };
        if len > end {
            return Err(Errno::ENOMEM);
        }
        if addr != 0
            && let Some(found) = self.hinted_below(addr, len, end)
        {
            return Ok(found);
        }
        self.search_up(begin, end, len).ok_or(Errno::ENOMEM)
    }

    fn hinted(&self, addr: u64, len: u64, down: bool) -> Option<u64> {
        let addr = if down { addr & !(PAGE - 1) } else { page_align(addr) };
        if self.mm.layout.task_size - len < addr {
            return None;
        }
        self.hinted_below(addr, len, self.mm.layout.task_size)
    }

    fn hinted_below(&self, addr: u64, len: u64, end: u64) -> Option<u64> {
        let addr = page_align(addr);
        let free = self.mm.find(addr).is_none_or(|vma| addr + len <= self.start_gap(vma));
        (len <= end && end - len >= addr && free).then_some(addr)
    }

    /// `vm_start_gap()`.
    pub(crate) fn start_gap(&self, vma: &Vma) -> u64 {
        if vma.has(VmFlags::GROWSDOWN) && self.store.placement.guard_gap {
            vma.start.saturating_sub(self.store.config.stack_guard_gap * PAGE)
        } else {
            vma.start
        }
    }

    fn search_down(&mut self, len: u64) -> Option<u64> {
        match self.store.placement.search {
            Search::BestEnd => self.highest(len),
            Search::NextFit => self.next_fit_down(len),
        }
    }

    fn search_up(&mut self, begin: u64, end: u64, len: u64) -> Option<u64> {
        match self.store.placement.search {
            Search::BestEnd => self.lowest(begin, end, len),
            Search::NextFit => {
                let topdown = self.mm.layout.top_down;
                if topdown {
                    self.mm.cached_hole_size = u64::MAX;
                    self.mm.free_area_cache = begin;
                }
                let found = self.next_fit_up(begin, end, len);
                if topdown {
                    self.mm.free_area_cache = self.mm.layout.mmap_base;
                    self.mm.cached_hole_size = u64::MAX;
                }
                found
            }
        }
    }

    /// `unmapped_area_topdown()`.
    fn highest(&self, len: u64) -> Option<u64> {
        let low = self.store.config.lowest_address().max(PAGE);
        let mut high = self.mm.layout.mmap_base;
        #[cfg(debug_assertions)]
        debug_assert!(self.mm.holes_are_right(), "free ranges are those between mappings");
        loop {
            let (_, end) = self.mm.holes.highest(low, high, len)?;
            match self.mm.from(end) {
                Some(next) if self.start_gap(next) < end => high = self.start_gap(next),
                _ => return Some(end - len),
            }
        }
    }

    /// `unmapped_area()`.
    fn lowest(&self, begin: u64, end: u64, len: u64) -> Option<u64> {
        let mut low = begin.max(self.store.config.lowest_address());
        loop {
            let (at, behind) = self.mm.holes.lowest(low, end, len)?;
            match self.mm.from(behind) {
                Some(next) if self.start_gap(next) < at.saturating_add(len) => low = next.end,
                _ => return Some(at),
            }
        }
    }

    fn next_fit_down(&mut self, len: u64) -> Option<u64> {
        let base = self.mm.layout.mmap_base;
        if len <= self.mm.cached_hole_size {
            self.mm.cached_hole_size = 0;
            self.mm.free_area_cache = base;
        }
        let cache = self.mm.free_area_cache;
        if cache > len && self.mm.find(cache - len).is_none_or(|vma| cache <= vma.start) {
            self.mm.free_area_cache = cache - len;
            return Some(cache - len);
        }
        let mut at = base.checked_sub(len)?;
        loop {
            let Some(vma) = self.mm.find(at).filter(|vma| at + len > vma.start) else {
                self.mm.free_area_cache = at;
                return Some(at);
            };
            let start = vma.start;
            if at + self.mm.cached_hole_size < start {
                self.mm.cached_hole_size = start - at;
            }
            if len >= start {
                return None;
            }
            at = start - len;
        }
    }

    fn next_fit_up(&mut self, begin: u64, end: u64, len: u64) -> Option<u64> {
        let mut first = self.mm.free_area_cache.max(begin);
        if len <= self.mm.cached_hole_size {
            first = begin;
            self.mm.cached_hole_size = 0;
        }
        loop {
            let mut at = first;
            while at <= end - len {
                let next = self.mm.find(at).filter(|vma| at + len > vma.start);
                let Some((from, to)) = next.map(|vma| (vma.start, vma.end)) else {
                    self.mm.free_area_cache = at + len;
                    return Some(at);
                };
                if at.saturating_add(self.mm.cached_hole_size) < from {
                    self.mm.cached_hole_size = from - at;
                }
                at = to;
            }
            if first == begin {
                return None;
            }
            first = begin;
            self.mm.cached_hole_size = 0;
        }
    }

    /// A range is free, and what the searches remember of that: `arch_unmap_area()` and
    /// `arch_unmap_area_topdown()` up to 3.6.
    pub(crate) fn freed_area(&mut self, start: u64, end: u64) {
        self.mm.holes.free(start, end);
        if self.store.placement.search != Search::NextFit {
            return;
        }
        let base = self.mm.layout.mmap_base;
        if self.mm.layout.top_down {
            let next = self.mm.from(end).map_or(base, |vma| vma.start);
            self.mm.free_area_cache = self.mm.free_area_cache.max(next).min(base);
        } else {
            let before = self.mm.before(start).map_or(base, |vma| vma.end);
            if before >= self.mm.layout.legacy_base && before < self.mm.free_area_cache {
                self.mm.free_area_cache = before;
                self.mm.cached_hole_size = u64::MAX;
            }
        }
    }
}
