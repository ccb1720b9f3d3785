//! What the question "what ran out, who died, and was that right" is answered with.

use facts::{Name, Release};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Pid, ScoreAdj};

/// Name and version of this format.
pub const SCHEMA: &str = "oomph.explain/1";

/// One report of the kernel, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainReport {
    /// Name and version of this format: `oomph.explain/1`.
    pub schema: &'static str,
    /// Where in the text it stands, and by whose rules it was judged.
    pub source: ReportSource,
    /// What the kernel did.
    pub event: Event,
    /// What ran out.
    pub ran_out: RanOut,
    /// Who asked for memory.
    pub asked: Option<Asker>,
    /// Why the request could not be served.
    pub cause: Cause,
    /// Every zone of the text, tested as the allocator does.
    pub zones: Vec<ZoneTest>,
    /// Swap of the machine; `null` when the report prints none, as those of cgroups.
    pub swap: Option<SwapState>,
    /// The cgroup whose limit was hit.
    pub group: Option<GroupState>,
    /// Where the memory was, of the machine or of the cgroup.
    pub memory: Option<MemoryAccount>,
    /// Who was killed, in the order of the text.
    pub victims: Vec<Victim>,
    /// Whether the choice checks out; `null` without a table of tasks.
    pub choice: Option<Choice>,
    /// What would have prevented this kill, each tried by running the kernel's test again.
    pub prevention: Vec<Prevention>,
    /// What cannot be said.
    pub gaps: Vec<Gap>,
}

/// Where a report stands, and by whose rules it was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportSource {
    /// Its first line in the text, from 1.
    pub first_line: Option<u64>,
    /// Its last line.
    pub last_line: Option<u64>,
    /// Microseconds since boot on its first stamped line.
    pub boot_us: Option<u64>,
    /// The date or time of day on it, as it stood there.
    pub time: Option<Name>,
    /// The kernel's words about itself.
    pub kernel: Option<Name>,
    /// The release whose rules were applied.
    pub rules_of: Release,
    /// Where that release comes from.
    pub rules_from: RulesFrom,
    /// Page size in bytes.
    pub page_size: u64,
    /// Whether the text shows it; otherwise 4096 was assumed.
    pub page_size_known: bool,
}

/// Where the release comes from whose rules were applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RulesFrom {
    /// The reader named it.
    Given,
    /// The text names it.
    Text,
    /// The text does not; its columns and lines are those of about this release.
    Layout,
    /// Nothing tells; today's rules were assumed.
    Assumed,
}

/// What the kernel did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It killed.
    Kill,
    /// It stopped the machine.
    Panic,
    /// It found nobody to kill.
    NobodyToKill,
    /// Its choice was dying already.
    AlreadyDying,
    /// A request failed, and nobody is killed for that.
    AllocationFailure,
    /// A person asked to see the memory.
    ShowMemory,
    /// The text does not tell.
    Unknown,
}

/// What ran out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RanOut {
    /// The machine.
    Machine,
    /// The memory cgroup at this path: its limit. The path is `null` when the text lacks it.
    Cgroup(Option<Name>),
    /// The nodes that a cpuset allows.
    Cpuset(Option<Name>),
    /// The nodes that a memory policy allows.
    MemoryPolicy(Option<Name>),
    /// Nothing: a person asked.
    Nothing,
    /// The text does not tell.
    Unknown,
}

/// Who asked for memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Asker {
    /// Its name.
    pub name: Option<Name>,
    /// Process (or thread) id.
    pub pid: Option<Pid>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<ScoreAdj>,
    /// It asked for 2^order pages.
    pub order: Option<u32>,
    /// How much that is.
    pub bytes: Option<Bytes>,
    /// The flags as a number.
    pub gfp: Option<u64>,
    /// The flags as the kernel printed them, or, before 4.6, would have.
    pub gfp_names: Option<Name>,
    /// The highest zone it may use: `DMA`, `DMA32`, `Normal`, `HighMem`, `Movable`.
    pub highest_zone: Option<&'static str>,
    /// Whether its pages could be moved away again, so that contiguous areas serve it.
    pub movable: Option<bool>,
}

