//! The lines around something that looks like a report, until it is certain that it has ended.

use std::ops::Range;
use std::sync::Arc;

use facts::oom_report::{LineKind, OomReport};

use crate::assemble::{Assembler, Line, Next, Raw};
use crate::record::{self, Context};
use crate::transport::{self, Document, Origin, Peeled, Peeler, RawStamp};
use crate::{Found, Problem};

/// Lines that belong together, as they stood in the text.
#[derive(Debug, Default)]
pub(crate) struct Region {
    text: Arc<Vec<u8>>,
    /// Where each line ends in `text`.
    ends: Vec<usize>,
    first: u64,
}

impl Region {
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether a kill or a panic comes after the last header.
    pub(crate) fn has_outcome(&self) -> bool {
        let header = memchr::memmem::rfind(&self.text, b"oom-killer:").unwrap_or(0);
        let rest = &self.text[header..];
        [&b"Killed process"[..], b"Kernel panic"]
            .iter()
            .any(|words| memchr::memmem::find(rest, words).is_some())
    }

    /// Adds the line that has this number, without its newline.
    pub(crate) fn push(&mut self, number: u64, line: &[u8]) {
        if self.ends.is_empty() {
            self.first = number;
        }
        Arc::make_mut(&mut self.text).extend_from_slice(line);
        self.ends.push(self.text.len());
    }

    fn lines(&self) -> impl DoubleEndedIterator<Item = (u64, &[u8])> + Clone + ExactSizeIterator {
        (0..self.ends.len()).map(|at| self.nth(at))
    }

    /// Hands out what the lines say, and forgets them.
    pub(crate) fn flush(&mut self, found: &mut impl FnMut(Found)) {
        if self.is_empty() {
            return;
        }
        for (report, problems) in self.read(true) {
            found(Found { report, problems });
        }
        // The reports keep what they need of it.
        self.text = Arc::default();
        self.ends.clear();
    }

    /// What the lines say; with `haste`, rows of the task table are not asked what else they could be.
    fn read(&self, haste: bool) -> Vec<(OomReport, Vec<Problem>)> {
        let document = Document::of(self.lines().map(|(_, line)| line));
        let mut assembler = Assembler::default();
        let mut prefixes = Peeler::default();
        if self.is_reversed(document) {
            for at in self.groups_from_the_end(document).flatten() {
                push(&mut assembler, &mut prefixes, document, self.raw(at));
            }
        } else {
            let mut at = 0;
            while at < self.ends.len() {
                push(&mut assembler, &mut prefixes, document, self.raw(at));
                at += 1;
                if haste && document.is_plain() && assembler.is_in_table() {
                    at = self.rows(at, &mut assembler, &prefixes);
                }
            }
        }
        assembler.finish()
    }

    /// Takes rows of the task table, of which a report may have thousands, without asking what else
    /// they could be; the first line that is no such row. What is made of them is what [`push`] makes.
    fn rows(&self, from: usize, assembler: &mut Assembler, prefixes: &Peeler) -> usize {
        // The time and the body of a row; any other line may carry on the one before it.
        let row_at = |at: usize| {
            let (_, line) = (at < self.ends.len()).then(|| self.nth(at))?;
            prefixes.stamped(line).filter(|(_, body)| body.starts_with(b"["))
        };
        let mut at = from;
        let Some(mut row) = row_at(at) else { return at };
        assembler.settle();
        while let Some(next) = row_at(at + 1) {
            let (micros, body) = row;
            let (number, raw) = self.raw(at);
            if memchr::memchr2(b'#', b'\\', raw.bytes()).is_some()
                || !assembler.push_row(number, &raw, micros, body)
            {
                break;
            }
            row = next;
            at += 1;
        }
        at
    }

    fn raw(&self, at: usize) -> (u64, Raw<'_>) {
        let (number, range) = self.place(at);
        (number, Raw { text: &self.text, range })
    }

    fn nth(&self, at: usize) -> (u64, &[u8]) {
        let (number, range) = self.place(at);
        (number, &self.text[range])
    }

