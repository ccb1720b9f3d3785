//! Where a chunk comes from: `_int_malloc`.

use super::{Heap, state::tcache_bin};
use crate::chunk::{Id, Kind};
use crate::kernel::Kernel;
use crate::mutant::Mutant;

/// `MAX_ITERS`: freed chunks sorted by one call before it goes on without the rest.
const MAX_SORTED: u32 = 10_000;

impl<K: Kernel> Heap<K> {
    /// A chunk for a request, from an arena or, without one, from `mmap`. `Id::NONE` is `ENOMEM`.
    pub(super) fn int_malloc(&mut self, t: usize, arena: Option<usize>, request: u64) -> Id {
        let Some(nb) = self.rules.chunk_for(request) else { return Id::NONE };
        match arena {
            Some(a) => self.search(t, a, nb),
            None => self.system_malloc(t, None, nb),
        }
    }

    /// The list of the thread's cache for a chunk, if it has a cache and a list for it.
    #[inline]
    pub(super) fn cache_list(&self, t: usize, nb: u64) -> Option<usize> {
        let list = tcache_bin(&self.rules, nb);
        (list < self.set.tcache_bins && self.threads[t].cached).then_some(list)
    }

    fn search(&mut self, t: usize, a: usize, nb: u64) -> Id {
        let list = self.cache_list(t, nb);
        let small = nb < self.min_large;
        if nb <= self.set.max_fast {
            let fast = self.fast_index(nb);
            let id = self.pop_fast(a, fast);
            if id.is_some() {
                while let Some(list) = self.room(t, list) {
                    if self.broken(Mutant::FastDoesNotFillTcache) {
                        break;
                    }
                    let more = self.pop_fast(a, fast);
                    if more.is_none() {
                        break;
                    }
                    self.cache_put(t, list, more);
                }
                self.chunks[id].kind = Kind::Live;
                return id;
            }
        }
        if small {
            let head = self.arenas[a].filed.head(self.key(nb));
            if head.is_some() {
                let id = self.take_filed_back(a, head);
                let late = list.is_none() && tcache_bin(&self.rules, nb) < self.set.tcache_bins;
                let list = if late { self.cache_list_inside(t, a, nb) } else { list };
                while let Some(list) = self.room(t, list) {
                    if self.broken(Mutant::SmallDoesNotFillTcache) {
                        break;
                    }
                    let head = self.arenas[a].filed.head(self.key(nb));
                    if head.is_none() {
                        break;
                    }
                    let more = self.take_filed_back(a, head);
                    self.cache_put(t, list, more);
                }
                return id;
            }
        } else if self.arenas[a].have_fast && !self.broken(Mutant::LargeDoesNotConsolidate) {
            self.consolidate(a);
        }
        self.search_sorted(t, a, nb, list)
    }

    /// The slow part: sorts what was freed, then takes what fits best.
    fn search_sorted(&mut self, t: usize, a: usize, nb: u64, mut list: Option<usize>) -> Id {
        let small = nb < self.min_large;
        let mut cached = false;
        let mut sorted = 0_u64;
        loop {
            let mut steps = 0;
            loop {
                let newest = self.arenas[a].unsorted;
                if newest.is_none() {
                    break;
                }
                let oldest = self.chunks[newest].prev;
                if !self.smashed.is_empty()
                    && !self.check_size(oldest, "malloc(): invalid size (unsorted)")
                {
                    return Id::NONE;
                }
                let chunk = &self.chunks[oldest];
                let (addr, size) = (chunk.addr, chunk.size);
                if small
                    && (oldest == newest || self.broken(Mutant::LastRemainderNotAlone))
                    && !self.broken(Mutant::NoLastRemainder)
                    && addr == self.arenas[a].last_remainder
                    && (size > nb + self.min_chunk
                        || self.broken(Mutant::LastRemainderOneSizeMore)
                            && size == nb + self.min_chunk)
                {
                    self.unlink(a, oldest);
                    let rest = self.cut(a, oldest, nb);
                    self.arenas[a].last_remainder = self.chunks[rest].addr;
                    return oldest;
                }
                self.unlink(a, oldest);
                if size == nb {
                    self.chunks[oldest].kind = Kind::Live;
                    if list.is_none() {
                        list = self.cache_list_inside(t, a, nb);
                    }
                    let room = self.room(t, list);
                    let Some(list) = room.filter(|_| !self.broken(Mutant::ExactFitIsNotCached))
                    else {
                        return oldest;
                    };
                    self.cache_put(t, list, oldest);
                    cached = true;
                    continue;
                }
                self.file(a, oldest);
                sorted += 1;
                let limit = self.set.unsorted_limit;
                if cached && limit > 0 && sorted > limit {
                    return self.cache_get(t, list.unwrap_or(0));
                }
                steps += 1;
                let limit = MAX_SORTED - u32::from(self.broken(Mutant::SortLimitOneLess));
                if steps >= limit && !self.broken(Mutant::NoSortLimit) {
                    break;
                }
            }
            if cached {
                return self.cache_get(t, list.unwrap_or(0));
            }
            if let Some((key, front)) = self.arenas[a].filed.at_least(self.key(nb)) {
                return self.take_best(a, nb, key, front);
            }
            let top = self.arenas[a].top;
            if !self.smashed.is_empty() && !self.check_size(top, "malloc(): corrupted top size") {
                return Id::NONE;
            }
            let least = if self.broken(Mutant::TopMayBeUsedUp) { 1 } else { self.min_chunk };
            if top.is_some() && self.chunks[top].size >= nb + least {
                return self.cut_top(a, nb);
            }
            let empty = self.arenas[a].fast_tally.count == 0;
            if !self.arenas[a].have_fast || empty && self.broken(Mutant::FastFlagNotSticky) {
                return self.system_malloc(t, Some(a), nb);
            }
            self.consolidate(a);
        }
    }

