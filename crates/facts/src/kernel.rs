//! Which kernel: the words it prints about itself, and the release that chooses its rules.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::Name;

/// The kernel as it names itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kernel {
    /// The whole of `/proc/version`, or `osrelease` where only that is known.
    pub text: Option<Name>,
    /// The release that chooses the rules; `None` when the text does not contain one.
    pub release: Option<Release>,
}

/// A kernel release: ordered, without the vendor's suffix.
///
/// Vendors carry newer rules back under older numbers (RHEL's 3.10 above all), so a release picks
/// the rules of the mainline kernel of that number and no more is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Release {
    /// First number: 6 in 6.18.2.
    pub major: u16,
    /// Second number: 18 in 6.18.2.
    pub minor: u16,
    /// Third number: 2 in 6.18.2, and 32 in 2.6.32.
    pub patch: u16,
}

impl Release {
    /// A release of the days when the third number was the one that moved: `Release::old(2, 6, 32)`.
    pub const fn old(major: u16, minor: u16, patch: u16) -> Self {
        Release { major, minor, patch }
    }

    /// A release as they are named since 3.0: `Release::new(6, 18)` is before 6.18.1.
    pub const fn new(major: u16, minor: u16) -> Self {
        Release { major, minor, patch: 0 }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for Release {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Release {
    type Err = String;

    /// Reads `6.18`, `6.18.44-fc-v657`, `2.6.32-754.el6` and the first such word of `/proc/version`.
    fn from_str(text: &str) -> Result<Release, String> {
        let error =
            || format!("expected a kernel release such as `6.12` or `2.6.32`, found `{text}`");
        let word = text.trim().trim_start_matches("Linux version ").trim_start();
        let numeric = word.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or("");
        let mut numbers = numeric.split('.').map(str::parse::<u16>);
        let mut next = || numbers.next();
        let major = next().and_then(Result::ok).ok_or_else(error)?;
        let minor = next().and_then(Result::ok).ok_or_else(error)?;
        let patch = next().and_then(Result::ok).unwrap_or(0);
        Ok(Release { major, minor, patch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> String {
        text.parse::<Release>().map_or_else(|e| e, |r| r.to_string())
    }

    #[test]
    fn releases_parse_with_and_without_vendor_words() {
        assert_eq!(release("6.18"), "6.18.0");
        assert_eq!(release("2.6.32-754.el6.x86_64"), "2.6.32");
        assert_eq!(release("Linux version 6.18.44-fc-v657 (builder@x) (gcc)"), "6.18.44");
        assert_eq!(release("6.1.0-50-cloud-amd64"), "6.1.0");
        assert_eq!(release("6.19-rc3"), "6.19.0");
    }

    #[test]
    fn releases_are_ordered_across_the_change_of_numbering() {
        let order = ["2.4.22", "2.6.9", "2.6.32", "3.0", "3.10", "4.4", "6.1", "6.12.107", "7.1"];
        let parsed: Vec<Release> = order.iter().map(|t| t.parse().unwrap()).collect();
        assert!(parsed.is_sorted());
    }

    #[test]
    fn text_without_a_release_is_refused() {
        for text in ["", "Linux", "six.one", "6", "6.", "99999.1"] {
            assert!(text.parse::<Release>().is_err(), "{text}");
        }
    }
}
