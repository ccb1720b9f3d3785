//! Page frames: numbers without a place, so that pages made together are one run.
//!
//! An anonymous page gets the next free number; page `n` of a file has the file's base plus `n`.
//! What is counted per frame is how many page tables map it and what `struct page` says of it.

use crate::memcg::{MemcgId, Memcgs};
use crate::mm::Mm;
use crate::page::HUGE;
use crate::physical::mglru::{Aged, later};
use crate::physical::{Grant, List, NOWHERE, Physical, Type};
use crate::range_map::{RangeMap, Run};

/// The first frame of files; each has 2⁴⁰ of them.
pub(crate) const FILES: u64 = 1 << 62;
const FILE_BITS: u32 = 40;
/// Pages of a file that the model can hold: 4 PiB.
pub(crate) const MOST: u64 = 1 << FILE_BITS;

/// What is known of a frame.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of struct page")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Page tables that map it.
    pub(crate) maps: u32,
    /// `PageAnonExclusive`: its one user may write to it.
    pub(crate) exclusive: bool,
    /// Written to since it was made or written back.
    pub(crate) dirty: bool,
    /// `PG_referenced`.
    pub(crate) referenced: bool,
    /// `PG_active`.
    pub(crate) active: bool,
    /// `PG_swapbacked`: cleared by `MADV_FREE`.
    pub(crate) swapbacked: bool,
    /// `PG_reclaim`, which is `PG_readahead` as well: reclaim could not take it. A fault on its
    /// neighbour does not map it.
    pub(crate) reclaim: bool,
    /// `PG_writeback`: on its way to the disk.
    pub(crate) writeback: bool,
    /// `PG_uptodate`: not of pages that `fallocate` reserved and nobody has used.
    pub(crate) uptodate: bool,
    /// Part of a huge page.
    pub(crate) large: bool,
    /// Of a file: the order of the folio that it is of.
    pub(crate) order: u8,
    /// The zone that it came from.
    pub(crate) zone: u8,
    /// The memory cgroup that it is charged to.
    pub(crate) memcg: u16,
    /// `PG_unevictable`: locked in memory, on no list that is reclaimed from; being used does not make
    /// it active.
    pub(crate) unevictable: bool,
    /// Its generation, where there are any.
    pub(crate) aged: Aged,
    /// Its place in its list; 0 on none.
    pub(crate) lru: u64,
    /// The address space that it was first mapped in, and at which page there: most often it still is.
    pub(crate) home: Option<(u32, u64)>,
}

impl Run for Frame {
    fn skip(&self, by: u64) -> Frame {
        let lru = if self.lru == 0 { 0 } else { self.lru + by };
        Frame { lru, home: self.home.map(|(mm, page)| (mm, page + by)), ..*self }
    }
}

impl Frame {
    /// The list that it is on, or would be.
    pub(crate) fn list(&self) -> List {
        match (self.unevictable, self.swapbacked, self.active) {
            (true, ..) => List::Unevictable,
            (_, true, false) => List::InactiveAnon,
            (_, true, true) => List::ActiveAnon,
            (_, false, false) => List::InactiveFile,
            (_, false, true) => List::ActiveFile,
        }
    }

    /// A page just made for a process: mapped once, by it alone.
    pub(crate) const ANON: Frame = Frame {
        maps: 1,
        exclusive: true,
        dirty: false,
        referenced: false,
        active: false,
        swapbacked: true,
        reclaim: false,
        writeback: false,
        uptodate: true,
        large: false,
        order: 0,
        zone: NOWHERE,
        memcg: 0,
        unevictable: false,
        aged: Aged::NEW,
        lru: 0,
        home: None,
    };

    /// A page of a file that nobody maps.
    pub(crate) const CACHE: Frame =
        Frame { maps: 0, exclusive: false, swapbacked: false, ..Frame::ANON };
}

