//! The kill itself: a child in place of its parent, those who share the memory, those of one cgroup.
//!
//! # What it follows
//! `oom_kill_process()`, `oom_kill_task()` and `__oom_kill_process()`.
//!
//! # What it leaves out
//! A victim goes at once, with its memory, unless it cannot be woken ([`crate::Machine::set_stuck`]):
//! every process of a scenario waits to be told what to do, and a signal ends that wait.

use facts::Name;
use facts::oom_report::{Kill, KillCause};
use rules::killer::{Sacrifice, Sharers};
use units::{Bytes, Pages, Pid, ScoreAdj};
use world::End;

use super::select::{concerns, eligible};
use super::{Parts, Scope, Victim};
use crate::fork::destroy;
use crate::machine::{FIRST_PID, Machine};
use crate::page::{ANON, FILE, SHMEM};
use crate::physical::Holder;

/// `SIGKILL` and `SIGTERM`.
const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;

/// Who dies in place of the chosen process: one of its children, or itself.
pub(super) fn victim_of(parts: &Parts<'_>, chosen: usize, total: Pages, scope: &Scope) -> usize {
    let killer = &parts.store.oom.killer;
    let shares = |child: usize| parts.key_of(child) == parts.key_of(chosen);
    let mut children = parts.children(chosen).into_iter().filter(|&child| {
        parts.processes[child].victim.is_none()
            && (killer.sacrifices_sharer || !shares(child))
            && concerns(parts, child, scope)
    });
    match killer.selection.child {
        Sacrifice::No => chosen,
        Sacrifice::Oldest => {
            let dies = |child: usize| {
                !killer.spares_disabled_child || eligible(parts, child, total).is_some()
            };
            children.find(|&child| dies(child)).unwrap_or(chosen)
        }
        Sacrifice::Worst => {
            let mut worst = (chosen, 0);
            for child in children {
                let points = eligible(parts, child, total).unwrap_or(0);
                if points > worst.1 {
                    worst = (child, points);
                }
            }
            worst.0
        }
    }
}

/// One kill, with what the kernel says of it, and who ended by it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) kill: Kill,
    pub(super) ended: Vec<usize>,
}

/// Kills a process and, where the release does so, those that use its memory.
pub(super) fn kill(parts: &mut Parts<'_>, victim: usize, cause: &KillCause) -> Done {
    let killer = parts.store.oom.killer;
    let mut said = figures(parts, victim);
    said.cause = Some(cause.clone());
    let dies = |parts: &Parts<'_>, other: usize| match killer.sharers {
        Sharers::Die => true,
        Sharers::Live => false,
        Sharers::DieUnlessDisabled => parts.processes[other].adj != ScoreAdj::NEVER,
    };
    let sharers = parts.sharers(victim);
    let (dying, staying): (Vec<usize>, Vec<usize>) =
        sharers.into_iter().partition(|&other| dies(parts, other));
    said.sharing = dying
        .iter()
        .map(|&other| (pid(other), Name::from(parts.processes[other].name.as_str())))
        .collect();
    let thread = parts.thread_with_memory(victim).unwrap_or(victim);
    let pages = parts.mm(parts.processes[thread].mm).map_or(0, |mm| mm.rss.iter().sum());
    parts.store.oom.leaving = parts.store.oom.leaving.saturating_add(pages);
    let raw_io = parts.task(victim).is_some_and(crate::ctx::Task::privileged);
    let signal = if killer.term_for_raw_io && raw_io { SIGTERM } else { SIGKILL };
    let mut ended = Vec::new();
    for group in std::iter::once(victim).chain(dying) {
        strike(parts, group, signal, &mut ended);
    }
    // Memory that somebody goes on using is not taken away, and nobody waits for it.
    if !staying.is_empty()
        && let Some(victim) = &mut parts.processes[victim].victim
        && killer.reaper.is_some()
    {
        victim.skip = true;
    }
    parts.store.oom.kills += 1;
    Done { kill: said, ended }
}

