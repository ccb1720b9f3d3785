//! What `dump_stack()` prints: the cpu, the machine, the call trace, registers.

use facts::oom_report::LineKind;
use units::Pid;

use super::{Context, Item, More, Reading};
use crate::cursor::{Cursor, rsplit_once, split_once};

/// `dump_stack_print_info()`, as far as it is one line.
#[derive(Debug, Default)]
pub(crate) struct CpuLine<'a> {
    pub(crate) cpu: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) pid: Option<Pid>,
    pub(crate) comm: Option<&'a [u8]>,
    pub(crate) kdump_loaded: bool,
    pub(crate) taint: Option<&'a [u8]>,
    pub(crate) version: Option<&'a [u8]>,
}

/// Whether the line begins as `dump_stack_print_info()` prints it.
pub(super) fn is_cpu_line(body: &[u8]) -> bool {
    cpu_line(body).is_some()
}

pub(super) fn read(body: &[u8], context: Context) -> Option<Reading<'_>> {
    let item = fixed(body).or_else(|| frame(body)).or_else(|| {
        let tracing = matches!(context.section, Some(LineKind::Trace | LineKind::Header));
        (tracing && registers(body)).then_some(Item::Registers)
    })?;
    let more = match item {
        Item::Cpu(_) | Item::Hardware(_) | Item::Registers | Item::Taints(_) => More::Possible,
        _ => More::No,
    };
    Some(Reading::whole(item, body).weak().more(more))
}

fn fixed(body: &[u8]) -> Option<Item<'_>> {
    let first = body[0];
    match first {
        b'C' | b'P' => {
            if let Some(item) = cpu_line(body) {
                return Some(Item::Cpu(Box::new(item)));
            }
            let starts = matches!(body, b"Call Trace:" | b"Call trace:");
            if starts {
                return Some(Item::TraceStart);
            }
        }
        b'T' => {
            if let Some(rest) = body.strip_prefix(b"Tainted: [") {
                return Some(Item::Taints(&body[body.len() - rest.len() - 1..]));
            }
        }
        b'H' => {
            if let Some(rest) = body.strip_prefix(b"Hardware name:") {
                return Some(Item::Hardware(rest.trim_ascii()));
            }
        }
        b'W' => {
            if let Some(rest) = body.strip_prefix(b"Workqueue:") {
                return Some(Item::Workqueue(rest.trim_ascii()));
            }
        }
        b'B' if body.starts_with(b"Backtrace:") => return Some(Item::TraceStart),
        b'<' if matches!(body, b"<TASK>" | b"</TASK>" | b"<IRQ>" | b"</IRQ>") => {
            return Some(Item::Registers);
        }
        b'=' if body.len() > 8 && body.iter().all(|&b| b == b'=') => return Some(Item::Registers),
        _ => {}
    }
    None
}

/// `CPU: 1 UID: 0 PID: 116 Comm: x Not tainted 6.11.0 #15`, before 3.10 on x86
/// `Pid: 3183, comm: hald Not tainted 2.6.26-2-amd64 #1`.
fn cpu_line(body: &[u8]) -> Option<CpuLine<'_>> {
    let mut line = CpuLine::default();
    let mut cursor = Cursor::new(body);
    let number = |cursor: &mut Cursor<'_>| cursor.number().and_then(|n| u32::try_from(n).ok());
    if cursor.eat(b"CPU: ") {
        line.cpu = number(&mut cursor);
        if cursor.eat(b" UID: ") {
            line.uid = number(&mut cursor);
        }
        cursor.eat(b" PID: ").then_some(())?;
        line.pid = number(&mut cursor).map(Pid::new);
        cursor.blanks();
        cursor.eat(b"Comm:").then_some(())?;
    } else {
        cursor.eat(b"Pid: ").then_some(())?;
        line.pid = number(&mut cursor).map(Pid::new);
        cursor.eat(b", comm:").then_some(())?;
    }
    let rest = cursor.rest.trim_ascii_start();
    // The name may hold anything; the words behind it are searched from the right.
    let clean = rsplit_once(rest, b" Not tainted").map(|(comm, after)| (comm, false, after));
    let tainted = rsplit_once(rest, b" Tainted: ").map(|(comm, after)| (comm, true, after));
    let last = [clean, tainted].into_iter().flatten().max_by_key(|(comm, ..)| comm.len());
    let Some((comm, tainted, after)) = last else {
        line.comm = Some(rest.trim_ascii());
        return Some(line);
    };
    let comm = comm.trim_ascii_end();
    let (comm, kdump) = match comm.strip_suffix(b"Kdump: loaded") {
        Some(comm) => (comm.trim_ascii_end(), true),
        None => (comm, false),
    };
    line.comm = Some(comm);
    line.kdump_loaded = kdump;
    let after = after.strip_prefix(b",").unwrap_or(after);
    let version = version_in(after);
    line.version = version.map(|at| after[at..].trim_ascii());
    let letters = &after[..version.unwrap_or(after.len())];
    line.taint = Some(if tainted { letters.trim_ascii() } else { b"Not tainted" });
    Some(line)
}

