//! Maps from runs of whole numbers to values: page numbers to page states, frames to their counts.
//!
//! Neighbouring runs whose values continue each other are one run, so the size of a map is the
//! number of changes along it and not its length.

use std::collections::BTreeMap;

/// A value that covers a run.
pub(crate) trait Run: Clone + PartialEq {
    /// The value of the rest of the run after its first `by` items.
    #[must_use]
    fn skip(&self, by: u64) -> Self;

    /// Whether `next` goes on where this value ends after `len` items.
    fn joins(&self, len: u64, next: &Self) -> bool {
        self.skip(len) == *next
    }
}

/// Runs by their first number; they never overlap.
#[derive(Debug, Clone)]
pub(crate) struct RangeMap<V> {
    runs: BTreeMap<u64, (u64, V)>,
    /// Lengths of all runs together.
    total: u64,
}

impl<V> Default for RangeMap<V> {
    fn default() -> Self {
        RangeMap { runs: BTreeMap::new(), total: 0 }
    }
}

/// A run: first number, length, value.
pub(crate) type Item<V> = (u64, u64, V);

impl<V: Run> RangeMap<V> {
    /// The run that holds `at`, from `at` on: its length from there and its value there.
    pub(crate) fn get(&self, at: u64) -> Option<(u64, V)> {
        let (&start, (len, value)) = self.runs.range(..=at).next_back()?;
        let by = at - start;
        (by < *len).then(|| (len - by, value.skip(by)))
    }

    /// The first number not below `at` that is in a run.
    pub(crate) fn next_used(&self, at: u64) -> Option<u64> {
        if self.get(at).is_some() {
            return Some(at);
        }
        self.runs.range(at..).next().map(|(&start, _)| start)
    }

    /// Every run that touches `start..end`, cut to it.
    pub(crate) fn within(&self, start: u64, end: u64) -> Vec<Item<V>> {
        self.iter_within(start, end).collect()
    }

    /// As [`RangeMap::within`], without a copy.
    pub(crate) fn iter_within(&self, start: u64, end: u64) -> impl Iterator<Item = Item<V>> + '_ {
        let first = match self.runs.range(..=start).next_back() {
            Some((&at, (len, _))) if at + len > start => at,
            _ => start,
        };
        self.runs.range(first..end.max(first)).map(move |(&at, (len, value))| {
            let from = at.max(start);
            let to = (at + len).min(end);
            (from, to.saturating_sub(from), value.skip(from - at))
        })
    }

    /// Whether any number of `start..end` is in a run.
    pub(crate) fn any(&self, start: u64, end: u64) -> bool {
        self.next_used(start).is_some_and(|at| at < end)
    }

    /// How many numbers of `start..end` are in runs.
    pub(crate) fn count(&self, start: u64, end: u64) -> u64 {
        self.iter_within(start, end).map(|(_, len, _)| len).sum()
    }

    /// Takes out whatever is in `start..end`.
    pub(crate) fn remove(&mut self, start: u64, end: u64) -> Vec<Item<V>> {
        if start >= end {
            return Vec::new();
        }
        self.cut(start);
        self.cut(end);
        let keys: Vec<u64> = self.runs.range(start..end).map(|(&at, _)| at).collect();
        let taken: Vec<Item<V>> = keys
            .into_iter()
            .filter_map(|at| self.runs.remove(&at).map(|(len, value)| (at, len, value)))
            .collect();
        self.total -= taken.iter().map(|(_, len, _)| len).sum::<u64>();
        taken
    }

    /// Puts a run in place of whatever was there.
    pub(crate) fn set(&mut self, start: u64, len: u64, value: V) {
        if len == 0 {
            return;
        }
        self.remove(start, start + len);
        self.insert(start, len, value);
    }

    /// Puts a run where nothing is.
    pub(crate) fn insert(&mut self, mut start: u64, mut len: u64, mut value: V) {
        if len == 0 {
            return;
        }
        self.total += len;
        if let Some((&at, (before, left))) = self.runs.range(..start).next_back()
            && at + *before == start
            && left.joins(*before, &value)
        {
            len += *before;
            value = left.clone();
            start = at;
            self.runs.remove(&at);
        }
        if let Some((more, right)) = self.runs.get(&(start + len))
            && value.joins(len, right)
        {
            let more = *more;
            self.runs.remove(&(start + len));
            len += more;
        }
        self.runs.insert(start, (len, value));
    }

    /// Changes every run within `start..end`.
    pub(crate) fn update(&mut self, start: u64, end: u64, mut change: impl FnMut(u64, &mut V)) {
        self.update_runs(start, end, |at, _, value| change(at, value));
    }

    /// As [`RangeMap::update`]; the change is told the length of each run, too.
    pub(crate) fn update_runs(
        &mut self,
        start: u64,
        end: u64,
        mut change: impl FnMut(u64, u64, &mut V),
    ) {
        for (at, len, mut value) in self.remove(start, end) {
            change(at, len, &mut value);
            self.insert(at, len, value);
        }
    }

    /// How many numbers are in runs.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Every run.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64, &V)> + '_ {
        self.runs.iter().map(|(&at, (len, value))| (at, *len, value))
    }

    fn cut(&mut self, at: u64) {
        let Some((&start, (len, _))) = self.runs.range(..at).next_back() else { return };
        let by = at - start;
        if by >= *len {
            return;
        }
        if let Some((len, value)) = self.runs.get_mut(&start) {
            let rest = *len - by;
            let tail = value.skip(by);
            *len = by;
            self.runs.insert(at, (rest, tail));
        }
    }
}

impl Run for () {
    fn skip(&self, _by: u64) {}
}

/// A set of whole numbers as runs.
pub(crate) type RangeSet = RangeMap<()>;

impl RangeSet {
    /// Puts `start..end` in; how many of it were not in before.
    pub(crate) fn add(&mut self, start: u64, end: u64) -> u64 {
        let had = self.count(start, end);
        let new = end.saturating_sub(start) - had;
        if new > 0 {
            self.set(start, end - start, ());
        }
        new
    }

    /// Takes `start..end` out; how many of it were in.
    pub(crate) fn take(&mut self, start: u64, end: u64) -> u64 {
        self.remove(start, end).into_iter().map(|(_, len, ())| len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Run for u64 {
        fn skip(&self, by: u64) -> u64 {
            self + by
        }
    }

    fn all(map: &RangeMap<u64>) -> Vec<(u64, u64, u64)> {
        map.iter().map(|(at, len, value)| (at, len, *value)).collect()
    }

    #[test]
    fn runs_that_continue_each_other_are_one() {
        let mut map = RangeMap::default();
        map.insert(10, 5, 100);
        map.insert(20, 5, 110);
        map.insert(15, 5, 105);
        assert_eq!(all(&map), [(10, 15, 100)]);
        map.set(12, 1, 7);
        assert_eq!(all(&map), [(10, 2, 100), (12, 1, 7), (13, 12, 103)]);
        assert_eq!(map.get(14), Some((11, 104)));
        assert_eq!(map.get(25), None);
        assert_eq!(map.next_used(0), Some(10));
        assert_eq!(map.within(11, 14), [(11, 1, 101), (12, 1, 7), (13, 1, 103)]);
    }

    #[test]
    fn a_set_counts_what_is_new() {
        let mut set = RangeSet::default();
        assert_eq!(set.add(0, 10), 10);
        assert_eq!(set.add(5, 15), 5);
        assert_eq!(set.take(9, 12), 3);
        assert_eq!(set.count(0, 100), 12);
        assert!(set.any(12, 13) && !set.any(9, 12));
    }
}
