//! The one line for somebody who reads nothing else.

use facts::{Name, Snapshot};
use units::{Bytes, Percent};

use super::judge::{self, Judgement};
use super::{Headroom, Lately, Level, StatusOptions, Threshold, Verdict, Victims, Wall, WallKind};
use crate::eligible::some_are_hidden;
use crate::rank::{Domain, RankRow};

/// What a verdict rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) options: &'a StatusOptions,
    pub(super) cgroup: Option<&'a Name>,
    pub(super) headroom: Option<&'a Headroom>,
    pub(super) walls: &'a [Wall],
    pub(super) victims: &'a Victims,
    pub(super) lately: &'a Lately,
}

/// The wall that decides: of ours, the nearest among the most alarming. One that only slows down
/// decides when no other is as alarming.
pub(super) fn deciding<'a>(
    walls: &'a [Wall],
    options: &StatusOptions,
) -> Option<(&'a Wall, Judgement)> {
    let judged = walls
        .iter()
        .filter(|wall| wall.ours)
        .filter_map(|wall| Some((wall, judge::wall(wall, options)?)));
    // `min_by_key` keeps the first of equals, and the walls stand nearest first.
    judged.min_by_key(|(wall, judged)| (std::cmp::Reverse(judged.level), judge::slows_down(wall)))
}

pub(super) fn verdict(evidence: &Evidence<'_>) -> Verdict {
    let Evidence { options, walls, .. } = *evidence;
    let deciding = deciding(walls, options);
    let stalls = stalls(evidence);
    let stalled = stalls.iter().map(|stall| stall.level).max();

    let machine_is_known =
        walls.iter().any(|w| w.kind == WallKind::Machine && judge::wall(w, options).is_some());
    let by_walls = match deciding {
        Some((_, judged)) if machine_is_known || judged.level > Level::Calm => judged.level,
        _ => Level::Unknown,
    };
    let level = stalled.map_or(by_walls, |stalled| stalled.max(by_walls));

    let worse_stall = stalls.iter().find(|stall| stall.level > by_walls);
    let wall = deciding.map(|(wall, _)| wall).filter(|_| by_walls > Level::Unknown);
    let (says, then) = match (wall, worse_stall) {
        (Some(wall), Some(stall)) => (
            format!("{}, although {}", stall.words, distance(evidence.snapshot, wall, Level::Calm)),
            None,
        ),
        (None, Some(stall)) => (stall.words.clone(), None),
        (Some(wall), None) if by_walls > Level::Calm => {
            (distance(evidence.snapshot, wall, by_walls), first_to_die(evidence, wall))
        }
        (Some(wall), None) => {
            (distance(evidence.snapshot, wall, by_walls), killed_since_boot(evidence.lately))
        }
        (None, None) => (why_unknown(evidence), killed_since_boot(evidence.lately)),
    };
    let then = then.map(|then| format!("; {then}")).unwrap_or_default();
    let elsewhere = elsewhere(walls, options).map(|e| format!(" {e}.")).unwrap_or_default();
    let text = format!("{}: {says}{then}.{elsewhere}", word(level));

    let mut reasons: Vec<String> = walls
        .iter()
        .filter(|wall| wall.ours)
        .filter_map(|wall| reason(wall, judge::wall(wall, options)?))
        .collect();
    reasons.extend(stalls.into_iter().map(|stall| stall.reason));
    Verdict { level, text, reasons }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Unknown => "Unknown",
        Level::Calm => "Calm",
        Level::Near => "Near",
        Level::AtTheWall => "At the wall",
    }
}

/// How far a wall is, as a clause.
fn distance(snapshot: &Snapshot, wall: &Wall, level: Level) -> String {
    let left = wall.distance.unwrap_or_default();
    let amount = match level {
        _ if left == Bytes::ZERO => "nothing more".to_owned(),
        Level::Unknown | Level::Calm => format!("{left} more"),
        Level::Near | Level::AtTheWall => format!("only {left} more"),
    };
    let panic = snapshot.sysctls.panic_on_oom;
    match &wall.kind {
        WallKind::Machine => {
            let acts = if matches!(panic, Some(1 | 2)) { "panics" } else { "kills" };
            format!("{amount} can be touched before this machine {acts}")
        }
        WallKind::Cgroup { path, .. } => {
            let acts = if judge::slows_down(wall) {
                "is slowed down (memory.high)"
            } else if !wall.kills {
                "reaches its limit and its tasks must wait (oom_kill_disable)"
            } else if panic == Some(2) {
                "reaches its limit and the whole machine panics"
            } else {
                "reaches its limit and the kernel kills in it"
            };
            format!("{amount} can be touched before cgroup {path} {acts}")
        }
        WallKind::Overcommit => {
            format!("{amount} can be promised before requests for memory fail (strict overcommit)")
        }
    }
}

