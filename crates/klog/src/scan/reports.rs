//! Finding reports among whole lines.

use super::anchors::next_hit;
use super::lines::{Lines, line_start, newlines, trim_newline};
use crate::Found;
use crate::region::{Region, could_belong, is_relevant};

/// Words of which every report holds one, and few other lines do: four bytes of each must differ
/// from ordinary words (`oom` alone is in every `room`).
pub(super) const ANCHORS: [&[u8]; 6] =
    [b"oom-kill", b"oom_", b"Killed process", b"Mem-", b"ut of memory", b"ut of Memory"];
/// Lines without meaning after which a report has ended, and a search through all lines begins.
const GAP: u32 = 64;
/// Lines without meaning across which a report's beginning is searched for.
const GAP_BEFORE: u32 = 8;
/// Lines taken after one with a meaning before another is looked at.
const UNASKED: u32 = 7;
/// How far back that goes.
const LOOK_BACK: usize = 64 << 10;
/// Reports that follow one another without a gap are handed out at this size, at the next header.
const REGION: usize = 1 << 20;
/// And at this size wherever they are.
const LARGEST_REGION: usize = 4 << 20;

/// What is kept of a text while reports are looked for.
#[derive(Debug)]
pub(super) struct Reports {
    /// Whole lines before the next that may be a report's beginning, though no word said so.
    back: Vec<u8>,
    region: Region,
    /// Lines without meaning since the last with one; `None` when no report is being read.
    gap: Option<u32>,
    /// Lines to take without asking whether they mean something, because the last one did.
    unasked: u32,
}

impl Reports {
    pub(super) fn new() -> Self {
        Reports {
            back: Vec::new(),
            region: Region::default(),
            // The text may begin inside a report: the ring buffer has lost its head.
            gap: Some(GAP / 2),
            unasked: 0,
        }
    }

    /// Hands out what is being read: it has ended, or the text has.
    pub(super) fn settle(&mut self, found: &mut impl FnMut(Found)) {
        self.region.flush(found);
        self.gap = self.gap.map(|_| GAP / 2);
        self.unasked = 0;
    }

    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    /// Bytes it holds.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.back.capacity() + self.region.bytes()
    }

    /// Looks through the next lines, in which [`ANCHORS`] begin at `hits`.
    pub(super) fn look(
        &mut self,
        lines: Lines<'_>,
        mut hits: &[usize],
        found: &mut impl FnMut(Found),
    ) {
        let text = lines.bytes;
        let (mut at, mut number) = (0, lines.number);
        while at < text.len() {
            if self.gap.is_some() {
                let line = lines.line(at);
                self.read_line(number, line, lines.is_inside(at), found);
                number += u64::from(line.ends_with(b"\n"));
                at += line.len();
                continue;
            }
            let Some(hit) = next_hit(&mut hits, at) else {
                self.remember(&text[at..]);
                return;
            };
            let start = line_start(text, hit, at);
            let line = lines.line(start);
            if !is_relevant(trim_newline(line)) {
                // A word by chance. Lines before it stay candidates only if a report follows soon.
                number += newlines(&text[at..start + line.len()]);
                at = start + line.len();
                self.back.clear();
                continue;
            }
            let before = beginning(&self.back, &text[at..start]);
            number += newlines(&text[at..start]);
            let here = before.min(start - at);
            let back = std::mem::take(&mut self.back);
            let earlier = Lines { bytes: &back, number: 0, inside: false };
            let mut from = back.len() - (before - here);
            at = start - here;
            number -= newlines(&text[at..start]);
            let mut earlier_number = number.saturating_sub(newlines(&back[from..]));
            self.gap = Some(0);
            while from < back.len() {
                let line = earlier.line(from);
                self.read_line(earlier_number, line, false, found);
                earlier_number += 1;
                from += line.len();
            }
            self.back = back;
            self.back.clear();
        }
    }

    /// Keeps the end of lines without an anchor: it may be a report's beginning.
    fn remember(&mut self, text: &[u8]) {
        if text.len() < LOOK_BACK {
            self.back.extend_from_slice(text);
            if self.back.len() > 4 * LOOK_BACK {
                let from = line_start(&self.back, self.back.len() - LOOK_BACK, 0);
                self.back.drain(..from);
            }
            return;
        }
        let from = line_start(text, text.len() - LOOK_BACK, 0);
        self.back.clear();
        // Else a line as long as no report's is.
        if text.len() - from <= 2 * LOOK_BACK {
            self.back.extend_from_slice(&text[from..]);
        }
    }

    /// Takes one line into the region.
    fn read_line(&mut self, number: u64, line: &[u8], inside: bool, found: &mut impl FnMut(Found)) {
        if inside {
            // What a line as long as no report's is goes on with.
            return;
        }
        let line = trim_newline(line);
        let bytes = self.region.bytes();
        let begins = || memchr::memmem::find(line, b"oom-killer:").is_some();
        if bytes > LARGEST_REGION || (bytes > REGION && begins()) {
            self.region.flush(found);
        }
        self.region.push(number, line);
        if self.unasked > 0 {
            self.unasked -= 1;
            return;
        }
        let gap = self.gap.unwrap_or(0);
        self.gap = if could_belong(line) {
            self.unasked = UNASKED;
            Some(0)
        } else if gap >= GAP {
            self.region.flush(found);
            None
        } else {
            Some(gap + 1)
        };
    }
}

/// How many bytes before a line its report begins: at the farthest line that has a meaning, with
/// few in between that have none. `back` and `text` are the lines before it.
fn beginning(back: &[u8], text: &[u8]) -> usize {
    let (mut seen, mut begin, mut gap) = (0, 0, 0);
    // Whatever may stand in a section counts: what comes after decides.
    for line in from_the_end(text).chain(from_the_end(back)) {
        if gap >= GAP_BEFORE || seen >= LOOK_BACK {
            break;
        }
        seen += line.len();
        if is_relevant(trim_newline(line)) {
            begin = seen;
            gap = 0;
        } else {
            gap += 1;
        }
    }
    begin
}

/// Lines with their newlines, the last first.
fn from_the_end(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut end = text.len();
    std::iter::from_fn(move || {
        let last = end.checked_sub(1)?;
        let start = line_start(text, last, 0);
        let line = &text[start..end];
        end = start;
        Some(line)
    })
}
