//! `cargo xtask bench explain [GIBIBYTES]`: what reading kernel logs costs.
//!
//! * CPU time of the command over a log of other lines with a report every 64 MiB, beside `grep -cF` for
//!   one literal on the same file in the same run, pair by pair.
//! * Time for a report, found and read, and explained: in process, beside copying its lines one by
//!   one.
//! * Peak memory while a log of so many gibibytes (two unless said) comes through a pipe.

mod log;

use super::files::Temporary;
use super::measure;
use super::sample::Sample;
use super::{build, row};
use crate::Stop;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

/// Size of the log that is compared with grep.
const LOG: usize = 1 << 30;
const LOG_GB: f64 = 1.073_741_824;
const PAIRS: usize = 7;
const LITERAL: &str = "oom-killer";

pub(super) fn run(args: &[String]) -> Result<bool, Stop> {
    let gibibytes: usize = match args {
        [] => 2,
        [size] => size.parse().map_err(|_| format!("expected gibibytes, found `{size}`"))?,
        _ => return Err("expected one size in gibibytes".to_owned()),
    };
    let oomph = build("oomph", "oomph")?;
    let in_process = build("xtask", "bench-klog")?;
    println!("{:<28}{:>10}   {:>17}   aim", "", "median", "least to most");
    scanning(&oomph)?;
    reports(&in_process)?;
    streaming(&oomph, gibibytes << 30)?;
    Ok(true)
}

fn scanning(oomph: &Path) -> Result<(), Stop> {
    let file = Temporary::new("klog");
    let broken = |err| format!("cannot write a log: {err}");
    let mut out = File::create(file.path()).map_err(broken)?;
    let reports = log::write(&mut out, LOG).map_err(broken)?;
    let path = file.path().display().to_string();
    println!("{} MiB of other lines, {reports} reports", LOG >> 20);
    let own_args = ["explain", &path].map(str::to_owned);
    // With its output thrown away grep would stop at the first match.
    let count = Temporary::new("count");
    let count = count.path().display().to_string();
    let script = "exec grep -c -F \"$0\" \"$1\" > \"$2\"";
    let grep_args = ["-c", script, LITERAL, &path, &count].map(str::to_owned);
    let (mut own, mut grep) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        own.push(measure::cpu_of_threads(oomph, &own_args)?.0);
        grep.push(measure::cpu_of_threads(Path::new("/bin/sh"), &grep_args)?.0);
    }
    let ratios = own.iter().zip(&grep).map(|(own, grep)| own / grep).collect();
    let rate = |times: &[f64]| Sample::new(times.iter().map(|ms| LOG_GB * 1e3 / ms).collect());
    row("  oomph explain", "GB/s", &rate(&own), None);
    row("  grep -c -F", "GB/s", &rate(&grep), None);
    row("  CPU time, ratio", "", &Sample::new(ratios), Some(1.0));
    Ok(())
}

fn reports(in_process: &Path) -> Result<(), Stop> {
    for (tasks, aim) in [(100, Some(200.0)), (900, Some(200.0))] {
        let file = Temporary::new("report");
        fs::write(file.path(), log::report(1, tasks))
            .map_err(|err| format!("cannot write a report: {err}"))?;
        let path = file.path().display().to_string();
        let [floor, read, explain] = least(in_process, &path)?;
        println!("a report with {tasks} tasks, on the cpu");
        let one = |value: f64| Sample::new(vec![value]);
        row("  copying its lines", "µs", &one(floor / 1e3), None);
        row("  reading it", "µs", &one(read / 1e3), aim);
        row("  over copying", "", &one(read / floor), None);
        row("  explaining it", "µs", &one(explain / 1e3), None);
    }
    Ok(())
}

/// Nanoseconds of copying, reading and explaining a log.
fn least(in_process: &Path, log: &str) -> Result<[f64; 3], Stop> {
    let output = Command::new(in_process)
        .arg(log)
        .output()
        .map_err(|err| format!("cannot start {}: {err}", in_process.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_ascii_whitespace().flat_map(str::parse).collect();
    match numbers[..] {
        [_, _, _, floor, read, explain] if floor > 0.0 => Ok([floor, read, explain]),
        _ => Err(format!("expected six numbers, found `{}`", text.trim())),
    }
}

/// The most memory while the log comes through a pipe; read before its end, while the program waits
/// for more.
fn streaming(oomph: &Path, size: usize) -> Result<(), Stop> {
    let mut child = Command::new(oomph)
        .args(["explain", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|err| format!("cannot start {}: {err}", oomph.display()))?;
    let mut pipe = child.stdin.take().ok_or("a process without input")?;
    let reports =
        log::write(&mut pipe, size).map_err(|err| format!("cannot write into a pipe: {err}"))?;
    let peak = measure::high_water(child.id());
    drop(pipe);
    let _ = child.wait();
    let peak = peak.ok_or("the program ended before its memory could be read")?;
    println!("{} GiB through a pipe, {reports} reports", size >> 30);
    row("  peak memory", "MiB", &Sample::new(vec![peak]), Some(32.0));
    Ok(())
}
