//! Memory cgroups in the model, beside what kernels did.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]

mod common;

use common::groups::{enters, field, grow, machine, measured, number, read, set, start, v2};
use common::{call, mmap, spec, touch};
use facts::{CgroupVersion, Release};
use oomph_sim::{Huge, Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{Call, End, Errno, MapFlags, MemfdFlags, ProcessSpec, Prot, Setup, World};

#[test]
fn a_lone_hog_dies_at_its_limit_with_the_events_that_6_1_counted() {
    // memory.max of 20 MiB: a peak of exactly that; max 35, oom 1, oom_kill 1.
    let mut machine = machine(Release::new(6, 1), CgroupVersion::V2, &["/hog"]);
    set(&mut machine, "/hog", "memory.max", "20M").unwrap();
    let hog = start(&mut machine, "hog", "/hog", 0);
    let (pages, killed) = grow(&mut machine, hog, 10_000);
    assert!(killed && pages < 5120, "{pages}");
    assert_eq!(number(&mut machine, "/hog", "memory.peak"), 20_971_520);
    assert_eq!(
        read(&mut machine, "/hog", "memory.events"),
        "low 0\nhigh 0\nmax 35\noom 1\noom_kill 1\noom_group_kill 0\n"
    );
    assert_eq!(machine.deaths().unwrap(), [(hog, End::Signal(9))]);
    assert_eq!(field(&mut machine, "/hog", "memory.stat", "anon"), 0);
    // What page tables were charged for waits on the processor.
    assert!(number(&mut machine, "/hog", "memory.current") <= 64 * 4096);
    assert_eq!(read(&mut machine, "/hog", "cgroup.procs"), "");
}

#[test]
fn the_limit_is_reached_where_two_kernels_reached_it() {
    for (release, real) in measured("limit") {
        let mut machine = machine(release, CgroupVersion::V2, &["/a"]);
        set(&mut machine, "/a", "memory.max", "20M").unwrap();
        let hog = enters(&mut machine, "/a");
        let (touched, killed) = grow(&mut machine, hog, 10_000);
        let event = |machine: &mut Machine, key| field(machine, "/a", "memory.events", key);
        let keys = ["max", "oom", "oom_kill"].map(|key| event(&mut machine, key));
        let peak = number(&mut machine, "/a", "memory.peak");
        assert!(killed);
        let counted: Vec<u64> = real[1..].iter().map(|number| *number as u64).collect();
        assert_eq!([peak, keys[0], keys[1], keys[2]], counted[..], "{release}");
        // Of slab the model knows nothing here: one page or two.
        assert!((real[0] - touched as f64).abs() <= 4.0, "{release}: {touched} pages");
    }
}

#[test]
fn a_task_above_high_is_slowed_down_as_two_kernels_slowed_it() {
    for ((release, real), (_, events)) in measured("high").into_iter().zip(measured("events")) {
        let mut machine = machine(release, CgroupVersion::V2, &["/a"]);
        set(&mut machine, "/a", "memory.high", "16M").unwrap();
        let hog = enters(&mut machine, "/a");
        let addr = call(&mut machine, hog, &mmap(5120 * 4096)).unwrap();
        let pressure = |machine: &mut Machine| -> f64 {
            let text = read(machine, "/a", "memory.pressure");
            let total = text.lines().next().unwrap().rsplit_once("total=").unwrap().1;
            total.parse::<f64>().unwrap() / 1e6
        };
        let mut seconds = Vec::new();
        for step in 0..80_u64 {
            touch(&mut machine, hog, addr + step * 64 * 4096, 64);
            if step >= 63 {
                seconds.push(pressure(&mut machine));
            }
        }
        assert_eq!(field(&mut machine, "/a", "memory.events", "high"), events[0] as u64);
        assert_eq!(seconds.len(), real.len());
        // Each step waits as long as it did, to two ticks and what seventeen attempts take there.
        for (model, real) in seconds.windows(2).zip(real.windows(2)) {
            let (model, real) = (model[1] - model[0], real[1] - real[0]);
            assert!(
                (real - model).abs() < 0.1 && real >= model - 0.03,
                "{release}: {model} {real}"
            );
        }
        let (model, real) = (seconds.last().unwrap(), real.last().unwrap() - real[0]);
        assert!((model - real).abs() < 0.5, "{release}: {model} s, and {real} s");
    }
}

#[test]
fn every_page_below_the_limit_is_somebodys() {
    let mut machine = v2(&["/a"]);
    set(&mut machine, "/a", "memory.max", "8M").unwrap();
    let before = field(&mut machine, "", "memory.stat", "anon");
    let process = start(&mut machine, "p", "/a", 0);
    grow(&mut machine, process, 1500);
    set(&mut machine, "/a", "memory.max", "16M").unwrap();
    let stat = |machine: &mut Machine, key: &str| field(machine, "/a", "memory.stat", key);
    let sum = stat(&mut machine, "anon") + stat(&mut machine, "kernel");
    let current = number(&mut machine, "/a", "memory.current");
    assert!(current >= sum && current - sum <= 64 * 4096, "{current} and {sum}");
    // Beside page tables that are counted: 16 kB of slab and the top one.
    assert_eq!(stat(&mut machine, "slab"), 16_384);
    assert_eq!(stat(&mut machine, "kernel"), stat(&mut machine, "pagetables") + 16_384 + 8192);
    assert!(stat(&mut machine, "pgfault") >= 1500);
    let root = field(&mut machine, "", "memory.stat", "anon");
    assert_eq!(root - before, stat(&mut machine, "anon"));
}

#[test]
fn in_v1_failures_are_counted_as_6_18_counted_them() {
    // memory.limit_in_bytes of 2049 pages: a failed batch for each of the last pages, fewer than 64;
    // then 19 at the kill and 17 by the dying task.
    let mut machine = machine(Release::new(6, 18), CgroupVersion::V1, &["/hog"]);
    set(&mut machine, "/hog", "memory.limit_in_bytes", "8393608").unwrap();
    assert_eq!(number(&mut machine, "/hog", "memory.limit_in_bytes"), 8_392_704);
    let hog = start(&mut machine, "hog", "/hog", 0);
    let (_, killed) = grow(&mut machine, hog, 4000);
    assert!(killed);
    assert_eq!(number(&mut machine, "/hog", "memory.max_usage_in_bytes"), 8_392_704);
    let failures = number(&mut machine, "/hog", "memory.failcnt");
    assert!((36..36 + 64).contains(&failures), "{failures}");
    let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n";
    assert_eq!(read(&mut machine, "/hog", "memory.oom_control"), text);
}

#[test]
fn the_hog_of_the_captured_v1_machine_kills_the_cache_where_it_did() {
    // tests/data/captures/6.1-256m-cgroup1: /work has 72 MiB, of which 33132544 bytes were used; the hog
    // in /work/front had touched 42467328 when `cache` (adjusted by 500) was killed.
    let groups = ["/work", "/work/front", "/work/back"];
    let mut machine = machine(Release::new(6, 1), CgroupVersion::V1, &groups);
    set(&mut machine, "/work", "memory.limit_in_bytes", "75497472").unwrap();
    let web = start(&mut machine, "web", "/work/back", 0);
    let cache = start(&mut machine, "cache", "/work/front", 500);
    grow(&mut machine, web, 24 << 8);
    grow(&mut machine, cache, 6 << 8);
    let used = number(&mut machine, "/work", "memory.usage_in_bytes");
    let rest = (33_132_544 - used) / 4096;
    // What the shells and the programs' own pages took.
    grow(&mut machine, web, rest);
    let hog = start(&mut machine, "hog", "/work/front", 0);
    let addr = call(&mut machine, hog, &mmap(64 << 20)).unwrap();
    let mut touched = 0;
    while machine.alive(cache).unwrap().is_none() {
        touch(&mut machine, hog, addr + touched * 4096, 64);
        touched += 64;
    }
    assert_eq!(machine.alive(hog).unwrap(), None);
    let distance = (touched * 4096).abs_diff(42_467_328);
    assert!(distance <= 42_467_328 / 100, "{} bytes", touched * 4096);
    let log = String::from_utf8(machine.log().unwrap()).unwrap();
    for expected in [
        "memory: usage 73728kB, limit 73728kB, failcnt",
        "Memory cgroup stats for /work:",
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/work,task_memcg=/work/front,task=cache",
        "Memory cgroup out of memory: Killed process",
    ] {
        assert!(log.contains(expected), "{expected} is not in\n{log}");
    }
}

#[test]
fn a_group_dies_together_cgroup_by_cgroup() {
    // As in tests/data/captures/6.12-256m-cgroup2, but without swap.
    let mut machine = v2(&["/work", "/work/front", "/work/back"]);
    set(&mut machine, "/work", "memory.max", "75497472").unwrap();
    set(&mut machine, "/work", "memory.oom.group", "1").unwrap();
    let web = start(&mut machine, "web", "/work/back", 0);
    let spared = start(&mut machine, "spared", "/work/back", -1000);
    let cache = start(&mut machine, "cache", "/work/front", 500);
    let outside = start(&mut machine, "outside", "/", 900);
    grow(&mut machine, web, 24 << 8);
    grow(&mut machine, cache, 2 << 8);
    let hog = start(&mut machine, "hog", "/work/front", 0);
    assert!(grow(&mut machine, hog, 72 << 8).1);
    let dead = |machine: &mut Machine, process| machine.alive(process).unwrap().is_some();
    assert!(dead(&mut machine, web) && dead(&mut machine, cache));
    assert!(!dead(&mut machine, spared) && !dead(&mut machine, outside));
    let log = String::from_utf8(machine.log().unwrap()).unwrap();
    let killed: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("Killed process"))
        .filter_map(|line| line.split(['(', ')']).nth(1))
        .collect();
    assert_eq!(killed, ["hog", "cache", "hog", "web"]);
    let count =
        |machine: &mut Machine, path: &str, key: &str| field(machine, path, "memory.events", key);
    assert_eq!(count(&mut machine, "/work", "oom_kill"), 4);
    assert_eq!(count(&mut machine, "/work/front", "oom_kill"), 3);
    assert_eq!(count(&mut machine, "/work", "oom_group_kill"), 1);
    assert_eq!(field(&mut machine, "/work", "memory.events.local", "oom_kill"), 0);
    // As 6.1 and 6.12 counted: the dying task finds the room that the others left.
    assert_eq!(count(&mut machine, "/work", "max"), 18);
    assert_eq!(field(&mut machine, "/work", "memory.events.local", "oom_group_kill"), 1);
}

