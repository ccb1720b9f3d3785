//! The free blocks of a zone, where the model keeps them: by migrate type and order.
//!
//! # What it follows
//! `__rmqueue_smallest()`, `expand()`, `__free_one_page()`, `steal_suitable_fallback()` (up to 6.11),
//! `__rmqueue_claim()`, `try_to_steal_block()` and `__rmqueue_steal()` (6.12.117 has them) and
//! `boost_watermark()` in `mm/page_alloc.c`, Linux 6.1.192 and 6.12.117. Single pages come from the
//! smallest block of their type; where there is none, from a block of another type, whose pageblock
//! changes its type if enough of it is free. Blocks that are freed merge with their neighbours.
//!
//! Pages go many at a time: a block that is needed whole is taken whole, so cost follows blocks.
//!
//! # What it leaves out
//! Who has which page. Pages that are not free are remembered by type as runs, and those handed out
//! last come back first: right for who takes much and goes, not for those who take turns. Where in the
//! zone blocks are when the machine begins is not known either: they are placed as they were counted.
//! `MIGRATE_HIGHATOMIC`, `MIGRATE_CMA` and `MIGRATE_ISOLATE`; pages that cannot be moved in blocks of those
//! that can. Up to 6.11 pages of a block whose type changes that are in use are taken to be of the old one.

use std::collections::BTreeMap;

use facts::Release;
use rules::watermark::ZoneKind;

use super::pcp::Type;
use crate::page::HUGE;

/// Orders of blocks.
pub(crate) const ORDERS: usize = 11;
/// `pageblock_order`.
const BLOCK: usize = 9;
/// Types that have lists.
const TYPES: [Type; 3] = [Type::Unmovable, Type::Movable, Type::Reclaimable];

/// The free blocks of a zone as `/proc/pagetypeinfo` counts them: unmovable, movable, reclaimable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeBlocks {
    /// The node that the zone is on.
    pub node: u32,
    /// Which it is.
    pub kind: ZoneKind,
    /// By type and order.
    pub free: [[u64; ORDERS]; 3],
    /// Pageblocks of 2 MiB by type.
    pub blocks: [u64; 3],
}

/// A free block: its type, its order, and its place in their list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    kind: Type,
    order: usize,
    place: i64,
}

/// The free blocks of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buddy {
    /// Blocks are claimed or left alone; before, they were stolen in any case.
    claims: bool,
    lists: [[BTreeMap<i64, u64>; ORDERS]; 3],
    free: BTreeMap<u64, Entry>,
    /// Free pages by type.
    pages: [u64; 3],
    /// Of each pageblock.
    types: Vec<Type>,
    /// Runs of pages that are not free, by type, the last handed out last.
    held: [Vec<(u64, u64)>; 3],
    first: i64,
    last: i64,
    /// How often the marks are to be raised since somebody last asked.
    boosts: u32,
}

/// The types to fall back to, in this order.
fn fallbacks(kind: Type) -> [Type; 2] {
    match kind {
        Type::Unmovable => [Type::Reclaimable, Type::Movable],
        Type::Movable => [Type::Reclaimable, Type::Unmovable],
        Type::Reclaimable => [Type::Unmovable, Type::Movable],
    }
}

impl Buddy {
    /// Blocks as they were counted, placed where they cannot merge.
    pub(super) fn new(release: Release, known: &FreeBlocks, free: u64) -> Buddy {
        let mut buddy = Buddy {
            claims: release >= Release::new(6, 12),
            lists: Default::default(),
            free: BTreeMap::new(),
            pages: [0; 3],
            types: Vec::new(),
            held: Default::default(),
            first: 0,
            last: 0,
            boosts: 0,
        };
        for kind in TYPES {
            buddy.place(kind, &known.free[kind as usize], known.blocks[kind as usize]);
        }
        // The two were not counted at the same moment.
        let counted = buddy.total();
        if counted > free {
            buddy.take(Type::Movable, counted - free);
        } else {
            buddy.give(Type::Movable, free - counted);
        }
        buddy.boosts = 0;
        buddy
    }