/// The frames of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frames {
    /// To be looked at; what changes it goes through the functions here.
    pub(crate) map: RangeMap<Frame>,
    next: u64,
    /// The memory that they lie in, if it ends.
    pub(crate) physical: Option<Box<Physical>>,
    /// Who pays for them.
    pub(crate) memcgs: Memcgs,
}

/// The first frame of a file.
pub(crate) fn file_base(file: usize) -> u64 {
    FILES + ((file as u64) << FILE_BITS)
}

/// The file and the page in it, of a file's frame.
pub(crate) fn file_of(frame: u64) -> Option<(usize, u64)> {
    let at = frame.checked_sub(FILES)?;
    let file = usize::try_from(at >> FILE_BITS).ok()?;
    Some((file, at & ((1 << FILE_BITS) - 1)))
}

impl Frames {
    /// New anonymous frames, each mapped once, of pages that were granted; `home` is the address space
    /// and the page that they are first mapped at.
    pub(crate) fn anonymous(
        &mut self,
        count: u64,
        large: bool,
        grant: Grant,
        home: (usize, u64),
    ) -> u64 {
        if large {
            self.next = self.next.next_multiple_of(512);
        }
        let first = self.next;
        self.next += count;
        let Grant { zone, memcg, .. } = grant;
        let mut frame = Frame { large, zone, memcg, ..Frame::ANON };
        if let Some(physical) = self.physical.as_deref() {
            let made_by_a_process = home.0 != usize::MAX;
            frame.active = physical.policy.new_anon_active
                || (made_by_a_process && physical.has_generations());
            frame.home = u32::try_from(home.0).ok().map(|mm| (mm, home.1));
        }
        self.add(first, count, frame);
        first
    }

    /// Frames that were not there.
    pub(crate) fn add(&mut self, first: u64, count: u64, mut frame: Frame) {
        if let Some(physical) = self.physical.as_deref_mut() {
            // `folio_add_lru()`.
            frame.active |= physical.in_fault && physical.has_generations() && !frame.unevictable;
            physical.enlist(first, count, &mut frame);
        }
        self.map.insert(first, count, frame);
    }

    /// These were used once: they are the youngest of their list now, and marked.
    pub(crate) fn keep(&mut self, first: u64, count: u64) {
        let Frames { map, physical, .. } = self;
        let Some(physical) = physical.as_deref_mut() else { return };
        map.update_runs(first, first + count, |at, len, frame| {
            physical.delist(at, len, frame);
            frame.referenced = true;
            physical.enlist(at, len, frame);
        });
    }

    /// These are the youngest of their list now.
    pub(crate) fn rotate(&mut self, first: u64, count: u64) {
        let Frames { map, physical, .. } = self;
        let Some(physical) = physical.as_deref_mut() else { return };
        map.update_runs(first, first + count, |at, len, frame| {
            physical.delist(at, len, frame);
            physical.enlist(at, len, frame);
        });
    }

    /// Frames that go, with their pages; how many there were.
    pub(crate) fn remove(&mut self, first: u64, end: u64) -> u64 {
        let mut count = 0;
        for (at, len, frame) in self.map.remove(first, end) {
            count += len;
            self.gone(at, len, frame);
        }
        count
    }

    /// Frames that are in swap leave memory (`__remove_mapping()`), and are remembered.
    pub(crate) fn remove_swapped(&mut self, first: u64, count: u64) {
        for (at, len, frame) in self.map.remove(first, first + count) {
            let Some(physical) = self.physical.as_deref_mut() else { continue };
            physical.delist(at, len, &frame);
            physical.give(frame.zone, len, Type::Movable);
            let owner = physical.owner(&frame);
            let age = physical.evicted_at(owner, &frame, len);
            let mut unpaid = 0;
            physical.swap.slots.update_runs(at, at + len, |slot, count, known| {
                known.age = later(age, slot - at);
                known.node = owner.0;
                if !known.paid {
                    (known.paid, unpaid) = (true, unpaid + count);
                }
            });
            self.memcgs.left_for_swap(MemcgId(frame.memcg), len, unpaid);
        }
    }

