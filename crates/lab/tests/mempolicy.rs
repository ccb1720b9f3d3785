//! Memory policies on the running kernel beside the model's: the same calls, the same answers.
//!
//! The kernel may have one node: then it is told of others that are not there, which is most of what can be
//! refused. One without `CONFIG_NUMA` answers nothing, and the test says so.
#![expect(clippy::print_stderr, reason = "why nothing was compared")]

use std::fs;

use facts::Release;
use oomph_lab::{HostConfig, HostWorld, unavailable};
use rules::layout::Arch;
use sim::{Image, Machine, MachineConfig};
use world::{
    Access, BindFlags, Call, Content, Errno, MapFlags, PolicyMode, ProcessId, ProcessSpec, Prot,
    Touch, World,
};

const PAGE: u64 = 4096;
const LEN: u64 = 8 * PAGE;

fn spec() -> ProcessSpec {
    ProcessSpec::new("p", 1000)
}

/// A process with a mapping that is touched in part, and two pages with a hole between them.
fn begin(world: &mut dyn World) -> (ProcessId, u64, u64) {
    let id = world.start(&spec()).expect("a process");
    let mut map = |len| {
        let (prot, flags) = (Prot::READ.with(Prot::WRITE), MapFlags::PRIVATE);
        let flags = flags.with(MapFlags::ANONYMOUS);
        let call = Call::Mmap { addr: 0, len, prot, flags, fd: -1, offset: 0 };
        world.call(id, &call).expect("a living process").value.expect("a mapping")
    };
    let (block, hole) = (map(LEN), map(3 * PAGE));
    let gap = Call::Munmap { addr: hole + PAGE, len: PAGE };
    world.call(id, &gap).expect("a living process").value.expect("a hole");
    let (access, content) = (Access::Write, Content::OneByte);
    let touch = Touch { addr: block, count: 4, stride: PAGE, access, content };
    world.touch(id, &touch).expect("a living process");
    (id, block, hole)
}

/// Calls that a kernel with node 0 alone grants or refuses, in an order in which none changes what the next
/// one answers.
fn calls(block: u64, hole: u64) -> Vec<Call> {
    let modes = [0, 1, 2, 3, 4, 5, 6, 7, 0x8002, 0x4002, 0xc002, 0x2002, 0x2003, 0x8001, 0x4004];
    let masks = [(0, 0), (0, 65), (1, 65), (2, 65), (3, 65), (1, 1), (1, 2), (2, 2), (1, 0)];
    let lengths = [(1, 1024), (1, 32_769), (1, 32_770), (1, u64::MAX)];
    let mut calls = Vec::new();
    for mode in modes.map(PolicyMode) {
        for (nodes, max_node) in masks {
            calls.push(Call::SetMempolicy { mode, nodes, max_node });
        }
    }
    for (nodes, max_node) in lengths {
        calls.push(Call::SetMempolicy { mode: PolicyMode(2), nodes, max_node });
    }
    calls.push(Call::SetMempolicy { mode: PolicyMode(0), nodes: 0, max_node: 0 });
    for mode in modes.map(PolicyMode) {
        for (nodes, max_node) in masks {
            let flags = BindFlags(0);
            calls.push(Call::Mbind { addr: block, len: LEN, mode, nodes, max_node, flags });
        }
    }
    let ranges = [
        (block, 0),
        (block, 1),
        (block + 1, PAGE),
        (block, u64::MAX - block),
        (hole, 3 * PAGE),
        (hole, PAGE),
        (hole + PAGE, PAGE),
        (0, PAGE),
    ];
    for (addr, len) in ranges {
        for (mode, nodes) in [(0, 0), (0, 1), (2, 1), (2, 2), (3, 1)] {
            for flags in [0, 1, 2, 3, 4, 8, 16, 64] {
                let (mode, flags) = (PolicyMode(mode), BindFlags(flags));
                calls.push(Call::Mbind { addr, len, mode, nodes, max_node: 65, flags });
            }
        }
    }
    calls
}

fn release() -> Option<Release> {
    fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim().parse().ok()
}

/// Why nothing can be compared.
fn reason() -> Option<&'static str> {
    if unavailable().is_some() {
        return Some("there are no real processes here");
    }
    let nodes = fs::read_to_string("/sys/devices/system/node/has_memory").unwrap_or_default();
    if nodes.trim() != "0" {
        return Some("the kernel has no node, or several");
    }
    release().is_none().then_some("it is not known which kernel this is")
}

#[test]
fn calls_about_policies_are_answered_as_by_the_running_kernel() {
    if let Some(reason) = reason() {
        eprintln!("nothing is compared: {reason}");
        return;
    }
    let release = release().expect("asked above");
    let mut real = HostWorld::new(HostConfig::default()).expect("real processes");
    let config = MachineConfig::new(release, Arch::X86_64, 1 << 20, 0);
    let mut model = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let here = begin(&mut real);
    let there = begin(&mut model);
    let probe = Call::SetMempolicy { mode: PolicyMode(0), nodes: 0, max_node: 0 };
    let answer = real.call(here.0, &probe).expect("a living process").value;
    if answer == Err(Errno::ENOSYS) || answer == Err(Errno::EPERM) {
        eprintln!(
            "nothing is compared: the kernel has no memory policies, or lets nobody set them"
        );
        return;
    }
    let both = calls(here.1, here.2).into_iter().zip(calls(there.1, there.2));
    let mut differ = Vec::new();
    for (real_call, model_call) in both {
        let answers = [
            real.call(here.0, &real_call).expect("a living process").value,
            model.call(there.0, &model_call).expect("a living process").value,
        ];
        if answers[0] != answers[1] {
            differ.push(format!("{real_call}: {:?}, the model {:?}", answers[0], answers[1]));
        }
    }
    assert!(differ.is_empty(), "on {release}:\n{}", differ.join("\n"));
}
