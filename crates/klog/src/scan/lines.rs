//! Whole lines from pieces of any size.

/// A line is cut here: no line of a report is near as long.
pub(crate) const LONGEST_LINE: usize = 256 << 10;

/// Lines as they follow one another in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines<'a> {
    /// Whole lines; the last may be the text's last, or one that was cut.
    pub(crate) bytes: &'a [u8],
    /// Number of the first line.
    pub(crate) number: u64,
    /// They begin inside a line that was cut.
    pub(crate) inside: bool,
}

impl<'a> Lines<'a> {
    /// The line at `at`, with its newline; cut where it is too long.
    pub(crate) fn line(&self, at: usize) -> &'a [u8] {
        let limit = self.bytes.len().min(at.saturating_add(LONGEST_LINE));
        let end = memchr::memchr(b'\n', &self.bytes[at..limit]).map_or(limit, |n| at + n + 1);
        &self.bytes[at..end]
    }

    /// Whether what stands at `at` is the rest of a line that was cut.
    pub(crate) fn is_inside(&self, at: usize) -> bool {
        at.checked_sub(1).map_or(self.inside, |before| self.bytes[before] != b'\n')
    }
}

/// Cuts a text that comes in pieces of any size into whole lines, of which it copies only those
/// that two pieces have in common.
#[derive(Debug)]
pub(crate) struct Cutter {
    /// The line that is not complete.
    kept: Vec<u8>,
    /// Its number.
    number: u64,
    inside: bool,
}

impl Cutter {
    pub(crate) fn new() -> Self {
        Cutter { kept: Vec::new(), number: 1, inside: false }
    }

    /// Takes the next piece and hands out the lines it completes.
    pub(crate) fn feed(&mut self, mut piece: &[u8], take: &mut impl FnMut(Lines<'_>)) {
        while !self.kept.is_empty() && !piece.is_empty() {
            let room = LONGEST_LINE - self.kept.len();
            let reach = &piece[..piece.len().min(room)];
            let end = memchr::memchr(b'\n', reach).map(|at| at + 1);
            let (head, rest) = piece.split_at(end.unwrap_or(reach.len()));
            self.kept.extend_from_slice(head);
            piece = rest;
            if end.is_some() || self.kept.len() == LONGEST_LINE {
                let line = std::mem::take(&mut self.kept);
                self.hand_out(&line, take);
                self.kept = line;
                self.kept.clear();
            }
        }
        let whole = memchr::memrchr(b'\n', piece).map_or(0, |at| at + 1);
        self.hand_out(&piece[..whole], take);
        let mut rest = &piece[whole..];
        while rest.len() >= LONGEST_LINE {
            self.hand_out(&rest[..LONGEST_LINE], take);
            rest = &rest[LONGEST_LINE..];
        }
        self.kept.extend_from_slice(rest);
    }

    /// Hands out the line that no newline ended.
    pub(crate) fn finish(&mut self, take: &mut impl FnMut(Lines<'_>)) {
        let line = std::mem::take(&mut self.kept);
        self.hand_out(&line, take);
    }

    fn hand_out(&mut self, bytes: &[u8], take: &mut impl FnMut(Lines<'_>)) {
        let Some(last) = bytes.last() else { return };
        take(Lines { bytes, number: self.number, inside: self.inside });
        self.number += newlines(bytes);
        self.inside = *last != b'\n';
    }

    /// Bytes it holds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.kept.capacity()
    }
}

pub(crate) fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// Where the line that holds the byte at `at` begins, not before `from`.
pub(crate) fn line_start(text: &[u8], at: usize, from: usize) -> usize {
    memchr::memrchr(b'\n', &text[from..at]).map_or(from, |newline| from + newline + 1)
}

pub(crate) fn trim_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines, each with its number, and with a mark where it was cut before.
    fn cut(pieces: &[&[u8]]) -> Vec<(u64, bool, Vec<u8>)> {
        let mut all = Vec::new();
        let mut take = |lines: Lines<'_>| {
            let mut number = lines.number;
            let mut at = 0;
            while at < lines.bytes.len() {
                let line = lines.line(at);
                all.push((number, lines.is_inside(at), line.to_vec()));
                number += u64::from(line.ends_with(b"\n"));
                at += line.len();
            }
        };
        let mut cutter = Cutter::new();
        for piece in pieces {
            cutter.feed(piece, &mut take);
        }
        cutter.finish(&mut take);
        all
    }

    #[test]
    fn lines_are_the_same_however_the_text_is_cut() {
        let long = [&b"x"[..], &b"y".repeat(2 * LONGEST_LINE + 5), b"\n", b"\n", b"last"].concat();
        let text = [&b"first\n\nthird\n"[..], &long].concat();
        let whole = cut(&[&text]);
        assert_eq!(whole[2], (3, false, b"third\n".to_vec()));
        let shape: Vec<_> =
            whole[3..].iter().map(|(n, cut, line)| (*n, *cut, line.len())).collect();
        let expected = [
            (4, false, LONGEST_LINE),
            (4, true, LONGEST_LINE),
            (4, true, 7),
            (5, false, 1),
            (6, false, 4),
        ];
        assert_eq!(shape, expected);
        for size in [1, 7, 4096, LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1] {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(cut(&pieces), whole, "{size}");
        }
    }
}
