//! One program on two worlds, compared as it goes.

use world::Advice;

use lab::compare::{self, Difference, MapLine, Tolerances, map_lines};
use lab::{Done, Files, HostWorld, Step};
use sim::Uncertain;
use world::{End, Errno, ForkKind, ProcessId, World, WorldError};

use super::program::{Action, Setup, What};

/// Steps that the host performs at once.
const BATCH: usize = 96;
/// Steps after which the source of a program is told of the mappings.
const SEE: usize = 32;
/// Steps after which everything is looked at.
const LOOK: usize = 128;

const COLLAPSE: Advice = Advice(25);
const HUGEPAGE: Advice = Advice(14);
const HUGE: u64 = 2 << 20;

/// All but the file that takes longest.
const NO_SMAPS: Files = Files::MAPS
    .and(Files::SMAPS_ROLLUP)
    .and(Files::STATUS)
    .and(Files::STATM)
    .and(Files::STAT)
    .and(Files::OOM_SCORE);

/// The world that says what is expected.
pub(crate) trait First: World {
    /// The text of `maps` of a living process.
    fn maps(&mut self, process: ProcessId) -> Result<Vec<u8>, WorldError>;
    /// Whether the kernel would read ahead for this call, which is not modelled.
    fn reads_ahead(&self, _process: ProcessId, _call: &world::Call) -> bool {
        false
    }
    /// What it cannot know of a process.
    fn uncertain(&self, _process: ProcessId) -> Result<Uncertain, WorldError> {
        Ok(Uncertain::default())
    }
}

impl First for HostWorld {
    fn maps(&mut self, process: ProcessId) -> Result<Vec<u8>, WorldError> {
        self.look_at(Files::MAPS);
        let maps = self.observe(process)?.maps;
        self.look_at(Files::ALL);
        Ok(maps.unwrap_or_default())
    }
}

impl First for sim::Machine {
    fn maps(&mut self, process: ProcessId) -> Result<Vec<u8>, WorldError> {
        Ok(sim::Machine::maps(self, process).unwrap_or_default())
    }

    fn reads_ahead(&self, process: ProcessId, call: &world::Call) -> bool {
        sim::Machine::reads_ahead(self, process, call)
    }

    fn uncertain(&self, process: ProcessId) -> Result<Uncertain, WorldError> {
        sim::Machine::uncertain(self, process)
    }
}

/// Where actions come from.
pub(crate) trait Source {
    /// The next one; `None` ends the program.
    fn next(&mut self) -> Option<Action>;
    /// What came of it in the first world.
    fn learn(&mut self, _action: &Action, _outcome: &Outcome) {}
    /// The mappings of a process in the first world.
    fn see(&mut self, _process: u32, _maps: &[MapLine<'_>]) {}
}

/// A program that is known.
pub(crate) struct Fixed<'a>(pub(crate) std::slice::Iter<'a, Action>);

impl Source for Fixed<'_> {
    fn next(&mut self) -> Option<Action> {
        self.0.next().cloned()
    }
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done(Done),
    Forked(Result<ProcessId, Errno>),
    /// Exec and end have nothing to say.
    Nothing,
    /// The process was killed by it.
    Killed,
}

impl Outcome {
    /// Whether all that the other lacks is so many pages that are in memory here.
    fn misses_at_most(&self, other: &Outcome, pages: u64) -> bool {
        let (Outcome::Done(Done::Returned(here)), Outcome::Done(Done::Returned(there))) =
            (self, other)
        else {
            return false;
        };
        let pairs = here.residency.iter().zip(&there.residency);
        let missing = pairs.filter(|(here, there)| here > there).count() as u64;
        let more = here.residency.iter().zip(&there.residency).any(|(here, there)| here < there);
        here.value == there.value
            && here.residency.len() == there.residency.len()
            && !more
            && missing <= pages
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Done(Done::Returned(returned)) => {
                match returned.value {
                    Ok(value) => write!(f, "{value:#x}")?,
                    Err(errno) => write!(f, "{errno}")?,
                }
                if !returned.residency.is_empty() {
                    write!(f, " ")?;
                    returned.residency.iter().try_for_each(|byte| write!(f, "{byte}"))?;
                }
                Ok(())
            }
            Outcome::Done(Done::Touched(touched)) => {
                write!(f, "{} done", touched.done)?;
                match touched.stopped {
                    None => Ok(()),
                    Some(world::Stop::Signal(fault)) => write!(f, ", {fault}"),
                    Some(world::Stop::Killed) => write!(f, ", killed"),
                }
            }
            Outcome::Forked(Ok(id)) => write!(f, "process {}", id.0),
            Outcome::Forked(Err(errno)) => write!(f, "{errno}"),
            Outcome::Nothing => write!(f, "done"),
            Outcome::Killed => write!(f, "killed"),
        }
    }
}

