//! The values that a place takes.

use std::fmt;

use super::random;
use crate::number::{Number, number, time};

/// What a value counts, which decides how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Plain,
    /// Bytes; drawn values are whole pages of 4 KiB.
    Bytes,
    /// Pages.
    Pages,
    /// Nanoseconds.
    Time,
}

/// A value of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    /// How much.
    pub amount: i64,
    /// Of what.
    pub kind: Kind,
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Kind) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Kind) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

impl fmt::Display for Value {
    /// As a scenario has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = self.amount;
        match self.kind {
            Kind::Plain => write!(f, "{amount}"),
            Kind::Bytes => write!(f, "{amount}B"),
            Kind::Pages => write!(f, "{amount}pages"),
            Kind::Time => write!(f, "{amount}ns"),
        }
    }
}

/// Which values a place takes in many runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// These, one after the other.
    List(Vec<Value>),
    /// Any from the first to the last, each as likely.
    Between(Value, Value),
    /// Any from the first to the last; each doubling is as likely.
    Doubling(Value, Value),
}

/// Text that is no list of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValues(String);

impl fmt::Display for BadValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadValues {}

/// Most values that a range is divided into.
const MOST: u64 = 1_000_000;

impl Values {
    /// `1..4GiB`, `log:1MiB..1GiB`, `0..100/5` (five values, evenly apart), `log:1MiB..1GiB/11`,
    /// `60,100,200`.
    ///
    /// # Errors
    /// What was expected, in a sentence.
    pub fn parse(text: &str) -> Result<Values, BadValues> {
        let (doubling, rest) = match text.strip_prefix("log:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let Some((low, high)) = rest.split_once("..") else {
            if doubling {
                return Err(BadValues(format!("expected `log:LOW..HIGH`, found `{text}`")));
            }
            let list: Result<Vec<Value>, BadValues> =
                text.split(',').map(|one| value(one.trim(), None)).collect();
            return list.map(Values::List);
        };
        let (high, steps) = match high.split_once('/') {
            Some((high, steps)) => {
                let count = steps.parse::<u64>().ok().filter(|count| (2..=MOST).contains(count));
                let wrong = || BadValues(format!("`{steps}` is no number of values from 2 on"));
                (high, Some(count.ok_or_else(wrong)?))
            }
            None => (high, None),
        };
        let high = value(high, None)?;
        let low = value(low, Some((high.kind, rest)))?;
        if low.kind != high.kind {
            return Err(BadValues(format!("the ends of `{rest}` are not of one kind")));
        }
        if low > high {
            return Err(BadValues(format!("`{rest}` ends before it begins")));
        }
        if doubling && low.amount <= 0 {
            return Err(BadValues(format!("doubling never leaves {}", low.amount)));
        }
        Ok(match (steps, doubling) {
            (None, false) => Values::Between(low, high),
            (None, true) => Values::Doubling(low, high),
            (Some(count), _) => {
                let whole = 1u64 << 53;
                let each = |nth| {
                    let share = u128::from(whole) * u128::from(nth) / u128::from(count - 1);
                    let share = u64::try_from(share).unwrap_or(whole);
                    if nth + 1 == count { high } else { part(low, high, share, doubling) }
                };
                Values::List((0..count).map(each).collect())
            }
        })
    }

    /// How many values there are; `None`: as many as one likes.
    pub fn count(&self) -> Option<usize> {
        match self {
            Values::List(list) => Some(list.len()),
            Values::Between(..) | Values::Doubling(..) => None,
        }
    }

    /// The value of a run: of a list the `nth`, round and round, otherwise one by `seed`.
    pub fn value(&self, nth: u64, seed: u64) -> Value {
        match self {
            Values::List(list) => {
                let count = u64::try_from(list.len().max(1)).unwrap_or(1);
                let at = usize::try_from(nth % count).unwrap_or(0);
                list.get(at).copied().unwrap_or(Value { amount: 0, kind: Kind::Plain })
            }
            Values::Between(low, high) => {
                let mut seed = seed;
                part(*low, *high, random(&mut seed) >> 11, false)
            }
            Values::Doubling(low, high) => {
                let mut seed = seed;
                part(*low, *high, random(&mut seed) >> 11, true)
            }
        }
    }

    /// The ends of a range, or the least and the greatest of a list.
    pub fn ends(&self) -> Option<(Value, Value)> {
        match self {
            Values::List(list) => Some((*list.iter().min()?, *list.iter().max()?)),
            Values::Between(low, high) | Values::Doubling(low, high) => Some((*low, *high)),
        }
    }
}

