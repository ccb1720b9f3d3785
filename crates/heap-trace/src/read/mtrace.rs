//! What glibc's `mtrace(3)` writes: `malloc/mtrace-impl.c`, releases 2.3 to 2.41.
//!
//! A line is `@ PLACE OP ARGUMENTS`. A call of `realloc` is two lines, `<` with the old block and `>` with the new
//! one; a failed one is `!`. A failed `malloc` has `(nil)`.

use super::lines::{Numbered, number, words};
use super::{Source, Stream};
use crate::op::{Op, What};
use crate::problem::{Problem, quoted};

pub(super) fn is(head: &[u8]) -> bool {
    let first = head.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    first == b"= Start" || (first.starts_with(b"@ ") && parse(first).is_some())
}

pub(super) struct Lines {
    lines: Numbered,
    /// The block of a `<` whose `>` is still to come.
    old: Option<u64>,
}

enum Entry {
    Nothing,
    New { ptr: Option<u64>, size: u64 },
    Freed { ptr: u64 },
    Old { ptr: u64 },
    Moved { ptr: Option<u64>, size: u64 },
    NotMoved { ptr: u64, size: u64 },
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Lines {
        Lines { lines: Numbered::new(stream), old: None }
    }
}

impl Source for Lines {
    fn next(&mut self) -> Option<Result<Op, Problem>> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(problem) => return Some(Err(problem)),
            };
            let Some(entry) = parse(line) else {
                let found = quoted(line);
                let expected =
                    "`@ PLACE + PTR SIZE`, `- PTR`, `< PTR`, `> PTR SIZE` or `! PTR SIZE`";
                return Some(Err(Problem::new(self.lines.place(), expected, found)));
            };
            let what = match entry {
                Entry::Nothing => continue,
                Entry::New { ptr, size } => What::Malloc { size, ptr },
                Entry::Freed { ptr } => What::Free { ptr },
                Entry::Old { ptr } => {
                    self.old = Some(ptr);
                    continue;
                }
                Entry::Moved { ptr, size } => What::Realloc { old: self.old.take(), size, ptr },
                Entry::NotMoved { ptr, size } => What::Realloc { old: Some(ptr), size, ptr: None },
            };
            return Some(Ok(Op::bare(what)));
        }
    }
}

fn parse(line: &[u8]) -> Option<Entry> {
    let all: Vec<&[u8]> = words(line).collect();
    let rest = match all.as_slice() {
        [] => return Some(Entry::Nothing),
        [b"=", ..] => return Some(Entry::Nothing),
        // The place may contain spaces.
        [b"@", rest @ ..] => {
            let at =
                rest.iter().rposition(|word| matches!(*word, b"+" | b"-" | b"<" | b">" | b"!"))?;
            &rest[at..]
        }
        rest => rest,
    };
    Some(match *rest {
        [b"+", ptr, size] => Entry::New { ptr: pointer(ptr)?, size: number(size)? },
        [b"-", ptr] => Entry::Freed { ptr: pointer(ptr)?? },
        [b"<", ptr] => Entry::Old { ptr: pointer(ptr)?? },
        [b">", ptr, size] => Entry::Moved { ptr: pointer(ptr)?, size: number(size)? },
        [b"!", ptr, size] => Entry::NotMoved { ptr: pointer(ptr)??, size: number(size)? },
        _ => return None,
    })
}

/// `printf`'s `%p`: the outer `None` is no pointer at all, the inner one `NULL`.
fn pointer(word: &[u8]) -> Option<Option<u64>> {
    if word == b"(nil)" {
        return Some(None);
    }
    let at = number(word)?;
    Some((at != 0).then_some(at))
}
