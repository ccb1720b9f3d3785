//! `cargo xtask fuzz-klog [--seconds N | --runs N] [--seed S] [LOG…]`: logs, mutated, and what is made
//! of them.
//!
//! Every run takes one of the logs (the reports of real kernels in `tests/data/captures`, the forms
//! of every release in `crates/klog`, and those named), changes it in a few ways and holds it to:
//!
//! * Nothing panics: reading, explaining, looking at it as at a machine, printing it again.
//! * A text that comes in pieces says what it says as a whole.
//! * What is kept is bounded by the text: its `Debug` form has at most [`MOST`] times the bytes.
//! * It ends: no text costs more than [`SLOWEST`] nanoseconds of CPU time a byte.
//!
//! A run is told by the seed and its number, and repeated by `--seed S --run N`. What fails is kept
//! in the directory for temporary files.

mod mutate;
mod random;

use crate::{Stop, repository};
use facts::Release;
use facts::oom_report::OomReport;
use klog::Scanner;
use random::Random;
use rules::rank::Domain;
use rustix::time::{ClockId, clock_gettime};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs};

/// What is kept of a byte, at most, as `Debug` prints it.
///
/// A line of a few bytes may say one figure of a zone that has fifty, or begin a report that has
/// twenty sections, and `Debug` prints `None` for each of the others, and their names. The shortest
/// lines there are come to about 90 (a test holds them to this), so much more than that is kept twice.
const MOST: usize = 120;
/// What a text may keep however short it is.
const SMALL: usize = 8 << 10;
/// Nanoseconds for a byte, without optimisation; and for a text however short it is.
const SLOWEST: u64 = 20_000;
const SHORT: u64 = 1_000_000_000;

/// What is asked for.
#[derive(Debug)]
struct Options {
    until: Until,
    seed: u64,
    only: Option<u64>,
    logs: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Runs(u64),
    Time(Duration),
}

/// What the worst of the runs cost.
#[derive(Debug, Default)]
struct Worst {
    /// Reports found, in all runs.
    reports: usize,
    kept: usize,
    nanoseconds: u64,
}

pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let options = options(args)?;
    let texts = texts(&options.logs)?;
    let begin = Instant::now();
    let mut worst = Worst::default();
    let (mut runs, mut failed) = (0u64, 0);
    let first = options.only.unwrap_or(0);
    for number in first.. {
        let enough = match options.until {
            _ if options.only.is_some() => number > first,
            Until::Runs(most) => number >= most,
            Until::Time(most) => begin.elapsed() >= most,
        };
        if enough || failed >= 5 {
            break;
        }
        runs += 1;
        let mut random = of_run(options.seed, number);
        let text = mutate::mutant(&texts, &mut random);
        if let Err(why) = hold(&text, &mut random, &mut worst, true) {
            failed += 1;
            let path = env::temp_dir().join(format!("oomph-fuzz-{}-{number}.log", options.seed));
            let kept = fs::write(&path, &text).map_or_else(|e| e.to_string(), |()| String::new());
            println!("--seed {} --run {number}: {why}", options.seed);
            println!("    {} {kept}", path.display());
        }
    }
    println!(
        "{runs} runs over {} texts, {} reports found, {} s, {failed} failed",
        texts.len(),
        worst.reports,
        begin.elapsed().as_secs()
    );
    println!("kept of a byte at most {} bytes, of at most {MOST}", worst.kept);
    println!("CPU time of a byte at most {} ns, of at most {SLOWEST}", worst.nanoseconds);
    Ok(failed == 0)
}

fn options(args: &[String]) -> Result<Options, Stop> {
    let mut options = Options {
        until: Until::Time(Duration::from_secs(60)),
        seed: 1,
        only: None,
        logs: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || -> Result<u64, Stop> {
            let value = args.next().ok_or_else(|| format!("{arg}: expected a number"))?;
            value.parse().map_err(|_| format!("{arg}: expected a number, found `{value}`"))
        };
        match arg.as_str() {
            "--seconds" => options.until = Until::Time(Duration::from_secs(number()?)),
            "--runs" => options.until = Until::Runs(number()?),
            "--seed" => options.seed = number()?,
            "--run" => options.only = Some(number()?),
            log => options.logs.push(PathBuf::from(log)),
        }
    }
    Ok(options)
}

fn of_run(seed: u64, number: u64) -> Random {
    Random::new(Random::new(seed).next() ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d))
}

/// The logs to begin with.
fn texts(more: &[PathBuf]) -> Result<Vec<Vec<u8>>, Stop> {
    let root = repository::root();
    let captures = root.join("tests/data/captures");
    let mut paths: Vec<PathBuf> = fs::read_dir(&captures)
        .map_err(|err| format!("cannot list {}: {err}", captures.display()))?
        .filter_map(|entry| Some(entry.ok()?.path().join("kill.log")))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths.extend_from_slice(more);
    let read = |path: &PathBuf| {
        fs::read(path).map_err(|err| format!("cannot read {}: {err}", path.display()))
    };
    let mut texts = paths.iter().map(read).collect::<Result<Vec<_>, Stop>>()?;
    // Each line behind the release that prints it.
    let samples = read(&root.join("crates/klog/src/print/samples.txt"))?;
    let mut release: &[u8] = b"";
    for line in samples.split_inclusive(|&b| b == b'\n') {
        let end = line.iter().position(|&b| b == b' ').unwrap_or(0);
        if &line[..end] != release {
            release = &line[..end];
            texts.push(Vec::new());
        }
        if let Some(text) = texts.last_mut() {
            text.extend_from_slice(line.get(9..).unwrap_or(b"\n"));
        }
    }
    Ok(texts)
}

