//! Soft limits of cgroups of version 1, and monitors of pressure.

mod common;

use common::groups::{field, grow, set, start, v2};
use common::{holder, line};
use facts::{CgroupVersion, Release};
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{Control, Errno, Setup, SwapSpec, World};

fn machine(groups: &[&str]) -> Machine {
    let release = Release::new(6, 1);
    let profile = Profile::of(release, Arch::X86_64, 256);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.cgroups = CgroupVersion::V1;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let cgroups = groups.iter().map(|path| (*path).to_owned()).collect();
    let swap = vec![SwapSpec { len: 256 << 20, priority: None, zram: false }];
    machine.setup(&Setup { cgroups, swap, ..Setup::default() }).unwrap();
    machine
}

/// What two cgroups of 60 MiB have left in memory, bytes, when a third process takes so much.
fn left(soft: Option<&str>, mib: u64) -> [u64; 2] {
    let mut machine = machine(&["/guest", "/owner"]);
    if let Some(soft) = soft {
        set(&mut machine, "/guest", "memory.soft_limit_in_bytes", soft).unwrap();
    }
    for cgroup in ["/guest", "/owner"] {
        let process = start(&mut machine, "p", cgroup, 0);
        grow(&mut machine, process, 60 << 8);
    }
    holder(&mut machine, mib);
    assert!(machine.deaths().unwrap().is_empty());
    assert!(line(&mut machine, "meminfo", "SwapFree") < line(&mut machine, "meminfo", "SwapTotal"));
    ["/guest", "/owner"].map(|cgroup| field(&mut machine, cgroup, "memory.stat", "rss"))
}

#[test]
fn who_is_above_a_soft_limit_pays_first_and_no_further_than_down_to_it() {
    let alike = left(None, 110);
    assert!(alike[0].abs_diff(alike[1]) < 4 << 20, "{alike:?}");
    let softly = left(Some("16M"), 110);
    assert!(softly[1] > softly[0] + (20 << 20), "{softly:?}");
    assert!(softly[1] > alike[1] + (8 << 20), "{softly:?} and {alike:?}");
    // Below it the cgroup is one as any other.
    let deep = left(Some("50M"), 140);
    assert!(deep[0] < 50 << 20 && deep[1] < 55 << 20, "{deep:?}");
}

#[test]
fn a_monitor_is_told_when_a_cgroup_is_throttled_and_nobody_else_is() {
    let mut machine = v2(&["/web", "/idle"]);
    set(&mut machine, "/web", "memory.high", "16M").unwrap();
    for (cgroup, request) in [("/web", "some 150000 1000000"), ("/idle", "some 1000 1000000")] {
        set(&mut machine, cgroup, "memory.pressure", request).unwrap();
    }
    machine.control(&Control::Pressure, "full 900000 1000000").unwrap().unwrap();
    assert_eq!(set(&mut machine, "/web", "memory.pressure", "some 2 1"), Err(Errno::EINVAL));
    let process = start(&mut machine, "p", "/web", 0);
    grow(&mut machine, process, 12 << 8);
    assert!(machine.woken().unwrap().is_empty(), "nobody has stalled");
    grow(&mut machine, process, 12 << 8);
    // Tasks take turns here: when one waits, all do.
    assert_eq!(machine.woken().unwrap(), [0, 2]);
    assert!(machine.woken().unwrap().is_empty(), "it is told once");
}
