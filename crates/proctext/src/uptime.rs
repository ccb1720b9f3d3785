//! `/proc/uptime`.

use crate::line::{decimal, split_once, words};

/// Whole seconds since boot, the first number of `/proc/uptime` (`1069.38 1863.52`).
///
/// The point behind the seconds is asked for: without it they may have been cut.
pub fn uptime(text: &[u8]) -> Option<u64> {
    let (seconds, hundredths) = split_once(words(text).next()?, b'.')?;
    hundredths.iter().all(u8::is_ascii_digit).then(|| decimal(seconds))?
}
