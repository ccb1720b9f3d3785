//! Where a chunk goes: `_int_free`, `malloc_consolidate`, `systrim`, `munmap_chunk`.

use super::Heap;
use crate::chunk::{Id, Kind};
use crate::kernel::Kernel;
use crate::mutant::Mutant;

/// `FASTBIN_CONSOLIDATION_THRESHOLD`.
const CONSOLIDATE_FROM: u64 = 65536;

impl<K: Kernel> Heap<K> {
    /// Frees a live chunk of an arena by thread `t`.
    pub(super) fn int_free(&mut self, t: usize, id: Id) {
        let size = self.chunks[id].size;
        if let Some(list) = self.cache_list(t, size)
            && self.threads[t].counts[list] < self.cache_limit()
        {
            self.cache_put(t, list, id);
            return;
        }
        let a = usize::from(self.chunks[id].arena);
        if size <= self.set.max_fast {
            let list = self.fast_index(size);
            let arena = &mut self.arenas[a];
            arena.have_fast = true;
            let chunk = &mut self.chunks[id];
            chunk.kind = Kind::Fast;
            chunk.next = arena.fast[list];
            arena.fast[list] = id;
            arena.fast_tally.add(size);
            return;
        }
        self.merge(a, id);
    }

    /// Frees what the allocator itself cut off or moved away from: since 2.42 past the cache.
    pub(super) fn free_inside(&mut self, t: usize, id: Id) {
        if self.rules.frees_past_cache {
            self.merge(usize::from(self.chunks[id].arena), id);
        } else {
            self.int_free(t, id);
        }
    }

    /// Merges a chunk with its neighbours, past the caches, and then consolidates and trims if
    /// that made it large (`_int_free_merge_chunk`).
    pub(super) fn merge(&mut self, a: usize, id: Id) {
        let size = self.chunks[id].size;
        let mut merged = self.coalesce(a, id, self.rules.small_to_bin);
        if self.broken(Mutant::ConsolidateByOwnSize) {
            merged = size;
        }
        if self.broken(Mutant::ConsolidateFromDouble) {
            merged /= 2;
        }
        if merged >= CONSOLIDATE_FROM {
            if self.arenas[a].have_fast {
                self.consolidate(a);
            }
            if a != 0 {
                self.trim_heaps(a, self.set.top_pad);
            } else {
                let top = self.top_size(0);
                let edge = u64::from(self.broken(Mutant::TrimOnlyBeyondThreshold));
                let large = top >= self.set.trim_threshold.saturating_add(edge);
                if self.spare_pages(self.set.top_pad) != 0 {
                    self.set.trim_noted.note(top, large);
                }
                if large {
                    let none = self.broken(Mutant::TrimKeepsNoPad);
                    self.trim_top(if none { 0 } else { self.set.top_pad });
                }
            }
        }
    }

    pub(super) fn top_size(&self, a: usize) -> u64 {
        let top = self.arenas[a].top;
        if top.is_some() { self.chunks[top].size } else { 0 }
    }

    /// Merges a chunk with its free neighbours; the bytes of what comes out.
    /// With `to_bin` a small one goes to its bin, not to the unsorted chunks.
    fn coalesce(&mut self, a: usize, mut id: Id, to_bin: bool) -> u64 {
        let below = self.chunks[id].below;
        if below.is_some()
            && self.chunks[below].is_mergeable()
            && !self.broken(Mutant::NoMergeBelow)
        {
            self.unlink(a, below);
            self.chunks.absorb_above(below);
            id = below;
        }
        let above = self.chunks[id].above;
        if above == self.arenas[a].top {
            self.chunks.absorb_above(id);
            self.chunks[id].kind = Kind::Top;
            self.arenas[a].top = id;
        } else {
            if above.is_some() && self.chunks[above].is_mergeable() {
                self.unlink(a, above);
                self.chunks.absorb_above(id);
            }
            if to_bin && self.chunks[id].size < self.min_large {
                self.file(a, id);
                return self.chunks[id].size;
            }
            self.push_unsorted(a, id);
            if self.broken(Mutant::FreedIsOldest) {
                self.arenas[a].unsorted = self.chunks[id].next;
            }
        }
        self.chunks[id].size
    }

