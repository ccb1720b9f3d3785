//! What the question "how near is this machine to running out" is answered with.

use facts::{CgroupVersion, Missing, Name, OvercommitMode, Pressure};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Limit, Percent};

use crate::rank::{Domain, ImmuneRow, RankRow, SourceLine};

/// The whole answer, in the order a person asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatusReport {
    /// Name and version of this format: `oomph.status/1`.
    pub schema: &'static str,
    /// Where the snapshot comes from.
    pub source: SourceLine,
    /// For somebody who reads nothing else.
    pub verdict: Verdict,
    /// The machine's memory.
    pub memory: Memory,
    /// How much more anonymous memory can be touched on this machine; `null` when it cannot be
    /// computed.
    pub headroom: Option<Headroom>,
    /// What ends the headroom: ours, the nearest first and those of unknown distance last; then
    /// those of others, the fullest first.
    pub walls: Vec<Wall>,
    /// The cgroup whose walls are "ours"; `null` when there is none or it is not known.
    pub cgroup: Option<OwnCgroup>,
    /// Memory pressure of the machine.
    pub pressure: PressureReport,
    /// Who would die at the first wall that kills.
    pub victims: Victims,
    /// What has been promised.
    pub promises: Promises,
    /// What the kernel counted since boot.
    pub lately: Lately,
    /// What could not be read.
    pub unread: Unread,
}

/// The reader's memory cgroup, or the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OwnCgroup {
    /// Path in the hierarchy.
    pub path: Name,
    /// Whether it or a cgroup above it has a limit; `null` when not all of them could be read.
    pub limited: Option<bool>,
}

/// How near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not enough could be read to tell.
    Unknown,
    /// Nothing to do.
    Calm,
    /// Headroom or pressure has passed the first threshold.
    Near,
    /// Headroom or pressure has passed the second threshold.
    AtTheWall,
}

/// The one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// How near.
    pub level: Level,
    /// The same in words, one or two sentences.
    pub text: String,
    /// Each threshold that was passed, in words.
    pub reasons: Vec<String>,
}

/// The machine's totals, bytes; `null` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Memory {
    /// `MemTotal`.
    pub total: Option<Bytes>,
    /// `MemFree`.
    pub free: Option<Bytes>,
    /// On per-cpu lists: free too, but in no other figure.
    pub per_cpu_lists: Option<Bytes>,
    /// `MemAvailable` as the kernel reports it.
    pub available: Option<Bytes>,
    /// `MemAvailable` by the kernel's formula, where the kernel does not report it (before 3.14).
    pub available_computed: Option<Bytes>,
    /// Page cache without shared memory.
    pub cache: Option<Bytes>,
    /// Shared memory and tmpfs: reclaimable only into swap.
    pub shmem: Option<Bytes>,
    /// Anonymous memory.
    pub anon: Option<Bytes>,
    /// `SwapTotal`.
    pub swap_total: Option<Bytes>,
    /// `SwapFree`.
    pub swap_free: Option<Bytes>,
}

/// How much more anonymous memory can be touched before the allocator falls under the min
/// watermarks with nothing left to reclaim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Headroom {
    /// The sum of the parts, bytes: at most this much.
    pub total: Bytes,
    /// Of which sure, bytes.
    pub sure: Bytes,
    /// Of which sure or likely, bytes: what can be counted on, and the distance of the machine's
    /// wall.
    pub expected: Bytes,
    /// What it is measured against: RAM and swap, bytes.
    pub capacity: Option<Bytes>,
    /// Where it comes from.
    pub parts: Vec<HeadroomPart>,
    /// Kept back by watermarks and lowmem reserves, bytes: free, and not for user memory.
    pub kept_back: Bytes,
    /// What a reader must know to trust the sum, one sentence each.
    pub notes: Vec<String>,
}

/// One source of headroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeadroomPart {
    /// Which.
    pub what: PartKind,
    /// How much, bytes.
    pub bytes: Bytes,
    /// How sure it is to come.
    pub certainty: Certainty,
}

/// Sources of headroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// Free pages above min watermark and lowmem reserve of their zone.
    FreeAboveMin,
    /// Free pages on per-cpu lists.
    PerCpuLists,
    /// Clean page cache that no process maps.
    CleanCache,
    /// Clean page cache that processes map: programs and libraries. Taking it makes them crawl.
    MappedCache,
    /// Page cache to be written first.
    DirtyCache,
    /// Slab that shrinkers may free.
    ReclaimableSlab,
    /// Room in swap for anonymous pages: free slots, and pages in memory that have one already.
    Swap,
}

/// How sure a part is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It is there.
    Sure,
    /// It comes, after work: a write, a swap-out.
    Likely,
    /// It may come, in part, or at the price of thrashing.
    Perhaps,
}