/// Where the two worlds differ first.
#[derive(Debug, Clone)]
pub(crate) struct Mismatch {
    /// How many actions had been done when it was seen, the one that differs included.
    pub(crate) after: usize,
    /// What kind it is: `mmap`, `maps`, `smaps Rss`; equal for what may have one cause.
    pub(crate) kind: String,
    /// What differs, a line each.
    pub(crate) lines: Vec<String>,
}

/// The kind of a mismatch that is a world's failure to go on.
pub(crate) const WORLD_FAILED: &str = "failure";

/// A program that was played.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) actions: Vec<Action>,
    pub(crate) mismatch: Option<Mismatch>,
}

struct Player<'a> {
    first: &'a mut dyn First,
    host: &'a mut HostWorld,
    allowed: Tolerances,
    actions: Vec<Action>,
    /// Steps of one process that the host has yet to do, with what the first world said, and how many
    /// pages may still be on their way from the disk.
    pending: Vec<(Step, Outcome, u64)>,
    pending_of: u32,
    /// Whether the pending steps may have changed mappings.
    may_move: bool,
    /// Processes, and whether they can be looked at.
    alive: Vec<bool>,
    /// The process that each is a thread of; itself otherwise.
    groups: Vec<usize>,
    looked: usize,
    /// Whether pages were locked in memory.
    locked: bool,
    /// The files: their sizes, and whether they live in memory.
    files: Vec<(u64, bool)>,
    /// What is compared of each process; of very many mappings only their sum.
    files_looked_at: Files,
}

/// Plays what `source` says on both. Whatever is found first ends it.
pub(crate) fn play(
    first: &mut dyn First,
    host: &mut HostWorld,
    setup: &Setup,
    source: &mut dyn Source,
    allowed: &Tolerances,
) -> Result<Played, WorldError> {
    let files = setup.files();
    first.files(&files)?;
    host.files(&files)?;
    let spec = setup.process();
    first.start(&spec)?;
    host.start(&spec)?;
    let mut player = Player {
        first,
        host,
        allowed: if setup.files.iter().any(|(_, tmpfs)| !tmpfs) {
            // Read-ahead from disks is not modelled: it decides which faults are major.
            allowed.clone().allow("stat", "minflt", 64).allow("stat", "majflt", 64)
        } else {
            allowed.clone()
        },
        actions: Vec::new(),
        pending: Vec::new(),
        pending_of: 0,
        may_move: false,
        alive: vec![true],
        groups: vec![0],
        looked: 0,
        locked: false,
        files: setup.files.clone(),
        files_looked_at: if setup.comb > 0 { NO_SMAPS } else { Files::ALL },
    };
    match player.make_comb(setup).and_then(|()| player.run(source)) {
        Ok(mismatch) => Ok(Played { actions: player.actions, mismatch }),
        Err(error) => {
            let after = player.actions.len();
            let lines = error.to_string().lines().map(str::to_owned).collect();
            let mismatch = Mismatch { after, kind: WORLD_FAILED.to_owned(), lines };
            Ok(Played { actions: player.actions, mismatch: Some(mismatch) })
        }
    }
}

