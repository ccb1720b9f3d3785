//! `oomph explain`.

mod pages;

use std::fmt::Write as _;
use std::path::Path;

use facts::{Name, OomReport};
use klog::Scanner;
use rules::explain::ExplainReport;
use sources::{Log, LogError, read_log};

use super::print_json;
use crate::args::{ExplainArgs, Global};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};

/// A report and the file it stands in.
struct Incident {
    place: String,
    explained: ExplainReport,
    /// The report itself, where its lines are wanted.
    report: Option<OomReport>,
}

pub(super) fn run(
    args: &ExplainArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    if global.from != "live" {
        return Err(Failure::new("`explain` reads logs, and --from names a machine")
            .hint("name the log behind `explain`"));
    }
    let logs: Vec<Log> = if args.files.is_empty() {
        vec![Log::Ring]
    } else {
        args.files.iter().map(|path| log(path)).collect()
    };
    let mut incidents = Vec::new();
    for log in &logs {
        let place = place(log);
        let reports = read(log)?;
        incidents.extend(reports.into_iter().map(|report| Incident {
            place: place.clone(),
            explained: rules::explain(&report, global.kernel),
            report: pages::wants_lines(args).then_some(report),
        }));
        pages::forget(args, &mut incidents);
    }
    if incidents.is_empty() {
        return nothing(&logs, args, global, out);
    }
    let agrees = |one: &Incident| one.explained.choice.as_ref().and_then(|choice| choice.agrees);
    let selected = select(args, global, incidents.len())?;
    if pages::wants_lines(args) {
        pages::print(args, &incidents, selected, out)?;
    } else if global.json {
        for incident in &incidents[selected] {
            print_json(&incident.explained, out)?;
        }
    } else {
        let text = text(&incidents, selected, logs.len() > 1, out);
        out.data(text.as_bytes())?;
    }
    let wrong = args.verify && incidents.iter().any(|one| agrees(one) == Some(false));
    Ok(if wrong { Outcome::Disagrees } else { Outcome::Done })
}

/// Which of the reports are printed in full.
fn select(
    args: &ExplainArgs,
    global: &Global,
    count: usize,
) -> Result<std::ops::Range<usize>, Failure> {
    match args.report {
        Some(number) if (1..=count).contains(&number) => Ok(number - 1..number),
        Some(number) => {
            let reports = if count == 1 { "1 report" } else { &format!("{count} reports") };
            Err(Failure::new(format!("no report {number}: found {reports}")))
        }
        None if args.all || global.json || args.html.is_some() => Ok(0..count),
        None => Ok(count - 1..count),
    }
}

fn text(
    incidents: &[Incident],
    selected: std::ops::Range<usize>,
    places: bool,
    out: &Output,
) -> String {
    let style = out.style();
    let mut text = String::new();
    if incidents.len() > 1 {
        let mut place = "";
        for (at, incident) in incidents.iter().enumerate() {
            if places && incident.place != place {
                place = &incident.place;
                text.push_str(place);
                text.push('\n');
            }
            text.push_str(&views::incident(at + 1, &incident.explained, style));
            text.push('\n');
        }
    }
    for at in selected {
        let incident = &incidents[at];
        if incidents.len() > 1 {
            let place = if places { format!(", {}", incident.place) } else { String::new() };
            let _ = writeln!(text, "\nReport {} of {}{place}", at + 1, incidents.len());
        }
        text.push_str(&views::explained(&incident.explained, style));
    }
    text
}

fn log(path: &Path) -> Log {
    if path.as_os_str() == "-" { Log::Input } else { Log::File(path.to_owned()) }
}

fn place(log: &Log) -> String {
    match log {
        Log::File(path) => Name::new(path.as_os_str().as_encoded_bytes()).to_string(),
        Log::Input => "standard input".to_owned(),
        Log::Ring => "this machine's ring buffer".to_owned(),
    }
}

/// The reports of a log. What was read before it broke is kept; standard error says that it broke.
fn read(log: &Log) -> Result<Vec<OomReport>, Failure> {
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

/// No report is an answer, and a good one.
fn nothing(
    logs: &[Log],
    args: &ExplainArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    if let Some(number) = args.report {
        return Err(Failure::new(format!("no report {number}: found none")));
    }
    if !global.json {
        let places: Vec<String> = logs.iter().map(place).collect();
        let mut text = format!("No OOM report in {}.\n", places.join(", "));
        if logs.contains(&Log::Ring) {
            text.push_str(
                "The ring buffer forgets; `journalctl -k | oomph explain -` reads what was kept.\n",
            );
        }
        out.data(text.as_bytes())?;
    }
    Ok(Outcome::Done)
}
