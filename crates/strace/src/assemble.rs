//! Lines become entries: halves are joined, pids found, results read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::args::{Parts, parts};
use crate::call;
use crate::entry::{Entry, Log, Outcome, Problem, What};
use crate::line::{Kind, kind, outcome};
use crate::prefix;
use crate::processes::Processes;

/// Whether a text is a log of strace: one of its first lines is a call with a result.
pub fn looks_like_strace(text: &[u8]) -> bool {
    let head = &text[..text.len().min(64 << 10)];
    lines(head).take(200).any(|(_, line)| {
        let line = String::from_utf8_lossy(line);
        match kind(prefix::split(&line).rest) {
            Ok(Kind::Whole(call)) => parts(call).is_some_and(|parts| {
                parts.result.and_then(outcome).is_some() && parts.name.len() < 40
            }),
            Ok(Kind::Ended(_) | Kind::Attached(_)) => true,
            _ => false,
        }
    })
}

/// Reads a log, whatever is in it.
pub fn parse(text: &[u8]) -> Log {
    let mut reader = Reader {
        log: Log::default(),
        processes: Processes::new(root(text)),
        begun: BTreeMap::new(),
    };
    // Mostly one entry a line.
    reader.log.entries.reserve(memchr::memchr_iter(b'\n', text).count() + 1);
    let mut carried: Option<String> = None;
    for (number, line) in lines(text) {
        reader.log.lines = number;
        let line = match str::from_utf8(line) {
            Ok(line) => Cow::Borrowed(line),
            Err(_) => String::from_utf8_lossy(line),
        };
        // A message of strace's own may stand in the middle of a line, which goes on in the next.
        let line = match carried.take() {
            Some(before) => Cow::Owned(before + &line),
            None => line,
        };
        if let Some((before, pid)) = interrupted(&line) {
            reader.processes.came(pid);
            carried = Some(before.to_owned());
            continue;
        }
        reader.line(number, &line);
    }
    if let Some(rest) = carried {
        let number = reader.log.lines;
        reader.line(number, &rest);
    }
    for (pid, begun) in std::mem::take(&mut reader.begun) {
        reader.entry(begun.line, usize::MAX, pid, &format!("{}) = ?", begun.text));
    }
    reader.log
}

/// `flags=0x1200000|17strace: Process 18882 attached`.
fn interrupted(line: &str) -> Option<(&str, u32)> {
    let said = line.strip_suffix(" attached")?;
    let (before, pid) = said.split_once("strace: Process ")?;
    let pid = pid.parse().ok()?;
    (!before.trim().is_empty() && before.contains('(')).then_some((before, pid))
}

/// The first pid of the log that no line before announces.
fn root(text: &[u8]) -> u32 {
    // A pid begins with a digit, or with `[`.
    let may_have_pid = |line: &[u8]| {
        let first = line.iter().find(|byte| !byte.is_ascii_whitespace());
        first.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'[')
    };
    if !lines(text).any(|(_, line)| may_have_pid(line)) {
        return 0;
    }
    let mut announced = BTreeSet::new();
    for (_, line) in lines(text) {
        let line = String::from_utf8_lossy(line);
        let split = prefix::split(&line);
        if let Some(pid) = split.pid
            && !announced.contains(&pid)
        {
            return pid;
        }
        match kind(split.rest) {
            Ok(Kind::Attached(pid)) => {
                announced.insert(pid);
            }
            Ok(Kind::Whole(text) | Kind::Resumed(_, text)) => {
                if let Some((_, result)) = text.rsplit_once("= ")
                    && let Some(Outcome::Value(pid)) = outcome(result)
                    && let Ok(pid) = u32::try_from(pid)
                    && is_spawn(text)
                {
                    announced.insert(pid);
                }
            }
            _ => {}
        }
        if let Some((_, pid)) = interrupted(&line) {
            announced.insert(pid);
        }
    }
    0
}

fn is_spawn(text: &str) -> bool {
    ["clone", "fork", "vfork"].iter().any(|name| text.starts_with(name))
}

/// The first half of a call.
#[derive(Debug)]
struct Begun {
    line: usize,
    text: String,
}

