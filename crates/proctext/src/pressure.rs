//! `/proc/pressure/memory` and `memory.pressure`.

use facts::{Missing, Pressure, PressureFile, Stall};
use units::Percent;

use crate::line::{Report, decimal, lines, split_once, words};

/// A pressure file, as `psi_show()` prints it since 4.20: a line `some`, mostly a line `full`.
///
/// [`PressureFile::Unknown`] when either line cannot be read.
pub fn pressure(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> PressureFile {
    let mut report = Report::new(place, problems);
    let whole = report.some_lines(text, "`some avg10=`");
    if whole.len() < text.len() {
        return PressureFile::Unknown;
    }
    let (mut some, mut full) = (None, None);
    for (number, line) in lines(whole) {
        let (kind, rest) = split_once(line, b' ').unwrap_or((line, b""));
        let stall = match kind {
            b"some" => &mut some,
            b"full" => &mut full,
            _ => continue,
        };
        *stall = parse_stall(rest);
        if stall.is_none() {
            report.malformed(number, "`avg10= avg60= avg300= total=` with two decimals", line);
            return PressureFile::Unknown;
        }
    }
    let Some(some) = some else {
        if !whole.is_empty() {
            report.malformed(0, "a line `some`", whole);
        }
        return PressureFile::Unknown;
    };
    PressureFile::Known(Pressure { some, full })
}

fn parse_stall(text: &[u8]) -> Option<Stall> {
    let mut words = words(text);
    let mut value = |name: &[u8]| words.next()?.strip_prefix(name);
    let avg10 = hundredths(value(b"avg10=")?)?;
    let avg60 = hundredths(value(b"avg60=")?)?;
    let avg300 = hundredths(value(b"avg300=")?)?;
    let total_us = decimal(value(b"total=")?)?;
    Some(Stall { avg10, avg60, avg300, total_us })
}

/// `12.34`, always two decimals (`%lu.%02lu`).
fn hundredths(text: &[u8]) -> Option<Percent> {
    let (whole, fraction) = split_once(text, b'.')?;
    (fraction.len() == 2).then_some(())?;
    let hundredths = decimal(whole)?.checked_mul(100)?.checked_add(decimal(fraction)?)?;
    u32::try_from(hundredths).ok().map(Percent::from_hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> (PressureFile, Vec<String>) {
        let mut problems = Vec::new();
        let file = pressure(text, "memory", &mut problems);
        (file, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn averages_are_exact() {
        let (file, problems) = parse(include_bytes!("../tests/data/6.18/pressure"));
        assert!(problems.is_empty());
        let PressureFile::Known(Pressure { some, full: Some(full) }) = file else {
            panic!("{file:?}")
        };
        assert_eq!([some.avg10, some.avg60, some.avg300].map(Percent::hundredths), [5, 1234, 9999]);
        assert_eq!(some.total_us, u64::MAX);
        assert_eq!([full.avg10, full.avg60, full.avg300].map(Percent::hundredths), [0, 120, 7]);
    }

    #[test]
    fn text_that_is_no_pressure_is_unknown() {
        for text in [
            "",
            "some",
            "some\n",
            "some avg10=0.0 avg60=0.00 avg300=0.00 total=0\n",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=\n",
            "some avg10=-1.00 avg60=0.00 avg300=0.00 total=0\n",
            "some avg10=99999999.00 avg60=0.00 avg300=0.00 total=0\n",
            "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 av\n",
        ] {
            let (file, problems) = parse(text.as_bytes());
            assert_eq!(file, PressureFile::Unknown, "{text}");
            assert_eq!(problems.len(), 1, "{text}");
        }
    }
}
