//! One line of the kernel, without its prefix: what kind it is, and what it says.
//!
//! [`read`] is chosen by the text alone; what depends on lines before it (the columns of the task
//! table, whether figures of a memory cgroup may follow) is in the [`Context`].

mod counters;
mod header;
mod kill;
mod memcg;
mod memory;
mod slab;
mod tasks;
mod totals;
mod trace;

use facts::Name;
use facts::oom_report::{
    AllocationSite, Buddy, HugePool, Kill, LineKind, MemcgProtection, MemcgUsage, OomKillLine,
    Panic, PcpList, ReaperLine, SkippedVictim, SlabCache, Swap, TaskColumns, TaskRow, Trigger,
};
use units::{Bytes, Pages};

pub(crate) use counters::{Token, tokens};
pub(crate) use kill::limited_name;
pub(crate) use tasks::{LONGEST_NAME, guess_columns, task_row};
pub(crate) use trace::CpuLine;

/// What lines before this one make of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context {
    /// The columns of the table whose header came last.
    pub(crate) columns: Option<TaskColumns>,
    /// The section the last line belonged to.
    pub(crate) section: Option<LineKind>,
}

/// Whether more text could belong to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    /// Something is missing: text that carries it on belongs to it.
    Wanted,
    /// Complete, but some releases print more: text belongs to it if all of it is understood.
    Possible,
    /// Nothing follows.
    No,
}

