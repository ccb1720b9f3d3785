//! What grew, as tables.

use facts::Name;
use rules::ledger_diff::{Change, Growth, LedgerDiffReport};

use super::{short, signed, source_words};
use crate::amount;
use crate::page::Page;
use crate::rank::Rows;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};

/// The difference of two ledgers: the verdict first, then what changed most, of each kind as many
/// rows as wanted.
pub fn ledger_diff(report: &LedgerDiffReport, rows: Rows, style: &Style) -> String {
    let mut page = Page::new(style);
    let verdict = &report.verdict;
    let word = style.paint(accent(verdict.kind), word(verdict.kind));
    page.hanging("", &format!("{word}: {}", style.plain(&verdict.text)), 2);
    let between = report
        .elapsed_s
        .map_or_else(String::new, |seconds| format!(", {} later", amount::span(seconds)));
    page.sentence(&style.paint(
        Accent::Dim,
        &format!(
            "from {} to {}{between}",
            source_words(&report.before),
            source_words(&report.after)
        ),
    ));
    let clock = report.movers.iter().any(|line| line.bytes.per_hour.is_some());
    section(
        &mut page,
        clock,
        "Memory",
        rows.of(&report.movers).iter().map(|line| (line.bytes, style.plain(&line.label))).collect(),
        report.movers.len(),
    );
    let who = |pid: units::Pid, name: &Option<Name>| match name {
        Some(name) => format!("{pid} {}", style.name(name)),
        None => pid.to_string(),
    };
    section(
        &mut page,
        clock,
        "Processes",
        rows.of(&report.processes).iter().map(|p| (p.pss, who(p.pid, &p.name))).collect(),
        report.processes.len(),
    );
    let mapping = |name: &Name| {
        if name.as_bytes().is_empty() { "anonymous".to_owned() } else { style.name(name) }
    };
    section(
        &mut page,
        clock,
        "Mappings",
        rows.of(&report.mappings)
            .iter()
            .map(|m| (m.pss, format!("{}: {}", who(m.pid, &m.process), mapping(&m.mapping))))
            .collect(),
        report.mappings.len(),
    );
    section(
        &mut page,
        clock,
        "Slab caches",
        rows.of(&report.caches).iter().map(|c| (c.bytes, style.name(&c.name))).collect(),
        report.caches.len(),
    );
    section(
        &mut page,
        clock,
        "Memory cgroups",
        rows.of(&report.cgroups).iter().map(|c| (c.bytes, style.name(&c.path))).collect(),
        report.cgroups.len(),
    );
    if !report.notes.is_empty() {
        page.heading("To know", "");
        for note in &report.notes {
            page.hanging("  - ", note, 4);
        }
    }
    page.finish()
}

fn word(kind: Growth) -> &'static str {
    match kind {
        Growth::Unknown => "UNKNOWN",
        Growth::Still => "STILL",
        Growth::KernelGrew => "THE KERNEL GREW",
        Growth::UserGrew => "PROGRAMS GREW",
        Growth::CacheGrew => "CACHES GREW",
        Growth::Shrank => "LESS IS HELD",
    }
}

fn accent(kind: Growth) -> Accent {
    match kind {
        Growth::KernelGrew => Accent::Wall,
        Growth::UserGrew => Accent::Near,
        Growth::Unknown => Accent::Heading,
        Growth::Still | Growth::CacheGrew | Growth::Shrank => Accent::Calm,
    }
}

fn section(page: &mut Page<'_>, clock: bool, title: &str, rows: Vec<(Change, String)>, all: usize) {
    if rows.is_empty() {
        return;
    }
    let style = page.style;
    page.heading(title, "");
    let amount = |bytes: Option<i64>| bytes.map_or_else(|| "-".to_owned(), short);
    let mut table = Table::new(2);
    let column = |of: &dyn Fn(&Change) -> String| -> Vec<String> {
        rows.iter().map(|(change, _)| of(change)).collect()
    };
    table.column(
        "",
        "CHANGE",
        Align::Right,
        column(&|c| {
            let accent = if c.change > 0 { Accent::Near } else { Accent::Calm };
            style.paint(accent, &signed(c.change))
        }),
    );
    if clock {
        let hourly = |c: &Change| c.per_hour.map_or_else(|| "?".to_owned(), signed);
        table.column("  ", "AN HOUR", Align::Right, column(&hourly));
    }
    table.column("  ", "BEFORE", Align::Right, column(&|c| amount(c.before)));
    table.column("  ", "AFTER", Align::Right, column(&|c| amount(c.after)));
    let left = all - rows.len();
    table.column("  ", "WHAT", Align::Left, rows.into_iter().map(|(_, what)| what));
    table.narrow(style, &["BEFORE", "AN HOUR"]);
    page.table(&table);
    if left > 0 {
        page.sentence(&format!("… and {left} more that changed"));
    }
}
