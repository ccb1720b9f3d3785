//! Lines, and groups of lines that add up.

use units::Bytes;

use super::{Exactness, Line, LineKind};

/// No machine has more: 52 bits of physical address, on x86 and arm64 alike. Sums of two thousand
/// such numbers fit an `i64`.
pub(super) const MOST: u64 = 1 << 52;

/// A figure as the ledger adds it; `None` when no machine has so much.
pub(super) fn signed(bytes: Bytes) -> Option<i64> {
    i64::try_from(bytes.get()).ok().filter(|_| bytes.get() <= MOST)
}

/// A counted line.
pub(super) fn exact(kind: LineKind, bytes: i64, from: impl Into<String>) -> Line {
    with(kind, bytes, Exactness::Exact, from)
}

/// A line.
pub(super) fn with(
    kind: LineKind,
    bytes: i64,
    exactness: Exactness,
    from: impl Into<String>,
) -> Line {
    Line {
        kind,
        of: None,
        bytes,
        exactness,
        from: from.into(),
        note: None,
        of_which: Vec::new(),
        children: Vec::new(),
    }
}

impl Line {
    /// This line, made of these; what they leave becomes the last child. No child, no rest.
    pub(super) fn made_of(mut self, children: Vec<Line>) -> Line {
        if children.is_empty() {
            return self;
        }
        let rest = self.bytes.saturating_sub(sum(&children));
        self.children = children;
        self.children.push(with(LineKind::Rest, rest, Exactness::Rest, "what is left"));
        self
    }

    /// This line with a word about it.
    pub(super) fn noted(mut self, note: impl Into<String>) -> Line {
        self.note = Some(note.into());
        self
    }

    /// The last child, where there are children.
    pub fn rest(&self) -> Option<&Line> {
        self.children.last().filter(|line| line.kind == LineKind::Rest)
    }

    /// The child of this kind.
    pub fn child(&self, kind: LineKind) -> Option<&Line> {
        self.children.iter().find(|line| line.kind == kind)
    }

    /// This line and all below it, parents first, each with its depth.
    pub fn walk(&self) -> Vec<(usize, &Line)> {
        let mut out = Vec::new();
        self.walk_into(0, &mut out);
        out
    }

    fn walk_into<'a>(&'a self, depth: usize, out: &mut Vec<(usize, &'a Line)>) {
        out.push((depth, self));
        for child in &self.children {
            child.walk_into(depth + 1, out);
        }
    }

    /// The first line of this kind, here or below.
    pub fn find(&self, kind: LineKind) -> Option<&Line> {
        if self.kind == kind {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(kind))
    }

    /// Its words: what it is, and which one.
    pub fn label(&self) -> String {
        match &self.of {
            Some(of) => format!("{} {of}", self.kind.label()),
            None => self.kind.label().to_owned(),
        }
    }
}

/// A group whose only figure is the sum of its parts.
pub(super) fn group(kind: LineKind, children: Vec<Line>) -> Option<Line> {
    let total = sum(&children);
    (!children.is_empty())
        .then(|| with(kind, total, Exactness::Exact, "sum of its parts").made_of(children))
}

pub(super) fn sum(lines: &[Line]) -> i64 {
    lines.iter().fold(0, |sum, line| sum.saturating_add(line.bytes))
}
