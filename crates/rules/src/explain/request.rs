//! What was asked for.
//!
//! # What it follows
//! `gfp_zone()` and `gfp_to_alloc_flags()`. The bits read here have kept their places since 2.6.31,
//! whatever became of the higher ones: `__GFP_DMA` 1, `__GFP_HIGHMEM` 2, `__GFP_DMA32` 4,
//! `__GFP_MOVABLE` 8 (0x100000 from 2.6.24 to 2.6.30, none before), `__GFP_HIGH` 0x20.

use facts::Release;
use facts::oom_report::OomReport;
use units::{PageSize, Pages};

use super::report::Asker;
use crate::watermark::{AllocFlags, ZoneKind};

/// The request, as far as the text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) order: u32,
    /// The highest zone it may use.
    pub(super) highest: ZoneKind,
    /// Its pages can be moved away again.
    pub(super) movable: bool,
    /// What sets it apart while reclaim goes on.
    pub(super) flags: AllocFlags,
    /// No request at all: a page fault that gave up.
    pub(super) none: bool,
}

/// The request; `None` when the head of the report is lost, or when a person asked.
pub(super) fn wanted(report: &OomReport, release: Release) -> Option<Wanted> {
    let trigger = report.trigger.as_ref()?;
    let mask = trigger.gfp.as_ref()?.mask;
    // Until 2.6.12 the order is not printed; it was 0 or small.
    let order = u32::try_from(trigger.order.unwrap_or(0)).ok()?;
    let movable_bit = if release >= Release::old(2, 6, 31) {
        8
    } else if release >= Release::old(2, 6, 24) {
        0x10_0000
    } else {
        0
    };
    let has = |bit: u64| mask & bit != 0;
    let movable = has(movable_bit);
    let highest = if has(1) {
        ZoneKind::Dma
    } else if has(4) && release >= Release::old(2, 6, 15) {
        ZoneKind::Dma32
    } else if has(2) && movable {
        ZoneKind::Movable
    } else if has(2) {
        ZoneKind::HighMem
    } else {
        ZoneKind::Normal
    };
    let mut flags = AllocFlags::NONE;
    if has(0x20) {
        flags = flags | AllocFlags::HIGH;
    }
    if movable {
        flags = flags | AllocFlags::CMA;
    }
    Some(Wanted { order, highest, movable, flags, none: mask == 0 })
}

pub(super) fn asker(
    report: &OomReport,
    wanted: Option<Wanted>,
    page_size: PageSize,
) -> Option<Asker> {
    let trigger = report.trigger.as_ref();
    let gfp = trigger.and_then(|trigger| trigger.gfp.as_ref());
    let asker = Asker {
        name: trigger
            .and_then(|trigger| trigger.comm.clone())
            .or_else(|| report.reporter.comm.clone()),
        pid: report.reporter.pid,
        oom_score_adj: trigger.and_then(|trigger| trigger.oom_score_adj),
        order: wanted.filter(|_| trigger.is_some_and(|t| t.order.is_some())).map(|w| w.order),
        bytes: wanted.and_then(|w| {
            Pages::new(1u64.checked_shl(w.order).filter(|&n| n > 0)?).to_bytes(page_size)
        }),
        gfp: gfp.map(|gfp| gfp.mask),
        gfp_names: gfp.and_then(|gfp| gfp.names.clone()),
        highest_zone: wanted.map(|w| zone_name(w.highest)),
        movable: wanted.map(|w| w.movable),
    };
    (asker.name.is_some() || asker.pid.is_some() || asker.gfp.is_some()).then_some(asker)
}

/// The kernel's name of a kind of zone.
fn zone_name(kind: ZoneKind) -> &'static str {
    match kind {
        ZoneKind::Dma => "DMA",
        ZoneKind::Dma32 => "DMA32",
        ZoneKind::Normal => "Normal",
        ZoneKind::HighMem => "HighMem",
        ZoneKind::Movable => "Movable",
        ZoneKind::Device => "Device",
    }
}
