//! The ledger as a picture: an icicle, physical memory at the left, its parts to the right of it,
//! every box as high as it is large.

use std::fmt::Write as _;

use rules::ledger::{LedgerReport, Line, LineKind, RemainderLevel};
use units::Bytes;

use super::{percent, short, source_words};

const WIDTH: f64 = 1200.0;
const TOP: f64 = 92.0;
const HEIGHT: f64 = 680.0;
const MARGIN: f64 = 24.0;
/// Boxes lower than this have no words of their own.
const WORDS: f64 = 13.0;
/// Boxes lower than this are not drawn to the right any further.
const DRAWN: f64 = 0.4;

/// A self-contained SVG, light or dark as the reader's system is. Every box says more when it is
/// pointed at.
pub fn ledger_svg(report: &LedgerReport) -> String {
    let mut out = String::with_capacity(32 * 1024);
    let Some(machine) = &report.machine else {
        return empty(report);
    };
    let deepest = machine.walk().iter().map(|(depth, _)| *depth).max().unwrap_or(0);
    let mut picture = Picture { out: &mut out, deepest, total: report.total, small: Vec::new() };
    picture.boxes(machine, 0, TOP, HEIGHT, None);
    let small = std::mem::take(&mut picture.small);
    let below = TOP + HEIGHT + 34.0;
    let lens = lens(report, machine, below);
    let foot = foot(report, &small, below + lens.height);
    let height = below + lens.height + foot.height;
    let boxes = std::mem::take(&mut out);
    head(&mut out, report, height);
    out.push_str(&boxes);
    out.push_str(&lens.text);
    out.push_str(&foot.text);
    out.push_str("</svg>\n");
    out
}

struct Picture<'a> {
    out: &'a mut String,
    /// Depth of the deepest line.
    deepest: usize,
    total: Option<Bytes>,
    /// Lines whose boxes are too low for words.
    small: Vec<(String, i64, &'static str)>,
}

impl Picture<'_> {
    /// The box of a line and those of its parts. Parts of more than the whole are scaled to it.
    fn boxes(&mut self, line: &Line, depth: usize, y: f64, height: f64, parent: Option<LineKind>) {
        let (x, column) = (self.left(depth), self.left(depth + 1) - self.left(depth));
        let class = class(line.kind, parent);
        let label = words(line, parent);
        let share = percent(line.bytes, self.total);
        let title = format!(
            "{label}: {} ({share})\n{}\n{}",
            Bytes::new(line.bytes.unsigned_abs()),
            line.kind.meaning(),
            line.from
        );
        let last = line.children.is_empty();
        let width = if last { WIDTH - MARGIN - x } else { column };
        let _ = writeln!(
            self.out,
            "<g><title>{}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.2}\" \
             width=\"{:.1}\" height=\"{:.2}\" rx=\"{:.1}\"/>",
            escaped(&title),
            width - 2.0,
            (height - 1.0).max(0.4),
            (height / 6.0).min(3.0)
        );
        if height >= WORDS {
            let size = 12.5_f64.min(height - 1.5);
            let characters = ((width - 16.0) / (size * 0.56)).max(0.0);
            let amount = format!("{}  {share}", short(line.bytes));
            self.text(x + 8.0, y, height, size, characters, &label, &amount);
        } else {
            self.small.push((label, line.bytes, class));
        }
        self.out.push_str("</g>\n");
        if height < DRAWN {
            return;
        }
        let positive: f64 = line.children.iter().map(|child| float(child.bytes.max(0))).sum();
        let whole = float(line.bytes.max(1)).max(positive);
        let mut top = y;
        for child in &line.children {
            if child.bytes <= 0 {
                continue;
            }
            let part = height * float(child.bytes) / whole;
            self.boxes(child, depth + 1, top, part, Some(line.kind));
            top += part;
        }
    }

    /// The left edge of a depth. The first two, the whole and what is managed of it, are narrow.
    fn left(&self, depth: usize) -> f64 {
        const NARROW: f64 = 168.0;
        if depth <= 2 {
            return MARGIN + NARROW * float_of(depth);
        }
        let columns = float_of(self.deepest.saturating_sub(1).max(1));
        MARGIN
            + 2.0 * NARROW
            + (WIDTH - 2.0 * MARGIN - 2.0 * NARROW) / columns * float_of(depth - 2)
    }

    #[expect(clippy::too_many_arguments, reason = "a place, a size and two texts")]
    fn text(
        &mut self,
        x: f64,
        y: f64,
        height: f64,
        size: f64,
        characters: f64,
        label: &str,
        amount: &str,
    ) {
        let both = float_len(label) + float_len(amount) + 2.0;
        if height >= 2.6 * size && characters >= float_len(label) {
            let _ = writeln!(
                self.out,
                "<text class=\"l\" x=\"{x:.1}\" y=\"{:.2}\" font-size=\"{size:.1}\">{}</text>\
                 <text class=\"a\" x=\"{x:.1}\" y=\"{:.2}\" font-size=\"{size:.1}\">{}</text>",
                y + size + 3.0,
                escaped(label),
                y + 2.25 * size + 3.0,
                escaped(amount)
            );
        } else {
            let words = if characters >= both {
                format!("{label}  {amount}")
            } else {
                cut(label, characters)
            };
            let _ = writeln!(
                self.out,
                "<text class=\"l\" x=\"{x:.1}\" y=\"{:.2}\" font-size=\"{size:.1}\">{}</text>",
                y + height / 2.0 + size * 0.34 - 0.5,
                escaped(&words)
            );
        }
    }
}

