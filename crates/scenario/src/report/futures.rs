//! What else could have become of a moment.

use schemars::JsonSchema;
use serde::Serialize;
use units::Bytes;

use super::{WholeRow, whole};
use crate::Scenario;
use crate::comparison::BrokenRow;
use crate::program::{Future, NameId, Op};
use crate::run::{Event, Finish, Watch, What};
use crate::source::Span;
use crate::vary::Outcome;

/// A run that goes on by itself from a moment of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FutureRow {
    /// Its name; null: as the scenario is written.
    pub name: Option<String>,
    /// The checkpoint that it goes on from; null: where the run was stopped, or its end.
    pub after: Option<String>,
    /// Number of the step behind which it begins; null: the run never came to that checkpoint.
    pub from_step: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whom the OOM killer chose from then on, in this order.
    pub victims: Vec<String>,
    /// What the first of them had touched.
    pub kill_point: Option<Bytes>,
    /// Virtual time at its end, in nanoseconds since the scenario began.
    pub time_ns: u64,
    /// How many steps were done from then on.
    pub steps: u64,
    /// The machine at its end; null: it was not looked at.
    pub machine: Option<WholeRow>,
    /// How many of its own expectations were looked at.
    pub claims: u64,
    /// Those that did not come true.
    pub broken: Vec<BrokenRow>,
    /// Why it could not be done; null: it was.
    pub failure: Option<String>,
}

/// Watches a run from a moment on, for what it comes to.
#[derive(Debug)]
pub struct FutureRecorder<'s> {
    scenario: &'s Scenario,
    row: FutureRow,
    /// Where its own claims are written; those of the rest are about the run as it is written.
    own: Vec<Span>,
    deaths_before: usize,
    steps_before: u64,
}

impl<'s> FutureRecorder<'s> {
    /// For a future of a scenario, or for its rest as it is written, from behind so many steps and
    /// deaths.
    pub fn new(
        scenario: &'s Scenario,
        future: Option<&Future>,
        (steps_before, deaths_before): (u64, usize),
    ) -> FutureRecorder<'s> {
        let own = future.map_or(Vec::new(), |future| {
            let (first, end) = future.programs;
            let programs = scenario.programs.get(first..end).unwrap_or_default();
            let steps = programs.iter().flat_map(|program| &program.steps).chain(&future.at_end);
            let claims = steps.filter(|step| matches!(step.op, Op::Expect(_)));
            claims.map(|step| step.span).collect()
        });
        let row = FutureRow {
            name: future.map(|future| future.name.clone()),
            after: future.and_then(|future| future.after.clone()),
            from_step: None,
            outcome: Outcome::Failed,
            victims: Vec::new(),
            kill_point: None,
            time_ns: 0,
            steps: 0,
            machine: None,
            claims: 0,
            broken: Vec::new(),
            failure: None,
        };
        FutureRecorder { scenario, row, own, deaths_before, steps_before }
    }

    /// The run never came to the moment.
    pub fn unreached(mut self) -> FutureRow {
        let after = self.row.after.clone().unwrap_or_default();
        self.row.failure = Some(format!("no process came to the checkpoint `{after}`"));
        self.row
    }

    /// It could not be done.
    pub fn failed(mut self, why: String) -> FutureRow {
        self.row.from_step = Some(self.steps_before);
        self.row.failure = Some(why);
        self.row
    }

    /// The row, when it is over.
    pub fn finish(self, finish: &Finish) -> FutureRow {
        let name = |id: NameId| self.scenario.names.get(id.0).cloned().unwrap_or_default();
        let deaths = finish.deaths.get(self.deaths_before..).unwrap_or_default();
        FutureRow {
            from_step: Some(self.steps_before),
            victims: deaths.iter().map(|death| name(death.name)).collect(),
            kill_point: deaths.first().map(|death| Bytes::new(death.touched)),
            outcome: match (&finish.panic, deaths.is_empty()) {
                (Some(_), _) => Outcome::Panicked,
                (None, false) => Outcome::Died,
                (None, true) => Outcome::Survived,
            },
            time_ns: finish.time,
            steps: finish.steps.saturating_sub(self.steps_before),
            machine: whole(&finish.machine),
            ..self.row
        }
    }
}

impl Watch for FutureRecorder<'_> {
    fn event(&mut self, event: &Event) {
        let What::Expected(verdict) = &event.what else { return };
        if !self.own.contains(&event.span) {
            return;
        }
        self.row.claims += u64::from(verdict.held.is_some());
        if verdict.held == Some(false) {
            self.row.broken.push(BrokenRow {
                line: self.scenario.source.position(event.span.start).0,
                wanted: verdict.wanted.clone(),
                found: verdict.found.clone(),
            });
        }
    }
}