    /// Takes the best of the ring of a size that is large enough.
    fn take_best(&mut self, a: usize, nb: u64, key: u64, front: Id) -> Id {
        let small = nb < self.min_large;
        let size = key * self.rules.align;
        let own_bin = !small && self.rules.bin(size) == self.rules.bin(nb);
        // In its own bin the second of a size is taken, so that the first can stay on the skip list.
        let second = if own_bin {
            !self.rules.large_oldest && !self.broken(Mutant::OwnBinTakesOldest)
        } else {
            self.broken(Mutant::OtherBinTakesSecond)
        };
        let id = if second { self.chunks[front].next } else { self.chunks[front].prev };
        self.unlink(a, id);
        let least = self.min_chunk + u64::from(self.broken(Mutant::RemainderNeedsMore));
        if size - nb < least {
            self.chunks[id].kind = Kind::Live;
        } else {
            let rest = self.cut(a, id, nb);
            if self.broken(Mutant::RemainderIsOldest) {
                let newest = self.chunks[rest].next;
                self.arenas[a].unsorted = newest;
            }
            if small || self.broken(Mutant::OwnBinSetsLastRemainder) {
                self.arenas[a].last_remainder = self.chunks[rest].addr;
            }
        }
        id
    }

    /// Cuts a chunk that is in no list: `nb` bytes are live, the rest is unsorted.
    fn cut(&mut self, a: usize, id: Id, nb: u64) -> Id {
        let rest = self.chunks.split(id, nb, Kind::Unsorted);
        self.chunks[id].kind = Kind::Live;
        self.push_unsorted(a, rest);
        rest
    }

    /// Cuts `nb` bytes from the lower end of top.
    pub(super) fn cut_top(&mut self, a: usize, nb: u64) -> Id {
        let id = self.arenas[a].top;
        self.arenas[a].top = self.chunks.split(id, nb, Kind::Top);
        self.chunks[id].kind = Kind::Live;
        id
    }

    /// The cache's list, if it takes one more chunk.
    #[inline]
    fn room(&self, t: usize, list: Option<usize>) -> Option<usize> {
        list.filter(|&list| self.threads[t].counts[list] < self.cache_limit())
    }

    /// Chunks in one list of a cache.
    #[inline]
    pub(super) fn cache_limit(&self) -> u16 {
        if self.broken(Mutant::TcacheHoldsEight) {
            return self.set.tcache_count + 1;
        }
        if self.broken(Mutant::TcacheHoldsSix) {
            return self.set.tcache_count.saturating_sub(1);
        }
        self.set.tcache_count
    }

    #[inline]
    pub(super) fn cache_put(&mut self, t: usize, list: usize, id: Id) {
        let thread = &mut self.threads[t];
        let chunk = &mut self.chunks[id];
        chunk.kind = Kind::Tcache;
        chunk.next = thread.lists[list];
        thread.lists[list] = id;
        thread.counts[list] += 1;
        self.cached.add(chunk.size);
    }

