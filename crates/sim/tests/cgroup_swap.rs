//! Cgroups that reclaim, swap and protect, beside two real kernels.

mod common;

use common::groups::{enters, field, grow, number, read, set, start};
use common::{call, mmap, touch};
use facts::{CgroupVersion, Release};
use oomph_sim::{Disk, Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{Setup, SwapSpec, World};

const MEASURED: &str = include_str!("data/cgroup2-swap-vm.txt");

/// The measured lines that begin with this word: their release and their other words.
fn measured(word: &str) -> Vec<(Release, Vec<&'static str>)> {
    let mut release = Release::new(0, 0);
    let mut found = Vec::new();
    for line in MEASURED.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(' ') {
            Some(("release", text)) => release = text.parse().unwrap(),
            Some((first, rest)) if first == word => {
                found.push((release, rest.split(' ').collect()));
            }
            _ => {}
        }
    }
    assert!(found.len() >= 2, "{word}");
    found
}

/// The number behind the last such word.
fn value(words: &[&str], word: &str) -> u64 {
    let at = words.iter().rposition(|other| *other == word).unwrap();
    words[at + 1].parse().unwrap()
}

fn machine(release: Release, groups: &[&str]) -> Machine {
    let profile = Profile::of(release, Arch::X86_64, 512);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.cgroups = CgroupVersion::V2;
    config.disk = Disk::RAM;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let cgroups = groups.iter().map(|path| (*path).to_owned()).collect();
    let swap = vec![SwapSpec { len: 128 << 20, priority: None, zram: false }];
    machine.setup(&Setup { cgroups, swap, ..Setup::default() }).unwrap();
    machine
}

/// At most so many thousandths off.
fn near(what: &str, model: u64, real: u64, thousandths: u64) {
    let off = model.abs_diff(real);
    assert!(off * 1000 <= real * thousandths, "{what}: the model has {model}, the kernel {real}");
}

/// Time stalled is a twentieth of what it was under emulation, or so.
fn stalled(machine: &mut Machine, real: &[&str]) {
    let text = read(machine, "/a", "memory.pressure");
    let total: u64 = text.lines().next().unwrap().rsplit_once("total=").unwrap().1.parse().unwrap();
    let expected = value(real, "stalled") / 20;
    assert!((expected / 2..expected * 2).contains(&total), "{total} µs, not {expected}");
}

#[test]
fn a_hog_fills_its_swap_and_dies_where_two_kernels_killed_it() {
    for (release, real) in measured("limit") {
        let mut machine = machine(release, &["/a"]);
        set(&mut machine, "/a", "memory.max", "12M").unwrap();
        set(&mut machine, "/a", "memory.swap.max", "4M").unwrap();
        let hog = enters(&mut machine, "/a");
        let (touched, killed) = grow(&mut machine, hog, 10_000);
        assert!(killed);
        assert!(touched.abs_diff(value(&real, "touched")) <= 4, "{release}: {touched} pages");
        let event = |machine: &mut Machine, key| field(machine, "/a", "memory.events", key);
        for key in ["oom", "oom_kill"] {
            assert_eq!(event(&mut machine, key), value(&real, key), "{release} {key}");
        }
        // Attempts before the swap is full differ with what else was on the lists.
        assert!(event(&mut machine, "max").abs_diff(value(&real, "max")) <= 1, "{release}");
        assert_eq!(number(&mut machine, "/a", "memory.peak"), 12 << 20);
        let stat = |machine: &mut Machine, key| field(machine, "/a", "memory.stat", key);
        near("scanned", stat(&mut machine, "pgscan"), value(&real, "scanned"), 5);
        assert_eq!(stat(&mut machine, "pgsteal"), value(&real, "freed"));
        assert_eq!(number(&mut machine, "/a", "memory.swap.current"), 0, "nobody is left");
        stalled(&mut machine, &real);
    }
}

#[test]
fn above_high_pages_go_to_swap_batch_by_batch() {
    for (release, real) in measured("high") {
        let mut machine = machine(release, &["/a"]);
        set(&mut machine, "/a", "memory.high", "8M").unwrap();
        let process = enters(&mut machine, "/a");
        assert_eq!(grow(&mut machine, process, 4096), (4096, false));
        assert_eq!(field(&mut machine, "/a", "memory.events", "high").to_string(), real[0]);
        near("current", number(&mut machine, "/a", "memory.current"), value(&real, "current"), 10);
        near("swap", number(&mut machine, "/a", "memory.swap.current"), value(&real, "swap"), 10);
        let stat = |machine: &mut Machine, key| field(machine, "/a", "memory.stat", key);
        near("scanned", stat(&mut machine, "pgscan"), value(&real, "scanned"), 12);
        near("freed", stat(&mut machine, "pgsteal"), value(&real, "freed"), 10);
        stalled(&mut machine, &real);
    }
}

