//! Charging: who pays for a page, and when it is too much.
//!
//! # What it follows
//! `try_charge_memcg()` and `refill_stock()` in `mm/memcontrol.c`, `page_counter_try_charge()`. A
//! processor charges [`rules::memcg::MemcgRules::batch`] pages at once and hands them out; a batch
//! that does not fit is tried again as the one page that is needed. Many pages are charged in one
//! step of arithmetic up to the next thing that would be noticed.

use super::{CgroupVersion, Making, MemcgId, Memcgs};
use crate::mm::Mm;
use crate::psi::State;

/// Pages that were charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    /// How many of those asked for: at least one.
    pub(crate) pages: u64,
    /// Pages charged while an ancestor was above `memory.high`: on its way back to the program, the task
    /// reclaims and waits for them.
    pub(crate) over_high: u64,
}

/// The nearest cgroup that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    /// Which.
    pub(crate) id: MemcgId,
    /// It is memory and swap together that is full (v1): swapping out does not help.
    pub(crate) memsw: bool,
}

impl Memcgs {
    /// Charges up to `want` single pages. `again`: a try after reclaim, which is not begun with a whole
    /// batch.
    pub(crate) fn try_charge(
        &mut self,
        id: MemcgId,
        want: u64,
        again: bool,
    ) -> Result<Grant, Over> {
        if id == MemcgId::ROOT || want == 0 {
            return Ok(Grant { pages: want, over_high: 0 });
        }
        if let Some(pages) = self.take_stock(id, want) {
            return Ok(Grant { pages, over_high: 0 });
        }
        let batch = self.rules.batch;
        let room = self.room(id);
        if room >= batch && !again {
            let quiet = (self.quiet(id) / batch).min(room / batch);
            let batches = want.div_ceil(batch).min(quiet.max(1));
            let pages = want.min(batches * batch);
            self.add(id, batches * batch);
            self.keep(id, batches * batch - pages);
            return Ok(Grant { pages, over_high: if quiet == 0 { batch } else { 0 } });
        }
        // Page by page: each is first tried as a batch, and fails.
        if !again && let Some(over) = self.first_without(id, batch) {
            self.fail(over, want.min(room).max(1));
        }
        if room == 0 {
            let over = self.first_without(id, 1).unwrap_or(Over { id, memsw: false });
            self.fail(over, 1);
            return Err(over);
        }
        let quiet = self.quiet(id);
        let pages = if quiet == 0 || again { 1 } else { want.min(room).min(quiet) };
        self.add(id, pages);
        Ok(Grant { pages, over_high: if quiet == 0 { pages } else { 0 } })
    }

    /// Charges pages that come only together: a huge page.
    pub(crate) fn try_charge_together(&mut self, id: MemcgId, pages: u64) -> Result<Grant, Over> {
        if id == MemcgId::ROOT {
            return Ok(Grant { pages, over_high: 0 });
        }
        if let Some(over) = self.first_without(id, pages) {
            self.fail(over, 1);
            return Err(over);
        }
        let quiet = self.quiet(id);
        self.add(id, pages);
        Ok(Grant { pages, over_high: if quiet < pages { pages } else { 0 } })
    }

    /// Charges whatever the limits say (`__GFP_NOFAIL`, a task that dies).
    pub(crate) fn force_charge(&mut self, id: MemcgId, pages: u64) {
        if id != MemcgId::ROOT {
            self.add(id, pages);
        }
    }

    /// So many page tables of an address space are free: those first that it has where it is.
    pub(crate) fn free_tables(&mut self, mm: &mut Mm, mut tables: u64) {
        let here = mm.memcg;
        let others: Vec<MemcgId> = mm.tables_of.keys().copied().filter(|id| *id != here).collect();
        for id in std::iter::once(here).chain(others) {
            let Some(count) = mm.tables_of.get_mut(&id) else { continue };
            let some = tables.min(*count);
            *count -= some;
            tables -= some;
            self.uncharge_kernel(id, some);
        }
    }

    /// Pages of the kernel's own are charged whatever the limits say.
    pub(crate) fn force_charge_kernel(&mut self, id: MemcgId, pages: u64) {
        self.force_charge(id, pages);
        self.make_kernel(id, pages);
    }

    /// `uncharge_folio()`: pages of processes and files are free.
    pub(crate) fn freed(&mut self, id: MemcgId, pages: u64) {
        self.get_mut(id).vm.page_out += pages;
        self.uncharge(id, pages);
    }