/// Why the request could not be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No zone it may use had a page above its mark `min` and its reserve.
    Exhausted,
    /// A page could be had above `min` but not above `high`, and reclaim found nothing more.
    ReclaimStalled,
    /// Zones that it may not use had room.
    LowZone {
        /// Free in them above their marks `high`, bytes.
        elsewhere: Bytes,
    },
    /// Single pages could be had, but no block of this order.
    Fragmented {
        /// The block has 2^order pages.
        order: u32,
    },
    /// What is free lies in contiguous memory areas, which it may not use.
    OnlyContiguousAreas {
        /// Free in them, in the zones that it may use.
        bytes: Bytes,
    },
    /// What is free is reserved for atomic requests.
    OnlyAtomicReserve {
        /// Reserved, in the zones that it may use.
        bytes: Bytes,
    },
    /// A zone would serve it by every mark: memory was not short when this was printed.
    NothingMissing,
    /// A page fault gave up without a request of its own: a failure further down came out here.
    PageFault,
    /// The cgroup's limit on memory.
    GroupLimit,
    /// The cgroup's limit on memory and swap together (cgroup v1).
    GroupSwapLimit,
    /// A person asked for a kill (SysRq f).
    Manual,
    /// The text does not tell.
    Unknown,
}

/// One zone, tested as the allocator does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ZoneTest {
    /// Node; `null` on kernels without NUMA.
    pub node: Option<u32>,
    /// Its name.
    pub zone: Name,
    /// Whether the request may use it; `null` when the request is unknown.
    pub eligible: Option<bool>,
    /// Free pages, bytes.
    pub free: Option<Bytes>,
    /// Of which in contiguous memory areas, bytes.
    pub free_cma: Option<Bytes>,
    /// Kept for atomic requests, bytes.
    pub highatomic: Option<Bytes>,
    /// What is free for this request: without what it may not use and without what it would take
    /// beyond its first page, bytes; negative when there is less than it would take.
    pub usable: Option<i64>,
    /// The temporary rise of the marks, which is in them, bytes.
    pub boost: Option<Bytes>,
    /// `min`: tested until reclaim has given up, bytes.
    pub min: Option<Bytes>,
    /// `low`: tested first, bytes.
    pub low: Option<Bytes>,
    /// `high`: tested once more just before the kill, bytes.
    pub high: Option<Bytes>,
    /// Kept back in this zone from requests like this one (`lowmem_reserve`), bytes; `null` when the
    /// text does not say which of the printed reserves holds.
    pub reserve: Option<Bytes>,
    /// The largest free block that the request may use, bytes; before 3.8 of any kind.
    pub largest_block: Option<Bytes>,
    /// Whether it would be served by the mark `min`.
    pub above_min: Option<bool>,
    /// Whether it would be served by the mark `high`.
    pub above_high: Option<bool>,
    /// Whether a request for a single page would be served by the mark `min`.
    pub single_above_min: Option<bool>,
}

/// Swap of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SwapState {
    /// All of it, bytes.
    pub total: Option<Bytes>,
    /// Free, bytes.
    pub free: Option<Bytes>,
}

/// One limit of a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LimitState {
    /// Charged, bytes; read after the charge that failed.
    pub usage: Option<Bytes>,
    /// The limit, bytes; `null` when there is none, or when the text lacks it.
    pub limit: Option<Bytes>,
    /// Whether the text says that there is no limit.
    pub unlimited: bool,
    /// How often it was hit since the group was made.
    pub failcnt: Option<u64>,
}

/// The cgroup whose limit was hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GroupState {
    /// Its path.
    pub path: Option<Name>,
    /// The group of the victim, where that is another: the limit is an ancestor's.
    pub victims_group: Option<Name>,
    /// Memory.
    pub memory: Option<LimitState>,
    /// Memory and swap together (cgroup v1).
    pub memory_swap: Option<LimitState>,
    /// Swap (cgroup v2).
    pub swap: Option<LimitState>,
    /// Whether all its processes die together (`memory.oom.group`), and whose group that is.
    pub killed_together: Option<Name>,
}

