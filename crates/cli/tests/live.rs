//! The kernel that is running is the judge: every figure of ours that it also prints is the same.
#![expect(clippy::print_stdout, reason = "tests say what was compared and what was skipped")]

mod comparison;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use comparison::{
    Comparison, available, available_and_printed, commit_limits, oom_scores, protections,
    watermarks,
};
use facts::{Field, Snapshot, Task, Zone};
use sources::Want;
use units::{Pages, Pid};

fn look() -> Snapshot {
    sources::open("live").expect("/proc is mounted").snapshot(&Want::rank())
}

/// A process of this test's that holds memory and waits.
struct Holder {
    child: Child,
    what: String,
}

impl Holder {
    /// Starts one of `mib` MiB, with an adjustment and as another user where that is allowed.
    fn start(mib: usize, adj: i64, uid: Option<u32>) -> Option<Holder> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command
            .args(["--exact", "holder", "--ignored", "--nocapture", "--test-threads=1"])
            .env("OOMPH_HOLD_MIB", mib.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(uid) = uid {
            command.uid(uid);
        }
        let mut child = command.spawn().ok()?;
        let mut lines = BufReader::new(child.stdout.take()?).lines();
        // The harness prints a line or two of its own, and none if that user may not run this file.
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("holding"));
        let mut holder = Holder { child, what: format!("{mib} MiB, adjusted by {adj}, {uid:?}") };
        if !ready {
            holder.stop();
            return None;
        }
        let path = format!("/proc/{}/oom_score_adj", holder.child.id());
        if adj != 0 && std::fs::write(path, adj.to_string()).is_err() {
            holder.stop();
            return None;
        }
        Some(holder)
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Not a test: what [`Holder`] runs. It touches every page, says so and waits for its end.
#[test]
#[ignore = "run by the other test, as a process of its own"]
fn holder() {
    let Some(mib) = std::env::var("OOMPH_HOLD_MIB").ok().and_then(|v| v.parse::<usize>().ok())
    else {
        return;
    };
    let memory = vec![1u8; mib << 20];
    let mut out = std::io::stdout().lock();
    writeln!(out, "holding {}", memory.iter().map(|&b| usize::from(b)).sum::<usize>()).unwrap();
    out.flush().unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(memory);
}

/// How often the machine is looked at until it stood still for the length of a look.
const LOOKS: usize = 200;

/// A score that is not the kernel's, of a process that did not change while it was read.
#[derive(Debug)]
#[expect(dead_code, reason = "the test shows it where it fails")]
struct Difference {
    ours: Option<u64>,
    kernels: u64,
    started: Option<u64>,
}

fn task(snapshot: &Snapshot, pid: Pid) -> Option<&Task> {
    snapshot.tasks.iter().find(|task| task.pid == pid)
}

/// Whether the process that began then is gone, or only waits for its parent.
fn has_ended(now: Option<&Task>, started: Option<u64>) -> bool {
    now.is_none_or(|task| task.start_ticks != started || matches!(task.state, Some('Z' | 'X')))
}

/// Everything that a score is made of.
fn ingredients(task: &Task) -> impl PartialEq + use<> {
    (
        (task.rss, task.vm_rss, task.swap, task.vm_pte, task.vm_pmd),
        (task.oom_score_adj, task.oom_adj, task.euid, task.start_ticks, task.oom_score),
    )
}

#[test]
fn the_kernel_prints_the_oom_score_that_we_predict_for_every_process_that_is_still() {
    let mut wanted: Vec<(usize, i64, Option<u32>)> = vec![
        (0, 0, None),
        (3, 1, None),
        (17, 100, None),
        (40, 333, None),
        (5, 999, None),
        (64, 1000, None),
    ];
    // Lowering an adjustment and changing user need a privilege; without it they are left out.
    wanted.extend([
        (9, -1000, None),
        (33, -500, None),
        (8, -1, None),
        (12, 0, Some(65_534)),
        (7, 700, Some(1)),
    ]);
    let asked = wanted.len();
    let holders: Vec<Holder> =
        wanted.into_iter().filter_map(|(mib, adj, uid)| Holder::start(mib, adj, uid)).collect();
    println!("{} of {asked} processes of assorted sizes, adjustments and users run", holders.len());
    assert!(holders.len() >= 6, "the unprivileged ones at least");

    let mut equal: BTreeMap<Pid, u64> = BTreeMap::new();
    let mut differ: BTreeMap<Pid, Difference> = BTreeMap::new();
    let ours: Vec<Pid> = holders.iter().map(|h| Pid::new(h.child.id())).collect();
    let mut before = look();
    for _ in 0..LOOKS {
        let after = look();
        let scores = oom_scores(&before);
        let same_total = before.meminfo.get(Field::MemTotal) == after.meminfo.get(Field::MemTotal)
            && before.meminfo.get(Field::SwapTotal) == after.meminfo.get(Field::SwapTotal);
        for (pid, ours, kernels) in scores {
            let (Some(first), Some(second)) = (task(&before, pid), task(&after, pid)) else {
                continue;
            };
            if ingredients(first) != ingredients(second) || !same_total {
                continue;
            }
            if ours == Some(kernels) {
                equal.insert(pid, kernels);
                differ.remove(&pid);
            } else if !equal.contains_key(&pid) {
                differ.insert(pid, Difference { ours, kernels, started: first.start_ticks });
            }
        }
        // On a busy machine a process may stay for long where it has no memory any more and is no
        // zombie yet; no score of ours is right only if it was on its way out.
        differ.retain(|pid, one| one.ours.is_some() || !has_ended(task(&after, *pid), one.started));
        before = after;
        if differ.is_empty() && ours.iter().all(|pid| equal.contains_key(pid)) {
            break;
        }
    }
    println!(
        "oom_score: {} processes compared, {} differ",
        equal.len() + differ.len(),
        differ.len()
    );
    assert!(differ.is_empty(), "{differ:#?}");
    for (holder, pid) in holders.iter().zip(&ours) {
        assert!(equal.contains_key(pid), "{} was never still", holder.what);
    }
}

/// Compares until the machine stood still for the length of one look.
fn still(name: &str, compare: fn(&Snapshot) -> Comparison) {
    let mut last = Comparison::default();
    for _ in 0..LOOKS {
        last = compare(&look());
        if last.compared == 0 {
            println!("{name}: this kernel does not print what it is compared with; skipped");
            return;
        }
        if last.differences.is_empty() {
            println!("{name}: {} compared, all equal", last.compared);
            return;
        }
    }
    panic!("{name}: {:#?}", last.differences);
}

#[test]
fn the_kernel_prints_the_watermarks_that_we_compute() {
    still("min, low, high", watermarks);
}

#[test]
fn the_kernel_prints_the_protection_that_we_compute() {
    still("protection", protections);
}

#[test]
fn the_kernel_prints_the_commit_limit_that_we_compute() {
    still("CommitLimit", commit_limits);
}

/// What a zone's marks are made of.
fn marks(snapshot: &Snapshot) -> impl PartialEq + use<> {
    let of_zone = |zone: &Zone| (zone.low, zone.high, zone.boost, zone.protection.clone());
    snapshot.zones.iter().map(of_zone).collect::<Vec<_>>()
}

/// How far the parts of available memory moved, added up.
fn moved(before: &Snapshot, after: &Snapshot) -> Pages {
    let parts = [
        Field::MemFree,
        Field::ActiveFile,
        Field::InactiveFile,
        Field::KReclaimable,
        Field::SReclaimable,
    ];
    let get = |snapshot: &Snapshot, field| {
        snapshot.meminfo.get(field).map_or(Pages::ZERO, |bytes| snapshot.page_size.pages_in(bytes))
    };
    parts.into_iter().map(|field| distance(get(before, field), get(after, field))).sum()
}

fn distance(one: Pages, other: Pages) -> Pages {
    one.max(other).saturating_sub(one.min(other))
}

/// The kernel reads once more what it has printed before it adds it up: on a machine that never
/// stands still for so long, the two may differ by what moves, and by no more.
#[test]
fn the_kernel_prints_the_available_memory_that_we_compute() {
    const LOOKS: usize = 2000;
    /// Where more moves from one look to the next, nothing is proved.
    const QUIET: Pages = Pages::new(1024);
    let mut source = sources::open("live").expect("/proc is mounted");
    let mut close = None;
    let mut last = String::new();
    let mut before = source.machine();
    for _ in 0..LOOKS {
        let after = source.machine();
        let Some((ours, kernels)) = available_and_printed(&before) else {
            println!("MemAvailable: this kernel does not print it; skipped");
            return;
        };
        // The marks are printed by another file, and rise while memory is fragmented.
        if marks(&before) == marks(&after) {
            if available(&before).differences.is_empty() {
                println!("MemAvailable: equal");
                return;
            }
            let (moved, away) = (moved(&before, &after), distance(ours, kernels));
            last = format!("ours {ours:?}, the kernel's {kernels:?}, {moved:?} moved");
            if away <= moved && moved <= QUIET {
                close = Some(last.clone());
            }
        }
        before = after;
    }
    println!("MemAvailable: never equal; {}", close.as_ref().unwrap_or(&last));
    assert!(close.is_some(), "{last}");
}
