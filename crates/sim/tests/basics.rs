//! The machine as a scenario sees it.

mod common;

use common::{call, machine, mmap, status, touch};
use world::Call;

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
