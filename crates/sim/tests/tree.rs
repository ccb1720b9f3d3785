//! A simulated machine is read by what reads captures.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{call, machine, mmap, touch};
use facts::Why;
use rules::rank::Domain;
use sources::{Want, open, snapshot};
use units::Pid;
use world::{ForkKind, World};

/// A directory that goes when the test ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn snapshots_of_the_model_have_its_processes_in_the_kernels_order() {
    let (mut machine, parent) = machine("6.18");
    let addr = call(&mut machine, parent, &mmap(64 << 20)).unwrap();
    touch(&mut machine, parent, addr, 16 << 8);
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    let more = call(&mut machine, child, &mmap(32 << 20)).unwrap();
    touch(&mut machine, child, more, 8 << 10);
    let folder = Folder(std::env::temp_dir().join(format!("oomph-sim-{}", std::process::id())));
    for (path, content) in machine.tree().unwrap() {
        let path = folder.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let mut source = open(folder.0.to_str().unwrap()).unwrap();
    let seen = snapshot(source.tree(), &Want::rank());
    let wrong: Vec<_> = seen
        .missing
        .iter()
        .filter(|missing| matches!(missing.why, Why::Malformed { .. }))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(seen.kernel.release, Some("6.18".parse().unwrap()));
    assert_eq!(seen.tasks.len(), 2);
    let report = rules::rank(&seen, &Domain::Machine, None);
    let first = report.rows.first().unwrap();
    assert_eq!(first.pid, Pid::new(machine.pid(child)));
}
