//! What stands under the table: who could not be read, and what else a reader must know.

use rules::usage::{Field, Grouping, UsageReport};

use super::{UsageView, cell, processes};
use crate::amount;
use crate::page::Page;
use crate::style::Accent;
use crate::table::{Align, Table};

/// Of those who could not be read, so many are listed.
const LISTED: usize = 8;

pub(super) fn foot(page: &mut Page<'_>, report: &UsageReport, view: &UsageView) {
    if report.left_out > 0 {
        page.sentence(&format!(
            "{} more rows, which are in the total",
            amount::grouped(report.left_out as u64)
        ));
    }
    unread(page, report, view);
    let mut words = Vec::new();
    if let Some(check) = &report.check {
        let percent = check.percent.map_or_else(|| "?".to_owned(), |p| p.to_string());
        words.push(format!(
            "The shares add up to {percent} of what the kernel counts as mapped ({}).",
            check.counted
        ));
    }
    if report.twins > 0 {
        let shares = if report.twins == 1 { "shares" } else { "share" };
        words.push(format!(
            "{} {shares} another one's address space and {} counted with it.",
            processes(report.twins),
            if report.twins == 1 { "is" } else { "are" },
        ));
    }
    words.extend(report.notes.iter().cloned());
    if report.kernel_threads > 0 {
        words.push(format!(
            "{} of the kernel, which have no memory of their own, are not listed.",
            amount::count(report.kernel_threads, "thread", "threads")
        ));
    }
    words.extend(report.missing.iter().map(|missing| format!("Not read: {missing}")));
    if !words.is_empty() {
        page.line("");
    }
    for sentence in words {
        page.sentence(&page.style.paint(Accent::Dim, &page.style.plain(&sentence)));
    }
}

fn unread(page: &mut Page<'_>, report: &UsageReport, view: &UsageView) {
    let Some(unread) = &report.unread else { return };
    let most = unread
        .at_most
        .map_or_else(|| "an unknown amount".to_owned(), |most| format!("at most {most}"));
    page.heading(
        "Not counted",
        &format!("{}, {most}: {}", processes(unread.processes), unread.why.join("; ")),
    );
    if unread.spared > 0 {
        page.sentence(
            "The kernel holds up a process while its page tables are walked. `--max-stall` says \
             for how long it may.",
        );
    }
    // Where a row is a process they stand above, with the sign for at most.
    if matches!(report.by, Grouping::Process | Grouping::Tree) && report.left_out == 0 {
        return;
    }
    let shown = report.unreadable.get(..LISTED).unwrap_or(&report.unreadable);
    let cells = cell::Cells { report, unit: view.unit, style: page.style };
    let mut table = Table::new(2);
    let fields = [
        (Field::Pid, Align::Right),
        (Field::User, Align::Left),
        (Field::Pss, Align::Right),
        (Field::Anon, Align::Right),
        (Field::File, Align::Right),
        (Field::Shmem, Align::Right),
        (Field::Name, Align::Left),
    ];
    for (place, (field, align)) in fields.into_iter().enumerate() {
        let before = if place == 0 { "" } else { "  " };
        table.column(before, field.head(), align, shown.iter().map(|row| cells.of(row, field)));
    }
    table.narrow(page.style, &["SHMEM", "FILE", "ANON", "USER"]);
    page.table(&table);
    let more = report.unreadable.len() - shown.len();
    if more > 0 {
        page.sentence(&format!("{} more", amount::grouped(more as u64)));
    }
}
