//! Our headroom and first victim beside what then happened: `tests/data/captures/*/truth`.
//!
//! Right after a capture, in the same boot, a new process touched anonymous memory until the kernel
//! killed somebody or refused. What it had touched by then is what the headroom promised.
#![expect(clippy::print_stdout, reason = "how far off each was is worth a look")]

use std::fs;
use std::path::{Path, PathBuf};

use facts::Snapshot;
use rules::status::{StatusOptions, StatusReport, WallKind, status};
use sources::Want;

/// By how much the kernel may end outside of what was promised, in percent of what was touched:
/// slab comes back in part, the page tables of the newcomer take some.
const MISS: u64 = 3;

/// One folder.
struct Case {
    name: String,
    snapshot: Snapshot,
    report: StatusReport,
    truth: String,
}

impl Case {
    fn read(folder: &Path) -> Case {
        let spec = folder.join("capture.tar");
        let spec = spec.to_str().expect("this repository's paths are UTF-8");
        let snapshot = sources::open(spec)
            .unwrap_or_else(|error| panic!("{spec}: {error}"))
            .snapshot(&Want::rank());
        let report = status(&snapshot, &StatusOptions::default(), |domain| {
            rules::rank(&snapshot, domain, None)
        });
        let truth = fs::read_to_string(folder.join("truth")).expect("truth can be read");
        Case { name: folder.display().to_string(), snapshot, report, truth }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.truth.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
    }

    fn number(&self, key: &str) -> u64 {
        let value = self.value(key).unwrap_or_else(|| panic!("{}: no `{key}`", self.name));
        value.trim().parse().unwrap_or_else(|error| panic!("{}: {key} {value}: {error}", self.name))
    }
}

fn cases() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let entries = fs::read_dir(dir).expect("the captures are part of the repository");
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|folder| folder.join("truth").is_file());
    folders.sort();
    assert!(!folders.is_empty(), "no capture has a truth");
    folders.iter().map(|folder| Case::read(folder)).collect()
}

fn hold(check: impl Fn(&Case) -> Result<(), String>) {
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, check(case).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_nearest_wall_is_between_what_is_expected_and_what_may_come() {
    hold(|case| {
        let touched = case.number("touched");
        let wall = case.report.walls.first().ok_or("no wall")?;
        let expected = wall.distance.ok_or("a wall of unknown distance")?.get();
        let most = match (&wall.kind, &case.report.headroom) {
            (WallKind::Machine, Some(headroom)) => headroom.total.get(),
            _ => expected,
        };
        let slack = touched * MISS / 100;
        println!("{}: {expected} to {most}, was {touched}", case.name);
        if expected <= touched + slack && touched <= most + slack {
            return Ok(());
        }
        Err(format!(
            "{:?} was said to be {expected} to {most} bytes away, was {touched}",
            wall.kind
        ))
    });
}

#[test]
fn the_nearest_wall_kills_if_and_only_if_somebody_died() {
    hold(|case| {
        let killed = case.value("end") == Some("killed");
        let wall = case.report.walls.first().ok_or("no wall")?;
        (wall.kills == killed).then_some(()).ok_or(format!("{:?}, killed: {killed}", wall.kind))
    });
}

#[test]
fn whoever_died_is_the_first_victim_unless_the_newcomer_had_outgrown_it() {
    hold(|case| {
        if case.value("end") != Some("killed") {
            return Ok(());
        }
        let first = case.report.victims.first.first().ok_or("no victim")?;
        let victim = case.number("victim_pid");
        let newcomer = case.number("hog_pid");
        if victim != newcomer {
            let same = u64::from(first.pid.get()) == victim;
            return same.then_some(()).ok_or(format!("we say {}, pid {victim} died", first.pid));
        }
        // A newcomer has no adjustment: its points are its pages.
        let page = case.snapshot.page_size.bytes();
        let pages = i64::try_from(case.number("touched") / page).map_err(|e| e.to_string())?;
        let points = first.points;
        let outgrown = pages.saturating_mul(102) / 100 >= points;
        outgrown.then_some(()).ok_or(format!("it had {pages} pages, our first {points} points"))
    });
}