impl Player<'_> {
    /// Makes the mappings that a program wants to have from the start.
    fn make_comb(&mut self, setup: &Setup) -> Result<(), WorldError> {
        let steps: Vec<Step> = setup.comb().collect();
        for step in &steps {
            perform(self.first, ProcessId(0), &What::Step(step.clone()))?;
        }
        self.host.perform(ProcessId(0), &steps).map(drop)
    }

    fn run(&mut self, source: &mut dyn Source) -> Result<Option<Mismatch>, WorldError> {
        if let Some(mismatch) = self.maps(0, source)? {
            return Ok(Some(mismatch));
        }
        while let Some(action) = source.next() {
            if self.alive.get(action.process as usize) != Some(&true) {
                // A program that was made smaller may have lost the fork of this process.
                continue;
            }
            if self.passes_over(&action)? {
                if let Some(mismatch) = self.flush(source)? {
                    return Ok(Some(mismatch));
                }
                // It stays where it was, so that places in the program are the same on both sides.
                self.actions.push(action);
                continue;
            }
            if let Some(mismatch) = self.act(&action, source)? {
                return Ok(Some(mismatch));
            }
            if self.actions.len() - self.looked >= LOOK
                && let Some(mismatch) = self.look(source)?
            {
                return Ok(Some(mismatch));
            }
        }
        self.look(source)
    }

    /// Whether the model is known to do otherwise: huge pages of shared memory are not made, and
    /// nothing is read from a disk ahead of `pread` or for the sake of huge pages.
    fn passes_over(&mut self, action: &Action) -> Result<bool, WorldError> {
        if let What::Step(Step::Call(call)) = &action.what
            && self.first.reads_ahead(ProcessId(action.process), call)
        {
            return Ok(true);
        }
        let What::Step(Step::Call(world::Call::Madvise { addr, len, advice })) = action.what else {
            return Ok(false);
        };
        let on_disk = self.files.iter().any(|(_, tmpfs)| !tmpfs);
        if advice != COLLAPSE && (advice != HUGEPAGE || !on_disk) {
            return Ok(false);
        }
        let maps = self.first.maps(ProcessId(action.process))?;
        let in_memory = |line: &MapLine<'_>| {
            let tmpfs = |(number, file): (usize, &(u64, bool))| {
                file.1 && line.name == format!("file{number}")
            };
            ["memfd:", "SYSV", "zero"].iter().any(|start| line.name.starts_with(start))
                || self.files.iter().enumerate().any(tmpfs)
        };
        let whole = |line: &MapLine<'_>| {
            let first = line.start.max(addr).checked_next_multiple_of(HUGE);
            let end = line.end.min(addr.saturating_add(len));
            first.is_some_and(|first| first.saturating_add(HUGE) <= end)
        };
        let touched = |line: &MapLine<'_>| line.start < addr.saturating_add(len) && line.end > addr;
        let on_file = |line: &MapLine<'_>| line.name.starts_with("file") && !in_memory(line);
        let lines = map_lines(&maps);
        if advice == HUGEPAGE {
            return Ok(lines.iter().any(|line| touched(line) && on_file(line)));
        }
        Ok(lines.iter().any(|line| whole(line) && in_memory(line)))
    }

    fn act(
        &mut self,
        action: &Action,
        source: &mut dyn Source,
    ) -> Result<Option<Mismatch>, WorldError> {
        let id = ProcessId(action.process);
        let at = action.process as usize;
        let is_step = matches!(action.what, What::Step(_));
        let due = !is_step || action.process != self.pending_of || self.pending.len() >= BATCH;
        if due && let Some(mismatch) = self.flush(source)? {
            return Ok(Some(mismatch));
        }
        self.pending_of = action.process;
        self.actions.push(action.clone());
        let outcome = perform(self.first, id, &action.what)?;
        if let What::Step(step) = &action.what {
            self.may_move |= changes_mappings(step);
            if matches!(step, Step::Call(world::Call::Madvise { advice: Advice(8 | 20 | 21), .. }))
            {
                self.allowed = std::mem::take(&mut self.allowed).after_batches(cpus());
            }
            self.locked |= locks(step);
            source.learn(action, &outcome);
            let killed = matches!(outcome, Outcome::Killed);
            let on_the_way = match step {
                Step::Call(world::Call::Mincore { .. }) => self.first.uncertain(id)?.on_the_way,
                _ => 0,
            };
            self.pending.push((step.clone(), outcome, on_the_way));
            if killed {
                return self.flush(source);
            }
            if self.may_move && self.pending.len().is_multiple_of(SEE) {
                let maps = self.first.maps(id)?;
                source.see(action.process, &map_lines(&maps));
            }
            return Ok(None);
        }
        let other = perform(self.host, id, &action.what)?;
        if outcome != other {
            return Ok(Some(differs(self.actions.len(), action, &outcome, &other)));
        }
        match (&action.what, &outcome) {
            (What::Fork(kind), Outcome::Forked(Ok(_))) => {
                if self.locked {
                    // What is locked is known as such in batches, which shows where others use it.
                    self.allowed = std::mem::take(&mut self.allowed).after_batches(cpus());
                }
                let thread = *kind == ForkKind::Thread;
                let group = if thread { self.groups[at] } else { self.groups.len() };
                self.groups.push(group);
                self.alive.push(true);
            }
            (What::End(End::Signal(_)), _) | (What::Exec, Outcome::Killed) => {
                // It takes the whole process along.
                for other in 0..self.alive.len() {
                    self.alive[other] &= self.groups[other] != self.groups[at];
                }
            }
            (What::Exec | What::End(_), _) => {
                // The first thread takes the others along.
                for other in 0..self.alive.len() {
                    self.alive[other] &= other == at || self.groups[other] != at;
                }
                self.alive[at] = action.what == What::Exec;
            }
            _ => {}
        }
        source.learn(action, &outcome);
        if self.alive[at] { self.maps(action.process, source) } else { Ok(None) }
    }

    /// Lets the host do what is pending, and compares.
    fn flush(&mut self, source: &mut dyn Source) -> Result<Option<Mismatch>, WorldError> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let process = self.pending_of;
        let steps: Vec<Step> = self.pending.iter().map(|(step, ..)| step.clone()).collect();
        let done = self.host.perform(ProcessId(process), &steps)?;
        let before = self.actions.len() - self.pending.len();
        let mut done = done.into_iter();
        for (at, (step, outcome, on_the_way)) in
            std::mem::take(&mut self.pending).into_iter().enumerate()
        {
            let other = done.next().map_or(Outcome::Killed, Outcome::Done);
            if matches!(outcome, Outcome::Killed) {
                self.alive[process as usize] = false;
            }
            if outcome != other && !outcome.misses_at_most(&other, on_the_way) {
                let action = Action { process, what: What::Step(step) };
                return Ok(Some(differs(before + at + 1, &action, &outcome, &other)));
            }
        }
        if std::mem::take(&mut self.may_move) && self.alive[process as usize] {
            return self.maps(process, source);
        }
        Ok(None)
    }

    /// Compares the mappings of one process.
    fn maps(
        &mut self,
        process: u32,
        source: &mut dyn Source,
    ) -> Result<Option<Mismatch>, WorldError> {
        self.compare(process, Files::MAPS, Some(source))
    }

    /// Compares everything of every process.
    fn look(&mut self, source: &mut dyn Source) -> Result<Option<Mismatch>, WorldError> {
        if let Some(mismatch) = self.flush(source)? {
            return Ok(Some(mismatch));
        }
        self.looked = self.actions.len();
        for process in 0..self.alive.len() {
            if self.alive[process] {
                let process = u32::try_from(process).unwrap_or(u32::MAX);
                if let Some(mismatch) = self.compare(process, self.files_looked_at, None)? {
                    return Ok(Some(mismatch));
                }
            }
        }
        Ok(None)
    }

    fn compare(
        &mut self,
        process: u32,
        files: Files,
        source: Option<&mut dyn Source>,
    ) -> Result<Option<Mismatch>, WorldError> {
        let id = ProcessId(process);
        self.host.look_at(files);
        let host = self.host.observe(id)?;
        let model = if files == Files::MAPS {
            let maps = self.first.maps(id)?;
            if let Some(source) = source {
                source.see(process, &map_lines(&maps));
            }
            world::Observation { maps: Some(maps), ..Default::default() }
        } else {
            self.first.observe(id)?
        };
        let uncertain = self.first.uncertain(id)?;
        let differences = if uncertain == Uncertain::default() {
            compare::observations(&model, &host, &self.allowed)
        } else {
            let allowed = self.allowed.clone();
            let stale = uncertain.stale_entries.saturating_mul(u64::from(cpus()));
            let batched = uncertain.batched.saturating_mul(4);
            let allowed = allowed
                .allow_greater("stat", "minflt", stale)
                .allow_more("smaps", "Referenced", batched)
                .allow_more("smaps_rollup", "Referenced", batched);
            let allowed = allowed.on_the_way(uncertain.on_the_way).off_list(uncertain.off_list);
            compare::observations(&model, &host, &allowed)
        };
        let Some(first) = differences.first() else { return Ok(None) };
        let kind = kind_of(first);
        let lines = std::iter::once(format!("process {process}, model and host"))
            .chain(differences.iter().take(40).map(ToString::to_string))
            .collect();
        Ok(Some(Mismatch { after: self.actions.len(), kind, lines }))
    }
}

