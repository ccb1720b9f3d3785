//! Swap areas are switched off and on again.
//!
//! # What it follows
//! `swapoff(2)` and `try_to_unuse()` in `mm/swapfile.c`, 6.1 and 6.12; which release ranks who does it
//! how is [`rules::badness`]'s. The area is no part of `SwapTotal` from the beginning on, and gives
//! no slots; then all that is in it comes back, shared memory first. The task that does this is, meanwhile,
//! the first to be killed (`set_current_oom_origin()`); when it is, or when there is no page for it within its cgroup, the
//! area is switched on again.
//!
//! # What it leaves out
//! The order of the address spaces, which is that of `init_mm.mmlist`: the latest that was swapped out
//! first. Here it is the latest made. What the kernel keeps of an area for itself (`swap_map`, two or
//! three bytes a page) and frees with it.

use world::{Errno, ProcessId, WorldError};

use super::{For, NoMemory};
use crate::ctx::Ctx;
use crate::frames::file_of;
use crate::machine::Machine;
use crate::memcg::MemcgId;
use crate::page::{Pte, What};

impl Machine {
    /// `swapon(2)` of an area that is off.
    pub(crate) fn swapon(
        &mut self,
        id: ProcessId,
        area: u8,
        priority: Option<i16>,
    ) -> Result<Result<u64, Errno>, WorldError> {
        let refusal = self.with(id, |ctx| {
            let is_on = ctx.area_is_on(area)?;
            if is_on { Err(Errno::EBUSY) } else { Ok(()) }
        })?;
        if let Err(error) = refusal {
            return Ok(Err(error));
        }
        self.reopen(area, priority);
        Ok(Ok(0))
    }

    /// `swapoff(2)`.
    pub(crate) fn swapoff(
        &mut self,
        id: ProcessId,
        area: u8,
    ) -> Result<Result<u64, Errno>, WorldError> {
        if let Err(error) = self.with(id, |ctx| ctx.close_area(area))? {
            return Ok(Err(error));
        }
        let asked = self.priority_of(area);
        self.store.oom.origin = Some(Self::index(self.living(id)?.group));
        let done = self.unuse(id, area);
        self.store.oom.origin = None;
        let done = done?;
        if done.is_err() {
            self.reopen(area, asked);
        }
        Ok(done.map(|()| 0))
    }

    fn reopen(&mut self, area: u8, priority: Option<i16>) {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.swap.switch_on(area, priority);
            self.store.config.swap = physical.swap.total();
        }
    }

    /// The priority that was asked for when the area was switched on.
    fn priority_of(&self, area: u8) -> Option<i16> {
        let physical = self.store.frames.physical.as_deref()?;
        let area = physical.swap.areas.get(usize::from(area))?;
        i16::try_from(area.priority).ok().filter(|&priority| priority >= 0)
    }

    /// `try_to_unuse()`: round after round, for what is short of memory may go back to other areas.
    fn unuse(&mut self, id: ProcessId, area: u8) -> Result<Result<(), Errno>, WorldError> {
        let mut left = self.left_in(area);
        while left > 0 {
            let own = self.living(id)?.mm;
            let mut spaces: Vec<usize> = self.mms.keys().copied().rev().collect();
            spaces.retain(|&key| key != own);
            spaces.push(own);
            let found = self.with(id, |ctx| ctx.unuse_shared(area))?;
            if let Some(error) = self.end_of_swapoff(id, found)? {
                return Ok(Err(error));
            }
            for key in spaces {
                if !self.mms.contains_key(&key) {
                    continue;
                }
                let found = self.in_space(id, key, |ctx| ctx.unuse_pages(area))?;
                if let Some(error) = self.end_of_swapoff(id, found)? {
                    return Ok(Err(error));
                }
            }
            let found = self.with(id, |ctx| ctx.unuse_rest(area))?;
            if let Some(error) = self.end_of_swapoff(id, found)? {
                return Ok(Err(error));
            }
            let now = self.left_in(area);
            if now >= left {
                return Ok(Err(Errno::EINTR));
            }
            left = now;
        }
        Ok(Ok(()))
    }

    fn left_in(&self, area: u8) -> u64 {
        let areas = self.store.frames.physical.as_deref().map(|physical| &physical.swap.areas);
        areas.and_then(|areas| areas.get(usize::from(area))).map_or(0, |area| area.used)
    }

    /// Why it ends before all is back: whoever did it is dead, or there was no page.
    fn end_of_swapoff(
        &self,
        id: ProcessId,
        found: Result<(), NoMemory>,
    ) -> Result<Option<Errno>, WorldError> {
        if self.process(id)?.ended.is_some() || self.runs().is_err() {
            return Ok(Some(Errno::EINTR));
        }
        Ok(found.err().map(|_| Errno::ENOMEM))
    }
}

