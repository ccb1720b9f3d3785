//! The heap looked at from outside: its chunks in the order of their addresses, and what it holds.

use super::state::Tally;
use super::{Heap, Ptr};
use crate::chunk::{Chunk, Id, Kind};
use crate::kernel::Kernel;
use crate::mutant::Mutant;
use std::ops::RangeInclusive;
use units::Bytes;

/// What a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChunkState {
    /// The program has it.
    Live,
    /// The table of a thread's cache: the library's own.
    CacheTable,
    /// In the cache of a thread.
    Tcache,
    /// In a fast list.
    Fast,
    /// Freed, not sorted yet.
    Unsorted,
    /// In the bin of its size.
    Binned,
    /// The free end of an arena.
    Top,
    /// A few bytes that close a piece of memory.
    Fence,
    /// The program has it, and it has a mapping of its own.
    Mmapped,
}

impl ChunkState {
    /// Whether the program could use it.
    pub fn is_live(self) -> bool {
        matches!(self, ChunkState::Live | ChunkState::Mmapped)
    }
}

/// One chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkView {
    /// Where it begins, with its header.
    pub addr: u64,
    /// Its bytes, the header included.
    pub size: u64,
    /// What it is.
    pub state: ChunkState,
    /// Which arena it is of: 0 is the main one.
    pub arena: usize,
    /// The block in it, as it was or would be handed out.
    pub ptr: Ptr,
}

/// What the two thresholds were, and which others would have made no difference to what was asked so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// `mmap_threshold` in force.
    pub mmap: u64,
    /// `trim_threshold` in force.
    pub trim: u64,
    /// Whether freed mappings move them: then nothing can be said about others.
    pub dynamic: bool,
    /// Every call would have been the same with any `mmap_threshold` in this range, if it is not dynamic …
    pub same_mmap: RangeInclusive<u64>,
    /// … and any `trim_threshold` in this one.
    pub same_trim: RangeInclusive<u64>,
}

/// What the heap holds, in bytes with headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Memory of the arenas.
    pub system: u64,
    /// Blocks with mappings of their own; the bytes are those of the mappings.
    pub mmapped: Tally,
    /// Bytes of the arenas that are neither free nor cached: the program's blocks, the tables of
    /// the caches, and fences.
    pub in_use: u64,
    /// In the caches of the threads.
    pub tcache: Tally,
    /// In the fast lists.
    pub fast: Tally,
    /// Freed and not sorted yet.
    pub unsorted: Tally,
    /// In bins.
    pub binned: Tally,
    /// The ends of the arenas.
    pub top: Tally,
}

impl Figures {
    /// All that the kernel gave.
    pub fn held(&self) -> u64 {
        self.system + self.mmapped.bytes
    }

    /// What is held and not in use.
    pub fn free(&self) -> u64 {
        let lists = [self.tcache, self.fast, self.unsorted, self.binned, self.top];
        lists.iter().map(|tally| tally.bytes).sum()
    }
}

impl<K: Kernel> Heap<K> {
    /// What the heap holds. The cost grows with the arenas only.
    pub fn figures(&self) -> Figures {
        let mut sum = Figures {
            mmapped: Tally { count: self.maps.count.into(), bytes: self.maps.bytes },
            tcache: self.cached,
            ..Figures::default()
        };
        for (a, arena) in self.arenas.iter().enumerate() {
            sum.system += arena.system;
            for (sum, more) in [
                (&mut sum.fast, arena.fast_tally),
                (&mut sum.unsorted, arena.unsorted_tally),
                (&mut sum.binned, arena.filed_tally),
            ] {
                sum.count += more.count;
                sum.bytes += more.bytes;
            }
            if arena.top.is_some() {
                sum.top.add(self.top_size(a));
            }
        }
        sum.in_use = sum.system.saturating_sub(sum.free());
        sum
    }

