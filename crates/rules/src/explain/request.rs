//! What was asked for.
//!
//! # What it follows
//! `gfp_zone()` and `gfp_to_alloc_flags()`. The flags read here have kept their bits since 2.6.31,
//! whatever vendors and releases did to the higher ones.

use facts::oom_report::OomReport;
use facts::{Name, Release};
use units::{PageSize, Pages};

use super::report::Asker;
use crate::gfp;
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
    let has = |name| {
        gfp::value(name, release, gfp::Config::default()).is_some_and(|bits| mask & bits != 0)
    };
    let movable = has("__GFP_MOVABLE");
    let highest = if has("__GFP_DMA") {
        ZoneKind::Dma
    } else if has("__GFP_DMA32") {
        ZoneKind::Dma32
    } else if has("__GFP_HIGHMEM") && movable {
        ZoneKind::Movable
    } else if has("__GFP_HIGHMEM") {
        ZoneKind::HighMem
    } else {
        ZoneKind::Normal
    };
    let mut flags = AllocFlags::NONE;
    if has("__GFP_HIGH") {
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
    release: Release,
    page_size: PageSize,
) -> Option<Asker> {
    let trigger = report.trigger.as_ref();
    let flags = trigger.and_then(|trigger| trigger.gfp.as_ref());
    let decoded = |mask: u64| gfp::names(mask, release, gfp::Config::default());
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
        gfp: flags.map(|flags| flags.mask),
        gfp_names: flags.map(|flags| {
            flags.names.clone().unwrap_or_else(|| Name::from(decoded(flags.mask).as_str()))
        }),
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
