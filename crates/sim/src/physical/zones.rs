//! Zones: how many pages are free, and who may have them.
//!
//! # What it follows
//! `get_page_from_freelist()`, `zone_watermark_ok()`, `rmqueue_pcplist()`, `free_unref_page()` and
//! `zone_batchsize()` in `mm/page_alloc.c`. The marks and reserves are [`rules`]'; free pages are a
//! count and not blocks. An order-0 request looks at the mark before each page, and only at the free
//! lists: a processor's own list may hold pages that nobody gets while the mark is not met. One list
//! stands for those of all processors.
//!
//! # What it leaves out
//! Migrate types and stealing, and with them the boost of the marks (5.0), which stays 0. Blocks: a
//! huge page fits wherever the count says that it does. See `DIVERGENCES.md`.

use facts::Release;
use rules::watermark::{Marks, ZoneKind};
use units::Pages;

use crate::profile::ZoneProfile;

/// Which mark a request looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The first attempt.
    Low,
    /// The slow path.
    Min,
    /// kswapd's aim, and the last attempt before the OOM killer.
    High,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) node: u32,
    pub(crate) kind: ZoneKind,
    pub(crate) spanned: u64,
    pub(crate) present: u64,
    pub(crate) managed_at_init: u64,
    pub(crate) managed: u64,
    /// On the free lists (`NR_FREE_PAGES`).
    pub(crate) free: u64,
    /// On lists of processors.
    pub(crate) pcp: u64,
    pub(crate) batch: u64,
    pub(crate) pcp_high: u64,
    /// What a processor's list may grow to while the zone has enough (`high_max`, 6.7).
    pub(crate) pcp_most: u64,
    /// What it may grow to now, since 6.7 (`pcp->high`).
    pub(crate) pcp_tuned: u64,
    pub(crate) marks: Marks,
    pub(crate) boost: u64,
    /// `lowmem_reserve`, by the kind of the highest zone that the request may use.
    pub(crate) protection: [u64; CLASSES],
    /// Pages that a check of the marks counts as taken beside those asked for (2.6.36 to 3.2).
    pub(crate) extra: u64,
}

/// `CONFIG_PCP_BATCH_SCALE_MAX`, as a power of two: how many batches go at once at most.
const SCALE_MOST: u32 = 5;
/// Kinds of zones that a request may name as its highest.
pub(crate) const CLASSES: usize = 5;
/// Those kinds, the lowest first.
pub(crate) const KINDS: [ZoneKind; CLASSES] =
    [ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::HighMem, ZoneKind::Movable];

/// The place of a kind among [`KINDS`].
pub(crate) fn class(kind: ZoneKind) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(CLASSES - 1)
}

impl Zone {
    /// A zone as the profile has it; marks and reserves are computed afterwards.
    pub(crate) fn new(release: Release, profile: &ZoneProfile) -> Zone {
        let zero = Pages::ZERO;
        let pcp = profile.pcp.min(profile.managed - profile.free.min(profile.managed));
        let two_too_many = release >= Release::old(2, 6, 36) && release < Release::new(3, 3);
        Zone {
            node: profile.node,
            kind: profile.kind,
            spanned: profile.spanned,
            present: profile.present,
            managed_at_init: profile.managed_at_init,
            managed: profile.managed,
            free: profile.free.min(profile.managed),
            pcp,
            batch: batch(release, profile.managed),
            pcp_high: 0,
            pcp_most: 0,
            // It has grown to what is on it.
            pcp_tuned: if release >= Release::new(6, 7) { pcp } else { 0 },
            marks: Marks { min: zero, low: zero, high: zero, promo: None },
            boost: 0,
            protection: [0; CLASSES],
            extra: if two_too_many { 2 } else { 0 },
        }
    }

    /// What must be exceeded for a request of one page (`__zone_watermark_ok()`).
    pub(crate) fn limit(&self, mark: Mark, class: usize) -> u64 {
        let Marks { min, low, high, .. } = self.marks;
        let mark = match mark {
            Mark::Low => low.count() + self.boost,
            Mark::Min => min.count() + self.boost,
            Mark::High => high.count() + self.boost,
        };
        mark.saturating_add(self.protection[class]).saturating_add(self.extra)
    }

    /// Whether the mark is met, strictly.
    pub(crate) fn ok(&self, mark: Mark, class: usize) -> bool {
        self.free > self.limit(mark, class)
    }

    /// How many of `want` pages can be had one after the other while the mark is met.
    pub(crate) fn grantable(&self, want: u64, limit: u64) -> u64 {
        if self.free <= limit {
            return 0;
        }
        let refills = (self.free - limit).div_ceil(self.batch);
        // The last refill leaves the mark behind: one page of it is given out.
        let most = self.pcp.saturating_add((refills - 1).saturating_mul(self.batch)) + 1;
        want.min(most)
    }

    /// Takes that many pages as order-0 requests do: from the processor's list, refilled by batches.
    /// The caller knows that they are there.
    pub(crate) fn take(&mut self, pages: u64) {
        if let Some(left) = self.pcp.checked_sub(pages) {
            self.pcp = left;
            return;
        }
        let need = pages - self.pcp;
        let refill = need.next_multiple_of(self.batch).min(self.free).max(need);
        // `nr_pcp_alloc()`: each refill above the high mark lets the list grow by as much.
        let above = self.free.saturating_sub(self.marks.high.count() + self.boost);
        let grown = refill.min(above.next_multiple_of(self.batch));
        self.pcp_tuned = self.pcp_tuned.saturating_add(grown).min(self.pcp_most);
        self.free = self.free.saturating_sub(refill);
        self.pcp = refill - need;
    }