    /// `page_counter_uncharge()`.
    pub(crate) fn uncharge(&mut self, id: MemcgId, pages: u64) {
        if id == MemcgId::ROOT {
            return;
        }
        self.each(id, |memcg, v1| {
            memcg.memory.sub(pages);
            if v1 {
                memcg.swap.sub(pages);
            }
        });
    }

    /// Pages that were charged are the kernel's own.
    pub(crate) fn make_kernel(&mut self, id: MemcgId, pages: u64) {
        self.get_mut(id).kernel += pages;
    }

    /// A process is gone.
    pub(crate) fn uncharge_making(&mut self, making: Making) {
        self.uncharge_kernel(making.by, making.pages());
    }

    /// `obj_cgroup_uncharge_pages()`: the kernel's own pages are free, and the processor keeps what was
    /// charged for them. Those of a removed cgroup are its parent's.
    pub(crate) fn uncharge_kernel(&mut self, id: MemcgId, pages: u64) {
        let here = |at: &MemcgId| self.get(*at).online;
        let id = self.lineage(id).find(here).unwrap_or(MemcgId::ROOT);
        let memcg = self.get_mut(id);
        memcg.kernel = memcg.kernel.saturating_sub(pages);
        if id != MemcgId::ROOT {
            self.keep(id, pages);
        }
    }

    /// `mem_cgroup_swapout()` and `__mem_cgroup_try_charge_swap()`: whether so many pages may be swapped
    /// out; if they may, they are swap from now on, and the caller uncharges the memory in v2.
    pub(crate) fn swap_room(&self, id: MemcgId) -> u64 {
        if id == MemcgId::ROOT || self.version == CgroupVersion::V1 {
            return u64::MAX;
        }
        self.lineage(id).map(|at| self.get(at).swap.room()).min().unwrap_or(u64::MAX)
    }

    /// The part of `mem_cgroup_swap_full()` that looks at cgroups (v2).
    pub(crate) fn swap_is_half_full(&self, id: MemcgId) -> bool {
        let full = |at: MemcgId| {
            let swap = &self.get(at).swap;
            at != MemcgId::ROOT && swap.usage * 2 >= swap.high.min(swap.max)
        };
        self.version == CgroupVersion::V2 && self.lineage(id).any(full)
    }

    /// Slots of swap were taken for pages (`__mem_cgroup_try_charge_swap()`, v2): they are charged from then
    /// on, and in v1 once the pages have left memory. Whether they are.
    pub(crate) fn swap_taken(&mut self, id: MemcgId, pages: u64) -> bool {
        if self.version == CgroupVersion::V1 {
            return false;
        }
        self.get_mut(id).swapped += pages;
        if id != MemcgId::ROOT {
            self.each(id, |memcg, _| memcg.swap.add(pages));
        }
        true
    }

    /// Pages left memory for swap, `unpaid` of them without being charged for it yet
    /// (`mem_cgroup_swapout()`, v1): those stay in the sum of memory and swap.
    pub(crate) fn left_for_swap(&mut self, id: MemcgId, pages: u64, unpaid: u64) {
        let memcg = self.get_mut(id);
        memcg.swapped += unpaid;
        memcg.vm.page_out += pages;
        if id == MemcgId::ROOT {
            return;
        }
        self.each(id, |memcg, v1| {
            memcg.memory.sub(pages);
            if v1 {
                memcg.swap.sub(pages - unpaid);
            }
        });
    }

    /// Slots became free. The memory of a page that came back was charged as any other.
    pub(crate) fn swap_freed(&mut self, id: MemcgId, pages: u64) {
        let memcg = self.get_mut(id);
        memcg.swapped = memcg.swapped.saturating_sub(pages);
        if id != MemcgId::ROOT {
            self.each(id, |memcg, _| memcg.swap.sub(pages));
        }
    }

    /// `drain_all_stock()`: what processors keep for this subtree is given back.
    pub(crate) fn drain(&mut self, id: MemcgId) {
        let stock = std::mem::take(&mut self.stock);
        for (owner, pages) in stock {
            if self.is_below(owner, id) {
                self.uncharge(owner, pages);
            } else {
                self.stock.push((owner, pages));
            }
        }
    }

