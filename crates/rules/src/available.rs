//! `MemAvailable`: the kernel's own estimate of what can be had without swapping.

use facts::Release;
use units::Pages;

/// What the estimate is made of, pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvailableInput {
    /// `MemFree`.
    pub free: Pages,
    /// `Active(file)` and `Inactive(file)`.
    pub file_lru: Pages,
    /// `KReclaimable`; `SReclaimable` on kernels that do not print it (before 4.20).
    pub reclaimable: Pages,
    /// The low marks of all zones together, as printed: boost and empty `ZONE_MOVABLE` included.
    pub low_marks: Pages,
    /// [`crate::reserve::totalreserve_pages`]; used since 4.6.
    pub totalreserve: Pages,
}

/// `MemAvailable`, pages.
///
/// `si_mem_available()` in `mm/show_mem.c` (`mm/page_alloc.c` before 6.4) since 4.6; from 3.14 to 4.5
/// `meminfo_proc_show()` took the low marks off the free pages, not the reserves. Earlier kernels
/// have no estimate; for them this is what 3.14 would have said.
///
/// Checked on 6.1, 6.12 and 6.18: equal to the page.
pub fn mem_available(release: Release, input: AvailableInput) -> Pages {
    let AvailableInput { free, file_lru, reclaimable, low_marks, totalreserve } = input;
    let kept = if release >= Release::new(4, 6) { totalreserve } else { low_marks };
    // Half of what could be reclaimed, or as much as the low marks, is assumed to be in use.
    let usable = |pages: Pages| {
        i128::from(pages.count()) - i128::from((pages.count() / 2).min(low_marks.count()))
    };
    let available = i128::from(free.count()) - i128::from(kept.count())
        + usable(file_lru)
        + usable(reclaimable);
    Pages::new(u64::try_from(available.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn available(release: &str, numbers: [u64; 5]) -> u64 {
        let [free, file_lru, reclaimable, low_marks, totalreserve] = numbers.map(Pages::new);
        let input = AvailableInput { free, file_lru, reclaimable, low_marks, totalreserve };
        mem_available(release.parse().unwrap(), input).count()
    }

    #[test]
    fn large_caches_lose_one_low_mark_each() {
        assert_eq!(available("6.18", [1000, 500, 400, 100, 300]), 1000 - 300 + 400 + 300);
    }

    #[test]
    fn small_caches_count_half() {
        assert_eq!(available("6.18", [1000, 51, 20, 100, 300]), 1000 - 300 + 26 + 10);
    }

    #[test]
    fn until_4_5_the_low_marks_are_kept_and_not_the_reserves() {
        assert_eq!(available("4.5", [1000, 0, 0, 100, 300]), 900);
        assert_eq!(available("4.6", [1000, 0, 0, 100, 300]), 700);
    }

    #[test]
    fn it_is_never_negative_and_never_overflows() {
        assert_eq!(available("6.1", [10, 0, 0, 100, 300]), 0);
        assert_eq!(available("6.1", [u64::MAX; 5]), u64::MAX);
    }

    #[test]
    fn what_a_running_6_18_printed_is_met_to_the_page() {
        let low_marks = 56 + 11_397 + 9663 + 32;
        let totalreserve = 3840 + (2560 + 13_676) + 11_595;
        let file_lru = (533_536 + 958_208) / 4;
        let numbers = [22_893_208 / 4, file_lru, 170_836 / 4, low_marks, totalreserve];
        assert_eq!(available("6.18", numbers), 24_259_920 / 4);
    }
}
