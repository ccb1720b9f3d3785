//! The end of a report: the choice, the kill, what became of the memory.

use std::fmt::Write as _;

use facts::oom_report::{Constraint, PanicKind, ReaperLine};
use rules::explain::RanOut;
use units::Bytes;

use super::{Gloss, Glosses};
use crate::amount;

impl Glosses<'_> {
    pub(super) fn oom_kill(&self) -> Option<Gloss> {
        let line = self.report.oom_kill.as_ref()?;
        let bound = match &line.constraint {
            Some(Constraint::None) if line.global => "the whole machine was out of memory",
            Some(Constraint::None) => "nothing but the machine bounded the request",
            Some(Constraint::Cpuset) => "the request was bound to the nodes of a cpuset",
            Some(Constraint::MemoryPolicy) => "the request was bound to nodes by a memory policy",
            Some(Constraint::Memcg) => "a cgroup was at its limit",
            Some(Constraint::Other(_)) | None => "what bounded the request is not in the text",
        };
        let mut text = format!("The kernel's summary: {bound}");
        if let Some(nodes) = line.nodemask.as_ref().and_then(Self::nodes_words) {
            _ = write!(text, ", {nodes}");
        }
        text.push('.');
        if let Some(group) = &line.oom_memcg {
            _ = write!(text, " oom_memcg={group} is the cgroup whose limit it was.");
        }
        match (&line.task_memcg, &line.oom_memcg) {
            (Some(task), Some(limit)) if task != limit => {
                _ = write!(
                    text,
                    " task_memcg={task} is where the victim lives, below it: look for the limit above."
                );
            }
            (Some(task), None) if task.as_bytes() != b"/" => {
                _ = write!(text, " task_memcg={task} is where the victim lives: which service.");
            }
            _ => {}
        }
        if let (Some(task), Some(pid)) = (&line.task, line.pid) {
            _ = write!(text, " The choice: `{task}`, process {pid}");
            text.push_str(&line.uid.map_or(".".to_owned(), |uid| format!(", of user {uid}.")));
        }
        Gloss::key(text)
    }

    pub(super) fn kill(&self, at: usize) -> Option<Gloss> {
        let kill = self.report.kills.get(at)?;
        let name = |name: &Option<facts::Name>| {
            name.as_ref().map_or_else(|| "?".to_owned(), |name| format!("`{name}`"))
        };
        let again = kill.pid.is_some_and(|pid| {
            self.report.kills[..at].iter().any(|before| before.pid == Some(pid))
        });
        if again && self.report.group_kill.is_some() {
            return Gloss::plain(format!(
                "{} once more: it is of the group, too, and dying already.",
                name(&kill.name)
            ));
        }
        let mut text = String::new();
        if let Some(chosen) = kill.chosen_pid {
            let score = kill.score.map_or(String::new(), |score| format!(" with score {score}"));
            let other = kill.pid.is_some() && kill.pid != Some(chosen);
            _ = write!(
                text,
                "Chosen: {} (process {chosen}){score}{}.",
                name(&kill.chosen_name),
                if other { "; a child of it dies in its place" } else { "" }
            );
        }
        if let Some(pid) = kill.pid {
            let space = if text.is_empty() { "" } else { " " };
            _ = write!(text, "{space}Killed: {} (process {pid}).", name(&kill.name));
        }
        let resident = [kill.anon_rss, kill.file_rss, kill.shmem_rss];
        if let Some(held) = resident.into_iter().flatten().reduce(Bytes::saturating_add) {
            _ = write!(text, " It held {held}");
            if let Some(anon) = kill.anon_rss {
                _ = write!(text, ", {anon} of it its own (anon-rss)");
                if at == 0 {
                    text.push_str(
                        ": that comes back; pages of files and shared memory may stay with others",
                    );
                }
            }
            text.push('.');
        }
        if let Some(vm) = kill.total_vm.filter(|_| at == 0) {
            _ = write!(
                text,
                " total-vm, {vm}, is address space, most of it perhaps never touched: not what it \
                 used."
            );
        }
        if let Some(tables) = kill.pgtables.filter(|tables| at == 0 && tables.get() > 0) {
            _ = write!(text, " Its page tables, {tables}, come back too.");
        }
        Gloss::key(text)
    }

    pub(super) fn group_kill(&self) -> Option<Gloss> {
        let group = self.report.group_kill.as_ref()?;
        Gloss::key(format!(
            "memory.oom.group is set for {group}: not only the choice but everybody in this cgroup \
             dies, one line for each."
        ))
    }

    pub(super) fn reaper(&self, at: usize) -> Option<Gloss> {
        let name = |name: &Option<facts::Name>| {
            name.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string)
        };
        Gloss::plain(match self.report.reaper.get(at)? {
            ReaperLine::Reaped(reaped) => format!(
                "The reaper took the memory of {} without waiting for it to end: {} of its own are \
                 left{}.",
                name(&reaped.name),
                amount::long(reaped.anon_rss),
                match reaped.shmem_rss {
                    Some(shmem) if shmem.get() > 0 =>
                        format!(", and {shmem} of shared memory, which the reaper leaves"),
                    _ => String::new(),
                }
            ),
            ReaperLine::UnableToReap { name: who, .. } => format!(
                "The memory of {} could not be taken at once: it comes back when the process ends, \
                 if it does.",
                name(who)
            ),
            ReaperLine::GivingUp { name: who, .. } => {
                format!("The reaper has given up on {}.", name(who))
            }
            ReaperLine::Pinned { name: who, by_name, .. } => format!(
                "The memory of {} lives on in {}, which shares it: the kill frees nothing.",
                name(who),
                name(by_name)
            ),
        })
    }

    pub(super) fn skipped(&self, at: usize) -> Option<Gloss> {
        let victim = self.report.skipped.get(at)?;
        let name =
            victim.name.as_ref().map_or_else(|| "the choice".to_owned(), ToString::to_string);
        Gloss::key(format!(
            "Nobody is killed: {name} was dying already and will give its memory back."
        ))
    }

    pub(super) fn panic(&self) -> Option<Gloss> {
        let panic = self.report.panic.as_ref()?;
        let why = match panic.kind {
            PanicKind::NoKillableProcess => "There was nobody left who may be killed",
            PanicKind::PanicOnOom => "vm.panic_on_oom says to stop rather than to kill",
        };
        let then = match (panic.panicked, &self.explained.ran_out) {
            (true, _) => ": the machine stops.",
            (false, RanOut::Cgroup(_)) => ": the cgroup stays at its limit.",
            (false, _) => ".",
        };
        Gloss::key(format!("{why}{then}"))
    }
}
