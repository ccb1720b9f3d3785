//! Pages come back from swap.
//!
//! `do_swap_page()` in `mm/memory.c`, `swapin_readahead()` in `mm/swap_state.c`. The neighbours of a
//! page come with it, up to `2^page-cluster` of them, as far as there is memory to spare; they wait
//! in the swap cache until they are asked for.

use super::{For, Grant};
use crate::ctx::Ctx;
use crate::fault::{Refusal, Step};
use crate::frames::{Frame, Frames};
use crate::memcg::MemcgId;
use crate::page::{ANON, Pte, What};
use crate::physical::Mark;
use crate::unsynced::{SWAP, signed};
use crate::vm_flags::VmFlags;

impl Ctx<'_> {
    /// A fault on a page that is in swap.
    pub(crate) fn swap_in(
        &mut self,
        at: u64,
        page: u64,
        most: u64,
        pte: Pte,
        write: bool,
    ) -> Result<Step, Refusal> {
        let mut major = false;
        // Those in the swap cache that look alike are mapped at once, as one after the other would be.
        let mut count = self.mm.pages.get(page).map_or(1, |(len, _)| len).min(most).max(1);
        if self.store.frames.map.get(pte.frame).is_none() {
            major = true;
            if !self.is_synchronous(pte.frame) {
                self.read_ahead(page, pte);
            }
            let grant = self.allocate(1, For::User)?;
            let still = self.mm.pages.get(page).is_some_and(|(_, now)| now == pte);
            if !still || self.store.frames.map.get(pte.frame).is_some() {
                self.store.frames.give_back(grant);
                return Ok(Step::minor(0, 0));
            }
            self.store.frames.read_slots(pte.frame, 1, grant);
            let back = self
                .store
                .frames
                .map
                .get(pte.frame)
                .is_some_and(|(_, known)| known.active || known.aged.workingset);
            self.swap_read(back);
            count = 1;
        }
        let Some((len, known)) = self.store.frames.map.get(pte.frame) else {
            return Err(Refusal::Bus);
        };
        let (alike, others) = self.slot_at(pte.frame);
        let count = count.min(len).min(alike);
        self.let_go_of_slots(pte.frame, count);
        let alone = known.maps == 0 && others == 0;
        let vma = self.vma(at);
        let (may_write, locked) = (vma.has(VmFlags::WRITE), vma.has(VmFlags::LOCKED));
        let home = u32::try_from(self.rest.mm).ok().map(|mm| (mm, page));
        self.store.frames.map_at(pte.frame, count, alone, home);
        let writable = write && may_write && alone;
        let full = self.swap_is_short(pte.frame) || self.is_synchronous(pte.frame);
        if others == 0 && (writable || full || locked) {
            // Nothing needs the copy on the disk.
            self.store.frames.leave_swap(pte.frame, count);
        }
        let entry =
            Pte { what: What::Anon, writable, dirty: writable, young: true, huge: false, ..pte };
        self.map_again(page, count, entry);
        if write && !alone {
            let step = self.copy(at, page, count, entry)?;
            return Ok(Step { pages: step.pages, faults: step.faults.max(1), major });
        }
        Ok(Step { pages: count, faults: count, major })
    }

    /// Entries that named slots name pages again.
    pub(super) fn map_again(&mut self, page: u64, count: u64, entry: Pte) {
        self.mm.pages.set(page, count, entry);
        self.mm.swapped = self.mm.swapped.saturating_sub(count);
        self.mm.rss[ANON] += count;
        let (task, pages) = (self.rest.process, signed(count));
        self.mm.unsynced.fault(task, SWAP, -pages);
        self.mm.unsynced.fault(task, ANON, pages);
    }

    /// Whether a page is in an area that is read without the swap cache: by its one user alone.
    fn is_synchronous(&self, frame: u64) -> bool {
        let Some(physical) = self.store.frames.physical.as_deref() else { return false };
        let slot = physical.swap.slots.get(frame);
        slot.is_some_and(|(_, slot)| slot.refs <= 1 && physical.is_synchronous(slot.area))
    }

    /// Of how many slots the same is known, and how many entries will name each when one is gone.
    pub(super) fn slot_at(&self, frame: u64) -> (u64, u32) {
        let Some(physical) = self.store.frames.physical.as_deref() else { return (1, 0) };
        let slot = physical.swap.slots.get(frame);
        slot.map_or((1, 0), |(len, slot)| (len, slot.refs.saturating_sub(1)))
    }

    /// One entry less names each of these slots.
    pub(super) fn let_go_of_slots(&mut self, frame: u64, count: u64) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        physical.swap.slots.update(frame, frame + count, |_, slot| {
            slot.refs = slot.refs.saturating_sub(1);
        });
    }

    /// `swapin_walk_pmd_entry()`: pages of a range that are in swap come into the swap cache.
    pub(crate) fn will_need(&mut self, first: u64, last: u64) {
        for (page, len, pte) in self.mm.pages.within(first, last) {
            if pte.what == What::Swap {
                self.read_window(pte.frame, page, page + len);
            }
        }
    }

    /// The pages behind one that are in swap as well, up to the end of the window that it lies in.
    pub(super) fn read_ahead(&mut self, page: u64, pte: Pte) {
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        let window = 1_u64 << physical.swap.cluster.min(9);
        let last = page - page % window + window;
        let run = self.mm.pages.get(page).map_or(1, |(len, _)| len).min(last - page);
        self.read_window(pte.frame + 1, page + 1, page + run);
    }

    /// Reads the slots of pages `page..end` that are not in memory, the first of them `first`.
    fn read_window(&mut self, first: u64, page: u64, end: u64) {
        let last = first + end.saturating_sub(page);
        let mut at = first;
        while at < last {
            if let Some((len, _)) = self.store.frames.map.get(at) {
                at += len;
                continue;
            }
            let next = self.store.frames.map.next_used(at).unwrap_or(u64::MAX);
            let want = next.min(last) - at;
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
            let Some((len, slot)) = physical.swap.slots.get(at) else { return };
            let memcg = MemcgId(slot.memcg);
            let want = want.min(len).min(self.store.frames.memcgs.room(memcg));
            if want == 0 {
                return;
            }
            let grant = if memcg == self.mm.memcg {
                // Reclaim may take what was there, or bring what was not.
                let Ok(grant) = self.allocate(1, For::User) else { return };
                let physical = self.store.frames.physical.as_deref();
                let there = physical.is_some_and(|known| known.swap.slots.get(at).is_some());
                if !there || self.store.frames.map.get(at).is_some() {
                    self.store.frames.give_back(grant);
                    at += 1;
                    continue;
                }
                grant
            } else {
                let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
                let Some(grant) = physical.grab(want, For::User, Mark::Low) else { return };
                self.store.frames.memcgs.force_charge(memcg, grant.pages);
                Grant { memcg: memcg.0, ..grant }
            };
            self.store.frames.read_slots(at, grant.pages, grant);
            at += grant.pages;
        }
    }
}

impl Frames {
    /// Pages in swap are in the swap cache as well.
    pub(crate) fn read_slots(&mut self, first: u64, count: u64, grant: Grant) {
        let Some(physical) = self.physical.as_deref_mut() else { return };
        let slots = physical.swap.slots.within(first, first + count);
        for (at, len, slot) in slots {
            let Some(physical) = self.physical.as_deref_mut() else { return };
            physical.count("pswpin", len);
            let back = physical.refault_anon(&slot, len);
            let vm = &mut self.memcgs.get_mut(MemcgId(grant.memcg)).vm;
            vm.swap_in += len;
            vm.refault[0] += len;
            vm.refault_activate[0] += if back.activated { len } else { 0 };
            vm.refault_restore[0] += if back.workingset { len } else { 0 };
            let frame = Frame {
                maps: 0,
                exclusive: false,
                active: back.active,
                aged: back.aged(),
                zone: grant.zone,
                memcg: grant.memcg,
                home: (slot.mm != u32::MAX).then_some((slot.mm, slot.page)),
                ..Frame::ANON
            };
            self.add(at, len, frame);
        }
    }
}
