//! What was measured on real kernels, mostly 6.18 and 6.1: commitments, page tables, places.

mod common;

use common::{call, machine, mmap, status, touch};
use oomph_sim::Machine;
use world::{
    Access, Advice, Call, Content, Errno, ForkKind, MapFlags, OpenFlags, ProcessId, Prot,
    RemapFlags, Touch, World,
};

const PAGE: u64 = 4096;
const RW: Prot = Prot(3);
const PAGES: u64 = 25_600;

fn map(addr: u64, len: u64, prot: Prot, flags: MapFlags) -> Call {
    let flags = flags.with(MapFlags::ANONYMOUS);
    Call::Mmap { addr, len, prot, flags, fd: -1, offset: 0 }
}

fn private(addr: u64, len: u64) -> Call {
    map(addr, len, RW, MapFlags::PRIVATE)
}

fn committed(machine: &mut Machine, process: ProcessId) -> i64 {
    let machine_files = machine.observe(process).unwrap().machine;
    let text = String::from_utf8(machine_files[0].1.clone()).unwrap();
    let line = text.lines().find(|line| line.starts_with("Committed_AS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 4
}

fn read(machine: &mut Machine, process: ProcessId, addr: u64, count: u64) {
    let access = Access::Read;
    let touch = Touch { addr, count, stride: PAGE, access, content: Content::OneByte };
    machine.touch(process, &touch).unwrap();
}

fn min_flt(machine: &mut Machine, process: ProcessId) -> u64 {
    let text = String::from_utf8(machine.observe(process).unwrap().stat.unwrap()).unwrap();
    text.split(' ').nth(9).unwrap().parse().unwrap()
}

/// Lines of `maps`.
fn lines(machine: &Machine, process: ProcessId) -> usize {
    String::from_utf8(machine.maps(process).unwrap()).unwrap().lines().count()
}

/// What each step does to `Committed_AS`, pages.
fn promises(release: &str, steps: &[Call]) -> Vec<i64> {
    let (mut machine, process) = machine(release);
    let mut before = committed(&mut machine, process);
    steps
        .iter()
        .map(|step| {
            call(&mut machine, process, step).unwrap();
            let after = committed(&mut machine, process);
            let change = after - before;
            before = after;
            change
        })
        .collect()
}

#[test]
fn promises_follow_the_table_of_6_18_and_6_1() {
    let at = 0x1_0000_0000;
    let len = PAGES * PAGE;
    let protect = |prot| Call::Mprotect { addr: at, len, prot };
    let unmap = Call::Munmap { addr: at, len };
    let rw = [private(at, len), unmap.clone()];
    assert_eq!(promises("6.18", &rw), [25_600, -25_600]);
    let late = [map(at, len, Prot(0), MapFlags::PRIVATE), protect(RW), protect(Prot::READ)];
    assert_eq!(promises("6.18", &late), [0, 25_600, -25_600]);
    assert_eq!(promises("6.1", &late), [0, 25_600, 0]);
    let noreserve = map(at, len, RW, MapFlags::PRIVATE.with(MapFlags::NORESERVE));
    assert_eq!(promises("6.18", &[noreserve]), [0]);
    for prot in [Prot(0), RW] {
        let shared = [map(at, len, prot, MapFlags::SHARED), unmap.clone()];
        assert_eq!(promises("6.18", &shared), [25_600, -25_600]);
    }
    let grow = Call::Mremap {
        addr: at,
        old_len: len,
        new_len: 2 * len,
        flags: RemapFlags::MAYMOVE,
        new_addr: 0,
    };
    assert_eq!(promises("6.18", &[private(at, len), grow]), [25_600, 25_600]);
}

#[test]
fn each_page_of_a_memfd_is_promised_when_it_is_made() {
    let (mut machine, process) = machine("6.18");
    let fd = call(&mut machine, process, &Call::MemfdCreate { flags: world::MemfdFlags(0) });
    let fd = i32::try_from(fd.unwrap()).unwrap();
    let before = committed(&mut machine, process);
    call(&mut machine, process, &Call::Ftruncate { fd, len: PAGES * PAGE }).unwrap();
    let flags = MapFlags::SHARED;
    let shared = Call::Mmap { addr: 0, len: PAGES * PAGE, prot: RW, flags, fd, offset: 0 };
    let addr = call(&mut machine, process, &shared).unwrap();
    assert_eq!(committed(&mut machine, process), before);
    touch(&mut machine, process, addr, 10);
    assert_eq!(committed(&mut machine, process), before + 10);
}

#[test]
fn page_tables_come_with_the_first_touch_and_go_with_what_they_cover() {
    let (mut machine, process) = machine("6.18");
    let tables = |machine: &mut Machine| status(machine, process, "VmPTE:");
    let base = tables(&mut machine);
    // 512 GiB from anything else.
    let at = 0x0100_0000_0000;
    call(&mut machine, process, &private(at, 4 << 30)).unwrap();
    touch(&mut machine, process, at, 1);
    assert_eq!(tables(&mut machine), base + 12);
    touch(&mut machine, process, at + PAGE, 1);
    assert_eq!(tables(&mut machine), base + 12);
    touch(&mut machine, process, at + (2 << 20), 1);
    assert_eq!(tables(&mut machine), base + 16);
    touch(&mut machine, process, at + (1 << 30), 1);
    assert_eq!(tables(&mut machine), base + 24);
    call(&mut machine, process, &Call::Munmap { addr: at + (2 << 20), len: PAGE }).unwrap();
    assert_eq!(tables(&mut machine), base + 24);
    call(&mut machine, process, &Call::Munmap { addr: at, len: 4 << 30 }).unwrap();
    assert_eq!(tables(&mut machine), base);
}

#[test]
fn dontneed_frees_emptied_tables_since_6_14() {
    for (release, freed) in [("6.18", 16), ("6.1", 0)] {
        let (mut machine, process) = machine(release);
        let addr = call(&mut machine, process, &private(0x1_0000_0000, 8 << 20)).unwrap();
        touch(&mut machine, process, addr, 2048);
        let before = status(&mut machine, process, "VmPTE:");
        let discard = Call::Madvise { addr, len: 8 << 20, advice: Advice(4) };
        call(&mut machine, process, &discard).unwrap();
        assert_eq!(status(&mut machine, process, "VmPTE:"), before - freed, "{release}");
    }
}

#[test]
fn sixty_four_reads_take_faults_and_no_memory_and_writes_take_both() {
    let (mut machine, process) = machine("6.18");
    let addr = call(&mut machine, process, &mmap(64 * PAGE)).unwrap();
    let (faults, rss) = (min_flt(&mut machine, process), status(&mut machine, process, "VmRSS:"));
    read(&mut machine, process, addr, 64);
    assert_eq!(min_flt(&mut machine, process), faults + 64);
    assert_eq!(status(&mut machine, process, "VmRSS:"), rss);
    touch(&mut machine, process, addr, 64);
    assert_eq!(min_flt(&mut machine, process), faults + 128);
    assert_eq!(status(&mut machine, process, "VmRSS:"), rss + 256);
}

#[test]
fn a_cached_file_is_read_in_sixteen_faults_of_sixteen_pages() {
    let (mut machine, process) = machine("6.18");
    let file = world::FileSpec { name: "f".to_owned(), len: 256 * PAGE, tmpfs: false };
    machine.files(&[file]).unwrap();
    let open = Call::Open { file: 0, flags: OpenFlags::RDONLY };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    let flags = MapFlags::PRIVATE;
    let map = Call::Mmap { addr: 0, len: 256 * PAGE, prot: Prot::READ, flags, fd, offset: 0 };
    let addr = call(&mut machine, process, &map).unwrap();
    let faults = min_flt(&mut machine, process);
    read(&mut machine, process, addr, 1);
    assert_eq!(status(&mut machine, process, "RssFile:"), 64 + 4);
    read(&mut machine, process, addr, 256);
    let windows = (addr + 256 * PAGE).div_ceil(16 * PAGE) - addr / (16 * PAGE);
    assert_eq!(min_flt(&mut machine, process), faults + windows);
}

#[test]
fn huge_page_alignment_is_that_of_the_release() {
    let place = |release: &str, len: u64| {
        let (mut machine, process) = machine(release);
        call(&mut machine, process, &mmap(PAGE)).unwrap();
        call(&mut machine, process, &mmap(len)).unwrap()
    };
    let aligned = |release, len| place(release, len).is_multiple_of(2 << 20);
    assert!(aligned("6.18", 8 << 20));
    assert!(!aligned("6.18", (8 << 20) + PAGE));
    assert!(aligned("6.8", (8 << 20) + PAGE));
    assert!(!aligned("6.1", 8 << 20));
}

#[test]
fn a_hint_inside_the_guard_gap_is_moved() {
    let (mut machine, process) = machine("6.18");
    let stack = 0x1_0000_0000;
    let down = map(stack, PAGE, RW, MapFlags::PRIVATE.with(MapFlags::GROWSDOWN));
    call(&mut machine, process, &down).unwrap();
    let near = stack - 8 * PAGE;
    assert_ne!(call(&mut machine, process, &private(near, PAGE)), Ok(near));
    let far = stack - 300 * PAGE;
    assert_eq!(call(&mut machine, process, &private(far, PAGE)), Ok(far));
}

#[test]
fn there_can_be_one_mapping_more_than_max_map_count() {
    let (mut machine, process) = machine("6.18");
    // [vsyscall] is no mapping.
    let mappings = |machine: &Machine| lines(machine, process) - 1;
    let mut at = 0x1_0000_0000;
    let last = loop {
        match call(&mut machine, process, &private(at, PAGE)) {
            Ok(_) => at += 2 * PAGE,
            Err(error) => break error,
        }
    };
    assert_eq!((mappings(&machine), last), (65_531, Errno::ENOMEM));
}

#[test]
fn a_mapping_that_a_child_may_share_pages_of_does_not_merge() {
    let (mut machine, parent) = machine("6.18");
    let at = 0x1_0000_0000;
    call(&mut machine, parent, &private(at, 2 * PAGE)).unwrap();
    touch(&mut machine, parent, at, 2);
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    for (id, more) in [(parent, 0), (child, 1)] {
        let before = lines(&machine, id);
        call(&mut machine, id, &private(at + 2 * PAGE, PAGE)).unwrap();
        assert_eq!(lines(&machine, id), before + more);
    }
}