    /// Pages kept for a cgroup by processors.
    #[cfg(test)]
    pub(crate) fn kept(&self, id: MemcgId) -> u64 {
        self.stock.iter().filter(|(owner, _)| *owner == id).map(|(_, pages)| pages).sum()
    }

    /// Pages until the first of it and its ancestors is full.
    pub(crate) fn room(&self, id: MemcgId) -> u64 {
        let v1 = self.version == CgroupVersion::V1;
        let rooms = self.lineage(id).map(|at| {
            let memcg = self.get(at);
            if v1 { memcg.memory.room().min(memcg.swap.room()) } else { memcg.memory.room() }
        });
        rooms.min().unwrap_or(u64::MAX)
    }

    /// Pages until the first of it and its ancestors is above `memory.high`.
    fn quiet(&self, id: MemcgId) -> u64 {
        let above_swap = |at| {
            let swap = &self.get(at).swap;
            self.version == CgroupVersion::V2 && swap.usage > swap.high
        };
        if self.lineage(id).any(above_swap) {
            return 0;
        }
        self.lineage(id).map(|at| self.get(at).memory.quiet()).min().unwrap_or(u64::MAX)
    }

    /// The nearest that does not have this room: memory and swap together is asked before memory.
    fn first_without(&self, id: MemcgId, pages: u64) -> Option<Over> {
        let lacks = |memsw: bool| {
            let counter = |at: &MemcgId| {
                let memcg = self.get(*at);
                if memsw { memcg.swap.room() < pages } else { memcg.memory.room() < pages }
            };
            self.lineage(id).find(counter).map(|id| Over { id, memsw })
        };
        let memsw = self.version == CgroupVersion::V1;
        memsw.then(|| lacks(true)).flatten().or_else(|| lacks(false))
    }

    /// The nearest that does not have this room.
    pub(crate) fn full(&self, id: MemcgId, pages: u64) -> Option<MemcgId> {
        self.first_without(id, pages).map(|over| over.id)
    }

    /// Pages that were charged are in use from now on.
    pub(crate) fn paid(&mut self, id: MemcgId, pages: u64, kernel: bool) {
        let memcg = self.get_mut(id);
        if kernel {
            memcg.kernel += pages;
        } else {
            memcg.vm.page_in += pages;
        }
    }

    /// Time passes for tasks of a cgroup, and so for those above.
    pub(crate) fn pass(&mut self, id: MemcgId, from: u64, to: u64, state: State) {
        let mut next = Some(id);
        while let Some(at) = next {
            let memcg = self.get_mut(at);
            memcg.psi.pass(from, to, state);
            next = memcg.parent;
        }
    }

    pub(crate) fn fail(&mut self, over: Over, count: u64) {
        let memcg = self.get_mut(over.id);
        let counter = if over.memsw { &mut memcg.swap } else { &mut memcg.memory };
        counter.failures += count;
    }

    fn add(&mut self, id: MemcgId, pages: u64) {
        self.each(id, |memcg, v1| {
            memcg.memory.add(pages);
            if v1 {
                memcg.swap.add(pages);
            }
        });
    }

    fn each(&mut self, id: MemcgId, change: impl Fn(&mut super::Memcg, bool)) {
        let v1 = self.version == CgroupVersion::V1;
        let mut next = Some(id);
        while let Some(at) = next {
            let memcg = self.get_mut(at);
            change(memcg, v1);
            next = memcg.parent;
        }
    }

    /// `consume_stock()`.
    fn take_stock(&mut self, id: MemcgId, want: u64) -> Option<u64> {
        let (_, kept) = self.stock.iter_mut().find(|(owner, _)| *owner == id)?;
        let taken = want.min(*kept);
        *kept -= taken;
        (taken > 0).then_some(taken)
    }

    /// `refill_stock()`.
    fn keep(&mut self, id: MemcgId, pages: u64) {
        if pages == 0 {
            return;
        }
        let at = self.stock.iter().position(|(owner, _)| *owner == id).unwrap_or_else(|| {
            if self.stock.len() >= self.rules.stock_slots {
                let (owner, pages) = self.stock.remove(0);
                self.uncharge(owner, pages);
            }
            self.stock.push((id, 0));
            self.stock.len() - 1
        });
        self.stock[at].1 += pages;
        if self.stock[at].1 > self.rules.batch {
            let (_, pages) = self.stock.remove(at);
            self.uncharge(id, pages);
        }
    }
}