#[test]
fn a_page_that_comes_back_from_swap_at_once_was_missed() {
    let mut machine = machine(Release::new(6, 12), &["/a"]);
    set(&mut machine, "/a", "memory.max", "8M").unwrap();
    let process = enters(&mut machine, "/a");
    let addr = call(&mut machine, process, &mmap(10 << 20)).unwrap();
    touch(&mut machine, process, addr, 10 << 8);
    let swapped = number(&mut machine, "/a", "memory.swap.current");
    assert!(swapped > 2 << 20, "{swapped}");
    let stat = |machine: &mut Machine, key| field(machine, "/a", "memory.stat", key);
    assert_eq!(stat(&mut machine, "workingset_refault_anon"), 0);
    touch(&mut machine, process, addr, 64);
    assert!(stat(&mut machine, "workingset_refault_anon") >= 64);
    assert!(stat(&mut machine, "pgmajfault") >= 64 >> 3);
}

#[test]
fn protection_leaves_each_cgroup_what_two_kernels_left_it() {
    let cases = measured("protect");
    assert_eq!(cases.len(), 16);
    for (release, real) in cases {
        let mut machine = machine(release, &["/p", "/p/a", "/p/b", "/p/c"]);
        set(&mut machine, "/p", "memory.max", "24M").unwrap();
        set(&mut machine, "/p/a", real[0], real[1]).unwrap();
        set(&mut machine, "/p/b", real[0], real[2]).unwrap();
        for group in ["/p/a", "/p/b", "/p/c"] {
            let process = enters(&mut machine, group);
            assert_eq!(grow(&mut machine, process, 2560), (2560, false));
        }
        for name in ["a", "b", "c"] {
            let model = number(&mut machine, &format!("/p/{name}"), "memory.current");
            near(&format!("{release} {real:?} {name}"), model, value(&real, name), 16);
        }
        let attempts = field(&mut machine, "/p", "memory.events", "max");
        assert!(attempts.abs_diff(value(&real, "max")) <= 1, "{release} {real:?}: {attempts}");
        assert_eq!(field(&mut machine, "/p", "memory.events", "low"), 0);
    }
}

#[test]
fn what_is_asked_for_is_reclaimed() {
    for (release, real) in measured("reclaim") {
        let mut machine = machine(release, &["/a"]);
        let process = enters(&mut machine, "/a");
        grow(&mut machine, process, 2560);
        set(&mut machine, "/a", "memory.reclaim", "4M").unwrap();
        near("current", number(&mut machine, "/a", "memory.current"), value(&real, "current"), 16);
        near("swap", number(&mut machine, "/a", "memory.swap.current"), value(&real, "swap"), 16);
        let scanned = field(&mut machine, "/a", "memory.stat", "pgscan");
        near("scanned", scanned, value(&real, "scanned"), 5);
    }
}

#[test]
fn the_group_of_the_captured_v2_machine_dies_where_it_did() {
    // tests/data/captures/6.12-256m-cgroup2: /work has 72 MiB and 8 MiB of swap; at rest it used 33153024
    // and 180224 bytes of these. The hog in /work/front had touched 50331648 when all were killed.
    let release = Release::new(6, 12);
    let mut machine = machine(release, &["/work", "/work/front", "/work/back"]);
    for (path, file, value) in [
        ("/work", "memory.max", "75497472"),
        ("/work", "memory.swap.max", "8388608"),
        ("/work", "memory.oom.group", "1"),
        ("/work/back", "memory.high", "50331648"),
        ("/work/back", "memory.low", "2097152"),
    ] {
        set(&mut machine, path, file, value).unwrap();
    }
    let web = start(&mut machine, "web", "/work/back", 0);
    let cache = start(&mut machine, "cache", "/work/front", 500);
    grow(&mut machine, cache, 6 << 8);
    let used = number(&mut machine, "/work", "memory.current");
    grow(&mut machine, web, (33_153_024 + 180_224 - used) / 4096);
    let hog = start(&mut machine, "hog", "/work/front", 0);
    let addr = call(&mut machine, hog, &mmap(96 << 20)).unwrap();
    let mut touched = 0;
    while machine.alive(hog).unwrap().is_none() {
        touched += touch(&mut machine, hog, addr + touched * 4096, 64).done;
    }
    let distance = (touched * 4096).abs_diff(50_331_648);
    assert!(distance <= 50_331_648 / 100, "{} bytes", touched * 4096);
    for process in [web, cache] {
        assert!(machine.alive(process).unwrap().is_some());
    }
    let log = String::from_utf8(machine.log().unwrap()).unwrap();
    let killed: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("Killed process"))
        .filter_map(|line| line.split(['(', ')']).nth(1))
        .collect();
    assert_eq!(killed, ["hog", "cache", "hog", "web"]);
    for line in ["swap: usage 8192kB, limit 8192kB", "Tasks in /work are going to be killed"] {
        assert!(log.contains(line), "{line} is not in\n{log}");
    }
}
