//! earlyoom, and shells.

use facts::{Act, Figure, FigureOf, FigureValue, Name, Notice, Speaker};
use units::ScoreAdj;

use super::{Memory, Said, behind, notice, take};
use crate::cursor::Cursor;

/// `TASK_COMM_LEN` less its last byte.
const LONGEST_NAME: usize = 15;

pub(super) fn read(said: &Said<'_>, memory: &mut Memory) -> Option<Notice> {
    if said.by(&[b"earlyoom"])
        && let Some(found) = earlyoom(said.body, memory)
    {
        return Some(found);
    }
    shell(said)
}

fn earlyoom(body: &[u8], memory: &mut Memory) -> Option<Notice> {
    if body.starts_with(b"mem avail:") {
        // It prints this now and then; what counts is the last before it acts.
        memory.earlyoom = levels(body);
        return None;
    }
    if let Some(rest) = body.strip_prefix(b"low memory! at or below SIG") {
        limits(rest, &mut memory.earlyoom);
        let mut found = notice(Speaker::Earlyoom, Act::Warned);
        found.figures.clone_from(&memory.earlyoom);
        return Some(found);
    }
    // To 1.1: `Low memory! mem avail: 1 of 2 MiB (3) % <= min 4 %, swap free: …`.
    if let Some(rest) = body.strip_prefix(b"Low memory! ") {
        memory.earlyoom = levels(rest);
        let mut found = notice(Speaker::Earlyoom, Act::Warned);
        found.figures.clone_from(&memory.earlyoom);
        return Some(found);
    }
    if let Some(rest) = body.strip_prefix(b"sending SIG") {
        return sending(rest, memory);
    }
    if let Some(rest) = body.strip_prefix(b"Killing process") {
        return killing(rest, memory);
    }
    if let Some(rest) = body.strip_prefix(b"process ") {
        let mut cursor = Cursor::new(rest);
        let mut found = notice(Speaker::Earlyoom, Act::Ended);
        found.pid = Some(take::pid(&mut cursor)?);
        cursor.eat_after_blanks(b"exited after ").then_some(())?;
        let value = take::seconds(&mut cursor)?;
        cursor.eat_after_blanks(b"seconds").then_some(())?;
        found.figures.push(Figure { of: FigureOf::EndedAfter, value });
        return Some(found);
    }
    let triggered = memchr::memmem::find(body, b"successfully triggered kernel OOM killer");
    triggered.map(|_| {
        let mut found = notice(Speaker::Earlyoom, Act::ToldOfKill);
        found.figures = std::mem::take(&mut memory.earlyoom);
        found.reason = Some(Name::from("asked the kernel for a kill"));
        found
    })
}

/// `mem avail: 12 of 345 MiB ( 3.45%), swap free: 0 of 0 MiB ( 0.00%)`.
fn levels(body: &[u8]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (words, level, total, limit) in [
        (
            &b"mem avail:"[..],
            FigureOf::MemoryAvailable,
            FigureOf::MemoryTotal,
            FigureOf::MemoryAvailableLimit,
        ),
        (b"swap free:", FigureOf::SwapFree, FigureOf::SwapTotal, FigureOf::SwapFreeLimit),
    ] {
        let Some(mut cursor) = behind(body, words) else { continue };
        let value = take::mib(&mut cursor);
        figures.extend(value.map(|value| Figure { of: level, value }));
        if cursor.eat_after_blanks(b"of ") {
            let value = take::mib(&mut cursor);
            figures.extend(value.map(|value| Figure { of: total, value }));
        }
        let end = memchr::memchr(b',', cursor.rest).unwrap_or(cursor.rest.len());
        if let Some(mut min) = behind(&cursor.rest[..end], b"<= min ") {
            let value = take::percent(&mut min);
            figures.extend(value.map(|value| Figure { of: limit, value }));
        }
    }
    figures
}

/// `TERM limits: mem 10.00%, swap 10.00%`.
fn limits(text: &[u8], figures: &mut Vec<Figure>) {
    for (words, of) in
        [(&b": mem "[..], FigureOf::MemoryAvailableLimit), (b", swap ", FigureOf::SwapFreeLimit)]
    {
        figures.retain(|figure| figure.of != of);
        let value = behind(text, words).as_mut().and_then(take::percent);
        figures.extend(value.map(|value| Figure { of, value }));
    }
}

