//! `cargo xtask bench sim`: what the simulated machine costs.
//!
//! * An event (a call or a touch) on processes with few and many mappings, beside the same events on
//!   a plain ordered map and on the running kernel, round by round.
//! * The first touch of 1 TiB in one run.
//! * A log of strace with a million lines, beside copying its lines.
//! * Peak memory of a machine of 1 TiB that is full, and of one with pages in no order.
//! * A machine of 1 TiB until it kills, and a hundred processes that swap; their peak memory. Beside the
//!   first: what the running kernel and one in a virtual machine take for a page, and so for 1 TiB.
//! * `oomph simulate` on a scenario of 100,000 steps.
//! * Whether several runs give back and print the same, byte for byte.

mod guest;

use super::files::Temporary;
use super::measure;
use super::sample::Sample;
use super::{build, row};
use crate::Stop;
use std::fs;
use std::path::Path;
use std::process::Command;

/// How often something is run that is to come out the same each time.
const REPEATS: usize = 3;
/// Steps of the scenario.
const STEPS: f64 = 100_000.0;
const SCENARIO: &str = "\
machine { ram 16GiB; }
process p {
    mmap keep 64MiB
    repeat 19999 {
        mmap block 64KiB
        touch block
        mprotect block+8KiB 4KiB read-only
        munmap block
        touch keep 16 pages
    }
}
";

/// Prints the table; false when two runs of one program differ.
pub(super) fn run() -> Result<bool, Stop> {
    let own = build("xtask", "bench-sim")?;
    let oomph = build("oomph", "oomph")?;
    println!("{:<28}{:>10}   {:>17}   aim", "", "median", "least to most");
    for mappings in ["100", "1700", "50000"] {
        events(&own, mappings)?;
    }
    let touches = numbers(&own, &["first-touch"])?.into_iter().flatten().map(|ns| ns / 1e3);
    println!("1 TiB in one run");
    row("  first touch", "µs", &Sample::new(touches.collect()), Some(10.0));
    log(&own)?;
    for (name, what, aim) in [
        ("1 TiB full, 52,000 mappings", "fill", Some(64.0)),
        ("1 GiB, every other page", "scatter", None),
    ] {
        println!("{name}");
        let peak = measure::peak_memory(&own, &[what.to_owned()])?;
        row("  peak memory", "MiB", &one(peak), aim);
    }
    println!("memory that ends");
    for (name, what, aim) in [
        ("  1 TiB until the kill", "exhaust", 1000.0),
        ("  100 processes, swap", "many", 20.0),
        ("  and three times over", "thrash", 1000.0),
    ] {
        let times = numbers(&own, &[what])?.into_iter().flatten().map(|ns| ns / 1e6);
        row(name, "ms", &Sample::new(times.collect()), Some(aim));
        let peak = measure::peak_memory(&own, &[what.to_owned()])?;
        row("    peak memory", "MiB", &one(peak), Some(64.0));
    }
    real_memory(&own)?;
    let same = simulate(&oomph)?;
    let hashes = outputs(&own, &["hash"])?;
    println!("{REPEATS} runs, all results and /proc: {}", verdict(&hashes));
    Ok(same && alike(&hashes))
}

/// What real kernels take for a page of 4 KiB that is touched first, and so for 1 TiB.
fn real_memory(own: &Path) -> Result<(), Stop> {
    println!("the same on real kernels, page by page on one processor");
    let each: Vec<f64> = numbers(own, &["touch"])?.into_iter().flatten().collect();
    page_by_page("running kernel", &Sample::new(each));
    match guest::until_killed()? {
        Some(each) => page_by_page(&format!("{} in QEMU", guest::SERIES), &each),
        None => println!(
            "  {} in QEMU       not measured: no QEMU, or no kernel is here",
            guest::SERIES
        ),
    }
    Ok(())
}