/// Something that ends the headroom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Wall {
    /// Which.
    pub kind: WallKind,
    /// How much more can be touched (or, for overcommit, promised) before it, bytes; `null` when
    /// unknown.
    pub distance: Option<Bytes>,
    /// What the distance is a part of, bytes: RAM and swap, the cgroup's limit and the swap it may
    /// use, the commit limit.
    pub capacity: Option<Bytes>,
    /// Whether reaching it kills; otherwise requests fail or tasks wait.
    pub kills: bool,
    /// Whether it concerns the reader's own cgroup (or the one asked for) and everyone above it;
    /// otherwise it is somebody else's wall.
    pub ours: bool,
    /// What happens there, in words.
    pub what_happens: String,
}

/// Kinds of walls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WallKind {
    /// Physical memory and swap of the machine.
    Machine,
    /// The limit of a memory cgroup.
    Cgroup {
        /// Path in the hierarchy.
        path: Name,
        /// Interface.
        version: CgroupVersion,
        /// Usage now, bytes.
        current: Option<Bytes>,
        /// The limit.
        limit: Limit<Bytes>,
        /// Of usage, page cache and slab that would be reclaimed first, bytes.
        reclaimable: Option<Bytes>,
        /// Swap it may still use, bytes.
        swap_left: Option<Bytes>,
        /// `memory.oom.group`: everybody in it dies together.
        oom_group: Option<bool>,
    },
    /// Strict overcommit: `CommitLimit - Committed_AS`.
    Overcommit,
}

/// Memory pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PressureReport {
    /// Whether it could be read.
    pub state: PressureState,
    /// The figures, where the kernel reports them.
    pub figures: Option<Pressure>,
}

/// Whether pressure could be read, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PressureState {
    /// Read.
    Known,
    /// No such file: a kernel before 4.20, or built without it.
    NotInThisKernel,
    /// Switched off at boot.
    Disabled,
    /// Permission denied.
    Denied,
    /// The source does not say.
    Unknown,
}

/// Who would die.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Victims {
    /// What would run out: at the wall that decides the verdict, or, where that one does not kill,
    /// at the nearest that does.
    pub domain: Domain,
    /// The formula in words.
    pub formula: &'static str,
    /// The total that scores are measured against, bytes.
    pub total: Option<Bytes>,
    /// The first few, the first victim first.
    pub first: Vec<RankRow>,
    /// How many more could be chosen after them.
    pub more: usize,
    /// Large ones that can never be chosen.
    pub immune: Vec<ImmuneRow>,
    /// `memory.oom.group` of the cgroup that runs out, or of the first victim's cgroup up to it:
    /// the path of the group that would die whole.
    pub group: Option<Name>,
    /// What the kernel would do instead of choosing (`panic_on_oom`, `oom_kill_allocating_task`).
    pub instead: Vec<String>,
    /// What else a reader must know to trust the order, one sentence each.
    pub notes: Vec<String>,
}

/// What has been promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Promises {
    /// `vm.overcommit_memory`.
    pub mode: Option<OvercommitMode>,
    /// `Committed_AS`, bytes.
    pub committed: Option<Bytes>,
    /// `CommitLimit`, bytes; enforced in mode 2 only.
    pub limit: Option<Bytes>,
    /// Largest single request that mode 0 grants, bytes, where that is a fixed number (5.2).
    pub largest_request: Option<Bytes>,
    /// Resident memory of all processes added up, bytes; shared pages count once a process.
    pub resident: Option<Bytes>,
    /// Address space of all processes added up, bytes.
    pub virtual_size: Option<Bytes>,
    /// The first as a share of the second, percent.
    pub resident_share: Option<Percent>,
}

/// What the kernel counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lately {
    /// `oom_kill` of `/proc/vmstat` (4.13): processes killed since boot, whatever ran out.
    pub oom_kills: Option<u64>,
    /// Time since boot, seconds.
    pub uptime_s: Option<u64>,
    /// Cgroups that count kills, the most first.
    pub cgroups: Vec<CgroupKills>,
    /// Times the allocator had to reclaim before it could serve a request (`allocstall`).
    pub direct_reclaims: Option<u64>,
    /// Commands that show more, for this machine.
    pub where_to_look: Vec<String>,
}

/// Kills in one cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CgroupKills {
    /// Path.
    pub path: Name,
    /// Processes killed in it and, on v2, below it.
    pub oom_kill: u64,
    /// Times the limit was hit.
    pub max: Option<u64>,
}

/// What could not be read, and how much memory may hide there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unread {
    /// Each place.
    pub places: Vec<Missing>,
    /// Processes of which the memory could not be read.
    pub processes: usize,
    /// Anonymous memory that the kernel counts and no process read accounts for, bytes; `null`
    /// when that cannot be computed.
    pub hidden_anon: Option<Bytes>,
}
