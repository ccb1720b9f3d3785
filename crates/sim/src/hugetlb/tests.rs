use facts::Release;
use rules::layout::Arch;
use world::{
    Access, Call, Content, Control, End, Errno, ForkKind, MapFlags, ProcessId, ProcessSpec, Prot,
    Touch, Touched, World,
};

use crate::page::HUGE_BYTES;
use crate::{Image, Machine, MachineConfig, Profile};

/// 256 MiB with a pool of so many huge pages, and so many more on demand.
fn machine(pool: u64, overcommit: u64) -> (Machine, ProcessId) {
    let release = Release::new(6, 1);
    let profile = Profile::of(release, Arch::X86_64, 256);
    let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    set(&mut machine, "vm.nr_hugepages", pool);
    set(&mut machine, "vm.nr_overcommit_hugepages", overcommit);
    let spec = ProcessSpec::new("p", 0);
    let process = machine.start(&spec).unwrap();
    (machine, process)
}

fn set(machine: &mut Machine, name: &str, value: u64) {
    let control = Control::Sysctl(name.to_owned());
    machine.control(&control, &value.to_string()).unwrap().unwrap();
}

/// `HugePages_Total`, `_Free`, `_Rsvd`, `_Surp`.
fn pool(machine: &mut Machine) -> [u64; 4] {
    let files = machine.machine().unwrap();
    let (_, text) = files.iter().find(|(name, _)| name == "meminfo").unwrap();
    let text = String::from_utf8_lossy(text).into_owned();
    ["Total", "Free", "Rsvd", "Surp"].map(|name| {
        let label = format!("HugePages_{name}:");
        let line = text.lines().find_map(|line| line.strip_prefix(label.as_str())).unwrap();
        line.trim().parse().unwrap()
    })
}

fn map(machine: &mut Machine, process: ProcessId, pages: u64, how: MapFlags) -> Result<u64, Errno> {
    let flags = how.with(MapFlags::ANONYMOUS).with(MapFlags::HUGETLB);
    let prot = Prot::READ.with(Prot::WRITE);
    let call = Call::Mmap { addr: 0, len: pages * HUGE_BYTES, prot, flags, fd: -1, offset: 0 };
    machine.call(process, &call).unwrap().value
}

/// Writes to the first page of each of so many huge pages.
fn touch(machine: &mut Machine, process: ProcessId, addr: u64, count: u64) -> Touched {
    let (access, content) = (Access::Write, Content::OneByte);
    machine.touch(process, &Touch { addr, count, stride: HUGE_BYTES, access, content }).unwrap()
}

fn munmap(machine: &mut Machine, process: ProcessId, addr: u64, len: u64) -> Result<u64, Errno> {
    machine.call(process, &Call::Munmap { addr, len }).unwrap().value
}

#[test]
fn a_pool_is_not_free_memory_and_comes_back_when_it_is_given_up() {
    let (mut machine, _) = machine(0, 0);
    let free = machine.store.free();
    set(&mut machine, "vm.nr_hugepages", 20);
    assert_eq!(pool(&mut machine), [20, 20, 0, 0]);
    assert_eq!(free - machine.store.free(), 20 * 512);
    set(&mut machine, "vm.nr_hugepages", 0);
    assert_eq!(pool(&mut machine), [0; 4]);
    let unused = |machine: &Machine| {
        let physical = machine.store.frames.physical.as_deref().unwrap();
        physical.zones.iter().map(crate::physical::Zone::unused).sum::<u64>()
    };
    assert!(unused(&machine) >= free);
}

#[test]
fn a_pool_is_no_larger_than_memory() {
    let (mut machine, _) = machine(1000, 0);
    let [total, free, ..] = pool(&mut machine);
    assert!((80..110).contains(&total), "{total}");
    assert_eq!(total, free);
}

