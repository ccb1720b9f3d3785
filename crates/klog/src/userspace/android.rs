//! Android's killers: the kernel's driver lowmemorykiller, and lmkd, which logs under its name.

use facts::{Act, Figure, FigureOf, FigureValue, Name, Notice, Speaker};
use units::ScoreAdj;

use super::{Said, behind, notice, take};
use crate::cursor::Cursor;

const WORD: &[u8] = b"lowmemorykiller";

pub(super) fn read(said: &Said<'_>) -> Option<Notice> {
    let tagged = said.program.is_some_and(|program| program == WORD || program == b"lmkd");
    // The kernel's driver names itself in the text, logcat names lmkd in the prefix.
    let body = match said.body.strip_prefix(WORD).map(|rest| rest.strip_prefix(b": ")) {
        Some(Some(rest)) => rest,
        _ if tagged => said.body,
        _ => return None,
    };
    let body = body.strip_prefix(b"lowmem_shrink ").unwrap_or(body);
    if let Some(rest) = body.strip_prefix(b"send sigkill to ") {
        return old_driver(rest);
    }
    let rest = body.strip_prefix(b"Killing '").or_else(|| body.strip_prefix(b"Kill '"))?;
    // The name may hold a quote: the last one before a number in brackets ends it.
    let end = memchr::memmem::rfind(rest, b"' (")?;
    let mut cursor = Cursor::new(&rest[end + 3..]);
    let pid = take::pid(&mut cursor)?;
    let tail = cursor.rest;
    let by_daemon = behind(tail, b", uid ").is_some();
    let speaker = if by_daemon { Speaker::Lmkd } else { Speaker::LowMemoryKiller };
    let mut found = notice(speaker, Act::Killed);
    found.name = Some(Name::new(&rest[..end]));
    found.pid = Some(pid);
    found.signal = Some(Name::from("SIGKILL"));
    found.uid = behind(tail, b", uid ")
        .and_then(|mut cursor| cursor.number())
        .and_then(|n| u32::try_from(n).ok());
    let adj = [&b"score_adj "[..], b", adj ", b"oom_adj "]
        .iter()
        .find_map(|words| behind(tail, words).and_then(|mut cursor| cursor.signed()));
    found.oom_score_adj = adj.and_then(|adj| ScoreAdj::new(adj).ok());
    figures(tail, &mut found);
    found.reason = behind(tail, b"reason: ").map(|cursor| Name::new(cursor.rest));
    Some(found)
}

/// 2.6.29: `12 (name), adj 8, size 345`, the size in pages of unknown size.
fn old_driver(rest: &[u8]) -> Option<Notice> {
    let mut cursor = Cursor::new(rest);
    let mut found = notice(Speaker::LowMemoryKiller, Act::Killed);
    found.pid = Some(take::pid(&mut cursor)?);
    cursor.eat(b" (").then_some(())?;
    let end = memchr::memmem::rfind(cursor.rest, b"), adj ")?;
    found.name = Some(Name::new(&cursor.rest[..end]));
    found.signal = Some(Name::from("SIGKILL"));
    Some(found)
}

/// Further lines of the driver's record; whether this is one.
pub(super) fn carry_on(notice: &mut Notice, body: &[u8]) -> bool {
    const STARTS: [&[u8]; 9] = [
        b"to free ",
        b"cache ",
        b"Free memory is ",
        b"Free CMA is ",
        b"Total reserve is ",
        b"Total free pages is ",
        b"Total file cache is ",
        b"GFP mask is ",
        b"cma free: ",
    ];
    let body = body.trim_ascii_start();
    let known = STARTS.iter().any(|start| body.starts_with(start));
    if known {
        figures(body, notice);
        notice.text = Name::new([notice.text.as_bytes(), b" ", body].concat());
    }
    known
}

/// `to free 1kB [rss, 2kB swap] [on behalf of 'x' (3)] because cache 4kB is below limit 5kB …
/// Free memory is -6kB above reserved`.
fn figures(text: &[u8], found: &mut Notice) {
    let mut add = |of, value: Option<FigureValue>| {
        found.figures.extend(value.map(|value| Figure { of, value }));
    };
    if let Some(mut cursor) = behind(text, b"to free ") {
        add(FigureOf::Resident, take::kib(&mut cursor));
        if cursor.eat(b" rss, ") {
            add(FigureOf::Swapped, take::kib(&mut cursor));
        }
    }
    if let Some(mut cursor) = behind(text, b"cache ") {
        let value = take::kib(&mut cursor);
        if cursor.eat_after_blanks(b"is below limit ") {
            add(FigureOf::FileCache, value);
            add(FigureOf::FileCacheLimit, take::kib(&mut cursor));
        }
    }
    if let Some(mut cursor) = behind(text, b"Free memory is ") {
        let value = cursor.signed().and_then(|kib| kib.checked_mul(1024));
        add(FigureOf::FreeAboveReserve, value.map(FigureValue::SignedBytes));
    }
}