/// The value at a share, in 2^53ths, of the way between two.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a drawn value may be off by its last bits"
)]
fn part(low: Value, high: Value, share: u64, doubling: bool) -> Value {
    let share = share as f64 / (1u64 << 53) as f64;
    let (from, to) = (low.amount as f64, high.amount as f64);
    let at = if doubling { from * (to / from).powf(share) } else { from + (to - from) * share };
    // Plain numbers are few: each of them, the last one too, is as likely.
    let whole = match low.kind {
        Kind::Plain if !doubling => (from + (to - from + 1.0) * share).floor(),
        _ => at.round(),
    };
    let amount = (whole as i64).clamp(low.amount, high.amount);
    let amount = match low.kind {
        // Whole pages, unless there is none between the ends.
        Kind::Bytes => Some(amount - amount.rem_euclid(4096))
            .filter(|amount| (low.amount..=high.amount).contains(amount))
            .unwrap_or(amount),
        _ => amount,
    };
    Value { amount, kind: low.kind }
}

/// A value as it is written; one without a unit takes that of the other end of its range.
fn value(text: &str, other: Option<(Kind, &str)>) -> Result<Value, BadValues> {
    let (minus, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let unit = match other {
        // The unit of `4GiB`, for the 1 of `1..4GiB`.
        Some((kind, whole)) if plain && kind != Kind::Plain => {
            let tail = whole.rsplit("..").next().unwrap_or("");
            let tail = tail.split('/').next().unwrap_or("");
            tail.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '_')).trim()
        }
        _ => "",
    };
    let text = format!("{digits}{unit}");
    let wrong = || BadValues(format!("expected a number, a size or a time, found `{text}`"));
    let (amount, kind) = if let Ok(nanoseconds) = time(&text) {
        (nanoseconds, Kind::Time)
    } else {
        match number(&text).map_err(|_| wrong())? {
            Number::Pages(count) => (count, Kind::Pages),
            Number::Plain(count) if text.bytes().all(|b| b.is_ascii_digit() || b == b'_') => {
                (count, Kind::Plain)
            }
            Number::Plain(bytes) => (bytes, Kind::Bytes),
        }
    };
    let amount = i64::try_from(amount).map_err(|_| wrong())?;
    Ok(Value { amount: if minus { -amount } else { amount }, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Values {
        Values::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn mib(amount: i64) -> Value {
        Value { amount: amount << 20, kind: Kind::Bytes }
    }

    #[test]
    fn ranges_share_the_unit_of_their_end() {
        assert_eq!(parse("1..4GiB"), Values::Between(mib(1024), mib(4096)));
        assert_eq!(parse("512MiB..4GiB"), Values::Between(mib(512), mib(4096)));
        let plain = |amount| Value { amount, kind: Kind::Plain };
        assert_eq!(parse("-500..500"), Values::Between(plain(-500), plain(500)));
        let time = |amount| Value { amount, kind: Kind::Time };
        assert_eq!(parse("1..3ms"), Values::Between(time(1_000_000), time(3_000_000)));
    }

    #[test]
    fn lists_and_steps_are_taken_in_turn() {
        let list = |text: &str| match parse(text) {
            Values::List(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(list("60,100,200"), ["60", "100", "200"]);
        assert_eq!(list("0..100/5"), ["0", "25", "50", "75", "100"]);
        assert_eq!(list("log:1..4MiB/3"), ["1048576B", "2097152B", "4194304B"]);
        let values = parse("1,2,3");
        assert_eq!((values.value(4, 9).amount, values.count()), (2, Some(3)));
    }

    #[test]
    fn drawn_values_stay_in_range_and_follow_the_seed() {
        for text in ["1..4GiB", "log:1MiB..1GiB", "3..7", "5..5", "1B..2B"] {
            let values = parse(text);
            let (low, high) = values.ends().expect("ends");
            for seed in 0..200 {
                let value = values.value(0, seed);
                assert!((low..=high).contains(&value), "{text} {value}");
                assert_eq!(value, values.value(1, seed));
                if value.kind == Kind::Bytes && text.contains('i') {
                    assert_eq!(value.amount % 4096, 0, "{text} {value}");
                }
            }
        }
        let drawn: std::collections::BTreeSet<i64> =
            (0..200).map(|seed| parse("3..7").value(0, seed).amount).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_is_no_range_is_told() {
        for text in ["", "a", "1..", "4..1", "log:0..9", "log:5", "1..9/1", "1ms..4GiB", "1..9/x"] {
            assert!(Values::parse(text).is_err(), "{text}");
        }
    }
}
