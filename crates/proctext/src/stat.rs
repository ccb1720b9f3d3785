//! `/proc/PID/stat`: one line of numbers behind a name that may contain anything.

use facts::{Missing, Name, Task, TaskFlags};
use memchr::{memchr, memrchr};
use units::{Bytes, Pages, Pid};

use crate::line::{Report, decimal, signed, words};

/// A name has at most 15 bytes, so at most seven words can follow a `)` inside it. With this many
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
        match utime.checked_add(stime) {
            Some(ticks) => task.cpu_ticks = Some(ticks),
            None => report.malformed(1, "fields 14 and 15 whose sum fits in 64 bits", comm),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> (Task, Vec<String>) {
        let mut task = Task::unknown(Pid::new(1));
        let mut problems = Vec::new();
        stat(text, &mut task, "stat", &mut problems);
        (task, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn todays_line_is_read() {
        let (task, problems) = parse(include_bytes!("../tests/data/6.18/stat"));
        assert!(problems.is_empty());
        let expected = Task {
            comm: Some(Name::from("init")),
            state: Some('S'),
            ppid: Some(Pid::new(0)),
            flags: Some(TaskFlags(4_194_560)),
            cpu_ticks: Some(79 + 343),
            nice: Some(0),
            threads: Some(13),
            start_ticks: Some(21),
            vsize: Some(Bytes::new(52_998_144)),
            rss: Some(Pages::new(5126)),
            ..Task::unknown(Pid::new(1))
        };
        assert_eq!(task, expected);
    }

    #[test]
    fn the_line_of_2_4_is_read_and_has_no_threads() {
        let (task, problems) = parse(include_bytes!("../tests/data/2.4.22/stat"));
        assert!(problems.is_empty());
        assert_eq!((task.threads, task.rss), (None, Some(Pages::new(53))));
        assert_eq!((task.cpu_ticks, task.vsize), (Some(404), Some(Bytes::new(1_368_064))));
    }

    fn with_name(name: &str) -> Vec<u8> {
        let rest = ") R 7 1 1 0 -1 64 1 2 3 4 5 6 7 8 20 -5 3 0 9 10 11\n";
        format!("4194303 ({name}{rest}").into_bytes()
    }

    #[test]
    fn a_name_may_hold_anything() {
        for name in ["x) R 1 1", ")", "(", "", " ", "\n", "a\n1 (b) S", "\\", "x) R 1 2 3 4 5"] {
            let (task, problems) = parse(&with_name(name));
            assert!(problems.is_empty(), "{name:?}: {problems:?}");
            assert_eq!(task.comm, Some(Name::from(name)));
            assert_eq!((task.ppid, task.nice), (Some(Pid::new(7)), Some(-5)), "{name:?}");
        }
        let mut text = with_name("xy");
        text[9..11].copy_from_slice(b"\xff\xfe");
        assert_eq!(parse(&text).0.comm, Some(Name::new(&b"\xff\xfe"[..])));
    }

    #[test]
    fn a_negative_resident_set_is_unknown() {
        let text = "1 (a) S 0 0 0 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 10 -3\n";
        let (task, problems) = parse(text.as_bytes());
        assert_eq!((task.rss, task.vsize), (None, Some(Bytes::new(10))));
        assert_eq!(problems, ["stat: line 1: expected resident pages in field 24, found -3"]);
    }

    #[test]
    fn a_cut_line_keeps_what_stands_before_the_cut() {
        let (task, problems) = parse(b"1 (a) S 0 0 0 0 -1 0 1 2 3 4 55 6");
        assert_eq!((task.state, task.cpu_ticks), (Some('S'), None));
        assert_eq!(problems, ["stat: line 1: expected field 15, ticks, found end of line"]);
    }

    #[test]
    fn text_without_a_name_is_refused() {
        for text in ["", "1", "1 a S 0", ")1(", "1 (a", "1 (a) S 0 0\n"] {
            let (task, problems) = parse(text.as_bytes());
            assert_eq!(task, Task::unknown(Pid::new(1)), "{text}");
            assert_eq!(problems.len(), 1, "{text}");
        }
    }
}
