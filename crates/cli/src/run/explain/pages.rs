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

/// Prints the selected reports with their lines, or writes them as a page.
pub(super) fn print(
    args: &ExplainArgs,
    incidents: &[Incident],
    selected: Range<usize>,
    out: &mut Output,
) -> Result<(), Failure> {
    let entries = || {
        incidents.iter().enumerate().filter_map(|(at, incident)| {
            Some(PageEntry {
                number: at + 1,
                place: &incident.place,
                report: incident.report.as_ref()?,
                explained: &incident.explained,
            })
        })
    };
    match &args.html {
        None => {
            for entry in entries().skip(selected.start).take(selected.len()) {
                let text = views::annotated(&entry, incidents.len(), out.style());
                if !out.more_data(text.as_bytes())? {
                    break;
                }
            }
            Ok(())
        }
        Some(path) => {
            let all: Vec<PageEntry<'_>> = entries().collect();
            write(path, views::explained_html(&all, selected).as_bytes(), out)
        }
    }
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
