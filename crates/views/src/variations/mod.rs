//! Many runs of a scenario: who died how often, and with which values nobody does.

mod bins;
mod svg;

use facts::Name;
use scenario::vary::{AmountRow, EdgeRow, FoundRow, Outcome, RunRow, VariationsReport};
use units::Bytes;

use crate::amount;
use crate::csv;
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};
use bins::{Bin, bins};

pub(crate) use svg::escaped;
pub use svg::variations_svg;

/// Columns of a bar.
const BAR: usize = 20;
/// Rows of a picture of survival.
const ROWS: usize = 10;
/// Names in the table of victims; JSON has all.
const MOST: usize = 20;

/// All runs on a page: what came of them first.
pub fn variations(report: &VariationsReport, style: &Style) -> String {
    let mut page = Page::new(style);
    verdict(&mut page, report);
    if let Some(found) = &report.found {
        edge(&mut page, found);
    }
    varied(&mut page, report);
    for at in 0..report.varied.len() {
        survival(&mut page, report, at);
    }
    victims(&mut page, report);
    failures(&mut page, report);
    page.finish()
}

fn safe(text: &str, style: &Style) -> String {
    style.name(&Name::new(text.as_bytes()))
}

/// A value as people read it.
pub(super) fn value(row: &AmountRow) -> String {
    match u64::try_from(row.amount) {
        Ok(bytes) if row.bytes => Bytes::new(bytes).to_string(),
        _ if row.text.ends_with("pages") => row.text.replace("pages", " pages"),
        _ => row.text.clone(),
    }
}

fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => String::new(),
        _ => format!("{} %", (part * 100 + whole / 2) / whole),
    }
}

fn verdict(page: &mut Page<'_>, report: &VariationsReport) {
    let style = page.style;
    let sum = &report.summary;
    let runs = if sum.runs == 1 { "1 RUN".to_owned() } else { format!("{} RUNS", sum.runs) };
    if sum.runs > 0 {
        let accent = if sum.survived == sum.runs { Accent::Calm } else { Accent::Near };
        let mut parts = vec![format!("in {} nobody was killed", sum.survived)];
        for (count, words) in [
            (sum.died, "somebody was"),
            (sum.panicked, "the kernel panicked"),
            (sum.failed, "something else went wrong"),
        ] {
            if count > 0 {
                parts.push(format!("in {count} {words}"));
            }
        }
        let text = format!("{}: {}.", style.paint(accent, &runs), parts.join(", "));
        page.hanging("", &text, 2);
    }
    if let Some(title) = &report.title {
        page.sentence(&safe(title, style));
    }
    let line = format!("{}, on the model, seed {}", safe(&report.scenario, style), report.seed);
    page.sentence(&style.paint(Accent::Dim, &line));
    if let (Some(least), Some(median), Some(most)) =
        (sum.kill_point_least, sum.kill_point_median, sum.kill_point_most)
    {
        let text = if least == most {
            format!("The first victim was killed with {least} touched.")
        } else {
            format!(
                "The first victim was killed with {least} to {most} touched, {median} in the middle."
            )
        };
        page.sentence(&text);
    }
    if sum.as_expected < sum.runs.saturating_sub(sum.failed) {
        let text = format!("Every expectation came true in {} of them.", sum.as_expected);
        page.sentence(&text);
    }
}

fn edge(page: &mut Page<'_>, found: &FoundRow) {
    let style = page.style;
    page.heading("The edge", &format!("in {} runs", found.runs));
    let place = safe(&found.place, style);
    let text = match (&found.survives, &found.dies) {
        (Some(lives), Some(dies)) => format!(
            "With {place} at {} nobody is killed, with {} somebody is.",
            style.paint(Accent::Calm, &exact(lives)),
            style.paint(Accent::Wall, &exact(dies)),
        ),
        (Some(_), None) => format!("With {place} at both ends of the range nobody is killed."),
        _ => format!("With {place} at both ends of the range somebody is killed."),
    };
    page.sentence(&text);
}

/// A value and, of bytes, the number of KiB.
fn exact(row: &AmountRow) -> String {
    match u64::try_from(row.amount) {
        Ok(bytes) if row.bytes && bytes % 1024 == 0 => {
            format!("{} ({} KiB)", Bytes::new(bytes), bytes / 1024)
        }
        _ => value(row),
    }
}

fn varied(page: &mut Page<'_>, report: &VariationsReport) {
    if report.varied.is_empty() {
        return;
    }
    let style = page.style;
    let to = style.signs().to;
    let range = |ends: Option<(&AmountRow, &AmountRow)>| match ends {
        None => "-".to_owned(),
        Some((low, high)) if low == high => value(low),
        Some((low, high)) => format!("{} {to} {}", value(low), value(high)),
    };
    page.heading("What was varied", "");
    let mut table = Table::new(2);
    let rows = &report.varied;
    table.column("", "PLACE", Align::Left, rows.iter().map(|row| safe(&row.place, style)));
    table.column("  ", "VALUES", Align::Left, rows.iter().map(|row| safe(&row.values, style)));
    let of = |ends: fn(&EdgeRow) -> (&AmountRow, &AmountRow)| {
        rows.iter().map(move |row| range(row.edge.as_ref().map(ends)))
    };
    let lived = of(|edge| (&edge.least_survived, &edge.greatest_survived));
    table.column("  ", "ALL LIVED", Align::Left, lived);
    let died = of(|edge| (&edge.least_died, &edge.greatest_died));
    table.column("  ", "SOMEBODY DIED", Align::Left, died);
    table.narrow(style, &["VALUES", "ALL LIVED"]);
    page.table(&table);
}