/// Where the memory was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MemoryAccount {
    /// All there is: what the machine's allocator manages, or what the cgroup is charged for, bytes.
    pub total: Option<Bytes>,
    /// What holds it. Rows with `within` are part of another row and add nothing.
    pub rows: Vec<Holding>,
    /// The total less all rows, bytes; a few percent are drivers, per-cpu data and pages on their
    /// way. `null` when the total or most rows are not in the text.
    pub remainder: Option<i64>,
    /// What is to be thought of it.
    pub remainder_is: Option<Remainder>,
    /// Sum of the resident memory of all tasks of the table, shared pages once a task, bytes.
    pub resident_of_tasks: Option<Bytes>,
    /// Slab caches that the kernel listed, the largest first.
    pub slab_caches: Vec<CacheSize>,
    /// Places in the kernel that hold memory, where the kernel keeps such accounts.
    pub allocation_sites: Vec<CacheSize>,
}

/// What is to be thought of a remainder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remainder {
    /// As everywhere: at most a tenth of the total, or 200 MiB.
    Ordinary,
    /// More than that: memory that no counter of the report knows.
    Unaccounted,
    /// The rows are more than the total: counters that were read at different moments, or overlap.
    Overcounted,
}

/// One holder of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holding {
    /// Who.
    pub what: Holder,
    /// How much, bytes.
    pub bytes: Bytes,
    /// The row of which this is a part.
    pub within: Option<Holder>,
}

/// What holds memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Anonymous memory on the lists, tmpfs and shared memory included.
    Anonymous,
    /// tmpfs and shared memory.
    Shmem,
    /// Files' pages on the lists.
    FileCache,
    /// All pages on the lists, where the kernel does not tell files from anonymous (to 2.6.27).
    Lists,
    /// Pages that reclaim may not touch.
    Unevictable,
    /// Slab that shrinkers may free.
    SlabReclaimable,
    /// Slab that nobody may free.
    SlabUnreclaimable,
    /// All slab (to 2.6.31).
    Slab,
    /// Stacks of tasks in the kernel.
    KernelStacks,
    /// Page tables.
    PageTables,
    /// Page tables of guests and devices.
    SecondaryPageTables,
    /// The pools of huge pages, used or not.
    HugePages,
    /// Free huge pages of the pools.
    HugePagesFree,
    /// Free pages.
    Free,
    /// Free pages on per-cpu lists.
    FreePerCpu,
    /// Compressed memory.
    Compressed,
    /// Memory given back to the hypervisor.
    Balloon,
    /// Memory of graphics drivers.
    Graphics,
    /// Other memory of the kernel that it may reclaim.
    OtherReclaimable,
    /// Per-cpu data.
    PerCpuData,
    /// Network buffers.
    Sockets,
    /// The kernel's memory of the group.
    Kernel,
}

/// A named part of the kernel, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CacheSize {
    /// Its name.
    pub name: Name,
    /// What it holds, bytes.
    pub bytes: Bytes,
}

/// One process that was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Victim {
    /// Its process (or thread) id.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its anonymous memory, bytes.
    pub anon: Option<Bytes>,
    /// Its pages of files, bytes.
    pub file: Option<Bytes>,
    /// Its shared memory, bytes.
    pub shmem: Option<Bytes>,
    /// The process that was chosen, where its child died instead (until 5.0).
    pub instead_of: Option<Task>,
    /// The score that the kernel printed.
    pub logged_score: Option<i64>,
    /// Anonymous memory left after the reaper, bytes.
    pub left_after_reaper: Option<Bytes>,
}

/// A task by its name and number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Task {
    /// Process (or thread) id.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
}

