//! The block of a memory cgroup (`mem_cgroup_print_oom_meminfo()` and what came before it).

use facts::oom_report::{LineKind, MemcgProtection, MemcgUsage};
use units::{Bytes, Limit};

use super::{Context, Item, More, Reading, UsageOf, consumed, tokens};
use crate::cursor::{Cursor, decimal, rsplit_once};

/// From here on a limit in kB is the kernel's way to say that there is none.
const NO_LIMIT_KIB: u64 = 1 << 52;

/// The figures of a group: its usages, and what it holds.
pub(super) fn figures(body: &[u8], context: Context) -> Option<Reading<'_>> {
    usage(body).or_else(|| stat(body, context))
}

/// The lines that name groups.
pub(super) fn read(body: &[u8]) -> Option<Reading<'_>> {
    if let Some(rest) = body.strip_prefix(b"Task in ") {
        return Some(task_in(body, rest));
    }
    if let Some(limit) = body.strip_prefix(b"Memory limit reached of cgroup ") {
        return Some(Reading::whole(Item::MemcgTask { task: None, limit: Some(limit) }, body));
    }
    if let Some(limit) = body.strip_prefix(b"killed as a result of limit of") {
        let limit = limit.trim_ascii();
        let item = Item::MemcgTask { task: None, limit: (!limit.is_empty()).then_some(limit) };
        return Some(Reading::whole(item, body).more(More::Wanted));
    }
    if let Some(rest) = body.strip_prefix(b"Memory cgroup stats for ") {
        return Some(stats(body, rest));
    }
    if let Some(rest) = body.strip_prefix(b"Memory cgroup min protection ") {
        return protection(body, rest);
    }
    None
}

/// `Task in A killed as a result of limit of B`, whole or in the pieces of 3.15 to 3.17.
fn task_in<'a>(body: &'a [u8], rest: &'a [u8]) -> Reading<'a> {
    if let Some((task, limit)) = rsplit_once(rest, b" killed as a result of limit of") {
        let limit = limit.trim_ascii();
        let limit = (!limit.is_empty()).then_some(limit);
        let more = if limit.is_some() { More::No } else { More::Wanted };
        Reading::whole(Item::MemcgTask { task: Some(task.trim_ascii()), limit }, body).more(more)
    } else {
        let task = Some(rest.trim_ascii()).filter(|task| !task.is_empty());
        Reading::whole(Item::MemcgTask { task, limit: None }, body).more(More::Wanted)
    }
}

fn usage(body: &[u8]) -> Option<Reading<'_>> {
    const LABELS: [(&[u8], UsageOf); 4] = [
        (b"memory+swap:", UsageOf::MemorySwap),
        (b"memory:", UsageOf::Memory),
        (b"swap:", UsageOf::Swap),
        (b"kmem:", UsageOf::Kmem),
    ];
    let (rest, of) =
        LABELS.iter().find_map(|(label, of)| Some((body.strip_prefix(*label)?, *of)))?;
    let mut cursor = Cursor::new(rest);
    let mut usage = MemcgUsage::default();
    let mut done = cursor.rest;
    let step = |cursor: &mut Cursor<'_>, label: &[u8]| -> Option<u64> {
        cursor.blanks();
        cursor.eat(label).then_some(())?;
        cursor.blanks();
        cursor.number()
    };
    if let Some(kib) = step(&mut cursor, b"usage").filter(|_| cursor.eat(b"kB")) {
        cursor.eat(b",");
        usage.usage = Bytes::from_kib(kib);
        done = cursor.rest;
        if let Some(kib) = step(&mut cursor, b"limit").filter(|_| cursor.eat(b"kB")) {
            cursor.eat(b",");
            usage.limit = limit(kib);
            done = cursor.rest;
            if let Some(count) = step(&mut cursor, b"failcnt") {
                usage.failcnt = Some(count);
                done = cursor.rest;
            }
        }
    } else if !rest.trim_ascii_start().starts_with(b"usage") {
        return None;
    }
    let more = if usage.failcnt.is_some() { More::Possible } else { More::Wanted };
    let item = Item::MemcgUsage(of, usage);
    Some(Reading { item, consumed: consumed(body, done), more, strong: true })
}

fn limit(kib: u64) -> Option<Limit<Bytes>> {
    if kib >= NO_LIMIT_KIB {
        return Some(Limit::Max);
    }
    Bytes::from_kib(kib).map(Limit::At)
}

/// `PATH: cache:1KB …` (to 5.2), or `PATH:` and the figures on lines of their own.
fn stats<'a>(body: &'a [u8], rest: &'a [u8]) -> Reading<'a> {
    let item = |path, figures| Item::MemcgStats { path, figures };
    // The path may hold `: `, so it ends at the last one that only figures follow.
    let mut end = rest.len();
    while let Some(at) = memchr::memmem::rfind(&rest[..end], b": ") {
        let figures = &rest[at + 2..];
        let understood = tokens(figures, |_| {});
        if understood == 0 {
            break;
        }
        if understood == figures.trim_ascii_end().len() || end == rest.len() {
            let done = consumed(body, figures) + understood;
            let more = More::Wanted;
            return Reading {
                item: item(&rest[..at], figures),
                consumed: done,
                more,
                strong: true,
            };
        }
        end = at;
    }
    if let Some(path) = rest.strip_suffix(b":") {
        Reading::whole(item(path, b""), body).more(More::Possible)
    } else {
        // Something else follows the colon, or the path itself is cut.
        let path = crate::cursor::split_once(rest, b": ").map_or(rest, |(path, _)| path);
        let done = body.len() - (rest.len() - path.len());
        let item = item(path, b"");
        Reading { item, consumed: done, more: More::Wanted, strong: true }
    }
}

/// `anon 1234`, one figure of a memory cgroup since 5.3.
fn stat(body: &[u8], context: Context) -> Option<Reading<'_>> {
    if context.section != Some(LineKind::Memcg) {
        return None;
    }
    let mut cursor = Cursor::new(body);
    let name = cursor.run(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !name.first().is_some_and(u8::is_ascii_alphabetic) || !cursor.eat(b" ") {
        return None;
    }
    let value = decimal(cursor.rest)?;
    Some(Reading::whole(Item::MemcgStat(name, value), body).weak())
}

fn protection<'a>(body: &'a [u8], rest: &'a [u8]) -> Option<Reading<'a>> {
    let mut cursor = Cursor::new(rest);
    let min = cursor.number().and_then(Bytes::from_kib);
    let mut low = None;
    if !cursor.eat(b"kB") {
        return None;
    }
    if cursor.eat(b" -- low protection ") {
        low = cursor.number().and_then(Bytes::from_kib);
        cursor.eat(b"kB");
    }
    let more = if low.is_some() { More::No } else { More::Wanted };
    let item = Item::Protection(MemcgProtection { min, low });
    Some(Reading { item, consumed: consumed(body, cursor.rest), more, strong: true })
}
