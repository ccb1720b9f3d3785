//! What would have helped is said where it would have, and nowhere else.
#![expect(clippy::unnecessary_wraps, reason = "facts are optional, and so are those made here")]

use facts::Release;
use facts::oom_report::{HugePool, KillCause, OomReport, SlabCache, SlabDump};
use units::{Bytes, Pages, Pid, ScoreAdj};

use crate::explain::explain;
use crate::explain::report::{Prevention, Retest};
use crate::explain::tests::{KERNEL, KIB, USER, in_group, kib, request, table, zone};

const NEW: Release = Release::new(6, 6);

fn prevention(report: &OomReport) -> Vec<Prevention> {
    explain(report, Some(NEW)).prevention
}

/// What of it is of one kind, at most once.
fn one(report: &OomReport, is: fn(&Prevention) -> bool) -> Option<Prevention> {
    let mut found: Vec<Prevention> = prevention(report).into_iter().filter(is).collect();
    assert!(found.len() < 2, "{found:?}");
    found.pop()
}

fn pages(count: u64) -> Option<Pages> {
    Some(Pages::new(count))
}

/// A machine of 1 GiB in one zone, 1500 KiB under its mark `high`, all of it anonymous; no swap.
fn exhausted() -> OomReport {
    let mut normal = zone("Normal", 500, 1000, 2000, &[0; 4]);
    normal.counters.active_anon = kib(900 << 10);
    normal.counters.inactive_anon = kib(64 << 10);
    let mut report = request(USER, 0, vec![normal]);
    let memory = report.memory.as_mut().unwrap();
    memory.totals.ram = pages(1 << 18);
    memory.totals.reserved = pages(0);
    memory.swap.total = kib(0);
    memory.swap.free = kib(0);
    memory.swap.cached = pages(0);
    memory.counters.active_anon = pages(900 << 8);
    memory.counters.inactive_anon = pages(64 << 8);
    memory.counters.active_file = pages(0);
    memory.counters.inactive_file = pages(0);
    memory.counters.free = pages(125);
    memory.counters.shmem = pages(0);
    memory.counters.slab_unreclaimable = pages(1000);
    report
}

/// The test of that machine with what it lacks: a page above its mark.
const PASSES: Retest =
    Retest { usable: (2004 * KIB).cast_signed(), needed: Bytes::new(2000 * KIB) };

fn is_swap(prevention: &Prevention) -> bool {
    matches!(prevention, Prevention::Swap { .. })
}

#[test]
fn swap_helps_where_it_lacks_and_the_zone_has_what_could_go_there() {
    let mut report = exhausted();
    let expected = Prevention::Swap {
        bytes: Bytes::new(1504 * KIB),
        movable: Bytes::new(964 << 20),
        had_none: true,
        then: PASSES,
    };
    assert_eq!(one(&report, is_swap), Some(expected));
    // Full is as good as none; with room in it, it was not what lacked.
    let memory = report.memory.as_mut().unwrap();
    memory.swap.total = kib(100 << 10);
    assert!(one(&report, is_swap).is_some());
    report.memory.as_mut().unwrap().swap.free = kib(2 << 10);
    assert_eq!(one(&report, is_swap), None);
    // Anonymous memory of other zones makes no room here.
    let mut report = exhausted();
    let zone = &mut report.memory.as_mut().unwrap().zones[0];
    (zone.counters.active_anon, zone.counters.inactive_anon) = (kib(1000), kib(0));
    assert_eq!(one(&report, is_swap), None);
}

#[test]
fn unused_huge_pages_help_on_the_zones_own_node_and_if_they_are_enough() {
    let pool = |node, free, size| {
        let mut report = exhausted();
        let pool =
            HugePool { node, total: Some(9), free: Some(free), surplus: None, size: kib(size) };
        report.memory.as_mut().unwrap().huge_pools = vec![pool];
        one(&report, |prevention| matches!(prevention, Prevention::HugePool { .. }))
    };
    let then = Retest { usable: (500 * KIB + 2048 * KIB).cast_signed(), needed: PASSES.needed };
    assert_eq!(
        pool(0, 1, 2048),
        Some(Prevention::HugePool { unused: Bytes::new(2048 * KIB), then })
    );
    assert_eq!(pool(1, 1, 2048), None);
    assert_eq!(pool(0, 0, 2048), None);
    assert_eq!(pool(0, 1, 1024), None);
}

