//! The way to a kill: what is asked first, in the order of each release.
//!
//! # What it follows
//! `out_of_memory()`: the failures in a row of 2.4 to 2.6.10; `panic_on_oom == 2` before the bounds
//! of the request are looked at (2.6.22 to 2.6.35) and after (2.6.36); one's own death for one's own
//! nodes; `oom_kill_allocating_task`; the choice.
//!
//! # What it leaves out
//! Notifiers that free memory, and requests that must not wait for a file system: the model makes
//! none.

use facts::Release;
use facts::oom_report::{Constraint, Kill, KillCause, Panic, PanicKind};
use rules::killer::{NodePages, PanicRule};
use units::{Pages, ScoreAdj};

use super::kill::{Done, figures, kill, victim_of};
use super::select::{Choice, select};
use super::{Halt, MemcgId, Outcome, Parts, Request, Scope, machine_total, reap};
use crate::log::Draft;

/// What the caller sleeps after a kill up to 4.18: a tick of 250 Hz, nanoseconds.
const TICK: u64 = 4_000_000;

/// Asks for a kill.
pub(crate) fn decide(parts: &mut Parts<'_>, request: &Request) -> Outcome {
    // The kernel works on behalf of nobody.
    let asker = request.asker.filter(|&asker| asker < parts.processes.len());
    let request = &Request { asker, ..request.clone() };
    parts.store.oom.leaving = 0;
    if parts.store.oom.halted.is_some() {
        return Outcome::Panic;
    }
    let release = parts.store.release();
    if let Some(asker) = request.asker
        && parts.processes.get(asker).is_some_and(|asker| asker.ended.is_some())
    {
        return Outcome::AskerDies;
    }
    if !patient(parts) {
        return Outcome::Nothing;
    }
    reap::due(parts);
    let manual = request.sysrq && release >= Release::new(4, 4);
    if let Some(words) = panic_words(parts, request).filter(|_| !manual) {
        return panic(parts, request, PanicKind::PanicOnOom, words);
    }
    let killer = parts.store.oom.killer;
    let own_nodes = match request.scope {
        Scope::Mempolicy(_) if killer.policy_kills_asker => Some("No available memory (MPOL_BIND)"),
        Scope::Cpuset(_) if killer.cpuset_kills_asker => Some("No available memory in cpuset"),
        _ => None,
    };
    let total = total(parts, &request.scope);
    let asker = request.asker.map(|asker| parts.group(asker));
    if let (Some(words), Some(asker)) = (own_nodes, asker) {
        let points = super::points_of(parts, asker, total).unwrap_or(0);
        return execute(parts, request, asker, points, &KillCause::Other(words.into()));
    }
    if let Some(asker) = asker.filter(|&asker| kills_asker(parts, request, asker)) {
        return execute(parts, request, asker, 0, &KillCause::AllocatingTask);
    }
    match select(parts, total, &request.scope, request.sysrq) {
        Choice::Chosen(chosen, points) => {
            let cause = match request.scope {
                Scope::Memcg(_) => KillCause::MemoryCgroup,
                _ => KillCause::OutOfMemory,
            };
            execute(parts, request, chosen, points, &cause)
        }
        Choice::Wait(victim) => {
            if reap::wait(parts, victim) {
                return Outcome::Killed;
            }
            let process = &parts.processes[victim];
            let (victim, pid) = (process.name.clone(), super::kill::pid(victim).get());
            parts.store.oom.halted = Some(Halt::Deadlock { victim, pid });
            Outcome::Panic
        }
        Choice::Nobody => nobody(parts, request),
    }
}

/// Up to 2.6.10: not before it has been asked for a while, and not soon again. The asker asks on and
/// on, so the clock moves to where it is answered.
fn patient(parts: &mut Parts<'_>) -> bool {
    let Some(patience) = parts.store.oom.killer.patience else { return true };
    let now = parts.store.clock;
    let asked = &mut parts.store.oom.asked;
    let in_a_row = asked.last.is_some_and(|last| now.saturating_sub(last) <= patience.gap);
    let first = asked.first.filter(|_| in_a_row).unwrap_or(now);
    let after = asked.killed.map_or(0, |killed| killed.saturating_add(patience.after_kill));
    let answered = now.max(first.saturating_add(patience.span)).max(after);
    (asked.first, asked.last, asked.killed) = (Some(answered), Some(answered), Some(answered));
    parts.store.clock = answered;
    true
}

