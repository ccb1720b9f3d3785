//! Live and held over the calls, as a small chart.

use rules::heap::{HeapReport, Moment};
use units::Bytes;

use crate::amount::{grouped, short};
use crate::style::Style;
use crate::text;

const ROWS: u64 = 10;
/// Columns of the scale.
const SCALE: usize = 10;

/// The chart, its axes included.
pub(super) fn lines(report: &HeapReport, style: &Style) -> Vec<String> {
    let columns = (style.columns().saturating_sub(SCALE + 3)).clamp(20, 100);
    let most =
        report.samples.iter().chain([&report.peak_held]).map(|m| m.held.get()).max().unwrap_or(0);
    if most == 0 || report.samples.len() < 2 {
        return vec!["  (nothing was held)".to_owned()];
    }
    let buckets = buckets(&report.samples, columns);
    let signs = style.signs();
    let mut lines = Vec::new();
    for row in (0..ROWS).rev() {
        // A cell is filled if the value reaches its middle; what is not nothing fills the lowest.
        let level = |value: u64| {
            let rows = u128::from(value) * u128::from(ROWS) * 2 / u128::from(most);
            (rows > u128::from(row) * 2) || (row == 0 && value > 0)
        };
        let label = match row {
            row if row + 1 == ROWS => short(Bytes::new(most)),
            row if row == ROWS / 2 => short(Bytes::new(most / 20 * 11)),
            _ => String::new(),
        };
        let cells: String = buckets
            .iter()
            .map(|(live, held)| match (level(*live), level(*held)) {
                (true, _) => signs.bar[0],
                (false, true) => signs.bar[3],
                (false, false) => " ",
            })
            .collect();
        let axis = if style.charset == crate::Charset::Utf8 { "│" } else { "|" };
        lines.push(format!("{} {axis}{}", text::right(&label, SCALE), cells.trim_end()));
    }
    let last = format!("call {}", grouped(report.calls));
    let first = "call 1";
    let room = columns.saturating_sub(first.len());
    lines.push(format!("{}  {first}{}", " ".repeat(SCALE), text::right(&last, room)));
    lines
}

/// Live and held for each column: of the moment in it when most was held.
fn buckets(samples: &[Moment], columns: usize) -> Vec<(u64, u64)> {
    (0..columns)
        .map(|column| {
            let from = column * samples.len() / columns;
            let to = ((column + 1) * samples.len() / columns).max(from + 1).min(samples.len());
            let most = samples[from.min(to - 1)..to].iter().max_by_key(|moment| moment.held);
            most.map_or((0, 0), |moment| (moment.live.get(), moment.held.get()))
        })
        .collect()
}
