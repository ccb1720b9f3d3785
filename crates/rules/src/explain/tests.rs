//! Reports made by hand, each for one conclusion.
#![expect(clippy::unnecessary_wraps, reason = "facts are optional, and so are those made here")]

use facts::oom_report::{
    Buddy, BuddyBlocks, GfpMask, Kill, KillCause, MemcgBlock, MemcgUsage, OomReport, ShowMem,
    TaskColumns, TaskRow, TaskTable, Trigger, ZoneCounters, ZoneMemory,
};
use facts::{Name, Release};
use units::{Bytes, Limit, PageSize, Pages, Pid, ScoreAdj};

use super::*;

pub(super) const KIB: u64 = 1024;

pub(super) fn kib(n: u64) -> Option<Bytes> {
    Some(Bytes::new(n * KIB))
}

/// A zone: free, min and high in KiB, and its reserves in pages.
pub(super) fn zone(name: &str, free: u64, min: u64, high: u64, reserves: &[u64]) -> ZoneMemory {
    ZoneMemory {
        node: Some(0),
        name: Name::from(name),
        counters: ZoneCounters {
            free: kib(free),
            min: kib(min),
            low: kib(min + (high - min) / 2),
            high: kib(high),
            managed: kib(1 << 20),
            ..ZoneCounters::default()
        },
        lowmem_reserve: Some(reserves.iter().copied().map(Pages::new).collect()),
        ..ZoneMemory::default()
    }
}

/// Free blocks: count and migrate types, from order 0.
pub(super) fn buddy(blocks: &[(u64, &str)]) -> Option<Buddy> {
    let blocks = blocks.iter().enumerate().map(|(order, &(count, types))| BuddyBlocks {
        count,
        size: Bytes::new(4096 << order),
        types: (!types.is_empty()).then(|| Name::from(types)),
    });
    Some(Buddy { blocks: blocks.collect(), total: None })
}

pub(super) fn request(mask: u64, order: i32, zones: Vec<ZoneMemory>) -> OomReport {
    OomReport {
        trigger: Some(Trigger {
            gfp: Some(GfpMask { mask, names: None }),
            order: Some(order),
            ..Trigger::default()
        }),
        memory: Some(ShowMem { zones, ..ShowMem::default() }),
        page_size: Some(PageSize::KIB_4),
        ..OomReport::default()
    }
}

/// `GFP_KERNEL` and `GFP_HIGHUSER_MOVABLE` of 6.x.
pub(super) const KERNEL: u64 = 0xcc0;
pub(super) const USER: u64 = 0x10_0cca;

fn cause(report: &OomReport) -> Cause {
    explain(report, Some(Release::new(6, 6))).cause
}

#[test]
fn a_zone_at_its_mark_is_exhausted_and_a_page_above_is_not() {
    let at = |free| request(KERNEL, 0, vec![zone("Normal", free, 1000, 2000, &[0, 0, 0, 0, 0])]);
    assert_eq!(cause(&at(1000)), Cause::Exhausted);
    assert_eq!(cause(&at(1004)), Cause::ReclaimStalled);
    assert_eq!(cause(&at(2000)), Cause::ReclaimStalled);
    assert_eq!(cause(&at(2004)), Cause::NothingMissing);
}

#[test]
fn the_reserve_is_that_of_the_highest_zone_of_the_request() {
    // 100 pages are kept in DMA32 from requests that may go to Normal, none from those to DMA32.
    let report =
        |mask| request(mask, 0, vec![zone("DMA32", 2300, 1000, 2000, &[0, 0, 100, 100, 100])]);
    assert_eq!(explain(&report(KERNEL), Some(Release::new(6, 6))).zones[0].reserve, kib(400));
    assert_eq!(cause(&report(KERNEL)), Cause::ReclaimStalled);
    assert_eq!(cause(&report(KERNEL | 4)), Cause::NothingMissing);
}

