//! Page frames: numbers without a place, so that pages made together are one run.
//!
//! An anonymous page gets the next free number; page `n` of a file has the file's base plus `n`.
//! What is counted per frame is how many page tables map it and what `struct page` says of it.

use crate::memcg::{MemcgId, Memcgs};
use crate::mm::Mm;
use crate::physical::{Grant, NOWHERE, Physical};
use crate::range_map::{RangeMap, Run};

/// The first frame of files; each has 2⁴⁰ of them.
const FILES: u64 = 1 << 62;
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
    /// `PG_uptodate`: not of pages that `fallocate` reserved and nobody has used.
    pub(crate) uptodate: bool,
    /// Part of a huge page.
    pub(crate) large: bool,
    /// The zone that it came from.
    pub(crate) zone: u8,
    /// The memory cgroup that it is charged to.
    pub(crate) memcg: u16,
}

impl Run for Frame {
    fn skip(&self, _by: u64) -> Frame {
        *self
    }
}

impl Frame {
    /// A page just made for a process: mapped once, by it alone.
    pub(crate) const ANON: Frame = Frame {
        maps: 1,
        exclusive: true,
        dirty: false,
        referenced: false,
        active: false,
        swapbacked: true,
        reclaim: false,
        uptodate: true,
        large: false,
        zone: NOWHERE,
        memcg: 0,
    };

    /// A page of a file that nobody maps.
    pub(crate) const CACHE: Frame = Frame {
        maps: 0,
        exclusive: false,
        dirty: false,
        referenced: false,
        active: false,
        swapbacked: false,
        reclaim: false,
        uptodate: true,
        large: false,
        zone: NOWHERE,
        memcg: 0,
    };
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
    /// New anonymous frames, each mapped once, of pages that were granted.
    pub(crate) fn anonymous(&mut self, count: u64, large: bool, grant: Grant) -> u64 {
        if large {
            self.next = self.next.next_multiple_of(512);
        }
        let first = self.next;
        self.next += count;
        let Grant { zone, memcg, .. } = grant;
        self.add(first, count, Frame { large, zone, memcg, ..Frame::ANON });
        first
    }

    /// Frames that were not there.
    pub(crate) fn add(&mut self, first: u64, count: u64, frame: Frame) {
        self.map.insert(first, count, frame);
    }

    /// Frames that go, with their pages; how many there were.
    pub(crate) fn remove(&mut self, first: u64, end: u64) -> u64 {
        let mut count = 0;
        for (_, len, frame) in self.map.remove(first, end) {
            count += len;
            self.gone(len, frame);
        }
        count
    }

    /// The pages of frames that are gone are free again.
    fn gone(&mut self, count: u64, frame: Frame) {
        if let Some(physical) = self.physical.as_deref_mut() {
            physical.give(frame.zone, count);
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
            physical.give(grant.zone, grant.pages);
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
            self.memcgs.force_charge_kernel(mm.tables_memcg, now - paid);
        } else {
            physical.give_kernel(paid - now);
            self.memcgs.uncharge_kernel(mm.tables_memcg, paid - now);
        }
    }

    /// One more page table maps each of these.
    pub(crate) fn map(&mut self, first: u64, count: u64) {
        self.map.update(first, first + count, |_, frame| frame.maps += 1);
    }

    /// One page table less maps each of these; anonymous ones that nobody maps are gone.
    pub(crate) fn unmap(&mut self, first: u64, count: u64) {
        for (at, len, mut frame) in self.map.remove(first, first + count) {
            frame.maps = frame.maps.saturating_sub(1);
            if frame.maps > 0 || at >= FILES {
                self.map.insert(at, len, frame);
            } else {
                self.gone(len, frame);
            }
        }
    }

    /// Changes what is known of some.
    pub(crate) fn update(&mut self, first: u64, count: u64, mut change: impl FnMut(&mut Frame)) {
        self.map.update(first, first + count, |_, frame| change(frame));
    }

    /// `folio_mark_dirty()`.
    pub(crate) fn mark_dirty(&mut self, first: u64, count: u64) {
        self.update(first, count, |frame| {
            frame.dirty = true;
            frame.reclaim = false;
        });
    }

    /// Anonymous frames in use.
    pub(crate) fn anonymous_in_use(&self) -> u64 {
        self.map.count(0, FILES)
    }

    /// `mark_page_accessed()` of pages that are locked in memory: they cannot become active.
    pub(crate) fn accessed_locked(&mut self, first: u64, count: u64) {
        self.update(first, count, |frame| frame.referenced |= !frame.active);
    }

    /// `mark_page_accessed()`: referenced at first, active the second time.
    pub(crate) fn accessed(&mut self, first: u64, count: u64) {
        self.update(first, count, |frame| {
            if !frame.referenced {
                frame.referenced = true;
            } else if !frame.active {
                frame.active = true;
                frame.referenced = false;
            }
        });
    }
}
