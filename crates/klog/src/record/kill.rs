//! Who was killed: the `oom-kill:` line, the kill, the reaper, the panic (`oom_kill_process()`).
//!
//! A task's name and a cgroup's path may hold anything, `) total-vm:1kB` included, so every line is
//! taken apart from the ends that only the kernel writes.

use facts::Name;
use facts::oom_report::{
    Constraint, Kill, KillCause, OomKillLine, Panic, PanicKind, Reaped, ReaperLine, SkippedVictim,
};
use units::{Bytes, Pid, ScoreAdj};

use super::tasks::uid;
use super::{Item, More, Reading, consumed, name};
use crate::cursor::{Cursor, decimal, rsplit_once, split_once};

pub(crate) use super::tasks::limited_name;

pub(super) fn read(body: &[u8]) -> Option<Reading<'_>> {
    if let Some(rest) = body.strip_prefix(b"oom-kill:") {
        return summary(body, rest);
    }
    if let Some(rest) = body.strip_prefix(b"oom_reaper: ") {
        return reaper(body, rest);
    }
    if let Some(rest) = body.strip_prefix(b"oom killer ") {
        return pinned(body, rest);
    }
    if let Some(rest) = body.strip_prefix(b"Tasks in ") {
        const WORDS: &[u8] = b" are going to be killed due to memory.oom.group set";
        if let Some(group) = rest.strip_suffix(WORDS) {
            return Some(Reading::whole(Item::GroupKill(group), body));
        }
        let item = Item::GroupKill(rest);
        let consumed = consumed(body, rest);
        return Some(Reading { item, consumed, more: More::Wanted, strong: false });
    }
    // Nearly every line of a log fails here, so the words are looked for once.
    if !matches!(body[0], b'O' | b'o' | b'M' | b'N' | b'K' | b'k' | b'S' | b'H' | b'C') {
        return None;
    }
    panic(body).or_else(|| kill(body)).or_else(|| skipped(body)).or_else(|| {
        let other = body.starts_with(b"OOM killer enabled")
            || body.starts_with(b"OOM killer disabled")
            || body.starts_with(b"Huh VM_FAULT_OOM leaked out to the #PF handler");
        other.then(|| Reading::whole(Item::Suppressed, body).weak())
    })
}

/// `oom-kill:constraint=…,nodemask=…[,cpuset=…,mems_allowed=…][,oom_memcg=…|,global_oom]
/// [,task_memcg=…],task=…,pid=…,uid=…`
fn summary<'a>(body: &'a [u8], rest: &'a [u8]) -> Option<Reading<'a>> {
    let mut line = OomKillLine::default();
    let mut cursor = Cursor::new(rest);
    cursor.eat_after_blanks(b"constraint=").then_some(())?;
    line.constraint = Some(match cursor.run(|b| b.is_ascii_alphanumeric() || b == b'_') {
        b"CONSTRAINT_NONE" => Constraint::None,
        b"CONSTRAINT_CPUSET" => Constraint::Cpuset,
        b"CONSTRAINT_MEMORY_POLICY" => Constraint::MemoryPolicy,
        b"CONSTRAINT_MEMCG" => Constraint::Memcg,
        other => Constraint::Other(name(other)),
    });
    let mut left = cursor.rest;
    let mut more = More::Wanted;
    let mut cut = true;
    // From the right: uid, pid, task.
    if let Some((head, uid_text)) = rsplit_once(left, b",uid=")
        && let Some(user) = signed(uid_text)
    {
        line.uid = uid(user);
        left = head;
        more = More::No;
        cut = false;
        if let Some((head, pid)) = rsplit_once(left, b",pid=") {
            line.pid = pid_of(pid);
            left = head;
        }
        if let Some((head, task)) = rsplit_once(left, b",task=") {
            line.task = Some(name(task));
            left = head;
        }
    }
    // From the left: nodes, cpuset, allowed nodes.
    let mut cursor = Cursor::new(left);
    if cursor.eat(b",nodemask=") {
        let end = next_field(
            cursor.rest,
            &[b",cpuset=", b",global_oom", b",oom_memcg=", b",task_memcg="],
        );
        line.nodemask = Some(name(&cursor.rest[..end]));
        cursor.rest = &cursor.rest[end..];
    }
    if cursor.eat(b",cpuset=") {
        let end = end_of_cpuset(cursor.rest);
        line.cpuset = Some(name(&cursor.rest[..end]));
        cursor.rest = &cursor.rest[end..];
    }
    if cursor.eat(b",mems_allowed=") {
        let end = next_field(cursor.rest, &[b",global_oom", b",oom_memcg=", b",task_memcg="]);
        line.mems_allowed = Some(name(&cursor.rest[..end]));
        cursor.rest = &cursor.rest[end..];
    }
    groups(&mut line, &mut cursor);
    let done = if cut || cursor.is_empty() { body.len() } else { consumed(left, cursor.rest) };
    let item = Item::OomKill(Box::new(line));
    Some(Reading { item, consumed: done, more, strong: true })
}

