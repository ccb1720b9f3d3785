//! Soft limits of memory cgroups of version 1: who is above its own is reclaimed from first.
//!
//! # What it follows
//! `mem_cgroup_soft_limit_reclaim()`, `mem_cgroup_soft_reclaim()` and `mem_cgroup_shrink_node()` in
//! `mm/memcontrol.c` (`memcontrol-v1.c` since 6.11): before reclaim of a node looks at everybody, tasks and
//! kswapd take from the cgroup that is furthest above its soft limit, over all of its lists, until a quarter
//! of what it has too much is free. With generations (6.1) soft limits have no effect.
//!
//! # What it leaves out
//! The kernel notes how far a cgroup is above its limit every 1024 events; here it is known at once. Who is
//! above counts on every node, where the kernel knows those that were charged for pages of it.

use super::balance::Prepared;
use super::reclaim::{Among, CLUSTER, Pass};
use crate::ctx::Ctx;
use crate::memcg::{CgroupVersion, MemcgId, Memcgs};

/// `MEM_CGROUP_MAX_SOFT_LIMIT_RECLAIM_LOOPS` and one: cgroups that are tried when the first gives nothing.
const CGROUPS: usize = 3;
/// `MEM_CGROUP_MAX_RECLAIM_LOOPS`: times that a subtree is gone over.
const ROUNDS: u32 = 100;

impl Memcgs {
    /// `soft_limit_excess()`, pages.
    fn above_soft_limit(&self, id: MemcgId) -> u64 {
        let memcg = self.get(id);
        memcg.memory.usage.saturating_sub(memcg.soft_limit)
    }

    /// The cgroup that is furthest above its soft limit, but for those that were tried.
    fn furthest_above(&self, tried: &[MemcgId]) -> Option<MemcgId> {
        let all = self.subtree(MemcgId::ROOT).into_iter().filter(|id| *id != MemcgId::ROOT);
        let above = all.map(|id| (self.above_soft_limit(id), id));
        let above = above.filter(|(excess, id)| *excess > 0 && !tried.contains(id));
        above.max_by_key(|(excess, _)| *excess).map(|(_, id)| id)
    }
}

impl Ctx<'_> {
    /// `mem_cgroup_soft_limit_reclaim()`, before a node is reclaimed from.
    pub(super) fn reclaim_above_soft_limits(&mut self, node: u32, pass: &mut Pass) {
        let memcgs = &self.store.frames.memcgs;
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        let old = memcgs.version == CgroupVersion::V1;
        if !old || !pass.among.is_machine() || physical.has_generations() {
            return;
        }
        let mut tried = Vec::new();
        while tried.len() < CGROUPS
            && let Some(id) = self.store.frames.memcgs.furthest_above(&tried)
        {
            tried.push(id);
            let freed = self.reclaim_above_soft_limit(node, id, pass);
            pass.freed += freed;
            if freed > 0 {
                break;
            }
        }
    }

    /// `mem_cgroup_soft_reclaim()`: how many pages a subtree gave.
    fn reclaim_above_soft_limit(&mut self, node: u32, id: MemcgId, pass: &mut Pass) -> u64 {
        let excess = self.store.frames.memcgs.above_soft_limit(id);
        let mut freed = 0;
        for round in 1..=ROUNDS {
            for victim in self.store.frames.memcgs.subtree(id) {
                freed += self.shrink_whole(node, victim, pass);
                if self.store.frames.memcgs.above_soft_limit(id) == 0 {
                    return freed;
                }
            }
            if round > 1 && (freed == 0 || freed >= excess / 4) {
                break;
            }
        }
        freed
    }

    /// `mem_cgroup_shrink_node()`: a cluster of a cgroup's pages, however many have to be looked at.
    fn shrink_whole(&mut self, node: u32, id: MemcgId, pass: &mut Pass) -> u64 {
        let swappiness = self.store.frames.memcgs.get(id).swappiness;
        let new = Pass::new(Among::Memcg(id), CLUSTER, pass.kswapd);
        let mut own = Pass { priority: 0, swappiness, ..new };
        let Some(physical) = self.store.frames.physical.as_deref() else { return 0 };
        // Nothing has been prepared: what is in use stays so.
        let all = physical.looks_at_all().then(Prepared::default);
        if let Some(mut work) = self.begin_lruvec((node, id.0), &mut own, all) {
            while self.shrink_some(&mut work, &mut own) {}
            self.end_lruvec(&work, &own);
        }
        pass.scanned += own.scanned;
        own.freed
    }
}
