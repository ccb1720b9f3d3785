//! Multi-generational lists (`CONFIG_LRU_GEN`), in place of lists of two ages.
//!
//! # What it follows
//! `struct lru_gen_folio` in `include/linux/mmzone.h`, `lru_gen_*()` in `mm/vmscan.c`,
//! `mm/workingset.c` and `include/linux/mm_inline.h`: 6.12, and where they differ 6.1 and later ones.
//! A page belongs to one of up to four generations. Aging makes a new youngest one and puts into it what
//! page tables say was used; eviction takes from the oldest one, and gives up a generation when nothing
//! is left in it. Pages know which generation they belong to (`slot`), and only eviction sorts them into
//! the list of that one (`held`).
//!
//! # What it leaves out
//! The order of pages that move to the end of a generation that is evicted first: they keep theirs,
//! where the kernel turns it round. Collisions in the Bloom filters. See `DIVERGENCES.md`.

mod age_node;
mod aging;
mod early;
mod evict;
mod memcgs;
mod place;
mod refault;
mod shrink;
mod switch;
mod tiers;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use super::lru::First;
use crate::frames::Frame;
use crate::range_map::{RangeMap, RangeSet};

pub(crate) use memcgs::MemcgLru;
pub(crate) use refault::{Back, later};
pub(super) use shrink::Many;
use tiers::Tiers;

/// `MIN_NR_GENS`.
const FEWEST: u64 = 2;
/// `MAX_NR_GENS`.
const GENERATIONS: u64 = 4;
/// `MIN_LRU_BATCH`: pages that are evicted together.
const BATCH: u64 = 64;
/// `MAX_LRU_BATCH`: pages that are looked at for a batch.
const MOST: u64 = 64 * BATCH;

/// Index of anonymous pages (`LRU_GEN_ANON`).
const ANON: usize = 0;
/// Index of pages of files (`LRU_GEN_FILE`).
const FILE: usize = 1;

/// Which of the two a page counts as.
fn kind(frame: &Frame) -> usize {
    if frame.swapbacked { ANON } else { FILE }
}

/// What a page knows of its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Aged {
    /// The generation that it belongs to, modulo [`GENERATIONS`]; `None`: to none.
    pub(crate) slot: Option<u8>,
    /// The generation in whose list it is.
    pub(crate) held: u8,
    /// Uses by calls beyond the second one (`LRU_REFS_MASK`).
    pub(crate) uses: u8,
    /// `PG_workingset`: used by calls a second time, or back after an eviction that came too early.
    pub(crate) workingset: bool,
}

impl Aged {
    /// On no list, and not used.
    pub(crate) const NEW: Aged = Aged { slot: None, held: 0, uses: 0, workingset: false };

    /// `folio_lru_refs()`.
    fn refs(self) -> u8 {
        self.uses + u8::from(self.workingset)
    }

    /// `folio_inc_refs()` of a page that is marked as referenced already.
    pub(crate) fn used_again(&mut self) {
        if self.workingset {
            self.uses = (self.uses + 1).min(3);
        } else {
            self.workingset = true;
        }
    }
}

/// A list of a generation: its slot, the kind of its pages, and the zone that they are in.
type Key = (u8, usize, u8);

/// Page tables worth a look, by address space.
type Filter = BTreeMap<usize, RangeSet>;

/// The generations of one memory cgroup on one node (`struct lru_gen_folio`).
#[derive(Debug, Clone)]
pub(crate) struct Generations {
    /// The youngest generation,
    max: u64,
    /// and the oldest ones, anonymous and of files.
    min: [u64; 2],
    /// When each was made, nanoseconds since boot.
    born: [u64; 4],
    lists: BTreeMap<Key, RangeMap<First>>,
    /// Pages of each generation, of each kind.
    pages: [[u64; 2]; 4],
    tiers: Tiers,
    /// The last generation that page tables were walked for (`lru_gen_mm_state.seq`).
    walked: u64,
    /// Address spaces that were there at the last walk.
    known: BTreeSet<usize>,
    /// Page tables in which enough was used; by parity of the generation that is to be made of them.
    filters: [Option<Filter>; 2],
}

impl Default for Generations {
    /// `lru_gen_init_lruvec()`.
    fn default() -> Generations {
        Generations {
            max: FEWEST + 1,
            min: [0; 2],
            born: [0; 4],
            lists: BTreeMap::new(),
            pages: [[0; 2]; 4],
            tiers: Tiers::default(),
            walked: FEWEST,
            known: BTreeSet::new(),
            filters: [None, None],
        }
    }
}

/// `lru_gen_from_seq()`.
fn slot(generation: u64) -> u8 {
    u8::try_from(generation % GENERATIONS).unwrap_or(0)
}

impl Generations {
    /// `lru_gen_is_active()`: the two youngest ones count as active.
    pub(crate) fn is_active(&self, at: u8) -> bool {
        at == slot(self.max) || at == slot(self.max - 1)
    }

    /// Pages of a kind that count as active, or as inactive.
    pub(crate) fn size(&self, kind: usize, active: bool) -> u64 {
        let ours = (0..4).filter(|&at| self.is_active(at) == active);
        ours.map(|at| self.pages[usize::from(at)][kind]).sum()
    }

    /// `get_nr_gens()`.
    fn count(&self, kind: usize) -> u64 {
        self.max - self.min[kind] + 1
    }

    /// Whether no page is in the list of a generation.
    fn is_empty(&self, at: u8, kind: usize) -> bool {
        self.lists.range((at, kind, 0)..=(at, kind, u8::MAX)).all(|(_, list)| list.total() == 0)
    }

    /// The oldest pages in the list of a generation: from the highest zone, `most` of them.
    fn oldest(&self, at: u8, kind: usize, most: u64) -> Option<(u64, u64)> {
        let lists = self.lists.range((at, kind, 0)..=(at, kind, u8::MAX));
        let (_, list) = lists.rev().find(|(_, list)| list.total() > 0)?;
        let (_, len, first) = list.iter().next()?;
        Some((first.0, len.min(most)))
    }
}
