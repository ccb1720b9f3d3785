//! Putting named figures where they belong.

use facts::Name;
use facts::oom_report::{GlobalCounters, MemcgCounters, NodeMemory, OtherCounter, ZoneMemory};
use units::{Bytes, Pages};

use crate::record::{Token, tokens};

/// What was wrong with a figure: the name, or the text that is no number of 64 bits.
pub(super) type Wrong = Vec<Vec<u8>>;

fn other(name: &[u8], value: u64, unit: &[u8]) -> OtherCounter {
    OtherCounter { name: Name::new(name), value, unit: Name::new(unit) }
}

fn overflow(wrong: &mut Wrong, name: &[u8], text: &[u8]) {
    wrong.push([name, b":", text].concat());
}

pub(super) fn global(text: &[u8], into: &mut GlobalCounters) -> Wrong {
    let mut wrong = Wrong::new();
    tokens(text, |token| match token {
        Token::Figure { name, value, unit } => {
            let slot = match into.slot(name) {
                Some(slot) if unit.is_empty() => Some(slot),
                _ if unit.is_empty() => into.slot(&name.to_ascii_lowercase()),
                _ => None,
            };
            match slot {
                Some(slot) => *slot = Some(Pages::new(value)),
                None => into.other.push(other(name, value, unit)),
            }
        }
        Token::Overflow { name, text } => overflow(&mut wrong, name, text),
        Token::Unreclaimable(_) => {}
    });
    wrong
}

/// Puts a size in kB where it belongs; false if it is none, or has no place of its own.
fn size(
    slot: Option<&mut Option<Bytes>>,
    name: &[u8],
    value: u64,
    unit: &[u8],
    wrong: &mut Wrong,
) -> bool {
    let Some(slot) = slot.filter(|_| !unit.is_empty()) else { return false };
    *slot = Bytes::from_kib(value);
    if slot.is_none() {
        overflow(wrong, name, value.to_string().as_bytes());
    }
    true
}

pub(super) fn node(text: &[u8], into: &mut NodeMemory) -> Wrong {
    let mut wrong = Wrong::new();
    tokens(text, |token| match token {
        Token::Figure { name: b"pages_scanned", value, .. } => into.pages_scanned = Some(value),
        Token::Figure { name, value, unit } => {
            if !size(into.counters.slot(name), name, value, unit, &mut wrong) {
                into.counters.other.push(other(name, value, unit));
            }
        }
        Token::Overflow { name, text } => overflow(&mut wrong, name, text),
        Token::Unreclaimable(yes) => into.all_unreclaimable = Some(yes),
    });
    wrong
}

pub(super) fn zone(text: &[u8], into: &mut ZoneMemory) -> Wrong {
    let mut wrong = Wrong::new();
    tokens(text, |token| match token {
        Token::Figure { name: b"pages_scanned", value, .. } => into.pages_scanned = Some(value),
        Token::Figure { name, value, unit } => {
            if !size(into.counters.slot(name), name, value, unit, &mut wrong) {
                into.counters.other.push(other(name, value, unit));
            }
        }
        Token::Overflow { name, text } => overflow(&mut wrong, name, text),
        Token::Unreclaimable(yes) => into.all_unreclaimable = Some(yes),
    });
    wrong
}

/// `cache:12KB`: sizes in bytes, as the later kernels print them.
pub(super) fn memcg(text: &[u8], into: &mut MemcgCounters) -> Wrong {
    let mut wrong = Wrong::new();
    tokens(text, |token| match token {
        Token::Figure { name, value, unit } => {
            let bytes = if unit.is_empty() { Some(value) } else { value.checked_mul(1024) };
            match bytes {
                Some(bytes) => into.0.push((Name::new(name), bytes)),
                None => overflow(&mut wrong, name, value.to_string().as_bytes()),
            }
        }
        Token::Overflow { name, text } => overflow(&mut wrong, name, text),
        Token::Unreclaimable(_) => {}
    });
    wrong
}
