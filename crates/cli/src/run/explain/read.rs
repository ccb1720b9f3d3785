//! Which logs are read, and the reports in them.

use std::path::Path;

use facts::{Name, OomReport};
use klog::Scanner;
use sources::{Log, LogError, read_log};

use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::output::talk;

/// The logs that were asked for.
pub(super) fn logs(args: &ExplainArgs) -> Vec<Log> {
    if args.files.is_empty() {
        vec![Log::Ring]
    } else {
        args.files.iter().map(|path| log(path)).collect()
    }
}

fn log(path: &Path) -> Log {
    if path.as_os_str() == "-" { Log::Input } else { Log::File(path.to_owned()) }
}

pub(super) fn place(log: &Log) -> String {
    match log {
        Log::File(path) => Name::new(path.as_os_str().as_encoded_bytes()).to_string(),
        Log::Input => "standard input".to_owned(),
        Log::Ring => "this machine's ring buffer".to_owned(),
    }
}

/// The reports of a log. What was read before it broke is kept; standard error says that it broke.
pub(super) fn read(log: &Log) -> Result<Vec<OomReport>, Failure> {
    let mut reports = Vec::new();
    let mut found = |one: klog::Found| reports.push(one.report);
    let mut scanner = Scanner::new();
    let result = read_log(log, &mut |piece| scanner.feed(piece, &mut found));
    scanner.finish(&mut found);
    match result {
        Ok(_) => Ok(reports),
        Err(error @ LogError::Read { .. }) if !reports.is_empty() => {
            talk(
                Failure::new(format!("`{}` could not be read to its end", place(log)))
                    .because(&error),
            );
            Ok(reports)
        }
        Err(error) => {
            let failure = Failure::new(format!("cannot read `{}`", place(log))).because(&error);
            Err(match log {
                Log::Ring => failure.hint("`journalctl -k | oomph explain -`, or run it as root"),
                _ => failure,
            })
        }
    }
}
