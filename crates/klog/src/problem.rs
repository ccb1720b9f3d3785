//! What could not be read.

use std::fmt;

use facts::Name;

/// A line, or a part of one, that is not as the kernel prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Number of the line in the text, from 1.
    pub line: u64,
    /// What should have been there.
    pub expected: &'static str,
    /// What was there, shortened.
    pub found: Name,
}

impl Problem {
    /// Longest piece of text that is kept.
    const LONGEST: usize = 80;

    pub(crate) fn new(line: u64, expected: &'static str, found: &[u8]) -> Self {
        let found = &found[..found.len().min(Self::LONGEST)];
        Problem { line, expected, found: Name::new(found) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { line, expected, found } = self;
        write!(f, "line {line}: expected {expected}, found `{found}`")
    }
}
