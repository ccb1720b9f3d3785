//! The lists that reclaim takes pages from, oldest first.
//!
//! # What it follows
//! `struct lruvec` in `include/linux/mmzone.h`: five lists for each memory cgroup on each node. A list
//! is a map from positions to frames: a page that comes gets the next position, and one that goes
//! takes its own out, so that pages which came one after the other are one run and the order is the
//! kernel's.
//!
//! # What it leaves out
//! Lists of zones: until 4.7 each zone had its own. The batches (`pagevec`) that pages wait in before
//! they are on a list. See `DIVERGENCES.md`.
//!
//! With `CONFIG_LRU_GEN` pages that can be evicted are in generations instead ([`super::mglru`]); what
//! counts as active then follows from theirs.

use std::collections::BTreeMap;

use super::mglru::{Generations, MemcgLru};
use super::zones::CLASSES;
use crate::range_map::{RangeMap, Run};

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum List {
    InactiveAnon,
    ActiveAnon,
    InactiveFile,
    ActiveFile,
    Unevictable,
}

impl List {
    /// Those that are reclaimed from, in the kernel's order.
    pub(crate) const EVICTABLE: [List; 4] =
        [List::InactiveAnon, List::ActiveAnon, List::InactiveFile, List::ActiveFile];

    /// Whether it is one of files.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, List::InactiveFile | List::ActiveFile)
    }

    /// Whether it is one of pages in use.
    pub(crate) fn is_active(self) -> bool {
        matches!(self, List::ActiveAnon | List::ActiveFile)
    }

    /// The active list beside this one.
    pub(crate) fn active(self) -> List {
        if self.is_file() { List::ActiveFile } else { List::ActiveAnon }
    }
}

/// The first frame of a run of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First(pub(super) u64);

impl Run for First {
    fn skip(&self, by: u64) -> First {
        First(self.0 + by)
    }
}

/// Pages in order of age, the oldest first.
#[derive(Debug, Clone, Default)]
struct Queue {
    order: RangeMap<First>,
    /// How many of them are in zones of each kind.
    by_class: [u64; CLASSES],
}

/// The lists of one memory cgroup on one node, and what reclaim has learnt from them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lruvec {
    queues: [Queue; 5],
    /// What it has in place of the lists of two ages.
    pub(super) generations: Option<Box<Generations>>,
    /// `anon_cost` and `file_cost` (5.8); rotated pages before, when they are halved with `scanned`.
    pub(crate) cost: [u64; 2],
    /// `recent_scanned` (2.6.28 to 5.7).
    pub(crate) scanned: [u64; 2],
    /// Refaults that made pages active, anonymous and of files (`WORKINGSET_ACTIVATE_*`),
    pub(crate) activated: [u64; 2],
    /// and how many there were when reclaim last looked.
    pub(crate) seen: [u64; 2],
    /// `nonresident_age`.
    pub(crate) age: u64,
}

impl Lruvec {
    /// Pages on a list.
    pub(crate) fn size(&self, list: List) -> u64 {
        match &self.generations {
            Some(generations) if list != List::Unevictable => {
                generations.size(usize::from(list.is_file()), list.is_active())
            }
            _ => self.queues[list as usize].order.total(),
        }
    }

    /// Pages on a list in zones up to a kind (`lruvec_lru_size()`), of lists of two ages.
    pub(super) fn size_within(&self, list: List, class: usize) -> u64 {
        self.queues[list as usize].by_class.iter().take(class + 1).sum()
    }

    /// The oldest pages of a list, up to `most`: runs of frames.
    pub(crate) fn oldest(&self, list: List, most: u64) -> Vec<(u64, u64)> {
        let mut left = most;
        let mut runs = Vec::new();
        for (_, len, first) in self.queues[list as usize].order.iter() {
            if left == 0 {
                break;
            }
            let some = len.min(left);
            runs.push((first.0, some));
            left -= some;
        }
        runs
    }
}

/// Whose lists: node and memory cgroup.
pub(crate) type Owner = (u32, u16);

/// The lists of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lru {
    pub(crate) vecs: BTreeMap<Owner, Lruvec>,
    /// Whether there are generations, and not lists of two ages.
    pub(super) generational: bool,
    /// Whether page tables are walked (`LRU_GEN_MM_WALK`).
    pub(super) walks: bool,
    /// In which order cgroups are visited, by node (6.3).
    pub(super) memcgs: BTreeMap<u32, MemcgLru>,
    /// `min_ttl_ms` as nanoseconds.
    pub(super) min_ttl: u64,
    /// Positions given: so many from the middle on,
    last: u64,
    /// and so many before it.
    before: u64,
}

/// The position between those at the ends of lists.
const MIDDLE: u64 = 1 << 62;

impl Lru {
    /// Generations, or lists of two ages.
    pub(super) fn new(generational: bool) -> Lru {
        Lru { generational, walks: true, ..Lru::default() }
    }

    /// The youngest pages of a list from now on, in a zone of this kind, or the oldest ones; the position of
    /// the first.
    pub(crate) fn add(
        &mut self,
        (owner, list): (Owner, List),
        class: usize,
        (first, count): (u64, u64),
        youngest: bool,
    ) -> u64 {
        let position = self.position(count, youngest);
        let queue = &mut self.vec(owner).queues[list as usize];
        queue.order.insert(position, count, First(first));
        queue.by_class[class] += count;
        position
    }

    /// Positions behind all others, or before them.
    pub(super) fn position(&mut self, count: u64, youngest: bool) -> u64 {
        if youngest {
            self.last += count;
            MIDDLE + self.last - count
        } else {
            self.before += count;
            MIDDLE - self.before
        }
    }

    /// The lists of an owner, made when they are first needed.
    pub(crate) fn vec(&mut self, owner: Owner) -> &mut Lruvec {
        let generational = self.generational;
        let vec = self.vecs.entry(owner).or_default();
        if generational && vec.generations.is_none() {
            vec.generations = Some(Box::default());
        }
        vec
    }

    /// Pages that are no longer on a list, by their position.
    pub(crate) fn remove(
        &mut self,
        (owner, list): (Owner, List),
        class: usize,
        (position, count): (u64, u64),
    ) {
        if let Some(vec) = self.vecs.get_mut(&owner) {
            let queue = &mut vec.queues[list as usize];
            queue.order.remove(position, position + count);
            queue.by_class[class] = queue.by_class[class].saturating_sub(count);
        }
    }

    /// Pages on a list of all cgroups of a node.
    pub(crate) fn size_of_node(&self, node: u32, list: List) -> u64 {
        self.vecs.range((node, 0)..=(node, u16::MAX)).map(|(_, vec)| vec.size(list)).sum()
    }

    /// Pages on a list of the whole machine.
    pub(crate) fn size(&self, list: List) -> u64 {
        self.vecs.values().map(|vec| vec.size(list)).sum()
    }
}