    /// A line's number, and where it is in `text`.
    fn place(&self, at: usize) -> (u64, Range<usize>) {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        (self.first + at as u64, start..self.ends[at])
    }

    /// Whether the newest line is first: a victim before anybody asked, and times that only ever go
    /// down.
    fn is_reversed(&self, document: Document) -> bool {
        let first = |words: &[u8]| memchr::memmem::find(&self.text, words);
        let asked = first(b"invoked oom-killer").or_else(|| first(b"Mem-Info:"));
        let killed = first(b"Killed process").or_else(|| first(b"oom-kill:"));
        if !matches!((asked, killed), (Some(asked), Some(killed)) if killed < asked) {
            return false;
        }
        let (mut down, mut up) = (0, 0);
        let mut last = None;
        for (_, line) in self.lines() {
            let (line, _) = document.restore(line);
            let unwrapped = transport::unwrap(&line);
            let Some(time) = transport::peel(&unwrapped.text).stamp.and_then(seconds) else {
                continue;
            };
            match last.map(|last| time.cmp(&last)) {
                Some(std::cmp::Ordering::Less) => down += 1,
                Some(std::cmp::Ordering::Greater) => up += 1,
                _ => {}
            }
            last = Some(time);
        }
        down > 1 && up == 0
    }

    /// Lines with a prefix, each with the bare lines after it, the last of them first.
    fn groups_from_the_end(&self, document: Document) -> impl Iterator<Item = Range<usize>> {
        let mut starts: Vec<usize> = (0..self.ends.len())
            .filter(|&at| {
                let (line, _) = document.restore(self.nth(at).1);
                let unwrapped = transport::unwrap(&line);
                transport::peel(&unwrapped.text).origin != Origin::Bare
            })
            .collect();
        if starts.first() != Some(&0) {
            starts.insert(0, 0);
        }
        let mut end = self.ends.len();
        starts.into_iter().rev().map(move |start| start..std::mem::replace(&mut end, start))
    }
}

/// A time that can be compared with the one before: microseconds since boot, or seconds of the day.
fn seconds(stamp: RawStamp<'_>) -> Option<u64> {
    match stamp {
        RawStamp::Boot(micros) => Some(micros),
        RawStamp::Wall(text) => {
            let colon = memchr::memchr_iter(b':', text).next()?;
            let digits =
                |at: usize| -> Option<u64> { crate::cursor::decimal(text.get(at..at + 2)?) };
            let hours = digits(colon.checked_sub(2)?)?;
            Some((hours * 60 + digits(colon + 1)?) * 60 + digits(colon + 4)?)
        }
    }
}

