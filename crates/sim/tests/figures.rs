//! Numbers that the literature prints, from the layouts and programs that it prints them for.

mod common;

use common::{call, mmap, spec, status, touch};
use facts::OvercommitMode;
use oomph_sim::{Image, Machine, MachineConfig};
use rules::layout::Arch;
use world::{
    Access, Call, Content, End, Errno, ForkKind, MapFlags, ProcessId, Prot, Stop, Touch, World,
};

/// `loop` of the 2006 article before its first `malloc`, from the map that it prints at the end.
const LOOP: &str = "\
0039d000-003b2000 r-xp 00000000 16:41 1080084 /lib/ld-2.3.3.so
003b2000-003b3000 r-xp 00014000 16:41 1080084 /lib/ld-2.3.3.so
003b3000-003b4000 rwxp 00015000 16:41 1080084 /lib/ld-2.3.3.so
003b6000-004cb000 r-xp 00000000 16:41 1080085 /lib/tls/libc-2.3.3.so
004cb000-004cd000 r-xp 00115000 16:41 1080085 /lib/tls/libc-2.3.3.so
004cd000-004cf000 rwxp 00117000 16:41 1080085 /lib/tls/libc-2.3.3.so
004cf000-004d1000 rwxp 004cf000 00:00 0
08048000-08049000 r-xp 00000000 16:06 1267 /test-program/loop
08049000-0804a000 rwxp 00000000 16:06 1267 /test-program/loop
b7f62000-b7f73000 r--p 00000000 16:41 1 /usr/lib/gconv/gconv-modules.cache
b7f73000-b7f75000 rwxp b7f73000 00:00 0
b7f75000-b7f76000 r-xp b7f75000 00:00 0 [vdso]
bf80d000-bf822000 rw-p bf80d000 00:00 0 [stack]
";

fn map_anywhere(len: u64) -> Call {
    Call::Mmap {
        addr: 0,
        len,
        prot: Prot::READ.with(Prot::WRITE).with(Prot::EXEC),
        flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
        fd: -1,
        offset: 0,
    }
}

/// The article's machine: 256 MB, 888 MB of swap, and its program just started.
fn article() -> (Machine, ProcessId) {
    let release = "2.6.18".parse().unwrap();
    let config = MachineConfig::new(release, Arch::I386, 255_944 / 4, 909_676 / 4);
    let mut image = Image::parse(LOOP.as_bytes()).unwrap();
    // The kernel had moved it down at random, to above the vdso.
    image.mmap_base = Some(0xb7f7_6000);
    let mut machine = Machine::new(config, image);
    let process = machine.start(&spec(500)).unwrap();
    (machine, process)
}

#[test]
fn one_mib_blocks_end_after_3056_in_six_ranges() {
    let (mut machine, process) = article();
    let resident = status(&mut machine, process, "VmRSS:");
    call(&mut machine, process, &map_anywhere(0x1000)).unwrap();
    let mut blocks = 0;
    let mut peak = 0;
    while call(&mut machine, process, &map_anywhere(0x10_1000)).is_ok() {
        blocks += 1;
        if blocks == 3055 {
            peak = status(&mut machine, process, "VmPeak:");
        }
    }
    assert_eq!(blocks, 3056);
    // The cache file of the C library is gone when the article's map is printed.
    let gone = Call::Munmap { addr: 0xb7f6_2000, len: 0x1_1000 };
    call(&mut machine, process, &gone).unwrap();
    let maps = String::from_utf8(machine.maps(process).unwrap()).unwrap();
    let anonymous: Vec<&str> = maps
        .lines()
        .filter(|line| line.contains("rwxp") && line.contains("00:00 0"))
        .map(|line| &line[..17])
        .collect();
    assert_eq!(
        anonymous,
        [
            "0009a000-0039d000",
            "004cf000-004d1000",
            "005ce000-08048000",
            "0806d000-b7f62000",
            "b7f73000-b7f75000",
            "b7f76000-bf7ee000",
            "bf822000-bff29000",
        ]
    );
    // One page of the stack less than the article's, and 68 kB of the cache file more.
    assert_eq!(peak, 3_141_876 - 4 + 68);
    assert_eq!(status(&mut machine, process, "VmRSS:"), resident);
}

