//! `/proc/uptime`.

use crate::line::{decimal, split_once, words};

/// Whole seconds since boot, the first number of `/proc/uptime` (`1069.38 1863.52`).
///
/// The point behind the seconds is asked for: without it they may have been cut.
pub fn uptime(text: &[u8]) -> Option<u64> {
    let (seconds, hundredths) = split_once(words(text).next()?, b'.')?;
    hundredths.iter().all(u8::is_ascii_digit).then(|| decimal(seconds))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_never_cut() {
        assert_eq!(uptime(b"1069.38 1863.52\n"), Some(1069));
        assert_eq!(uptime(b"1069."), Some(1069));
        for text in ["", "106", "106 4.2", ".5", "-1.0", "x.y", "99999999999999999999.0"] {
            assert_eq!(uptime(text.as_bytes()), None, "{text}");
        }
    }
}
