//! The machine runs out of memory, and its log is read back by what reads real logs.

mod common;

use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::explain::{Event, RanOut};
use rules::layout::Arch;
use units::ScoreAdj;
use world::{Access, Content, Control, End, ForkKind, ProcessId, ProcessSpec, Touch, World};

use common::{call, mmap, spec};

const MIB: u64 = 1 << 20;

const ERAS: &[&str] = &[
    "2.6.9", "2.6.11", "2.6.12", "2.6.14", "2.6.16", "2.6.18", "2.6.19", "2.6.21", "2.6.24",
    "2.6.25", "2.6.27", "2.6.28", "2.6.29", "2.6.32", "2.6.33", "2.6.35", "2.6.36", "2.6.37",
    "2.6.39", "3.2", "3.6", "3.8", "3.10", "3.13", "3.16", "3.19", "4.1", "4.2", "4.4", "4.5",
    "4.6", "4.8", "4.9", "4.12", "4.14", "4.15", "4.18", "4.19", "5.0", "5.1", "5.3", "5.4", "5.8",
    "5.9", "5.11", "5.15", "5.19", "6.1", "6.6", "6.8", "6.12", "6.15", "6.18", "6.19", "7.1",
];

fn machine(release: &str, arch: Arch, mib: u64) -> Machine {
    let release: Release = release.parse().unwrap();
    let mut config = MachineConfig::with_memory(release, arch, Profile::of(release, arch, mib));
    config.overcommit = facts::OvercommitMode::Always;
    Machine::new(config, Image::tiny(release, arch))
}

fn start(machine: &mut Machine, name: &str, adj: i64, uid: u32, bytes: u64) -> ProcessId {
    let spec = ProcessSpec { name: name.to_owned(), adj: ScoreAdj::new(adj).unwrap(), ..spec(uid) };
    let id = machine.start(&spec).unwrap();
    if bytes > 0 {
        let addr = call(machine, id, &mmap(bytes)).unwrap();
        fill(machine, id, addr, bytes);
    }
    id
}

fn fill(machine: &mut Machine, id: ProcessId, addr: u64, bytes: u64) -> u64 {
    let touch = Touch {
        addr,
        count: bytes / 4096,
        stride: 4096,
        access: Access::Write,
        content: Content::OneByte,
    };
    machine.touch(id, &touch).unwrap().done
}

/// A process that grows until something stops it.
fn hog(machine: &mut Machine, name: &str) -> (ProcessId, u64) {
    let id = start(machine, name, 0, 1000, 0);
    let addr = call(machine, id, &mmap(1 << 30)).unwrap();
    let done = fill(machine, id, addr, 1 << 30);
    (id, done)
}

/// Everything that the readers of real logs have to say of the only report.
fn read(machine: &mut Machine, era: &str) -> rules::explain::ExplainReport {
    let log = machine.log().unwrap();
    let text = String::from_utf8_lossy(&log).into_owned();
    let found = klog::reports(&log);
    assert_eq!(found.len(), 1, "{era}:\n{text}");
    let found = &found[0];
    assert_eq!(found.problems, [], "{era}:\n{text}");
    assert_eq!(found.report.unknown_lines().count(), 0, "{era}:\n{text}");
    assert_eq!(found.report.lines.len(), text.lines().count(), "{era}:\n{text}");
    rules::explain(&found.report, Some(era.parse().unwrap()))
}

/// The kernel chose whom its formula says, and printed the score that the formula gives.
fn agrees(explained: &rules::explain::ExplainReport, era: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let release: Release = era.parse().unwrap();
    if release < Release::old(2, 6, 36) {
        return;
    }
    let choice = explained.choice.as_ref().unwrap();
    assert_eq!(choice.agrees, Some(true), "{era}: {choice:#?}\n{text}");
    assert!(choice.doubts.is_empty() && choice.kernel_fault.is_none(), "{era}: {choice:#?}");
    if let Some(logged) = choice.logged_score {
        let (least, most) = choice.computed_score.unwrap();
        assert!((least..=most).contains(&logged), "{era}: {logged} in {least}..={most}\n{text}");
    }
}

