//! Several runs as one figure, and when two figures differ.

use schemars::JsonSchema;
use serde::Serialize;
use units::Percent;

/// What several runs measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spread {
    /// The middle one; of an even number the mean of the middle two, rounded down.
    pub median: u64,
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
    /// How many runs it was measured in.
    pub runs: u64,
}

impl Spread {
    /// Of these measurements; `None` of none.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Spread> {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        let (&min, &max) = (values.first()?, values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Spread { median: lower.midpoint(upper), min, max, runs: values.len() as u64 })
    }

    /// From the smallest to the largest.
    pub fn width(&self) -> u64 {
        self.max - self.min
    }
}

/// How a column stands to the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Against {
    /// What can be said.
    pub verdict: Verdict,
    /// By how much the medians differ, percent of the first column's; `null` when that is nothing.
    pub by: Option<Percent>,
}

/// Runs of each column from which on something is said of a difference. Two columns that do not differ at all lie apart
/// as wholes by chance in one of three comparisons with 2 runs each, in one of ten with 3, and in one of 126 with 5.
pub const LEAST_RUNS: u64 = 3;

/// What can be said of two columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// More, by more than the runs of either column differ among themselves.
    More,
    /// Less, by more than the runs of either column differ among themselves.
    Less,
    /// The medians differ by no more than the runs of one of the columns do among themselves.
    NoDifference,
    /// Fewer than three runs of one of the columns: too few to tell.
    Unknown,
}

/// Holds a column against the first one. `None` when one of them was not measured.
///
/// Two columns differ when their medians are further apart than the smallest and the largest run of
/// either. That is coarse, and deliberately so: it needs no assumption about how runs are
/// distributed, and a difference that it lets pass is seen with the naked eye.
pub fn against(column: Option<Spread>, first: Option<Spread>) -> Option<Against> {
    let (column, first) = column.zip(first)?;
    let apart = column.median.abs_diff(first.median);
    let verdict = if column.runs < LEAST_RUNS || first.runs < LEAST_RUNS {
        Verdict::Unknown
    } else if apart <= column.width().max(first.width()) {
        Verdict::NoDifference
    } else if column.median > first.median {
        Verdict::More
    } else {
        Verdict::Less
    };
    Some(Against { verdict, by: Percent::of(apart, first.median) })
}
