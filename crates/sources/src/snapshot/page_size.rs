//! The page size of a machine whose source does not tell.
//!
//! The kernel prints some things in pages here and in KiB there. The two are read one after the
//! other and may have moved, so a quotient is rounded to the nearest power of two; and a size is
//! believed only when three quotients agree and none differs.

use facts::{Field, Snapshot};
use units::{Bytes, PageSize, Pages};

/// Few pages say little.
const ENOUGH_PAGES: u64 = 64;
/// So many comparisons must agree.
const ENOUGH_VOTES: u32 = 3;

/// Comparisons so far.
#[derive(Debug, Default)]
pub(super) struct PageSizes {
    size: Option<PageSize>,
    votes: u32,
    quarrel: bool,
}

impl PageSizes {
    /// Compares what is the same thing in bytes and in pages.
    pub(super) fn compare(&mut self, bytes: Bytes, pages: Pages) {
        let pages = pages.count();
        let quotient = bytes.get().checked_div(pages).filter(|_| pages >= ENOUGH_PAGES);
        let Some(size) = quotient.and_then(nearest_power).and_then(PageSize::new) else { return };
        self.quarrel |= self.size.is_some_and(|before| before != size);
        self.size = Some(size);
        self.votes += 1;
    }

    /// The size that all agree on.
    pub(super) fn agreed(&self) -> Option<PageSize> {
        self.size.filter(|_| self.votes >= ENOUGH_VOTES && !self.quarrel)
    }
}

/// From `meminfo`, which is in KiB, and `vmstat`, which is in pages.
pub(super) fn of_totals(snapshot: &Snapshot) -> Option<PageSize> {
    const PAIRS: [(Field, &str); 6] = [
        (Field::PageTables, "nr_page_table_pages"),
        (Field::AnonPages, "nr_anon_pages"),
        (Field::Mapped, "nr_mapped"),
        (Field::Shmem, "nr_shmem"),
        (Field::Unevictable, "nr_unevictable"),
        (Field::Mlocked, "nr_mlock"),
    ];
    let mut sizes = PageSizes::default();
    for (field, counter) in PAIRS {
        if let Some(pair) = snapshot.meminfo.get(field).zip(snapshot.vmstat.get(counter)) {
            sizes.compare(pair.0, Pages::new(pair.1));
        }
    }
    sizes.agreed()
}

fn nearest_power(number: u64) -> Option<u64> {
    let above = number.checked_next_power_of_two()?;
    let below = above / 2;
    Some(if above - number > number.saturating_sub(below) { below } else { above })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is agreed on after comparing these counts of pages, 5 % of which came later, with bytes.
    fn agreed(compared: &[(u64, u64)]) -> Option<u64> {
        let mut sizes = PageSizes::default();
        for &(pages, size) in compared {
            sizes.compare(Bytes::new(pages * size), Pages::new(pages + pages / 20));
        }
        sizes.agreed().map(PageSize::bytes)
    }

    #[test]
    fn the_page_size_is_found_by_comparing_pages_with_bytes() {
        for size in [4096, 16384, 65536] {
            assert_eq!(agreed(&[(70_000, size), (9_000, size), (500, size)]), Some(size));
        }
    }

    #[test]
    fn a_page_size_in_doubt_is_not_believed() {
        assert_eq!(agreed(&[(70_000, 4096), (9_000, 4096)]), None);
        assert_eq!(agreed(&[(70_000, 4096), (9_000, 4096), (10, 4096)]), None);
        assert_eq!(agreed(&[(700, 4096), (900, 4096), (500, 65536)]), None);
        assert_eq!(agreed(&[(700, 0), (900, 0), (500, 0)]), None);
    }

    #[test]
    fn totals_in_pages_and_in_bytes_are_compared_by_name() {
        let mut snapshot = Snapshot::unknown("test");
        for (field, counter, pages) in [
            (Field::AnonPages, "nr_anon_pages", 70_000),
            (Field::Mapped, "nr_mapped", 9_000),
            (Field::Shmem, "nr_shmem", 500),
        ] {
            snapshot.meminfo.set(field, Bytes::new(pages * 16384));
            snapshot.vmstat.lines.push((counter.into(), pages));
        }
        assert_eq!(of_totals(&snapshot), PageSize::new(16384));
    }
}
