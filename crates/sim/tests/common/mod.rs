//! What the tests share.
#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod groups;

use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig};
use rules::layout::Arch;
use world::{
    Access, Call, Content, Errno, MapFlags, ProcessId, ProcessSpec, Prot, Touch, Touched, World,
};

pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn machine(release: &str) -> (Machine, ProcessId) {
    let release: Release = release.parse().unwrap();
    let config = MachineConfig::new(release, Arch::X86_64, 4 << 18, 0);
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let process = machine.start(&spec(1000)).unwrap();
    (machine, process)
}

pub(crate) fn spec(uid: u32) -> ProcessSpec {
    ProcessSpec::new("p", uid)
}

pub(crate) fn mmap(len: u64) -> Call {
    Call::Mmap {
        addr: 0,
        len,
        prot: Prot::READ.with(Prot::WRITE),
        flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
        fd: -1,
        offset: 0,
    }
}

pub(crate) fn call(machine: &mut Machine, process: ProcessId, call: &Call) -> Result<u64, Errno> {
    machine.call(process, call).unwrap().value
}

pub(crate) fn touch(machine: &mut Machine, process: ProcessId, addr: u64, count: u64) -> Touched {
    let touch =
        Touch { addr, count, stride: 4096, access: Access::Write, content: Content::OneByte };
    machine.touch(process, &touch).unwrap()
}

pub(crate) fn status(machine: &mut Machine, process: ProcessId, field: &str) -> u64 {
    let text = machine.observe(process).unwrap().status.unwrap();
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A process with so many MiB that it has written to.
pub(crate) fn holder(machine: &mut Machine, mib: u64) -> (ProcessId, u64) {
    let process = machine.start(&spec(0)).unwrap();
    let addr = call(machine, process, &mmap(mib * MIB)).unwrap();
    assert_eq!(touch(machine, process, addr, mib << 8).stopped, None);
    (process, addr)
}

/// A line of a file of the machine's.
pub(crate) fn line(machine: &mut Machine, file: &str, name: &str) -> u64 {
    let files = machine.machine().unwrap();
    let (_, text) = files.iter().find(|(path, _)| path == file).unwrap();
    let text = String::from_utf8_lossy(text).into_owned();
    let line = text.lines().find(|line| line.split([' ', ':']).next() == Some(name)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}
