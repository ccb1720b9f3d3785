//! Whether a line of another program tells of this kill.

use facts::{Act, Name, Notice, Speaker};

use super::report::{Incident, JoinedBy, Killer};
use super::{clock, pids, when};

/// A process id is used again, but not so soon.
const SAME_PID_US: i64 = 600_000_000;
/// Containers are reported when the runtime has cleaned up.
const CONTAINER_US: i64 = 300_000_000;
/// systemd tells of a unit when it has seen `memory.events` change.
const UNIT_US: i64 = 30_000_000;
/// Lines that name nothing.
const ALONE_US: i64 = 3_000_000;
/// Clocks of two programs, and dates without fractions, differ so much.
const BEFORE_US: i64 = 2_000_000;
/// Where there are no times: lines between them.
const LINES: u64 = 300;

/// By what a line belongs to an incident, and how far it is away; the less the better.
pub(super) fn joins(notice: &Notice, incident: &Incident) -> Option<(JoinedBy, u64)> {
    let kernel = incident.killer == Killer::Kernel;
    let by_oomd = incident.killer == Killer::Other(Speaker::SystemdOomd);
    let fits = match notice.act {
        Act::ToldOfKill => kernel,
        Act::ToldOfOomd => by_oomd,
        Act::ToldOfEither => kernel || by_oomd,
        Act::Ended | Act::Warned => true,
        Act::Killed | Act::Terminated | Act::Evicted | Act::LeftOut => false,
    };
    if !fits {
        return None;
    }
    if let Some(pid) = notice.pid {
        // Who names another process means another kill.
        let same = pids(incident).any(|victim| victim == pid);
        return near(notice, incident, SAME_PID_US)
            .filter(|_| same)
            .map(|far| (JoinedBy::Pid, far));
    }
    let own = incident.notice.as_ref();
    let paths = || incident.cgroup.iter().chain(own.and_then(|notice| notice.cgroup.as_ref()));
    if let Some(id) = &notice.container {
        let known = paths().next().is_some();
        let same = paths().any(|path| holds(path.as_bytes(), id.as_bytes()));
        if same {
            return near(notice, incident, CONTAINER_US).map(|far| (JoinedBy::Container, far));
        }
        if known {
            return None;
        }
    }
    if let Some(unit) = &notice.unit {
        let known = paths().next().is_some();
        let has = |path: &Name| path.as_bytes().split(|&b| b == b'/').any(|p| p == unit.as_bytes());
        if paths().any(has) {
            return near(notice, incident, UNIT_US).map(|far| (JoinedBy::Unit, far));
        }
        // A signal 9 of whatever origin says nothing by itself.
        if known || notice.act == Act::Ended {
            return None;
        }
    }
    let alone = notice.pod.is_some() && notice.act != Act::ToldOfKill;
    let same_speaker = matches!(incident.killer, Killer::Other(by) if by == notice.speaker);
    let warned = notice.act == Act::Warned;
    if alone || (warned && !same_speaker && !kernel) || notice.act == Act::Ended {
        return None;
    }
    timed(notice, incident, ALONE_US).map(|far| (JoinedBy::Time, far))
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// A cgroup's path without what changes from start to start: ids of containers and pods.
pub(super) fn lasting(path: &Name) -> Name {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b'_'))
            .count();
        let digits = bytes[at..at + run].iter().filter(|b| b.is_ascii_hexdigit()).count();
        // The d of `pod` is a digit as well.
        let of_pod = bytes[at] == b'd' && out.ends_with(b"po");
        if run > 0 && !of_pod {
            if digits >= 32 {
                out.push(b'*');
            } else {
                out.extend_from_slice(&bytes[at..at + run]);
            }
            at += run;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    Name::new(out)
}

/// How far a line is from an incident, if not too far: in microseconds, or in lines where their
/// times do not compare.
fn near(notice: &Notice, incident: &Incident, after: i64) -> Option<u64> {
    let moment = when(incident);
    if clock::apart(&moment, &notice.when, true).is_some() {
        return timed(notice, incident, after);
    }
    let first = incident.first_line.unwrap_or(0);
    let last = incident.last_line.unwrap_or(first);
    let lines =
        if notice.line < first { first - notice.line } else { notice.line.saturating_sub(last) };
    (lines <= LINES).then(|| lines.saturating_mul(1000))
}

fn timed(notice: &Notice, incident: &Incident, after: i64) -> Option<u64> {
    let moment = when(incident);
    let apart = clock::apart(&moment, &notice.when, true)?;
    // Warnings come before a kill, all others after it.
    let (least, most) =
        if notice.act == Act::Warned { (-after, BEFORE_US) } else { (-BEFORE_US, after) };
    (least..=most).contains(&apart).then(|| apart.unsigned_abs())
}
