//! Lines of a text trace, bounded.

use super::{Stream, failed};
use crate::problem::{Place, Problem, quoted};
use std::io::{BufRead, Read};

/// Bytes of a line; what is longer is no trace.
const LONGEST: u64 = 1 << 16;

/// A stream of lines with their numbers.
pub(super) struct Numbered {
    stream: Stream,
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

impl Numbered {
    pub(super) fn new(stream: Stream) -> Numbered {
        Numbered { stream, line: Vec::new(), number: 0, ended: false }
    }

    /// Counts a line that was read already.
    pub(super) fn skip_number(&mut self) {
        self.number += 1;
    }

    /// Where the line is that was read last.
    pub(super) fn place(&self) -> Place {
        Place::Line(self.number)
    }

    /// The next line without its end; a failure of reading ends the lines.
    pub(super) fn next(&mut self) -> Option<Result<&[u8], Problem>> {
        if self.ended {
            return None;
        }
        self.line.clear();
        self.number += 1;
        let read = (&mut self.stream).take(LONGEST).read_until(b'\n', &mut self.line);
        match read {
            Err(error) => {
                self.ended = true;
                Some(Err(failed(self.place(), &error)))
            }
            Ok(0) => None,
            Ok(n) if n as u64 == LONGEST && self.line.last() != Some(&b'\n') => {
                self.ended = true;
                let found = format!("more than {LONGEST} bytes: {}", quoted(&self.line));
                Some(Err(Problem::new(self.place(), "a line", found)))
            }
            Ok(_) => Some(Ok(self.line.trim_ascii_end())),
        }
    }
}

/// A number, hexadecimal behind `0x`.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => hex(digits.as_bytes()),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// A hexadecimal number without sign or prefix.
pub(super) fn hex(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word).ok()?;
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

/// The words of a line.
pub(super) fn words(line: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    line.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty())
}
