use facts::{CgroupVersion, Field, Viewpoint};
use units::{Bytes, Limit, PageSize};

use super::*;
use crate::headroom::headroom;
use crate::status::fixture::{calm, cgroup, machine, mib, set};

const NOW: Release = Release::new(6, 18);

fn walls_from(snapshot: &Snapshot, from: &str) -> Vec<Wall> {
    let from = Name::from(from);
    let headroom = headroom(snapshot, NOW);
    let options = WallOptions { cgroup: Some(&from), near: "10%".parse().unwrap(), at_least: 3 };
    walls(snapshot, NOW, headroom.as_ref(), options)
}

/// Kind, distance in MiB and whether it is ours.
fn listed(walls: &[Wall]) -> Vec<String> {
    walls
        .iter()
        .map(|wall| {
            let kind = match &wall.kind {
                WallKind::Machine => "machine".to_owned(),
                WallKind::Overcommit => "overcommit".to_owned(),
                WallKind::Cgroup { path, .. } => path.to_string(),
            };
            let distance =
                wall.distance.map_or("unknown".to_owned(), |d| (d.kib() / 1024).to_string());
            let kills = if wall.kills { "" } else { " spares" };
            let ours = if wall.ours { "" } else { " theirs" };
            format!("{kind} {distance}{kills}{ours}")
        })
        .collect()
}

/// The one wall of a cgroup.
fn only(snapshot: &Snapshot, path: &str) -> Wall {
    walls_from(snapshot, path)
        .into_iter()
        .find(
            |wall| matches!(&wall.kind, WallKind::Cgroup { path: p, .. } if p == &Name::from(path)),
        )
        .unwrap()
}

fn distance(snapshot: &Snapshot, path: &str) -> Option<u64> {
    only(snapshot, path).distance.map(|distance| distance.kib() / 1024)
}

