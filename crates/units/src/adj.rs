//! The two adjustments by which user space moves a process in the kill order.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Why a number is not an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    name: &'static str,
    found: i64,
    min: i16,
    max: i16,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutOfRange { name, found, min, max } = self;
        write!(f, "expected {name} in {min}..={max}, found {found}")
    }
}

impl std::error::Error for OutOfRange {}

/// `oom_score_adj`, -1000 (never) to 1000 (first), since Linux 2.6.36.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ScoreAdj(i16);

impl ScoreAdj {
    /// Never to be chosen (`OOM_SCORE_ADJ_MIN`).
    pub const NEVER: ScoreAdj = ScoreAdj(-1000);
    /// No adjustment.
    pub const NONE: ScoreAdj = ScoreAdj(0);

    /// An adjustment, if `value` is in -1000..=1000.
    pub fn new(value: i64) -> Result<ScoreAdj, OutOfRange> {
        match i16::try_from(value) {
            Ok(adj) if (-1000..=1000).contains(&adj) => Ok(ScoreAdj(adj)),
            _ => Err(OutOfRange { name: "oom_score_adj", found: value, min: -1000, max: 1000 }),
        }
    }

    /// The number.
    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

impl fmt::Display for ScoreAdj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `oom_adj`, -16 to 15 as a power of two, or -17 (never): the interface before 2.6.36.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema,
)]
#[serde(transparent)]
pub struct OomAdj(i8);

impl OomAdj {
    /// Never to be chosen (`OOM_DISABLE`).
    pub const NEVER: OomAdj = OomAdj(-17);
    /// No adjustment.
    pub const NONE: OomAdj = OomAdj(0);

    /// An adjustment, if `value` is in -17..=15.
    pub fn new(value: i64) -> Result<OomAdj, OutOfRange> {
        match i8::try_from(value) {
            Ok(adj) if (-17..=15).contains(&adj) => Ok(OomAdj(adj)),
            _ => Err(OutOfRange { name: "oom_adj", found: value, min: -17, max: 15 }),
        }
    }

    /// The number.
    pub fn get(self) -> i8 {
        self.0
    }
}

impl fmt::Display for OomAdj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjustments_outside_the_kernels_range_are_named() {
        assert_eq!(
            ScoreAdj::new(-1001).unwrap_err().to_string(),
            "expected oom_score_adj in -1000..=1000, found -1001"
        );
        assert!(ScoreAdj::new(i64::MAX).is_err());
        assert_eq!(
            OomAdj::new(16).unwrap_err().to_string(),
            "expected oom_adj in -17..=15, found 16"
        );
    }
}
