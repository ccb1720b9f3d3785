//! `cargo xtask bench map`: how long the picture of an address space takes, start to end.
//!
//! Of a process as small as they come, and of one with thousands of regions; as text and as SVG.
//! Beside each stands the reading of the same `smaps`, which the kernel makes by walking page
//! tables.

use super::files::Temporary;
use super::measure::{self, Crowd};
use super::sample::Sample;
use super::{build, row};
use crate::Stop;
use std::fs;

const ROUNDS: usize = 21;
/// What a process with many regions has, beside its own.
const REGIONS: usize = 8000;

pub(super) fn run() -> Result<bool, Stop> {
    let oomph = build("oomph", "oomph")?;
    let floor = build("xtask", "bench-floor")?;
    let small = Crowd::gather(1)?;
    let large = Crowd::with_regions(REGIONS)?;
    println!("{:<28}{:>10}   {:>17}   aim", "", "median", "least to most");
    for (crowd, aim) in [(&small, 10.0), (&large, 50.0)] {
        let pid = crowd.first().ok_or("no process to look at")?;
        let smaps = format!("/proc/{pid}/smaps");
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"));
        let regions = maps.map_err(|err| format!("cannot read maps: {err}"))?.lines().count();
        let list = Temporary::new("map");
        fs::write(list.path(), format!("/proc/\0{smaps}\0"))
            .map_err(|err| format!("cannot write the list: {err}"))?;
        let pid = pid.to_string();
        // Sizes are wanted whatever they cost the kernel.
        let text = ["map", &pid, "--max-stall", "60000"].map(str::to_owned);
        let svg = ["map", &pid, "--svg", "-", "--max-stall", "60000"].map(str::to_owned);
        println!("{regions} regions");
        let least = [list.path().display().to_string()];
        row("  smaps alone, wall", "ms", &wall(&floor, &least)?, None);
        row("  picture, wall", "ms", &wall(&oomph, &text)?, Some(aim));
        row("  SVG, wall", "ms", &wall(&oomph, &svg)?, Some(aim));
        let peak = measure::peak_memory(&oomph, &text)?;
        row("  peak memory", "MiB", &Sample::new(vec![peak]), None);
    }
    Ok(true)
}

fn wall(program: &std::path::Path, args: &[String]) -> Result<Sample, Stop> {
    let times = (0..ROUNDS).map(|_| measure::cpu_of_threads(program, args).map(|(_, wall)| wall));
    times.collect::<Result<Vec<_>, _>>().map(Sample::new)
}
