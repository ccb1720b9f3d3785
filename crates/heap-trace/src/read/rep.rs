//! Traces of the malloc laboratory of CS:APP: four numbers, then `a ID SIZE`, `r ID SIZE`, `f ID`.

use super::lines::{Numbered, number, words};
use super::{Source, Stream};
use crate::op::{Op, What};
use crate::problem::{Problem, quoted};

/// The numbers at the start: suggested heap, blocks, calls, weight.
const HEADER: u64 = 4;

pub(super) fn is(head: &[u8]) -> bool {
    let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let header = lines.by_ref().take(4).filter(|line| number(line).is_some()).count() == 4;
    // The head of a trace may end anywhere.
    header && lines.next().is_none_or(|line| line.is_empty() || b"arf".contains(&line[0]))
}

pub(super) struct Lines {
    lines: Numbered,
    read: u64,
    calls: u64,
    promised: Option<u64>,
    ended: bool,
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Lines {
        Lines { lines: Numbered::new(stream), read: 0, calls: 0, promised: None, ended: false }
    }
}

impl Source for Lines {
    fn next(&mut self) -> Option<Result<Op, Problem>> {
        loop {
            let line = match self.lines.next() {
                Some(Ok(line)) => line,
                Some(Err(problem)) => return Some(Err(problem)),
                None => return self.end().map(Err),
            };
            if line.is_empty() {
                continue;
            }
            self.read += 1;
            if self.read <= HEADER {
                if self.read == 3 {
                    self.promised = number(line);
                }
                continue;
            }
            self.calls += 1;
            let found = parse(line).ok_or_else(|| quoted(line));
            return Some(found.map(Op::bare).map_err(|found| {
                Problem::new(self.lines.place(), "`a ID SIZE`, `r ID SIZE` or `f ID`", found)
            }));
        }
    }
}

impl Lines {
    /// A trace that is shorter than it says was cut.
    fn end(&mut self) -> Option<Problem> {
        let promised = self.promised.filter(|promised| *promised != self.calls && !self.ended)?;
        self.ended = true;
        let found = format!("{}", self.calls);
        Some(Problem::new(self.lines.place(), format!("{promised} calls, as line 3 says"), found))
    }
}

fn parse(line: &[u8]) -> Option<What> {
    let all: Vec<&[u8]> = words(line).collect();
    Some(match *all.as_slice() {
        [b"a", id, size] => What::Malloc { size: number(size)?, ptr: Some(number(id)?) },
        [b"r", id, size] => {
            let id = number(id)?;
            What::Realloc { old: Some(id), size: number(size)?, ptr: Some(id) }
        }
        [b"f", id] => What::Free { ptr: number(id)? },
        _ => return None,
    })
}
