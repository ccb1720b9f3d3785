//! `cargo xtask fidelity`: how far the model is from real kernels, over the library of scenarios.
//!
//! Every scenario that `runs-on` a virtual machine and the model is performed on both, on each kernel, in
//! a machine booted for it. What comes of each goal is a row of `docs/fidelity.md`; a boot that fails and
//! a scenario that cannot go on are rows, too. `--keep FILE` adds each result to a file, a line each, and
//! `--from FILE…` makes the page from such files, so that kernels can be compared one at a time.
//!
//! `--record DIR` keeps what the kernels answered; `--recorded DIR` takes it from there, and performs the
//! scenarios on the model alone. `--kernel 6.12-lru_gen` is 6.12 as Debian boots it.

mod gaps;
mod goals;
mod kept;
mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scenario::program::Arm;
use scenario::{Scenario, Source};

use crate::fuzz_vm::{Bench, SERIES, number};
use crate::{Stop, repository};
use goals::{Goal, Row};

struct Options {
    only: Vec<String>,
    kernels: Vec<String>,
    out: Option<PathBuf>,
    seconds: Option<u64>,
    /// Where both kernels' logs are kept.
    logs: Option<PathBuf>,
    /// Where recordings are written.
    record: Option<PathBuf>,
    /// Where recordings are.
    recorded: Option<PathBuf>,
    /// Where results are added.
    keep: Option<PathBuf>,
    /// Results that are there.
    from: Vec<PathBuf>,
}

/// A scenario on a kernel.
struct Run {
    scenario: String,
    series: String,
    /// What came of each goal, or why there is nothing.
    result: Result<Vec<Row>, String>,
}

/// All there is to write.
struct Results {
    /// Series and package.
    kernels: Vec<(String, String)>,
    /// Scenarios, with their titles.
    scenarios: Vec<(String, String)>,
    runs: Vec<Run>,
}

pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let options = options(args)?;
    if !options.from.is_empty() {
        let results = kept::read(&options.from)?;
        println!("{}", page::totals(&results));
        if let Some(path) = &options.out {
            write(path, &page::page(&results))?;
        }
        return Ok(true);
    }
    if options.recorded.is_none()
        && let Some(why) = lab::vm::unavailable()
    {
        println!("skipped: {why}");
        return Ok(true);
    }
    let scenarios = scenarios(&options.only)?;
    if scenarios.is_empty() {
        return Err("no scenario is for the model and for virtual machines".to_owned());
    }
    let mut benches = Vec::new();
    for series in &options.kernels {
        benches.extend(bench(&options, series)?);
    }
    let mut results = Results {
        kernels: benches
            .iter()
            .map(|bench| (bench.series().to_owned(), bench.package().to_owned()))
            .collect(),
        scenarios: scenarios
            .iter()
            .map(|(name, scenario)| (name.clone(), scenario.title.clone().unwrap_or_default()))
            .collect(),
        runs: Vec::new(),
    };
    let start = Instant::now();
    for bench in &mut benches {
        for (name, scenario) in &scenarios {
            let late =
                options.seconds.is_some_and(|most| start.elapsed() >= Duration::from_secs(most));
            let result = if late {
                Err("not run: the time was over".to_owned())
            } else {
                one(scenario, bench)
            };
            if let Some(folder) = &options.logs {
                bench.write_logs(folder, &format!("{}-{name}", bench.series()));
            }
            say(start, bench.series(), name, &result);
            let run = Run { scenario: name.clone(), series: bench.series().to_owned(), result };
            if let Some(path) = &options.keep {
                let title = scenario.title.as_deref().unwrap_or_default();
                kept::add(path, &run, bench.package(), title)?;
            }
            results.runs.push(run);
            // What is known is kept, should it be interrupted.
            if let Some(path) = &options.out {
                write(path, &page::page(&results))?;
            }
        }
    }
    println!("{}", page::totals(&results));
    println!("{} s", start.elapsed().as_secs());
    Ok(results
        .runs
        .iter()
        .all(|run| run.result.as_ref().is_ok_and(|rows| rows.iter().all(Row::holds))))
}

