//! What is in pages, as far as it matters to whether two are equal.
//!
//! A page is filled with one byte or at random, and some of its bytes were set to 1 afterwards. Pages
//! made alike one after the other are one run.

use std::collections::BTreeMap;

use world::Content;

use crate::page::PAGE;
use crate::range_map::{RangeMap, Run};

/// The bytes of a page: two are equal if and only if their bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes {
    base: Base,
    /// Which bytes were set to 1 since, as a number of [`Contents::marks`]; 0: none.
    marks: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Base {
    /// Every byte is this one.
    Filled(u8),
    /// What the actor writes there: it follows from the seed and the page's address.
    Random { seed: u64, page: u64 },
}

impl Run for Bytes {
    fn skip(&self, by: u64) -> Bytes {
        match self.base {
            Base::Filled(_) => *self,
            Base::Random { seed, page } => {
                Bytes { base: Base::Random { seed, page: page + by }, ..*self }
            }
        }
    }
}

impl Bytes {
    /// A page that nobody has written to.
    pub(crate) const ZERO: Bytes = Bytes { base: Base::Filled(0), marks: 0 };

    /// As a key: different seeds can make the same bytes at different addresses.
    pub(crate) fn key(self) -> Bytes {
        match self.base {
            Base::Filled(_) => self,
            Base::Random { seed, page } => {
                Bytes { base: Base::Random { seed: seed ^ (page << 12), page: 0 }, ..self }
            }
        }
    }
}

/// The bytes of anonymous frames; those that are not here are zeros.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    frames: RangeMap<Bytes>,
    /// Sets of places in a page, sorted; number `n` is entry `n − 1`.
    marks: Vec<Vec<u16>>,
    numbers: BTreeMap<Vec<u16>, u32>,
}

impl Contents {
    pub(crate) fn get(&self, frame: u64) -> Bytes {
        self.frames.get(frame).map_or(Bytes::ZERO, |(_, bytes)| bytes)
    }

    /// Pages `page…` of an address space were written to, which have these frames: at `places` of each
    /// page where one byte is written.
    pub(crate) fn write(
        &mut self,
        frame: u64,
        count: u64,
        page: u64,
        content: Content,
        places: &[u16],
    ) {
        match content {
            Content::Byte(byte) => {
                let bytes = Bytes { base: Base::Filled(byte), marks: 0 };
                self.frames.set(frame, count, bytes);
            }
            Content::Random(seed) => {
                let bytes = Bytes { base: Base::Random { seed, page }, marks: 0 };
                self.frames.set(frame, count, bytes);
            }
            Content::OneByte => self.mark(frame, count, places),
        }
    }

    fn mark(&mut self, frame: u64, count: u64, places: &[u16]) {
        let mut at = frame;
        while at < frame + count {
            let (len, bytes) = match self.frames.get(at) {
                Some((len, bytes)) => (len, bytes),
                None => (self.frames.next_used(at).map_or(u64::MAX, |next| next - at), Bytes::ZERO),
            };
            let len = len.min(frame + count - at);
            if bytes.base != Base::Filled(1) {
                let marks = self.with(bytes.marks, places);
                if marks != bytes.marks {
                    self.frames.set(at, len, Bytes { marks, ..bytes });
                }
            }
            at += len;
        }
    }

    /// The number of a set with more places in it.
    fn with(&mut self, marks: u32, places: &[u16]) -> u32 {
        let known = marks.checked_sub(1).and_then(|at| self.marks.get(at as usize));
        let mut set = known.cloned().unwrap_or_default();
        for place in places {
            if let Err(at) = set.binary_search(place) {
                set.insert(at, *place);
            }
        }
        if let Some(number) = self.numbers.get(&set) {
            return *number;
        }
        self.marks.push(set.clone());
        let number = u32::try_from(self.marks.len()).unwrap_or(u32::MAX);
        self.numbers.insert(set, number);
        number
    }

    /// What zram makes of pages: of how many the answer is the same, and how many 64ths of a page each
    /// takes. Pages of one repeated word take nothing (`page_same_filled()`), what cannot be compressed
    /// takes the page.
    pub(crate) fn compressed(&self, frame: u64, count: u64) -> (u64, u8) {
        match self.frames.get(frame) {
            None => {
                let next = self.frames.next_used(frame).unwrap_or(u64::MAX);
                (count.min(next - frame), 0)
            }
            Some((len, bytes)) => {
                let parts = match bytes.base {
                    Base::Random { .. } => 64,
                    Base::Filled(_) if bytes.marks == 0 => 0,
                    Base::Filled(_) => 1,
                };
                (count.min(len), parts)
            }
        }
    }

    /// Pages were copied.
    pub(crate) fn copy(&mut self, from: u64, to: u64, count: u64) {
        let runs = self.frames.within(from, from + count);
        for (at, len, bytes) in runs {
            self.frames.set(to + (at - from), len, bytes);
        }
    }
}

/// The places in a page that accesses with a stride below the page size reach, from the first byte on;
/// the last of them lie in the next page.
pub(crate) fn places(address: u64, stride: u64, count: u64) -> Vec<u16> {
    let first = address % PAGE;
    if stride == 0 || stride >= PAGE || count <= 1 {
        return vec![u16::try_from(first).unwrap_or(0)];
    }
    let last = count.min((PAGE - first).div_ceil(stride));
    (0..last).filter_map(|at| u16::try_from(first + at * stride).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_written_alike_are_equal() {
        let mut contents = Contents::default();
        contents.write(10, 5, 100, Content::OneByte, &[0]);
        contents.write(20, 5, 200, Content::OneByte, &[0]);
        assert_eq!(contents.get(14).key(), contents.get(20).key());
        assert_ne!(contents.get(14).key(), contents.get(9).key());
        contents.write(12, 1, 102, Content::OneByte, &[8]);
        assert_ne!(contents.get(12).key(), contents.get(11).key());
        contents.write(22, 1, 202, Content::OneByte, &[8]);
        assert_eq!(contents.get(12).key(), contents.get(22).key());
        contents.write(12, 1, 102, Content::Byte(0), &[]);
        assert_eq!(contents.get(12), Bytes::ZERO);
        contents.write(30, 1, 1, Content::Byte(1), &[]);
        let ones = contents.get(30);
        contents.write(30, 1, 1, Content::OneByte, &[77]);
        assert_eq!(contents.get(30), ones, "a one was there");
    }

    #[test]
    fn random_pages_are_equal_with_the_same_seed_at_the_same_address() {
        let mut contents = Contents::default();
        contents.write(10, 5, 100, Content::Random(3), &[]);
        contents.write(20, 5, 100, Content::Random(3), &[]);
        contents.write(30, 5, 100, Content::Random(4), &[]);
        assert_eq!(contents.get(12).key(), contents.get(22).key());
        assert_ne!(contents.get(12).key(), contents.get(13).key());
        assert_ne!(contents.get(12).key(), contents.get(32).key());
        contents.copy(10, 40, 5);
        assert_eq!(contents.get(44), contents.get(14));
    }

    #[test]
    fn small_strides_write_to_many_places_of_a_page() {
        assert_eq!(places(0x1000, 4096, 9), [0]);
        assert_eq!(places(0x1800, 1024, 9), [2048, 3072]);
        assert_eq!(places(0x1001, 1, 3), [1, 2, 3]);
        assert_eq!(places(0x1001, 0, 3), [1]);
    }
}
