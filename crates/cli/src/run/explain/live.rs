//! `--follow`: reports as they happen.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use facts::{Act, Notice, OomReport};
use klog::{Entry, LogScanner};
use sources::{Heard, Log, follow as follow_log};

use super::print_json;
use super::read::{Read, place, unreadable};
use crate::args::Global;
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};

/// A report whose kill was printed has ended when nothing follows for so long: the reaper's line
/// comes within a tenth of a second, or much later.
const AFTER_KILL: Duration = Duration::from_millis(500);
/// Without a kill, printing may have been held up: consoles are slow and memory is short.
const WITHOUT_KILL: Duration = Duration::from_secs(5);

/// Explains what a log gets from now on.
pub(super) fn follow(logs: &[Log], global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    let [log] = logs else {
        return Err(Failure::new(format!("cannot follow {} logs at once", logs.len()))
            .hint("one `oomph explain --follow` each"));
    };
    let listener = io::stdout();
    let mut live = Live { global, out, scanner: LogScanner::new(), count: 0, trouble: None };
    let result = follow_log(log, listener.as_fd(), &mut |heard| live.hear(log, heard));
    live.end();
    match (live.trouble.take(), result) {
        (Some(trouble), _) => Err(trouble),
        (None, Err(error)) => Err(unreadable(log, &error)),
        (None, Ok(())) => Ok(Outcome::Done),
    }
}

/// A log that is being followed.
struct Live<'a> {
    global: &'a Global,
    out: &'a mut Output,
    scanner: LogScanner,
    count: usize,
    trouble: Option<Failure>,
}

impl Live<'_> {
    fn hear(&mut self, log: &Log, heard: Heard<'_>) -> ControlFlow<()> {
        let mut found = Vec::new();
        let mut notices = Vec::new();
        match heard {
            Heard::Begun => talk(format_args!("following {}\n", place(log))),
            Heard::Piece(piece) => {
                self.scanner.feed(piece, &mut |entry| sort(entry, &mut found, &mut notices));
            }
            Heard::Anew => return self.end_text(),
            Heard::Quiet(so_long) => {
                let enough = if self.scanner.has_outcome() { AFTER_KILL } else { WITHOUT_KILL };
                if so_long >= enough && self.scanner.is_reading() {
                    self.scanner.settle_report(&mut |one| found.push(one.report));
                }
                if so_long >= AFTER_KILL {
                    self.scanner.settle_notice(&mut |one| notices.push(one));
                }
            }
        }
        self.print(found, &notices)
    }

    /// What is still open when a text ends.
    fn end_text(&mut self) -> ControlFlow<()> {
        let mut found = Vec::new();
        let mut notices = Vec::new();
        let scanner = std::mem::take(&mut self.scanner);
        scanner.finish(&mut |entry| sort(entry, &mut found, &mut notices));
        self.print(found, &notices)
    }

    fn end(&mut self) {
        if self.trouble.is_none() {
            let _ = self.end_text();
        }
    }

    fn print(&mut self, found: Vec<OomReport>, notices: &[Notice]) -> ControlFlow<()> {
        for report in found {
            // The reaper's line of a report that is out already.
            let says_more = report.trigger.is_some()
                || report.memory.is_some()
                || report.tasks.is_some()
                || report.memcg.is_some()
                || report.panic.is_some()
                || report.victim_pid().is_some();
            if !says_more {
                continue;
            }
            let read = Read::new(report, self.global.kernel);
            self.count += 1;
            let printed = if self.global.json {
                print_json(&read.explained, self.out).map(|()| true)
            } else {
                let head = if self.count == 1 { "" } else { "\n" };
                let text = views::explained(&read.explained, self.out.style());
                self.out.more_data(format!("{head}Report {}\n{text}", self.count).as_bytes())
            };
            self.heed(printed)?;
        }
        for notice in notices {
            // As JSON there are reports only.
            let tells = !matches!(notice.act, Act::Ended);
            if self.global.json || !tells {
                continue;
            }
            let when = match (&notice.when.time, notice.when.boot_us) {
                (Some(time), _) => format!("{time}  "),
                (None, Some(us)) => format!("{}.{:02} s  ", us / 1_000_000, us / 10_000 % 100),
                (None, None) => String::new(),
            };
            let line = format!("{when}{}\n", views::notice(notice, self.out.style()));
            let printed = self.out.more_data(line.as_bytes());
            self.heed(printed)?;
        }
        ControlFlow::Continue(())
    }

    /// Whether to go on: not when it cannot be written, or nobody reads.
    fn heed(&mut self, printed: Result<bool, Failure>) -> ControlFlow<()> {
        match printed {
            Ok(true) => ControlFlow::Continue(()),
            Ok(false) => ControlFlow::Break(()),
            Err(trouble) => {
                self.trouble = Some(trouble);
                ControlFlow::Break(())
            }
        }
    }
}

fn sort(entry: Entry, reports: &mut Vec<OomReport>, notices: &mut Vec<Notice>) {
    match entry {
        Entry::Report(found) => reports.push(found.report),
        Entry::Notice(notice) => notices.push(*notice),
    }
}
