//! Watermarks: how many free pages a zone keeps, and who may go below.
//!
//! [`WatermarkRules::of`] picks the rules of a release once, as plain data; the functions beside it
//! compute with them. Counts are pages unless a name says otherwise, and belong to the machine
//! that is looked at.
//!
//! # What it follows
//! `init_per_zone_wmark_min()`, `setup_per_zone_wmarks()` (`setup_per_zone_pages_min()` before
//! 2.6.32), `boost_watermark()` and `zone_watermark_ok()` in `mm/page_alloc.c`;
//! `set_recommended_min_free_kbytes()` in `mm/khugepaged.c`.
//!
//! # What it leaves out
//! The marks are computed at boot, before the last of memory has been given to the allocator, so
//! the numbers of a running machine follow from fewer managed pages than it prints, until something
//! (khugepaged, a write to a sysctl) has them computed again. What was managed at that instant is
//! the caller's to know.

mod check;
mod marks;
mod min_free;
mod zone;

pub use check::{AllocFlags, FreePages, Request, watermark_ok};
pub use marks::{Marks, boost_after_steal, lowpages, zone_marks, zone_marks_of};
pub use min_free::{free_buffer_pages, khugepaged_min_free_kbytes, min_free_kbytes};
pub use zone::ZoneKind;

use facts::Release;

/// The watermark rules of one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkRules {
    /// How `min_free_kbytes` follows from low memory; `None` where there is no such thing (2.4).
    pub min_free: Option<MinFreeRule>,
    /// How a zone's three marks are spaced.
    pub steps: Steps,
    /// Whether `ZONE_MOVABLE` has a small mark of its own like high memory, and is not counted as
    /// low memory (6.6).
    pub movable_is_high: bool,
    /// Whether marks are raised for a while when page blocks are stolen (5.0).
    pub boost: bool,
    /// Whether there is a fourth mark, `promo` (5.18).
    pub promo: bool,
}

/// `clamp(sqrt(lowmem_kbytes * factor), at_least, at_most)`, kilobytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinFreeRule {
    /// Under the root.
    pub factor: u64,
    /// At least so many kB.
    pub at_least: u64,
    /// At most so many kB.
    pub at_most: u64,
}

/// How a zone's marks are spaced. `t` is the zone's share of `min_free_kbytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// 2.4: `min` is 1/128 of the zone, 20 to 255 pages; `low` twice, `high` three times that.
    Fixed,
    /// 2.6.0 to 2.6.10: `low` is twice and `high` three times `min`.
    Multiples,
    /// 2.6.11 to 2.6.16: `low` is 5/4 and `high` 6/4 of `min`.
    Quarters,
    /// 2.6.17 to 4.5: `low` is `t/4` and `high` `t/2` above `min`.
    QuartersOfShare,
    /// 4.6: the gap is `t/4` or `watermark_scale_factor` ten-thousandths of the zone.
    Scaled,
}

impl WatermarkRules {
    /// The rules of a release.
    pub fn of(release: Release) -> WatermarkRules {
        let since = |major, minor| release >= Release::new(major, minor);
        let old = |patch| release >= Release::old(2, 6, patch);
        let min_free = |factor, at_most| Some(MinFreeRule { factor, at_least: 128, at_most });
        WatermarkRules {
            min_free: if since(5, 7) {
                min_free(16, 262_144)
            } else if old(11) {
                min_free(16, 65_536)
            } else if old(0) {
                min_free(1, 16_384)
            } else {
                None
            },
            steps: if since(4, 6) {
                Steps::Scaled
            } else if old(17) {
                Steps::QuartersOfShare
            } else if old(11) {
                Steps::Quarters
            } else if old(0) {
                Steps::Multiples
            } else {
                Steps::Fixed
            },
            movable_is_high: since(6, 6),
            boost: since(5, 0),
            promo: since(5, 18),
        }
    }
}

#[cfg(test)]
mod tests;
