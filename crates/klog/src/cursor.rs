//! Reading a line from left to right.

/// The rest of a line. Every method takes something from its front or leaves it alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Cursor { rest }
    }

    pub(crate) fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Takes `text` if it is next.
    pub(crate) fn eat(&mut self, text: &[u8]) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes blanks and then `text`, or nothing.
    pub(crate) fn eat_after_blanks(&mut self, text: &[u8]) -> bool {
        let before = self.rest;
        self.blanks();
        self.eat(text) || {
            self.rest = before;
            false
        }
    }

    /// The longest run of bytes that satisfy `keep`; may be empty.
    pub(crate) fn run(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|&b| !keep(b)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(len);
        self.rest = rest;
        run
    }

    /// The next word, up to a blank.
    pub(crate) fn word(&mut self) -> &'a [u8] {
        self.blanks();
        self.run(|b| !b.is_ascii_whitespace())
    }

    /// Decimal digits; `None`, and nothing taken, if there is none or the number is over 64 bits.
    pub(crate) fn number(&mut self) -> Option<u64> {
        /// Numbers of so many digits fit whatever they are.
        const SHORT: usize = 19;
        let (mut value, mut len) = (0u64, 0);
        for &b in self.rest {
            let digit = b.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            len += 1;
        }
        let value = match len {
            0 => return None,
            1..=SHORT => value,
            _ => decimal(&self.rest[..len])?,
        };
        self.rest = &self.rest[len..];
        Some(value)
    }

    /// As [`Cursor::number`], after blanks and an optional minus sign.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        /// Numbers of so many digits fit whatever they are.
        const SHORT: usize = 18;
        let before = self.rest;
        // Rows of task tables are made of these: blanks and few digits.
        let blanks = before.iter().take_while(|b| **b == b' ').count();
        let (mut value, mut end) = (0i64, blanks);
        while let Some(digit) = before.get(end).map(|b| b.wrapping_sub(b'0')).filter(|d| *d <= 9) {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
            end += 1;
        }
        if (1..=SHORT).contains(&(end - blanks)) {
            self.rest = &before[end..];
            return Some(value);
        }
        self.blanks();
        let minus = self.eat(b"-");
        let value = self
            .number()
            .and_then(|n| if minus { 0i64.checked_sub_unsigned(n) } else { i64::try_from(n).ok() });
        if value.is_none() {
            self.rest = before;
        }
        value
    }

    /// What [`Cursor::signed`] takes, if it is at most seven digits after blanks and before one, and
    /// the text goes on for as long as it takes to look at eight bytes at once; nothing otherwise.
    ///
    /// Tables of tasks are made of these.
    pub(crate) fn short_number(&mut self) -> Option<i64> {
        const EACH: u64 = 0x0101_0101_0101_0101;
        let eight = |text: &[u8]| text.first_chunk().map(|chunk| u64::from_le_bytes(*chunk));
        let mut text = self.rest;
        loop {
            let blanks = (eight(text)? ^ (EACH * 0x20)).trailing_zeros() / 8;
            text = &text[blanks as usize..];
            if blanks < 8 {
                break;
            }
        }
        // Digits become 0 to 9; in anything else the highest bit is or becomes set, at the latest by
        // a carry from below, where something else stands already.
        let digits = eight(text)? ^ (EACH * 0x30);
        let other = (digits.wrapping_add(EACH * 0x76) | digits) & (EACH * 0x80);
        let length = other.trailing_zeros() / 8;
        if !(1..8).contains(&length) || text[length as usize] != b' ' {
            return None;
        }
        // The last digit to the highest byte; then pairs, fours and all eight are put together.
        let digits = digits << (64 - 8 * length);
        let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
        let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
        let value = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
        self.rest = &text[length as usize..];
        i64::try_from(value).ok()
    }

    /// Digits after `0x`; `None` if there is none.
    pub(crate) fn hex(&mut self) -> Option<u64> {
        let before = self.rest;
        if !self.eat(b"0x") {
            return None;
        }
        let digits = self.run(|b| b.is_ascii_hexdigit());
        let value = (!digits.is_empty() && digits.len() <= 16)
            .then(|| std::str::from_utf8(digits).ok())
            .flatten()
            .and_then(|text| u64::from_str_radix(text, 16).ok());
        if value.is_none() {
            self.rest = before;
        }
        value
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// A decimal number that is nothing else.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &b| {
        let digit = b.checked_sub(b'0').filter(|d| *d <= 9)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Splits at the first `needle`.
pub(crate) fn split_once<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(text, needle)?;
    Some((&text[..at], &text[at + needle.len()..]))
}

/// Splits at the last `needle`.
pub(crate) fn rsplit_once<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::rfind(text, needle)?;
    Some((&text[..at], &text[at + needle.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_the_numbers_that_they_are_without_haste() {
        for text in [
            "1 ",
            "12 a",
            "   123 ",
            "        1234567 x",
            "12345678 ",
            "1234567",
            " 0 0 0 0 0 0",
            "1\t      ",
            "1:       ",
            "1/       ",
            "9a       ",
            "-1        ",
            "\t1       ",
            "        ",
            "                7               ",
            "1\u{b2}      ",
            "0000009 9999999 8765432 ",
            "",
        ] {
            let mut short = Cursor::new(text.as_bytes());
            while let before = short.rest
                && let Some(n) = short.short_number()
            {
                let mut slow = Cursor::new(before);
                assert_eq!((slow.signed(), slow.rest), (Some(n), short.rest), "{text}");
            }
        }
        let mut row = Cursor::new(b"       11496      352 1234567 1        ");
        let numbers = std::array::from_fn(|_| row.short_number());
        assert_eq!(numbers, [Some(11496), Some(352), Some(1_234_567), Some(1)]);
        assert_eq!(Cursor::new(b"12345678 9 ").short_number(), None);
        assert_eq!(Cursor::new(b"1\t       ").short_number(), None);
    }

    #[test]
    fn numbers_over_64_bits_are_not_taken() {
        let mut cursor = Cursor::new(b"18446744073709551616kB");
        assert_eq!(cursor.number(), None);
        assert_eq!(cursor.rest, b"18446744073709551616kB");
        assert_eq!(Cursor::new(b"18446744073709551615").number(), Some(u64::MAX));
        assert_eq!(Cursor::new(b" -9223372036854775808").signed(), Some(i64::MIN));
    }
}
