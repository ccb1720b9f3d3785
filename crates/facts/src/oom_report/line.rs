//! The lines of a report, as they stood in the text.

use crate::Name;

/// One line of the text, and what it was taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// Its number in the text, from 1.
    pub number: u64,
    /// What it was taken for.
    pub kind: LineKind,
    /// When it was printed, if the line says so.
    pub stamp: Option<Stamp>,
    /// What the kernel says on it, as places in the report: mostly one thing, several where several
    /// of its lines were put on one line of the text, none on lines nothing could be made of.
    pub records: Vec<Record>,
    /// The line, as it stood there.
    pub text: Name,
}

/// When a line was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stamp {
    /// Microseconds since boot: `[ 1234.567890]`.
    Boot(u64),
    /// A date or a time of day, as it stood there, in whatever language and zone.
    Wall(Name),
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineKind {
    /// The first line: `invoked oom-killer`, `page allocation failure`, SysRq, compaction, cpuset.
    Header,
    /// Cpu, taints, hardware, registers and the call trace.
    Trace,
    /// The memory cgroup's block.
    Memcg,
    /// `Mem-Info:` and the machine-wide counters.
    Counters,
    /// Per-cpu lists.
    PerCpu,
    /// A node.
    Node,
    /// A zone and its reserves.
    Zone,
    /// Free blocks.
    Buddy,
    /// Huge pages.
    HugePages,
    /// Page cache and swap.
    Swap,
    /// Counts of all pages.
    Totals,
    /// Allocation profiling.
    Allocations,
    /// Slab caches.
    Slab,
    /// The task table.
    Tasks,
    /// The summary and the kill.
    Kill,
    /// The reaper.
    Reaper,
    /// Panic, or nobody to kill.
    Panic,
    /// How often the kernel left out a report.
    Suppressed,
    /// Nothing on it, or marks of whoever pasted it: fences, `...`.
    Blank,
    /// Another program's line in between.
    Foreign,
    /// Nothing could be made of it.
    Unknown,
}

/// What a line says, by the place of its figures in the [`OomReport`](super::OomReport).
///
/// Numbers are indices into the list named beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// The end of the record that began on a line before.
    Continued,
    /// `Manual OOM execution`, `Show Memory`: somebody pressed the key.
    SysRq,
    /// `… invoked oom-killer`, `page allocation failure`.
    Trigger,
    /// `COMPACTION is disabled!!!`.
    CompactionDisabled,
    /// `… cpuset=… mems_allowed=…`.
    Cpuset,
    /// `CPU: … PID: … Comm: …`.
    Cpu,
    /// `Tainted: […]=…`.
    Taints,
    /// `Hardware name:`.
    Hardware,
    /// `Workqueue:`.
    Workqueue,
    /// `Call Trace:`.
    TraceStart,
    /// A function: `reporter.trace`.
    Frame(usize),
    /// Registers, `<TASK>` and other marks of the trace.
    Registers,
    /// `Task in … killed as a result of limit of …`.
    MemcgTask,
    /// `memory: usage …`.
    MemcgMemory,
    /// `memory+swap: usage …`.
    MemcgMemorySwap,
    /// `swap: usage …`.
    MemcgSwap,
    /// `kmem: usage …`.
    MemcgKmem,
    /// `Memory cgroup stats for …`: `memcg.stats`.
    MemcgStats(usize),
    /// One figure of the group: `memcg.stats`, and its `counters`.
    MemcgStat(usize, usize),
    /// `Memory cgroup min protection …`.
    Protection,
    /// `Mem-Info:`.
    MemInfo,
    /// `Free pages:`.
    FreePages,
    /// Counters of the machine.
    Counters,
    /// `… per-cpu:`: `memory.zones`.
    PerCpuOf(usize),
    /// A cpu's lists: `memory.zones`.
    PerCpu(usize),
    /// A node: `memory.nodes`.
    Node(usize),
    /// A zone: `memory.zones`.
    Zone(usize),
    /// More figures of the node or zone before.
    Figures,
    /// `lowmem_reserve[]:`: `memory.zones`.
    LowmemReserve(usize),
    /// Free blocks: `memory.zones`.
    Buddy(usize),
    /// A zone without memory.
    EmptyZone,
    /// A pool of huge pages: `memory.huge_pools`.
    HugePool(usize),
    /// `total pagecache pages`.
    PageCache,
    /// Any line about swap.
    Swap,
    /// A count of the machine's pages.
    Total,
    /// `Memory allocations:`.
    AllocationsStart,
    /// A place in the kernel: `memory.allocations.sites`.
    Allocation(usize),
    /// `Unreclaimable slab info:`.
    SlabStart,
    /// `Name Used Total`.
    SlabHeader,
    /// `… cannot dump stats`.
    SlabRefused,
    /// A cache: `slab.caches`.
    Slab(usize),
    /// `Tasks state (memory values in pages):`.
    TasksTitle,
    /// The names of the columns.
    TasksHeader,
    /// A task: `tasks.rows`.
    Task(usize),
    /// A row whose columns nothing tells.
    UnreadTask,
    /// `oom-kill:constraint=…`.
    OomKill,
    /// `Kill process`, `Killed process`: `kills`.
    Kill(usize),
    /// `Kill process … sharing same memory`.
    Sharing,
    /// `Tasks in … are going to be killed …`.
    GroupKill,
    /// What became of the memory: `reaper`.
    Reaper(usize),
    /// `OOM victim … is already exiting`: `skipped`.
    Skipped(usize),
    /// Panic, or nobody to kill.
    Panic,
    /// `… callbacks suppressed`.
    Suppressed,
}
