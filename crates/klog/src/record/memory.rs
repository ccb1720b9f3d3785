//! `Mem-Info`, nodes, zones and free blocks (`show_free_areas()`, since 6.2 `mm/show_mem.c`).

use facts::Name;
use facts::oom_report::{Buddy, BuddyBlocks, GlobalCounters, HugePool, LineKind, PcpList};
use units::{Bytes, Pages};

use super::{Context, Item, More, Reading, Token, consumed, tokens};
use crate::cursor::Cursor;

pub(super) fn read(body: &[u8], context: Context) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    match body[0] {
        b'M' if matches!(body, b"Mem-Info:" | b"Mem-info:") => {
            Some(Reading::whole(Item::MemInfo, body))
        }
        b'N' if cursor.eat(b"Node ") => node(body, cursor),
        b'l' if cursor.eat(b"lowmem_reserve[]:") => Some(reserve(body, cursor)),
        b'p' if cursor.eat(b"protections[]:") => Some(reserve(body, cursor)),
        b'F' if cursor.eat(b"Free pages:") => free_pages(body, cursor),
        b'C' | b'c' if cursor.eat(b"CPU ") || cursor.eat(b"cpu ") => per_cpu(body, cursor),
        _ => zone(body, None, body).or_else(|| global(body)).or_else(|| figures(body, context)),
    }
}

/// What follows `Node N`: the node's counters, a zone, or its huge pages.
fn node<'a>(body: &'a [u8], mut cursor: Cursor<'a>) -> Option<Reading<'a>> {
    cursor.blanks();
    let node = u32::try_from(cursor.number()?).ok()?;
    cursor.blanks();
    if cursor.rest.starts_with(b"hugepages_") {
        return Some(huge_pool(body, node, cursor));
    }
    if let Some(reading) = zone(body, Some(node), cursor.rest) {
        return Some(reading);
    }
    let figures = cursor.rest;
    let mut known = figures.is_empty();
    let understood = tokens(figures, |_| known = true);
    if !known {
        return None;
    }
    let item = Item::Node { node: Some(node), figures };
    let done = consumed(body, figures) + understood;
    Some(Reading { item, consumed: done, more: More::Wanted, strong: true })
}

/// The names `zone_names[]` has ever held.
fn zone_name<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    const ZONES: [&[u8]; 6] = [b"DMA32", b"DMA", b"Normal", b"HighMem", b"Movable", b"Device"];
    let before = *cursor;
    let name = cursor.run(|b| b.is_ascii_alphanumeric());
    if ZONES.contains(&name) {
        Some(name)
    } else {
        *cursor = before;
        None
    }
}

/// `DMA32 free:…`, `DMA32: 1*4kB …`, `DMA32 per-cpu:`.
fn zone<'a>(body: &'a [u8], node: Option<u32>, text: &'a [u8]) -> Option<Reading<'a>> {
    let mut cursor = Cursor::new(text);
    let zone = zone_name(&mut cursor)?;
    if cursor.eat(b":") {
        cursor.blanks();
        if cursor.rest == b"empty" {
            return Some(Reading::whole(Item::EmptyZone, body).weak());
        }
        return buddy(body, node, zone, cursor);
    }
    if !cursor.eat_after_blanks(b"") || cursor.rest.is_empty() {
        return None;
    }
    cursor.blanks();
    if cursor.eat(b"per-cpu:") {
        let rest = cursor.rest.trim_ascii();
        let known = rest.is_empty() || rest == b"empty";
        let reading = Reading::whole(Item::PerCpuOf { node, zone }, body);
        return known.then_some(reading);
    }
    if !cursor.rest.starts_with(b"free:") {
        return None;
    }
    let figures = cursor.rest;
    let understood = tokens(figures, |_| {});
    let item = Item::Zone { node, zone, figures };
    let done = consumed(body, figures) + understood;
    Some(Reading { item, consumed: done, more: More::Wanted, strong: true })
}

