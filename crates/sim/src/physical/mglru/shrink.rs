//! How much is evicted of whom: `lru_gen_shrink_node()`, `shrink_many()`, `shrink_one()`,
//! `try_to_shrink_lruvec()` and `get_nr_to_scan()` in `mm/vmscan.c`.

use rules::memcg::View;

use super::BATCH;
use super::memcgs::{Move, Round};
use crate::ctx::Ctx;
use crate::memcg::{Event, MemcgId};
use crate::physical::lru::{List, Owner};
use crate::physical::reclaim::{FIRST, Pass};
use crate::physical::{Mark, Physical};

/// A walk over the cgroups of a node, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::physical) struct Many {
    /// `None`: it has not begun.
    round: Option<Round>,
    /// What the pass had freed before.
    before: u64,
    /// The cgroup that is being reclaimed from.
    one: Option<One>,
}

/// Reclaim from one cgroup, wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct One {
    memcg: u16,
    /// What the pass had scanned and freed before.
    before: (u64, u64),
    swappiness: u64,
    /// Pages that were looked at.
    scanned: u64,
}

/// How many pages of a cgroup to look at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Scan(u64),
    /// It has been aged, or is protected: it is the others' turn.
    Stop,
}

impl Physical {
    /// `set_initial_priority()`: as large a part as is likely to yield what is wanted.
    pub(super) fn initial_priority(&self, node: u32, pass: &Pass) -> u32 {
        if pass.priority != FIRST || pass.target < BATCH {
            return pass.priority;
        }
        let mut pages = self.lru.size_of_node(node, List::InactiveFile);
        if self.swap.free() > 0 {
            pages += self.lru.size_of_node(node, List::InactiveAnon);
        }
        let bits = |value: u64| i64::from(64 - value.leading_zeros());
        let priority = bits(pages) - 1 - bits(pass.target - 1);
        let (low, high) = (i64::from(FIRST / 2), i64::from(FIRST));
        u32::try_from(priority.clamp(low, high)).unwrap_or(FIRST)
    }

    /// `should_abort_scan()`: enough is free, or has been freed. Not asked when a cgroup is full.
    fn has_enough(&self, node: u32, pass: &Pass) -> bool {
        if !pass.among.is_machine() {
            return false;
        }
        if pass.freed >= pass.target.max(2) {
            return true;
        }
        if !pass.kswapd {
            return false;
        }
        let zones = self.zones.iter().filter(|zone| zone.node == node && zone.managed > 0);
        zones.into_iter().all(|zone| {
            let class = crate::physical::class(zone.kind);
            zone.free > zone.limit(Mark::High, class) + BATCH
        })
    }
}

