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

#[test]
fn a_machine_whose_memory_ends_is_judged_and_accounted_for() {
    use facts::Release;
    use oomph_sim::{Image, Machine, MachineConfig, Profile};
    use rules::layout::Arch;
    for era in ["4.4", "6.1", "6.12", "6.18"] {
        let release: Release = era.parse().unwrap();
        let profile = Profile::of(release, Arch::X86_64, 512);
        let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        config.overcommit = facts::OvercommitMode::Always;
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let first = machine.start(&common::spec(1000)).unwrap();
        let addr = call(&mut machine, first, &mmap(300 << 20)).unwrap();
        touch(&mut machine, first, addr, 300 << 8);
        machine.start(&common::spec(0)).unwrap();
        let name = format!("oomph-sim-{}-{era}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        for (path, content) in machine.tree().unwrap() {
            let path = folder.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut source = open(folder.0.to_str().unwrap()).unwrap();
        let seen = source.snapshot(&Want::rank());
        let wrong: Vec<_> = seen
            .missing
            .iter()
            .filter(|missing| matches!(missing.why, Why::Malformed { .. }))
            .collect();
        assert!(wrong.is_empty(), "{era}: {wrong:?}");

        // Every score under /proc is the one that the rules predict.
        let report = rules::rank(&seen, &Domain::Machine, None);
        assert_eq!(report.rows[0].pid, Pid::new(machine.pid(first)), "{era}");
        for row in &report.rows {
            assert_eq!(row.assumed, [] as [&str; 0], "{era}");
            assert_eq!(row.predicted_oom_score, row.oom_score, "{era}: {row:?}");
        }

        // What is left is what the program can still have: it is killed there, or a little later.
        let options = rules::status::StatusOptions::default();
        let status = rules::status(&seen, &options, |domain| rules::rank(&seen, domain, None));
        let left = status.headroom.as_ref().unwrap().total.get() >> 12;
        assert_eq!(status.victims.first[0].pid, Pid::new(machine.pid(first)), "{era}");
        let more = call(&mut machine, first, &mmap(1 << 28)).unwrap();
        let done = touch(&mut machine, first, more, 1 << 16).done;
        assert!(machine.alive(first).unwrap().is_some(), "{era}");
        assert!(left.abs_diff(done) < 2500, "{era}: {left} pages left, {done} touched");

        // The counters claim no more than there is, and little is nobody's.
        let mut seen = seen;
        let want = sources::AccountWant { shares: true, mappings: false, most_stall_ms: 1000 };
        let account = sources::account(source.tree(), &mut seen, want);
        let ledger = rules::ledger::ledger(&seen, &account);
        let rest = ledger.verdict.remainder.unwrap() >> 20;
        assert!(
            (-1..40).contains(&rest),
            "{era}: {rest} MiB are nobody's: {}",
            ledger.verdict.text
        );
    }
}

#[test]
fn scores_under_proc_are_those_that_the_rules_predict_in_every_era() {
    use facts::Release;
    use oomph_sim::{Image, Machine, MachineConfig, Profile};
    use rules::layout::Arch;
    for era in [
        "2.6.11", "2.6.18", "2.6.24", "2.6.32", "2.6.36", "2.6.39", "3.4", "3.10", "4.4", "4.14",
        "5.8", "5.9", "6.1", "7.1",
    ] {
        let release: Release = era.parse().unwrap();
        let profile = Profile::of(release, Arch::X86_64, 512);
        let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let mut ids = Vec::new();
        for (adj, uid, nice, mib) in [
            (0, 1000, 0, 20),
            (300, 0, 5, 10),
            (-500, 1000, -5, 40),
            (1000, 7, 0, 1),
            (-1000, 0, 0, 8),
        ] {
            let spec = world::ProcessSpec {
                adj: units::ScoreAdj::new(adj).unwrap(),
                nice,
                ..common::spec(uid)
            };
            let id = machine.start(&spec).unwrap();
            let addr = call(&mut machine, id, &mmap(mib << 20)).unwrap();
            touch(&mut machine, id, addr, mib << 8);
            ids.push(id);
            machine.sleep(3_000_000_000_000).unwrap();
        }
        let child = machine.fork(ids[0], ForkKind::Fork).unwrap().unwrap();
        let more = call(&mut machine, child, &mmap(5 << 20)).unwrap();
        touch(&mut machine, child, more, 5 << 8);
        let folder = Folder(
            std::env::temp_dir().join(format!("oomph-sim-{}-score-{era}", std::process::id())),
        );
        for (path, content) in machine.tree().unwrap() {
            let path = folder.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let seen = open(folder.0.to_str().unwrap()).unwrap().snapshot(&Want::rank());
        let report = rules::rank(&seen, &Domain::Machine, None);
        assert_eq!(report.rows.len(), 5, "{era}: {:?}", report.immune);
        for row in &report.rows {
            assert!(row.oom_score.is_some(), "{era}: {row:?}");
            assert_eq!(row.predicted_oom_score, row.oom_score, "{era}: {row:#?}");
        }
        for row in &report.immune {
            assert_eq!(row.oom_score, Some(0), "{era}: {row:?}");
        }
    }
}
