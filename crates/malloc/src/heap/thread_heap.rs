//! The heaps of thread arenas: `new_heap`, `grow_heap`, `shrink_heap`, `heap_trim` in `arena.c`.

use super::Heap;
use super::state::{Arena, ThreadHeap};
use crate::chunk::{Id, Kind};
use crate::kernel::{Advice, Kernel, Map, Prot};
use crate::mutant::Mutant;

impl<K: Kernel> Heap<K> {
    fn heap_max(&self) -> u64 {
        self.set.huge.map_or(self.rules.heap_max, |(page, _)| 4 * page)
    }

    fn heap_min(&self) -> u64 {
        self.set.huge.map_or(32 << 10, |(page, _)| page)
    }

    fn new_heap(&mut self, size: u64) -> Option<ThreadHeap> {
        if let Some((page, size_flags)) = self.set.huge
            && let Some(heap) = self.alloc_heap(size, page, Map::Huge { size_flags })
        {
            return Some(heap);
        }
        let how = if self.rules.heaps_unreserved { Map::NoReserve } else { Map::Plain };
        self.alloc_heap(size, self.page, how)
    }

    /// `alloc_new_heap`: address space on a boundary of its size, the start of it accessible.
    fn alloc_heap(&mut self, size: u64, page: u64, how: Map) -> Option<ThreadHeap> {
        let (least, most) = (self.heap_min(), self.heap_max());
        let padded = self.rules.wrap(size.wrapping_add(self.set.top_pad));
        let size = match padded {
            _ if padded < least => least,
            _ if padded <= most => padded,
            _ if size > most => return None,
            _ => most,
        };
        let size = size.next_multiple_of(page);
        let base = self.reserve_aligned(most, how)?;
        if self.kernel.mprotect(base, size, Prot::ReadWrite).is_err() {
            let _ = self.kernel.munmap(base, most);
            return None;
        }
        self.advise_huge(base, size);
        Some(ThreadHeap { base, size, accessible: size, page, fence: Id::NONE })
    }

    /// Address space of `len` bytes on a boundary of `len`.
    fn reserve_aligned(&mut self, len: u64, how: Map) -> Option<u64> {
        if self.broken(Mutant::SpareAreaForgotten) {
            self.spare_area = None;
        }
        if let Some(hint) = self.spare_area.take()
            && let Ok(base) = self.kernel.mmap(Some(hint), len, Prot::None, how)
        {
            if base.is_multiple_of(len) {
                return Some(base);
            }
            let _ = self.kernel.munmap(base, len);
        }
        if let Ok(start) = self.kernel.mmap(None, 2 * len, Prot::None, how) {
            let base = start.next_multiple_of(len);
            let before = base - start;
            if before == 0 {
                self.spare_area = Some(base + len);
            } else {
                let _ = self.kernel.munmap(start, before);
            }
            let _ = self.kernel.munmap(base + len, len - before);
            return Some(base);
        }
        // It may happen to be aligned.
        let base = self.kernel.mmap(None, len, Prot::None, how).ok()?;
        if base.is_multiple_of(len) {
            return Some(base);
        }
        let _ = self.kernel.munmap(base, len);
        None
    }

    /// `_int_new_arena`: an arena in a heap of its own, for a first request of `size` bytes.
    pub(super) fn new_arena(&mut self, t: usize, size: u64) -> Option<usize> {
        let headers = self.rules.heap_header + self.rules.arena_header + self.rules.align;
        let heap = match self.new_heap(self.rules.wrap(size.wrapping_add(headers))) {
            Some(heap) => heap,
            // Large requests may still get a mapping of their own.
            None => self.new_heap(headers)?,
        };
        let number = u16::try_from(self.arenas.len()).ok()?;
        let (header, align) = (self.rules.header(), self.rules.align);
        let start = heap.base + self.rules.heap_header + self.rules.arena_header;
        let first = (start + header).next_multiple_of(align) - header;
        let top = self.chunks.add(first, heap.base + heap.size - first, Kind::Top, number);
        let mut arena = Arena::new(false);
        arena.top = top;
        arena.regions.push(top);
        (arena.system, arena.peak_system) = (heap.size, heap.size);
        arena.heaps.push(heap);
        self.arenas.push(arena);
        self.detach(t);
        self.threads[t].arena = Some(usize::from(number));
        Some(usize::from(number))
    }

