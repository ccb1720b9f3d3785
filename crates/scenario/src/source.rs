//! The text of a scenario, and the places in it.

/// Longest text of a scenario, in bytes. Programs that need more are made of loops.
pub const MAX_BYTES: usize = 1 << 20;

/// Deepest nesting of blocks and of comments.
pub const MAX_DEPTH: usize = 64;

/// A place in the text: bytes from `start` to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From `start`, `len` bytes.
    pub(crate) fn new(start: usize, len: usize) -> Span {
        Span { start, end: start.saturating_add(len) }
    }

    /// From the start of this one to the end of `other`.
    pub(crate) fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The text of a scenario with its name and where its lines start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    lines: Vec<usize>,
}

impl Source {
    /// A text, by the name it has in messages.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(at, _)| at + 1))
            .collect();
        Source { name: name.into(), text, lines }
    }

    /// The name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..byte.min(self.text.len())).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// A line without its end, by its number from 1.
    pub fn line(&self, number: usize) -> &str {
        let start = number.checked_sub(1).and_then(|at| self.lines.get(at)).copied();
        let rest = start.and_then(|start| self.text.get(start..)).unwrap_or("");
        rest.split(['\n', '\r']).next().unwrap_or("")
    }

    /// What stands at a place.
    pub fn at(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("t", "a\nbé c\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(6), (2, 4));
        assert_eq!(source.line(2), "bé c");
        assert_eq!(source.line(9), "");
    }
}
