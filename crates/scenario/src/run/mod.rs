//! Performs a scenario on a world.
//!
//! # Whose turn it is
//! Processes take turns, one step each, in the order in which they came to be. One that sleeps,
//! waits for another or has not started yet is passed over. When nobody can go on, time passes until
//! the first one can: until then it stands still, whatever a step costs on a real machine. So the
//! order of steps is the same on every world, on every machine, every time.
//!
//! A process whose steps are done stays as it is until the scenario ends.
//!
//! # Who dies
//! After every step the world is asked who has died: the OOM killer may have chosen a process while
//! another one's step was done. When the kernel panics the run is over; what it had come to is the
//! result, and claims that stand at the top of the text are still looked at.

mod claims;
mod eval;
mod event;
mod heap;
mod machine;
mod perform;
pub mod proc;
mod progress;
mod state;
mod trace;

pub use event::{Event, Failed, Verdict, Watch, What};
pub use heap::{Heap, HeapError};
pub use machine::{Death, MachineSeen, Woken};
pub use progress::{Paused, Progress};
pub use trace::asked;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use units::PageSize;
use world::{Observation, ProcessId, World, WorldError};

use crate::Scenario;
use crate::problem::{Problem, Problems};
use crate::program::{Arm, NameId, Op, Who};
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
    /// Whether processes and the machine are looked at when everything is over. Without it the end
    /// costs nothing, and nothing is known of who still lives but that it does.
    pub look_at_end: bool,
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
            look_at_end: true,
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
    /// Whom the OOM killer chose, in this order.
    pub deaths: Vec<Death>,
    /// What the kernel said when it panicked, if it did.
    pub panic: Option<String>,
    /// The machine; empty when it is not the scenario's, or was not looked at.
    pub machine: Rc<MachineSeen>,
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
    /// What its accesses reached, in bytes.
    pub touched: u64,
    /// What it looks like; `None` when it is dead, or was not looked at.
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
///
/// # Errors
/// Why it could not go on.
pub fn run<'a>(
    scenario: &'a Scenario,
    world: &'a mut dyn World,
    heap: Option<&'a mut dyn Heap>,
    options: &'a Options,
    watch: &'a mut dyn Watch,
) -> Result<Finish, RunError> {
    Run::begin(scenario, world, heap, options, watch, Progress::new(scenario)).all(|run| {
        let paused = run.advance()?;
        run.close(paused)
    })
}

/// Goes on with a run: to its end, to [`Options::stop_at`], or to the first of these checkpoints.
/// A copy of `progress` goes on with a copy of the world and of the heap as the run itself would.
///
/// # Errors
/// Why it could not go on.
pub fn advance<'a>(
    scenario: &'a Scenario,
    progress: &mut Progress,
    stops: &'a [&'a str],
    world: &'a mut dyn World,
    heap: Option<&'a mut dyn Heap>,
    options: &'a Options,
    watch: &'a mut dyn Watch,
) -> Result<Paused, RunError> {
    let mut run = Run::begin(scenario, world, heap, options, watch, std::mem::take(progress));
    run.stops = stops;
    let (left, result) = run.keep(Run::advance);
    *progress = left;
    result
}

/// Ends a run where it is: looks at what should be so in the end, unless it was stopped before, and
/// at the processes.
///
/// # Errors
/// Why that could not be done.
pub fn end<'a>(
    scenario: &'a Scenario,
    progress: Progress,
    paused: Paused,
    world: &'a mut dyn World,
    heap: Option<&'a mut dyn Heap>,
    options: &'a Options,
    watch: &'a mut dyn Watch,
) -> Result<Finish, RunError> {
    Run::begin(scenario, world, heap, options, watch, progress).all(|run| run.close(paused))
}

/// A run as it goes.
struct Run<'a> {
    scenario: &'a Scenario,
    world: &'a mut dyn World,
    heap: Option<&'a mut dyn Heap>,
    options: &'a Options,
    watch: &'a mut dyn Watch,
    /// Checkpoints that it is to pause at.
    stops: &'a [&'a str],
    /// Which of them was just passed.
    passed: Option<usize>,
    so_far: Progress,
}

