use super::*;
use world::{
    Access, Content, Errno, Fault, Limits, MapFlags, MemfdFlags, OpenFlags, Prot, Resource, Stop,
};

#[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
/// A world, or `None` with the reason printed where there can be none.
fn world() -> Option<HostWorld> {
    if let Some(why) = unavailable() {
        println!("skipped: {why}");
        return None;
    }
    Some(HostWorld::new(HostConfig::default()).expect("a world"))
}

fn spec() -> ProcessSpec {
    ProcessSpec {
        name: "acts".to_owned(),
        uid: sys::own_uid(),
        nice: 0,
        adj: units::ScoreAdj::default(),
        limits: Limits { stack: Some(8 << 20), ..Limits::default() },
        cgroup: None,
    }
}

fn anonymous(addr: u64, len: u64, prot: Prot) -> Call {
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);
    Call::Mmap { addr, len, prot, flags, fd: -1, offset: 0 }
}

fn read_write() -> Prot {
    Prot::READ.with(Prot::WRITE)
}

fn touch(addr: u64, count: u64, access: Access) -> Touch {
    Touch { addr, count, stride: 4096, access, content: Content::OneByte }
}

fn ok(world: &mut HostWorld, id: ProcessId, call: &Call) -> u64 {
    world.call(id, call).expect("a living process").value.expect("a call that succeeds")
}

fn maps(world: &mut HostWorld, id: ProcessId) -> String {
    world.look_at(Files::MAPS);
    let seen = world.observe(id).expect("a look at it");
    String::from_utf8(seen.maps.expect("asked for")).expect("plain text")
}

#[expect(clippy::unnecessary_wraps, reason = "as it stands in what is compared with it")]
fn fault(signal: u8, code: i32, address: u64) -> Option<Stop> {
    Some(Stop::Signal(Fault { signal, code, address }))
}

#[test]
fn a_fresh_process_has_the_image_the_stack_and_what_the_kernel_adds() {
    let Some(mut world) = world() else { return };
    let id = world.start(&spec()).expect("starts");
    let maps = maps(&mut world, id);
    let starts: Vec<&str> = maps.lines().take(4).filter_map(|line| line.get(..22)).collect();
    let image = ["00400000-00404000 r-xp", "00404000-00405000 r--p", "00405000-00406000 rw-p"];
    assert_eq!(starts[..3], image, "{maps}");
    assert_eq!(
        starts[3],
        format!("{:08x}-{:08x} rw-p", actor::image::BSS, actor::image::END),
        "{maps}"
    );
    let others = maps.lines().skip(4).all(|line| line.contains('['));
    assert!(others, "only [vvar], [vdso], [stack] and the like: {maps}");
}

#[test]
fn pages_appear_when_they_are_touched() {
    let Some(mut world) = world() else { return };
    let id = world.start(&spec()).expect("starts");
    let addr = ok(&mut world, id, &anonymous(0, 16 * 4096, read_write()));
    let before = ok_residency(&mut world, id, addr);
    assert_eq!(before, [0; 16]);
    let done = world.touch(id, &touch(addr, 3, Access::Write)).expect("touches");
    assert_eq!(done, Touched { done: 3, stopped: None });
    let mut after = [0; 16];
    after[..3].fill(1);
    assert_eq!(ok_residency(&mut world, id, addr), after);
}

fn ok_residency(world: &mut HostWorld, id: ProcessId, addr: u64) -> Vec<u8> {
    world.call(id, &Call::Mincore { addr, len: 16 * 4096 }).expect("a living process").residency
}

