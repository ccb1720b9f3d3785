//! Entries, played one after the other.

use std::collections::{BTreeMap, BTreeSet};

use facts::Name;
use rules::replay::{Anchor, AnchorKind, Assumed, Difference, Outside, Program, Race, Unreadable};
use sim::{Machine, MachineConfig};
use world::{Call, End, Errno, ProcessId, World, WorldError};

use super::anchor::Anchors;
use super::space::Space;
use crate::entry::{Entry, FileName, Log, Outcome, What};

/// `vm.mmap_min_addr` as distributions set it.
const LOWEST: u64 = 0x1_0000;

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
pub(super) struct Tracee {
    pub(super) id: ProcessId,
    pub(super) space: usize,
    pub(super) descriptors: usize,
    pub(super) program: usize,
    /// Whether it is a process, and no thread of one.
    pub(super) leads: bool,
}

/// What a descriptor is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) path: String,
    pub(super) huge: bool,
    pub(super) sealed: bool,
    pub(super) executable: bool,
}

/// What a call of the log meets in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Equal,
    /// What no line maps was refused to be changed.
    Untold,
    Differs(Result<u64, Errno>),
}

pub(super) struct Player<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) machine: Machine,
    pub(super) tracees: BTreeMap<u32, Tracee>,
    pub(super) spaces: Vec<Space>,
    pub(super) descriptors: Vec<BTreeMap<i32, Opened>>,
    /// Entries that begin a child, by its pid, those still to come last.
    pub(super) spawns: BTreeMap<u32, Vec<usize>>,
    /// The file of each entry that maps one.
    pub(super) files: BTreeMap<usize, usize>,
    /// Entries that map a file of huge pages.
    pub(super) huge: BTreeSet<usize>,
    /// Entries that map a file which is sealed against being written to.
    pub(super) sealed: BTreeSet<usize>,
    /// Who all processes are: root, where its privileges show.
    pub(super) uid: u32,
    pub(super) named: BTreeMap<String, usize>,
    pub(super) lengths: BTreeMap<String, u64>,
    pub(super) file_count: usize,
    /// The pid of the last entry.
    pub(super) last: Option<u32>,
    pub(super) align_files: bool,
    /// Whether an `execve` may be missing: the log has none, or lines that could not be read.
    pub(super) guesses: bool,
    /// Whether lines could not be read, so that something may be mapped that no line tells of.
    pub(super) damaged: bool,
    /// Entries whose results are anchors.
    pub(super) anchored: BTreeMap<usize, AnchorKind>,
    pub(super) out: Found,
}

/// What is found on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) programs: Vec<Program>,
    pub(super) differences: Vec<Difference>,
    pub(super) races: Vec<Race>,
    pub(super) anchors: Vec<Anchor>,
    pub(super) assumed: Vec<Assumed>,
    pub(super) outside: BTreeMap<String, (u64, usize)>,
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
            huge: BTreeSet::new(),
            sealed: BTreeSet::new(),
            uid: if log.entries.iter().any(maps_low) { 0 } else { 1000 },
            named: BTreeMap::new(),
            lengths,
            file_count: 0,
            last: None,
            align_files,
            guesses: !log.problems.is_empty()
                || !log.entries.iter().any(|entry| matches!(entry.what, What::Exec { .. })),
            damaged: !log.problems.is_empty(),
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
                if self.spaces[space].open == 0 && self.spaces[space].waiting.is_empty() {
                    return self.one(index, false);
                }
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
            What::Open { path, huge, executable } => {
                if let Outcome::Value(fd) = entry.outcome
                    && let Ok(fd) = i32::try_from(fd)
                {
                    let (path, huge, executable) = (path.clone(), *huge, *executable);
                    let opened = Opened { path, huge, sealed: false, executable };
                    self.descriptors[tracee.descriptors].insert(fd, opened);
                }
            }
            What::Mode { fd, .. } | What::Sealed { fd, .. } => {
                if entry.outcome == Outcome::Value(0)
                    && let Some(opened) = self.descriptors[tracee.descriptors].get_mut(fd)
                {
                    match entry.what {
                        What::Mode { executable, .. } => opened.executable = executable,
                        What::Sealed { implied, .. } => {
                            opened.sealed |= !implied || opened.executable;
                        }
                        _ => {}
                    }
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

    pub(super) fn outside(&mut self, name: &str, line: usize) {
        self.out.outside.entry(name.to_owned()).or_insert((0, line)).0 += 1;
    }

    pub(super) fn at(&self, index: usize) -> &'a Entry {
        &self.entries[index]
    }
}

/// Whether an entry maps something where only root may.
fn maps_low(entry: &Entry) -> bool {
    let What::Memory { call: Call::Mmap { .. } | Call::Mremap { .. }, .. } = entry.what else {
        return false;
    };
    matches!(entry.outcome, Outcome::Value(at) if at < LOWEST)
}

/// A line number as reports have it.
pub(super) fn number(line: usize) -> u64 {
    u64::try_from(line).unwrap_or(u64::MAX)
}

impl Played {
    /// The process that the last line was about: its pid in the log (0: the log names none), the path
    /// of its program, and its `maps`. `None` when it has ended.
    pub fn last_maps(&self) -> Option<(u32, Option<Name>, Vec<u8>)> {
        let (pid, id, path) = self.last.clone()?;
        Some((pid, path, self.machine.maps(id)?))
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
