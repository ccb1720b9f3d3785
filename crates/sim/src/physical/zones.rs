//! Zones: how many pages are free, and who may have them.
//!
//! # What it follows
//! `get_page_from_freelist()` and `zone_watermark_ok()` in `mm/page_alloc.c`. The marks and reserves are
//! [`rules`]'. An order-0 request looks at the mark before each page, and only at the
//! free lists: a processor's own list ([`Pcp`]) may hold pages that nobody gets
//! while the mark is not met.
//!
//! # What it leaves out
//! Blocks, on machines of more than 4 GiB or where nobody counted them (`Profile::blocks`): a huge page
//! fits there wherever the count says that it does, and the marks are never raised. Elsewhere [`Buddy`]
//! has them. `ALLOC_NOFRAGMENT` (5.0): a zone is used up before the next one is, whatever it breaks.

use facts::Release;
use rules::watermark::{Marks, ZoneKind};
use units::Pages;

use super::buddy::Buddy;
use super::pcp::{Above, Pcp, Pool, Type};
use crate::page::HUGE;
use crate::policy::Stats;
use crate::profile::ZoneProfile;

/// Which mark a request looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The first attempt.
    Low,
    /// The slow path.
    Min,
    /// Who has been killed may have half of what is below (`ALLOC_OOM`, 4.14).
    Victim,
    /// kswapd's aim, and the last attempt before the OOM killer.
    High,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) node: u32,
    pub(crate) kind: ZoneKind,
    pub(crate) spanned: u64,
    pub(crate) present: u64,
    pub(crate) managed_at_init: u64,
    pub(crate) managed: u64,
    /// On the free lists (`NR_FREE_PAGES`).
    pub(crate) free: u64,
    /// On lists of processors.
    pub(crate) pcp: Pcp,
    pub(crate) marks: Marks,
    pub(crate) boost: u64,
    /// `vm.watermark_boost_factor`, since 5.0.
    pub(crate) boost_factor: u64,
    /// kswapd is to be woken, for the marks were raised (`ZONE_BOOSTED_WATERMARK`).
    pub(super) boosted: bool,
    /// Its free blocks, where the model keeps them.
    pub(super) blocks: Option<Box<Buddy>>,
    /// `lowmem_reserve`, by the kind of the highest zone that the request may use.
    pub(crate) protection: [u64; CLASSES],
    /// Where pages came from, and who asked.
    pub(crate) numa: Stats,
    /// Pages that a check of the marks counts as taken beside those asked for (2.6.36 to 3.2).
    pub(crate) extra: u64,
}

/// Kinds of zones that a request may name as its highest.
pub(crate) const CLASSES: usize = 5;
/// Those kinds, the lowest first.
pub(crate) const KINDS: [ZoneKind; CLASSES] =
    [ZoneKind::Dma, ZoneKind::Dma32, ZoneKind::Normal, ZoneKind::HighMem, ZoneKind::Movable];

/// The place of a kind among [`KINDS`].
pub(crate) fn class(kind: ZoneKind) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(CLASSES - 1)
}

impl Zone {
    /// A zone as the profile has it; marks and reserves are computed afterwards.
    pub(crate) fn new(release: Release, profile: &ZoneProfile) -> Zone {
        let zero = Pages::ZERO;
        let pcp = profile.pcp.min(profile.managed - profile.free.min(profile.managed));
        let two_too_many = release >= Release::old(2, 6, 36) && release < Release::new(3, 3);
        Zone {
            node: profile.node,
            kind: profile.kind,
            spanned: profile.spanned,
            present: profile.present,
            managed_at_init: profile.managed_at_init,
            managed: profile.managed,
            free: profile.free.min(profile.managed),
            pcp: Pcp::new(release, profile.managed, pcp),
            marks: Marks { min: zero, low: zero, high: zero, promo: None },
            boost: 0,
            boost_factor: if release >= Release::new(5, 0) { 15_000 } else { 0 },
            boosted: false,
            blocks: None,
            protection: [0; CLASSES],
            numa: Stats::default(),
            extra: if two_too_many { 2 } else { 0 },
        }
    }