/// A cpuset's name may hold anything, so it ends where a list of nodes and a known field follow.
fn end_of_cpuset(text: &[u8]) -> usize {
    const FIELD: &[u8] = b",mems_allowed=";
    let mut ends = memchr::memmem::find_iter(text, FIELD);
    let first = ends.clone().next();
    let listed = ends.find(|&at| {
        let mut list = Cursor::new(&text[at + FIELD.len()..]);
        list.run(|b| b.is_ascii_digit() || b == b'-' || b == b',');
        list.is_empty()
            || [&b"global_oom"[..], b"oom_memcg=", b"task_memcg="]
                .iter()
                .any(|f| list.rest.starts_with(f))
    });
    listed.or(first).unwrap_or(text.len())
}

fn groups(line: &mut OomKillLine, cursor: &mut Cursor<'_>) {
    if cursor.eat(b",global_oom") {
        line.global = true;
    } else if cursor.eat(b",oom_memcg=") {
        // The victim's group is the same one or below it: its path repeats the first.
        let text = cursor.rest;
        let end = split_at_repeat(text).unwrap_or(text.len());
        line.oom_memcg = Some(name(&text[..end]));
        cursor.rest = &text[end..];
    }
    if cursor.eat(b",task_memcg=") {
        line.task_memcg = Some(name(cursor.rest));
        cursor.rest = b"";
    }
}

/// Where `A,task_memcg=B` divides: `B` begins with `A`, whatever commas they hold.
fn split_at_repeat(text: &[u8]) -> Option<usize> {
    const FIELD: &[u8] = b",task_memcg=";
    let mut last = None;
    for at in memchr::memmem::find_iter(text, FIELD) {
        last = last.or(Some(at));
        if text[at + FIELD.len()..].starts_with(&text[..at]) {
            return Some(at);
        }
    }
    last
}

fn next_field(text: &[u8], fields: &[&[u8]]) -> usize {
    fields.iter().filter_map(|f| memchr::memmem::find(text, f)).min().unwrap_or(text.len())
}

fn signed(text: &[u8]) -> Option<i64> {
    let mut cursor = Cursor::new(text.trim_ascii_end());
    let value = cursor.signed()?;
    cursor.is_empty().then_some(value)
}

fn pid_of(digits: &[u8]) -> Option<Pid> {
    decimal(digits).and_then(|n| u32::try_from(n).ok()).map(Pid::new)
}

/// The words before `: Kill…`, if the kernel writes them.
fn cause(text: &[u8]) -> Option<KillCause> {
    match text {
        b"Out of memory" | b"Out of Memory" | b"out of memory" => Some(KillCause::OutOfMemory),
        b"Out of memory (oom_kill_allocating_task)" => Some(KillCause::AllocatingTask),
        b"Memory cgroup out of memory" => Some(KillCause::MemoryCgroup),
        _ if text.starts_with(b"No available memory") => Some(KillCause::Other(name(text))),
        _ => None,
    }
}

/// Takes the words before the colon, if there are any that the kernel writes.
fn take_cause<'a>(body: &'a [u8], then: &[&[u8]]) -> Option<(Option<KillCause>, &'a [u8])> {
    if then.iter().any(|word| body.starts_with(word)) {
        return Some((None, body));
    }
    let (head, rest) = split_once(body, b": ")?;
    let rest = rest.trim_ascii_start();
    then.iter().any(|word| rest.starts_with(word)).then_some(())?;
    Some((Some(cause(head)?), rest))
}

