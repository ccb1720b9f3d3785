//! What the question "who would die, in which order" is answered with.

use facts::{Missing, Name, Release};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, OomAdj, Pid, ScoreAdj};

/// What runs out: the set of processes among which the kernel chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// The whole machine.
    Machine,
    /// The memory cgroup at this path, with its descendants.
    Cgroup(Name),
}

/// The kill order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RankReport {
    /// Name and version of this format: `oomph.rank/1`.
    pub schema: &'static str,
    /// Where the snapshot comes from.
    pub source: SourceLine,
    /// The release whose rules were applied; `null` when it is unknown and today's were assumed.
    pub rules_of: Option<Release>,
    /// The formula in words.
    pub formula: &'static str,
    /// Among whom the kernel chooses.
    pub domain: Domain,
    /// The total that scores are measured against (RAM and swap, or the cgroup's limit), bytes.
    pub total: Option<Bytes>,
    /// Those who can be chosen, the first victim first.
    pub rows: Vec<RankRow>,
    /// Those who can never be chosen and have memory, the largest first.
    pub immune: Vec<ImmuneRow>,
    /// Threads of the kernel and processes without memory: counted, not listed.
    pub without_memory: usize,
    /// Processes whose memory could not be read at all; they may stand anywhere in the order.
    pub unreadable: Vec<Pid>,
    /// Every place that could not be read, the processes' files among them.
    pub missing: Vec<Missing>,
    /// What else a reader must know to trust the order, one sentence each.
    pub notes: Vec<String>,
}

/// Where a snapshot comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceLine {
    /// `this machine`, `capture web1.tar`.
    pub origin: String,
    /// The kernel's words about itself.
    pub kernel: Option<Name>,
    /// Release found in them.
    pub release: Option<Release>,
    /// Seconds since the epoch, when it was taken.
    pub taken_at: Option<u64>,
    /// Page size in bytes.
    pub page_size: u64,
    /// Whether the source said so; otherwise 4096 was assumed.
    pub page_size_known: bool,
}

/// One process that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RankRow {
    /// Place in the order, from 1.
    pub rank: usize,
    /// Process id.
    pub pid: Pid,
    /// Name.
    pub name: Option<Name>,
    /// Real user id.
    pub uid: Option<u32>,
    /// Name of that user.
    pub user: Option<Name>,
    /// The kernel's internal score: pages since 3.5, thousandths of the total from 2.6.36 to 3.4,
    /// points without unit before. The largest dies.
    pub points: i64,
    /// How the points came about, step by step; the last step's `after` is `points`.
    pub steps: Vec<Step>,
    /// What `/proc/PID/oom_score` should say by these rules.
    pub predicted_oom_score: Option<u64>,
    /// What `/proc/PID/oom_score` said.
    pub oom_score: Option<u64>,
    /// What `/proc/PID/oom_score_adj` said.
    pub oom_score_adj: Option<ScoreAdj>,
    /// What `/proc/PID/oom_adj` said, on kernels without `oom_score_adj`.
    pub oom_adj: Option<OomAdj>,
    /// Resident memory, bytes.
    pub resident: Option<Bytes>,
    /// Of which anonymous, bytes.
    pub resident_anon: Option<Bytes>,
    /// Swapped out, bytes.
    pub swap: Option<Bytes>,
    /// Page tables, bytes.
    pub page_tables: Option<Bytes>,
    /// What killing it would give back.
    pub frees: Option<Frees>,
    /// Memory cgroup.
    pub cgroup: Option<Name>,
    /// Inputs of the formula that are unknown and were taken as nothing (`oom_score_adj`, `swap`):
    /// the place in the order is not certain.
    pub assumed: Vec<&'static str>,
}

/// One step of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// What was taken into account.
    pub what: StepKind,
    /// What it did.
    pub effect: Effect,
    /// The points after it.
    pub after: i64,
}

/// What a score is made of. Which of them a kernel knows depends on its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Size of the address space (before 2.6.36).
    TotalVm,
    /// Address spaces of children (2.6.11 to 2.6.35).
    Children,
    /// CPU time used (before 2.6.36).
    CpuTime,
    /// Time since start (before 2.6.36).
    RunTime,
    /// A positive nice value (before 2.6.36).
    Nice,
    /// Root or `CAP_SYS_ADMIN`: the bonus of the privileged (until 4.16).
    Privileged,
    /// Direct hardware access (before 2.6.36).
    RawIo,
    /// Allowed nodes do not meet the caller's (2.6.19 to 2.6.35).
    OtherNodes,
    /// `oom_adj`, a power of two (2.6.11 to 2.6.35).
    OomAdj,
    /// Resident pages (since 2.6.36).
    Resident,
    /// Swapped pages (since 2.6.36).
    Swap,
    /// Page tables (since 2.6.39).
    PageTables,
    /// From pages to thousandths of the total (2.6.36 to 3.4).
    PerMille,
    /// `oom_score_adj` (since 2.6.36).
    OomScoreAdj,
    /// The floor or ceiling of the formula.
    Bounds,
    /// Swapoff in progress: chosen before all others.
    Origin,
}

/// What a step does to the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Adds (or, negative, takes away).
    Add(i64),
    /// Multiplies.
    Multiply(u64),
    /// Divides, rounding down.
    Divide(u64),
    /// Sets.
    Set(i64),
}

/// What killing a process would give back: anonymous memory nobody else maps, its swap and its page
/// tables. Page cache stays, and shared memory stays with its file.
///
/// Without walking page tables the exact figure is unknown, because copy-on-write shares pages
/// between relatives. It is bounded: the sum of all processes' anonymous memory exceeds the
/// kernel's own count (`AnonPages`) by exactly what is counted more than once, and no process can
/// share more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Frees {
    /// At least this many bytes; `null` when nothing bounds it from below.
    pub at_least: Option<Bytes>,
    /// At most this many bytes.
    pub at_most: Bytes,
}

/// One process that can never be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImmuneRow {
    /// Process id.
    pub pid: Pid,
    /// Name.
    pub name: Option<Name>,
    /// Real user id.
    pub uid: Option<u32>,
    /// Name of that user.
    pub user: Option<Name>,
    /// Why not.
    pub why: Immune,
    /// Resident memory, bytes.
    pub resident: Option<Bytes>,
    /// Swapped out, bytes.
    pub swap: Option<Bytes>,
    /// Page tables, bytes.
    pub page_tables: Option<Bytes>,
    /// What `/proc/PID/oom_score` said.
    pub oom_score: Option<u64>,
    /// What `/proc/PID/oom_score_adj` said.
    pub oom_score_adj: Option<ScoreAdj>,
    /// Memory cgroup.
    pub cgroup: Option<Name>,
}

/// Why the kernel would never choose a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Immune {
    /// The machine's init.
    Init,
    /// A thread of the kernel.
    KernelThread,
    /// It has no address space: a zombie, or one that has just let go of it.
    NoMemory,
    /// `oom_score_adj` is -1000.
    Adjusted,
    /// `oom_adj` is -17.
    Disabled,
    /// Its score is 0, and this kernel never chooses such a one (before 2.6.11).
    ZeroScore,
}
