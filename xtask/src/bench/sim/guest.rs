//! What a kernel in QEMU takes until a program that touches page after page is killed.

use std::time::Instant;

use scenario::{Scenario, Source};

use crate::Stop;
use crate::bench::sample::Sample;
use crate::fuzz_vm::Bench;

pub(super) const SERIES: &str = "6.1";
const ROUNDS: usize = 3;
/// What is touched in each, of the memory of either machine.
const MIB: [u32; 2] = [16, 144];

/// Nanoseconds a page, by the difference of two runs in a machine that runs already; `None` without QEMU
/// or a kernel.
pub(super) fn until_killed() -> Result<Option<Sample>, Stop> {
    if lab::vm::unavailable().is_some() || !Bench::is_cached(SERIES)? {
        return Ok(None);
    }
    let mut bench = Bench::new(SERIES, false)?;
    let [few, many] = MIB.map(until);
    let (few, many) = (few?, many?);
    // The first boots.
    time(&mut bench, &few)?;
    let pages = f64::from(MIB[1] - MIB[0]) * 256.0;
    let mut each = Vec::new();
    for _ in 0..ROUNDS {
        let (few, many) = (time(&mut bench, &few)?, time(&mut bench, &many)?);
        each.push((many - few) / pages);
    }
    Ok(Some(Sample::new(each)))
}

/// A program that has touched so much when it is killed.
fn until(mib: u32) -> Result<Scenario, Stop> {
    let text = format!(
        "machine {{\n kernel {SERIES}\n ram 256MiB\n cgroup \"/all\" max={mib}MiB\n}}\n\
         process hog cgroup=\"/all\" {{\n grow piece until=killed\n}}\n"
    );
    scenario::check(&Source::new("until-killed", text)).map_err(|problems| problems.to_string())
}

/// Nanoseconds that a scenario takes, observations included.
fn time(bench: &mut Bench, scenario: &Scenario) -> Result<f64, Stop> {
    let start = Instant::now();
    bench.perform(scenario).map_err(|error| error.to_string())?;
    Ok(start.elapsed().as_secs_f64() * 1e9)
}
