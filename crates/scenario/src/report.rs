//! What a run comes to, as plain data: what happened when, what each process has, what failed and
//! why, and whether what was expected is so.

mod curve;
mod futures;

pub use curve::{Curve, CurveMark, CurveSample};
pub use futures::{FutureRecorder, FutureRow};

use std::collections::BTreeMap;

use facts::signal;
use schemars::JsonSchema;
use serde::Serialize;
use units::Bytes;
use world::{End, Observation, ProcessId};

use crate::Scenario;
use crate::program::{NameId, Op, Quantity};
use crate::run::{Event, Failed, Finish, MachineSeen, Verdict, Watch, What, asked, proc};
use crate::source::Span;

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.simulation/1";

/// What a run of a scenario comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SimulationReport {
    /// Name and version of this format.
    pub schema: &'static str,
    /// The file.
    pub scenario: String,
    /// What the scenario says it shows.
    pub title: Option<String>,
    /// What it ran on.
    pub machine: MachineRow,
    /// How many steps were done.
    pub steps: u64,
    /// Virtual time at the end, in nanoseconds. It passes while all processes sleep.
    pub time_ns: u64,
    /// Whether the run was stopped before everything was done (`--at`).
    pub stopped: bool,
    /// What the kernel said when it panicked; null: it did not.
    pub panic: Option<String>,
    /// Whom the OOM killer chose, in this order.
    pub deaths: Vec<DeathRow>,
    /// What the kernel's reports come to, one sentence each, as `oomph explain` puts it.
    pub explained: Vec<String>,
    /// What happened, in the order in which it first did; steps that were done again are one row.
    pub timeline: Vec<TimelineRow>,
    /// What `/proc` showed at each checkpoint, and at the end.
    pub checkpoints: Vec<CheckpointRow>,
    /// Every process, in the order in which they came to be.
    pub processes: Vec<ProcessRow>,
    /// What the kernel logged, line by line.
    pub log: Vec<String>,
    /// Steps that did not do what was asked.
    pub failures: Vec<FailureRow>,
    /// What was expected, and whether it is so.
    pub expectations: Vec<ExpectationRow>,
    /// What else became of its moments, one row for each future that the scenario has; the first row,
    /// if there are any, is the run as it is written.
    pub futures: Vec<FutureRow>,
}

/// The machine that a scenario ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MachineRow {
    /// Its architecture.
    pub arch: String,
    /// The kernel's release.
    pub kernel: String,
    /// `MemTotal` in bytes.
    pub ram: Bytes,
    /// Swap in bytes.
    pub swap: Bytes,
}

/// A process that the OOM killer chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeathRow {
    /// Its name; of several with that name followed by its number: `worker.3`.
    pub process: String,
    /// Number of the step at which it died.
    pub step: u64,
    /// Virtual time in nanoseconds.
    pub time_ns: u64,
    /// Whose step that was; null: nobody's, time passed.
    pub during: Option<String>,
    /// What its accesses had reached: the point at which it was killed.
    pub touched: Bytes,
    /// What the machine had when the kernel chose, as its report says: lists of pages instead of
    /// `AnonPages` and `Cached`. Null: there is no report, or it is of a cgroup.
    pub machine: Option<WholeRow>,
}

/// The machine's memory at one moment. Null: not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct WholeRow {
    /// `MemTotal`.
    pub total: Option<Bytes>,
    /// `MemFree`.
    pub free: Option<Bytes>,
    /// `MemAvailable`.
    pub available: Option<Bytes>,
    /// `AnonPages`.
    pub anon: Option<Bytes>,
    /// `Buffers` and `Cached`, without shared memory.
    pub cache: Option<Bytes>,
    /// `Shmem`.
    pub shmem: Option<Bytes>,
    /// `Slab`, `KernelStack` and `PageTables`.
    pub kernel: Option<Bytes>,
    /// `SwapTotal`.
    pub swap_total: Option<Bytes>,
    /// Swap in use.
    pub swap_used: Option<Bytes>,
}

