//! Runs by the size of one of their values.

use scenario::vary::{AmountRow, Outcome, RunRow};
use units::Bytes;

/// Runs whose values are near each other.
#[derive(Debug)]
pub(super) struct Bin<'r> {
    /// The least of the values.
    pub(super) low: &'r AmountRow,
    /// The greatest.
    pub(super) high: &'r AmountRow,
    /// How many runs there are.
    pub(super) runs: u64,
    /// In how many nobody was killed.
    pub(super) survived: u64,
    points: Vec<Bytes>,
}

impl Bin<'_> {
    /// What the first victim had touched, in the middle of the runs with one.
    pub(super) fn kill_point(&self) -> Option<Bytes> {
        let mut points = self.points.clone();
        points.sort_unstable();
        points.get(points.len() / 2).copied()
    }
}

/// At most `most` bins with as many runs each, in the order of the `at`th value. Runs with the same
/// value are never parted.
pub(super) fn bins(runs: &[RunRow], at: usize, most: usize) -> Vec<Bin<'_>> {
    let done = runs.iter().filter(|run| run.outcome != Outcome::Failed);
    let mut all: Vec<(&AmountRow, &RunRow)> =
        done.filter_map(|run| run.values.get(at).map(|value| (value, run))).collect();
    all.sort_by_key(|(value, run)| (value.amount, run.run));
    let each = all.len().div_ceil(most.max(1)).max(1);
    let mut bins: Vec<Bin<'_>> = Vec::new();
    for (value, run) in all {
        let same = bins.last().is_some_and(|bin| bin.high.amount == value.amount);
        let full = bins.last().is_none_or(|bin| bin.runs >= each as u64);
        if full && !same {
            bins.push(Bin { low: value, high: value, runs: 0, survived: 0, points: Vec::new() });
        }
        if let Some(bin) = bins.last_mut() {
            bin.high = value;
            bin.runs += 1;
            bin.survived += u64::from(run.outcome == Outcome::Survived);
            bin.points.extend(run.kill_point);
        }
    }
    bins
}
