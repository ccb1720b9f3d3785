//! What lower zones keep back from requests that could be served higher up, and the sum of all
//! that is never given to user pages.
//!
//! # What it follows
//! `setup_per_zone_lowmem_reserve()` and `calculate_totalreserve_pages()` in `mm/page_alloc.c`,
//! 2.6.11 to today. `/proc/zoneinfo` prints the first as `protection`.

use facts::{Release, Zone};
use units::Pages;

use crate::watermark::ZoneKind;

/// The `lowmem_reserve_ratio` that a release starts with, for a zone of this kind.
///
/// 256 for the DMA zones and 32 above. High memory and `ZONE_MOVABLE` have 0, which is "keep
/// nothing", since 4.17. Kernels before 2.6.23 have no entry for the highest zones, which never
/// keep anything.
pub fn default_ratio(release: Release, kind: ZoneKind) -> u64 {
    match kind {
        ZoneKind::Dma | ZoneKind::Dma32 => 256,
        ZoneKind::Normal => 32,
        _ if release >= Release::new(4, 17) => 0,
        _ => 32,
    }
}

/// `lowmem_reserve` of every zone of one node, the lowest zone first: row `i`, column `j` is what
/// zone `i` keeps back from requests that may use zones up to `j`.
///
/// `managed` are the managed pages (present pages before 3.8) of all zones the kernel was built
/// with, the empty ones too; `ratios` has a number for each, and zones it has none for keep nothing.
///
/// A ratio of 0 counts as 1 before 4.17 and keeps nothing since. Since 5.8 an empty zone keeps
/// nothing; from 5.8 to 5.10 the pages of a zone whose ratio is 0 are also left out of what the
/// zones below keep. 2.6.0 to 2.6.10 kept nothing unless told to.
pub fn lowmem_reserve(release: Release, managed: &[Pages], ratios: &[u64]) -> Vec<Vec<Pages>> {
    let since = |major, minor| release >= Release::new(major, minor);
    let count = managed.len();
    let mut reserve = vec![vec![Pages::ZERO; count]; count];
    if release < Release::old(2, 6, 11) {
        return reserve;
    }
    let zero_keeps_nothing = since(4, 17);
    let skips = since(5, 8) && !since(5, 11);
    for to in 1..count {
        // Walking down from `to`, as the kernel did until 5.10: the sum of the zones passed.
        let mut above = managed[to];
        for from in (0..to).rev() {
            let ratio = match ratios.get(from).copied().unwrap_or(0) {
                0 if !zero_keeps_nothing && from < ratios.len() => 1,
                ratio => ratio,
            };
            let empty = since(5, 8) && managed[from] == Pages::ZERO;
            let kept = if empty { 0 } else { above.count().checked_div(ratio).unwrap_or(0) };
            reserve[from][to] = Pages::new(kept);
            if !(skips && ratio == 0) {
                above = above.saturating_add(managed[from]);
            }
        }
    }
    reserve
}

/// The `protection` that a release would give to the zones of a snapshot, in their order; `None`
/// where the size of a zone of the node is unknown. Nodes are computed one by one.
pub fn lowmem_reserve_of(
    release: Release,
    zones: &[Zone],
    ratios: &[u64],
) -> Vec<Option<Vec<Pages>>> {
    zones
        .chunk_by(|a, b| a.node == b.node)
        .flat_map(|node| {
            let managed: Option<Vec<Pages>> = node.iter().map(Zone::managed_or_present).collect();
            match managed {
                Some(managed) => {
                    lowmem_reserve(release, &managed, ratios).into_iter().map(Some).collect()
                }
                None => vec![None; node.len()],
            }
        })
        .collect()
}

/// What a zone keeps back from pages of processes: `protection` towards the highest class, in which
/// all memory of processes is asked for (`GFP_HIGHUSER_MOVABLE`; `GFP_HIGHUSER` before 2.6.23).
/// Nothing where the kernel prints no protection.
pub fn reserve_towards_users(zone: &Zone) -> Pages {
    zone.protection.last().copied().unwrap_or(Pages::ZERO)
}

