//! A report of the kernel about an OOM kill, explained.

pub(crate) mod choice;
mod memory;
pub(crate) mod prevent;
pub(crate) mod verdict;
pub(crate) mod words;
pub(crate) mod zones;

use rules::explain::{ExplainReport, RulesFrom};

pub(crate) use verdict::scope_of;

use crate::amount;
use crate::page::Page;
use crate::style::{Charset, Style};

/// One report, from the verdict to what cannot be said.
pub fn explained(report: &ExplainReport, style: &Style) -> String {
    let mut page = Page::new(style);
    verdict::print(&mut page, report);
    page.sentence(&source(report, style));
    zones::print(&mut page, report);
    memory::print(&mut page, report);
    choice::print(&mut page, report);
    prevent::print(&mut page, report);
    prevent::gaps(&mut page, report);
    page.finish()
}

/// The verdict alone, on one line without colours, for other reports to quote.
pub fn explained_verdict(report: &ExplainReport) -> String {
    let style = Style { width: None, charset: Charset::Utf8, color: false };
    let mut page = Page::new(&style);
    verdict::print(&mut page, report);
    page.finish().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The verdict alone.
pub(crate) fn headline(page: &mut Page<'_>, report: &ExplainReport) {
    verdict::print(page, report);
}

pub(crate) fn source(report: &ExplainReport, style: &Style) -> String {
    let source = &report.source;
    let mut parts = Vec::new();
    if let (Some(first), Some(last)) = (source.first_line, source.last_line) {
        parts.push(format!("lines {first} to {last}"));
    }
    match (&source.time, source.boot_us) {
        (Some(time), _) => parts.push(style.name(time)),
        (None, Some(us)) => {
            parts.push(format!("{} after boot", amount::span(us / 1_000_000)));
        }
        (None, None) => {}
    }
    let rules = source.rules_of;
    match source.rules_from {
        RulesFrom::Text => parts.push(format!("rules of Linux {rules}")),
        RulesFrom::Given => parts.push(format!("rules of Linux {rules}, as asked")),
        RulesFrom::Layout => {
            parts.push(format!("no release in the text, its columns are those of about {rules}"));
        }
        RulesFrom::Assumed => {
            parts.push(format!("no release in the text, rules of {rules} assumed"));
        }
    }
    if source.page_size != 4096 {
        parts.push(format!("pages of {} KiB", source.page_size / 1024));
    }
    parts.join(", ")
}
