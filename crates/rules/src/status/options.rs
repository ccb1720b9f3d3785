//! What is asked for, and from where on the answer is worrying.

use std::fmt;
use std::str::FromStr;

use facts::{Name, Release};
use units::{Bytes, Percent};

/// What status is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusOptions {
    /// Look from this cgroup instead of the reader's own.
    pub cgroup: Option<Name>,
    /// Less than this left before a wall of ours is [`super::Level::Near`].
    pub near: Threshold,
    /// Less than this left is [`super::Level::AtTheWall`].
    pub wall: Threshold,
    /// So much of the last 10 seconds fully stalled is near.
    pub near_full_pressure: Percent,
    /// And so much is at the wall.
    pub wall_full_pressure: Percent,
    /// How many victims to name.
    pub victims: usize,
    /// Apply this release's rules instead of the snapshot's own.
    pub release: Option<Release>,
}

impl Default for StatusOptions {
    /// Near is less than 10 % left, the wall less than 2 %. In the first there is time to act: user
    /// space killers of today begin there too. The second is about where a machine without swap
    /// stops being usable, because what is left is the working set of its programs.
    ///
    /// Full pressure of 5 % means that for half a second in ten nobody got anything done for want of
    /// memory; healthy machines stay under 1 %. At 20 % the machine is felt to hang, whatever its
    /// counters say.
    fn default() -> StatusOptions {
        StatusOptions {
            cgroup: None,
            near: Threshold::Share(Percent::from_hundredths(1000)),
            wall: Threshold::Share(Percent::from_hundredths(200)),
            near_full_pressure: Percent::from_hundredths(500),
            wall_full_pressure: Percent::from_hundredths(2000),
            victims: 3,
            release: None,
        }
    }
}

/// How little is too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Less than this share of the wall's capacity.
    Share(Percent),
    /// Less than this size.
    Size(Bytes),
}

impl Threshold {
    /// Whether `left` of `capacity` is too little. A share of an unknown capacity is not.
    pub fn passed(self, left: Bytes, capacity: Option<Bytes>) -> bool {
        match self {
            Threshold::Size(size) => left < size,
            Threshold::Share(share) => {
                capacity.is_some_and(|all| left.get() < share.share_of(all.get()))
            }
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Threshold::Share(share) if share.hundredths() % 100 == 0 => write!(f, "{share:.0}"),
            Threshold::Share(share) => write!(f, "{share}"),
            Threshold::Size(size) => write!(f, "{size}"),
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    /// `10%`, `2.5 %`, `1GiB`, `512M`: a number with a percent sign is a share, any other a size.
    fn from_str(text: &str) -> Result<Threshold, String> {
        let error =
            || format!("expected a threshold such as `10%` or `1GiB`, found `{}`", text.trim());
        if text.trim_end().ends_with('%') {
            let share: Percent = text.parse().map_err(|_| error())?;
            if share.hundredths() > 10_000 {
                return Err(error());
            }
            Ok(Threshold::Share(share))
        } else {
            text.parse().map(Threshold::Size).map_err(|_| error())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_parse_as_shares_and_as_sizes() {
        let share = |hundredths| Ok(Threshold::Share(Percent::from_hundredths(hundredths)));
        assert_eq!("10%".parse(), share(1000));
        assert_eq!(" 2.5 % ".parse(), share(250));
        assert_eq!("1GiB".parse(), Ok(Threshold::Size(Bytes::new(1 << 30))));
        assert_eq!("0".parse(), Ok(Threshold::Size(Bytes::ZERO)));
    }

    #[test]
    fn nonsense_is_no_threshold_and_the_message_says_what_is() {
        for text in ["", "%", "ten", "-1%", "101%", "10%%x", "1 GiB left"] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains("`10%` or `1GiB`"), "{error}");
        }
    }

    #[test]
    fn a_share_of_an_unknown_capacity_is_never_passed() {
        let ten: Threshold = "10%".parse().unwrap();
        assert!(!ten.passed(Bytes::ZERO, None));
        assert!(ten.passed(Bytes::new(99), Some(Bytes::new(1000))));
        assert!(!ten.passed(Bytes::new(100), Some(Bytes::new(1000))));
        assert!(Threshold::Size(Bytes::new(5)).passed(Bytes::new(4), None));
    }

    #[test]
    fn thresholds_print_as_they_are_written() {
        let shown = |text: &str| text.parse::<Threshold>().unwrap().to_string();
        assert_eq!(shown("10%"), "10 %");
        assert_eq!(shown("2.5%"), "2.50 %");
        assert_eq!(shown("512M"), "512 MiB");
    }
}
