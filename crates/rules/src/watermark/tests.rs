use facts::Release;
use proptest::prelude::*;
use units::{PageSize, Pages};

use super::*;

fn release(text: &str) -> Release {
    text.parse().unwrap()
}

fn pages(count: u64) -> Pages {
    Pages::new(count)
}

#[test]
fn min_free_kbytes_is_the_published_table() {
    // The table in the kernel's own comment, low memory in MB and min_free_kbytes. For 8192 MB it
    // says 11584, twice the 5792 of 2048 MB; the root of 8192 MB is 11585, and so is the kernel's.
    for (lowmem_mb, kbytes) in [
        (16, 512),
        (32, 724),
        (64, 1024),
        (128, 1448),
        (256, 2048),
        (512, 2896),
        (1024, 4096),
        (2048, 5792),
        (4096, 8192),
        (8192, 11_585),
        (16_384, 16_384),
    ] {
        for of in ["2.6.11", "2.6.32", "4.4", "6.18"] {
            assert_eq!(min_free_kbytes(release(of), lowmem_mb * 1024), Some(kbytes), "{of}");
        }
    }
}

#[test]
fn min_free_kbytes_has_a_floor_and_a_ceiling_of_its_era() {
    let of = |text, lowmem| min_free_kbytes(release(text), lowmem);
    assert_eq!(of("2.4.22", 1 << 20), None);
    assert_eq!(of("2.6.9", 1 << 20), Some(1024));
    assert_eq!(of("2.6.9", 100), Some(128));
    assert_eq!(of("2.6.9", u64::MAX), Some(16_384));
    assert_eq!(of("5.6.19", u64::MAX), Some(65_536));
    assert_eq!(of("5.7", u64::MAX), Some(262_144));
    assert_eq!(of("5.7", 0), Some(128));
}

#[test]
fn khugepaged_asks_for_eleven_page_blocks_a_zone() {
    let asks = |current, zones| {
        khugepaged_min_free_kbytes(current, zones, pages(512), pages(10_000_000), PageSize::KIB_4)
    };
    assert_eq!(asks(4096, 2), 45_056);
    assert_eq!(asks(4096, 3), 67_584);
    assert_eq!(asks(100_000, 3), 100_000, "it only raises");
    let small = khugepaged_min_free_kbytes(2741, 2, pages(512), pages(117_000), PageSize::KIB_4);
    assert_eq!(small, 117_000 / 20 * 4, "at most a twentieth of low memory");
}

/// min, low and high of zones with so many managed pages.
fn marks(of: &str, zones: &[(ZoneKind, u64)], min_free_kbytes: u64) -> Vec<[u64; 3]> {
    let rules = WatermarkRules::of(release(of));
    let sized = || zones.iter().map(|&(kind, managed)| (kind, pages(managed)));
    let low = lowpages(&rules, sized());
    sized()
        .map(|(kind, managed)| {
            let m = zone_marks(&rules, kind, managed, low, pages(min_free_kbytes / 4), 10);
            [m.min, m.low, m.high].map(Pages::count)
        })
        .collect()
}

use ZoneKind::{Dma, Dma32, HighMem, Movable, Normal};

#[test]
fn marks_of_a_24_gib_machine_are_the_kernels() {
    let zones = [(Dma, 3840), (Dma32, 772_917), (Normal, 5_394_266), (Movable, 0)];
    assert_eq!(
        marks("6.18", &zones, 67_584),
        [[10, 13, 16], [2116, 2888, 3660], [14_769, 20_163, 25_557], [32, 32, 32]]
    );
}

#[test]
fn marks_follow_what_is_managed_at_the_time() {
    // A 6.18 guest whose Normal zone is still being filled.
    for (normal, expected) in [
        (491_520, [[51, 63, 75], [10_296, 12_870, 15_444], [6548, 8185, 9822]]),
        (655_360, [[45, 56, 67], [9118, 11_397, 13_676], [7731, 9663, 11_595]]),
    ] {
        let zones = [(Dma, 3840), (Dma32, 772_917), (Normal, normal)];
        assert_eq!(marks("6.18", &zones, 67_584), expected);
    }
}

#[test]
fn an_empty_movable_zone_keeps_32_pages_since_6_6() {
    let zones = [(Normal, 100_000), (Movable, 0)];
    assert_eq!(marks("6.5", &zones, 4096)[1], [0, 0, 0]);
    assert_eq!(marks("6.6", &zones, 4096)[1], [32, 32, 32]);
}

