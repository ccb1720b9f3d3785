//! Text without a heap: the header of a trace, and names of files.

/// Text in a piece of memory of fixed size; what does not fit is left out.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Text { bytes: [0; N], len: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes = [0; N];
        self.len = 0;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// With all the zeros behind it.
    pub(crate) fn whole(&self) -> &[u8; N] {
        &self.bytes
    }

    /// Adds text; a zero stays behind it.
    pub(crate) fn add(&mut self, more: &[u8]) {
        for &byte in more {
            if self.len + 1 < N {
                self.bytes[self.len] = byte;
                self.len += 1;
            }
        }
    }

    /// Adds foreign text: what would end a line or the header is replaced.
    pub(crate) fn add_line(&mut self, name: &[u8], value: &[u8]) {
        self.add(name);
        self.add(b" ");
        for &byte in value.iter().take(1024) {
            self.add(&[if byte < b' ' { b' ' } else { byte }]);
        }
        self.add(b"\n");
    }

    pub(crate) fn add_number(&mut self, name: &[u8], mut number: u64, base: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b"0123456789abcdef"[(number % base) as usize];
            number /= base;
            if number == 0 {
                break;
            }
        }
        self.add(name);
        self.add(if base == 16 { b"0x" } else { b"" });
        self.add(&digits[at..]);
    }
}

/// A decimal number, up to the first other character.
pub(crate) fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}
