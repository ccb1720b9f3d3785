//! What `oomph trace` records, and its form as text, which can be written by hand.
//!
//! Both begin with lines of text, `oomph-heap-trace 1 binary` or `… text` and then a name and a value each
//! (`pid`, `command`, `page`, `brk`, `cpus`, `glibc`, `tunables`), up to an empty line. In the binary form
//! zeros fill the first 4096 bytes, and each call is a record of 32 bytes, little-endian:
//!
//! | bytes | |
//! |---|---|
//! | 0 | what was called: see `VERBS`; 0 is the end |
//! | 1–2 | the thread |
//! | 3–7 | microseconds since the beginning |
//! | 8–15 | the block: returned, or of `free` the one freed; 0 is `NULL` |
//! | 16–23 | the first number: bytes, of `calloc` how many, of `mallopt` the parameter |
//! | 24–31 | the second number: of `calloc` bytes of each, of `realloc` the old block, an alignment, of `mallopt` the value |
//!
//! As text a call is `THREAD MICROSECONDS NAME ARGUMENTS = BLOCK`, where the microseconds may be `-`.

use super::lines::{Numbered, number, words};
use super::{Facts, Source, Stream, failed, fill};
use crate::op::{Aligned, Op, What};
use crate::problem::{Place, Problem, quoted};
use std::io::{BufRead, Read};

const MAGIC: &[u8] = b"oomph-heap-trace 1 ";
const HEADER: usize = 4096;
const RECORD: usize = 32;
/// The record behind which a bounded file has no room.
const CUT: u8 = 13;

pub(super) fn is(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

pub(super) fn open(mut stream: Stream) -> Result<Box<dyn Source>, Problem> {
    let mut kind = Vec::new();
    (&mut stream)
        .take(64)
        .read_until(b'\n', &mut kind)
        .map_err(|error| failed(Place::Byte(0), &error))?;
    match kind.get(MAGIC.len()..).unwrap_or_default().trim_ascii_end() {
        b"text" => Ok(Box::new(Text::new(stream))),
        b"binary" => {
            let mut header = vec![0; HEADER - kind.len().min(HEADER)];
            stream.read_exact(&mut header).map_err(|_| {
                let expected = format!("a header of {HEADER} bytes");
                Problem::new(Place::Byte(0), expected, "the end of the trace")
            })?;
            let mut facts = Facts::default();
            for line in header.split(|b| *b == b'\n' || *b == 0) {
                if line.is_empty() {
                    break;
                }
                learn(&mut facts, line);
            }
            Ok(Box::new(Binary { stream, facts, at: HEADER as u64, ended: false }))
        }
        _ => Err(Problem::new(Place::Line(1), "`binary` or `text`", quoted(&kind))),
    }
}

fn learn(facts: &mut Facts, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    let (name, value) = line.split_once(' ').unwrap_or((&line, ""));
    let number = number(value.as_bytes());
    match name {
        "pid" => facts.pid = number.and_then(|n| u32::try_from(n).ok()),
        "command" => facts.command = Some(value.to_owned()),
        "page" => facts.page = number.filter(|page| page.is_power_of_two()),
        "brk" => facts.brk = number,
        "cpus" => facts.cpus = number.and_then(|n| u32::try_from(n).ok()),
        "glibc" => facts.glibc = Some(value.to_owned()),
        "tunables" => facts.tunables = Some(value.to_owned()),
        // A later version may say more.
        _ => {}
    }
}

/// What a record calls, from its numbers.
fn verb(verb: u8, ptr: u64, first: u64, second: u64) -> Option<What> {
    let block = (ptr != 0).then_some(ptr);
    let aligned = |by, align| What::Aligned { by, align, size: first, ptr: block };
    Some(match verb {
        1 => What::Malloc { size: first, ptr: block },
        2 => What::Calloc { n: first, size: second, ptr: block },
        3 => What::Realloc { old: (second != 0).then_some(second), size: first, ptr: block },
        4 => What::Free { ptr },
        5 => aligned(Aligned::Memalign, second),
        6 => aligned(Aligned::AlignedAlloc, second),
        7 => aligned(Aligned::PosixMemalign, second),
        8 => aligned(Aligned::Valloc, 0),
        9 => aligned(Aligned::Pvalloc, 0),
        10 => What::Trim { pad: first },
        11 => What::Mallopt { param: int(first), value: int(second) },
        12 => What::ThreadExit,
        _ => return None,
    })
}

/// The low 32 bits, which were an `int`.
fn int(bits: u64) -> i32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

struct Binary {
    stream: Stream,
    facts: Facts,
    at: u64,
    ended: bool,
}

impl Source for Binary {
    fn next(&mut self) -> Option<Result<Op, Problem>> {
        if self.ended {
            return None;
        }
        let mut record = [0; RECORD];
        let place = Place::Byte(self.at);
        let filled = match fill(&mut self.stream, &mut record) {
            Ok(filled) => filled,
            Err(error) => {
                self.ended = true;
                return Some(Err(failed(place, &error)));
            }
        };
        if filled < RECORD || record[0] == 0 {
            self.ended = true;
            let torn = filled > 0 && record[0] != 0;
            let expected = format!("a record of {RECORD} bytes");
            return torn.then(|| Err(Problem::new(place, expected, format!("{filled} bytes"))));
        }
        self.at += RECORD as u64;
        if record[0] == CUT {
            self.ended = true;
            self.facts.cut = Some("the file had reached its limit".to_owned());
            return None;
        }
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&record[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let first = word(0);
        let thread = u32::from(u16::from_le_bytes([record[1], record[2]]));
        let Some(what) = verb(record[0], word(8), word(16), word(24)) else {
            let found = format!("{}", record[0]);
            return Some(Err(Problem::new(place, "a call from 1 to 12", found)));
        };
        Some(Ok(Op { thread, at_us: Some(first >> 24), what }))
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }
}

struct Text {
    lines: Numbered,
    facts: Facts,
    in_header: bool,
}

impl Text {
    fn new(stream: Stream) -> Text {
        let mut lines = Numbered::new(stream);
        lines.skip_number();
        Text { lines, facts: Facts::default(), in_header: true }
    }
}

impl Source for Text {
    fn next(&mut self) -> Option<Result<Op, Problem>> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(problem) => return Some(Err(problem)),
            };
            if self.in_header {
                self.in_header = !line.is_empty();
                learn(&mut self.facts, line);
                continue;
            }
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let op = parse(line).ok_or_else(|| quoted(line));
            return Some(op.map_err(|found| {
                let expected = "`THREAD MICROSECONDS CALL ARGUMENTS = BLOCK`";
                Problem::new(self.lines.place(), expected, found)
            }));
        }
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }
}

