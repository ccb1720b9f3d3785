//! A score taken apart, in the unit of the release that computed it.

use rules::rank::{Effect, RankRow, StepKind};
use units::Bytes;

use crate::amount;
use crate::style::{Accent, Style};

/// What the points of a kernel count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Pages (since 3.5), shown as bytes.
    Pages,
    /// Thousandths of the total (2.6.36 to 3.4).
    PerMille,
    /// Points without unit (before 2.6.36).
    Points,
}

/// The unit of a score, told by its steps: they differ by era.
pub(crate) fn unit(row: &RankRow) -> Unit {
    let has = |kind| row.steps.iter().any(|s| s.what == kind);
    if has(StepKind::PerMille) {
        Unit::PerMille
    } else if has(StepKind::Resident) {
        Unit::Pages
    } else {
        Unit::Points
    }
}

/// Points in their unit, for columns.
pub(crate) fn points(points: i64, unit: Unit, page_size: u64, style: &Style) -> String {
    match unit {
        Unit::Pages => {
            let sign = if points < 0 { "-" } else { "" };
            let bytes = Bytes::new(points.unsigned_abs().saturating_mul(page_size));
            format!("{sign}{}", amount::cell(Some(bytes), style))
        }
        Unit::PerMille | Unit::Points => points.to_string(),
    }
}

/// The adjustment and what it is worth: `11.7Gi (+500)`, `0`, `?`.
pub(crate) fn adjustment(row: &RankRow, page_size: u64, style: &Style) -> String {
    let number = match (row.oom_score_adj, row.oom_adj) {
        (Some(adj), _) => adj.get(),
        (None, Some(adj)) => adj.get().into(),
        (None, None) => return "?".to_owned(),
    };
    if number == 0 {
        return "0".to_owned();
    }
    match worth(row) {
        Some(worth) => {
            let worth = points(worth, unit(row), page_size, style);
            format!("{worth} {}", style.paint(Accent::Dim, &format!("({number:+})")))
        }
        None => format!("({number:+})"),
    }
}

/// An amount that the formula added, in bytes, where points are pages: the counter that the kernel
/// read, which may differ a little from the exact figure of `status`. Otherwise `other`.
pub(crate) fn added(
    row: &RankRow,
    what: StepKind,
    page_size: u64,
    other: Option<Bytes>,
) -> Option<Bytes> {
    if unit(row) != Unit::Pages || other.is_none() {
        return other;
    }
    let pages = row.steps.iter().find_map(|step| match step.effect {
        Effect::Add(pages) if step.what == what => u64::try_from(pages).ok(),
        _ => None,
    });
    pages.map(|pages| Bytes::new(pages.saturating_mul(page_size))).or(other)
}

/// What the adjustment adds to the points, where it adds.
fn worth(row: &RankRow) -> Option<i64> {
    row.steps.iter().find_map(|step| match (step.what, step.effect) {
        (StepKind::OomScoreAdj, Effect::Add(points)) => Some(points),
        _ => None,
    })
}
