//! What the same command costs under several allocators.

use facts::Name;
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Percent};

use super::run::{End, Samples, Without};
use super::spread::{Against, Spread};

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.compare-allocators/1";

/// The same command under several allocators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AllocatorsReport {
    /// Name and version of this format: `oomph.compare-allocators/1`.
    pub schema: &'static str,
    /// Where it was measured.
    pub machine: Machine,
    /// The command and its arguments.
    pub command: Vec<Name>,
    /// The program that the kernel loads for it; of a script its interpreter.
    pub program: Name,
    /// Runs of each column that were asked for.
    pub repeat: u64,
    /// How processes were watched.
    pub watched: Watched,
    /// Peak of the live bytes of the command, if it was given.
    pub live: Option<Bytes>,
    /// What to conclude, in a sentence or two for people.
    pub verdict: String,
    /// The columns; the first one is what the others are held against.
    pub columns: Vec<Column>,
    /// Allocators that are not installed.
    pub absent: Vec<Absent>,
    /// Whether somebody interrupted it, so that runs are missing.
    pub interrupted: bool,
    /// What else a reader must know to trust the figures, one sentence each.
    pub notes: Vec<String>,
}

/// Where it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: Name,
    /// Kind of processor.
    pub architecture: String,
    /// CPUs that could be used; `null` is unknown.
    pub cpus: Option<u64>,
    /// What the C library calls itself; `null` is unknown.
    pub libc: Option<Name>,
    /// Mode of transparent huge pages: `always`, `madvise`, `never`; `null` is unknown.
    pub huge_pages: Option<Name>,
}

/// How processes were watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// Each process of the tree was stopped at its end and looked at: `VmHWM` and what was loaded
    /// are exact.
    Traced,
    /// Processes were looked at now and then: what happened just before an end may be missing.
    Sampled,
}

/// One allocator, or one setting of glibc's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Column {
    /// What it is called.
    pub name: Name,
    /// The library that was preloaded; `null` for glibc's own allocator.
    pub library: Option<Name>,
    /// What was set in the environment, `NAME=VALUE`; without the preloading.
    pub environment: Vec<Name>,
    /// Runs that count: those that ended as the others did, under this allocator.
    pub runs: u64,
    /// Runs that failed; they do not count.
    pub failures: Vec<Failure>,
    /// Highest resident memory of the largest process, bytes: `VmHWM`.
    pub hwm: Option<Spread>,
    /// Highest sum of the resident memory of processes that ran at once, bytes. Sampled; pages that
    /// they share count in each.
    pub tree_rss: Option<Spread>,
    /// Highest sum of anonymous memory of processes that ran at once, bytes. Sampled.
    pub anon: Option<Spread>,
    /// The most anonymous memory seen in transparent huge pages in one process, bytes.
    pub huge: Option<Spread>,
    /// Page faults without reading.
    pub minor_faults: Option<Spread>,
    /// Page faults with reading.
    pub major_faults: Option<Spread>,
    /// CPU time in programs, microseconds.
    pub user_us: Option<Spread>,
    /// CPU time in the kernel, microseconds.
    pub system_us: Option<Spread>,
    /// Time from the first instruction of the command to its end, microseconds.
    pub wall_us: Option<Spread>,
    /// What a program that does nothing costs under it.
    pub base: Base,
    /// Median of `hwm` less that of the base; `null` when one of them is unknown.
    pub hwm_over_base: Option<Bytes>,
    /// Median of `anon` less that of the base; `null` when one of them is unknown.
    pub anon_over_base: Option<Bytes>,
    /// By how much `anon_over_base` exceeds the peak of live bytes, percent of these; `null` when no
    /// live bytes were given. Less than nothing is 0: pages that were never touched.
    pub overhead: Option<Percent>,
    /// Against the first column; `null` for the first one itself.
    pub against: Option<AgainstFirst>,
    /// Processes in a run.
    pub processes: Option<Spread>,
    /// Processes of all runs whose maps were read, to see whether the library is there.
    pub looked_at: u64,
    /// Programs that ran without the library.
    pub without: Vec<Without>,
    /// Libraries of other allocators that were mapped, too: the program brings them along.
    pub others: Vec<Name>,
    /// Processes that outlived the command and were ended, by name.
    pub left_over: Vec<Name>,
    /// How often memory was looked at, over all runs.
    pub samples: Samples,
}

/// What a program that does nothing costs, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Base {
    /// `VmHWM`.
    pub hwm: Option<Spread>,
    /// Anonymous memory.
    pub anon: Option<Spread>,
}

/// A column against the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgainstFirst {
    /// Of `hwm`.
    pub hwm: Option<Against>,
    /// Of `anon`.
    pub anon: Option<Against>,
    /// Of `wall_us`.
    pub wall: Option<Against>,
    /// Of CPU time, in programs and in the kernel.
    pub cpu: Option<Against>,
    /// Of page faults without reading.
    pub minor_faults: Option<Against>,
}

/// Runs that failed in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// How they ended.
    pub end: End,
    /// How many.
    pub runs: u64,
    /// The last lines that the first of them wrote to standard error; empty if it wrote nothing, or
    /// if its output was shown.
    pub last_words: Name,
}

/// An allocator that is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Absent {
    /// What it is called.
    pub name: String,
    /// The file that was looked for.
    pub library: String,
    /// The command that installs it.
    pub install: String,
    /// Files of that name that were found and are made for other processors or word sizes.
    pub unfit: Vec<Name>,
}
