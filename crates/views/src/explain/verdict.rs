//! The verdict in two sentences.

use facts::Name;
use rules::explain::{Cause, Doubt, Event, ExplainReport, NotByScore, RanOut, Task, Victim};
use units::Bytes;

use super::words;
use crate::amount;
use crate::page::Page;
use crate::style::{Accent, Style};

pub(super) fn print(page: &mut Page<'_>, report: &ExplainReport) {
    let style = page.style;
    let word = style.paint(Accent::Wall, &format!("{}:", word(report.event)));
    let text = format!("{} {}", ran_out(report, style), died(report, style));
    page.hanging(&format!("{word} "), &text, 2);
}

/// What the kernel did, in a word.
pub(crate) fn word(event: Event) -> &'static str {
    match event {
        Event::Kill => "KILLED",
        Event::Panic => "PANIC",
        Event::NobodyToKill => "NOBODY TO KILL",
        Event::AlreadyDying => "DYING ALREADY",
        Event::AllocationFailure => "ALLOCATION FAILED",
        Event::ShowMemory => "MEMORY SHOWN",
        Event::Unknown => "OUT OF MEMORY",
    }
}

/// What ran out, in a few words.
pub(crate) fn scope(report: &ExplainReport, style: &Style) -> String {
    scope_of(&report.ran_out, &report.cause, style)
}

/// The same where only the conclusion is at hand.
pub(crate) fn scope_of(ran_out: &RanOut, cause: &Cause, style: &Style) -> String {
    let nodes = |nodes: &Option<Name>| match nodes {
        Some(nodes) => format!(" {}", style.name(nodes)),
        None => String::new(),
    };
    match (ran_out, cause) {
        (_, Cause::Manual) => "a person asked".to_owned(),
        (RanOut::Machine, Cause::NothingMissing) => "nothing was missing".to_owned(),
        (RanOut::Machine, Cause::PageFault) => "a page fault gave up".to_owned(),
        (RanOut::Machine, Cause::Fragmented { order }) => format!("no block of order {order}"),
        (RanOut::Machine, Cause::LowZone { .. }) => "low memory".to_owned(),
        (RanOut::Machine, _) => "the machine".to_owned(),
        (RanOut::Cgroup(path), _) => match path {
            Some(path) => format!("cgroup {}", style.name(path)),
            None => "a cgroup".to_owned(),
        },
        (RanOut::Cpuset(list), _) => format!("a cpuset's nodes{}", nodes(list)),
        (RanOut::MemoryPolicy(list), _) => format!("a memory policy's nodes{}", nodes(list)),
        (RanOut::Nothing, _) => "nothing".to_owned(),
        (RanOut::Unknown, _) => "unknown".to_owned(),
    }
}

/// The first sentence: what ran out and who asked.
pub(crate) fn ran_out(report: &ExplainReport, style: &Style) -> String {
    let asker = asker(report, style);
    match &report.cause {
        Cause::Manual => {
            return "a person asked for a kill (SysRq f), whatever was free.".to_owned();
        }
        Cause::NothingMissing => {
            return format!(
                "{asker}, and memory was there when this was printed: a zone that the request may \
                 use passes the allocator's last test."
            );
        }
        Cause::PageFault => {
            return format!(
                "a page fault of {} gave up without a request of its own: an allocation below it \
                 had failed, of another size or against a cgroup's limit.",
                who(report, style)
            );
        }
        _ => {}
    }
    match (&report.ran_out, report.event) {
        (RanOut::Cgroup(path), _) => of_group(report, path.as_ref(), &asker, style),
        (_, Event::ShowMemory) => "a person asked to see the memory.".to_owned(),
        (RanOut::Machine, _) => match words::cause(&report.cause) {
            Some(why) => format!("{asker}, and {why}."),
            None => format!("the machine was out of memory when {asker}."),
        },
        (RanOut::Cpuset(_) | RanOut::MemoryPolicy(_), _) => {
            let why = words::cause(&report.cause).map_or(String::new(), |why| format!(": {why}"));
            format!("{} had no memory left when {asker}{why}.", scope(report, style))
        }
        _ => format!("{asker}; what ran out is not in the text."),
    }
}

