//! The working set of the last moments: `lru_gen_age_node()` in `mm/vmscan.c`.
//!
//! With `min_ttl_ms` set, kswapd calls the OOM killer rather than evict what is younger than that. Here the
//! report names the program that woke kswapd as the one that asked.

use rules::memcg::View;
use rules::watermark::ZoneKind;

use super::{FILE, slot};
use crate::ctx::Ctx;
use crate::memcg::MemcgId;
use crate::oom::{self, Outcome, Request, Scope};
use crate::physical::reclaim::Pass;

impl Ctx<'_> {
    /// Asks for a victim when every generation of every cgroup is too young, or too small, or protected.
    pub(in crate::physical) fn age_node(&mut self, node: u32, pass: &mut Pass) {
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        if physical.orders_memcgs() {
            pass.priority = physical.initial_priority(node, pass);
        } else {
            self.age_all(node, pass);
        }
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        let ttl = physical.lru.min_ttl;
        if ttl == 0 {
            return;
        }
        let now = self.store.clock;
        let all = self.store.frames.memcgs.subtree(MemcgId::ROOT);
        for id in all {
            let owner = (node, id.0);
            if self.store.frames.memcgs.view(MemcgId::ROOT, id, true) == View::Min {
                continue;
            }
            let can_swap = self.swappiness_of(owner, pass) > 0;
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
            let generations = physical.lru.generations(owner);
            let sizable = generations.total(can_swap) >> pass.priority > 0;
            let born = generations.born[usize::from(slot(generations.min[FILE]))];
            if sizable && born.saturating_add(ttl) < now {
                return;
            }
        }
        let request = Request {
            gfp: "GFP_KERNEL",
            order: 0,
            highest_zone: ZoneKind::Normal,
            scope: Scope::Machine,
            asker: Some(self.rest.process).filter(|&asker| asker != usize::MAX),
            sysrq: false,
        };
        match oom::out_of_memory(self, &request) {
            Outcome::AskerDies | Outcome::Panic => self.rest.dying = true,
            Outcome::Killed | Outcome::Nothing => {}
        }
    }
}