/// Whether the choice checks out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Choice {
    /// The formula in words; `null` when the text does not hold what it reads (before 2.6.36).
    pub formula: Option<&'static str>,
    /// What scores are measured against, at least, bytes.
    pub total: Option<Bytes>,
    /// The same at most, where the text leaves a range (a cgroup's swap is not printed).
    pub total_at_most: Option<Bytes>,
    /// Who can be chosen, the first victim first.
    pub rows: Vec<TaskScore>,
    /// Who could never be chosen, the largest first.
    pub immune: Vec<TaskScore>,
    /// Whom these rules choose.
    pub predicted: Option<Task>,
    /// Whether that is whom the kernel chose; `null` when nobody was, when the table lacks whoever was,
    /// when no score can be computed, or when it depends on a total of which the text leaves a range.
    pub agrees: Option<bool>,
    /// Why the kernel did not go by scores, where it did not.
    pub not_by_score: Option<NotByScore>,
    /// What this kernel is known to do wrong, where that explains its choice.
    pub kernel_fault: Option<KernelFault>,
    /// The place of the chosen in `rows`, from 1.
    pub rank_of_chosen: Option<usize>,
    /// Points between the first and the second.
    pub margin: Option<i64>,
    /// Whom these rules would have chosen had every adjustment been 0, where that is another.
    pub without_adjustments: Option<Task>,
    /// The score that the kernel printed for its choice.
    pub logged_score: Option<i64>,
    /// What it should have printed, from and to; the same twice when the total is known.
    pub computed_score: Option<(i64, i64)>,
    /// The same where the text has another score, with the resident pages that each counter of a
    /// task may have lagged behind when the kernel chose (2.6.34 to 6.1): from and to.
    pub score_at_choice: Option<(i64, i64)>,
    /// Possible reasons, where these rules choose another or compute another score.
    pub doubts: Vec<Doubt>,
}

/// Why the kernel did not go by scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotByScore {
    /// `vm.oom_kill_allocating_task`: whoever asks dies.
    AllocatingTask,
    /// It was switching swap off, and what came back needed the page: such a task is chosen before all
    /// others (`oom_task_origin()`).
    Swapoff,
}

/// What a kernel is known to have done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KernelFault {
    /// It compared points without their sign, so that whoever had fewer than none came first
    /// (linux-next of July 2020, before 5.9).
    UnsignedPoints,
}

/// One task of the table, with its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TaskScore {
    /// Process (or thread) id.
    pub pid: Option<Pid>,
    /// The process.
    pub tgid: Option<Pid>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its name.
    pub name: Option<Name>,
    /// The kernel's internal score: pages since 3.5, thousandths of the total from 2.6.36 to 3.4;
    /// `null` before.
    pub points: Option<i64>,
    /// What of it the adjustment is worth, in the same unit.
    pub points_of_adjustment: Option<i64>,
    /// Resident memory, bytes.
    pub resident: Option<Bytes>,
    /// Swapped out, bytes.
    pub swap: Option<Bytes>,
    /// Page tables, bytes.
    pub page_tables: Option<Bytes>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<ScoreAdj>,
}

/// A possible reason for a difference between these rules and the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The chosen is not in the table: the text is cut, or it joined later.
    NotInTable,
    /// With the most that the total can be, these rules agree.
    Total,
    /// Without the bonus for root, or with it for everybody of the same user, these rules agree.
    RootBonus,
    /// Swap and page tables are in the score and not in the table.
    ColumnsMissing,
    /// The table's counters are approximations by this release, and the two are near.
    CountersApproximate,
    /// The kernel read the counters for its choice earlier than for the table.
    ReadAtDifferentMoments,
    /// The first of these rules was perhaps dying already, or turning swap off, which the text does
    /// not show; or this kernel chooses otherwise than mainline's of its number.
    Unseen,
}

/// The allocator's last test of a zone with a change made: it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Retest {
    /// What is free for the request then, bytes.
    pub usable: i64,
    /// What it must exceed: the mark and the reserve, bytes.
    pub needed: Bytes,
}

