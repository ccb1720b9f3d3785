//! The first lines of a report (`dump_header()`, `warn_alloc()`, SysRq).

use facts::Name;
use facts::oom_report::{GfpMask, Trigger, TriggerKind};
use units::{OomAdj, ScoreAdj};

use super::{Item, More, Reading, consumed};
use crate::cursor::{Cursor, rsplit_once};

/// A task's name has room for 15 bytes (`TASK_COMM_LEN`).
const LONGEST_COMM: usize = 15;

/// `NAME invoked oom-killer: …`; the words are longer than a name, so they are the kernel's.
pub(super) fn invoked(body: &[u8]) -> Option<Reading<'_>> {
    // Nearly every line ends here: none but the last of these bytes is rare.
    memchr::memchr(b'k', body)?;
    let (comm, rest) = rsplit_once(body, b" invoked oom-killer")?;
    Some(oom_killer(body, Some(comm), rest))
}

pub(super) fn read(body: &[u8]) -> Option<Reading<'_>> {
    if let Some(rest) = body.strip_prefix(b"oom-killer:") {
        return Some(oom_killer(body, None, rest));
    }
    if let Some(reading) = allocation_failure(body) {
        return Some(reading);
    }
    if let Some(rest) = body.strip_prefix(b"SysRq").or_else(|| body.strip_prefix(b"sysrq")) {
        let action = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii();
        if action == b"Manual OOM execution" {
            return Some(Reading::whole(Item::SysRq, body));
        }
        if action == b"Show Memory" {
            let trigger = Trigger { kind: TriggerKind::ShowMemory, sysrq: true, ..<_>::default() };
            return Some(Reading::whole(Item::Trigger(Box::new(trigger)), body));
        }
        return None;
    }
    if body == b"Manual OOM execution" {
        return Some(Reading::whole(Item::SysRq, body));
    }
    if body == b"COMPACTION is disabled!!!" {
        return Some(Reading::whole(Item::CompactionDisabled, body).weak());
    }
    if body.starts_with(b"oom_kill_process: ") && body.ends_with(b" callbacks suppressed") {
        return Some(Reading::whole(Item::Suppressed, body).weak());
    }
    cpuset(body)
}

fn oom_killer<'a>(body: &'a [u8], comm: Option<&'a [u8]>, rest: &'a [u8]) -> Reading<'a> {
    let mut trigger = Trigger { comm: comm.map(comm_of), ..Trigger::default() };
    let mut cursor = Cursor::new(rest);
    cursor.eat(b":");
    let more = fields(&mut cursor, &mut trigger, b"gfp_mask=");
    let done = consumed(body, cursor.rest);
    Reading { item: Item::Trigger(Box::new(trigger)), consumed: done, more, strong: true }
}

/// `NAME: page allocation failure[.:] order:N, mode:0xN[(…)][, nodemask=…]`
fn allocation_failure(body: &[u8]) -> Option<Reading<'_>> {
    let (comm, rest) = rsplit_once(body, b": page allocation failure")?;
    let mut trigger = Trigger {
        kind: TriggerKind::AllocationFailure,
        comm: Some(comm_of(comm)),
        ..Trigger::default()
    };
    let mut cursor = Cursor::new(rest);
    let _ = cursor.eat(b".") || cursor.eat(b":");
    fields(&mut cursor, &mut trigger, b"mode:");
    let done = consumed(body, cursor.rest);
    let item = Item::Trigger(Box::new(trigger));
    Some(Reading { item, consumed: done, more: More::Possible, strong: true })
}

/// What is behind an unknown prefix is longer than a name can be: then only its last part is taken.
fn comm_of(text: &[u8]) -> Name {
    let text = text.trim_ascii_start();
    if text.len() <= LONGEST_COMM {
        return Name::new(text);
    }
    let tail = [&b"] "[..], b": ", b" "]
        .iter()
        .filter_map(|cut| rsplit_once(text, cut))
        .map(|(_, tail)| tail)
        .find(|tail| tail.len() <= LONGEST_COMM);
    Name::new(tail.unwrap_or(text))
}

