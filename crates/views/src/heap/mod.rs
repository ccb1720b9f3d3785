//! A trace of `malloc` as a screen: what was held over time, why, and what would change it; and its
//! heap as pictures.

mod chart;
mod picture;
mod svg;
mod time_svg;
mod words;

#[cfg(test)]
mod tests;

pub use picture::heap_picture;
pub use svg::heap_svg;
pub use time_svg::heap_time_svg;

use rules::heap::{HeapReport, SettingResult, Waste};
use units::Bytes;

use crate::amount::{count, grouped, share, short};
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};

/// The screen, with so many rows of each list.
pub fn heap(report: &HeapReport, rows: usize, style: &Style) -> String {
    let mut page = Page::new(style);
    page.hanging("", &words::verdict(report), 2);
    for line in words::source(report) {
        page.sentence(&style.paint(Accent::Dim, &style.plain(&line)));
    }
    page.heading("OVER TIME", &words::chart(report));
    for line in chart::lines(report, style) {
        page.line(&line);
    }
    why(&mut page, &report.worst, "WHY");
    if report.at_end.moment.call != report.worst.moment.call {
        why(&mut page, &report.at_end, "AT THE END");
    }
    settings(&mut page, &report.settings, rows);
    sizes(&mut page, report, rows);
    if !report.loses.is_empty() || report.problem_count > 0 || report.cut.is_some() {
        page.heading("DOUBTS", "");
        for sentence in &report.loses {
            page.hanging("  - ", sentence, 4);
        }
        if let Some(cut) = &report.cut {
            page.hanging("  - ", &format!("The recording ended before the program did: {cut}."), 4);
        }
        for problem in &report.problems {
            page.hanging("  - ", problem, 4);
        }
        let more = report.problem_count.saturating_sub(report.problems.len() as u64);
        if more > 0 {
            page.hanging("  - ", &format!("and {} more", grouped(more)), 4);
        }
    }
    page.finish()
}

fn why(page: &mut Page<'_>, waste: &Waste, title: &str) {
    page.heading(title, &words::waste_head(waste));
    let held = waste.moment.held;
    let mut parts: Vec<(Bytes, String)> = vec![
        (waste.between, words::between(waste)),
        (waste.top, "free at the end of the heap".to_owned()),
        (waste.cached, "freed, kept by the caches of threads and the fast lists".to_owned()),
        (waste.overhead, "headers, rounding, and tables of the allocator".to_owned()),
    ];
    parts.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    parts.insert(0, (waste.moment.live, "live: asked for and not freed".to_owned()));
    for (bytes, what) in parts {
        if bytes > Bytes::ZERO {
            let share = share(bytes, held).unwrap_or_default();
            page.hanging(&format!("  {:>9} {share:>5}  ", short(bytes)), &what, 19);
        }
    }
    for sentence in words::pinned(waste) {
        page.sentence(&sentence);
    }
}

fn settings(page: &mut Page<'_>, settings: &[SettingResult], rows: usize) {
    let Some(played) = settings.iter().find(|setting| setting.played) else { return };
    if settings.len() < 2 {
        return;
    }
    page.heading("WHAT IF", &words::best(settings, played));
    // What changes nothing is not worth a row.
    let same = |a: &SettingResult, b: &SettingResult| {
        (a.peak, a.mean, a.end, a.system_calls) == (b.peak, b.mean, b.end, b.system_calls)
    };
    let differ = settings.iter().filter(|setting| setting.played || !same(setting, played));
    let without: usize = settings.len() - differ.clone().count();
    let mut shown: Vec<&SettingResult> = differ.clone().take(rows).collect();
    if !shown.iter().any(|setting| setting.played) {
        shown.push(played);
    }
    let mut table = Table::new(2);
    let column = |of: &dyn Fn(&SettingResult) -> String| -> Vec<String> {
        shown.iter().map(|setting| of(setting)).collect()
    };
    table.column("", "PEAK", Align::Right, column(&|s| short(s.peak)));
    table.column("  ", "AVERAGE", Align::Right, column(&|s| short(s.mean)));
    table.column("  ", "END", Align::Right, column(&|s| short(s.end)));
    table.column("  ", "CALLS", Align::Right, column(&|s| grouped(s.system_calls)));
    table.column("  ", "SETTING", Align::Left, column(&words::setting));
    page.table(&table);
    // A line to paste must not be cut.
    for line in words::to_paste(settings, played) {
        page.line(&format!("  {line}"));
    }
    let hidden = settings.len() - without - shown.len();
    let mut notes = Vec::new();
    if hidden > 0 {
        notes.push(format!("{} more; --all shows them", count(hidden, "setting", "settings")));
    }
    if without > 0 {
        notes.push(format!("{} would change nothing", count(without, "setting", "settings")));
    }
    if !notes.is_empty() {
        page.sentence(&page.style.paint(Accent::Dim, &notes.join("; ")));
    }
}

fn sizes(page: &mut Page<'_>, report: &HeapReport, rows: usize) {
    let most = report.sizes.iter().map(|class| class.requests).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let shown: Vec<_> = report.sizes.iter().take(rows.max(24)).collect();
    page.heading("SIZES", "what was asked for");
    let mut table = Table::new(2);
    let before = report.sizes.iter().rev().find_map(|class| class.up_to);
    table.column(
        "",
        "UP TO",
        Align::Right,
        shown.iter().map(|class| match (class.up_to, before) {
            (Some(size), _) => short(size),
            (None, Some(last)) => format!(">{}", short(last)),
            (None, None) => "more".to_owned(),
        }),
    );
    table.column("  ", "REQUESTS", Align::Right, shown.iter().map(|c| grouped(c.requests)));
    table.column("  ", "BYTES", Align::Right, shown.iter().map(|c| short(c.bytes)));
    table.column("  ", "AT PEAK", Align::Right, shown.iter().map(|c| grouped(c.live_blocks)));
    table.column("  ", "BYTES", Align::Right, shown.iter().map(|c| short(c.live)));
    table.column("  ", "NEVER FREED", Align::Right, shown.iter().map(|c| grouped(c.never_freed)));
    let sign = page.style.signs().bar[0];
    let longest = page.style.columns().saturating_sub(58).clamp(1, 20) as u64;
    table.column(
        "  ",
        "",
        Align::Left,
        shown.iter().map(|class| {
            let length = (class.requests * longest).div_ceil(most);
            sign.repeat(usize::try_from(length).unwrap_or(0))
        }),
    );
    page.table(&table);
}
