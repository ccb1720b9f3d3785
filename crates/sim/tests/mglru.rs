//! Multi-generational lists, beside what 6.12 has them do.

mod common;

use common::groups::{field, number, set, start};
use common::{MIB, call, holder, line, mmap, spec, touch};
use facts::{CgroupVersion, OvercommitMode, Release};
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{
    Access, Call, Content, Control, FileSpec, MapFlags, OpenFlags, ProcessId, Prot, Setup, Stop,
    SwapSpec, Touch, World,
};

fn machine(release: &str, swap: u64) -> Machine {
    in_groups(release, swap, &[])
}

/// A machine with so many MiB of swap and with these cgroups.
fn in_groups(release: &str, swap: u64, groups: &[&str]) -> Machine {
    let release: Release = release.parse().unwrap();
    let profile = Profile::of(release, Arch::X86_64, 256);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.lru_gen = true;
    if !groups.is_empty() {
        config.cgroups = CgroupVersion::V2;
    }
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let area = SwapSpec { len: swap * MIB, priority: None, zram: false };
    let swap = if swap > 0 { vec![area] } else { Vec::new() };
    let cgroups = groups.iter().map(|&group| group.to_owned()).collect();
    machine.setup(&Setup { cgroups, swap, ..Setup::default() }).unwrap();
    machine
}

const MEASURED: &str = include_str!("data/mglru-6.12.txt");

/// The numbers of a measured line, in KiB.
fn measured(word: &str) -> Vec<u64> {
    let line = MEASURED.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    line.unwrap().split(' ').filter_map(|word| word.parse().ok()).collect()
}

/// At most so many hundredths off, or a MiB.
fn near(what: &str, model: u64, real: u64, hundredths: u64) {
    let most = (real * hundredths / 100).max(1024);
    assert!(model.abs_diff(real) <= most, "{what}: the model has {model}, the kernel {real}");
}

/// Touches pieces of 1 MiB.
fn grow(machine: &mut Machine, process: ProcessId, pieces: u64) {
    for _ in 0..pieces {
        let addr = call(machine, process, &mmap(MIB)).unwrap();
        assert_eq!(touch(machine, process, addr, 256).stopped, None);
    }
}

fn swap_used(machine: &mut Machine) -> u64 {
    line(machine, "meminfo", "SwapTotal") - line(machine, "meminfo", "SwapFree")
}

/// A file of 100 MiB of which nothing is in memory, opened.
fn cold_file(machine: &mut Machine) {
    let file = FileSpec { name: "data".to_owned(), len: 100 * MIB, tmpfs: false };
    machine.files(&[file]).unwrap();
    machine.control(&Control::Sysctl("vm.drop_caches".to_owned()), "3").unwrap().unwrap();
}

fn open(machine: &mut Machine, process: ProcessId) -> i32 {
    let call_ = Call::Open { file: 0, flags: OpenFlags(0) };
    i32::try_from(call(machine, process, &call_).unwrap()).unwrap()
}

#[test]
fn a_full_cgroup_swaps_and_ages_as_6_12_does() {
    let real = measured("limit");
    let mut machine = in_groups("6.12", 128, &["/open"]);
    set(&mut machine, "/open", "memory.max", "64M").unwrap();
    let process = start(&mut machine, "open", "/open", 0);
    grow(&mut machine, process, 100);
    near("current", number(&mut machine, "/open", "memory.current") / 1024, real[0], 1);
    near("swap", number(&mut machine, "/open", "memory.swap.current") / 1024, real[1], 3);
    let max = field(&mut machine, "/open", "memory.events", "max");
    assert!(max.abs_diff(real[2]) <= 2, "max {max}, not {}", real[2]);
    near("active", line(&mut machine, "meminfo", "Active(anon)"), real[3], 2);
    near("inactive", line(&mut machine, "meminfo", "Inactive(anon)"), real[4], 2);
}

#[test]
fn who_grows_is_swapped_out_from_the_oldest_on() {
    let real = measured("hog");
    let mut machine = machine("6.12", 128);
    let process = machine.start(&spec(0)).unwrap();
    grow(&mut machine, process, 230);
    // 3 % of all swap.
    let used = swap_used(&mut machine);
    assert!(used.abs_diff(real[0]) <= 131_072 * 3 / 100, "{used} KiB, not {}", real[0]);
    // Which generation the last pages are in depends on how far kswapd had come: 5 % of both lists.
    let most = (real[1] + real[2]) / 20;
    let active = line(&mut machine, "meminfo", "Active(anon)");
    assert!(active.abs_diff(real[1]) <= most, "{active} KiB, not {}", real[1]);
    let inactive = line(&mut machine, "meminfo", "Inactive(anon)");
    assert!(inactive.abs_diff(real[2]) <= most, "{inactive} KiB, not {}", real[2]);
}

#[test]
fn what_is_read_gives_way_to_what_is_used_whatever_swappiness_says() {
    for swappiness in ["60", "1", "200"] {
        let real = measured(&format!("mix{swappiness}"));
        let mut machine = machine("6.12", 256);
        let control = Control::Sysctl("vm.swappiness".to_owned());
        machine.control(&control, swappiness).unwrap().unwrap();
        cold_file(&mut machine);
        holder(&mut machine, 60);
        let reader = machine.start(&spec(0)).unwrap();
        let fd = open(&mut machine, reader);
        let whole = Call::Pread { fd, len: 100 * MIB, offset: 0 };
        assert_eq!(call(&mut machine, reader, &whole), Ok(100 * MIB));
        assert!(line(&mut machine, "meminfo", "Inactive(file)") >= 100 * 1024);
        let hog = machine.start(&spec(0)).unwrap();
        grow(&mut machine, hog, 80);
        near("cached", line(&mut machine, "meminfo", "Cached"), real[0], 10);
        assert_eq!(swap_used(&mut machine), real[1], "swappiness {swappiness}");
        near("active", line(&mut machine, "meminfo", "Active(anon)"), real[2], 1);
    }
}