/// Who dies first at the wall that decides, as a clause; `None` if nobody is killed there.
fn first_to_die(evidence: &Evidence<'_>, wall: &Wall) -> Option<String> {
    let victims = evidence.victims;
    let at_this_wall = match (&wall.kind, &victims.domain) {
        (WallKind::Machine, Domain::Machine) => true,
        (WallKind::Cgroup { path, .. }, Domain::Cgroup(domain)) => path == domain,
        _ => false,
    };
    if !wall.kills || !at_this_wall {
        return None;
    }
    let sysctls = &evidence.snapshot.sysctls;
    let machine = victims.domain == Domain::Machine;
    // A wall that panics says so itself.
    if sysctls.panic_on_oom == Some(2) || (machine && sysctls.panic_on_oom == Some(1)) {
        return None;
    }
    if machine && sysctls.oom_kill_allocating_task == Some(true) {
        return Some("whoever asks for memory then dies (vm.oom_kill_allocating_task)".to_owned());
    }
    let Some(first) = victims.first.first() else {
        return Some(if victims.more > 0 {
            format!("{} processes could be chosen to die", victims.more)
        } else {
            "no process was found that could be killed".to_owned()
        });
    };
    let also = victims
        .group
        .as_ref()
        .map(|group| format!(", and with it everybody in cgroup {group}"))
        .unwrap_or_default();
    let somebody_is_seen = !evidence.snapshot.tasks.is_empty();
    let seen = if machine && somebody_is_seen && some_are_hidden(evidence.snapshot) {
        ", of those that can be seen from here,"
    } else {
        ""
    };
    Some(format!("{}{seen} would die first{also}", who(first)))
}

/// `java (pid 4711, 2.00 GiB)`.
fn who(row: &RankRow) -> String {
    let size: Option<Bytes> =
        row.resident.map(|resident| resident.saturating_add(row.swap.unwrap_or_default()));
    let size = size.map(|size| format!(", {size}")).unwrap_or_default();
    match &row.name {
        Some(name) => format!("{name} (pid {}{size})", row.pid),
        None => format!("the process with pid {}{size}", row.pid),
    }
}

fn killed_since_boot(lately: &Lately) -> Option<String> {
    Some(match lately.oom_kills? {
        0 => "nothing has been killed since boot".to_owned(),
        1 => "one process has been killed since boot".to_owned(),
        many => format!("{many} processes have been killed since boot"),
    })
}

fn why_unknown(evidence: &Evidence<'_>) -> String {
    match evidence.headroom {
        None => "MemFree could not be read, so how near this machine is cannot be told".to_owned(),
        Some(headroom) => format!(
            "{} more can be touched, but MemTotal could not be read, so whether that is little \
             cannot be told",
            headroom.expected
        ),
    }
}

/// A word about the walls of others, who are not judged here.
fn elsewhere(walls: &[Wall], options: &StatusOptions) -> Option<String> {
    let mut near = walls.iter().filter_map(|wall| match (&wall.kind, wall.distance) {
        (WallKind::Cgroup { path, .. }, Some(left))
            if !wall.ours && options.near.passed(left, wall.capacity) =>
        {
            Some((path, left))
        }
        _ => None,
    });
    let (path, left) = near.next()?;
    let left = if left == Bytes::ZERO { "nothing".to_owned() } else { left.to_string() };
    Some(match near.count() {
        0 => format!("Elsewhere, cgroup {path} has {left} left before its own limit"),
        more => format!(
            "Elsewhere, {} cgroups are near their own limits, the fullest {path} with {left} left",
            more + 1
        ),
    })
}

/// A threshold of ours that was passed, in words.
fn reason(wall: &Wall, judged: Judgement) -> Option<String> {
    let threshold = judged.passed?;
    let left = wall.distance?;
    let share = wall.capacity.and_then(|all| Percent::of(left.get(), all.get()));
    let left = match (threshold, share) {
        (Threshold::Share(_), Some(share)) => format!("{share:.1} ({left})"),
        _ => left.to_string(),
    };
    Some(match &wall.kind {
        WallKind::Machine => format!("{left} of RAM and swap is left, less than {threshold}"),
        WallKind::Cgroup { path, .. } if judge::slows_down(wall) => {
            format!("cgroup {path} has {left} left before memory.high, less than {threshold}")
        }
        WallKind::Cgroup { path, .. } => {
            format!("cgroup {path} has {left} left before its limit, less than {threshold}")
        }
        WallKind::Overcommit => {
            format!("{left} of the commit limit is left, less than {threshold}")
        }
    })
}

/// A pressure file that passed a threshold.
#[derive(Debug)]
struct Stall {
    level: Level,
    words: String,
    reason: String,
}

/// The machine's pressure, and that of the nearest cgroup of ours that tells; the worst first.
fn stalls(evidence: &Evidence<'_>) -> Vec<Stall> {
    let snapshot = evidence.snapshot;
    let machine = [("this machine".to_owned(), snapshot.pressure)];
    // The machine's root has no limit, and its file is the machine's. What a cgroup namespace shows
    // as its root has a limit file and pressure of its own.
    let own = evidence.cgroup.into_iter().flat_map(|path| snapshot.cgroups.upward(path));
    let own = own
        .filter(|(path, group)| path.as_bytes() != b"/" || group.max.is_some())
        .map(|(path, group)| (format!("cgroup {path}"), group.pressure))
        .find(|(_, file)| matches!(file, facts::PressureFile::Known(_)));
    let mut stalls: Vec<Stall> = machine
        .into_iter()
        .chain(own)
        .filter_map(|(place, file)| {
            let (level, full, least) = judge::pressure(file, evidence.options)?;
            let words = format!(
                "everything on {place} stood still for memory during {full} of the last 10 seconds"
            );
            let words = words.replacen("on cgroup", "in cgroup", 1);
            let reason = format!("{words}, at least {}", Threshold::Share(least));
            Some(Stall { level, words, reason })
        })
        .collect();
    stalls.sort_by_key(|stall| std::cmp::Reverse(stall.level));
    stalls
}