/// A step of the text, and what came of it whenever it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimelineRow {
    /// Number of the step when it was done first; 0 for what is no step.
    pub first_step: u64,
    /// Number of the step when it was done last.
    pub last_step: u64,
    /// Virtual time when it was done first, in nanoseconds.
    pub time_ns: u64,
    /// Name of the process.
    pub process: String,
    /// Line of the text; null for what is not written there.
    pub line: Option<usize>,
    /// The step as it is written, or what happened.
    pub text: String,
    /// What it was the last time, as strace prints it.
    pub asked: String,
    /// How often it was done.
    pub times: u64,
    /// How often it failed.
    pub failed: u64,
}

/// What `/proc` showed at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckpointRow {
    /// Name of the checkpoint.
    pub name: String,
    /// Number of the step.
    pub step: u64,
    /// Virtual time in nanoseconds.
    pub time_ns: u64,
    /// The machine; null when it is not the scenario's, or was not looked at.
    pub machine: Option<WholeRow>,
    /// Its NUMA nodes, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeRow>,
    /// Every process that lived.
    pub processes: Vec<MemoryRow>,
}

/// The memory of a NUMA node at one moment. Null: not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct NodeRow {
    /// Its number.
    pub node: u32,
    /// `MemTotal`.
    pub total: Option<Bytes>,
    /// `MemFree`.
    pub free: Option<Bytes>,
    /// `AnonPages`.
    pub anon: Option<Bytes>,
    /// `FilePages`: page cache, and shared memory.
    pub file: Option<Bytes>,
    /// Pages that were asked for here and came from elsewhere, so far.
    pub foreign: Option<u64>,
}

/// What a process had at one moment. Null: not reported.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct MemoryRow {
    /// Name of the process.
    pub process: String,
    /// What was promised to it.
    pub vm_size: Option<Bytes>,
    /// What was delivered.
    pub vm_rss: Option<Bytes>,
    /// Its fair share of what was delivered.
    pub pss: Option<Bytes>,
    /// Page tables.
    pub page_tables: Option<Bytes>,
    /// Swapped out.
    pub swap: Option<Bytes>,
    /// Minor faults so far.
    pub minor_faults: Option<u64>,
    /// Major faults so far.
    pub major_faults: Option<u64>,
    /// How many mappings it has.
    pub mappings: Option<u64>,
}

/// A process at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProcessRow {
    /// Its number, in the order in which processes came to be, from 0.
    pub number: u32,
    /// How many steps it did.
    pub steps: u64,
    /// How it ended, in words; null: it lives.
    pub end: Option<String>,
    /// Whether SIGKILL ended it.
    pub killed: bool,
    /// What its accesses reached, a page each.
    pub touched: Bytes,
    /// What it has; of a dead one nothing but its name.
    pub memory: MemoryRow,
    /// What a kernel of this release may print as `VmRSS` instead: it sums up late what processors or
    /// threads count. Null: nothing else, or it is not known.
    pub rss_printed: Option<IntervalRow>,
}

/// From the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IntervalRow {
    /// The least.
    pub least: Bytes,
    /// The most.
    pub most: Bytes,
}

/// A step that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailureRow {
    /// Number of the step when it failed first.
    pub step: u64,
    /// Name of the process.
    pub process: String,
    /// Line of the text.
    pub line: usize,
    /// The line.
    pub source: String,
    /// What was asked, as strace prints it.
    pub asked: String,
    /// Why: an error or a signal.
    pub why: String,
    /// What that means here, in a sentence; null where the word says it.
    pub reason: Option<String>,
    /// Whether it was reckoned with: an `expect` about it follows, or a loop ends by it.
    pub foreseen: bool,
    /// How often it failed like this.
    pub times: u64,
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExpectationRow {
    /// Name of the process.
    pub process: String,
    /// Line of the text.
    pub line: usize,
    /// What was expected, as it is written.
    pub wanted: String,
    /// Whether it is so, every time; null when it is about other worlds.
    pub held: Option<bool>,
    /// What was found; where it is not so, the first time that it was not.
    pub found: String,
    /// How often it was looked at.
    pub times: u64,
}