fn kill(body: &[u8]) -> Option<Reading<'_>> {
    const WORDS: [&[u8]; 3] = [b"Killed process", b"Kill process", b"kill process"];
    let Some((cause, rest)) = take_cause(body, &WORDS) else {
        // Wrapped behind the first word: "…: Killed".
        let head = body.strip_suffix(b": Killed").or_else(|| body.strip_suffix(b": Kill"))?;
        let kill = Kill { cause: Some(cause(head)?), ..Kill::default() };
        return Some(Reading::whole(Item::Kill(Box::new(kill)), body).more(More::Wanted));
    };
    let mut cursor = Cursor::new(rest);
    let killed = cursor.word() == b"Killed";
    cursor.blanks();
    cursor.eat(b"process");
    cursor.blanks();
    let mut kill = Kill { cause, ..Kill::default() };
    let pid = cursor.number().and_then(|n| u32::try_from(n).ok()).map(Pid::new);
    if killed {
        kill.pid = pid;
    } else {
        kill.chosen_pid = pid;
    }
    if pid.is_none() {
        let done = consumed(body, cursor.rest);
        let item = Item::Kill(Box::new(kill));
        return Some(Reading { item, consumed: done, more: More::Wanted, strong: true });
    }
    // Red Hat's kernels: `Killed process 12, UID 500, (java) …`.
    let before = cursor;
    if cursor.eat(b", UID ") {
        match cursor.signed() {
            Some(user) if cursor.eat(b",") => kill.uid = uid(user),
            _ => cursor = before,
        }
    }
    let Some((comm, after)) = bracketed(cursor.rest, killed) else {
        let done = consumed(body, cursor.rest);
        let item = Item::Kill(Box::new(kill));
        return Some(Reading { item, consumed: done, more: More::Wanted, strong: true });
    };
    let mut cursor = Cursor::new(after);
    if killed {
        kill.name = Some(name(comm));
        let more = killed_fields(&mut cursor, &mut kill);
        let done = consumed(body, cursor.rest);
        return Some(Reading {
            item: Item::Kill(Box::new(kill)),
            consumed: done,
            more,
            strong: true,
        });
    }
    if cursor.eat_after_blanks(b"sharing same memory") {
        let item = Item::Sharing { pid: pid.map(Pid::get), name: comm };
        return Some(Reading {
            item,
            consumed: consumed(body, cursor.rest),
            more: More::No,
            strong: true,
        });
    }
    kill.chosen_name = Some(name(comm));
    let more = chosen_fields(&mut cursor, &mut kill);
    Some(Reading {
        item: Item::Kill(Box::new(kill)),
        consumed: consumed(body, cursor.rest),
        more,
        strong: true,
    })
}

/// ` (NAME) REST`: the last closing bracket behind which the kernel's own words follow.
fn bracketed(text: &[u8], killed: bool) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start().strip_prefix(b"(")?;
    let follows = |rest: &[u8]| {
        let rest = rest.trim_ascii_start();
        let words: &[&[u8]] = if killed {
            &[b"total-vm", b"vsz", b"anon-rss", b", UID", b", now", b"now"]
        } else {
            &[b"score", b"sharing"]
        };
        rest.is_empty() || rest == b"." || rest == b"," || words.iter().any(|w| rest.starts_with(w))
    };
    let ends = memchr::memrchr_iter(b')', text);
    let end =
        ends.clone().find(|&at| follows(&text[at + 1..])).or_else(|| ends.clone().next_back())?;
    Some((&text[..end], &text[end + 1..]))
}

fn chosen_fields(cursor: &mut Cursor<'_>, kill: &mut Kill) -> More {
    if !cursor.eat_after_blanks(b"score") {
        return More::Wanted;
    }
    kill.score = cursor.signed();
    for words in [&b"or sacrifice child"[..], b"or a child", b"and children."] {
        if cursor.eat_after_blanks(words) {
            return More::No;
        }
    }
    More::Wanted
}