#[test]
fn bad_accesses_say_which_signal_with_which_code_at_which_address() {
    let Some(mut world) = world() else { return };
    let id = world.start(&spec()).expect("starts");
    let mut stopped =
        |addr, access| world.touch(id, &touch(addr, 2, access)).expect("goes on").stopped;
    assert_eq!(stopped(0x10_0000, Access::Read), fault(11, 1, 0x10_0000));
    assert_eq!(
        stopped(actor::image::TEXT + 8, Access::Write),
        fault(11, 2, actor::image::TEXT + 8)
    );
    assert_eq!(stopped(actor::image::DATA, Access::Execute), fault(11, 2, actor::image::DATA));
    assert_eq!(stopped(0, Access::Execute), fault(11, 1, 0));
    let not_canonical = 0x8000_0000_0000_0000;
    assert_eq!(stopped(not_canonical, Access::Read), fault(11, 128, 0));
    assert_eq!(stopped(not_canonical, Access::Execute), fault(11, 128, 0));
    assert_eq!(stopped(actor::image::DATA, Access::Write), None);
}

#[test]
fn what_is_executable_is_executed_and_left_again() {
    let Some(mut world) = world() else { return };
    let id = world.start(&spec()).expect("starts");
    let addr = ok(&mut world, id, &anonymous(0, 4 * 4096, read_write().with(Prot::EXEC)));
    for content in [Content::OneByte, Content::Byte(0xcc), Content::Byte(0x0b), Content::Random(7)]
    {
        let write = Touch { content, ..touch(addr, 4, Access::Write) };
        assert_eq!(world.touch(id, &write).expect("writes").done, 4);
        let done = world.touch(id, &touch(addr, 4, Access::Execute)).expect("executes");
        assert_eq!(done, Touched { done: 4, stopped: None }, "{content:?}");
    }
}

#[test]
fn touching_a_file_beyond_its_end_is_a_bus_error() {
    let Some(mut world) = world() else { return };
    let file = FileSpec { name: "data".to_owned(), len: 5000, tmpfs: false };
    world.files(&[file]).expect("makes a file");
    let id = world.start(&spec()).expect("starts");
    let fd = ok(&mut world, id, &Call::Open { file: 0, flags: OpenFlags::RDWR });
    assert_eq!(fd, 3);
    let flags = MapFlags::SHARED;
    let map = Call::Mmap { addr: 0, len: 4 * 4096, prot: read_write(), flags, fd: 3, offset: 0 };
    let addr = ok(&mut world, id, &map);
    let done = world.touch(id, &touch(addr, 4, Access::Read)).expect("touches");
    assert_eq!(done, Touched { done: 2, stopped: fault(7, 2, addr + 2 * 4096) });
    assert!(maps(&mut world, id).contains("/data (deleted)"));
}

#[test]
fn descriptors_segments_and_limits_are_the_programs_own() {
    let Some(mut world) = world() else { return };
    let id = world.start(&spec()).expect("starts");
    assert_eq!(ok(&mut world, id, &Call::MemfdCreate { flags: MemfdFlags::CLOEXEC }), 3);
    assert_eq!(ok(&mut world, id, &Call::Pwrite { fd: 3, offset: 0, len: 9000 }), 9000);
    assert_eq!(ok(&mut world, id, &Call::Pread { fd: 3, offset: 5000, len: 9000 }), 4000);
    let closed = world.call(id, &Call::Close { fd: handles::SOCKET }).expect("lives");
    assert_eq!(closed.value, Err(Errno::EBADF));
    assert_eq!(ok(&mut world, id, &Call::Shmget { len: 4096 }), 0);
    assert_eq!(ok(&mut world, id, &Call::Shmget { len: 4096 }), 1);
    let addr = ok(&mut world, id, &Call::Shmat { id: 1, addr: 0, flags: 0 });
    assert_eq!(ok(&mut world, id, &Call::ShmRemove { id: 1 }), 0);
    assert_eq!(ok(&mut world, id, &Call::Shmdt { addr }), 0);
    let gone = world.call(id, &Call::Shmat { id: 1, addr: 0, flags: 0 }).expect("lives");
    assert_eq!(gone.value, Err(Errno::EINVAL));
    let limit = Call::Setrlimit { resource: Resource::AddressSpace, soft: 1 << 20, hard: 1 << 20 };
    ok(&mut world, id, &limit);
    let refused = world.call(id, &anonymous(0, 1 << 20, Prot::READ)).expect("lives");
    assert_eq!(refused.value, Err(Errno::ENOMEM));
}

