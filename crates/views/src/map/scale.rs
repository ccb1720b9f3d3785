//! How tall a range of addresses is drawn.

use rules::map::MapReport;

/// How sizes become heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// One row, and one more for every 64-fold: pages and terabytes in one picture.
    #[default]
    Log,
    /// As many rows as it is large, one at least; gaps are cut short.
    Linear,
}

/// Rows that everything mapped takes on the linear scale.
const LINEAR_ROWS: u64 = 60;

/// Rows of a gap at most, on the linear scale.
const MOST_GAP: u64 = 3;

/// A scale that is ready to measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    scale: Scale,
    page: u64,
    /// Bytes of one row on the linear scale.
    pub(super) row: u64,
}

impl Measure {
    pub(super) fn new(scale: Scale, report: &MapReport) -> Measure {
        let page = report.source.page_size.max(1);
        let row = report.totals.mapped.get().div_ceil(LINEAR_ROWS).max(1);
        Measure { scale, page, row }
    }

    /// Rows of a region.
    pub(super) fn region(&self, size: u64) -> usize {
        let rows = match self.scale {
            Scale::Log => self.steps(size) / 6 + 1,
            Scale::Linear => (size / self.row).clamp(1, LINEAR_ROWS),
        };
        usize::try_from(rows).unwrap_or(1)
    }

    /// Rows of a gap, and whether that is less than its due.
    pub(super) fn gap(&self, size: u64) -> (usize, bool) {
        match self.scale {
            Scale::Log => (self.region(size), false),
            Scale::Linear => {
                let due = (size / self.row).max(1);
                (usize::try_from(due.min(MOST_GAP)).unwrap_or(1), due > MOST_GAP)
            }
        }
    }

    /// How often a page must be doubled to reach a size, rounded down.
    pub(super) fn steps(&self, size: u64) -> u64 {
        u64::from((size / self.page).max(1).ilog2())
    }

    pub(super) fn is_linear(&self) -> bool {
        self.scale == Scale::Linear
    }
}
