//! Swap areas that are switched off: what comes back, and who dies of it.

mod common;

use common::{MIB, call, holder, line, mmap, spec, status, touch};
use facts::Release;
use oomph_sim::{Disk, Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{
    Advice, Call, Control, End, Errno, FileSpec, ForkKind, MapFlags, OpenFlags, ProcessId, Prot,
    Setup, SwapSpec, World,
};

const OFF: Call = Call::Swapoff { area: 0 };

/// A machine of 256 MiB with swap areas of so many MiB, and their priorities.
fn machine(release: &str, swap: &[(u64, Option<i16>)]) -> Machine {
    let release: Release = release.parse().unwrap();
    let profile = Profile::of(release, Arch::X86_64, 256);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.disk = Disk::INSTANT;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let area = |&(mib, priority): &(u64, _)| SwapSpec { len: mib * MIB, priority, zram: false };
    let swap = swap.iter().map(area).collect();
    machine.setup(&Setup { swap, ..Setup::default() }).unwrap();
    machine
}

/// Pages in memory, in KiB, as `smaps_rollup` counts them.
fn anonymous(machine: &mut Machine, process: ProcessId) -> u64 {
    let text = machine.observe(process).unwrap().smaps_rollup.unwrap();
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

fn page_out(machine: &mut Machine, process: ProcessId, addr: u64, mib: u64) {
    let advice = Call::Madvise { addr, len: mib * MIB, advice: Advice(21) };
    assert_eq!(call(machine, process, &advice), Ok(0));
}

#[test]
fn all_that_was_swapped_out_comes_back() {
    for release in ["5.10", "6.1", "6.12", "6.18"] {
        let mut machine = machine(release, &[(64, None)]);
        let admin = machine.start(&spec(0)).unwrap();
        let (process, addr) = holder(&mut machine, 16);
        page_out(&mut machine, process, addr, 16);
        let child = machine.fork(process, ForkKind::Fork).unwrap().unwrap();
        assert_eq!(status(&mut machine, child, "VmSwap"), 16 * 1024, "{release}");
        assert_eq!(call(&mut machine, admin, &OFF), Ok(0), "{release}");
        for who in [process, child] {
            assert_eq!(status(&mut machine, who, "VmSwap"), 0, "{release}");
            assert!(anonymous(&mut machine, who) >= 16 * 1024, "{release}");
        }
        for field in ["SwapTotal", "SwapFree", "SwapCached"] {
            assert_eq!(line(&mut machine, "meminfo", field), 0, "{field} of {release}");
        }
        // They are as shared as they were: the one who writes gets a page of its own.
        let before = line(&mut machine, "meminfo", "AnonPages");
        assert_eq!(touch(&mut machine, child, addr, 256).stopped, None);
        assert_eq!(line(&mut machine, "meminfo", "AnonPages"), before + 1024, "{release}");
    }
}

#[test]
fn shared_memory_comes_back_to_whom_it_belongs() {
    let mut machine = machine("6.1", &[(64, None)]);
    machine.files(&[FileSpec { name: "shm".to_owned(), len: 8 * MIB, tmpfs: true }]).unwrap();
    let process = machine.start(&spec(0)).unwrap();
    let open = Call::Open { file: 0, flags: OpenFlags(2) };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    let prot = Prot::READ.with(Prot::WRITE);
    let flags = MapFlags::SHARED;
    let map = Call::Mmap { addr: 0, len: 8 * MIB, prot, flags, fd, offset: 0 };
    let addr = call(&mut machine, process, &map).unwrap();
    assert_eq!(touch(&mut machine, process, addr, 2048).stopped, None);
    let before = line(&mut machine, "meminfo", "Shmem");
    page_out(&mut machine, process, addr, 8);
    assert_eq!(line(&mut machine, "meminfo", "Shmem"), before - 8192);
    assert_eq!(call(&mut machine, process, &OFF), Ok(0));
    assert_eq!(line(&mut machine, "meminfo", "Shmem"), before);
}

#[test]
fn only_root_may_and_only_what_is_on() {
    let mut machine = machine("6.12", &[(16, None)]);
    let somebody = machine.start(&spec(1000)).unwrap();
    let admin = machine.start(&spec(0)).unwrap();
    let on = Call::Swapon { area: 0, priority: None };
    assert_eq!(call(&mut machine, somebody, &OFF), Err(Errno::EPERM));
    assert_eq!(call(&mut machine, admin, &Call::Swapoff { area: 1 }), Err(Errno::EINVAL));
    assert_eq!(call(&mut machine, admin, &on), Err(Errno::EBUSY));
    assert_eq!(call(&mut machine, admin, &OFF), Ok(0));
    assert_eq!(call(&mut machine, admin, &OFF), Err(Errno::EINVAL));
    assert_eq!(call(&mut machine, somebody, &on), Err(Errno::EPERM));
    assert_eq!(call(&mut machine, admin, &on), Ok(0));
    assert_eq!(line(&mut machine, "meminfo", "SwapTotal"), 16 * 1024);
}

#[test]
fn swap_that_promises_need_stays_on() {
    let mut machine = machine("6.1", &[(128, None)]);
    let admin = machine.start(&spec(0)).unwrap();
    let limit = line(&mut machine, "meminfo", "CommitLimit") * 1024;
    let taken = line(&mut machine, "meminfo", "Committed_AS") * 1024;
    call(&mut machine, admin, &mmap((limit - taken - 64 * MIB) & !4095)).unwrap();
    let mode = Control::Sysctl("vm.overcommit_memory".to_owned());
    machine.control(&mode, "2").unwrap().unwrap();
    assert_eq!(call(&mut machine, admin, &OFF), Err(Errno::ENOMEM));
    assert_eq!(line(&mut machine, "meminfo", "SwapTotal"), 128 * 1024);
    machine.control(&mode, "1").unwrap().unwrap();
    assert_eq!(call(&mut machine, admin, &OFF), Ok(0));
}

#[test]
fn who_switches_off_what_does_not_fit_dies_first_and_it_stays_on() {
    for release in ["5.10", "6.1", "6.12"] {
        let mut machine = machine(release, &[(256, None)]);
        let (hog, _) = holder(&mut machine, 300);
        let admin = machine.start(&spec(0)).unwrap();
        let never = Call::SetOomScoreAdj { adj: -1000 };
        assert_eq!(call(&mut machine, admin, &never), Ok(0));
        assert_eq!(call(&mut machine, admin, &OFF), Err(Errno::EINTR), "{release}");
        assert_eq!(machine.deaths().unwrap(), [(admin, End::Signal(9))], "{release}");
        assert_eq!(machine.alive(hog).unwrap(), None, "{release}");
        assert_eq!(line(&mut machine, "meminfo", "SwapTotal"), 256 * 1024, "{release}");
    }
}

#[test]
fn what_comes_back_may_go_to_another_area() {
    let mut machine = machine("6.1", &[(128, Some(5)), (256, None)]);
    let (hog, _) = holder(&mut machine, 300);
    let admin = machine.start(&spec(0)).unwrap();
    let swapped = status(&mut machine, hog, "VmSwap");
    assert_eq!(call(&mut machine, admin, &OFF), Ok(0));
    assert_eq!(machine.deaths().unwrap(), []);
    assert_eq!(line(&mut machine, "meminfo", "SwapTotal"), 256 * 1024);
    let now = status(&mut machine, hog, "VmSwap");
    assert!(now.abs_diff(swapped) < 16 * 1024, "{swapped} and {now}");
}

#[test]
fn priorities_that_nobody_asked_for_close_the_gap() {
    let mut machine = machine("6.1", &[(16, None), (32, None), (64, Some(3))]);
    let admin = machine.start(&spec(0)).unwrap();
    assert_eq!(swaps(&mut machine), [(16, -2), (32, -3), (64, 3)]);
    call(&mut machine, admin, &OFF).unwrap();
    assert_eq!(swaps(&mut machine), [(32, -2), (64, 3)]);
    call(&mut machine, admin, &Call::Swapon { area: 0, priority: None }).unwrap();
    assert_eq!(swaps(&mut machine), [(16, -3), (32, -2), (64, 3)]);
    call(&mut machine, admin, &Call::Swapoff { area: 2 }).unwrap();
    call(&mut machine, admin, &Call::Swapon { area: 2, priority: Some(9) }).unwrap();
    assert_eq!(swaps(&mut machine), [(16, -3), (32, -2), (64, 9)]);
}

/// Size in MiB and priority of each line of `/proc/swaps`.
fn swaps(machine: &mut Machine) -> Vec<(u64, i64)> {
    let files = machine.machine().unwrap();
    let (_, text) = files.iter().find(|(path, _)| path == "swaps").unwrap();
    let text = String::from_utf8_lossy(text).into_owned();
    let line = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        (words[2].parse::<u64>().unwrap().div_ceil(1024), words[4].parse().unwrap())
    };
    text.lines().skip(1).map(line).collect()
}