#[test]
fn a_mapping_is_promised_its_pages_and_takes_them_when_it_is_touched() {
    let (mut machine, process) = machine(4, 0);
    let addr = map(&mut machine, process, 3, MapFlags::PRIVATE).unwrap();
    assert_eq!(addr % HUGE_BYTES, 0);
    assert_eq!(pool(&mut machine), [4, 4, 3, 0]);
    assert_eq!(map(&mut machine, process, 2, MapFlags::PRIVATE), Err(Errno::ENOMEM));
    assert_eq!(touch(&mut machine, process, addr, 2).done, 2);
    assert_eq!(pool(&mut machine), [4, 2, 1, 0]);
    let status = machine.observe(process).unwrap().status.unwrap();
    assert!(String::from_utf8_lossy(&status).contains("HugetlbPages:\t    4096 kB"));
    // A part of a huge page cannot go.
    assert_eq!(munmap(&mut machine, process, addr, 4096), Err(Errno::EINVAL));
    munmap(&mut machine, process, addr, HUGE_BYTES).unwrap();
    assert_eq!(pool(&mut machine), [4, 3, 1, 0]);
    machine.end(process, End::Exit(0)).unwrap();
    assert_eq!(pool(&mut machine), [4, 4, 0, 0]);
}

#[test]
fn without_a_promise_an_empty_pool_is_a_signal() {
    let (mut machine, process) = machine(1, 0);
    let how = MapFlags::PRIVATE.with(MapFlags::NORESERVE);
    let addr = map(&mut machine, process, 2, how).unwrap();
    assert_eq!(pool(&mut machine), [1, 1, 0, 0]);
    let touched = touch(&mut machine, process, addr, 2);
    assert_eq!(touched.done, 1);
    assert!(matches!(touched.stopped, Some(world::Stop::Signal(fault)) if fault.signal == 7));
}

#[test]
fn more_than_the_pool_comes_from_memory_and_goes_back_there() {
    let (mut machine, process) = machine(1, 2);
    let addr = map(&mut machine, process, 3, MapFlags::PRIVATE).unwrap();
    assert_eq!(pool(&mut machine), [3, 3, 3, 2]);
    assert_eq!(map(&mut machine, process, 1, MapFlags::PRIVATE), Err(Errno::ENOMEM));
    assert_eq!(touch(&mut machine, process, addr, 3).done, 3);
    munmap(&mut machine, process, addr, 3 * HUGE_BYTES).unwrap();
    assert_eq!(pool(&mut machine), [1, 1, 0, 0]);
}

#[test]
fn a_child_has_the_pages_and_not_the_promises() {
    let (mut machine, process) = machine(3, 0);
    let addr = map(&mut machine, process, 3, MapFlags::PRIVATE).unwrap();
    assert_eq!(touch(&mut machine, process, addr, 2).done, 2);
    let child = machine.fork(process, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(pool(&mut machine), [3, 1, 1, 0]);
    // What is left is promised to the parent.
    assert_eq!(touch(&mut machine, child, addr, 1).done, 0);
    machine.end(child, End::Exit(0)).ok();
    assert_eq!(touch(&mut machine, process, addr, 3).done, 3);
    machine.end(process, End::Exit(0)).unwrap();
    assert_eq!(pool(&mut machine), [3, 3, 0, 0]);
}

#[test]
fn shared_ones_stay_with_their_file_until_the_last_one_lets_go() {
    let (mut machine, process) = machine(2, 0);
    let addr = map(&mut machine, process, 2, MapFlags::SHARED).unwrap();
    assert_eq!(touch(&mut machine, process, addr, 1).done, 1);
    let child = machine.fork(process, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(touch(&mut machine, child, addr, 2).done, 2);
    assert_eq!(pool(&mut machine), [2, 0, 0, 0]);
    machine.end(process, End::Exit(0)).unwrap();
    assert_eq!(pool(&mut machine), [2, 0, 0, 0]);
    machine.end(child, End::Exit(0)).unwrap();
    assert_eq!(pool(&mut machine), [2, 2, 0, 0]);
}
