//! What the question "who uses memory" is answered with.

use facts::{Amounts, Measure, Missing, Name};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Percent, Pid};

use crate::rank::SourceLine;

/// Who uses memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UsageReport {
    /// Name and version of this format: `oomph.usage/1`.
    pub schema: &'static str,
    /// Where the figures come from.
    pub source: SourceLine,
    /// What a row is.
    pub by: Grouping,
    /// What was asked for alone; empty when everything was.
    pub filters: Vec<UsageFilter>,
    /// The machine's memory (`MemTotal`), bytes.
    pub memory_total: Option<Bytes>,
    /// Its swap (`SwapTotal`), bytes.
    pub swap_total: Option<Bytes>,
    /// The rows, in the order asked for.
    pub rows: Vec<UsageRow>,
    /// Rows after those, not shown.
    pub left_out: usize,
    /// Sum over all rows, shown or not, as far as it could be read.
    pub total: Sizes,
    /// Its proportional share of the machine's memory, percent.
    pub total_percent: Option<Percent>,
    /// Processes that were counted, twins included.
    pub processes: usize,
    /// Processes whose share is not in the total, and what bounds it; `null` when there are none.
    pub unread: Option<UnreadMemory>,
    /// These processes one by one, the largest bound first.
    pub unreadable: Vec<UsageRow>,
    /// Threads of the kernel, which have no memory of their own: counted, not listed.
    pub kernel_threads: usize,
    /// Processes without an address space: zombies, and those that ended while they were read.
    pub without_memory: usize,
    /// Processes that were not asked for.
    pub filtered: usize,
    /// Processes that share another one's address space and add nothing.
    pub twins: usize,
    /// Of `pss` and `anon` of all rows, what the kernel lost and was put back, bytes: huge pages of
    /// one process, on 32 bits since 5.3. `null` when the sizes are as the kernel printed them.
    pub restored: Option<Bytes>,
    /// The shares against what the kernel counts as mapped; `null` when only some were asked for.
    pub check: Option<Check>,
    /// What else a reader must know, one sentence each.
    pub notes: Vec<String>,
    /// What else could not be read.
    pub missing: Vec<Missing>,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// One process.
    Process,
    /// All processes of a name.
    Program,
    /// All processes of a user.
    User,
    /// All processes in a cgroup, without those in groups below it.
    Cgroup,
    /// All processes of a systemd unit or a container.
    Unit,
    /// All mappings of a name: a file, a heap, anonymous memory.
    Mapping,
    /// One process, under its parent.
    Tree,
}

/// A filter that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UsageFilter {
    /// What it looks at: `name`, `user`, `mapping`, `cgroup`.
    pub on: &'static str,
    /// The regular expression.
    pub pattern: String,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UsageRow {
    /// Name of the process, program, user, cgroup, unit or mapping; `null` when unknown. Anonymous
    /// memory is `[anon]`.
    pub name: Option<Name>,
    /// Process id, where a row is a process.
    pub pid: Option<Pid>,
    /// Its parent's.
    pub parent: Option<Pid>,
    /// How deep below the root of its tree, in the tree.
    pub depth: Option<usize>,
    /// User id: of the process's directory in `/proc`, which is root's for some that protect
    /// themselves; or the group's.
    pub uid: Option<u32>,
    /// Name of that user.
    pub user: Option<Name>,
    /// Cgroup, where it was read.
    pub cgroup: Option<Name>,
    /// Unit or container, where the cgroup was read.
    pub unit: Option<Unit>,
    /// Command line.
    pub command: Option<Name>,
    /// How many processes; of mappings, how many address spaces.
    pub processes: usize,
    /// How many mappings, where a row is one.
    pub mappings: Option<u64>,
    /// What it uses, bytes.
    #[serde(flatten)]
    pub sizes: Sizes,
    /// Its proportional share of the machine's memory, percent.
    pub percent: Option<Percent>,
    /// What it and all below it use, in the tree, bytes.
    pub subtree: Option<Sizes>,
    /// Of these processes of the subtree it is not known what they use; they are not in `subtree`.
    pub subtree_unread: Option<UnreadMemory>,
    /// Of these processes it is not known what they use; they are not in the sizes.
    pub unread: Option<UnreadMemory>,
    /// Other processes that share this one's address space; counted here.
    pub twins: Vec<Pid>,
    /// It shares the address space of this process, under which it is counted; in the tree.
    pub twin_of: Option<Pid>,
}

