//! Lines, words and numbers, and how a problem with one is reported.

use std::fmt::Display;

use facts::{Missing, Name, Why};
use memchr::{memchr, memchr_iter, memrchr};
use units::Bytes;

/// Problems listed for one file before the rest is summed up in one sentence: a file of another
/// kind under this name must not fill memory with complaints.
const MOST_PROBLEMS: usize = 16;

/// Characters of foreign text that a problem quotes.
const MOST_FOUND: usize = 40;

/// Where the problems of one file go.
pub(crate) struct Report<'a> {
    place: &'a str,
    problems: &'a mut Vec<Missing>,
    pushed: usize,
}

impl<'a> Report<'a> {
    pub(crate) fn new(place: &'a str, problems: &'a mut Vec<Missing>) -> Self {
        Report { place, problems, pushed: 0 }
    }

    /// As [`Report::new`], for a list that holds the problems of this file alone, of a text that
    /// comes in pieces.
    pub(crate) fn resumed(place: &'a str, problems: &'a mut Vec<Missing>) -> Self {
        Report { place, pushed: problems.len(), problems }
    }

    /// Reports that `found` stands in `line` (from 1; 0 for the whole file) instead of `expected`.
    #[cold]
    pub(crate) fn malformed(&mut self, line: usize, expected: impl Display, found: &[u8]) {
        self.pushed += 1;
        let expected = match self.pushed {
            ..MOST_PROBLEMS => expected.to_string(),
            MOST_PROBLEMS => format!("{expected} (no further line of this file is reported)"),
            _ => return,
        };
        let why = Why::Malformed { line, expected, found: quoted(found) };
        self.problems.push(Missing { place: self.place.to_owned(), why });
    }

    /// The lines that are whole. What follows the last newline was cut and is reported.
    pub(crate) fn whole_lines<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let end = memrchr(b'\n', text).map_or(0, |last| last + 1);
        let (whole, cut) = text.split_at(end);
        if !cut.is_empty() {
            let line = memchr_iter(b'\n', whole).count() + 1;
            self.malformed(line, "a whole line (the text ends inside this one)", cut);
        }
        whole
    }

    /// As [`Report::whole_lines`], for files that are never empty.
    pub(crate) fn some_lines<'t>(&mut self, text: &'t [u8], expected: &str) -> &'t [u8] {
        if text.is_empty() {
            self.malformed(0, expected, text);
        }
        self.whole_lines(text)
    }
}

/// Foreign text as a problem shows it: escaped, and cut after 40 characters.
fn quoted(found: &[u8]) -> String {
    if found.is_empty() {
        return "nothing".to_owned();
    }
    // A character has at most four bytes; no more of a huge text needs to be escaped.
    let start = found.get(..4 * (MOST_FOUND + 1)).unwrap_or(found);
    let escaped = Name::new(start).to_string();
    match escaped.char_indices().nth(MOST_FOUND) {
        None => escaped,
        Some(_) => escaped.chars().take(MOST_FOUND - 1).chain(['…']).collect(),
    }
}

/// Numbered lines without their newline.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

/// The lines of `text`, numbered from 1.
pub(crate) fn lines(text: &[u8]) -> Lines<'_> {
    Lines { rest: text, number: 0 }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let line = if let Some(end) = memchr(b'\n', self.rest) {
            let line = &self.rest[..end];
            self.rest = &self.rest[end + 1..];
            line
        } else {
            std::mem::take(&mut self.rest)
        };
        Some((self.number, line))
    }
}

/// Words between runs of white space.
pub(crate) fn words(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The text before and after the first `separator`.
#[inline]
pub(crate) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(separator, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// A decimal number and nothing else.
#[inline]
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    match text.len() {
        0 => None,
        // 19 digits always fit.
        1..=19 => text.iter().try_fold(0_u64, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit < 10).then(|| number * 10 + u64::from(digit))
        }),
        _ => text.iter().try_fold(0_u64, |number, byte| {
            let digit = byte.wrapping_sub(b'0');
            if digit >= 10 {
                return None;
            }
            number.checked_mul(10)?.checked_add(u64::from(digit))
        }),
    }
}

