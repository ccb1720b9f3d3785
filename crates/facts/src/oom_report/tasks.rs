//! The table of tasks (2.6.25; by default since 2.6.36).

use units::{Bytes, OomAdj, Pages, Pid, ScoreAdj};

use crate::Name;

/// `dump_tasks()`: tasks that could be killed, in the order the kernel looks at them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskTable {
    /// The columns its header named; `None` when the header is not in the text.
    pub columns: Option<TaskColumns>,
    /// The rows.
    pub rows: Vec<TaskRow>,
}

/// Which of the columns between `rss` and `name` the table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskColumns {
    /// `cpu oom_adj` (2.6.25 to 2.6.35).
    CpuAdj,
    /// `cpu oom_adj oom_score_adj` (2.6.36 to 3.5).
    CpuAdjScoreAdj,
    /// `nr_ptes swapents oom_score_adj` (3.6 to 3.19).
    Ptes,
    /// `nr_ptes nr_pmds swapents oom_score_adj` (4.0 to 4.14).
    PtesPmds,
    /// `pgtables_bytes swapents oom_score_adj` (4.15 to 6.7).
    PgtablesBytes,
    /// `rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj` (6.8).
    SplitRss,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskRow {
    /// A thread that still has memory; usually the process itself.
    pub pid: Option<Pid>,
    /// Real user.
    pub uid: Option<u32>,
    /// The process.
    pub tgid: Option<Pid>,
    /// Size of the address space.
    pub total_vm: Option<Pages>,
    /// Resident pages, shared ones in full.
    pub rss: Option<Pages>,
    /// Anonymous part of it (6.8).
    pub rss_anon: Option<Pages>,
    /// File part of it (6.8).
    pub rss_file: Option<Pages>,
    /// Shared-memory part of it (6.8).
    pub rss_shmem: Option<Pages>,
    /// The cpu it ran on last (to 3.5).
    pub cpu: Option<u32>,
    /// Page-table pages of the last level (3.6 to 4.14).
    pub nr_ptes: Option<u64>,
    /// Page-table pages of the level above (4.0 to 4.14).
    pub nr_pmds: Option<u64>,
    /// All page tables, in bytes although the title says pages (4.15).
    pub pgtables: Option<Bytes>,
    /// Swap slots (3.6).
    pub swapents: Option<Pages>,
    /// `oom_adj` (to 3.5).
    pub oom_adj: Option<OomAdj>,
    /// `oom_score_adj` (2.6.36).
    pub oom_score_adj: Option<ScoreAdj>,
    /// The task's name: at most 15 bytes, any bytes.
    pub name: Option<Name>,
}