/// Sizes in bytes; `null` when unknown, for all or for one of those added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Sizes {
    /// Unique: resident and mapped by nobody else. What ending it gives back at least.
    pub uss: Option<Bytes>,
    /// Proportional: resident, each page divided by the number of its mappings. May be added up.
    pub pss: Option<Bytes>,
    /// Resident. What is shared is in each of those who share it.
    pub rss: Option<Bytes>,
    /// In swap; what is shared is in each.
    pub swap: Option<Bytes>,
    /// In swap, each slot divided by the number of its users (4.3).
    pub swap_pss: Option<Bytes>,
    /// The anonymous part of the proportional share (5.3).
    pub anon: Option<Bytes>,
    /// Its file part (5.3).
    pub file: Option<Bytes>,
    /// Its shared-memory part (5.3): tmpfs, memfd, System V, shared anonymous.
    pub shmem: Option<Bytes>,
    /// Huge pages of hugetlbfs, which are in no other size (4.4).
    pub hugetlb: Option<Bytes>,
}

impl From<&Amounts> for Sizes {
    fn from(amounts: &Amounts) -> Sizes {
        Sizes {
            uss: amounts.get(Measure::Uss),
            pss: amounts.get(Measure::Pss),
            rss: amounts.get(Measure::Rss),
            swap: amounts.get(Measure::Swap),
            swap_pss: amounts.get(Measure::SwapPss),
            anon: amounts.get(Measure::Anon),
            file: amounts.get(Measure::File),
            shmem: amounts.get(Measure::Shmem),
            hugetlb: amounts.get(Measure::Hugetlb),
        }
    }
}

/// Processes whose share is unknown, and bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnreadMemory {
    /// How many.
    pub processes: usize,
    /// Their share is at most this: what they have resident, bytes. `null` when that is unknown of
    /// one of them.
    pub at_most: Option<Bytes>,
    /// Anonymous at most (4.5), bytes.
    pub anon_at_most: Option<Bytes>,
    /// Of files at most (4.5), bytes.
    pub file_at_most: Option<Bytes>,
    /// Shared memory at most (4.5), bytes.
    pub shmem_at_most: Option<Bytes>,
    /// In swap at most (2.6.34), bytes.
    pub swap_at_most: Option<Bytes>,
    /// Huge pages of hugetlbfs (4.4), exact, bytes.
    pub hugetlb: Option<Bytes>,
    /// Why, each reason once.
    pub why: Vec<String>,
    /// How many of them were left alone because reading them would have held them up.
    pub spared: usize,
}

/// The sum of all shares against the kernel's own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// Sum of the proportional shares, bytes.
    pub shares: Bytes,
    /// `AnonPages` and `Mapped` of `/proc/meminfo`, read before, bytes.
    pub counted: Bytes,
    /// The one of the other, percent.
    pub percent: Option<Percent>,
}

/// What a process belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Unit {
    /// What kind of thing.
    pub kind: UnitKind,
    /// Its name; of a container, its whole id.
    pub name: Name,
}

/// Kinds of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// A unit of systemd.
    Systemd,
    /// A container of Docker.
    Docker,
    /// A container of Podman.
    Podman,
    /// A container in a pod of Kubernetes.
    Kubernetes,
    /// A container of containerd.
    Containerd,
    /// A container of LXC or Incus.
    Lxc,
    /// None of these: the cgroup itself.
    Cgroup,
}