    /// The part of `sysmalloc` for thread arenas; a chunk if it came from `mmap`.
    pub(super) fn grow_thread(&mut self, t: usize, a: usize, nb: u64, tried: bool) -> Option<Id> {
        let top = self.arenas[a].top;
        let old_size = self.chunks[top].size;
        let pad = if self.broken(Mutant::ThreadHeapGrowsWithPad) { self.set.top_pad } else { 0 };
        let more = (nb + self.min_chunk - old_size).saturating_add(pad);
        let before = self.arenas[a].heaps.last().map_or(0, |heap| heap.size);
        if let Some(size) = self.grow_heap(a, more) {
            let arena = &mut self.arenas[a];
            arena.system += size - before;
            self.chunks[top].size += size - before;
            return None;
        }
        if let Some(heap) = self.new_heap(nb.wrapping_add(self.min_chunk + self.rules.heap_header))
        {
            let first = heap.base + self.rules.heap_header;
            let number = self.chunks[top].arena;
            let new = self.chunks.add(first, heap.size - self.rules.heap_header, Kind::Top, number);
            let arena = &mut self.arenas[a];
            arena.system += heap.size;
            arena.top = new;
            arena.regions.push(new);
            let fence = if self.broken(Mutant::ThreadHeapFenceSmaller) {
                self.rules.header()
            } else {
                self.min_chunk
            };
            let kept = (old_size - fence) & !(self.rules.align - 1);
            // Freeing what was top may drop the new heap again, so it must be closed before.
            let closed = self.arenas[a].heaps.len() - 1;
            let fence = self.close(top, kept);
            self.arenas[a].heaps[closed].fence = fence;
            self.arenas[a].heaps.push(heap);
            if fence != top {
                self.free_inside(t, top);
            }
            return None;
        }
        if tried {
            return None;
        }
        let id = self.map(nb, self.page, Map::Plain);
        id.is_some().then_some(id)
    }

    /// `grow_heap`: the new size of the newest heap.
    fn grow_heap(&mut self, a: usize, more: u64) -> Option<u64> {
        let most = self.heap_max();
        let heap = self.arenas[a].heaps.last_mut()?;
        let size = heap.size.checked_add(more.checked_next_multiple_of(heap.page)?)?;
        if size > most {
            return None;
        }
        if size > heap.accessible {
            let (from, len) = (heap.base + heap.accessible, size - heap.accessible);
            self.kernel.mprotect(from, len, Prot::ReadWrite).ok()?;
            heap.accessible = size;
        }
        heap.size = size;
        Some(size)
    }

    /// `heap_trim`: drops heaps that are empty, then shrinks the newest.
    pub(super) fn trim_heaps(&mut self, a: usize, pad: u64) {
        if self.broken(Mutant::ThreadHeapNeverTrimmed) {
            return;
        }
        self.drop_empty_heaps(a, pad);
        let top = self.arenas[a].top;
        let size = self.chunks[top].size;
        let always = self.broken(Mutant::ThreadHeapTrimmedWithoutThreshold);
        let large = size >= self.set.trim_threshold;
        self.set.trim_noted.note(size, large);
        if !large && !always || size < self.min_chunk + 1 {
            return;
        }
        let Some(heap) = self.arenas[a].heaps.last() else { return };
        let spare = size - self.min_chunk - 1;
        if spare <= pad {
            return;
        }
        let extra = (spare - pad) & !(heap.page - 1);
        let new_size = heap.size - extra;
        if extra == 0 || new_size < self.rules.heap_header {
            return;
        }
        let at = heap.base + new_size;
        let remap = self.kernel.never_overcommits();
        if remap {
            if self.kernel.mmap(Some(at), extra, Prot::None, Map::Fixed).is_err() {
                return;
            }
        } else {
            let _ = self.kernel.madvise(at, extra, Advice::DontNeed);
        }
        let arena = &mut self.arenas[a];
        if let Some(heap) = arena.heaps.last_mut() {
            heap.size = new_size;
            if remap {
                heap.accessible = new_size;
            }
        }
        arena.system -= extra;
        self.chunks[top].size -= extra;
    }

    fn drop_empty_heaps(&mut self, a: usize, pad: u64) {
        let most = self.heap_max();
        while let [.., prev, heap] = &self.arenas[a].heaps[..] {
            let top = self.arenas[a].top;
            if self.chunks[top].addr != heap.base + self.rules.heap_header {
                break;
            }
            let fence = prev.fence;
            let below = self.chunks[fence].below;
            let merge = below.is_some() && self.chunks[below].is_mergeable();
            let new_size =
                self.chunks[fence].size + if merge { self.chunks[below].size } else { 0 };
            let least = self.rules.wrap(pad.wrapping_add(self.min_chunk + heap.page));
            if new_size + (most - prev.size) < least {
                break;
            }
            let (base, size) = (heap.base, heap.size);
            let arena = &mut self.arenas[a];
            arena.system -= size;
            arena.heaps.pop();
            arena.regions.pop();
            if self.spare_area == Some(base + most) {
                self.spare_area = None;
            }
            let _ = self.kernel.munmap(base, most);
            self.chunks.vacate(top);
            let mut new_top = fence;
            if merge {
                self.unlink(a, below);
                self.chunks.absorb_above(below);
                new_top = below;
            }
            self.chunks[new_top].kind = Kind::Top;
            self.arenas[a].top = new_top;
        }
    }
}
