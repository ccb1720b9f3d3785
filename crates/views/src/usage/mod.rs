//! Who uses memory: a table for people, CSV for spreadsheets, a picture.

mod cell;
mod csv;
mod foot;
mod svg;
mod treemap;

pub use csv::usage_csv;
pub use svg::usage_svg;

use rules::usage::{Field, Grouping, UsageReport, UsageRow};
use units::Bytes;

use crate::amount;
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::table::{Align, Cut, Table};

/// How the table is to look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageView {
    /// Columns in their order; `None` for those that fit the question.
    pub columns: Option<Vec<Field>>,
    /// Unit of sizes.
    pub unit: SizeUnit,
}

/// Unit of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SizeUnit {
    /// The one that fits each.
    #[default]
    Human,
    /// Bytes.
    Bytes,
    /// KiB, rounded down.
    KiB,
    /// MiB, with one decimal.
    MiB,
    /// GiB, with two decimals.
    GiB,
    /// Share of the machine's memory, and of its swap.
    Percent,
}

/// Columns of a bar.
const BAR: usize = 8;

/// The whole page.
pub fn usage(report: &UsageReport, view: &UsageView, style: &Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, report, view);
    page.line("");
    if report.rows.is_empty() {
        page.sentence(nobody(report));
    } else {
        let mut table = table(report, view, style);
        let dropped = table.narrow(style, droppable(report.by, view));
        page.table(&table);
        let had = columns(report, view);
        let dropped: Vec<&str> =
            dropped.iter().copied().filter(|head| had.iter().any(|f| f.head() == *head)).collect();
        if !dropped.is_empty() {
            let words =
                format!("no room for {}; a wider terminal or --json has them", dropped.join(", "));
            page.sentence(&style.paint(Accent::Dim, &words));
        }
    }
    foot::foot(&mut page, report, view);
    page.finish()
}

fn head(page: &mut Page<'_>, report: &UsageReport, view: &UsageView) {
    let by = match report.by {
        Grouping::Process => "by process",
        Grouping::Program => "by program",
        Grouping::User => "by user",
        Grouping::Cgroup => "by cgroup",
        Grouping::Unit => "by unit and container",
        Grouping::Mapping => "by what is mapped",
        Grouping::Tree => "by process tree",
    };
    let whole = report.memory_total.map_or_else(String::new, |total| format!(" with {total}"));
    let of = processes(report.processes);
    page.heading(&format!("Memory {by}:"), &format!("{of} on {}{whole}", report.source.origin));
    for filter in &report.filters {
        page.sentence(&format!("only where the {} matches {}", filter.on, filter.pattern));
    }
    let unit = match view.unit {
        SizeUnit::Human => return,
        SizeUnit::Bytes => "sizes in bytes",
        SizeUnit::KiB => "sizes in KiB",
        SizeUnit::MiB => "sizes in MiB",
        SizeUnit::GiB => "sizes in GiB",
        SizeUnit::Percent => "sizes in percent of the machine's memory, SWAP of its swap",
    };
    page.sentence(unit);
}

fn nobody(report: &UsageReport) -> &'static str {
    if report.filters.is_empty() {
        "Nobody: no process here has memory."
    } else {
        "Nobody matches."
    }
}

/// Columns that go first where there is no room. What was asked for stays.
fn droppable(by: Grouping, view: &UsageView) -> &'static [&'static str] {
    match (by, &view.columns) {
        (_, Some(_)) => &[],
        (Grouping::Process, _) => {
            &["UNIT", "%MEM", "SHMEM", "FILE", "ANON", "", "SWAP", "USER", "RSS", "USS", "HUGETLB"]
        }
        _ => &["SHMEM", "FILE", "ANON", "", "%MEM", "USER", "RSS", "SWAP", "USS", "MAPS"],
    }
}