impl Ctx<'_> {
    /// Whether an area is on, for one who may ask.
    fn area_is_on(&self, area: u8) -> Result<bool, Errno> {
        if !self.task.privileged() {
            return Err(Errno::EPERM);
        }
        let physical = self.store.frames.physical.as_deref().ok_or(Errno::EINVAL)?;
        let known = physical.swap.areas.get(usize::from(area)).ok_or(Errno::EINVAL)?;
        Ok(known.on)
    }

    /// The area gives no slots from now on, if what is promised does not need it.
    fn close_area(&mut self, area: u8) -> Result<(), Errno> {
        if !self.area_is_on(area)? {
            return Err(Errno::EINVAL);
        }
        let physical = self.store.frames.physical.as_deref();
        let pages = physical.and_then(|physical| physical.swap.pages_on(area)).unwrap_or(0);
        self.promise(pages)?;
        self.store.forget(pages);
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.swap.switch_off(area);
            self.store.config.swap = physical.swap.total();
        }
        Ok(())
    }

    /// `shmem_unuse()`: each page is paid for by whom its slot was charged to.
    fn unuse_shared(&mut self, area: u8) -> Result<(), NoMemory> {
        let own = self.mm.memcg;
        for (first, count, memcg) in self.slots_in(area) {
            if file_of(first).is_none() {
                continue;
            }
            for frame in first..first + count {
                if self.store.frames.map.get(frame).is_some() {
                    self.leave_area(frame, 1);
                    continue;
                }
                self.mm.memcg = memcg;
                let filled = self.fill_from_swap(frame);
                self.mm.memcg = own;
                filled.map_err(|_| NoMemory::Failed)?;
            }
        }
        Ok(())
    }

    /// `unuse_mm()`: entries of an address space that name slots of the area name pages again.
    fn unuse_pages(&mut self, area: u8) -> Result<(), NoMemory> {
        let mut at = 0;
        while let Some(page) = self.mm.pages.next_used(at) {
            let Some((len, pte)) = self.mm.pages.get(page) else { return Ok(()) };
            at = page + len;
            if pte.what != What::Swap {
                continue;
            }
            let slot = self.store.frames.physical.as_deref();
            let slot = slot.and_then(|physical| physical.swap.slots.get(pte.frame));
            let Some((alike, slot)) = slot else { continue };
            let len = len.min(alike);
            at = page + len;
            if slot.area == area {
                at = page + self.unuse_some(page, len, pte)?;
            }
        }
        Ok(())
    }

    /// `unuse_pte()`: these pages, the first of them at least, are mapped again: not as used, and not for
    /// writing.
    fn unuse_some(&mut self, page: u64, most: u64, pte: Pte) -> Result<u64, NoMemory> {
        let mut count = most;
        if self.store.frames.map.get(pte.frame).is_none() {
            self.read_ahead(page, pte);
            let grant = self.allocate(1, For::UserFile)?;
            let still = self.mm.pages.get(page).is_some_and(|(_, now)| now == pte);
            if !still || self.store.frames.map.get(pte.frame).is_some() {
                self.store.frames.give_back(grant);
                return Ok(0);
            }
            self.store.frames.read_slots(pte.frame, 1, grant);
            self.swap_read(false);
            count = 1;
        }
        let Some((len, known)) = self.store.frames.map.get(pte.frame) else { return Ok(0) };
        let (alike, others) = self.slot_at(pte.frame);
        let count = count.min(len).min(alike);
        self.let_go_of_slots(pte.frame, count);
        let alone = known.maps == 0 && others == 0;
        let home = u32::try_from(self.rest.mm).ok().map(|mm| (mm, page));
        self.store.frames.map_at(pte.frame, count, alone, home);
        if others == 0 {
            self.leave_area(pte.frame, count);
        }
        let entry = Pte {
            what: What::Anon,
            writable: false,
            dirty: false,
            young: false,
            huge: false,
            ..pte
        };
        self.map_again(page, count, entry);
        Ok(count)
    }

    /// What is left: pages in the swap cache that no entry names, and those of processes outside the
    /// model.
    fn unuse_rest(&mut self, area: u8) -> Result<(), NoMemory> {
        let own = self.mm.memcg;
        for (first, count, memcg) in self.slots_in(area) {
            let mut at = first;
            while at < first + count {
                let slot = self.store.frames.physical.as_deref();
                let slot = slot.and_then(|physical| physical.swap.slots.get(at));
                let Some((_, slot)) = slot else {
                    at += 1;
                    continue;
                };
                let outside = slot.mm == u32::MAX && file_of(at).is_none();
                if let Some((len, _)) = self.store.frames.map.get(at) {
                    let len = len.min(first + count - at);
                    if outside || slot.refs == 0 {
                        self.leave_area(at, len);
                    }
                    at += len;
                    continue;
                }
                if outside {
                    self.mm.memcg = memcg;
                    let grant = self.allocate(1, For::UserFile);
                    self.mm.memcg = own;
                    let grant = grant?;
                    if self.store.frames.map.get(at).is_some() {
                        self.store.frames.give_back(grant);
                        continue;
                    }
                    self.store.frames.read_slots(at, 1, grant);
                    self.store.frames.update(at, 1, |frame| frame.maps = slot.refs);
                    self.leave_area(at, 1);
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// Runs of slots in an area, and who paid for them.
    fn slots_in(&self, area: u8) -> Vec<(u64, u64, MemcgId)> {
        let Some(physical) = self.store.frames.physical.as_deref() else { return Vec::new() };
        let slots = physical.swap.slots.iter().filter(|(_, _, slot)| slot.area == area);
        slots.map(|(first, len, slot)| (first, len, MemcgId(slot.memcg))).collect()
    }

    /// `folio_wait_writeback()` and `folio_free_swap()`: pages that are in memory have no slot any more.
    fn leave_area(&mut self, first: u64, count: u64) {
        let written = |ctx: &Ctx<'_>| {
            let mut runs = ctx.store.frames.map.iter_within(first, first + count);
            runs.any(|(_, _, frame)| frame.writeback)
        };
        while written(self) && self.wait_for_disk(1, u64::MAX) > 0 {}
        self.store.frames.leave_swap(first, count);
        self.store.frames.mark_dirty(first, count);
    }
}
