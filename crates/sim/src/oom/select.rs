//! The choice among all who can be chosen.
//!
//! # What it follows
//! `select_bad_process()`, 2.4.22 to 4.8, and `oom_evaluate_task()` since 4.9.
//!
//! # What it leaves out
//! Threads whose leader lives are never looked at by themselves: they use the leader's memory, have
//! its points and come after it, so that no release has ever chosen one.

use facts::Release;
use rules::badness::points;
use rules::killer::{Pending, Ties};
use units::{Pages, ScoreAdj};

use super::{Parts, Scope, subject_of};
use crate::machine::{Machine, Process};

/// What came of the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// There is nobody who can be chosen.
    Nobody,
    /// An earlier victim has yet to go.
    Wait(usize),
    /// This process, for so many points.
    Chosen(usize, i64),
}

/// Goes through all processes.
pub(super) fn select(parts: &Parts<'_>, total: Pages, scope: &Scope, sysrq: bool) -> Choice {
    let killer = &parts.store.oom.killer;
    let mut best: Option<(usize, i64)> = None;
    for group in listed(parts, scope, killer.walks_cgroups) {
        if let Some(victim) = parts.processes[group].victim {
            if killer.pending == Pending::Waits && !victim.skip && !sysrq {
                return Choice::Wait(group);
            }
            continue;
        }
        let Some(points) = eligible(parts, group, total) else { continue };
        let wins = match best {
            None => true,
            Some((_, most)) => match killer.selection.ties {
                Ties::First => points > most,
                Ties::Last => points >= most,
            },
        };
        if wins {
            best = Some((group, points));
        }
    }
    best.map_or(Choice::Nobody, |(group, points)| Choice::Chosen(group, points))
}

/// Everybody whom the shortage concerns, in the order in which the kernel looks at them: that of all
/// tasks, or cgroup by cgroup (`mem_cgroup_scan_tasks()`).
pub(crate) fn listed(parts: &Parts<'_>, scope: &Scope, by_cgroup: bool) -> Vec<usize> {
    match scope {
        Scope::Memcg(memcg) if by_cgroup => super::group::members(parts, *memcg),
        _ => {
            let groups = parts.groups().into_iter();
            groups.filter(|&group| concerns(parts, group, scope)).collect()
        }
    }
}

/// Whether what ran out is of any concern to a process.
pub(super) fn concerns(parts: &Parts<'_>, group: usize, scope: &Scope) -> bool {
    match scope {
        // One that may use none of the nodes that the asker may would free nothing of use (2.6.36;
        // until then it counted an eighth).
        Scope::Machine | Scope::Cpuset(_) => {
            !parts.store.oom.killer.skips_other_nodes || !on_other_nodes(parts, group)
        }
        // A policy of its own may bind a process, and none does here.
        Scope::Mempolicy(_) => true,
        Scope::Memcg(memcg) => super::group::contains(parts, *memcg, group),
    }
}

/// Whether a process's nodes and those of whoever acts have none in common.
pub(crate) fn on_other_nodes(parts: &Parts<'_>, group: usize) -> bool {
    let nodes = |index: usize| {
        parts.processes.get(index).and_then(|process| parts.store.nodes_of(process.memcg))
    };
    let Some(current) = &parts.current else { return false };
    match (nodes(current.process), nodes(group)) {
        (Some(ours), Some(theirs)) => ours & theirs == 0,
        _ => false,
    }
}

/// `in_vfork()`: whether a child still uses the memory of a parent that waits for it.
fn in_vfork(parts: &Parts<'_>, child: &Process) -> bool {
    let parent = child.parent.and_then(|parent| parts.processes.get(Machine::index(parent)));
    let child_of_who_made_it = child.borrows && !parts.store.config.siblings;
    child_of_who_made_it
        && parent.is_some_and(|parent| parent.ended.is_none() && parent.mm == child.mm)
}

/// The points of a process that can be chosen.
pub(super) fn eligible(parts: &Parts<'_>, group: usize, total: Pages) -> Option<i64> {
    let killer = &parts.store.oom.killer;
    let process = &parts.processes[group];
    if process.victim.is_some() {
        return None;
    }
    if killer.spares_vfork && in_vfork(parts, process) {
        return None;
    }
    if killer.sharer_protects
        && parts.sharers(group).iter().any(|&other| parts.processes[other].adj == ScoreAdj::NEVER)
    {
        return None;
    }
    let subject = subject_of(parts, group)?;
    let points = points(&killer.formula, &subject, total);
    // Whoever switches swap off had its setting put to 1000 meanwhile (`test_set_oom_score_adj()`, 3.1 to
    // 3.7), and is chosen whatever it is since (`oom_task_origin()`).
    if subject.origin && parts.store.release() >= Release::new(3, 1) {
        return Some(points);
    }
    let immune = killer.eligibility.immune(false, subject.oom_adj, subject.oom_score_adj, points);
    immune.is_none().then_some(points)
}