    /// Takes whole blocks of `size` pages while the mark is met; how many pages.
    pub(crate) fn take_blocks(&mut self, blocks: u64, size: u64, limit: u64) -> u64 {
        let room = (self.free.saturating_sub(size - 1)).saturating_sub(limit);
        // Each leaves the mark met by one page at least.
        let count = blocks.min(room.div_ceil(size)).min(self.free / size);
        self.free -= count * size;
        count * size
    }

    /// Gives pages back: to the processor's list, and what is too many for it to the free lists.
    pub(crate) fn give(&mut self, pages: u64) {
        self.pcp += pages;
        let enough = self.free > self.marks.high.count() + self.boost;
        // `nr_pcp_high()`, 6.7: below the high mark the list shrinks by what is freed until it is at its least;
        // above it there is room for what is freed in a row, of which no more than this is counted.
        let in_a_row = (self.batch << SCALE_MOST) + self.batch;
        if !enough {
            self.pcp_tuned = 0;
        }
        let high = self.marks.high.count() + self.boost;
        let gets_enough = self.unused().saturating_sub(self.pcp_high) > high;
        if gets_enough && self.pcp >= self.pcp_tuned {
            self.pcp_tuned = self.pcp_tuned.max(in_a_row).min(self.pcp_most);
        }
        let most = self.pcp_high.max(self.pcp_tuned);
        if self.pcp > most {
            self.free += self.pcp - most;
            self.pcp = most;
        }
    }

    /// `drain_all_pages()`.
    pub(crate) fn drain(&mut self) {
        self.free += self.pcp;
        self.pcp = 0;
    }

    /// Everything that could be given out.
    pub(crate) fn unused(&self) -> u64 {
        self.free + self.pcp
    }
}

/// `zone_batchsize()`: pages that go between the free lists and a processor's list at once.
fn batch(release: Release, managed: u64) -> u64 {
    if release < Release::old(2, 6, 0) {
        return 1;
    }
    let since = |major, minor| release >= Release::new(major, minor);
    let base = if since(6, 19) {
        (managed >> 12).min(64)
    } else {
        let most = if since(4, 19) { 256 } else { 128 };
        (managed >> 10).min(most) / 4
    };
    let base = base.max(1);
    let rounded = 1 << (base + base / 2).ilog2();
    (rounded - 1_u64).max(1)
}

/// `zone_highsize()`: pages that a processor's list holds before it gives some back.
pub(crate) fn pcp_high(release: Release, zone: &Zone, cpus: u32) -> u64 {
    if release < Release::old(2, 6, 0) {
        0
    } else if release >= Release::new(5, 14) {
        (zone.marks.low.count() / u64::from(cpus.max(1))).max(4 * zone.batch)
    } else {
        6 * zone.batch
    }
}

/// `zone_highsize()` with the smallest fraction: since 6.7 the list of a processor that frees much
/// grows up to an eighth of the zone, shared among the processors (`nr_pcp_high()`).
pub(crate) fn pcp_most(release: Release, zone: &Zone, cpus: u32) -> u64 {
    if release >= Release::new(6, 7) { zone.managed / 8 / u64::from(cpus.max(1)) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(managed: u64, free: u64) -> Zone {
        let profile = ZoneProfile {
            node: 0,
            kind: ZoneKind::Dma32,
            spanned: managed,
            present: managed,
            managed_at_init: managed,
            managed,
            free,
            pcp: 0,
        };
        Zone::new(Release::new(6, 1), &profile)
    }

    #[test]
    fn batches_are_those_that_kernels_print() {
        for (managed, expected) in [(3840, 1), (50_910, 15), (116_484, 31), (244_158, 63)] {
            assert_eq!(zone(managed, 0).batch, expected, "{managed}");
        }
    }

    #[test]
    fn a_list_keeps_what_is_freed_in_a_row_after_memory_was_short_and_more_while_there_is_enough() {
        let mut zone = zone(50_910, 40_000);
        (zone.pcp_high, zone.pcp_most) = (425, 6363);
        zone.marks.high = Pages::new(637);
        zone.take(30_000);
        assert_eq!(zone.pcp_tuned, 6363);
        let mut short = zone.clone();
        zone.give(20_000);
        assert_eq!(zone.pcp, 6363);
        // As 6.12 has it after a kill.
        short.take(9_500);
        short.give(500);
        short.give(20_000);
        assert_eq!(short.pcp, 32 * 15 + 15);
    }

    #[test]
    fn pages_are_granted_as_one_after_the_other_would_be() {
        for (free, pcp, limit) in [(1000, 0, 400), (1000, 7, 993), (430, 3, 415), (415, 9, 415)] {
            let mut bulk = zone(50_910, free);
            bulk.pcp = pcp;
            let mut single = bulk.clone();
            let mut count = 0;
            while single.grantable(1, limit) == 1 {
                single.take(1);
                count += 1;
            }
            assert_eq!(bulk.grantable(u64::MAX, limit), count);
            bulk.take(count);
            assert_eq!(bulk, single);
        }
    }
}