    /// Lays out the pageblocks of one type.
    fn place(&mut self, kind: Type, counts: &[u64; ORDERS], blocks: u64) {
        // Pairs of pageblocks come first, where a pair may be.
        if self.types.len() % 2 == 1 {
            self.types.push(kind);
            self.hold(kind, (self.types.len() as u64 - 1) * HUGE, HUGE);
        }
        let start = self.types.len() as u64 * HUGE;
        let large = counts[BLOCK + 1] * 2 + counts[BLOCK] * 2;
        let blocks = blocks.max(large + 1).min(1 << 22);
        self.types.extend((0..blocks).map(|_| kind));
        let end = start + blocks * HUGE;
        let mut at = start;
        for _ in 0..counts[BLOCK + 1] {
            self.insert(at, kind, BLOCK + 1, true);
            at += 2 * HUGE;
        }
        for _ in 0..counts[BLOCK] {
            // The second of a pair, whose first is not free.
            if at + 2 * HUGE > end {
                break;
            }
            self.hold(kind, at, HUGE);
            self.insert(at + HUGE, kind, BLOCK, true);
            at += 2 * HUGE;
        }
        // Of what is smaller: each is the second of its pair, in as many pageblocks as there are.
        let mut held: Vec<(u64, u64)> = Vec::new();
        let mut used: BTreeMap<u64, u64> = BTreeMap::new();
        for order in (0..BLOCK).rev() {
            let size = 1 << order;
            let pairs = (0..HUGE / (2 * size)).map(|pair| pair * 2 * size + size);
            let mut places = pairs
                .flat_map(|offset| (at / HUGE..end / HUGE).map(move |block| block * HUGE + offset));
            for _ in 0..counts[order] {
                let Some(first) = places.find(|&first| !overlaps(&used, first, size)) else {
                    break;
                };
                self.insert(first, kind, order, true);
                used.insert(first, size);
            }
        }
        let mut from = at;
        for (&first, &len) in &used {
            held.push((from, first - from));
            from = first + len;
        }
        held.push((from, end - from));
        for (first, len) in held {
            self.hold(kind, first, len);
        }
    }

    /// Free pages.
    pub(super) fn total(&self) -> u64 {
        self.pages.iter().sum()
    }

    /// Free pages of one type.
    pub(super) fn own(&self, kind: Type) -> u64 {
        self.pages[kind as usize]
    }

    /// Free blocks by order.
    pub(crate) fn orders(&self) -> [u64; ORDERS] {
        let of = |order: usize| self.lists.iter().map(|lists| lists[order].len() as u64).sum();
        std::array::from_fn(of)
    }

    /// The types that have blocks of each order, as reports name them (`show_migration_types()`).
    pub(crate) fn letters(&self) -> [String; ORDERS] {
        let letter = |kind: &Type| match kind {
            Type::Unmovable => 'U',
            Type::Movable => 'M',
            Type::Reclaimable => 'E',
        };
        std::array::from_fn(|order| {
            let has = |kind: &&Type| !self.lists[**kind as usize][order].is_empty();
            TYPES.iter().filter(has).map(letter).collect()
        })
    }

    /// Whether they are to be raised at all.
    pub(super) fn is_boosted(&self) -> bool {
        self.boosts > 0
    }

    /// How often the marks are to be raised (`boost_watermark()`).
    pub(super) fn boosts(&mut self) -> u32 {
        std::mem::take(&mut self.boosts)
    }

    /// Takes pages for one use; how many there were.
    pub(super) fn take(&mut self, kind: Type, want: u64) -> u64 {
        let mut left = want;
        while left > 0 {
            if let Some(order) = self.smallest(kind, 0) {
                left -= self.take_from(kind, order, kind, left);
            } else if !self.claim(kind, 0) {
                let Some((other, order)) = self.any(kind) else { break };
                left -= self.take_from(other, order, kind, 1);
            }
        }
        want - left
    }

