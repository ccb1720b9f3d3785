//! The log itself, and beside each line of a report what it says.

use std::fmt::Write as _;

use facts::OomReport;
use facts::oom_report::{LineKind, SourceLine};
use rules::explain::ExplainReport;

use crate::explain::headline;
use crate::gloss::{Glosses, Tone};
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::text;

/// Columns from which lines and what they say stand side by side.
const SIDE_BY_SIDE: usize = 150;
/// Columns before what a line says, under it.
const INDENT: usize = 4;

/// A report with its lines, one of those found.
#[derive(Debug, Clone, Copy)]
pub struct PageEntry<'a> {
    /// Its number among those found, from 1.
    pub number: usize,
    /// The log it stands in.
    pub place: &'a str,
    /// The report with its lines.
    pub report: &'a OomReport,
    /// What is concluded from it.
    pub explained: &'a ExplainReport,
}

/// The lines of a report, each with what it says; `total` is how many reports were found, where that
/// is known already.
pub fn annotated(entry: &PageEntry<'_>, total: Option<usize>, style: &Style) -> String {
    let mut page = Page::new(style);
    let source = &entry.explained.source;
    let mut title = match total {
        Some(1) => entry.place.to_owned(),
        Some(total) => format!("Report {} of {total}, {}", entry.number, entry.place),
        None => format!("Report {}, {}", entry.number, entry.place),
    };
    if let (Some(first), Some(last)) = (source.first_line, source.last_line) {
        _ = write!(title, ", lines {first} to {last}");
    }
    page.hanging("", &title, 2);
    headline(&mut page, entry.explained);
    page.line("");
    let glosses = Glosses::new(entry.report, entry.explained);
    let mut next = None;
    for line in &entry.report.lines {
        if next.is_some_and(|next| line.number > next) {
            page.line(&style.paint(Accent::Dim, style.signs().cut));
        }
        next = Some(line.number.saturating_add(1));
        print(&mut page, line, &glosses);
    }
    page.finish()
}

fn print(page: &mut Page<'_>, line: &SourceLine, glosses: &Glosses<'_>) {
    let style = page.style;
    let shown = style.plain(&shown(line));
    let outside = matches!(line.kind, LineKind::Foreign | LineKind::Blank);
    let paint = |part: &str| {
        if outside { style.paint(Accent::Dim, part) } else { part.to_owned() }
    };
    let gloss = glosses.of(line).map(|gloss| (style.plain(&gloss.text), gloss.tone));
    let sign = if style.charset == crate::Charset::Utf8 { "│ " } else { "| " };
    let lead = |tone: Tone, first: bool| match (tone, first) {
        (Tone::Key, true) => style.paint(Accent::Wall, &format!("{} ", style.signs().mark)),
        _ => style.paint(Accent::Dim, sign),
    };
    match style.width {
        Some(width) if width >= SIDE_BY_SIDE => {
            let left = width * 11 / 20;
            let log = text::wrap(&shown, left);
            let (said, tone) = match &gloss {
                Some((said, tone)) => (text::wrap(said, width - left - 5), *tone),
                None => (Vec::new(), Tone::Plain),
            };
            for at in 0..log.len().max(said.len()) {
                let log = paint(log.get(at).map_or("", String::as_str));
                match said.get(at) {
                    Some(said) => {
                        let lead = lead(tone, at == 0);
                        page.line(&format!("{} {lead}{said}", text::left(&log, left + 1)));
                    }
                    None => page.line(&log),
                }
            }
        }
        _ => {
            match style.width {
                Some(_) => {
                    for (at, part) in text::wrap(&shown, style.columns() - 2).iter().enumerate() {
                        let indent = if at == 0 { "" } else { "  " };
                        page.line(&format!("{indent}{}", paint(part)));
                    }
                }
                None => page.line(&paint(&shown)),
            }
            if let Some((said, tone)) = &gloss {
                let parts = text::wrap(said, style.columns() - INDENT - 2);
                for (at, part) in parts.iter().enumerate() {
                    page.line(&format!("{}{}{part}", " ".repeat(INDENT), lead(*tone, at == 0)));
                }
            }
        }
    }
}

/// A line of the log, safe to show; tabs as blanks.
pub(crate) fn shown(line: &SourceLine) -> String {
    let bytes = line.text.as_bytes();
    if !bytes.contains(&b'\t') {
        return line.text.to_string();
    }
    let expanded: Vec<u8> =
        bytes.split(|&byte| byte == b'\t').collect::<Vec<_>>().join(&b"    "[..]);
    facts::Name::new(expanded).to_string()
}