/// The fields in whatever order; a field is taken only as a whole.
fn fields(cursor: &mut Cursor<'_>, trigger: &mut Trigger, mask: &[u8]) -> More {
    loop {
        let before = cursor.rest;
        cursor.blanks();
        if !field(cursor, trigger, mask) {
            cursor.rest = before;
            break;
        }
        cursor.eat_after_blanks(b",");
    }
    if trigger.oom_score_adj.is_some() || trigger.oom_adj.is_some() {
        More::Possible
    } else {
        More::Wanted
    }
}

fn field(cursor: &mut Cursor<'_>, trigger: &mut Trigger, mask: &[u8]) -> bool {
    if cursor.eat(mask) {
        let Some(mask) = cursor.hex() else { return false };
        let mut names = None;
        let after_mask = cursor.rest;
        if cursor.eat_after_blanks(b"(") {
            let text = cursor.run(|b| b != b')');
            if cursor.eat(b")") {
                let text: Vec<u8> =
                    text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
                names = Some(Name::new(text));
            } else {
                cursor.rest = after_mask;
            }
        }
        trigger.gfp = Some(GfpMask { mask, names });
        true
    } else if cursor.eat(b"order=") || cursor.eat(b"order:") {
        trigger.order = cursor.signed().and_then(|n| i32::try_from(n).ok());
        trigger.order.is_some()
    } else if cursor.eat(b"nodemask=") {
        trigger.nodemask = nodes(cursor);
        trigger.nodemask.is_some()
    } else if cursor.eat(b"oom_score_adj=") || cursor.eat(b"oom_scoe_adj=") {
        trigger.oom_score_adj = cursor.signed().and_then(|n| ScoreAdj::new(n).ok());
        trigger.oom_score_adj.is_some()
    } else if cursor.eat(b"oom_adj=") || cursor.eat(b"oomkilladj=") {
        trigger.oom_adj = cursor.signed().and_then(|n| OomAdj::new(n).ok());
        trigger.oom_adj.is_some()
    } else if cursor.eat(b"cpuset=") {
        trigger.cpuset = Some(Name::new(cursor.run(|b| b != b',')));
        true
    } else if cursor.eat(b"mems_allowed=") {
        trigger.mems_allowed = nodes(cursor);
        trigger.mems_allowed.is_some()
    } else {
        false
    }
}

/// `(null)`, or a list of nodes: `0-1,3`. A comma that no digit follows ends it.
fn nodes(cursor: &mut Cursor<'_>) -> Option<Name> {
    if cursor.eat(b"(null)") {
        return Some(Name::from("(null)"));
    }
    let text = cursor.rest;
    let mut len = 0;
    while let Some(&b) = text.get(len) {
        let next_is_digit = text.get(len + 1).is_some_and(u8::is_ascii_digit);
        if b.is_ascii_digit() || (matches!(b, b',' | b'-') && next_is_digit && len > 0) {
            len += 1;
        } else {
            break;
        }
    }
    cursor.rest = &text[len..];
    (len > 0).then(|| Name::new(&text[..len]))
}

/// `NAME cpuset=CPUSET mems_allowed=LIST` (`cpuset_print_task_mems_allowed()`, 2.6.29 to 4.20).
fn cpuset(body: &[u8]) -> Option<Reading<'_>> {
    let (head, mems) = match rsplit_once(body, b" mems_allowed=") {
        Some((head, mems)) => (head, Some(mems)),
        None => (body, None),
    };
    let (_, cpuset) = rsplit_once(head, b" cpuset=")?;
    let Some(mems) = mems else {
        let item = Item::Cpuset { cpuset, mems: None };
        return Some(Reading::whole(item, body).weak().more(More::Wanted));
    };
    let mut cursor = Cursor::new(mems);
    let list = nodes(&mut cursor)?;
    let item = Item::Cpuset { cpuset, mems: Some(&mems[..list.as_bytes().len()]) };
    let consumed = consumed(body, cursor.rest);
    Some(Reading { item, consumed, more: More::Possible, strong: false })
}
