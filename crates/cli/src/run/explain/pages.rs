//! The views of a report that show its lines: `--annotate` and `--html`.

use std::fs;
use std::ops::Range;
use std::path::Path;

use facts::Name;
use views::PageEntry;

use super::Incident;
use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Whether the lines of the reports are wanted, and not only what they say.
pub(super) fn wants_lines(args: &ExplainArgs) -> bool {
    args.annotate || args.html.is_some()
}

/// Reports that a page shows in full when nobody says which: more are too much for a browser.
const MOST: usize = 50;

/// Lets go of the lines of reports that will not be shown: a log may hold thousands.
pub(super) fn forget(args: &ExplainArgs, incidents: &mut [Incident]) {
    let count = incidents.len();
    let most = if args.html.is_some() { MOST } else { 1 };
    for (at, incident) in incidents.iter_mut().enumerate() {
        let shown = match args.report {
            Some(number) => at + 1 == number,
            None => args.all || at + most >= count,
        };
        if !shown {
            incident.report = None;
        }
    }
}

/// Prints the selected reports with their lines, or writes them as a page.
pub(super) fn print(
    args: &ExplainArgs,
    incidents: &[Incident],
    selected: Range<usize>,
    out: &mut Output,
) -> Result<(), Failure> {
    let entries: Vec<PageEntry<'_>> = incidents
        .iter()
        .enumerate()
        .map(|(at, incident)| PageEntry {
            number: at + 1,
            place: &incident.place,
            report: incident.report.as_ref(),
            explained: &incident.explained,
        })
        .collect();
    if let Some(path) = &args.html {
        return write(path, views::explained_html(&entries, selected).as_bytes(), out);
    }
    for entry in entries.get(selected).unwrap_or_default() {
        let text = views::annotated(entry, entries.len(), out.style());
        if !out.more_data(text.as_bytes())? {
            break;
        }
    }
    Ok(())
}

fn write(path: &Path, page: &[u8], out: &mut Output) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        return out.data(page);
    }
    fs::write(path, page).map_err(|error| {
        let name = Name::new(path.as_os_str().as_encoded_bytes());
        Failure::new(format!("cannot write the page `{name}`")).because(&error)
    })
}