/// `TERM to process 12 uid 1000 "name": oom_score 1, oom_score_adj 2, VmRSS 3 MiB, cmdline "…"`.
fn sending(rest: &[u8], memory: &mut Memory) -> Option<Notice> {
    let mut cursor = Cursor::new(rest);
    let signal = cursor.run(|b| b.is_ascii_uppercase());
    cursor.eat(b" to process ").then_some(())?;
    let act = if signal == b"TERM" { Act::Terminated } else { Act::Killed };
    let mut found = notice(Speaker::Earlyoom, act);
    found.signal = Some(Name::new([b"SIG", signal].concat()));
    found.pid = Some(take::pid(&mut cursor)?);
    if cursor.eat(b" uid ") {
        found.uid = cursor.number().and_then(|n| u32::try_from(n).ok());
    }
    cursor.eat(b" \"").then_some(())?;
    let text = cursor.rest;
    // The name may hold anything but is at most 15 bytes; the command line behind it is longer.
    let ends = [&b"\": badness "[..], b"\": oom_score "];
    let all = ends.iter().flat_map(|words| memchr::memmem::find_iter(text, words));
    let end = all.filter(|end| *end <= LONGEST_NAME).max()?;
    found.name = Some(Name::new(&text[..end]));
    let rest = &text[end + 3..];
    let own = memchr::memmem::find(rest, b", cmdline ").map_or(rest, |at| &rest[..at]);
    score_and_size(own, &mut found);
    found.figures.append(&mut memory.earlyoom);
    Some(found)
}

fn score_and_size(text: &[u8], found: &mut Notice) {
    for words in [&b"badness "[..], b"badness: ", b"oom_score "] {
        if let Some(score) = behind(text, words).and_then(|mut cursor| cursor.signed()) {
            found.figures.push(Figure { of: FigureOf::Score, value: FigureValue::Number(score) });
            break;
        }
    }
    let adj = behind(text, b"oom_score_adj ").and_then(|mut cursor| cursor.signed());
    found.oom_score_adj = adj.and_then(|adj| ScoreAdj::new(adj).ok());
    for words in [&b"VmRSS "[..], b"VmRSS: "] {
        if let Some(value) = behind(text, words).as_mut().and_then(take::mib) {
            found.figures.push(Figure { of: FigureOf::Resident, value });
            break;
        }
    }
}

/// To 1.2: ` 'name' with signal 9, pid: 12, badness: 3, VmRSS: 4 MiB`, `: name, pid: 12, …`,
/// ` 12 name`.
fn killing(rest: &[u8], memory: &mut Memory) -> Option<Notice> {
    let mut found = notice(Speaker::Earlyoom, Act::Killed);
    if let Some(at) = memchr::memmem::rfind(rest, b", pid: ") {
        let (head, tail) = (&rest[..at], &rest[at + 7..]);
        found.pid = Some(take::pid(&mut Cursor::new(tail))?);
        let name = if let Some(name) = head.strip_prefix(b": ") {
            name
        } else {
            let at = memchr::memmem::rfind(head, b"' with signal ")?;
            if head[at + 14..] == *b"15" {
                found.act = Act::Terminated;
            }
            head[..at].strip_prefix(b" '")?
        };
        found.name = Some(Name::new(name));
        score_and_size(tail, &mut found);
    } else {
        let mut cursor = Cursor::new(rest);
        cursor.blanks();
        found.pid = Some(take::pid(&mut cursor)?);
        cursor.eat(b" ").then_some(())?;
        found.name = Some(Name::new(cursor.rest));
    }
    found.signal =
        Some(Name::from(if found.act == Act::Terminated { "SIGTERM" } else { "SIGKILL" }));
    found.figures.append(&mut memory.earlyoom);
    Some(found)
}

/// bash: `./job.sh: line 3: 12345 Killed                  ./program`.
fn shell(said: &Said<'_>) -> Option<Notice> {
    let body = said.body;
    let killed = memchr::memmem::find(body, b" Killed  ")?;
    let head = body[..killed].trim_ascii_end();
    let digits = head.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (before, pid) = head.split_at(head.len() - digits);
    memchr::memmem::rfind(before, b": line ")?;
    before.trim_ascii_end().ends_with(b":").then_some(())?;
    let mut found = notice(Speaker::Shell, Act::Ended);
    found.pid = Some(take::pid(&mut Cursor::new(pid))?);
    found.signal = Some(Name::from("SIGKILL"));
    let command = body[killed + 8..].trim_ascii();
    let program = command.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let file = program.split(|&b| b == b'/').next_back().unwrap_or(program);
    if !file.is_empty() {
        found.name = Some(Name::new(file));
    }
    Some(found)
}
