//! What the same command costs under several allocators.
//!
//! [`compare`] takes what runs showed and makes the report: medians with their spread, what an empty
//! program costs taken off, each column held against the first. Running and measuring is the
//! caller's business.
//!
//! # What it leaves out
//! A run that failed is counted and named, and is in no figure: a program that stops early needs
//! little memory. When *every* run of *every* column ends in the same way, that is how this command
//! ends, and its runs count.

mod known;
mod report;
mod run;
mod spread;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use facts::Name;
use units::{Bytes, Percent};

pub use known::{KNOWN, Known, install};
pub use report::{
    Absent, AgainstFirst, AllocatorsReport, Base, Column, Failure, Machine, SCHEMA, Watched,
};
pub use run::{End, Run, Samples, WhyWithout, Without};
pub use spread::{Against, LEAST_RUNS, Spread, Verdict, against};

/// A column, and what its runs showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnRuns {
    /// What it is called.
    pub name: Name,
    /// The library that was preloaded.
    pub library: Option<Name>,
    /// What was set in the environment.
    pub environment: Vec<Name>,
    /// Runs of the command.
    pub runs: Vec<Run>,
    /// Runs of a program that does nothing.
    pub base: Vec<Run>,
}

/// What a comparison is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Where it was measured.
    pub machine: Machine,
    /// The command and its arguments.
    pub command: Vec<Name>,
    /// The program that the kernel loads for it.
    pub program: Name,
    /// Runs of each column that were asked for.
    pub repeat: u64,
    /// How processes were watched.
    pub watched: Watched,
    /// Peak of the live bytes of the command, if known.
    pub live: Option<Bytes>,
    /// The columns; the first one is what the others are held against.
    pub columns: Vec<ColumnRuns>,
    /// Allocators that are not installed.
    pub absent: Vec<Absent>,
    /// Whether somebody interrupted it.
    pub interrupted: bool,
    /// What is known before anything ran, one sentence each.
    pub notes: Vec<String>,
}

/// Makes the report.
pub fn compare(comparison: Comparison) -> AllocatorsReport {
    let usual = usual_end(&comparison.columns);
    let live = comparison.live;
    let mut first: Option<(Column, Option<Spread>)> = None;
    let mut columns = Vec::new();
    for runs in comparison.columns {
        let (mut column, cpu) = column(runs, usual, live);
        if let Some((first, first_cpu)) = &first {
            column.against = Some(AgainstFirst {
                hwm: against(column.hwm, first.hwm),
                anon: against(column.anon, first.anon),
                wall: against(column.wall_us, first.wall_us),
                cpu: against(cpu, *first_cpu),
                minor_faults: against(column.minor_faults, first.minor_faults),
            });
        } else {
            first = Some((column.clone(), cpu));
        }
        columns.push(column);
    }
    AllocatorsReport {
        schema: SCHEMA,
        machine: comparison.machine,
        command: comparison.command,
        program: comparison.program,
        repeat: comparison.repeat,
        watched: comparison.watched,
        live,
        verdict: verdict::verdict(&columns),
        columns,
        absent: comparison.absent,
        interrupted: comparison.interrupted,
        notes: comparison.notes,
    }
}

/// How this command ends: with success, unless all runs agree on something else.
fn usual_end(columns: &[ColumnRuns]) -> End {
    let mut ends = columns.iter().flat_map(|column| &column.runs).map(|run| run.end);
    match ends.next() {
        Some(end @ End::Exit(_)) if ends.all(|other| other == end) => end,
        _ => End::Exit(0),
    }
}

/// The column, and the CPU time of its runs.
fn column(runs: ColumnRuns, usual: End, live: Option<Bytes>) -> (Column, Option<Spread>) {
    let (counted, failed): (Vec<&Run>, Vec<&Run>) =
        runs.runs.iter().partition(|run| run.end == usual);
    let spread =
        |figure: fn(&Run) -> Option<u64>| Spread::of(counted.iter().filter_map(|r| figure(r)));
    let bytes = |runs: &[Run], figure: fn(&Run) -> Option<Bytes>| {
        Spread::of(runs.iter().filter(|r| r.end.is_success()).filter_map(figure).map(Bytes::get))
    };
    let base = Base { hwm: bytes(&runs.base, |r| r.hwm), anon: bytes(&runs.base, |r| r.anon) };
    let hwm = spread(|r| r.hwm.map(Bytes::get));
    let anon = spread(|r| r.anon.map(Bytes::get));
    let over = |spread: Option<Spread>, base: Option<Spread>| {
        spread.zip(base).map(|(all, base)| Bytes::new(all.median.saturating_sub(base.median)))
    };
    let anon_over_base = over(anon, base.anon);
    let overhead = anon_over_base
        .zip(live)
        .and_then(|(held, live)| Percent::of(held.saturating_sub(live).get(), live.get()));
    let cpu = spread(|r| Some(r.user_us?.saturating_add(r.system_us?)));
    let column = Column {
        runs: counted.len() as u64,
        failures: failures(&failed),
        hwm,
        tree_rss: spread(|r| r.tree_rss.map(Bytes::get)),
        anon,
        huge: spread(|r| r.huge.map(Bytes::get)),
        minor_faults: spread(|r| r.minor_faults),
        major_faults: spread(|r| r.major_faults),
        user_us: spread(|r| r.user_us),
        system_us: spread(|r| r.system_us),
        wall_us: spread(|r| r.wall_us),
        hwm_over_base: over(hwm, base.hwm),
        anon_over_base,
        base,
        overhead,
        against: None,
        processes: spread(|r| Some(r.processes)),
        looked_at: runs.runs.iter().map(|run| run.looked_at).sum(),
        without: without(&runs.runs),
        others: names(&runs.runs, |run| &run.others),
        left_over: names(&runs.runs, |run| &run.left_over),
        samples: Samples {
            rounds: runs.runs.iter().map(|run| run.samples.rounds).sum(),
            cost_us: runs.runs.iter().map(|run| run.samples.cost_us).sum(),
        },
        name: runs.name,
        library: runs.library,
        environment: runs.environment,
    };
    (column, cpu)
}

fn failures(failed: &[&Run]) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    for run in failed {
        if let Some(known) = failures.iter_mut().find(|known| known.end == run.end) {
            known.runs += 1;
        } else {
            let last_words = run.last_words.clone();
            failures.push(Failure { end: run.end, runs: 1, last_words });
        }
    }
    failures
}

fn without(runs: &[Run]) -> Vec<Without> {
    let mut programs: BTreeMap<(&Name, WhyWithout), u64> = BTreeMap::new();
    for without in runs.iter().flat_map(|run| &run.without) {
        let count = programs.entry((&without.program, without.why)).or_default();
        *count = count.saturating_add(without.processes);
    }
    let row = |((program, why), processes): ((&Name, _), _)| Without {
        program: program.clone(),
        why,
        processes,
    };
    programs.into_iter().map(row).collect()
}

fn names(runs: &[Run], list: fn(&Run) -> &Vec<Name>) -> Vec<Name> {
    let mut names: Vec<Name> = runs.iter().flat_map(list).cloned().collect();
    names.sort();
    names.dedup();
    names
}