/// `1*4kB (UM) 0*8kB … = 4kB`, from order 0 upward.
fn buddy<'a>(
    body: &'a [u8],
    node: Option<u32>,
    zone: &'a [u8],
    mut cursor: Cursor<'a>,
) -> Option<Reading<'a>> {
    let mut buddy = Buddy::default();
    let mut done = cursor.rest;
    let mut more = More::Wanted;
    loop {
        cursor.blanks();
        if cursor.eat(b"=") {
            cursor.blanks();
            if let Some(kib) = cursor.number()
                && cursor.eat(b"kB")
            {
                buddy.total = Bytes::from_kib(kib);
                done = cursor.rest;
                more = More::No;
            }
            break;
        }
        let last = buddy.blocks.last().map(|blocks: &BuddyBlocks| blocks.size);
        let Some(blocks) = blocks(&mut cursor, last) else { break };
        done = cursor.rest;
        buddy.blocks.push(blocks);
    }
    if buddy.blocks.is_empty() && buddy.total.is_none() && !cursor.rest.is_empty() {
        return None;
    }
    let item = Item::Buddy { node, zone, buddy };
    Some(Reading { item, consumed: consumed(body, done), more, strong: true })
}

/// One `12*4kB (UM)`. Each size is twice the last, so a blank that broke one is seen through.
fn blocks(cursor: &mut Cursor<'_>, last: Option<Bytes>) -> Option<BuddyBlocks> {
    let count = cursor.number()?;
    cursor.eat(b"*").then_some(())?;
    cursor.blanks();
    let head = cursor.number()?;
    let size = if cursor.eat(b"kB") {
        Bytes::from_kib(head)?
    } else {
        let next = last?.get().checked_mul(2).map(Bytes::new)?;
        let digits = next.kib().to_string();
        let rest = digits.strip_prefix(&head.to_string())?;
        cursor.blanks();
        (cursor.eat(rest.as_bytes()) && cursor.eat(b"kB")).then_some(next)?
    };
    let before = *cursor;
    let mut types = None;
    if cursor.eat_after_blanks(b"(") {
        let letters = cursor.run(|b| b.is_ascii_uppercase());
        if cursor.eat(b")") {
            types = Some(Name::new(letters));
        } else {
            *cursor = before;
        }
    }
    Some(BuddyBlocks { count, size, types })
}

fn huge_pool<'a>(body: &'a [u8], node: u32, mut cursor: Cursor<'a>) -> Reading<'a> {
    let mut pool = HugePool { node, total: None, free: None, surplus: None, size: None };
    let mut done = cursor.rest;
    loop {
        cursor.blanks();
        let name = cursor.run(|b| b.is_ascii_alphabetic() || b == b'_');
        if !cursor.eat(b"=") {
            break;
        }
        let Some(value) = cursor.number() else { break };
        match name {
            b"hugepages_total" => pool.total = Some(value),
            b"hugepages_free" => pool.free = Some(value),
            b"hugepages_surp" => pool.surplus = Some(value),
            b"hugepages_size" if cursor.eat(b"kB") => pool.size = Bytes::from_kib(value),
            _ => break,
        }
        done = cursor.rest;
    }
    let more = if pool.size.is_some() { More::No } else { More::Wanted };
    let item = Item::HugePool(pool);
    Reading { item, consumed: consumed(body, done), more, strong: true }
}

/// `lowmem_reserve[]: 0 1971 1971`, in pages; a negative one makes the list unknown.
fn reserve<'a>(body: &'a [u8], mut cursor: Cursor<'a>) -> Reading<'a> {
    let mut pages = Some(Vec::new());
    loop {
        let before = cursor.rest;
        cursor.blanks();
        let negative = cursor.eat(b"-");
        let Some(count) = cursor.number() else {
            cursor.rest = before;
            break;
        };
        if negative {
            pages = None;
        } else if let Some(list) = &mut pages {
            list.push(Pages::new(count));
        }
    }
    let done = consumed(body, cursor.rest);
    let item = Item::LowmemReserve(pages);
    Reading { item, consumed: done, more: More::Possible, strong: true }
}

