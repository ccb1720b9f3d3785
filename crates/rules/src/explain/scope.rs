//! What the kernel did, what ran out, and who died of it.

use facts::Name;
use facts::oom_report::{
    Constraint, Kill, KillCause, MemcgUsage, OomReport, PanicKind, ReaperLine, TriggerKind,
};
use units::Limit;

use super::report::{Event, GroupState, LimitState, RanOut, Task, Victim};

pub(super) fn event(report: &OomReport) -> Event {
    let trigger = report.trigger.as_ref().map(|trigger| trigger.kind);
    match (&report.panic, trigger) {
        (Some(panic), _) if panic.panicked => Event::Panic,
        _ if report.victim_pid().is_some() => Event::Kill,
        _ if !report.skipped.is_empty() => Event::AlreadyDying,
        (Some(panic), _) if panic.kind == PanicKind::NoKillableProcess => Event::NobodyToKill,
        (Some(_), _) => Event::Panic,
        (None, Some(TriggerKind::AllocationFailure)) => Event::AllocationFailure,
        (None, Some(TriggerKind::ShowMemory)) => Event::ShowMemory,
        (None, _) => Event::Unknown,
    }
}

/// Whether a person asked: SysRq f, or an order of -1 (since 4.3).
pub(super) fn is_manual(report: &OomReport) -> bool {
    report.trigger.as_ref().is_some_and(|t| t.sysrq || t.order.is_some_and(|order| order < 0))
}

/// What ran out, by the summary line, the words of the kill, or the blocks that are there.
pub(crate) fn ran_out(report: &OomReport) -> RanOut {
    let manual = is_manual(report)
        || report.trigger.as_ref().is_some_and(|t| t.kind == TriggerKind::ShowMemory);
    if manual {
        return RanOut::Nothing;
    }
    let summary = report.oom_kill.as_ref();
    let says =
        |cause: &KillCause| report.kills.iter().any(|kill| kill.cause.as_ref() == Some(cause));
    let words = |word: &[u8]| {
        report.kills.iter().any(|kill| match &kill.cause {
            Some(KillCause::Other(name)) => name.as_bytes().windows(word.len()).any(|w| w == word),
            _ => false,
        })
    };
    let nodes = || summary.and_then(|line| line.nodemask.clone());
    match summary.and_then(|line| line.constraint.as_ref()) {
        Some(Constraint::Memcg) => return RanOut::Cgroup(group_path(report)),
        Some(Constraint::Cpuset) => {
            return RanOut::Cpuset(
                summary.and_then(|line| line.mems_allowed.clone()).or_else(nodes),
            );
        }
        Some(Constraint::MemoryPolicy) => return RanOut::MemoryPolicy(nodes()),
        Some(Constraint::None) => return RanOut::Machine,
        Some(Constraint::Other(_)) | None => {}
    }
    if says(&KillCause::MemoryCgroup) || report.memcg.is_some() {
        RanOut::Cgroup(group_path(report))
    } else if words(b"MPOL_BIND") {
        RanOut::MemoryPolicy(report.trigger.as_ref().and_then(|t| t.nodemask.clone()))
    } else if words(b"cpuset") {
        RanOut::Cpuset(report.trigger.as_ref().and_then(|t| t.mems_allowed.clone()))
    } else if report.memory.is_some()
        || says(&KillCause::OutOfMemory)
        || says(&KillCause::AllocatingTask)
        || summary.is_some_and(|line| line.global)
    {
        RanOut::Machine
    } else {
        RanOut::Unknown
    }
}

/// The group whose limit was hit.
fn group_path(report: &OomReport) -> Option<Name> {
    let block = report.memcg.as_ref();
    report
        .oom_kill
        .as_ref()
        .and_then(|line| line.oom_memcg.clone())
        .or_else(|| block.and_then(|block| block.limit_group.clone()))
        .or_else(|| block.and_then(|block| block.stats.first()?.path.clone()))
}

pub(super) fn group(report: &OomReport, ran_out: &RanOut) -> Option<GroupState> {
    let RanOut::Cgroup(path) = ran_out else { return None };
    let block = report.memcg.as_ref();
    let victims_group = report
        .oom_kill
        .as_ref()
        .and_then(|line| line.task_memcg.clone())
        .or_else(|| block.and_then(|block| block.task_group.clone()))
        .filter(|group| Some(group) != path.as_ref());
    Some(GroupState {
        path: path.clone(),
        victims_group,
        memory: block.and_then(|block| block.memory).map(limit),
        memory_swap: block.and_then(|block| block.memory_swap).map(limit),
        swap: block.and_then(|block| block.swap).map(limit),
        killed_together: report.group_kill.clone(),
    })
}

fn limit(usage: MemcgUsage) -> LimitState {
    LimitState {
        usage: usage.usage,
        limit: match usage.limit {
            Some(Limit::At(bytes)) => Some(bytes),
            _ => None,
        },
        unlimited: matches!(usage.limit, Some(Limit::Max)),
        failcnt: usage.failcnt,
    }
}

pub(super) fn victims(report: &OomReport) -> Vec<Victim> {
    let of_summary = report.oom_kill.as_ref().filter(|line| line.pid.is_some());
    match (report.kills.as_slice(), of_summary) {
        ([], Some(line)) => {
            let kill = Kill { pid: line.pid, name: line.task.clone(), ..Kill::default() };
            vec![victim(report, &kill)]
        }
        (kills, _) => {
            // `memory.oom.group` kills all tasks of the group, the first victim once more.
            let again = |at: usize, kill: &Kill| {
                let pid = kill.pid.filter(|_| report.group_kill.is_some());
                pid.is_some() && kills[..at].iter().any(|before| before.pid == pid)
            };
            let first = kills.iter().enumerate().filter(|(at, kill)| !again(*at, kill));
            first.map(|(_, kill)| victim(report, kill)).collect()
        }
    }
}

fn victim(report: &OomReport, kill: &Kill) -> Victim {
    let of_summary = report.oom_kill.as_ref().filter(|line| line.pid == kill.pid);
    let left = report.reaper.iter().find_map(|line| match line {
        ReaperLine::Reaped(reaped) if reaped.pid == kill.pid => reaped.anon_rss,
        _ => None,
    });
    Victim {
        pid: kill.pid.or(kill.chosen_pid),
        name: kill.name.clone().or_else(|| kill.chosen_name.clone()),
        uid: kill.uid.or_else(|| of_summary.and_then(|line| line.uid)),
        anon: kill.anon_rss,
        file: kill.file_rss,
        shmem: kill.shmem_rss,
        instead_of: match (kill.pid, kill.chosen_pid) {
            (Some(killed), Some(chosen)) if killed != chosen => {
                Some(Task { pid: Some(chosen), name: kill.chosen_name.clone() })
            }
            _ => None,
        },
        logged_score: kill.score,
        left_after_reaper: left,
    }
}
