//! What the OOM killer asks of memory cgroups.

use facts::oom_report::{MemcgBlock, MemcgCounters, MemcgProtection, MemcgStats, MemcgUsage};
use facts::{CgroupVersion, Name, Release};
use klog::print::rows;
use units::{Bytes, Limit};

use super::{MemcgId, Parts};
use crate::memcg::{Counter, Event, Memcgs, own_stats};

fn memcgs<'a>(parts: &'a Parts<'_>) -> &'a Memcgs {
    &parts.store.frames.memcgs
}

/// Whether a process is in a cgroup or below it.
pub(super) fn contains(parts: &Parts<'_>, memcg: MemcgId, group: usize) -> bool {
    memcgs(parts).is_below(of(parts, group), memcg)
}

/// `mem_cgroup_get_oom_group()`: the highest cgroup, from the process's own up to the one that ran
/// out, whose `memory.oom.group` is set.
pub(super) fn dies_together(parts: &Parts<'_>, group: usize, top: MemcgId) -> Option<MemcgId> {
    memcgs(parts).oom_group(of(parts, group), top)
}

/// Processes of a cgroup and of those below it, in the order of `mem_cgroup_scan_tasks()`: cgroup by
/// cgroup.
pub(super) fn members(parts: &Parts<'_>, memcg: MemcgId) -> Vec<usize> {
    let groups = parts.groups();
    let of_one = |id: MemcgId| groups.iter().copied().filter(move |&group| of(parts, group) == id);
    memcgs(parts).subtree(memcg).into_iter().flat_map(of_one).collect()
}

/// Its path.
pub(crate) fn path(parts: &Parts<'_>, memcg: MemcgId) -> String {
    memcgs(parts).path(memcg)
}

/// The cgroup of a process.
pub(crate) fn of(parts: &Parts<'_>, group: usize) -> MemcgId {
    parts.processes.get(group).map_or(MemcgId::ROOT, |process| process.memcg)
}

/// `mem_cgroup_get_max()`: what the points of a cgroup's processes are measured against, pages.
pub(super) fn total(parts: &Parts<'_>, memcg: MemcgId) -> u64 {
    let physical = parts.store.frames.physical.as_deref();
    let swappiness = physical.map_or(60, |physical| physical.swappiness);
    memcgs(parts).oom_total(memcg, parts.store.config.swap, swappiness)
}

/// Counts a kill in the victim's cgroup and those above.
pub(super) fn count_kill(parts: &mut Parts<'_>, victim: usize) {
    let memcg = of(parts, victim);
    parts.store.frames.memcgs.note(memcg, Event::OomKill, 1);
}

/// Counts that all of a cgroup were killed.
pub(super) fn count_group_kill(parts: &mut Parts<'_>, memcg: MemcgId) {
    parts.store.frames.memcgs.note(memcg, Event::OomGroupKill, 1);
}

/// What the report says of the cgroup that ran out.
pub(crate) fn block(parts: &Parts<'_>, memcg: MemcgId) -> MemcgBlock {
    let tree = memcgs(parts);
    let found = tree.get(memcg);
    let usage = |counter: &Counter| {
        let bytes = |pages: u64| Bytes::new(pages.saturating_mul(4096));
        let none = counter.max >= tree.most;
        Some(MemcgUsage {
            usage: Some(bytes(counter.usage)),
            limit: Some(if none { Limit::Max } else { Limit::At(bytes(counter.max)) }),
            failcnt: Some(counter.failures),
        })
    };
    let v1 = tree.version == CgroupVersion::V1;
    let kernel = Counter {
        usage: tree.subtree(memcg).iter().map(|at| tree.get(*at).kernel).sum(),
        ..Counter::new(tree.most)
    };
    let mms = parts.mms.values().chain(parts.current.as_ref().map(|current| &*current.mm));
    let stats = own_stats(parts.store, mms, parts.processes);
    let own = |id: MemcgId| stats.get(&id).copied().unwrap_or_default();
    let release = parts.store.release();
    let names = rows::memcg(release, v1);
    let figures = |ids: Vec<MemcgId>| {
        let mut total = own(MemcgId(u16::MAX));
        for id in &ids {
            total.add(&own(*id));
        }
        let figure = |name: &&'static str| {
            let v2_names = release >= Release::new(5, 3) && !(v1 && release >= Release::new(6, 5));
            let value = if v2_names {
                total.v2(name)?
            } else {
                match name.strip_prefix("total_") {
                    Some(rest) => total.v1(rest),
                    None => tree.v1_figure(memcg, name, &own),
                }
            };
            Some((Name::from(*name), value))
        };
        MemcgCounters(names.iter().filter_map(figure).collect())
    };
    let stats = if release < Release::new(5, 3) {
        // Each cgroup for itself.
        let each = |id: MemcgId| MemcgStats {
            path: Some(tree.path(id).as_str().into()),
            counters: figures(vec![id]),
        };
        tree.subtree(memcg).into_iter().map(each).collect()
    } else {
        let path = Some(tree.path(memcg).as_str().into());
        vec![MemcgStats { path, counters: figures(tree.subtree(memcg)) }]
    };
    MemcgBlock {
        memory: usage(&found.memory),
        memory_swap: v1.then(|| usage(&found.swap)).flatten(),
        swap: (!v1).then(|| usage(&found.swap)).flatten(),
        kmem: v1.then(|| usage(&kernel)).flatten(),
        stats,
        ..MemcgBlock::default()
    }
}

/// What cgroups protect from reclaim, in sum (6.19, version 2).
pub(crate) fn protection(parts: &Parts<'_>) -> Option<MemcgProtection> {
    let tree = memcgs(parts);
    let new = parts.store.release() >= Release::new(6, 19);
    if !new || tree.version == CgroupVersion::V1 || !tree.any() {
        return None;
    }
    let sum = |of: &dyn Fn(MemcgId) -> u64| {
        let pages: u64 = tree.get(MemcgId::ROOT).children.iter().map(|id| of(*id)).sum();
        Some(Bytes::new(pages.saturating_mul(4096)))
    };
    let usage = |id: MemcgId| tree.get(id).memory.usage;
    Some(MemcgProtection {
        min: sum(&|id| tree.effective(MemcgId::ROOT, id).min.min(usage(id))),
        low: sum(&|id| tree.effective(MemcgId::ROOT, id).low.min(usage(id))),
    })
}
