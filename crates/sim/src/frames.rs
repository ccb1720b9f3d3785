//! Page frames: numbers without a place, so that pages made together are one run.
//!
//! An anonymous page gets the next free number; page `n` of a file has the file's base plus `n`.
//! What is counted per frame is how many page tables map it and what `struct page` says of it.

use crate::page::HUGE;
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
    /// `PG_unevictable`: it was locked, and being used does not make it active.
    pub(crate) unevictable: bool,
    /// `PG_swapbacked`: cleared by `MADV_FREE`.
    pub(crate) swapbacked: bool,
    /// `PG_reclaim`, which is `PG_readahead` as well: reclaim could not take it. A fault on its
    /// neighbour does not map it.
    pub(crate) reclaim: bool,
    /// `PG_uptodate`: not of pages that `fallocate` reserved and nobody has used.
    pub(crate) uptodate: bool,
    /// Part of a huge page.
    pub(crate) large: bool,
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
        unevictable: false,
        swapbacked: true,
        reclaim: false,
        uptodate: true,
        large: false,
    };

    /// A page of a file that nobody maps.
    pub(crate) const CACHE: Frame = Frame {
        maps: 0,
        exclusive: false,
        dirty: false,
        referenced: false,
        active: false,
        unevictable: false,
        swapbacked: false,
        reclaim: false,
        uptodate: true,
        large: false,
    };
}

/// The frames of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frames {
    pub(crate) map: RangeMap<Frame>,
    next: u64,
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
    /// New anonymous frames, each mapped once.
    pub(crate) fn anonymous(&mut self, count: u64, large: bool) -> u64 {
        if large {
            self.next = self.next.next_multiple_of(512);
        }
        let first = self.next;
        self.next += count;
        self.map.insert(first, count, Frame { large, ..Frame::ANON });
        first
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

    /// `mark_page_accessed()` of pages that are being locked in memory: they cannot become active.
    pub(crate) fn accessed_locked(&mut self, first: u64, count: u64) {
        self.update(first, count, |frame| {
            frame.referenced |= !frame.active;
            frame.unevictable = true;
        });
    }

    /// `mark_page_accessed()` of parts of huge pages: what is known of one of their pages is known of
    /// all. `whole`: each is mapped by one entry, and marked once and not once a page.
    pub(crate) fn accessed_huge(&mut self, first: u64, count: u64, whole: bool) {
        let mut at = first;
        while at < first + count {
            let huge = at - at % HUGE;
            let end = (huge + HUGE).min(first + count);
            // The fourth time changes nothing that the third one did not.
            let times = if whole { 1 } else { (end - at).min(3) };
            for _ in 0..times {
                self.accessed(huge, HUGE);
            }
            at = end;
        }
    }

    /// `munlock_folio()`.
    pub(crate) fn unlock(&mut self, first: u64, count: u64) {
        self.update(first, count, |frame| frame.unevictable = false);
    }

    /// `mark_page_accessed()`: referenced at first, active the second time.
    pub(crate) fn accessed(&mut self, first: u64, count: u64) {
        self.update(first, count, |frame| {
            if !frame.referenced {
                frame.referenced = true;
            } else if !frame.active && !frame.unevictable {
                frame.active = true;
                frame.referenced = false;
            }
        });
    }
}