/// `total-vm:…kB, anon-rss:…kB, …`, in whatever order and number.
fn killed_fields(cursor: &mut Cursor<'_>, kill: &mut Kill) -> More {
    cursor.eat(b".");
    loop {
        let before = *cursor;
        cursor.blanks();
        cursor.eat(b",");
        cursor.blanks();
        let key = cursor.run(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'));
        let colon = cursor.eat_after_blanks(b":");
        cursor.blanks();
        let value = cursor.signed();
        let number = value.and_then(|n| u64::try_from(n).ok());
        let understood = match key {
            b"UID" => {
                kill.uid = value.and_then(uid);
                value.is_some()
            }
            b"oom_score_adj" if colon => {
                kill.oom_score_adj = value.and_then(|n| ScoreAdj::new(n).ok());
                kill.oom_score_adj.is_some()
            }
            _ if colon && number.is_some() && kib(cursor) => {
                let slot = match key {
                    b"total-vm" | b"vsz" => Some(&mut kill.total_vm),
                    b"anon-rss" => Some(&mut kill.anon_rss),
                    b"file-rss" => Some(&mut kill.file_rss),
                    b"shmem-rss" => Some(&mut kill.shmem_rss),
                    b"pgtables" => Some(&mut kill.pgtables),
                    _ => None,
                };
                slot.is_some_and(|slot| {
                    *slot = number.and_then(Bytes::from_kib);
                    true
                })
            }
            _ => false,
        };
        if !understood {
            *cursor = before;
            // A comma at the very end announces more, and is itself understood.
            if cursor.rest.trim_ascii() == b"," {
                cursor.rest = b"";
                return More::Wanted;
            }
            break;
        }
    }
    if kill.oom_score_adj.is_some() { More::No } else { More::Wanted }
}

/// `kB`, even when it was broken.
fn kib(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat(b"kB") || (cursor.eat(b"k") && cursor.eat_after_blanks(b"B"))
}

fn reaper<'a>(body: &'a [u8], rest: &'a [u8]) -> Option<Reading<'a>> {
    let mut cursor = Cursor::new(rest);
    if cursor.eat(b"reaped process ") {
        let pid = cursor.number().and_then(|n| u32::try_from(n).ok()).map(Pid::new);
        let Some((comm, after)) = bracketed(cursor.rest, true) else {
            let reaped = Reaped { pid, ..Reaped::default() };
            let item = Item::Reaper(ReaperLine::Reaped(reaped));
            let done = consumed(body, cursor.rest);
            return Some(Reading { item, consumed: done, more: More::Wanted, strong: true });
        };
        let mut kill = Kill::default();
        let mut cursor = Cursor::new(after);
        cursor.eat(b",");
        cursor.eat_after_blanks(b"now");
        killed_fields(&mut cursor, &mut kill);
        let Kill { anon_rss, file_rss, shmem_rss, .. } = kill;
        let more = if shmem_rss.is_some() { More::No } else { More::Wanted };
        let reaped = Reaped { pid, name: Some(name(comm)), anon_rss, file_rss, shmem_rss };
        let item = Item::Reaper(ReaperLine::Reaped(reaped));
        return Some(Reading { item, consumed: consumed(body, cursor.rest), more, strong: true });
    }
    let unable = cursor.eat(b"unable to reap pid:");
    if !unable && !cursor.eat(b"giving up pid:") {
        return None;
    }
    let pid = cursor.number().and_then(|n| u32::try_from(n).ok()).map(Pid::new);
    let comm = cursor.rest.trim_ascii().strip_prefix(b"(").and_then(|t| t.strip_suffix(b")"));
    let comm: Option<Name> = comm.map(name);
    let line = if unable {
        ReaperLine::UnableToReap { pid, name: comm }
    } else {
        ReaperLine::GivingUp { pid, name: comm }
    };
    Some(Reading::whole(Item::Reaper(line), body))
}

/// `oom killer %d (%s) has mm pinned by %d (%s)`
fn pinned<'a>(body: &'a [u8], rest: &'a [u8]) -> Option<Reading<'a>> {
    let (victim, holder) = rsplit_once(rest, b" has mm pinned by ")?;
    let (pid, comm) = numbered(victim);
    let (by_pid, by_name) = numbered(holder);
    let line = ReaperLine::Pinned { pid, name: comm, by_pid, by_name };
    Some(Reading::whole(Item::Reaper(line), body))
}

/// `%d (%s)` that is all there is.
fn numbered(text: &[u8]) -> (Option<Pid>, Option<Name>) {
    let mut cursor = Cursor::new(text);
    let pid = cursor.number().and_then(|n| u32::try_from(n).ok()).map(Pid::new);
    let comm = cursor.rest.trim_ascii().strip_prefix(b"(").and_then(|t| t.strip_suffix(b")"));
    (pid, comm.map(name))
}

fn skipped(body: &[u8]) -> Option<Reading<'_>> {
    let (cause, rest) = take_cause(body, &[b"OOM victim "])?;
    let victim = rest
        .strip_prefix(b"OOM victim ")?
        .strip_suffix(b" is already exiting. Skip killing the task")?;
    let (pid, comm) = numbered(victim);
    Some(Reading::whole(Item::Skipped(SkippedVictim { cause, pid, name: comm }), body))
}

fn panic(body: &[u8]) -> Option<Reading<'_>> {
    let (panicked, text) = match body.strip_prefix(b"Kernel panic - not syncing: ") {
        Some(text) => (true, text),
        None => (false, body),
    };
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    let starts =
        |head: &[u8]| text.len() >= head.len() && text[..head.len()].eq_ignore_ascii_case(head);
    let kind = if text.starts_with(b"System is deadlocked on memory")
        || (starts(b"out of memory") && has(b"no killable processes"))
    {
        PanicKind::NoKillableProcess
    } else if starts(b"out of memory") && has(b"panic_on_oom") {
        PanicKind::PanicOnOom
    } else {
        return None;
    };
    let text = name(text);
    Some(Reading::whole(Item::Panic(Panic { kind, panicked, text }), body))
}
