//! Numbers as people write them.

use units::Bytes;

/// A number without or with a unit of size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Bytes, an address, a count.
    Plain(u64),
    /// Pages.
    Pages(u64),
}

/// `4096`, `1_000`, `0x1000`, `1MiB`, `1.5GiB`, `3pages`; a sentence on what was expected otherwise.
pub(crate) fn number(text: &str) -> Result<Number, String> {
    let plain = text.replace('_', "");
    let too_large = || format!("`{text}` is more than 64 bits hold");
    if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("`{text}` is no hexadecimal number"));
        }
        return u64::from_str_radix(digits, 16).map(Number::Plain).map_err(|_| too_large());
    }
    if let Some(count) = plain.strip_suffix("pages").or_else(|| plain.strip_suffix("page")) {
        return whole(count.trim_end()).map(Number::Pages).ok_or_else(|| expected(text));
    }
    if plain.bytes().all(|b| b.is_ascii_digit()) && !plain.is_empty() {
        return plain.parse().map(Number::Plain).map_err(|_| too_large());
    }
    plain.parse::<Bytes>().map(|bytes| Number::Plain(bytes.get())).map_err(|_| expected(text))
}

fn expected(text: &str) -> String {
    format!("expected a size such as `1MiB`, `8 KiB`, `3 pages` or `0x1000`, found `{text}`")
}

fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `10ms`, `2s`, `1.5s`, in nanoseconds.
pub(crate) fn time(text: &str) -> Result<u64, String> {
    let error = || format!("expected a time such as `10ms`, `2 s` or `1min`, found `{text}`");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
    let (digits, unit) = text.split_at(split.ok_or_else(error)?);
    let unit: u64 = match unit.trim_start() {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        _ => return Err(error()),
    };
    let digits = digits.replace('_', "");
    let (number, fraction) = digits.split_once('.').unwrap_or((&digits, "0"));
    let number = whole(number).ok_or_else(error)?;
    if fraction.len() > 9 {
        return Err(error());
    }
    let scale = 10u64.pow(u32::try_from(fraction.len()).map_err(|_| error())?);
    let part =
        u128::from(whole(fraction).ok_or_else(error)?) * u128::from(unit) / u128::from(scale);
    let part = u64::try_from(part).map_err(|_| error())?;
    number.checked_mul(unit).and_then(|all| all.checked_add(part)).ok_or_else(error)
}

/// `2%`, `0.5%`, in thousandths of a percent.
pub(crate) fn milli_percent(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('%')?.trim_end();
    let (number, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = whole(number)?;
    if fraction.len() > 3 {
        return None;
    }
    let scale = 10u64.pow(3 - u32::try_from(fraction.len()).ok()?);
    number.checked_mul(1000)?.checked_add(whole(fraction)?.checked_mul(scale)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, value) in [
            ("4096", Number::Plain(4096)),
            ("0x1_000", Number::Plain(4096)),
            ("1MiB", Number::Plain(1 << 20)),
            ("1.5GiB", Number::Plain(3 << 29)),
            ("3141876kB", Number::Plain(3_141_876 << 10)),
            ("3pages", Number::Pages(3)),
            ("1page", Number::Pages(1)),
        ] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_said_so() {
        for text in ["", "MiB", "0x", "0xg", "1..5MiB", "99999999999999999999", "1e3", "3 sheep"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_nanoseconds() {
        assert_eq!(time("10ms"), Ok(10_000_000));
        assert_eq!(time("1.5s"), Ok(1_500_000_000));
        assert_eq!(time("2min"), Ok(120_000_000_000));
        for text in ["10", "s", "1h", "1.s", "999999999999s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percents_are_thousandths() {
        assert_eq!(milli_percent("2%"), Some(2000));
        assert_eq!(milli_percent("0.5%"), Some(500));
        assert_eq!(milli_percent("5"), None);
    }
}
