//! What could not be read.

use std::fmt;

use facts::Name;

/// A line, or a part of one, that is not as the kernel prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Number of the line in the text, from 1.
    pub line: u64,
    /// What is wrong there.
    pub trouble: Trouble,
    /// What should have been there.
    pub expected: &'static str,
    /// What was there, shortened.
    pub found: Name,
}

/// Why something could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Somebody or something cut the line, and left a mark: `...`, or the pager's `>`.
    Cut,
    /// It is there, and nothing could be made of it.
    Unread,
    /// A number too large to be a size: the kernel's own counter is damaged.
    TooLarge,
}

impl Problem {
    /// Longest piece of text that is kept.
    const LONGEST: usize = 80;

    pub(crate) fn new(line: u64, trouble: Trouble, expected: &'static str, found: &[u8]) -> Self {
        let found = &found[..found.len().min(Self::LONGEST)];
        Problem { line, trouble, expected, found: Name::new(found) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { line, expected, found, trouble } = self;
        let cut = if *trouble == Trouble::Cut { " (the line was cut)" } else { "" };
        write!(f, "line {line}: expected {expected}, found `{found}`{cut}")
    }
}
