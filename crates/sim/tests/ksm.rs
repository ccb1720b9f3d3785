//! KSM in the model beside a real kernel's counters.

mod common;

use common::{call, mmap, spec};
use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{
    Access, Advice, Call, Content, Control, ForkKind, ProcessId, Setup, SwapSpec, Touch, World,
};

const MERGEABLE: i32 = 12;
const UNMERGEABLE: i32 = 13;
const MEASURED: &str = include_str!("data/ksm-6.18.txt");

fn machine(release: Release) -> Machine {
    let profile = Profile::of(release, Arch::X86_64, 512);
    let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    Machine::new(config, Image::tiny(release, Arch::X86_64))
}

fn touch_with(machine: &mut Machine, process: ProcessId, addr: u64, count: u64, content: Content) {
    let touch = Touch { addr, count, stride: 4096, access: Access::Write, content };
    assert_eq!(machine.touch(process, &touch).unwrap().done, count);
}

fn set(machine: &mut Machine, file: &str, value: &str) {
    let control = Control::Sys(format!("kernel/mm/ksm/{file}"));
    machine.control(&control, value).unwrap().unwrap();
}

fn read(machine: &mut Machine, file: &str) -> i64 {
    let files = machine.machine().unwrap();
    let path = format!("sys/kernel/mm/ksm/{file}");
    let text = files.into_iter().find(|(name, _)| *name == path).unwrap().1;
    String::from_utf8(text).unwrap().trim().parse().unwrap()
}

/// A process with these pages, one group after the other, which may be merged.
fn pages(machine: &mut Machine, groups: &str) -> (ProcessId, u64, u64) {
    let process = machine.start(&spec(0)).unwrap();
    let count = |group: &str| group.trim_start_matches('r').split('x').next().unwrap().parse();
    let counts: Vec<u64> = groups.split(' ').map(|group| count(group).unwrap()).collect();
    let total: u64 = counts.iter().sum();
    let start = call(machine, process, &mmap(total * 4096)).unwrap();
    let mut at = start;
    for (group, count) in groups.split(' ').zip(counts) {
        let content = match group.split_once('x') {
            Some((_, byte)) => Content::Byte(byte.parse().unwrap()),
            None => Content::Random(7),
        };
        touch_with(machine, process, at, count, content);
        at += count * 4096;
    }
    let advice = Advice(MERGEABLE);
    let merge = Call::Madvise { addr: start, len: total * 4096, advice };
    call(machine, process, &merge).unwrap();
    (process, start, total)
}

/// Time passes until ksmd has seen everything once more.
fn full_scan(machine: &mut Machine) {
    let before = read(machine, "full_scans");
    while read(machine, "full_scans") == before {
        machine.sleep(1_000_000).unwrap();
    }
}

const COUNTERS: [&str; 8] = [
    "pages_shared",
    "pages_sharing",
    "pages_unshared",
    "pages_volatile",
    "pages_scanned",
    "pages_skipped",
    "ksm_zero_pages",
    "general_profit",
];

fn counters(machine: &mut Machine) -> Vec<i64> {
    COUNTERS.iter().map(|file| read(machine, file)).collect()
}

#[test]
fn every_counter_is_what_a_real_kernel_counted_after_every_scan() {
    let mut model: Option<Machine> = None;
    let mut compared = 0;
    for line in MEASURED.lines().filter(|line| !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("pages ") {
            let (groups, zero) = rest.split_once(" use_zero_pages ").unwrap();
            let mut machine = machine(Release::new(6, 18));
            set(&mut machine, "pages_to_scan", "5000");
            set(&mut machine, "use_zero_pages", zero);
            pages(&mut machine, groups);
            set(&mut machine, "run", "1");
            model = Some(machine);
        } else {
            let model = model.as_mut().unwrap();
            full_scan(model);
            let real: Vec<i64> =
                line.split(' ').skip(2).map(|word| word.parse().unwrap()).collect();
            assert_eq!(counters(model), real, "{line}");
            compared += 1;
        }
    }
    assert_eq!(compared, 42);
}