#[test]
fn tmpfs_is_named_where_it_holds_a_twentieth() {
    let with = |shmem| {
        let mut report = exhausted();
        report.memory.as_mut().unwrap().counters.shmem = pages(shmem);
        one(&report, |prevention| matches!(prevention, Prevention::Tmpfs { .. }))
    };
    let twentieth = (1 << 18) / 20;
    let held = Bytes::new(twentieth * 4 * KIB);
    let bytes = Bytes::new(1504 * KIB);
    assert_eq!(with(twentieth), Some(Prevention::Tmpfs { held, bytes, then: PASSES }));
    assert_eq!(with(twentieth - 1), None);
}

#[test]
fn a_raised_reserve_is_named_where_the_request_passes_without() {
    // 1 GiB is shared out 4 MiB by the kernel itself, 11 MiB where huge pages are on.
    let with = |min, high, free| {
        let mut report = exhausted();
        let zone = &mut report.memory.as_mut().unwrap().zones[0];
        zone.counters.free = kib(free);
        (zone.counters.min, zone.counters.low) = (kib(min), kib(u64::midpoint(min, high)));
        zone.counters.high = kib(high);
        one(&report, |prevention| matches!(prevention, Prevention::MinFree { .. }))
    };
    let Some(Prevention::MinFree { now, chosen, then }) = with(100 << 10, 150 << 10, 60 << 10)
    else {
        panic!("the kernel reserves less than 60 MiB");
    };
    assert_eq!(now, Bytes::new(100 << 20));
    assert!(chosen < Bytes::new(30 << 20), "{chosen}");
    assert!(then.usable > i64::try_from(then.needed.get()).unwrap());
    // It would have been as short without; and what the kernel chose nobody raised.
    assert_eq!(with(100 << 10, 150 << 10, 2 << 10), None);
    assert_eq!(with(4 << 10, 6 << 10, 3 << 10), None);
    // Where a zone is not printed, the setting is not known.
    let mut report = exhausted();
    let memory = report.memory.as_mut().unwrap();
    memory.totals.ram = pages(1 << 20);
    let zone = &mut memory.zones[0].counters;
    (zone.free, zone.min) = (kib(60 << 10), kib(100 << 10));
    (zone.low, zone.high) = (kib(125 << 10), kib(150 << 10));
    assert!(!prevention(&report).iter().any(|p| matches!(p, Prevention::MinFree { .. })));
}

#[test]
fn strict_overcommit_is_named_where_more_was_taken_than_it_promises() {
    let with = |anon| {
        let mut report = exhausted();
        let memory = report.memory.as_mut().unwrap();
        memory.counters.active_anon = pages(anon);
        memory.counters.inactive_anon = pages(0);
        memory.swap.total = kib(40 << 10);
        memory.swap.free = kib(0);
        memory.swap.cached = pages(10);
        one(&report, |prevention| matches!(prevention, Prevention::StrictOvercommit { .. }))
    };
    // Half of RAM and all of swap; of what was taken, ten pages are in both.
    let most = 1 << 17;
    let limit = Bytes::new((1 << 29) + (40 << 20));
    let taken = Bytes::new(limit.get() + 4 * KIB);
    assert_eq!(with(most + 11), Some(Prevention::StrictOvercommit { limit, taken }));
    assert_eq!(with(most + 10), None);
}

