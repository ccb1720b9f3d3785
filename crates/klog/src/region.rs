//! The lines around something that looks like a report, until it is certain that it has ended.

use std::ops::Range;
use std::sync::Arc;

use facts::oom_report::LineKind;

use crate::Found;
use crate::assemble::{Assembler, Line, Next, Raw};
use crate::record::{self, Context};
use crate::transport::{self, Document, Origin, Peeled, Peeler, RawStamp};

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
        let document = Document::of(self.lines().map(|(_, line)| line));
        let mut assembler = Assembler::default();
        let mut prefixes = Peeler::default();
        let mut take = |at| {
            let (number, range) = self.place(at);
            let raw = Raw { text: &self.text, range };
            push(&mut assembler, &mut prefixes, document, number, &raw);
        };
        if self.is_reversed(document) {
            self.groups_from_the_end(document).for_each(|group| group.for_each(&mut take));
        } else {
            (0..self.ends.len()).for_each(take);
        }
        for (report, problems) in assembler.finish() {
            found(Found { report, problems });
        }
        // The reports keep what they need of it.
        self.text = Arc::default();
        self.ends.clear();
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
    number: u64,
    raw: &Raw<'_>,
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
