//! Percentages with the two decimals that the kernel prints.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A percentage in hundredths of a percent, as `/proc/pressure` prints it: exact, never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema)]
#[schemars(with = "f64")]
pub struct Percent(u32);

impl Percent {
    /// From hundredths of a percent: `1234` is 12.34 %.
    pub const fn from_hundredths(hundredths: u32) -> Self {
        Percent(hundredths)
    }

    /// Hundredths of a percent.
    pub const fn hundredths(self) -> u32 {
        self.0
    }

    /// `part` of `whole`, rounded down to a hundredth of a percent; `None` if `whole` is zero or
    /// the result does not fit.
    pub fn of(part: u64, whole: u64) -> Option<Percent> {
        let hundredths = (u128::from(part) * 10_000).checked_div(u128::from(whole))?;
        u32::try_from(hundredths).ok().map(Percent)
    }

    /// This share of `whole`, rounded down, at most `u64::MAX`.
    pub fn share_of(self, whole: u64) -> u64 {
        let share = u128::from(whole) * u128::from(self.0) / 10_000;
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 100.0)
    }
}

impl fmt::Display for Percent {
    /// `12.34 %`, or with a precision that many decimals (`{:.0}`), rounded down.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match f.precision() {
            Some(0) => write!(f, "{whole} %"),
            Some(1) => write!(f, "{whole}.{} %", hundredths / 10),
            _ => write!(f, "{whole}.{hundredths:02} %"),
        }
    }
}

impl FromStr for Percent {
    type Err = String;

    /// `10`, `10%`, `2.5 %`.
    fn from_str(text: &str) -> Result<Percent, String> {
        let error = || format!("expected a percentage such as `10%` or `2.5%`, found `{text}`");
        let number = text.trim().trim_end_matches('%').trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
            return Err(error());
        }
        let whole: u32 = whole.parse().map_err(|_| error())?;
        let hundredths: u32 = format!("{fraction:0<2}").parse().map_err(|_| error())?;
        whole
            .checked_mul(100)
            .and_then(|w| w.checked_add(hundredths))
            .map(Percent)
            .ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_keep_two_decimals() {
        assert_eq!("2.5%".parse(), Ok(Percent(250)));
        assert_eq!("10".parse(), Ok(Percent(1000)));
        assert_eq!(Percent(250).to_string(), "2.50 %");
        assert_eq!(Percent::of(1, 3).map(|p| p.to_string()).as_deref(), Some("33.33 %"));
        assert_eq!(Percent::of(1, 0), None);
        assert_eq!(Percent(1000).share_of(u64::MAX), u64::MAX / 10);
    }

    #[test]
    fn nonsense_is_not_a_percentage() {
        for text in ["", "%", "-1%", "1.%", "1.234%", "ten", "99999999999%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }
}
