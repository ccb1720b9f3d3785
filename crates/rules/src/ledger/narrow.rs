//! Huge pages that kernels of 32 bits lose in `Pss`.
//!
//! `smaps_account()` in `fs/proc/task_mmu.c` since 5.3 computes `size << PSS_SHIFT` of a huge page in
//! an `unsigned long`, where 2 MiB times 4096 is 0. `Rss`, `Private_*` and `AnonHugePages` are right,
//! so that what was lost can be found again. What several map is counted page by page, and is not
//! lost.

use facts::{Name, Release, Shares, Snapshot};
use units::Bytes;

/// Whether this kernel is one of them.
pub(crate) fn loses_huge_pages(snapshot: &Snapshot) -> bool {
    let machine = snapshot.machine.as_ref().map(Name::as_bytes);
    let narrow = matches!(machine, Some(b"i386" | b"i486" | b"i586" | b"i686"));
    narrow && snapshot.kernel.release.is_none_or(|release| release >= Release::new(5, 3))
}

/// What `Pss` and `Pss_Anon` of a process lack.
pub(crate) fn lost_of(shares: &Shares) -> Bytes {
    lost(shares.private(), shares.pss(), shares.anon_huge())
}

/// What a share lacks: whole huge pages that are private and not in it. The share in what several map
/// hides a part of the gap, so that it is rounded up to whole pages of 2 MiB. Unknown sizes lack
/// nothing.
pub(crate) fn lost(private: Option<Bytes>, pss: Option<Bytes>, huge: Option<Bytes>) -> Bytes {
    const HUGE: u64 = 2 << 20;
    let gap = private.zip(pss).map(|(own, pss)| own.saturating_sub(pss).get());
    let Some((gap, huge)) = gap.zip(huge) else { return Bytes::ZERO };
    Bytes::new(gap.div_ceil(HUGE).saturating_mul(HUGE).min(huge.get()))
}