    /// Takes huge pages; how many there were.
    pub(super) fn take_huge(&mut self, want: u64) -> u64 {
        let kind = Type::Movable;
        let mut got = 0;
        while got < want {
            if let Some(order) = self.smallest(kind, BLOCK) {
                got += self.take_from(kind, order, kind, HUGE) / HUGE;
            } else if !self.claim(kind, BLOCK) {
                break;
            }
        }
        got
    }

    /// The smallest order from this one on of which there is a block.
    fn smallest(&self, kind: Type, least: usize) -> Option<usize> {
        (least..ORDERS).find(|&order| !self.lists[kind as usize][order].is_empty())
    }

    /// A block of another type, the smallest (`__rmqueue_steal()`).
    fn any(&self, kind: Type) -> Option<(Type, usize)> {
        (0..ORDERS).find_map(|order| self.other(kind, order).map(|other| (other, order)))
    }

    /// The type to fall back to that has a block of this order (`find_suitable_fallback()`).
    fn other(&self, kind: Type, order: usize) -> Option<Type> {
        fallbacks(kind).into_iter().find(|&other| !self.lists[other as usize][order].is_empty())
    }

    /// Takes up to `most` pages from the first block of a list, for a use of type `user`.
    fn take_from(&mut self, kind: Type, order: usize, user: Type, most: u64) -> u64 {
        let Some((&place, &first)) = self.lists[kind as usize][order].first_key_value() else {
            return 0;
        };
        self.remove(first, Entry { kind, order, place });
        let got = most.min(1 << order);
        self.hold(user, first, got);
        // What is left of it, the larger parts first (`expand()`).
        let (mut from, end) = (first + got, first + (1 << order));
        let mut parts = Vec::new();
        while from < end {
            let part = usize::try_from(from.trailing_zeros()).unwrap_or(0).min(order);
            parts.push((from, part));
            from += 1 << part;
        }
        for (from, part) in parts.into_iter().rev() {
            self.insert(from, kind, part, false);
        }
        got
    }

    /// A block of another type becomes this one's, and with it its pageblock: whether there is one.
    fn claim(&mut self, kind: Type, least: usize) -> bool {
        for order in (least..ORDERS).rev() {
            let Some(other) = self.other(kind, order) else { continue };
            let may = order >= BLOCK / 2 || kind != Type::Movable;
            if !may && self.claims {
                return false;
            }
            // A large one that may not be claimed is not broken: the smallest is (4.13).
            let (other, order) = if may {
                (other, order)
            } else {
                let Some(smallest) = self.any(kind) else { return false };
                smallest
            };
            let may = order >= BLOCK / 2 || kind != Type::Movable;
            let Some((&place, &first)) = self.lists[other as usize][order].first_key_value() else {
                return false;
            };
            let entry = Entry { kind: other, order, place };
            if order >= BLOCK {
                self.remove(first, entry);
                for block in first / HUGE..(first + (1 << order)) / HUGE {
                    self.set_type(block, kind);
                }
                self.insert(first, kind, order, false);
                return true;
            }
            self.boosts += 1;
            let block = first / HUGE;
            let free = self.free_in(block);
            // Pages that are in use are of the block's type: none is like those asked for.
            let enough = free >= HUGE / 2;
            if self.claims {
                if !enough {
                    continue;
                }
                self.move_all(block, kind);
                self.set_type(block, kind);
                return true;
            }
            if may {
                self.move_all(block, kind);
                if enough {
                    self.set_type(block, kind);
                }
            } else {
                self.remove(first, entry);
                self.insert(first, kind, order, false);
            }
            return true;
        }
        false
    }

    fn set_type(&mut self, block: u64, kind: Type) {
        if let Some(known) = usize::try_from(block).ok().and_then(|at| self.types.get_mut(at)) {
            *known = kind;
        }
    }

