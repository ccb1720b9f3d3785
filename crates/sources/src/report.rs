//! Reports in kernel logs as sources: `LOG`, `LOG#2`.

use std::io;
use std::path::{Path, PathBuf};

use facts::oom_report::OomReport;
use facts::{Account, Name, Snapshot};
use klog::Scanner;
use units::Pid;

use crate::{About, Log, LogError, Owner, Place, Refusal, Tree, read_log};

/// How a report becomes a machine: the snapshot, what the ledger wants beside it, and the memory
/// cgroup whose limit was hit. Which rules that takes is not a matter of sources. The text says
/// where the report comes from, for people, escaped.
pub type MachineOfReport<'a> = &'a dyn Fn(&OomReport, String) -> ReportedMachine;

/// What a report tells of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedMachine {
    /// The machine.
    pub snapshot: Snapshot,
    /// What the ledger wants beside it.
    pub account: Account,
    /// The memory cgroup whose limit was hit.
    pub group: Option<Name>,
}

/// A report in a log.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) report: OomReport,
    /// Its number in the log, from 1.
    pub(crate) number: u64,
    /// How many there are.
    pub(crate) all: u64,
}

/// A log and the number of a report: `LOG#2`, `-#2`. A file of exactly that name comes first.
pub(crate) fn parts(spec: &str) -> (&str, Option<u64>) {
    if Path::new(spec).exists() {
        return (spec, None);
    }
    match spec.rsplit_once('#') {
        Some((log, number)) => match number.parse() {
            Ok(number) if !log.is_empty() => (log, Some(number)),
            _ => (spec, None),
        },
        None => (spec, None),
    }
}

pub(crate) fn log(path: &str) -> Log {
    if path == "-" { Log::Input } else { Log::File(PathBuf::from(path)) }
}

/// The report of this number; without one the last that shows tasks or memory, or else the last.
/// `Ok(Err(count))` when the log has only `count`.
pub(crate) fn find(log: &Log, number: Option<u64>) -> Result<Result<Found, u64>, LogError> {
    let mut all = 0u64;
    let mut kept: Option<(u64, OomReport)> = None;
    let mut take = |found: klog::Found| {
        all += 1;
        let report = found.report;
        let wanted = match (number, &kept) {
            (Some(number), _) => all == number,
            (None, Some((_, before))) => shows(&report) || !shows(before),
            (None, None) => true,
        };
        if wanted {
            kept = Some((all, report.without_lines()));
        }
    };
    let mut scanner = Scanner::new();
    read_log(log, &mut |piece| scanner.feed(piece, &mut take))?;
    scanner.finish(&mut take);
    Ok(match kept {
        Some((number, report)) => Ok(Found { report, number, all }),
        None => Err(all),
    })
}

/// Whether there is anything to look at.
fn shows(report: &OomReport) -> bool {
    report.tasks.as_ref().is_some_and(|table| !table.rows.is_empty())
        || report.memory.is_some()
        || report.memcg.is_some()
}

/// A report has no files.
#[derive(Debug)]
pub(crate) struct ReportTree {
    pub(crate) origin: String,
    pub(crate) pids: Vec<Pid>,
}

impl Tree for ReportTree {
    fn read(&mut self, _place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        buf.clear();
        Err(Refusal::Strange("an OOM report does not print it".to_owned()))
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        Ok(self.pids.clone())
    }

    fn owner(&mut self, _pid: Pid) -> Result<Owner, Refusal> {
        Err(Refusal::Absent)
    }

    fn about(&mut self) -> About {
        About { origin: self.origin.clone(), ..About::default() }
    }
}

/// A log error as one of the system.
pub(crate) fn as_io(error: LogError) -> io::Error {
    match error {
        LogError::Open(error) | LogError::NoJournalctl(error) => error,
        LogError::Read { source, .. } => source,
        LogError::Journalctl { .. } => io::Error::other(error.to_string()),
    }
}
