//! The machine as a scenario sees it.

use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig};
use rules::layout::Arch;
use units::ScoreAdj;
use world::{
    Access, Call, Content, Errno, Limits, MapFlags, ProcessId, ProcessSpec, Prot, Touch, Touched,
    World,
};

fn machine(release: &str) -> (Machine, ProcessId) {
    let release: Release = release.parse().unwrap();
    let config = MachineConfig::new(release, Arch::X86_64, 4 << 18, 0);
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let process = machine.start(&spec(1000)).unwrap();
    (machine, process)
}

fn spec(uid: u32) -> ProcessSpec {
    ProcessSpec {
        name: "p".to_owned(),
        uid,
        nice: 0,
        adj: ScoreAdj::NONE,
        limits: Limits::default(),
        cgroup: None,
    }
}

fn mmap(len: u64) -> Call {
    Call::Mmap {
        addr: 0,
        len,
        prot: Prot::READ.with(Prot::WRITE),
        flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
        fd: -1,
        offset: 0,
    }
}

fn call(machine: &mut Machine, process: ProcessId, call: &Call) -> Result<u64, Errno> {
    machine.call(process, call).unwrap().value
}

fn touch(machine: &mut Machine, process: ProcessId, addr: u64, count: u64) -> Touched {
    let touch =
        Touch { addr, count, stride: 4096, access: Access::Write, content: Content::OneByte };
    machine.touch(process, &touch).unwrap()
}

fn status(machine: &mut Machine, process: ProcessId, field: &str) -> u64 {
    let text = machine.observe(process).unwrap().status.unwrap();
    let text = String::from_utf8(text).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_promise_is_kept_page_by_page() {
    let (mut machine, process) = machine("6.18");
    let before = status(&mut machine, process, "RssAnon:");
    let addr = call(&mut machine, process, &mmap(1 << 30)).unwrap();
    assert_eq!(addr, 0x7fff_f7ff_f000 - (1 << 30) & !0x1f_ffff);
    assert_eq!(status(&mut machine, process, "RssAnon:"), before);
    assert_eq!(touch(&mut machine, process, addr, 1 << 18).done, 1 << 18);
    assert_eq!(status(&mut machine, process, "RssAnon:"), before + (1 << 20));
    assert_eq!(call(&mut machine, process, &Call::Munmap { addr, len: 1 << 30 }), Ok(0));
    assert_eq!(status(&mut machine, process, "RssAnon:"), before);
    assert!(touch(&mut machine, process, addr, 1).stopped.is_some());
}
