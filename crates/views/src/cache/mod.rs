//! Which files fill the page cache, as one page.

mod csv;
mod rows;
mod words;

pub use csv::cache_csv;

use facts::AskedBy;
use rules::cache::CacheReport;
use units::Bytes;

use crate::amount;
use crate::bar;
use crate::page::Page;
use crate::style::Style;
use words::Units;

/// How amounts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Amounts {
    /// `1.20 GiB`.
    #[default]
    Human,
    /// In bytes.
    Bytes,
}

/// The page cache: how much of it was found, and in which files.
pub fn cache(report: &CacheReport, amounts: Amounts, style: &Style) -> String {
    let mut page = Page::new(style);
    let units = Units { amounts, style };
    totals(&mut page, report, units);
    rows::section(&mut page, report, units);
    foot(&mut page, report);
    page.finish()
}

/// Below so many columns a sentence goes under its figure.
const NARROW: usize = 64;

fn totals(page: &mut Page<'_>, report: &CacheReport, units: Units<'_>) {
    let (machine, found, rest) = (&report.machine, &report.found, &report.rest);
    let of_ram = machine.ram.map(|ram| format!(" of {} of RAM", units.long(ram)));
    let all = machine.page_cache.map_or_else(
        || "of unknown size: no Cached or no Buffers in meminfo".to_owned(),
        |all| format!("{}{}", units.long(all), of_ram.unwrap_or_default()),
    );
    page.heading("Page cache", &all);
    let in_memory = found.in_shared_memory.saturating_add(found.in_ramfs);
    let named = rest
        .block_devices
        .zip(rest.shared_memory)
        .map(|(devices, shared)| devices.saturating_add(shared));
    if let Some((named, elsewhere)) = named.zip(rest.elsewhere) {
        let columns = page.style.columns().saturating_sub(4);
        let parts = [found.in_filesystems, in_memory, named, elsewhere];
        if let Some(bar) = bar::bar(parts, columns, page.style) {
            page.line(&format!("  {bar}"));
        }
    }
    let signs = page.style.signs().bar;
    let mut part = |sign: usize, label: &str, bytes: Option<Bytes>, text: &str| {
        let share = bytes
            .zip(machine.page_cache)
            .and_then(|(part, all)| amount::share(part, all))
            .unwrap_or_else(|| "?".to_owned());
        let amount = bytes.map_or_else(|| "?".to_owned(), |bytes| units.long(bytes));
        let first = format!("  {} {label:<8} {amount:>10} {share:>5}  ", signs[sign]);
        if page.style.columns() < NARROW {
            page.line(&first);
            page.hanging("      ", text, 6);
        } else {
            page.hanging(&first, text, 32);
        }
    };
    part(0, "found", Some(found.in_filesystems), &words::found(report));
    if in_memory > Bytes::ZERO {
        part(1, "memory", Some(in_memory), &words::memory(report, units));
    }
    part(2, "no file", named, &words::no_file(report, units));
    part(3, "unseen", rest.elsewhere, words::elsewhere(report));
    let more = words::more(report, units);
    if !more.is_empty() {
        page.labelled("state", &more);
    }
    if let Some(excess) = rest.excess.filter(|&excess| excess > Bytes::ZERO) {
        page.sentence(&format!(
            "{} more was found than the kernel counts: the cache changed while it was looked at.",
            units.long(excess),
        ));
    }
}

fn foot(page: &mut Page<'_>, report: &CacheReport) {
    for note in &report.notes {
        page.sentence(note);
    }
    let told =
        !report.left_alone.is_empty() || report.hidden_processes > 0 || !report.unread.is_empty();
    if !told {
        return;
    }
    page.heading("Not seen", "");
    for left in &report.left_alone {
        page.sentence(&words::left_alone(left, page.style));
    }
    if report.hidden_processes > 0 {
        page.sentence(&words::hidden(report.hidden_processes));
    }
    for missing in &report.unread {
        page.sentence(&missing.to_string());
    }
}

/// Whether the kernel told more than what is cached.
fn is_told(report: &CacheReport) -> bool {
    report.asked.by == AskedBy::Cachestat
}
