//! The running machine. Holds on any Linux, for root and for others.

#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

mod common;

use std::process::Command;

use common::Scratch;
use facts::Field;
use oomph_sources::{Options, Smaps, Want, capture_to_file, open};

#[test]
fn this_process_is_on_this_machine() {
    let snapshot = open("live").unwrap().snapshot(&Want::rank());
    assert!(snapshot.meminfo.get(Field::MemTotal).is_some_and(|total| total.get() > 0));
    assert!(snapshot.kernel.release.is_some());
    assert!(snapshot.page_size_known && snapshot.taken_at.is_some());
    assert!(snapshot.uptime_s.is_some());
    let own = snapshot.tasks.iter().find(|task| task.pid.get() == std::process::id()).unwrap();
    assert!(own.rss.is_some_and(|rss| rss.count() > 0));
    assert!(own.vm_rss.is_some() && own.oom_score.is_some() && own.oom_score_adj.is_some());
    assert!(own.uid.is_some() && own.uid == own.euid);
    assert_eq!(own.cgroup, snapshot.viewpoint.cgroup);
    assert_eq!(own.euid, snapshot.viewpoint.euid);
    // What is read twice is the same at another path.
    let again = open("/proc").unwrap().snapshot(&Want::rank());
    assert_eq!(again.origin, "this machine");
    assert_eq!(again.kernel, snapshot.kernel);
    assert_eq!(again.viewpoint, snapshot.viewpoint);
}

#[test]
fn a_capture_of_this_machine_knows_what_this_machine_knows() {
    let scratch = Scratch::new();
    let path = scratch.path("machine.tar");
    let mut live = open("live").unwrap();
    let options = Options { smaps: Smaps::LeaveOut, ..Options::default() };
    capture_to_file(live.tree(), &path, options).unwrap();
    let (before, after) = (
        live.snapshot(&Want::rank()),
        open(path.to_str().unwrap()).unwrap().snapshot(&Want::rank()),
    );
    assert_eq!(after.kernel, before.kernel);
    assert_eq!(after.machine, before.machine);
    assert_eq!(after.page_size, before.page_size);
    assert_eq!(after.viewpoint, before.viewpoint);
    assert_eq!(after.sysctls, before.sysctls);
    assert_eq!(after.cgroups.version, before.cgroups.version);
    assert_eq!(after.zones.len(), before.zones.len());
    assert_eq!(std::mem::discriminant(&after.pressure), std::mem::discriminant(&before.pressure));
    let own = |snapshot: &facts::Snapshot| {
        let pid = std::process::id();
        snapshot.tasks.iter().find(|task| task.pid.get() == pid).cloned().unwrap()
    };
    let (before, after) = (own(&before), own(&after));
    assert_eq!((after.uid, after.comm, after.cgroup), (before.uid, before.comm, before.cgroup));
    assert_eq!(after.oom_score_adj, before.oom_score_adj);
    assert!(after.rss.is_some() && after.vm_pte.is_some());
}

#[test]
fn python_reads_our_captures_as_smem_does() {
    let scratch = Scratch::new();
    let path = scratch.path("machine.tar");
    capture_to_file(open("live").unwrap().tree(), &path, Options::default()).unwrap();
    let script = "import sys, tarfile\n\
        tar = tarfile.open(sys.argv[1])\n\
        pid = sys.argv[2]\n\
        assert tar.extractfile('meminfo').read().startswith(b'MemTotal')\n\
        assert tar.extractfile('version').read().startswith(b'Linux')\n\
        for name in tar.getnames():\n\
        \x20   if name.endswith('/smaps'): directory, file = name.split('/')\n\
        assert b'Pss:' in tar.extractfile(pid + '/smaps').read()\n\
        assert tar.extractfile(pid + '/cmdline').read()\n\
        assert tar.extractfile(pid + '/stat').read().startswith(pid.encode())\n\
        assert tar.getmember(pid).isdir()\n\
        print(tar.getmember(pid).uid)\n";
    let pid = std::process::id().to_string();
    let Ok(output) = Command::new("python3").args(["-c", script]).arg(&path).arg(pid).output()
    else {
        println!("skipped: no `python3` here");
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[test]
fn a_real_capture_of_smemcap_is_read() {
    let scratch = Scratch::new();
    let Ok(output) = Command::new("smemcap").output() else {
        println!("skipped: no `smemcap` here");
        return;
    };
    scratch.put("smemcap.tar", &output.stdout);
    let snapshot = open(&scratch.spec("smemcap.tar")).unwrap().snapshot(&Want::rank());
    let now = open("live").unwrap().snapshot(&Want::rank());
    assert_eq!(snapshot.meminfo.get(Field::MemTotal), now.meminfo.get(Field::MemTotal));
    assert_eq!(snapshot.kernel, now.kernel);
    assert!(snapshot.taken_at.is_some());
    let own = snapshot.tasks.iter().find(|task| task.pid.get() == std::process::id()).unwrap();
    assert!(own.rss.is_some_and(|rss| rss.count() > 0));
    assert!(own.rss_anon.is_some_and(|anon| anon.get() > 0));
    assert!(own.swap.is_some());
    assert_eq!((own.vm_pte, own.oom_score_adj), (None, None));
    assert_eq!(own.uid, now.viewpoint.euid);
    // The kernel's threads are known without a command line to go by.
    let threads = |snapshot: &facts::Snapshot| {
        snapshot.tasks.iter().filter(|task| task.is_kernel_thread() == Some(true)).count()
    };
    assert_eq!(threads(&snapshot) > 0, threads(&now) > 0);
    let texts: Vec<String> = snapshot.missing.iter().map(ToString::to_string).collect();
    assert!(texts.iter().all(|text| !text.contains("archive")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("/status")), "{texts:?}");
}