#[test]
fn the_older_kernel_settles_at_the_same_numbers() {
    // 6.1: 400, 200 and 100 equal pages of 1000, after two scans.
    let mut machine = machine(Release::new(6, 1));
    pages(&mut machine, "400x1 200x2 100x3 r300");
    set(&mut machine, "pages_to_scan", "5000");
    set(&mut machine, "run", "1");
    full_scan(&mut machine);
    full_scan(&mut machine);
    let found: Vec<i64> = COUNTERS[..4].iter().map(|file| read(&mut machine, file)).collect();
    assert_eq!(found, [4, 696, 300, 0]);
    let files = machine.machine().unwrap();
    assert!(!files.iter().any(|(name, _)| name.ends_with("ksm/pages_skipped")), "came with 6.7");
}

fn smaps_sum(machine: &mut Machine, process: ProcessId, start: u64, field: &str) -> u64 {
    let text = String::from_utf8(machine.observe(process).unwrap().smaps.unwrap()).unwrap();
    let header = format!("{start:x}-");
    let mut inside = false;
    for line in text.lines() {
        if line.split(' ').next().is_some_and(|word| word.contains('-')) {
            inside = line.starts_with(&header);
        }
        if inside && let Some(rest) = line.strip_prefix(field) {
            return rest.trim().trim_end_matches(" kB").parse().unwrap();
        }
    }
    panic!("no {field} at {start:x}");
}