#[test]
fn a_reserve_that_builds_disagree_about_is_unknown() {
    // Normal is the first of three zones, or the second.
    let report = request(KERNEL, 0, vec![zone("Normal", 2300, 1000, 2000, &[0, 7, 9])]);
    let explained = explain(&report, Some(Release::new(6, 6)));
    assert_eq!(explained.zones[0].reserve, None);
    assert_eq!(explained.cause, Cause::Unknown);
    assert!(explained.gaps.contains(&Gap::Reserve));
}

#[test]
fn high_memory_does_not_help_the_kernel() {
    let zones = || {
        vec![zone("Normal", 500, 1000, 2000, &[0; 4]), zone("HighMem", 9000, 500, 1000, &[0; 4])]
    };
    assert_eq!(
        cause(&request(KERNEL, 0, zones())),
        Cause::LowZone { elsewhere: Bytes::new(8000 * KIB) }
    );
    assert_eq!(cause(&request(USER, 0, zones())), Cause::NothingMissing);
}

#[test]
fn blocks_of_the_wrong_kind_are_no_blocks() {
    let report = |types, free_cma| {
        let mut normal = zone("Normal", 9000, 1000, 2000, &[0; 5]);
        normal.counters.free_cma = kib(free_cma);
        normal.buddy = buddy(&[(2050, "UM"), (100, types)]);
        request(KERNEL, 1, vec![normal])
    };
    assert_eq!(cause(&report("UC", 800)), Cause::NothingMissing);
    assert_eq!(
        cause(&report("C", 800)),
        Cause::OnlyContiguousAreas { bytes: Bytes::new(800 * KIB) }
    );
    assert_eq!(cause(&report("H", 0)), Cause::OnlyAtomicReserve { bytes: Bytes::ZERO });
    assert_eq!(cause(&report("I", 0)), Cause::Fragmented { order: 1 });
}

#[test]
fn what_is_free_in_contiguous_areas_does_not_count_for_the_kernel() {
    let report = |mask| {
        let mut normal = zone("Normal", 2800, 1000, 2000, &[0; 5]);
        normal.counters.free_cma = kib(2000);
        request(mask, 0, vec![normal])
    };
    let bytes = Bytes::new(2000 * KIB);
    assert_eq!(cause(&report(KERNEL)), Cause::OnlyContiguousAreas { bytes });
    // A movable request may use them, but not in the last test.
    assert_eq!(cause(&report(USER)), Cause::ReclaimStalled);
}

#[test]
fn a_person_and_a_page_fault_are_no_shortage() {
    let zones = || vec![zone("Normal", 500, 1000, 2000, &[0; 5])];
    assert_eq!(cause(&request(KERNEL, -1, zones())), Cause::Manual);
    assert_eq!(cause(&request(0, 0, zones())), Cause::PageFault);
}

#[test]
fn the_shortfall_is_the_least_with_which_the_last_test_passes() {
    let report = request(KERNEL, 0, vec![zone("Normal", 500, 1000, 2000, &[0; 4])]);
    for release in [Release::new(2, 6), Release::new(3, 2), Release::new(4, 4), Release::new(6, 6)]
    {
        let found = explain(&report, Some(release)).prevention;
        let [Prevention::FreeMore { bytes, .. }] = found.as_slice() else { panic!("{found:?}") };
        let with = |free: u64| {
            cause_at(&request(KERNEL, 0, vec![zone("Normal", free, 1000, 2000, &[0; 4])]), release)
        };
        let free = 500 + bytes.kib();
        assert_eq!(with(free), Cause::NothingMissing, "{release}");
        assert_eq!(with(free - 4), Cause::ReclaimStalled, "{release}");
    }
}

fn cause_at(report: &OomReport, release: Release) -> Cause {
    explain(report, Some(release)).cause
}

/// A table: pid, resident pages, adjustment.
pub(super) fn table(rows: &[(u32, u64, i64)]) -> Option<TaskTable> {
    let row = |&(pid, rss, adj): &(u32, u64, i64)| TaskRow {
        pid: Some(Pid::new(pid)),
        tgid: Some(Pid::new(pid)),
        uid: Some(1000),
        rss: Some(Pages::new(rss)),
        swapents: Some(Pages::ZERO),
        pgtables: Some(Bytes::ZERO),
        oom_score_adj: ScoreAdj::new(adj).ok(),
        name: Some(Name::from(format!("task{pid}").as_str())),
        ..TaskRow::default()
    };
    Some(TaskTable {
        columns: Some(TaskColumns::PgtablesBytes),
        rows: rows.iter().map(row).collect(),
    })
}

