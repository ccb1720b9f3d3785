//! The heap behind one call as SVG: addresses in rows, chunks to scale.

use std::fmt::Write as _;

use rules::heap::{ArenaPicture, Cell, HeapPicture};
use units::Bytes;

use crate::amount::{count, grouped};
use crate::map::xml;

/// Width of the picture and of a row of cells, pixels.
const WIDTH: u32 = 1000;
const LEFT: u32 = 130;
const ROW_WIDTH: usize = 840;
const ROW: u32 = 13;
const GAP: u32 = 3;
/// Rows of an arena at most.
const ROWS: usize = 48;
/// Arenas that are drawn.
const ARENAS: usize = 8;

pub(super) const STYLE: &str = "\
text{font:11px ui-sans-serif,system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}\
.m{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:10.5px}\
.h{font-size:17px;font-weight:600}.b{font-weight:600}.d{fill:#68727d}.bg{fill:#fff}\
.l{fill:#2f6fde;stroke:#2f6fde}.f{fill:#f3d9b1;stroke:#f3d9b1}.t{fill:#eb9a2d;stroke:#eb9a2d}.q{fill:#c9418f;stroke:#c9418f}\
.o{fill:#dfe4e9;stroke:#dfe4e9}.s{fill:#a9b9d3;stroke:#a9b9d3}.g{stroke:#68727d;stroke-width:.6;fill:none}\
.p{fill:none;stroke:#c62828;stroke-width:1.4}.v{fill:none;stroke:#1f2328;stroke-width:1.2}\
@media(prefers-color-scheme:dark){\
text{fill:#e2e7ec}.d{fill:#98a3ae}.bg{fill:#12161b}.l{fill:#5b95f5;stroke:#5b95f5}.f{fill:#5c4a2e;stroke:#5c4a2e}\
.t{fill:#e0912f;stroke:#e0912f}.q{fill:#ec77b6;stroke:#ec77b6}.o{fill:#2b333b;stroke:#2b333b}.s{fill:#566687;stroke:#566687}.g{stroke:#7d8893}\
.p{stroke:#ff7b72}.v{stroke:#e2e7ec}}";

/// What a stretch is drawn as: its class, in the order of the legend.
pub(super) const KINDS: [(&str, &str); 5] = [
    ("l", "live"),
    ("f", "free, between live blocks"),
    ("t", "in a thread's cache"),
    ("q", "in a fast list"),
    ("o", "the free end"),
];

/// The bytes of each of [`KINDS`].
pub(super) fn parts(cell: &Cell) -> [u64; 5] {
    [cell.live, cell.free, cell.tcache, cell.fast, cell.top]
}

/// The picture as an SVG document.
pub fn heap_svg(picture: &HeapPicture) -> String {
    let mut out = String::new();
    let moment = &picture.moment;
    let title = picture.command.clone().unwrap_or_else(|| picture.origin.clone());
    text(&mut out, 20, 34, "h", &crate::text::cut(&title, 80, "…"));
    let summary = format!(
        "behind call {} of {}: {} live, {} held, of it {} in mappings of single blocks",
        grouped(moment.call),
        grouped(picture.calls),
        moment.live,
        moment.held,
        moment.mmapped
    );
    text(&mut out, 20, 56, "d", &summary);
    legend(&mut out, 74, &KINDS);
    let mut y = 106;
    for arena in picture.arenas.iter().take(ARENAS) {
        y = draw(&mut out, arena, y);
    }
    if picture.arenas.len() > ARENAS {
        let more = picture.arenas.len() - ARENAS;
        text(
            &mut out,
            20,
            y + 12,
            "d",
            &format!("and {}", count(more, "more piece", "more pieces")),
        );
        y += 24;
    }
    document(&out, &title, y + 10)
}

pub(super) fn document(body: &str, title: &str, height: u32) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" class=\"bg\"/>\n{body}</svg>\n",
        xml(title)
    )
}

