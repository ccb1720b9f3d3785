//! The same comparisons on machines captured elsewhere: `tests/data/captures/*/capture.tar`.
//! Whoever adds a kernel adds a directory.
#![expect(clippy::print_stdout, reason = "tests say what was compared and what was skipped")]

mod comparison;

use std::fs;
use std::path::{Path, PathBuf};

use comparison::{Comparison, available, commit_limits, oom_scores, protections, watermarks};
use facts::Snapshot;
use sources::Want;

fn captures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|e| e.path().join("capture.tar")).filter(|p| p.is_file()).collect();
    found.sort();
    found
}

/// Runs a comparison on every capture and fails with the differences of all.
fn each(check: impl Fn(&Snapshot) -> (usize, Vec<String>), what: &str) {
    let mut wrong = Vec::new();
    let captures = captures();
    for path in &captures {
        let spec = path.to_str().expect("this repository's paths are UTF-8");
        let snapshot = sources::open(spec)
            .unwrap_or_else(|error| panic!("{spec}: {error}"))
            .snapshot(&Want::rank());
        let release =
            snapshot.kernel.release.unwrap_or_else(|| panic!("{spec}: no kernel release"));
        let (compared, differences) = check(&snapshot);
        println!("{what}, Linux {release}: {compared} compared, {} differ", differences.len());
        wrong.extend(differences.into_iter().map(|d| format!("{spec}: {d}")));
    }
    if captures.is_empty() {
        println!("{what}: no captures in tests/data/captures; skipped");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_captured_oom_score_is_the_one_we_predict() {
    each(
        |snapshot| {
            let scores = oom_scores(snapshot);
            let compared = scores.len();
            assert!(compared > 0, "{}: no process to compare", snapshot.origin);
            let (less, more) =
                (oom_scores(&swapped(snapshot, 0)), oom_scores(&swapped(snapshot, 2)));
            let differ = scores.into_iter().enumerate().filter_map(|(at, score)| {
                let (_, ours, theirs) = score;
                let explained =
                    ours.is_some() && less[at].1 <= Some(theirs) && Some(theirs) <= more[at].1;
                (!explained).then_some(score)
            });
            let words = |(pid, ours, theirs)| format!("pid {pid}: ours {ours:?}, theirs {theirs}");
            (compared, differ.map(words).collect())
        },
        "oom_score",
    );
}

/// The machine with as much in swap as the kernel's own sum may have been short (0) or in excess (2)
/// of what it told; 1 leaves it as it is.
///
/// Since 6.2 a process's sizes are per-cpu counters. `status` adds up what each CPU keeps back in
/// later releases of 6.12 (`get_mm_counter_sum()`), `oom_badness()` does not: they are apart by up to
/// a batch of 32 pages a CPU, and these machines have one.
fn swapped(snapshot: &Snapshot, side: u64) -> Snapshot {
    let mut snapshot = snapshot.clone();
    let per_cpu = snapshot.kernel.release >= Some(facts::Release::new(6, 2));
    let batch = if per_cpu { 32 * snapshot.page_size.bytes() } else { 0 };
    for swap in snapshot.tasks.iter_mut().filter_map(|task| task.swap.as_mut()) {
        if swap.get() > 0 {
            *swap = units::Bytes::new((swap.get() + side * batch).saturating_sub(batch));
        }
    }
    snapshot
}

fn each_figure(compare: fn(&Snapshot) -> Comparison, what: &str) {
    each(
        |snapshot| {
            let comparison = compare(snapshot);
            (comparison.compared, comparison.differences)
        },
        what,
    );
}

#[test]
fn every_captured_watermark_is_the_one_we_compute() {
    each_figure(watermarks, "min, low, high");
}

#[test]
fn every_captured_protection_is_the_one_we_compute() {
    each_figure(protections, "protection");
}

#[test]
fn every_captured_commit_limit_is_the_one_we_compute() {
    each_figure(commit_limits, "CommitLimit");
}

#[test]
fn every_captured_available_memory_is_the_one_we_compute() {
    each_figure(available, "MemAvailable");
}
