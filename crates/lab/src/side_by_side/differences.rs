//! What is not the same of two runs, step by step.

use std::collections::BTreeMap;

use scenario::Scenario;
use scenario::comparison::{DifferenceRow, StepRow};
use scenario::run::{Event, What, asked};
use world::ProcessId;

use super::quantities::reports;
use super::{Arrived, name, tolerances};
use crate::compare::{self, Tolerances};

/// Differences that are kept of a pair.
const MOST_DIFFERENCES: usize = 1000;

/// Two worlds that are compared; the second is the real one.
pub(super) struct Pair<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) between: [usize; 2],
    pub(super) one: &'a Arrived,
    pub(super) real: &'a Arrived,
}

/// Every step of the worlds, by the line that it is written on.
pub(super) fn steps(scenario: &Scenario, arms: &[Arrived]) -> Vec<StepRow> {
    let mut rows: Vec<StepRow> = Vec::new();
    let mut places = BTreeMap::new();
    for (arm, arrived) in arms.iter().enumerate() {
        let mut times: BTreeMap<usize, u64> = BTreeMap::new();
        for event in happened(arrived) {
            let key = key(scenario, event);
            let place = *places.entry(key.clone()).or_insert_with(|| {
                let (process, line, text) = key;
                let values = vec![None; arms.len()];
                rows.push(StepRow { process, line, text, times: 0, values, equal: true });
                rows.len() - 1
            });
            *times.entry(place).or_default() += 1;
            if let Some(value) = rows.get_mut(place).and_then(|row| row.values.get_mut(arm)) {
                *value = Some(asked(event, scenario));
            }
        }
        for (place, times) in times {
            if let Some(row) = rows.get_mut(place) {
                row.times = row.times.max(times);
            }
        }
    }
    rows
}

/// Process, line and text of the row that an event belongs to.
fn key(scenario: &Scenario, event: &Event) -> (String, Option<usize>, String) {
    let written = event.span.end > event.span.start;
    let line = written.then(|| scenario.source.position(event.span.start).0);
    let text = match (&event.what, line) {
        // What it reached is not the same everywhere; the step at which it came has a row of its own.
        (What::Chosen(_), _) => "killed by the OOM killer".to_owned(),
        (_, Some(number)) => scenario.source.line(number).trim().to_owned(),
        (_, None) => asked(event, scenario),
    };
    (name(scenario, event.name.0), line, text)
}

/// Adds what differs, and marks the rows of steps that do.
pub(super) fn compare(
    pair: &Pair<'_>,
    differences: &mut Vec<DifferenceRow>,
    steps: &mut [StepRow],
) {
    let allowed = tolerances(pair.one, pair.real);
    let already = differences.len();
    for events in beside(pair) {
        let Some(event) = events.0.or(events.1) else { continue };
        let found = differ(pair, events, &allowed);
        if found.is_empty() {
            continue;
        }
        let (process, line, text) = key(pair.scenario, event);
        let row = steps
            .iter_mut()
            .find(|row| row.process == process && row.line == line && row.text == text);
        if let Some(row) = row {
            row.equal = false;
        }
        for (what, values) in found {
            if differences.len() - already < MOST_DIFFERENCES {
                let (step, process) = (event.step, process.clone());
                let between = pair.between;
                differences.push(DifferenceRow { between, step, process, line, what, values });
            }
        }
    }
}

/// An event of each world, or of one.
type Beside<'a> = (Option<&'a Event>, Option<&'a Event>);

/// What is to be compared: the events of two worlds in their order. Of machines, where somebody is killed
/// a step earlier or later than on the other and whose turn it is follows from that, those of each process
/// by themselves; and of who was killed in both, those that came before in both.
fn beside<'a>(pair: &Pair<'a>) -> Vec<Beside<'a>> {
    let (left, right) = (happened(pair.one), happened(pair.real));
    if !pair.real.may_end() {
        return zip(&left, &right);
    }
    let mut all = Vec::new();
    let mut processes: Vec<ProcessId> = Vec::new();
    for event in left.iter().chain(&right) {
        if !processes.contains(&event.process) {
            processes.push(event.process);
        }
    }
    for process in processes {
        let of = |events: &[&'a Event]| -> Vec<&'a Event> {
            events.iter().copied().filter(|event| event.process == process).collect()
        };
        let (left, right) = (of(&left), of(&right));
        match (killed(&left), killed(&right)) {
            (Some(one), Some(other)) => {
                // The last step before is the one that was not done to its end.
                let most = if one == other { one } else { one.min(other).saturating_sub(1) };
                all.extend(zip(&left[..most], &right[..most]));
                all.push((Some(left[one]), Some(right[other])));
                all.extend(zip(&left[one + 1..], &right[other + 1..]));
            }
            _ => all.extend(zip(&left, &right)),
        }
    }
    let step = |(one, real): &Beside<'_>| one.or(*real).map_or(0, |event| event.step);
    all.sort_by_key(step);
    all
}