/// Where the release begins: the first word that is `digits.digits…`.
fn version_in(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let start = at + text[at..].iter().position(|b| !b.is_ascii_whitespace())?;
        let end = text[start..]
            .iter()
            .position(u8::is_ascii_whitespace)
            .map_or(text.len(), |len| start + len);
        let mut cursor = Cursor::new(&text[start..end]);
        if cursor.number().is_some() && cursor.eat(b".") && cursor.number().is_some() {
            return Some(start);
        }
        at = end;
    }
    None
}

/// `[<c0148426>] out_of_memory+0x176/0x1d0`, `? x+0x1/0x2 [module]`, or the decoded
/// `out_of_memory (mm/oom_kill.c:1180)`; the function's name.
fn frame(body: &[u8]) -> Option<Item<'_>> {
    if memchr::memchr(b'+', body).is_some()
        && let Some((head, tail)) = split_once(body, b"+0x")
        && tail.first().is_some_and(u8::is_ascii_hexdigit)
        && memchr::memmem::find(tail, b"/0x").is_some()
    {
        return Some(Item::Frame(function(head)));
    }
    if body.ends_with(b")")
        && let Some((head, tail)) = split_once(body, b" (")
        && tail.ends_with(b")")
        && (memchr::memmem::find(tail, b".c:").is_some()
            || memchr::memmem::find(tail, b".h:").is_some()
            || memchr::memmem::find(tail, b".S:").is_some())
        && !head.strip_prefix(b"? ").unwrap_or(head).contains(&b' ')
    {
        return Some(Item::Frame(function(head)));
    }
    // Frames without symbols, and their stack pointers on ia64 and others.
    if body.starts_with(b"[<") && body.contains(&b'>') {
        return Some(Item::Registers);
    }
    (body.starts_with(b"sp=") || body.starts_with(b"---[ end trace")).then_some(Item::Registers)
}

/// The last word: what is before it are addresses and `?`.
fn function(head: &[u8]) -> &[u8] {
    let head = head.trim_ascii_end();
    let start = head
        .iter()
        .rposition(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$')))
        .map_or(0, |at| at + 1);
    &head[start..]
}

/// Registers, code bytes and raw stack words, in the forms of several architectures.
fn registers(body: &[u8]) -> bool {
    const HEADS: [&[u8]; 18] = [
        b"Code:",
        b"RIP:",
        b"EIP",
        b"RSP:",
        b"EFLAGS:",
        b"CR2:",
        b"DS:",
        b"Exception stack",
        b"Stack:",
        b"Modules linked in:",
        b"PC is at",
        b"LR is at",
        b"pc :",
        b"lr :",
        b"ORIG_RAX",
        b"Instruction dump",
        b"pstate:",
        b"sp :",
    ];
    if HEADS.iter().any(|head| body.starts_with(head)) {
        return true;
    }
    let mut hex = 0;
    for word in body.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        let bare = word.strip_suffix(b":").unwrap_or(word);
        let register = word.ends_with(b":") && bare.len() <= 4;
        let code = (bare.len() == 4 && bare.starts_with(b"<") && bare.ends_with(b">"))
            || (bare.len() == 2 && bare.iter().all(u8::is_ascii_hexdigit));
        let address = bare.len() >= 8
            && bare.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'x'));
        if !register && !code && !address {
            return false;
        }
        hex += usize::from(address || code);
    }
    hex > 0
}
