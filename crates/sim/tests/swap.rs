//! Reclaim, swap and the page cache, as programs and `/proc` see them.

mod common;

use common::{MIB, call, holder, line, mmap, spec, status, touch};
use facts::Release;
use oomph_sim::{Disk, Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{
    Access, Advice, Call, Content, Control, FileSpec, ForkKind, OpenFlags, ProcessId, Setup,
    SwapSpec, Touch, World,
};

fn machine(release: &str, swap: &[(u64, Option<i16>, bool)]) -> Machine {
    machine_with(Disk::INSTANT, release, swap)
}

fn machine_with(disk: Disk, release: &str, swap: &[(u64, Option<i16>, bool)]) -> Machine {
    let release: Release = release.parse().unwrap();
    let profile = Profile::of(release, Arch::X86_64, 256);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.disk = disk;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let swap = swap
        .iter()
        .map(|&(mib, priority, zram)| SwapSpec { len: mib * MIB, priority, zram })
        .collect();
    machine.setup(&Setup { swap, ..Setup::default() }).unwrap();
    machine
}

fn read(machine: &mut Machine, process: ProcessId, addr: u64, count: u64) {
    let touch =
        Touch { addr, count, stride: 4096, access: Access::Read, content: Content::OneByte };
    assert_eq!(machine.touch(process, &touch).unwrap().stopped, None);
}

/// A line of `smaps_rollup`, which counts pages: counters of `status` leave some out up to 6.15.
fn rolled(machine: &mut Machine, process: ProcessId, field: &str) -> u64 {
    let text = machine.observe(process).unwrap().smaps_rollup.unwrap();
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Somebody writes 64 MiB to a file on a disk.
fn log_of_64_mib(machine: &mut Machine) {
    let file = FileSpec { name: "log".to_owned(), len: 4096, tmpfs: false };
    machine.files(&[file]).unwrap();
    let process = machine.start(&spec(0)).unwrap();
    let open = Call::Open { file: 0, flags: OpenFlags(2) };
    let fd = i32::try_from(call(machine, process, &open).unwrap()).unwrap();
    for step in 0..64 {
        let write = Call::Pwrite { fd, offset: step * MIB, len: MIB };
        call(machine, process, &write).unwrap();
    }
}

/// Minor and major faults.
fn faults(machine: &mut Machine, process: ProcessId) -> (u64, u64) {
    let stat = String::from_utf8(machine.observe(process).unwrap().stat.unwrap()).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[7].parse().unwrap(), fields[9].parse().unwrap())
}

#[test]
fn a_page_out_costs_memory_nothing_and_comes_back_eight_at_a_time() {
    let mut machine = machine("6.1", &[(64, None, false)]);
    let (process, addr) = holder(&mut machine, 8);
    let rss = rolled(&mut machine, process, "Anonymous:");
    let advice = Call::Madvise { addr, len: 8 * MIB, advice: Advice(21) };
    assert_eq!(call(&mut machine, process, &advice), Ok(0));
    assert_eq!(rolled(&mut machine, process, "Swap:"), 8192);
    assert_eq!(rolled(&mut machine, process, "Anonymous:"), rss - 8192);
    assert_eq!(line(&mut machine, "meminfo", "SwapFree"), (64 - 8) * 1024);
    let before = faults(&mut machine, process);
    read(&mut machine, process, addr, 2048);
    let after = faults(&mut machine, process);
    // One fault in eight waits for the disk; windows are aligned, the mapping need not be.
    let (minor, major) = (after.0 - before.0, after.1 - before.1);
    assert!((256..=257).contains(&major), "{major}");
    assert_eq!(minor + major, 2048);
    assert_eq!(rolled(&mut machine, process, "Swap:"), 0);
    // What was only read keeps its slot while swap is less than half full.
    assert_eq!(line(&mut machine, "meminfo", "SwapCached"), 8192);
    touch(&mut machine, process, addr, 2048);
    assert_eq!(line(&mut machine, "meminfo", "SwapCached"), 0);
    assert_eq!(line(&mut machine, "meminfo", "SwapFree"), 64 * 1024);
}

#[test]
fn page_cluster_0_reads_no_neighbours() {
    let mut machine = machine("6.1", &[(64, None, false)]);
    let cluster = Control::Sysctl("vm.page-cluster".to_owned());
    machine.control(&cluster, "0").unwrap().unwrap();
    let (process, addr) = holder(&mut machine, 1);
    let advice = Call::Madvise { addr, len: MIB, advice: Advice(21) };
    call(&mut machine, process, &advice).unwrap();
    let before = faults(&mut machine, process);
    read(&mut machine, process, addr, 256);
    assert_eq!(faults(&mut machine, process).1 - before.1, 256);
}

#[test]
fn memory_that_does_not_fit_is_swapped_out_and_what_fits_dies_later() {
    let mut machine = machine("6.1", &[(128, None, false)]);
    let (first, addr) = holder(&mut machine, 120);
    let (second, _) = holder(&mut machine, 120);
    let swapped = rolled(&mut machine, first, "Swap:") + rolled(&mut machine, second, "Swap:");
    assert!((30 * 1024..128 * 1024).contains(&swapped), "{swapped}");
    assert!(machine.deaths().unwrap().is_empty());
    assert_eq!(line(&mut machine, "vmstat", "oom_kill"), 0);
    assert!(line(&mut machine, "vmstat", "pswpout") >= swapped / 4);
    read(&mut machine, first, addr, 120 << 8);
    assert!(faults(&mut machine, first).1 > 0);
}

#[test]
fn a_child_shares_what_was_swapped_out_until_it_writes() {
    let mut machine = machine("6.1", &[(64, None, false)]);
    let (parent, addr) = holder(&mut machine, 4);
    let advice = Call::Madvise { addr, len: 4 * MIB, advice: Advice(21) };
    call(&mut machine, parent, &advice).unwrap();
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(rolled(&mut machine, child, "Swap:"), 4096);
    assert_eq!(line(&mut machine, "meminfo", "SwapFree"), 60 * 1024);
    touch(&mut machine, child, addr, 1024);
    assert_eq!(rolled(&mut machine, child, "Swap:"), 0);
    assert_eq!(rolled(&mut machine, parent, "Swap:"), 4096);
    machine.end(child, world::End::Exit(0)).unwrap();
    machine.end(parent, world::End::Exit(0)).unwrap();
    assert_eq!(line(&mut machine, "meminfo", "SwapFree"), 64 * 1024);
}

#[test]
fn the_area_of_the_higher_priority_fills_first() {
    let mut machine = machine("6.1", &[(4, None, false), (4, Some(10), false)]);
    let (process, addr) = holder(&mut machine, 6);
    let advice = Call::Madvise { addr, len: 6 * MIB, advice: Advice(21) };
    call(&mut machine, process, &advice).unwrap();
    let files = machine.machine().unwrap();
    let (_, text) = files.iter().find(|(path, _)| path == "swaps").unwrap();
    let text = String::from_utf8_lossy(text).into_owned();
    let used: Vec<Vec<&str>> =
        text.lines().skip(1).map(|line| line.split_ascii_whitespace().collect()).collect();
    assert_eq!((used[0][3], used[0][4]), ("2048", "-2"), "{text}");
    assert_eq!((used[1][3], used[1][4]), ("4096", "10"), "{text}");
}

#[test]
fn a_file_larger_than_memory_passes_through_it() {
    let mut machine = machine("6.1", &[]);
    let file = FileSpec { name: "large".to_owned(), len: 600 * MIB, tmpfs: false };
    machine.files(&[file]).unwrap();
    let process = machine.start(&spec(0)).unwrap();
    let open = Call::Open { file: 0, flags: OpenFlags(0) };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    for _ in 0..2 {
        let all = Call::Pread { fd, offset: 0, len: 600 * MIB };
        assert_eq!(call(&mut machine, process, &all), Ok(600 * MIB));
        let cached = line(&mut machine, "meminfo", "Cached");
        assert!((150 * 1024..220 * 1024).contains(&cached), "{cached}");
    }
    assert!(machine.deaths().unwrap().is_empty());
    assert!(line(&mut machine, "vmstat", "pgscan_kswapd") > 0);
    let drop = Control::Sysctl("vm.drop_caches".to_owned());
    machine.control(&drop, "1").unwrap().unwrap();
    assert!(line(&mut machine, "meminfo", "Cached") < 4096);
}

#[test]
fn what_is_written_faster_than_it_may_be_dirty_is_written_back() {
    let mut machine = machine("6.1", &[]);
    log_of_64_mib(&mut machine);
    let dirty = line(&mut machine, "meminfo", "Dirty");
    let background = line(&mut machine, "vmstat", "nr_dirty_background_threshold") * 4;
    assert!(dirty > 0 && dirty <= background + 1024, "{dirty} of {background}");
    // Thirty seconds later, and the flusher's five.
    machine.sleep(36_000_000_000).unwrap();
    assert_eq!(line(&mut machine, "meminfo", "Dirty"), 0);
}

#[test]
fn on_a_disk_pages_stay_in_the_swap_cache_until_somebody_looks_for_memory_again() {
    let mut machine = machine_with(Disk::SOLID, "6.1", &[(64, None, false)]);
    let (process, addr) = holder(&mut machine, 8);
    let advice = Call::Madvise { addr, len: 8 * MIB, advice: Advice(21) };
    call(&mut machine, process, &advice).unwrap();
    assert_eq!(status(&mut machine, process, "VmSwap:"), 8192);
    assert_eq!(line(&mut machine, "meminfo", "Writeback"), 8192);
    assert_eq!(line(&mut machine, "meminfo", "SwapCached"), 8192);
    machine.sleep(1_000_000_000).unwrap();
    assert_eq!(line(&mut machine, "meminfo", "Writeback"), 0);
    assert_eq!(line(&mut machine, "meminfo", "SwapCached"), 8192);
    // They come back without a read.
    let before = faults(&mut machine, process);
    read(&mut machine, process, addr, 1024);
    let after = faults(&mut machine, process);
    assert_eq!((after.0 - before.0, after.1 - before.1), (1024, 0));
    // The others are what goes first.
    holder(&mut machine, 180);
    assert!(line(&mut machine, "meminfo", "SwapCached") < 8192);
    assert!(machine.deaths().unwrap().is_empty());
}

#[test]
fn on_a_slow_disk_kswapd_and_the_task_wait_and_nobody_dies() {
    let card = Disk { request: 1_000_000, page: 400_000, synchronous: false };
    let mut machine = machine_with(card, "6.1", &[(256, None, false)]);
    holder(&mut machine, 120);
    holder(&mut machine, 120);
    assert!(machine.deaths().unwrap().is_empty());
    assert!(line(&mut machine, "vmstat", "pswpout") > 5000);
}

#[test]
fn a_ram_disk_brings_no_neighbours_and_keeps_nothing_in_the_swap_cache() {
    let mut machine = machine_with(Disk::RAM, "6.1", &[(64, None, false)]);
    let (process, addr) = holder(&mut machine, 1);
    let advice = Call::Madvise { addr, len: MIB, advice: Advice(21) };
    call(&mut machine, process, &advice).unwrap();
    let before = faults(&mut machine, process);
    read(&mut machine, process, addr, 256);
    assert_eq!(faults(&mut machine, process).1 - before.1, 256);
    assert_eq!(line(&mut machine, "meminfo", "SwapCached"), 0);
    assert_eq!(line(&mut machine, "meminfo", "SwapFree"), 64 * 1024);
}

#[test]
fn areas_of_equal_priority_take_turns() {
    let mut machine = machine("6.1", &[(4, Some(5), false), (16, Some(5), false)]);
    let (process, addr) = holder(&mut machine, 6);
    let advice = Call::Madvise { addr, len: 6 * MIB, advice: Advice(21) };
    call(&mut machine, process, &advice).unwrap();
    let files = machine.machine().unwrap();
    let (_, text) = files.iter().find(|(path, _)| path == "swaps").unwrap();
    let text = String::from_utf8_lossy(text).into_owned();
    let used: Vec<u64> = text
        .lines()
        .skip(1)
        .map(|line| line.split_ascii_whitespace().nth(3).unwrap().parse().unwrap())
        .collect();
    assert_eq!(used, [3072, 3072], "{text}");
}

#[test]
fn a_read_reads_ahead_unless_it_was_told_that_reads_are_at_random() {
    for (advice, pages) in [(0, 4), (1, 1), (2, 4)] {
        let mut machine = machine("6.1", &[]);
        let file = FileSpec { name: "data".to_owned(), len: 64 * MIB, tmpfs: false };
        machine.files(&[file]).unwrap();
        let drop = Control::Sysctl("vm.drop_caches".to_owned());
        machine.control(&drop, "1").unwrap().unwrap();
        let process = machine.start(&spec(0)).unwrap();
        let open = Call::Open { file: 0, flags: OpenFlags(0) };
        let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
        call(&mut machine, process, &Call::Fadvise { fd, offset: 0, len: 0, advice }).unwrap();
        let before = line(&mut machine, "meminfo", "Cached");
        call(&mut machine, process, &Call::Pread { fd, offset: 0, len: 1 }).unwrap();
        let read = line(&mut machine, "meminfo", "Cached") - before;
        assert_eq!(read, pages * 4, "{advice}");
    }
}

#[test]
fn a_file_is_written_as_a_whole_once_it_has_been_dirty_for_long_enough() {
    let mut machine = machine("6.1", &[]);
    let file = FileSpec { name: "log".to_owned(), len: 4096, tmpfs: false };
    machine.files(&[file]).unwrap();
    let process = machine.start(&spec(0)).unwrap();
    let open = Call::Open { file: 0, flags: OpenFlags(2) };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    for second in 0..40 {
        let write = Call::Pwrite { fd, offset: second * 4096, len: 4096 };
        call(&mut machine, process, &write).unwrap();
        let dirty = line(&mut machine, "meminfo", "Dirty");
        // What is written to it meanwhile goes with it, half a minute after the first.
        let since = if second < 30 { second + 1 } else { second - 29 };
        assert_eq!(dirty, since * 4, "second {second}");
        machine.sleep(1_000_000_000).unwrap();
    }
    let never = Control::Sysctl("vm.dirty_writeback_centisecs".to_owned());
    machine.control(&never, "0").unwrap().unwrap();
    machine.sleep(1_000_000_000_000).unwrap();
    assert_eq!(line(&mut machine, "meminfo", "Dirty"), 40);
}

#[test]
fn writers_wait_for_a_slow_disk_halfway_between_the_limits() {
    let slow = Disk { request: 0, page: 1_000_000, synchronous: false };
    let mut machine = machine_with(slow, "6.1", &[]);
    log_of_64_mib(&mut machine);
    let dirty = line(&mut machine, "meminfo", "Dirty");
    let limit = |machine: &mut Machine, name| line(machine, "vmstat", name) * 4;
    let background = limit(&mut machine, "nr_dirty_background_threshold");
    let most = limit(&mut machine, "nr_dirty_threshold");
    assert!(dirty > background && dirty <= u64::midpoint(background, most) + 16, "{dirty}");
    // The flusher goes on: a page in a millisecond.
    machine.sleep(1_000_000_000).unwrap();
    let later = line(&mut machine, "meminfo", "Dirty");
    assert!(later.abs_diff(dirty.saturating_sub(4000).max(background)) <= 128, "{dirty} {later}");
}

#[test]
fn locked_memory_stays_while_the_rest_is_swapped_out() {
    let mut machine = machine("6.1", &[(256, None, false)]);
    let (locked, addr) = holder(&mut machine, 20);
    call(&mut machine, locked, &Call::Mlock { addr, len: 20 * MIB }).unwrap();
    let mlocked = line(&mut machine, "meminfo", "Mlocked");
    assert_eq!(mlocked, 20 * 1024);
    holder(&mut machine, 250);
    assert!(rolled(&mut machine, locked, "Swap:") < 100);
    assert!(rolled(&mut machine, locked, "Anonymous:") >= 20 * 1024);
}

#[test]
fn what_was_given_up_goes_without_swap() {
    let mut machine = machine("6.1", &[(16, None, false)]);
    let (process, addr) = holder(&mut machine, 100);
    let advice = Call::Madvise { addr, len: 100 * MIB, advice: Advice(8) };
    call(&mut machine, process, &advice).unwrap();
    holder(&mut machine, 120);
    assert!(machine.deaths().unwrap().is_empty());
    assert!(rolled(&mut machine, process, "Anonymous:") < 80 * 1024);
    assert!(line(&mut machine, "vmstat", "pglazyfreed") > 5000);
}

#[test]
fn a_page_of_zeros_takes_no_memory_in_zram_and_a_random_one_takes_a_page() {
    let taken = |content: Content| {
        let mut machine = machine("6.1", &[(64, None, true)]);
        let process = machine.start(&spec(0)).unwrap();
        let addr = call(&mut machine, process, &mmap(32 * MIB)).unwrap();
        let touch = Touch { addr, count: 8192, stride: 4096, access: Access::Write, content };
        machine.touch(process, &touch).unwrap();
        let free = |machine: &mut Machine| {
            let counts = ["MemFree", "SwapFree"].map(|name| line(machine, "meminfo", name));
            counts[0]
        };
        let advice = Call::Madvise { addr, len: 32 * MIB, advice: Advice(21) };
        let before = free(&mut machine);
        call(&mut machine, process, &advice).unwrap();
        assert_eq!(rolled(&mut machine, process, "Swap:"), 32 * 1024);
        i64::try_from(free(&mut machine)).unwrap() - i64::try_from(before).unwrap()
    };
    let (zeros, random) = (taken(Content::Byte(7)), taken(Content::Random(1)));
    assert!(zeros > 29 * 1024, "{zeros}");
    assert!(random < 3 * 1024, "{random}");
}

#[test]
fn swappiness_0_keeps_programs_in_memory_and_takes_the_cache() {
    let swapped = |swappiness: &str| {
        let mut machine = machine("6.1", &[(128, None, false)]);
        let control = Control::Sysctl("vm.swappiness".to_owned());
        machine.control(&control, swappiness).unwrap().unwrap();
        let file = FileSpec { name: "data".to_owned(), len: 90 * MIB, tmpfs: false };
        machine.files(&[file]).unwrap();
        holder(&mut machine, 120);
        let process = machine.start(&spec(0)).unwrap();
        let open = Call::Open { file: 0, flags: OpenFlags(0) };
        let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
        for _ in 0..6 {
            let all = Call::Pread { fd, offset: 0, len: 90 * MIB };
            call(&mut machine, process, &all).unwrap();
        }
        line(&mut machine, "vmstat", "pswpout")
    };
    let (never, most) = (swapped("0"), swapped("200"));
    assert!(never <= most && most > 0, "{never} and {most}");
    assert_eq!(never, 0);
}
