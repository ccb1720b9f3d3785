//! What happens to the oldest pages of a list.
//!
//! `shrink_folio_list()`, `folio_check_references()`, `shrink_active_list()` in `mm/vmscan.c`.

use rules::watermark::ZoneKind;

use super::lru::{List, Owner};
use super::reclaim::Pass;
use super::rmap::Mapper;
use super::{Balance, Physical, Slot};
use crate::ctx::Ctx;
use crate::frames::{Frame, file_of};
use crate::memcg::{Event, MemcgId};
use crate::page::{ANON, FILE, Pte, SHMEM, What};
use crate::unsynced::{SWAP, signed};

/// What becomes of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Reclaim,
    /// Once more around the inactive list.
    Keep,
    Activate,
    /// Locked in memory.
    Cull,
    /// On its way to the disk.
    Wait,
}

/// What became of pages that were taken out of memory, from the first on: those that are neither gone nor
/// on their way stayed, for there is no place for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Evicted {
    pub(super) gone: u64,
    /// On their way to the disk.
    pub(super) kept: u64,
    /// Written to swap or disk, gone or not.
    pub(super) written: u64,
}

impl Physical {
    /// What counts pages that were passed over for the zone that they are in (`PGSCAN_SKIP`).
    fn skip_counter(&self, frame: &Frame) -> &'static str {
        match self.zones.get(usize::from(frame.zone)).map(|zone| zone.kind) {
            Some(ZoneKind::Dma32) => "pgskip_dma32",
            Some(ZoneKind::Normal) => "pgskip_normal",
            Some(ZoneKind::HighMem) => "pgskip_high",
            Some(ZoneKind::Movable) => "pgskip_movable",
            _ => "pgskip_dma",
        }
    }
}

