//! `cargo xtask strace-score`: recorded programs, played on the model.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::{Stop, repository};
use facts::Name;
use rules::replay::{RaceOrder, Score, StraceReport, Tally};
use strace::Options;

/// Prints one line a log and the sum; true when no single-threaded program differs.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let logs = if args.is_empty() { recorded()? } else { args.iter().map(PathBuf::from).collect() };
    if logs.is_empty() {
        return Err("no log in tests/data/strace".to_owned());
    }
    println!(
        "{:<24} {:>11} {:>11} {:>9} {:>7} {:>11} {:>7}  races",
        "log", "mmap(NULL)", "brk", "mremap", "hinted", "others", "anchors"
    );
    let (mut single, mut threaded, mut attached) =
        (Score::default(), Score::default(), Score::default());
    let mut unread = 0;
    for path in &logs {
        let log = strace::parse(&read(path)?);
        unread += log.problems.len();
        for problem in &log.problems {
            println!(
                "    line {}: expected {}, found `{}`",
                problem.line, problem.expected, problem.found
            );
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (report, _) = strace::replay(&log, &Name::from(name.as_str()), Options::default())
            .map_err(|error| format!("{name}: {error}"))?;
        let mut all = Score::default();
        for program in &report.programs {
            all.add(&program.score);
            match (program.attached, program.threads) {
                (true, _) => attached.add(&program.score),
                (false, 0) => single.add(&program.score),
                (false, _) => threaded.add(&program.score),
            }
        }
        println!("{}", row(name.split('.').next().unwrap_or(&name), &all, &races(&report)));
        for difference in report.differences.iter().filter(|found| !found.attached) {
            println!(
                "    line {}: {} = {}, the model says {}{}",
                difference.line,
                difference.call,
                difference.log,
                difference.model,
                if difference.raced { " (raced)" } else { "" }
            );
        }
    }
    println!("{}", row("single-threaded", &single, ""));
    println!("{}", row("threaded", &threaded, ""));
    println!("{}", row("attached to", &attached, "what was mapped before is not in the log"));
    println!("{} logs, {unread} lines not understood", logs.len());
    let chosen = single.chosen();
    println!(
        "single-threaded programs: {} of {} results of mmap(NULL), brk and mremap predicted",
        chosen.equal, chosen.total
    );
    Ok(chosen.is_whole())
}

fn row(name: &str, score: &Score, races: &str) -> String {
    let tally = |tally: Tally| format!("{}/{}", tally.equal, tally.total);
    format!(
        "{:<24} {:>11} {:>11} {:>9} {:>7} {:>11} {:>7}  {races}",
        name,
        tally(score.mmap),
        tally(score.brk),
        tally(score.mremap),
        tally(score.hinted),
        tally(score.others),
        score.anchors
    )
}

fn races(report: &StraceReport) -> String {
    let count = |order| report.races.iter().filter(|race| race.order == order).count();
    if report.races.is_empty() {
        return String::new();
    }
    format!(
        "{}: {} as logged, {} in another order, {} unexplained",
        report.races.len(),
        count(RaceOrder::Log),
        count(RaceOrder::Other),
        count(RaceOrder::None)
    )
}

fn recorded() -> Result<Vec<PathBuf>, Stop> {
    let folder = repository::root().join("tests/data/strace");
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let mut logs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains(".log"))
        .collect();
    logs.sort();
    Ok(logs)
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    let bytes = fs::read(path).map_err(cannot)?;
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).map_err(cannot)?;
    Ok(text)
}