    /// Slots of swap that nobody needs any more; how many.
    pub(crate) fn free_slots(&mut self, first: u64, end: u64) -> u64 {
        let Some(physical) = self.physical.as_deref_mut() else { return 0 };
        let mut count = 0;
        for (memcg, len, paid) in physical.free_slots(first, end) {
            count += len;
            if paid {
                self.memcgs.swap_freed(MemcgId(memcg), len);
            }
        }
        count
    }

    /// The pages of frames that are gone are free again.
    fn gone(&mut self, first: u64, count: u64, frame: Frame) {
        if let Some(physical) = self.physical.as_deref_mut() {
            physical.delist(first, count, &frame);
            physical.give(frame.zone, count, Type::Movable);
            self.memcgs.freed(MemcgId(frame.memcg), count);
        }
    }

    /// Pages from whatever is left, for those who cannot be refused.
    pub(crate) fn seize(&mut self, pages: u64) -> Grant {
        let highest = rules::watermark::ZoneKind::Movable;
        let zone = self.physical.as_deref_mut().map(|physical| physical.seize(pages, highest));
        Grant { pages, zone: zone.unwrap_or(NOWHERE), memcg: 0 }
    }

    /// As [`Frames::seize`], paid for by this cgroup.
    pub(crate) fn seize_for(&mut self, memcg: MemcgId, pages: u64) -> Grant {
        if self.physical.is_none() {
            return self.seize(pages);
        }
        self.memcgs.force_charge(memcg, pages);
        Grant { memcg: memcg.0, ..self.seize(pages) }
    }

    /// Pages that were granted and are not needed.
    pub(crate) fn give_back(&mut self, grant: Grant) {
        if let Some(physical) = self.physical.as_deref_mut() {
            physical.give_back(grant.zone, grant.pages);
            self.memcgs.uncharge(MemcgId(grant.memcg), grant.pages);
        }
    }

    /// Page tables that were made or freed without asking are accounted for.
    pub(crate) fn pay_tables(&mut self, mm: &mut Mm) {
        let Some(physical) = self.physical.as_deref_mut() else { return };
        let (now, paid) = (mm.tables.count(), mm.tables_paid);
        physical.tables = (physical.tables + now).saturating_sub(paid);
        mm.tables_paid = now;
        if now > paid {
            physical.seize_kernel(now - paid);
            self.memcgs.force_charge_kernel(mm.memcg, now - paid);
            *mm.tables_of.entry(mm.memcg).or_default() += now - paid;
        } else {
            physical.give_kernel(paid - now);
            self.memcgs.free_tables(mm, paid - now);
        }
    }

    /// What the kernel keeps of each mapping is accounted for.
    pub(crate) fn pay_mappings(&mut self, mm: &mut Mm) {
        let Some(physical) = self.physical.as_deref_mut() else { return };
        let now = mm.map_count();
        physical.settle_mappings(std::mem::replace(&mut mm.mappings_paid, now), now);
    }

    /// One more page table maps each of these.
    pub(crate) fn map(&mut self, first: u64, count: u64) {
        self.map.update(first, first + count, |_, frame| frame.maps += 1);
    }

    /// One more page table maps each of these, which came back from swap: at `home`, if nobody else does.
    pub(crate) fn map_at(&mut self, first: u64, count: u64, alone: bool, home: Option<(u32, u64)>) {
        self.map.update(first, first + count, |at, frame| {
            frame.maps += 1;
            frame.exclusive = alone;
            if alone {
                frame.home = home.map(|(mm, page)| (mm, page + (at - first)));
            }
        });
    }