fn parse(line: &[u8]) -> Option<Op> {
    let all: Vec<&[u8]> = words(line).collect();
    let [thread, time, call, rest @ ..] = all.as_slice() else { return None };
    let at_us = if *time == b"-" { None } else { Some(number(time)?) };
    let thread = number(thread).and_then(|n| u32::try_from(n).ok())?;
    let arguments: Vec<&[u8]> = rest.iter().copied().filter(|word| *word != b"=").collect();
    if *call == b"mallopt" {
        let [param, value] = arguments.as_slice() else { return None };
        let int = |word: &[u8]| std::str::from_utf8(word).ok()?.parse().ok();
        let what = What::Mallopt { param: int(param)?, value: int(value)? };
        return Some(Op { thread, at_us, what });
    }
    let numbers: Vec<u64> = arguments.iter().map(|word| number(word)).collect::<Option<_>>()?;
    let what = match (*call, numbers.as_slice()) {
        (b"malloc", &[size, ptr]) => verb(1, ptr, size, 0),
        (b"calloc", &[n, size, ptr]) => verb(2, ptr, n, size),
        (b"realloc", &[old, size, ptr]) => verb(3, ptr, size, old),
        (b"free", &[ptr]) => verb(4, ptr, 0, 0),
        (b"memalign", &[align, size, ptr]) => verb(5, ptr, size, align),
        (b"aligned_alloc", &[align, size, ptr]) => verb(6, ptr, size, align),
        (b"posix_memalign", &[align, size, ptr]) => verb(7, ptr, size, align),
        (b"valloc", &[size, ptr]) => verb(8, ptr, size, 0),
        (b"pvalloc", &[size, ptr]) => verb(9, ptr, size, 0),
        (b"malloc_trim", &[pad]) => verb(10, 0, pad, 0),
        (b"exit", &[]) => verb(12, 0, 0, 0),
        _ => None,
    }?;
    Some(Op { thread, at_us, what })
}
