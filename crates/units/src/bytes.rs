//! Sizes in bytes, as people write and read them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

/// A size in bytes.
///
/// Printed for people in binary units with three significant digits (`23.5 GiB`, `512 KiB`); a
/// format precision asks for that many decimals (`{:.2}`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Bytes(u64);

impl Bytes {
    /// No byte at all.
    pub const ZERO: Bytes = Bytes(0);

    /// A size in bytes.
    pub const fn new(bytes: u64) -> Self {
        Bytes(bytes)
    }

    /// A size the kernel printed in `kB` (which are KiB). `None` on overflow.
    pub fn from_kib(kib: u64) -> Option<Bytes> {
        kib.checked_mul(1024).map(Bytes)
    }

    /// The size in bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whole KiB, rounded down.
    pub const fn kib(self) -> u64 {
        self.0 / 1024
    }

    /// Sum, or `None` on overflow.
    pub fn checked_add(self, other: Bytes) -> Option<Bytes> {
        self.0.checked_add(other.0).map(Bytes)
    }

    /// Difference, or `None` when it would be negative.
    pub fn checked_sub(self, other: Bytes) -> Option<Bytes> {
        self.0.checked_sub(other.0).map(Bytes)
    }

    /// Sum, at most `u64::MAX` bytes.
    #[must_use]
    pub fn saturating_add(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_add(other.0))
    }

    /// Difference, at least zero.
    #[must_use]
    pub fn saturating_sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }
}

impl std::iter::Sum for Bytes {
    fn sum<I: Iterator<Item = Bytes>>(iter: I) -> Bytes {
        iter.fold(Bytes::ZERO, Bytes::saturating_add)
    }
}

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = 0;
        while unit + 1 < UNITS.len() && self.0 >> (10 * (unit + 1)) != 0 {
            unit += 1;
        }
        // Integer arithmetic throughout, so that 1 byte under a unit never prints as the unit.
        let whole = self.0 >> (10 * unit);
        let rest = self.0 & ((1 << (10 * unit)) - 1);
        let decimals = match f.precision() {
            Some(asked) => asked.min(3),
            None if unit == 0 || whole >= 100 => 0,
            None if whole >= 10 => 1,
            None => 2,
        };
        let scale = 10u128.pow(u32::try_from(decimals).unwrap_or(0));
        let fraction = (u128::from(rest) * scale) >> (10 * unit);
        let text = if unit == 0 || decimals == 0 {
            format!("{whole} {}", UNITS[unit])
        } else {
            format!("{whole}.{fraction:0decimals$} {}", UNITS[unit])
        };
        match f.width() {
            Some(width) => write!(f, "{text:>width$}"),
            None => f.write_str(&text),
        }
    }
}

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSizeError {
    found: String,
}

impl fmt::Display for ParseSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a size such as `1GiB`, `512 MiB` or `4096`, found `{}`", self.found)
    }
}

impl std::error::Error for ParseSizeError {}

impl FromStr for Bytes {
    type Err = ParseSizeError;

    /// `4096`, `512k`, `1.5 GiB`, `2G`: every unit is binary, as in the kernel's own interfaces.
    fn from_str(text: &str) -> Result<Bytes, ParseSizeError> {
        let error = || ParseSizeError { found: text.to_owned() };
        let trimmed = text.trim();
        let split =
            trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            "p" | "pb" | "pib" => 50,
            _ => return Err(error()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.len() > 9 || (fraction.is_empty() && number.contains('.')) {
            return Err(error());
        }
        let whole: u64 = whole.parse().map_err(|_| error())?;
        let whole = whole.checked_mul(1 << shift).ok_or_else(error)?;
        let part = if fraction.is_empty() {
            0
        } else {
            if !fraction.bytes().all(|b| b.is_ascii_digit()) || shift == 0 {
                return Err(error());
            }
            let digits: u128 = fraction.parse().map_err(|_| error())?;
            let scale = 10u128.pow(u32::try_from(fraction.len()).map_err(|_| error())?);
            u64::try_from((digits << shift) / scale).map_err(|_| error())?
        };
        whole.checked_add(part).map(Bytes).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: u64) -> String {
        Bytes(bytes).to_string()
    }

    #[test]
    fn sizes_print_with_three_significant_digits() {
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(1024), "1.00 KiB");
        assert_eq!(shown(24_684_092 * 1024), "23.5 GiB");
        assert_eq!(shown(512 << 20), "512 MiB");
        assert_eq!(shown(u64::MAX), "15.9 EiB");
    }

    #[test]
    fn one_byte_less_than_a_unit_is_not_the_unit() {
        assert_eq!(shown((1 << 30) - 1), "1023 MiB");
        assert_eq!(format!("{:.1}", Bytes((1 << 30) - 1)), "1023.9 MiB");
    }

    #[test]
    fn sizes_parse_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("1MiB", 1 << 20),
            ("8 KiB", 8192),
            ("1.5G", 3 << 29),
            ("2gb", 2 << 30),
            ("16777215T", 16_777_215 << 40),
        ] {
            assert_eq!(text.parse::<Bytes>(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_not_a_size() {
        for text in ["", "GiB", "-1", "1..5G", "1.G", "1,5G", "1e3", "99999999999T", "1.5", "5%"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