/// A kill in a cgroup of so many pages without swap.
pub(super) fn in_group(killed: u32, pages: u64, rows: &[(u32, u64, i64)]) -> OomReport {
    let at = |bytes| MemcgUsage {
        usage: Some(Bytes::new(bytes)),
        limit: Some(Limit::At(Bytes::new(bytes))),
        failcnt: Some(1),
    };
    OomReport {
        memcg: Some(MemcgBlock {
            memory: Some(at(pages * 4096)),
            swap: Some(at(0)),
            ..MemcgBlock::default()
        }),
        tasks: table(rows),
        kills: vec![Kill {
            cause: Some(KillCause::MemoryCgroup),
            pid: Some(Pid::new(killed)),
            ..Kill::default()
        }],
        page_size: Some(PageSize::KIB_4),
        ..OomReport::default()
    }
}

fn chosen(report: &OomReport, release: Release) -> Choice {
    explain(report, Some(release)).choice.expect("there is a table")
}

#[test]
fn ties_fall_to_the_last_since_5_3_and_to_the_first_before() {
    let report = in_group(2, 100_000, &[(2, 500, 0), (3, 500, 0), (4, 100, 0)]);
    assert_eq!(chosen(&report, Release::new(5, 2)).agrees, Some(true));
    let choice = chosen(&report, Release::new(5, 3));
    assert_eq!(choice.agrees, Some(false));
    assert_eq!(choice.predicted.unwrap().pid, Some(Pid::new(3)));
    assert_eq!(choice.margin, Some(0));
}

#[test]
fn who_switches_swap_off_is_no_wrong_choice() {
    let report = |asker: u32, lacking: Option<Bytes>| {
        let mut report = request(KERNEL, 0, vec![zone("Normal", 500, 1000, 2000, &[0; 4])]);
        report.tasks = table(&[(2, 9000, 0), (3, 1, 0)]);
        report.kills = vec![Kill { pid: Some(Pid::new(3)), ..Kill::default() }];
        report.reporter.pid = Some(Pid::new(asker));
        report.memory.as_mut().unwrap().swap.lacking = lacking;
        chosen(&report, Release::new(6, 6))
    };
    let kib = Some(Bytes::from_kib(4000).unwrap());
    let choice = report(3, kib);
    assert_eq!((choice.not_by_score, choice.agrees), (Some(NotByScore::Swapoff), None));
    assert_eq!(report(3, None).agrees, Some(false));
    assert_eq!(report(2, kib).not_by_score, None);
}

#[test]
fn those_that_cannot_be_chosen_are_named_and_not_ranked() {
    let report = in_group(3, 100_000, &[(1, 9000, 0), (2, 8000, -1000), (3, 500, 0)]);
    let choice = chosen(&report, Release::new(6, 6));
    assert_eq!(choice.agrees, Some(true));
    let immune: Vec<_> = choice.immune.iter().filter_map(|row| row.pid).collect();
    assert_eq!(immune, [Pid::new(1), Pid::new(2)]);
    assert_eq!(choice.rows.len(), 1);
}

#[test]
fn the_adjustment_that_saves_is_the_highest_that_does() {
    let rows = |adj| [(2, 500, 0), (3, 400, adj), (4, 100, -5)];
    let report = in_group(3, 100_000, &rows(7));
    let found = explain(&report, Some(Release::new(6, 6))).prevention;
    let adjust = found.iter().find_map(|prevention| match prevention {
        Prevention::Adjust { to, then, .. } => Some((to.get(), then.pid)),
        _ => None,
    });
    let (to, then) = adjust.expect("an adjustment saves it");
    assert_eq!(then, Some(Pid::new(2)));
    // One by one, from the highest.
    let slow = (-999..7)
        .rev()
        .find(|&adj| {
            let choice = chosen(&in_group(3, 100_000, &rows(adj)), Release::new(6, 6));
            choice.predicted.unwrap().pid != Some(Pid::new(3))
        })
        .expect("some adjustment saves it");
    assert_eq!(to, slow);
}

