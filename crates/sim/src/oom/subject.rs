//! What the score of a simulated process is made of.

use facts::{Capabilities, Release};
use rules::badness::{ChildrenVm, Formula, Subject, points, proc_oom_score};
use rules::killer::legacy_adj;
use units::Pages;

use super::Parts;
use crate::unsynced::SWAP;

/// Every capability.
const ALL: Capabilities = Capabilities(0x1ff_ffff_ffff);

/// A process's figures, as its release's formula reads them. `None`: it has no memory.
pub(crate) fn subject_of(parts: &Parts<'_>, group: usize) -> Option<Subject> {
    let key = parts.key_of(group)?;
    let mm = parts.mm(key)?;
    let process = parts.processes.get(group)?;
    let root = parts.task(group)?.privileged();
    let release = parts.store.release();
    let mut children = ChildrenVm::default();
    if let Formula::Points(_) = parts.store.oom.killer.formula {
        for child in parts.children(group) {
            // Of a child that borrows its parent's memory there is nothing to add.
            if let Some(theirs) = parts.key_of(child).filter(|&theirs| theirs != key) {
                children.add(parts.mm(theirs).map_or(0, |mm| mm.total_vm));
            }
        }
    }
    let hz = match parts.store.oom.killer.formula {
        Formula::Points(rules) => u64::from(rules.hz),
        _ => 250,
    };
    let jiffies = |nanoseconds: u64| {
        let ticks = u128::from(nanoseconds) * u128::from(hz) / 1_000_000_000;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    };
    let age = parts.store.clock.saturating_sub(process.started);
    let (now_s, start_s) = (parts.store.clock / 1_000_000_000, process.started / 1_000_000_000);
    let all_levels = release >= Release::new(4, 15);
    Some(Subject {
        total_vm: mm.total_vm,
        children,
        cpu_jiffies: jiffies(process.cpu),
        age_jiffies: jiffies(age),
        age_s: now_s.saturating_sub(start_s),
        nice: i64::from(process.nice),
        root,
        caps: if root { ALL } else { Capabilities(0) },
        other_nodes: super::select::on_other_nodes(parts, group),
        oom_adj: legacy_adj(process.adj),
        rss: mm.rss_said(),
        swap: mm.said(SWAP),
        ptes: if all_levels { mm.tables.count() } else { mm.tables.level(0) },
        pmds: if all_levels { 0 } else { mm.tables.level(1) },
        oom_score_adj: process.adj,
        origin: parts.store.oom.origin == Some(group),
    })
}

/// A process's points against a total.
pub(crate) fn points_of(parts: &Parts<'_>, group: usize, total: Pages) -> Option<i64> {
    let subject = subject_of(parts, group)?;
    Some(points(&parts.store.oom.killer.formula, &subject, total))
}

/// What `/proc/PID/oom_score` prints: against RAM and swap of the machine, whatever cgroup it is in.
pub(crate) fn oom_score(parts: &Parts<'_>, group: usize) -> Option<u64> {
    let killer = &parts.store.oom.killer;
    let release = parts.store.release();
    let total = machine_total(parts);
    // Up to 2.6.30 the setting that excepts a task was no matter of its score.
    let unasked = release < Release::old(2, 6, 31);
    let points = if unasked {
        points_of(parts, group, total)
    } else {
        super::select::eligible(parts, group, total)
    };
    proc_oom_score(&killer.formula, points, total)
}

/// RAM and swap of the machine.
pub(crate) fn machine_total(parts: &Parts<'_>) -> Pages {
    let config = &parts.store.config;
    Pages::new(config.ram.saturating_add(config.swap))
}
