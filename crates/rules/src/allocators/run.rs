//! What one run of a command showed.

use facts::Name;
use schemars::JsonSchema;
use serde::Serialize;
use units::Bytes;

/// One run. What could not be measured is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// How the command ended.
    pub end: End,
    /// Highest resident memory of the largest process: `VmHWM`.
    pub hwm: Option<Bytes>,
    /// Highest sum of the resident memory of all processes that ran at once.
    pub tree_rss: Option<Bytes>,
    /// Highest sum of the anonymous memory of all processes that ran at once.
    pub anon: Option<Bytes>,
    /// Anonymous memory in transparent huge pages, the most that was seen.
    pub huge: Option<Bytes>,
    /// Page faults of the tree that needed no reading.
    pub minor_faults: Option<u64>,
    /// Page faults of the tree that had to read.
    pub major_faults: Option<u64>,
    /// CPU time of the tree in programs, microseconds.
    pub user_us: Option<u64>,
    /// CPU time of the tree in the kernel, microseconds.
    pub system_us: Option<u64>,
    /// From the first instruction of the command to its end, microseconds.
    pub wall_us: Option<u64>,
    /// Processes in which the maps could be read.
    pub looked_at: u64,
    /// Processes that were seen.
    pub processes: u64,
    /// Programs of the tree that did not have the allocator.
    pub without: Vec<Without>,
    /// Libraries of other allocators that were mapped, too.
    pub others: Vec<Name>,
    /// Names of the processes that outlived the command, and were ended.
    pub left_over: Vec<Name>,
    /// The last lines that it wrote to standard error, if they were kept.
    pub last_words: Name,
    /// Rounds of sampling, and what they cost in microseconds.
    pub samples: Samples,
}

/// How often memory was looked at while the command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Samples {
    /// Rounds.
    pub rounds: u64,
    /// What they took, microseconds.
    pub cost_us: u64,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// By itself, with this exit code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It is not known how.
    #[default]
    Unknown,
}

impl End {
    /// Whether it ended as programs do that have done their work.
    pub fn is_success(self) -> bool {
        self == End::Exit(0)
    }
}

/// A program of the tree that ran without the allocator it should have had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Without {
    /// Its file.
    pub program: Name,
    /// Why, as far as can be told.
    pub why: WhyWithout,
    /// How many processes of it, over all runs.
    pub processes: u64,
}

/// Why a program ran without the allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyWithout {
    /// It is linked statically: no loader runs that could preload anything.
    Static,
    /// It is written in Go, which has an allocator of its own, and linked statically.
    Go,
    /// It gets more rights than who starts it; the loader then refuses to preload.
    Privileged,
    /// It was made for another C library.
    OtherLibc,
    /// It was made for another kind of processor, or for another word size.
    OtherMachine,
    /// Its environment had no such `LD_PRELOAD`: whoever started it took it out.
    Environment,
    /// Not known.
    Unknown,
}
