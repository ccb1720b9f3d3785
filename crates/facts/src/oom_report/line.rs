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
