use facts::Release;
use rules::layout::Arch;
use rules::watermark::ZoneKind;
use units::ScoreAdj;
use world::{
    Access, Call, Content, Control, End, ForkKind, Limits, MapFlags, ProcessId, ProcessSpec, Prot,
    Touch, World,
};

use super::{Outcome, Request, Scope, decide};
use crate::{Image, Machine, MachineConfig};

const MIB: u64 = 1 << 20;

/// A machine of 1 GiB.
fn machine(release: &str) -> Machine {
    let release: Release = release.parse().unwrap();
    let config = MachineConfig::new(release, Arch::X86_64, 1 << 18, 0);
    Machine::new(config, Image::tiny(release, Arch::X86_64))
}

struct Spec {
    name: &'static str,
    adj: i64,
    uid: u32,
    nice: i8,
}

const PLAIN: Spec = Spec { name: "p", adj: 0, uid: 1000, nice: 0 };

fn start(machine: &mut Machine, spec: &Spec, bytes: u64) -> ProcessId {
    let id = machine
        .start(&ProcessSpec {
            name: spec.name.to_owned(),
            uid: spec.uid,
            nice: spec.nice,
            adj: ScoreAdj::new(spec.adj).unwrap(),
            limits: Limits::default(),
            cgroup: None,
        })
        .unwrap();
    grow(machine, id, bytes);
    id
}

fn grow(machine: &mut Machine, id: ProcessId, bytes: u64) {
    if bytes == 0 {
        return;
    }
    let map = Call::Mmap {
        addr: 0,
        len: bytes,
        prot: Prot::READ.with(Prot::WRITE),
        flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
        fd: -1,
        offset: 0,
    };
    let addr = machine.call(id, &map).unwrap().value.unwrap();
    let access = Access::Write;
    let content = Content::OneByte;
    let touch = Touch { addr, count: bytes / 4096, stride: 4096, access, content };
    machine.touch(id, &touch).unwrap();
}

fn request(asker: ProcessId) -> Request {
    Request {
        gfp: "GFP_HIGHUSER_MOVABLE|__GFP_ZERO",
        order: 0,
        highest_zone: ZoneKind::Normal,
        scope: Scope::Machine,
        asker: Some(Machine::index(asker)),
        sysrq: false,
    }
}

/// Runs out of memory on behalf of a process that lives on if it can.
fn run_out(machine: &mut Machine, asker: ProcessId) -> Outcome {
    decide(&mut machine.parts(), &request(asker))
}

/// Who died, by the place in which they were started.
fn dead(machine: &mut Machine) -> Vec<u32> {
    machine.deaths().unwrap().into_iter().map(|(id, _)| id.0).collect()
}

fn log(machine: &mut Machine) -> String {
    String::from_utf8(machine.log().unwrap()).unwrap()
}

/// One of each era.
const ERAS: &[&str] = &[
    "2.4.22", "2.6.9", "2.6.11", "2.6.18", "2.6.24", "2.6.32", "2.6.36", "2.6.39", "3.2", "3.6",
    "3.10", "3.16", "4.4", "4.6", "4.8", "4.14", "4.18", "4.19", "5.0", "5.4", "5.10", "5.15",
    "5.19", "6.1", "6.8", "6.12", "6.18", "7.1",
];

#[test]
fn the_largest_dies_in_every_era_and_its_memory_is_free() {
    for era in ERAS {
        let mut machine = machine(era);
        let small = start(&mut machine, &PLAIN, 4 * MIB);
        let large = start(&mut machine, &PLAIN, 64 * MIB);
        let free = machine.store.free();
        assert_eq!(run_out(&mut machine, small), Outcome::Killed, "{era}");
        assert_eq!(dead(&mut machine), [large.0], "{era}");
        assert!(machine.store.free() >= free + 64 * MIB / 4096, "{era}");
        assert_eq!(machine.alive(small).unwrap(), None, "{era}");
        // Everybody's death is told once.
        assert_eq!(dead(&mut machine), [] as [u32; 0], "{era}");
    }
}