    /// The thresholds, and how far they could be moved without a difference.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            mmap: self.set.mmap_threshold,
            trim: self.set.trim_threshold,
            dynamic: self.set.dynamic,
            same_mmap: self.set.mmap_noted.range(),
            same_trim: self.set.trim_noted.range(),
        }
    }

    /// Whether a live block has a mapping of its own.
    pub fn is_mapped(&self, ptr: Ptr) -> bool {
        self.live(ptr).is_some_and(|id| self.chunks[id].kind == Kind::Mapped)
    }

    /// Arenas there are, the main one included.
    pub fn arenas(&self) -> usize {
        self.arenas.len()
    }

    /// What the model itself takes for its chunks.
    pub fn own_memory(&self) -> Bytes {
        Bytes::new((self.chunks.capacity() * size_of::<Chunk>()) as u64)
    }

    /// Every chunk of every arena and every mapped one, in the order of their addresses.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkView> + '_ {
        let mut starts: Vec<Id> =
            self.arenas.iter().flat_map(|arena| arena.regions.iter().copied()).collect();
        let mut mapped = self.maps.head;
        while mapped.is_some() {
            starts.push(mapped);
            mapped = self.chunks[mapped].next;
            if mapped == self.maps.head {
                break;
            }
        }
        starts.sort_by_key(|id| self.chunks[*id].addr);
        starts.into_iter().flat_map(move |start| {
            std::iter::successors(Some(start), move |id| {
                let chunk = &self.chunks[*id];
                (chunk.kind != Kind::Mapped && chunk.above.is_some()).then_some(chunk.above)
            })
            .map(|id| self.view(id))
        })
    }

    fn view(&self, id: Id) -> ChunkView {
        let chunk = &self.chunks[id];
        let state = match chunk.kind {
            Kind::Live if self.threads.iter().any(|thread| thread.table == id) => {
                ChunkState::CacheTable
            }
            Kind::Vacant | Kind::Live => ChunkState::Live,
            Kind::Tcache => ChunkState::Tcache,
            Kind::Fast => ChunkState::Fast,
            Kind::Unsorted => ChunkState::Unsorted,
            Kind::Filed => ChunkState::Binned,
            Kind::Top => ChunkState::Top,
            Kind::Fence => ChunkState::Fence,
            Kind::Mapped => ChunkState::Mmapped,
        };
        ChunkView {
            addr: chunk.addr,
            size: chunk.size,
            state,
            arena: usize::from(chunk.arena),
            ptr: Ptr { addr: chunk.addr + self.rules.header(), id },
        }
    }

    /// The whole pages in free chunks, in the order in which `mtrim` gives them up.
    pub(super) fn whole_pages(&self, a: usize) -> Vec<(u64, u64)> {
        let arena = &self.arenas[a];
        let mut pages = Vec::new();
        self.whole_pages_of_ring(arena.unsorted, &mut pages);
        let small = self.broken(Mutant::TrimPagesOfSmallChunks);
        let first_bin = if small { 0 } else { self.rules.bin(self.page) };
        let mut key = 0;
        while let Some((found, head)) = arena.filed.at_least(key) {
            if self.rules.bin(found * self.rules.align) >= first_bin {
                self.whole_pages_of_ring(head, &mut pages);
            }
            key = found + 1;
        }
        pages
    }

    /// From the back of the ring to its front.
    fn whole_pages_of_ring(&self, head: Id, pages: &mut Vec<(u64, u64)>) {
        if head.is_none() {
            return;
        }
        let fields =
            if self.broken(Mutant::TrimPagesWithoutFields) { 0 } else { 6 * self.rules.word };
        let mut id = head;
        loop {
            let newest_first = self.broken(Mutant::TrimPagesNewestFirst);
            id = if newest_first { self.chunks[id].next } else { self.chunks[id].prev };
            let chunk = &self.chunks[id];
            let start = (chunk.addr + fields).next_multiple_of(self.page);
            let len = chunk.end().saturating_sub(start) & !(self.page - 1);
            if len > 0 {
                pages.push((start, len));
            }
            if id == head {
                return;
            }
        }
    }
}
