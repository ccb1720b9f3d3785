//! Every zone of the report against its marks, as the allocator tests it.
//!
//! # What it follows
//! `get_page_from_freelist()` with `zone_watermark_ok()`: `min` in the loop of
//! `__alloc_pages_slowpath()`, with what sets the request apart; and `high` in
//! `__alloc_pages_may_oom()` (2.6.11), where nothing sets it apart and contiguous areas do not count.
//!
//! # What it leaves out
//! The zones are printed a moment after the request has failed: what was freed in between is free
//! here. Tasks in real time go a quarter lower until 6.2, which the text does not show.

use facts::Release;
use facts::oom_report::{Buddy, OomReport, ZoneMemory};
use units::{Bytes, PageSize, Pages};

use super::report::{Retest, ZoneTest};
use super::request::Wanted;
use crate::watermark::{AllocFlags, FreePages, Request, ZoneKind, watermark_ok};

/// The request put to every zone of the report.
#[derive(Debug)]
pub(super) struct Zones<'a> {
    pub(super) all: Vec<Tested<'a>>,
    release: Release,
    page_size: PageSize,
    wanted: Option<Wanted>,
}

/// One zone.
#[derive(Debug)]
pub(super) struct Tested<'a> {
    pub(super) zone: &'a ZoneMemory,
    pub(super) kind: Option<ZoneKind>,
    pub(super) eligible: Option<bool>,
    pub(super) reserve: Option<Pages>,
}

/// A variation of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variation {
    pub(super) mark: Mark,
    pub(super) order: u32,
    pub(super) flags: AllocFlags,
    /// So much more free.
    pub(super) more: Pages,
    /// With what is kept for atomic requests.
    pub(super) with_reserved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Min,
    High,
    /// Another than the zone's own.
    At(Pages),
}