/// What a checkpoint saw.
#[derive(Debug, Clone)]
struct Moment {
    processes: BTreeMap<usize, Rc<Observation>>,
    machine: machine::Shared,
}

/// Whose claims at the end of a run are: nobody's.
const NOBODY: usize = usize::MAX;

impl Run<'_> {
    /// Goes on until it is over or is to pause.
    fn advance(&mut self) -> Result<Paused, Stop> {
        match self.until_over() {
            // A machine that panics answers no question any more.
            Err(Stop::World(..)) if self.has_panicked() => Ok(Paused::Over),
            result => result,
        }
    }

    fn close(&mut self, paused: Paused) -> Result<Finish, Stop> {
        let stopped = paused != Paused::Over;
        if !stopped {
            self.claims_at_end()?;
        }
        self.finish(stopped)
    }

    /// Takes turns until nobody can go on, or it is to pause before.
    fn until_over(&mut self) -> Result<Paused, Stop> {
        if !self.so_far.begun {
            self.arrange()?;
            self.so_far.begun = true;
        }
        loop {
            if self.so_far.step > 0 && self.options.stop_at.is_some_and(|at| self.so_far.step >= at)
            {
                let more = self.more_to_do();
                return Ok(if more { Paused::Step } else { Paused::Over });
            }
            self.start_due()?;
            match self.ready()? {
                Some(process) => {
                    self.turn(process)?;
                    if self.has_panicked() {
                        return Ok(Paused::Over);
                    }
                    if let Some(stop) = self.passed.take() {
                        return Ok(Paused::Checkpoint(stop));
                    }
                }
                None if self.pass_time()? => {}
                None => return Ok(Paused::Over),
            }
        }
    }

    /// Makes the machine what the scenario says, and its files.
    fn arrange(&mut self) -> Result<(), Stop> {
        let setup = self.scenario.machine.setup();
        if self.options.arm != Arm::Host && !setup.is_empty() {
            self.world.setup(&setup).map_err(|error| {
                // Which setting it was is told by its name.
                let sysctls = self.scenario.machine.sysctls.iter();
                let about = |name: &str| error.0.contains(&format!("`{name}`"));
                let setting = sysctls.rev().find(|setting| about(&setting.name));
                Stop::World(setting.map_or(Span::default(), |setting| setting.span), error)
            })?;
        }
        let files = &self.scenario.files;
        self.world.files(files).map_err(|error| Stop::World(Span::default(), error))
    }

    /// Whether the kernel has panicked; tells of it once.
    fn has_panicked(&mut self) -> bool {
        if self.so_far.panic.is_none()
            && let Some(words) = self.world.panicked()
        {
            self.so_far.panic = Some(words.clone());
            let step = self.so_far.step;
            let last = self.so_far.next.saturating_sub(1);
            let span = self.so_far.processes.get(last).map(|process| self.here(process));
            self.tell(last, step, span.unwrap_or_default(), What::Panicked(words), true);
        }
        self.so_far.panic.is_some()
    }

    /// Looks at what should be so when everything is over.
    fn claims_at_end(&mut self) -> Result<(), Stop> {
        for step in &self.scenario.at_end {
            let Op::Expect(expect) = &step.op else { continue };
            let verdict = self.judge(NOBODY, expect, step.span)?;
            self.watch.event(&Event {
                step: self.so_far.step,
                time: self.so_far.time,
                process: ProcessId(u32::MAX),
                name: NameId(NOBODY),
                span: step.span,
                what: What::Expected(verdict),
                foreseen: true,
            });
        }
        Ok(())
    }

    /// Nothing that was seen is so any more.
    fn changed(&mut self) {
        self.so_far.seen.clear();
        self.so_far.machine_seen = None;
    }

    /// Asks who has died while this process's step was done.
    fn notice_deaths(&mut self, during: usize, span: Span) -> Result<(), Stop> {
        let dead = self.world.deaths().map_err(|error| Stop::World(span, error))?;
        for (id, end) in dead {
            let Some(index) = self.index_of(id) else { continue };
            let Some(process) = self.so_far.processes.get_mut(index) else { continue };
            process.activity = Activity::Dead(end);
            let (name, touched) = (process.name, process.touched);
            let before = self.so_far.processes.iter().take(index);
            let death = Death {
                process: id,
                name,
                nth: before.filter(|process| process.name == name).count(),
                end,
                step: self.so_far.step,
                during: self.so_far.processes.get(during).map(|process| process.id),
                time: self.so_far.time,
                touched,
            };
            self.so_far.deaths.push(death);
            let step = self.so_far.step;
            let here = self.so_far.processes.get(index).map(|process| self.before(process));
            self.tell(index, step, here.unwrap_or(span), What::Chosen(death), true);
            self.changed();
        }
        Ok(())
    }

    /// Asks which monitors of pressure were woken while this process's step was done.
    fn notice_woken(&mut self, during: usize, span: Span) -> Result<(), Stop> {
        if self.so_far.monitors.is_empty() {
            return Ok(());
        }
        for number in self.world.woken().map_err(|error| Stop::World(span, error))? {
            let at = usize::try_from(number).unwrap_or(usize::MAX);
            let Some(monitor) = self.so_far.monitors.get_mut(at) else { continue };
            monitor.woken += 1;
            let what = What::Woken(monitor.file.clone(), monitor.request.clone());
            let step = self.so_far.step;
            self.tell(
                during.min(self.so_far.processes.len().saturating_sub(1)),
                step,
                span,
                what,
                true,
            );
            self.so_far.machine_seen = None;
        }
        Ok(())
    }

    /// The place of a process in the list, by the world's name for it.
    fn index_of(&self, id: ProcessId) -> Option<usize> {
        let guess = usize::try_from(id.0).ok()?;
        if self.so_far.processes.get(guess).is_some_and(|process| process.id == id) {
            return Some(guess);
        }
        self.so_far.processes.iter().position(|process| process.id == id)
    }

    /// Starts what is due.
    fn start_due(&mut self) -> Result<(), Stop> {
        while let Some(&first) = self.so_far.unstarted.first() {
            let Some(start) = self.scenario.starts.get(first) else { break };
            if start.at > self.so_far.time {
                break;
            }
            self.so_far.unstarted.remove(0);
            let id =
                self.world.start(&start.spec).map_err(|error| Stop::World(start.span, error))?;
            let Some(program) = self.scenario.programs.get(start.program.0) else { break };
            let table = self.so_far.tables.len();
            self.so_far.tables.push(state::Table::default());
            self.so_far.processes.push(Process::new(id, program.name, start.program, table));
            self.tell(self.so_far.processes.len() - 1, 0, start.span, What::Started, true);
            self.changed();
            self.notice_deaths(self.so_far.processes.len() - 1, start.span)?;
        }
        Ok(())
    }

    /// The process whose turn it is, if any can go on.
    fn ready(&mut self) -> Result<Option<usize>, Stop> {
        let count = self.so_far.processes.len();
        for offset in 0..count {
            let index = (self.so_far.next + offset) % count;
            if self.can_go_on(index)? {
                self.so_far.next = index + 1;
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn can_go_on(&mut self, index: usize) -> Result<bool, Stop> {
        let Some(process) = self.so_far.processes.get(index) else { return Ok(false) };
        match process.activity {
            Activity::Ready => Ok(true),
            Activity::Done | Activity::Dead(_) => Ok(false),
            Activity::Sleeps(until) => Ok(until <= self.so_far.time),
            Activity::WaitsFor(who) => self.is_over(who),
            Activity::Lends(child) => {
                self.look_alive(child)?;
                let child = self.so_far.processes.get(child);
                Ok(child.is_none_or(|c| !c.borrows || matches!(c.activity, Activity::Dead(_))))
            }
        }
    }

    /// Whether all these processes have done their steps or are dead. One that was never made is
    /// over, too; one that is yet to start is not.
    fn is_over(&mut self, who: Who) -> Result<bool, Stop> {
        let all = self.all_of(who);
        let yet_to_start =
            |run: &Self| run.so_far.unstarted.iter().any(|&start| run.starts_as(start, who.name));
        match who.nth {
            None if yet_to_start(self) => return Ok(false),
            Some(_) if all.is_empty() => return Ok(!yet_to_start(self)),
            _ => {}
        }
        for index in all {
            self.look_alive(index)?;
            let activity = self.so_far.processes.get(index).map(|process| process.activity);
            if !matches!(activity, Some(Activity::Done | Activity::Dead(_))) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The processes that are meant, in the order in which they came to be.
    fn all_of(&self, who: Who) -> Vec<usize> {
        let named = self.so_far.processes.iter().enumerate().filter(|(_, p)| p.name == who.name);
        let mut indices = named.map(|(index, _)| index);
        match who.nth {
            None => indices.collect(),
            Some(nth) => indices.nth(nth).into_iter().collect(),
        }
    }

    /// The process whose values are meant: one, or the latest of several.
    fn one_of(&self, who: Who) -> Option<usize> {
        match who.nth {
            None => self.so_far.processes.iter().rposition(|process| process.name == who.name),
            Some(_) => self.all_of(who).first().copied(),
        }
    }

    fn starts_as(&self, start: usize, name: NameId) -> bool {
        let start = self.scenario.starts.get(start);
        let program = start.and_then(|start| self.scenario.programs.get(start.program.0));
        program.is_some_and(|program| program.name == name)
    }

    /// Lets time pass until somebody can go on; false when nobody ever will.
    fn pass_time(&mut self) -> Result<bool, Stop> {
        let sleepers = self.so_far.processes.iter().filter_map(|process| match process.activity {
            Activity::Sleeps(until) => Some(until),
            _ => None,
        });
        let start = self.so_far.unstarted.first().and_then(|&at| self.scenario.starts.get(at));
        let Some(next) = sleepers.chain(start.map(|start| start.at)).min() else {
            let stuck = self.so_far.processes.iter().find(|process| {
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
        let span = next.saturating_sub(self.so_far.time);
        self.world.sleep(span).map_err(|error| Stop::World(Span::default(), error))?;
        self.so_far.time = next;
        self.changed();
        self.notice_deaths(NOBODY, Span::default())?;
        self.notice_woken(NOBODY, Span::default())?;
        Ok(true)
    }

    /// The step that a process did last.
    fn before(&self, process: &Process) -> Span {
        let program = self.scenario.programs.get(process.program.0);
        let at = process.at.saturating_sub(1);
        program.and_then(|program| program.steps.get(at)).map_or(Span::default(), |step| step.span)
    }

    /// Where a process stands.
    fn here(&self, process: &Process) -> Span {
        let program = self.scenario.programs.get(process.program.0);
        let step = program.and_then(|program| program.steps.get(process.at));
        step.map_or(Span::default(), |step| step.span)
    }

    /// Notes when a process has died; whether it lives.
    fn look_alive(&mut self, index: usize) -> Result<bool, Stop> {
        let Some(process) = self.so_far.processes.get(index) else { return Ok(false) };
        if matches!(process.activity, Activity::Dead(_)) {
            return Ok(false);
        }
        let span = self.here(process);
        let end = self.world.alive(process.id).map_err(|error| Stop::World(span, error))?;
        let Some(end) = end else { return Ok(true) };
        if let Some(process) = self.so_far.processes.get_mut(index) {
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
        if let Some(process) = self.so_far.processes.get_mut(index) {
            process.activity = Activity::Ready;
        }
        loop {
            self.so_far.turns += 1;
            let Some(process) = self.so_far.processes.get_mut(index) else { return Ok(()) };
            let program = self.scenario.programs.get(process.program.0);
            let Some(step) = program.and_then(|program| program.steps.get(process.at)) else {
                return self.done(index);
            };
            let span = step.span;
            process.reached = process.reached.max(process.at + 1);
            if self.so_far.turns > self.options.most_steps {
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
                    self.so_far.step += 1;
                    process.steps += 1;
                    process.at += 1;
                    self.perform(index, op, span)?;
                    if can_kill(op) {
                        self.notice_deaths(index, span)?;
                        self.notice_woken(index, span)?;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// A process has done all its steps. A child that borrows its parent's memory gives it back.
    fn done(&mut self, index: usize) -> Result<(), Stop> {
        let Some(process) = self.so_far.processes.get_mut(index) else { return Ok(()) };
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
        !self.so_far.unstarted.is_empty() || self.so_far.processes.iter().any(goes_on)
    }

    /// What a process looks like; `None` when it is dead.
    fn observe(&mut self, index: usize, span: Span) -> Result<Option<Rc<Observation>>, Stop> {
        if let Some(seen) = self.so_far.seen.get(&index) {
            return Ok(Some(Rc::clone(seen)));
        }
        if !self.look_alive(index)? {
            return Ok(None);
        }
        let Some(process) = self.so_far.processes.get(index) else { return Ok(None) };
        let seen = self.world.observe(process.id).map_err(|error| Stop::World(span, error))?;
        let seen = Rc::new(seen);
        self.so_far.seen.insert(index, Rc::clone(&seen));
        Ok(Some(seen))
    }

    /// The machine as it is now.
    fn machine(&mut self, span: Span) -> Result<machine::Shared, Stop> {
        if let Some(seen) = &self.so_far.machine_seen {
            return Ok(Rc::clone(seen));
        }
        let wrong = |error| Stop::World(span, error);
        // Of a machine that has panicked the log is left.
        let files = match self.world.machine() {
            Err(_) if self.so_far.panic.is_some() => Vec::new(),
            files => files.map_err(wrong)?,
        };
        let log = match self.world.log() {
            Err(_) if self.so_far.panic.is_some() => Vec::new(),
            log => log.map_err(wrong)?,
        };
        let woken = self.so_far.monitors.iter().map(Woken::of).collect();
        let seen = Rc::new(MachineSeen { files, log, woken });
        self.so_far.machine_seen = Some(Rc::clone(&seen));
        Ok(seen)
    }

    fn finish(&mut self, stopped: bool) -> Result<Finish, Stop> {
        let mut processes = Vec::new();
        let look = self.options.look_at_end && self.so_far.panic.is_none();
        for index in 0..self.so_far.processes.len() {
            let observation = if look { self.observe(index, Span::default())? } else { None };
            let Some(process) = self.so_far.processes.get(index) else { continue };
            processes.push(FinishedProcess {
                id: process.id,
                name: process.name,
                end: match process.activity {
                    Activity::Dead(end) => Some(end),
                    _ => None,
                },
                steps: process.steps,
                touched: process.touched,
                observation,
            });
        }
        let machine = if self.options.look_at_end {
            self.machine(Span::default())?
        } else {
            machine::Shared::default()
        };
        Ok(Finish {
            steps: self.so_far.step,
            time: self.so_far.time,
            stopped,
            processes,
            deaths: std::mem::take(&mut self.so_far.deaths),
            panic: self.so_far.panic.clone(),
            machine,
        })
    }

    fn tell(&mut self, index: usize, step: u64, span: Span, what: What, foreseen: bool) {
        let Some(process) = self.so_far.processes.get(index) else { return };
        let (process, name) = (process.id, process.name);
        self.watch.event(&Event {
            step,
            time: self.so_far.time,
            process,
            name,
            span,
            what,
            foreseen,
        });
    }
}

/// Whether a step may be the one at which the kernel finds no memory.
fn can_kill(op: &Op) -> bool {
    !matches!(
        op,
        Op::Expect(_)
            | Op::Print(_)
            | Op::Let { .. }
            | Op::Sleep(_)
            | Op::Wait(_)
            | Op::Loop { .. }
            | Op::Next(_)
    )
}

#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod tests;