#[test]
fn who_would_die_without_adjustments_is_named() {
    let report = in_group(3, 100_000, &[(2, 500, 0), (3, 400, 7)]);
    let choice = chosen(&report, Release::new(6, 6));
    assert_eq!(choice.without_adjustments.unwrap().pid, Some(Pid::new(2)));
}

#[test]
fn a_choice_that_depends_on_an_unknown_total_is_not_judged() {
    // Task 3 is first in a large machine, task 2 in a small one.
    let mut report = in_group(3, 1000, &[(2, 5000, 0), (3, 400, 7)]);
    if let Some(block) = &mut report.memcg {
        block.swap = None;
    }
    let choice = chosen(&report, Release::new(6, 6));
    assert_eq!(choice.agrees, None);
    assert_eq!(choice.doubts.first(), Some(&Doubt::Total));
    // Nobody's total makes task 4 the first.
    let report = in_group(4, 1000, &[(2, 5000, 0), (4, 400, 0)]);
    assert_eq!(chosen(&report, Release::new(6, 6)).agrees, Some(false));
}

#[test]
fn printed_scores_are_thousandths_of_the_total() {
    let mut report = in_group(2, 100_000, &[(2, 50_000, 100), (3, 400, 0)]);
    report.kills[0].score = Some(600);
    let choice = chosen(&report, Release::new(4, 19));
    assert_eq!(choice.computed_score, Some((600, 600)));
    assert!(choice.doubts.is_empty());
    assert_eq!(chosen(&report, Release::new(5, 4)).computed_score, None);
}

#[test]
fn a_score_that_the_held_back_pages_explain_is_no_difference() {
    let mut report = in_group(2, 10_000, &[(2, 5_000, 0), (3, 400, 0)]);
    report.kills[0].score = Some(494);
    let choice = chosen(&report, Release::new(4, 19));
    assert_eq!(
        (choice.computed_score, choice.score_at_choice),
        (Some((500, 500)), Some((493, 500)))
    );
    assert!(choice.doubts.is_empty());
    // Nothing is held back upwards, nor so much.
    for (score, at_choice) in [(506, None), (480, Some((493, 500)))] {
        report.kills[0].score = Some(score);
        let choice = chosen(&report, Release::new(4, 19));
        assert_eq!(choice.score_at_choice, at_choice);
        assert!(!choice.doubts.is_empty());
    }
}

#[test]
fn columns_that_a_table_lacks_leave_a_score_as_open_as_the_machines_counters() {
    let mut report = in_group(2, 10_000, &[(2, 5_000, 0)]);
    report.memcg = None;
    report.kills[0].cause = Some(KillCause::OutOfMemory);
    report.kills[0].score = Some(510);
    let table = report.tasks.as_mut().unwrap();
    table.columns = Some(TaskColumns::CpuAdjScoreAdj);
    (table.rows[0].swapents, table.rows[0].pgtables) = (None, None);
    let mut memory = ShowMem::default();
    (memory.totals.ram, memory.totals.reserved) = (Some(Pages::new(9_000)), Some(Pages::ZERO));
    (memory.swap.total, memory.swap.free) = (kib(4000), kib(3600));
    report.memory = Some(memory.clone());
    assert_eq!(chosen(&report, Release::new(3, 2)).computed_score, Some((500, 1000)));
    memory.counters.pagetables = Some(Pages::new(20));
    report.memory = Some(memory);
    assert_eq!(chosen(&report, Release::new(3, 2)).computed_score, Some((500, 512)));
    // Page tables count since 2.6.39.
    assert_eq!(chosen(&report, Release::old(2, 6, 37)).computed_score, Some((500, 510)));
}

