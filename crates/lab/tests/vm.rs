//! A real kernel in a virtual machine, where there are QEMU and a kernel in the cache.

use oomph_lab::Booted as _;
use oomph_lab::vm::debian::{Arch, Archive, cache};
use oomph_lab::vm::{Boot, CgroupVersion, Disk, VmWorld, modules, unavailable};
use world::{
    Access, Call, Content, Control, End, FileSpec, Limits, MapFlags, OpenFlags, ProcessId,
    ProcessSpec, Prot, Setup, Stop, SwapSpec, Touch, World,
};

/// A machine as it is booted here, or `None` with the reason printed.
#[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
fn boot() -> Option<Boot> {
    let kernel = unavailable().map_or_else(
        || {
            let cache = cache().map_err(|error| error.0)?;
            let kernel = Archive::new(Arch::Amd64, &cache).cached("6.1");
            kernel.ok_or_else(|| format!("there is no kernel 6.1 in {}", cache.display()))
        },
        Err,
    );
    match kernel {
        Err(why) => {
            println!("skipped: {why}");
            None
        }
        Ok(kernel) => Some(Boot {
            kernel: kernel.image,
            nodes: vec![160 << 20],
            cpus: 1,
            disks: Vec::new(),
            modules: kernel.modules.map_or_else(Vec::new, |folder| {
                modules::in_order(&folder, &["lzo_rle", "zram"]).expect("modules that can be read")
            }),
            parameters: Vec::new(),
            cgroups: CgroupVersion::V2,
        }),
    }
}

fn spec(name: &str, cgroup: Option<&str>) -> ProcessSpec {
    ProcessSpec {
        name: name.to_owned(),
        uid: 1000,
        nice: 0,
        adj: units::ScoreAdj::default(),
        limits: Limits::default(),
        cgroup: cgroup.map(str::to_owned),
    }
}

fn map(world: &mut VmWorld, process: ProcessId, len: u64, fd: i32) -> u64 {
    let prot = Prot::READ.with(Prot::WRITE);
    let flags = if fd < 0 { MapFlags::PRIVATE.with(MapFlags::ANONYMOUS) } else { MapFlags::SHARED };
    let call = Call::Mmap { addr: 0, len, prot, flags, fd, offset: 0 };
    world.call(process, &call).expect("a process").value.expect("addresses")
}

fn touch(addr: u64, len: u64, access: Access) -> Touch {
    Touch { addr, count: len / 4096, stride: 4096, access, content: Content::OneByte }
}

