//! `cargo xtask bench`: what `oomph status` costs, as ratios measured in one run.
//!
//! * CPU time over the floor, which opens and reads the very same files and does nothing with them
//!   (`bench-floor`). Which files these are is taken from a trace of `oomph` itself.
//! * Peak memory.
//! * Time from its start to the first byte it prints, with the machine as it is and in the crowd.
//!
//! `cargo xtask bench usage`, `map`, `cache`, `explain`, `malloc` and `sim` are other measurements:
//! see [`usage`], [`map`], [`cache`], [`explain`], [`malloc`] and [`sim`].
//!
//! All others with [`CROWD`] more processes alive. Nothing here fails because a machine is slow: the table
//! shows the numbers beside what the project aims at.

mod cache;
mod explain;
mod files;
mod malloc;
mod map;
mod measure;
mod sample;
mod sim;
mod usage;

use crate::{Stop, needs, repository};
use measure::Crowd;
use sample::Sample;
use std::path::PathBuf;

/// Processes that are alive beside those of the machine.
const CROWD: usize = 400;
/// Pairs of runs that are counted, and pairs before them that are not.
const PAIRS: usize = 25;
const WARM_UP: usize = 3;

const STRACE: needs::Need =
    needs::Need { program: "strace", package: "strace", why: "tells which files oomph opens" };

/// Measures `oomph` with `args`, `status` if there are none; `usage`, `map`, `cache` and `explain` have
/// tables of their own.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    if args == ["usage"] {
        return usage::run();
    }
    if args == ["map"] {
        return map::run();
    }
    if args == ["sim"] {
        return sim::run();
    }
    if let [command, trace @ ..] = args
        && command == "malloc"
    {
        return malloc::run(trace);
    }
    if let [command, size @ ..] = args
        && command == "explain"
    {
        return explain::run(size);
    }
    if let [command, paths @ ..] = args
        && command == "cache"
    {
        return cache::run(paths);
    }
    if !needs::provide(&[STRACE]).is_empty() {
        return Err("strace is missing, package strace".to_owned());
    }
    let oomph = build("oomph", "oomph")?;
    let floor = build("xtask", "bench-floor")?;
    let default = ["status".to_owned()];
    let args = if args.is_empty() { &default } else { args };

    let crowd = Crowd::gather(CROWD)?;
    let files = files::opened_by(&oomph, args)?;
    let list = files.write()?;
    let floor_args = [list.path().display().to_string()];

    let mut own = Vec::new();
    let mut least = Vec::new();
    for round in 0..WARM_UP + PAIRS {
        let pair = (measure::cpu(&oomph, args)?, measure::cpu(&floor, &floor_args)?);
        if round >= WARM_UP {
            own.push(pair.0);
            least.push(pair.1);
        }
    }
    let ratios = own.iter().zip(&least).map(|(own, least)| own / least).collect();
    let peak = measure::peak_memory(&oomph, args)?;
    let mut first_in_crowd = Vec::new();
    for _ in 0..PAIRS {
        first_in_crowd.push(measure::first_byte(&oomph, args)?);
    }
    drop(crowd);
    let mut first = Vec::new();
    for _ in 0..PAIRS {
        first.push(measure::first_byte(&oomph, args)?);
    }

    println!("oomph {}, {CROWD} processes more, {PAIRS} pairs of runs", args.join(" "));
    println!("both open {files}");
    println!();
    println!("{:<28}{:>10}   {:>17}   aim", "", "median", "least to most");
    row("CPU time, oomph", "ms", &Sample::new(own), None);
    row("CPU time, floor", "ms", &Sample::new(least), None);
    row("CPU time, ratio", "", &Sample::new(ratios), Some(1.3));
    row("peak memory", "MiB", &Sample::new(vec![peak]), Some(8.0));
    row("first byte, crowd", "ms", &Sample::new(first_in_crowd), None);
    row("first byte, alone", "ms", &Sample::new(first), Some(10.0));
    Ok(true)
}

fn row(what: &str, unit: &str, sample: &Sample, aim: Option<f64>) {
    let Sample { least, median, most } = sample;
    let aim = match aim {
        Some(aim) if *median <= aim => format!("at most {aim}, held"),
        Some(aim) => format!("at most {aim}, MISSED"),
        None => String::new(),
    };
    println!("{what:<24}{unit:<4}{median:>10.2}   {least:>7.2} – {most:>7.2}   {aim}");
}

fn build(package: &str, program: &str) -> Result<PathBuf, Stop> {
    let status = repository::cargo()
        .args(["build", "--quiet", "--release", "--package", package, "--bin", program])
        .status()
        .map_err(|err| format!("cannot start cargo: {err}"))?;
    if !status.success() {
        return Err(format!("{program} could not be built"));
    }
    Ok(repository::target().join("release").join(program))
}