#[test]
fn a_kernel_that_compared_points_without_sign_is_named() {
    let rows = [(2, 5000, 0), (3, 400, -900), (4, 400, -500), (5, 400, -1000)];
    let fault = |killed, version: &str| {
        let mut report = in_group(killed, 100_000, &rows);
        report.reporter.version = Some(Name::from(version));
        let choice = chosen(&report, Release::new(5, 8));
        (choice.agrees, choice.kernel_fault)
    };
    let next = "5.8.0-rc4-next-20200710 #1";
    // The least below nothing is the largest number.
    assert_eq!(fault(4, next), (Some(false), Some(KernelFault::UnsignedPoints)));
    assert_eq!(fault(3, next), (Some(false), None));
    assert_eq!(fault(2, next), (Some(true), None));
    assert_eq!(fault(4, "5.8.0 #1"), (Some(false), None));
}

#[test]
fn a_victim_outside_of_the_table_is_said_to_be() {
    let choice = chosen(&in_group(9, 1000, &[(2, 50, 0)]), Release::new(6, 6));
    assert_eq!((choice.agrees, choice.rank_of_chosen), (None, None));
    assert_eq!(choice.doubts, [Doubt::NotInTable]);
}

#[test]
fn scores_before_2_6_36_are_not_made_up() {
    let report = in_group(2, 1000, &[(2, 50, 0), (3, 70, 0)]);
    let explained = explain(&report, Some(Release::old(2, 6, 32)));
    let choice = explained.choice.unwrap();
    assert_eq!((choice.formula, choice.agrees, choice.rows[0].points), (None, None, None));
    assert!(explained.gaps.contains(&Gap::OldScore));
}

#[test]
fn an_empty_report_says_that_it_knows_nothing() {
    let explained = explain(&OomReport::default(), None);
    assert_eq!(explained.event, Event::Unknown);
    assert_eq!(explained.ran_out, RanOut::Unknown);
    assert_eq!(explained.cause, Cause::Unknown);
    assert!(explained.prevention.is_empty());
    for gap in [Gap::Header, Gap::MemInfo, Gap::Table, Gap::KillLine, Gap::Release, Gap::PageSize] {
        assert!(explained.gaps.contains(&gap), "{gap:?}");
    }
}

#[test]
fn builds_that_a_release_did_not_have_do_not_confuse_its_reserves() {
    // DMA32 beside HighMem was built until 2.6.18: then Normal was third, later second.
    let zones = || {
        vec![
            zone("DMA", 500, 100, 200, &[0, 30, 70, 30]),
            zone("Normal", 500, 1000, 2000, &[0, 0, 9, 0]),
            zone("HighMem", 500, 1000, 2000, &[0; 4]),
        ]
    };
    let reserve = |release: &str| {
        let release = release.parse().unwrap();
        explain(&request(KERNEL, 0, zones()), Some(release)).zones[0].reserve
    };
    assert_eq!(reserve("5.7"), kib(4 * 30));
    assert_eq!(reserve("2.6.18"), kib(4 * 70));
}

#[test]
fn a_digit_too_many_in_the_total_is_noticed_and_the_zones_are_taken() {
    let told = |ram: u64, reserved: u64| {
        let mut report =
            request(USER, 0, vec![zone("DMA32", 9, 1, 2, &[]), zone("Normal", 9, 1, 2, &[])]);
        let memory = report.memory.as_mut().unwrap();
        for zone in &mut memory.zones {
            zone.counters.present = kib(1 << 20);
            zone.counters.managed = kib((1 << 20) - 40);
        }
        memory.totals.ram = Some(Pages::new(ram));
        memory.totals.reserved = Some(Pages::new(reserved * 2));
        let size = PageSize::KIB_4;
        let managed = managed(memory, Release::new(6, 1), size).map(Pages::count);
        let noticed = explain(&report, None).gaps.contains(&Gap::TotalRam);
        (managed, noticed)
    };
    let (present, managed) = (2 << 18, (2 << 18) - 20);
    assert_eq!(told(present, 10), (Some(managed), false));
    assert_eq!(told(present * 10, 10), (Some(managed), true));
    assert_eq!(told(present / 10, 10), (Some(managed), true));
    // Zones that a cpuset hides: nothing agrees, and the line is believed.
    let more = present * 10;
    assert_eq!(told(more, 11), (Some(more - 22), false));
    assert_eq!(told(present + 1000, 10), (Some(managed + 1000), false));
}