fn words(line: &Line, parent: Option<LineKind>) -> String {
    match (line.kind, parent) {
        (LineKind::Rest, Some(LineKind::Managed)) => "in no counter".to_owned(),
        (LineKind::Rest, Some(parent)) => format!("rest of {}", parent.label()),
        _ => line.label(),
    }
}

fn class(kind: LineKind, parent: Option<LineKind>) -> &'static str {
    use LineKind as K;
    match (kind, parent) {
        (K::Rest, Some(K::Managed)) => "rest",
        (K::Physical | K::Managed, _) => "whole",
        (K::Free | K::FreeLists | K::Deferred | K::Unaccepted | K::PerCpuLists, _) => "free",
        (
            K::FileCache
            | K::FileMapped
            | K::FileUnmapped
            | K::Buffers
            | K::SwapCache
            | K::SlabReclaimable
            | K::OtherReclaimable,
            _,
        ) => "cache",
        (K::User, _) => "user2",
        (
            K::Anon
            | K::AnonSmall
            | K::AnonHuge
            | K::Shmem
            | K::HugetlbPool
            | K::HugetlbUsed
            | K::HugetlbFree
            | K::Compressed
            | K::Zswap
            | K::Zram
            | K::Balloon,
            _,
        )
        | (K::Rest, Some(K::User | K::Anon)) => "user",
        (
            K::BeforeAllocator | K::MemoryMap | K::KernelImage | K::CrashKernel | K::EarlyTables,
            _,
        )
        | (K::Rest, Some(K::BeforeAllocator)) => "boot",
        _ => "kernel",
    }
}

/// Colours by class, light and dark. Literal in every rule: many viewers know no CSS variables.
const COLOURS: [(&str, &str, &str); 11] = [
    (".page", "#ffffff", "#14171f"),
    ("text", "#1d2330", "#e9ecf3"),
    ("text.s", "#667085", "#98a2b3"),
    ("rect.whole", "#dfe3ea", "#333b4a"),
    ("rect.boot", "#c3c9d6", "#4a5266"),
    ("rect.free", "#bfe3c6", "#2a5f3b"),
    ("rect.user", "#86b6ea", "#2c62a3"),
    ("rect.user2", "#d3e3f5", "#27405f"),
    ("rect.cache", "#f1dfa6", "#76621f"),
    ("rect.kernel", "#e2a9cf", "#80406b"),
    ("rect.rest", "#e4572e", "#d9501f"),
];

