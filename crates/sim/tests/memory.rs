//! Memory that ends: one program on machines that were measured.
//!
//! The figures are of Debian's 6.1 cloud kernel under QEMU, without swap, with a program that touches
//! memory until it is killed.
#![expect(clippy::print_stderr, reason = "distances, for whoever asks with --nocapture")]

mod common;

use common::{call, mmap, spec, touch};
use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{End, ProcessId, Stop, World};

fn machine(release: &str, mib: u64) -> (Machine, ProcessId) {
    let release: Release = release.parse().unwrap();
    let profile = Profile::of(release, Arch::X86_64, mib);
    let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let process = machine.start(&spec(1000)).unwrap();
    (machine, process)
}

/// Touches memory, a mapping of `step` bytes after the other, until it is killed: how many pages.
fn hog(machine: &mut Machine, process: ProcessId, step: u64) -> u64 {
    let mut pages = 0;
    loop {
        let addr = call(machine, process, &mmap(step)).unwrap();
        let touched = touch(machine, process, addr, step >> 12);
        pages += touched.done;
        match touched.stopped {
            None => {}
            Some(Stop::Killed) => return pages,
            Some(other) => panic!("{other:?} after {pages} pages"),
        }
    }
}

#[test]
fn a_lone_program_grows_as_large_as_it_did_on_five_machines() {
    // RAM in MiB, kB that were resident when it was killed.
    let measured =
        [(128, 61_716), (256, 189_492), (512, 444_516), (1024, 905_724), (2048, 1_932_420)];
    for (mib, expected) in measured {
        let (mut machine, process) = machine("6.1", mib);
        let kib = 4 * hog(&mut machine, process, 1 << 20);
        let distance = kib.abs_diff(expected);
        eprintln!("{mib} MiB: {kib} kB, measured {expected} kB, {distance} kB off");
        assert!(distance <= (expected / 100).max(2048), "{mib} MiB: {kib} kB, not {expected} kB");
        assert_eq!(machine.alive(process).unwrap(), Some(End::Signal(9)));
        assert_eq!(machine.deaths().unwrap(), [(process, End::Signal(9))]);
    }
}

#[test]
fn a_machine_of_a_tebibyte_ends_as_well() {
    let (mut machine, process) = machine("6.1", 1 << 20);
    let pages = hog(&mut machine, process, 1 << 38);
    let total = machine.config().ram;
    assert!(pages > total / 100 * 98 && pages < total, "{pages} of {total}");
}

#[test]
fn what_a_dead_program_had_serves_the_next_one() {
    let (mut machine, first) = machine("6.1", 256);
    let most = hog(&mut machine, first, 1 << 20);
    for _ in 0..3 {
        let next = machine.start(&spec(1000)).unwrap();
        let again = hog(&mut machine, next, 1 << 20);
        assert!(again.abs_diff(most) < 64, "{again} pages after {most}");
    }
}