#[test]
fn movable_memory_took_its_share_until_6_5() {
    let zones = [(Normal, 100_000), (Movable, 300_000)];
    assert_eq!(marks("6.5", &zones, 4096)[0][0], 256);
    assert_eq!(marks("6.6", &zones, 4096)[0][0], 1024);
    assert_eq!(marks("6.6", &zones, 4096)[1][0], 128, "the ceiling of high memory");
}

#[test]
fn marks_are_spaced_as_in_their_era() {
    let zones = [(Normal, 100_000)];
    assert_eq!(marks("2.4.22", &zones, 4096), [[255, 510, 765]]);
    assert_eq!(marks("2.6.9", &zones, 4096), [[1024, 2048, 3072]]);
    assert_eq!(marks("2.6.11", &zones, 4096), [[1024, 1280, 1536]]);
    assert_eq!(marks("2.6.17", &zones, 4096), [[1024, 1280, 1536]]);
    assert_eq!(marks("4.5", &zones, 1024), [[256, 320, 384]]);
    assert_eq!(marks("4.6", &zones, 1024), [[256, 356, 456]], "a thousandth of the zone is more");
}

#[test]
fn hostile_numbers_saturate_in_every_era() {
    for of in ["2.4.22", "2.6.9", "2.6.11", "2.6.32", "6.18"] {
        let [min, low, high] = marks(of, &[(Normal, u64::MAX)], u64::MAX)[0];
        assert!(min <= low && low <= high, "{of}");
    }
    assert_eq!(marks("6.18", &[], 4096), [[0; 3]; 0]);
}

#[test]
fn high_memory_keeps_little_but_its_gaps_are_proportional() {
    let zones = [(Normal, 200_000), (HighMem, 400_000)];
    assert_eq!(marks("2.6.9", &zones, 4096)[1], [128, 256, 384]);
    assert_eq!(marks("2.6.11", &zones, 4096)[1], [128, 160, 192]);
    assert_eq!(marks("2.6.24", &zones, 4096)[1], [128, 128 + 512, 128 + 1024]);
}

#[test]
fn low_is_five_quarters_and_high_three_halves_of_min_in_2_6_24() {
    // Published figure K10: DMA 17 21 25, Normal 936 1170 1404, from 3811 kB shared out.
    let of_min = |min| {
        let rules = WatermarkRules::of(release("2.6.24"));
        let m = zone_marks(&rules, Normal, pages(1000), pages(1000), pages(min), 10);
        [m.min, m.low, m.high].map(Pages::count)
    };
    assert_eq!(of_min(17), [17, 21, 25]);
    assert_eq!(of_min(936), [936, 1170, 1404]);
    let both = marks("2.6.24", &[(Dma, 4064), (Normal, 223_520)], 3812);
    assert_eq!(both, [[17, 21, 25], [935, 1168, 1402]], "within a page of the machine's own");
}

/// One measured machine: printed marks, the DMA zone's protection, `min_free_kbytes`.
struct Measured {
    mb: u64,
    dma: [u64; 3],
    dma32: [u64; 3],
    dma_protection: u64,
    min_free: u64,
}

#[test]
fn marks_of_measured_machines_follow_from_what_was_managed_at_boot() {
    // Linux 6.1 in five sizes. The protection of the DMA zone says how many pages DMA32 had when
    // the marks were made, to 256 pages; some number in that range must explain every mark and
    // min_free_kbytes at once.
    let table = [
        Measured {
            mb: 128,
            dma: [53, 66, 79],
            dma32: [234, 292, 350],
            dma_protection: 66,
            min_free: 1154,
        },
        Measured {
            mb: 256,
            dma: [33, 41, 49],
            dma32: [426, 532, 638],
            dma_protection: 192,
            min_free: 1842,
        },
        Measured {
            mb: 512,
            dma: [22, 27, 32],
            dma32: [662, 827, 992],
            dma_protection: 443,
            min_free: 2741,
        },
        Measured {
            mb: 1024,
            dma: [175, 218, 261],
            dma32: [11_088, 13_860, 16_632],
            dma_protection: 947,
            min_free: 45_056,
        },
        Measured {
            mb: 2048,
            dma: [85, 106, 127],
            dma32: [11_178, 13_972, 16_766],
            dma_protection: 1953,
            min_free: 45_056,
        },
    ];
    for Measured { mb, dma, dma32, dma_protection, min_free } in table {
        let explains = |at_boot: &u64| {
            let lowmem_kbytes = (3840 + at_boot) * 4;
            let by_root = min_free_kbytes(release("6.1"), lowmem_kbytes).unwrap();
            let made = if mb < 512 || min_free < 10_000 {
                by_root
            } else {
                let low = pages(3840 + at_boot);
                khugepaged_min_free_kbytes(by_root, 2, pages(512), low, PageSize::KIB_4)
            };
            made == min_free
                && marks("6.1", &[(Dma, 3840), (Dma32, *at_boot)], min_free) == [dma, dma32]
        };
        let range = dma_protection * 256..(dma_protection + 1) * 256;
        assert!(
            range.clone().any(|n| explains(&n)),
            "{mb} MB: none of {range:?} explains the marks"
        );
    }
}

