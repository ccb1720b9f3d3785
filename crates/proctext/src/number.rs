//! Files that hold one value, or one line of them.

use facts::Missing;
use units::{Bytes, Limit, PageSize};

use crate::line::{Report, decimal, words};

/// A file that is one decimal number: most of `/proc/sys`, `memory.swappiness`.
pub fn number(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Option<u64> {
    one(text, "a number", place, problems, decimal)
}

/// A file that is one line of decimal numbers, such as `/proc/sys/vm/lowmem_reserve_ratio`.
///
/// All or nothing: with one of them unreadable the places of the others are in doubt.
pub fn numbers(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Option<Vec<u64>> {
    let mut report = Report::new(place, problems);
    let expected = "a line of numbers";
    let whole = report.some_lines(text, expected);
    if whole.len() < text.len() || whole.is_empty() {
        return None;
    }
    let numbers: Option<Vec<u64>> = words(whole).map(decimal).collect();
    let numbers = numbers.filter(|numbers| !numbers.is_empty());
    if numbers.is_none() {
        report.malformed(1, expected, whole.trim_ascii());
    }
    numbers
}

/// A file that is one size in bytes: `memory.current`, `memory.usage_in_bytes`.
pub fn bytes(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Option<Bytes> {
    one(text, "a number of bytes", place, problems, |word| decimal(word).map(Bytes::new))
}

/// A limit of cgroup v2 (`memory.max`, `memory.high`, `memory.swap.max` …): bytes or `max`.
///
/// `seq_puts_memcg_tunable()`, 4.2 and later.
pub fn limit_v2(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Option<Limit<Bytes>> {
    one(text, "a number of bytes or `max`", place, problems, |word| match word {
        b"max" => Some(Limit::Max),
        _ => decimal(word).map(|bytes| Limit::At(Bytes::new(bytes))),
    })
}

/// A limit of cgroup v1 (`memory.limit_in_bytes` …), where "no limit" is a large number.
///
/// Which number depends on the release and the machine: `PAGE_COUNTER_MAX` pages since 3.19, that
/// is `LONG_MAX` rounded down to a page on 64-bit and 2³¹-1 pages on 32-bit; 2⁶³-1 or 2⁶⁴-1 before
/// (`RES_COUNTER_MAX`). From 2⁶³ less 1 MiB, the largest page size, everything means no limit.
pub fn limit_v1(
    text: &[u8],
    page_size: PageSize,
    place: &str,
    problems: &mut Vec<Missing>,
) -> Option<Limit<Bytes>> {
    const UNLIMITED: u64 = (1 << 63) - (1 << 20);
    let unlimited_32 = u64::from(i32::MAX.unsigned_abs()) * page_size.bytes();
    one(text, "a number of bytes", place, problems, |word| {
        let bytes = decimal(word)?;
        Some(match bytes {
            UNLIMITED.. => Limit::Max,
            _ if bytes == unlimited_32 => Limit::Max,
            _ => Limit::At(Bytes::new(bytes)),
        })
    })
}

/// The one word of a file, read by `parse`.
pub(crate) fn one<T>(
    text: &[u8],
    expected: &str,
    place: &str,
    problems: &mut Vec<Missing>,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    let word = text.trim_ascii();
    let value = parse(word);
    if value.is_none() {
        Report::new(place, problems).malformed(usize::from(!word.is_empty()), expected, word);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem<T>(
        parse: impl FnOnce(&mut Vec<Missing>) -> Option<T>,
    ) -> (Option<T>, Option<String>) {
        let mut problems = Vec::new();
        let value = parse(&mut problems);
        assert!(problems.len() <= 1);
        (value, problems.pop().map(|p| p.to_string()))
    }

    #[test]
    fn single_numbers_need_no_newline() {
        assert_eq!(problem(|p| number(b"60\n", "swappiness", p)), (Some(60), None));
        assert_eq!(problem(|p| number(b"60", "swappiness", p)), (Some(60), None));
    }

    #[test]
    fn an_empty_file_is_not_zero() {
        assert_eq!(
            problem(|p| number(b"\n", "swappiness", p)),
            (None, Some("swappiness: expected a number, found nothing".to_owned()))
        );
        assert_eq!(
            problem(|p| numbers(b"", "ratio", p)),
            (None, Some("ratio: expected a line of numbers, found nothing".to_owned()))
        );
        assert_eq!(
            problem(|p| numbers(b"\n", "ratio", p)),
            (None, Some("ratio: line 1: expected a line of numbers, found nothing".to_owned()))
        );
    }

    #[test]
    fn a_cut_line_of_numbers_is_not_believed() {
        let full = b"256\t256\t32\t0\t0\n";
        assert_eq!(problem(|p| numbers(full, "ratio", p)), (Some(vec![256, 256, 32, 0, 0]), None));
        for cut in 0..full.len() {
            let (value, problem) = problem(|p| numbers(&full[..cut], "ratio", p));
            assert_eq!(value, None, "cut at {cut}");
            assert!(problem.is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn max_is_no_limit_and_nothing_else_is() {
        assert_eq!(problem(|p| limit_v2(b"max\n", "m", p)), (Some(Limit::Max), None));
        assert_eq!(problem(|p| limit_v2(b"0\n", "m", p)), (Some(Limit::At(Bytes::ZERO)), None));
        assert_eq!(
            problem(|p| limit_v2(b"ma", "m", p)),
            (None, Some("m: line 1: expected a number of bytes or `max`, found ma".to_owned()))
        );
    }

    #[test]
    fn the_large_numbers_of_every_release_are_no_limit() {
        let limit = |text: &str, page: u64| {
            let page = PageSize::new(page).unwrap();
            let mut problems = Vec::new();
            let value = limit_v1(text.as_bytes(), page, "l", &mut problems);
            assert_eq!(problems, []);
            value.unwrap()
        };
        for max in ["9223372036854771712", "9223372036854775807", "18446744073709551615"] {
            assert_eq!(limit(max, 4096), Limit::Max, "{max}");
        }
        // 64 KiB pages: the same, also where the page size was only assumed.
        assert_eq!(limit("9223372036854710272", 65536), Limit::Max);
        assert_eq!(limit("9223372036854710272", 4096), Limit::Max);
        // 32-bit.
        assert_eq!(limit("8796093018112", 4096), Limit::Max);
        for real in ["8796093022208", "8796093014016", "1099511627776", "0"] {
            let bytes = Bytes::new(real.parse().unwrap());
            assert_eq!(limit(real, 4096), Limit::At(bytes), "{real}");
        }
    }
}