#[test]
fn the_asker_may_be_the_one_that_dies() {
    for era in ERAS {
        let mut machine = machine(era);
        let small = start(&mut machine, &PLAIN, 4 * MIB);
        let large = start(&mut machine, &PLAIN, 64 * MIB);
        assert_eq!(run_out(&mut machine, large), Outcome::AskerDies, "{era}");
        assert_eq!(dead(&mut machine), [large.0], "{era}");
        assert_eq!(machine.alive(small).unwrap(), None, "{era}");
    }
}

#[test]
fn equals_die_in_the_order_of_the_release() {
    for (era, order) in [
        ("2.4.22", [0, 1, 2]),
        ("2.6.32", [0, 1, 2]),
        ("3.13", [0, 1, 2]),
        ("4.6", [0, 1, 2]),
        ("4.7", [2, 1, 0]),
        ("4.9", [0, 1, 2]),
        ("5.2", [0, 1, 2]),
        ("5.3", [2, 1, 0]),
        // Measured: three equal children were killed newest first.
        ("6.1", [2, 1, 0]),
    ] {
        let mut machine = machine(era);
        for _ in 0..3 {
            start(&mut machine, &PLAIN, 20 * MIB);
        }
        let asker = start(&mut machine, &PLAIN, 0);
        let mut died = Vec::new();
        for _ in 0..3 {
            assert_eq!(run_out(&mut machine, asker), Outcome::Killed, "{era}");
            died.extend(dead(&mut machine));
        }
        assert_eq!(died, order, "{era}");
    }
}

#[test]
fn a_child_dies_in_its_parents_place_up_to_5_0() {
    for (era, victim) in [
        ("2.4.22", 0),
        ("2.6.10", 0),
        ("2.6.11", 2),
        ("2.6.32", 2),
        ("2.6.36", 3),
        ("3.10", 3),
        ("5.0", 3),
        ("5.1", 0),
        ("6.1", 0),
    ] {
        let mut machine = machine(era);
        let parent = start(&mut machine, &PLAIN, 0);
        let asker = start(&mut machine, &PLAIN, 0);
        let small = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
        let large = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
        grow(&mut machine, small, 2 * MIB);
        grow(&mut machine, large, 4 * MIB);
        grow(&mut machine, parent, 64 * MIB);
        run_out(&mut machine, asker);
        assert_eq!(dead(&mut machine), [victim], "{era}");
    }
}

#[test]
fn a_disabled_child_does_not_die_for_its_parent() {
    for (era, spared) in
        [("2.6.18", false), ("2.6.20", true), ("2.6.32", true), ("3.10", true), ("5.0", true)]
    {
        let mut machine = machine(era);
        let parent = start(&mut machine, &Spec { uid: 0, ..PLAIN }, 0);
        let asker = start(&mut machine, &PLAIN, 0);
        let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
        machine.call(child, &Call::SetOomScoreAdj { adj: -1000 }).unwrap().value.unwrap();
        grow(&mut machine, parent, 64 * MIB);
        run_out(&mut machine, asker);
        let expected = if spared { parent } else { child };
        assert_eq!(dead(&mut machine), [expected.0], "{era}");
    }
}

#[test]
fn who_shares_the_memory_dies_lives_and_dies_again() {
    for (era, both) in
        [("2.6.31", true), ("2.6.32", false), ("2.6.37", true), ("4.4", true), ("6.1", true)]
    {
        let mut machine = machine(era);
        let parent = start(&mut machine, &PLAIN, 64 * MIB);
        let asker = start(&mut machine, &PLAIN, 0);
        let child = machine.fork(parent, ForkKind::Vfork).unwrap().unwrap();
        let free = machine.store.free();
        run_out(&mut machine, asker);
        let expected = if both { vec![parent.0, child.0] } else { vec![parent.0] };
        let mut died = dead(&mut machine);
        died.sort_unstable();
        assert_eq!(died, expected, "{era}");
        assert_eq!(machine.store.free() > free, both, "{era}: memory is free with its last user");
    }
}

