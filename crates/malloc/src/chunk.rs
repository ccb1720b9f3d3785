//! The chunks: one record each, in one array, linked to their neighbours in memory and to the
//! list they are in.
//!
//! A record is 40 bytes. Nothing is looked up by address: whoever holds a block holds the number of its
//! record too (see [`Ptr`](crate::Ptr)).

use std::ops::{Index, IndexMut};

/// The number of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(pub(crate) u32);

impl Id {
    /// No chunk.
    pub(crate) const NONE: Id = Id(u32::MAX);

    pub(crate) fn is_some(self) -> bool {
        self != Id::NONE
    }

    pub(crate) fn is_none(self) -> bool {
        self == Id::NONE
    }
}

/// What a chunk is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The record is not in use.
    Vacant,
    Live,
    Tcache,
    Fast,
    Unsorted,
    Filed,
    Top,
    Fence,
    /// Live, in a mapping of its own. Its `below` and `above` hold the bytes of the mapping before it.
    Mapped,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    /// Where it begins: two words below the user's pointer.
    pub(crate) addr: u64,
    pub(crate) size: u64,
    /// The neighbours in memory.
    pub(crate) below: Id,
    pub(crate) above: Id,
    /// The neighbours in its list.
    pub(crate) next: Id,
    pub(crate) prev: Id,
    pub(crate) arena: u16,
    pub(crate) kind: Kind,
}

impl Chunk {
    /// Whether it may be merged with a neighbour that is freed.
    pub(crate) fn is_mergeable(&self) -> bool {
        matches!(self.kind, Kind::Unsorted | Kind::Filed)
    }

    pub(crate) fn end(&self) -> u64 {
        self.addr + self.size
    }

    /// Bytes of the mapping before a mapped chunk.
    pub(crate) fn lead(&self) -> u64 {
        u64::from(self.below.0) | u64::from(self.above.0) << 32
    }

    pub(crate) fn set_lead(&mut self, lead: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
        let (low, high) = (lead as u32, (lead >> 32) as u32);
        (self.below, self.above) = (Id(low), Id(high));
    }
}

/// All records.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    all: Vec<Chunk>,
    /// The first vacant record; they are linked by `next`.
    vacant: Id,
}

impl Index<Id> for Chunks {
    type Output = Chunk;

    #[inline]
    fn index(&self, id: Id) -> &Chunk {
        &self.all[id.0 as usize]
    }
}

impl IndexMut<Id> for Chunks {
    #[inline]
    fn index_mut(&mut self, id: Id) -> &mut Chunk {
        &mut self.all[id.0 as usize]
    }
}

impl Chunks {
    pub(crate) fn new() -> Chunks {
        Chunks { all: Vec::new(), vacant: Id::NONE }
    }

    /// Records that exist, used or vacant.
    pub(crate) fn capacity(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Chunk> {
        self.all.get(id.0 as usize)
    }

    /// All records in use, in no order.
    pub(crate) fn used(&self) -> impl Iterator<Item = (Id, &Chunk)> {
        let ids = (0..u32::MAX).map(Id);
        ids.zip(&self.all).filter(|(_, chunk)| chunk.kind != Kind::Vacant)
    }

    pub(crate) fn add(&mut self, addr: u64, size: u64, kind: Kind, arena: u16) -> Id {
        let (below, above, next, prev) = (Id::NONE, Id::NONE, Id::NONE, Id::NONE);
        let chunk = Chunk { addr, size, below, above, next, prev, arena, kind };
        let id = self.vacant;
        if id.is_some() {
            self.vacant = self[id].next;
            self[id] = chunk;
            return id;
        }
        self.all.push(chunk);
        Id(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX - 1))
    }

    pub(crate) fn vacate(&mut self, id: Id) {
        let vacant = self.vacant;
        let chunk = &mut self[id];
        chunk.kind = Kind::Vacant;
        chunk.next = vacant;
        self.vacant = id;
    }

    /// Cuts a chunk after `size` bytes; the rest is a new chunk of `kind`.
    #[inline]
    pub(crate) fn split(&mut self, id: Id, size: u64, kind: Kind) -> Id {
        let lower = self[id];
        let upper = self.add(lower.addr + size, lower.size - size, kind, lower.arena);
        self[upper].below = id;
        self[upper].above = lower.above;
        if lower.above.is_some() {
            self[lower.above].below = upper;
        }
        let chunk = &mut self[id];
        chunk.size = size;
        chunk.above = upper;
        upper
    }

    /// Makes a chunk and its upper neighbour one; the record of the lower one stays.
    #[inline]
    pub(crate) fn absorb_above(&mut self, id: Id) {
        let upper = self[id].above;
        let Chunk { size, above, .. } = self[upper];
        let chunk = &mut self[id];
        chunk.size += size;
        chunk.above = above;
        if above.is_some() {
            self[above].below = id;
        }
        self.vacate(upper);
    }

    /// Puts `id` at the front of a ring.
    #[inline]
    pub(crate) fn push_front(&mut self, head: &mut Id, id: Id) {
        if head.is_none() {
            (self[id].next, self[id].prev) = (id, id);
        } else {
            self.insert_before(*head, id);
        }
        *head = id;
    }

    /// Puts `id` behind the front of a ring that is not empty.
    #[inline]
    pub(crate) fn insert_second(&mut self, head: Id, id: Id) {
        let second = self[head].next;
        self.insert_before(second, id);
    }

    fn insert_before(&mut self, at: Id, id: Id) {
        let prev = self[at].prev;
        (self[id].next, self[id].prev) = (at, prev);
        self[prev].next = id;
        self[at].prev = id;
    }

    /// Takes `id` out of the ring; the next one becomes the front if it was that.
    #[inline]
    pub(crate) fn remove(&mut self, head: &mut Id, id: Id) {
        let Chunk { next, prev, .. } = self[id];
        if next == id {
            *head = Id::NONE;
            return;
        }
        self[prev].next = next;
        self[next].prev = prev;
        if *head == id {
            *head = next;
        }
    }
}
