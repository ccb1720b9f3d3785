//! Performs a scenario on a world.
//!
//! # Whose turn it is
//! Processes take turns, one step each, in the order in which they came to be. One that sleeps,
//! waits for another or has not started yet is passed over. When nobody can go on, time passes until
//! the first one can: until then it stands still, whatever a step costs on a real machine. So the
//! order of steps is the same on every world, on every machine, every time.
//!
//! A process whose steps are done stays as it is until the scenario ends.

mod claims;
mod eval;
mod event;
mod heap;
mod perform;
pub mod proc;
mod state;
mod trace;

pub use event::{Event, Failed, Verdict, Watch, What};
pub use heap::{Heap, HeapError};
pub use trace::asked;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use units::PageSize;
use world::{Observation, ProcessId, World, WorldError};

use crate::Scenario;
use crate::problem::{Problem, Problems};
use crate::program::{Arm, NameId, Op};
use crate::source::Span;
use state::{Activity, Process};

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// What the world is: `expect … on=host` is looked at on the host only.
    pub arm: Arm,
    /// The world's page size.
    pub page: PageSize,
    /// Goes before the scenario's seed.
    pub seed: Option<u64>,
    /// Stop after so many steps.
    pub stop_at: Option<u64>,
    /// Give up after so many steps.
    pub most_steps: u64,
}

impl Options {
    /// On the model, to the end.
    pub fn model() -> Options {
        Options {
            arm: Arm::Model,
            page: PageSize::KIB_4,
            seed: None,
            stop_at: None,
            most_steps: 50_000_000,
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// How many steps were done.
    pub steps: u64,
    /// Virtual time in nanoseconds.
    pub time: u64,
    /// Whether there was more to do: [`Options::stop_at`] came first.
    pub stopped: bool,
    /// Every process, in the order in which they came to be.
    pub processes: Vec<FinishedProcess>,
}

/// A process at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedProcess {
    /// Which.
    pub id: ProcessId,
    /// Its name.
    pub name: NameId,
    /// How it ended; `None`: it lives.
    pub end: Option<world::End>,
    /// How many steps it did.
    pub steps: u64,
    /// What it looks like; `None` when it is dead.
    pub observation: Option<Rc<Observation>>,
}

/// Why a run could not go on. What programs see (errors, signals) is never one.
#[derive(Debug)]
pub enum RunError {
    /// A step makes no sense as things are.
    Step(Box<Problems>),
    /// The world failed.
    World(Box<Problems>, WorldError),
}

impl RunError {
    /// Where and what, to be drawn.
    pub fn problems(&self) -> &Problems {
        match self {
            RunError::Step(problems) | RunError::World(problems, _) => problems,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problems().fmt(f)
    }
}

impl std::error::Error for RunError {}

/// What stops a run, before it is bound to the text.
enum Stop {
    Problem(Problem),
    World(Span, WorldError),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Problem(problem)
    }
}

/// Runs a scenario to its end, or to [`Options::stop_at`]. Without a `heap`, `malloc` and its
/// relatives are an error.
pub fn run<'a>(
    scenario: &'a Scenario,
    world: &'a mut dyn World,
    heap: Option<&'a mut dyn Heap>,
    options: &'a Options,
    watch: &'a mut dyn Watch,
) -> Result<Finish, RunError> {
    let mut run = Run {
        scenario,
        world,
        heap,
        options,
        watch,
        processes: Vec::new(),
        tables: Vec::new(),
        unstarted: (0..scenario.starts.len()).collect(),
        moments: BTreeMap::new(),
        seen: BTreeMap::new(),
        step: 0,
        turns: 0,
        time: 0,
        next: 0,
    };
    // Ties keep the order in which they are written.
    run.unstarted.sort_by_key(|&start| scenario.starts.get(start).map_or(0, |start| start.at));
    let result = run.whole();
    result.map_err(|stop| {
        let source = scenario.source.clone();
        match stop {
            Stop::Problem(problem) => {
                RunError::Step(Box::new(Problems::new(source, vec![problem])))
            }
            Stop::World(span, error) => {
                let problem = Problem::new(span, error.to_string()).label("while doing this");
                RunError::World(Box::new(Problems::new(source, vec![problem])), error)
            }
        }
    })
}

