use facts::Task;
use proptest::prelude::*;
use units::{PageSize, Pid};

use super::*;
use crate::status::fixture::{calm, machine, mib, set, zone};

const NOW: Release = Release::new(6, 18);

fn parts(snapshot: &Snapshot) -> Vec<(PartKind, u64)> {
    let headroom = headroom(snapshot, NOW).unwrap();
    headroom.parts.iter().map(|part| (part.what, part.bytes.kib() / 1024)).collect()
}

fn part_of(snapshot: &Snapshot, kind: PartKind) -> Option<u64> {
    parts(snapshot).into_iter().find(|&(what, _)| what == kind).map(|(_, mib)| mib)
}

#[test]
fn the_parts_of_a_calm_machine_add_up() {
    let s = calm();
    assert_eq!(
        parts(&s),
        [
            (PartKind::FreeAboveMin, 8192 - 64),
            (PartKind::CleanCache, 4096 - 512 - 1),
            (PartKind::DirtyCache, 1),
            (PartKind::MappedCache, 512),
            (PartKind::ReclaimableSlab, 64),
        ]
    );
    let found = headroom(&s, NOW).unwrap();
    assert_eq!(found.total, mib(8192 - 64 + 4096 + 64));
    assert_eq!(found.sure, mib(8192 - 64 + 4096 - 512 - 1));
    assert_eq!(found.expected, mib(8192 - 64 + 4096 - 512));
    assert_eq!(found.kept_back, mib(64));
    assert_eq!(found.capacity, Some(mib(16_384)));
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[test]
fn without_mem_free_there_is_no_headroom() {
    assert_eq!(headroom(&Snapshot::unknown("nothing"), NOW), None);
    assert_eq!(headroom(&machine("6.18", &[(Field::MemTotal, 1 << 20)]), NOW), None);
}

#[test]
fn missing_inputs_are_noted_and_only_lower_the_sum() {
    let mut s = machine("6.18", &[(Field::MemFree, 1 << 20)]);
    s.sysctls.min_free_kbytes = Some(mib(24));
    let found = headroom(&s, NOW).unwrap();
    assert_eq!(found.total, mib(1000));
    assert_eq!(found.capacity, None);
    assert_eq!(
        found.notes,
        [
            "the zones' watermarks are unknown; 24.0 MiB is taken for them, from vm.min_free_kbytes",
            "the page cache is unknown and counts as nothing",
            "free swap is unknown and counts as nothing",
        ]
    );
}

#[test]
fn a_zone_keeps_its_unboosted_min_and_its_reserve_at_most_what_it_has_free() {
    let mut s = calm();
    s.zones = vec![
        // All of the DMA zone is kept from users.
        zone("DMA", 256, 10, 4096, 24_090),
        Zone { boost: Some(Pages::new(512)), ..zone("DMA32", 100_000, 1512, 700_000, 21_000) },
        zone("Normal", 2_000_000 - 256 - 100_000, 5000, 3_500_000, 0),
        zone("Movable", 0, 32, 0, 0),
    ];
    s.meminfo.set(Field::MemFree, Bytes::new(2_000_000 * 4096));
    let found = headroom(&s, NOW).unwrap();
    assert_eq!(found.kept_back, Bytes::new((256 + 1000 + 21_000 + 5000) * 4096));
}

#[test]
fn device_memory_is_not_for_processes() {
    let mut s = calm();
    let before = headroom(&s, NOW).unwrap().total;
    s.zones.push(zone("Device", 1000, 0, 1000, 0));
    let after = headroom(&s, NOW).unwrap();
    assert_eq!(before.saturating_sub(after.total), Bytes::new(1000 * 4096));
}

#[test]
fn a_zone_below_its_marks_is_filled_up_from_its_own_cache_first() {
    let mut s = calm();
    set(&mut s, Field::MemFree, 40);
    s.zones[0].counters = vec![("nr_zone_inactive_file".into(), 100_000)];
    // 64 MiB are kept, 40 are there: 24 of the cache stay with the zone.
    assert_eq!(part_of(&s, PartKind::CleanCache), Some(4096 - 512 - 1 - 24));
    s.zones[0].counters = vec![("nr_inactive_file".into(), 1024), ("nr_active_file".into(), 1024)];
    assert_eq!(part_of(&s, PartKind::CleanCache), Some(4096 - 512 - 1 - 8));
}

#[test]
fn memory_that_no_zone_lists_yet_is_free_and_noted() {
    // 6.18 with deferred struct pages: 4.7 GiB in zones of 23.5 GiB in all.
    let mut s = machine("6.18", &[(Field::MemTotal, 24_684_092), (Field::MemFree, 24_505_236)]);
    s.zones = vec![
        zone("DMA", 3840, 51, 3840, 4939),
        zone("DMA32", 772_917, 10_296, 772_917, 1920),
        zone("Normal", 446_819, 6548, 491_520, 0),
    ];
    let found = headroom(&s, NOW).unwrap();
    let kept = 3840 + (10_296 + 1920) + 6548;
    assert_eq!(found.kept_back, Bytes::new(kept * 4096));
    assert_eq!(found.total, Bytes::from_kib(24_505_236 - kept * 4).unwrap());
    assert!(
        found.notes[0].starts_with("18.7 GiB of RAM belong to no zone yet"),
        "{:?}",
        found.notes
    );
}

#[test]
fn mapped_shared_memory_is_not_mistaken_for_mapped_files() {
    let mut s = calm();
    set(&mut s, Field::Mapped, 3000);
    assert_eq!(part_of(&s, PartKind::MappedCache), Some(3000));
    // A database: 2.9 GiB of what is mapped is its shared buffers.
    let process = |pid, file| Task {
        rss_file: Some(mib(file)),
        state: Some('S'),
        ..Task::unknown(Pid::new(pid))
    };
    s.tasks = vec![process(1, 60), process(2, 40)];
    assert_eq!(part_of(&s, PartKind::MappedCache), Some(100));
    s.tasks.push(Task { state: Some('S'), ..Task::unknown(Pid::new(3)) });
    assert_eq!(part_of(&s, PartKind::MappedCache), Some(3000), "one process did not tell");
    s.tasks[2].kthread = Some(true);
    assert_eq!(part_of(&s, PartKind::MappedCache), Some(100), "threads of the kernel map nothing");
    s.viewpoint.first_pid_namespace = Some(false);
    assert_eq!(part_of(&s, PartKind::MappedCache), Some(3000), "others map files unseen");
}

#[test]
fn cached_pages_that_have_a_swap_slot_count_besides_free_slots() {
    let mut s = calm();
    set(&mut s, Field::SwapTotal, 1000);
    set(&mut s, Field::SwapFree, 300);
    set(&mut s, Field::SwapCached, 20);
    assert_eq!(part_of(&s, PartKind::Swap), Some(320));
    assert_eq!(headroom(&s, NOW).unwrap().capacity, Some(mib(16_384 + 1000)));
    set(&mut s, Field::SwapFree, 1 << 30);
    assert_eq!(part_of(&s, PartKind::Swap), Some(1020), "free swap is at most all swap");
}

#[test]
fn swap_that_is_memory_is_noted() {
    let mut s = calm();
    set(&mut s, Field::SwapTotal, 1000);
    set(&mut s, Field::SwapFree, 1000);
    let notes = |s: &Snapshot| headroom(s, NOW).unwrap().notes.join("; ");
    assert_eq!(notes(&s), "");
    s.vmstat.lines.push(("nr_zspages".into(), 3));
    assert!(notes(&s).contains("zram"));
    set(&mut s, Field::Zswap, 10);
    assert!(notes(&s).contains("zswap"));
}

#[test]
fn room_on_zram_is_worth_what_its_pages_have_shrunk_by() {
    let mut s = calm();
    let kib = |kib| Bytes::from_kib(kib).unwrap();
    s.meminfo.set(Field::SwapTotal, kib(40_000));
    s.meminfo.set(Field::SwapFree, kib(30_000));
    s.vmstat.lines.push(("nr_zspages".into(), 1500));
    let swap = |s: &Snapshot, certainty| -> Option<Bytes> {
        let found = headroom(s, NOW).unwrap();
        let mut parts = found.parts.iter();
        let fits = |p: &&HeadroomPart| p.what == PartKind::Swap && p.certainty == certainty;
        parts.find(fits).map(|p| p.bytes)
    };
    assert_eq!(swap(&s, Certainty::Likely), Some(kib(30_000)));
    // 10,000 KiB shrank to 6,000; half of the room is on a disk.
    s.zram_swap = Some(SwapUse { size: kib(25_000), used: kib(10_000) });
    assert_eq!(swap(&s, Certainty::Likely), Some(kib(21_000)));
    assert_eq!(swap(&s, Certainty::Perhaps), Some(kib(9000)));
    // A handful of pages tells nothing of the others.
    s.zram_swap = Some(SwapUse { size: kib(25_000), used: kib(40) });
    assert_eq!(swap(&s, Certainty::Likely), Some(kib(30_000)));
}

#[test]
fn large_slab_is_likely_to_shrink_and_the_stock_of_a_boot_is_not() {
    let mut s = calm();
    let certainty = |s: &Snapshot| {
        let found = headroom(s, NOW).unwrap();
        found.parts.iter().find(|p| p.what == PartKind::ReclaimableSlab).unwrap().certainty
    };
    assert_eq!(certainty(&s), Certainty::Perhaps);
    set(&mut s, Field::KReclaimable, 4096);
    assert_eq!(certainty(&s), Certainty::Likely);
}

/// Machines in QEMU just before one process touched memory until it was killed: Linux 6.1.192 and
/// 6.12.117, one CPU, 4 KiB pages only. After the name: MemTotal, MemFree, file cache (of a block
/// device, read once), KReclaimable, SwapFree in kB; free, min without boost and protection of the
/// DMA zone, free and min of DMA32 in pages; pages on per-cpu lists; last, the anonymous memory of
/// the victim when it was killed, in RAM and swap, kB.
const MEASURED: &str = "
    6.1, 128 MB                                 94776   67012       0  9016       0  3808   52    67   12945    238   134    65940
    6.1, 256 MB, half of it cache              223608   61492  132096  9432       0  3808   33   193   11565    428   363   191868
    6.1, 256 MB                                223608  194868       0  9016       0  3808   33   193   44909    428   361   193188
    6.1, 512 MB                                481272  451088       0  9016       0  3808   22   445  108964    663   690   446892
    6.1, 512 MB, cache and 128 MB of swap      481272  319024  132100  9432  131068  3808   22   445   75948    663   337   568880
    6.1, 1024 MB, half of it cache             996600  440476  524288 10328       0  3808  175   948  106311  11088   468   911796
    6.1, 1024 MB                               996600  957820       0  9016       0  3808  175   948  235647  11088  2746   913116
    6.1, 1024 MB, cache and 128 MB of swap     996600  701792  263172  9736  131068  3808  175   948  171640  11088   527  1026392
    6.1, 2048 MB                              2027256 1987524       0  9016       0  3776   85  1954  493105  11178  2748  1938756
    6.12, 128 MB                                89512   68632       0   624       0  3808   53    63   13346    229   195    67072
    6.12, 256 MB, half of it cache             218344   63696  132096   928       0  3808   33   189   12116    423   514   194560
    6.12, 256 MB                               218344  196344       0   624       0  3808   33   189   45278    423   466   192512
    6.12, 512 MB                               476012  442940       0   624       0  3808   22   441  106927    660  3184   440832
    6.12, 512 MB, cache and 128 MB of swap     476008  318724  132100   928  131068  3808   22   441   75873    660  1132   576380
    6.12, 1024 MB, half of it cache            991340  438228  524288  1816       0  3808  176   944  105749  11087  1739   912128
    6.12, 1024 MB                              991340  955312       0   632       0  3808  176   944  235020  11087  3826   908288
    6.12, 1024 MB, cache and 128 MB of swap    991340  696772  263172  1224  131068  3808  176   944  170385  11087  2503  1036796
    6.12, 2048 MB                             2021992 1985060       0   632       0  3776   85  1950  492489  11178  3831  1932672
";

#[test]
fn what_can_be_counted_on_is_what_measured_machines_had() {
    let mut machines = 0;
    for line in MEASURED.lines().filter(|line| !line.is_empty()) {
        let (what, numbers) = line.split_at(45);
        let numbers: Vec<u64> =
            numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [total, free, file, slab, swap, rest @ ..] = &numbers[..] else { panic!("{line}") };
        let [dma_free, dma_min, dma_kept, dma32_free, dma32_min, pcp, killed_at] = rest else {
            panic!("{line}")
        };
        let mut s = machine(
            "6.1",
            &[
                (Field::MemTotal, *total),
                (Field::MemFree, *free),
                (Field::ActiveFile, 0),
                (Field::InactiveFile, *file),
                (Field::KReclaimable, *slab),
                (Field::SwapTotal, *swap),
                (Field::SwapFree, *swap),
            ],
        );
        s.zones = vec![
            zone("DMA", *dma_free, *dma_min, 3840, *dma_kept),
            Zone {
                pcp: Some(Pages::new(*pcp)),
                ..zone("DMA32", *dma32_free, *dma32_min, total / 4 - 3840, 0)
            },
        ];
        let found = headroom(&s, NOW).unwrap();
        // In thousandths of what the victim had.
        let share = |bytes: Bytes| bytes.kib() * 1000 / killed_at;
        let (expected, all) = (share(found.expected), share(found.total));
        assert!((980..=1020).contains(&expected), "{what}: {expected} thousandths");
        assert!((1000..=1071).contains(&all), "{what}: {all} thousandths at the upper end");
        machines += 1;
    }
    assert_eq!(machines, 18);
}

#[test]
fn reserves_of_lower_zones_count_on_a_measured_machine_with_three_zones() {
    // 6.1 with 4608 MB: killed at 4399764 kB.
    let mut s = machine("6.1", &[(Field::MemFree, 4_483_264)]);
    s.zones = vec![
        zone("DMA", 3584, 57, 3840, 4401),
        zone("DMA32", 755_025, 11_287, 757_811, 1450),
        zone("Normal", 362_207, 5550, 371_400, 0),
    ];
    let found = headroom(&s, Release::new(6, 1)).unwrap();
    assert_eq!(found.kept_back, Bytes::new((3584 + 12_737 + 5550) * 4096));
    assert_eq!(found.expected.kib() * 1000 / 4_399_764, 999);
}

#[test]
fn killed_sizes_of_an_older_series_follow_from_mem_available() {
    // 6.1.192 in five sizes without swap. MemFree was not recorded; it is inferred from
    // MemAvailable by taking the reserves back out (high marks and protection of both zones), as if
    // the little cache of a fresh boot were free. What the test's own programs used in between is
    // in the difference, which is why the two smallest are farther off.
    for (available, high_and_reserve, min_and_reserve, killed_at, percent) in [
        (69_856, [66 + 79, 350], [53 + 66, 234], 61_716, 15),
        (195_676, [192 + 49, 638], [33 + 192, 426], 189_492, 4),
        (448_648, [443 + 32, 992], [22 + 443, 662], 444_516, 3),
        (887_888, [947 + 261, 16_632], [175 + 947, 11_088], 905_724, 3),
        (1_913_552, [1953 + 127, 16_766], [85 + 1953, 11_178], 1_932_420, 3),
    ] {
        let free: u64 = available + high_and_reserve.iter().sum::<u64>() * 4;
        let mut s = machine("6.1", &[(Field::MemFree, free)]);
        let [dma, dma32] = min_and_reserve;
        s.zones = vec![
            zone("DMA", 3840, dma, 3840, 0),
            zone("DMA32", free / 4 - 3840, dma32, free / 4, 0),
        ];
        let found = headroom(&s, Release::new(6, 1)).unwrap().expected.kib();
        let off = found.abs_diff(killed_at) * 100 / killed_at;
        assert!(off < percent, "killed at {killed_at} kB, expected {found}");
    }
}

proptest! {
    #[test]
    fn free_pages_above_the_marks_are_those_that_one_by_one_allocation_gets(
        zones in proptest::collection::vec((0u64..3000, 0u64..800, 0u64..800), 1..4),
    ) {
        // The oracle takes page after page from the highest zone that may give one.
        let mut free: Vec<u64> = zones.iter().map(|z| z.0).collect();
        let mut taken = 0;
        while let Some(zone) = (0..zones.len()).rev().find(|&i| free[i] > zones[i].1 + zones[i].2) {
            free[zone] -= 1;
            taken += 1;
        }
        let mut s = machine("6.18", &[(Field::MemFree, zones.iter().map(|z| z.0).sum::<u64>() * 4)]);
        s.zones = zones.iter().map(|&(f, min, kept)| zone("Normal", f, min, 9999, kept)).collect();
        let found = headroom(&s, NOW).unwrap();
        prop_assert_eq!(found.sure, Bytes::new(taken * 4096));
    }

    #[test]
    fn any_numbers_give_parts_that_add_up(values: [u64; 9], pages: [u64; 5], size in 10u32..17) {
        let mut s = calm();
        s.page_size = PageSize::new(1 << size).unwrap();
        let fields = [
            Field::MemTotal, Field::MemFree, Field::ActiveFile, Field::InactiveFile, Field::Mapped,
            Field::Dirty, Field::KReclaimable, Field::SwapFree, Field::SwapTotal,
        ];
        for (field, value) in fields.into_iter().zip(values) {
            s.meminfo.set(field, Bytes::new(value));
        }
        let [free, min, managed, kept, boost] = pages;
        s.zones = vec![Zone { boost: Some(Pages::new(boost)), ..zone("Normal", free, min / 2, managed, kept) }];
        let found = headroom(&s, NOW).unwrap();
        prop_assert!(found.sure <= found.expected && found.expected <= found.total);
        prop_assert_eq!(found.parts.iter().map(|p| p.bytes).sum::<Bytes>(), found.total);
        prop_assert!(found.kept_back.get() <= values[1]);
    }
}
