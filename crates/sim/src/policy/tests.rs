use facts::Release;
use rules::layout::Arch;
use rules::watermark::ZoneKind;
use world::{
    Access, BindFlags, Call, Content, Control, End, Errno, ForkKind, MapFlags, PolicyMode,
    ProcessId, ProcessSpec, Prot, Setup, Touch, World,
};

use crate::{Image, Machine, MachineConfig, Profile, ZoneProfile};

const MIB: u64 = 1 << 20;
const PAGE: u64 = 4096;
const BIND: PolicyMode = PolicyMode(2);
const INTERLEAVE: PolicyMode = PolicyMode(3);
const NONE: BindFlags = BindFlags(0);

/// Two nodes of 128 MiB each, and a processor on each.
fn machine(release: &str) -> Machine {
    let release: Release = release.parse().unwrap();
    let zone = |node| ZoneProfile {
        node,
        kind: ZoneKind::Dma32,
        spanned: 32_768,
        present: 32_768,
        managed_at_init: 32_000,
        managed: 32_000,
        free: 31_000,
        pcp: 0,
    };
    let profile = Profile { zones: vec![zone(0), zone(1)], ..Profile::default() };
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.cpus = 2;
    config.overcommit = facts::OvercommitMode::Always;
    Machine::new(config, Image::tiny(release, Arch::X86_64))
}

fn start(machine: &mut Machine, name: &str) -> ProcessId {
    machine.start(&ProcessSpec::new(name, 1000)).unwrap()
}

fn call(machine: &mut Machine, id: ProcessId, call: &Call) -> Result<u64, Errno> {
    machine.call(id, call).unwrap().value
}

fn map_as(machine: &mut Machine, id: ProcessId, len: u64, kind: MapFlags) -> u64 {
    let (prot, flags) = (Prot::READ.with(Prot::WRITE), kind.with(MapFlags::ANONYMOUS));
    call(machine, id, &Call::Mmap { addr: 0, len, prot, flags, fd: -1, offset: 0 }).unwrap()
}

fn map(machine: &mut Machine, id: ProcessId, len: u64) -> u64 {
    map_as(machine, id, len, MapFlags::PRIVATE)
}

fn touch(machine: &mut Machine, id: ProcessId, addr: u64, len: u64) -> u64 {
    let (access, content) = (Access::Write, Content::OneByte);
    let touch = Touch { addr, count: len / PAGE, stride: PAGE, access, content };
    machine.touch(id, &touch).unwrap().done
}

fn policy(machine: &mut Machine, id: ProcessId, mode: PolicyMode, nodes: u64) {
    let set = Call::SetMempolicy { mode, nodes, max_node: 65 };
    assert_eq!(call(machine, id, &set), Ok(0));
}

fn mbind(
    machine: &mut Machine,
    id: ProcessId,
    (addr, len): (u64, u64),
    mode: PolicyMode,
    nodes: u64,
    flags: BindFlags,
) -> Result<u64, Errno> {
    call(machine, id, &Call::Mbind { addr, len, mode, nodes, max_node: 65, flags })
}