#[test]
fn lowering_the_limit_kills_until_what_is_left_fits() {
    let mut machine = v2(&["/a"]);
    let mut all = Vec::new();
    for size in [5, 20, 10] {
        let process = start(&mut machine, "p", "/a", 0);
        grow(&mut machine, process, size << 8);
        all.push(process);
    }
    set(&mut machine, "/a", "memory.max", "8M").unwrap();
    let alive: Vec<bool> =
        all.iter().map(|process| machine.alive(*process).unwrap().is_none()).collect();
    assert_eq!(alive, [true, false, false]);
    assert_eq!(field(&mut machine, "/a", "memory.events", "oom"), 2);
    assert_eq!(field(&mut machine, "/a", "memory.events", "max"), 0);
    assert!(number(&mut machine, "/a", "memory.current") <= 8 << 20);
}

#[test]
fn above_high_a_task_waits_and_the_wait_is_pressure() {
    let mut machine = v2(&["/a"]);
    set(&mut machine, "/a", "memory.high", "16M").unwrap();
    let process = start(&mut machine, "p", "/a", 0);
    assert_eq!(grow(&mut machine, process, 30 << 8), (30 << 8, false));
    let high = field(&mut machine, "/a", "memory.events", "high");
    // One for each of the batches above, and more for each of those that tried again and again.
    assert!(high > 14 * 4, "{high}");
    let total = |text: &str| -> u64 {
        let (_, total) = text.lines().next().unwrap().rsplit_once("total=").unwrap();
        total.parse().unwrap()
    };
    let stalled = total(&read(&mut machine, "/a", "memory.pressure"));
    // By then it waits two seconds for every 256 KiB.
    assert!(stalled > 50_000_000, "{stalled} µs");
    let files = machine.machine().unwrap();
    let whole = files.iter().find(|(name, _)| name == "pressure/memory").unwrap();
    assert_eq!(total(&String::from_utf8_lossy(&whole.1)), stalled);
    assert_eq!(field(&mut machine, "/a", "memory.events", "oom_kill"), 0);
}

