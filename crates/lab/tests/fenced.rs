//! A scenario that runs out of memory on this machine's kernel, in a cgroup.
#![expect(clippy::print_stdout, reason = "a test that is skipped says why")]

use std::fs;
use std::path::Path;

use oomph_lab::{Place, Plan, side_by_side};
use scenario::{Scenario, Source};
use world::WorldError;

const TEXT: &str = "\
runs-on host
machine {
    ram 64MiB
    cgroup \"/web\" max=16MiB
}
process web cgroup=\"/web\" {
    grow piece until=killed
}
process outside {
    mmap block 4MiB
    touch block
    sleep 1ms
}
expect deaths web
expect outside alive
expect web.touched at-least 12MiB
expect web.touched at-most 16MiB
expect cgroup \"/web\" memory.events.oom_kill is 1
";

fn scenario(text: &str) -> Scenario {
    scenario::check(&Source::new("fenced", text)).expect("a scenario")
}

/// Why it did not begin, and which claims do not hold.
fn performed(text: &str) -> (Option<String>, Vec<String>) {
    let stated = |_| Err(WorldError("there is no model here".to_owned()));
    let places = [Place::Host];
    let plan = Plan {
        places: &places,
        stated: &stated,
        stored: false,
        curves: false,
        record: None,
        about_to: &|_| (),
    };
    match side_by_side(&scenario(text), &plan) {
        Ok(report) => {
            let arm = &report.arms[0];
            let broken = arm.broken.iter().map(|row| format!("{} {}", row.wanted, row.found));
            (arm.stopped.clone(), broken.collect())
        }
        Err(error) => (Some(error.0), Vec::new()),
    }
}

/// Fences of this process below a folder.
fn fences(folder: &Path, found: &mut Vec<String>) {
    let ours = format!("oomph-lab-{}-", std::process::id());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&ours) {
                found.push(name);
            }
            fences(&entry.path(), found);
        }
    }
}

/// One after the other: what is left is looked for by this process's number.
#[test]
fn a_cgroup_that_is_full_kills_inside_and_nothing_stays_behind() {
    // How far a victim had come is known within a long touch, too.
    let long = TEXT.replace("grow piece until=killed", "mmap block 64MiB\n    touch block");
    assert_ne!(long, TEXT);
    for text in [TEXT, &long] {
        let (stopped, broken) = performed(text);
        let mut left = Vec::new();
        fences(Path::new("/sys/fs/cgroup"), &mut left);
        assert!(left.is_empty(), "{left:?}");
        match stopped {
            Some(why) => println!("skipped: {why}"),
            None => assert!(broken.is_empty(), "{broken:?}"),
        }
    }
}

#[test]
fn a_machine_that_this_one_cannot_hold_is_refused() {
    let (stopped, _) = performed(&TEXT.replace("ram 64MiB", "ram 1024TiB"));
    let why = stopped.expect("a refusal");
    let known = ["half of them may be used", "randomisation", "no actor"];
    assert!(known.iter().any(|words| why.contains(words)), "{why}");
}
