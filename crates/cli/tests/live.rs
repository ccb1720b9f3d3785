//! The kernel that is running is the judge: every figure of ours that it also prints is the same.
#![expect(clippy::print_stdout, reason = "tests say what was compared and what was skipped")]

mod comparison;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use comparison::{Comparison, available, commit_limits, oom_scores, protections, watermarks};
use facts::{Snapshot, Task};
use sources::Want;
use units::Pid;

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
    let mut differ: BTreeMap<Pid, String> = BTreeMap::new();
    let ours: Vec<Pid> = holders.iter().map(|h| Pid::new(h.child.id())).collect();
    let mut before = look();
    for _ in 0..20 {
        let after = look();
        let scores = oom_scores(&before);
        let same_total = before.meminfo.get(facts::Field::MemTotal)
            == after.meminfo.get(facts::Field::MemTotal)
            && before.meminfo.get(facts::Field::SwapTotal)
                == after.meminfo.get(facts::Field::SwapTotal);
        for (pid, predicted, printed) in scores {
            let find = |s: &Snapshot| s.tasks.iter().find(|t| t.pid == pid).map(ingredients);
            let (Some(first), Some(second)) = (find(&before), find(&after)) else { continue };
            if first != second || !same_total {
                continue;
            }
            if predicted == Some(printed) {
                equal.insert(pid, printed);
                differ.remove(&pid);
            } else if !equal.contains_key(&pid) {
                differ.insert(pid, format!("ours {predicted:?}, the kernel's {printed}"));
            }
        }
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
    for _ in 0..200 {
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

#[test]
fn the_kernel_prints_the_available_memory_that_we_compute() {
    still("MemAvailable", available);
}