type Measured = (&'static str, [u64; 3], Limit<u64>, u64, u64);

/// A v2 cgroup of 100 MiB, just before one process in it touched memory until it was killed; Linux
/// 6.1.192 and 6.12.117 in QEMU. `memory.current`, inactive file pages and reclaimable slab in bytes,
/// `memory.swap.max` in bytes, free swap in kB; last, the victim's anonymous memory at the kill, in
/// RAM and swap, kB.
const MEASURED: [Measured; 6] = [
    ("6.1, cache", [64_331_776, 63_963_136, 154_224], Limit::At(0), 131_068, 101_844),
    ("6.1, some swap", [64_339_968, 63_963_136, 153_632], Limit::At(40 << 20), 131_068, 142_764),
    ("6.1, all swap", [204_800, 0, 4184], Limit::Max, 130_572, 232_248),
    ("6.12, cache", [64_311_296, 63_963_136, 154_168], Limit::At(0), 131_068, 101_888),
    ("6.12, some swap", [64_335_872, 63_963_136, 153_576], Limit::At(40 << 20), 131_068, 142_208),
    ("6.12, all swap", [180_224, 0, 4144], Limit::Max, 130_572, 231_936),
];

#[test]
fn the_distance_of_a_cgroup_is_what_measured_cgroups_had() {
    for (what, [current, cache, slab], swap_max, free_swap, killed_at) in MEASURED {
        let mut s = calm();
        s.meminfo.set(Field::SwapTotal, Bytes::from_kib(131_068).unwrap());
        s.meminfo.set(Field::SwapFree, Bytes::from_kib(free_swap).unwrap());
        let group = cgroup(&mut s, "/a", Some(100), 0, 0);
        group.current = Some(Bytes::new(current));
        group.stat.inactive_file = Some(Bytes::new(cache));
        group.stat.slab_reclaimable = Some(Bytes::new(slab));
        group.swap_current = Some(Bytes::ZERO);
        group.swap_max = Some(match swap_max {
            Limit::Max => Limit::Max,
            Limit::At(max) => Limit::At(Bytes::new(max)),
        });
        let found = only(&s, "/a").distance.unwrap().kib() * 1000 / killed_at;
        assert!((1000..=1007).contains(&found), "{what}: {found} thousandths");
    }
}

#[test]
fn every_ancestor_with_a_limit_is_a_wall_of_ours_and_the_nearest_comes_first() {
    let mut s = calm();
    cgroup(&mut s, "/", None, 0, 0);
    cgroup(&mut s, "/a", Some(900), 600, 100);
    cgroup(&mut s, "/a/b", None, 500, 0);
    cgroup(&mut s, "/a/b/c", Some(800), 100, 0);
    assert_eq!(listed(&walls_from(&s, "/a/b/c")), ["/a 400", "/a/b/c 700", "machine 11712"]);
}

#[test]
fn page_cache_gives_way_before_the_limit_kills_and_half_of_the_slab_does() {
    let mut s = calm();
    let group = cgroup(&mut s, "/a", Some(1000), 990, 300);
    group.stat.slab_reclaimable = Some(mib(50));
    assert_eq!(distance(&s, "/a"), Some(10 + 300 + 25));
}

#[test]
fn more_cache_than_usage_does_not_make_room_beyond_the_limit() {
    let mut s = calm();
    cgroup(&mut s, "/a", Some(100), 10, 5000);
    assert_eq!(distance(&s, "/a"), Some(100));
}

#[test]
fn usage_above_the_limit_is_no_distance_at_all() {
    let mut s = calm();
    cgroup(&mut s, "/a", Some(100), 120, 0);
    assert_eq!(distance(&s, "/a"), Some(0));
}

#[test]
fn a_limit_whose_usage_is_unknown_has_an_unknown_distance_and_comes_last() {
    let mut s = calm();
    cgroup(&mut s, "/a", Some(100), 0, 0).current = None;
    assert_eq!(listed(&walls_from(&s, "/a")), ["machine 11712", "/a unknown"]);
}

#[test]
fn swap_counts_up_to_the_smallest_swap_limit_on_the_way_up() {
    let mut s = calm();
    set(&mut s, Field::SwapTotal, 1000);
    set(&mut s, Field::SwapFree, 900);
    let parent = cgroup(&mut s, "/a", None, 0, 0);
    parent.swap_max = Some(Limit::At(mib(200)));
    parent.swap_current = Some(mib(150));
    let child = cgroup(&mut s, "/a/b", Some(500), 100, 0);
    child.swap_max = Some(Limit::At(mib(300)));
    child.swap_current = Some(mib(10));
    assert_eq!(distance(&s, "/a/b"), Some(400 + 50));
    s.cgroups.groups.get_mut(&Name::from("/a")).unwrap().swap_max = Some(Limit::Max);
    assert_eq!(distance(&s, "/a/b"), Some(400 + 290));
    s.cgroups.groups.get_mut(&Name::from("/a/b")).unwrap().swap_max = None;
    assert_eq!(distance(&s, "/a/b"), Some(400 + 900), "the machine's free swap is the end of it");
    s.sysctls.swappiness = Some(0);
    assert_eq!(distance(&s, "/a/b"), Some(400), "a cgroup never swaps with swappiness 0");
}

#[test]
fn memory_high_slows_down_and_does_not_kill() {
    let mut s = calm();
    cgroup(&mut s, "/a", Some(1000), 100, 0).high = Some(Limit::At(mib(500)));
    assert_eq!(listed(&walls_from(&s, "/a")), ["/a 400 spares", "/a 900", "machine 11712"]);
    s.cgroups.groups.get_mut(&Name::from("/a")).unwrap().high = Some(Limit::At(mib(1000)));
    assert_eq!(listed(&walls_from(&s, "/a")).len(), 2, "a high that max pre-empts is no wall");
}

#[test]
fn swap_makes_no_room_under_a_v1_limit_of_memory_and_swap_together() {
    let mut s = calm();
    s.cgroups.version = Some(CgroupVersion::V1);
    set(&mut s, Field::SwapTotal, 1000);
    set(&mut s, Field::SwapFree, 1000);
    let group = cgroup(&mut s, "/a", Some(500), 450, 0);
    group.memsw_max = Some(Limit::At(mib(600)));
    group.swap_current = Some(mib(70));
    let wall = only(&s, "/a");
    assert_eq!(wall.distance, Some(mib(80)));
    assert!(matches!(wall.kind, WallKind::Cgroup { swap_left: Some(left), .. } if left == mib(30)));
    s.cgroups.groups.get_mut(&Name::from("/a")).unwrap().memsw_max = Some(Limit::Max);
    assert_eq!(distance(&s, "/a"), Some(50 + 1000));
    s.cgroups.groups.get_mut(&Name::from("/a")).unwrap().swappiness = Some(0);
    assert_eq!(distance(&s, "/a"), Some(50));
}

#[test]
fn tasks_wait_at_a_v1_limit_whose_killer_is_disabled() {
    let mut s = calm();
    s.cgroups.version = Some(CgroupVersion::V1);
    cgroup(&mut s, "/a", Some(500), 450, 0).oom_kill_disable = Some(true);
    let wall = only(&s, "/a");
    assert!(!wall.kills);
    assert!(wall.what_happens.contains("wait"), "{}", wall.what_happens);
}

#[test]
fn walls_of_others_are_named_when_near_and_the_three_fullest_always() {
    let mut s = calm();
    for (n, left) in [(1, 500), (2, 20), (3, 900), (4, 800), (5, 50)] {
        cgroup(&mut s, &format!("/s{n}"), Some(1000), 1000 - left, 0);
    }
    cgroup(&mut s, "/me", None, 1, 0);
    assert_eq!(
        listed(&walls_from(&s, "/me")),
        ["machine 11712", "/s2 20 theirs", "/s5 50 theirs", "/s1 500 theirs"]
    );
    for n in 6..10 {
        cgroup(&mut s, &format!("/s{n}"), Some(1000), 901 + n, 0);
    }
    assert_eq!(listed(&walls_from(&s, "/me")).len(), 1 + 6);
}

#[test]
fn strict_overcommit_is_a_wall_of_promises_less_the_reserves_of_its_era() {
    let at = |euid: Option<u32>, release: Release| {
        let mut s =
            machine("6.18", &[(Field::CommitLimit, 1000 << 10), (Field::CommittedAs, 600 << 10)]);
        s.sysctls.overcommit_memory = Some(OvercommitMode::Never);
        s.sysctls.admin_reserve_kbytes = Some(mib(8));
        s.sysctls.user_reserve_kbytes = Some(mib(100));
        s.viewpoint = Viewpoint { euid, ..Viewpoint::default() };
        let wall = overcommit(&s, release).unwrap();
        assert!(!wall.kills);
        wall.distance.map(|d| d.kib() / 1024)
    };
    assert_eq!(at(Some(0), NOW), Some(300));
    assert_eq!(at(Some(1000), NOW), Some(292));
    assert_eq!(at(None, NOW), Some(292), "an unknown reader is not taken for root");
    assert_eq!(at(Some(1000), Release::new(3, 8)), Some(400));
}

#[test]
fn what_is_kept_from_a_process_is_a_share_of_its_own_address_space() {
    let mut s =
        machine("6.18", &[(Field::CommitLimit, 1000 << 10), (Field::CommittedAs, 600 << 10)]);
    s.sysctls.overcommit_memory = Some(OvercommitMode::Never);
    s.sysctls.user_reserve_kbytes = Some(mib(100));
    let left = |s: &Snapshot| overcommit(s, NOW).unwrap().distance;
    assert_eq!(left(&s), Some(mib(300)), "no process tells its size");
    for (vsize, expected) in [(320, 390), (64, 390), (1 << 20, 300)] {
        let pid = units::Pid::new(2);
        s.tasks.push(facts::Task { vsize: Some(mib(vsize)), ..facts::Task::unknown(pid) });
        assert_eq!(left(&s), Some(mib(expected)), "{vsize}");
    }
}

#[test]
fn overcommit_is_no_wall_unless_it_is_strict() {
    for mode in [None, Some(OvercommitMode::Heuristic), Some(OvercommitMode::Always)] {
        let mut s = calm();
        s.sysctls.overcommit_memory = mode;
        assert_eq!(overcommit(&s, NOW), None);
    }
}

#[test]
fn an_unknown_machine_has_a_wall_of_unknown_distance() {
    let s = Snapshot::unknown("nothing");
    assert_eq!(listed(&walls_from(&s, "/a/b")), ["machine unknown"]);
}

#[test]
fn hostile_limits_do_not_overflow() {
    let mut s = calm();
    s.page_size = PageSize::new(1 << 16).unwrap();
    let huge = Bytes::new(u64::MAX);
    for field in [Field::SwapTotal, Field::SwapFree, Field::MemTotal, Field::MemFree] {
        s.meminfo.set(field, huge);
    }
    for version in [CgroupVersion::V1, CgroupVersion::V2] {
        s.cgroups.version = Some(version);
        for current in [Bytes::ZERO, huge] {
            let group = cgroup(&mut s, "/a", Some(1), 1, 1);
            group.max = Some(Limit::At(huge));
            group.memsw_max = group.max;
            group.high = Some(Limit::At(Bytes::ZERO));
            group.current = Some(current);
            group.swap_current = Some(huge);
            group.stat.inactive_file = Some(huge);
            for wall in walls_from(&s, "/a") {
                assert!(wall.distance.is_some());
            }
        }
    }
}