/// Holds one text to what is promised; `Err` says which promise it breaks.
fn hold(text: &[u8], random: &mut Random, worst: &mut Worst, timed: bool) -> Result<(), String> {
    let bytes = text.len().max(1);
    let before = on_cpu();
    let whole = guarded("reading", || read(text, bytes))?;
    let time = on_cpu() - before;
    if timed && time > SHORT.max(SLOWEST.saturating_mul(bytes as u64)) {
        return Err(format!("reading {bytes} bytes took {} ms of CPU time", time / 1_000_000));
    }
    worst.nanoseconds = worst.nanoseconds.max(time / (bytes.max(SMALL) as u64));
    let kept = format!("{whole:?}").len();
    worst.reports += whole.len();
    worst.kept = worst.kept.max(kept / bytes.max(SMALL));
    if kept > SMALL + MOST * bytes {
        return Err(format!("{kept} bytes kept of {bytes}"));
    }
    let size = 1 + random.below(bytes);
    let pieces = guarded("reading in pieces", || read(text, size))?;
    if whole != pieces {
        return Err(format!(
            "{} reports as a whole, {} in pieces of {size}, or not the same",
            whole.len(),
            pieces.len()
        ));
    }
    let release = *random.one_of(&[
        &Release::old(2, 6, 18),
        &Release::old(2, 6, 32),
        &Release::new(3, 2),
        &Release::new(4, 18),
        &Release::new(6, 12),
    ]);
    for report in &whole {
        guarded("explaining", || {
            rules::explain(report, None);
            rules::explain(report, Some(release));
        })?;
        guarded("ranking", || {
            let machine = rules::machine_of_report(report, String::new(), Some(release));
            let domain = machine.group.map_or(Domain::Machine, Domain::Cgroup);
            rules::rank::rank(&machine.snapshot, &domain, None);
            rules::ledger::ledger(&machine.snapshot, &machine.account);
        })?;
        let printed = guarded("printing", || klog::print(report, release))?;
        guarded("reading what was printed", || read(&printed, printed.len().max(1)))?;
    }
    Ok(())
}

fn read(text: &[u8], size: usize) -> Vec<OomReport> {
    let mut all = Vec::new();
    let mut scanner = Scanner::new();
    for piece in text.chunks(size) {
        scanner.feed(piece, &mut |one: klog::Found| all.push(one.report));
    }
    scanner.finish(&mut |one| all.push(one.report));
    all
}

fn guarded<T>(what: &str, run: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| format!("{what} panicked"))
}

/// Nanoseconds that this thread has run.
fn on_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let [seconds, nanoseconds] = [time.tv_sec, time.tv_nsec].map(i64::cast_unsigned);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutated_logs_break_no_promise() {
        let texts = texts(&[]).expect("the logs of this repository");
        let mut worst = Worst::default();
        for number in 0..150 {
            let mut random = of_run(7, number);
            let text = mutate::mutant(&texts, &mut random);
            let held = hold(&text, &mut random, &mut worst, false);
            assert_eq!(held, Ok(()), "cargo xtask fuzz-klog --seed 7 --run {number}");
        }
        assert!(worst.reports > 100, "{worst:?}");
    }

    #[test]
    fn the_shortest_lines_keep_as_much_as_is_said_of_them() {
        let shortest = [
            "Mem-Info:\nfree:1\n",
            "a invoked oom-killer:\n",
            "DMA: 1*4kB\n",
            "DMA: 1*4kB = 4kB\n",
            "DMA free:1kB\n",
            "DMA per-cpu:\n",
            "Killed process 1\n",
            "Killed process 1 (a)\n",
            "oom-kill:constraint=\n",
            "[1] 0 1 1 1 1 1 0 a\n",
        ];
        let mut worst = 0;
        for line in shortest {
            let text = format!("Mem-Info:\nfree:1\n{}", line.repeat(4000));
            let kept = format!("{:?}", read(text.as_bytes(), text.len())).len();
            worst = worst.max(kept / text.len());
        }
        assert!((MOST / 2..MOST).contains(&worst), "{worst}");
    }

    #[test]
    fn a_run_is_repeated_by_its_numbers() {
        let texts = texts(&[]).expect("the logs of this repository");
        let text = |seed, number| mutate::mutant(&texts, &mut of_run(seed, number));
        assert_eq!(text(3, 11), text(3, 11));
        assert_ne!(text(3, 11), text(3, 12));
        assert_ne!(text(3, 11), text(4, 11));
    }
}
