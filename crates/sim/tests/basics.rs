//! The machine as a scenario sees it.

mod common;

use common::{call, machine, mmap, status, touch};
use world::{Call, Fault, MapFlags, MemfdFlags, Prot, Stop};

#[test]
fn a_promise_is_kept_page_by_page() {
    let (mut machine, process) = machine("6.18");
    let before = status(&mut machine, process, "RssAnon:");
    let addr = call(&mut machine, process, &mmap(1 << 30)).unwrap();
    assert_eq!(addr, (0x7fff_f7ff_f000 - (1 << 30)) & !0x1f_ffff);
    assert_eq!(status(&mut machine, process, "RssAnon:"), before);
    assert_eq!(touch(&mut machine, process, addr, 1 << 18).done, 1 << 18);
    assert_eq!(status(&mut machine, process, "RssAnon:"), before + (1 << 20));
    assert_eq!(call(&mut machine, process, &Call::Munmap { addr, len: 1 << 30 }), Ok(0));
    assert_eq!(status(&mut machine, process, "RssAnon:"), before);
    assert!(touch(&mut machine, process, addr, 1).stopped.is_some());
}

#[test]
fn a_mapping_far_behind_the_end_of_all_files_gets_a_bus_error() {
    let (mut machine, process) = machine("6.18");
    let memfd = Call::MemfdCreate { flags: MemfdFlags(0) };
    let fd = i32::try_from(call(&mut machine, process, &memfd).unwrap()).unwrap();
    let len = i64::MAX.unsigned_abs() - 4096;
    call(&mut machine, process, &Call::Ftruncate { fd, len }).unwrap();
    let offset = 1 << 60;
    let prot = Prot::READ.with(Prot::WRITE);
    let map = Call::Mmap { addr: 0, len: 4096, prot, flags: MapFlags::SHARED, fd, offset };
    let addr = call(&mut machine, process, &map).unwrap();
    let stopped = touch(&mut machine, process, addr, 1).stopped;
    assert!(matches!(stopped, Some(Stop::Signal(Fault { signal: 7, .. }))), "{stopped:?}");
    let mincore = Call::Mincore { addr, len: 4096 };
    assert_eq!(call(&mut machine, process, &mincore), Ok(0));
}