/// Two worlds answered differently.
fn differs(after: usize, action: &Action, model: &Outcome, host: &Outcome) -> Mismatch {
    let text = action.to_string();
    let call = text.split_once(' ').map_or("", |(_, call)| call);
    let kind = call.split('(').next().unwrap_or_default().to_owned();
    let lines = vec![text, format!("model {model}"), format!("host  {host}")];
    Mismatch { after, kind, lines }
}

fn kind_of(difference: &Difference) -> String {
    format!("{} {}", difference.file, difference.field).trim_end().to_owned()
}

/// Processors that count by themselves.
pub(crate) fn cpus() -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cpus).unwrap_or(u32::MAX)
}

/// Lets one world do something.
fn perform(world: &mut dyn World, id: ProcessId, what: &What) -> Result<Outcome, WorldError> {
    Ok(match what {
        What::Step(Step::Call(call)) => Outcome::Done(Done::Returned(world.call(id, call)?)),
        What::Step(Step::Touch(touch)) => {
            let touched = world.touch(id, touch)?;
            match touched.stopped {
                Some(world::Stop::Killed) => Outcome::Killed,
                _ => Outcome::Done(Done::Touched(touched)),
            }
        }
        What::Fork(kind) => Outcome::Forked(world.fork(id, *kind)?),
        What::Exec => {
            world.exec(id)?;
            // An image that the limits do not allow is the end of it.
            if world.alive(id)?.is_none() { Outcome::Nothing } else { Outcome::Killed }
        }
        What::End(end) => {
            world.end(id, *end)?;
            match world.alive(id)? {
                Some(End::Signal(_) | End::Exit(_)) => Outcome::Nothing,
                None => Outcome::Killed,
            }
        }
    })
}

/// Whether a step may lock pages in memory.
fn locks(step: &Step) -> bool {
    use world::{Call, MapFlags};
    match step {
        Step::Call(Call::Mmap { flags, .. }) => flags.has(MapFlags::LOCKED),
        Step::Call(call) => {
            matches!(call, Call::Mlock { .. } | Call::Mlock2 { .. } | Call::Mlockall { .. })
        }
        Step::Touch(_) => false,
    }
}

fn changes_mappings(step: &Step) -> bool {
    use world::Call;
    match step {
        // A stack may grow.
        Step::Touch(_) => true,
        Step::Call(call) => !matches!(
            call,
            Call::Mincore { .. }
                | Call::Msync { .. }
                | Call::Open { .. }
                | Call::Pread { .. }
                | Call::Pwrite { .. }
                | Call::Fsync { .. }
                | Call::Fadvise { .. }
        ),
    }
}
