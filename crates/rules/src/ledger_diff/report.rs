//! What the question "what grew between these two moments" is answered with.

use facts::Name;
use schemars::JsonSchema;
use serde::Serialize;
use units::Pid;

use crate::ledger::LineKind;
use crate::rank::SourceLine;

/// Two ledgers of one machine, subtracted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerDiffReport {
    /// Name and version of this format: `oomph.ledger-diff/1`.
    pub schema: &'static str,
    /// The first moment.
    pub before: SourceLine,
    /// The second.
    pub after: SourceLine,
    /// Seconds from the first to the second; `null` when a time is unknown or they are not in
    /// this order.
    pub elapsed_s: Option<u64>,
    /// What to think of it.
    pub verdict: DiffVerdict,
    /// Every line of the ledger, in its order.
    pub lines: Vec<LineChange>,
    /// Lines without parts that changed, the largest change first.
    pub movers: Vec<LineChange>,
    /// Processes by proportional share, the largest change first; those that did not change are
    /// left out.
    pub processes: Vec<ProcessChange>,
    /// Mappings of processes by proportional share, in the same manner.
    pub mappings: Vec<MappingChange>,
    /// Caches of the kernel's object allocator, in the same manner.
    pub caches: Vec<CacheChange>,
    /// Memory cgroups, in the same manner.
    pub cgroups: Vec<CgroupChange>,
    /// What else a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// An amount at both moments, bytes. `null` where the moment does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// At the first moment.
    pub before: Option<i64>,
    /// At the second.
    pub after: Option<i64>,
    /// Second less first; what is not there counts as nothing.
    pub change: i64,
    /// The same an hour, where the time between is known and at least a minute.
    pub per_hour: Option<i64>,
}

/// A line of the ledger at both moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LineChange {
    /// How deep in the tree, from 0.
    pub depth: usize,
    /// What it is.
    pub kind: LineKind,
    /// Its words, with those of the line above it where they need them.
    pub label: String,
    /// How much.
    pub bytes: Change,
}

/// A process at both moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProcessChange {
    /// Process.
    pub pid: Pid,
    /// Name.
    pub name: Option<Name>,
    /// Its share.
    pub pss: Change,
}

/// A mapping at both moments: all of a process's mappings of one name together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MappingChange {
    /// Process.
    pub pid: Pid,
    /// Its name.
    pub process: Option<Name>,
    /// Name of the mapping: a file, `[heap]`, or nothing for anonymous memory.
    pub mapping: Name,
    /// Its share.
    pub pss: Change,
}

/// A slab cache at both moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CacheChange {
    /// Name.
    pub name: Name,
    /// What it takes.
    pub bytes: Change,
}

/// A memory cgroup at both moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CgroupChange {
    /// Path.
    pub path: Name,
    /// What is charged.
    pub bytes: Change,
}

/// What to think of the difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiffVerdict {
    /// In one word.
    pub kind: Growth,
    /// In words.
    pub text: String,
    /// What grew: kernel memory, user memory, caches, bytes each.
    pub sums: GrowthSums,
    /// Changes up to this are noise, bytes.
    pub noise: i64,
}

/// Changes by who holds the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct GrowthSums {
    /// Kernel memory that only its owner can free: unreclaimable slab, page tables, stacks,
    /// vmalloc, the remainder.
    pub kernel: i64,
    /// Anonymous and shared memory, huge page pools, compressed swap.
    pub user: i64,
    /// Page cache and reclaimable slab: goes away when memory is needed.
    pub cache: i64,
    /// Free memory.
    pub free: i64,
}

/// What grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// The two cannot be compared.
    Unknown,
    /// Nothing beyond noise.
    Still,
    /// The kernel holds more, and user memory does not explain it: how a kernel leak looks.
    KernelGrew,
    /// Programs hold more.
    UserGrew,
    /// Caches grew; they give way.
    CacheGrew,
    /// Less is held than before.
    Shrank,
}