/// `totalreserve_pages`: what the kernel leaves out when it estimates available memory.
///
/// `calculate_totalreserve_pages()`, since 2.6.17: for every zone the high mark and the largest
/// `lowmem_reserve`, at most the zone's managed pages. The kernel computes it while no zone is
/// boosted, so a boost that a zone prints is taken off again. `None` if a zone's numbers are
/// missing, or there is no zone.
pub fn totalreserve_pages(zones: &[Zone]) -> Option<Pages> {
    if zones.is_empty() {
        return None;
    }
    let of_zone = |zone: &Zone| -> Option<Pages> {
        let high = zone.high?.saturating_sub(zone.boost.unwrap_or_default());
        let largest = zone.protection.iter().copied().max().unwrap_or_default();
        Some(high.saturating_add(largest).min(zone.managed_or_present()?))
    };
    zones.iter().map(of_zone).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserve(release: &str, managed: &[u64], ratios: &[u64]) -> Vec<Vec<u64>> {
        let managed: Vec<Pages> = managed.iter().copied().map(Pages::new).collect();
        let rows = lowmem_reserve(release.parse().unwrap(), &managed, ratios);
        rows.into_iter().map(|row| row.into_iter().map(Pages::count).collect()).collect()
    }

    const MODERN: [u64; 5] = [256, 256, 32, 0, 0];

    #[test]
    fn the_protection_of_a_24_gib_machine_is_the_kernels() {
        let rows = reserve("6.18", &[3840, 772_917, 5_394_266, 0, 0], &MODERN);
        assert_eq!(rows[0], [0, 3019, 24_090, 24_090, 24_090]);
        assert_eq!(rows[1], [0, 0, 21_071, 21_071, 21_071]);
        assert_eq!(rows[2], [0; 5]);
        let rows = reserve("6.18", &[3840, 772_917, 491_520, 0, 0], &MODERN);
        assert_eq!(rows[0], [0, 3019, 4939, 4939, 4939]);
        assert_eq!(rows[1], [0, 0, 1920, 1920, 1920]);
    }

    #[test]
    fn a_ratio_of_zero_is_one_before_4_17_and_nothing_since() {
        assert_eq!(reserve("4.16", &[10, 100], &[0, 32])[0], [0, 100]);
        assert_eq!(reserve("4.17", &[10, 100], &[0, 32])[0], [0, 0]);
    }

    #[test]
    fn an_empty_zone_keeps_nothing_since_5_8() {
        assert_eq!(reserve("5.7", &[0, 1000], &[256, 32])[0], [0, 3]);
        assert_eq!(reserve("5.8", &[0, 1000], &[256, 32])[0], [0, 0]);
    }

    #[test]
    fn pages_of_a_zone_with_ratio_zero_were_forgotten_from_5_8_to_5_10() {
        // i386 with high memory and a movable zone: HighMem has ratio 0.
        let rows = |release| reserve(release, &[4000, 200_000, 50_000, 800], &[256, 32, 0, 0]);
        assert_eq!(rows("5.7")[1], [0, 0, 50_000 / 32, 50_800 / 32]);
        assert_eq!(rows("5.10")[1], [0, 0, 50_000 / 32, 800 / 32]);
        assert_eq!(rows("5.11"), rows("5.7"));
    }

    #[test]
    fn every_node_is_computed_by_itself() {
        let zone = |node, managed| Zone { node, managed, ..Zone::default() };
        let pages = |n| Some(Pages::new(n));
        let zones =
            [zone(0, pages(4000)), zone(0, pages(25_600)), zone(1, pages(51_200)), zone(1, None)];
        let rows = lowmem_reserve_of(Release::new(6, 18), &zones, &MODERN);
        assert_eq!(rows[0], Some(vec![Pages::ZERO, Pages::new(100)]));
        assert_eq!(rows[2], None);
        assert_eq!(rows.len(), 4);
    }

    #[test]
    fn nothing_was_kept_before_2_6_11() {
        assert_eq!(reserve("2.6.9", &[4000, 200_000], &[256, 32]), [[0, 0], [0, 0]]);
        assert_eq!(reserve("2.6.11", &[4000, 200_000], &[256, 32])[0], [0, 781]);
    }

    #[test]
    fn totalreserve_is_bounded_by_the_zone_and_forgets_the_boost() {
        let zone = |managed, high, boost, protection: &[u64]| Zone {
            name: "Normal".into(),
            managed: Some(Pages::new(managed)),
            high: Some(Pages::new(high)),
            boost: Some(Pages::new(boost)),
            protection: protection.iter().copied().map(Pages::new).collect(),
            ..Zone::default()
        };
        let zones = [zone(3840, 63, 0, &[0, 5769]), zone(1_000_000, 12_181 + 512, 512, &[0, 0])];
        assert_eq!(totalreserve_pages(&zones), Some(Pages::new(3840 + 12_181)));
        assert_eq!(totalreserve_pages(&[]), None);
        let unknown = Zone { managed: None, ..zone(1, 1, 0, &[]) };
        assert_eq!(totalreserve_pages(&[unknown]), None);
    }

    proptest::proptest! {
        #[test]
        fn a_zone_keeps_its_part_of_everything_between(
            managed in proptest::collection::vec(0u64..1 << 30, 1..6),
            ratios in proptest::collection::vec(0u64..400, 5),
        ) {
            // The definition, written down: the sum of the zones above up to the class, divided.
            let rows = reserve("6.18", &managed, &ratios);
            for (from, row) in rows.iter().enumerate() {
                for (to, &kept) in row.iter().enumerate() {
                    let above = managed.iter().skip(from + 1).take(to.saturating_sub(from));
                    let nothing = ratios[from] == 0 || managed[from] == 0 || to <= from;
                    let expected = if nothing { 0 } else { above.sum::<u64>() / ratios[from] };
                    proptest::prop_assert_eq!(kept, expected);
                }
            }
        }
    }

    #[test]
    fn hostile_sizes_do_not_panic() {
        for release in ["2.6.9", "2.6.11", "4.18", "5.8", "6.18"] {
            reserve(release, &[u64::MAX; 4], &[0, 1, u64::MAX]);
            reserve(release, &[], &[]);
        }
    }
}