fn stopped(machine: &mut Machine, process: ProcessId, addr: u64, access: Access) -> String {
    let touch = Touch { addr, count: 1, stride: 4096, access, content: Content::OneByte };
    match machine.touch(process, &touch).unwrap().stopped {
        Some(Stop::Signal(fault)) => fault.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn bad_accesses_get_the_signals_of_the_courseware() {
    let (mut machine, process) = common::machine("4.4");
    let mut at = |addr, access| stopped(&mut machine, process, addr, access);
    assert_eq!(at(0x10_0000, Access::Read), "SIGSEGV SEGV_MAPERR at 0x100000");
    assert_eq!(at(0x40_0000, Access::Write), "SIGSEGV SEGV_ACCERR at 0x400000");
    for access in [Access::Read, Access::Write] {
        assert_eq!(at(0xffff_0a87_0010_0000, access), "SIGSEGV SI_KERNEL at 0x0");
    }
    assert_eq!(at(0, Access::Read), "SIGSEGV SEGV_MAPERR at 0x0");
}

fn fork_of_ten_gb(release: &str, mode: OvercommitMode, touched: u64) -> Option<Errno> {
    let release = release.parse().unwrap();
    let mut config = MachineConfig::new(release, Arch::X86_64, 15 << 18, 0);
    config.overcommit = mode;
    config.overcommit_ratio = 100;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let process = machine.start(&spec(1000)).unwrap();
    let addr = call(&mut machine, process, &mmap(10 << 30)).unwrap();
    assert_eq!(touch(&mut machine, process, addr, touched).done, touched);
    machine.fork(process, ForkKind::Fork).unwrap().err()
}

#[test]
fn ten_gb_on_fifteen_fork_under_mode_0_and_not_under_mode_2() {
    assert_eq!(fork_of_ten_gb("4.4", OvercommitMode::Heuristic, 1 << 18), None);
    assert_eq!(fork_of_ten_gb("4.4", OvercommitMode::Never, 1 << 18), Some(Errno::ENOMEM));
    // Up to 5.1 mode 0 looked at what is free; since then it does not.
    let refused = fork_of_ten_gb("4.4", OvercommitMode::Heuristic, 10 << 18);
    assert_eq!(refused, Some(Errno::ENOMEM));
    assert_eq!(fork_of_ten_gb("6.18", OvercommitMode::Heuristic, 10 << 18), None);
    assert_eq!(fork_of_ten_gb("6.18", OvercommitMode::Never, 10 << 18), Some(Errno::ENOMEM));
}

#[test]
fn pages_shared_by_fork_are_halves_until_one_side_writes() {
    let (mut machine, parent) = common::machine("6.18");
    let addr = call(&mut machine, parent, &mmap(64 << 12)).unwrap();
    touch(&mut machine, parent, addr, 64);
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    let pss = |machine: &mut Machine, id| {
        let text = machine.observe(id).unwrap().smaps_rollup.unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().find(|line| line.starts_with("Pss_Anon:")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = pss(&mut machine, parent);
    assert_eq!(before, (64 + 2) * 4 / 2);
    touch(&mut machine, child, addr, 16);
    assert_eq!(pss(&mut machine, parent), before + 16 * 4 / 2);
    assert_eq!(pss(&mut machine, child), before + 16 * 4 / 2);
    machine.end(child, End::Exit(0)).unwrap();
    assert_eq!(pss(&mut machine, parent), (64 + 2) * 4);
}

#[test]
fn the_first_touch_of_a_tebibyte_is_one_run() {
    let release = "6.18".parse().unwrap();
    let mut config = MachineConfig::new(release, Arch::X86_64, 2 << 28, 0);
    config.overcommit = OvercommitMode::Always;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let process = machine.start(&spec(0)).unwrap();
    let addr = call(&mut machine, process, &mmap(1 << 40)).unwrap();
    assert_eq!(touch(&mut machine, process, addr, 1 << 28).done, 1 << 28);
    // 2^19 tables of the lowest level, 2^10 of the second, and those of the third.
    let tables = status(&mut machine, process, "VmPTE:") / 4;
    assert!((524_288 + 1024 + 2..524_288 + 1024 + 12).contains(&tables), "{tables}");
    let faults = String::from_utf8(machine.observe(process).unwrap().stat.unwrap()).unwrap();
    assert_eq!(faults.split(' ').nth(9), Some("268435456"));
}