fn of_group(report: &ExplainReport, path: Option<&Name>, asker: &str, style: &Style) -> String {
    let group = report.group.as_ref();
    let limit = match report.cause {
        Cause::GroupSwapLimit => group.and_then(|g| g.memory_swap),
        _ => group.and_then(|g| g.memory),
    };
    let what = match report.cause {
        Cause::GroupSwapLimit => "limit on memory and swap",
        _ => "memory limit",
    };
    let size =
        limit.and_then(|limit| limit.limit).map_or(String::new(), |limit| format!(" of {limit}"));
    let name =
        path.map_or_else(|| "a cgroup".to_owned(), |path| format!("cgroup {}", style.name(path)));
    let below = group
        .and_then(|group| group.victims_group.as_ref())
        .map_or(String::new(), |below| format!(", which holds for {} too,", style.name(below)));
    format!("the {what}{size} of {name}{below} was reached when {asker}.")
}

fn who(report: &ExplainReport, style: &Style) -> String {
    let asked = report.asked.as_ref();
    let name = asked.and_then(|asked| asked.name.as_ref());
    let pid = asked.and_then(|asked| asked.pid);
    match (name, pid) {
        (Some(name), Some(pid)) => format!("{} (pid {pid})", style.name(name)),
        (Some(name), None) => style.name(name),
        (None, Some(pid)) => format!("pid {pid}"),
        (None, None) => "somebody".to_owned(),
    }
}

fn asker(report: &ExplainReport, style: &Style) -> String {
    let size = report.asked.as_ref().and_then(|asked| asked.bytes);
    let size = size.map_or_else(|| "memory".to_owned(), |size| size.to_string());
    let block = match report.asked.as_ref().and_then(|asked| asked.order) {
        Some(order) if order > 0 => " in one block",
        _ => "",
    };
    format!("{} asked for {size}{block}", who(report, style))
}

fn victim(victim: &Victim, style: &Style) -> String {
    task(&Task { pid: victim.pid, name: victim.name.clone() }, style)
}

pub(crate) fn task(task: &Task, style: &Style) -> String {
    match (&task.name, task.pid) {
        (Some(name), Some(pid)) => format!("{} (pid {pid})", style.name(name)),
        (Some(name), None) => style.name(name),
        (None, Some(pid)) => format!("pid {pid}"),
        (None, None) => "?".to_owned(),
    }
}

/// The second sentence: who died, and why that one.
pub(crate) fn died(report: &ExplainReport, style: &Style) -> String {
    let Some(first) = report.victims.first() else {
        return match report.event {
            Event::Panic => "The machine stopped instead of killing anybody.".to_owned(),
            Event::NobodyToKill => "There was nobody who could be killed.".to_owned(),
            Event::AllocationFailure => "The request failed; nobody is killed for that.".to_owned(),
            Event::ShowMemory => "Nobody was killed.".to_owned(),
            Event::AlreadyDying => "Its choice was dying already and was left to it.".to_owned(),
            _ => "Who was killed is not in the text.".to_owned(),
        };
    };
    let held = [first.anon, first.file, first.shmem]
        .into_iter()
        .flatten()
        .reduce(Bytes::saturating_add)
        .map_or(String::new(), |held| format!(", which held {held},"));
    let name = victim(first, style);
    let more = match report.victims.len() {
        1 => String::new(),
        n => format!(" It died together with {}.", amount::count(n - 1, "other", "others")),
    };
    let subject = match &first.instead_of {
        Some(parent) => {
            format!("{name}{held} was killed for its parent {}, the choice", task(parent, style))
        }
        None => format!("{name}{held} was killed"),
    };
    format!("{subject}{}.{more}", why(report, style))
}

fn why(report: &ExplainReport, style: &Style) -> String {
    let Some(choice) = &report.choice else { return String::new() };
    match choice.not_by_score {
        Some(NotByScore::AllocatingTask) => {
            return ", because it asked (vm.oom_kill_allocating_task)".to_owned();
        }
        Some(NotByScore::Swapoff) => {
            return ", because it was switching swap off, and what came back had no room"
                .to_owned();
        }
        None => {}
    }
    match choice.agrees {
        Some(true) => {
            let others = choice.rows.len();
            let first = match choice.margin {
                Some(0) => ", because it came first of those with the highest score".to_owned(),
                _ if others == 1 => ", because it was the only one that could be chosen".to_owned(),
                _ => format!(", because its score was the highest of {others}"),
            };
            match &choice.without_adjustments {
                Some(other) => {
                    format!(
                        "{first}; without adjustments it would have been {}",
                        task(other, style)
                    )
                }
                None => first,
            }
        }
        Some(false) => match &choice.predicted {
            Some(other) => {
                format!(", but by this kernel's rules it should be {}", task(other, style))
            }
            None => String::new(),
        },
        None if choice.doubts.contains(&Doubt::NotInTable) => {
            "; the table of tasks does not list it".to_owned()
        }
        None => String::new(),
    }
}