fn zip<'a>(left: &[&'a Event], right: &[&'a Event]) -> Vec<Beside<'a>> {
    let most = left.len().max(right.len());
    (0..most).map(|at| (left.get(at).copied(), right.get(at).copied())).collect()
}

/// Where a process was chosen by the OOM killer.
fn killed(events: &[&Event]) -> Option<usize> {
    events.iter().position(|event| matches!(event.what, What::Chosen(_)))
}

/// Adds what the reports in the kernels' logs do not say alike.
pub(super) fn compare_reports(pair: &Pair<'_>, differences: &mut Vec<DifferenceRow>) {
    if pair.one.machine.no_log.is_some() || pair.real.machine.no_log.is_some() {
        return;
    }
    let (ours, theirs) = (reports(pair.one), reports(pair.real));
    for (number, (one, real)) in (1..).zip(ours.iter().zip(&theirs)) {
        for (what, values) in compare::report::words(&one.report, &real.report) {
            differences.push(DifferenceRow {
                between: pair.between,
                step: 0,
                process: String::new(),
                line: None,
                what: format!("report {number}: {what}"),
                values,
            });
        }
    }
    if ours.len() != theirs.len() {
        let count = |reports: usize| Some(reports.to_string());
        differences.push(DifferenceRow {
            between: pair.between,
            step: 0,
            process: String::new(),
            line: None,
            what: "reports of the OOM killer".to_owned(),
            values: [count(ours.len()), count(theirs.len())],
        });
    }
}

/// Events that have a place of their own in the order; what is seen of the machine is compared as
/// quantities.
fn happened(arrived: &Arrived) -> Vec<&Event> {
    let elsewhere = |event: &&Event| matches!(event.what, What::Machine(..) | What::Woken(..));
    arrived.events.iter().filter(|event| !elsewhere(event)).collect()
}

/// What is not the same of two events.
fn differ(
    pair: &Pair<'_>,
    (left, right): (Option<&Event>, Option<&Event>),
    allowed: &Tolerances,
) -> Vec<(String, [Option<String>; 2])> {
    let text = |event: &Event| asked(event, pair.scenario);
    let values = [left.map(text), right.map(text)];
    let (Some(left), Some(right)) = (left, right) else {
        return vec![("the step".to_owned(), values)];
    };
    let same = match (&left.what, &right.what) {
        (What::Checkpoint(name, seen), What::Checkpoint(_, others)) => {
            let mut all = Vec::new();
            for ((process, one), (other_process, other)) in seen.iter().zip(others) {
                if process != other_process {
                    break;
                }
                let found = compare::observations(one, other, allowed).into_iter();
                all.extend(found.map(|difference| {
                    let parts = [difference.file, &difference.mapping, &difference.field];
                    let parts: Vec<&str> =
                        parts.into_iter().filter(|part| !part.is_empty()).collect();
                    let what = format!("checkpoint {name}: {}", parts.join(" "));
                    (what, [difference.left, difference.right])
                }));
            }
            if seen.len() == others.len() {
                return all;
            }
            false
        }
        // A claim may find a value that is allowed to differ; whether it holds is what counts.
        (What::Expected(one), What::Expected(other)) => {
            one.held == other.held || one.held.is_none() || other.held.is_none()
        }
        // How far one came who was killed is a quantity.
        (What::Touch { touched: one, .. }, What::Touch { touched: other, .. })
            if pair.real.may_end() && one.stopped.is_some() && one.stopped == other.stopped =>
        {
            true
        }
        (What::Chosen(one), What::Chosen(other)) => {
            (one.name, one.nth, one.end) == (other.name, other.nth, other.end)
                && (pair.real.may_end() || one.step == other.step)
        }
        _ => values[0] == values[1],
    };
    if same { Vec::new() } else { vec![("the step".to_owned(), values)] }
}