#[test]
fn a_kernel_that_holds_more_than_everybody_else_is_named_first() {
    let with = |slab, cache: Option<&str>| {
        let mut report = exhausted();
        let memory = report.memory.as_mut().unwrap();
        memory.counters.active_anon = pages(60_000);
        memory.counters.inactive_anon = pages(0);
        memory.counters.slab_unreclaimable = pages(slab);
        let caches =
            cache.map(|name| SlabCache { name: name.into(), used: None, total: kib(100 << 10) });
        report.slab = Some(SlabDump { refused: false, caches: caches.into_iter().collect() });
        prevention(&report).into_iter().next()
    };
    let Some(Prevention::KernelHolds { holder, bytes, users, largest }) =
        with(150_000, Some("kmalloc-64"))
    else {
        panic!("the kernel holds most");
    };
    assert_eq!((bytes, users), (Bytes::new(600_000 * KIB), Bytes::new(240_000 * KIB)));
    assert_eq!(holder, Some(crate::explain::Holder::SlabUnreclaimable));
    assert_eq!(largest.unwrap().name.as_bytes(), b"kmalloc-64");
    // As much in nobody's name.
    let Some(Prevention::KernelHolds { holder: None, largest: None, .. }) = with(1000, None) else {
        panic!("nobody knows who holds most");
    };
    let usual = prevention(&exhausted());
    assert!(!usual.iter().any(|p| matches!(p, Prevention::KernelHolds { .. })), "{usual:?}");
}

#[test]
fn single_pages_help_where_only_blocks_lack() {
    let with = |order, free| {
        let mut report = request(KERNEL, order, vec![zone("Normal", free, 1000, 2000, &[0; 4])]);
        report.memory.as_mut().unwrap().zones[0].buddy =
            crate::explain::tests::buddy(&[(free / 4, "U"), (0, "")]);
        one(&report, |prevention| *prevention == Prevention::SinglePages).is_some()
    };
    assert!(with(1, 3000));
    assert!(!with(1, 900), "no page could be had either");
    assert!(!with(0, 1500), "a page was asked for");
}

#[test]
fn the_limit_of_a_group_is_the_least_that_lets_the_request_pass() {
    let with = |usage: u64, order: i32| {
        let mut report = in_group(2, 1000, &[(2, 500, 0)]);
        report.trigger = request(USER, order, Vec::new()).trigger;
        report.memcg.as_mut().unwrap().memory.as_mut().unwrap().usage = kib(usage);
        one(&report, |prevention| matches!(prevention, Prevention::GroupLimit { .. }))
    };
    let limit = |at_least: u64| {
        let at_least = Bytes::new(at_least * KIB);
        let more = Bytes::new(at_least.get() - 4000 * KIB);
        Some(Prevention::GroupLimit { at_least, more, charged: at_least })
    };
    assert_eq!(with(4000, 0), limit(4004));
    assert_eq!(with(4000, 2), limit(4016));
    // Read after the charge had failed, and after others gave some back.
    assert_eq!(with(3900, 0), limit(4004));
    // The machine ran out, not the group.
    let report = exhausted();
    assert_eq!(
        one(&report, |prevention| matches!(prevention, Prevention::GroupLimit { .. })),
        None
    );
}

#[test]
fn swap_of_a_group_helps_where_it_was_full_and_memory_could_go_there() {
    let with = |used: u64, limit: u64, anon: u64| {
        let mut report = in_group(2, 1000, &[(2, 500, 0)]);
        let block = report.memcg.as_mut().unwrap();
        let swap = block.swap.as_mut().unwrap();
        swap.usage = kib(used);
        swap.limit = kib(limit).map(units::Limit::At);
        let figures = [("inactive_anon", anon << 10), ("active_anon", 0)];
        block.stats = vec![facts::oom_report::MemcgStats {
            path: None,
            counters: facts::oom_report::MemcgCounters(
                figures.map(|(name, value)| (name.into(), value)).to_vec(),
            ),
        }];
        one(&report, |prevention| matches!(prevention, Prevention::GroupSwap { .. }))
    };
    let (bytes, movable) = (Bytes::new(4 * KIB), Bytes::new(300 * KIB));
    let full =
        |limit| Some(Prevention::GroupSwap { bytes, movable, limit: Bytes::new(limit * KIB) });
    assert_eq!(with(0, 0, 300), full(0));
    assert_eq!(with(80, 80, 300), full(80));
    assert_eq!(with(40, 80, 300), None);
    assert_eq!(with(80, 80, 3), None);
}

