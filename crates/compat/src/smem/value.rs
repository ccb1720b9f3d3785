//! Values as Python computes and prints them.

use std::cmp::Ordering;

use crate::Bugs;
use crate::printable::printable;

/// A number: an integer until a fraction meets it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Num {
    Int(i128),
    Float(f64),
}

impl Num {
    pub(super) const ZERO: Num = Num::Int(0);

    pub(super) fn float(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "as Python does")]
            Num::Int(number) => number as f64,
            Num::Float(number) => number,
        }
    }

    pub(super) fn plus(self, other: Num) -> Num {
        match (self, other) {
            (Num::Int(a), Num::Int(b)) => Num::Int(a.saturating_add(b)),
            (a, b) => Num::Float(a.float() + b.float()),
        }
    }

    pub(super) fn minus(self, other: Num) -> Num {
        match (self, other) {
            (Num::Int(a), Num::Int(b)) => Num::Int(a.saturating_sub(b)),
            (a, b) => Num::Float(a.float() - b.float()),
        }
    }

    /// The larger of both; itself when they are equal.
    pub(super) fn max(self, other: Num) -> Num {
        if other.compare(self) == Ordering::Greater { other } else { self }
    }

    pub(super) fn is_zero(self) -> bool {
        match self {
            Num::Int(number) => number == 0,
            Num::Float(number) => number == 0.0,
        }
    }

    pub(super) fn compare(self, other: Num) -> Ordering {
        match (self, other) {
            (Num::Int(a), Num::Int(b)) => a.cmp(&b),
            (a, b) => a.float().total_cmp(&b.float()),
        }
    }

    /// As `str()` shows it.
    fn text(self) -> String {
        match self {
            Num::Int(number) => number.to_string(),
            Num::Float(number) if number == 0.0 || (1e-4..1e16).contains(&number.abs()) => {
                shortest(number)
            }
            Num::Float(number) => {
                let text = format!("{number:e}");
                match text.split_once('e') {
                    Some((digits, power)) => {
                        let (sign, power) = match power.strip_prefix('-') {
                            Some(power) => ('-', power),
                            None => ('+', power),
                        };
                        format!("{digits}e{sign}{power:0>2}")
                    }
                    None => text.to_lowercase(),
                }
            }
        }
    }

    /// With the unit that fits, from KiB.
    pub(super) fn abbreviated(self) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let mut amount = self.float() * 1024.0;
        let mut unit = "";
        for next in ["", "K", "M", "G", "T"] {
            unit = next;
            if amount < 1024.0 {
                break;
            }
            amount /= 1024.0;
        }
        format!("{amount:.1}{unit}")
    }

    /// In percent of `total`.
    pub(super) fn percent(self, total: Num) -> String {
        if total.is_zero() {
            return "N/A".to_owned();
        }
        format!("{:.2}%", 100.0 * self.float() / total.float())
    }
}

/// The fewest digits that mean this number, at least one behind the point. Of two such texts that
/// are equally near, Python takes the even one.
fn shortest(number: f64) -> String {
    let text = number.to_string();
    let Some((_, digits)) = text.split_once('.') else { return text + ".0" };
    let rounded = format!("{number:.*}", digits.len());
    #[expect(clippy::float_cmp, reason = "it must be the same number")]
    let same = rounded.parse::<f64>().is_ok_and(|parsed| parsed == number);
    if same { rounded } else { text }
}

/// A cell of a table.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Num(Num),
    /// Bytes from outside, or a word of our own.
    Text(Vec<u8>),
}

impl Value {
    pub(super) fn int(number: impl Into<i128>) -> Value {
        Value::Num(Num::Int(number.into()))
    }

    pub(super) fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Num(a), Value::Num(b)) => a.compare(*b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Num(_), Value::Text(_)) => Ordering::Less,
            (Value::Text(_), Value::Num(_)) => Ordering::Greater,
        }
    }

    /// As it is shown.
    pub(super) fn text(&self, bugs: Bugs) -> String {
        match self {
            Value::Num(number) => number.text(),
            Value::Text(text) if bugs.kept() => String::from_utf8_lossy(text).into_owned(),
            Value::Text(text) => printable(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_print_as_in_python() {
        for (number, text) in [
            (481_343.0, "481343.0"),
            (0.5, "0.5"),
            (9_063_812_476.0 / 1024.0, "8851379.37109375"),
            (9_063_812_477.0 / 1024.0, "8851379.372070312"),
            (0.1, "0.1"),
            (0.0, "0.0"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
        ] {
            assert_eq!(Num::Float(number).text(), text);
        }
    }

    #[test]
    fn units_go_up_to_t_and_no_further() {
        for (kib, text) in [
            (0, "0"),
            (1, "1.0K"),
            (1023, "1023.0K"),
            (1024, "1.0M"),
            (1_572_864, "1.5G"),
            (1 << 40, "1.0T"),
            (-3, "-3072.0"),
        ] {
            assert_eq!(Num::Int(kib).abbreviated(), text, "{kib}");
        }
    }

    #[test]
    fn percent_of_nothing_is_not_available() {
        assert_eq!(Num::Int(1).percent(Num::ZERO), "N/A");
        assert_eq!(Num::Int(1).percent(Num::Int(8)), "12.50%");
    }

    #[test]
    fn a_fraction_is_catching() {
        let sum = Num::Int(1).plus(Num::Float(2.0)).minus(Num::Int(4));
        assert_eq!(sum.text(), "-1.0");
        assert_eq!(sum.max(Num::ZERO).text(), "0");
    }
}