pub(super) fn legend(out: &mut String, y: u32, kinds: &[(&str, &str)]) {
    let mut x = 20;
    for (class, words) in kinds {
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" class=\"{class}\"/>"
        );
        text(out, x + 18, y + 10, "", words);
        x += 18 + 7 * u32::try_from(words.len()).unwrap_or(20) + 14;
    }
}

pub(super) fn text(out: &mut String, x: u32, y: u32, class: &str, words: &str) {
    let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", xml(words));
}

fn draw(out: &mut String, arena: &ArenaPicture, mut y: u32) -> u32 {
    let name =
        if arena.arena == 0 { "Main heap".to_owned() } else { format!("Arena {}", arena.arena) };
    let blocks = usize::try_from(arena.live_blocks).unwrap_or(usize::MAX);
    let free = usize::try_from(arena.free_chunks).unwrap_or(usize::MAX);
    let words = format!(
        "{name}: {}, {}, {}, the largest {}",
        Bytes::new(arena.end.saturating_sub(arena.start)),
        count(blocks, "live block", "live blocks"),
        count(free, "free chunk", "free chunks"),
        arena.largest_free
    );
    text(out, 20, y + 12, "b", &words);
    y += 22;
    // So many cells to a pixel that the arena fits its rows.
    let per_row = arena.cells.len().div_ceil(ROWS).max(ROW_WIDTH.min(arena.cells.len()));
    let per_row = per_row.max(1);
    let bytes = arena.cell.get();
    for (row, cells) in arena.cells.chunks(per_row).enumerate() {
        let address = arena.start.saturating_add(bytes.saturating_mul((row * per_row) as u64));
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" class=\"m d\" text-anchor=\"end\">{address:x}</text>",
            LEFT - 10,
            y + ROW - 3
        );
        let _ = writeln!(out, "<g stroke=\"none\" stroke-width=\"0\">");
        row_of(out, cells, per_row, y);
        out.push_str("</g>\n");
        y += ROW + GAP;
    }
    let words = format!("a row is {}", Bytes::new(bytes.saturating_mul(per_row as u64)));
    text(out, LEFT, y + 10, "d", &words);
    y + 30
}

/// Cells of one kind that follow each other are one rectangle; in a mixed one the kinds lie over each other, as high
/// as they are large.
fn row_of(out: &mut String, cells: &[Cell], per_row: usize, y: u32) {
    let x_of = |cell: usize| (cell * ROW_WIDTH * 100 / per_row) as u64;
    let mut at = 0;
    while at < cells.len() {
        let parts_here = shares(&cells[at]);
        let mut end = at + 1;
        while end < cells.len() && shares(&cells[end]) == parts_here {
            end += 1;
        }
        let (from, to) = (x_of(at), x_of(end));
        let mut top = u64::from(y) * 100;
        for ((class, _), share) in KINDS.iter().zip(parts_here) {
            if share == 0 {
                continue;
            }
            let height = u64::from(ROW) * share;
            let _ = writeln!(
                out,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"{class}\" stroke-width=\"0\"/>",
                hundredths(u64::from(LEFT) * 100 + from),
                hundredths(top),
                hundredths(to - from),
                hundredths(height)
            );
            top += height;
        }
        at = end;
    }
}

/// Percent of each kind, in steps; together 100.
fn shares(cell: &Cell) -> [u64; 5] {
    let whole = cell.bytes();
    let mut shares = [0; 5];
    if whole == 0 {
        return shares;
    }
    let mut before = 0;
    let mut edge = 0;
    for (share, part) in shares.iter_mut().zip(parts(cell)) {
        before += part;
        // Steps of 20 keep the file small.
        let next =
            u64::try_from((u128::from(before) * 5 + u128::from(whole) / 2) / u128::from(whole))
                .unwrap_or(5)
                * 20;
        *share = next - edge;
        edge = next;
    }
    // A little that is live is seen.
    if cell.live > 0 && shares[0] == 0 {
        let longest = (0..5).max_by_key(|&i| shares[i]).unwrap_or(0);
        shares[longest] -= 20;
        shares[0] = 20;
    }
    shares
}

pub(super) fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}
