//! How a release kills: whom it looks at, in which order, when it waits instead, and who dies with
//! the one it chose.
//!
//! [`Killer`] is plain data, chosen once by [`Killer::for_release`]. The score itself is
//! [`crate::badness`], who can never be chosen is [`crate::eligible`].
//!
//! # What it follows
//! `out_of_memory()`, `select_bad_process()`, `oom_evaluate_task()`, `oom_kill_process()`,
//! `oom_kill_task()` and `oom_reap_task()` in `mm/oom_kill.c`, 2.4.22 to 7.2, and
//! `proc_oom_score()`'s sibling `__set_oom_adj()` in `fs/proc/base.c`.
//!
//! # What it leaves out
//! Core dumps, ptrace, and freezing of the killer for suspend.

mod lowmemory;
#[cfg(test)]
mod tests;

use facts::Release;
use units::{OomAdj, Pages, ScoreAdj};

pub use crate::rank::selection::{Sacrifice, Selection, Ties};
pub use lowmemory::{Left, LowMemory, Pressure, Reached};

use crate::badness::Formula;
use crate::eligible::Eligibility;

/// How a release kills. Plain data.
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that one release changed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killer {
    /// The score.
    pub formula: Formula,
    /// Who is never chosen.
    pub eligibility: Eligibility,
    /// Who wins among equals, and whether a child dies in place of the chosen.
    pub selection: Selection,
    /// Whether a child that uses its parent's memory can die for it (2.6.36 to 2.6.38; until then
    /// and since, such a child is passed over).
    pub sacrifices_sharer: bool,
    /// A child that is never to be chosen does not die for its parent either (2.6.20).
    pub spares_disabled_child: bool,
    /// How often it must have been asked, and how long before; `None` since 2.6.11.
    pub patience: Option<Patience>,
    /// What a victim that has not gone yet does to the next choice.
    pub pending: Pending,
    /// What happens to other processes that share the victim's memory.
    pub sharers: Sharers,
    /// A task at -1000 keeps all that share its memory from being chosen (2.6.37 to 3.0).
    pub sharer_protects: bool,
    /// Tasks none of whose memory nodes is one of the asker's are not chosen (2.6.36).
    pub skips_other_nodes: bool,
    /// A child of `vfork` that still borrows its parent's memory is not chosen (4.8).
    pub spares_vfork: bool,
    /// A written `oom_score_adj` is that of all processes which share the memory (4.8).
    pub adj_is_shared: bool,
    /// A victim with direct access to hardware gets SIGTERM (to 2.6.10).
    pub term_for_raw_io: bool,
    /// `vm.oom_kill_allocating_task` exists (2.6.24).
    pub allocating_task: bool,
    /// Whose nodes ran out by a memory policy: the one that asked dies, without a choice (to 2.6.35).
    pub policy_kills_asker: bool,
    /// The same of a cpuset's nodes (2.6.16 to 2.6.23).
    pub cpuset_kills_asker: bool,
    /// What `vm.panic_on_oom` does.
    pub panic: PanicRule,
    /// The thread that takes a victim's memory away.
    pub reaper: Option<Reaper>,
    /// `memory.oom.group` exists (4.19).
    pub groups: bool,
    /// Tasks of a memory cgroup are looked at cgroup by cgroup, parents first, and not in the order
    /// of all tasks (3.6).
    pub walks_cgroups: bool,
    /// So are they listed in the report (5.3).
    pub lists_by_cgroup: bool,
    /// The order that a person's request has in the report: 0, and -1 since 4.3.
    pub manual_order: i32,
    /// `vm.oom_dump_tasks` as the kernel boots: off to 2.6.35.
    pub dumps_tasks: bool,
    /// Which pages of the nodes of a cpuset or policy make the total.
    pub node_pages: NodePages,
}

/// 2.4's and early 2.6's way to be sure: `out_of_memory()` up to 2.6.10. All times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Asked so often in a row,
    pub times: u32,
    /// for so long,
    pub span: u64,
    /// with no gap as long as this,
    pub gap: u64,
    /// and so long after the last kill.
    pub after_kill: u64,
    /// And not as long as a page of swap is free (2.4).
    pub while_swap_is_full: bool,
}

