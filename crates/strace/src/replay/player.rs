//! Entries, played one after the other.

use std::collections::BTreeMap;

use facts::Name;
use rules::replay::{Anchor, AnchorKind, Assumed, Difference, Outside, Program, Race, Unreadable};
use sim::{Machine, MachineConfig};
use units::ScoreAdj;
use world::{
    Call, End, Errno, FileSpec, ForkKind, Limits, MapFlags, OpenFlags, ProcessId, ProcessSpec,
    Prot, World, WorldError,
};

use super::anchor::{self, Anchors};
use super::describe;
use super::program::{count, is_fixed, program};
use super::space::Space;
use crate::entry::{Entry, FileName, Log, Outcome, Spawn, What};

/// A log that was played, up to its end or a line.
#[derive(Debug, Clone)]
pub struct Played {
    /// The machine as it is then.
    pub machine: Machine,
    /// The process that the last line was about, if it is still there: its pid in the log, its place
    /// in the machine, the path of its program.
    pub last: Option<(u32, ProcessId, Option<Name>)>,
    pub(super) programs: Vec<Program>,
    pub(super) differences: Vec<Difference>,
    pub(super) races: Vec<Race>,
    pub(super) anchors: Vec<Anchor>,
    pub(super) assumed: Vec<Assumed>,
    pub(super) outside: Vec<Outside>,
}

/// A process or thread of the log.
#[derive(Debug, Clone, Copy)]
struct Tracee {
    id: ProcessId,
    space: usize,
    descriptors: usize,
    program: usize,
}

/// What a call of the log meets in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Equal,
    Differs(Result<u64, Errno>),
}

pub(super) struct Player<'a> {
    entries: &'a [Entry],
    pub(super) machine: Machine,
    tracees: BTreeMap<u32, Tracee>,
    pub(super) spaces: Vec<Space>,
    descriptors: Vec<BTreeMap<i32, String>>,
    /// Entries that begin a child, by its pid, those still to come last.
    spawns: BTreeMap<u32, Vec<usize>>,
    /// The file of each entry that maps one.
    files: BTreeMap<usize, usize>,
    named: BTreeMap<String, usize>,
    lengths: BTreeMap<String, u64>,
    file_count: usize,
    /// The pid of the last entry.
    last: Option<u32>,
    align_files: bool,
    /// Whether an `execve` may be missing: the log has none, or lines that could not be read.
    guesses: bool,
    /// Entries whose results are anchors.
    anchored: BTreeMap<usize, AnchorKind>,
    pub(super) out: Found,
}

/// What is found on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) programs: Vec<Program>,
    pub(super) differences: Vec<Difference>,
    pub(super) races: Vec<Race>,
    anchors: Vec<Anchor>,
    assumed: Vec<Assumed>,
    outside: BTreeMap<String, (u64, usize)>,
}

