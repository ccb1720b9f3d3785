//! Amounts as people read them: `1.20 GiB` in sentences, `1.20Gi` in columns, `?` when unknown.

use rules::rank::Frees;
use units::Bytes;

use crate::style::{Accent, Style};

/// For columns: `1.20Gi`, `512Mi`, `3.9Mi`, `0`.
pub(crate) fn short(bytes: Bytes) -> String {
    if bytes == Bytes::ZERO {
        return "0".to_owned();
    }
    let text = bytes.to_string().replace(' ', "");
    match text.strip_suffix("iB") {
        Some(number) => format!("{number}i"),
        None => text,
    }
}

/// For columns, the unit dimmed; `?` when unknown.
pub(crate) fn cell(bytes: Option<Bytes>, style: &Style) -> String {
    let Some(bytes) = bytes else { return "?".to_owned() };
    let text = short(bytes);
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    format!("{number}{}", style.paint(Accent::Dim, unit))
}

/// For sentences; `?` when unknown.
pub(crate) fn long(bytes: Option<Bytes>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |b| b.to_string())
}

/// What a kill gives back: exact, a range, or at most so much.
pub(crate) fn frees(frees: Option<Frees>, style: &Style) -> String {
    let Some(Frees { at_least, at_most }) = frees else { return "?".to_owned() };
    let signs = style.signs();
    let most = short(at_most);
    match at_least {
        None => format!("{}{most}", signs.at_most),
        Some(least) if short(least) == most => most,
        Some(least) => {
            let least = short(least);
            let unit =
                |text: &str| text.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).to_owned();
            let number = if unit(&least) == unit(&most) {
                least.trim_end_matches(|c: char| c.is_ascii_alphabetic()).to_owned()
            } else {
                least
            };
            format!("{number}{}{most}", signs.to)
        }
    }
}

/// Whole percent of a share, `<1 %` for what is not nothing.
pub(crate) fn share(part: Bytes, whole: Bytes) -> Option<String> {
    let percent = units::Percent::of(part.get(), whole.get())?;
    Some(if percent.hundredths() < 100 && part > Bytes::ZERO {
        "<1 %".to_owned()
    } else {
        format!("{percent:.0}")
    })
}

/// A span of time in its two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

/// `1 process`, `2 processes`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { one } else { many })
}

/// `1 234 567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Charset;

    const STYLE: Style = Style { width: None, charset: Charset::Utf8, color: false };

    fn freed(at_least: Option<u64>, at_most: u64) -> String {
        let frees_of = Frees { at_least: at_least.map(Bytes::new), at_most: Bytes::new(at_most) };
        frees(Some(frees_of), &STYLE)
    }

    #[test]
    fn columns_use_the_unit_without_its_last_letter() {
        assert_eq!(short(Bytes::new(0)), "0");
        assert_eq!(short(Bytes::new(1023)), "1023B");
        assert_eq!(short(Bytes::new(3 << 29)), "1.50Gi");
    }

    #[test]
    fn what_a_kill_frees_is_exact_a_range_or_a_bound() {
        assert_eq!(freed(Some(3 << 29), 3 << 29), "1.50Gi");
        assert_eq!(freed(Some(1 << 30), 3 << 29), "1.00–1.50Gi");
        assert_eq!(freed(Some(512 << 20), 3 << 29), "512Mi–1.50Gi");
        assert_eq!(freed(None, 3 << 29), "≤1.50Gi");
        assert_eq!(freed(Some(0), 3 << 29), "0–1.50Gi");
        assert_eq!(frees(None, &STYLE), "?");
    }

    #[test]
    fn spans_keep_two_units_and_numbers_are_grouped_by_three() {
        assert_eq!(span(59), "59 s");
        assert_eq!(span(3600), "1 h 0 min");
        assert_eq!(span(90_000), "1 d 1 h");
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(grouped(12), "12");
    }
}
