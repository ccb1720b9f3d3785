//! The lines of a report, as they stood in the text.

use std::fmt;
use std::ops::{Deref, DerefMut};

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
    pub records: Records,
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

/// What a line says: mostly one thing, which is kept without memory of its own, as a report has a
/// thousand lines.
#[derive(Clone, PartialEq, Eq)]
pub struct Records(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    AtMostOne(Option<Record>),
    #[expect(clippy::box_collection, reason = "so that what is rare makes no line larger")]
    Several(Box<Vec<Record>>),
}

impl Records {
    /// Nothing yet.
    pub const fn new() -> Self {
        Records(Kept::AtMostOne(None))
    }

    /// This alone.
    pub const fn one(record: Record) -> Self {
        Records(Kept::AtMostOne(Some(record)))
    }

    /// Adds what the line says besides.
    pub fn push(&mut self, record: Record) {
        match &mut self.0 {
            Kept::AtMostOne(none @ None) => *none = Some(record),
            Kept::AtMostOne(Some(first)) => self.0 = Kept::Several(Box::new(vec![*first, record])),
            Kept::Several(all) => all.push(record),
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        Records::new()
    }
}

impl Deref for Records {
    type Target = [Record];

    fn deref(&self) -> &[Record] {
        match &self.0 {
            Kept::AtMostOne(one) => one.as_slice(),
            Kept::Several(all) => all,
        }
    }
}

impl DerefMut for Records {
    fn deref_mut(&mut self) -> &mut [Record] {
        match &mut self.0 {
            Kept::AtMostOne(one) => one.as_mut_slice(),
            Kept::Several(all) => all,
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_a_list_whatever_their_number() {
        let mut records = Records::new();
        let mut all = Vec::new();
        for record in [Record::Task(3), Record::Continued, Record::Frame(1)] {
            assert_eq!((&records[..], format!("{records:?}")), (&all[..], format!("{all:?}")));
            records.push(record);
            all.push(record);
            records[0] = Record::SysRq;
            all[0] = Record::SysRq;
        }
        assert_eq!(&records[..], &all[..]);
        assert_eq!(size_of::<Records>(), size_of::<Record>());
    }
}