#[test]
fn a_limit_of_v1_is_not_set_below_what_cannot_be_reclaimed() {
    let mut machine = machine(Release::new(6, 1), CgroupVersion::V1, &["/a"]);
    let process = start(&mut machine, "p", "/a", 0);
    grow(&mut machine, process, 4 << 8);
    assert_eq!(set(&mut machine, "/a", "memory.limit_in_bytes", "2M"), Err(Errno::EBUSY));
    assert_eq!(set(&mut machine, "/a", "memory.limit_in_bytes", "9M"), Ok(()));
}

#[test]
fn a_process_that_moves_leaves_what_it_has_behind() {
    let mut machine = v2(&["/a", "/b"]);
    let process = start(&mut machine, "p", "/a", 0);
    grow(&mut machine, process, 1 << 8);
    let pid = read(&mut machine, "/a", "cgroup.procs");
    set(&mut machine, "/b", "cgroup.procs", &pid).unwrap();
    grow(&mut machine, process, 1 << 8);
    let anon = |machine: &mut Machine, path: &str| field(machine, path, "memory.stat", "anon");
    assert!(anon(&mut machine, "/a") >= 1 << 20);
    assert_eq!(anon(&mut machine, "/b"), 1 << 20);
    assert_eq!(set(&mut machine, "/b", "cgroup.procs", "77"), Err(Errno::ESRCH));
    machine.end(process, End::Exit(0)).unwrap();
    assert_eq!((anon(&mut machine, "/a"), anon(&mut machine, "/b")), (0, 0));
}