#[test]
fn a_disabled_sharer_lives_from_3_1_to_4_7() {
    for (era, dies) in
        [("3.0", None), ("3.1", Some(false)), ("4.7", Some(false)), ("4.8", Some(true))]
    {
        let mut machine = machine(era);
        let parent = start(&mut machine, &Spec { uid: 0, ..PLAIN }, 64 * MIB);
        let asker = start(&mut machine, &PLAIN, 4 * MIB);
        let child = machine.fork(parent, ForkKind::Vfork).unwrap().unwrap();
        machine.call(child, &Call::SetOomScoreAdj { adj: -1000 }).unwrap().value.unwrap();
        run_out(&mut machine, asker);
        let died = dead(&mut machine);
        match dies {
            // It even protects its parent.
            None => assert_eq!(died, [asker.0], "{era}"),
            Some(goes) => {
                assert!(died.contains(&parent.0), "{era}");
                assert_eq!(died.contains(&child.0), goes, "{era}");
            }
        }
    }
}

#[test]
fn a_child_of_vfork_is_not_chosen_since_4_8() {
    for (era, victim) in [("4.7", "child"), ("4.8", "asker")] {
        let mut machine = machine(era);
        let parent = start(&mut machine, &Spec { uid: 0, ..PLAIN }, 64 * MIB);
        let asker = start(&mut machine, &PLAIN, 4 * MIB);
        let child = machine.fork(parent, ForkKind::Vfork).unwrap().unwrap();
        machine.call(parent, &Call::SetOomScoreAdj { adj: -1000 }).unwrap().value.unwrap();
        run_out(&mut machine, asker);
        let expected = if victim == "child" { child.0 } else { asker.0 };
        assert_eq!(dead(&mut machine), [expected], "{era}");
    }
}

#[test]
fn a_written_adjustment_is_that_of_all_who_share_the_memory_since_4_8() {
    for (era, ours) in [("4.7", 0), ("4.8", 0)] {
        // A child of vfork keeps its own.
        let mut machine = machine(era);
        let parent = start(&mut machine, &PLAIN, MIB);
        let child = machine.fork(parent, ForkKind::Vfork).unwrap().unwrap();
        machine.call(parent, &Call::SetOomScoreAdj { adj: 300 }).unwrap().value.unwrap();
        let adj = machine.process(child).unwrap().adj.get();
        assert_eq!(adj, ours, "{era}");
    }
}

#[test]
fn nobody_to_kill_stops_the_machine_and_says_so() {
    for era in ["2.6.32", "4.4", "4.18", "4.19", "6.1"] {
        let mut machine = machine(era);
        let only = start(&mut machine, &Spec { adj: -1000, ..PLAIN }, 64 * MIB);
        assert_eq!(run_out(&mut machine, only), Outcome::Panic, "{era}");
        let refused = machine.call(only, &Call::Munlockall).unwrap_err().to_string();
        assert!(refused.contains("the kernel has panicked"), "{era}: {refused}");
        assert!(machine.sleep(1).is_err() && machine.fork(only, ForkKind::Fork).is_err());
        let log = log(&mut machine);
        assert!(log.contains("Kernel panic - not syncing: "), "{era}: {log}");
        assert!(log.contains("Out of memory and no killable processes..."), "{era}: {log}");
        let deadlocked = era.parse::<Release>().unwrap() >= Release::new(4, 19);
        assert_eq!(log.contains("System is deadlocked on memory"), deadlocked, "{era}: {log}");
        assert_eq!(dead(&mut machine), [] as [u32; 0]);
    }
}

#[test]
fn panic_on_oom_spares_requests_that_something_else_bounds_unless_it_is_2() {
    for (level, scope, panics) in [
        ("0", Scope::Machine, false),
        ("1", Scope::Machine, true),
        ("1", Scope::Mempolicy(vec![0]), false),
        ("2", Scope::Mempolicy(vec![0]), true),
        ("2", Scope::Machine, true),
    ] {
        let mut machine = machine("6.1");
        let process = start(&mut machine, &PLAIN, MIB);
        let control = Control::Sysctl("vm.panic_on_oom".to_owned());
        machine.control(&control, level).unwrap().unwrap();
        let request = Request { scope: scope.clone(), ..request(process) };
        let outcome = decide(&mut machine.parts(), &request);
        assert_eq!(outcome == Outcome::Panic, panics, "{level} {scope:?}");
    }
}