#[test]
fn every_release_kills_the_hog_and_explain_agrees() {
    for era in ERAS {
        let mut machine = machine(era, Arch::X86_64, 256);
        let small = start(&mut machine, "small", 0, 0, 8 * MIB);
        let shy = start(&mut machine, "shy one", -500, 1001, 16 * MIB);
        let never = start(&mut machine, "never", -1000, 1002, 12 * MIB);
        let (hog, done) = hog(&mut machine, "hog");
        assert_eq!(machine.deaths().unwrap(), [(hog, End::Signal(9))], "{era}");
        assert!(done * 4096 > 100 * MIB, "{era}: {done} pages");
        for other in [small, shy, never] {
            assert_eq!(machine.alive(other).unwrap(), None, "{era}");
        }
        let log = machine.log().unwrap();
        let explained = read(&mut machine, era);
        assert_eq!(explained.event, Event::Kill, "{era}");
        assert_eq!(explained.ran_out, RanOut::Machine, "{era}");
        assert_eq!(explained.victims[0].pid.map(units::Pid::get), Some(1003), "{era}");
        agrees(&explained, era, &log);
    }
}

#[test]
fn a_protected_giant_lives_and_explain_agrees() {
    for era in ["3.2", "3.10", "4.4", "4.14", "4.19", "5.4", "5.15", "6.1", "6.12", "7.1"] {
        let mut machine = machine(era, Arch::X86_64, 256);
        let giant = start(&mut machine, "giant", -1000, 0, 100 * MIB);
        let middle = start(&mut machine, "middle", 300, 1000, 20 * MIB);
        let (hog, _) = hog(&mut machine, "hog");
        let deaths = machine.deaths().unwrap();
        assert!(deaths.iter().any(|(id, _)| *id == middle), "{era}: {deaths:?}");
        assert!(deaths.iter().any(|(id, _)| *id == hog), "{era}: {deaths:?}");
        assert_eq!(machine.alive(giant).unwrap(), None, "{era}");
        let log = machine.log().unwrap();
        let reports = klog::reports(&log);
        assert_eq!(reports.len(), deaths.len(), "{era}");
        for found in &reports {
            assert_eq!(found.problems, [], "{era}");
            agrees(&rules::explain(&found.report, Some(era.parse().unwrap())), era, &log);
        }
    }
}

#[test]
fn a_sacrificed_child_is_explained_as_one() {
    let mut machine = machine("4.4", Arch::X86_64, 256);
    let parent = start(&mut machine, "parent", 0, 1000, 0);
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    let addr = call(&mut machine, parent, &mmap(1 << 30)).unwrap();
    fill(&mut machine, parent, addr, 1 << 30);
    let deaths = machine.deaths().unwrap();
    assert_eq!(deaths[0], (child, End::Signal(9)));
    assert_eq!(deaths[1], (parent, End::Signal(9)));
    let log = machine.log().unwrap();
    let reports = klog::reports(&log);
    let first = rules::explain(&reports[0].report, Some("4.4".parse().unwrap()));
    let instead_of = first.victims[0].instead_of.as_ref().unwrap();
    assert_eq!(instead_of.pid.map(units::Pid::get), Some(1000));
}

#[test]
fn a_panic_is_read_back() {
    for era in ["2.6.24", "2.6.32", "3.10", "4.4", "4.19", "6.1"] {
        let mut machine = machine(era, Arch::X86_64, 256);
        let control = Control::Sysctl("vm.panic_on_oom".to_owned());
        machine.control(&control, "1").unwrap().unwrap();
        let id = start(&mut machine, "p", 0, 1000, 0);
        let addr = call(&mut machine, id, &mmap(1 << 30)).unwrap();
        fill(&mut machine, id, addr, 1 << 30);
        assert!(machine.halted().is_some(), "{era}");
        assert!(machine.deaths().unwrap().is_empty(), "{era}");
        let explained = read(&mut machine, era);
        assert_eq!(explained.event, Event::Panic, "{era}");
    }
}