impl Ctx<'_> {
    /// `get_swappiness()`: 0 where a batch cannot be swapped out.
    pub(super) fn swappiness_of(&self, owner: Owner, pass: &Pass) -> u64 {
        let Some(physical) = self.store.frames.physical.as_deref() else { return 0 };
        let room = self.store.frames.memcgs.swap_room(MemcgId(owner.1));
        if !pass.may_swap || physical.swap.free().min(room) < BATCH {
            return 0;
        }
        let own = self.store.frames.memcgs.get(MemcgId(owner.1)).swappiness;
        pass.swappiness.or(own).unwrap_or(physical.swappiness)
    }

    /// `get_nr_to_scan()`.
    fn next_scan(&mut self, owner: Owner, pass: &Pass, can_swap: bool) -> Next {
        let root = pass.among.root();
        let id = MemcgId(owner.1);
        if self.store.frames.memcgs.view(root, id, true) == View::Min {
            return Next::Stop;
        }
        let online = self.store.frames.memcgs.get(id).online;
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return Next::Stop };
        let generations = physical.lru.generations(owner);
        let (due, pages) = generations.should_age(can_swap);
        if pages > 0 && !online {
            return Next::Scan(pages);
        }
        if !due || pass.priority == FIRST {
            return Next::Scan(pages >> pass.priority);
        }
        if self.age(owner, can_swap) { Next::Stop } else { Next::Scan(0) }
    }

    /// `try_to_shrink_lruvec()`: whether it is the others' turn. Up to 6.2 nobody asks.
    pub(in crate::physical) fn shrink_generations(
        &mut self,
        owner: Owner,
        pass: &mut Pass,
    ) -> bool {
        let early = |physical: &Physical| !physical.orders_memcgs();
        if self.store.frames.physical.as_deref().is_some_and(early) {
            self.shrink_early(owner, pass);
            return false;
        }
        let mut one = self.begin_one(owner, pass);
        loop {
            if let Some(others) = self.shrink_batch(owner, &mut one, pass) {
                return others;
            }
        }
    }

    fn begin_one(&self, owner: Owner, pass: &Pass) -> One {
        let before = (pass.scanned, pass.freed);
        One { memcg: owner.1, before, swappiness: self.swappiness_of(owner, pass), scanned: 0 }
    }

    /// A turn of the loop in `try_to_shrink_lruvec()`. It ends with whether it is the others' turn.
    fn shrink_batch(&mut self, owner: Owner, one: &mut One, pass: &mut Pass) -> Option<bool> {
        let most = match self.next_scan(owner, pass, one.swappiness > 0) {
            Next::Stop => return Some(true),
            Next::Scan(0) => return Some(false),
            Next::Scan(most) => most,
        };
        let (some, _) = self.evict_batch(owner, pass, one.swappiness);
        one.scanned += some;
        let physical = self.store.frames.physical.as_deref();
        let goes_on = physical.is_some_and(|physical| {
            some > 0 && one.scanned < most && !physical.has_enough(owner.0, pass)
        });
        (!goes_on).then_some(false)
    }

    /// `lru_gen_shrink_node()` and `shrink_many()`: reclaim of a whole node, cgroups of the older generation in
    /// turn, until there is enough. One batch, or a step to the next cgroup; false: it is over.
    pub(in crate::physical) fn shrink_many(
        &mut self,
        node: u32,
        many: &mut Many,
        pass: &mut Pass,
    ) -> bool {
        let Some(round) = &mut many.round else {
            let memcgs = &self.store.frames.memcgs;
            let all: Vec<u16> = memcgs.subtree(MemcgId::ROOT).iter().map(|id| id.0).collect();
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return false };
            pass.priority = physical.initial_priority(node, pass);
            many.before = pass.freed;
            if pass.kswapd {
                pass.freed = 0;
            }
            let order = physical.lru.memcgs.entry(node).or_default();
            order.update(&all);
            many.round = Some(order.round());
            return true;
        };
        let (memcg, to) = if let Some(one) = &mut many.one {
            let owner = (node, one.memcg);
            let Some(others) = self.shrink_batch(owner, one, pass) else { return true };
            let to = self.end_one(owner, one.before, others, pass);
            let memcg = one.memcg;
            many.one = None;
            (memcg, to)
        } else {
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return false };
            let order = physical.lru.memcgs.entry(node).or_default();
            let Some(memcg) = order.next(round) else { return self.end_many(many, pass) };
            let to = self.spared((node, memcg));
            if to.is_none() {
                many.one = Some(self.begin_one((node, memcg), pass));
                return true;
            }
            (memcg, to)
        };
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return false };
        if let Some(to) = to {
            let order = physical.lru.memcgs.entry(node).or_default();
            order.rotate(memcg, to, many.round.as_mut());
        }
        if physical.has_enough(node, pass) { self.end_many(many, pass) } else { true }
    }

    fn end_many(&mut self, many: &Many, pass: &mut Pass) -> bool {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.send();
        }
        if pass.kswapd {
            pass.freed += many.before;
        }
        if self.store.oom.lowmemory.is_some() {
            self.ask_lowmemorykiller(pass.kswapd);
        }
        false
    }

    /// `shrink_one()` begins: where the cgroup moves that nothing is taken from.
    fn spared(&mut self, owner: Owner) -> Option<Move> {
        let id = MemcgId(owner.1);
        match self.store.frames.memcgs.view(MemcgId::ROOT, id, false) {
            View::Min => Some(Move::Young),
            View::Low if !self.is_at_tail(owner) => Some(Move::Tail),
            View::Low => {
                self.store.frames.memcgs.note(id, Event::Low, 1);
                None
            }
            View::Scan { .. } => None,
        }
    }

    fn is_at_tail(&mut self, owner: Owner) -> bool {
        let physical = self.store.frames.physical.as_deref_mut();
        physical.is_some_and(|physical| {
            physical.lru.memcgs.entry(owner.0).or_default().is_at_tail(owner.1)
        })
    }

    /// `shrink_one()` ends: where the cgroup moves. `before`: what the pass had scanned and freed.
    fn end_one(
        &mut self,
        owner: Owner,
        before: (u64, u64),
        success: bool,
        pass: &mut Pass,
    ) -> Option<Move> {
        let id = MemcgId(owner.1);
        let who = usize::from(!pass.kswapd);
        let vm = &mut self.store.frames.memcgs.get_mut(id).vm;
        vm.scan[who] += pass.scanned - before.0;
        vm.steal[who] += pass.freed - before.1;
        let online = self.store.frames.memcgs.get(id).online;
        let can_swap = self.swappiness_of(owner, pass) > 0;
        let physical = self.store.frames.physical.as_deref_mut()?;
        if id == MemcgId::ROOT {
            pass.freed += physical.shrink_slab(pass.priority);
        }
        if success && online {
            return Some(Move::Young);
        }
        // `lruvec_is_sizable()`.
        let total = physical.lru.generations(owner).total(can_swap);
        let sizable = if online { total >> pass.priority > 0 } else { total > 0 };
        if !success && sizable {
            return None;
        }
        Some(if self.is_at_tail(owner) { Move::Young } else { Move::Tail })
    }
}
