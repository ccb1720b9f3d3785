//! One screen: how near, who would die, what was promised, what happened.

mod lately;
mod near;
mod promises;
pub(crate) mod unread;
mod victims;

use rules::status::StatusReport;

use crate::amount;
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::words;

/// The whole screen, the verdict first.
pub fn status(report: &StatusReport, style: &Style) -> String {
    let mut page = Page::new(style);
    let level = report.verdict.level;
    let word = style.paint(level.into(), words::level(level));
    let text = &report.verdict.text;
    // The text begins with the level in ordinary type, for JSON and for mails.
    let text = match text.split_once(": ") {
        Some((first, rest)) if first.eq_ignore_ascii_case(words::level(level)) => rest,
        _ => text,
    };
    page.hanging("", &format!("{word}: {text}"), 2);
    if !report.verdict.reasons.is_empty() {
        page.sentence(&report.verdict.reasons.join("; "));
    }
    page.sentence(&style.paint(Accent::Dim, &source(report)));
    near::section(&mut page, report);
    victims::section(&mut page, report);
    promises::section(&mut page, &report.promises);
    lately::section(&mut page, &report.lately);
    unread::section(&mut page, &report.unread);
    page.finish()
}

fn source(report: &StatusReport) -> String {
    let source = &report.source;
    let mut words = source.origin.clone();
    match source.release {
        Some(release) => words = format!("{words}, Linux {release}"),
        None => words.push_str(", kernel unknown"),
    }
    if let Some(uptime) = report.lately.uptime_s {
        words = format!("{words}, up {}", amount::span(uptime));
    }
    if !source.page_size_known {
        words = format!("{words}, pages of {} bytes assumed", source.page_size);
    }
    words
}