    /// One page table less maps each of these; anonymous ones that nobody maps are gone.
    pub(crate) fn unmap(&mut self, first: u64, count: u64) {
        for (at, len, mut frame) in self.map.remove(first, first + count) {
            frame.maps = frame.maps.saturating_sub(1);
            if frame.maps > 0 || at >= FILES {
                self.map.insert(at, len, frame);
                if frame.unevictable && frame.maps == 0 {
                    self.unlock(at, len);
                }
                continue;
            }
            let Some(physical) = self.physical.as_deref_mut() else { continue };
            // What is in the swap cache stays there for others that have swapped it out.
            let slots = physical.swap.slots.within(at, at + len);
            let mut from = at;
            for (slot, count, known) in slots {
                if known.refs > 0 {
                    let by = from - at;
                    self.forget(from, slot - from, frame.skip(by));
                    self.map.insert(slot, count, frame.skip(slot - at));
                    from = slot + count;
                }
            }
            self.forget(from, at + len - from, frame.skip(from - at));
        }
    }

    /// Anonymous frames that nobody maps go, with what swap has of them.
    fn forget(&mut self, first: u64, count: u64, frame: Frame) {
        if count == 0 {
            return;
        }
        self.gone(first, count, frame);
        self.free_slots(first, first + count);
    }

    /// Changes what is known of some.
    pub(crate) fn update(&mut self, first: u64, count: u64, mut change: impl FnMut(&mut Frame)) {
        let Frames { map, physical, .. } = self;
        map.update_runs(first, first + count, |at, len, frame| {
            let before = *frame;
            change(frame);
            if let Some(physical) = physical.as_deref_mut() {
                physical.changed(at, len, &before, frame);
            }
        });
    }

    /// Entries that named slots of swap are gone; what nobody names any more is free, and its page in
    /// the swap cache as well.
    pub(crate) fn unswap(&mut self, first: u64, count: u64) {
        let Some(physical) = self.physical.as_deref_mut() else { return };
        let slots = physical.swap.slots.within(first, first + count);
        physical.swap.slots.update(first, first + count, |_, slot| {
            slot.refs = slot.refs.saturating_sub(1);
        });
        for (at, len, slot) in slots {
            if slot.refs <= 1 {
                self.free_unused_slots(at, len);
            }
        }
    }

    /// Slots that no entry names: they are free, and so are pages in the swap cache that nobody maps.
    fn free_unused_slots(&mut self, first: u64, count: u64) {
        let cached: Vec<(u64, u64)> = self
            .map
            .iter_within(first, first + count)
            .filter(|(_, _, frame)| frame.maps == 0)
            .map(|(at, len, _)| (at, len))
            .collect();
        for (at, len) in cached {
            self.remove(at, at + len);
        }
        self.free_slots(first, first + count);
    }

    /// `mlock_folio()`: locked pages are on no list that is reclaimed from, and not active.
    pub(crate) fn lock(&mut self, first: u64, count: u64) {
        self.update(first, count, |frame| {
            frame.unevictable = true;
            frame.active = false;
        });
    }

    /// As [`Frames::lock`] of what is mapped page by page: of huge pages and large folios only those that
    /// are there as a whole (`allow_mlock_munlock()`).
    pub(crate) fn lock_mapped(&mut self, first: u64, count: u64) {
        for (at, len, frame) in self.map.within(first, first + count) {
            let end = at + len;
            let size = if frame.large { HUGE } else { 1 << frame.order };
            let (from, to) = (at.next_multiple_of(size), end - end % size);
            self.lock(from, to.saturating_sub(from));
        }
    }

    /// Where frames are mapped that moved.
    pub(crate) fn rehome(&mut self, first: u64, count: u64, mm: usize, page: u64) {
        let (Some(_), Ok(mm)) = (&self.physical, u32::try_from(mm)) else { return };
        self.map.update(first, first + count, |at, frame| {
            if frame.maps == 1 {
                frame.home = Some((mm, page + (at - first)));
            }
        });
    }