/// Makes the report while a scenario runs. Its size follows from the text of the scenario and not
/// from how long it runs.
#[derive(Debug)]
pub struct Recorder<'s> {
    scenario: &'s Scenario,
    timeline: Vec<TimelineRow>,
    rows: BTreeMap<(NameId, Span, u8, ProcessId), usize>,
    checkpoints: Vec<CheckpointRow>,
    failures: Vec<FailureRow>,
    failing: BTreeMap<(NameId, Span, String), usize>,
    expectations: Vec<ExpectationRow>,
    claims: BTreeMap<(NameId, Span), usize>,
    names: BTreeMap<ProcessId, NameId>,
    /// How many processes of a name there were when each came to be.
    nth: BTreeMap<ProcessId, usize>,
    counts: BTreeMap<NameId, usize>,
}

/// Checkpoints of a loop are kept up to so many.
const MOST_CHECKPOINTS: usize = 200;

impl<'s> Recorder<'s> {
    /// For one run.
    pub fn new(scenario: &'s Scenario) -> Recorder<'s> {
        Recorder {
            scenario,
            timeline: Vec::new(),
            rows: BTreeMap::new(),
            checkpoints: Vec::new(),
            failures: Vec::new(),
            failing: BTreeMap::new(),
            expectations: Vec::new(),
            claims: BTreeMap::new(),
            names: BTreeMap::new(),
            nth: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// A process came to be.
    fn came(&mut self, process: ProcessId, name: NameId) {
        if self.names.insert(process, name).is_none() {
            let count = self.counts.entry(name).or_default();
            self.nth.insert(process, *count);
            *count += 1;
        }
    }

    /// The name of a process, with its number where several have it.
    fn label(&self, process: ProcessId) -> String {
        let Some(&name) = self.names.get(&process) else { return String::new() };
        match self.counts.get(&name) {
            Some(2..) => {
                let nth = self.nth.get(&process).copied().unwrap_or_default();
                format!("{}.{nth}", self.name(name))
            }
            _ => self.name(name),
        }
    }

    fn name(&self, id: NameId) -> String {
        self.scenario.names.get(id.0).cloned().unwrap_or_default()
    }

    fn line(&self, span: Span) -> usize {
        self.scenario.source.position(span.start).0
    }

    /// The report, when the run is over.
    pub fn finish(mut self, finish: &Finish, machine: MachineRow) -> SimulationReport {
        let alive = finish.processes.iter().filter(|process| process.observation.is_some());
        let processes = alive
            .filter_map(|process| {
                let seen = process.observation.as_ref()?;
                Some(memory(self.label(process.id), seen))
            })
            .take(MOST_CHECKPOINTS)
            .collect();
        self.checkpoints.push(CheckpointRow {
            name: if finish.stopped { "stopped".to_owned() } else { "end".to_owned() },
            step: finish.steps,
            time_ns: finish.time,
            machine: whole(&finish.machine),
            nodes: nodes(&finish.machine),
            processes,
        });
        let deaths = finish.deaths.iter().map(|death| DeathRow {
            process: self.label(death.process),
            step: death.step,
            time_ns: death.time,
            during: death.during.map(|during| self.label(during)),
            touched: Bytes::new(death.touched),
            machine: None,
        });
        let deaths = deaths.collect();
        let log = String::from_utf8_lossy(&finish.machine.log).lines().map(str::to_owned).collect();
        let processes = finish.processes.iter().map(|process| {
            let name = self.label(process.id);
            ProcessRow {
                number: process.id.0,
                steps: process.steps,
                end: process.end.map(end_text),
                killed: process.end == Some(End::Signal(9)),
                touched: Bytes::new(process.touched),
                memory: match &process.observation {
                    Some(seen) => memory(name, seen),
                    None => MemoryRow { process: name, ..MemoryRow::default() },
                },
                rss_printed: None,
            }
        });
        SimulationReport {
            schema: SCHEMA,
            scenario: self.scenario.source.name().to_owned(),
            title: self.scenario.title.clone(),
            machine,
            steps: finish.steps,
            time_ns: finish.time,
            stopped: finish.stopped,
            processes: processes.collect(),
            panic: finish.panic.clone(),
            deaths,
            explained: Vec::new(),
            log,
            timeline: self.timeline,
            checkpoints: self.checkpoints,
            failures: self.failures,
            expectations: self.expectations,
            futures: Vec::new(),
        }
    }

    fn row(&mut self, event: &Event, failed: Option<Failed>) {
        // What happens to a process is a row of its own; so are its steps, one each.
        let kind = match event.what {
            What::Started => 1,
            What::Died(_) => 2,
            What::Chosen(_) => 3,
            What::Panicked(_) => 4,
            What::Woken(..) => 5,
            // Claims have a list of their own, and a look at the machine belongs to a checkpoint.
            What::Done | What::Expected(_) | What::Machine(..) => return,
            _ => 0,
        };
        // Each death is a row of its own.
        let whose = if kind == 3 { event.process } else { ProcessId(u32::MAX) };
        let key = (event.name, event.span, kind, whose);
        let at = if let Some(&at) = self.rows.get(&key) {
            at
        } else {
            self.rows.insert(key, self.timeline.len());
            self.timeline.push(TimelineRow {
                first_step: event.step,
                last_step: event.step,
                time_ns: event.time,
                process: if kind == 3 { self.label(event.process) } else { self.name(event.name) },
                line: (kind < 2).then(|| self.line(event.span)),
                text: match &event.what {
                    What::Started
                    | What::Died(_)
                    | What::Chosen(_)
                    | What::Panicked(_)
                    | What::Woken(..) => asked(event, self.scenario),
                    What::Said(text) => text.clone(),
                    _ => self.scenario.source.at(event.span).to_owned(),
                },
                asked: String::new(),
                times: 0,
                failed: 0,
            });
            self.timeline.len() - 1
        };
        if let Some(row) = self.timeline.get_mut(at) {
            row.times += 1;
            row.failed += u64::from(failed.is_some());
            row.last_step = event.step;
            // Most steps of a loop are seen by nobody: the text is made for the first ones, for
            // failures, and later for every power of two.
            if row.times.is_power_of_two() || failed.is_some() {
                row.asked = asked(event, self.scenario);
            }
        }
    }

    fn failure(&mut self, event: &Event, failed: Failed) {
        let why = match failed {
            // Addresses of faults differ in every round; they are in the first one.
            Failed::Stopped(world::Stop::Signal(fault)) => {
                format!("signal {} code {}", fault.signal, fault.code)
            }
            other => other.to_string(),
        };
        let key = (event.name, event.span, why);
        if let Some(row) = self.failing.get(&key).and_then(|&at| self.failures.get_mut(at)) {
            row.times += 1;
            return;
        }
        self.failing.insert(key, self.failures.len());
        let line = self.line(event.span);
        self.failures.push(FailureRow {
            step: event.step,
            process: self.name(event.name),
            line,
            source: self.scenario.source.line(line).trim().to_owned(),
            asked: asked(event, self.scenario),
            why: failed.to_string(),
            reason: crate::reason::of(&event.what).map(str::to_owned),
            foreseen: event.foreseen,
            times: 1,
        });
    }

    fn expectation(&mut self, event: &Event, verdict: &Verdict) {
        let key = (event.name, event.span);
        if let Some(row) = self.claims.get(&key).and_then(|&at| self.expectations.get_mut(at)) {
            row.times += 1;
            if row.held == Some(true) {
                row.held = verdict.held;
                row.found.clone_from(&verdict.found);
            }
            return;
        }
        self.claims.insert(key, self.expectations.len());
        self.expectations.push(ExpectationRow {
            process: self.name(event.name),
            line: self.line(event.span),
            wanted: verdict.wanted.clone(),
            held: verdict.held,
            found: verdict.found.clone(),
            times: 1,
        });
    }

    fn checkpoint(
        &mut self,
        event: &Event,
        name: &str,
        seen: &[(ProcessId, std::rc::Rc<Observation>)],
    ) {
        if self.checkpoints.len() >= MOST_CHECKPOINTS {
            return;
        }
        let processes = seen
            .iter()
            .take(MOST_CHECKPOINTS)
            .map(|(id, seen)| memory(self.label(*id), seen))
            .collect();
        self.checkpoints.push(CheckpointRow {
            name: name.to_owned(),
            step: event.step,
            time_ns: event.time,
            machine: None,
            nodes: Vec::new(),
            processes,
        });
    }
}

impl Watch for Recorder<'_> {
    fn event(&mut self, event: &Event) {
        if !matches!(event.what, What::Expected(_)) {
            self.came(event.process, event.name);
        }
        let failed = event.what.failed();
        self.row(event, failed);
        if let Some(failed) = failed {
            self.failure(event, failed);
        }
        match &event.what {
            What::Expected(verdict) => self.expectation(event, verdict),
            What::Checkpoint(name, seen) => self.checkpoint(event, name, seen),
            What::Machine(name, seen) => {
                if let Some(row) = self.checkpoints.last_mut().filter(|row| row.name == *name) {
                    row.machine = whole(seen);
                    row.nodes = nodes(seen);
                }
            }
            What::Forked(_, Ok(child)) => {
                // A child may be seen by a checkpoint before its first step.
                if let Some(name) = self.child_name(event.span) {
                    self.came(*child, name);
                }
            }
            _ => {}
        }
    }
}

impl Recorder<'_> {
    fn child_name(&self, span: Span) -> Option<NameId> {
        let mut steps = self.scenario.programs.iter().flat_map(|program| &program.steps);
        steps.find_map(|step| match step.op {
            Op::Fork { program, .. } if step.span == span => {
                self.scenario.programs.get(program.0).map(|program| program.name)
            }
            _ => None,
        })
    }
}

fn memory(process: String, seen: &Observation) -> MemoryRow {
    let bytes = |name| proc::of_process(seen, name).map(Bytes::new);
    MemoryRow {
        process,
        vm_size: bytes("VmSize"),
        vm_rss: bytes("VmRSS"),
        pss: bytes("Pss"),
        page_tables: bytes("VmPTE"),
        swap: bytes("VmSwap"),
        minor_faults: proc::of_process(seen, "minflt"),
        major_faults: proc::of_process(seen, "majflt"),
        mappings: proc::of_process(seen, "mappings"),
    }
}

/// The memory of its nodes, if there are several.
fn nodes(seen: &MachineSeen) -> Vec<NodeRow> {
    let row = |node: u32| {
        let of = |field: &str| seen.value(&Quantity::Node { node, field: field.to_owned() });
        let bytes = |field: &str| of(field).map(Bytes::new);
        let total = bytes("MemTotal");
        total.map(|_| NodeRow {
            node,
            total,
            free: bytes("MemFree"),
            anon: bytes("AnonPages"),
            file: bytes("FilePages"),
            foreign: of("numa_foreign"),
        })
    };
    (0..64).map_while(row).collect()
}

/// The machine's memory in its files.
fn whole(seen: &MachineSeen) -> Option<WholeRow> {
    if seen.files.is_empty() {
        return None;
    }
    let of = |name: &str| seen.value(&Quantity::Meminfo(name.to_owned()));
    let sum = |names: &[&str]| names.iter().try_fold(0u64, |sum, name| sum.checked_add(of(name)?));
    let cache = sum(&["Buffers", "Cached"]);
    let swap_total = of("SwapTotal");
    Some(WholeRow {
        total: of("MemTotal").map(Bytes::new),
        free: of("MemFree").map(Bytes::new),
        available: of("MemAvailable").map(Bytes::new),
        anon: of("AnonPages").map(Bytes::new),
        cache: cache.map(|cache| Bytes::new(cache.saturating_sub(of("Shmem").unwrap_or(0)))),
        shmem: of("Shmem").map(Bytes::new),
        kernel: sum(&["Slab", "KernelStack", "PageTables"]).map(Bytes::new),
        swap_total: swap_total.map(Bytes::new),
        swap_used: swap_total.and_then(|total| total.checked_sub(of("SwapFree")?)).map(Bytes::new),
    })
}

fn end_text(end: End) -> String {
    match end {
        End::Exit(status) => format!("exited with status {status}"),
        End::Signal(9) => "killed".to_owned(),
        End::Signal(signal) => format!("ended by {}", signal::named(signal)),
    }
}
