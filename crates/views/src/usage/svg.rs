//! The rows as a picture: a map of rectangles, each as large as what its row uses.

use std::fmt::Write as _;

use facts::Name;
use rules::usage::{Grouping, Sizes, UsageReport, UsageRow};
use units::Bytes;

use super::treemap::{Rect, treemap};
use super::weight;
use crate::{Charset, Style};

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 800.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 28.0;
/// Rows that get a rectangle of their own; the rest share one.
const MOST: usize = 80;

/// Colours in which black text can be read (Paul Tol's "light" scheme, told apart by the colour-blind).
const COLOURS: [&str; 8] =
    ["#77aadd", "#ee8866", "#eedd88", "#ffaabb", "#99ddff", "#44bb99", "#bbcc33", "#aaaa00"];
const REST: &str = "#dddddd";
/// What memory is made of, in the strips at the foot of rectangles.
const KINDS: [(&str, &str); 3] =
    [("anonymous", "#222222"), ("files", "#777777"), ("shared memory", "#ffffff")];
/// Height of a strip.
const STRIP: f64 = 8.0;

/// The picture as SVG. It holds no script and points nowhere.
pub fn usage_svg(report: &UsageReport) -> String {
    let mut out = String::with_capacity(16 << 10);
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let title = format!("Memory {}, {}", by(report.by), report.source.origin);
    text(&mut out, 16.0, 26.0, 20.0, &title);
    let total = report.total.pss.or(report.total.rss).unwrap_or_default();
    let mut under = format!("areas are proportional shares; together {total}");
    if let Some(whole) = report.memory_total {
        let _ = write!(under, " of {whole}");
    }
    if let Some(unread) = &report.unread {
        let most =
            unread.at_most.map_or("an unknown amount".to_owned(), |m| format!("at most {m}"));
        let _ =
            write!(under, "; not in the picture: {}, {most}", super::processes(unread.processes));
    }
    text(&mut out, 16.0, 46.0, 13.0, &under);
    tiles(&mut out, report);
    legend(&mut out, report);
    out.push_str("</svg>\n");
    out
}

fn by(by: Grouping) -> &'static str {
    match by {
        Grouping::Process | Grouping::Tree => "by process",
        Grouping::Program => "by program",
        Grouping::User => "by user",
        Grouping::Cgroup => "by cgroup",
        Grouping::Unit => "by unit and container",
        Grouping::Mapping => "by what is mapped",
    }
}

/// What the strips mean, where there are any.
fn legend(out: &mut String, report: &UsageReport) {
    let line = HEIGHT - 9.0;
    let Some(parts) = parts(&report.total) else { return };
    let mut x = 16.0;
    for ((name, colour), bytes) in KINDS.into_iter().zip(parts) {
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"{STRIP}\" fill=\"{colour}\" \
             stroke=\"#222222\" stroke-width=\"0.5\"/>",
            line - STRIP
        );
        text(out, x + 18.0, line, 12.0, &format!("{name} {bytes}"));
        x += 180.0;
    }
}

/// Anonymous, file and shared memory of a share, where the kernel tells them.
fn parts(sizes: &Sizes) -> Option<[Bytes; 3]> {
    Some([sizes.anon?, sizes.file?, sizes.shmem?])
}

/// Something with a rectangle.
struct Tile<'a> {
    label: String,
    bytes: Bytes,
    name: Option<&'a Name>,
    parts: Option<[Bytes; 3]>,
}

fn tiles(out: &mut String, report: &UsageReport) {
    let style = Style { width: None, charset: Charset::Utf8, color: false };
    let mut rows: Vec<(&UsageRow, Bytes)> = report
        .rows
        .iter()
        .filter_map(|row| Some((row, weight(row).filter(|bytes| *bytes > Bytes::ZERO)?)))
        .collect();
    rows.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
    let own = rows.get(..MOST).unwrap_or(&rows);
    let mut tiles: Vec<Tile<'_>> = own
        .iter()
        .map(|&(row, bytes)| {
            let name = crate::rank::name(row.name.as_ref(), &style);
            let label = match row.pid {
                Some(pid) => format!("{name} {pid}"),
                None => name,
            };
            Tile { label, bytes, name: row.name.as_ref(), parts: parts(&row.sizes) }
        })
        .collect();
    // What --top left out is drawn too, so that areas are shares of all that was counted.
    let drawn: Bytes = own.iter().map(|&(_, bytes)| bytes).sum();
    let all =
        report.total.pss.map(|pss| pss.saturating_add(report.total.hugetlb.unwrap_or_default()));
    let rest = all.unwrap_or_default().saturating_sub(drawn);
    let count = rows.len() - own.len() + report.left_out;
    if count > 0 && rest > Bytes::ZERO {
        tiles.push(Tile { label: format!("{count} more"), bytes: rest, name: None, parts: None });
        tiles.sort_by_key(|tile| std::cmp::Reverse(tile.bytes));
    }
    let weights: Vec<f64> = tiles.iter().map(|tile| approximate(tile.bytes)).collect();
    let whole = Rect { x: 16.0, y: TOP, w: WIDTH - 32.0, h: HEIGHT - TOP - BOTTOM };
    for (tile, rect) in tiles.iter().zip(treemap(&weights, whole)) {
        draw(out, tile, rect);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture needs no more than 52 bits")]
fn approximate(bytes: Bytes) -> f64 {
    bytes.get() as f64
}

fn draw(out: &mut String, tile: &Tile<'_>, rect: Rect) {
    let colour = tile.name.map_or(REST, colour);
    let Rect { x, y, w, h } = rect;
    let _ = write!(
        out,
        "<g><title>{}: {}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" \
         height=\"{h:.1}\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"1.5\"/>",
        escaped(&tile.label),
        tile.bytes
    );
    if let Some(parts) = tile.parts.filter(|_| w >= 40.0 && h >= 48.0) {
        strip(out, parts, rect);
    }
    // A character of 13 pixels is 7.5 wide, more or less.
    let columns = ((w - 10.0) / 7.5).max(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small")]
    let columns = columns as usize;
    if columns >= 3 && h >= 18.0 {
        text(out, x + 5.0, y + 15.0, 13.0, &crate::text::cut(&tile.label, columns, "…"));
        if h >= 34.0 {
            let size = tile.bytes.to_string();
            if size.len() <= columns {
                text(out, x + 5.0, y + 31.0, 12.0, &size);
            }
        }
    }
    out.push_str("</g>\n");
}

/// What it is made of, along its foot.
fn strip(out: &mut String, parts: [Bytes; 3], rect: Rect) {
    let whole: f64 = parts.iter().map(|&part| approximate(part)).sum();
    let (mut x, wide) = (rect.x + 5.0, rect.w - 10.0);
    for ((_, colour), part) in KINDS.into_iter().zip(parts) {
        let w = if whole > 0.0 { approximate(part) / whole * wide } else { 0.0 };
        if w > 0.0 {
            let _ = write!(
                out,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{w:.1}\" height=\"{STRIP}\" \
                 fill=\"{colour}\"/>",
                rect.y + rect.h - STRIP - 5.0
            );
        }
        x += w;
    }
}

/// The same colour for the same name, in every picture.
fn colour(name: &Name) -> &'static str {
    let hash = name
        .as_bytes()
        .iter()
        .fold(5381_u32, |hash, &byte| hash.wrapping_mul(33) ^ u32::from(byte));
    COLOURS[(hash >> 3) as usize % COLOURS.len()]
}

fn text(out: &mut String, x: f64, y: f64, size: f64, words: &str) {
    let words = escaped(words);
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\">{words}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
