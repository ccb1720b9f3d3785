//! `/sys/block/zram*/mm_stat`.

use facts::{Missing, Zram};
use units::Bytes;

use crate::line::{Report, decimal, words};

/// `mm_stat_show()` (4.1): the first number is what is stored, the third what that takes.
pub fn zram(text: &[u8], name: &str, place: &str, problems: &mut Vec<Missing>) -> Option<Zram> {
    let mut numbers = words(text).map(decimal);
    let (stored, used) = (numbers.next().flatten(), numbers.nth(1).flatten());
    let Some(used) = used else {
        let mut report = Report::new(place, problems);
        report.malformed(1, "three numbers or more", text.trim_ascii());
        return None;
    };
    Some(Zram { name: name.into(), used: Bytes::new(used), stored: stored.map(Bytes::new) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_number_is_what_it_takes() {
        let mut problems = Vec::new();
        let text = b"8192 74 12288 0 12288 0 0 0 0\n";
        let device = zram(text, "zram0", "mm_stat", &mut problems).unwrap();
        assert_eq!((device.used.get(), device.stored), (12288, Some(Bytes::new(8192))));
        assert_eq!(zram(b"8192 74\n", "zram0", "mm_stat", &mut problems), None);
        assert_eq!(problems.len(), 1);
    }
}