/// A decimal number, perhaps negative, and nothing else.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    match text.split_first() {
        Some((b'-', digits)) => 0_i64.checked_sub_unsigned(decimal(digits)?),
        _ => i64::try_from(decimal(text)?).ok(),
    }
}

/// A hexadecimal number without prefix, and nothing else.
pub(crate) fn hexadecimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0, |number, &byte| {
        let digit = char::from(byte).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}

/// What stands behind the colon of a size: blanks, a number, ` kB` (which are KiB).
#[inline]
pub(crate) fn kib(text: &[u8]) -> Option<Bytes> {
    let number = text.trim_ascii().strip_suffix(b" kB")?;
    Bytes::from_kib(decimal(number.trim_ascii_end())?)
}

/// A line of name, blanks and number.
#[inline]
pub(crate) fn name_and_number(line: &[u8]) -> Option<(&[u8], u64)> {
    let line = line.trim_ascii();
    let (name, number) = split_once(line, b' ')?;
    (!name.is_empty()).then_some(())?;
    Some((name, decimal(number.trim_ascii_start())?))
}

/// A name that is kept; what is not plain text is escaped.
pub(crate) fn kept(name: &[u8]) -> Box<str> {
    match std::str::from_utf8(name) {
        Ok(name) if name.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') => name.into(),
        _ => Name::new(name).to_string().into(),
    }
}

/// Undoes the kernel's octal escapes (`\040`), which `seq_escape()` and `mangle_path()` write.
pub(crate) fn unescape_octal(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let taken = if let Some(byte) = octal(rest) {
            out.push(byte);
            4
        } else {
            out.push(b'\\');
            1
        };
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest);
    out
}

/// The byte that `\ooo` at the start of `text` stands for.
pub(crate) fn octal(text: &[u8]) -> Option<u8> {
    match text {
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_that_fit_and_nothing_else() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", " 1", "1 ", "-1", "+1", "0x1", "18446744073709551616", "1\0", "1/", "1:"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(signed(b"-9223372036854775809"), None);
        assert_eq!(signed(b"9223372036854775808"), None);
        assert_eq!(signed(b"--1"), None);
        assert_eq!(hexadecimal(b"000001ffffffffff"), Some(0x1ff_ffff_ffff));
        assert_eq!(hexadecimal(b"00000001ffffffffff"), None);
    }

    #[test]
    fn sizes_need_their_unit() {
        assert_eq!(kib(b"\t   52996 kB"), Bytes::from_kib(52996));
        for text in ["", "kB", " kB", "52996", "52996 MB", "52996kB", "18446744073709551615 kB"] {
            assert_eq!(kib(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn octal_escapes_are_undone_and_other_backslashes_stay() {
        assert_eq!(unescape_octal(br"/a\040b\134c"), b"/a b\\c");
        assert_eq!(unescape_octal(br"\4\400\08\"), br"\4\400\08\");
    }

    #[test]
    fn what_was_found_is_escaped_and_short() {
        assert_eq!(quoted(b""), "nothing");
        assert_eq!(quoted(b"a\x1b[2J"), r"a\x1b[2J");
        let long = quoted(&[b'x'; 1000]);
        assert_eq!(long.chars().count(), 40);
        assert!(long.ends_with("x…"));
        assert_eq!(quoted(&[b'x'; 40]), "x".repeat(40));
        assert!(quoted("ä".repeat(1000).as_bytes()).chars().count() <= 40);
    }

    #[test]
    fn a_file_of_another_kind_does_not_fill_memory_with_complaints() {
        let mut problems = Vec::new();
        let mut report = Report::new("x", &mut problems);
        for line in 1..1000 {
            report.malformed(line, "a number", b"?");
        }
        assert_eq!(problems.len(), MOST_PROBLEMS);
        assert_eq!(
            problems[MOST_PROBLEMS - 1].to_string(),
            "x: line 16: expected a number (no further line of this file is reported), found ?"
        );
    }
}