impl<'a> Zones<'a> {
    pub(super) fn new(
        report: &'a OomReport,
        wanted: Option<Wanted>,
        release: Release,
        page_size: PageSize,
    ) -> Zones<'a> {
        let zones = report.memory.as_ref().map_or(&[][..], |memory| &memory.zones);
        let kinds: Vec<ZoneKind> = zones.iter().filter_map(kind).collect();
        let all = zones
            .iter()
            .map(|zone| {
                let kind = kind(zone);
                let populated = zone.counters.managed.or(zone.counters.present);
                let eligible = wanted.and_then(|wanted| {
                    Some(kind? <= wanted.highest && populated != Some(Bytes::ZERO))
                });
                let reserve =
                    wanted.and_then(|wanted| reserve(zone, wanted.highest, &kinds, release));
                Tested { zone, kind, eligible, reserve }
            })
            .collect();
        Zones { all, release, page_size, wanted }
    }

    /// The zones that the request may use.
    pub(super) fn eligible(&self) -> impl Iterator<Item = &Tested<'a>> {
        self.all.iter().filter(|zone| zone.eligible == Some(true))
    }

    /// The test just before the kill.
    pub(super) fn last_test(&self) -> Option<Variation> {
        let wanted = self.wanted?;
        Some(Variation {
            mark: Mark::High,
            order: wanted.order,
            flags: AllocFlags::NONE,
            more: Pages::ZERO,
            with_reserved: false,
        })
    }

    /// The test while reclaim goes on.
    pub(super) fn slow_test(&self) -> Option<Variation> {
        let wanted = self.wanted?;
        Some(Variation { mark: Mark::Min, flags: wanted.flags, ..self.last_test()? })
    }

    /// Whether a zone passes; `None` when a figure is missing.
    pub(super) fn passes(&self, tested: &Tested<'_>, test: Variation) -> Option<bool> {
        let counters = &tested.zone.counters;
        let pages = |bytes: Bytes| self.page_size.pages_in(bytes);
        let mark = self.mark(tested, test)?;
        let blocks = self.blocks(tested.zone.buddy.as_ref(), test.flags, test.with_reserved);
        let reserved = if test.with_reserved { None } else { highatomic(tested.zone) };
        if test.order > 0 && blocks.is_empty() {
            return None;
        }
        let request =
            Request { order: test.order, mark, reserve: tested.reserve?, flags: test.flags };
        let free = FreePages {
            free: pages(counters.free?).checked_add(test.more)?,
            blocks: &blocks,
            highatomic: pages(reserved.unwrap_or(Bytes::ZERO)),
            cma: pages(counters.free_cma.unwrap_or(Bytes::ZERO)),
        };
        Some(watermark_ok(self.release, request, free))
    }

    fn mark(&self, tested: &Tested<'_>, test: Variation) -> Option<Pages> {
        let counters = &tested.zone.counters;
        Some(match test.mark {
            Mark::Min => self.page_size.pages_in(counters.min?),
            Mark::High => self.page_size.pages_in(counters.high?),
            Mark::At(pages) => pages,
        })
    }

    /// What a test that nothing sets apart compares; `None` if the zone fails it.
    pub(super) fn retest(&self, tested: &Tested<'_>, test: Variation) -> Option<Retest> {
        if self.passes(tested, test) != Some(true) {
            return None;
        }
        let zone = tested.zone;
        let wanted = Wanted { movable: false, order: test.order, ..self.wanted? };
        let more = test.more.to_bytes_saturating(self.page_size);
        let usable = self.usable(zone, wanted)?.checked_add(i64::try_from(more.get()).ok()?)?;
        let needed = self.mark(tested, test)?.saturating_add(tested.reserve?);
        Some(Retest { usable, needed: needed.to_bytes_saturating(self.page_size) })
    }

    /// Pages more that must be free for the last test to pass; `None` when more pages alone do not
    /// help, or when a figure is missing.
    pub(super) fn shortfall(&self, tested: &Tested<'_>) -> Option<Pages> {
        let last = self.last_test()?;
        let counters = &tested.zone.counters;
        let counted = |bytes: Option<Bytes>| {
            i128::from(self.page_size.pages_in(bytes.unwrap_or(Bytes::ZERO)).count())
        };
        let wanted = i128::from(1u64.checked_shl(last.order).filter(|&n| n > 0)?);
        let needed = counted(Some(counters.high?)) + i128::from(tested.reserve?.count()) + wanted;
        let usable = counted(Some(counters.free?))
            - counted(counters.free_cma)
            - counted(highatomic(tested.zone));
        // Two pages too many are asked for from 2.6.36 to 3.2: the test below decides.
        let short = u64::try_from((needed - usable).max(0)).ok()?;
        (short..=short.saturating_add(2))
            .map(Pages::new)
            .find(|&more| self.passes(tested, Variation { more, ..last }) == Some(true))
    }

    /// Free blocks by order that the request may use. Letters say of which kinds there is at least
    /// one block: without one that serves, the count is nothing. They are heeded since 4.4.
    fn blocks(&self, buddy: Option<&Buddy>, flags: AllocFlags, reserved: bool) -> Vec<u64> {
        let Some(buddy) = buddy else { return Vec::new() };
        let cma = flags | AllocFlags::CMA == flags;
        buddy
            .blocks
            .iter()
            .map(|block| match &block.types {
                Some(letters) if self.release >= Release::new(4, 4) => {
                    let serves = letters.as_bytes().iter().any(|letter| match letter {
                        b'U' | b'M' | b'E' => true,
                        b'C' => cma,
                        b'H' => reserved,
                        _ => false,
                    });
                    if serves { block.count } else { 0 }
                }
                _ => block.count,
            })
            .collect()
    }

    /// What a reader sees of a zone.
    pub(super) fn shown(&self, tested: &Tested<'_>) -> ZoneTest {
        let Tested { zone, eligible, reserve, .. } = tested;
        let counters = &zone.counters;
        let flags = self.wanted.map_or(AllocFlags::NONE, |wanted| wanted.flags);
        let blocks = self.blocks(zone.buddy.as_ref(), flags, false);
        let largest = blocks.iter().rposition(|&count| count > 0);
        ZoneTest {
            node: zone.node,
            zone: zone.name.clone(),
            eligible: *eligible,
            free: counters.free,
            free_cma: counters.free_cma,
            highatomic: highatomic(zone),
            usable: self.wanted.and_then(|wanted| self.usable(zone, wanted)),
            boost: counters.boost,
            min: counters.min,
            low: counters.low,
            high: counters.high,
            reserve: reserve.map(|pages| pages.to_bytes_saturating(self.page_size)),
            largest_block: match zone.buddy.as_ref() {
                Some(buddy) if !blocks.is_empty() => Some(
                    largest
                        .and_then(|order| buddy.blocks.get(order))
                        .map_or(Bytes::ZERO, |b| b.size),
                ),
                _ => None,
            },
            above_min: self.slow_test().and_then(|test| self.passes(tested, test)),
            above_high: self.last_test().and_then(|test| self.passes(tested, test)),
            single_above_min: self
                .slow_test()
                .and_then(|test| self.passes(tested, Variation { order: 0, ..test })),
        }
    }

    fn usable(&self, zone: &ZoneMemory, wanted: Wanted) -> Option<i64> {
        let bytes = |bytes: Option<Bytes>| i128::from(bytes.unwrap_or(Bytes::ZERO).get());
        let cma = if wanted.movable { None } else { zone.counters.free_cma };
        let beyond = 1u64.checked_shl(wanted.order)?.checked_sub(1)?;
        let usable = bytes(Some(zone.counters.free?))
            - bytes(cma)
            - bytes(highatomic(zone))
            - i128::from(beyond) * i128::from(self.page_size.bytes());
        i64::try_from(usable).ok()
    }
}

