//! The views of a report that show its lines: `--annotate` and `--html`.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

use facts::Name;
use rules::timeline::TimelineReport;
use views::PageEntry;

use super::read::Read;
use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Reports that a page shows in full when nobody says which: more are too much for a browser.
const MOST: usize = 50;

/// The reports whose lines will be shown. A log may hold thousands: the others are let go.
#[derive(Debug, Default)]
pub(super) struct Pages {
    kept: VecDeque<(usize, String, Box<Read>)>,
}

/// Whether the lines of the reports are wanted, and not only what they say.
pub(super) fn wants_lines(args: &ExplainArgs) -> bool {
    args.annotate || args.html.is_some()
}

impl Pages {
    /// Takes the next report.
    pub(super) fn push(
        &mut self,
        args: &ExplainArgs,
        number: usize,
        place: &str,
        read: Box<Read>,
        out: &mut Output,
    ) -> Result<(), Failure> {
        if args.annotate && args.all {
            let space = if number > 1 { "\n" } else { "" };
            let text = views::annotated(&entry(number, place, &read), None, out.style());
            return out.data(format!("{space}{text}").as_bytes());
        }
        if args.report.is_some_and(|wanted| wanted != number) {
            return Ok(());
        }
        self.kept.push_back((number, place.to_owned(), read));
        let most = if args.annotate { 1 } else { MOST };
        if !args.all && self.kept.len() > most {
            self.kept.pop_front();
        }
        Ok(())
    }

    /// Prints what was kept, or writes it as a page; `count` reports were found.
    pub(super) fn finish(
        &self,
        args: &ExplainArgs,
        timeline: &TimelineReport,
        count: usize,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let entries: Vec<PageEntry<'_>> =
            self.kept.iter().map(|(number, place, read)| entry(*number, place, read)).collect();
        if let Some(path) = &args.html {
            return write(path, views::explained_html(&entries, timeline).as_bytes(), out);
        }
        let style = out.style();
        let text: String =
            entries.iter().map(|one| views::annotated(one, Some(count), style)).collect();
        out.data(text.as_bytes())
    }
}

fn entry<'a>(number: usize, place: &'a str, read: &'a Read) -> PageEntry<'a> {
    PageEntry { number, place, report: &read.report, explained: &read.explained }
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