impl<'a> Player<'a> {
    pub(super) fn new(log: &'a Log, config: MachineConfig, align_files: bool) -> Player<'a> {
        let mut spawns: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut lengths: BTreeMap<String, u64> = BTreeMap::new();
        for (index, entry) in log.entries.iter().enumerate().rev() {
            if let (What::Spawn(_), Outcome::Value(child)) = (&entry.what, entry.outcome)
                && let Ok(child) = u32::try_from(child)
            {
                spawns.entry(child).or_default().push(index);
            }
            if let What::Memory { call: Call::Mmap { len, offset, .. }, file } = &entry.what
                && let FileName::Path(path) = file
            {
                let needs = offset.saturating_add(*len);
                let known = lengths.entry(path.clone()).or_default();
                *known = (*known).max(needs);
            }
        }
        Player {
            entries: &log.entries,
            machine: Machine::new(config, Anchors::default().image()),
            tracees: BTreeMap::new(),
            spaces: Vec::new(),
            descriptors: Vec::new(),
            spawns,
            files: BTreeMap::new(),
            named: BTreeMap::new(),
            lengths,
            file_count: 0,
            last: None,
            align_files,
            guesses: !log.problems.is_empty()
                || !log.entries.iter().any(|entry| matches!(entry.what, What::Exec { .. })),
            anchored: BTreeMap::new(),
            out: Found::default(),
        }
    }

    /// Plays what ends up to a line.
    pub(super) fn run(mut self, last_line: usize) -> Result<Played, WorldError> {
        let mut starts: Vec<usize> = (0..self.entries.len())
            .filter(|&at| self.entries[at].line != self.entries[at].end)
            .collect();
        starts.sort_by_key(|&at| self.entries[at].line);
        let mut starts = starts.into_iter().peekable();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            while let Some(start) = starts.next_if(|&at| {
                self.entries[at].line < entry.end && self.entries[at].line <= last_line
            }) {
                self.begin(start)?;
            }
            if entry.end > last_line {
                break;
            }
            self.entry(index)?;
            self.last = Some(entry.pid);
        }
        for space in 0..self.spaces.len() {
            self.settle(space)?;
        }
        let last = self.last.and_then(|pid| {
            let tracee = self.tracees.get(&pid)?;
            let path = self.out.programs.get(tracee.program).and_then(|found| found.path.clone());
            Some((pid, tracee.id, path))
        });
        let Found { programs, differences, races, anchors, assumed, outside } = self.out;
        let outside = outside
            .into_iter()
            .map(|(name, (calls, line))| Outside { name, calls, line: number(line) })
            .collect();
        Ok(Played {
            machine: self.machine,
            last,
            programs,
            differences,
            races,
            anchors,
            assumed,
            outside,
        })
    }

