//! `oomph explain`.

mod read;
mod select;
mod text;

use rules::explain::ExplainReport;
use sources::Log;

use super::print_json;
use crate::args::{ExplainArgs, Global};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use read::{logs, place, read};
use select::select;

/// A report and the file it stands in.
struct Incident {
    place: String,
    explained: ExplainReport,
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
    let logs = logs(args);
    let mut incidents = Vec::new();
    for log in &logs {
        let place = place(log);
        let reports = read(log)?;
        incidents.extend(reports.iter().map(|report| Incident {
            place: place.clone(),
            explained: rules::explain(report, global.kernel),
        }));
    }
    if incidents.is_empty() {
        return nothing(&logs, args, global, out);
    }
    let agrees = |one: &Incident| one.explained.choice.as_ref().and_then(|choice| choice.agrees);
    let selected = select(args, global, incidents.len())?;
    if global.json {
        for incident in &incidents[selected] {
            print_json(&incident.explained, out)?;
        }
    } else {
        let text = text::text(&incidents, selected, logs.len() > 1, out);
        out.data(text.as_bytes())?;
    }
    let wrong = args.verify && incidents.iter().any(|one| agrees(one) == Some(false));
    Ok(if wrong { Outcome::Disagrees } else { Outcome::Done })
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
