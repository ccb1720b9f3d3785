//! The rules of reclaim that a release chooses, once.

use facts::Release;

/// How the two kinds of pages share what reclaim scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Balance {
    /// By the pages scanned and found in use: up to 5.7.
    Rotated,
    /// By what bringing them back has cost: since 5.8.
    Cost,
}

/// When the page allocator gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// When a pass of direct reclaim freed nothing: up to 2.6.35.
    NoProgress,
    /// When every zone has been scanned six times over without success: up to 4.6.
    Scanned,
    /// When even everything reclaimable would not do (`should_reclaim_retry()`): since 4.7.
    Available,
}

/// The rules of reclaim.
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that one release changed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) balance: Balance,
    pub(crate) retry: Retry,
    /// New anonymous pages count as in use (up to 5.8).
    pub(crate) new_anon_active: bool,
    /// Evicted pages that come back soon are in use (3.15; anonymous ones 5.9).
    pub(crate) refaults: bool,
    pub(crate) anon_refaults: bool,
    /// Only part of what is reclaimable counts, the less the longer nothing comes of it (4.7 to 4.11).
    pub(crate) discounts: bool,
    /// A victim's second chance: one anonymous page that is in use is activated at once (up to 5.8).
    pub(crate) used_anon_activates: bool,
    /// The inactive list of files is compared as that of anonymous pages is (4.7).
    pub(crate) file_ratio: bool,
    /// The free pages of a zone that has nothing to reclaim count as reclaimable, and so twice where both are
    /// added: since 6.13, and in the long-lived series from their updates of January 2025 on.
    pub(crate) free_is_reclaimable: bool,
    /// How much is scanned goes by the pages in zones that the request may use: each zone's own lists up to 4.7,
    /// counts by zone since 4.11 (`lruvec_lru_size()`), whole lists between.
    pub(crate) counts_eligible: bool,
    /// Pages in other zones are passed over, and are the youngest of their list then (4.8).
    pub(crate) skipping_rotates: bool,
    /// kswapd is content when one zone is (4.8); all of them before.
    pub(crate) one_zone_balances: bool,
}

/// Series that get fixes of newer ones for years.
const LONG_LIVED: [(u16, u16); 6] = [(5, 4), (5, 10), (5, 15), (6, 1), (6, 6), (6, 12)];

impl Policy {
    pub(crate) fn of(release: Release) -> Policy {
        let since = |major, minor| release >= Release::new(major, minor);
        Policy {
            balance: if since(5, 8) { Balance::Cost } else { Balance::Rotated },
            retry: if since(4, 7) {
                Retry::Available
            } else if release >= Release::old(2, 6, 36) {
                Retry::Scanned
            } else {
                Retry::NoProgress
            },
            new_anon_active: !since(5, 9),
            refaults: since(3, 15),
            anon_refaults: since(5, 9),
            discounts: since(4, 7) && !since(4, 12),
            used_anon_activates: !since(5, 9),
            file_ratio: since(4, 7),
            free_is_reclaimable: since(6, 13)
                || LONG_LIVED.contains(&(release.major, release.minor)),
            counts_eligible: !since(4, 8) || since(4, 11),
            skipping_rotates: since(4, 8),
            one_zone_balances: since(4, 8),
        }
    }
}