/// Whether blocks kept for atomic requests are free: the text says how much, or marks one with `H`.
/// Before 6.15 the reserve that is printed may be in use.
pub(super) fn has_free_reserve(zone: &ZoneMemory) -> bool {
    let marked = |letters: &facts::Name| letters.as_bytes().contains(&b'H');
    match zone.counters.free_highatomic {
        Some(free) => free > Bytes::ZERO,
        None => zone.buddy.as_ref().is_some_and(|buddy| {
            buddy.blocks.iter().any(|block| block.types.as_ref().is_some_and(marked))
        }),
    }
}

/// What the kernel takes off for atomic requests: what of the reserve is free where it says so
/// (printed since 6.15), all of it before.
pub(super) fn highatomic(zone: &ZoneMemory) -> Option<Bytes> {
    zone.counters.free_highatomic.or(zone.counters.reserved_highatomic)
}

fn kind(zone: &ZoneMemory) -> Option<ZoneKind> {
    ZoneKind::of(&zone.name.escaped())
}

/// The kinds of zones that kernels are built with; a zone's reserves are printed one for each.
const BUILDS: [&[ZoneKind]; 13] = {
    use ZoneKind::{Device, Dma, Dma32, HighMem, Movable, Normal};
    [
        &[Dma, Dma32, Normal, Movable, Device],
        &[Dma, Dma32, Normal, Movable],
        &[Dma, Dma32, Normal, HighMem],
        &[Dma, Normal, HighMem, Movable, Device],
        &[Dma, Normal, HighMem, Movable],
        &[Dma, Normal, HighMem],
        &[Dma, Normal, Movable, Device],
        &[Dma, Normal, Movable],
        &[Dma32, Normal, Movable, Device],
        &[Dma32, Normal, Movable],
        &[Normal, HighMem, Movable],
        &[Normal, Movable, Device],
        &[Normal, Movable],
    ]
};

/// The reserve of a zone towards a request: the entry of the highest zone that the request may use.
/// Which entry that is depends on how the kernel was built: `None` if builds that fit disagree.
fn reserve(
    zone: &ZoneMemory,
    highest: ZoneKind,
    seen: &[ZoneKind],
    release: Release,
) -> Option<Pages> {
    let reserves = zone.lowmem_reserve.as_ref()?;
    // Every build had DMA32 and HighMem, of some or no pages, from 2.6.15 to 2.6.18; Movable came
    // with 2.6.23, Device with 4.3.
    let has = |build: &[ZoneKind], kind| build.contains(&kind);
    let of_release = |build: &[ZoneKind]| {
        (!has(build, ZoneKind::Dma32)
            || !has(build, ZoneKind::HighMem)
            || release < Release::old(2, 6, 19))
            && (!has(build, ZoneKind::Movable) || release >= Release::old(2, 6, 23))
            && (!has(build, ZoneKind::Device) || release >= Release::new(4, 3))
    };
    let mut found = BUILDS
        .iter()
        .filter(|build| build.len() == reserves.len() && of_release(build))
        .filter(|build| seen.iter().all(|kind| build.contains(kind)))
        .filter_map(|build| build.iter().rposition(|kind| *kind <= highest))
        .filter_map(|index| reserves.get(index).copied());
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}
