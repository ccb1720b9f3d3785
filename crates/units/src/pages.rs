//! Counts of pages, and the size of one.

use crate::Bytes;

/// A count of pages, as the kernel counts: of [`PageSize`] bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pages(u64);

impl Pages {
    /// No page at all.
    pub const ZERO: Pages = Pages(0);

    /// A count of pages.
    pub const fn new(count: u64) -> Self {
        Pages(count)
    }

    /// The count.
    pub const fn count(self) -> u64 {
        self.0
    }

    /// The only road from pages to bytes. `None` on overflow.
    pub fn to_bytes(self, size: PageSize) -> Option<Bytes> {
        self.0.checked_mul(size.bytes()).map(Bytes::new)
    }

    /// As [`Pages::to_bytes`], at most `u64::MAX` bytes: for display of numbers from outside.
    pub fn to_bytes_saturating(self, size: PageSize) -> Bytes {
        Bytes::new(self.0.saturating_mul(size.bytes()))
    }

    /// Sum, or `None` on overflow.
    pub fn checked_add(self, other: Pages) -> Option<Pages> {
        self.0.checked_add(other.0).map(Pages)
    }

    /// Sum, at most `u64::MAX` pages.
    #[must_use]
    pub fn saturating_add(self, other: Pages) -> Pages {
        Pages(self.0.saturating_add(other.0))
    }

    /// Difference, at least zero.
    #[must_use]
    pub fn saturating_sub(self, other: Pages) -> Pages {
        Pages(self.0.saturating_sub(other.0))
    }
}

impl std::iter::Sum for Pages {
    fn sum<I: Iterator<Item = Pages>>(iter: I) -> Pages {
        iter.fold(Pages::ZERO, Pages::saturating_add)
    }
}

/// The size of a page in bytes: a power of two, 4096 on most machines, up to 64 KiB on arm64 and
/// ppc64. It belongs to the machine looked at, never to the machine that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u32);

impl PageSize {
    /// 4 KiB, the size of x86 and the default elsewhere.
    pub const KIB_4: PageSize = PageSize(4096);

    /// A page size, if `bytes` is a power of two from 1 KiB to 1 MiB.
    pub fn new(bytes: u64) -> Option<PageSize> {
        let bytes = u32::try_from(bytes).ok()?;
        (bytes.is_power_of_two() && (1024..=1 << 20).contains(&bytes)).then_some(PageSize(bytes))
    }

    /// Bytes in a page.
    pub fn bytes(self) -> u64 {
        u64::from(self.0)
    }

    /// Kibibytes in a page, the factor between the kernel's pages and its `kB`.
    pub fn kib(self) -> u64 {
        self.bytes() / 1024
    }

    /// Whole pages in `bytes`, rounded down.
    pub fn pages_in(self, bytes: Bytes) -> Pages {
        Pages(bytes.get() / self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_bytes_only_with_a_page_size() {
        let size = PageSize::new(65536).unwrap();
        assert_eq!(Pages::new(3).to_bytes(size), Some(Bytes::new(196_608)));
        assert_eq!(Pages::new(u64::MAX).to_bytes(size), None);
    }

    #[test]
    fn odd_page_sizes_are_refused() {
        for bad in [0, 1, 512, 4095, 5000, 1 << 21, u64::MAX] {
            assert_eq!(PageSize::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn partial_pages_round_down() {
        assert_eq!(PageSize::KIB_4.pages_in(Bytes::new(8191)), Pages::new(1));
    }
}
