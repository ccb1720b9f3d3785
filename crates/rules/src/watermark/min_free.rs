//! `vm.min_free_kbytes`, from which all marks follow.

use facts::Release;
use units::{PageSize, Pages};

use super::{MinFreeRule, WatermarkRules};

/// The `min_free_kbytes` that a kernel chooses at boot for so much low memory, kB; `None` before
/// 2.6, which had none.
///
/// `lowmem_kbytes` is `nr_free_buffer_pages()` in kB: [`free_buffer_pages`] while the marks are
/// still 0, that is all managed pages of the zones that `GFP_USER` reaches.
///
/// `init_per_zone_wmark_min()` (`init_per_zone_pages_min()` before 2.6.32), 2.6.0 to today: the
/// root is of `lowmem_kbytes * 16` since 2.6.11, the ceiling 16 MiB, then 64 MiB, and 256 MiB
/// since 5.7.
pub fn min_free_kbytes(release: Release, lowmem_kbytes: u64) -> Option<u64> {
    let MinFreeRule { factor, at_least, at_most } = WatermarkRules::of(release).min_free?;
    Some(lowmem_kbytes.saturating_mul(factor).isqrt().clamp(at_least, at_most))
}

/// What khugepaged raises `min_free_kbytes` to when transparent huge pages are on, kB.
///
/// `set_recommended_min_free_kbytes()`, since 2.6.38: two page blocks in each of `zones` populated
/// zones, and nine more (the square of three migrate types), at most a twentieth of
/// `free_buffer_pages`; never below `current`. Since 4.16 only zones up to the one `GFP_USER`
/// prefers count, all populated ones before. Machines under 512 MiB have huge pages off at boot.
pub fn khugepaged_min_free_kbytes(
    current: u64,
    zones: u64,
    pageblock: Pages,
    free_buffer_pages: Pages,
    page_size: PageSize,
) -> u64 {
    const PER_ZONE: u64 = 2 + 3 * 3;
    let recommended = pageblock.count().saturating_mul(zones).saturating_mul(PER_ZONE);
    let bounded = recommended.min(free_buffer_pages.count() / 20);
    bounded.saturating_mul(page_size.kib()).max(current)
}

/// `nr_free_buffer_pages()`: what lies above the high mark in the zones that `GFP_USER` reaches,
/// given their managed pages and high marks.
pub fn free_buffer_pages(zones: impl IntoIterator<Item = (Pages, Pages)>) -> Pages {
    zones.into_iter().map(|(managed, high)| managed.saturating_sub(high)).sum()
}
