//! The machine, or a part of it, is out of memory: somebody has to die.
//!
//! A provisional choice: the highest points of [`rules::badness`], the newest of equals.

use rules::badness::{Formula, Subject, points};
use rules::watermark::ZoneKind;
use units::{Pages, ScoreAdj};
use world::End;

use crate::ctx::{Ctx, Task};
use crate::fault::KILL;
use crate::fork::destroy;
use crate::mm::Mm;

/// Who is out of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All.
    Machine,
}

/// `struct oom_control`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The mask of the allocation.
    pub(crate) gfp: &'static str,
    pub(crate) order: u32,
    /// The highest kind of zone that would have done.
    pub(crate) highest_zone: ZoneKind,
    pub(crate) scope: Scope,
    /// Which process asked, by its index; `None`: the kernel.
    pub(crate) asker: Option<usize>,
    /// Somebody pressed the key.
    pub(crate) sysrq: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(dead_code, reason = "no release panics or lets be yet")]
pub(crate) enum Outcome {
    /// Others died, and their memory is free.
    Killed,
    /// The asker is among the dead; what it has is freed when it has unwound.
    AskerDies,
    /// The machine stops.
    Panic,
    /// Nobody can be killed, and the kernel goes on.
    Nothing,
}

/// `out_of_memory()`.
pub(crate) fn out_of_memory(ctx: &mut Ctx<'_>, _request: &Request) -> Outcome {
    let Some(victim) = choose(ctx) else { return Outcome::Nothing };
    kill(ctx, victim)
}

fn choose(ctx: &Ctx<'_>) -> Option<usize> {
    let formula = Formula::for_release(ctx.store.release());
    let total = Pages::new(ctx.store.config.ram + ctx.store.config.swap);
    let mut chosen: Option<(i64, usize)> = None;
    for (index, process) in ctx.rest.processes.iter().enumerate() {
        let leads = usize::try_from(process.group.0).is_ok_and(|group| group == index);
        if process.ended.is_some() || !leads || process.adj == ScoreAdj::NEVER {
            continue;
        }
        let (Some(mm), task) = (ctx.mm_of(process.mm), ctx.task_of(index)) else { continue };
        let subject = Subject {
            total_vm: mm.total_vm,
            nice: i64::from(process.nice),
            root: task.privileged(),
            rss: mm.rss_total(),
            ptes: mm.tables.count(),
            oom_score_adj: process.adj,
            ..Subject::default()
        };
        let points = points(&formula, &subject, total);
        if chosen.is_none_or(|(most, _)| points >= most) {
            chosen = Some((points, index));
        }
    }
    chosen.map(|(_, index)| index)
}

/// `__oom_kill_process()`: whoever uses the memory dies, and it is free at once.
pub(crate) fn kill(ctx: &mut Ctx<'_>, victim: usize) -> Outcome {
    let Some(key) = ctx.rest.processes.get(victim).map(|process| process.mm) else {
        return Outcome::Nothing;
    };
    for index in 0..ctx.rest.processes.len() {
        let process = &mut ctx.rest.processes[index];
        if process.mm != key || process.ended.is_some() {
            continue;
        }
        process.ended = Some(End::Signal(KILL));
        let fds = std::mem::take(&mut process.task.fds);
        for fd in fds.into_values() {
            ctx.store.release_open(fd.open);
        }
        ctx.store.killed.push(index);
        ctx.store.process_gone();
    }
    if key == ctx.rest.mm {
        ctx.rest.dying = true;
        return Outcome::AskerDies;
    }
    if let Some(mm) = ctx.rest.mms.remove(&key) {
        destroy(ctx.store, mm);
    }
    Outcome::Killed
}

impl Ctx<'_> {
    /// An address space, the current one or another.
    pub(crate) fn mm_of(&self, key: usize) -> Option<&Mm> {
        if key == self.rest.mm { Some(&*self.mm) } else { self.rest.mms.get(&key) }
    }

    /// The task of a process, which is its leader's.
    pub(crate) fn task_of(&self, index: usize) -> &Task {
        if index == self.rest.group { &*self.task } else { &self.rest.processes[index].task }
    }
}
