//! How many passed, how many failed: the last line of every checking chore.

use std::fmt;
use std::ops::AddAssign;

/// Passed and failed checks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Tally {
    /// One check more.
    pub(crate) fn count(&mut self, passed: bool) {
        *self +=
            if passed { Tally { passed: 1, failed: 0 } } else { Tally { passed: 0, failed: 1 } };
    }

    /// Whether something was checked and nothing failed.
    pub(crate) fn is_good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_checked_is_not_good() {
        assert!(!Tally::default().is_good());
    }

    #[test]
    fn one_failure_among_many_is_not_good() {
        let mut tally = Tally { passed: 900, failed: 0 };
        assert!(tally.is_good());
        tally.count(false);
        assert!(!tally.is_good());
        assert_eq!(tally.to_string(), "900 passed, 1 failed");
    }
}