#[test]
fn merged_pages_stay_resident_and_weigh_a_share_each() {
    let mut machine = machine(Release::new(6, 18));
    let anon = |machine: &mut Machine| {
        let tree = machine.tree().unwrap();
        let text = tree.into_iter().find(|(name, _)| name == "meminfo").unwrap().1;
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().find(|line| line.starts_with("AnonPages:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let (process, start, _) = pages(&mut machine, "400x1 200x2 100x3 r300");
    let before = anon(&mut machine);
    set(&mut machine, "run", "1");
    set(&mut machine, "pages_to_scan", "5000");
    full_scan(&mut machine);
    full_scan(&mut machine);
    assert_eq!(anon(&mut machine), before - 696 * 4);
    assert_eq!(smaps_sum(&mut machine, process, start, "Rss:"), 4000);
    assert_eq!(smaps_sum(&mut machine, process, start, "KSM:"), 2800);
    // 300 of its own, and four stable pages less what is lost to rounding of shares.
    assert_eq!(smaps_sum(&mut machine, process, start, "Pss:"), 1215);
    // A write makes a copy; the counters notice when the page is looked at again.
    touch_with(&mut machine, process, start, 1, Content::OneByte);
    touch_with(&mut machine, process, start + 450 * 4096, 1, Content::Byte(9));
    assert_eq!(anon(&mut machine), before - 694 * 4);
    assert_eq!(read(&mut machine, "pages_sharing"), 696);
    for _ in 0..2 {
        full_scan(&mut machine);
    }
    // A page of ones into which a one was written is what it was; the other one is alone.
    assert_eq!(read(&mut machine, "pages_sharing"), 695);
}

#[test]
fn taking_the_advice_back_undoes_everything() {
    let mut machine = machine(Release::new(6, 18));
    let (process, start, total) = pages(&mut machine, "100x0 50x1 r5");
    set(&mut machine, "use_zero_pages", "1");
    set(&mut machine, "run", "1");
    for _ in 0..3 {
        full_scan(&mut machine);
    }
    assert_eq!(smaps_sum(&mut machine, process, start, "Rss:"), 220);
    let advice = Advice(UNMERGEABLE);
    call(&mut machine, process, &Call::Madvise { addr: start, len: total * 4096, advice }).unwrap();
    assert_eq!(smaps_sum(&mut machine, process, start, "Rss:"), 620);
    assert_eq!(read(&mut machine, "ksm_zero_pages"), 0);
    // What ksmd knows is cleared away when it comes by: as measured.
    assert_eq!(read(&mut machine, "pages_sharing"), 49);
    machine.sleep(1_000_000_000).unwrap();
    assert_eq!(counters(&mut machine)[..4], [0, 0, 0, 0]);
}

#[test]
fn two_processes_share_and_run_2_parts_them() {
    let mut machine = machine(Release::new(6, 12));
    let (first, start, _) = pages(&mut machine, "100x5");
    let (second, _, _) = pages(&mut machine, "100x5");
    set(&mut machine, "run", "1");
    machine.sleep(2_000_000_000).unwrap();
    assert_eq!(counters(&mut machine)[..4], [1, 199, 0, 0]);
    // A hundred times 4096/200, each rounded down: not quite 2 kB.
    assert_eq!(smaps_sum(&mut machine, first, start, "Pss:"), 1);
    set(&mut machine, "max_page_sharing", "256");
    let control = Control::Sys("kernel/mm/ksm/max_page_sharing".to_owned());
    assert_eq!(machine.control(&control, "100").unwrap(), Err(world::Errno::EBUSY));
    assert_eq!(machine.control(&control, "1").unwrap(), Err(world::Errno::EINVAL));
    set(&mut machine, "run", "2");
    assert_eq!(counters(&mut machine)[..4], [0, 0, 0, 0]);
    assert_eq!(smaps_sum(&mut machine, first, start, "Pss:"), 400);
    // Parted, they may be merged anew, also by a child.
    set(&mut machine, "run", "1");
    machine.sleep(2_000_000_000).unwrap();
    assert_eq!(read(&mut machine, "pages_sharing"), 199);
    let child = machine.fork(second, ForkKind::Fork).unwrap().unwrap();
    machine.sleep(2_000_000_000).unwrap();
    assert_eq!(read(&mut machine, "pages_sharing"), 299);
    machine.end(child, world::End::Exit(0)).unwrap();
    machine.end(first, world::End::Exit(0)).unwrap();
    machine.sleep(2_000_000_000).unwrap();
    assert_eq!(counters(&mut machine)[..4], [1, 99, 0, 0]);
}

#[test]
fn ksmd_looks_at_as_many_pages_in_a_second_as_a_real_one() {
    let mut machine = machine(Release::new(6, 18));
    pages(&mut machine, "r20000");
    set(&mut machine, "run", "1");
    machine.sleep(2_000_000_000).unwrap();
    let scanned = read(&mut machine, "pages_scanned");
    // 3842 a second were measured.
    assert!((7300..8100).contains(&scanned), "{scanned}");
}

#[test]
fn merged_pages_go_to_swap_and_come_back() {
    let release = Release::new(6, 12);
    let profile = Profile::of(release, Arch::X86_64, 128);
    let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let swap = vec![SwapSpec { len: 128 << 20, priority: None, zram: false }];
    machine.setup(&Setup { swap, ..Setup::default() }).unwrap();
    let (process, start, total) = pages(&mut machine, "2000x1 r3000");
    set(&mut machine, "pages_to_scan", "100000");
    set(&mut machine, "run", "1");
    full_scan(&mut machine);
    full_scan(&mut machine);
    assert_eq!(read(&mut machine, "pages_sharing"), 2000 - 8);
    let hog = machine.start(&spec(0)).unwrap();
    let addr = call(&mut machine, hog, &mmap(110 << 20)).unwrap();
    touch_with(&mut machine, hog, addr, 110 << 8, Content::OneByte);
    let swapped = smaps_sum(&mut machine, process, start, "Swap:");
    assert!(swapped > 4000, "{swapped} kB");
    machine.end(hog, world::End::Exit(0)).unwrap();
    touch_with(&mut machine, process, start, total, Content::Byte(9));
    assert_eq!(smaps_sum(&mut machine, process, start, "Rss:"), total * 4);
    assert_eq!(smaps_sum(&mut machine, process, start, "Swap:"), 0);
    for _ in 0..4 {
        full_scan(&mut machine);
    }
    let all = i64::try_from(total).unwrap();
    // 5000 equal pages now: 19 stable ones with 256 sharers and one with the rest.
    assert_eq!(read(&mut machine, "pages_sharing"), all - 20);
    machine.end(process, world::End::Exit(0)).unwrap();
    machine.sleep(1_000_000_000).unwrap();
    assert_eq!(counters(&mut machine)[..4], [0, 0, 0, 0]);
}
