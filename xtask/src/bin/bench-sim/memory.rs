//! Machines whose memory ends.

use std::error::Error;

use facts::{OvercommitMode, Release};
use rules::layout::Arch;
use sim::{Image, Machine, MachineConfig, Profile};
use world::{
    Access, Call, Content, MapFlags, ProcessId, Prot, Setup, Stop, SwapSpec, Touch, World,
};

use super::model::spec;

const MIB: u64 = 1 << 20;
/// Processes of a machine with many.
const PROCESSES: u64 = 100;

fn machine(mib: u64, swap: u64) -> Result<Machine, Box<dyn Error>> {
    let release = Release::new(6, 1);
    let profile = Profile::of(release, Arch::X86_64, mib);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.overcommit = OvercommitMode::Always;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    if swap > 0 {
        let swap = vec![SwapSpec { len: swap * MIB, priority: None, zram: false }];
        machine.setup(&Setup { swap, ..Setup::default() })?;
    }
    Ok(machine)
}

fn map(machine: &mut Machine, process: ProcessId, len: u64) -> Result<u64, Box<dyn Error>> {
    let prot = Prot::READ.with(Prot::WRITE);
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);
    let call = Call::Mmap { addr: 0, len, prot, flags, fd: -1, offset: 0 };
    machine.call(process, &call)?.value.map_err(|errno| format!("{errno}").into())
}

fn touch(
    machine: &mut Machine,
    process: ProcessId,
    addr: u64,
    len: u64,
) -> Result<bool, Box<dyn Error>> {
    let touch = Touch {
        addr,
        count: len >> 12,
        stride: 4096,
        access: Access::Write,
        content: Content::OneByte,
    };
    Ok(machine.touch(process, &touch)?.stopped == Some(Stop::Killed))
}

/// One program takes all memory of 1 TiB until it is killed; pages that it had.
pub(super) fn exhaust() -> Result<u64, Box<dyn Error>> {
    let mut machine = machine(1 << 20, 0)?;
    let process = machine.start(&spec())?;
    let addr = map(&mut machine, process, 2 << 40)?;
    let touch = Touch {
        addr,
        count: 2 << 28,
        stride: 4096,
        access: Access::Write,
        content: Content::OneByte,
    };
    let touched = machine.touch(process, &touch)?;
    if touched.stopped != Some(Stop::Killed) {
        return Err("nobody was killed".into());
    }
    Ok(touched.done)
}

/// A hundred processes on 512 MiB with half as much swap, each of 6 MiB, which they use `times` times,
/// one after the other; how many were killed.
pub(super) fn many(times: u64) -> Result<usize, Box<dyn Error>> {
    let mut machine = machine(512, 256)?;
    let mut all = Vec::new();
    for _ in 0..PROCESSES {
        let process = machine.start(&spec())?;
        let addr = map(&mut machine, process, 6 * MIB)?;
        all.push((process, addr));
    }
    for _ in 0..times {
        for &(process, addr) in &all {
            if machine.alive(process)?.is_none() {
                touch(&mut machine, process, addr, 6 * MIB)?;
            }
        }
    }
    Ok(machine.deaths()?.len())
}
