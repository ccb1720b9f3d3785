//! A tree of lines: indented words, amount, share, bar, and where there is room the source.

use rules::ledger::{Exactness, Line, LineKind};
use units::Bytes;

use super::{percent, short};
use crate::page::Page;
use crate::style::{Accent, Charset, Style};
use crate::table::{Align, Table};

/// Columns of a bar that is as long as the root.
const BAR: usize = 20;
/// From this width on the sources are shown.
const WIDE: usize = 118;

pub(super) fn tree(page: &mut Page<'_>, root: &Line, total: Option<Bytes>, remainder: Accent) {
    let style = page.style;
    let rows: Vec<Row<'_>> = rows(root);
    let mut table = Table::new(0);
    table.column("", "MEMORY", Align::Left, rows.iter().map(|row| row.label(style, remainder)));
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
    table.column(
        "  ",
        if style.columns() >= WIDE { "" } else { "OF THE MACHINE" },
        Align::Left,
        rows.iter().map(|row| row.bar(root.bytes, style)),
    );
    if style.columns() >= WIDE {
        table.column("  ", "FROM", Align::Left, rows.iter().map(Row::source));
    }
    table.narrow(style, &["OF THE MACHINE"]);
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
    if !line.of_which.is_empty() {
        // Two a row, so that the column does not widen.
        for pair in line.of_which.chunks(2) {
            let words: Vec<String> = pair
                .iter()
                .map(|aside| format!("{} {}", aside.kind.label(), short(aside.bytes)))
                .collect();
            rows.push(Row::Aside { words: words.join(", "), depth: depth + 1 });
        }
    }
}

impl Row<'_> {
    fn label(&self, style: &Style, remainder: Accent) -> String {
        match self {
            Row::Line { line, depth, parent } => {
                let words = match (line.kind, parent) {
                    (LineKind::Rest, Some(LineKind::Managed)) => "in no counter".to_owned(),
                    (LineKind::Rest, Some(LineKind::Cgroup)) => "in no counter".to_owned(),
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
                let words = format!("{}({words})", "  ".repeat(*depth));
                style.paint(Accent::Dim, &words)
            }
        }
    }

    fn amount(&self, style: &Style) -> String {
        let Row::Line { line, .. } = self else { return String::new() };
        format!("{}{}", mark(line.exactness, style), short(line.bytes))
    }

    fn bar(&self, root: i64, style: &Style) -> String {
        match self {
            Row::Line { line, .. } => {
                style.paint(colour(line.kind), &bar(line.bytes, root, style.charset))
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

/// A bar of `bytes` where `whole` is [`BAR`] columns long: in eighths of a column with UTF-8. What is
/// not nothing is seen; what is too much ends at the edge.
fn bar(bytes: i64, whole: i64, charset: Charset) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if bytes <= 0 || whole <= 0 {
        return String::new();
    }
    let eighths = i128::from(bytes) * 8 * BAR as i128 / i128::from(whole);
    let eighths = usize::try_from(eighths).unwrap_or(usize::MAX).clamp(1, 8 * BAR);
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
        assert_eq!(bar(50, 100, Charset::Ascii), "##########");
        assert_eq!(bar(1, 1_000_000, Charset::Utf8), "▏");
        assert_eq!(bar(i64::MAX, 1, Charset::Ascii).len(), BAR);
        assert_eq!(bar(-5, 100, Charset::Utf8), "");
        assert_eq!(bar(0, 100, Charset::Utf8), "");
        assert_eq!(bar(5, 0, Charset::Utf8), "");
    }
}