/// `check_panic_on_oom()`: with which words the setting stops the machine.
fn panic_words(parts: &Parts<'_>, request: &Request) -> Option<&'static str> {
    let release = parts.store.release();
    let setting = parts.store.oom.panic_on_oom;
    let group = matches!(request.scope, Scope::Memcg(_));
    let old = release < Release::old(2, 6, 36);
    let always = match parts.store.oom.killer.panic {
        PanicRule::None => return None,
        PanicRule::Plain => false,
        PanicRule::Compulsory => setting == 2,
    };
    if always {
        return Some(match (old, group) {
            (true, false) => "out of memory. Compulsory panic_on_oom is selected.",
            (true, true) => "out of memory(memcg). panic_on_oom is selected.",
            (false, _) => "Out of memory: compulsory panic_on_oom is enabled",
        });
    }
    (setting > 0 && request.scope == Scope::Machine).then_some(if old {
        "out of memory. panic_on_oom is selected"
    } else {
        "Out of memory: system-wide panic_on_oom is enabled"
    })
}

/// `vm.oom_kill_allocating_task`, and not for a cgroup.
fn kills_asker(parts: &Parts<'_>, request: &Request, asker: usize) -> bool {
    let oom = &parts.store.oom;
    oom.kill_allocating_task
        && oom.killer.allocating_task
        && !matches!(request.scope, Scope::Memcg(_))
        && !request.sysrq
        && parts.processes[asker].adj != ScoreAdj::NEVER
}

/// What points are measured against.
pub(super) fn total(parts: &Parts<'_>, scope: &Scope) -> Pages {
    let swap = parts.store.config.swap;
    let nodes = match scope {
        Scope::Machine => return machine_total(parts),
        Scope::Memcg(memcg) => {
            return Pages::new(super::group::total(parts, *memcg).max(1));
        }
        Scope::Cpuset(nodes) | Scope::Mempolicy(nodes) => nodes,
    };
    let spanned = parts.store.oom.killer.node_pages == NodePages::Spanned;
    let Some(profile) = &parts.store.config.physical else { return machine_total(parts) };
    let zones = profile.zones.iter().filter(|zone| nodes.contains(&zone.node));
    let pages: u64 = zones.map(|zone| if spanned { zone.spanned } else { zone.present }).sum();
    Pages::new(pages.saturating_add(swap))
}

/// What bounded the request, in the kernel's word.
pub(crate) fn constraint(scope: &Scope) -> Constraint {
    match scope {
        Scope::Machine => Constraint::None,
        Scope::Memcg(_) => Constraint::Memcg,
        Scope::Cpuset(_) => Constraint::Cpuset,
        Scope::Mempolicy(_) => Constraint::MemoryPolicy,
    }
}

/// Kills the chosen process or its child, and who must go with it, and writes the report.
fn execute(
    parts: &mut Parts<'_>,
    request: &Request,
    chosen: usize,
    points: i64,
    cause: &KillCause,
) -> Outcome {
    let total = total(parts, &request.scope);
    let victim = victim_of(parts, chosen, total, &request.scope);
    let mut draft = Draft::new(parts, request);
    draft.choose(parts, request, victim);
    let together = match &request.scope {
        _ if !parts.store.oom.killer.groups => None,
        Scope::Memcg(top) => super::group::dies_together(parts, victim, *top),
        _ => super::group::dies_together(parts, victim, MemcgId(0)),
    };
    // The first victim is visited once more with its group, and counted once more.
    let again = together.map(|memcg| {
        let members = super::group::members(parts, memcg)
            .into_iter()
            .filter(|&group| parts.processes[group].adj != ScoreAdj::NEVER);
        (memcg, members.collect::<Vec<usize>>())
    });
    let first = Kill { cause: Some(cause.clone()), ..figures(parts, victim) };
    let Done { kill: mut said, mut ended } = kill(parts, victim, cause);
    said.chosen_pid = Some(super::kill::pid(chosen));
    said.chosen_name = Some(parts.processes[chosen].name.as_str().into());
    said.score = Some(parts.store.oom.killer.printed_score(points, total));
    super::group::count_kill(parts, victim);
    draft.kill(said);
    if let Some((memcg, members)) = again {
        super::group::count_group_kill(parts, memcg);
        draft.dies_together(&super::group::path(parts, memcg));
        for member in members {
            if member == victim {
                parts.store.oom.kills += 1;
                super::group::count_kill(parts, victim);
                draft.kill(first.clone());
            } else if parts.processes[member].ended.is_none() {
                let done = kill(parts, member, cause);
                super::group::count_kill(parts, member);
                draft.kill(done.kill);
                ended.extend(done.ended);
            }
        }
    }
    draft.write(parts);
    let release = parts.store.release();
    if release >= Release::old(2, 6, 11) && release < Release::new(4, 19) {
        parts.store.clock += TICK;
    }
    if parts.store.oom.killer.reaper.is_some_and(|reaper| reaper.delay == 0) {
        reap::due(parts);
    }
    match request.asker {
        Some(asker) if ended.contains(&asker) => Outcome::AskerDies,
        _ => Outcome::Killed,
    }
}

/// There is nobody to kill.
fn nobody(parts: &mut Parts<'_>, request: &Request) -> Outcome {
    let release = parts.store.release();
    let words = "Out of memory and no killable processes...";
    let group = matches!(request.scope, Scope::Memcg(_));
    let manual = request.sysrq && release >= Release::new(4, 3);
    if group || manual {
        if release >= Release::new(4, 19) {
            let mut draft = Draft::new(parts, request);
            draft.warn(words);
            draft.write(parts);
        }
        return Outcome::Nothing;
    }
    if release < Release::new(4, 19) {
        return panic(parts, request, PanicKind::NoKillableProcess, words);
    }
    let mut draft = Draft::new(parts, request);
    draft.warn(words);
    draft.deadlocked();
    draft.write(parts);
    parts.store.oom.halted = Some(Halt::Panic("System is deadlocked on memory".to_owned()));
    Outcome::Panic
}

/// The machine stops.
fn panic(parts: &mut Parts<'_>, request: &Request, kind: PanicKind, words: &str) -> Outcome {
    let mut draft = Draft::new(parts, request);
    draft.panic(Panic { kind, panicked: true, text: words.into() });
    draft.write(parts);
    parts.store.oom.halted = Some(Halt::Panic(words.to_owned()));
    Outcome::Panic
}