    /// A call begins that ends later.
    fn begin(&mut self, index: usize) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        if matches!(entry.what, What::Memory { .. }) {
            let tracee = self.tracee(entry.pid, index)?;
            self.spaces[tracee.space].open += 1;
        }
        Ok(())
    }

    fn entry(&mut self, index: usize) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let tracee = self.tracee(entry.pid, index)?;
        match &entry.what {
            What::Memory { call, file } => {
                let tracee = self.silent_exec(index, tracee, call)?;
                let space = tracee.space;
                if entry.line != entry.end {
                    self.spaces[space].open = self.spaces[space].open.saturating_sub(1);
                }
                self.name_file(index, tracee, call, file)?;
                self.spaces[space].waiting.push(index);
                let full = self.spaces[space].waiting.len() >= super::race::MOST;
                if self.spaces[space].open == 0 || full {
                    self.settle(space)?;
                }
            }
            What::Exec { path } => {
                if entry.outcome == Outcome::Value(0) {
                    self.settle(tracee.space)?;
                    self.exec(index, index + 1, tracee, path)?;
                }
            }
            What::Spawn(_) => {
                if let Outcome::Value(child) = entry.outcome
                    && let Ok(child) = u32::try_from(child)
                {
                    self.spawn(child)?;
                }
            }
            What::Open { path } => {
                if let Outcome::Value(fd) = entry.outcome
                    && let Ok(fd) = i32::try_from(fd)
                {
                    self.descriptors[tracee.descriptors].insert(fd, path.clone());
                }
            }
            What::Close { fd } => {
                self.descriptors[tracee.descriptors].remove(fd);
            }
            What::Ended(how) => {
                self.settle(tracee.space)?;
                self.tracees.remove(&entry.pid);
                if self.machine.alive(tracee.id)?.is_none() {
                    let how = match how {
                        End::Exit(_) => *how,
                        End::Signal(_) => End::Exit(128),
                    };
                    self.machine.end(tracee.id, how)?;
                }
            }
            What::Outside { name } => self.outside(name, entry.line),
            What::Exiting | What::Signal { .. } | What::Other { .. } => {}
        }
        Ok(())
    }

    fn outside(&mut self, name: &str, line: usize) {
        self.out.outside.entry(name.to_owned()).or_insert((0, line)).0 += 1;
    }

    /// The process of a pid: known, or begun by a call that has not ended yet, or there before.
    fn tracee(&mut self, pid: u32, index: usize) -> Result<Tracee, WorldError> {
        if !self.tracees.contains_key(&pid) {
            self.spawn(pid)?;
        }
        if let Some(tracee) = self.tracees.get(&pid)
            && self.machine.alive(tracee.id)?.is_none()
        {
            return Ok(*tracee);
        }
        let entry = &self.entries[index];
        if let Some(tracee) = self.stranger(pid, index)? {
            return Ok(tracee);
        }
        // The first thing that a program does is to ask for its break.
        let whole = is_first_brk(entry);
        let anchors = anchor::find(self.entries, index, pid, whole);
        self.anchored(&anchors);
        self.machine.set_image(anchors.image());
        let id = self.machine.start(&ProcessSpec {
            name: "traced".to_owned(),
            uid: 1000,
            nice: 0,
            adj: ScoreAdj::default(),
            limits: Limits::default(),
            cgroup: None,
        })?;
        self.spaces.push(if whole { Space::fresh() } else { Space::default() });
        self.descriptors.push(BTreeMap::new());
        if !matches!(entry.what, What::Exec { .. }) {
            self.out.programs.push(program(pid, None, !whole, number(entry.line)));
        }
        let tracee = Tracee {
            id,
            space: self.spaces.len() - 1,
            descriptors: self.descriptors.len() - 1,
            program: self.out.programs.len().saturating_sub(1),
        };
        self.tracees.insert(pid, tracee);
        Ok(tracee)
    }

    /// A pid that no line announces, while others are there: a thread of the last one, since `-p`
    /// takes all threads of a process; or its child, when it runs another program later.
    fn stranger(&mut self, pid: u32, index: usize) -> Result<Option<Tracee>, WorldError> {
        let Some(parent) = self.last.and_then(|last| self.tracees.get(&last)).copied() else {
            return Ok(None);
        };
        if self.machine.alive(parent.id)?.is_some() || is_first_brk(&self.entries[index]) {
            return Ok(None);
        }
        self.outside("process whose beginning is not in the log", self.entries[index].line);
        let later = &self.entries[index..];
        let execs = later
            .iter()
            .filter(|entry| entry.pid == pid)
            .any(|entry| is_first_brk(entry) || matches!(entry.what, What::Exec { .. }));
        self.child(pid, parent, if execs { Spawn::Copy } else { Spawn::Thread })?;
        Ok(self.tracees.get(&pid).copied())
    }

    fn anchored(&mut self, anchors: &Anchors) {
        if let Some((_, address, at)) = anchors.heap {
            self.anchor(at, AnchorKind::Heap, address);
        }
        if let Some((address, at)) = anchors.base {
            self.anchor(at, AnchorKind::MmapBase, address);
        }
    }

    fn anchor(&mut self, at: usize, what: AnchorKind, address: u64) {
        self.anchored.insert(at, what);
        self.out.anchors.push(Anchor { line: number(self.entries[at].line), what, address });
    }

    /// A break never moves by itself: where `brk(NULL)` tells of another one than there was, another
    /// program runs, whose `execve` is not in the log (`-e trace=memory`).
    fn silent_exec(
        &mut self,
        index: usize,
        tracee: Tracee,
        call: &Call,
    ) -> Result<Tracee, WorldError> {
        let entry = &self.entries[index];
        let (Call::Brk { addr: 0 }, Outcome::Value(log)) = (call, entry.outcome) else {
            return Ok(tracee);
        };
        if !self.guesses || entry.line != entry.end {
            return Ok(tracee);
        }
        self.settle(tracee.space)?;
        if self.machine.call(tracee.id, call)?.value == Ok(log) {
            return Ok(tracee);
        }
        self.exec(index, index, tracee, "")?;
        Ok(self.tracees.get(&entry.pid).copied().unwrap_or(tracee))
    }

    /// A program begins with an entry; `from` is the first entry that is its own.
    fn exec(
        &mut self,
        index: usize,
        from: usize,
        tracee: Tracee,
        path: &str,
    ) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let anchors = anchor::find(self.entries, from, entry.pid, true);
        self.anchored(&anchors);
        self.machine.set_image(anchors.image());
        self.machine.exec(tracee.id)?;
        self.spaces.push(Space::fresh());
        let path = (!path.is_empty()).then(|| Name::from(path));
        self.out.programs.push(program(entry.pid, path, false, number(entry.line)));
        let tracee =
            Tracee { space: self.spaces.len() - 1, program: self.out.programs.len() - 1, ..tracee };
        self.tracees.insert(entry.pid, tracee);
        Ok(())
    }

    /// Makes a child when its first line comes, or when the call that makes it returns, whichever is
    /// first.
    fn spawn(&mut self, child: u32) -> Result<(), WorldError> {
        let Some(index) = self.spawns.get_mut(&child).and_then(Vec::pop) else { return Ok(()) };
        let entry = &self.entries[index];
        let What::Spawn(kind) = entry.what else { return Ok(()) };
        if entry.pid == child {
            return Ok(());
        }
        let parent = self.tracee(entry.pid, index)?;
        self.child(child, parent, kind)
    }

    fn child(&mut self, child: u32, parent: Tracee, kind: Spawn) -> Result<(), WorldError> {
        self.settle(parent.space)?;
        let made = self.machine.fork(
            parent.id,
            match kind {
                Spawn::Copy => ForkKind::Fork,
                Spawn::Shared => ForkKind::Vfork,
                Spawn::Thread => ForkKind::Thread,
            },
        )?;
        let Ok(id) = made else { return Ok(()) };
        let mut tracee = Tracee { id, ..parent };
        if kind == Spawn::Thread {
            if let Some(program) = self.out.programs.get_mut(parent.program) {
                program.threads += 1;
            }
        } else {
            self.descriptors.push(self.descriptors[parent.descriptors].clone());
            tracee.descriptors = self.descriptors.len() - 1;
        }
        if kind == Spawn::Copy {
            self.spaces.push(self.spaces[parent.space].copy());
            tracee.space = self.spaces.len() - 1;
        }
        self.tracees.insert(child, tracee);
        Ok(())
    }

    /// Finds or makes the file that a call maps.
    fn name_file(
        &mut self,
        index: usize,
        tracee: Tracee,
        call: &Call,
        file: &FileName,
    ) -> Result<(), WorldError> {
        let Call::Mmap { flags, fd, .. } = call else { return Ok(()) };
        let opened = self.descriptors[tracee.descriptors].get(fd);
        let path = match file {
            FileName::None => return Ok(()),
            FileName::Path(path) => Some(path.clone()),
            FileName::Unnamed => opened.cloned(),
        };
        let found = match path {
            Some(path) => match self.named.get(&path) {
                Some(&known) => known,
                None => {
                    let len = self.lengths.get(&path).copied().unwrap_or(UNKNOWN_LENGTH);
                    let made = self.add_file(&path, len)?;
                    self.named.insert(path, made);
                    made
                }
            },
            // Segments of one library follow each other, at addresses that are orders.
            None => match self.spaces[tracee.space].unnamed.filter(|_| is_fixed(*flags)) {
                Some(last) => last,
                None => {
                    let line = self.entries[index].line;
                    let made = self.add_file(&format!("fd {fd} of line {line}"), UNKNOWN_LENGTH)?;
                    self.spaces[tracee.space].unnamed = Some(made);
                    made
                }
            },
        };
        self.files.insert(index, found);
        Ok(())
    }

    fn add_file(&mut self, path: &str, len: u64) -> Result<usize, WorldError> {
        let memory = ["/dev/", "/proc/", "/sys/", "/memfd:", "/SYSV", "/run/"];
        let elsewhere = path.contains(':') && !path.starts_with('/');
        let tmpfs = memory.iter().any(|start| path.starts_with(start)) || elsewhere;
        let spec = FileSpec { name: path.to_owned(), len, tmpfs: tmpfs || !self.align_files };
        self.machine.files(&[spec])?;
        let index = self.file_count;
        self.file_count += 1;
        let inode = 2 + u64::try_from(index).unwrap_or(0);
        let shown = Name::from(path).escaped().into_owned();
        self.machine.place_file(index, &shown, if tmpfs { (0, 25) } else { (8, 1) }, inode);
        Ok(index)
    }

    pub(super) fn at(&self, index: usize) -> &'a Entry {
        &self.entries[index]
    }

    /// Whether an entry's answer is compared: not where it hangs on what no log tells.
    pub(super) fn judged(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        let What::Memory { call, file } = &entry.what else { return false };
        let from_file = *file != FileName::None;
        match (entry.outcome, call) {
            (Outcome::Unknown | Outcome::Error(Errno(0)), _) => false,
            (_, Call::Mmap { flags, .. }) if flags.has(MapFlags::HUGETLB) => false,
            (Outcome::Error(error), Call::Mmap { .. }) if from_file => {
                error == Errno::ENOMEM || error == Errno::EEXIST
            }
            _ => true,
        }
    }

    /// Makes a call on a machine and compares. What must have been mapped is assumed.
    pub(super) fn attempt(
        &mut self,
        index: usize,
        on: Option<&mut Machine>,
    ) -> Result<Verdict, WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(Verdict::Equal) };
        let Some(tracee) = self.tracees.get(&entry.pid).copied() else {
            return Ok(Verdict::Equal);
        };
        let file = self.files.get(&index).copied();
        let trial = on.is_some();
        let machine = on.unwrap_or(&mut self.machine);
        let mut answer = perform(machine, tracee.id, call, file)?;
        if let (Err(_), Outcome::Value(_), false) = (answer, entry.outcome, trial) {
            let space = &self.spaces[tracee.space];
            let missing = missing(&self.machine, tracee.id, call, space);
            for &(start, end) in &missing {
                assume(&mut self.machine, tracee.id, start, end)?;
                self.out.assumed.push(Assumed { line: number(entry.line), start, end });
            }
            if !missing.is_empty() {
                answer = perform(&mut self.machine, tracee.id, call, file)?;
            }
        }
        if let (false, Ok(model), Outcome::Value(log)) = (trial, answer, entry.outcome)
            && let Call::Mmap { addr, len, flags, .. } = *call
            && model != log
            && model == addr & !4095
            && !is_fixed(flags)
            && !self.spaces[tracee.space].ever_mapped(model, model.saturating_add(len))
        {
            // The hint was refused, so something is there: the program itself, which no line maps.
            self.machine.call(tracee.id, &Call::Munmap { addr: model, len })?;
            assume(&mut self.machine, tracee.id, model, model + 4096)?;
            let line = number(entry.line);
            self.out.assumed.push(Assumed { line, start: model, end: model + 4096 });
            answer = perform(&mut self.machine, tracee.id, call, file)?;
        }
        let equal = match (entry.outcome, answer) {
            (Outcome::Value(log), Ok(model)) => log == model,
            (Outcome::Error(log), Err(model)) => log == model,
            _ => false,
        };
        Ok(if equal { Verdict::Equal } else { Verdict::Differs(answer) })
    }

    /// Counts an answer, and puts the model where the log is when it differs.
    pub(super) fn commit(
        &mut self,
        index: usize,
        verdict: Verdict,
        raced: bool,
    ) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(()) };
        let Some(tracee) = self.tracees.get(&entry.pid).copied() else { return Ok(()) };
        self.remember(tracee, call, entry.outcome);
        let anchor = self.anchored.remove(&index).is_some();
        if let Some(program) = self.out.programs.get_mut(tracee.program) {
            if anchor {
                program.score.anchors += 1;
            } else {
                count(&mut program.score, call, verdict == Verdict::Equal);
            }
        }
        let Verdict::Differs(answer) = verdict else { return Ok(()) };
        if !anchor {
            self.out.differences.push(Difference {
                line: number(entry.line),
                pid: (entry.pid != 0).then_some(entry.pid),
                call: describe::call(call),
                log: describe::outcome(entry.outcome),
                model: describe::answer(answer),
                raced,
                attached: !self.spaces[tracee.space].whole,
            });
        }
        self.correct(index, tracee, answer)
    }

    /// An entry whose answer is not compared: where it mapped something, something is there.
    pub(super) fn take_over(&mut self, index: usize) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(()) };
        let Some(tracee) = self.tracees.get(&entry.pid).copied() else { return Ok(()) };
        if entry.outcome != Outcome::Unknown {
            let name = match call {
                Call::Mmap { flags, .. } if flags.has(MapFlags::HUGETLB) => "mmap of huge pages",
                Call::Mmap { .. } => "mmap refused by a file",
                _ => "call that failed otherwise",
            };
            self.outside(name, entry.line);
        }
        self.remember(tracee, call, entry.outcome);
        self.correct(index, tracee, Err(Errno::ENOMEM))
    }

    fn remember(&mut self, tracee: Tracee, call: &Call, outcome: Outcome) {
        let Outcome::Value(value) = outcome else { return };
        let space = &mut self.spaces[tracee.space];
        match *call {
            Call::Mmap { len, .. } => space.maps(value, len),
            Call::Mremap { new_len, .. } => space.maps(value, new_len),
            Call::Brk { addr } if addr == value => {
                let start = value.min(self.heap_start(tracee));
                self.spaces[tracee.space].maps(start, value - start);
            }
            _ => {}
        }
    }

    /// Where the heap of a process begins, as far as `maps` shows one.
    fn heap_start(&self, tracee: Tracee) -> u64 {
        ranges(&self.machine, tracee.id, true).first().map_or(u64::MAX, |(start, _)| *start)
    }

    /// Puts the model where the log is.
    fn correct(
        &mut self,
        index: usize,
        tracee: Tracee,
        answer: Result<u64, Errno>,
    ) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(()) };
        let Outcome::Value(log) = entry.outcome else { return Ok(()) };
        let id = tracee.id;
        match *call {
            Call::Mmap { addr, len, prot, flags, fd, offset }
                if !is_fixed(flags) || answer.is_err() =>
            {
                if let Ok(model) = answer {
                    self.machine.call(id, &Call::Munmap { addr: model, len })?;
                    // What the process had mapped before the log begins is learned as it shows.
                    let end = log.saturating_add(len).next_multiple_of(4096);
                    let whole = self.spaces[tracee.space].whole;
                    let there = model.saturating_add(len).next_multiple_of(4096);
                    if !whole && addr == 0 && end < there {
                        assume(&mut self.machine, id, end, there)?;
                        let line = number(entry.line);
                        self.out.assumed.push(Assumed { line, start: end, end: there });
                    }
                }
                let flags = flags
                    .without(MapFlags::FIXED_NOREPLACE.with(MapFlags::HUGETLB))
                    .with(MapFlags::FIXED);
                let call = Call::Mmap { addr: log, len, prot, flags, fd, offset };
                let file = self.files.get(&index).copied();
                perform(&mut self.machine, id, &call, file)?.ok();
            }
            Call::Mremap { addr, old_len, new_len, .. } => {
                if let Ok(model) = answer {
                    self.machine.call(id, &Call::Munmap { addr: model, len: new_len })?;
                }
                self.machine.call(id, &Call::Munmap { addr, len: old_len })?;
                let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(MapFlags::FIXED);
                let prot = Prot::READ.with(Prot::WRITE);
                let call = Call::Mmap { addr: log, len: new_len, prot, flags, fd: -1, offset: 0 };
                self.machine.call(id, &call)?;
            }
            Call::Brk { .. } => {
                self.machine.call(id, &Call::Brk { addr: log })?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// `brk(NULL)` with a result, on one line.
fn is_first_brk(entry: &Entry) -> bool {
    matches!(entry.what, What::Memory { call: Call::Brk { addr: 0 }, .. })
        && matches!(entry.outcome, Outcome::Value(_))
        && entry.line == entry.end
}

/// Bytes of a file whose length no line tells.
const UNKNOWN_LENGTH: u64 = 1 << 32;

/// A line number as reports have it.
pub(super) fn number(line: usize) -> u64 {
    u64::try_from(line).unwrap_or(u64::MAX)
}

/// Makes a call. One that maps a file opens it before and closes it after.
fn perform(
    machine: &mut Machine,
    id: ProcessId,
    call: &Call,
    file: Option<usize>,
) -> Result<Result<u64, Errno>, WorldError> {
    let (Call::Mmap { addr, len, prot, flags, offset, .. }, Some(file)) = (call, file) else {
        return Ok(machine.call(id, call)?.value);
    };
    // Shared maps are of files opened for writing, or the log would tell of an error.
    let mode = if flags.has(MapFlags::SHARED) { OpenFlags::RDWR } else { OpenFlags::RDONLY };
    let opened = machine.call(id, &Call::Open { file, flags: mode })?.value;
    let fd = match opened.map(i32::try_from) {
        Ok(Ok(fd)) => fd,
        Ok(Err(_)) => return Ok(Err(Errno::EMFILE)),
        Err(error) => return Ok(Err(error)),
    };
    let (addr, len, prot, flags, offset) = (*addr, *len, *prot, *flags, *offset);
    let answer = machine.call(id, &Call::Mmap { addr, len, prot, flags, fd, offset })?.value;
    machine.call(id, &Call::Close { fd })?;
    Ok(answer)
}

/// Maps what must have been there: private memory that may be read and written.
fn assume(machine: &mut Machine, id: ProcessId, start: u64, end: u64) -> Result<(), WorldError> {
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(MapFlags::FIXED);
    let prot = Prot::READ.with(Prot::WRITE);
    machine
        .call(id, &Call::Mmap { addr: start, len: end - start, prot, flags, fd: -1, offset: 0 })?;
    Ok(())
}

/// Parts of the range of a call that are not mapped and that the log never mapped.
fn missing(machine: &Machine, id: ProcessId, call: &Call, space: &Space) -> Vec<(u64, u64)> {
    let (addr, len) = match *call {
        Call::Mprotect { addr, len, .. }
        | Call::Madvise { addr, len, .. }
        | Call::Mlock { addr, len }
        | Call::Mlock2 { addr, len, .. }
        | Call::Munlock { addr, len }
        | Call::Msync { addr, len, .. }
        | Call::Mincore { addr, len } => (addr, len),
        Call::Mremap { addr, old_len, .. } => (addr, old_len),
        _ => return Vec::new(),
    };
    let task_size = machine.config().arch.task_size();
    let start = addr & !4095;
    let Some(end) = addr.checked_add(len).and_then(|end| end.checked_next_multiple_of(4096)) else {
        return Vec::new();
    };
    if end > task_size {
        return Vec::new();
    }
    let mut gaps = Vec::new();
    let mut at = start;
    for (from, to) in ranges(machine, id, false) {
        if to <= at || from >= end {
            continue;
        }
        if from > at {
            gaps.push((at, from));
        }
        at = to;
    }
    if at < end {
        gaps.push((at, end));
    }
    gaps.retain(|(start, end)| !space.ever_mapped(*start, *end));
    gaps
}

/// The mappings of a process; of its heap alone if that is asked for.
fn ranges(machine: &Machine, id: ProcessId, heap: bool) -> Vec<(u64, u64)> {
    let text = machine.maps(id).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let range = |line: &str| {
        let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
        Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    };
    text.lines().filter(|line| !heap || line.ends_with("[heap]")).filter_map(range).collect()
}

impl Played {
    /// The process that the last line was about: its pid in the log (0: the log names none), the path
    /// of its program, and its `smaps`. `None` when it has ended.
    pub fn last_smaps(&mut self) -> Option<(u32, Option<Name>, Vec<u8>)> {
        let (pid, id, path) = self.last.clone()?;
        let smaps = self.machine.observe(id).ok()?.smaps?;
        Some((pid, path, smaps))
    }

    /// What could not be read of a log, as a report has it.
    pub(super) fn unreadable(log: &Log) -> Vec<Unreadable> {
        log.problems
            .iter()
            .map(|problem| Unreadable {
                line: number(problem.line),
                expected: problem.expected.to_owned(),
                found: Name::from(problem.found.as_str()),
            })
            .collect()
    }
}
