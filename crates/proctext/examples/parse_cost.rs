//! What parsing costs beside copying the same bytes: nanoseconds a text, the best of many rounds.
//!
//! `cargo run --release -p oomph-proctext --example parse_cost [PID]` reads that process's files
//! (its own without one) and the machine's, then parses each of them over and over. The price of
//! reading a file is printed too: that is what a parser has to be small against.

use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use facts::{Missing, Task};
use oomph_proctext as proctext;
use units::Pid;

fn main() -> io::Result<()> {
    let pid = std::env::args().nth(1).unwrap_or_else(|| "self".to_owned());
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:<24}{:>8}{:>10}{:>10}{:>10}{:>10}",
        "file", "bytes", "copy ns", "parse ns", "read ns", "of read"
    )?;
    let process = |name: &str| format!("/proc/{pid}/{name}");
    measure(&mut out, &process("status"), |text, problems| {
        let mut task = Task::unknown(Pid::new(1));
        proctext::status(text, &mut task, "", problems);
        black_box(&task);
    })?;
    measure(&mut out, &process("stat"), |text, problems| {
        let mut task = Task::unknown(Pid::new(1));
        proctext::stat(text, &mut task, "", problems);
        black_box(&task);
    })?;
    measure(&mut out, &process("oom_score"), |text, problems| {
        let mut task = Task::unknown(Pid::new(1));
        proctext::oom_score(text, &mut task, "", problems);
        black_box(&task);
    })?;
    measure(&mut out, &process("cgroup"), |text, _| {
        black_box(proctext::memory_cgroup(text));
    })?;
    measure(&mut out, &process("mountinfo"), |text, problems| {
        black_box(proctext::mountinfo(text, "", problems));
    })?;
    measure(&mut out, "/proc/meminfo", |text, problems| {
        black_box(proctext::meminfo(text, "", problems));
    })?;
    measure(&mut out, "/proc/zoneinfo", |text, problems| {
        black_box(proctext::zoneinfo(text, "", problems));
    })?;
    measure(&mut out, "/proc/vmstat", |text, problems| {
        black_box(proctext::vmstat(text, "", problems));
    })
}

fn measure(
    out: &mut impl Write,
    path: &str,
    mut parse: impl FnMut(&[u8], &mut Vec<Missing>),
) -> io::Result<()> {
    let Ok(text) = fs::read(path) else { return writeln!(out, "{path:<24}cannot be read") };
    let mut copy = Vec::with_capacity(text.len());
    let copied = best(10_000, || {
        copy.clear();
        copy.extend_from_slice(black_box(&text));
        black_box(&copy);
    });
    let mut problems = Vec::new();
    let parsed = best(10_000, || parse(black_box(&text), &mut problems));
    let read = best(500, || {
        black_box(fs::read(path).ok());
    });
    let share = parsed * 1000 / read.max(1);
    writeln!(
        out,
        "{path:<24}{:>8}{copied:>10}{parsed:>10}{read:>10}{:>8}.{} %{}",
        text.len(),
        share / 10,
        share % 10,
        if problems.is_empty() { "" } else { "  with problems" }
    )
}

/// Nanoseconds of the fastest batch, a run: what other load on the machine adds is left out.
fn best(runs: u32, mut run: impl FnMut()) -> u128 {
    let batch = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..runs {
            run();
        }
        start.elapsed().as_nanos() / u128::from(runs)
    };
    (0..9).map(|_| batch(&mut run)).min().unwrap_or(0)
}