    /// What must be exceeded for a request of one page (`__zone_watermark_ok()`).
    pub(crate) fn limit(&self, mark: Mark, class: usize) -> u64 {
        let Marks { min, low, high, .. } = self.marks;
        let mark = match mark {
            Mark::Low => low.count() + self.boost,
            Mark::Min => min.count() + self.boost,
            Mark::Victim => {
                let min = min.count() + self.boost;
                min - min / 2
            }
            Mark::High => high.count() + self.boost,
        };
        mark.saturating_add(self.protection[class]).saturating_add(self.extra)
    }

    /// Whether the mark is met, strictly.
    pub(crate) fn ok(&self, mark: Mark, class: usize) -> bool {
        self.free > self.limit(mark, class)
    }

    /// Takes up to `want` pages as order-0 requests do, one after the other while the mark is met: from
    /// the processor's list, which is refilled from the free lists. How many there were.
    pub(crate) fn take(&mut self, want: u64, kind: Type, mark: Mark, class: usize) -> u64 {
        let mut got = 0;
        while got < want {
            let above = self.above(mark, class);
            let mut pool = Pool::new(&mut self.free, self.blocks.as_deref_mut());
            got += self.pcp.take(want - got, kind, above, &mut pool);
            if !self.raise() {
                break;
            }
        }
        got
    }

    /// Takes pages whatever the marks say, of those that are there.
    pub(crate) fn take_any(&mut self, want: u64, kind: Type) {
        let high = self.limit(Mark::High, CLASSES - 1);
        let mut pool = Pool::new(&mut self.free, self.blocks.as_deref_mut());
        self.pcp.take_any(want, kind, high, &mut pool);
        self.raise();
    }

    /// Whether as many can be had while the mark is met.
    pub(crate) fn has(&self, want: u64, kind: Type, mark: Mark, class: usize) -> bool {
        let (mut pcp, mut free) = (self.pcp.clone(), self.free);
        let mut pool = Pool::new(&mut free, None);
        pcp.take(want, kind, self.above(mark, class), &mut pool) == want
    }

    /// Takes whole huge pages while the mark is met; how many pages.
    pub(crate) fn take_huge(&mut self, blocks: u64, mark: Mark, class: usize) -> u64 {
        let above = self.above(mark, class);
        let mut pool = Pool::new(&mut self.free, self.blocks.as_deref_mut());
        self.pcp.take_huge(blocks, above, &mut pool) * HUGE
    }

    /// Gives pages back: to the processor's list, and what is too many for it to the free lists.
    pub(crate) fn give(&mut self, pages: u64, kind: Type) {
        let mark = self.limit(Mark::High, CLASSES - 1);
        let mut pool = Pool::new(&mut self.free, self.blocks.as_deref_mut());
        self.pcp.give(pages, kind, mark, &mut pool);
    }

    /// `drain_all_pages()`.
    pub(crate) fn drain(&mut self) {
        self.pcp.drain_all(&mut Pool::new(&mut self.free, self.blocks.as_deref_mut()));
    }

    /// A second has passed; whether there is more to do.
    pub(crate) fn decay(&mut self) -> bool {
        self.pcp.decay(&mut Pool::new(&mut self.free, self.blocks.as_deref_mut()))
    }

    /// What was free, and what was on lists, at another moment.
    pub(super) fn lists(&self) -> (u64, Pcp) {
        (self.free, self.pcp.clone())
    }

    /// It is again as it was at that moment, after which pages of this kind were taken and nothing else.
    pub(super) fn undo(&mut self, (free, pcp): (u64, Pcp), kind: Type) {
        if let Some(blocks) = self.blocks.as_deref_mut() {
            blocks.give(kind, free.saturating_sub(self.free));
        }
        self.free = free;
        self.pcp = pcp;
    }

    /// `boost_watermark()`: pages of one type were taken for another. Whether that was so.
    fn raise(&mut self) -> bool {
        let times = self.blocks.as_deref_mut().map_or(0, Buddy::boosts);
        let most = self.marks.high.count().saturating_mul(self.boost_factor) / 10_000;
        // On small zones it would do more harm than good.
        if times > 0 && self.managed >= 4 * HUGE && most > 0 {
            self.boost = (self.boost + u64::from(times) * HUGE).min(most.max(HUGE));
            self.boosted = true;
        }
        times > 0
    }

    /// Everything that could be given out.
    pub(crate) fn unused(&self) -> u64 {
        self.free + self.pcp.count()
    }

    fn above(&self, mark: Mark, class: usize) -> Above {
        Above { limit: self.limit(mark, class), high: self.limit(Mark::High, class) }
    }
}
