//! A run that stands still: to be gone on with on its world, or on a copy of it.

use std::collections::BTreeMap;
use std::rc::Rc;

use world::{Control, Observation, World};

use super::machine::{self, Death};
use super::state::{Activity, Process, Table};
use super::{Heap, Moment, Options, Run, RunError, Stop, Watch};
use crate::Scenario;
use crate::problem::{Problem, Problems};
use crate::program::Future;

/// Why a run stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Nobody can go on.
    Over,
    /// [`Options::stop_at`] was reached, and there is more to do.
    Step,
    /// A process has come to a checkpoint: by its place in the list.
    Checkpoint(usize),
}

/// A monitor of pressure.
#[derive(Debug, Clone)]
pub(super) struct Monitor {
    pub(super) file: Control,
    /// What it asked for.
    pub(super) request: String,
    pub(super) woken: u64,
}

/// How far a run is. The world is not part of it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    pub(super) begun: bool,
    pub(super) processes: Vec<Process>,
    /// Handles, by the memory that they are in: threads share one.
    pub(super) tables: Vec<Table>,
    /// Starts that are yet to come, the next one first.
    pub(super) unstarted: Vec<usize>,
    /// What checkpoints saw, by their names; the latest of each.
    pub(super) moments: BTreeMap<String, Moment>,
    /// What was seen since the last step that changes anything.
    pub(super) seen: BTreeMap<usize, Rc<Observation>>,
    pub(super) machine_seen: Option<machine::Shared>,
    pub(super) latest_checkpoint: Option<String>,
    /// Whom the OOM killer chose so far.
    pub(super) deaths: Vec<Death>,
    /// Monitors of pressure, in the order in which they began.
    pub(super) monitors: Vec<Monitor>,
    /// What the kernel said when it panicked.
    pub(super) panic: Option<String>,
    pub(super) step: u64,
    pub(super) turns: u64,
    pub(super) time: u64,
    /// Whose turn it is.
    pub(super) next: usize,
}

impl Progress {
    /// Nothing has been done yet.
    pub fn new(scenario: &Scenario) -> Progress {
        let mut unstarted: Vec<usize> = (0..scenario.starts.len()).collect();
        // Ties keep the order in which they are written.
        unstarted.sort_by_key(|&start| scenario.starts.get(start).map_or(0, |start| start.at));
        Progress { unstarted, ..Progress::default() }
    }

    /// How many steps were done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Virtual time in nanoseconds.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// How many processes the OOM killer has chosen.
    pub fn deaths(&self) -> usize {
        self.deaths.len()
    }

    /// One of the scenario's futures from here: what is to be run, and how far it is.
    pub fn into_future(mut self, scenario: &Scenario, future: &Future) -> (Scenario, Progress) {
        let mut scenario = scenario.clone();
        scenario.at_end.clone_from(&future.at_end);
        for (name, program) in &future.goes_on {
            for process in self.processes.iter_mut().filter(|process| process.name == *name) {
                (process.program, process.at) = (*program, 0);
                process.loops.clear();
                if matches!(
                    process.activity,
                    Activity::Sleeps(_) | Activity::WaitsFor(_) | Activity::Done
                ) {
                    process.activity = Activity::Ready;
                }
            }
        }
        for start in &future.starts {
            self.unstarted.push(scenario.starts.len());
            let at = self.time.saturating_add(start.at);
            scenario.starts.push(crate::program::Start { at, ..start.clone() });
        }
        self.unstarted.sort_by_key(|&start| scenario.starts.get(start).map_or(0, |start| start.at));
        (scenario, self)
    }

    /// Whether the same text with other values in it could have come this far in the same way. If not,
    /// the place of what was done already and reads otherwise now.
    ///
    /// # Errors
    /// The first value that has been decided before.
    pub fn fits(&self, before: &Scenario, now: &Scenario) -> Result<(), Problems> {
        let decided = |span| {
            let problem =
                Problem::new(span, "this was decided before the moment that is gone on from")
                    .label("done already")
                    .help("only values of steps that are yet to come can differ between futures");
            Err(Problems::new(now.source.clone(), vec![problem]))
        };
        let nowhere = crate::Span::default();
        if before.machine != now.machine || before.files != now.files {
            return decided(nowhere);
        }
        for (at, (old, new)) in before.starts.iter().zip(&now.starts).enumerate() {
            if !self.unstarted.contains(&at) && (&old.spec, old.at) != (&new.spec, new.at) {
                return decided(new.span);
            }
        }
        for process in &self.processes {
            let of = |scenario: &'_ Scenario| {
                let steps = scenario.programs.get(process.program.0).map(|program| &program.steps);
                steps.map_or(Vec::new(), |steps| {
                    steps.iter().take(process.reached).cloned().collect()
                })
            };
            let (old, new) = (of(before), of(now));
            if let Some((_, new)) = old.iter().zip(&new).find(|(old, new)| old.op != new.op) {
                return decided(new.span);
            }
        }
        if before.starts.len() == now.starts.len() { Ok(()) } else { decided(nowhere) }
    }
}

impl<'a> Run<'a> {
    pub(super) fn begin(
        scenario: &'a Scenario,
        world: &'a mut dyn World,
        heap: Option<&'a mut dyn Heap>,
        options: &'a Options,
        watch: &'a mut dyn Watch,
        from: Progress,
    ) -> Run<'a> {
        Run { scenario, world, heap, options, watch, stops: &[], passed: None, so_far: from }
    }

    /// Does a part of a run, and gives what is left of it.
    pub(super) fn keep<T>(
        mut self,
        part: impl FnOnce(&mut Run<'a>) -> Result<T, Stop>,
    ) -> (Progress, Result<T, RunError>) {
        let result = part(&mut self);
        let result = result.map_err(|stop| {
            let source = self.scenario.source.clone();
            match stop {
                Stop::Problem(problem) => {
                    RunError::Step(Box::new(Problems::new(source, vec![problem])))
                }
                Stop::World(span, error) => {
                    let problem = Problem::new(span, error.to_string()).label("while doing this");
                    RunError::World(Box::new(Problems::new(source, vec![problem])), error)
                }
            }
        });
        (self.so_far, result)
    }

    /// Does all that is left.
    pub(super) fn all<T>(
        self,
        part: impl FnOnce(&mut Run<'a>) -> Result<T, Stop>,
    ) -> Result<T, RunError> {
        self.keep(part).1
    }
}
