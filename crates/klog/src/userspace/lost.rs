//! Lines of the kernel that are not in the log: left out by its rate limit, or lost on the way.

use facts::{Act, Name, Notice, Speaker};

use super::{Said, notice};
use crate::cursor::{Cursor, decimal};
use crate::transport::Origin;

pub(super) fn read(said: &Said<'_>) -> Option<Notice> {
    let body = said.body;
    if said.origin != Origin::Program {
        if let Some(head) = body.strip_suffix(b" callbacks suppressed") {
            return of_function(head);
        }
        // Until 2.6.27: `printk: 12 messages suppressed.`
        if let Some(rest) = body.strip_prefix(b"printk: ") {
            let mut cursor = Cursor::new(rest);
            let count = cursor.number()?;
            cursor.eat(b" messages suppressed").then_some(())?;
            return Some(left_out(Speaker::Kernel, count, b"printk"));
        }
        // 3.17: `** 12 printk messages dropped **`.
        if let Some(rest) = body.strip_prefix(b"** ") {
            let mut cursor = Cursor::new(rest);
            let count = cursor.number()?;
            cursor.eat_after_blanks(b"printk");
            cursor.eat_after_blanks(b"messages dropped").then_some(())?;
            return Some(left_out(Speaker::Kernel, count, b"printk"));
        }
    }
    None
}

/// `oom_kill_process: 12 callbacks suppressed`; until 2.6.37 the function was `__ratelimit`.
fn of_function(head: &[u8]) -> Option<Notice> {
    let at = memchr::memmem::rfind(head, b": ")?;
    let count = decimal(&head[at + 2..])?;
    let function = head[..at].rsplit(u8::is_ascii_whitespace).next()?;
    let of_memory = function == b"__ratelimit"
        || [&b"oom"[..], b"warn_alloc", b"dump_header", b"out_of_memory"]
            .iter()
            .any(|part| memchr::memmem::find(function, part).is_some());
    of_memory.then(|| left_out(Speaker::Kernel, count, function))
}

fn left_out(speaker: Speaker, count: u64, by: &[u8]) -> Notice {
    let mut found = notice(speaker, Act::LeftOut);
    found.count = Some(count);
    found.reason = Some(Name::new(by));
    found
}
