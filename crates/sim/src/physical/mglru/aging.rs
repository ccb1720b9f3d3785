//! A new youngest generation: `try_to_inc_max_seq()`, `inc_min_seq()`, `try_to_inc_min_seq()` and
//! `should_run_aging()` in `mm/vmscan.c`.

use super::{ANON, FEWEST, FILE, GENERATIONS, Generations, slot};
use crate::ctx::Ctx;
use crate::frames::Frames;
use crate::physical::lru::Owner;

impl Generations {
    /// `should_run_aging()` up to 6.14: whether a new generation is due, and how many pages there are.
    /// The ideal number of generations is three, each with about a third of the pages.
    pub(super) fn should_age(&self, can_swap: bool) -> (bool, u64) {
        let kinds = if can_swap { ANON..=FILE } else { FILE..=FILE };
        let oldest = self.min[usize::from(!can_swap)];
        if oldest + FEWEST > self.max {
            return (true, 0);
        }
        let (mut old, mut young, mut total) = (0, 0, 0);
        for kind in kinds {
            for generation in self.min[kind]..=self.max {
                let size = self.pages[usize::from(slot(generation))][kind];
                total += size;
                if generation == self.max {
                    young += size;
                } else if generation + FEWEST == self.max {
                    old += size;
                }
            }
        }
        let due =
            oldest + FEWEST >= self.max && (young * FEWEST > total || old * (FEWEST + 2) < total);
        (due, total)
    }

    /// `try_to_inc_min_seq()`: gives up the oldest generations that nothing is left of; whether it did.
    pub(super) fn drop_empty(&mut self, can_swap: bool) -> bool {
        let kinds = if can_swap { vec![ANON, FILE] } else { vec![FILE] };
        let mut min = self.min;
        for &kind in &kinds {
            while min[kind] + FEWEST <= self.max && self.is_empty(slot(min[kind]), kind) {
                min[kind] += 1;
            }
        }
        if can_swap {
            min[ANON] = min[ANON].min(min[FILE]);
            min[FILE] = min[ANON].max(self.min[FILE]);
        }
        let mut dropped = false;
        for kind in kinds {
            if min[kind] != self.min[kind] {
                self.tiers.carry_over(kind);
                self.min[kind] = min[kind];
                dropped = true;
            }
        }
        dropped
    }

    /// Pages that could be reclaimed, of which kinds may be.
    pub(super) fn total(&self, can_swap: bool) -> u64 {
        self.should_age(can_swap).1.max({
            let of = |kind: usize| self.pages.iter().map(|pages| pages[kind]).sum::<u64>();
            of(FILE) + if can_swap { of(ANON) } else { 0 }
        })
    }
}

impl Frames {
    /// `inc_min_seq()`: gives up the oldest generation; what is left of it becomes part of the next one.
    fn give_up_oldest(&mut self, owner: Owner, kind: usize, can_swap: bool) {
        let Some(physical) = self.physical.as_deref_mut() else { return };
        let generations = physical.lru.generations(owner);
        let old = slot(generations.min[kind]);
        if kind == FILE || can_swap {
            let lists = generations.lists.range((old, kind, 0)..=(old, kind, u8::MAX));
            let runs: Vec<(u64, u64)> = lists
                .rev()
                .flat_map(|(_, list)| list.iter().map(|(_, len, first)| (first.0, len)))
                .collect();
            // The youngest first, so that the oldest of them are the oldest there.
            for (first, count) in runs.into_iter().rev() {
                self.relist(first, count, |physical, at, len, frame| {
                    physical.advance(at, len, frame);
                });
            }
        }
        let Some(physical) = self.physical.as_deref_mut() else { return };
        let generations = physical.lru.generations(owner);
        generations.tiers.carry_over(kind);
        generations.min[kind] += 1;
    }
}

impl Ctx<'_> {
    /// `try_to_inc_max_seq()`: walks page tables, and makes a new youngest generation; whether it did.
    pub(super) fn age(&mut self, owner: Owner, can_swap: bool) -> bool {
        self.walk_tables(owner, can_swap);
        let now = self.store.clock;
        for kind in [FILE, ANON] {
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return false };
            if physical.lru.generations(owner).count(kind) == GENERATIONS {
                self.store.frames.give_up_oldest(owner, kind, can_swap);
            }
        }
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return false };
        let generations = physical.lru.generations(owner);
        generations.max += 1;
        generations.born[usize::from(slot(generations.max))] = now;
        true
    }
}