fn style() -> String {
    let rules = |colour: fn(&(&str, &str, &str)) -> String| -> String {
        COLOURS.iter().map(colour).collect()
    };
    let light = rules(|(class, light, _)| format!("{class}{{fill:{light}}}"));
    let dark = rules(|(class, _, dark)| format!("{class}{{fill:{dark}}}"));
    format!(
        "text{{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}}\
         text.a{{fill-opacity:.72}}g:hover>rect{{stroke:#667085;stroke-width:1.5}}\
         {light}@media (prefers-color-scheme:dark){{{dark}}}"
    )
}

fn head(out: &mut String, report: &LedgerReport, height: f64) {
    let title = match report.verdict.level {
        RemainderLevel::Normal => "Every page accounted for",
        RemainderLevel::Large => "Memory that no counter accounts for",
        RemainderLevel::OverCounted => "More counted than there is",
        RemainderLevel::Unknown => "An account that is not complete",
    };
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" \
         width=\"{WIDTH:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n\
         <style>{}</style>\n\
         <rect class=\"page\" width=\"{WIDTH:.0}\" height=\"{height:.0}\"/>\n\
         <text x=\"{MARGIN}\" y=\"38\" font-size=\"22\" font-weight=\"600\">{}</text>\n\
         <text class=\"s\" x=\"{MARGIN}\" y=\"60\" font-size=\"13.5\">{}</text>\n",
        escaped(title),
        style(),
        escaped(title),
        escaped(&subtitle(report)),
    );
    legend(out);
}

fn subtitle(report: &LedgerReport) -> String {
    let total = report.total.map_or_else(|| "?".to_owned(), |total| total.to_string());
    let rest = match (report.verdict.remainder, report.verdict.share) {
        (Some(rest), Some(share)) => format!(", {} ({share}) in no counter", short(rest)),
        _ => String::new(),
    };
    format!("{}: MemTotal {total}{rest}", source_words(&report.source))
}

fn legend(out: &mut String) {
    let mut x = MARGIN;
    for (class, words) in [
        ("free", "free"),
        ("user", "programs"),
        ("cache", "caches, give way"),
        ("kernel", "kernel"),
        ("boot", "taken at boot"),
        ("rest", "in no counter"),
    ] {
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"72\" width=\"11\" height=\"11\" rx=\"2\"/>\
             <text class=\"s\" x=\"{:.1}\" y=\"82\" font-size=\"12.5\">{words}</text>",
            x + 16.0
        );
        x += 34.0 + float_len(words) * 7.0;
    }
}

/// What the kernel itself holds, magnified to the whole width: on most machines it is a few
/// percent, and where a leak shows.
fn lens(report: &LedgerReport, machine: &Line, top: f64) -> Foot {
    const BAR: f64 = 44.0;
    let mut text = String::new();
    let managed = machine.find(LineKind::Managed);
    let mut parts: Vec<&Line> = managed
        .iter()
        .flat_map(|managed| &managed.children)
        .flat_map(|line| match line.kind {
            LineKind::Slab => line.children.iter().collect(),
            _ => vec![line],
        })
        .filter(|line| {
            let class = class(line.kind, Some(LineKind::Managed));
            matches!(class, "kernel" | "rest") && line.bytes > 0
        })
        .collect();
    parts.sort_by_key(|line| std::cmp::Reverse(line.bytes));
    let whole = parts.iter().fold(0_i64, |sum, line| sum.saturating_add(line.bytes));
    if whole <= 0 {
        return Foot { text, height: 0.0 };
    }
    let _ = writeln!(
        text,
        "<text class=\"s\" x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"13.5\">{}</text>",
        top - 8.0,
        escaped(&format!(
            "Held by the kernel for itself, magnified: {} ({})",
            short(whole),
            percent(whole, report.total)
        ))
    );
    let mut x = MARGIN;
    for line in parts {
        let width = (WIDTH - 2.0 * MARGIN) * float(line.bytes) / float(whole);
        let class = class(line.kind, Some(LineKind::Managed));
        let label = match line.kind {
            LineKind::SlabReclaimable | LineKind::SlabUnreclaimable => {
                format!("slab, {}", line.kind.label())
            }
            _ => words(line, Some(LineKind::Managed)),
        };
        let amount = short(line.bytes);
        let _ = writeln!(
            text,
            "<g><title>{}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" \
             width=\"{:.1}\" height=\"{BAR:.1}\" rx=\"2\"/>",
            escaped(&format!("{label}: {amount}\n{}", line.kind.meaning())),
            (width - 1.0).max(0.5)
        );
        let characters = (width - 12.0) / 7.0;
        if characters >= 4.0 {
            let _ = writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12.5\">{}</text>\
                 <text class=\"a\" x=\"{:.1}\" y=\"{:.1}\" font-size=\"12.5\">{}</text>",
                x + 6.0,
                top + 18.0,
                escaped(&cut(&label, characters)),
                x + 6.0,
                top + 34.0,
                escaped(&cut(&amount, characters))
            );
        }
        text.push_str("</g>\n");
        x += width;
    }
    Foot { text, height: BAR + 38.0 }
}

