//! A tree of lines: indented words, amount, share, bar, and where there is room the source.

use rules::ledger::{Exactness, Line, LineKind};
use units::Bytes;

use super::{percent, short};
use crate::page::Page;
use crate::style::{Accent, Charset, Style};
use crate::table::{Align, Table};
use crate::text;

/// Columns of a bar that is as long as the root, where there is room.
const BAR: usize = 24;
/// Columns of words, at least: parts that overlap are packed into as many.
const WORDS: usize = 36;
const BARS_HEAD: &str = "OF THE MACHINE";
/// From this width on the sources are shown.
const WIDE: usize = 118;

pub(super) fn tree(page: &mut Page<'_>, root: &Line, total: Option<Bytes>, remainder: Accent) {
    let style = page.style;
    let rows: Vec<Row<'_>> = rows(root);
    let labels: Vec<String> = rows.iter().map(|row| row.label(style, remainder)).collect();
    let widest = labels.iter().map(|label| text::width(label)).max().unwrap_or(0);
    // Words, amount and share; what is left is for the bars.
    let columns = style.columns().saturating_sub(widest + 22).min(BAR);
    let mut table = Table::new(0);
    table.column("", "MEMORY", Align::Left, labels);
    table.column("  ", "AMOUNT", Align::Right, rows.iter().map(|row| row.amount(style)));
    table.column(
        " ",
        "SHARE",
        Align::Right,
        rows.iter().map(|row| match row {
            Row::Line { line, .. } => percent(line.bytes, total),
            Row::Aside { .. } => String::new(),
        }),
    );
    let wide = style.columns() >= WIDE;
    let head = if columns < BARS_HEAD.len() || wide { "" } else { BARS_HEAD };
    if columns >= 4 {
        let bars = rows.iter().map(|row| row.bar(root.bytes, columns, style));
        table.column("  ", head, Align::Left, bars);
    }
    if wide {
        table.column("  ", "FROM", Align::Left, rows.iter().map(Row::source));
    }
    page.table(&table);
    legend(page, root);
}

enum Row<'a> {
    Line {
        line: &'a Line,
        depth: usize,
        parent: Option<LineKind>,
    },
    /// Parts that overlap with the sum, in words.
    Aside {
        words: String,
        depth: usize,
    },
}

/// Lines that are nothing are left out, but for the remainder.
fn rows(root: &Line) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    push(root, 0, None, &mut rows);
    rows
}

fn push<'a>(line: &'a Line, depth: usize, parent: Option<LineKind>, rows: &mut Vec<Row<'a>>) {
    let remainder = parent == Some(LineKind::Managed) && line.kind == LineKind::Rest;
    if line.bytes == 0 && depth > 0 && !remainder {
        return;
    }
    rows.push(Row::Line { line, depth, parent });
    for child in &line.children {
        push(child, depth + 1, Some(line.kind), rows);
    }
    for words in packed(line, WORDS.saturating_sub(2 * (depth + 1))) {
        rows.push(Row::Aside { words, depth: depth + 1 });
    }
}

/// The parts that overlap, in lines of so many columns.
fn packed(line: &Line, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for aside in &line.of_which {
        let words = format!("{} {}", aside.kind.label(), short(aside.bytes));
        match lines.last_mut() {
            Some(last) if last.len() + words.len() + 4 <= columns => {
                last.push_str(", ");
                last.push_str(&words);
            }
            _ => lines.push(words),
        }
    }
    for line in &mut lines {
        *line = format!("({line})");
    }
    lines
}

