//! `memalign` and its kin: `_mid_memalign`, `_int_memalign`.

use super::Heap;
use crate::chunk::{Id, Kind};
use crate::kernel::Kernel;
use crate::mutant::Mutant;

impl<K: Kernel> Heap<K> {
    /// `_mid_memalign`; `Id::NONE` is `ENOMEM` or `EINVAL`.
    pub(super) fn memalign_chunk(&mut self, t: usize, alignment: u64, request: u64) -> Id {
        if alignment <= self.rules.align {
            return self.malloc_chunk(t, request);
        }
        let alignment = alignment.max(self.min_chunk);
        if alignment > self.rules.most() + 1 {
            return Id::NONE;
        }
        let alignment = alignment.next_power_of_two();
        if self.set.checked {
            return self.int_memalign(t, Some(0), alignment, request.saturating_add(1));
        }
        if let Some(cached) = self.take_aligned(t, alignment, request) {
            return cached;
        }
        if self.alone() {
            return self.int_memalign(t, Some(0), alignment, request);
        }
        let size = self.rules.wrap(request.wrapping_add(alignment).wrapping_add(self.min_chunk));
        let arena = self.arena_get(t, size);
        let id = self.int_memalign(t, arena, alignment, request);
        match arena {
            Some(a) if id.is_none() => {
                let arena = self.arena_retry(t, a, request);
                self.int_memalign(t, arena, alignment, request)
            }
            _ => id,
        }
    }

    fn int_memalign(&mut self, t: usize, arena: Option<usize>, alignment: u64, request: u64) -> Id {
        let Some(nb) = self.rules.chunk_for(request) else { return Id::NONE };
        if alignment > self.rules.most() {
            return Id::NONE;
        }
        let once = if self.broken(Mutant::MemalignPadOnce) { self.rules.word } else { 0 };
        // Up to 2.29 `__libc_memalign` refuses what does not fit `size_t` together with its padding;
        // later releases refuse requests and alignments that could come near.
        let padded = nb.checked_add(alignment).and_then(|sum| sum.checked_add(self.min_chunk));
        let Some(padded) = padded.filter(|&padded| self.rules.wrap(padded) == padded) else {
            return Id::NONE;
        };
        let id = self.int_malloc(t, arena, padded - once);
        if id.is_none() {
            return id;
        }
        let header = self.rules.header();
        let chunk = self.chunks[id];
        let mut block = id;
        if !(chunk.addr + header).is_multiple_of(alignment) {
            let mut lead = (chunk.addr + header).next_multiple_of(alignment) - header - chunk.addr;
            let edge = u64::from(self.broken(Mutant::MemalignLeadNeedsMore));
            let plain = chunk.kind == Kind::Mapped && self.rules.memalign_cuts_chunks;
            if lead < self.min_chunk + edge && !plain {
                lead += alignment;
            }
            if chunk.kind == Kind::Mapped {
                let chunk = &mut self.chunks[id];
                let before = chunk.lead();
                chunk.addr += lead;
                chunk.size -= lead;
                chunk.set_lead(before + lead);
                return id;
            }
            block = self.chunks.split(id, lead, Kind::Live);
            if self.rules.memalign_merges {
                self.merge(usize::from(chunk.arena), id);
            } else {
                self.int_free(t, id);
            }
        }
        let chunk = self.chunks[block];
        if self.rules.memalign_merges {
            self.give_back_tail(block, nb);
            return block;
        }
        let edge = u64::from(!self.broken(Mutant::MemalignTailFromMinimum));
        if chunk.kind != Kind::Mapped && chunk.size >= nb + self.min_chunk + edge {
            let rest = self.chunks.split(block, nb, Kind::Live);
            self.int_free(t, rest);
        }
        block
    }

    /// Since 2.38: what is beyond `nb` bytes is free, also less than a chunk if it joins a free
    /// one above.
    fn give_back_tail(&mut self, block: Id, nb: u64) {
        let chunk = self.chunks[block];
        if chunk.kind == Kind::Mapped || chunk.size <= nb {
            return;
        }
        let a = usize::from(chunk.arena);
        let joins = chunk.above == self.arenas[a].top || self.chunks[chunk.above].is_mergeable();
        let joins = joins && !self.rules.memalign_cuts_chunks;
        if chunk.size - nb >= self.min_chunk || joins {
            let rest = self.chunks.split(block, nb, Kind::Live);
            self.merge(a, rest);
        }
    }

    /// Since 2.38: the newest block of the thread's cache that happens to be aligned;
    /// `Some(Id::NONE)` if the request is refused.
    fn take_aligned(&mut self, t: usize, alignment: u64, request: u64) -> Option<Id> {
        self.rules.tcache.filter(|tcache| tcache.memalign_takes)?;
        let Some(nb) = self.rules.chunk_for(request) else {
            return (!self.rules.refuses_late).then_some(Id::NONE);
        };
        let list = self.cache_list(t, nb)?;
        let header = self.rules.header();
        let mut newer = Id::NONE;
        let mut id = self.threads[t].lists[list];
        while id.is_some() {
            let chunk = self.chunks[id];
            if (chunk.addr + header).is_multiple_of(alignment) {
                if newer.is_none() {
                    return Some(self.cache_get(t, list));
                }
                self.chunks[newer].next = chunk.next;
                self.chunks[id].kind = Kind::Live;
                self.threads[t].counts[list] -= 1;
                self.cached.sub(chunk.size);
                return Some(id);
            }
            newer = id;
            id = chunk.next;
        }
        None
    }
}
