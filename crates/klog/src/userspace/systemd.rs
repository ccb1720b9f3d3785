//! systemd about its units, and systemd-oomd.

use facts::{Act, Figure, FigureOf, FigureValue, Name, Notice, Speaker};

use super::{Said, behind, notice, take};
use crate::cursor::Cursor;

pub(super) fn read(said: &Said<'_>) -> Option<Notice> {
    if said.by(&[b"systemd"])
        && let Some(found) = unit(said.body)
    {
        return Some(found);
    }
    if said.by(&[b"systemd-oomd"]) { oomd(said.body) } else { None }
}

/// `UNIT: what became of it`. Units' names hold no blank.
fn unit(body: &[u8]) -> Option<Notice> {
    let at = memchr::memmem::find(body, b": ")?;
    let (unit, said) = (&body[..at], &body[at + 2..]);
    let named = !unit.is_empty()
        && !unit.iter().any(u8::is_ascii_whitespace)
        && KINDS.iter().any(|kind| unit.ends_with(kind));
    if !named {
        return None;
    }
    let mut found = if said == b"A process of this unit has been killed by the OOM killer." {
        notice(Speaker::Systemd, Act::ToldOfKill)
    } else if let Some(rest) = said.strip_prefix(b"systemd-oomd killed ") {
        // `some process(es)` when it does not know how many.
        rest.ends_with(b" process(es) in this unit.").then_some(())?;
        let mut found = notice(Speaker::Systemd, Act::ToldOfOomd);
        found.count = Cursor::new(rest).number();
        found
    } else if let Some(rest) = said.strip_prefix(b"The kernel OOM killer killed ") {
        rest.ends_with(b" process(es) in this unit.").then_some(())?;
        let mut found = notice(Speaker::Systemd, Act::ToldOfKill);
        found.count = Cursor::new(rest).number();
        found
    } else if said == b"Failed with result 'oom-kill'." {
        notice(Speaker::Systemd, Act::ToldOfEither)
    } else if said.ends_with(b"rocess exited, code=killed, status=9/KILL") {
        let mut found = notice(Speaker::Systemd, Act::Ended);
        found.signal = Some(Name::from("SIGKILL"));
        found
    } else {
        return None;
    };
    found.unit = Some(Name::new(unit));
    Some(found)
}

const KINDS: [&[u8]; 6] = [b".service", b".scope", b".slice", b".socket", b".mount", b".swap"];

/// `Killed PATH due to memory used (B) / total (B) and swap used (B) / total (B) being more than P%`
/// and `Killed PATH due to memory pressure for PATH being P% > P% for > SPAN with reclaim activity`;
/// before 248 swap alone. Since 258 it first says whom it marked.
fn oomd(body: &[u8]) -> Option<Notice> {
    let (act, rest) = match (body.strip_prefix(b"Killed "), body.strip_prefix(b"Marked ")) {
        (Some(rest), _) => (Act::Killed, rest),
        (_, Some(rest)) => (Act::Warned, rest),
        _ => return None,
    };
    // The path may hold anything; the daemon's own words are the last.
    let due = [&b" due to memory "[..], b" due to swap "]
        .iter()
        .filter_map(|words| memchr::memmem::rfind(rest, words))
        .max()?;
    let path = &rest[..due];
    let path = path.strip_suffix(b" for killing").unwrap_or(path);
    let why = &rest[due + b" due to ".len()..];
    path.starts_with(b"/").then_some(())?;
    let mut found = notice(Speaker::SystemdOomd, act);
    found.cgroup = Some(Name::new(path));
    found.unit = path.split(|&b| b == b'/').next_back().map(Name::new);
    found.reason = Some(Name::new(why));
    if act == Act::Killed {
        found.signal = Some(Name::from("SIGKILL"));
    }
    let mut figure = |of, value: Option<FigureValue>| {
        found.figures.extend(value.map(|value| Figure { of, value }));
    };
    if why.starts_with(b"memory pressure for ") {
        let at = memchr::memmem::rfind(why, b" being ")?;
        let mut cursor = Cursor::new(&why[at + 7..]);
        figure(FigureOf::Pressure, take::percent(&mut cursor));
        cursor.eat_after_blanks(b">");
        figure(FigureOf::PressureLimit, take::percent(&mut cursor));
        if cursor.eat_after_blanks(b"for >") {
            let end = memchr::memmem::find(cursor.rest, b" with").unwrap_or(cursor.rest.len());
            figure(FigureOf::PressureFor, take::span(&cursor.rest[..end]));
        }
        return Some(found);
    }
    let mut limit = behind(why, b"being more than ");
    let swap = memchr::memmem::find(why, b"swap used").unwrap_or(why.len());
    for (part, used, total) in [
        (&why[..swap], FigureOf::MemoryUsed, FigureOf::MemoryTotal),
        (&why[swap..], FigureOf::SwapUsed, FigureOf::SwapTotal),
    ] {
        figure(used, behind(part, b"used (").as_mut().and_then(take::bytes));
        figure(total, behind(part, b"total (").as_mut().and_then(take::bytes));
    }
    figure(FigureOf::UsedLimit, limit.as_mut().and_then(take::percent));
    Some(found)
}
