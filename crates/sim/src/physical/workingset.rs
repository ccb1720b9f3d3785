//! Pages that were evicted and come back: `mm/workingset.c`, since 3.15.

use super::lru::{List, Owner};
use super::mglru::{Back, later};
use super::{Physical, Slot};
use crate::frames::Frame;
use crate::range_map::Run;

/// What is remembered of a page of a file that was evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shadow {
    /// `nonresident_age` when it went.
    age: u64,
    /// Whose list it was on: the node's, and the memory cgroup's.
    owner: Owner,
}

impl Run for Shadow {
    fn skip(&self, by: u64) -> Shadow {
        Shadow { age: later(self.age, by), ..*self }
    }
}

impl Physical {
    /// `workingset_eviction()`: the age that pages of a cgroup are evicted at, which goes on.
    /// What is remembered of them.
    pub(crate) fn evicted_at(&mut self, owner: Owner, frame: &Frame, count: u64) -> u64 {
        if self.lru.generational {
            return self.evicted_in_generation(owner, frame, count);
        }
        let age = &mut self.lru.vec(owner).age;
        *age += count;
        *age - count
    }

    /// Pages of a file were evicted.
    pub(super) fn remember(&mut self, owner: Owner, first: u64, frame: &Frame, count: u64) {
        let age = self.evicted_at(owner, frame, count);
        if self.policy.refaults {
            self.shadows.set(first, count, Shadow { age, owner });
        }
    }

    /// `workingset_refault()` of pages of a file: of how many of `count` the answer is the same, and
    /// whether they are in use.
    pub(crate) fn refault_file(&mut self, first: u64, count: u64) -> (u64, Back) {
        let Some((len, shadow)) = self.shadows.get(first) else {
            let next = self.shadows.next_used(first).unwrap_or(u64::MAX);
            return (count.min(next - first), Back::default());
        };
        let count = count.min(len);
        self.shadows.remove(first, first + count);
        self.count("workingset_refault_file", count);
        (count, self.refault(shadow.age, shadow.owner, 1, count))
    }

    /// The same of a page that was swapped out.
    pub(crate) fn refault_anon(&mut self, slot: &Slot, count: u64) -> Back {
        if !self.policy.anon_refaults {
            return Back { active: true, ..Back::default() };
        }
        self.count("workingset_refault_anon", count);
        self.refault(slot.age, (slot.node, slot.memcg), 0, count)
    }

    /// Whether a page that went at this age would not have gone, had the lists been of another length.
    /// `file` is 1 for a page of a file, and 0 for an anonymous one.
    fn refault(&mut self, age: u64, owner: Owner, file: usize, count: u64) -> Back {
        if self.lru.generational {
            return self.refault_in_generation(age, owner, file, count);
        }
        let has_swap = self.swap.free() > 0;
        let cost = self.policy.anon_refaults;
        let vec = self.lru.vec(owner);
        let distance = vec.age.saturating_sub(age);
        let mut size = vec.size(List::ActiveFile);
        if file == 0 {
            size += vec.size(List::InactiveFile);
        }
        if cost && has_swap {
            size += vec.size(List::ActiveAnon);
            if file == 1 {
                size += vec.size(List::InactiveAnon);
            }
        }
        if distance > size {
            return Back::default();
        }
        vec.activated[file] += count;
        vec.age += count;
        self.count(
            if file == 1 { "workingset_activate_file" } else { "workingset_activate_anon" },
            count,
        );
        Back { active: true, activated: true, ..Back::default() }
    }
}
