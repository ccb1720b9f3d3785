//! What the model costs: `cargo run --release -p oomph-sim --example speed`.
//!
//! Prints calls and touches a second on one core, and the time of the first touch of 1 TiB.

#![allow(clippy::print_stdout, reason = "the numbers are the point")]

use std::time::Instant;

use facts::{OvercommitMode, Release};
use oomph_sim::{Image, Machine, MachineConfig};
use rules::layout::Arch;
use world::{
    Access, Call, Content, MapFlags, ProcessId, ProcessSpec, Prot, Touch, World, WorldError,
};

const EVENTS: u64 = 1_000_000;

fn main() -> Result<(), WorldError> {
    let (mut machine, process) = start()?;
    let begun = Instant::now();
    let mut addresses = vec![0; 64];
    for event in 0..EVENTS / 4 {
        let slot = usize::try_from(event % 64).unwrap_or(0);
        let len = (1 + event * 7 % 31) * 4096;
        if addresses[slot] != 0 {
            machine.call(process, &Call::Munmap { addr: addresses[slot], len: 31 * 4096 })?;
        }
        let addr = machine.call(process, &map(31 * 4096))?.value.unwrap_or(0);
        touch(&mut machine, process, addr, len / 4096)?;
        machine.call(process, &Call::Mprotect { addr, len, prot: Prot::READ })?;
        addresses[slot] = addr;
    }
    let taken = begun.elapsed();
    let rate = u128::from(EVENTS) * 1_000_000 / taken.as_micros().max(1);
    println!("{EVENTS} events in {} ms, {rate} a second", taken.as_millis());

    let (mut machine, process) = start()?;
    let addr = machine.call(process, &map(1 << 40))?.value.unwrap_or(0);
    let begun = Instant::now();
    touch(&mut machine, process, addr, 1 << 28)?;
    println!("first touch of 1 TiB in one run: {} ns", begun.elapsed().as_nanos());
    let begun = Instant::now();
    let seen = machine.observe(process)?;
    let bytes = seen.smaps.map_or(0, |smaps| smaps.len());
    println!("looked at in {} us, {bytes} bytes of smaps", begun.elapsed().as_micros());
    Ok(())
}

fn start() -> Result<(Machine, ProcessId), WorldError> {
    let release = Release::new(6, 18);
    let mut config = MachineConfig::new(release, Arch::X86_64, 2 << 28, 0);
    config.overcommit = OvercommitMode::Always;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let spec = ProcessSpec::new("speed", 0);
    let process = machine.start(&spec)?;
    Ok((machine, process))
}

fn map(len: u64) -> Call {
    Call::Mmap {
        addr: 0,
        len,
        prot: Prot::READ.with(Prot::WRITE),
        flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
        fd: -1,
        offset: 0,
    }
}

fn touch(
    machine: &mut Machine,
    process: ProcessId,
    addr: u64,
    count: u64,
) -> Result<(), WorldError> {
    let touch =
        Touch { addr, count, stride: 4096, access: Access::Write, content: Content::OneByte };
    machine.touch(process, &touch).map(drop)
}
