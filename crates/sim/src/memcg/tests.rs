use super::files::Around;
use super::*;

use world::Errno;

const BATCH: u64 = 64;

fn v2() -> Memcgs {
    Memcgs::new(Release::new(6, 12), Arch::X86_64, CgroupVersion::V2)
}

fn v1() -> Memcgs {
    Memcgs::new(Release::new(6, 1), Arch::X86_64, CgroupVersion::V1)
}

/// Charges so many pages, one step after the other; the rest when it is full.
fn fill(memcgs: &mut Memcgs, id: MemcgId, mut pages: u64) -> u64 {
    while pages > 0 {
        match memcgs.try_charge(id, pages, false) {
            Ok(grant) => pages -= grant.pages,
            Err(_) => return pages,
        }
    }
    0
}

fn set(memcgs: &mut Memcgs, id: MemcgId, file: &str, value: &str) -> Result<Write, Errno> {
    memcgs.write(id, file, value)
}

#[test]
fn a_page_is_charged_to_every_ancestor() {
    let mut memcgs = v2();
    let work = memcgs.create("/shop").unwrap();
    let front = memcgs.create("/shop/front").unwrap();
    assert_eq!(fill(&mut memcgs, front, 100), 0);
    for id in [front, work, MemcgId::ROOT] {
        assert_eq!(memcgs.get(id).memory.usage, 2 * BATCH);
    }
    assert_eq!(memcgs.kept(front), 28);
    memcgs.drain(work);
    assert_eq!(memcgs.get(work).memory.usage, 100);
    memcgs.uncharge(front, 40);
    assert_eq!(memcgs.get(MemcgId::ROOT).memory.usage, 60);
    assert_eq!(memcgs.get(work).memory.peak, 2 * BATCH);
}

#[test]
fn processes_of_the_root_are_charged_for_nothing() {
    let mut memcgs = v2();
    assert_eq!(fill(&mut memcgs, MemcgId::ROOT, 1 << 40), 0);
    assert_eq!(memcgs.get(MemcgId::ROOT).memory.usage, 0);
}

#[test]
fn a_limit_is_reached_to_the_page_and_failures_are_counted_as_a_kernel_counts_them() {
    // 6.18: memory.limit_in_bytes of 2049 pages, 5 of them taken before. 31 batches fit, then 60 pages
    // one by one, each after a failed batch; the next fails as a batch and as a page, and the kernel
    // tries 17 times more until it kills: 79 in its report.
    let mut memcgs = v1();
    let id = memcgs.create("hog").unwrap();
    assert_eq!(
        set(&mut memcgs, id, "memory.limit_in_bytes", "8393608"),
        Ok(Write::ShrinkOrFail { pages: 2049, memsw: false })
    );
    assert!(memcgs.set_limit(id, 2049, false));
    memcgs.force_charge(id, 5);
    let left = fill(&mut memcgs, id, 4000);
    assert_eq!(left, 4000 - 2044);
    assert_eq!(memcgs.get(id).memory.usage, 2049);
    assert_eq!(memcgs.get(id).memory.failures, 62);
    for _ in 0..17 {
        assert_eq!(memcgs.try_charge(id, 1, true), Err(Over { id, memsw: false }));
    }
    assert_eq!(memcgs.get(id).memory.failures, 79);
    assert_eq!(memcgs.get(id).memory.peak, 2049);
}

#[test]
fn the_nearest_full_ancestor_is_named() {
    let mut memcgs = v2();
    let work = memcgs.create("work").unwrap();
    let front = memcgs.create("work/front").unwrap();
    assert_eq!(set(&mut memcgs, work, "memory.max", "1M"), Ok(Write::ShrinkOrKill(256)));
    assert_eq!(set(&mut memcgs, front, "memory.max", "2M"), Ok(Write::ShrinkOrKill(512)));
    assert_eq!(fill(&mut memcgs, front, 300), 44);
    assert_eq!(memcgs.try_charge(front, 1, true), Err(Over { id: work, memsw: false }));
}

