//! Multi-generational lists, beside what 6.12 has them do.

mod common;

use common::{call, mmap, spec, touch};
use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{ProcessId, Setup, SwapSpec, World};

const MIB: u64 = 1 << 20;

fn machine(release: &str, swap: u64) -> Machine {
    let release: Release = release.parse().unwrap();
    let profile = Profile::of(release, Arch::X86_64, 256);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.lru_gen = true;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let swap = if swap > 0 {
        vec![SwapSpec { len: swap * MIB, priority: None, zram: false }]
    } else {
        Vec::new()
    };
    machine.setup(&Setup { swap, ..Setup::default() }).unwrap();
    machine
}

/// A process with so many MiB that it has written to.
fn holder(machine: &mut Machine, mib: u64) -> (ProcessId, u64) {
    let process = machine.start(&spec(0)).unwrap();
    let addr = call(machine, process, &mmap(mib * MIB)).unwrap();
    assert_eq!(touch(machine, process, addr, mib << 8).stopped, None);
    (process, addr)
}

/// A line of a file of the machine's.
fn line(machine: &mut Machine, file: &str, name: &str) -> u64 {
    let files = machine.machine().unwrap();
    let (_, text) = files.iter().find(|(path, _)| path == file).unwrap();
    let text = String::from_utf8_lossy(text).into_owned();
    let line = text.lines().find(|line| line.split([' ', ':']).next() == Some(name)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn debug() {
    let mut machine = machine("6.12", 128);
    let process = machine.start(&spec(0)).unwrap();
    for _ in 0..230 {
        let addr = call(&mut machine, process, &mmap(MIB)).unwrap();
        touch(&mut machine, process, addr, 256);
    }
    for name in ["SwapCached", "SwapFree", "Active(anon)", "Inactive(anon)", "Writeback"] {
        eprintln!("{name} {}", line(&mut machine, "meminfo", name));
    }
    holder(&mut machine, 1);
}