/// What is shown where nobody says what. Sizes that nobody has are left out.
fn columns(report: &UsageReport, view: &UsageView) -> Vec<Field> {
    use Field as F;
    if let Some(columns) = &view.columns {
        return columns.clone();
    }
    let list: &[Field] = match report.by {
        Grouping::Process => &[
            F::Pid,
            F::User,
            F::Unit,
            F::Uss,
            F::Pss,
            F::Percent,
            F::Rss,
            F::Swap,
            F::Anon,
            F::File,
            F::Shmem,
            F::Hugetlb,
            F::Name,
        ],
        Grouping::Tree => {
            &[F::Pid, F::User, F::Subtree, F::Pss, F::Uss, F::Rss, F::Swap, F::Hugetlb, F::Name]
        }
        Grouping::Mapping => &[
            F::Processes,
            F::Mappings,
            F::Uss,
            F::Pss,
            F::Percent,
            F::Rss,
            F::Swap,
            F::Hugetlb,
            F::Name,
        ],
        _ => &[
            F::Processes,
            F::Uss,
            F::Pss,
            F::Percent,
            F::Rss,
            F::Swap,
            F::Anon,
            F::File,
            F::Shmem,
            F::Hugetlb,
            F::Name,
        ],
    };
    let total = &report.total;
    let unread = |size: fn(&rules::usage::UnreadMemory) -> Option<Bytes>| {
        report.unread.as_ref().and_then(size).is_some_and(|bytes| bytes > Bytes::ZERO)
    };
    let nothing = |field: &Field| match field {
        F::Swap => total.swap == Some(Bytes::ZERO) && !unread(|u| u.swap_at_most),
        F::Hugetlb => {
            total.hugetlb.is_none_or(|bytes| bytes == Bytes::ZERO) && !unread(|u| u.hugetlb)
        }
        F::Anon => total.anon.is_none() && total.pss.is_some(),
        F::File => total.file.is_none() && total.pss.is_some(),
        F::Shmem => total.shmem.is_none() && total.pss.is_some(),
        F::Unit => report.rows.iter().all(|row| row.unit.is_none()),
        _ => false,
    };
    list.iter().copied().filter(|field| !nothing(field)).collect()
}

fn table(report: &UsageReport, view: &UsageView, style: &Style) -> Table {
    let columns = columns(report, view);
    let bars = style.width.is_some() && view.columns.is_none() && report.by != Grouping::Tree;
    let cells = cell::Cells { report, unit: view.unit, style };
    let mut table = Table::new(1);
    match columns.last() {
        Some(Field::Name)
            if matches!(report.by, Grouping::Mapping | Grouping::Cgroup | Grouping::Unit) =>
        {
            table.last(28, Cut::Start);
        }
        Some(Field::Command) => table.last(28, Cut::End),
        _ => table.last(14, Cut::End),
    }
    let last = columns.len().saturating_sub(1);
    for (place, &field) in columns.iter().enumerate() {
        let align = if is_words(field) { Align::Left } else { Align::Right };
        let before = if place == 0 { "" } else { "  " };
        let rows = report.rows.iter().map(|row| {
            let text = cells.of(row, field);
            // Names stand in columns of their own width, except in the last.
            if align == Align::Left && place < last {
                crate::text::cut(&text, 24, style.signs().cut)
            } else {
                text
            }
        });
        let total = std::iter::once(cells.total(field));
        table.column(before, field.head(), align, rows.chain(total));
        if bars && field == Field::Pss {
            let most = report.rows.iter().filter_map(weight).max().unwrap_or_default();
            let drawn = report.rows.iter().map(|row| {
                let text = bar(weight(row).unwrap_or_default(), most, style);
                style.paint(Accent::Dim, &text)
            });
            table.column(" ", "", Align::Left, drawn);
        }
    }
    table
}

fn is_words(field: Field) -> bool {
    matches!(field, Field::User | Field::Unit | Field::Cgroup | Field::Name | Field::Command)
}

/// How long its bar is: what it is known to use.
fn weight(row: &UsageRow) -> Option<Bytes> {
    let huge = row.sizes.hugetlb.unwrap_or_default();
    row.sizes.pss.or(row.sizes.rss).map(|bytes| bytes.saturating_add(huge))
}

/// A bar in eighths of a column; what is not nothing is seen.
fn bar(size: Bytes, most: Bytes, style: &Style) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most == Bytes::ZERO || size == Bytes::ZERO {
        return " ".repeat(BAR);
    }
    let steps = u128::from(size.get()) * (BAR as u128 * 8) / u128::from(most.get());
    let steps = usize::try_from(steps).unwrap_or(BAR * 8).clamp(1, BAR * 8);
    let text = match style.charset {
        crate::Charset::Utf8 => format!("{}{}", "█".repeat(steps / 8), EIGHTHS[steps % 8]),
        crate::Charset::Ascii => "#".repeat(steps.div_ceil(8)),
    };
    crate::text::left(&text, BAR)
}

/// `12 processes`.
fn processes(count: usize) -> String {
    amount::count(count, "process", "processes")
}