#[test]
fn above_high_every_batch_has_to_be_answered_for() {
    let mut memcgs = v2();
    let id = memcgs.create("a").unwrap();
    assert_eq!(set(&mut memcgs, id, "memory.high", "1M"), Ok(Write::Shrink(256)));
    assert_eq!(memcgs.try_charge(id, 1000, false), Ok(Grant { pages: 256, over_high: 0 }));
    assert_eq!(memcgs.try_charge(id, 1000, false), Ok(Grant { pages: 64, over_high: 64 }));
    assert_eq!(memcgs.try_charge(id, 1, false), Ok(Grant { pages: 1, over_high: 64 }));
    assert_eq!(memcgs.try_charge(id, 63, false), Ok(Grant { pages: 63, over_high: 0 }));
    assert_eq!(memcgs.max_overage(id, false), (128 << 20) / 256);
}

#[test]
fn memory_and_swap_together_have_a_limit_in_v1() {
    let mut memcgs = v1();
    let id = memcgs.create("a").unwrap();
    assert!(memcgs.set_limit(id, 100, false));
    assert_eq!(set(&mut memcgs, id, "memory.memsw.limit_in_bytes", "64K"), Err(Errno::EINVAL));
    assert!(memcgs.set_limit(id, 150, true));
    assert_eq!(set(&mut memcgs, id, "memory.limit_in_bytes", "-1"), Err(Errno::EINVAL));
    assert_eq!(fill(&mut memcgs, id, 100), 0);
    assert!(!memcgs.swap_taken(id, 60));
    assert_eq!((memcgs.get(id).memory.usage, memcgs.get(id).swap.usage), (100, 100));
    memcgs.left_for_swap(id, 60, 60);
    assert_eq!((memcgs.get(id).memory.usage, memcgs.get(id).swap.usage), (40, 100));
    assert_eq!(fill(&mut memcgs, id, 60), 10);
    assert_eq!(memcgs.try_charge(id, 1, true), Err(Over { id, memsw: true }));
    memcgs.swap_freed(id, 10);
    assert_eq!(memcgs.get(id).swap.usage, 140);
}

#[test]
fn swap_has_a_limit_of_its_own_in_v2() {
    let mut memcgs = v2();
    let id = memcgs.create("a").unwrap();
    assert_eq!(set(&mut memcgs, id, "memory.swap.max", "40K"), Ok(Write::Done));
    assert_eq!(fill(&mut memcgs, id, 64), 0);
    assert_eq!(memcgs.swap_room(id), 10);
    assert!(memcgs.swap_taken(id, 10));
    assert_eq!((memcgs.get(id).memory.usage, memcgs.get(id).swap.usage), (64, 10));
    memcgs.left_for_swap(id, 10, 0);
    assert_eq!((memcgs.get(id).memory.usage, memcgs.get(id).swap.usage), (54, 10));
    assert_eq!(memcgs.swap_room(id), 0);
}

#[test]
fn events_are_counted_up_to_below_the_root() {
    let mut memcgs = v2();
    let work = memcgs.create("work").unwrap();
    let front = memcgs.create("work/front").unwrap();
    memcgs.note(front, Event::Max, 3);
    let count = |id| {
        let memcg: &Memcg = memcgs.get(id);
        (memcg.events.get(Event::Max), memcg.local.get(Event::Max))
    };
    assert_eq!([count(front), count(work), count(MemcgId::ROOT)], [(3, 3), (3, 0), (0, 0)]);
}

#[test]
fn all_die_together_below_the_highest_group() {
    let mut memcgs = v2();
    let work = memcgs.create("work").unwrap();
    let front = memcgs.create("work/front").unwrap();
    let back = memcgs.create("work/back").unwrap();
    assert_eq!(memcgs.oom_group(front, MemcgId::ROOT), None);
    assert_eq!(set(&mut memcgs, front, "memory.oom.group", "1\n"), Ok(Write::Done));
    assert_eq!(memcgs.oom_group(front, work), Some(front));
    assert_eq!(set(&mut memcgs, work, "memory.oom.group", "1"), Ok(Write::Done));
    assert_eq!(memcgs.oom_group(front, work), Some(work));
    assert_eq!(memcgs.oom_group(front, front), Some(front), "not above what ran out");
    assert_eq!(memcgs.oom_group(front, back), None);
    assert_eq!(memcgs.subtree(work), [work, front, back]);
    assert_eq!(set(&mut memcgs, work, "memory.oom.group", "2"), Err(Errno::EINVAL));
}