    /// The newest of a list of the cache that is not empty.
    #[inline]
    pub(super) fn cache_get(&mut self, t: usize, list: usize) -> Id {
        if self.broken(Mutant::TcacheOldestFirst) {
            self.reverse_cache(t, list);
            let id = self.cache_get_newest(t, list);
            self.reverse_cache(t, list);
            return id;
        }
        self.cache_get_newest(t, list)
    }

    fn reverse_cache(&mut self, t: usize, list: usize) {
        let mut reversed = Id::NONE;
        let mut id = self.threads[t].lists[list];
        while id.is_some() {
            let next = std::mem::replace(&mut self.chunks[id].next, reversed);
            reversed = std::mem::replace(&mut id, next);
        }
        self.threads[t].lists[list] = reversed;
    }

    #[inline]
    fn cache_get_newest(&mut self, t: usize, list: usize) -> Id {
        let thread = &mut self.threads[t];
        let id = thread.lists[list];
        let chunk = &mut self.chunks[id];
        chunk.kind = Kind::Live;
        thread.lists[list] = chunk.next;
        thread.counts[list] -= 1;
        self.cached.sub(chunk.size);
        id
    }

    /// `fastbin_index`.
    #[expect(clippy::cast_possible_truncation, reason = "fast chunks are small")]
    pub(super) fn fast_index(&self, size: u64) -> usize {
        (size / (2 * self.rules.word)) as usize - 2
    }

    pub(super) fn pop_fast(&mut self, a: usize, list: usize) -> Id {
        if self.broken(Mutant::FastOldestFirst) {
            return self.pop_fast_oldest(a, list);
        }
        let arena = &mut self.arenas[a];
        let id = arena.fast[list];
        if id.is_some() {
            let chunk = &self.chunks[id];
            arena.fast[list] = chunk.next;
            arena.fast_tally.sub(chunk.size);
        }
        id
    }

    pub(super) fn pop_fast_oldest(&mut self, a: usize, list: usize) -> Id {
        let mut newer = Id::NONE;
        let mut id = self.arenas[a].fast[list];
        while id.is_some() && self.chunks[id].next.is_some() {
            newer = id;
            id = self.chunks[id].next;
        }
        if newer.is_some() {
            self.chunks[newer].next = Id::NONE;
        } else {
            self.arenas[a].fast[list] = Id::NONE;
        }
        if id.is_some() {
            self.arenas[a].fast_tally.sub(self.chunks[id].size);
        }
        id
    }

    #[inline]
    pub(super) fn key(&self, size: u64) -> u64 {
        size >> self.align_shift
    }

    pub(super) fn push_unsorted(&mut self, a: usize, id: Id) {
        let arena = &mut self.arenas[a];
        self.chunks[id].kind = Kind::Unsorted;
        self.chunks.push_front(&mut arena.unsorted, id);
        arena.unsorted_tally.add(self.chunks[id].size);
    }

    /// Puts a chunk that is in no list where its size belongs.
    pub(super) fn file(&mut self, a: usize, id: Id) {
        let size = self.chunks[id].size;
        let key = self.key(size);
        let first = self.rules.large_oldest || self.broken(Mutant::LargeInsertedFirst);
        let arena = &mut self.arenas[a];
        let mut head = arena.filed.head(key);
        if head.is_none() || size < self.min_large || first {
            self.chunks.push_front(&mut head, id);
            arena.filed.set(key, head);
        } else {
            self.chunks.insert_second(head, id);
        }
        self.chunks[id].kind = Kind::Filed;
        arena.filed_tally.add(size);
    }

    /// Takes a free chunk out of the list it is in.
    pub(super) fn unlink(&mut self, a: usize, id: Id) {
        let arena = &mut self.arenas[a];
        let chunk = self.chunks[id];
        if chunk.kind == Kind::Unsorted {
            self.chunks.remove(&mut arena.unsorted, id);
            arena.unsorted_tally.sub(chunk.size);
            return;
        }
        arena.filed_tally.sub(chunk.size);
        let key = chunk.size >> self.align_shift;
        if chunk.next == id {
            arena.filed.set(key, Id::NONE);
            return;
        }
        let front = arena.filed.head(key);
        let mut head = front;
        self.chunks.remove(&mut head, id);
        if head != front {
            arena.filed.set(key, head);
        }
    }

    /// The oldest of an exact bin, as a live chunk.
    fn take_filed_back(&mut self, a: usize, head: Id) -> Id {
        let mut id = self.chunks[head].prev;
        if self.broken(Mutant::SmallNewestFirst) {
            id = head;
        }
        self.unlink(a, id);
        self.chunks[id].kind = Kind::Live;
        id
    }
}
