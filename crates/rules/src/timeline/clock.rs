//! Times as logs print them, made comparable.

use facts::When;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
const DAY: i64 = 86_400 * SECOND;

/// A date and a time of day, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wall {
    /// Days since 1970 when the year is known, else days since the 1st of January of a leap year;
    /// `None` when there is only a time of day.
    day: Option<i64>,
    has_year: bool,
    /// Microseconds of the day, the zone taken off.
    micros: i64,
}

/// The time from one moment to a later one of the same log, microseconds; `None` when they cannot be
/// compared. Times since boot only compare within a boot.
pub(super) fn between(earlier: &When, later: &When, same_boot: bool) -> Option<u64> {
    let apart = apart(earlier, later, same_boot)?;
    u64::try_from(apart).ok()
}

/// The same, negative when `later` is the earlier.
pub(super) fn apart(earlier: &When, later: &When, same_boot: bool) -> Option<i64> {
    if let (Some(from), Some(to), true) = (earlier.boot_us, later.boot_us, same_boot) {
        return i64::try_from(to).ok()?.checked_sub(i64::try_from(from).ok()?);
    }
    let (from, to) = (wall(earlier)?, wall(later)?);
    let of_day = to.micros - from.micros;
    let days = match (from.day, to.day) {
        (Some(a), Some(b)) if from.has_year == to.has_year => {
            let days = b.checked_sub(a)?;
            // Logs without years go from December to January.
            if !from.has_year && days < -180 { days + 366 } else { days }
        }
        // Past midnight.
        (None, None) if of_day < -(DAY / 2) => 1,
        (None, None) => 0,
        _ => return None,
    };
    days.checked_mul(DAY)?.checked_add(of_day)
}

fn wall(when: &When) -> Option<Wall> {
    parse(when.time.as_ref()?.as_bytes())
}

/// Reads `Dec  9 09:47:52`, `2024-05-26T06:17:40.123456+02:00`, `Wed Dec  6 23:54:11 2017`,
/// `Thu 2025-10-23 23:13:58 EDT`, `07-28 10:46:14.319`, `19:51:01`; months in English or as numbers.
pub(super) fn parse(text: &[u8]) -> Option<Wall> {
    let clock = clock_at(text)?;
    let (before, rest) = (&text[..clock], &text[clock..]);
    let two = |at: usize| -> Option<i64> { number(rest.get(at..at + 2)?) };
    let mut micros = ((two(0)? * 60 + two(3)?) * 60 + two(6)?) * SECOND;
    let mut after = &rest[8..];
    if let Some((b'.' | b',', fraction)) = after.split_first() {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        let mut unit = SECOND / 10;
        for digit in &fraction[..digits.min(6)] {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        after = &fraction[digits..];
    }
    micros -= zone(after);
    let words: Vec<&[u8]> = before
        .split(|b| !b.is_ascii_alphanumeric())
        .chain(after.split(|b| !b.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty() && *word != b"T")
        .collect();
    let year = words.iter().filter(|word| word.len() == 4).find_map(|word| number(word));
    let named = words.iter().position(|word| month(word).is_some());
    let (month, day) = if let Some(at) = named {
        (month(words[at])?, words.get(at + 1).and_then(|word| number(word)))
    } else {
        // The date's own numbers stand before the time.
        let mut numbers = before
            .split(|b| !b.is_ascii_digit())
            .filter(|word| matches!(word.len(), 1 | 2))
            .filter_map(number);
        match (numbers.next(), numbers.next()) {
            (Some(month @ 1..=12), Some(day)) => (month, Some(day)),
            _ => return Some(Wall { day: None, has_year: false, micros }),
        }
    };
    let day = day.filter(|day| (1..=31).contains(day))?;
    Some(Wall {
        day: Some(days(year.unwrap_or(1972), month, day)),
        has_year: year.is_some(),
        micros,
    })
}

/// Where a time of day `hh:mm:ss` begins.
fn clock_at(text: &[u8]) -> Option<usize> {
    text.windows(8).position(|w| {
        w.iter().enumerate().all(
            |(at, b)| {
                if matches!(at, 2 | 5) { *b == b':' } else { b.is_ascii_digit() }
            },
        )
    })
}

/// `+02:00`, `-0500`, in microseconds; nothing, `Z` and names of zones are 0: in one log they stay
/// the same, but for two hours of the year.
fn zone(text: &[u8]) -> i64 {
    let (sign, digits) = match text.split_first() {
        Some((b'+', digits)) => (1, digits),
        Some((b'-', digits)) => (-1, digits),
        _ => return 0,
    };
    let digits: Vec<u8> = digits.iter().copied().filter(u8::is_ascii_digit).take(4).collect();
    match number(&digits) {
        Some(n) if digits.len() == 4 => sign * ((n / 100) * 60 + n % 100) * 60 * SECOND,
        _ => 0,
    }
}

fn month(word: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let at = MONTHS.iter().position(|month| *month == word)?;
    i64::try_from(at).ok().map(|at| at + 1)
}

/// Digits that are nothing else.
fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use facts::Name;

    fn at(text: &str) -> When {
        When { time: Some(Name::from(text)), ..When::default() }
    }

    fn check(from: &str, to: &str, seconds: Option<u64>) {
        assert_eq!(
            between(&at(from), &at(to), true),
            seconds.map(|s| s * 1_000_000),
            "{from} to {to}"
        );
    }

    #[test]
    fn times_of_every_style_can_be_compared_with_their_like() {
        check("Dec  9 09:47:52", "Dec  9 09:48:02", Some(10));
        check("2024-05-26T06:17:40.5+02:00", "2024-05-26T04:17:50.5Z", Some(10));
        check("2024-02-28 23:59:59", "2024-03-01 00:00:00", Some(86_401));
        check("2023-02-28 23:59:59", "2023-03-01 00:00:00", Some(1));
        check("Wed Dec  6 23:54:11 2017", "Thu Dec  7 23:54:11 2017", Some(86_400));
        check("Thu 2025-10-23 23:13:58 EDT", "Thu 2025-10-23 23:14:58 EDT", Some(60));
        check("07-28 10:46:14.319", "07-28 10:46:15.319", Some(1));
        check("19:51:01", "19:51:05", Some(4));
    }

    #[test]
    fn a_new_year_and_midnight_do_not_turn_time_back() {
        check("Dec 31 23:59:58", "Jan  1 00:00:01", Some(3));
        check("23:59:58", "00:00:01", Some(3));
    }

    #[test]
    fn times_that_go_back_or_are_of_another_style_are_not_compared() {
        check("Dec  9 09:48:02", "Dec  9 09:47:52", None);
        check("Dec  9 09:48:02", "2024-12-09 09:48:03", None);
        check("soon", "later", None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in "[ -~]{0,12}[0-9]{2}:[0-9]{2}:[0-9]{2}[ -~]{0,24}") {
            let apart = apart(&at(&text), &at(&text), true);
            proptest::prop_assert!(matches!(apart, None | Some(0)));
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(2024, 12, 31), 20_088);
    }
}
