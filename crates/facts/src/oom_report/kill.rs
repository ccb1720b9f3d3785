//! Who was killed, and what became of it.

use units::{Bytes, Pid, ScoreAdj};

use crate::Name;

/// The summary line of `oom_kill_process()` (5.0).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OomKillLine {
    /// What bounded the request.
    pub constraint: Option<Constraint>,
    /// Nodes the request was bound to; `(null)` is any.
    pub nodemask: Option<Name>,
    /// The cpuset of the task that asked.
    pub cpuset: Option<Name>,
    /// Nodes that cpuset allows.
    pub mems_allowed: Option<Name>,
    /// The memory cgroup whose limit was hit.
    pub oom_memcg: Option<Name>,
    /// The machine ran out, no group.
    pub global: bool,
    /// The victim's memory cgroup.
    pub task_memcg: Option<Name>,
    /// The victim's name.
    pub task: Option<Name>,
    /// The victim.
    pub pid: Option<Pid>,
    /// The victim's real user.
    pub uid: Option<u32>,
}

/// What bounded the request: `oom_constraint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// `CONSTRAINT_NONE`: nothing did.
    None,
    /// `CONSTRAINT_CPUSET`.
    Cpuset,
    /// `CONSTRAINT_MEMORY_POLICY`.
    MemoryPolicy,
    /// `CONSTRAINT_MEMCG`.
    Memcg,
    /// A name mainline does not have.
    Other(Name),
}

/// The words before `Kill process` and `Killed process`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KillCause {
    /// `Out of memory`, `Out of Memory`: the machine, a cpuset or a memory policy.
    OutOfMemory,
    /// `Out of memory (oom_kill_allocating_task)` (2.6.24): whoever asked.
    AllocatingTask,
    /// `Memory cgroup out of memory` (2.6.25).
    MemoryCgroup,
    /// `No available memory (MPOL_BIND)`, `No available memory in cpuset` (to 2.6.35), or words
    /// that mainline does not have.
    Other(Name),
}

/// One kill: the line that announces it (to 5.0), the line that says it was done, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kill {
    /// The words before it; `None` when the line has none.
    pub cause: Option<KillCause>,
    /// The process that was chosen (to 5.0); the one that dies may be its child.
    pub chosen_pid: Option<Pid>,
    /// The chosen process's name.
    pub chosen_name: Option<Name>,
    /// The score it was chosen for (2.6.16 to 5.0): out of 1000 since 2.6.36, and sometimes above.
    pub score: Option<i64>,
    /// The process that was killed.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
    /// Its address space (2.6.33).
    pub total_vm: Option<Bytes>,
    /// Its anonymous pages (2.6.33).
    pub anon_rss: Option<Bytes>,
    /// Its file pages (2.6.33).
    pub file_rss: Option<Bytes>,
    /// Its shared-memory pages (4.5).
    pub shmem_rss: Option<Bytes>,
    /// Its real user (5.4, and Red Hat's kernels before).
    pub uid: Option<u32>,
    /// Its page tables (5.4).
    pub pgtables: Option<Bytes>,
    /// Its `oom_score_adj` (5.4).
    pub oom_score_adj: Option<ScoreAdj>,
    /// Processes killed because they share its memory (2.6.37 to 4.3).
    pub sharing: Vec<(Pid, Name)>,
}

/// A line about a victim's memory after the kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReaperLine {
    /// `oom_reaper: reaped process …` (4.6).
    Reaped(Reaped),
    /// `oom_reaper: unable to reap pid:…` (4.6).
    UnableToReap {
        /// The victim.
        pid: Option<Pid>,
        /// Its name.
        name: Option<Name>,
    },
    /// `oom_reaper: giving up pid:…` (4.8).
    GivingUp {
        /// The victim.
        pid: Option<Pid>,
        /// Its name.
        name: Option<Name>,
    },
    /// `oom killer … has mm pinned by …` (4.8): the memory lives on in another process.
    Pinned {
        /// The victim.
        pid: Option<Pid>,
        /// Its name.
        name: Option<Name>,
        /// Who holds the memory.
        by_pid: Option<Pid>,
        /// Its name.
        by_name: Option<Name>,
    },
}

/// What the reaper left of a victim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reaped {
    /// The victim.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
    /// Anonymous pages left.
    pub anon_rss: Option<Bytes>,
    /// File pages left.
    pub file_rss: Option<Bytes>,
    /// Shared-memory pages left.
    pub shmem_rss: Option<Bytes>,
}

/// `OOM victim … is already exiting. Skip killing the task` (5.9).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SkippedVictim {
    /// The words before it.
    pub cause: Option<KillCause>,
    /// The task.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
}

/// A report that ends without a victim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// Which message.
    pub kind: PanicKind,
    /// The kernel stopped: the message came with `Kernel panic - not syncing`.
    pub panicked: bool,
    /// The message, as printed.
    pub text: Name,
}

/// Why there is no victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanicKind {
    /// `Out of memory and no killable processes...`; since 4.19 first a warning, and the panic that
    /// may follow says `System is deadlocked on memory`.
    NoKillableProcess,
    /// `vm.panic_on_oom`: `compulsory` or `system-wide panic_on_oom is enabled`, or older words.
    PanicOnOom,
}
