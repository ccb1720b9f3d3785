//! Whether a zone may give out a block.

use facts::Release;
use units::Pages;

/// What sets a request apart (`ALLOC_*`), joined by `|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllocFlags(u8);

impl AllocFlags {
    /// An ordinary request.
    pub const NONE: AllocFlags = AllocFlags(0);
    /// `__GFP_HIGH` (`ALLOC_HIGH`, `ALLOC_MIN_RESERVE` since 6.3): half of `min`.
    pub const HIGH: AllocFlags = AllocFlags(1);
    /// `ALLOC_HARDER` until 6.2: cannot wait, or runs in real time; a quarter less.
    pub const HARDER: AllocFlags = AllocFlags(2);
    /// `ALLOC_NON_BLOCK`, since 6.3: cannot wait; a quarter less, and only with [`Self::HIGH`].
    pub const NON_BLOCK: AllocFlags = AllocFlags(4);
    /// `ALLOC_OOM`, since 4.14: comes from a victim of the OOM killer; half.
    pub const OOM: AllocFlags = AllocFlags(8);
    /// `ALLOC_HIGHATOMIC`, since 6.3: may use the blocks reserved for atomic requests.
    pub const HIGHATOMIC: AllocFlags = AllocFlags(16);
    /// `ALLOC_CMA`, since 3.5: may use contiguous memory areas.
    pub const CMA: AllocFlags = AllocFlags(32);
    /// `ALLOC_NO_WATERMARKS`: whatever is there.
    pub const NO_WATERMARKS: AllocFlags = AllocFlags(64);

    fn any(self, of: AllocFlags) -> bool {
        self.0 & of.0 != 0
    }
}

impl std::ops::BitOr for AllocFlags {
    type Output = AllocFlags;

    fn bitor(self, other: AllocFlags) -> AllocFlags {
        AllocFlags(self.0 | other.0)
    }
}

/// A request to one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Logarithm of the number of pages.
    pub order: u32,
    /// The mark in use: `low` at first, then `min`, and `high` before the OOM killer is called.
    pub mark: Pages,
    /// `lowmem_reserve` of the zone towards the highest zone the request may use.
    pub reserve: Pages,
    /// What sets it apart.
    pub flags: AllocFlags,
}

/// What is free in one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreePages<'a> {
    /// On the free lists.
    pub free: Pages,
    /// Free blocks of each order, as `/proc/buddyinfo` prints them. Since 4.4 the kernel looks for
    /// a block of a migrate type the request may use; this count knows none.
    pub blocks: &'a [u64],
    /// Of which reserved for atomic requests (4.4).
    pub highatomic: Pages,
    /// Of which in contiguous memory areas (3.5).
    pub cma: Pages,
}

/// Whether the zone may give out the block.
///
/// `__zone_watermark_ok()` (`zone_watermark_ok()` before 2.6.37), 2.6.11 to today. A request for
/// one page needs strictly more free pages than mark and reserve together. From 2.6.36 to 3.2 two
/// pages too many are asked for, as those kernels did.
pub fn watermark_ok(release: Release, request: Request, zone: FreePages<'_>) -> bool {
    let since = |major, minor| release >= Release::new(major, minor);
    let Request { order, mark, reserve, flags } = request;
    if flags.any(AllocFlags::NO_WATERMARKS) {
        return true;
    }
    let wanted = 1u64.checked_shl(order).unwrap_or(u64::MAX);
    let two_too_many = release >= Release::old(2, 6, 36) && !since(3, 3);
    let taken = if two_too_many { wanted.saturating_add(1) } else { wanted - 1 };
    let mut free = i128::from(zone.free.count()) - i128::from(taken);
    let mut min = lowered(release, mark.count(), flags);

    let may_use_highatomic = flags.any(if since(6, 3) {
        AllocFlags::HIGHATOMIC | AllocFlags::NON_BLOCK | AllocFlags::OOM
    } else {
        AllocFlags::HARDER | AllocFlags::OOM
    });
    if since(4, 4) && !may_use_highatomic {
        free -= i128::from(zone.highatomic.count());
    }
    if since(3, 5) && !flags.any(AllocFlags::CMA) {
        free -= i128::from(zone.cma.count());
    }
    if free <= i128::from(min) + i128::from(reserve.count()) {
        return false;
    }
    let order = usize::try_from(order).unwrap_or(usize::MAX);
    if since(4, 4) {
        return order == 0 || zone.blocks.iter().skip(order).any(|&count| count > 0);
    }
    // Blocks that are too small do not count, and half as much must be left at each order.
    for (shift, &count) in zone.blocks.iter().enumerate().take(order) {
        free -= i128::from(count) << shift.min(63);
        min >>= 1;
        if free <= i128::from(min) {
            return false;
        }
    }
    true
}

fn lowered(release: Release, mark: u64, flags: AllocFlags) -> u64 {
    let mut min = mark;
    let take = |min: &mut u64, share: u64| *min -= *min / share;
    if flags.any(AllocFlags::HIGH) {
        take(&mut min, 2);
    }
    if release >= Release::new(6, 3) {
        if flags.any(AllocFlags::HIGH) && flags.any(AllocFlags::NON_BLOCK) {
            take(&mut min, 4);
        }
        if flags.any(AllocFlags::OOM) {
            take(&mut min, 2);
        }
    } else if release >= Release::new(4, 14) && flags.any(AllocFlags::OOM) {
        take(&mut min, 2);
    } else if flags.any(AllocFlags::HARDER) {
        take(&mut min, 4);
    }
    min
}