#[test]
fn a_boost_raises_every_mark_and_is_bounded_by_the_high_mark() {
    let rules = WatermarkRules::of(release("6.18"));
    let m = zone_marks(&rules, Normal, pages(5_394_266), pages(6_171_023), pages(16_896), 10);
    assert_eq!(m.promo, Some(pages(25_557 + 5394)));
    assert_eq!(m.boosted(pages(4608)).min, pages(19_377));
    let steal =
        |boost| boost_after_steal(pages(boost), m.high, pages(5_394_266), pages(512), 15_000);
    assert_eq!(steal(4096), pages(4608));
    assert_eq!(steal(1 << 40), pages(25_557 * 3 / 2));
    assert_eq!(boost_after_steal(pages(7), m.high, pages(2047), pages(512), 15_000), pages(7));
    assert_eq!(boost_after_steal(pages(7), m.high, pages(9999), pages(512), 0), pages(7));
}

#[test]
fn zones_without_a_size_get_no_marks() {
    let zone =
        |name: &str, managed| facts::Zone { name: name.into(), managed, ..Default::default() };
    let zones =
        [zone("DMA", None), zone("Normal", Some(pages(100_000))), zone("Odd", Some(pages(1)))];
    let found = zone_marks_of(release("6.1"), &zones, 4096, 10, PageSize::KIB_4);
    assert_eq!(found[0], None);
    assert_eq!(found[1].map(|m| m.min), Some(pages(1024)));
    assert_eq!(found[2], None);
}

fn passes(of: &str, order: u32, flags: AllocFlags, free: u64, blocks: &[u64]) -> bool {
    let request = Request { order, mark: pages(100), reserve: pages(50), flags };
    let zone = FreePages { free: pages(free), blocks, highatomic: Pages::ZERO, cma: Pages::ZERO };
    watermark_ok(release(of), request, zone)
}

/// The fewest free pages with which a single page is given out.
fn least(of: &str, flags: AllocFlags) -> u64 {
    (0..1000).find(|&free| passes(of, 0, flags, free, &[free])).unwrap()
}

#[test]
fn one_page_needs_more_than_mark_and_reserve_together() {
    assert_eq!(least("2.6.32", AllocFlags::NONE), 151);
    assert_eq!(least("6.18", AllocFlags::NONE), 151);
    assert_eq!(least("2.6.39", AllocFlags::NONE), 153, "the arithmetic slip of 2.6.36 to 3.2");
    assert_eq!(least("3.3", AllocFlags::NONE), 151);
    assert_eq!(least("6.18", AllocFlags::NO_WATERMARKS), 0);
}

#[test]
fn the_urgent_may_go_below_the_mark_as_their_era_allows() {
    let (high, harder, oom) = (AllocFlags::HIGH, AllocFlags::HARDER, AllocFlags::OOM);
    assert_eq!(least("4.13", high), 101);
    assert_eq!(least("4.13", harder), 126);
    assert_eq!(least("4.13", high | harder), 50 + 50 - 12 + 1);
    assert_eq!(least("4.13", oom), 151, "victims had no watermark at all then");
    assert_eq!(least("4.14", oom | harder), 101);
    assert_eq!(least("6.2", high | oom), 76);
    assert_eq!(least("6.3", harder), 151);
    assert_eq!(least("6.3", AllocFlags::NON_BLOCK), 151);
    assert_eq!(least("6.3", high | AllocFlags::NON_BLOCK), 50 + 50 - 12 + 1);
    assert_eq!(least("6.3", oom), 101);
}