impl Row<'_> {
    fn label(&self, style: &Style, remainder: Accent) -> String {
        match self {
            Row::Line { line, depth, parent } => {
                let words = match (line.kind, parent) {
                    (LineKind::Rest, Some(LineKind::Managed)) => "in no counter".to_owned(),
                    _ => style.plain(&line.label()),
                };
                let words = match (line.kind, parent) {
                    (LineKind::Rest, Some(LineKind::Managed)) => style.paint(remainder, &words),
                    (LineKind::Physical | LineKind::Managed, _) => {
                        style.paint(Accent::Heading, &words)
                    }
                    (LineKind::Rest, _) => style.paint(Accent::Dim, &words),
                    _ => words,
                };
                format!("{}{words}", "  ".repeat(*depth))
            }
            Row::Aside { words, depth } => {
                let words = format!("{}{words}", "  ".repeat(*depth));
                style.paint(Accent::Dim, &words)
            }
        }
    }

    fn amount(&self, style: &Style) -> String {
        let Row::Line { line, .. } = self else { return String::new() };
        format!("{}{}", mark(line.exactness, style), short(line.bytes))
    }

    fn bar(&self, root: i64, columns: usize, style: &Style) -> String {
        match self {
            Row::Line { line, .. } => {
                style.paint(colour(line.kind), &bar(line.bytes, root, columns, style.charset))
            }
            Row::Aside { .. } => String::new(),
        }
    }

    fn source(&self) -> String {
        match self {
            Row::Line { line, .. } if line.kind == LineKind::Rest => String::new(),
            Row::Line { line, .. } => match &line.note {
                Some(note) => format!("{}; {note}", line.from),
                None => line.from.clone(),
            },
            Row::Aside { .. } => String::new(),
        }
    }
}

/// The sign before an amount that the kernel does not count itself.
fn mark(exactness: Exactness, style: &Style) -> &'static str {
    match exactness {
        Exactness::Exact | Exactness::Rest => "",
        Exactness::Bounded { at_least, at_most } if at_least == at_most => "",
        Exactness::Bounded { .. } | Exactness::Estimated => match style.charset {
            Charset::Utf8 => "≈",
            Charset::Ascii => "~",
        },
    }
}

fn legend(page: &mut Page<'_>, root: &Line) {
    let style = page.style;
    let uncertain = root.walk().iter().any(|(_, line)| !mark(line.exactness, style).is_empty());
    let mut words = String::new();
    if uncertain {
        let sign = mark(Exactness::Estimated, style);
        words = format!("{sign} bounded or estimated, all else is counted by the kernel. ");
    }
    words.push_str("In brackets: parts that overlap with the lines above them.");
    let words = style.paint(Accent::Dim, &words);
    page.sentence(&words);
}

/// What gives way, what is free, what is held.
fn colour(kind: LineKind) -> Accent {
    match kind {
        LineKind::Free
        | LineKind::FreeLists
        | LineKind::Deferred
        | LineKind::Unaccepted
        | LineKind::PerCpuLists => Accent::Calm,
        LineKind::Rest => Accent::Near,
        LineKind::FileCache
        | LineKind::FileMapped
        | LineKind::FileUnmapped
        | LineKind::Buffers
        | LineKind::SlabReclaimable
        | LineKind::OtherReclaimable => Accent::Dim,
        _ => Accent::Heading,
    }
}

/// A bar of `bytes` where `whole` is so many columns long: in eighths of a column with UTF-8. What is
/// not nothing is seen; what is too much ends at the edge.
fn bar(bytes: i64, whole: i64, columns: usize, charset: Charset) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if bytes <= 0 || whole <= 0 || columns == 0 {
        return String::new();
    }
    let eighths = i128::from(bytes) * 8 * columns as i128 / i128::from(whole);
    let eighths = usize::try_from(eighths).unwrap_or(usize::MAX).clamp(1, 8 * columns);
    match charset {
        Charset::Utf8 => format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]),
        Charset::Ascii => "#".repeat(eighths.div_ceil(8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_longer_than_the_whole() {
        assert_eq!(bar(50, 100, 20, Charset::Ascii), "##########");
        assert_eq!(bar(1, 1_000_000, 20, Charset::Utf8), "▏");
        assert_eq!(bar(i64::MAX, 1, 20, Charset::Ascii).len(), 20);
        assert_eq!(bar(-5, 100, 20, Charset::Utf8), "");
        assert_eq!(bar(0, 100, 20, Charset::Utf8), "");
        assert_eq!(bar(5, 0, 20, Charset::Utf8), "");
    }
}