#[test]
fn a_child_costs_its_cgroup_a_stack_and_its_tables() {
    let mut machine = v2(&["/a"]);
    let process = start(&mut machine, "p", "/a", 0);
    let kernel = |machine: &mut Machine| field(machine, "/a", "memory.stat", "kernel");
    let before = kernel(&mut machine);
    let child = machine.fork(process, world::ForkKind::Fork).unwrap().unwrap();
    // 68 kB on 6.1, 75 kB on 6.18, 80 kB on 6.12, with five to ten page tables.
    let tables = 4096 * 10;
    let cost = kernel(&mut machine) - before;
    assert!((40_960..=40_960 + tables).contains(&cost), "{cost}");
    assert_eq!(field(&mut machine, "/a", "memory.stat", "kernel_stack"), 16_384);
    machine.end(child, End::Exit(0)).unwrap();
    assert_eq!(kernel(&mut machine), before);
}

#[test]
fn a_cgroup_that_is_not_there_is_named() {
    let mut machine = v2(&["/a"]);
    let spec = ProcessSpec { cgroup: Some("/b".to_owned()), ..spec(0) };
    let error = machine.start(&spec).unwrap_err().to_string();
    assert!(error.contains("`/b`"), "{error}");
    let setup = Setup { cgroups: vec!["/x/y".to_owned()], ..Setup::default() };
    assert!(machine.setup(&setup).unwrap_err().to_string().contains("`/x/y`"));
    assert_eq!(set(&mut machine, "/b", "memory.max", "1M"), Err(Errno::ENOENT));
}

#[test]
fn what_reads_captures_reads_its_cgroups() {
    let mut machine = v2(&["/work", "/work/front"]);
    set(&mut machine, "/work", "memory.max", "64M").unwrap();
    let process = start(&mut machine, "p", "/work/front", 0);
    grow(&mut machine, process, 1000);
    let folder = std::env::temp_dir().join(format!("oomph-sim-cgroups-{}", std::process::id()));
    for (path, content) in machine.tree().unwrap() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let mut source = sources::open(folder.to_str().unwrap()).unwrap();
    let seen = sources::snapshot(source.tree(), &sources::Want::rank());
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(seen.cgroups.version, Some(CgroupVersion::V2));
    let work = &seen.cgroups.groups[&facts::Name::from("/work")];
    assert_eq!(work.max, Some(units::Limit::At(units::Bytes::new(64 << 20))));
    let current = number(&mut machine, "/work", "memory.current");
    assert_eq!(work.current, Some(units::Bytes::new(current)));
    assert_eq!(seen.tasks[0].cgroup.as_ref().unwrap().as_bytes(), b"/work/front");
}