/// What would have prevented this kill. Each was tried: by the allocator's test, by the charge to
/// the cgroup, or by choosing again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prevention {
    /// Nothing of what follows for long: the kernel holds more than all programs and files together,
    /// and no limit, swap or death gives that back.
    KernelHolds {
        /// What holds it; `null` when no counter of the report knows it.
        holder: Option<Holder>,
        /// How much, bytes.
        bytes: Bytes,
        /// What programs and files have, bytes.
        users: Bytes,
        /// The largest that the kernel names: a slab cache, or a place that allocates.
        largest: Option<CacheSize>,
    },
    /// So much more free in a zone, and the allocator's last test passes.
    FreeMore {
        /// The zone's node.
        node: Option<u32>,
        /// The zone that needs least.
        zone: Name,
        /// How much, bytes.
        bytes: Bytes,
        /// The test then.
        then: Retest,
    },
    /// Swap for that much: so much of anonymous memory could have gone there.
    Swap {
        /// At least this much more swap, bytes.
        bytes: Bytes,
        /// Anonymous memory that could have moved, bytes.
        movable: Bytes,
        /// Swap there was none at all.
        had_none: bool,
        /// The test then.
        then: Retest,
    },
    /// Huge pages of the pool that nobody used, given back.
    HugePool {
        /// How much they are on the zone's node, bytes.
        unused: Bytes,
        /// The test then.
        then: Retest,
    },
    /// Files in tmpfs, and shared memory, given back in part.
    Tmpfs {
        /// What they hold, bytes.
        held: Bytes,
        /// What of it would have served, bytes.
        bytes: Bytes,
        /// The test then.
        then: Retest,
    },
    /// `vm.min_free_kbytes` as the kernel chooses it.
    MinFree {
        /// As it was, bytes.
        now: Bytes,
        /// What the kernel chooses by itself, with huge pages on, bytes.
        chosen: Bytes,
        /// The test then.
        then: Retest,
    },
    /// `vm.overcommit_memory` 2 at its default ratio: requests had been refused before.
    StrictOvercommit {
        /// What could be promised then (`CommitLimit`), bytes.
        limit: Bytes,
        /// What was taken, at least, bytes.
        taken: Bytes,
    },
    /// Single pages: they would have been served.
    SinglePages,
    /// A higher limit of the cgroup, for this request alone.
    GroupLimit {
        /// The limit must be this at least, bytes.
        at_least: Bytes,
        /// So much more than it is, bytes.
        more: Bytes,
        /// What is charged then, bytes.
        charged: Bytes,
    },
    /// Room in the cgroup's swap, which was full or forbidden, for this request alone.
    GroupSwap {
        /// So much more, bytes.
        bytes: Bytes,
        /// Anonymous memory that could have moved, bytes.
        movable: Bytes,
        /// The limit on swap, bytes.
        limit: Bytes,
    },
    /// Another adjustment of the chosen: then another dies. Tried by choosing again.
    Adjust {
        /// The chosen.
        task: Task,
        /// Its adjustment.
        from: ScoreAdj,
        /// The highest with which it lives.
        to: ScoreAdj,
        /// Who dies then.
        then: Task,
    },
    /// Another adjustment of the runner-up: then that one dies. Tried by choosing again.
    Sacrifice {
        /// The runner-up.
        task: Task,
        /// Its adjustment.
        from: ScoreAdj,
        /// The lowest with which it dies.
        to: ScoreAdj,
        /// Who lives then.
        instead_of: Task,
    },
    /// `vm.oom_kill_allocating_task` 0: the choice by points.
    ChooseByScore {
        /// Who dies then.
        then: Task,
    },
}

/// What cannot be said, and which missing part would have told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// Who asked for what: the first line is not in the text.
    Header,
    /// The machine's memory: `Mem-Info` is not in the text.
    MemInfo,
    /// The machine's memory: reports about cgroups do not print it (since 3.9).
    MemInfoOfGroup,
    /// The machine's RAM: `pages RAM` has a digit too many or too few for the zones, whose sum was
    /// taken.
    TotalRam,
    /// The cgroup's usage and limit.
    GroupBlock,
    /// What the cgroup's memory is made of.
    GroupStats,
    /// Free memory by zone.
    Zones,
    /// Which reserve of a zone holds for this request.
    Reserve,
    /// The scores: the table of tasks is not in the text.
    Table,
    /// Who was killed.
    KillLine,
    /// The kernel's release.
    Release,
    /// The size of a page.
    PageSize,
    /// The scores: before 2.6.36 they also depend on CPU time, run time, nice and children.
    OldScore,
    /// Swap of the tasks: this table has no such column.
    SwapOfTasks,
    /// The machine's swap: reports about cgroups do not print it, and it is part of the total.
    SwapOfMachine,
    /// Capabilities of the tasks; user 0 was taken for privileged.
    Capabilities,
    /// Which child died for its parent: the table does not name parents.
    Children,
}