#[test]
fn what_a_removed_cgroup_is_charged_for_weighs_on_its_parent() {
    let mut memcgs = v2();
    let work = memcgs.create("shop").unwrap();
    let front = memcgs.create("shop/front").unwrap();
    assert_eq!(memcgs.create("shop"), Err(Errno::EEXIST));
    assert_eq!(memcgs.create("no/such"), Err(Errno::ENOENT));
    assert_eq!(memcgs.remove(work), Err(Errno::EBUSY));
    assert_eq!(fill(&mut memcgs, front, 100), 0);
    memcgs.make_kernel(front, 10);
    assert_eq!(memcgs.remove(front), Ok(()));
    assert_eq!(memcgs.find("/shop/front"), None);
    assert_eq!(memcgs.get(work).memory.usage, 100);
    assert_eq!((memcgs.get(work).kernel, memcgs.get(front).memory.usage), (10, 90));
    memcgs.uncharge(front, 90);
    assert_eq!(memcgs.get(work).memory.usage, 10);
    let again = memcgs.create("shop/front").unwrap();
    assert_ne!(again, front);
    assert_eq!(memcgs.path(again), "/shop/front");
}

#[test]
fn protection_is_worked_out_along_the_way_down() {
    let mut memcgs = v2();
    memcgs.recursive = false;
    let top = memcgs.create("top").unwrap();
    let first = memcgs.create("top/first").unwrap();
    let second = memcgs.create("top/second").unwrap();
    for (id, pages) in [(first, 128), (second, 384)] {
        assert_eq!(fill(&mut memcgs, id, pages), 0);
    }
    assert_eq!(set(&mut memcgs, top, "memory.low", "1M"), Ok(Write::Done));
    assert_eq!(memcgs.effective(MemcgId::ROOT, first), protect::Effective { min: 0, low: 0 });
    assert_eq!(set(&mut memcgs, first, "memory.low", "max"), Ok(Write::Done));
    assert_eq!(memcgs.effective(MemcgId::ROOT, first).low, 128);
    assert_eq!(set(&mut memcgs, second, "memory.low", "2M"), Ok(Write::Done));
    assert_eq!(memcgs.effective(MemcgId::ROOT, first).low, 64);
    assert_eq!(memcgs.effective(MemcgId::ROOT, second).low, 192);
    assert_eq!(memcgs.effective(top, first).low, memcgs.most, "a child of where reclaim works");
    let scanned = |memcgs: &Memcgs, id| memcgs.view(MemcgId::ROOT, id, false).scan(1000);
    assert_eq!((scanned(&memcgs, first), scanned(&memcgs, second)), (504, 502));
    assert_eq!(memcgs.view(top, first, false), rules::memcg::View::Low);
    assert_eq!(memcgs.view(MemcgId::ROOT, MemcgId::ROOT, false).scan(1000), 1000);
    memcgs.recursive = true;
    assert_eq!(set(&mut memcgs, first, "memory.low", "0"), Ok(Write::Done));
    assert_eq!(set(&mut memcgs, second, "memory.low", "0"), Ok(Write::Done));
    assert_eq!(memcgs.effective(MemcgId::ROOT, second).low, 192, "its share of the unclaimed");
}