/// A row for a page, and one for what that makes of 1 TiB.
fn page_by_page(kernel: &str, each: &Sample) {
    const PAGES: f64 = 268_435_456.0;
    row(&format!("  {kernel}, page"), "ns", each, None);
    let all = [each.least, each.median, each.most].map(|ns| ns * PAGES / 1e9);
    row("    1 TiB at that rate", "s", &Sample::new(all.to_vec()), None);
}

fn events(own: &Path, mappings: &str) -> Result<(), Stop> {
    let rounds = numbers(own, &["events", mappings])?;
    let column = |at: usize| -> Vec<f64> {
        rounds.iter().map(|round| round.get(at).copied().unwrap_or(f64::NAN)).collect()
    };
    let over = |at: usize| {
        let ratios = column(0).iter().zip(column(at)).map(|(own, other)| own / other).collect();
        Sample::new(ratios)
    };
    println!("an event, with {mappings} mappings");
    let rate = column(0).iter().map(|ns| 1e3 / ns).collect();
    row("  model", "ns", &Sample::new(column(0)), Some(1000.0));
    row("  model, in a second", "M", &Sample::new(rate), None);
    row("  ordered map", "ns", &Sample::new(column(1)), None);
    row("  running kernel", "ns", &Sample::new(column(2)), None);
    row("  over ordered map", "", &over(1), None);
    row("  over the kernel", "", &over(2), None);
    Ok(())
}

fn log(own: &Path) -> Result<(), Stop> {
    let found = numbers(own, &["log", "1000000"])?;
    let [copy, read, play, unequal, mappings] = found.concat()[..] else {
        return Err("expected five numbers about a log".to_owned());
    };
    println!("strace, 1,000,000 lines: {unequal} played otherwise, {mappings} mappings at the end");
    row("  copying its lines", "ms", &one(copy), None);
    row("  reading it", "ms", &one(read), None);
    row("  playing it", "ms", &one(play), None);
    row("  both", "ms", &one(read + play), Some(1000.0));
    row("  over copying", "", &one((read + play) / copy), None);
    Ok(())
}

fn simulate(oomph: &Path) -> Result<bool, Stop> {
    let file = Temporary::new("steps.kdl");
    fs::write(file.path(), SCENARIO).map_err(|err| format!("cannot write a scenario: {err}"))?;
    let path = file.path().display().to_string();
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        times.push(measure::cpu_of_threads(oomph, &["simulate".to_owned(), path.clone()])?.0);
    }
    println!("oomph simulate, 100,000 steps");
    let each = times.iter().map(|ms| ms * 1e6 / STEPS).collect();
    row("  CPU time", "ms", &Sample::new(times), None);
    row("  a step", "ns", &Sample::new(each), None);
    let traces = outputs(oomph, &["simulate", "--trace", &path])?;
    println!("  {REPEATS} runs with --trace, {} bytes: {}", traces[0].len(), verdict(&traces));
    Ok(alike(&traces))
}

fn one(value: f64) -> Sample {
    Sample::new(vec![value])
}

fn alike(outputs: &[Vec<u8>]) -> bool {
    outputs.windows(2).all(|pair| pair[0] == pair[1])
}

fn verdict(outputs: &[Vec<u8>]) -> &'static str {
    if alike(outputs) { "byte-identical" } else { "NOT THE SAME" }
}

/// What each of several runs prints.
fn outputs(program: &Path, args: &[&str]) -> Result<Vec<Vec<u8>>, Stop> {
    (0..REPEATS).map(|_| output(program, args)).collect()
}

fn output(program: &Path, args: &[&str]) -> Result<Vec<u8>, Stop> {
    let output = Command::new(program)
        .args(args)
        .output()
        .map_err(|err| format!("cannot start {}: {err}", program.display()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} {}: {}", program.display(), args.join(" "), why.trim()))
}

/// The numbers of each line that a run prints.
fn numbers(program: &Path, args: &[&str]) -> Result<Vec<Vec<f64>>, Stop> {
    let output = output(program, args)?;
    let text = String::from_utf8_lossy(&output);
    let line = |line: &str| line.split_ascii_whitespace().flat_map(str::parse).collect();
    Ok(text.lines().map(line).collect())
}