    /// `folio_free_swap()`: pages leave the swap cache, for what swap has of them is old or not needed;
    /// those that are being written stay.
    pub(crate) fn leave_swap(&mut self, first: u64, count: u64) {
        let written = self.map.iter_within(first, first + count);
        let written: Vec<(u64, u64)> =
            written.filter(|(_, _, frame)| frame.writeback).map(|(at, len, _)| (at, len)).collect();
        let mut from = first;
        for (at, len) in written {
            self.free_slots(from, at);
            from = at + len;
        }
        self.free_slots(from, first + count);
    }

    /// Whether others have a page of this frame in swap.
    pub(crate) fn shared_in_swap(&self, frame: u64) -> bool {
        let slot = self.physical.as_deref().and_then(|physical| physical.swap.slots.get(frame));
        slot.is_some_and(|(_, slot)| slot.refs > 0)
    }

    /// Runs of slots of swap: how many, and how many entries name each.
    pub(crate) fn slots(&self, first: u64, count: u64) -> Vec<(u64, u32)> {
        let Some(physical) = self.physical.as_deref() else { return Vec::new() };
        let slots = physical.swap.slots.iter_within(first, first + count);
        slots.map(|(_, len, slot)| (len, slot.refs)).collect()
    }

    /// Whether there is room in swap.
    pub(crate) fn has_swap(&self) -> bool {
        self.physical.as_deref().is_some_and(|physical| physical.swap.free() > 0)
    }

    /// Whether a page is in swap.
    pub(crate) fn swapped(&self, frame: u64) -> bool {
        self.physical.as_deref().is_some_and(|physical| physical.swap.slots.get(frame).is_some())
    }

    /// `folio_mark_dirty()`.
    pub(crate) fn mark_dirty(&mut self, first: u64, count: u64) {
        let (first, count) = self.whole(first, count);
        self.update(first, count, |frame| {
            frame.dirty = true;
            frame.reclaim = false;
        });
    }

    /// Whether several map any page of the huge one that this frame is of.
    pub(crate) fn shares(&self, frame: u64) -> bool {
        let base = frame - frame % HUGE;
        self.map.within(base, base + HUGE).iter().any(|(_, _, known)| known.maps > 1)
    }

    /// Anonymous frames in use.
    pub(crate) fn anonymous_in_use(&self) -> u64 {
        self.map.count(0, FILES)
    }

    /// `mark_page_accessed()` of each of these pages of huge ones or large folios, of so many pages each: what
    /// is known of one of their pages is known of all.
    pub(crate) fn accessed_large(&mut self, first: u64, count: u64, size: u64) {
        let mut at = first;
        while at < first + count {
            let base = at - at % size;
            let end = (base + size).min(first + count);
            // The fourth time changes nothing that the third one did not.
            for _ in 0..(end - at).min(3) {
                self.accessed(base, size);
            }
            at = end;
        }
    }

    /// `munlock_folio()`: a huge page is unlocked as a whole.
    pub(crate) fn unlock(&mut self, first: u64, count: u64) {
        for (at, len, frame) in self.map.within(first, first + count) {
            let (from, to) = if frame.large {
                (at - at % HUGE, (at + len).next_multiple_of(HUGE))
            } else {
                let (from, len) = self.whole(at, len);
                (from, from + len)
            };
            self.update(from, to - from, |frame| frame.unevictable = false);
        }
    }

    /// `mark_page_accessed()`: referenced at first, active the second time.
    /// Where there are generations calls are counted, which decide on the tier.
    pub(crate) fn accessed(&mut self, first: u64, count: u64) {
        let generational = self.physical.as_deref().is_some_and(Physical::has_generations);
        let (first, count) = self.whole(first, count);
        self.update(first, count, |frame| {
            if !frame.referenced {
                frame.referenced = true;
            } else if generational {
                frame.aged.used_again();
            } else if !frame.active && !frame.unevictable {
                frame.active = true;
                frame.referenced = false;
            }
        });
    }
}
