//! The dump of slab caches (`dump_unreclaimable_slab()`, 4.15) and of allocation sites
//! (`show_mem()` with `CONFIG_MEM_ALLOC_PROFILING`, 6.10).

use facts::oom_report::{AllocationSite, LineKind, SlabCache};
use units::Bytes;

use super::{Context, Item, More, Reading, name};
use crate::cursor::Cursor;

pub(super) fn read(body: &[u8], context: Context) -> Option<Reading<'_>> {
    match body {
        b"Unreclaimable slab info:" => return Some(Reading::whole(Item::SlabStart, body)),
        b"excessive unreclaimable slab but cannot dump stats"
        | b"excessive unreclaimable slab memory but cannot dump stats" => {
            return Some(Reading::whole(Item::SlabRefused, body));
        }
        b"Memory allocations:" => {
            return Some(Reading::whole(Item::AllocationsStart(None), body));
        }
        b"Memory allocations (profiling is currently turned on):" => {
            return Some(Reading::whole(Item::AllocationsStart(Some(true)), body));
        }
        b"Memory allocations (profiling is currently turned off):" => {
            return Some(Reading::whole(Item::AllocationsStart(Some(false)), body));
        }
        _ => {}
    }
    match context.section {
        Some(LineKind::Slab) => header(body).or_else(|| cache(body)),
        Some(LineKind::Allocations) => site(body),
        _ => None,
    }
}

fn header(body: &[u8]) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    let words = [cursor.word(), cursor.word(), cursor.word(), cursor.word()];
    (words == [&b"Name"[..], b"Used", b"Total", b""])
        .then(|| Reading::whole(Item::SlabHeader, body).weak())
}

/// `NAME 932KB 1189KB`; a name may hold blanks, so the sizes are taken from the right.
fn cache(body: &[u8]) -> Option<Reading<'_>> {
    let (head, total) = last_size(body)?;
    let (cache, used) = last_size(head)?;
    if cache.is_empty() {
        return None;
    }
    let item = Item::Slab(SlabCache { name: name(cache), used, total });
    Some(Reading::whole(item, body).weak())
}

fn last_size(text: &[u8]) -> Option<(&[u8], Option<Bytes>)> {
    let text = text.trim_ascii_end().strip_suffix(b"KB")?;
    let digits = text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (head, digits) = text.split_at(text.len() - digits);
    let size = crate::cursor::decimal(digits)?;
    Some((head.trim_ascii_end(), Bytes::from_kib(size)))
}

/// `3176243200   247900 mm/slub.c:2264 func:alloc_slab_page`; since 6.19 the size is `2.96 GiB`.
fn site(body: &[u8]) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    let first = cursor.word();
    let before_unit = cursor;
    let unit = cursor.word();
    let (size_text, bytes) = if let Some(shift) = exponent(unit) {
        let text = &body[..body.len() - cursor.rest.len()];
        (text, scaled(first, shift))
    } else {
        cursor = before_unit;
        (first, crate::cursor::decimal(first).map(Bytes::new))
    };
    cursor.blanks();
    let calls = cursor.number();
    cursor.blanks();
    let place = cursor.rest;
    if bytes.is_none() || calls.is_none() || !place.contains(&b':') {
        return None;
    }
    let item = Item::Allocation(AllocationSite {
        bytes,
        size_text: name(size_text),
        calls,
        place: name(place),
    });
    Some(Reading::whole(item, body).weak().more(More::No))
}

/// The unit of `string_get_size()` with `STRING_UNITS_2`, as a power of two.
fn exponent(unit: &[u8]) -> Option<u32> {
    const UNITS: [&[u8]; 7] = [b"B", b"KiB", b"MiB", b"GiB", b"TiB", b"PiB", b"EiB"];
    let at = UNITS.iter().position(|&known| known == unit)?;
    u32::try_from(at * 10).ok()
}

/// `2.96` times a power of two, rounded down.
fn scaled(number: &[u8], shift: u32) -> Option<Bytes> {
    let text = std::str::from_utf8(number).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let whole: u128 = whole.parse().ok()?;
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let all = whole.checked_mul(scale)?.checked_add(part)?.checked_mul(1 << shift)? / scale;
    u64::try_from(all).ok().map(Bytes::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn human_sizes_are_taken_apart() {
        assert_eq!(scaled(b"1.50", 30), Some(Bytes::new(3 << 29)));
        assert_eq!(scaled(b"12", 10), Some(Bytes::new(12288)));
        assert_eq!(scaled(b"1.x", 10), None);
        assert_eq!(scaled(b"99999999999999999999", 60), None);
    }
}
