//! Where the memory was.

use rules::explain::{CacheSize, ExplainReport, Holding, MemoryAccount};
use units::Bytes;

use super::words;
use crate::amount;
use crate::page::Page;
use crate::style::Style;
use crate::table::{Align, Table};

/// Columns of the longest bar.
const BAR: u64 = 30;
/// Caches and places shown.
const TOP: usize = 5;

pub(super) fn print(page: &mut Page<'_>, report: &ExplainReport) {
    let Some(account) = &report.memory else { return };
    let whole = if report.group.is_some() { "charged to the cgroup" } else { "managed" };
    let heading = match account.total {
        Some(total) => format!("{total} {whole}"),
        None => "the total is not in the text".to_owned(),
    };
    page.heading("Where it was", &heading);
    page.table(&table(account, page.style));
    if let (Some(rest), Some(what)) = (account.remainder, account.remainder_is) {
        let bytes = Bytes::new(rest.unsigned_abs());
        let sign = if rest < 0 { "-" } else { "" };
        let share = account.total.and_then(|total| amount::share(bytes, total));
        let share = share.map_or(String::new(), |share| format!(" ({share})"));
        page.labelled("the rest", &format!("{sign}{bytes}{share}: {}", words::remainder(what)));
    }
    if let Some(resident) = account.resident_of_tasks {
        page.labelled("tasks", &format!("{resident} resident, shared pages once a task"));
    }
    list(page, "caches", &account.slab_caches);
    list(page, "places", &account.allocation_sites);
}

fn list(page: &mut Page<'_>, label: &str, sizes: &[CacheSize]) {
    let shown: Vec<String> = sizes
        .iter()
        .take(TOP)
        .map(|size| format!("{} {}", page.style.name(&size.name), size.bytes))
        .collect();
    if !shown.is_empty() {
        page.labelled(label, &shown.join(", "));
    }
}

fn table(account: &MemoryAccount, style: &Style) -> Table {
    // Nothing and next to nothing is left out of the picture, not of the JSON; the largest first,
    // each with its parts behind it.
    let mut rows: Vec<&Holding> =
        account.rows.iter().filter(|row| row.bytes > Bytes::ZERO && row.within.is_none()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
    let mut all: Vec<&Holding> = Vec::new();
    for row in rows {
        all.push(row);
        let parts = account.rows.iter().filter(|part| part.within == Some(row.what));
        all.extend(parts.filter(|part| part.bytes > Bytes::ZERO));
    }
    let name = |row: &&Holding| {
        let indent = if row.within.is_some() { "  of it " } else { "" };
        format!("{indent}{}", words::holder(row.what))
    };
    let share = |row: &&Holding| {
        account.total.and_then(|total| amount::share(row.bytes, total)).unwrap_or_default()
    };
    let bar = |row: &&Holding| {
        let whole = u128::from(account.total.map_or(0, Bytes::get).max(1));
        let columns = u128::from(row.bytes.get()) * u128::from(BAR) / whole;
        let columns = usize::try_from(columns.min(u128::from(BAR))).unwrap_or(0);
        let sign = if row.within.is_some() { 2 } else { 0 };
        style.signs().bar[sign].repeat(columns)
    };
    let mut table = Table::new(2);
    table.column("", "WHAT", Align::Left, all.iter().map(name));
    table.column(
        "  ",
        "SIZE",
        Align::Right,
        all.iter().map(|row| amount::cell(Some(row.bytes), style)),
    );
    // A part of what nobody knows is no part.
    if account.total.is_some() {
        table.column("  ", "SHARE", Align::Right, all.iter().map(share));
        table.column("  ", "", Align::Left, all.iter().map(bar));
    }
    table
}