#[test]
fn whoever_touches_shared_memory_first_pays_for_it() {
    let mut machine = v2(&["/a", "/b"]);
    let first = start(&mut machine, "first", "/a", 0);
    let fd = call(&mut machine, first, &Call::MemfdCreate { flags: MemfdFlags(0) }).unwrap();
    let fd = i32::try_from(fd).unwrap();
    call(&mut machine, first, &Call::Ftruncate { fd, len: 400 << 12 }).unwrap();
    let map = Call::Mmap {
        addr: 0,
        len: 400 << 12,
        prot: Prot::READ.with(Prot::WRITE),
        flags: MapFlags::SHARED,
        fd,
        offset: 0,
    };
    let addr = call(&mut machine, first, &map).unwrap();
    touch(&mut machine, first, addr, 100);
    let second = machine.fork(first, world::ForkKind::Fork).unwrap().unwrap();
    let pid = machine.pid(second).to_string();
    set(&mut machine, "/b", "cgroup.procs", &pid).unwrap();
    touch(&mut machine, second, addr, 400);
    let shmem = |machine: &mut Machine, path: &str| field(machine, path, "memory.stat", "shmem");
    assert_eq!((shmem(&mut machine, "/a"), shmem(&mut machine, "/b")), (100 << 12, 300 << 12));
    assert_eq!(field(&mut machine, "/b", "memory.stat", "file"), 300 << 12);
    // Both go, the pages with them.
    for process in [first, second] {
        machine.end(process, End::Exit(0)).unwrap();
    }
    assert_eq!((shmem(&mut machine, "/a"), shmem(&mut machine, "/b")), (0, 0));
}

#[test]
fn huge_pages_are_charged_whole_and_done_without_near_the_limit() {
    let profile = Profile::of(Release::new(6, 12), Arch::X86_64, 1024);
    let mut config = MachineConfig::with_memory(Release::new(6, 12), Arch::X86_64, profile);
    config.huge = Huge::Always;
    let mut machine = Machine::new(config, Image::tiny(Release::new(6, 12), Arch::X86_64));
    let cgroups = vec!["/a".to_owned()];
    machine.setup(&Setup { cgroups, ..Setup::default() }).unwrap();
    set(&mut machine, "/a", "memory.max", "21M").unwrap();
    let process = start(&mut machine, "p", "/a", 0);
    assert_eq!(grow(&mut machine, process, 20 << 8), (20 << 8, false));
    // Ten blocks of 2 MiB, of which the last does not fit beside what the program has.
    let huge = field(&mut machine, "/a", "memory.stat", "anon_thp");
    assert!((16 << 20..=20 << 20).contains(&huge), "{huge}");
    assert_eq!(field(&mut machine, "/a", "memory.events", "max"), 0);
    let (pages, killed) = grow(&mut machine, process, 20 << 8);
    assert!(killed && pages < 256, "{pages}");
    assert_eq!(number(&mut machine, "/a", "memory.peak"), 21 << 20);
}

#[test]
fn a_limit_of_half_a_tebibyte_is_reached_to_the_page() {
    let profile = Profile::of(Release::new(6, 12), Arch::X86_64, 1 << 20);
    let config = MachineConfig::with_memory(Release::new(6, 12), Arch::X86_64, profile);
    let mut machine = Machine::new(config, Image::tiny(Release::new(6, 12), Arch::X86_64));
    let cgroups = vec!["/a".to_owned()];
    machine.setup(&Setup { cgroups, ..Setup::default() }).unwrap();
    set(&mut machine, "/a", "memory.max", "512G").unwrap();
    let process = start(&mut machine, "p", "/a", 0);
    assert!(grow(&mut machine, process, 600 << 18).1);
    assert_eq!(number(&mut machine, "/a", "memory.peak"), 512 << 30);
    assert_eq!(field(&mut machine, "/a", "memory.events", "max"), 35);
}