/// `Free pages:       3932kB (112kB HighMem)` (to 2.6.18).
fn free_pages<'a>(body: &'a [u8], mut cursor: Cursor<'a>) -> Option<Reading<'a>> {
    cursor.blanks();
    let free = Bytes::from_kib(cursor.number()?);
    cursor.eat(b"kB").then_some(())?;
    let mut highmem = None;
    let before = cursor;
    if cursor.eat(b" (") {
        highmem = cursor.number().and_then(Bytes::from_kib);
        if !cursor.eat(b"kB HighMem)") {
            highmem = None;
            cursor = before;
        }
    }
    let done = consumed(body, cursor.rest);
    let item = Item::FreePages { free, highmem };
    Some(Reading { item, consumed: done, more: More::No, strong: true })
}

/// `CPU    0: hi:  186, btch:  31 usd:  24`, and its older forms with hot and cold lists.
fn per_cpu<'a>(body: &'a [u8], mut cursor: Cursor<'a>) -> Option<Reading<'a>> {
    cursor.blanks();
    let cpu = u32::try_from(cursor.number()?).ok()?;
    let mut lists = [None, None];
    let mut cold = false;
    if cursor.eat(b":") {
        cursor.blanks();
        if cursor.eat(b"Hot:") {
            lists[0] = Some(pcp_list(&mut cursor)?);
            cursor.blanks();
            if cursor.eat(b"Cold:") {
                lists[1] = Some(pcp_list(&mut cursor)?);
            }
        } else {
            lists[0] = Some(pcp_list(&mut cursor)?);
        }
    } else {
        cold = cursor.eat(b" cold:");
        if !cold && !cursor.eat(b" hot:") {
            return None;
        }
        lists[usize::from(cold)] = Some(pcp_list(&mut cursor)?);
    }
    let done = consumed(body, cursor.rest);
    let item = Item::PerCpu { cpu, lists, cold };
    Some(Reading { item, consumed: done, more: More::Possible, strong: true })
}

fn pcp_list(cursor: &mut Cursor<'_>) -> Option<PcpList> {
    let mut list = PcpList::default();
    let mut known = false;
    loop {
        let before = *cursor;
        cursor.blanks();
        let name = cursor.run(|b| b.is_ascii_alphabetic());
        let slot = match name {
            b"low" => &mut list.low,
            b"high" | b"hi" => &mut list.high,
            b"batch" | b"btch" => &mut list.batch,
            b"used" | b"usd" => &mut list.used,
            _ => {
                *cursor = before;
                break;
            }
        };
        cursor.eat(b":");
        cursor.blanks();
        *slot = Some(cursor.number()?);
        known = true;
        cursor.eat(b",");
    }
    known.then_some(list)
}

/// A line of machine-wide counters: names and bare numbers, at least one name among the known.
fn global(body: &[u8]) -> Option<Reading<'_>> {
    let mut known = 0;
    let mut bare = true;
    let mut scratch = GlobalCounters::default();
    let understood = tokens(body, |token| match token {
        Token::Figure { name, unit, .. } => {
            bare &= unit.is_empty();
            known += usize::from(is_global(name, &mut scratch));
        }
        Token::Overflow { .. } => {}
        Token::Unreclaimable(_) => bare = false,
    });
    if known == 0 || !bare {
        return None;
    }
    let item = Item::Global(body);
    let strong = known > 1;
    Some(Reading { item, consumed: understood, more: More::Possible, strong })
}

/// Whether it is the name of a machine-wide counter; the oldest kernels begin the first with a
/// capital.
fn is_global(name: &[u8], scratch: &mut GlobalCounters) -> bool {
    match name.first() {
        Some(b'A') => scratch.slot(&name.to_ascii_lowercase()).is_some(),
        _ => scratch.slot(name).is_some(),
    }
}

/// Figures in kB without a head: what a line before it was cut from.
fn figures(body: &[u8], context: Context) -> Option<Reading<'_>> {
    if !matches!(context.section, Some(LineKind::Zone | LineKind::Node)) {
        return None;
    }
    let understood = tokens(body, |_| {});
    let item = Item::Figures(body);
    (understood > 0).then_some(Reading {
        item,
        consumed: understood,
        more: More::Possible,
        strong: false,
    })
}
