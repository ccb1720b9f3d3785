//! The pages of a process as a list of runs.

use facts::{PageRun, PageState};
use rules::pages::{PageTotals, PagesReport, RegionPages};
use units::Bytes;

use super::words;
use crate::amount::{count, grouped, short};
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::text;

/// Runs of one region that are listed before the others are only counted.
const MOST_RUNS: usize = 12;

/// The pages of a process, region by region. `most` limits the runs of a region.
pub fn pages(report: &PagesReport, all: bool, style: &Style) -> String {
    let mut page = Page::new(style);
    let name = report.name.as_ref().map_or_else(|| "a process".to_owned(), |n| style.name(n));
    let title = style.paint(Accent::Heading, &format!("{name} (pid {})", report.pid));
    let line = format!("{title}: {}", sums(&report.totals));
    page.hanging("", &line, 2);
    page.sentence(&format!(
        "{}, page size {}",
        report.source.origin,
        Bytes::new(report.source.page_size)
    ));
    for region in &report.regions {
        self::region(&mut page, region, report.source.page_size, all);
    }
    page.line("");
    page.sentence(
        "What no run covers was never touched, was given back, or is of a file and not in memory.",
    );
    for note in &report.notes {
        page.sentence(note);
    }
    if !report.unread.is_empty() {
        page.heading("Not read", &count(report.unread.len(), "place", "places"));
        for place in report.unread.iter().take(3) {
            page.sentence(&place.to_string());
        }
    }
    page.finish()
}

fn sums(totals: &PageTotals) -> String {
    let parts = [
        (totals.anon, "anonymous"),
        (totals.file, "of files"),
        (totals.swapped, "swapped"),
        (totals.zero, "the page of zeros"),
        (totals.guard, "guards"),
        (totals.huge, "of it in huge pages"),
        (totals.soft_dirty, "of it soft-dirty"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(size, _)| *size > Bytes::ZERO)
        .map(|(size, what)| format!("{size} {what}"))
        .collect();
    if told.is_empty() { "nothing in memory".to_owned() } else { told.join(", ") }
}

fn region(page: &mut Page<'_>, region: &RegionPages, page_size: u64, all: bool) {
    let style = page.style;
    let name = region.name.as_ref().map(|n| style.name(n)).unwrap_or_default();
    let what = style.paint(Accent::Heading, words::segment(region.segment));
    let size = Bytes::new(region.end.0.saturating_sub(region.start.0));
    page.line("");
    let head = format!("{:x}-{:x} {} {size} ", region.start, region.end, region.perms);
    let room = style.columns().saturating_sub(text::width(&head) + text::width(&what) + 1);
    let name = if style.width.is_some() { text::cut(&name, room, style.signs().cut) } else { name };
    page.line(&format!("{head}{what} {name}"));
    let shown = if all { region.runs.len() } else { region.runs.len().min(MOST_RUNS) };
    for run in &region.runs[..shown] {
        self::run(page, run, page_size);
    }
    let rest = &region.runs[shown..];
    if !rest.is_empty() {
        let size: u64 = rest.iter().map(|run| run.end.0.saturating_sub(run.start.0)).sum();
        page.sentence(&format!(
            "and {} of {} together; --all lists them",
            count(rest.len(), "run", "runs"),
            Bytes::new(size)
        ));
    }
}

fn run(page: &mut Page<'_>, run: &PageRun, page_size: u64) {
    let size = run.end.0.saturating_sub(run.start.0);
    let pages = size / page_size.max(1);
    let first = format!(
        "  {:x} {} {} ",
        run.start,
        text::right(&short(Bytes::new(size)), 7),
        text::right(&format!("{}p", grouped(pages)), 8)
    );
    let indent = text::width(&first);
    page.hanging(&first, &state(&run.state), indent);
}

fn state(state: &PageState) -> String {
    let mut words = Vec::new();
    words.push(match (state.present, state.swapped) {
        (true, _) if state.zero == Some(true) => "page of zeros",
        (true, _) if state.file => "file",
        (true, _) => "anonymous",
        (false, true) => "swapped",
        (false, false) => "absent",
    });
    let mut say = |yes: bool, what: &'static str| {
        if yes {
            words.push(what);
        }
    };
    say(state.swapped && state.file, "shared memory");
    say(state.guard, "guard");
    say(state.huge == Some(true), "huge");
    say(state.merged == Some(true), "merged");
    say(state.soft_dirty, "soft-dirty");
    say(state.exclusive == Some(true) && state.mappings.is_none(), "mapped here alone");
    let mut line = words.join(", ");
    if let Some(mappings) = state.mappings.filter(|_| state.zero != Some(true)) {
        line = format!(
            "{line}, {}",
            count(usize::try_from(mappings).unwrap_or(usize::MAX), "mapping", "mappings")
        );
    }
    line
}
