//! A scenario on several worlds, step by step beside each other.

use std::collections::BTreeMap;

use scenario::Scenario;
use scenario::comparison::{ArmRow, BrokenRow, ComparisonReport, DifferenceRow, PairRow, SCHEMA};
use scenario::program::Arm;
use scenario::run::{Event, Options, What, asked, run};
use sim::Machine;
use world::{World, WorldError};

use crate::compare::{self, Tolerances};
use crate::{Files, HostConfig, HostModel, HostWorld};

/// Steps of a scenario at most: every one is kept until it is compared.
const MOST_STEPS: u64 = 2_000_000;
/// Differences that are kept.
const MOST_DIFFERENCES: usize = 1000;

/// Runs a scenario on one or two worlds, and sets what happened side by side. The model is a machine
/// like this one, or the machine that the scenario states (`stated`) if it does not run on real ones.
///
/// # Errors
/// When a world could not be made. A scenario that cannot go on is part of the report.
pub fn side_by_side(
    scenario: &Scenario,
    arms: &[Arm],
    stated: &dyn Fn() -> Result<Machine, WorldError>,
) -> Result<ComparisonReport, WorldError> {
    let mut rows = Vec::new();
    let mut runs = Vec::new();
    let mut cpus = 1;
    for &arm in arms {
        let mut row = ArmRow {
            arm: name_of(arm).to_owned(),
            steps: 0,
            stopped: None,
            claims: 0,
            broken: Vec::new(),
        };
        if !scenario.runs_on.contains(&arm) {
            row.stopped = Some("the scenario's `runs-on` leaves it out".to_owned());
            rows.push(row);
            continue;
        }
        let events = match arm {
            Arm::Model => {
                let mut machine = if scenario.runs_on.contains(&Arm::Host) {
                    model(scenario)?.machine()
                } else {
                    stated()?
                };
                cpus = machine.config().cpus;
                play(scenario, &mut machine, arm, &mut row)
            }
            _ => {
                let config = HostConfig { files: Files::ALL, ..HostConfig::default() };
                play(scenario, &mut HostWorld::new(config)?, arm, &mut row)
            }
        };
        rows.push(row);
        runs.push(events);
    }
    let mut differences = Vec::new();
    let mut steps = Vec::new();
    let mut equal = None;
    if let [left, right] = &runs[..] {
        let allowed = Tolerances::of_counters(cpus);
        compare_runs(scenario, left, right, &allowed, &mut differences, &mut steps);
        equal = Some(differences.is_empty());
    } else if let [only] = &runs[..] {
        let empty = Vec::new();
        let mut nobody = Vec::new();
        compare_runs(scenario, only, &empty, &Tolerances::none(), &mut nobody, &mut steps);
        steps.iter_mut().for_each(|row| row.equal = true);
    }
    Ok(ComparisonReport {
        schema: SCHEMA,
        scenario: scenario.source.name().to_owned(),
        title: scenario.title.clone(),
        arms: rows,
        equal,
        differences,
        steps,
    })
}

fn name_of(arm: Arm) -> &'static str {
    Arm::NAMES.iter().find(|(_, known)| *known == arm).map_or("?", |(name, _)| name)
}

/// This machine as the model has it, for the first process that the scenario starts.
fn model(scenario: &Scenario) -> Result<HostModel, WorldError> {
    let start = scenario.starts.first();
    let start = start.ok_or(WorldError("the scenario starts no process".to_owned()))?;
    HostModel::measure(&start.spec)
}

fn play(scenario: &Scenario, world: &mut dyn World, arm: Arm, row: &mut ArmRow) -> Vec<Event> {
    let options = Options { arm, most_steps: MOST_STEPS, ..Options::model() };
    let mut events = Vec::new();
    match run(scenario, world, None, &options, &mut events) {
        Ok(finish) => row.steps = finish.steps,
        Err(error) => row.stopped = Some(error.to_string()),
    }
    for event in &events {
        row.steps = row.steps.max(event.step);
        if let What::Expected(verdict) = &event.what {
            row.claims += u64::from(verdict.held.is_some());
            if verdict.held == Some(false) {
                row.broken.push(BrokenRow {
                    line: scenario.source.position(event.span.start).0,
                    wanted: verdict.wanted.clone(),
                    found: verdict.found.clone(),
                });
            }
        }
    }
    events
}

fn compare_runs(
    scenario: &Scenario,
    left: &[Event],
    right: &[Event],
    allowed: &Tolerances,
    differences: &mut Vec<DifferenceRow>,
    steps: &mut Vec<PairRow>,
) {
    let mut places: BTreeMap<(String, Option<usize>, String), usize> = BTreeMap::new();
    for at in 0..left.len().max(right.len()) {
        let pair = (left.get(at), right.get(at));
        let Some(event) = pair.0.or(pair.1) else { break };
        let process = scenario.names.get(event.name.0).cloned().unwrap_or_default();
        let written = event.span.end > event.span.start;
        let line = written.then(|| scenario.source.position(event.span.start).0);
        let text = |event: &Event| asked(event, scenario);
        let values = [pair.0.map(text), pair.1.map(text)];
        let mut found = differ(pair, &values, allowed);
        let equal = found.is_empty();
        for (what, values) in found.drain(..) {
            if differences.len() < MOST_DIFFERENCES {
                let (step, process) = (event.step, process.clone());
                differences.push(DifferenceRow { step, process, line, what, values });
            }
        }
        let shown = match line {
            Some(number) => scenario.source.line(number).trim().to_owned(),
            None => text(event),
        };
        let place = *places.entry((process.clone(), line, shown.clone())).or_insert_with(|| {
            let (process, text) = (process.clone(), shown.clone());
            let values = [None, None];
            steps.push(PairRow { process, line, text, times: 0, values, equal: true });
            steps.len() - 1
        });
        let row = &mut steps[place];
        row.times += 1;
        row.values = values;
        row.equal &= equal;
    }
}

/// What is not the same of two events.
fn differ(
    (left, right): (Option<&Event>, Option<&Event>),
    values: &[Option<String>; 2],
    allowed: &Tolerances,
) -> Vec<(String, [Option<String>; 2])> {
    if let (Some(left), Some(right)) = (left, right)
        && let (What::Checkpoint(_, seen), What::Checkpoint(name, others)) =
            (&left.what, &right.what)
    {
        let mut all = Vec::new();
        for ((process, one), (other_process, other)) in seen.iter().zip(others) {
            if process != other_process {
                break;
            }
            let found = compare::observations(one, other, allowed).into_iter();
            all.extend(found.map(|difference| {
                let parts = [difference.file, &difference.mapping, &difference.field];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                let what = format!("checkpoint {name}: {}", parts.join(" "));
                (what, [difference.left, difference.right])
            }));
        }
        if seen.len() == others.len() {
            return all;
        }
    }
    // A claim may find a value that is allowed to differ; whether it holds is what counts.
    let verdict = |event: Option<&Event>| match event.map(|event| &event.what) {
        Some(What::Expected(verdict)) => Some(verdict.held),
        _ => None,
    };
    let same = match (verdict(left), verdict(right)) {
        (Some(left), Some(right)) => left == right || left.is_none() || right.is_none(),
        _ => values[0] == values[1],
    };
    if same { Vec::new() } else { vec![("the step".to_owned(), values.clone())] }
}