struct Reader {
    log: Log,
    processes: Processes,
    begun: BTreeMap<u32, Begun>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let split = prefix::split(line);
        let kind = match kind(split.rest) {
            Ok(kind) => kind,
            Err(expected) => return self.problem(number, expected, split.rest),
        };
        match kind {
            Kind::Talk => return,
            Kind::Mode32 => {
                self.log.mode_32bit = true;
                return;
            }
            Kind::Attached(pid) => return self.processes.came(pid),
            Kind::Whole(text) => {
                let Some(parts) = parts(text) else {
                    return self.problem(number, "`NAME(ARGUMENTS) = RESULT`", text);
                };
                let pid = self.processes.of_line(split.pid);
                return self.call(number, number, pid, text, &parts);
            }
            _ => {}
        }
        let pid = self.processes.of_line(split.pid);
        let plain =
            |what| Entry { line: number, end: number, pid, what, outcome: Outcome::Unknown };
        match kind {
            Kind::Begun(text) => {
                let begun = Begun { line: number, text: text.trim_end().to_owned() };
                if let Some(old) = self.begun.insert(pid, begun) {
                    self.problem(old.line, "a line that resumes this call", &old.text);
                }
            }
            Kind::Resumed(name, rest) => match self.begun.remove(&pid) {
                Some(begun) if begun.text.split('(').next() == Some(name) => {
                    self.entry(begun.line, number, pid, &format!("{}{rest}", begun.text));
                }
                found => {
                    self.problem(number, "a line before that begins this call", split.rest);
                    if let Some(begun) = found {
                        self.begun.insert(pid, begun);
                    }
                }
            },
            Kind::Ended(how) => {
                self.abandon(pid, number);
                self.log.entries.push(plain(What::Ended(how)));
                self.processes.went(pid);
            }
            Kind::Superseded(thread) => {
                self.abandon(pid, number);
                let gone = Entry { pid: thread, ..plain(What::Ended(world::End::Exit(0))) };
                self.log.entries.push(gone);
                self.processes.went(thread);
                // The call that the thread began is resumed under the number of its process.
                if let Some(begun) = self.begun.remove(&thread) {
                    self.begun.insert(pid, begun);
                }
            }
            Kind::Signal(name) => {
                self.log.entries.push(plain(What::Signal { name: name.to_owned() }));
            }
            Kind::Whole(_) | Kind::Talk | Kind::Mode32 | Kind::Attached(_) => {}
        }
    }

    /// A process ended inside a call.
    fn abandon(&mut self, pid: u32, number: usize) {
        if let Some(begun) = self.begun.remove(&pid) {
            self.entry(begun.line, number, pid, &format!("{}) = ?", begun.text));
        }
    }

    fn entry(&mut self, line: usize, end: usize, pid: u32, text: &str) {
        match parts(text) {
            Some(parts) => self.call(line, end, pid, text, &parts),
            None => self.problem(line, "`NAME(ARGUMENTS) = RESULT`", text),
        }
    }

    /// As [`Reader::entry`], of a call that is taken apart.
    fn call(&mut self, line: usize, end: usize, pid: u32, text: &str, parts: &Parts<'_>) {
        let Some(result) = parts.result else {
            return self.problem(line, "`) = RESULT` at the end of the call", text);
        };
        let Some(outcome) = outcome(result) else {
            return self.problem(line, "a value, `?`, or `-1` and an error", result);
        };
        let what = match call::read(parts.name, &parts.args) {
            Ok(what) => what,
            Err(_) if outcome == Outcome::Unknown => What::Other { name: parts.name.to_owned() },
            Err((expected, found)) => {
                self.problem(line, expected, found);
                What::Outside { name: parts.name.to_owned() }
            }
        };
        if let (What::Spawn(_), Outcome::Value(child)) = (&what, outcome)
            && let Ok(child) = u32::try_from(child)
        {
            self.processes.came(child);
        }
        self.log.entries.push(Entry { line, end, pid, what, outcome });
    }

    fn problem(&mut self, line: usize, expected: &'static str, found: &str) {
        self.log.problems.push(Problem::new(line, expected, found));
    }
}

/// Lines with their numbers, from 1, without what ends them.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
    let mut start = 0;
    let lines = ends.map(move |end| {
        let line = &text[start..end];
        start = end + 1;
        line.strip_suffix(b"\r").unwrap_or(line)
    });
    (1..).zip(lines)
}