#[test]
fn reserved_and_contiguous_pages_are_not_free_for_everyone() {
    let ok = |of, flags| {
        let request = Request { order: 0, mark: pages(100), reserve: Pages::ZERO, flags };
        let zone =
            FreePages { free: pages(150), blocks: &[], highatomic: pages(30), cma: pages(30) };
        watermark_ok(release(of), request, zone)
    };
    assert!(ok("2.6.32", AllocFlags::NONE), "neither existed");
    assert!(ok("4.3", AllocFlags::NONE), "only contiguous areas existed");
    assert!(!ok("6.18", AllocFlags::NONE));
    assert!(ok("6.18", AllocFlags::CMA));
    assert!(ok("6.18", AllocFlags::HIGHATOMIC));
}

#[test]
fn a_block_is_needed_and_until_4_3_enough_large_ones() {
    // 200 free pages, all of them single.
    assert!(!passes("6.18", 1, AllocFlags::NONE, 200, &[200, 0]));
    assert!(passes("6.18", 1, AllocFlags::NONE, 200, &[198, 1]));
    assert!(!passes("4.3", 1, AllocFlags::NONE, 200, &[198, 1]));
    assert!(passes("4.3", 1, AllocFlags::NONE, 200, &[100, 50]));
}

#[test]
fn published_free_lists_add_up() {
    // Published figure K11, sysrq-m: blocks of each order, and the sum in kB.
    let sum = |blocks: &[u64]| -> u64 {
        blocks.iter().enumerate().map(|(order, count)| (count << order) * 4).sum()
    };
    assert_eq!(sum(&[122, 63, 45, 9, 2, 0, 1, 1, 1, 1, 1]), 10_064);
    assert_eq!(sum(&[6196, 4435, 3053, 1624, 663, 202, 41, 6, 0, 0, 1]), 247_032);
}

proptest! {
    #[test]
    fn rules_never_panic_and_marks_are_ordered(
        minor in 0u16..20, major in 2u16..8, patch in 0u16..40,
        managed: u64, low: u64, min_free: u64, scale: u64,
    ) {
        let rules = WatermarkRules::of(Release { major, minor, patch });
        for kind in [Dma, Normal, HighMem, Movable] {
            let m = zone_marks(&rules, kind, pages(managed), pages(low), pages(min_free), scale);
            prop_assert!(m.min <= m.low && m.low <= m.high);
            prop_assert!(m.promo.is_none_or(|promo| m.high <= promo));
        }
    }

    #[test]
    fn shares_add_up_to_min_free(a in 0u64..10_000_000, b in 0u64..10_000_000, kb in 128u64..262_144) {
        // A slow oracle: hand the pages out one zone at a time, and lose at most one a zone.
        let rules = WatermarkRules::of(release("6.1"));
        let (low, min_free) = (pages(a + b), pages(kb / 4));
        let sum: u64 = [a, b]
            .map(|n| zone_marks(&rules, Normal, pages(n), low, min_free, 10).min.count())
            .iter()
            .sum();
        prop_assume!(a + b > 0);
        prop_assert!(sum <= kb / 4 && sum + 2 > kb / 4);
    }

    #[test]
    fn the_check_agrees_with_counting_pages_one_by_one(
        blocks in proptest::collection::vec(0u64..40, 1..11),
        order in 0u32..11, mark in 0u64..300, reserve in 0u64..100,
    ) {
        let free: u64 = blocks.iter().enumerate().map(|(o, n)| n << o).sum();
        let request =
            Request { order, mark: pages(mark), reserve: pages(reserve), flags: AllocFlags::CMA };
        let zone =
            FreePages { free: pages(free), blocks: &blocks, highatomic: Pages::ZERO, cma: Pages::ZERO };
        // Since 4.4: take the block away, the rest must still be more than mark and reserve less
        // the one page every request may take.
        let left = free.checked_sub(1 << order).map(|left| left + 1);
        let enough = left.is_some_and(|left| left > mark + reserve);
        let has_block = blocks.iter().enumerate().any(|(o, &n)| o >= order as usize && n > 0);
        let expected = enough && (order == 0 || has_block);
        prop_assert_eq!(watermark_ok(release("6.1"), request, zone), expected);
    }
}