/// A run as it goes.
struct Run<'a> {
    scenario: &'a Scenario,
    world: &'a mut dyn World,
    heap: Option<&'a mut dyn Heap>,
    options: &'a Options,
    watch: &'a mut dyn Watch,
    processes: Vec<Process>,
    /// Handles, by the memory that they are in: threads share one.
    tables: Vec<state::Table>,
    /// Starts that are yet to come, the next one first.
    unstarted: Vec<usize>,
    /// What checkpoints saw, by their names; the latest of each.
    moments: BTreeMap<String, BTreeMap<usize, Rc<Observation>>>,
    /// What was seen since the last step that changes anything.
    seen: BTreeMap<usize, Rc<Observation>>,
    step: u64,
    turns: u64,
    time: u64,
    /// Whose turn it is.
    next: usize,
}

impl Run<'_> {
    fn whole(&mut self) -> Result<Finish, Stop> {
        let nowhere = Span::default();
        let files = &self.scenario.files;
        self.world.files(files).map_err(|error| Stop::World(nowhere, error))?;
        let mut stopped = false;
        loop {
            self.start_due()?;
            match self.ready()? {
                Some(process) => {
                    self.turn(process)?;
                    if self.options.stop_at.is_some_and(|at| self.step >= at) {
                        stopped = self.more_to_do();
                        break;
                    }
                }
                None if self.pass_time()? => {}
                None => break,
            }
        }
        self.finish(stopped)
    }

    /// Starts what is due.
    fn start_due(&mut self) -> Result<(), Stop> {
        while let Some(&first) = self.unstarted.first() {
            let Some(start) = self.scenario.starts.get(first) else { break };
            if start.at > self.time {
                break;
            }
            self.unstarted.remove(0);
            let id =
                self.world.start(&start.spec).map_err(|error| Stop::World(start.span, error))?;
            let Some(program) = self.scenario.programs.get(start.program.0) else { break };
            let table = self.tables.len();
            self.tables.push(state::Table::default());
            self.processes.push(Process::new(id, program.name, start.program, table));
            self.tell(self.processes.len() - 1, 0, start.span, What::Started, true);
        }
        Ok(())
    }

    /// The process whose turn it is, if any can go on.
    fn ready(&mut self) -> Result<Option<usize>, Stop> {
        let count = self.processes.len();
        for offset in 0..count {
            let index = (self.next + offset) % count;
            if self.can_go_on(index)? {
                self.next = index + 1;
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn can_go_on(&mut self, index: usize) -> Result<bool, Stop> {
        let Some(process) = self.processes.get(index) else { return Ok(false) };
        match process.activity {
            Activity::Ready => Ok(true),
            Activity::Done | Activity::Dead(_) => Ok(false),
            Activity::Sleeps(until) => Ok(until <= self.time),
            Activity::WaitsFor(name) => self.is_over(name),
            Activity::Lends(child) => {
                self.look_alive(child)?;
                let child = self.processes.get(child);
                Ok(child.is_none_or(|c| !c.borrows || matches!(c.activity, Activity::Dead(_))))
            }
        }
    }

    /// Whether the process of that name has done its steps or is dead. One that was never made is
    /// over, too; one that is yet to start is not.
    fn is_over(&mut self, name: NameId) -> Result<bool, Stop> {
        match self.latest(name) {
            Some(index) => {
                self.look_alive(index)?;
                let activity = self.processes.get(index).map(|process| process.activity);
                Ok(matches!(activity, Some(Activity::Done | Activity::Dead(_))))
            }
            None => Ok(!self.unstarted.iter().any(|&start| self.starts_as(start, name))),
        }
    }

    fn starts_as(&self, start: usize, name: NameId) -> bool {
        let start = self.scenario.starts.get(start);
        let program = start.and_then(|start| self.scenario.programs.get(start.program.0));
        program.is_some_and(|program| program.name == name)
    }

    fn latest(&self, name: NameId) -> Option<usize> {
        self.processes.iter().rposition(|process| process.name == name)
    }

    /// Lets time pass until somebody can go on; false when nobody ever will.
    fn pass_time(&mut self) -> Result<bool, Stop> {
        let sleepers = self.processes.iter().filter_map(|process| match process.activity {
            Activity::Sleeps(until) => Some(until),
            _ => None,
        });
        let start = self.unstarted.first().and_then(|&at| self.scenario.starts.get(at));
        let Some(next) = sleepers.chain(start.map(|start| start.at)).min() else {
            let stuck = self.processes.iter().find(|process| {
                matches!(process.activity, Activity::WaitsFor(_) | Activity::Lends(_))
            });
            return match stuck {
                Some(process) => Err(Problem::new(
                    self.here(process),
                    "nobody can go on: this waits for what waits for it",
                )
                .label("waits for ever")
                .into()),
                None => Ok(false),
            };
        };
        let span = next.saturating_sub(self.time);
        self.world.sleep(span).map_err(|error| Stop::World(Span::default(), error))?;
        self.time = next;
        self.seen.clear();
        Ok(true)
    }

    /// Where a process stands.
    fn here(&self, process: &Process) -> Span {
        let program = self.scenario.programs.get(process.program.0);
        let step = program.and_then(|program| program.steps.get(process.at));
        step.map_or(Span::default(), |step| step.span)
    }

    /// Notes when a process has died; whether it lives.
    fn look_alive(&mut self, index: usize) -> Result<bool, Stop> {
        let Some(process) = self.processes.get(index) else { return Ok(false) };
        if matches!(process.activity, Activity::Dead(_)) {
            return Ok(false);
        }
        let span = self.here(process);
        let end = self.world.alive(process.id).map_err(|error| Stop::World(span, error))?;
        let Some(end) = end else { return Ok(true) };
        if let Some(process) = self.processes.get_mut(index) {
            process.activity = Activity::Dead(end);
        }
        self.tell(index, 0, span, What::Died(end), true);
        Ok(false)
    }

    /// One step of a process, with the bookkeeping of loops before it.
    fn turn(&mut self, index: usize) -> Result<(), Stop> {
        if !self.look_alive(index)? {
            return Ok(());
        }
        if let Some(process) = self.processes.get_mut(index) {
            process.activity = Activity::Ready;
        }
        loop {
            self.turns += 1;
            let Some(process) = self.processes.get_mut(index) else { return Ok(()) };
            let program = self.scenario.programs.get(process.program.0);
            let Some(step) = program.and_then(|program| program.steps.get(process.at)) else {
                return self.done(index);
            };
            let span = step.span;
            if self.turns > self.options.most_steps {
                let most = self.options.most_steps;
                return Err(Problem::new(span, format!("more than {most} steps"))
                    .label("given up here")
                    .into());
            }
            match &step.op {
                Op::Loop { count, until_fails, end } => {
                    process.enter(*count, *until_fails, *end);
                }
                Op::Next(begin) => process.again(*begin),
                op => {
                    self.step += 1;
                    process.steps += 1;
                    process.at += 1;
                    return self.perform(index, op, span);
                }
            }
        }
    }

    /// A process has done all its steps. A child that borrows its parent's memory gives it back.
    fn done(&mut self, index: usize) -> Result<(), Stop> {
        let Some(process) = self.processes.get_mut(index) else { return Ok(()) };
        let span = Span::default();
        if process.borrows {
            let end = world::End::Exit(0);
            self.world.end(process.id, end).map_err(|error| Stop::World(span, error))?;
            process.activity = Activity::Dead(end);
            self.tell(index, 0, span, What::Ends(end), true);
        } else {
            process.activity = Activity::Done;
            self.tell(index, 0, span, What::Done, true);
        }
        Ok(())
    }

    fn more_to_do(&self) -> bool {
        let goes_on = |process: &Process| {
            !matches!(process.activity, Activity::Done | Activity::Dead(_))
                && self
                    .scenario
                    .programs
                    .get(process.program.0)
                    .is_some_and(|program| process.at < program.steps.len())
        };
        !self.unstarted.is_empty() || self.processes.iter().any(goes_on)
    }

    /// What a process looks like; `None` when it is dead.
    fn observe(&mut self, index: usize, span: Span) -> Result<Option<Rc<Observation>>, Stop> {
        if let Some(seen) = self.seen.get(&index) {
            return Ok(Some(Rc::clone(seen)));
        }
        if !self.look_alive(index)? {
            return Ok(None);
        }
        let Some(process) = self.processes.get(index) else { return Ok(None) };
        let seen = self.world.observe(process.id).map_err(|error| Stop::World(span, error))?;
        let seen = Rc::new(seen);
        self.seen.insert(index, Rc::clone(&seen));
        Ok(Some(seen))
    }

    fn finish(&mut self, stopped: bool) -> Result<Finish, Stop> {
        let mut processes = Vec::new();
        for index in 0..self.processes.len() {
            let observation = self.observe(index, Span::default())?;
            let Some(process) = self.processes.get(index) else { continue };
            processes.push(FinishedProcess {
                id: process.id,
                name: process.name,
                end: match process.activity {
                    Activity::Dead(end) => Some(end),
                    _ => None,
                },
                steps: process.steps,
                observation,
            });
        }
        Ok(Finish { steps: self.step, time: self.time, stopped, processes })
    }

    fn tell(&mut self, index: usize, step: u64, span: Span, what: What, foreseen: bool) {
        let Some(process) = self.processes.get(index) else { return };
        let (process, name) = (process.id, process.name);
        self.watch.event(&Event { step, time: self.time, process, name, span, what, foreseen });
    }
}

#[cfg(test)]
mod tests;
