//! How generations were aged and evicted before cgroups had an order of their own: `lru_gen_age_node()`,
//! `get_nr_to_scan()`, `should_abort_scan()` and `lru_gen_shrink_lruvec()` in `mm/vmscan.c`, 6.1 and 6.2.
//!
//! kswapd ages all cgroups before it evicts from any; others age where they evict.

use rules::memcg::View;

use super::{ANON, BATCH, FEWEST};
use crate::ctx::Ctx;
use crate::memcg::MemcgId;
use crate::physical::Physical;
use crate::physical::lru::Owner;
use crate::physical::reclaim::{FIRST, Pass};

impl Physical {
    /// Whether cgroups are visited in an order of their own (`lru_gen_shrink_node()`, 6.3).
    pub(in crate::physical) fn orders_memcgs(&self) -> bool {
        self.release >= facts::Release::new(6, 3)
    }

    /// `should_abort_scan()`: `aged`: generations made since the scan began; `swapped`: something had to be
    /// written to swap.
    fn aborts(&self, node: u32, pass: &mut Pass, aged: u64, swapped: bool) -> bool {
        if pass.kswapd {
            if pass.freed < pass.target {
                return false;
            }
        } else if aged > 1 || (swapped && pass.freed >= pass.target) {
            return true;
        } else if !pass.among.is_machine() {
            return false;
        }
        if pass.priority > FIRST - 2 {
            return false;
        }
        let mark = |zone: &crate::physical::Zone| {
            let marks = &zone.marks;
            let mark = if pass.kswapd { marks.high } else { marks.low };
            mark.count() + zone.boost
        };
        let mut zones = self.zones.iter().filter(|zone| zone.node == node && zone.managed > 0);
        if zones.any(|zone| mark(zone) > zone.free) {
            return false;
        }
        pass.freed += BATCH;
        true
    }
}

impl Ctx<'_> {
    /// `lru_gen_age_node()`, whose part that calls the OOM killer is [`Ctx::age_node`]'s.
    pub(in crate::physical) fn age_all(&mut self, node: u32, pass: &mut Pass) {
        if !pass.needs_aging {
            pass.needs_aging = true;
            return;
        }
        for id in self.store.frames.memcgs.subtree(MemcgId::ROOT) {
            let owner = (node, id.0);
            if self.store.frames.memcgs.view(MemcgId::ROOT, id, true) == View::Min {
                continue;
            }
            let can_swap = self.swappiness_of(owner, pass) > 0;
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
            if physical.lru.generations(owner).should_age(can_swap).0 {
                self.age(owner, can_swap);
            }
        }
    }

    /// `get_nr_to_scan()`: how many pages to look at, and whether a new generation is due.
    fn next_early(&mut self, owner: Owner, pass: &Pass, can_swap: bool) -> (u64, bool) {
        let (root, id) = (pass.among.root(), MemcgId(owner.1));
        if matches!(self.store.frames.memcgs.view(root, id, pass.takes_low), View::Min | View::Low)
        {
            return (0, false);
        }
        let online = self.store.frames.memcgs.get(id).online;
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return (0, false) };
        let generations = physical.lru.generations(owner);
        let (due, _) = generations.should_age(can_swap);
        let pages = generations.total(can_swap);
        let pages = if online { pages >> pass.priority } else { pages };
        let some_left = generations.min[usize::from(!can_swap)] + FEWEST <= generations.max;
        let without = if some_left { pages } else { 0 };
        if !due {
            return (pages, false);
        }
        if pass.priority == FIRST {
            return (without, true);
        }
        if pass.kswapd {
            // It is left to the next round.
            return (0, true);
        }
        if self.age(owner, can_swap) { (pages, true) } else { (without, true) }
    }

    /// `lru_gen_shrink_lruvec()`.
    pub(super) fn shrink_early(&mut self, owner: Owner, pass: &mut Pass) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let first = physical.lru.generations(owner).max;
        let (mut scanned, before) = (0, pass.freed);
        let (mut due, mut swapped) = (false, false);
        loop {
            let swappiness = self.swappiness_of(owner, pass);
            let (most, wanted) = self.next_early(owner, pass, swappiness > 0);
            due |= wanted;
            if most == 0 {
                return;
            }
            let (some, kind) = self.evict_batch(owner, pass, swappiness);
            if some == 0 {
                return;
            }
            swapped |= kind == ANON;
            scanned += some;
            if scanned >= most {
                break;
            }
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
            let aged = physical.lru.generations(owner).max - first;
            if physical.aborts(owner.0, pass, aged, swapped) {
                break;
            }
        }
        if pass.freed - before >= BATCH && !due {
            pass.needs_aging = false;
        }
    }
}