struct Foot {
    text: String,
    height: f64,
}

/// The lines too small for words, in three columns, the largest first.
fn foot(report: &LedgerReport, small: &[(String, i64, &'static str)], top: f64) -> Foot {
    const COLUMNS: usize = 3;
    const MOST: usize = 24;
    let mut text = String::new();
    let mut rows: Vec<&(String, i64, &'static str)> = small.iter().collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
    let left = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    if rows.is_empty() {
        return Foot { text, height: 0.0 };
    }
    let _ = writeln!(
        text,
        "<text class=\"s\" x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"13.5\">Too small for words above{}</text>",
        top - 8.0,
        if left > 0 {
            format!(" (the largest; {left} smaller ones left out)")
        } else {
            String::new()
        }
    );
    let per_column = rows.len().div_ceil(COLUMNS);
    let width = (WIDTH - 2.0 * MARGIN) / 3.0;
    for (at, (label, bytes, class)) in rows.iter().enumerate() {
        let (x, y) = (
            MARGIN + width * float_of(at / per_column),
            top + 18.0 * float_of(at % per_column) + 12.0,
        );
        let amount = format!("{}  {}", short(*bytes), percent(*bytes, report.total));
        let _ = writeln!(
            text,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\" font-size=\"12.5\">{}</text>\
             <text class=\"a\" x=\"{:.1}\" y=\"{y:.1}\" font-size=\"12.5\" text-anchor=\"end\">{}</text>",
            y - 9.5,
            x + 16.0,
            escaped(&cut(label, 34.0)),
            x + width - 28.0,
            escaped(&amount)
        );
    }
    let height = 18.0 * float_of(per_column) + 20.0;
    Foot { text, height }
}

fn empty(report: &LedgerReport) -> String {
    let mut out = String::new();
    head(&mut out, report, 130.0);
    let _ = writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"114\" font-size=\"14\">{}</text>\n</svg>",
        escaped(&report.verdict.text)
    );
    out
}

/// Text that is text in XML, whatever it was; characters that XML has no way to write are shown as
/// a replacement.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn cut(text: &str, characters: f64) -> String {
    if float_len(text) <= characters {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if float_len(&out) + 2.0 > characters {
            break;
        }
        out.push(c);
    }
    if out.is_empty() {
        return out;
    }
    format!("{}…", out.trim_end())
}

#[expect(clippy::cast_precision_loss, reason = "a picture needs no more digits than its pixels")]
fn float(bytes: i64) -> f64 {
    bytes as f64
}

#[expect(clippy::cast_precision_loss, reason = "columns, rows and characters are few")]
fn float_of(count: usize) -> f64 {
    count as f64
}

fn float_len(text: &str) -> f64 {
    float_of(text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_leave_its_element() {
        assert_eq!(
            escaped("</text><script>\u{1b}&\""),
            "&lt;/text&gt;&lt;script&gt;\u{fffd}&amp;&quot;"
        );
    }

    #[test]
    fn a_cut_text_fits() {
        assert_eq!(cut("abcdef", 6.0), "abcdef");
        assert_eq!(cut("abcdefg", 6.0), "abcde…");
        assert_eq!(cut("abcdefg", 0.5), "");
    }
}