/// What answers for a kernel; `None`: nothing was recorded of it.
fn bench(options: &Options, series: &str) -> Result<Option<Bench>, Stop> {
    if let Some(folder) = &options.recorded {
        let bench = Bench::recorded(series, folder)?;
        if bench.is_none() {
            println!("there is no recording of {series} in {}", folder.display());
        }
        return Ok(bench);
    }
    let mut bench = Bench::new(series, false)?;
    if let Some(folder) = &options.record {
        bench.record(folder)?;
    }
    Ok(Some(bench))
}

/// One scenario on a kernel that is here already, for the continuous integration: who dies, and which calls
/// are refused. True where there is no kernel, which is said.
pub(crate) fn smoke() -> Result<bool, Stop> {
    const SERIES: &str = "6.1";
    if lab::vm::unavailable().is_some() || !Bench::is_cached(SERIES)? {
        println!("skipped: there is no QEMU, or no kernel {SERIES} has been fetched");
        return Ok(true);
    }
    let mut bench = Bench::new(SERIES, false)?;
    let mut good = true;
    for (name, scenario) in &scenarios(&["49-cgroup-limit".to_owned()])? {
        let start = Instant::now();
        let result = one(scenario, &mut bench);
        say(start, SERIES, name, &result);
        let firm = [Goal::Victims, Goal::Refusals, Goal::Constraint, Goal::Claims];
        good &= result
            .is_ok_and(|rows| rows.iter().filter(|row| firm.contains(&row.goal)).all(Row::holds));
    }
    Ok(good)
}

fn one(scenario: &Scenario, bench: &mut Bench) -> Result<Vec<Row>, String> {
    bench.let_go();
    let performed = bench.perform(scenario).map_err(|error| error.to_string())?;
    bench.let_go();
    let report = performed.report;
    let stopped = report
        .arms
        .iter()
        .find_map(|arm| arm.stopped.as_ref().map(|why| format!("{}: {}", arm.arm, why.trim())));
    match stopped {
        Some(why) => Err(why),
        None => Ok(goals::goals(&report)),
    }
}

fn say(start: Instant, series: &str, name: &str, result: &Result<Vec<Row>, String>) {
    let seconds = start.elapsed().as_secs();
    match result {
        Ok(rows) => {
            let held = rows.iter().filter(|row| row.holds()).count();
            println!("{seconds:5} s  {series:5} {name}: {held} of {} goals", rows.len());
            for row in rows.iter().filter(|row| !row.holds()) {
                println!(
                    "           {}: {} of {}: {}",
                    row.goal.name(),
                    row.held,
                    row.of,
                    row.worst
                );
            }
        }
        Err(why) => println!("{seconds:5} s  {series:5} {name}: {why}"),
    }
}

/// The scenarios that both can perform, in the order of their names.
fn scenarios(only: &[String]) -> Result<Vec<(String, Scenario)>, Stop> {
    let folder = repository::root().join("scenarios");
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "kdl"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let name = path.file_stem().map(|stem| stem.display().to_string()).unwrap_or_default();
        if !only.is_empty() && !only.iter().any(|wanted| name.contains(wanted.as_str())) {
            continue;
        }
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let scenario =
            scenario::check(&Source::new(&name, text)).map_err(|problems| problems.to_string())?;
        if [Arm::Model, Arm::Vm].iter().all(|arm| scenario.runs_on.contains(arm)) {
            all.push((name, scenario));
        }
    }
    Ok(all)
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn options(args: &[String]) -> Result<Options, Stop> {
    let mut options = Options {
        only: Vec::new(),
        kernels: Vec::new(),
        out: None,
        seconds: None,
        logs: None,
        record: None,
        recorded: None,
        keep: None,
        from: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} takes a value"));
        match arg.as_str() {
            "--only" => options.only.push(value()?.clone()),
            "--kernel" => options.kernels.push(value()?.clone()),
            "--out" => options.out = Some(value()?.into()),
            "--keep" => options.keep = Some(value()?.into()),
            "--from" => options.from.push(value()?.into()),
            "--record" => options.record = Some(value()?.into()),
            "--recorded" => options.recorded = Some(value()?.into()),
            "--logs" => options.logs = Some(value()?.into()),
            "--seconds" => options.seconds = Some(number(arg, value()?)?),
            other => return Err(format!("fidelity does not know `{other}`")),
        }
    }
    if options.kernels.is_empty() {
        options.kernels = SERIES.map(str::to_owned).to_vec();
    }
    Ok(options)
}
