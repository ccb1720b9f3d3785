//! What the kernel printed when it ran out of memory, as plain data.
//!
//! An [`OomReport`] is what one printing of the kernel says: mostly an OOM kill, sometimes only a
//! failed allocation or a SysRq that prints the same blocks. Each section stands alone, because logs
//! are cut by ring buffers, reboots and the people who paste them: what was not in the text is
//! `None` or empty, never 0.
//!
//! Pages and kB are kept as the kernel printed them: the page size is itself a finding
//! ([`OomReport::page_size`]).

mod counters;
mod kill;
mod line;
mod memcg;
mod memory;
mod reporter;
mod slab;
mod tasks;
mod trigger;

pub use counters::{GlobalCounters, MemcgCounters, NodeCounters, OtherCounter, ZoneCounters};
pub use kill::{
    Constraint, Kill, KillCause, OomKillLine, Panic, PanicKind, Reaped, ReaperLine, SkippedVictim,
};
pub use line::{LineKind, Record, Records, SourceLine, Stamp};
pub use memcg::{MemcgBlock, MemcgProtection, MemcgStats, MemcgUsage};
pub use memory::{
    AllocationSite, AllocationSites, Buddy, BuddyBlocks, HugePool, NodeMemory, PcpCpu, PcpList,
    ShowMem, Swap, Totals, ZoneMemory,
};
pub use reporter::Reporter;
pub use slab::{SlabCache, SlabDump};
pub use tasks::{TaskColumns, TaskRow, TaskTable};
pub use trigger::{GfpMask, Trigger, TriggerKind};

use units::{PageSize, Pid};

/// One printing of the kernel about missing memory: see the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OomReport {
    /// What set it off; `None` when the head of the report is not in the text.
    pub trigger: Option<Trigger>,
    /// Who printed it: the lines of `dump_stack()`.
    pub reporter: Reporter,
    /// The memory cgroup whose limit was hit, and its ancestors' and descendants' figures.
    pub memcg: Option<MemcgBlock>,
    /// The machine's memory: `Mem-Info` and what follows it.
    pub memory: Option<ShowMem>,
    /// `Unreclaimable slab info` (4.15).
    pub slab: Option<SlabDump>,
    /// `Memory cgroup min protection … -- low protection …` (6.19).
    pub protection: Option<MemcgProtection>,
    /// The table of tasks that could be killed.
    pub tasks: Option<TaskTable>,
    /// The summary line `oom-kill:` (5.0).
    pub oom_kill: Option<OomKillLine>,
    /// The kills, in the order they were printed; more than one with `memory.oom.group`.
    pub kills: Vec<Kill>,
    /// The group that dies as a whole because of `memory.oom.group` (4.19).
    pub group_kill: Option<crate::Name>,
    /// What became of the victims' memory.
    pub reaper: Vec<ReaperLine>,
    /// A victim that was not killed because it was dying already (5.9).
    pub skipped: Vec<SkippedVictim>,
    /// The panic, or the warning that nobody can be killed.
    pub panic: Option<Panic>,
    /// Size of a page on the machine, where the report itself shows it.
    pub page_size: Option<PageSize>,
    /// Every line of the report as it stood in the text, with what it was taken for.
    pub lines: Vec<SourceLine>,
}

impl OomReport {
    /// The lines nothing could be made of.
    pub fn unknown_lines(&self) -> impl Iterator<Item = &SourceLine> {
        self.lines.iter().filter(|line| line.kind == LineKind::Unknown)
    }

    /// The process that died first, or was announced to: from the kill lines, else the summary.
    pub fn victim_pid(&self) -> Option<Pid> {
        let kill = self.kills.first();
        kill.and_then(|kill| kill.pid.or(kill.chosen_pid))
            .or_else(|| self.oom_kill.as_ref().and_then(|line| line.pid))
    }

    /// Its name.
    pub fn victim_name(&self) -> Option<&crate::Name> {
        let kill = self.kills.first();
        kill.and_then(|kill| kill.name.as_ref().or(kill.chosen_name.as_ref()))
            .or_else(|| self.oom_kill.as_ref().and_then(|line| line.task.as_ref()))
    }

    /// The report without the text it came from: what it says.
    #[must_use]
    pub fn without_lines(mut self) -> OomReport {
        self.lines = Vec::new();
        self
    }
}
