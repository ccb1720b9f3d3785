//! Finding reports in text of any length, a piece at a time.

use aho_corasick::packed;

use crate::Found;
use crate::region::{Region, could_belong, is_relevant};

/// Words of which every report holds one, and few other lines do: four bytes of each must differ
/// from ordinary words (`oom` alone is in every `room`).
const ANCHORS: [&[u8]; 6] =
    [b"oom-kill", b"oom_", b"Killed process", b"Mem-", b"ut of memory", b"ut of Memory"];
/// Lines without meaning after which a report has ended, and a search through all lines begins.
const GAP: u32 = 64;
/// Lines without meaning across which a report's beginning is searched for.
const GAP_BEFORE: u32 = 8;
/// Lines taken after one with a meaning before another is looked at.
const UNASKED: u32 = 7;
/// How far back that goes.
const LOOK_BACK: usize = 64 << 10;
/// A line is cut here: no line of a report is near as long.
const LONGEST_LINE: usize = 256 << 10;
/// Reports that follow one another without a gap are handed out at this size, at the next header.
const REGION: usize = 1 << 20;
/// And at this size wherever they are.
const LARGEST_REGION: usize = 4 << 20;

/// Reads a log in pieces of any size and hands out each report when it has ended.
///
/// Memory is bounded whatever the log: a report's lines, a few megabytes at most, and the last
/// piece.
#[derive(Debug)]
pub struct Scanner {
    anchors: Option<packed::Searcher>,
    /// Text not yet looked at or still needed: lines that may be a report's beginning, then the
    /// line that is not complete.
    kept: Vec<u8>,
    /// Number of the first line in `kept`.
    number: u64,
    region: Region,
    /// Lines without meaning since the last with one; `None` when no report is being read.
    gap: Option<u32>,
    /// Lines to take without asking whether they mean something, because the last one did.
    unasked: u32,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner::new()
    }
}

impl Scanner {
    /// A scanner at the beginning of a text.
    pub fn new() -> Self {
        Scanner {
            anchors: packed::Searcher::new(ANCHORS),
            kept: Vec::new(),
            number: 1,
            region: Region::default(),
            // The text may begin inside a report: the ring buffer has lost its head.
            gap: Some(GAP / 2),
            unasked: 0,
        }
    }

    /// Takes the next piece of the text; `found` gets what it completes.
    pub fn feed(&mut self, piece: &[u8], found: &mut impl FnMut(Found)) {
        if self.kept.is_empty() {
            self.look(piece, false, found);
        } else {
            let mut text = std::mem::take(&mut self.kept);
            text.extend_from_slice(piece);
            self.look(&text, false, found);
        }
    }

    /// Hands out the report that is being read: nothing has come for a while, so it has ended, or
    /// the log stops in it. What comes later is read as if it began a text.
    pub fn settle(&mut self, found: &mut impl FnMut(Found)) {
        self.region.flush(found);
        self.gap = self.gap.map(|_| GAP / 2);
        self.unasked = 0;
    }

    /// Whether a report is being read whose outcome, a kill or a panic, has been seen.
    pub fn has_outcome(&self) -> bool {
        self.region.has_outcome()
    }

    /// Whether lines are held that may be a report.
    pub fn is_reading(&self) -> bool {
        !self.region.is_empty()
    }

    /// Ends the text; `found` gets what was still open.
    pub fn finish(mut self, found: &mut impl FnMut(Found)) {
        let text = std::mem::take(&mut self.kept);
        self.look(&text, true, found);
        self.region.flush(found);
    }

    /// Bytes of the text it holds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.kept.capacity() + self.region.bytes()
    }

    /// Looks through `text`, which begins at line `self.number`, and keeps what is still needed.
    fn look(&mut self, text: &[u8], last: bool, found: &mut impl FnMut(Found)) {
        // Only whole lines are looked at, or one that is too long to wait for.
        let end = match memchr::memrchr(b'\n', text) {
            _ if last => text.len(),
            Some(at) => at + 1,
            None if text.len() > LONGEST_LINE => text.len(),
            None => 0,
        };
        let whole = &text[..end];
        let mut at = 0;
        let mut keep_from = end;
        while at < end {
            if self.gap.is_some() {
                at = self.read_line(whole, at, found);
                continue;
            }
            let Some(hit) = self.anchor(&whole[at..]) else {
                // What stands before the next piece may be a beginning without an anchor.
                keep_from = line_start(whole, at.max(end.saturating_sub(LOOK_BACK)), at);
                if end - keep_from > 2 * LOOK_BACK {
                    // The middle of a line as long as no report's is.
                    keep_from = end;
                }
                self.number += newlines(&whole[at..keep_from]);
                break;
            };
            let start = line_start(whole, at + hit, at);
            let line_end = next_line(whole, start);
            if !is_relevant(trim_newline(&whole[start..line_end])) {
                // A word by chance. Lines before it stay candidates only if a report follows soon.
                self.number += newlines(&whole[at..line_end]);
                at = line_end;
                continue;
            }
            let begin = beginning(whole, at, start);
            self.number += newlines(&whole[at..begin]);
            at = begin;
            self.gap = Some(0);
        }
        if self.gap.is_some() || at >= end {
            keep_from = keep_from.max(at).min(end);
        }
        self.kept.clear();
        self.kept.extend_from_slice(&text[keep_from..]);
    }

    fn anchor(&self, text: &[u8]) -> Option<usize> {
        match &self.anchors {
            Some(searcher) => searcher.find(text).map(|hit| hit.start()),
            None => ANCHORS.iter().filter_map(|word| memchr::memmem::find(text, word)).min(),
        }
    }

    /// Takes one line into the region; the position after it.
    fn read_line(&mut self, text: &[u8], at: usize, found: &mut impl FnMut(Found)) -> usize {
        let end = next_line(text, at);
        let line = trim_newline(&text[at..end]);
        let bytes = self.region.bytes();
        let begins = || memchr::memmem::find(line, b"oom-killer:").is_some();
        if bytes > LARGEST_REGION || (bytes > REGION && begins()) {
            self.region.flush(found);
        }
        self.region.push(self.number, line);
        self.number += 1;
        if self.unasked > 0 {
            self.unasked -= 1;
            return end;
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
        end
    }
}

/// Where the report around the line at `start` begins: at the farthest line that has a meaning,
/// with few in between that have none.
fn beginning(text: &[u8], from: usize, start: usize) -> usize {
    let mut begin = start;
    let mut at = start;
    let mut gap = 0;
    // Whatever may stand in a section counts: what comes after decides.
    while at > from && gap < GAP_BEFORE && start - at < LOOK_BACK {
        let line = line_start(text, at - 1, from);
        if is_relevant(trim_newline(&text[line..at])) {
            begin = line;
            gap = 0;
        } else {
            gap += 1;
        }
        at = line;
    }
    begin
}

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// Where the line that holds the byte at `at` begins, not before `from`.
fn line_start(text: &[u8], at: usize, from: usize) -> usize {
    memchr::memrchr(b'\n', &text[from..at]).map_or(from, |newline| from + newline + 1)
}

fn next_line(text: &[u8], at: usize) -> usize {
    let limit = text.len().min(at + LONGEST_LINE);
    memchr::memchr(b'\n', &text[at..limit]).map_or(limit, |newline| at + newline + 1)
}

fn trim_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}