#[test]
fn settings_are_refused_as_the_kernel_refuses_them() {
    let mut modern = machine("6.1");
    let set = |machine: &mut Machine, name: &str, value: &str| {
        machine.control(&Control::Sysctl(format!("vm.{name}")), value).unwrap().is_ok()
    };
    assert!(!set(&mut modern, "panic_on_oom", "3"));
    assert!(!set(&mut modern, "panic_on_oom", "yes"));
    assert!(set(&mut modern, "oom_kill_allocating_task", "1"));
    assert!(!set(&mut machine("2.6.23"), "oom_kill_allocating_task", "1"));
    assert!(set(&mut machine("2.6.18"), "panic_on_oom", "1"));
    assert!(!set(&mut machine("2.6.17"), "panic_on_oom", "1"));
}

#[test]
fn whoever_asks_dies_if_the_machine_is_set_so() {
    for (era, asker_dies) in [("2.6.23", false), ("2.6.24", true), ("6.1", true)] {
        let mut machine = machine(era);
        let large = start(&mut machine, &PLAIN, 64 * MIB);
        let asker = start(&mut machine, &PLAIN, MIB);
        machine.store.oom.kill_allocating_task = true;
        run_out(&mut machine, asker);
        let expected = if asker_dies { asker.0 } else { large.0 };
        assert_eq!(dead(&mut machine), [expected], "{era}");
    }
}

#[test]
fn whoever_asks_for_its_own_nodes_died_without_a_choice() {
    for (era, scope, asker_dies) in [
        ("2.6.18", Scope::Mempolicy(vec![0]), true),
        ("2.6.35", Scope::Mempolicy(vec![0]), true),
        ("2.6.36", Scope::Mempolicy(vec![0]), false),
        ("2.6.18", Scope::Cpuset(vec![0]), true),
        ("2.6.24", Scope::Cpuset(vec![0]), false),
    ] {
        let mut machine = machine(era);
        let large = start(&mut machine, &PLAIN, 64 * MIB);
        let asker = start(&mut machine, &PLAIN, MIB);
        let request = Request { scope: scope.clone(), ..request(asker) };
        decide(&mut machine.parts(), &request);
        let expected = if asker_dies { asker.0 } else { large.0 };
        assert_eq!(dead(&mut machine), [expected], "{era} {scope:?}");
    }
}

#[test]
fn a_person_may_ask_and_nobody_panics_for_that() {
    for era in ["3.10", "4.3", "6.1"] {
        let mut machine = machine(era);
        let large = start(&mut machine, &PLAIN, 64 * MIB);
        machine.control(&Control::SysRq, "f").unwrap().unwrap();
        assert_eq!(dead(&mut machine), [large.0], "{era}");
        let log = log(&mut machine);
        let order = if era == "3.10" { "order=0" } else { "order=-1" };
        assert!(log.contains("Manual OOM execution") && log.contains(order), "{era}: {log}");
    }
    let mut machine = machine("6.1");
    start(&mut machine, &Spec { adj: -1000, ..PLAIN }, MIB);
    machine.control(&Control::SysRq, "f").unwrap().unwrap();
    assert_eq!(machine.halted(), None);
    assert!(log(&mut machine).contains("OOM request ignored. No task eligible"));
}

#[test]
fn the_reaper_takes_the_memory_of_a_victim_that_cannot_be_woken() {
    for (era, seconds) in [("4.6", 0), ("5.10", 0), ("5.18", 2), ("6.12", 2)] {
        let mut machine = machine(era);
        let victim = start(&mut machine, &PLAIN, 64 * MIB);
        let asker = start(&mut machine, &PLAIN, MIB);
        machine.set_stuck(victim, true).unwrap();
        let free = machine.store.free();
        run_out(&mut machine, asker);
        // It is still there, and where the reaper waits, so is its memory.
        assert_eq!(machine.alive(victim).unwrap(), None, "{era}");
        assert_eq!(machine.store.free() > free, seconds == 0, "{era}");
        // Whoever asks again waits for the reaper, and kills nobody else.
        let before = machine.store.clock;
        if seconds > 0 {
            run_out(&mut machine, asker);
        }
        assert_eq!(machine.store.clock - before, seconds * 1_000_000_000, "{era}");
        assert!(machine.store.free() >= free + 64 * MIB / 4096, "{era}");
        assert_eq!(machine.alive(asker).unwrap(), None, "{era}");
        let log = log(&mut machine);
        // Since 6.2 the processor keeps what is less than a batch: of the last mapping that was taken,
        // the page that the counter still has.
        let left = if seconds == 2 && era != "5.18" { 4 } else { 0 };
        let line = format!("oom_reaper: reaped process 1000 (p), now anon-rss:{left}kB, file-rss:");
        assert!(log.contains(&line), "{era}: {log}");
        // The next one that runs out kills another.
        assert_eq!(run_out(&mut machine, asker), Outcome::AskerDies, "{era}");
        // Woken, the victim goes.
        machine.set_stuck(victim, false).unwrap();
        assert_eq!(machine.alive(victim).unwrap(), Some(End::Signal(9)), "{era}");
        assert_eq!(dead(&mut machine), [asker.0, victim.0], "{era}");
    }
}

