//! `/proc/PID/stat`: one line of numbers behind a name that may contain anything.

use facts::{Missing, Name, Task, TaskFlags};
use memchr::{memchr, memrchr};
use units::{Bytes, Pages, Pid};

use crate::line::{Report, decimal, signed, words};

/// A name has at most 15 bytes, so at most six words can follow a `)` inside it. With this many
/// behind it, a `)` is the one that ends the name, even in a text that was cut.
const WORDS_NO_NAME_HOLDS: usize = 8;

/// `/proc/PID/stat`, `do_task_stat()`, 2.4 and later.
///
/// The name stands between the first `(` and the last `)`: it may hold brackets, blanks and
/// newlines itself.
pub fn stat(text: &[u8], task: &mut Task, place: &str, problems: &mut Vec<Missing>) {
    let mut report = Report::new(place, problems);
    let brackets = memchr(b'(', text).zip(memrchr(b')', text)).filter(|(open, close)| open < close);
    let Some((open, close)) = brackets else {
        report.malformed(usize::from(!text.is_empty()), "a name in brackets", text);
        return;
    };
    let (comm, mut rest) = (&text[open + 1..close], &text[close + 1..]);
    let whole = rest.ends_with(b"\n");
    if !whole {
        // The last word may be half a word.
        let end = rest.iter().rposition(u8::is_ascii_whitespace).unwrap_or(0);
        rest = &rest[..end];
    }
    let mut fields = words(rest);
    if fields.by_ref().take(WORDS_NO_NAME_HOLDS).count() < WORDS_NO_NAME_HOLDS {
        report.malformed(1, "20 and more numbers behind the name", &text[close + 1..]);
        return;
    }
    task.comm = Some(Name::new(comm));

    let mut fields = Fields { words: words(rest), next: 3, report: &mut report, cut: false };
    fields.take(3, "a letter", letter, &mut task.state);
    fields.take(4, "a process id", pid, &mut task.ppid);
    fields.take(9, "flags", |w| u32::try_from(decimal(w)?).ok().map(TaskFlags), &mut task.flags);
    let (mut utime, mut stime) = (None, None);
    fields.take(14, "ticks", decimal, &mut utime);
    fields.take(15, "ticks", decimal, &mut stime);
    fields.take(19, "a nice value", signed, &mut task.nice);
    let mut threads = None;
    fields.take(20, "a number of threads", decimal, &mut threads);
    fields.take(22, "ticks", decimal, &mut task.start_ticks);
    fields.take(23, "bytes", |w| decimal(w).map(Bytes::new), &mut task.vsize);
    // 2.6 could print a negative sum of two counters that were read one after the other.
    fields.take(24, "resident pages", |w| decimal(w).map(Pages::new), &mut task.rss);
    if !whole && !fields.cut {
        let tail = &rest[rest.len().saturating_sub(20)..];
        report.malformed(1, "a whole line (the text ends inside it)", tail);
    }
    if let (Some(utime), Some(stime)) = (utime, stime) {
        task.cpu_ticks = utime.checked_add(stime);
    }
    // 2.4 prints 0 in its place, and so does every kernel for a task that is being taken down.
    if threads.is_some_and(|threads| threads > 0) {
        task.threads = threads;
    }
}

/// The numbered words of the line, taken in order.
struct Fields<'r, 'p, W> {
    words: W,
    next: usize,
    report: &'r mut Report<'p>,
    cut: bool,
}

impl<'a, W: Iterator<Item = &'a [u8]>> Fields<'_, '_, W> {
    /// Takes field `number`, as `proc(5)` counts them, into `place`.
    fn take<T>(
        &mut self,
        number: usize,
        expected: &str,
        parse: impl FnOnce(&[u8]) -> Option<T>,
        place: &mut Option<T>,
    ) {
        if self.cut {
            return;
        }
        let word = self.words.nth(number - self.next);
        self.next = number + 1;
        let Some(word) = word else {
            self.cut = true;
            self.report.malformed(1, format_args!("field {number}, {expected}"), b"end of line");
            return;
        };
        match parse(word) {
            Some(value) => *place = Some(value),
            None => self.report.malformed(1, format_args!("{expected} in field {number}"), word),
        }
    }
}

fn letter(word: &[u8]) -> Option<char> {
    match word {
        [letter] if letter.is_ascii_alphabetic() => Some(char::from(*letter)),
        _ => None,
    }
}

fn pid(word: &[u8]) -> Option<Pid> {
    u32::try_from(decimal(word)?).ok().map(Pid::new)
}
