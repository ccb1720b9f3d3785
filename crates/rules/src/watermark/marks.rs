//! A zone's marks.

use facts::{Release, Zone};
use units::{PageSize, Pages};

use super::{Steps, WatermarkRules, ZoneKind};

/// `SWAP_CLUSTER_MAX`, the least that a zone of high memory keeps.
const SWAP_CLUSTER_MAX: u64 = 32;

/// The marks of one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Below it only reclaim itself and the privileged may allocate.
    pub min: Pages,
    /// Below it kswapd is woken.
    pub low: Pages,
    /// kswapd reclaims up to it.
    pub high: Pages,
    /// Up to it pages of a slower node may be promoted (5.18).
    pub promo: Option<Pages>,
}

impl Marks {
    /// The marks as used and printed while the zone is boosted: every one is higher by the boost
    /// (`wmark_pages()`, 5.0).
    #[must_use]
    pub fn boosted(self, boost: Pages) -> Marks {
        Marks {
            min: self.min.saturating_add(boost),
            low: self.low.saturating_add(boost),
            high: self.high.saturating_add(boost),
            promo: self.promo.map(|promo| promo.saturating_add(boost)),
        }
    }
}

/// Managed pages of the zones among which `min_free_kbytes` is shared out: all but high memory, and
/// since 6.6 all but `ZONE_MOVABLE` (`__setup_per_zone_wmarks()`).
pub fn lowpages(
    rules: &WatermarkRules,
    zones: impl IntoIterator<Item = (ZoneKind, Pages)>,
) -> Pages {
    let low = zones.into_iter().filter(|&(kind, _)| !is_high(rules, kind));
    low.map(|(_, managed)| managed).sum()
}

fn is_high(rules: &WatermarkRules, kind: ZoneKind) -> bool {
    kind == ZoneKind::HighMem || (kind == ZoneKind::Movable && rules.movable_is_high)
}

/// The marks of one zone, without boost.
///
/// `managed` are the zone's managed pages (present pages before 3.8), `lowpages` those of all low
/// zones together, `min_free` is `min_free_kbytes` in pages, `scale_factor` is
/// `watermark_scale_factor` (10 unless set; used since 4.6).
///
/// `__setup_per_zone_wmarks()` and its forerunners, 2.4 to today.
pub fn zone_marks(
    rules: &WatermarkRules,
    kind: ZoneKind,
    managed: Pages,
    lowpages: Pages,
    min_free: Pages,
    scale_factor: u64,
) -> Marks {
    let managed = managed.count();
    let share = mul_div(min_free.count(), managed, lowpages.count());
    let min = match rules.steps {
        Steps::Fixed => (managed / 128).clamp(20, 255),
        _ if is_high(rules, kind) => (managed / 1024).clamp(SWAP_CLUSTER_MAX, 128),
        _ => share,
    };
    let (to_low, to_high) = match rules.steps {
        Steps::Fixed | Steps::Multiples => (min, min.saturating_mul(2)),
        Steps::Quarters => (min / 4, min / 2),
        Steps::QuartersOfShare => (share / 4, share / 2),
        Steps::Scaled => {
            let gap = (share / 4).max(mul_div(managed, scale_factor, 10_000));
            (gap, gap.saturating_mul(2))
        }
    };
    let above = |gap: u64| Pages::new(min.saturating_add(gap));
    let promo = rules.promo.then(|| above(to_high.saturating_add(to_low)));
    Marks { min: Pages::new(min), low: above(to_low), high: above(to_high), promo }
}

/// The marks that a release would give to the zones of a snapshot, without boost, in their order;
/// `None` where a zone's size or kind is unknown. `min_free_kbytes` is in kB.
pub fn zone_marks_of(
    release: Release,
    zones: &[Zone],
    min_free_kbytes: u64,
    scale_factor: u64,
    page_size: PageSize,
) -> Vec<Option<Marks>> {
    let mut rules = WatermarkRules::of(release);
    let sized = |zone: &Zone| Some((ZoneKind::of(&zone.name)?, zone.managed_or_present()?));
    // `ZONE_MOVABLE` is cut out of the highest zone; where that is high memory, so is it, in every
    // release that has both (`is_highmem_idx()`, 2.6.23).
    let high_memory = |(kind, pages)| kind == ZoneKind::HighMem && pages > Pages::ZERO;
    rules.movable_is_high |= zones.iter().filter_map(sized).any(high_memory);
    let lowpages = lowpages(&rules, zones.iter().filter_map(sized));
    let min_free = Pages::new(min_free_kbytes / page_size.kib());
    let marks =
        |(kind, managed)| zone_marks(&rules, kind, managed, lowpages, min_free, scale_factor);
    zones.iter().map(|zone| sized(zone).map(marks)).collect()
}

/// A zone's boost after one page block has been stolen by another migrate type.
///
/// `boost_watermark()`, since 5.0: one block more, at most `factor` (`watermark_boost_factor`, 15000
/// unless set) ten-thousandths of the high mark without boost, but at least one block; nothing when
/// the factor is 0 or the zone is smaller than four blocks.
pub fn boost_after_steal(
    boost: Pages,
    high: Pages,
    managed: Pages,
    pageblock: Pages,
    factor: u64,
) -> Pages {
    let block = pageblock.count();
    if factor == 0 || block.saturating_mul(4) > managed.count() {
        return boost;
    }
    let most = mul_div(high.count(), factor, 10_000).max(block);
    Pages::new(boost.count().saturating_add(block).min(most))
}

/// `a * b / c`, rounded down, at most `u64::MAX`; 0 when `c` is 0.
fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    let quotient = (u128::from(a) * u128::from(b)).checked_div(u128::from(c)).unwrap_or(0);
    u64::try_from(quotient).unwrap_or(u64::MAX)
}
