//! `realloc`: `_int_realloc` for chunks of an arena, `mremap_chunk` for mapped ones.

use super::Heap;
use crate::chunk::{Id, Kind};
use crate::kernel::Kernel;
use crate::mutant::Mutant;

impl<K: Kernel> Heap<K> {
    /// Resizes a mapped chunk; `Id::NONE` leaves it as it was.
    pub(super) fn realloc_mapped(&mut self, t: usize, id: Id, nb: u64, request: u64) -> Id {
        let chunk = self.chunks[id];
        let lead = chunk.lead();
        let old = lead + chunk.size + self.rules.mapped_tail();
        let end = nb.wrapping_add(lead + self.rules.mapped_extra() + self.page - 1);
        let new = self.rules.wrap(end & !(self.page - 1));
        if new == old || new < old && self.broken(Mutant::ShrunkMappingIsKept) {
            return id;
        }
        if self.broken(Mutant::ReallocMovesThreshold) && chunk.size > self.set.mmap_threshold {
            self.set.mmap_threshold = chunk.size;
        }
        if let Ok(start) = self.kernel.mremap(chunk.addr - lead, old, new) {
            // Since 2.43 the advice is known to move along.
            if !self.rules.mapped_header || self.set.thp.is_some_and(|thp| old < thp) {
                self.advise_huge(start, new);
            }
            // Since 2.43 the library forgets the words behind the chunk here, and counts them again each time.
            let counted = old - self.rules.mapped_tail();
            let chunk = &mut self.chunks[id];
            chunk.addr = start + lead;
            chunk.size = new - lead - self.rules.mapped_tail();
            self.maps.bytes = self.maps.bytes - counted + new;
            self.maps.peak_bytes = self.maps.peak_bytes.max(self.maps.bytes);
            return id;
        }
        let fits = if self.rules.mapped_header {
            request <= chunk.size - self.rules.word
        } else {
            chunk.size - self.rules.word >= nb
        };
        if fits {
            return id;
        }
        let new = self.malloc_chunk(t, request);
        if new.is_some() {
            self.unmap(id);
        }
        new
    }

    /// Resizes a chunk of an arena; `Id::NONE` leaves it as it was.
    pub(super) fn int_realloc(&mut self, t: usize, id: Id, nb: u64) -> Id {
        let a = usize::from(self.chunks[id].arena);
        let size = self.chunks[id].size;
        if size < nb {
            let above = self.chunks[id].above;
            let top = above == self.arenas[a].top;
            let with_above = size + self.chunks[above].size;
            let edge = u64::from(self.broken(Mutant::ReallocTopEdge));
            if top
                && with_above >= nb + self.min_chunk + edge
                && !self.broken(Mutant::ReallocNeverGrowsIntoTop)
            {
                self.chunks.absorb_above(id);
                self.arenas[a].top = self.chunks.split(id, nb, Kind::Top);
                return id;
            }
            if !top
                && self.chunks[above].is_mergeable()
                && with_above >= nb
                && !self.broken(Mutant::ReallocDoesNotAbsorb)
            {
                self.unlink(a, above);
                self.chunks.absorb_above(id);
            } else {
                let new = if self.broken(Mutant::ReallocTakesFromTcache) {
                    self.malloc_chunk(t, nb - self.rules.word)
                } else {
                    self.int_malloc(t, Some(a), nb - (self.rules.align - 1))
                };
                if new.is_none() {
                    return Id::NONE;
                }
                let apart = self.broken(Mutant::ReallocDoesNotMergeNext);
                if new != self.chunks[id].above || apart {
                    self.free_inside(t, id);
                    return new;
                }
                self.chunks.absorb_above(id);
            }
        }
        let least = if self.broken(Mutant::ReallocKeepsTail) { 64 } else { self.min_chunk };
        if self.chunks[id].size - nb >= least {
            let rest = self.chunks.split(id, nb, Kind::Live);
            self.free_inside(t, rest);
        }
        id
    }
}