/// Sends the signal: the process goes, or stays as a victim while it cannot be woken.
pub(super) fn strike(parts: &mut Parts<'_>, group: usize, signal: u8, ended: &mut Vec<usize>) {
    if parts.processes[group].stuck {
        let since = parts.store.clock;
        parts.processes[group].victim = Some(Victim { since, skip: false, signal });
        return;
    }
    give_up(parts, group, signal, ended);
}

/// `exit_mm()` and the rest of a process's end, by a signal that nobody of the scenario sent.
pub(crate) fn give_up(parts: &mut Parts<'_>, group: usize, signal: u8, ended: &mut Vec<usize>) {
    let how = End::Signal(signal);
    for index in group..parts.processes.len() {
        if parts.group(index) != group || parts.processes[index].ended.is_some() {
            continue;
        }
        parts.processes[index].ended = Some(how);
        parts.processes[index].victim = None;
        parts.store.oom.deaths.push((index, how));
        ended.push(index);
        let paid = std::mem::take(&mut parts.processes[index].kernel);
        let holder = if index == group { Holder::Process } else { Holder::Thread };
        parts.store.process_gone(holder, paid);
        let key = parts.processes[index].mm;
        release_mm(parts, key);
    }
    let fds = match &mut parts.current {
        Some(current) if current.group == group => std::mem::take(&mut current.task.fds),
        _ => std::mem::take(&mut parts.processes[group].task.fds),
    };
    for fd in fds.into_values() {
        parts.store.release_open(fd.open);
    }
}

/// One user less; the last one's memory goes, the current one's when the machine is back in order.
fn release_mm(parts: &mut Parts<'_>, key: usize) {
    if let Some(current) = parts.current.as_mut().filter(|current| current.key == key) {
        current.mm.users = current.mm.users.saturating_sub(1);
        return;
    }
    let Some(mm) = parts.mms.get_mut(&key) else { return };
    mm.users = mm.users.saturating_sub(1);
    if mm.users == 0
        && let Some(mm) = parts.mms.remove(&key)
    {
        destroy(parts.store, mm);
    }
}

/// What `/proc` calls it.
pub(crate) fn pid(index: usize) -> Pid {
    Pid::new(FIRST_PID + u32::try_from(index).unwrap_or(0))
}

/// What the kill line says of a victim, before it is gone.
pub(super) fn figures(parts: &Parts<'_>, victim: usize) -> Kill {
    let process = &parts.processes[victim];
    let thread = parts.thread_with_memory(victim).unwrap_or(victim);
    let mm = parts.mm(parts.processes[thread].mm);
    let bytes = |pages: Option<u64>| pages.map(|pages| Bytes::new(pages.saturating_mul(4096)));
    Kill {
        pid: Some(pid(thread)),
        name: Some(Name::from(process.name.as_str())),
        total_vm: bytes(mm.map(|mm| mm.total_vm)),
        anon_rss: bytes(mm.map(|mm| mm.said(ANON))),
        file_rss: bytes(mm.map(|mm| {
            // Shared memory was counted with files until 4.4.
            let shmem = facts::Release::new(4, 5) > parts.store.release();
            mm.said(FILE) + if shmem { mm.said(SHMEM) } else { 0 }
        })),
        shmem_rss: bytes(mm.map(|mm| mm.said(SHMEM))),
        uid: parts.task(victim).map(|task| task.uid),
        pgtables: bytes(mm.map(|mm| mm.tables.count())),
        oom_score_adj: Some(process.adj),
        ..Kill::default()
    }
}

impl Machine {
    /// Makes a process deaf to signals, as one is that waits for a disk or a server which does not
    /// answer (state `D`), or wakes it; a victim that was only deaf goes then.
    ///
    /// # Errors
    /// When there is no such process, or it has ended.
    pub fn set_stuck(
        &mut self,
        process: world::ProcessId,
        stuck: bool,
    ) -> Result<(), world::WorldError> {
        let group = Machine::index(self.living(process)?.group);
        self.processes[group].stuck = stuck;
        if let (false, Some(victim)) = (stuck, self.processes[group].victim) {
            give_up(&mut self.parts(), group, victim.signal, &mut Vec::new());
        }
        Ok(())
    }
}
