//! More memory from the kernel: `sysmalloc`.

use super::Heap;
use crate::chunk::{Id, Kind};
use crate::kernel::{Advice, Kernel, Map, Prot};
use crate::mutant::Mutant;

/// `MMAP_AS_MORECORE_SIZE`.
const MORECORE: u64 = 1 << 20;

impl<K: Kernel> Heap<K> {
    /// A chunk of `nb` bytes when the arena has none, or there is no arena.
    pub(super) fn system_malloc(&mut self, t: usize, arena: Option<usize>, nb: u64) -> Id {
        let mut tried = false;
        let edge = u64::from(self.broken(Mutant::MmapOnlyBeyondThreshold));
        let many = i64::from(self.maps.count) >= self.set.mmaps_max;
        let large = nb >= self.set.mmap_threshold.saturating_add(edge);
        self.set.mmap_noted.note(nb, large);
        let over = large && (!many || self.broken(Mutant::MmapCountNotLimited));
        if arena.is_none() || over {
            if let Some((page, size_flags)) = self.set.huge
                && nb >= page
            {
                let id = self.map(nb, page, Map::Huge { size_flags });
                if id.is_some() {
                    return id;
                }
            }
            let id = self.map(nb, self.page, Map::Plain);
            if id.is_some() {
                return id;
            }
            tried = true;
        }
        let Some(a) = arena else { return Id::NONE };
        if a == 0 {
            self.grow_main(t, nb);
        } else if let Some(id) = self.grow_thread(t, a, nb, tried) {
            return id;
        }
        let kept = self.broken(Mutant::PeakNotKept);
        let arena = &mut self.arenas[a];
        if !kept {
            arena.peak_system = arena.peak_system.max(arena.system);
        }
        if self.abort.is_none() && self.top_size(a) >= nb + self.min_chunk {
            self.cut_top(a, nb)
        } else {
            Id::NONE
        }
    }

    /// `sysmalloc_mmap`: a mapping for one chunk.
    pub(super) fn map(&mut self, nb: u64, page: u64, how: Map) -> Id {
        let align = self.rules.align;
        let narrow = align == self.rules.header();
        let word = if self.broken(Mutant::MmapWithoutWord) { 0 } else { self.rules.mapped_extra() };
        let slack = word + if narrow { 0 } else { align - 1 };
        // `ALIGN_UP` wraps around 0 as `size_t` does, which the next line notices.
        let end = nb.wrapping_add(slack).wrapping_add(page - 1);
        let len = self.rules.wrap(end & !(page - 1));
        if len <= nb {
            return Id::NONE;
        }
        let Ok(addr) = self.kernel.mmap(None, len, Prot::ReadWrite, how) else {
            return Id::NONE;
        };
        if how == Map::Plain {
            self.advise_huge(addr, len);
        }
        let lead =
            (addr + self.rules.header()).next_multiple_of(align) - self.rules.header() - addr;
        let size = len - lead - self.rules.mapped_tail();
        let id = self.chunks.add(addr + lead, size, Kind::Mapped, 0);
        self.chunks[id].set_lead(lead);
        self.chunks.push_front(&mut self.maps.head, id);
        let maps = &mut self.maps;
        maps.count += 1;
        maps.peak_count = maps.peak_count.max(maps.count);
        maps.bytes += len;
        maps.peak_bytes = maps.peak_bytes.max(maps.bytes);
        id
    }

    /// `madvise_thp`.
    pub(super) fn advise_huge(&mut self, addr: u64, len: u64) {
        let Some(huge) = self.set.thp else { return };
        if len < huge {
            return;
        }
        let start = addr & !(self.page - 1);
        let _ = self.kernel.madvise(start, len + (addr - start), Advice::HugePage);
    }

    /// The main arena: by `brk`, or else by `mmap` in its place.
    fn grow_main(&mut self, t: usize, nb: u64) {
        let old_top = self.arenas[0].top;
        let old_size = self.top_size(0);
        let old_end = if old_top.is_some() { self.chunks[old_top].end() } else { 0 };
        let contiguous = self.arenas[0].contiguous;

        let mut want = nb.wrapping_add(self.set.top_pad).wrapping_add(self.min_chunk);
        if contiguous && !self.broken(Mutant::GrowsWithoutSubtracting) {
            want = want.wrapping_sub(old_size);
        }
        let want = match self.set.thp {
            None => want.wrapping_add(self.page - 1) & !(self.page - 1),
            Some(huge) => {
                if self.rules.thp_asks_break {
                    self.sbrk(0);
                }
                let brk = self.brk.unwrap_or(0);
                (brk.wrapping_add(want).wrapping_add(huge - 1) & !(huge - 1)).wrapping_sub(brk)
            }
        };
        let mut size = self.rules.wrap(want);
        let signed = self.rules.signed(size);
        let mut start = if signed > 0 { self.sbrk(signed) } else { None };
        let mut end = None;
        if let Some(start) = start {
            self.advise_huge(start, size);
        } else {
            start = self.fallback(&mut size, nb, old_size);
            end = start.map(|start| start + size);
        }
        let Some(start) = start else { return };
        self.arenas[0].system = self.arenas[0].system.wrapping_add(size);
        if old_top.is_some() && start == old_end && end.is_none() {
            self.chunks[old_top].size += size;
            return;
        }
        let contiguous = self.arenas[0].contiguous;
        if contiguous && old_size != 0 && start < old_end {
            self.fail("break adjusted to free malloc space");
            return;
        }
        self.new_region(t, start, end, size, old_end);
    }