fn push(
    assembler: &mut Assembler,
    prefixes: &mut Peeler,
    document: Document,
    (number, raw): (u64, Raw<'_>),
) {
    let (restored, goes_on) = document.restore(raw.bytes());
    let starts_blank = restored.first().is_some_and(u8::is_ascii_whitespace);
    let ends_blank = restored.last().is_some_and(u8::is_ascii_whitespace);
    let unwrapped = transport::unwrap(&restored);
    let several = unwrapped.several;
    // Only where newlines were written as codes there are any.
    let (first, rest): (&[u8], Option<&[u8]>) = if several {
        match memchr::memchr(b'\n', &unwrapped.text) {
            Some(at) => (&unwrapped.text[..at], Some(&unwrapped.text[at + 1..])),
            None => (&unwrapped.text, None),
        }
    } else {
        (&unwrapped.text, None)
    };
    let mut peeled = prefixes.peel(first);
    if let Some(program) = &unwrapped.program {
        let kernel = program.eq_ignore_ascii_case(b"kernel");
        peeled.origin = if kernel { Origin::Kernel } else { Origin::Program };
    }
    let next = match (goes_on && !several, ends_blank) {
        (true, false) => Next::Glued,
        (true, true) => Next::GluedAfterBlank,
        (false, true) => Next::AfterBlank,
        (false, false) => Next::Unknown,
    };
    assembler.push(Line { number, raw: raw.clone(), peeled, next, starts_blank, inner: false });
    if let Some(rest) = rest {
        for body in rest.split(|&b| b == b'\n') {
            let mut peeled = transport::peel(body);
            if peeled.origin == Origin::Bare {
                peeled = Peeled { body: body.trim_ascii(), ..Peeled::default() };
            }
            assembler.push(Line {
                number,
                raw: raw.clone(),
                peeled,
                next: Next::Unknown,
                starts_blank: false,
                inner: true,
            });
        }
    }
}

/// Whether a line is one of a report whatever stands before it.
pub(crate) fn is_relevant(line: &[u8]) -> bool {
    means_something(line, &[None])
}

/// Whether a line could be one of a report after others of it.
pub(crate) fn could_belong(line: &[u8]) -> bool {
    means_something(
        line,
        &[
            None,
            Some(LineKind::Memcg),
            Some(LineKind::Tasks),
            Some(LineKind::Slab),
            Some(LineKind::Zone),
        ],
    )
}

fn means_something(line: &[u8], sections: &[Option<LineKind>]) -> bool {
    let unwrapped = transport::unwrap(line);
    let end = if unwrapped.several { memchr::memchr(b'\n', &unwrapped.text) } else { None };
    let peeled = transport::peel(&unwrapped.text[..end.unwrap_or(unwrapped.text.len())]);
    let reads = |section: &Option<LineKind>| {
        record::read(peeled.body, Context { columns: None, section: *section }).is_some()
    };
    peeled.origin != Origin::Program && sections.iter().any(reads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print;
    use crate::print::sample::{Filler, report};

    fn check(lines: &[String]) -> usize {
        let mut region = Region::default();
        for (number, line) in lines.iter().enumerate() {
            region.push(number as u64 + 1, line.as_bytes());
        }
        let read = region.read(true);
        assert!(read == region.read(false), "{lines:#?}");
        read.iter().filter_map(|(report, _)| report.tasks.as_ref()).map(|t| t.rows.len()).sum()
    }

    #[test]
    fn rows_that_are_read_in_haste_say_what_they_say() {
        /// What stands between rows, or at their ends.
        const BETWEEN: [&str; 13] = [
            "[    1.000001] usb 1-1: new device",
            "[    1.000001] [     12]     0    12        1        1        0        0             0 a#012b",
            "[    1.000001] [     12]     0    12        1        1        0        0             0 ",
            "[    1.000001] [     12]     0    12        1        1        0        0             0 -",
            "[    1.000001] [     12]     0    12        1        1 ",
            "[    1.000001] [     12]     0    12        1        1        0        0             0 a=3D&nbsp;",
            "[    1.000001][  T12] [     12]     0    12        1        1        0        0             0 x",
            "[ 1.1] [     12]     0    12        1        1        0        0             0 x",
            "[                                                       1.000001] [ 12] 0 12 1 1 0 0 0 0 0 0 x",
            "rest of a name",
            "[    1.000046] rest",
            "\u{a0}",
            "[    1.000001] Tasks state (memory values in pages):",
        ];
        let mut rows = 0;
        for release in ["2.6.32", "3.16", "4.9", "5.15", "6.8"] {
            let release = release.parse().unwrap();
            let text = print(&report(&mut Filler::new(7), release, false), release);
            let text = String::from_utf8_lossy(&text);
            for prefix in [
                "",
                "Sep 22 16:22:28 web7 kernel: ",
                "> ",
                "2024-05-26T06:17:40.1+02:00 - kernel: ",
            ] {
                let lines = text.lines().enumerate();
                let lines = lines.map(|(at, line)| format!("{prefix}[    1.{at:06}] {line}"));
                let lines: Vec<String> = lines.collect();
                let kept = check(&lines);
                assert!(kept > 0);
                rows += kept;
                let table = lines.iter().position(|line| line.contains("total_vm")).unwrap();
                for between in BETWEEN {
                    for at in table..table + 4 {
                        let mut lines = lines.clone();
                        lines.insert(at.min(lines.len()), format!("{prefix}{between}"));
                        rows += check(&lines);
                        lines[at] = between.to_owned();
                        rows += check(&lines);
                    }
                }
            }
        }
        assert!(rows > 1000, "{rows}");
    }
}