#[test]
fn the_reaper_comes_by_itself_when_its_time_has_come() {
    let mut machine = machine("6.1");
    let victim = start(&mut machine, &PLAIN, 64 * MIB);
    let asker = start(&mut machine, &PLAIN, MIB);
    machine.set_stuck(victim, true).unwrap();
    run_out(&mut machine, asker);
    let free = machine.store.free();
    machine.sleep(1_999_999_999).unwrap();
    assert_eq!(machine.store.free(), free);
    machine.sleep(1).unwrap();
    assert!(machine.store.free() > free);
}

#[test]
fn without_a_reaper_all_wait_for_the_victim() {
    let mut machine = machine("4.4");
    let victim = start(&mut machine, &PLAIN, 64 * MIB);
    let asker = start(&mut machine, &PLAIN, MIB);
    machine.set_stuck(victim, true).unwrap();
    run_out(&mut machine, asker);
    assert_eq!(machine.alive(victim).unwrap(), None);
    assert_eq!(run_out(&mut machine, asker), Outcome::Panic);
    let halted = machine.halted().unwrap();
    assert!(halted.contains("waits for the victim 1000 (p)"), "{halted}");
}

#[test]
fn before_2_6_11_a_victim_that_has_not_gone_is_passed_over() {
    let mut machine = machine("2.6.9");
    let victim = start(&mut machine, &PLAIN, 64 * MIB);
    let other = start(&mut machine, &PLAIN, MIB);
    machine.set_stuck(victim, true).unwrap();
    run_out(&mut machine, other);
    assert_eq!(run_out(&mut machine, other), Outcome::AskerDies);
}

#[test]
fn old_kernels_wait_a_second_and_then_five_between_kills() {
    let mut machine = machine("2.6.9");
    for _ in 0..3 {
        start(&mut machine, &PLAIN, 8 * MIB);
    }
    let asker = start(&mut machine, &PLAIN, 0);
    let mut at = Vec::new();
    for _ in 0..3 {
        run_out(&mut machine, asker);
        at.push(machine.store.clock / 1_000_000_000);
    }
    assert_eq!(at, [1, 6, 11]);
}

#[test]
fn a_privileged_victim_gets_sigterm_up_to_2_6_10() {
    for (era, signal) in [("2.4.22", 15), ("2.6.10", 15), ("2.6.11", 9)] {
        let mut machine = machine(era);
        let root = start(&mut machine, &Spec { uid: 0, ..PLAIN }, 256 * MIB);
        let asker = start(&mut machine, &PLAIN, 0);
        run_out(&mut machine, asker);
        assert_eq!(machine.deaths().unwrap(), [(root, End::Signal(signal))], "{era}");
    }
}