/// A line that was understood.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) item: Item<'a>,
    /// Bytes of the line that were understood, from its start.
    pub(crate) consumed: usize,
    pub(crate) more: More,
    /// Where it cannot be mistaken for another program's line: enough to begin a report.
    pub(crate) strong: bool,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    SysRq,
    Trigger(Box<Trigger>),
    CompactionDisabled,
    Cpuset {
        cpuset: &'a [u8],
        mems: Option<&'a [u8]>,
    },
    Cpu(Box<CpuLine<'a>>),
    Taints(&'a [u8]),
    Hardware(&'a [u8]),
    Workqueue(&'a [u8]),
    TraceStart,
    Frame(&'a [u8]),
    Registers,
    MemcgTask {
        task: Option<&'a [u8]>,
        limit: Option<&'a [u8]>,
    },
    MemcgUsage(UsageOf, MemcgUsage),
    MemcgStats {
        path: &'a [u8],
        figures: &'a [u8],
    },
    MemcgStat(&'a [u8], u64),
    Protection(MemcgProtection),
    MemInfo,
    FreePages {
        free: Option<Bytes>,
        highmem: Option<Bytes>,
    },
    Global(&'a [u8]),
    PerCpuOf {
        node: Option<u32>,
        zone: &'a [u8],
    },
    PerCpu {
        cpu: u32,
        lists: [Option<PcpList>; 2],
        cold: bool,
    },
    Node {
        node: Option<u32>,
        figures: &'a [u8],
    },
    Zone {
        node: Option<u32>,
        zone: &'a [u8],
        figures: &'a [u8],
    },
    /// More figures of the node or zone before it.
    Figures(&'a [u8]),
    LowmemReserve(Option<Vec<Pages>>),
    Buddy {
        node: Option<u32>,
        zone: &'a [u8],
        buddy: Buddy,
    },
    EmptyZone,
    HugePool(HugePool),
    PageCache(Pages),
    Swap(Swap),
    Total(Total, Pages),
    /// Figures of `show_mem()` of an architecture that say nothing new.
    OtherTotal,
    AllocationsStart(Option<bool>),
    Allocation(AllocationSite),
    SlabStart,
    SlabHeader,
    SlabRefused,
    Slab(SlabCache),
    TasksTitle,
    TasksHeader(Option<TaskColumns>),
    /// A row, and what it says if its columns are known.
    Task {
        body: &'a [u8],
        row: Option<Box<TaskRow>>,
    },
    OomKill(Box<OomKillLine>),
    Kill(Box<Kill>),
    Sharing {
        pid: Option<u32>,
        name: &'a [u8],
    },
    GroupKill(&'a [u8]),
    Reaper(ReaperLine),
    Skipped(SkippedVictim),
    Panic(Panic),
    Suppressed,
}

pub(crate) use totals::Total;

/// Which of the usages a memory cgroup prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsageOf {
    Memory,
    MemorySwap,
    Swap,
    Kmem,
}

impl Item<'_> {
    /// The section it belongs to.
    pub(crate) fn kind(&self) -> LineKind {
        match self {
            Item::SysRq | Item::Trigger(_) | Item::CompactionDisabled | Item::Cpuset { .. } => {
                LineKind::Header
            }
            Item::Cpu(_)
            | Item::Taints(_)
            | Item::Hardware(_)
            | Item::Workqueue(_)
            | Item::TraceStart
            | Item::Frame(_)
            | Item::Registers => LineKind::Trace,
            Item::MemcgTask { .. }
            | Item::MemcgUsage(..)
            | Item::MemcgStats { .. }
            | Item::MemcgStat(..)
            | Item::Protection(_) => LineKind::Memcg,
            Item::MemInfo | Item::FreePages { .. } | Item::Global(_) => LineKind::Counters,
            Item::PerCpuOf { .. } | Item::PerCpu { .. } => LineKind::PerCpu,
            Item::Node { .. } => LineKind::Node,
            Item::Zone { .. } | Item::LowmemReserve(_) | Item::Figures(_) => LineKind::Zone,
            Item::Buddy { .. } | Item::EmptyZone => LineKind::Buddy,
            Item::HugePool(_) => LineKind::HugePages,
            Item::PageCache(_) | Item::Swap(_) => LineKind::Swap,
            Item::Total(..) | Item::OtherTotal => LineKind::Totals,
            Item::AllocationsStart(_) | Item::Allocation(_) => LineKind::Allocations,
            Item::SlabStart | Item::SlabHeader | Item::SlabRefused | Item::Slab(_) => {
                LineKind::Slab
            }
            Item::TasksTitle | Item::TasksHeader(_) | Item::Task { .. } => LineKind::Tasks,
            Item::OomKill(_) | Item::Kill(_) | Item::Sharing { .. } | Item::GroupKill(_) => {
                LineKind::Kill
            }
            Item::Reaper(_) | Item::Skipped(_) => LineKind::Reaper,
            Item::Panic(_) => LineKind::Panic,
            Item::Suppressed => LineKind::Suppressed,
        }
    }
}

impl<'a> Reading<'a> {
    /// A reading of the whole line that nothing can follow.
    fn whole(item: Item<'a>, body: &[u8]) -> Self {
        Reading { item, consumed: body.len(), more: More::No, strong: true }
    }

    fn weak(mut self) -> Self {
        self.strong = false;
        self
    }

    fn more(mut self, more: More) -> Self {
        self.more = more;
        self
    }
}

/// Reads a line without its prefix; `None` if it is no line of a report.
///
/// Lines that begin with a task's name may look like any other at first; so what is told by its
/// beginning counts at once only if it is understood to its end.
pub(crate) fn read(body: &[u8], context: Context) -> Option<Reading<'_>> {
    let body = body.trim_ascii();
    let &first = body.first()?;
    let told = match first {
        b'[' => tasks::read(body, context),
        b'C' | b'P' if trace::is_cpu_line(body) => return trace::read(body, context),
        _ => kill::read(body)
            .or_else(|| memory::read(body, context))
            .or_else(|| totals::read(body))
            .or_else(|| memcg::figures(body, context))
            .or_else(|| slab::read(body, context)),
    };
    if told.as_ref().is_some_and(|reading| reading.consumed == body.len()) {
        return told;
    }
    header::invoked(body)
        .or(told)
        .or_else(|| memcg::read(body))
        .or_else(|| tasks::read_title(body))
        .or_else(|| trace::read(body, context))
        .or_else(|| header::read(body))
}

/// The bytes of `body` before `rest`, which is its end.
fn consumed(body: &[u8], rest: &[u8]) -> usize {
    body.len() - rest.len()
}

fn name(bytes: &[u8]) -> Name {
    Name::copy_of(bytes)
}