impl Ctx<'_> {
    /// `shrink_inactive_list()`: looks at so many of the oldest pages, and frees what is not in use.
    pub(super) fn shrink_inactive(
        &mut self,
        owner: (u32, u16),
        list: List,
        most: u64,
        pass: &mut Pass,
    ) {
        let mut scanned = 0;
        let mut rotated = 0;
        let mut freed = 0;
        let mut written = 0;
        let mut waiting = 0;
        let mut batch = Vec::new();
        self.store.frames.arrive(self.store.clock);
        let (oldest, skipped) = self.isolate(owner, list, most, pass.class);
        for (first, count, known) in oldest {
            let mut at = first;
            while at < first + count {
                let left = first + count - at;
                let room = self.store.frames.physical.as_deref().map(Physical::room_of_request);
                let left = left.min(room.unwrap_or(left));
                let (some, mappers) = self.mappers(at, left, &known);
                let some = some.max(1);
                if known.large {
                    self.split_frames(at, &mappers);
                }
                let mut worked = 0;
                let mut verdict = self.check(at, some, &known, &mappers);
                if verdict == Verdict::Wait && self.waits_for_pages(pass) {
                    let waited = self.wait_for_disk(u64::MAX, u64::MAX);
                    self.stall(waited);
                    verdict = Verdict::Reclaim;
                }
                let mut done = some;
                match verdict {
                    Verdict::Wait => {
                        waiting += some;
                        rotated += some;
                        self.store.frames.update(at, some, |frame| {
                            frame.active = true;
                            frame.reclaim = true;
                        });
                    }
                    Verdict::Cull => {
                        self.store.frames.update(at, some, |frame| frame.unevictable = true);
                    }
                    Verdict::Keep => {
                        self.store.frames.keep(at, some);
                    }
                    Verdict::Activate => {
                        rotated += some;
                        self.store.frames.update(at, some, |frame| {
                            frame.active = true;
                            frame.referenced = false;
                        });
                    }
                    Verdict::Reclaim => {
                        let Evicted { gone, kept, written: wrote } =
                            self.evict(owner, at, some, &mappers);
                        freed += gone;
                        written += wrote;
                        worked = gone.max(wrote);
                        if kept > 0 {
                            // It has been looked at, and is the youngest.
                            self.store.frames.rotate(at, kept);
                            batch.push((at, kept));
                        }
                        if gone + kept > 0 {
                            done = gone + kept;
                        } else {
                            rotated += some;
                            self.store.frames.update(at, some, |frame| {
                                frame.active = true;
                                frame.referenced = false;
                            });
                        }
                    }
                }
                if verdict == Verdict::Activate {
                    self.give_slots_up(at, done);
                }
                self.reclaim_takes(done, worked);
                scanned += done;
                at += done;
            }
        }
        self.store.frames.arrive_in_batch(self.store.clock, &batch);
        pass.waiting += waiting;
        pass.scanned += scanned;
        pass.freed += freed;
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let file = list.is_file();
        let (scan, steal) = if pass.kswapd {
            ("pgscan_kswapd", "pgsteal_kswapd")
        } else {
            ("pgscan_direct", "pgsteal_direct")
        };
        // Those of cgroups' own reclaim are in their `memory.stat` alone.
        if pass.among.is_machine() {
            physical.count(scan, scanned + skipped);
            physical.count(steal, freed);
        }
        physical.count(if file { "pgscan_file" } else { "pgscan_anon" }, scanned + skipped);
        physical.count(if file { "pgsteal_file" } else { "pgsteal_anon" }, freed);
        physical.note_scanned(owner, file, scanned);
        // All that were looked at for nothing cost, since 6.2.
        let balance = self.store.frames.physical.as_deref().map(|physical| physical.policy.balance);
        let rotated =
            if balance == Some(Balance::Cost) { scanned - freed.min(scanned) } else { rotated };
        self.note_cost(owner, file, written, rotated);
    }

    /// `lru_note_cost()`: where the pages are, and since 5.8 in every cgroup above.
    fn note_cost(&mut self, owner: Owner, file: bool, io: u64, rotated: u64) {
        let memcgs = &self.store.frames.memcgs;
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        let up = if physical.policy.balance == Balance::Cost { usize::MAX } else { 1 };
        let above: Vec<Vec<Owner>> = memcgs
            .lineage(MemcgId(owner.1))
            .take(up)
            .map(|at| memcgs.subtree(at).into_iter().map(|id| (owner.0, id.0)).collect())
            .collect();
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        for owners in above {
            physical.note_cost(&owners, file, io, rotated);
        }
    }

    /// `isolate_lru_folios()`: the oldest frames of a list in zones up to a kind, in runs of which everything
    /// that is known is the same, and how many others were passed over.
    fn isolate(
        &mut self,
        owner: Owner,
        list: List,
        most: u64,
        class: usize,
    ) -> (Vec<(u64, u64, Frame)>, u64) {
        let nothing = (Vec::new(), 0);
        let Some(physical) = self.store.frames.physical.as_deref() else { return nothing };
        let Some(vec) = physical.lru.vecs.get(&owner) else { return nothing };
        let known = |(first, count)| self.store.frames.map.within(first, first + count);
        if vec.size_within(list, class) == vec.size(list) {
            return (vec.oldest(list, most).into_iter().flat_map(known).collect(), 0);
        }
        let (mut taken, mut passed, mut left) = (Vec::new(), Vec::new(), most);
        for (first, count, frame) in vec.oldest(list, u64::MAX).into_iter().flat_map(known) {
            if left == 0 {
                break;
            }
            if physical.class_of(&frame) > class {
                passed.push((first, count, physical.skip_counter(&frame)));
            } else {
                taken.push((first, count.min(left), frame));
                left -= count.min(left);
            }
        }
        if !physical.policy.skipping_rotates {
            return (taken, 0);
        }
        let mut skipped = 0;
        for (first, count, counter) in passed {
            skipped += count;
            self.store.frames.rotate(first, count);
            if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                physical.count(counter, count);
            }
        }
        (taken, skipped)
    }

    /// `folio_check_references()`: looks whether the page was used since the last time, and forgets it.
    fn check(&mut self, first: u64, count: u64, known: &Frame, mappers: &[Mapper]) -> Verdict {
        if known.writeback {
            return Verdict::Wait;
        }
        let locked = mappers.iter().any(|mapper| mapper.locked);
        let used = self.was_used(count, mappers);
        if locked {
            return Verdict::Cull;
        }
        let file = file_of(first).is_some() && !known.swapbacked;
        // Somebody outside the model maps it, and uses it.
        let outside = known.maps > u32::try_from(mappers.len()).unwrap_or(u32::MAX);
        if outside && (known.home.is_some() || file_of(first).is_some()) {
            return Verdict::Activate;
        }
        if used > 0 {
            let anon_activates = self
                .store
                .frames
                .physical
                .as_deref()
                .is_some_and(|physical| physical.policy.used_anon_activates);
            if known.swapbacked && anon_activates {
                return Verdict::Activate;
            }
            if known.referenced || used > 1 {
                return Verdict::Activate;
            }
            if file && mappers.iter().any(|mapper| mapper.exec) {
                return Verdict::Activate;
            }
            return Verdict::Keep;
        }
        Verdict::Reclaim
    }

    /// In how many entries the page is marked as used; the marks are taken away.
    fn was_used(&mut self, count: u64, mappers: &[Mapper]) -> usize {
        let mut used = 0;
        for mapper in mappers.iter().filter(|mapper| mapper.pte.young) {
            used += 1;
            if let Some(mm) = self.mm_mut(mapper.mm) {
                mm.pages.update(mapper.page, mapper.page + count, |_, pte| pte.young = false);
            }
        }
        used
    }

    /// Pages in use need no slots of swap while it is half full.
    pub(super) fn give_slots_up(&mut self, first: u64, count: u64) {
        if !self.swap_is_short(first) {
            return;
        }
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        for (at, len, slot) in physical.swap.slots.within(first, first + count) {
            if slot.refs == 0 {
                self.store.frames.leave_swap(at, len);
            }
        }
    }

    /// `mem_cgroup_swap_full()`: swap, or what a cgroup may have of it, is half full.
    pub(super) fn swap_is_short(&self, frame: u64) -> bool {
        let frames = &self.store.frames;
        let Some(physical) = frames.physical.as_deref() else { return false };
        let payer = frames.map.get(frame).map_or(0, |(_, known)| known.memcg);
        physical.swap.is_half_full() || frames.memcgs.swap_is_half_full(MemcgId(payer))
    }

    /// Takes pages out of memory, from the first on.
    pub(super) fn evict(
        &mut self,
        owner: (u32, u16),
        first: u64,
        count: u64,
        mappers: &[Mapper],
    ) -> Evicted {
        let nothing = Evicted::default();
        let Some((_, known)) = self.store.frames.map.get(first) else { return nothing };
        match file_of(first) {
            Some((file, index)) if !self.store.files[file].is_shmem() => {
                let dirty = known.dirty || mappers.iter().any(|mapper| mapper.pte.dirty);
                self.unmap_mappers(count, mappers, None);
                if dirty {
                    self.store.clean(file, index, count);
                }
                if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                    physical.remember(owner, first, &known, count);
                    if dirty {
                        physical.count("nr_written", count);
                        physical.count("nr_vmscan_write", count);
                    }
                }
                self.store.frames.remove(first, first + count);
                Evicted { gone: count, kept: 0, written: if dirty { count } else { 0 } }
            }
            None if !known.swapbacked => {
                if mappers.iter().any(|mapper| mapper.pte.dirty) {
                    // It has been written to since it was given up.
                    self.store.frames.update(first, count, |frame| frame.swapbacked = true);
                    return nothing;
                }
                for mapper in mappers {
                    if let Some(mm) = self.mm_mut(mapper.mm) {
                        mm.note_rss();
                        mm.rss[ANON] = mm.rss[ANON].saturating_sub(count);
                        mm.unsynced.one_by_one(ANON, -signed(count));
                        mm.pages.remove(mapper.page, mapper.page + count);
                    }
                }
                if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                    physical.count("pglazyfreed", count);
                }
                self.store.frames.remove(first, first + count);
                Evicted { gone: count, ..nothing }
            }
            place => self.swap_out(first, count, &known, mappers, place.is_some()),
        }
    }

    /// `reclaim_pages()`: these pages, used or not.
    pub(crate) fn page_out(&mut self, first: u64, count: u64) {
        let mut at = first;
        while at < first + count {
            let Some((len, known)) = self.store.frames.map.get(at) else { return };
            let left = len.min(first + count - at);
            let (some, mappers) = self.mappers(at, left, &known);
            if some == 0 {
                break;
            }
            if known.large {
                self.split_frames(at, &mappers);
            }
            let Some(physical) = self.store.frames.physical.as_deref() else { return };
            let evicted = self.evict(physical.owner(&known), at, some, &mappers);
            if evicted.gone + evicted.kept == 0 {
                break;
            }
            at += evicted.gone + evicted.kept;
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.send();
        }
    }

    /// `add_to_swap()`, `try_to_unmap()` and `swap_writepage()`.
    fn swap_out(
        &mut self,
        first: u64,
        count: u64,
        known: &Frame,
        mappers: &[Mapper],
        shared: bool,
    ) -> Evicted {
        let memcg = MemcgId(known.memcg);
        let room = self.store.frames.memcgs.swap_room(memcg);
        let (alike, parts) = self.store.contents.compressed(first, count);
        let (count, parts) = match known.home {
            // Real memory is commonly compressed to a third.
            None if !shared => (count, 21),
            _ => (count.min(alike), parts),
        };
        let Some(physical) = self.store.frames.physical.as_deref_mut() else {
            return Evicted::default();
        };
        // Entries outside the model that will never ask for it again.
        let outside = if shared { 0 } else { known.maps };
        let refs = if shared || mappers.is_empty() { outside } else { entries(mappers) };
        let (count, area) = if let Some((len, slot)) = physical.swap.slots.get(first) {
            let count = count.min(len);
            for _ in 0..refs {
                physical.swap.hold(first, count);
            }
            let dirty = mappers.iter().any(|mapper| mapper.pte.dirty) || shared && known.dirty;
            (count, dirty.then_some(slot.area))
        } else {
            let next = physical.swap.slots.next_used(first).unwrap_or(u64::MAX);
            let Some((area, count)) = physical.swap.reserve(count.min(next - first).min(room))
            else {
                return Evicted::default();
            };
            if count == 0 {
                self.store.frames.memcgs.note(memcg, Event::SwapFail, 1);
                return Evicted::default();
            }
            let paid = self.store.frames.memcgs.swap_taken(memcg, count);
            let (mm, page) = known.home.unwrap_or((u32::MAX, 0));
            let slot =
                Slot { refs, area, memcg: known.memcg, paid, age: 0, node: 0, mm, page, parts };
            physical.swap.insert(first, count, slot);
            physical.settle_zram();
            self.store.frames.memcgs.get_mut(memcg).vm.swap_out += count;
            (count, Some(area))
        };
        self.unmap_mappers(count, mappers, (!shared).then_some(first));
        let Some(physical) = self.store.frames.physical.as_deref_mut() else {
            return Evicted::default();
        };
        let written = if area.is_some() { count } else { 0 };
        physical.count("pswpout", written);
        physical.count("nr_vmscan_write", written);
        if area.is_some_and(|area| !physical.has_at_once(area)) {
            physical.gather(first, count);
            self.store.frames.update(first, count, |frame| {
                (frame.writeback, frame.reclaim) = (true, true);
                (frame.maps, frame.exclusive) = (0, false);
                frame.dirty &= !shared;
            });
            return Evicted { gone: 0, kept: count, written };
        }
        self.store.frames.remove_swapped(first, count);
        Evicted { gone: count, kept: 0, written }
    }

    /// Takes the entries of frames away; of anonymous pages they say from now on where those are.
    fn unmap_mappers(&mut self, count: u64, mappers: &[Mapper], swap: Option<u64>) {
        for mapper in mappers {
            let Some(mm) = self.mm_mut(mapper.mm) else { continue };
            mm.note_rss();
            let kind = match mapper.pte.what {
                What::Anon => ANON,
                What::Shmem => SHMEM,
                _ => FILE,
            };
            mm.rss[kind] = mm.rss[kind].saturating_sub(count);
            mm.unsynced.one_by_one(kind, -signed(count));
            mm.pages.remove(mapper.page, mapper.page + count);
            if let Some(frame) = swap {
                mm.swapped += count;
                mm.unsynced.one_by_one(SWAP, signed(count));
                let entry = Pte {
                    what: What::Swap,
                    frame,
                    writable: false,
                    dirty: false,
                    young: false,
                    huge: false,
                };
                mm.pages.insert(mapper.page, count, entry);
            }
        }
    }

    /// `shrink_active_list()`: so many of the oldest pages that are in use count as unused, but for code
    /// that was run.
    pub(super) fn shrink_active(&mut self, owner: (u32, u16), list: List, most: u64, class: usize) {
        let (mut scanned, mut rotated) = (0, 0);
        for (first, count, known) in self.isolate(owner, list, most, class).0 {
            let mut at = first;
            while at < first + count {
                let (some, mappers) = self.mappers(at, first + count - at, &known);
                let some = some.max(1);
                let used = self.was_used(some, &mappers);
                scanned += some;
                let code = list.is_file() && mappers.iter().any(|mapper| mapper.exec);
                if used > 0 && code {
                    rotated += some;
                    self.store.frames.rotate(at, some);
                } else {
                    self.store.frames.update(at, some, |frame| frame.active = false);
                }
                at += some;
            }
        }
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        physical.count("pgdeactivate", scanned - rotated);
        physical.count("pgrefill", scanned);
        physical.note_scanned(owner, list.is_file(), scanned);
        self.note_cost(owner, list.is_file(), 0, rotated);
    }
}

/// How many entries these are.
fn entries(mappers: &[Mapper]) -> u32 {
    u32::try_from(mappers.len()).unwrap_or(u32::MAX)
}