#[test]
fn a_child_has_its_own_memory_and_a_thread_its_parents() {
    let Some(mut world) = world() else { return };
    let first = world.start(&spec()).expect("starts");
    let thread = world.fork(first, ForkKind::Thread).expect("forks").expect("is allowed");
    let child = world.fork(first, ForkKind::Fork).expect("forks").expect("is allowed");
    let grandchild = world.fork(child, ForkKind::Fork).expect("forks").expect("is allowed");
    let addr = ok(&mut world, thread, &anonymous(0, 4096, read_write()));
    assert_eq!(world.touch(first, &touch(addr, 1, Access::Write)).expect("touches").stopped, None);
    for id in [child, grandchild] {
        let stopped = world.touch(id, &touch(addr, 1, Access::Write)).expect("touches").stopped;
        assert_eq!(stopped, fault(11, 1, addr));
    }
    world.end(child, End::Exit(3)).expect("ends");
    world.end(thread, End::Exit(0)).expect("ends");
    world.end(grandchild, End::Signal(9)).expect("ends");
    assert_eq!(world.alive(child).expect("known"), Some(End::Exit(3)));
    assert_eq!(world.alive(grandchild).expect("known"), Some(End::Signal(9)));
    assert_eq!(world.alive(first).expect("known"), None);
    assert!(world.call(child, &Call::Munlockall).is_err());
    world.exec(first).expect("execs");
    assert_eq!(
        world.touch(first, &touch(addr, 1, Access::Read)).expect("touches").stopped,
        fault(11, 1, addr)
    );
}

#[test]
fn a_parent_waits_for_its_vfork_child_and_shares_its_memory() {
    let Some(mut world) = world() else { return };
    let parent = world.start(&spec()).expect("starts");
    let child = world.fork(parent, ForkKind::Vfork).expect("forks").expect("is allowed");
    assert!(world.call(parent, &Call::Munlockall).is_err());
    let addr = ok(&mut world, child, &anonymous(0, 4096, read_write()));
    world.exec(child).expect("execs");
    assert_eq!(world.touch(parent, &touch(addr, 1, Access::Write)).expect("touches").stopped, None);
    assert_eq!(
        world.touch(child, &touch(addr, 1, Access::Write)).expect("touches").stopped,
        fault(11, 1, addr)
    );
    let second = world.fork(parent, ForkKind::Vfork).expect("forks").expect("is allowed");
    world.end(second, End::Exit(0)).expect("ends");
    ok(&mut world, parent, &Call::Munlockall);
}

#[test]
fn two_fresh_processes_look_the_same() {
    let Some(mut world) = world() else { return };
    let look = Files::MAPS.and(Files::SMAPS).and(Files::STATM);
    world.look_at(look);
    let [a, b] = [0, 1].map(|_| {
        let id = world.start(&spec()).expect("starts");
        world.observe(id).expect("a look at it")
    });
    assert_eq!(a.maps, b.maps);
    assert_eq!(a.statm, b.statm);
}

#[test]
fn a_batch_longer_than_a_message_is_done_whole() {
    let Some(mut world) = world() else { return };
    let id = world.start(&spec()).expect("starts");
    let step = Step::Call(anonymous(0, 4096, Prot::READ));
    let done = world.perform(id, &vec![step; 300]).expect("performs");
    assert_eq!(done.len(), 300);
    assert!(done.iter().all(|one| matches!(one, Done::Returned(back) if back.value.is_ok())));
}

#[test]
fn nothing_is_left_when_the_world_is_dropped() {
    let Some(mut world) = world() else { return };
    let id = world.start(&spec()).expect("starts");
    let pid = world.actors.processes[0].pid;
    ok(&mut world, id, &Call::Shmget { len: 4096 });
    let segment = world.actors.segments[0];
    drop(world);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    let left = std::fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let ids = left.lines().filter_map(|line| line.split_whitespace().nth(1));
    assert!(!ids.into_iter().any(|id| id == segment.to_string()), "{left}");
}
