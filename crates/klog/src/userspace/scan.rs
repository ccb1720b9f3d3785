//! Finding lines of other programs in text of any length.

use facts::{Name, Notice, Speaker};

use super::{ANCHORS, MORE_LINES, Memory, Said, android, own_tag, program_name, read, when_of};
use crate::scan::anchors::{Anchors, next_hit};
use crate::scan::lines::{Cutter, Lines, line_start, newlines};
use crate::transport;

/// A line is cut here.
pub(super) const LONGEST_LINE: usize = 64 << 10;

/// Finds lines of other programs in a log that comes in pieces of any size.
///
/// It holds one line and what the last few lines said; so its memory is bounded whatever the log.
#[derive(Debug)]
pub struct NoticeScanner {
    cutter: Cutter,
    anchors: Anchors<1>,
    notices: Notices,
}

impl Default for NoticeScanner {
    fn default() -> Self {
        NoticeScanner::new()
    }
}

impl NoticeScanner {
    /// A scanner at the beginning of a text.
    pub fn new() -> Self {
        NoticeScanner {
            cutter: Cutter::new(),
            anchors: Anchors::new([&ANCHORS]),
            notices: Notices::default(),
        }
    }

    /// Takes the next piece of the text; `found` gets what it completes.
    pub fn feed(&mut self, piece: &[u8], found: &mut impl FnMut(Notice)) {
        let NoticeScanner { cutter, anchors, notices } = self;
        cutter.feed(piece, &mut |lines| {
            let [hits] = anchors.search(lines.bytes);
            notices.look(lines, hits, found);
        });
    }

    /// Ends the text; `found` gets what was still open.
    pub fn finish(self, found: &mut impl FnMut(Notice)) {
        let NoticeScanner { mut cutter, mut anchors, mut notices } = self;
        cutter.finish(&mut |lines| {
            let [hits] = anchors.search(lines.bytes);
            notices.look(lines, hits, found);
        });
        notices.settle(found);
    }
}

/// All such lines of a text, in its order.
pub fn notices(text: &[u8]) -> Vec<Notice> {
    let mut all = Vec::new();
    let mut found = |one| all.push(one);
    let mut scanner = NoticeScanner::new();
    scanner.feed(text, &mut found);
    scanner.finish(&mut found);
    all
}

/// What is kept of a text while lines of other programs are looked for.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    memory: Memory,
}

impl Notices {
    /// Hands out a record that further lines might have carried on.
    pub(crate) fn settle(&mut self, found: &mut impl FnMut(Notice)) {
        if let Some((open, _)) = self.memory.open.take() {
            found(open);
        }
    }

    /// Looks through the next lines, in which [`ANCHORS`] begin at `hits`.
    pub(crate) fn look(
        &mut self,
        lines: Lines<'_>,
        mut hits: &[usize],
        found: &mut impl FnMut(Notice),
    ) {
        let text = lines.bytes;
        let (mut at, mut number) = (0, lines.number);
        while at < text.len() {
            let start = if self.memory.open.is_some() {
                at
            } else {
                let Some(hit) = next_hit(&mut hits, at) else { return };
                line_start(text, hit, at)
            };
            number += newlines(&text[at..start]);
            let line = lines.line(start);
            if !lines.is_inside(start) {
                self.read(number, &line[..line.len().min(LONGEST_LINE)], found);
            }
            number += u64::from(line.ends_with(b"\n"));
            at = start + line.len();
        }
    }

    fn read(&mut self, number: u64, line: &[u8], found: &mut impl FnMut(Notice)) {
        let unwrapped = transport::unwrap(line);
        let mut texts = unwrapped.text.split(|&b| b == b'\n');
        let peeled = transport::peel(texts.next().unwrap_or_default());
        let mut body = peeled.body;
        let mut program = unwrapped.program.as_deref().or(peeled.tag).map(program_name);
        if let Some((own, rest)) = own_tag(body) {
            program = Some(own);
            body = rest;
        }
        if let Some((mut notice, left)) = self.memory.open.take() {
            if android::carry_on(&mut notice, body) {
                if left > 1 {
                    self.memory.open = Some((notice, left - 1));
                } else {
                    found(notice);
                }
                return;
            }
            found(notice);
        }
        let said = Said { body, program, origin: peeled.origin };
        let Some(mut draft) = read(&said, &mut self.memory) else { return };
        // A record with newlines in it stands on one line of JSON.
        let rest: Vec<&[u8]> = texts.take(MORE_LINES as usize).collect();
        draft.line = number;
        draft.when = when_of(&peeled);
        draft.text = Name::new(body);
        if draft.speaker == Speaker::LowMemoryKiller {
            let carried = rest.iter().filter(|text| android::carry_on(&mut draft, text)).count();
            if carried == 0 {
                self.memory.open = Some((draft, MORE_LINES));
                return;
            }
        }
        found(draft);
    }
}
