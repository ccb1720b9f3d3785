//! Lines of a file that is too large to hold.

use std::io;

use memchr::memchr;

use crate::{Machine, ProcFile};

/// The longest line that is given whole: a path of `PATH_MAX`, each byte escaped, and what stands
/// before it. What is longer is no line of the kernel's; the rest of it is dropped.
const LONGEST: usize = 20 * 1024;

/// Makes lines of a text that comes in pieces.
#[derive(Debug, Default)]
struct Lines {
    /// The start of a line whose end has not come.
    held: Vec<u8>,
    /// Lines are given in parts of at most this many bytes, their newline counted, as C's `fgets`
    /// gives them.
    part: Option<usize>,
}

impl Lines {
    fn feed(&mut self, mut piece: &[u8], each: &mut dyn FnMut(&[u8])) {
        while let Some(end) = memchr(b'\n', piece) {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            if self.held.is_empty() {
                give(line, true, self.part, each);
            } else {
                self.hold(line);
                give(&self.held, true, self.part, each);
                self.held.clear();
            }
            piece = rest;
        }
        self.hold(piece);
    }

    fn finish(&mut self, each: &mut dyn FnMut(&[u8])) {
        if !self.held.is_empty() {
            give(&self.held, false, self.part, each);
        }
    }

    fn hold(&mut self, text: &[u8]) {
        let room = LONGEST.saturating_sub(self.held.len());
        self.held.extend_from_slice(&text[..text.len().min(room)]);
    }
}

fn give(line: &[u8], newline: bool, part: Option<usize>, each: &mut dyn FnMut(&[u8])) {
    let line = &line[..line.len().min(LONGEST)];
    let mut rest = line;
    if let Some(part) = part {
        while rest.len() >= part {
            let (first, more) = rest.split_at(part);
            each(first);
            rest = more;
        }
        if rest.is_empty() && !line.is_empty() && !newline {
            return;
        }
    }
    each(rest);
}

/// Gives each line of a file to `each`, without its newline. A line that does not end is given too.
///
/// `part` is the size of the buffer that C's `fgets` would have: longer lines come in parts.
///
/// On an error, what was given before it is the start of the file.
pub(crate) fn lines(
    machine: &mut dyn Machine,
    file: ProcFile,
    part: Option<usize>,
    each: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    let mut lines = Lines { held: Vec::new(), part: part.map(|size| size - 1) };
    machine.read(file, &mut |piece| lines.feed(piece, each))?;
    lines.finish(each);
    Ok(())
}

/// A small file, the first `most` bytes of it.
pub(crate) fn read(machine: &mut dyn Machine, file: ProcFile, most: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    machine.read(file, &mut |piece| {
        let room = most.saturating_sub(text.len());
        text.extend_from_slice(&piece[..piece.len().min(room)]);
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines, when the text comes in pieces of `size` bytes.
    fn all(text: &[u8], size: usize, part: Option<usize>) -> Vec<String> {
        let mut lines = Lines { held: Vec::new(), part };
        let mut found = Vec::new();
        let mut each = |line: &[u8]| found.push(String::from_utf8_lossy(line).into_owned());
        for piece in text.chunks(size) {
            lines.feed(piece, &mut each);
        }
        lines.finish(&mut each);
        found
    }

    #[test]
    fn lines_do_not_depend_on_how_they_arrive() {
        for size in 1..30 {
            let lines = all(b"one\n\nthree and more\nlast", size, None);
            assert_eq!(lines, ["one", "", "three and more", "last"], "{size}");
        }
    }

    #[test]
    fn parts_are_those_of_fgets() {
        // A buffer of 5 holds 4 bytes, the newline among them.
        for size in 1..30 {
            let lines = all(b"abc\nabcd\nabcdefghi\nab", size, Some(4));
            assert_eq!(lines, ["abc", "abcd", "", "abcd", "efgh", "i", "ab"], "{size}");
            assert_eq!(all(b"abcd", size, Some(4)), ["abcd"], "{size}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 100_000];
        text.extend_from_slice(b"\nnext\n");
        for size in [1000, 1 << 20] {
            let lines = all(&text, size, None);
            assert_eq!(lines.len(), 2);
            assert_eq!(lines[0].len(), LONGEST);
            assert_eq!(lines[1], "next");
        }
    }
}
