//! What the formulas read about a task.

use facts::Capabilities;
use units::{OomAdj, ScoreAdj};

/// One task's figures, in the kernel's units. A formula reads those that its release knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Size of the address space, pages (`total_vm`).
    pub total_vm: u64,
    /// The address spaces of its children, where they are not its own.
    pub children: ChildrenVm,
    /// CPU time in user and kernel mode, ticks of the kernel's timer (jiffies).
    pub cpu_jiffies: u64,
    /// Time since its start, jiffies.
    pub age_jiffies: u64,
    /// Time since its start, seconds: whole seconds of uptime less whole seconds of start.
    pub age_s: u64,
    /// Nice value.
    pub nice: i64,
    /// Real or effective user id 0.
    pub root: bool,
    /// Effective capabilities.
    pub caps: Capabilities,
    /// Its allowed nodes do not meet those of the task that ran out.
    pub other_nodes: bool,
    /// `oom_adj`.
    pub oom_adj: OomAdj,
    /// Resident pages.
    pub rss: u64,
    /// Swap entries, pages.
    pub swap: u64,
    /// Page tables as `VmPTE` counts them, pages: the lowest level until 4.14, all levels since.
    pub ptes: u64,
    /// Page tables of the second-lowest level, pages (`VmPMD`, 4.0 to 4.14).
    pub pmds: u64,
    /// `oom_score_adj`.
    pub oom_score_adj: ScoreAdj,
    /// It turns swap off or unmerges KSM pages: the one to blame.
    pub origin: bool,
}

impl Default for Subject {
    /// A task without memory, time or privilege.
    fn default() -> Self {
        Subject {
            total_vm: 0,
            children: ChildrenVm::default(),
            cpu_jiffies: 0,
            age_jiffies: 0,
            age_s: 0,
            nice: 0,
            root: false,
            caps: Capabilities(0),
            other_nodes: false,
            oom_adj: OomAdj::NONE,
            rss: 0,
            swap: 0,
            ptes: 0,
            pmds: 0,
            oom_score_adj: ScoreAdj::NONE,
            origin: false,
        }
    }
}

/// The address spaces of a task's children, added up in the two ways that kernels have done it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChildrenVm {
    /// Σ `total_vm`, pages.
    pub whole: u64,
    /// Σ (`total_vm` / 2 + 1), pages.
    pub halves: u64,
}

impl ChildrenVm {
    /// One more child with an address space of its own.
    pub fn add(&mut self, total_vm: u64) {
        self.whole = self.whole.saturating_add(total_vm);
        self.halves = self.halves.saturating_add(total_vm / 2 + 1);
    }
}