/// One boot for everything, for it takes seconds: swap on a disk and in memory, a file, a cgroup that
/// runs out, and at last the machine.
#[test]
fn a_scenario_is_performed_and_seen_in_a_machine() {
    const MIB: u64 = 1 << 20;
    let Some(boot) = boot() else { return };
    let limit = Control::Cgroup { path: "/web".to_owned(), file: "memory.max".to_owned() };
    let swapless = Control::Cgroup { path: "/web".to_owned(), file: "memory.swap.max".to_owned() };
    let area = |len, priority, zram| SwapSpec { len, priority, zram };
    let setup = Setup {
        swap: vec![area(8 * MIB, Some(3), false), area(4 * MIB, None, true)],
        cgroups: vec!["/web".to_owned()],
        controls: vec![(limit.clone(), "8388608".to_owned()), (swapless, "0".to_owned())],
    };
    let files = vec![FileSpec { name: "data".to_owned(), len: 4 * MIB, tmpfs: false }];
    let boot = Boot { disks: Disk::of(&setup, &files), ..boot };
    let mut world = VmWorld::boot(&boot).expect("a machine");
    world.setup(&setup).expect("a machine that is ours");
    world.files(&files).expect("a disk");
    let swaps = String::from_utf8(world.read("/proc/swaps").expect("a file")).expect("text");
    let sizes: Vec<_> =
        swaps.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(sizes, ["8192", "4096"], "{swaps}");

    // A process that reads a file, and one that fills its cgroup.
    let reader = world.start(&spec("reader", None)).expect("a process");
    let hog = world.start(&spec("hog", Some("/web"))).expect("a process");
    let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
    let fd = world.call(reader, &open).expect("a process").value.expect("a file");
    let window = map(&mut world, reader, 4 * MIB, i32::try_from(fd).expect("a descriptor"));
    let read = world.touch(reader, &touch(window, 4 * MIB, Access::Read)).expect("a process");
    assert_eq!((read.done, read.stopped), (1024, None));
    let seen = world.observe(reader).expect("a process");
    let maps = String::from_utf8(seen.maps.expect("maps")).expect("text");
    assert!(maps.contains("/data\n"), "{maps}");
    let status = String::from_utf8(seen.status.expect("status")).expect("text");
    assert!(status.starts_with("Name:\treader\n"), "{status}");
    // `status` of this kernel leaves out what is not yet added up; `smaps` looks.
    let mapped = String::from_utf8(seen.smaps.expect("smaps")).expect("text");
    let (_, data) = mapped.split_once("/data\n").expect("the file");
    assert!(data.lines().any(|line| line == "Rss:                4096 kB"), "{mapped}");

    let block = map(&mut world, hog, 32 * MIB, -1);
    let filled = world.touch(hog, &touch(block, 32 * MIB, Access::Write)).expect("a process");
    assert_eq!(filled.stopped, Some(Stop::Killed));
    assert!((1500..=2048).contains(&filled.done), "{filled:?}");
    assert_eq!(world.deaths().expect("a machine"), [(hog, End::Signal(9))]);
    let machine = world.machine().expect("a machine");
    let events = machine.iter().find(|(name, _)| name == "sys/fs/cgroup/web/memory.events");
    let events = String::from_utf8_lossy(&events.expect("a file").1).into_owned();
    assert!(events.contains("oom_kill 1\n"), "{events}");

    // The machine itself; the reader is told to be killed first.
    let protected = world.start(&spec("protected", None)).expect("a process");
    world.call(reader, &Call::SetOomScoreAdj { adj: 1000 }).expect("a process");
    let block = map(&mut world, protected, 120 * MIB, -1);
    let filled = world.touch(protected, &touch(block, 120 * MIB, Access::Write)).expect("lives");
    assert!(filled.done > 60 * MIB / 4096, "{filled:?}");
    let dead = world.deaths().expect("a machine");
    assert_eq!(dead.first(), Some(&(reader, End::Signal(9))), "{dead:?}");
    let log = String::from_utf8_lossy(&world.log().expect("a console")).into_owned();
    assert!(log.contains("Memory cgroup out of memory: Killed process "), "{log}");
    assert!(log.contains("] Out of memory: Killed process "), "{log}");

    // A panic by design ends the machine with a word.
    let panic = Control::Sysctl("vm.panic_on_oom".to_owned());
    world.control(&panic, "2").expect("a machine").expect("a setting");
    let last = world.start(&spec("last", None)).expect("a process");
    let block = map(&mut world, last, 120 * MIB, -1);
    let filled = world.touch(last, &touch(block, 120 * MIB, Access::Write)).expect("an end");
    assert_eq!(filled.stopped, Some(Stop::Killed));
    assert!(filled.done > 60 * MIB / 4096, "{filled:?}");
    assert!(world.panicked().is_some_and(|words| words.starts_with("Out of memory")));
    assert_eq!(world.alive(last).expect("an end"), Some(End::Signal(9)));
    let console = String::from_utf8_lossy(&world.console()).into_owned();
    assert!(console.contains("Kernel panic - not syncing: Out of memory"), "{console}");
}

#[test]
fn a_kernel_that_is_none_is_a_sentence() {
    let Some(boot) = boot() else { return };
    let nowhere = Boot { kernel: "/nowhere/vmlinuz".into(), ..boot.clone() };
    let said = VmWorld::boot(&nowhere).err().map(|error| error.0);
    assert_eq!(said.as_deref(), Some("there is no kernel `/nowhere/vmlinuz`"));
    let text = Boot { kernel: "/proc/version".into(), ..boot };
    let said = VmWorld::boot(&text).err().map(|error| error.0).unwrap_or_default();
    assert!(said.starts_with("cannot boot a machine: "), "{said}");
}