fn survival(page: &mut Page<'_>, report: &VariationsReport, at: usize) {
    let bins = bins(&report.runs, at, ROWS);
    if bins.len() < 2 || report.summary.survived == report.summary.runs {
        return;
    }
    let style = page.style;
    let signs = style.signs();
    let Some(place) = report.varied.get(at) else { return };
    let title = format!("Who lives, by {}", safe(&place.place, style));
    page.heading(&title, &format!("{} all live, {} somebody dies", signs.bar[0], signs.bar[3]));
    let name = |bin: &Bin<'_>| {
        if bin.low.amount == bin.high.amount {
            value(bin.low)
        } else {
            format!("{} {} {}", value(bin.low), signs.to, value(bin.high))
        }
    };
    let mut table = Table::new(2);
    table.column("", "VALUE", Align::Left, bins.iter().map(name));
    let bars = bins.iter().map(|bin| {
        let full = usize::try_from(bin.survived * BAR as u64 / bin.runs.max(1)).unwrap_or(BAR);
        // What is not all is not drawn as all, and what is not nothing not as nothing.
        let full = if bin.survived > 0 { full.max(1) } else { 0 };
        let full = if bin.survived < bin.runs { full.min(BAR - 1) } else { full };
        format!("{}{}", signs.bar[0].repeat(full), signs.bar[3].repeat(BAR - full))
    });
    table.column("  ", "", Align::Left, bars);
    let shares = bins.iter().map(|bin| share(bin.survived, bin.runs));
    table.column("  ", "LIVE", Align::Right, shares);
    table.column("  ", "RUNS", Align::Right, bins.iter().map(|bin| bin.runs.to_string()));
    let points = bins.iter().map(|bin| match bin.kill_point() {
        Some(point) => amount::cell(Some(point), style),
        None => "-".to_owned(),
    });
    table.column("  ", "KILLED AT", Align::Right, points);
    page.table(&table);
}

fn victims(page: &mut Page<'_>, report: &VariationsReport) {
    if report.victims.is_empty() {
        return;
    }
    let style = page.style;
    let runs = report.summary.runs;
    page.heading("Who died", "and in how many runs");
    let rows: Vec<_> = report.victims.iter().take(MOST).collect();
    let mut table = Table::new(2);
    table.column("", "PROCESS", Align::Left, rows.iter().map(|row| safe(&row.process, style)));
    table.column("  ", "RUNS", Align::Right, rows.iter().map(|row| row.runs.to_string()));
    table.column("  ", "", Align::Right, rows.iter().map(|row| share(row.runs, runs)));
    table.column("  ", "FIRST", Align::Right, rows.iter().map(|row| row.first.to_string()));
    table.column("  ", "KILLED", Align::Right, rows.iter().map(|row| row.killed.to_string()));
    page.table(&table);
    if report.victims.len() > MOST {
        let more = report.victims.len() - MOST;
        page.sentence(&format!("and {more} more; `--json` has them all"));
    }
}

fn failures(page: &mut Page<'_>, report: &VariationsReport) {
    let style = page.style;
    let failed: Vec<&RunRow> = report.runs.iter().filter(|run| run.failure.is_some()).collect();
    let Some(first) = failed.first() else { return };
    page.heading("What went wrong", &format!("in run {}", first.run));
    for line in first.failure.as_deref().unwrap_or("").lines() {
        page.line(&format!("  {}", safe(line, style)));
    }
    if failed.len() > 1 {
        page.sentence(&format!("and in {} more runs", failed.len() - 1));
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Survived => "survived",
        Outcome::Died => "died",
        Outcome::Panicked => "panicked",
        Outcome::Failed => "failed",
    }
}

/// Every run as a line: its number, its values as numbers, what came of it.
pub fn variations_csv(report: &VariationsReport) -> String {
    let mut out = String::new();
    let places = report.varied.iter().map(|row| row.place.clone());
    let head = ["outcome", "first_victim", "victims", "kill_point_bytes", "time_ns", "steps"];
    let head = head.into_iter().chain(["broken_lines"]).map(str::to_owned);
    csv::line(&mut out, std::iter::once("run".to_owned()).chain(places).chain(head));
    for run in &report.runs {
        let values = run.values.iter().map(|value| value.amount.to_string());
        let broken: Vec<String> = run.broken.iter().map(ToString::to_string).collect();
        let rest = [
            word(run.outcome).to_owned(),
            run.victims.first().cloned().unwrap_or_default(),
            run.victims.len().to_string(),
            run.kill_point.map_or_else(String::new, |point| point.get().to_string()),
            run.time_ns.to_string(),
            run.steps.to_string(),
            broken.join(" "),
        ];
        csv::line(&mut out, std::iter::once(run.run.to_string()).chain(values).chain(rest));
    }
    out
}

#[cfg(test)]
mod tests;
