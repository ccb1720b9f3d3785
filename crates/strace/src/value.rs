//! Numbers, flags and strings as strace prints them.

use std::borrow::Cow;

use crate::args::bare;

/// A number: decimal, hexadecimal, octal, negative, `NULL`, a product (`8192*1024`), an address with
/// a comment. Negative ones are what the kernel's register holds.
pub(crate) fn number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x")
        && let Some(number) = plain(digits)
    {
        return Some(number);
    }
    let text = bare(text);
    if let Some((left, right)) = text.split_once('*') {
        return number(left)?.checked_mul(number(right)?);
    }
    match text {
        "NULL" => return Some(0),
        "RLIM64_INFINITY" | "RLIM_INFINITY" => return Some(u64::MAX),
        _ => {}
    }
    if let Some(digits) = text.strip_prefix('-') {
        return number(digits).map(u64::wrapping_neg);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => u64::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    }
}

/// Hexadecimal digits and nothing else, fewer than would overflow.
fn plain(digits: &str) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits.bytes().try_fold(0, |all, byte| Some(all << 4 | u64::from(digit(byte)?)))
}

/// Names joined by `|`, with numbers among them; also `21<<MAP_HUGE_SHIFT`, `21<<MFD_HUGE_SHIFT`.
pub(crate) fn flags(text: &str, named: impl Fn(&str) -> Option<u32>) -> Option<u32> {
    let mut all = 0;
    // A flag that strace has no name for stands there with a comment: `0x8 /* MAP_??? */|MAP_ANONYMOUS`.
    let text = without_comments(text);
    for part in bare(&text).split('|') {
        let part = part.trim();
        let value = match part.split_once("<<") {
            Some((count, "MAP_HUGE_SHIFT" | "MFD_HUGE_SHIFT")) => {
                u32::try_from(number(count)?).ok()? << 26
            }
            Some(_) => return None,
            None => match named(part) {
                Some(value) => value,
                // Numbers of 32 bits that were printed as negative, too.
                None => u32::try_from(number(part)? & 0xffff_ffff).ok()?,
            },
        };
        all |= value;
    }
    Some(all)
}

/// Without what stands between `/*` and `*/`.
fn without_comments(text: &str) -> Cow<'_, str> {
    let Some((before, comment)) = text.split_once("/*") else { return Cow::Borrowed(text) };
    let after = comment.split_once("*/").map_or("", |(_, after)| after);
    Cow::Owned(format!("{before}{}", without_comments(after)))
}

/// A descriptor: `3`, `-1`, `3</usr/lib/libc.so.6>`; what it is of, where that is printed.
pub(crate) fn descriptor(text: &str) -> Option<(i32, Option<String>)> {
    let text = bare(text);
    let (fd, path) = match text.split_once('<') {
        // `3</memfd:x>(deleted)`, too.
        Some((fd, path)) => (fd, path.rsplit_once('>').map(|(path, _)| path)),
        None => (text, None),
    };
    let fd = number(fd)? & 0xffff_ffff;
    let fd = i32::from_ne_bytes(u32::try_from(fd).ok()?.to_ne_bytes());
    Some((fd, path.map(unescape)))
}

/// The text between quotes, escapes undone; a string that strace cut short keeps what there is.
pub(crate) fn string(text: &str) -> Option<String> {
    let text = bare(text);
    let inner = text.strip_prefix('"')?;
    let inner = inner.strip_suffix("...").unwrap_or(inner);
    Some(unescape(inner.strip_suffix('"')?))
}

fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&next) = bytes.get(at) else { break };
        at += 1;
        match next {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'v' => out.push(0x0b),
            b'f' => out.push(0x0c),
            b'x' => {
                let digits = text.get(at..at + 2);
                if let Some(value) = digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
                    out.push(value);
                    at += 2;
                }
            }
            b'0'..=b'7' => {
                let mut value = u32::from(next - b'0');
                let most = at + 2;
                while let Some(digit @ b'0'..=b'7') = bytes.get(at).filter(|_| at < most) {
                    value = value * 8 + u32::from(digit - b'0');
                    at += 1;
                }
                out.push(u8::try_from(value & 0xff).unwrap_or(0));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_notation() {
        for (text, value) in [
            ("NULL", 0),
            ("4096", 4096),
            ("0x7f00", 0x7f00),
            ("0644", 0o644),
            ("0", 0),
            ("-1", u64::MAX),
            ("8192*1024", 8 << 20),
            ("0x3 /* PROT_READ|PROT_WRITE */", 3),
            ("length=4096", 4096),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "x", "0x", "12a", "99999999999999999999", "é"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn flags_mix_names_numbers_and_sizes_of_huge_pages() {
        let named = |name: &str| match name {
            "A" => Some(1),
            "B" => Some(2),
            _ => None,
        };
        assert_eq!(flags("A|B", named), Some(3));
        assert_eq!(flags("A|0x40", named), Some(0x41));
        assert_eq!(flags("A|21<<MAP_HUGE_SHIFT", named), Some(1 | 21 << 26));
        assert_eq!(flags("A|30<<MFD_HUGE_SHIFT", named), Some(1 | 30 << 26));
        assert_eq!(flags("0x8 /* B_??? */|A|0x20 /* C */", named), Some(0x29));
        assert_eq!(flags("0x8 /* never closed", named), Some(8));
        assert_eq!(flags("0x3 /* A|B */", named), Some(3));
        assert_eq!(flags("A|C", named), None);
    }

    #[test]
    fn descriptors_come_with_the_path_that_is_printed() {
        assert_eq!(descriptor("-1"), Some((-1, None)));
        assert_eq!(descriptor("fd=4294967295"), Some((-1, None)));
        assert_eq!(descriptor(r"3</a\74b>"), Some((3, Some("/a<b".to_owned()))));
    }

    #[test]
    fn strings_lose_their_quotes_and_escapes() {
        assert_eq!(string(r#""/bin/ls""#).as_deref(), Some("/bin/ls"));
        assert_eq!(string(r#""\x2f\142in\n"..."#).as_deref(), Some("/bin\n"));
        assert_eq!(string("0x55"), None);
    }
}
