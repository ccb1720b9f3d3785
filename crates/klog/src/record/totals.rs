//! Page cache, swap and the counts at the end of `show_mem()`.

use facts::oom_report::Swap;
use units::{Bytes, Pages};

use super::{Item, More, Reading, consumed};
use crate::cursor::Cursor;

/// Which count a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Total {
    Ram,
    Highmem,
    Reserved,
    Shared,
    NonShared,
    SwapCached,
    PagetableCache,
    CmaReserved,
    Hwpoisoned,
    Free,
    Slab,
    Dirty,
    Writeback,
    Mapped,
    Pagetables,
}

pub(super) fn read(body: &[u8]) -> Option<Reading<'_>> {
    match body[0] {
        b'0'..=b'9' => count(body),
        b'S' => swap_cache(body),
        b'F' | b'T' => swap_size(body),
        b'N' if body.starts_with(b"Node memory in pages:") => {
            Some(Reading::whole(Item::OtherTotal, body).weak())
        }
        _ => None,
    }
    .or_else(|| other(body))
}

/// `1048442 pages RAM` and the like.
fn count(body: &[u8]) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    let pages = Pages::new(cursor.number()?);
    cursor.eat(b" ").then_some(())?;
    let total = match cursor.rest {
        b"total pagecache pages" => {
            return Some(Reading::whole(Item::PageCache(pages), body));
        }
        b"pages in swap cache" => {
            let swap = Swap { cached: Some(pages), ..Swap::default() };
            return Some(Reading::whole(Item::Swap(swap), body));
        }
        b"free buffer pages" => return Some(Reading::whole(Item::OtherTotal, body).weak()),
        b"pages RAM" | b"pages of RAM" => Total::Ram,
        b"pages HighMem" | b"pages HighMem/MovableOnly" | b"pages of HIGHMEM" => Total::Highmem,
        b"pages reserved" | b"reserved pages" => Total::Reserved,
        b"pages shared" => Total::Shared,
        b"pages non-shared" => Total::NonShared,
        b"pages swap cached" => Total::SwapCached,
        b"pages in pagetable cache" => Total::PagetableCache,
        b"pages cma reserved" => Total::CmaReserved,
        b"pages hwpoisoned" => Total::Hwpoisoned,
        b"free pages" => Total::Free,
        b"slab pages" | b"pages slab" => Total::Slab,
        b"pages dirty" => Total::Dirty,
        b"pages writeback" => Total::Writeback,
        b"pages mapped" => Total::Mapped,
        b"pages pagetables" => Total::Pagetables,
        _ => return None,
    };
    Some(Reading::whole(Item::Total(total, pages), body))
}

/// `Swap cache: add N, delete N, find N/N[, race N+N]`, since 2.6.25 `Swap cache stats:`.
fn swap_cache(body: &[u8]) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    cursor.eat(b"Swap cache").then_some(())?;
    cursor.eat(b" stats");
    cursor.eat(b":").then_some(())?;
    let mut swap = Swap::default();
    let mut done = cursor.rest;
    loop {
        cursor.blanks();
        if cursor.eat(b"add ") {
            swap.add = cursor.number();
        } else if cursor.eat(b"delete ") {
            swap.delete = cursor.number();
        } else if cursor.eat(b"find ") {
            swap.find = pair(&mut cursor, b"/");
        } else if cursor.eat(b"race ") {
            swap.race = pair(&mut cursor, b"+");
        } else {
            break;
        }
        done = cursor.rest;
        cursor.eat(b",");
    }
    let item = Item::Swap(swap);
    Some(Reading { item, consumed: consumed(body, done), more: More::Possible, strong: true })
}

fn pair(cursor: &mut Cursor<'_>, between: &[u8]) -> Option<(u64, u64)> {
    let first = cursor.number()?;
    cursor.eat(between).then_some(())?;
    Some((first, cursor.number()?))
}

/// `Free swap  = 0kB`, `Free swap:       0kB`, `Total swap = 0kB`.
fn swap_size(body: &[u8]) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    let total = cursor.eat(b"Total swap");
    if !total && !cursor.eat(b"Free swap") {
        return None;
    }
    cursor.blanks();
    let _ = cursor.eat(b"=") || cursor.eat(b":");
    cursor.blanks();
    let kib = cursor.signed();
    if kib.is_some() && !cursor.eat(b"kB") {
        return None;
    }
    let size = kib.and_then(|kib| u64::try_from(kib).ok()).and_then(Bytes::from_kib);
    let swap = if total {
        Swap { total: size, ..Swap::default() }
    } else {
        let below = kib.filter(|kib| *kib < 0).map(i64::unsigned_abs).and_then(Bytes::from_kib);
        Swap { free: size, lacking: below, ..Swap::default() }
    };
    let more = if kib.is_some() { More::No } else { More::Wanted };
    let item = Item::Swap(swap);
    Some(Reading { item, consumed: consumed(body, cursor.rest), more, strong: true })
}

/// Lines of other architectures: `Total of 45 pages in page table cache`, ia64's nodes.
fn other(body: &[u8]) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    if cursor.eat(b"Total of ") {
        cursor.number()?;
        let known = cursor.rest == b" pages in page table cache";
        return known.then(|| Reading::whole(Item::OtherTotal, body).weak());
    }
    cursor.eat(b"Node ").then_some(())?;
    cursor.blanks();
    cursor.number()?;
    cursor.eat_after_blanks(b":").then_some(())?;
    cursor.blanks();
    cursor.rest.starts_with(b"RAM:").then(|| Reading::whole(Item::OtherTotal, body).weak())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_swap_below_nothing_is_not_read_as_none() {
        let read = |text: &[u8]| match swap_size(text).map(|reading| reading.item) {
            Some(Item::Swap(swap)) => (swap.free.map(Bytes::kib), swap.lacking.map(Bytes::kib)),
            _ => panic!("a line about swap"),
        };
        assert_eq!(read(b"Free swap  = -102824kB"), (None, Some(102_824)));
        assert_eq!(read(b"Free swap  = 0kB"), (Some(0), None));
    }
}