    /// `malloc_consolidate`: empties the fast lists.
    pub(super) fn consolidate(&mut self, a: usize) {
        self.arenas[a].have_fast = false;
        for list in 0..self.arenas[a].fast.len() {
            loop {
                let id = if self.broken(Mutant::FastConsolidatedOldestFirst) {
                    self.pop_fast_oldest(a, list)
                } else {
                    self.pop_fast(a, list)
                };
                if id.is_none() {
                    break;
                }
                self.coalesce(a, id, false);
            }
        }
    }

    /// `systrim`: gives back the end of the main arena; whether anything was given.
    pub(super) fn trim_top(&mut self, pad: u64) -> bool {
        let top = self.arenas[0].top;
        let size = self.top_size(0);
        let extra = self.spare_pages(pad);
        if extra == 0 {
            return false;
        }
        let Some(before) = self.sbrk(0) else { return false };
        if top.is_none() || before != self.chunks[top].end() {
            return false;
        }
        self.sbrk(extra.wrapping_neg());
        let Some(after) = self.sbrk(0) else { return false };
        if after == before {
            return false;
        }
        let arena = &mut self.arenas[0];
        arena.system = arena.system.wrapping_sub(before.wrapping_sub(after));
        self.chunks[top].size = size.wrapping_sub(before.wrapping_sub(after));
        true
    }

    /// Bytes that trimming the main arena would give back.
    fn spare_pages(&self, pad: u64) -> i64 {
        // A top of the least size makes this -1, which glibc compares as the largest number: the
        // heap then grows.
        let edge = u64::from(!self.broken(Mutant::TrimOneByteMore));
        let spare = self.rules.wrap(self.top_size(0).wrapping_sub(self.min_chunk + edge));
        if spare <= pad {
            return 0;
        }
        let page = self.set.thp.unwrap_or(self.page);
        self.rules.signed(spare.wrapping_sub(pad) & !(page - 1))
    }

    /// `sbrk` of the C library, which remembers where the break is: the break before, `None` if it
    /// could not be moved.
    pub(super) fn sbrk(&mut self, by: i64) -> Option<u64> {
        if self.set.huge.is_some() {
            return None;
        }
        let old = match self.brk {
            Some(old) => old,
            None => *self.brk.insert(self.kernel.brk(0)),
        };
        if by == 0 {
            return Some(old);
        }
        let to = old.checked_add_signed(by).filter(|to| self.rules.wrap(*to) == *to)?;
        let now = self.kernel.brk(to);
        self.brk = Some(now);
        (now >= to).then_some(old)
    }

    /// `free` of a chunk with a mapping of its own: the thresholds move, the mapping goes.
    pub(super) fn free_mapped(&mut self, id: Id) {
        let size = self.chunks[id].size;
        // The flag of mapped chunks is still in the number that glibc compares.
        let flagged = if self.broken(Mutant::ThresholdFlagIgnored) { size } else { size | 2 };
        if self.set.dynamic
            && !self.broken(Mutant::ThresholdStays)
            && flagged > self.set.mmap_threshold
            && flagged <= self.rules.threshold_max
        {
            self.set.mmap_threshold = size;
            let once = self.broken(Mutant::TrimThresholdNotDoubled);
            self.set.trim_threshold = if once { size } else { 2 * size };
        }
        self.unmap(id);
    }

    /// `munmap_chunk`.
    pub(super) fn unmap(&mut self, id: Id) {
        let chunk = self.chunks[id];
        let lead = chunk.lead();
        self.maps.count -= 1;
        let len = lead + chunk.size + self.rules.mapped_tail();
        self.maps.bytes -= len;
        self.chunks.remove(&mut self.maps.head, id);
        self.chunks.vacate(id);
        // Nothing can be done if it fails.
        let _ = self.kernel.munmap(chunk.addr - lead, len);
    }
}