#[test]
fn the_killer_of_android_takes_the_highest_adjustment_and_of_those_the_largest() {
    let mut machine = machine("3.10");
    let files = "module/lowmemorykiller/parameters/";
    let set = |machine: &mut Machine, file: &str, value: &str| {
        machine.control(&Control::Sys(format!("{files}{file}")), value).unwrap().unwrap();
    };
    set(&mut machine, "minfree", "1536,2048,4096,16384");
    set(&mut machine, "adj", "0,100,300,900");
    let front = start(&mut machine, &PLAIN, 64 * MIB);
    let cached = start(&mut machine, &Spec { adj: 900, ..PLAIN }, 2 * MIB);
    let larger = start(&mut machine, &Spec { adj: 900, ..PLAIN }, 4 * MIB);
    let pressure = |free| rules::killer::Pressure { free, file: 100, ..Default::default() };
    let shrink = |machine: &mut Machine, free| {
        super::lowmemory_shrink(&mut machine.parts(), &pressure(free), None)
    };
    assert_eq!(shrink(&mut machine, 16_384), Outcome::Nothing);
    assert_eq!(shrink(&mut machine, 16_383), Outcome::Killed);
    assert_eq!(dead(&mut machine), [larger.0]);
    assert_eq!(shrink(&mut machine, 5000), Outcome::Killed);
    assert_eq!(dead(&mut machine), [cached.0]);
    // Whom the level does not reach lives on.
    assert_eq!(shrink(&mut machine, 3000), Outcome::Nothing);
    assert_eq!(shrink(&mut machine, 1000), Outcome::Killed);
    assert_eq!(dead(&mut machine), [front.0]);
    let log = log(&mut machine);
    assert!(log.contains("send sigkill to 1002 (p), adj 900, size "), "{log}");
}

/// The published order of two processes: the first is to die.
fn first_to_die(era: &str, make: impl Fn(&mut Machine) -> [ProcessId; 2]) -> bool {
    let mut machine = machine(era);
    let [first, _] = make(&mut machine);
    let asker = start(&mut machine, &Spec { adj: -1000, ..PLAIN }, 0);
    run_out(&mut machine, asker);
    dead(&mut machine) == [first.0]
}

#[test]
fn the_published_criteria_of_the_points_era_order_two_processes() {
    for era in ["2.4.22", "2.6.11", "2.6.18", "2.6.32"] {
        // The address space is the base, touched or not.
        assert!(first_to_die(era, |machine| {
            let mapped = start(machine, &PLAIN, 0);
            let len = 128 * MIB;
            let map = Call::Mmap {
                addr: 0,
                len,
                prot: Prot::READ,
                flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
                fd: -1,
                offset: 0,
            };
            machine.call(mapped, &map).unwrap().value.unwrap();
            [mapped, start(machine, &PLAIN, 64 * MIB)]
        }));
        // Niceness adds, privilege and age lower.
        assert!(first_to_die(era, |machine| {
            let other = start(machine, &PLAIN, 48 * MIB);
            [start(machine, &Spec { nice: 5, ..PLAIN }, 32 * MIB), other]
        }));
        assert!(first_to_die(era, |machine| {
            let root = start(machine, &Spec { uid: 0, ..PLAIN }, 64 * MIB);
            [start(machine, &PLAIN, 32 * MIB), root]
        }));
        assert!(first_to_die(era, |machine| {
            let old = start(machine, &PLAIN, 64 * MIB);
            machine.sleep(40 * 86_400 * 1_000_000_000).unwrap();
            [start(machine, &PLAIN, 32 * MIB), old]
        }));
    }
    // Children add to their parent, who is chosen; the oldest child dies.
    assert!(first_to_die("2.6.18", |machine| {
        let other = start(machine, &PLAIN, 48 * MIB);
        let parent = start(machine, &PLAIN, 8 * MIB);
        let first = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
        for _ in 0..3 {
            let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
            grow(machine, child, 32 * MIB);
        }
        [first, other]
    }));
}

#[test]
fn the_rewrite_scores_the_share_of_memory_less_30_for_root_plus_the_adjustment() {
    // The whole of memory is 1000, nothing is 1.
    let mut machine = machine("2.6.36");
    let score = |machine: &mut Machine, id: ProcessId| {
        let text = machine.observe(id).unwrap().oom_score.unwrap();
        String::from_utf8(text).unwrap().trim().parse::<u64>().unwrap()
    };
    // A MiB more than half and an eighth, of which less than a thousandth is not counted yet.
    let half = start(&mut machine, &PLAIN, 513 * MIB);
    let root = start(&mut machine, &Spec { uid: 0, ..PLAIN }, 129 * MIB);
    let nothing = start(&mut machine, &PLAIN, 0);
    let disabled = start(&mut machine, &Spec { adj: -1000, ..PLAIN }, 64 * MIB);
    let target = start(&mut machine, &Spec { adj: 1000, ..PLAIN }, 0);
    assert_eq!(score(&mut machine, half), 500);
    assert_eq!(score(&mut machine, root), 125 - 30);
    assert_eq!(score(&mut machine, nothing), 1);
    assert_eq!(score(&mut machine, disabled), 0);
    assert_eq!(score(&mut machine, target), 1000);
}

