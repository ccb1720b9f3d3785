//! The thread that takes a victim's memory away without waiting for it (4.6).
//!
//! # What it follows
//! `oom_reap_task()` and `__oom_reap_task_mm()`.
//!
//! # What it leaves out
//! The race with the victim's own exit, which needs no reaper: a victim that can be woken is gone
//! before the reaper looks, since 5.18 because that waits for two seconds, and before, where either
//! may come first, by decision.

use facts::Name;
use facts::oom_report::{Reaped, ReaperLine};
use units::Bytes;

use super::Parts;
use super::kill::pid;
use crate::page::{ANON, FILE, PAGE_BITS, SHMEM};
use crate::vm_flags::VmFlags;
use crate::vma::Backing;

/// Takes the memory of every victim whose time has come. Whether it took any.
pub(crate) fn due(parts: &mut Parts<'_>) -> bool {
    let Some(reaper) = parts.store.oom.killer.reaper else { return false };
    let now = parts.store.clock;
    let ripe: Vec<usize> = (0..parts.processes.len())
        .filter(|&index| {
            parts.processes[index].victim.is_some_and(|victim| {
                !victim.skip && victim.since.saturating_add(reaper.delay) <= now
            })
        })
        .collect();
    for &group in &ripe {
        let line = reap(parts, group, reaper.spares_locked);
        let release = parts.store.release();
        parts.store.oom.log.reaper(now, release, line);
    }
    !ripe.is_empty()
}

/// Waits for the reaper, if one will come for this victim. Whether it has been.
pub(super) fn wait(parts: &mut Parts<'_>, group: usize) -> bool {
    let Some(reaper) = parts.store.oom.killer.reaper else { return false };
    let Some(victim) = parts.processes[group].victim else { return true };
    parts.store.clock = parts.store.clock.max(victim.since.saturating_add(reaper.delay));
    due(parts)
}

/// Unmaps what is not shared with files or others' mappings.
fn reap(parts: &mut Parts<'_>, group: usize, spares_locked: bool) -> ReaperLine {
    let thread = parts.thread_with_memory(group).unwrap_or(group);
    let key = parts.processes[thread].mm;
    let taken = |flags: VmFlags, anonymous: bool| {
        let spared =
            if spares_locked { VmFlags::PFNMAP.with(VmFlags::LOCKED) } else { VmFlags::PFNMAP };
        !flags.any(spared) && (anonymous || !flags.has(VmFlags::SHARED))
    };
    let ranges: Vec<(u64, u64)> = parts.mm(key).map_or_else(Vec::new, |mm| {
        mm.vmas
            .values()
            .filter(|vma| taken(vma.flags, vma.backing == Backing::Anon))
            .map(|vma| (vma.start >> PAGE_BITS, vma.end >> PAGE_BITS))
            .collect()
    });
    parts.within(key, |ctx| {
        for &(start, end) in &ranges {
            ctx.zap(start, end);
        }
    });
    if let Some(victim) = &mut parts.processes[group].victim {
        victim.skip = true;
    }
    let left = parts.mm(key).map_or([0; 3], |mm| [0, 1, 2].map(|kind| mm.said(kind)));
    let bytes = |kind: usize| Some(Bytes::new(left[kind].saturating_mul(4096)));
    ReaperLine::Reaped(Reaped {
        pid: Some(pid(thread)),
        name: Some(Name::from(parts.processes[group].name.as_str())),
        anon_rss: bytes(ANON),
        file_rss: bytes(FILE),
        shmem_rss: bytes(SHMEM),
    })
}
