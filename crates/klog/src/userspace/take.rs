//! Figures with units, as programs print them.

use facts::FigureValue;
use units::{Bytes, Percent, Pid};

use crate::cursor::Cursor;

pub(super) fn pid(cursor: &mut Cursor<'_>) -> Option<Pid> {
    cursor.number().and_then(|n| u32::try_from(n).ok()).map(Pid::new)
}

/// `12.34%`, ` 5 %`.
pub(super) fn percent(cursor: &mut Cursor<'_>) -> Option<FigureValue> {
    cursor.blanks();
    let hundredths = decimal(cursor, 2)?;
    cursor.eat_after_blanks(b"%").then_some(())?;
    let hundredths = u32::try_from(hundredths).ok()?;
    Some(FigureValue::Percent(Percent::from_hundredths(hundredths)))
}

/// `1.234 seconds`, in microseconds.
pub(super) fn seconds(cursor: &mut Cursor<'_>) -> Option<FigureValue> {
    decimal(cursor, 6).map(FigureValue::Micros)
}

/// `20s`, `1min 30s`, `500ms`, as systemd prints spans.
pub(super) fn span(text: &[u8]) -> Option<FigureValue> {
    let mut total = 0u64;
    let mut cursor = Cursor::new(text.trim_ascii());
    if cursor.is_empty() {
        return None;
    }
    while !cursor.is_empty() {
        let millis = decimal(&mut cursor, 3)?;
        let unit = match cursor.run(|b| b.is_ascii_alphabetic()) {
            b"us" => 0,
            b"ms" => 1,
            b"s" => 1000,
            b"min" => 60_000,
            b"h" => 3_600_000,
            b"d" | b"day" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(millis.checked_mul(unit)?)?;
        cursor.blanks();
    }
    Some(FigureValue::Micros(total))
}

pub(super) fn bytes(cursor: &mut Cursor<'_>) -> Option<FigureValue> {
    cursor.number().map(Bytes::new).map(FigureValue::Bytes)
}

/// `1234kB`, or a bare number of KiB.
pub(super) fn kib(cursor: &mut Cursor<'_>) -> Option<FigureValue> {
    cursor.blanks();
    let size = cursor.number().and_then(Bytes::from_kib)?;
    cursor.eat_after_blanks(b"kB");
    Some(FigureValue::Bytes(size))
}

/// `1234 MiB`, or a bare number of MiB.
pub(super) fn mib(cursor: &mut Cursor<'_>) -> Option<FigureValue> {
    cursor.blanks();
    let size = cursor.number()?.checked_mul(1 << 20)?;
    cursor.eat_after_blanks(b"MiB");
    Some(FigureValue::Bytes(Bytes::new(size)))
}

/// A number with a fraction, in units of its last of so many places.
fn decimal(cursor: &mut Cursor<'_>, places: u32) -> Option<u64> {
    let mut value = cursor.number()?.checked_mul(10u64.pow(places))?;
    if cursor.rest.first().is_some_and(|b| matches!(b, b'.' | b',')) {
        cursor.rest = &cursor.rest[1..];
        let digits = cursor.run(|b| b.is_ascii_digit());
        for (at, digit) in (0..places).rev().zip(digits) {
            value = value.checked_add(u64::from(digit - b'0') * 10u64.pow(at))?;
        }
    }
    Some(value)
}