#[test]
fn what_is_read_through_a_mapping_counts_as_used() {
    let real = measured("mapped");
    let mut machine = machine("6.12", 0);
    cold_file(&mut machine);
    let reader = machine.start(&spec(0)).unwrap();
    let fd = open(&mut machine, reader);
    let map = Call::Mmap {
        addr: 0,
        len: 100 * MIB,
        prot: Prot::READ,
        flags: MapFlags::PRIVATE,
        fd,
        offset: 0,
    };
    let addr = call(&mut machine, reader, &map).unwrap();
    let whole = Touch {
        addr,
        count: 25_600,
        stride: 4096,
        access: Access::Read,
        content: Content::OneByte,
    };
    assert_eq!(machine.touch(reader, &whole).unwrap().stopped, None);
    near("active", line(&mut machine, "meminfo", "Active(file)"), real[0], 1);
    near("inactive", line(&mut machine, "meminfo", "Inactive(file)"), real[1], 1);
    let hog = machine.start(&spec(0)).unwrap();
    grow(&mut machine, hog, 150);
    near("cached", line(&mut machine, "meminfo", "Cached"), real[2], 10);
}

#[test]
fn memory_min_is_left_alone_and_the_rest_shares_the_pressure() {
    let real = measured("min");
    let mut machine = in_groups("6.12", 256, &["/database", "/other"]);
    set(&mut machine, "/database", "memory.min", "64M").unwrap();
    for group in ["/database", "/other"] {
        let process = start(&mut machine, "idle", group, 0);
        grow(&mut machine, process, 50);
    }
    let hog = machine.start(&spec(0)).unwrap();
    grow(&mut machine, hog, 135);
    near("database", number(&mut machine, "/database", "memory.current") / 1024, real[0], 1);
    assert_eq!(number(&mut machine, "/database", "memory.swap.current"), real[1]);
    // Who is visited first in each round is left to chance.
    let swapped = number(&mut machine, "/other", "memory.swap.current") / 1024;
    assert!(swapped.abs_diff(real[3]) <= 4096, "{swapped} KiB, not {}", real[3]);
    // 3 % of all swap.
    let used = swap_used(&mut machine);
    assert!(used.abs_diff(real[4]) <= 262_144 * 3 / 100, "{used} KiB, not {}", real[4]);
}

#[test]
fn generations_are_switched_on_and_off_with_everything_in_its_place() {
    let mut machine = machine("6.12", 0);
    holder(&mut machine, 20);
    let control = Control::Sys("kernel/mm/lru_gen/enabled".to_owned());
    let active = line(&mut machine, "meminfo", "Active(anon)");
    assert!(active >= 20 * 1024);
    machine.control(&control, "n").unwrap().unwrap();
    assert_eq!(line(&mut machine, "meminfo", "Active(anon)"), active);
    // With lists of two ages a new page is inactive, but for the one with a program's arguments.
    holder(&mut machine, 20);
    assert_eq!(line(&mut machine, "meminfo", "Active(anon)"), active + 4);
    assert!(line(&mut machine, "meminfo", "Inactive(anon)") >= 20 * 1024);
    machine.control(&control, "y").unwrap().unwrap();
    // Inactive anonymous pages are of the second youngest generation, which counts as active.
    assert!(line(&mut machine, "meminfo", "Active(anon)") >= 40 * 1024);
    assert!(machine.control(&control, "perhaps").unwrap().is_err());
}

#[test]
fn what_was_used_of_late_is_not_evicted_but_somebody_dies() {
    let mut machine = machine("6.12", 256);
    let control = Control::Sys("kernel/mm/lru_gen/min_ttl_ms".to_owned());
    machine.control(&control, "1000000").unwrap().unwrap();
    let process = machine.start(&spec(0)).unwrap();
    let addr = call(&mut machine, process, &mmap(230 * MIB)).unwrap();
    assert_eq!(touch(&mut machine, process, addr, 230 << 8).stopped, Some(Stop::Killed));
    assert_eq!(swap_used(&mut machine), 0);
    assert_eq!(line(&mut machine, "vmstat", "oom_kill"), 1);
}

#[test]
fn a_tebibyte_runs_out_with_generations_as_quickly_as_without() {
    let release: Release = "6.12".parse().unwrap();
    let profile = Profile::of(release, Arch::X86_64, 1 << 20);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.lru_gen = true;
    config.overcommit = OvercommitMode::Always;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let process = machine.start(&spec(0)).unwrap();
    let addr = call(&mut machine, process, &mmap(2 << 40)).unwrap();
    let touched = touch(&mut machine, process, addr, 2 << 28);
    assert_eq!(touched.stopped, Some(Stop::Killed));
    // All but what the kernel itself has and keeps.
    assert!(touched.done > (1 << 28) / 100 * 95, "{} pages", touched.done);
}