    /// `sysmalloc_mmap_fallback`, first with huge pages if they are asked for.
    fn fallback(&mut self, size: &mut u64, nb: u64, old_size: u64) -> Option<u64> {
        if let Some((page, size_flags)) = self.set.huge {
            let how = Map::Huge { size_flags };
            match self.fallback_map(size, nb, old_size, (page, page), how) {
                Fallback::Refused => {}
                Fallback::OutOfRange => return None,
                Fallback::Start(start) => return Some(start),
            }
        }
        let (least, unit) =
            if self.rules.fallback_swapped && !self.broken(Mutant::FallbackAsDocumented) {
                (self.page, MORECORE)
            } else {
                (MORECORE, self.page)
            };
        match self.fallback_map(size, nb, old_size, (least, unit), Map::Plain) {
            Fallback::Start(start) => Some(start),
            Fallback::Refused | Fallback::OutOfRange => None,
        }
    }

    /// One attempt to map what `brk` refused.
    fn fallback_map(
        &mut self,
        size: &mut u64,
        nb: u64,
        old_size: u64,
        (least, unit): (u64, u64),
        how: Map,
    ) -> Fallback {
        let mut len = *size;
        if self.rules.fallback_alone {
            let wanted = nb.wrapping_add(self.set.top_pad).wrapping_add(self.min_chunk);
            len = wanted.wrapping_add(unit - 1) & !(unit - 1);
        } else if self.arenas[0].contiguous {
            len = len.wrapping_add(old_size).wrapping_add(unit - 1) & !(unit - 1);
        }
        let len = self.rules.wrap(len).max(least);
        if len <= nb {
            return Fallback::OutOfRange;
        }
        let Ok(start) = self.kernel.mmap(None, len, Prot::ReadWrite, how) else {
            return Fallback::Refused;
        };
        if how == Map::Plain {
            self.advise_huge(start, len);
        }
        if !self.broken(Mutant::FallbackStaysContiguous) {
            self.arenas[0].contiguous = false;
        }
        *size = len;
        Fallback::Start(start)
    }

    /// Memory that does not follow the old top becomes the new one.
    fn new_region(&mut self, t: usize, start: u64, end: Option<u64>, size: u64, old_end: u64) {
        let old_top = self.arenas[0].top;
        let old_size = self.top_size(0);
        let header = self.rules.header();
        let skip = (start + header).next_multiple_of(self.rules.align) - header - start;
        let mut correction = 0;
        let end = if self.arenas[0].contiguous {
            if old_size != 0 && !self.broken(Mutant::ForeignBreakNotCounted) {
                let arena = &mut self.arenas[0];
                arena.system = arena.system.wrapping_add(start.wrapping_sub(old_end));
            }
            correction = skip + old_size;
            let reach = start + size + correction;
            if !self.broken(Mutant::NewRegionNotRounded) {
                correction += reach.next_multiple_of(self.page) - reach;
            }
            if let Some(end) = self.sbrk(self.rules.signed(correction)) {
                self.advise_huge(end, correction);
                Some(end)
            } else {
                correction = 0;
                self.sbrk(0)
            }
        } else {
            end.or_else(|| self.sbrk(0))
        };
        let Some(end) = end else { return };
        let first = start + skip;
        let top = self.chunks.add(first, end.wrapping_sub(first) + correction, Kind::Top, 0);
        let arena = &mut self.arenas[0];
        arena.top = top;
        arena.regions.push(top);
        arena.system = arena.system.wrapping_add(correction);
        if old_top.is_some() {
            let kept = (old_size - 2 * header) & !(self.rules.align - 1);
            if self.close(old_top, kept) != old_top && !self.broken(Mutant::OldTopIsNotFreed) {
                self.free_inside(t, old_top);
            }
        }
    }

    /// Cuts what was top after `kept` bytes and closes it there; the chunk that closes it. What is
    /// left, if anything, is a live chunk that is to be freed.
    pub(super) fn close(&mut self, old_top: Id, kept: u64) -> Id {
        if kept < self.min_chunk {
            self.chunks[old_top].kind = Kind::Fence;
            return old_top;
        }
        let fence = self.chunks.split(old_top, kept, Kind::Fence);
        self.chunks[old_top].kind = Kind::Live;
        fence
    }
}

/// What came of mapping memory in place of `brk`.
enum Fallback {
    Start(u64),
    Refused,
    /// The size wrapped around, which ends the attempts.
    OutOfRange,
}