/// What a victim that has not gone yet does to the next choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// It is passed over (to 2.6.10).
    PassedOver,
    /// Nobody is chosen (2.6.11).
    Waits,
}

/// What happens to other processes that share the victim's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharers {
    /// They die (to 2.6.31, 2.6.37 to 3.0, and since 4.8).
    Die,
    /// They live on (2.6.32 to 2.6.36).
    Live,
    /// They die, but for those at -1000 (3.1 to 4.7).
    DieUnlessDisabled,
}

/// What `vm.panic_on_oom` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanicRule {
    /// There is no such setting (to 2.6.17).
    None,
    /// Anything but 0 panics when nothing but the machine bounds the request (2.6.18 to 2.6.21).
    Plain,
    /// And 2 panics always (2.6.22).
    Compulsory,
}

/// The `oom_reaper` (4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaper {
    /// How long after the kill it starts, nanoseconds: at once, and after two seconds since 5.18.
    pub delay: u64,
    /// It leaves locked memory alone (to 5.17).
    pub spares_locked: bool,
}

/// Which pages of a node count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodePages {
    /// From its first to its last (to 5.3).
    Spanned,
    /// Those that are there (5.4).
    Present,
}

/// What `/proc/PID/oom_adj` shows for an `oom_score_adj` (`oom_adj_read()`, 3.7): 17 thousandths of
/// it, cut towards 0, and 15 at most.
pub fn legacy_adj(adj: ScoreAdj) -> OomAdj {
    OomAdj::new((adj.get() * 17 / 1000).min(15)).unwrap_or(OomAdj::NONE)
}

const SECOND: u64 = 1_000_000_000;

impl Killer {
    /// How a mainline release kills.
    pub fn for_release(release: Release) -> Killer {
        let since = |major, minor| release >= Release::new(major, minor);
        let old = |patch| release >= Release::old(2, 6, patch);
        Killer {
            formula: Formula::for_release(release),
            eligibility: Eligibility::for_release(release),
            selection: Selection::for_release(release),
            sacrifices_sharer: old(36) && !old(39),
            spares_disabled_child: old(20),
            patience: (!old(11)).then_some(Patience {
                times: 10,
                span: SECOND,
                gap: 5 * SECOND,
                after_kill: 5 * SECOND,
                while_swap_is_full: !since(2, 5),
            }),
            pending: if old(11) { Pending::Waits } else { Pending::PassedOver },
            sharers: if since(4, 8) || (old(37) && !since(3, 1)) || !old(32) {
                Sharers::Die
            } else if old(37) {
                Sharers::DieUnlessDisabled
            } else {
                Sharers::Live
            },
            sharer_protects: old(37) && !since(3, 1),
            skips_other_nodes: old(36),
            spares_vfork: since(4, 8),
            adj_is_shared: since(4, 8),
            term_for_raw_io: !old(11),
            allocating_task: old(24),
            policy_kills_asker: old(16) && !old(36),
            cpuset_kills_asker: old(16) && !old(24),
            panic: if old(22) {
                PanicRule::Compulsory
            } else if old(18) {
                PanicRule::Plain
            } else {
                PanicRule::None
            },
            reaper: since(4, 6).then_some(Reaper {
                delay: if since(5, 18) { 2 * SECOND } else { 0 },
                spares_locked: !since(5, 18),
            }),
            groups: since(4, 19),
            walks_cgroups: since(3, 6),
            lists_by_cgroup: since(5, 3),
            manual_order: if since(4, 3) { -1 } else { 0 },
            dumps_tasks: old(36),
            node_pages: if since(5, 4) { NodePages::Present } else { NodePages::Spanned },
        }
    }

    /// The score that the kernel prints with a kill (2.6.16 to 5.0): the points themselves, and
    /// thousandths of the total since 3.5.
    pub fn printed_score(&self, points: i64, total: Pages) -> i64 {
        let Formula::Pages(_) = self.formula else { return points };
        let total = i128::from(total.count().max(1));
        i64::try_from(i128::from(points) * 1000 / total).unwrap_or(i64::MAX)
    }
}
