//! What happens to the oldest pages of a list.
//!
//! `shrink_folio_list()`, `folio_check_references()`, `shrink_active_list()` in `mm/vmscan.c`.

use super::lru::{List, Owner};
use super::reclaim::Pass;
use super::rmap::Mapper;
use super::{Balance, Slot};
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
        for (first, count, known) in self.oldest(owner, list, most) {
            let mut at = first;
            while at < first + count {
                let left = first + count - at;
                let (some, mappers) = self.mappers(at, left, &known);
                let some = some.max(1);
                if known.large {
                    self.split_frames(at, &mappers);
                }
                let verdict = self.check(at, some, &known, &mappers);
                scanned += some;
                match verdict {
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
                        let (gone, wrote) = self.evict(owner, at, some, &mappers);
                        freed += gone;
                        written += wrote;
                        if gone < some {
                            rotated += some - gone;
                            self.store.frames.update(at + gone, some - gone, |frame| {
                                frame.active = true;
                                frame.referenced = false;
                            });
                        }
                    }
                }
                at += some;
            }
        }
        pass.scanned += scanned;
        pass.freed += freed;
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let file = list.is_file();
        let (scan, steal) = if pass.kswapd {
            ("pgscan_kswapd", "pgsteal_kswapd")
        } else {
            ("pgscan_direct", "pgsteal_direct")
        };
        physical.count(scan, scanned);
        physical.count(steal, freed);
        physical.count(if file { "pgscan_file" } else { "pgscan_anon" }, scanned);
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

    /// The oldest frames of a list, in runs of which everything that is known is the same.
    fn oldest(&self, owner: (u32, u16), list: List, most: u64) -> Vec<(u64, u64, Frame)> {
        let Some(physical) = self.store.frames.physical.as_deref() else { return Vec::new() };
        let Some(vec) = physical.lru.vecs.get(&owner) else { return Vec::new() };
        let runs = vec.oldest(list, most);
        let known = |(first, count)| self.store.frames.map.within(first, first + count);
        runs.into_iter().flat_map(known).collect()
    }

    /// `folio_check_references()`: looks whether the page was used since the last time, and forgets it.
    fn check(&mut self, first: u64, count: u64, known: &Frame, mappers: &[Mapper]) -> Verdict {
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

    /// Takes pages out of memory: how many went, and how many of these were written to swap or disk.
    /// Fewer than asked for: there is no place for the rest.
    pub(super) fn evict(
        &mut self,
        owner: (u32, u16),
        first: u64,
        count: u64,
        mappers: &[Mapper],
    ) -> (u64, u64) {
        let Some((_, known)) = self.store.frames.map.get(first) else { return (0, 0) };
        match file_of(first) {
            Some((file, index)) if !self.store.files[file].is_shmem() => {
                let dirty = known.dirty || mappers.iter().any(|mapper| mapper.pte.dirty);
                self.unmap_mappers(count, mappers, None);
                if dirty {
                    self.store.clean(file, index, count);
                }
                if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                    physical.remember(owner, first, count);
                    if dirty {
                        physical.count("nr_written", count);
                        physical.count("nr_vmscan_write", count);
                    }
                }
                self.store.frames.remove(first, first + count);
                (count, if dirty { count } else { 0 })
            }
            None if !known.swapbacked => {
                if mappers.iter().any(|mapper| mapper.pte.dirty) {
                    // It has been written to since it was given up.
                    self.store.frames.update(first, count, |frame| frame.swapbacked = true);
                    return (0, 0);
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
                (count, 0)
            }
            place => self.swap_out(owner, first, count, &known, mappers, place.is_some()),
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
                return;
            }
            if known.large {
                self.split_frames(at, &mappers);
            }
            let Some(physical) = self.store.frames.physical.as_deref() else { return };
            let (gone, _) = self.evict(physical.owner(&known), at, some, &mappers);
            if gone == 0 {
                return;
            }
            at += gone;
        }
    }

    /// `add_to_swap()`, `try_to_unmap()` and `swap_writepage()`.
    fn swap_out(
        &mut self,
        owner: (u32, u16),
        first: u64,
        count: u64,
        known: &Frame,
        mappers: &[Mapper],
        shared: bool,
    ) -> (u64, u64) {
        let memcg = MemcgId(known.memcg);
        let room = self.store.frames.memcgs.swap_room(memcg);
        let (alike, parts) = self.store.contents.compressed(first, count);
        let (count, parts) = match known.home {
            // Real memory is commonly compressed to a third.
            None if !shared => (count, 21),
            _ => (count.min(alike), parts),
        };
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return (0, 0) };
        // Entries outside the model that will never ask for it again.
        let outside = if shared { 0 } else { known.maps };
        let refs = if shared || mappers.is_empty() { outside } else { entries(mappers) };
        let cached = physical.swap.slots.get(first);
        let count = if let Some((len, _)) = cached {
            count.min(len)
        } else {
            let next = physical.swap.slots.next_used(first).unwrap_or(u64::MAX);
            count.min(next - first)
        };
        let (count, written) = if cached.is_some() {
            if refs > 0 {
                for _ in 0..refs {
                    physical.swap.hold(first, count);
                }
            }
            (count, 0)
        } else {
            let Some((area, some)) = physical.swap.reserve(count.min(room)) else { return (0, 0) };
            if some == 0 {
                self.store.frames.memcgs.note(memcg, Event::SwapFail, 1);
                return (0, 0);
            }
            let age = physical.evicted_at(owner, some);
            let (mm, page) = known.home.unwrap_or((u32::MAX, 0));
            let slot = Slot { refs, area, memcg: known.memcg, age, mm, page, parts };
            physical.swap.insert(first, some, slot);
            physical.count("pswpout", some);
            physical.count("nr_vmscan_write", some);
            (some, some)
        };
        self.unmap_mappers(count, mappers, (!shared).then_some(first));
        if cached.is_some() {
            self.store.frames.remove(first, first + count);
        } else {
            self.store.frames.remove_swapped(first, count);
            self.store.frames.memcgs.get_mut(memcg).vm.swap_out += count;
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.settle_zram();
        }
        (count, written)
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
    pub(super) fn shrink_active(&mut self, owner: (u32, u16), list: List, most: u64) {
        let (mut scanned, mut rotated) = (0, 0);
        for (first, count, known) in self.oldest(owner, list, most) {
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
