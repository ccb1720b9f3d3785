//! What is wrong with a trace, and where.

use std::fmt;

/// Where in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line, from 1.
    Line(u64),
    /// A byte, from 0, of the unpacked trace.
    Byte(u64),
    /// A call, from 1.
    Op(u64),
}

/// One thing that is wrong: where, what was expected, what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What should have been there.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl Problem {
    pub(crate) fn new(
        place: Place,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Problem {
        Problem { place, expected: expected.into(), found: found.into() }
    }
}

/// The start of a piece of foreign text, safe to print.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 60;
    let cut = &bytes[..bytes.len().min(MOST)];
    let text: String = String::from_utf8_lossy(cut).chars().flat_map(char::escape_debug).collect();
    if bytes.is_empty() {
        "nothing".to_owned()
    } else if bytes.len() > MOST {
        format!("`{text}…`")
    } else {
        format!("`{text}`")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Byte(byte) => write!(f, "byte {byte}"),
            Place::Op(op) => write!(f, "call {op}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.place, self.expected, self.found)
    }
}

impl std::error::Error for Problem {}