#[test]
fn nobody_to_kill_is_read_back() {
    for era in ["2.6.32", "3.10", "4.4", "4.19", "6.1", "7.1"] {
        let mut machine = machine(era, Arch::X86_64, 256);
        let id = start(&mut machine, "p", -1000, 1000, 0);
        let addr = call(&mut machine, id, &mmap(1 << 30)).unwrap();
        fill(&mut machine, id, addr, 1 << 30);
        assert!(machine.halted().is_some(), "{era}");
        let explained = read(&mut machine, era);
        assert_eq!(explained.event, Event::Panic, "{era}");
    }
}

#[test]
fn a_manual_kill_is_read_back_as_one() {
    for era in ["2.6.32", "3.10", "4.4", "5.4", "6.1", "6.12"] {
        let mut machine = machine(era, Arch::X86_64, 256);
        start(&mut machine, "p", 0, 1000, 16 * MIB);
        machine.control(&Control::SysRq, "f").unwrap().unwrap();
        let explained = read(&mut machine, era);
        assert_eq!(explained.ran_out, RanOut::Nothing, "{era}");
        assert_eq!(explained.event, Event::Kill, "{era}");
    }
}

#[test]
fn kernels_of_32_bits_print_their_zones() {
    for era in ["2.6.18", "3.6.11", "6.1"] {
        let mut machine = machine(era, Arch::I386, 1024);
        let id = start(&mut machine, "hog", 0, 1000, 0);
        let addr = call(&mut machine, id, &mmap(1 << 30)).unwrap();
        fill(&mut machine, id, addr, 1 << 30);
        assert_eq!(machine.deaths().unwrap().len(), 1, "{era}");
        let log = machine.log().unwrap();
        let explained = read(&mut machine, era);
        agrees(&explained, era, &log);
        let zones: Vec<_> =
            explained.zones.iter().map(|zone| zone.zone.escaped().into_owned()).collect();
        assert_eq!(zones, ["DMA", "Normal", "HighMem"], "{era}");
    }
}

#[test]
fn a_full_cgroup_kills_its_own_and_explain_agrees() {
    for era in ERAS {
        let release: Release = era.parse().unwrap();
        if release < Release::old(2, 6, 25) {
            // There are no memory cgroups.
            continue;
        }
        for version in [facts::CgroupVersion::V1, facts::CgroupVersion::V2] {
            if version == facts::CgroupVersion::V2 && release < Release::new(4, 5) {
                continue;
            }
            let mut config = MachineConfig::with_memory(
                release,
                Arch::X86_64,
                Profile::of(release, Arch::X86_64, 256),
            );
            config.overcommit = facts::OvercommitMode::Always;
            config.cgroups = version;
            let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
            let cgroups = vec!["/work".to_owned(), "/work/front".to_owned()];
            machine.setup(&world::Setup { cgroups, ..world::Setup::default() }).unwrap();
            let file = match version {
                facts::CgroupVersion::V1 => "memory.limit_in_bytes",
                facts::CgroupVersion::V2 => "memory.max",
            };
            let control = Control::Cgroup { path: "/work".to_owned(), file: file.to_owned() };
            machine.control(&control, "40M").unwrap().unwrap();
            // A larger one elsewhere is none of the cgroup's business.
            start(&mut machine, "outside", 0, 1000, 80 * MIB);
            let mut within = |name: &str, cgroup: &str, adj: i64, bytes: u64| {
                let spec = ProcessSpec {
                    name: name.to_owned(),
                    adj: ScoreAdj::new(adj).unwrap(),
                    cgroup: Some(cgroup.to_owned()),
                    ..spec(1000)
                };
                let id = machine.start(&spec).unwrap();
                let addr = call(&mut machine, id, &mmap(bytes)).unwrap();
                fill(&mut machine, id, addr, bytes);
                id
            };
            within("shy", "/work", -500, 8 * MIB);
            let hog = within("hog", "/work/front", 0, 64 * MIB);
            let tag = format!("{era} {version:?}");
            assert_eq!(machine.deaths().unwrap(), [(hog, End::Signal(9))], "{tag}");
            let log = machine.log().unwrap();
            let explained = read(&mut machine, era);
            match &explained.ran_out {
                RanOut::Cgroup(path) => {
                    // Its name is printed since 2.6.30.
                    if release >= Release::old(2, 6, 30) {
                        assert_eq!(path.as_ref().unwrap().as_bytes(), b"/work", "{tag}");
                    }
                }
                other => panic!("{tag}: {other:?}\n{}", String::from_utf8_lossy(&log)),
            }
            agrees(&explained, era, &log);
        }
    }
}

