//! Who would die: the first few, each score taken apart.

use rules::rank::{RankRow, StepKind};
use rules::status::StatusReport;
use units::Bytes;

use crate::amount::{self, cell};
use crate::page::Page;
use crate::rank::{name, user};
use crate::score::{self, Unit};
use crate::style::{Accent, Style};
use crate::table::{Align, Table};
use crate::words;

/// Immune ones told by name.
const IMMUNE: usize = 3;

pub(super) fn section(page: &mut Page<'_>, report: &StatusReport) {
    let victims = &report.victims;
    let style = page.style;
    let mut when = format!("when {} runs out", words::domain(&victims.domain, style));
    if victims.more > 0 {
        let few = victims.first.len();
        let all = few + victims.more;
        when = format!("{when} (first {few} of {all}; `oomph rank` has all)");
    }
    page.heading("Who would die", &when);
    if victims.first.is_empty() {
        page.sentence("nobody: no process that could be read may be chosen");
    } else {
        rows(page, &victims.first, report.source.page_size);
    }
    for sentence in &victims.instead {
        page.sentence(sentence);
    }
    if let Some(group) = &victims.group {
        page.sentence(&format!(
            "memory.oom.group is set: everybody in cgroup {} dies together",
            style.name(group)
        ));
    }
    immune(page, report);
    for note in &victims.notes {
        page.sentence(note);
    }
}

fn immune(page: &mut Page<'_>, report: &StatusReport) {
    let all = &report.victims.immune;
    let told: Vec<String> = all
        .iter()
        .take(IMMUNE)
        .map(|row| {
            let name = name(row.name.as_ref(), page.style);
            let ram = amount::long(row.resident);
            format!("{name} (pid {}, {ram}): {}", row.pid, words::immune(row.why))
        })
        .collect();
    if told.is_empty() {
        return;
    }
    let more = all.len().saturating_sub(IMMUNE);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    page.labelled("never", &format!("{}{more}", told.join("; ")));
}

fn rows(page: &mut Page<'_>, rows: &[RankRow], page_size: u64) {
    let table = table(rows, page_size, page.style);
    if table.fits(page.style) {
        page.table(&table);
    } else {
        stacked(page, rows, page_size);
    }
}

/// `SCORE = RAM + SWAP + TABLES + ADJ`: the heading is the formula. Before 2.6.36 it was another
/// one, and before 3.5 scores were not pages; then there are no signs between the columns.
fn table(rows: &[RankRow], page_size: u64, style: &Style) -> Table {
    let sum = rows.iter().all(|r| score::unit(r) == Unit::Pages);
    let (equals, plus) = if sum { (" = ", " + ") } else { ("  ", "  ") };
    let column = |f: &dyn Fn(&RankRow) -> String| rows.iter().map(f).collect::<Vec<_>>();
    let mut table = Table::new(2);
    table.column("", "#", Align::Right, column(&|r| r.rank.to_string()));
    table.column("  ", "PID", Align::Right, column(&|r| r.pid.to_string()));
    table.column(" ", "USER", Align::Left, column(&|r| user(r.user.as_ref(), r.uid, style)));
    table.column("  ", "SCORE", Align::Right, column(&|r| points(r, page_size, style)));
    table.column(
        equals,
        "RAM",
        Align::Right,
        column(&|r| cell(part(r, StepKind::Resident, page_size), style)),
    );
    if rows.iter().any(|r| r.swap != Some(Bytes::ZERO)) {
        table.column(
            plus,
            "SWAP",
            Align::Right,
            column(&|r| cell(part(r, StepKind::Swap, page_size), style)),
        );
    }
    table.column(
        plus,
        "TABLES",
        Align::Right,
        column(&|r| cell(part(r, StepKind::PageTables, page_size), style)),
    );
    table.column(plus, "ADJ", Align::Right, column(&|r| score::adjustment(r, page_size, style)));
    table.column("  ", "FREES", Align::Right, column(&|r| amount::frees(r.frees, style)));
    table.column("  ", "NAME", Align::Left, column(&|r| name(r.name.as_ref(), style)));
    table
}

fn part(row: &RankRow, kind: StepKind, page_size: u64) -> Option<Bytes> {
    let other = match kind {
        StepKind::Swap => row.swap,
        StepKind::PageTables => row.page_tables,
        _ => row.resident,
    };
    score::added(row, kind, page_size, other)
}

fn points(row: &RankRow, page_size: u64, style: &Style) -> String {
    let unsure = if row.assumed.is_empty() { "" } else { "?" };
    format!("{}{unsure}", score::points(row.points, score::unit(row), page_size, style))
}

/// For narrow terminals: two sentences a victim.
fn stacked(page: &mut Page<'_>, rows: &[RankRow], page_size: u64) {
    let style = page.style;
    for row in rows {
        let name = name(row.name.as_ref(), style);
        let user = user(row.user.as_ref(), row.uid, style);
        let frees = amount::frees(row.frees, style);
        let first = format!("  {}  ", row.rank);
        let indent = first.len();
        let who = style.paint(Accent::Heading, &name);
        page.hanging(&first, &format!("{who} (pid {}, {user}), frees {frees}", row.pid), indent);
        let mut score = format!("score {}", points(row, page_size, style));
        if score::unit(row) == Unit::Pages {
            let parts = [
                (StepKind::Resident, "RAM"),
                (StepKind::Swap, "swap"),
                (StepKind::PageTables, "tables"),
            ]
            .map(|(kind, word)| (part(row, kind, page_size), word));
            let parts: Vec<String> = parts
                .into_iter()
                .filter(|&(bytes, _)| bytes != Some(Bytes::ZERO))
                .map(|(bytes, word)| format!("{} {word}", cell(bytes, style)))
                .collect();
            score = format!("{score} = {}", parts.join(" + "));
        }
        match score::adjustment(row, page_size, style).as_str() {
            "0" => {}
            adj => score = format!("{score} + {adj} adj"),
        }
        page.hanging(&" ".repeat(indent), &score, indent);
    }
}
