//! Which logs are read, and the reports and other lines in them.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use facts::{Name, Notice, OomReport, Release, When};
use klog::{Entry, LogScanner};
use rules::explain::ExplainReport;
use sources::{Journal, Log, LogError, is_journal, read_log};

use crate::args::ExplainArgs;
use crate::failure::Failure;

/// What a log holds.
#[derive(Debug)]
pub(super) enum Found {
    /// A report of the kernel.
    Report(Box<Read>),
    /// A line of another program.
    Notice(Box<Notice>),
}

/// A report, and what it says.
#[derive(Debug)]
pub(super) struct Read {
    /// The report.
    pub(super) report: OomReport,
    /// What it says.
    pub(super) explained: ExplainReport,
    /// When its first line was printed.
    pub(super) when: When,
}

impl Read {
    pub(super) fn new(report: OomReport, kernel: Option<Release>) -> Read {
        let explained = rules::explain(&report, kernel);
        let first = report.lines.first().map(|line| line.text.as_bytes());
        let when = first.map(klog::when).unwrap_or_default();
        Read { report, explained, when }
    }
}

/// The logs that were asked for; without any, what this machine keeps.
pub(super) fn logs(args: &ExplainArgs) -> Vec<Log> {
    if args.files.is_empty() {
        // The journal has the other programs' lines, and more of the kernel's than its buffer.
        let log = if Journal::answers() { Log::Journal(Journal::Machine) } else { Log::Ring };
        vec![log]
    } else {
        args.files.iter().map(|path| log(path)).collect()
    }
}

fn log(path: &Path) -> Log {
    if path.as_os_str() == "-" {
        Log::Input
    } else if is_journal(path) {
        Log::Journal(Journal::File(path.to_owned()))
    } else {
        Log::File(path.to_owned())
    }
}

pub(super) fn place(log: &Log) -> String {
    match log {
        Log::File(path) | Log::Journal(Journal::File(path)) => {
            Name::new(path.as_os_str().as_encoded_bytes()).to_string()
        }
        Log::Input => "standard input".to_owned(),
        Log::Ring => "this machine's ring buffer".to_owned(),
        Log::Journal(Journal::Machine) => "this machine's journal".to_owned(),
    }
}

/// Reads a log to its end and hands out what it holds; `read` counts its bytes.
pub(super) fn read(
    log: &Log,
    kernel: Option<Release>,
    read: &AtomicU64,
    found: &mut dyn FnMut(Found),
) -> Result<(), LogError> {
    let mut scanner = LogScanner::new();
    let mut found = |entry| match entry {
        Entry::Notice(one) => found(Found::Notice(one)),
        Entry::Report(one) => found(Found::Report(Box::new(Read::new(one.report, kernel)))),
    };
    let result = read_log(log, &mut |piece| {
        read.fetch_add(piece.len() as u64, Ordering::Relaxed);
        scanner.feed(piece, &mut found);
    });
    scanner.finish(&mut found);
    result.map(|_| ())
}

/// Why a log could not be read, and what to do about it.
pub(super) fn unreadable(log: &Log, error: &LogError) -> Failure {
    let failure = Failure::new(format!("cannot read `{}`", place(log))).because(error);
    match log {
        Log::Ring => failure.hint("`journalctl -k | oomph explain -`, or run it as root"),
        Log::Journal(_) if matches!(error, LogError::NoJournalctl(_)) => failure.hint(
            "journal files can be read where systemd is installed; there, \
                          `journalctl --file FILE -k -o short-iso-precise` prints them as text",
        ),
        Log::File(path) if path.is_dir() => failure.hint("name the logs that are in it"),
        _ => failure,
    }
}
