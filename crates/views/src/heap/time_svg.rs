//! The main heap over time as SVG: calls to the right, addresses upwards; below it, what was live
//! and what was held.

use std::fmt::Write as _;

use rules::heap::{Cell, HeapHistory, Moment};
use units::Bytes;

use super::svg::{KINDS, document, hundredths, legend, parts, text};
use crate::amount::grouped;

/// Those of the heap at one moment, and one for cells that a few live blocks keep from being free.
const MAP_KINDS: [(&str, &str); KINDS.len() + 1] = {
    let [live, free, cache, fast, top] = KINDS;
    [live, free, cache, fast, top, ("s", "free but for a little that is live")]
};
const LITTLE: usize = KINDS.len();

const LEFT: u64 = 130;
const PLOT: u64 = 840;
const TOP: u64 = 106;
const HEIGHT: u64 = 420;
const CURVES: u64 = 150;

/// The map as an SVG document.
pub fn heap_time_svg(history: &HeapHistory) -> String {
    let mut out = String::new();
    let title = history.command.clone().unwrap_or_else(|| history.origin.clone());
    text(&mut out, 20, 34, "h", &crate::text::cut(&title, 80, "…"));
    let words = format!("the main heap over {} calls; addresses upwards", grouped(history.calls));
    text(&mut out, 20, 56, "d", &words);
    legend(&mut out, 74, &MAP_KINDS);
    let rows = history.columns.iter().map(|column| column.cells.len()).max().unwrap_or(0).max(1);
    cells(&mut out, history, rows);
    axis(&mut out, history, rows);
    curves(&mut out, history);
    document(&out, &title, u32::try_from(TOP + HEIGHT + CURVES + 96).unwrap_or(800))
}

/// What most of a cell is; one with anything live is live if that is a fourth of it, and else of a kind of its
/// own, unless it is at the free end: such blocks are what keeps the memory around them.
fn kind(cell: &Cell) -> Option<usize> {
    let whole = cell.bytes();
    if whole == 0 {
        return None;
    }
    let parts = parts(cell);
    if parts[0] > 0 && u128::from(parts[0]) * 4 >= u128::from(whole) {
        return Some(0);
    }
    let most = (1..parts.len()).max_by_key(|&kind| parts[kind])?;
    let is_end = KINDS[most].0 == "o";
    Some(if parts[0] > 0 && !is_end { LITTLE } else { most })
}

/// Runs of one kind in a row are one line of a path; a path for each kind.
fn cells(out: &mut String, history: &HeapHistory, rows: usize) {
    let columns = history.columns.len().max(1) as u64;
    let x_of = |column: usize| LEFT * 100 + column as u64 * PLOT * 100 / columns;
    let height = HEIGHT * 100 / rows as u64;
    let mut paths = vec![String::new(); MAP_KINDS.len()];
    for row in 0..rows {
        let middle =
            TOP * 100 + (HEIGHT * 100) - (row as u64 * HEIGHT * 100 / rows as u64) - height / 2;
        let mut run: Option<(usize, usize)> = None;
        for column in 0..=history.columns.len() {
            let cell = history.columns.get(column).and_then(|column| column.cells.get(row));
            let now = cell.and_then(kind);
            if run.map(|(kind, _)| kind) == now {
                continue;
            }
            if let Some((kind, from)) = run {
                let _ = write!(
                    paths[kind],
                    "M{} {}H{}",
                    hundredths(x_of(from)),
                    hundredths(middle),
                    hundredths(x_of(column))
                );
            }
            run = now.map(|kind| (kind, column));
        }
    }
    for ((class, _), path) in MAP_KINDS.iter().zip(paths) {
        if !path.is_empty() {
            // A little more than a row is high, so that no background shines through.
            let stroke = hundredths(height + height / 12 + 1);
            let _ =
                writeln!(out, "<path d=\"{path}\" class=\"{class}\" stroke-width=\"{stroke}\"/>");
        }
    }
}

fn axis(out: &mut String, history: &HeapHistory, rows: usize) {
    let _ = writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{PLOT}\" height=\"{HEIGHT}\" class=\"g\"/>"
    );
    let whole = history.row.get().saturating_mul(rows as u64);
    for quarter in 0..=4 {
        let address = history.start.saturating_add(whole / 4 * quarter);
        let offset = Bytes::new(whole / 4 * quarter);
        let y = TOP + HEIGHT - HEIGHT * quarter / 4 + 4;
        let label = if quarter == 0 { format!("{address:x}") } else { format!("+{offset}") };
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{y}\" class=\"m d\" text-anchor=\"end\">{label}</text>",
            LEFT - 8
        );
    }
}

fn curves(out: &mut String, history: &HeapHistory) {
    let top = TOP + HEIGHT + 34;
    let most =
        history.columns.iter().map(|column| column.moment.held.get()).max().unwrap_or(0).max(1);
    let columns = history.columns.len().max(1) as u64;
    let curve = |of: &dyn Fn(&Moment) -> u64| {
        let mut path = String::new();
        for (at, column) in history.columns.iter().enumerate() {
            let x = LEFT * 100 + (at as u64 + 1) * PLOT * 100 / columns;
            let share =
                u128::from(of(&column.moment)) * u128::from(CURVES * 100) / u128::from(most);
            let y = (top + CURVES) * 100 - u64::try_from(share).unwrap_or(0).min(CURVES * 100);
            let verb = if at == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{verb}{} {}", hundredths(x), hundredths(y));
        }
        path
    };
    let _ = writeln!(
        out,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{PLOT}\" height=\"{CURVES}\" class=\"g\"/>"
    );
    let held = curve(&|moment| moment.held.get());
    let live = curve(&|moment| moment.live.get());
    let _ = writeln!(out, "<path d=\"{held}\" class=\"p\"/><path d=\"{live}\" class=\"v\"/>");
    let at = |y: u64| u32::try_from(y).unwrap_or(0);
    let left = u32::try_from(LEFT).unwrap_or(0);
    for (x, class, words) in [(LEFT, "p", "held, mappings included"), (LEFT + 190, "v", "live")] {
        let y = top - 12;
        let _ = writeln!(out, "<path d=\"M{x} {y}h16\" class=\"{class}\"/>");
        text(out, at(x + 22), at(top - 8), "", words);
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" class=\"m d\" text-anchor=\"end\">{}</text>",
        LEFT - 8,
        top + 8,
        Bytes::new(most)
    );
    text(out, left, at(top + CURVES + 16), "d", "call 1");
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" class=\"d\" text-anchor=\"end\">call {}</text>",
        LEFT + PLOT,
        top + CURVES + 16,
        grouped(history.calls)
    );
}
