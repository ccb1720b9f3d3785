//! `cargo xtask bench usage`: what `oomph usage` costs over the kernel's own work.
//!
//! The floors read, for each process that has memory, `smaps_rollup` (the kernel's own sums), `stat`
//! and `cmdline`, or `smaps`, and do nothing with them. All of `smaps` is read in large pieces, as
//! programs do, and once more in pieces that cost the kernel least, as `oomph` does. Beside `oomph`
//! stand other programs that answer the same question, where they are installed.

use super::files::Temporary;
use super::measure::{self, Crowd};
use super::sample::Sample;
use super::{build, row};
use crate::{Stop, needs};
use std::fs;
use std::path::{Path, PathBuf};

/// Processes that are alive beside those of the machine, each with some fifty mappings.
const CROWD: usize = 300;
const PAIRS: usize = 31;
const WARM_UP: usize = 2;
/// Bytes of `smaps` that cost the kernel least when they are asked for at once: see
/// `smaps_request()` in `crates/sources/src/fs.rs`.
const CHEAPEST: &str = "3328";
/// `pmap` refuses more than 255 processes.
const PMAP_MOST: usize = 200;

pub(super) fn run() -> Result<bool, Stop> {
    let oomph = build("oomph", "oomph")?;
    let floor = build("xtask", "bench-floor")?;
    let crowd = Crowd::of_many_mappings(CROWD)?;
    let pids = with_memory()?;
    println!("{} processes with {} mappings", pids.len(), mappings(&pids));
    println!();
    println!("{:<28}{:>10}   {:>17}   aim", "", "median", "least to most");

    let default = words(&["usage"]);
    let by_mapping = words(&["usage", "--by", "mapping"]);
    let mut floors = Vec::new();
    let rollup: &[&str] = &["stat", "cmdline", "smaps_rollup"];
    for (name, args, least, files, aim) in [
        ("usage", &default, rollup, "rollup, stat, cmdline", 1.15),
        ("by mapping", &by_mapping, &["smaps"], "all smaps", 1.10),
    ] {
        let (mut own, mut below, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let (mut cheapest, mut strict) = (Vec::new(), Vec::new());
        for round in 0..WARM_UP + PAIRS {
            // Both are to read the same processes: those of this moment, not of the beginning.
            let list = list("floor", &with_memory()?, least)?;
            let mut below_args = vec![list.path().display().to_string()];
            let pair = (measure::cpu(&oomph, args)?, measure::cpu(&floor, &below_args)?);
            below_args.push(CHEAPEST.to_owned());
            let least = measure::cpu(&floor, &below_args)?;
            if round >= WARM_UP {
                own.push(pair.0);
                below.push(pair.1);
                ratios.push(pair.0 / pair.1);
                cheapest.push(least);
                strict.push(pair.0 / least);
            }
        }
        let below = Sample::new(below);
        floors.push(below.median);
        println!("{name}, over {files}");
        row("  CPU time, oomph", "ms", &Sample::new(own), None);
        row("  CPU time, floor", "ms", &below, None);
        row("  CPU time, ratio", "", &Sample::new(ratios), Some(aim));
        if least == ["smaps"] {
            row("  same, small reads", "ms", &Sample::new(cheapest), None);
            row("  ratio to that", "", &Sample::new(strict), None);
        }
        let peak = measure::peak_memory(&oomph, args)?;
        row("  peak memory", "MiB", &Sample::new(vec![peak]), Some(8.0));
    }
    println!("\nothers, over {:.1} ms of rollups and {:.1} ms of smaps", floors[0], floors[1]);
    for (name, program, args) in others(&pids) {
        match on_path(program) {
            Some(path) => other(&name, &path, &args, &floors)?,
            None => println!("  {name:<20} skipped: not installed"),
        }
    }
    drop(crowd);
    Ok(true)
}

fn other(name: &str, program: &Path, args: &[String], floors: &[f64]) -> Result<(), Stop> {
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(measure::cpu(program, args)?);
    }
    let median = Sample::new(times).median;
    println!(
        "  {name:<20}{median:>8.1} ms   {:>5.2} of rollups   {:>5.2} of smaps",
        median / floors[0],
        median / floors[1]
    );
    Ok(())
}

fn others(pids: &[u32]) -> Vec<(String, &'static str, Vec<String>)> {
    let some = pids.get(..PMAP_MOST).unwrap_or(pids);
    let mut pmap = words(&["-X"]);
    pmap.extend(some.iter().map(u32::to_string));
    vec![
        ("smem".to_owned(), "smem", Vec::new()),
        ("smem -m".to_owned(), "smem", words(&["-m"])),
        ("ps_mem".to_owned(), "ps_mem", Vec::new()),
        ("smemstat".to_owned(), "smemstat", Vec::new()),
        (format!("pmap -X of {}", some.len()), "pmap", pmap),
    ]
}

/// Processes that are no threads of the kernel and may be read.
fn with_memory() -> Result<Vec<u32>, Stop> {
    let entries = fs::read_dir("/proc").map_err(|err| format!("cannot list /proc: {err}"))?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let readable = |pid: &u32| fs::read(format!("/proc/{pid}/smaps")).is_ok_and(|s| !s.is_empty());
    let mut pids: Vec<u32> = pids.filter(readable).collect();
    pids.sort_unstable();
    Ok(pids)
}

fn mappings(pids: &[u32]) -> usize {
    let text = |pid| fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    pids.iter().map(|pid| String::from_utf8_lossy(&text(pid)).lines().count()).sum()
}

fn list(name: &str, pids: &[u32], files: &[&str]) -> Result<Temporary, Stop> {
    let list = Temporary::new(name);
    let paths = pids.iter().flat_map(|pid| files.iter().map(move |f| format!("/proc/{pid}/{f}\0")));
    let text: String = std::iter::once("/proc/\0".to_owned()).chain(paths).collect();
    fs::write(list.path(), text).map_err(|err| format!("cannot write the list: {err}"))?;
    Ok(list)
}

fn on_path(program: &str) -> Option<PathBuf> {
    if !needs::on_path(program) {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    dirs.map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
