//! heaptrack's files, version 1 to 3: lines of hexadecimal numbers behind a letter.
//!
//! Its library writes `+ SIZE TRACE PTR` and `- PTR`; its interpreter replaces what was allocated by numbers, `a
//! SIZE TRACE`, `+ ID` and `- ID`, and drops the addresses. `c` is the time in milliseconds.

use super::lines::{Numbered, hex, words};
use super::{Facts, Source, Stream};
use crate::op::{Op, What};
use crate::problem::{Problem, quoted};

/// Whether these are lines of heaptrack, and if so, of its library.
pub(super) fn is(head: &[u8]) -> Option<bool> {
    let mut lines = head.split(|b| *b == b'\n').filter(|line| !line.starts_with(b"#"));
    let first: Vec<_> = words(lines.next()?).collect();
    let [b"v", version, rest @ ..] = first.as_slice() else { return None };
    hex(version)?;
    // `v LIBRARY FORMAT`; before version 1 of the format there was no second number.
    if !rest.iter().all(|word| hex(word).is_some()) {
        return None;
    }
    for line in lines {
        match words(line).collect::<Vec<_>>().as_slice() {
            [b"+", _, _, _] => return Some(true),
            [b"+", _] | [b"a" | b"s", ..] => return Some(false),
            // `m` and `x` of the library have lengths and names, of the interpreter numbers.
            [b"m", b"1", b"-"] => return Some(true),
            _ => {}
        }
    }
    Some(true)
}

pub(super) struct Lines {
    lines: Numbered,
    at_us: Option<u64>,
    facts: Facts,
    /// Of an interpreted trace: bytes of each kind of allocation, and the blocks of it that live.
    kinds: Vec<(u64, Vec<u64>)>,
    names: u64,
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Lines {
        Lines {
            lines: Numbered::new(stream),
            at_us: None,
            facts: Facts::default(),
            kinds: Vec::new(),
            names: 0,
        }
    }
}

impl Source for Lines {
    fn next(&mut self) -> Option<Result<Op, Problem>> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(problem) => return Some(Err(problem)),
            };
            let all: Vec<&[u8]> = words(line).collect();
            let numbers: Vec<Option<u64>> = all.iter().skip(1).map(|word| hex(word)).collect();
            let what = match (all.first().copied(), numbers.as_slice()) {
                (Some(b"+"), &[Some(size), Some(_), Some(ptr)]) => {
                    What::Malloc { size, ptr: Some(ptr) }
                }
                (Some(b"-"), &[Some(ptr)]) if self.kinds.is_empty() => What::Free { ptr },
                (Some(b"+"), &[Some(id)]) => {
                    let kind = usize::try_from(id).ok().and_then(|id| self.kinds.get_mut(id));
                    let Some((size, live)) = kind else {
                        let found = quoted(line);
                        return Some(Err(Problem::new(
                            self.lines.place(),
                            "the number of an `a` line",
                            found,
                        )));
                    };
                    self.names += 1;
                    live.push(self.names);
                    What::Malloc { size: *size, ptr: Some(self.names) }
                }
                (Some(b"-"), &[Some(id)]) => {
                    let kind = usize::try_from(id).ok().and_then(|id| self.kinds.get_mut(id));
                    let Some(ptr) = kind.and_then(|(_, live)| live.pop()) else {
                        let found = quoted(line);
                        let expected = "an allocation that lives";
                        return Some(Err(Problem::new(self.lines.place(), expected, found)));
                    };
                    What::Free { ptr }
                }
                (Some(b"a"), &[Some(size), Some(_)]) => {
                    self.kinds.push((size, Vec::new()));
                    continue;
                }
                (Some(b"c"), &[Some(ms)]) => {
                    self.at_us = ms.checked_mul(1000);
                    continue;
                }
                (Some(b"I"), &[Some(page), Some(_)]) => {
                    self.facts.page = Some(page);
                    continue;
                }
                (Some(b"X"), _) => {
                    let text = line.get(2..).unwrap_or_default();
                    self.facts.command = Some(String::from_utf8_lossy(text).into_owned());
                    continue;
                }
                (Some(b"+" | b"-" | b"a" | b"c" | b"I"), _) => {
                    let found = quoted(line);
                    let expected = "hexadecimal numbers behind the letter";
                    return Some(Err(Problem::new(self.lines.place(), expected, found)));
                }
                // Modules, strings, stacks, resident pages, comments, suppressions.
                (
                    None
                    | Some(b"v" | b"x" | b"m" | b"t" | b"i" | b"s" | b"S" | b"R" | b"A" | b"#"),
                    _,
                ) => continue,
                (Some(word), _) if word.starts_with(b"#") => continue,
                _ => {
                    let found = quoted(line);
                    return Some(Err(Problem::new(
                        self.lines.place(),
                        "a line of heaptrack",
                        found,
                    )));
                }
            };
            return Some(Ok(Op { thread: 0, at_us: self.at_us, what }));
        }
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }
}
