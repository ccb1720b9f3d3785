//! How memory went in two worlds, as SVG: one picture for each amount, the model's curve over the
//! real one.

use std::fmt::Write as _;

use scenario::comparison::{ComparisonReport, CurveRow};
use units::Bytes;

use crate::amount::short;

/// Size of a picture, and of what is around the curves.
const WIDTH: u64 = 460;
const HEIGHT: u64 = 180;
const LEFT: u64 = 62;
const TOP: u64 = 26;
const RIGHT: u64 = 10;
const BOTTOM: u64 = 14;

/// The pictures of one pair: the second world is the real one.
pub(super) fn pictures(report: &ComparisonReport, between: [usize; 2]) -> String {
    let mut out = String::new();
    let [one, real] = between.map(|arm| {
        let of = move |curve: &&CurveRow| curve.arm == arm && !curve.at.is_empty();
        report.curves.iter().filter(of).collect::<Vec<_>>()
    });
    for theirs in real {
        let Some(ours) = one.iter().find(|curve| curve.what == theirs.what) else { continue };
        picture(&mut out, ours, theirs);
    }
    out
}

fn picture(out: &mut String, ours: &CurveRow, theirs: &CurveRow) {
    let both = [theirs, ours];
    let most = both.iter().flat_map(|curve| &curve.bytes).copied().max().unwrap_or(0).max(1);
    let end = both.iter().filter_map(|curve| curve.at.last()).copied().max().unwrap_or(0).max(1);
    let _ = write!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{what}\"><text x=\"{LEFT}\" \
         y=\"16\" class=\"h\">{what}</text>",
        what = super::page::escaped(&theirs.what)
    );
    for (share, label) in [(0, "0".to_owned()), (1, short(Bytes::new(most)))] {
        let y = if share == 0 { HEIGHT - BOTTOM } else { TOP };
        let _ = write!(
            out,
            "<path d=\"M{LEFT} {y}H{}\" class=\"g\"/><text x=\"{}\" y=\"{}\" class=\"a\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 6,
            y + 4
        );
    }
    for (curve, class) in [(theirs, "real"), (ours, "model")] {
        let _ = write!(out, "<path d=\"{}\" class=\"{class}\"/>", path(curve, end, most));
    }
    out.push_str("</svg>");
}

/// A step for each look: between two of them nothing is known.
fn path(curve: &CurveRow, end: u64, most: u64) -> String {
    let scale = |value: u64, of: u64, room: u64| {
        // Tenths of a unit.
        u64::try_from(u128::from(value) * u128::from(room) * 10 / u128::from(of)).unwrap_or(0)
    };
    let mut text = String::new();
    for (&at, &bytes) in curve.at.iter().zip(&curve.bytes) {
        let x = LEFT * 10 + scale(at, end, WIDTH - LEFT - RIGHT);
        let y = (HEIGHT - BOTTOM) * 10 - scale(bytes, most, HEIGHT - TOP - BOTTOM);
        let command = if text.is_empty() { 'M' } else { 'L' };
        let _ = write!(text, "{command}{}.{} {}.{}", x / 10, x % 10, y / 10, y % 10);
    }
    text
}