/// The text of the captures' files, by path.
fn captured(name: &str, path: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/captures/");
    let tar = std::fs::read(format!("{folder}{name}/capture.tar")).unwrap();
    let mut at = 0;
    while at + 512 <= tar.len() {
        let header = &tar[at..at + 512];
        let text = |from: usize, to: usize| {
            String::from_utf8_lossy(&header[from..to]).trim_end_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(text(124, 136).trim(), 8).unwrap_or(0);
        if text(0, 100) == path {
            return String::from_utf8(tar[at + 512..at + 512 + size].to_vec()).unwrap();
        }
        at += 512 + size.next_multiple_of(512);
    }
    panic!("no {path} in {name}");
}

fn names(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn files_have_the_lines_of_real_kernels() {
    let mut memcgs = v2();
    memcgs.create("work").unwrap();
    let id = memcgs.find("work").unwrap();
    let own = |_: MemcgId| Stat::default();
    let procs = |_: MemcgId| vec![7];
    let around = Around { own: &own, procs: &procs, swappiness: 60, now: 0 };
    for file in ["memory.stat", "memory.events", "memory.pressure"] {
        let real = captured("6.12-256m-cgroup2", &format!("oomph/cgroup/work/{file}"));
        let model = memcgs.read(id, file, &around).unwrap();
        assert_eq!(names(&model), names(&real), "{file}");
    }
    assert_eq!(set(&mut memcgs, id, "memory.max", "75497472"), Ok(Write::ShrinkOrKill(18432)));
    for file in ["memory.max", "memory.high", "memory.low", "memory.min", "cgroup.controllers"] {
        let real = captured("6.12-256m-cgroup2", &format!("oomph/cgroup/work/{file}"));
        assert_eq!(memcgs.read(id, file, &around).unwrap(), real, "{file}");
    }
    let mut memcgs = v1();
    let id = memcgs.create("work").unwrap();
    assert!(memcgs.set_limit(id, 18432, false));
    for file in ["limit_in_bytes", "memsw.limit_in_bytes", "failcnt", "oom_control", "swappiness"] {
        let real = captured("6.1-256m-cgroup1", &format!("oomph/cgroup/work/memory.{file}"));
        let model = memcgs.read(id, &format!("memory.{file}"), &around).unwrap();
        assert_eq!(model, real, "{file}");
    }
    let real = captured("6.1-256m-cgroup1", "oomph/cgroup/work/memory.stat");
    assert_eq!(names(&memcgs.read(id, "memory.stat", &around).unwrap()), names(&real));
    assert!(memcgs.read(id, "memory.high", &around).is_none());
    // The root's figures in that capture, and what follows from them.
    let own = |id: MemcgId| match id {
        MemcgId::ROOT => Stat { anon: 18_071, file: 9913, kernel: 227, ..Stat::default() },
        _ => Stat::default(),
    };
    let around = Around { own: &own, procs: &procs, swappiness: 60, now: 0 };
    let real = captured("6.1-256m-cgroup1", "oomph/cgroup/memory.usage_in_bytes");
    assert_eq!(memcgs.read(MemcgId::ROOT, "memory.usage_in_bytes", &around).unwrap(), real);
}

#[test]
fn writes_are_refused_as_the_kernel_refuses_them() {
    let mut memcgs = v2();
    let id = memcgs.create("a").unwrap();
    for (file, value, error) in [
        ("memory.max", "lots", Errno::EINVAL),
        ("memory.max", "-1", Errno::EINVAL),
        ("memory.current", "5", Errno::EINVAL),
        ("memory.limit_in_bytes", "5", Errno::ENOENT),
        ("memory.reclaim", "1M swappiness=201", Errno::EINVAL),
        ("memory.reclaim", "1M now", Errno::EINVAL),
        ("cgroup.procs", "x", Errno::EINVAL),
    ] {
        assert_eq!(set(&mut memcgs, id, file, value), Err(error), "{file} {value}");
    }
    assert_eq!(set(&mut memcgs, MemcgId::ROOT, "memory.max", "1M"), Err(Errno::ENOENT));
    let asked = Write::Reclaim { pages: 256, swappiness: Some(0) };
    assert_eq!(set(&mut memcgs, id, "memory.reclaim", "1M swappiness=0"), Ok(asked));
    let mut memcgs = v1();
    let id = memcgs.create("a").unwrap();
    for (file, value, error) in [
        ("memory.swappiness", "201", Errno::EINVAL),
        ("memory.kmem.limit_in_bytes", "1M", Errno::EOPNOTSUPP),
        ("memory.oom_control", "2", Errno::EINVAL),
    ] {
        assert_eq!(set(&mut memcgs, id, file, value), Err(error), "{file} {value}");
    }
    assert_eq!(set(&mut memcgs, MemcgId::ROOT, "memory.oom_control", "1"), Err(Errno::EINVAL));
}
