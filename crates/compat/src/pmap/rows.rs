//! Rows of texts, packed.
//!
//! A process may have tens of thousands of mappings, and neighbours have most of their texts in
//! common. So of each row only those texts are stored that differ from the row before: about 50 bytes
//! of the 150 that a mapping prints.

use std::ops::Range;

/// Rows of at most [`Rows::MOST`] texts each.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Of each row: how many texts it has, a bit for each that says whether it is stored, and those
    /// that are: the length in one byte or two, and the text.
    bytes: Vec<u8>,
    /// Where the texts of the last row are.
    last: Vec<Range<usize>>,
}

impl Rows {
    /// Most texts of a row.
    const MOST: usize = u8::MAX as usize;
    /// Most bytes of a text.
    const LONGEST: usize = (1 << 15) - 1;

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a row. Texts beyond the bounds are cut or left out.
    pub(super) fn push<'a>(&mut self, texts: impl Iterator<Item = &'a [u8]> + Clone) {
        let count = texts.clone().take(Rows::MOST).count();
        self.bytes.push(u8::try_from(count).unwrap_or(u8::MAX));
        let bits = self.bytes.len();
        self.bytes.resize(bits + count.div_ceil(8), 0);
        for (at, text) in texts.take(count).enumerate() {
            let text = &text[..text.len().min(Rows::LONGEST)];
            let before = self.last.get(at).map(|range| &self.bytes[range.clone()]);
            if before == Some(text) {
                continue;
            }
            self.bytes[bits + at / 8] |= 1 << (at % 8);
            let length = text.len();
            if length >= 0x80 {
                self.bytes.push(0x80 | u8::try_from(length >> 8).unwrap_or(0x7f));
            }
            self.bytes.push(u8::try_from(length & 0xff).unwrap_or_default());
            let start = self.bytes.len();
            self.bytes.extend_from_slice(text);
            let range = start..self.bytes.len();
            match self.last.get_mut(at) {
                Some(last) => *last = range,
                None => self.last.push(range),
            }
        }
        self.last.truncate(count);
    }

    pub(super) fn unpacked(&self) -> Unpacked<'_> {
        Unpacked { bytes: &self.bytes, at: 0, texts: Vec::new() }
    }
}

/// The rows one by one.
pub(super) struct Unpacked<'a> {
    bytes: &'a [u8],
    at: usize,
    texts: Vec<Range<usize>>,
}

impl<'a> Unpacked<'a> {
    /// The next row; it is valid until the one after it.
    pub(super) fn next(&mut self) -> Option<Row<'a, '_>> {
        let count = usize::from(self.byte()?);
        let bits = self.at;
        self.at += count.div_ceil(8);
        self.texts.truncate(count);
        for at in 0..count {
            if self.bytes.get(bits + at / 8)? & 1 << (at % 8) == 0 {
                continue;
            }
            let mut length = usize::from(self.byte()?);
            if length & 0x80 != 0 {
                length = (length & 0x7f) << 8 | usize::from(self.byte()?);
            }
            let range = self.at..self.at + length;
            self.at = range.end;
            match self.texts.get_mut(at) {
                Some(text) => *text = range,
                None => self.texts.push(range),
            }
        }
        Some(Row { bytes: self.bytes, texts: &self.texts })
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

/// A row.
pub(super) struct Row<'a, 'b> {
    bytes: &'a [u8],
    texts: &'b [Range<usize>],
}

impl<'a> Row<'a, '_> {
    /// A text of it, if it has so many.
    pub(super) fn get(&self, at: usize) -> Option<&'a [u8]> {
        self.bytes.get(self.texts.get(at)?.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn unpacked(rows: &Rows) -> Vec<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        let mut unpacked = rows.unpacked();
        while let Some(row) = unpacked.next() {
            all.push((0..).map_while(|at| row.get(at)).map(<[u8]>::to_vec).collect());
        }
        all
    }

    #[test]
    fn what_the_row_before_had_too_is_not_stored_again() {
        let mut rows = Rows::default();
        let name = "/usr/lib/x86_64-linux-gnu/libc.so.6".repeat(5);
        for number in 0..1000_u32 {
            let address = format!("{number:08x}");
            rows.push([address.as_bytes(), name.as_bytes(), b"0"].into_iter());
        }
        assert!(rows.bytes.len() < 1000 * 12, "{}", rows.bytes.len());
        let all = unpacked(&rows);
        assert_eq!(all.len(), 1000);
        assert_eq!(all[999], [b"000003e7".as_slice(), name.as_bytes(), b"0"]);
    }

    proptest! {
        #[test]
        fn rows_come_out_as_they_went_in(
            wanted in vec(vec(prop_oneof![vec(0_u8..3, 0..3), vec(0_u8..2, 120..400)], 0..20), 0..20)
        ) {
            let mut rows = Rows::default();
            for row in &wanted {
                rows.push(row.iter().map(Vec::as_slice));
            }
            prop_assert_eq!(rows.is_empty(), wanted.is_empty());
            prop_assert_eq!(unpacked(&rows), wanted);
        }
    }
}
