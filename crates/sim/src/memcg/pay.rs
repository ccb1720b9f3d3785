//! Paying for pages: what a task does when its cgroup is full, or above `memory.high`.
//!
//! # What it follows
//! `try_charge_memcg()` behind its fast path, `__mem_cgroup_handle_over_high()`, `mem_cgroup_oom()`.
//! Attempts, events and waiting are the kernel's, one by one; the page that is being asked for is in
//! nobody's hands meanwhile.

use rules::memcg::delay_jiffies;
use rules::watermark::ZoneKind;

use super::{CgroupVersion, Event, MemcgId, Over};
use crate::ctx::Ctx;
use crate::oom::{self, Outcome, Request, Scope};
use crate::page::HUGE;
use crate::physical::{For, Grant, NoMemory};

impl Ctx<'_> {
    /// Whoever pays for this address space pays for these pages: some of them, at least one.
    pub(crate) fn pay(&mut self, grant: Grant, what: For) -> Result<Grant, NoMemory> {
        let id = self.mm.memcg;
        let memcgs = &mut self.store.frames.memcgs;
        let free = match what {
            For::KernelOwn => true,
            For::Kernel => !memcgs.rules.charges_tables,
            For::User | For::UserFile | For::Huge | For::Move => false,
        };
        if free {
            return Ok(grant);
        }
        if id == MemcgId::ROOT {
            memcgs.paid(id, grant.pages, what == For::Kernel);
            return Ok(grant);
        }
        let charged = match what {
            For::Huge => self.charge_huge(id, grant.pages),
            _ => match self.store.frames.memcgs.try_charge(id, grant.pages, false) {
                Ok(charged) => Ok(charged),
                Err(over) => self.charge_slowly(id, over),
            },
        };
        let pages = charged.map_or(0, |charged| charged.pages);
        self.store.frames.give_back(Grant { pages: grant.pages - pages, memcg: 0, ..grant });
        let charged = charged?;
        let kernel = what == For::Kernel;
        self.store.frames.memcgs.paid(id, pages, kernel);
        if charged.over_high > 0 {
            self.over_high(id, charged.over_high);
        }
        // Pages of the kernel's own are not in frames, which know who paid.
        Ok(Grant { pages, memcg: if kernel { 0 } else { id.0 }, ..grant })
    }

    /// As many huge pages as fit; one of them is worth reclaiming for, but nobody is killed.
    fn charge_huge(&mut self, id: MemcgId, pages: u64) -> Result<super::Grant, NoMemory> {
        let memcgs = &mut self.store.frames.memcgs;
        let mut all = super::Grant { pages: 0, over_high: 0 };
        while all.pages < pages && all.over_high == 0 {
            let Ok(one) = memcgs.try_charge_together(id, HUGE) else { break };
            all.pages += one.pages;
            all.over_high += one.over_high;
        }
        if all.pages > 0 {
            return Ok(all);
        }
        if self.store.config.huge == crate::config::Huge::Always {
            // Nobody asked for them: no reclaim (`defrag` is `madvise`).
            return Err(NoMemory::Failed);
        }
        for drain in [false, true] {
            let memcgs = &mut self.store.frames.memcgs;
            let Some(full) = memcgs.full(id, HUGE) else { break };
            memcgs.note(full, Event::Max, 1);
            self.reclaim_below(full, HUGE, true);
            let memcgs = &mut self.store.frames.memcgs;
            if drain {
                memcgs.drain(full);
            }
            if let Ok(one) = memcgs.try_charge_together(id, HUGE) {
                return Ok(one);
            }
        }
        Err(NoMemory::Failed)
    }

    /// `try_charge_memcg()` once the first attempt has failed.
    fn charge_slowly(&mut self, id: MemcgId, mut over: Over) -> Result<super::Grant, NoMemory> {
        let rules = self.store.frames.memcgs.rules;
        let (mut retries, mut drained) = (rules.retries, false);
        loop {
            let memcgs = &mut self.store.frames.memcgs;
            memcgs.note(over.id, Event::Max, 1);
            let reclaimed = self.reclaim_below(over.id, 1, !over.memsw);
            let memcgs = &mut self.store.frames.memcgs;
            if memcgs.room(over.id) == 0 {
                if !drained {
                    memcgs.drain(over.id);
                    drained = true;
                } else if reclaimed > 0 {
                    // Another attempt.
                } else if retries > 0 {
                    retries -= 1;
                } else {
                    self.memcg_oom(over)?;
                    self.wait_for_victims(over);
                    retries = rules.retries;
                }
            }
            match self.store.frames.memcgs.try_charge(id, 1, true) {
                Ok(charged) => return Ok(charged),
                Err(next) => over = next,
            }
        }
    }

    /// `mem_cgroup_oom()`: somebody in the cgroup dies, or all wait.
    fn memcg_oom(&mut self, over: Over) -> Result<(), NoMemory> {
        let memcgs = &mut self.store.frames.memcgs;
        memcgs.note(over.id, Event::Oom, 1);
        let retries = u64::from(memcgs.rules.retries);
        let memcg = memcgs.get_mut(over.id);
        if memcg.oom_kill_disable {
            // Tasks wait until somebody makes room.
            memcg.under_oom = true;
            return Err(NoMemory::Failed);
        }
        let request = self.memcg_request(over.id);
        match oom::out_of_memory(self, &request) {
            Outcome::Killed => Ok(()),
            Outcome::AskerDies => {
                // A task that dies goes through all its attempts once more before it gives up, unless
                // others that died with it made room.
                let memcgs = &mut self.store.frames.memcgs;
                if memcgs.room(over.id) == 0 {
                    memcgs.note(over.id, Event::Max, retries + 1);
                    memcgs.fail(over, retries + 1);
                }
                Err(NoMemory::Dying)
            }
            Outcome::Panic => Err(NoMemory::Dying),
            Outcome::Nothing => Err(NoMemory::Failed),
        }
    }

    /// Until the victim is gone, the asker tries again and again, and asks the OOM killer each time that all its
    /// attempts have failed.
    fn wait_for_victims(&mut self, over: Over) {
        let wait = self.victims_go();
        let attempts = wait.attempts();
        let memcgs = &mut self.store.frames.memcgs;
        memcgs.note(over.id, Event::Max, attempts);
        memcgs.note(over.id, Event::Oom, attempts / (u64::from(memcgs.rules.retries) + 1));
        memcgs.fail(over, attempts);
        self.stall(wait.time);
    }

    /// What the OOM killer is asked when a cgroup is full.
    pub(crate) fn memcg_request(&self, id: MemcgId) -> Request {
        Request {
            gfp: "GFP_KERNEL",
            order: 0,
            highest_zone: ZoneKind::Movable,
            scope: Scope::Memcg(id),
            asker: Some(self.rest.process),
            sysrq: false,
        }
    }

    /// `try_to_free_mem_cgroup_pages()`: how many pages of the subtree were freed.
    pub(crate) fn reclaim_below(&mut self, id: MemcgId, pages: u64, may_swap: bool) -> u64 {
        self.reclaim_in(id, pages, may_swap, None)
    }

    /// `__mem_cgroup_handle_over_high()`: the task reclaims what it charged above `memory.high`, and waits
    /// the longer the further it is above.
    fn over_high(&mut self, id: MemcgId, pages: u64) {
        let (rules, hz) = (self.store.frames.memcgs.rules, self.store.frames.memcgs.hz);
        let (mut retries, mut some) = (rules.retries, pages);
        loop {
            let reclaimed = self.reclaim_high(id, some);
            if !rules.throttles {
                return;
            }
            let memcgs = &mut self.store.frames.memcgs;
            let memory = memcgs.max_overage(id, false);
            let swap = if memcgs.version == CgroupVersion::V2 && rules.swap_high {
                memcgs.max_overage(id, true)
            } else {
                0
            };
            let delay = |overage| delay_jiffies(pages, overage, hz, rules.batch);
            let wait = delay(memory).saturating_add(delay(swap)).min(2 * hz);
            if wait <= hz / 100 {
                return;
            }
            if reclaimed > 0 || retries > 0 {
                if reclaimed == 0 {
                    retries -= 1;
                }
                some = 32;
                continue;
            }
            self.stall(wait * (1_000_000_000 / hz));
            return;
        }
    }

    /// `reclaim_high()`: of every ancestor that is above its `memory.high`.
    fn reclaim_high(&mut self, id: MemcgId, pages: u64) -> u64 {
        let lineage: Vec<MemcgId> = self.store.frames.memcgs.lineage(id).collect();
        let mut reclaimed = 0;
        for at in lineage {
            if at == MemcgId::ROOT {
                break;
            }
            let memcgs = &mut self.store.frames.memcgs;
            if memcgs.get(at).memory.usage > memcgs.get(at).memory.high {
                memcgs.note(at, Event::High, 1);
                reclaimed += self.reclaim_below(at, pages, true);
            }
        }
        reclaimed
    }
}
