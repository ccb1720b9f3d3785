//! What set the report off.

use units::{OomAdj, ScoreAdj};

use crate::Name;

/// Which message begins the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TriggerKind {
    /// `… invoked oom-killer: …` (`dump_header()`).
    #[default]
    OomKiller,
    /// `… page allocation failure …` (`warn_alloc()`): nobody is killed.
    AllocationFailure,
    /// SysRq m, `Show Memory`: nothing failed.
    ShowMemory,
}

/// The first line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trigger {
    /// Which message it is.
    pub kind: TriggerKind,
    /// Name of the task that asked for memory (2.6.19); at most 15 bytes, any bytes.
    pub comm: Option<Name>,
    /// The flags of the request.
    pub gfp: Option<GfpMask>,
    /// The request was for 2^order pages; -1 is "nobody asked", a SysRq since 4.3.
    pub order: Option<i32>,
    /// Nodes the request was bound to, where the header says (4.9 to 4.20); `(null)` is any.
    pub nodemask: Option<Name>,
    /// `oom_adj` or `oomkilladj` of the task that asked (2.6.19 to 3.6).
    pub oom_adj: Option<OomAdj>,
    /// `oom_score_adj` of the task that asked (2.6.36).
    pub oom_score_adj: Option<ScoreAdj>,
    /// A person asked for it: `Manual OOM execution` (SysRq f) stood before the header.
    pub sysrq: bool,
    /// `COMPACTION is disabled!!!` followed (4.9).
    pub compaction_disabled: bool,
    /// The task's cpuset, its last component (2.6.29 to 4.20).
    pub cpuset: Option<Name>,
    /// Nodes the task's cpuset allows (2.6.29 to 4.20).
    pub mems_allowed: Option<Name>,
}

/// A `gfp_mask`: the number, and the names the kernel itself printed for it (4.6).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GfpMask {
    /// The bits; which bit means what depends on the release.
    pub mask: u64,
    /// The names between the brackets, as printed; `Some("")` for `0x0()`.
    pub names: Option<Name>,
}
