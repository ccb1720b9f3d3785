//! What would have prevented the kill: each found by arithmetic and tried by running the kernel's
//! own test again. What does not pass the test is not said.

use facts::oom_report::OomReport;
use units::{Bytes, PageSize, Pages, ScoreAdj};

use super::choice::{Change, Election};
use super::memory;
use super::report::{Cause, Choice, GroupState, LimitState, Prevention, SwapState};
use super::request::Wanted;
use super::zones::{Variation, Zones};

/// What the trials need to know.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) report: &'a OomReport,
    pub(super) cause: &'a Cause,
    pub(super) wanted: Option<Wanted>,
    pub(super) zones: &'a Zones<'a>,
    pub(super) swap: Option<SwapState>,
    pub(super) group: Option<&'a GroupState>,
    pub(super) choice: Option<&'a Choice>,
    pub(super) election: Option<&'a Election<'a>>,
    pub(super) page_size: PageSize,
}

pub(super) fn prevention(case: &Case<'_>) -> Vec<Prevention> {
    let mut found = match case.cause {
        Cause::Exhausted | Cause::ReclaimStalled | Cause::LowZone { .. } => of_machine(case),
        Cause::Fragmented { .. }
        | Cause::OnlyContiguousAreas { .. }
        | Cause::OnlyAtomicReserve { .. } => of_blocks(case),
        Cause::GroupLimit | Cause::GroupSwapLimit => of_group(case),
        Cause::NothingMissing | Cause::PageFault | Cause::Manual | Cause::Unknown => Vec::new(),
    };
    found.extend(adjustment(case));
    found
}

fn of_machine(case: &Case<'_>) -> Vec<Prevention> {
    let mut found = of_blocks(case);
    let least = case
        .zones
        .eligible()
        .filter_map(|zone| Some((case.zones.shortfall(zone)?, zone)))
        .min_by_key(|(short, _)| *short);
    let Some((short, zone)) = least else { return found };
    let bytes = short.to_bytes_saturating(case.page_size);
    found.push(Prevention::FreeMore { node: zone.zone.node, zone: zone.zone.name.clone(), bytes });
    let Some(memory) = &case.report.memory else { return found };
    if matches!(case.cause, Cause::LowZone { .. }) {
        // What would go to swap, and huge pages, lie mostly in the zones that have room anyway.
        return found;
    }
    let counters = &memory.counters;
    let movable = [counters.active_anon, counters.inactive_anon]
        .into_iter()
        .flatten()
        .fold(Pages::ZERO, Pages::saturating_add)
        .to_bytes_saturating(case.page_size);
    if let Some(SwapState { total: Some(total), free }) = case.swap {
        let full = total == Bytes::ZERO || free.is_some_and(|free| free < bytes);
        if full && movable >= bytes {
            let had_none = total == Bytes::ZERO;
            found.push(Prevention::Swap { bytes, movable, had_none });
        }
    }
    let unused = memory::unused_huge_pages(memory);
    if unused >= bytes && unused > Bytes::ZERO {
        found.push(Prevention::HugePool { unused });
    }
    found
}

/// Single pages in place of a block, where that passes.
fn of_blocks(case: &Case<'_>) -> Vec<Prevention> {
    let (Some(slow), Some(wanted)) = (case.zones.slow_test(), case.wanted) else {
        return Vec::new();
    };
    let single = Variation { order: 0, ..slow };
    let serves = case.zones.eligible().any(|z| case.zones.passes(z, single) == Some(true));
    if wanted.order > 0 && serves { vec![Prevention::SinglePages] } else { Vec::new() }
}

fn of_group(case: &Case<'_>) -> Vec<Prevention> {
    let Some(group) = case.group else { return Vec::new() };
    let mut found = Vec::new();
    let hit = match case.cause {
        Cause::GroupSwapLimit => group.memory_swap,
        _ => group.memory,
    };
    if let Some(LimitState { usage: Some(usage), limit: Some(limit), .. }) = hit {
        // The usage was read after the charge had failed: the request comes on top.
        let order = case.wanted.map_or(0, |wanted| wanted.order);
        let request = Pages::new(1u64.checked_shl(order).unwrap_or(u64::MAX));
        let at_least = usage.max(limit).saturating_add(request.to_bytes_saturating(case.page_size));
        found.push(Prevention::GroupLimit { at_least, more: at_least.saturating_sub(limit) });
    }
    if let Some(LimitState { usage: Some(usage), limit: Some(limit), .. }) = group.swap
        && usage >= limit
    {
        let anon = case.report.memcg.as_ref().and_then(|block| {
            let counters = &block.stats.first()?.counters;
            counters.get("inactive_anon")?.checked_add(counters.get("active_anon")?)
        });
        if let Some(movable) = anon.map(Bytes::new).filter(|&bytes| bytes > Bytes::ZERO) {
            found.push(Prevention::GroupSwap { movable, limit });
        }
    }
    found
}

/// The highest adjustment with which the chosen would have lived, and who dies then.
fn adjustment(case: &Case<'_>) -> Option<Prevention> {
    let (election, choice) = (case.election?, case.choice?);
    if choice.agrees != Some(true) {
        return None;
    }
    let total = election.total()?;
    let chosen = election.winner(total, Change::default())?;
    let from = election.rows.get(chosen)?.oom_score_adj?;
    let lives = |adj: i64| {
        let adj = ScoreAdj::new(adj).ok()?;
        let change = Change { adjust: Some((chosen, adj)), ..Change::default() };
        let then = election.winner(total, change)?;
        (then != chosen).then_some((adj, then))
    };
    // Points only fall with the adjustment, so the border is found by halving.
    let (mut lowest, mut highest) = (-999, from.get() - 1);
    lives(lowest)?;
    while lowest < highest {
        let middle = highest - (highest - lowest) / 2;
        if lives(middle).is_some() {
            lowest = middle;
        } else {
            highest = middle - 1;
        }
    }
    let (to, then) = lives(lowest)?;
    Some(Prevention::Adjust { task: election.task(chosen)?, from, to, then: election.task(then)? })
}
