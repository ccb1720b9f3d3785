//! What `oomph replay` says about a log of strace: whether a model of Linux answered each call as
//! the kernel did. Plain data; it is made where the model runs.

use facts::{Name, Release};
use schemars::JsonSchema;
use serde::Serialize;

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.replay-strace/1";

/// A log, played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StraceReport {
    /// Name and version of this format: `oomph.replay-strace/1`.
    pub schema: &'static str,
    /// The log.
    pub origin: Name,
    /// The release whose rules were played.
    pub kernel: Release,
    /// Why that one.
    pub kernel_by: KernelBy,
    /// Whether large maps of files were put on boundaries of huge pages, as ext4, xfs and btrfs ask
    /// for and others do not.
    pub files_aligned: bool,
    /// Lines of the log.
    pub lines: u64,
    /// Over all programs.
    pub score: Score,
    /// One for each `execve`, and for each process that was there before the log.
    pub programs: Vec<Program>,
    /// Calls that the model answers otherwise, in the order of the log.
    pub differences: Vec<Difference>,
    /// Calls of several threads that overlap in time in one address space.
    pub races: Vec<Race>,
    /// Results that were taken from the log, since it is the first to tell of them.
    pub anchors: Vec<Anchor>,
    /// What must have been mapped before the log told of it.
    pub assumed: Vec<Assumed>,
    /// Calls that the model does not have or that hang on what no log tells, by name.
    pub outside: Vec<Outside>,
    /// What could not be read.
    pub problems: Vec<Unreadable>,
}

/// Why the rules of a release were played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelBy {
    /// The reader said so.
    Given,
    /// They explain the log as well as any other; a log does not name its kernel.
    Fitted,
}

/// How many answers are equal, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Tally {
    /// The model answered as the log does.
    pub equal: u64,
    /// All that were compared.
    pub total: u64,
}

impl Tally {
    /// Counts one.
    pub fn count(&mut self, equal: bool) {
        self.total += 1;
        self.equal += u64::from(equal);
    }

    /// Counts those of another.
    pub fn add(&mut self, other: Tally) {
        self.total += other.total;
        self.equal += other.equal;
    }

    /// Whether none differs.
    pub fn is_whole(&self) -> bool {
        self.equal == self.total
    }
}

/// Answers, by what is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Score {
    /// Addresses of `mmap` without a hint.
    pub mmap: Tally,
    /// Addresses of `mmap` with a hint that is no order.
    pub hinted: Tally,
    /// Results of `brk`.
    pub brk: Tally,
    /// Addresses of `mremap`.
    pub mremap: Tally,
    /// Results of all other calls, which are 0 or an error or the address that was ordered.
    pub others: Tally,
    /// Results that were taken from the log and are in none of the above.
    pub anchors: u64,
}

impl Score {
    /// What the kernel chose: `mmap` without a hint, `brk`, `mremap`.
    pub fn chosen(&self) -> Tally {
        let mut all = self.mmap;
        all.add(self.brk);
        all.add(self.mremap);
        all
    }

    /// Everything that was compared.
    pub fn all(&self) -> Tally {
        let mut all = self.chosen();
        all.add(self.hinted);
        all.add(self.others);
        all
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Score) {
        self.mmap.add(other.mmap);
        self.hinted.add(other.hinted);
        self.brk.add(other.brk);
        self.mremap.add(other.mremap);
        self.others.add(other.others);
        self.anchors += other.anchors;
    }
}

/// A program that the log tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Program {
    /// Its process; `null` where the log names none.
    pub pid: Option<u32>,
    /// Path that was executed; `null` when no line tells.
    pub path: Option<Name>,
    /// Whether it ran before the log began, so that what it had mapped is not known.
    pub attached: bool,
    /// Line of its `execve`, or of its first call.
    pub line: u64,
    /// Threads that it made.
    pub threads: u64,
    /// Its answers.
    pub score: Score,
}

/// A call that the model answers otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Line on which the call began.
    pub line: u64,
    /// The process or thread; `null` where the log names none.
    pub pid: Option<u32>,
    /// The call, with its arguments.
    pub call: String,
    /// What the log says.
    pub log: String,
    /// What the model says.
    pub model: String,
    /// Whether calls of other threads overlapped with it.
    pub raced: bool,
    /// Whether its process ran before the log began, so that what it had mapped is not known.
    pub attached: bool,
}

/// Calls of several threads in one address space, each of which overlaps with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Race {
    /// What was found.
    pub order: RaceOrder,
    /// The calls, in the order in which they were played.
    pub calls: Vec<RacingCall>,
}

/// In which order calls that overlap explain their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RaceOrder {
    /// The order in which the log tells of their results.
    Log,
    /// Another order that their overlaps allow.
    Other,
    /// None that was tried.
    None,
}

/// A call of a race.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RacingCall {
    /// Line on which it began.
    pub line: u64,
    /// Line on which it ended.
    pub end: u64,
    /// The thread; `null` where the log names none.
    pub pid: Option<u32>,
    /// The call, with its arguments.
    pub call: String,
    /// What the log says.
    pub log: String,
}

/// A result that was taken from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Anchor {
    /// Its line.
    pub line: u64,
    /// What it tells.
    pub what: AnchorKind,
    /// The address.
    pub address: u64,
}

/// What an anchor tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// Where the heap begins.
    Heap,
    /// Below which address mappings are placed.
    MmapBase,
}

/// A range that must have been mapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Assumed {
    /// The line that needs it.
    pub line: u64,
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
}

/// Calls that were not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Outside {
    /// Their name.
    pub name: String,
    /// How many.
    pub calls: u64,
    /// Line of the first.
    pub line: u64,
}

/// A line, or a part of one, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unreadable {
    /// Its number, from 1.
    pub line: u64,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: Name,
}
