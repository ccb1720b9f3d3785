//! Amounts as they are written to the files of a cgroup.

use std::error::Error;
use std::fmt;

/// The text is not an amount (`EINVAL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadAmount;

impl fmt::Display for BadAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a number of bytes, with K, M, G, T, P or E behind it or not")
    }
}

impl Error for BadAmount {}

/// `memparse()` of a whole text: digits in C's notation and a unit. Sums wrap as the kernel's do; no
/// digits at all are 0.
pub fn memparse(text: &str) -> Result<u64, BadAmount> {
    let (base, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, &text[2..]),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let end = digits.bytes().position(|byte| !char::from(byte).is_digit(base));
    let (number, rest) = digits.split_at(end.unwrap_or(digits.len()));
    let value = number
        .chars()
        .filter_map(|digit| digit.to_digit(base))
        .fold(0_u64, |sum, digit| sum.wrapping_mul(u64::from(base)).wrapping_add(u64::from(digit)));
    let shift = match rest {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        "P" | "p" => 50,
        "E" | "e" => 60,
        _ => return Err(BadAmount),
    };
    Ok(value << shift)
}

/// `page_counter_memparse()`: pages, rounded down, at most `most` (`PAGE_COUNTER_MAX`), which the
/// word `unlimited` (`max`, or `-1` in v1) stands for.
pub fn parse_limit(text: &str, unlimited: &str, most: u64) -> Result<u64, BadAmount> {
    let text = text.trim();
    if text == unlimited {
        return Ok(most);
    }
    Ok((memparse(text)? / 4096).min(most))
}