/// Who dies with other adjustments, chosen one after the other.
fn dies(rows: &[(u32, u64, i64)]) -> Option<Pid> {
    let report = in_group(9, 100_000, rows);
    explain(&report, Some(NEW)).choice?.predicted?.pid
}

#[test]
fn the_runner_up_dies_from_the_lowest_adjustment_with_which_it_comes_first() {
    let rows = |adj| [(2, 5000, 0), (3, 400, adj), (4, 100, -5)];
    let report = in_group(2, 100_000, &rows(-3));
    let found = one(&report, |prevention| matches!(prevention, Prevention::Sacrifice { .. }));
    let Some(Prevention::Sacrifice { task, from, to, instead_of }) = found else {
        panic!("somebody can be sacrificed");
    };
    assert_eq!((task.pid, instead_of.pid), (Some(Pid::new(3)), Some(Pid::new(2))));
    assert_eq!(from.get(), -3);
    // One by one, from the lowest.
    let slow = (-2..=1000).find(|&adj| dies(&rows(adj)) == Some(Pid::new(3)));
    assert_eq!(Some(to.get()), slow);
}

#[test]
fn nobody_is_sacrificed_who_cannot_come_first() {
    let is = |prevention: &Prevention| matches!(prevention, Prevention::Sacrifice { .. });
    // Nobody else; nobody who reaches it; nobody whose adjustment can rise.
    for rows in
        [&[(2, 500, 0)][..], &[(2, 500, 1000), (3, 10, 0)], &[(2, 500, 1000), (3, 10, 1000)]]
    {
        let report = in_group(2, 100_000, rows);
        assert_eq!(one(&report, is), None, "{rows:?}");
    }
    // The kernel did not go by these rules.
    assert_eq!(one(&in_group(3, 100_000, &[(2, 500, 0), (3, 10, 0)]), is), None);
}

#[test]
fn a_victim_that_every_adjustment_leaves_first_has_none_that_saves() {
    let is = |prevention: &Prevention| matches!(prevention, Prevention::Adjust { .. });
    assert_eq!(one(&in_group(2, 100_000, &[(2, 500, 0)]), is), None);
    assert_eq!(one(&in_group(2, 100_000, &[(2, 500, 0), (3, 10, -1000)]), is), None);
    assert!(one(&in_group(2, 100_000, &[(2, 500, 0), (3, 10, 0)]), is).is_some());
}

#[test]
fn an_adjustment_saves_whatever_the_unknown_total_is_or_is_not_named() {
    // Between 1000 and no matter how many pages: an adjustment is worth 1 page, or any number.
    let mut report = in_group(2, 1000, &[(2, 900, 5), (3, 800, 5)]);
    report.memcg.as_mut().unwrap().swap = None;
    let found = one(&report, |prevention| matches!(prevention, Prevention::Adjust { .. }));
    let Some(Prevention::Adjust { to, .. }) = found else { panic!("an adjustment saves it") };
    // By the least total it takes 100 off, to a tie that the last wins; by the most, one is enough.
    assert_eq!(to, ScoreAdj::new(-95).unwrap());
}

#[test]
fn the_setting_that_kills_whoever_asks_is_named_where_points_choose_another() {
    let with = |killed, cause| {
        let mut report = in_group(killed, 100_000, &[(2, 500, 0), (3, 400, 0)]);
        report.memcg = None;
        report.kills[0].cause = Some(cause);
        report.memory = exhausted().memory;
        report.tasks = table(&[(2, 500, 0), (3, 400, 0)]);
        match one(&report, |prevention| matches!(prevention, Prevention::ChooseByScore { .. })) {
            Some(Prevention::ChooseByScore { then }) => then.pid,
            _ => None,
        }
    };
    assert_eq!(with(3, KillCause::AllocatingTask), Some(Pid::new(2)));
    assert_eq!(with(2, KillCause::AllocatingTask), None);
    assert_eq!(with(3, KillCause::OutOfMemory), None);
}