/// The line of `numa_maps` of the mapping at this address, behind the address.
fn line(machine: &mut Machine, id: ProcessId, addr: u64) -> String {
    let seen = machine.observe(id).unwrap();
    let text = String::from_utf8(seen.numa_maps.unwrap()).unwrap();
    let head = format!("{addr:08x} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&head));
    line.unwrap_or_else(|| panic!("nothing at {addr:x} in\n{text}")).to_owned()
}

fn log(machine: &mut Machine) -> String {
    String::from_utf8(machine.log().unwrap()).unwrap()
}

fn dead(machine: &mut Machine) -> Vec<u32> {
    machine.deaths().unwrap().into_iter().map(|(id, _)| id.0).collect()
}

fn value(machine: &mut Machine, file: &str, name: &str) -> u64 {
    let files = machine.machine().unwrap();
    let text = &files.iter().find(|(path, _)| path == file).unwrap().1;
    let text = String::from_utf8_lossy(text);
    let Some(line) = text.lines().find(|line| line.contains(name)) else { return 0 };
    line.split_whitespace().filter_map(|word| word.parse().ok()).next_back().unwrap()
}

#[test]
fn memory_comes_from_the_node_that_one_runs_on() {
    let mut machine = machine("6.1");
    let id = start(&mut machine, "p");
    assert_eq!(call(&mut machine, id, &Call::RunOn { node: 1 }), Ok(0));
    let at = map(&mut machine, id, MIB);
    touch(&mut machine, id, at, MIB);
    let expected = "default anon=256 dirty=256 active=0 N1=256 kernelpagesize_kB=4";
    assert_eq!(line(&mut machine, id, at), expected);
    assert_eq!(call(&mut machine, id, &Call::RunOn { node: 2 }), Err(Errno::EINVAL));
}

#[test]
fn a_node_that_is_full_is_followed_by_the_next() {
    let mut machine = machine("6.1");
    let id = start(&mut machine, "p");
    let at = map(&mut machine, id, 180 * MIB);
    assert_eq!(touch(&mut machine, id, at, 180 * MIB), 180 * MIB / PAGE);
    let missed = value(&mut machine, "sys/devices/system/node/node1/numastat", "numa_miss");
    let foreign = value(&mut machine, "sys/devices/system/node/node0/numastat", "numa_foreign");
    assert_eq!(missed, foreign);
    assert!(missed > 15_000, "{missed}");
    assert_eq!(dead(&mut machine), [] as [u32; 0]);
}

#[test]
fn pages_in_turn_follow_their_place_in_the_mapping() {
    let mut machine = machine("6.12");
    let id = start(&mut machine, "p");
    policy(&mut machine, id, INTERLEAVE, 0b11);
    let at = map(&mut machine, id, 16 * PAGE);
    // Every other page, and all of them are on one node.
    let (access, content) = (Access::Write, Content::OneByte);
    let every_other = Touch { addr: at, count: 8, stride: 2 * PAGE, access, content };
    machine.touch(id, &every_other).unwrap();
    let node = (at >> 12) % 2;
    let text = line(&mut machine, id, at);
    assert!(text.contains(&format!("interleave:0-1 anon=8 dirty=8 active=0 N{node}=8 ")), "{text}");
    touch(&mut machine, id, at, 16 * PAGE);
    assert!(line(&mut machine, id, at).contains("N0=8 N1=8"));
    assert!(value(&mut machine, "vmstat", "numa_interleave") >= 16);
}

#[test]
fn weights_decide_how_often_it_is_whose_turn() {
    let mut machine = machine("6.12");
    let id = start(&mut machine, "p");
    let weight = |node| Control::Sys(format!("kernel/mm/mempolicy/weighted_interleave/node{node}"));
    machine.control(&weight(0), "3").unwrap().unwrap();
    let at = map(&mut machine, id, 16 * PAGE);
    mbind(&mut machine, id, (at, 16 * PAGE), PolicyMode(6), 0b11, NONE).unwrap();
    touch(&mut machine, id, at, 16 * PAGE);
    let text = line(&mut machine, id, at);
    assert!(text.starts_with("weighted interleave:0-1 "), "{text}");
    assert!(text.contains("N0=12 N1=4"), "{text}");
}

#[test]
fn a_range_with_a_policy_is_a_mapping_of_its_own_and_merges_without_it() {
    let mut machine = machine("6.1");
    let id = start(&mut machine, "p");
    let at = map(&mut machine, id, 12 * PAGE);
    let lines = |machine: &mut Machine| {
        let text = machine.observe(id).unwrap().maps.unwrap();
        String::from_utf8(text).unwrap().lines().count()
    };
    let before = lines(&mut machine);
    let middle = (at + 4 * PAGE, 4 * PAGE);
    mbind(&mut machine, id, middle, BIND, 0b10, NONE).unwrap();
    assert_eq!(lines(&mut machine), before + 2);
    // The same again changes nothing, and the default makes one of three.
    mbind(&mut machine, id, middle, BIND, 0b10, NONE).unwrap();
    assert_eq!(lines(&mut machine), before + 2);
    mbind(&mut machine, id, middle, PolicyMode(0), 0, NONE).unwrap();
    assert_eq!(lines(&mut machine), before);
    // Once all three have pages, each has an `anon_vma` of its own, and three they stay.
    mbind(&mut machine, id, middle, BIND, 0b10, NONE).unwrap();
    touch(&mut machine, id, at, 12 * PAGE);
    assert!(line(&mut machine, id, at).contains(" N0=4 "));
    assert!(line(&mut machine, id, middle.0).starts_with("bind:1 anon=4 "));
    mbind(&mut machine, id, middle, PolicyMode(0), 0, NONE).unwrap();
    assert_eq!(lines(&mut machine), before + 2);
}

#[test]
fn a_new_mapping_does_not_grow_one_with_a_policy() {
    let mut machine = machine("6.1");
    let id = start(&mut machine, "p");
    let at = map(&mut machine, id, 4 * PAGE);
    mbind(&mut machine, id, (at, 4 * PAGE), BIND, 0b10, NONE).unwrap();
    let below = map(&mut machine, id, 4 * PAGE);
    assert_eq!(below + 4 * PAGE, at);
    assert_eq!(line(&mut machine, id, below), "default");
    assert_eq!(line(&mut machine, id, at), "bind:1");
}

#[test]
fn pages_that_lie_elsewhere_are_refused_or_moved() {
    let mut machine = machine("6.1");
    let id = start(&mut machine, "p");
    let at = map(&mut machine, id, 8 * PAGE);
    touch(&mut machine, id, at, 8 * PAGE);
    let range = (at, 8 * PAGE);
    assert_eq!(mbind(&mut machine, id, range, BIND, 2, BindFlags::STRICT), Err(Errno::EIO));
    assert!(line(&mut machine, id, at).starts_with("default "));
    assert_eq!(mbind(&mut machine, id, range, BIND, 2, NONE), Ok(0));
    assert!(line(&mut machine, id, at).contains(" N0=8 "));
    let flags = BindFlags::MOVE.with(BindFlags::STRICT);
    assert_eq!(mbind(&mut machine, id, range, BIND, 1, flags), Ok(0));
    assert_eq!(mbind(&mut machine, id, range, BIND, 2, flags), Ok(0));
    assert!(line(&mut machine, id, at).contains(" N1=8 "));
    // What a child maps as well stays, and that is no failure.
    let child = machine.fork(id, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(mbind(&mut machine, id, range, BIND, 1, flags), Ok(0));
    assert!(line(&mut machine, id, at).contains(" mapmax=2 active=0 N1=8 "));
    assert!(line(&mut machine, child, at).starts_with("bind:1 "));
    let all = BindFlags::MOVE_ALL;
    assert_eq!(mbind(&mut machine, id, range, BIND, 1, all), Err(Errno::EPERM));
}

#[test]
fn calls_are_refused_as_the_kernel_refuses_them() {
    let mut machine = machine("6.12");
    let id = start(&mut machine, "p");
    let at = map(&mut machine, id, 4 * PAGE);
    let hole = map(&mut machine, id, 4 * PAGE);
    call(&mut machine, id, &Call::Munmap { addr: hole + PAGE, len: PAGE }).unwrap();
    let mut bind = |range, mode, nodes, flags| mbind(&mut machine, id, range, mode, nodes, flags);
    let whole = (at, 4 * PAGE);
    for (range, mode, nodes, flags, expected) in [
        (whole, BIND, 0, NONE, Err(Errno::EINVAL)),
        (whole, BIND, 4, NONE, Err(Errno::EINVAL)),
        (whole, PolicyMode(0), 1, NONE, Err(Errno::EINVAL)),
        (whole, PolicyMode(7), 1, NONE, Err(Errno::EINVAL)),
        (whole, BIND, 1, BindFlags(64), Err(Errno::EINVAL)),
        ((at + 1, PAGE), BIND, 1, NONE, Err(Errno::EINVAL)),
        ((at, u64::MAX - at), BIND, 1, NONE, Err(Errno::EINVAL)),
        ((at, 0), PolicyMode(3), 0, NONE, Ok(0)),
        ((at, 1), BIND, 1, NONE, Ok(0)),
        ((hole, 4 * PAGE), BIND, 1, NONE, Err(Errno::EFAULT)),
        ((hole, 4 * PAGE), PolicyMode(0), 0, NONE, Ok(0)),
        ((0, PAGE), PolicyMode(0), 0, NONE, Err(Errno::EFAULT)),
    ] {
        assert_eq!(bind(range, mode, nodes, flags), expected, "{range:x?} {mode} {nodes} {flags}");
    }
}

#[test]
fn children_inherit_a_policy_and_an_exec_keeps_it() {
    let mut machine = machine("6.1");
    let id = start(&mut machine, "p");
    policy(&mut machine, id, BIND, 0b10);
    let child = machine.fork(id, ForkKind::Fork).unwrap().unwrap();
    machine.exec(child).unwrap();
    let at = map(&mut machine, child, MIB);
    touch(&mut machine, child, at, MIB);
    assert!(line(&mut machine, child, at).starts_with("bind:1 "));
    assert!(line(&mut machine, child, at).contains(" N1=256 "));
}

#[test]
fn shared_memory_has_its_policy_itself() {
    let mut machine = machine("6.1");
    let one = start(&mut machine, "p");
    let at = map_as(&mut machine, one, 4 * PAGE, MapFlags::SHARED);
    mbind(&mut machine, one, (at, 2 * PAGE), BIND, 0b10, NONE).unwrap();
    // Whoever makes the pages.
    let other = machine.fork(one, ForkKind::Fork).unwrap().unwrap();
    touch(&mut machine, other, at, 4 * PAGE);
    assert!(line(&mut machine, other, at).contains(" N1=2 "));
    assert!(line(&mut machine, other, at + 2 * PAGE).contains(" N0=2 "));
}

/// One who is bound to node 1 grows until somebody dies; the larger one is bound to node 0.
fn full_node(machine: &mut Machine) -> [ProcessId; 3] {
    let giant = start(machine, "giant");
    policy(machine, giant, BIND, 0b01);
    let at = map(machine, giant, 100 * MIB);
    touch(machine, giant, at, 100 * MIB);
    let plain = start(machine, "plain");
    call(machine, plain, &Call::RunOn { node: 1 }).unwrap();
    let at = map(machine, plain, 80 * MIB);
    touch(machine, plain, at, 80 * MIB);
    let bound = start(machine, "bound");
    policy(machine, bound, BIND, 0b10);
    let at = map(machine, bound, 128 * MIB);
    touch(machine, bound, at, 128 * MIB);
    [giant, plain, bound]
}

#[test]
fn who_is_bound_elsewhere_is_not_chosen_since_2_6_36() {
    for (era, expected) in [
        // The asker, whoever is larger.
        ("2.6.18", 2),
        ("2.6.32", 2),
        ("2.6.36", 1),
        ("4.4", 1),
        ("5.10", 1),
        ("6.1", 1),
        ("6.12", 1),
    ] {
        let mut machine = machine(era);
        let all = full_node(&mut machine);
        let log = log(&mut machine);
        assert_eq!(dead(&mut machine)[0], all[expected].0, "{era}: {log}");
        if era.starts_with(['5', '6']) {
            let line = "oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=/,";
            assert!(log.contains(line), "{era}: {log}");
            assert!(!log.contains("Node 0 DMA32 free"), "{era}: {log}");
            assert!(log.contains("Node 1 DMA32 free"), "{era}: {log}");
        }
    }
}

#[test]
fn the_report_is_read_back_and_the_choice_agrees() {
    for era in ["5.4", "6.1", "6.12", "6.18"] {
        let release: Release = era.parse().unwrap();
        let mut machine = machine(era);
        full_node(&mut machine);
        let text = machine.log().unwrap();
        let found = klog::reports(&text).remove(0);
        assert_eq!(found.problems, [], "{era}");
        assert_eq!(found.report.unknown_lines().count(), 0, "{era}");
        let explained = rules::explain(&found.report, Some(release));
        let expected = rules::explain::RanOut::MemoryPolicy;
        let same = std::mem::discriminant(&explained.ran_out)
            == std::mem::discriminant(&expected(Some("1".into())));
        assert!(same, "{era}: {:?}", explained.ran_out);
        let choice = explained.choice.unwrap();
        assert_eq!(choice.agrees, Some(true), "{era}: {choice:#?}");
    }
}

#[test]
fn a_full_node_stops_the_machine_only_when_panic_is_compulsory() {
    for (value, panics) in [("1", false), ("2", true)] {
        let mut machine = machine("6.1");
        let setting = Control::Sysctl("vm.panic_on_oom".to_owned());
        machine.control(&setting, value).unwrap().unwrap();
        full_node(&mut machine);
        assert_eq!(machine.panicked().is_some(), panics, "{value}");
    }
}

#[test]
fn preferring_several_nodes_reclaims_nothing() {
    let mut machine = machine("6.1");
    let id = start(&mut machine, "p");
    policy(&mut machine, id, PolicyMode(5), 0b10);
    let at = map(&mut machine, id, 180 * MIB);
    assert_eq!(touch(&mut machine, id, at, 180 * MIB), 180 * MIB / PAGE);
    let text = line(&mut machine, id, at);
    assert!(text.starts_with("prefer (many):1 "), "{text}");
    assert_eq!(value(&mut machine, "vmstat", "allocstall_movable"), 0);
    let free = "sys/devices/system/node/node1/meminfo";
    assert!(value(&mut machine, free, "MemFree") < 8 << 10);
    machine.end(id, End::Exit(0)).unwrap();
    assert!(value(&mut machine, free, "MemFree") > 110 << 10);
}

#[test]
fn a_policy_stays_within_the_cpuset_and_follows_it() {
    let mut machine = machine("6.1");
    let mems = Control::Cgroup { path: "/a".to_owned(), file: "cpuset.mems".to_owned() };
    let setup = Setup {
        swap: Vec::new(),
        cgroups: vec!["/a".to_owned()],
        controls: vec![(mems.clone(), "1".to_owned())],
    };
    machine.setup(&setup).unwrap();
    let spec = ProcessSpec { cgroup: Some("/a".to_owned()), ..ProcessSpec::new("p", 1000) };
    let id = machine.start(&spec).unwrap();
    let set = |nodes| Call::SetMempolicy { mode: BIND, nodes, max_node: 65 };
    assert_eq!(call(&mut machine, id, &set(0b01)), Err(Errno::EINVAL));
    assert_eq!(call(&mut machine, id, &set(0b11)), Ok(0));
    let at = map(&mut machine, id, MIB);
    touch(&mut machine, id, at, MIB);
    assert!(line(&mut machine, id, at).starts_with("bind:1 "));
    machine.control(&mems, "0").unwrap().unwrap();
    assert!(line(&mut machine, id, at).starts_with("bind:0 "));
    let at = map(&mut machine, id, MIB);
    mbind(&mut machine, id, (at, MIB), PolicyMode(1), 0b11, NONE).unwrap();
    touch(&mut machine, id, at, MIB);
    let text = line(&mut machine, id, at);
    assert!(text.starts_with("prefer:0 ") && text.contains(" N0=256 "), "{text}");
}