    fn type_of(&self, page: u64) -> Type {
        let at = usize::try_from(page / HUGE).unwrap_or(usize::MAX);
        self.types.get(at).copied().unwrap_or(Type::Movable)
    }

    /// Free pages of a pageblock.
    fn free_in(&self, block: u64) -> u64 {
        let blocks = self.free.range(block * HUGE..(block + 1) * HUGE);
        blocks.map(|(_, entry)| 1_u64 << entry.order).sum()
    }

    /// `move_freepages_block()`.
    fn move_all(&mut self, block: u64, kind: Type) {
        let range = block * HUGE..(block + 1) * HUGE;
        let all: Vec<(u64, Entry)> =
            self.free.range(range).map(|(&at, &entry)| (at, entry)).collect();
        for (at, entry) in all {
            if entry.kind != kind {
                self.remove(at, entry);
                self.insert(at, kind, entry.order, false);
            }
        }
    }

    /// Pages of this use come back, those handed out last first.
    pub(super) fn give(&mut self, kind: Type, pages: u64) {
        let mut left = pages;
        let others = fallbacks(kind);
        for user in [kind, others[1], others[0]] {
            while left > 0 {
                let Some((first, len)) = self.held[user as usize].pop() else { break };
                let some = len.min(left);
                if some < len {
                    self.held[user as usize].push((first, len - some));
                }
                self.free_run(first + len - some, some);
                left -= some;
            }
        }
    }

    /// Pages of a run are free.
    fn free_run(&mut self, first: u64, len: u64) {
        let (mut at, end) = (first, first + len);
        while at < end {
            let aligned = usize::try_from(at.trailing_zeros()).unwrap_or(0);
            let fits = usize::try_from((end - at).ilog2()).unwrap_or(0);
            let order = aligned.min(fits).min(BLOCK);
            self.free_block(at, order);
            at += 1 << order;
        }
    }

    /// `__free_one_page()`.
    fn free_block(&mut self, first: u64, order: usize) {
        let (mut at, mut order) = (first, order);
        let kind = self.type_of(first);
        while order + 1 < ORDERS {
            let buddy = at ^ (1 << order);
            let Some(entry) = self.free.get(&buddy).copied().filter(|entry| entry.order == order)
            else {
                break;
            };
            self.remove(buddy, entry);
            if order >= BLOCK {
                for block in buddy / HUGE..(buddy + (1 << order)) / HUGE {
                    self.set_type(block, kind);
                }
            }
            at &= !(1 << order);
            order += 1;
        }
        // `buddy_merge_likely()`
        let above = (at & !(1 << order)) ^ (1 << (order + 1));
        let likely = order + 2 < ORDERS
            && self.free.get(&above).is_some_and(|entry| entry.order == order + 1);
        self.insert(at, kind, order, likely);
    }

    fn insert(&mut self, at: u64, kind: Type, order: usize, tail: bool) {
        let place = if tail {
            self.last += 1;
            self.last
        } else {
            self.first -= 1;
            self.first
        };
        self.lists[kind as usize][order].insert(place, at);
        self.free.insert(at, Entry { kind, order, place });
        self.pages[kind as usize] += 1 << order;
    }

    fn remove(&mut self, at: u64, entry: Entry) {
        self.lists[entry.kind as usize][entry.order].remove(&entry.place);
        self.free.remove(&at);
        self.pages[entry.kind as usize] -= 1 << entry.order;
    }

    /// Pages are handed out.
    fn hold(&mut self, kind: Type, first: u64, len: u64) {
        if len == 0 {
            return;
        }
        match self.held[kind as usize].last_mut() {
            Some((last, count)) if *last + *count == first => *count += len,
            _ => self.held[kind as usize].push((first, len)),
        }
    }
}

/// Whether any of these ranges has pages of this one.
fn overlaps(used: &BTreeMap<u64, u64>, first: u64, len: u64) -> bool {
    used.range(..first + len).next_back().is_some_and(|(at, size)| at + size > first)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod measured;