#[test]
fn a_group_that_dies_as_a_whole_is_explained_as_one() {
    for era in ["4.19", "5.4", "6.1", "6.12", "7.1"] {
        let release: Release = era.parse().unwrap();
        let profile = Profile::of(release, Arch::X86_64, 256);
        let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        config.overcommit = facts::OvercommitMode::Always;
        config.cgroups = facts::CgroupVersion::V2;
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let cgroups = vec!["/pod".to_owned()];
        machine.setup(&world::Setup { cgroups, ..world::Setup::default() }).unwrap();
        for (file, value) in [("memory.max", "40M"), ("memory.oom.group", "1")] {
            let control = Control::Cgroup { path: "/pod".to_owned(), file: file.to_owned() };
            machine.control(&control, value).unwrap().unwrap();
        }
        let mut ids = Vec::new();
        for (name, adj, bytes) in
            [("small", 0, MIB), ("never", -1000, MIB), ("other", 0, 2 * MIB), ("hog", 0, 64 * MIB)]
        {
            let spec = ProcessSpec {
                name: name.to_owned(),
                adj: ScoreAdj::new(adj).unwrap(),
                cgroup: Some("/pod".to_owned()),
                ..spec(0)
            };
            let id = machine.start(&spec).unwrap();
            let addr = call(&mut machine, id, &mmap(bytes)).unwrap();
            fill(&mut machine, id, addr, bytes);
            ids.push(id);
        }
        let mut died: Vec<ProcessId> =
            machine.deaths().unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(died[0], ids[3], "{era}");
        died.sort();
        assert_eq!(died, [ids[0], ids[2], ids[3]], "{era}");
        let explained = read(&mut machine, era);
        assert_eq!(explained.victims.len(), 3, "{era}");
        assert!(explained.group.as_ref().unwrap().killed_together.is_some(), "{era}");
        // The first victim is visited once more with its group: measured, four make five.
        let vmstat = machine.machine().unwrap().into_iter().find(|(name, _)| name == "vmstat");
        let vmstat = String::from_utf8(vmstat.unwrap().1).unwrap();
        assert!(vmstat.contains("\noom_kill 4\n"), "{era}");
    }
}

