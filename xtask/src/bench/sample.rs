//! A handful of measurements.

/// The least, the middle and the most of some measurements.
#[derive(Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
}

impl Sample {
    /// All are NaN when nothing was measured.
    pub(super) fn new(mut values: Vec<f64>) -> Sample {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(values.len() / 2));
        Sample { least: at(0), median, most: at(last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        let sample = Sample::new(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!(sample, Sample { least: 1.0, median: 2.5, most: 4.0 });
        let sample = Sample::new(vec![5.0, 1.0, 2.0]);
        assert_eq!(sample, Sample { least: 1.0, median: 2.0, most: 5.0 });
    }
}