#[test]
fn oom_score_is_what_was_measured_on_6_1() {
    // MemTotal 481296 kB, a process of next to nothing.
    let release: Release = "6.1".parse().unwrap();
    let config = MachineConfig::new(release, Arch::X86_64, 481_296 / 4, 0);
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    for (adj, expected) in [
        (-1000, 0),
        (-999, 4),
        (-500, 335),
        (0, 667),
        (1, 668),
        (100, 734),
        (500, 1000),
        (999, 1331),
        (1000, 1332),
    ] {
        let id = start(&mut machine, &Spec { adj, ..PLAIN }, 160 * 4096);
        // What the task has counted goes to the address space when something is unmapped.
        machine.call(id, &Call::Munmap { addr: 0x40_1000, len: 4096 }).unwrap().value.unwrap();
        let text = machine.observe(id).unwrap().oom_score.unwrap();
        assert_eq!(String::from_utf8(text).unwrap().trim(), expected.to_string(), "{adj}");
    }
}

/// Two nodes of 128 MiB, the first with both zones.
fn two_nodes(release: &str) -> Machine {
    let release: Release = release.parse().unwrap();
    let zone = |node, kind, pages| crate::ZoneProfile {
        node,
        kind,
        spanned: pages + 100,
        present: pages + 100,
        managed_at_init: pages,
        managed: pages,
        free: pages - 500,
        pcp: 0,
    };
    let zones = vec![
        zone(0, ZoneKind::Dma, 3900),
        zone(0, ZoneKind::Dma32, 28_000),
        zone(1, ZoneKind::Dma32, 32_000),
    ];
    let profile = crate::Profile { zones, ..crate::Profile::default() };
    let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    Machine::new(config, Image::tiny(release, Arch::X86_64))
}

#[test]
fn what_bounded_the_request_is_read_back_from_the_log_and_the_choice_with_it() {
    use rules::explain::RanOut;
    for era in ERAS {
        let release: Release = era.parse().unwrap();
        if release < Release::old(2, 6, 36) {
            continue;
        }
        for scope in [Scope::Machine, Scope::Cpuset(vec![1]), Scope::Mempolicy(vec![0])] {
            let mut machine = two_nodes(era);
            // The adjustment tells by which total points are measured: with all of RAM the first
            // would die, with that of one node it is the second.
            let adjusted = start(&mut machine, &Spec { adj: 200, ..PLAIN }, 8 * MIB);
            let plain = start(&mut machine, &PLAIN, 48 * MIB);
            let asker = start(&mut machine, &PLAIN, 0);
            let request = Request { scope: scope.clone(), ..request(asker) };
            assert_eq!(decide(&mut machine.parts(), &request), Outcome::Killed, "{era}");
            let expected = if scope == Scope::Machine { adjusted } else { plain };
            assert_eq!(dead(&mut machine), [expected.0], "{era} {scope:?}");
            let text = machine.log().unwrap();
            let log = String::from_utf8_lossy(&text).into_owned();
            let found = klog::reports(&text).remove(0);
            assert_eq!(found.problems, [], "{era} {scope:?}: {log}");
            assert_eq!(found.report.unknown_lines().count(), 0, "{era} {scope:?}: {log}");
            let explained = rules::explain(&found.report, Some(release));
            // The text names the bounds since 5.0, and cpusets in a line of their own before.
            if release >= Release::new(5, 0) {
                let said = match &explained.ran_out {
                    RanOut::Machine => Scope::Machine,
                    RanOut::Cpuset(nodes)
                        if nodes.as_ref().is_some_and(|n| n.as_bytes() == b"1") =>
                    {
                        Scope::Cpuset(vec![1])
                    }
                    RanOut::MemoryPolicy(_) => Scope::Mempolicy(vec![0]),
                    other => panic!("{era}: {other:?}"),
                };
                assert_eq!(said, scope, "{era}");
                let choice = explained.choice.as_ref().unwrap();
                assert_eq!(choice.agrees, Some(true), "{era} {scope:?}: {choice:#?}\n{log}");
            }
        }
    }
}