#[test]
fn a_cpuset_runs_out_while_another_node_is_empty() {
    use oomph_sim::ZoneProfile;
    use rules::watermark::ZoneKind;
    for era in ["2.6.24", "2.6.32", "3.10", "4.4", "4.14", "5.4", "6.1", "6.12"] {
        let release: Release = era.parse().unwrap();
        let zone = |node, kind, pages: u64| ZoneProfile {
            node,
            kind,
            spanned: pages + 100,
            present: pages + 100,
            managed_at_init: pages,
            managed: pages,
            free: pages - 200,
            pcp: 0,
        };
        let zones = vec![
            zone(0, ZoneKind::Dma, 3900),
            zone(0, ZoneKind::Dma32, 40_000),
            zone(1, ZoneKind::Dma32, 20_000),
        ];
        let profile = Profile { zones, ..Profile::default() };
        let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        config.overcommit = facts::OvercommitMode::Always;
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let cgroups = vec!["/left".to_owned(), "/right".to_owned()];
        machine.setup(&world::Setup { cgroups, ..world::Setup::default() }).unwrap();
        for (path, nodes) in [("/left", "0"), ("/right", "1")] {
            let file = "cpuset.mems".to_owned();
            let control = Control::Cgroup { path: path.to_owned(), file };
            machine.control(&control, nodes).unwrap().unwrap();
            // There is no third node.
            assert!(machine.control(&control, "2").unwrap().is_err());
        }
        let mut within = |name: &str, cgroup: &str, bytes: u64| {
            let spec = ProcessSpec {
                name: name.to_owned(),
                cgroup: Some(cgroup.to_owned()),
                ..spec(1000)
            };
            let id = machine.start(&spec).unwrap();
            let addr = call(&mut machine, id, &mmap(bytes)).unwrap();
            fill(&mut machine, id, addr, bytes);
            id
        };
        within("large", "/left", 100 * MIB);
        within("small", "/right", 4 * MIB);
        let hog = within("hog", "/right", 200 * MIB);
        assert_eq!(machine.deaths().unwrap(), [(hog, End::Signal(9))], "{era}");
        let zoneinfo = machine.machine().unwrap().into_iter().find(|(name, _)| name == "buddyinfo");
        assert!(zoneinfo.is_some(), "{era}");
        let log = machine.log().unwrap();
        let text = String::from_utf8_lossy(&log).into_owned();
        let explained = read(&mut machine, era);
        if release >= Release::new(5, 0) {
            assert!(text.contains("constraint=CONSTRAINT_CPUSET"), "{era}: {text}");
            assert!(text.contains("cpuset=right,mems_allowed=1"), "{era}: {text}");
            assert!(matches!(explained.ran_out, RanOut::Cpuset(_)), "{era}");
            agrees(&explained, era, &log);
        }
        // A process of the other node's is none of the candidates.
        if release >= Release::old(2, 6, 36) {
            assert!(!text.contains(" large"), "{era}: {text}");
        }
    }
}

#[test]
fn android_kills_what_is_cached_before_memory_ends() {
    for era in ["2.6.32", "3.4", "3.10", "4.4", "4.9"] {
        let mut machine = machine(era, Arch::X86_64, 512);
        let adj = if era.parse::<Release>().unwrap() < Release::new(3, 6) {
            "0,1,6,15"
        } else {
            "0,100,300,900"
        };
        for (file, value) in [("minfree", "1536,2048,4096,16384"), ("adj", adj)] {
            let path = format!("module/lowmemorykiller/parameters/{file}");
            machine.control(&Control::Sys(path), value).unwrap().unwrap();
        }
        let front = start(&mut machine, "front", 0, 1000, 40 * MIB);
        let cached = start(&mut machine, "cached", 906, 1000, 60 * MIB);
        let older = start(&mut machine, "older", 999, 1000, 50 * MIB);
        let addr = call(&mut machine, front, &mmap(1 << 30)).unwrap();
        let mut died = Vec::new();
        for chunk in 0..512 {
            fill(&mut machine, front, addr + chunk * MIB, MIB);
            died.extend(machine.deaths().unwrap().into_iter().map(|(id, _)| id));
            if died.len() == 2 {
                break;
            }
        }
        // By the old setting both are at 15, and the larger goes first.
        let first = if adj.contains("15") { cached } else { older };
        assert_eq!(died[0], first, "{era}");
        assert_eq!(machine.alive(front).unwrap(), None, "{era}");
        let log = String::from_utf8(machine.log().unwrap()).unwrap();
        assert!(!log.contains("invoked oom-killer"), "{era}: {log}");
        assert_eq!(
            log.lines().filter(|line| line.contains("to free")).count(),
            if era == "4.9" { 2 } else { 0 }
        );
        // Where the driver names itself it is known.
        let named = era.parse::<Release>().unwrap() >= Release::new(3, 10);
        let notices = klog::notices(log.as_bytes());
        assert_eq!(notices.len(), if named { 2 } else { 0 }, "{era}: {log}");
    }
}
