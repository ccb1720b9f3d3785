//! More free memory, where the allocator's last test would have passed with it.

use units::{Bytes, Pages};

use super::Case;
use crate::explain::memory;
use crate::explain::report::{Cause, Prevention, Retest, SwapState};
use crate::explain::zones::{Mark, Tested, Variation};
use crate::overcommit::{CommitInput, commit_limit};
use crate::watermark::{
    WatermarkRules, ZoneKind, free_buffer_pages, khugepaged_min_free_kbytes, lowpages,
    min_free_kbytes, zone_marks,
};

/// The zone that lacks least, what it lacks, and the test with that.
struct Shortest<'a> {
    zone: &'a Tested<'a>,
    short: Pages,
    last: Variation,
}

/// Single pages in place of a block, where that passes.
pub(super) fn of_blocks(case: &Case<'_>) -> Option<Prevention> {
    let (slow, wanted) = (case.zones.slow_test()?, case.wanted?);
    let single = Variation { order: 0, ..slow };
    let serves = case.zones.eligible().any(|z| case.zones.passes(z, single) == Some(true));
    (wanted.order > 0 && serves).then_some(Prevention::SinglePages)
}

pub(super) fn of_machine(case: &Case<'_>) -> Vec<Prevention> {
    let mut found = Vec::new();
    let shortest = case
        .zones
        .eligible()
        .filter_map(|zone| Some((case.zones.shortfall(zone)?, zone)))
        .min_by_key(|(short, _)| *short);
    found.extend(min_free(case));
    if let (Some((short, zone)), Some(last)) = (shortest, case.zones.last_test()) {
        let shortest = Shortest { zone, short, last };
        found.extend(free_more(case, &shortest));
        // What would go to swap, huge pages and files lie mostly in the zones that have room anyway.
        if !matches!(case.cause, Cause::LowZone { .. }) {
            found.extend(swap(case, &shortest));
            found.extend(huge_pool(case, &shortest));
            found.extend(tmpfs(case, &shortest));
        }
    }
    if !matches!(case.cause, Cause::LowZone { .. }) {
        found.extend(strict_overcommit(case));
    }
    found
}

impl Shortest<'_> {
    /// The last test with so much more free in the zone; `None` if it fails.
    fn with(&self, case: &Case<'_>, more: Pages) -> Option<Retest> {
        case.zones.retest(self.zone, Variation { more, ..self.last })
    }
}

fn free_more(case: &Case<'_>, shortest: &Shortest<'_>) -> Option<Prevention> {
    let zone = shortest.zone.zone;
    let bytes = shortest.short.to_bytes_saturating(case.page_size);
    let then = shortest.with(case, shortest.short)?;
    Some(Prevention::FreeMore { node: zone.node, zone: zone.name.clone(), bytes, then })
}

/// Swap, where there was none or it was full, for as much of the zone's anonymous memory.
fn swap(case: &Case<'_>, shortest: &Shortest<'_>) -> Option<Prevention> {
    let memory = case.report.memory.as_ref()?;
    let SwapState { total: Some(total), free } = case.swap? else { return None };
    let bytes = shortest.short.to_bytes_saturating(case.page_size);
    let full = total == Bytes::ZERO || free.is_some_and(|free| free < bytes);
    let counters = &memory.counters;
    let movable = [counters.active_anon, counters.inactive_anon]
        .into_iter()
        .flatten()
        .fold(Pages::ZERO, Pages::saturating_add)
        .to_bytes_saturating(case.page_size);
    // In this very zone, where the text tells: pages of others do not make room here.
    let zone = &shortest.zone.zone.counters;
    let here = zone.active_anon.zip(zone.inactive_anon).map(|(a, b)| a.saturating_add(b));
    if !full || movable.min(here.unwrap_or(movable)) < bytes {
        return None;
    }
    let then = shortest.with(case, shortest.short)?;
    Some(Prevention::Swap { bytes, movable, had_none: total == Bytes::ZERO, then })
}

/// Unused huge pages, of the zone's own node.
fn huge_pool(case: &Case<'_>, shortest: &Shortest<'_>) -> Option<Prevention> {
    let memory = case.report.memory.as_ref()?;
    let node = shortest.zone.zone.node.unwrap_or(0);
    let unused = memory::unused_huge_pages(memory, node);
    let then = shortest.with(case, case.page_size.pages_in(unused))?;
    (unused > Bytes::ZERO).then_some(Prevention::HugePool { unused, then })
}

/// Files in tmpfs, and shared memory, where they are worth a word: a twentieth of all memory.
fn tmpfs(case: &Case<'_>, shortest: &Shortest<'_>) -> Option<Prevention> {
    let memory = case.report.memory.as_ref()?;
    let held = memory.counters.shmem?;
    let all = memory::managed(memory, case.release, case.page_size)?;
    if held.count() < all.count() / 20 || held < shortest.short {
        return None;
    }
    let then = shortest.with(case, shortest.short)?;
    let bytes = |pages: Pages| pages.to_bytes_saturating(case.page_size);
    Some(Prevention::Tmpfs { held: bytes(held), bytes: bytes(shortest.short), then })
}

/// `vm.min_free_kbytes`, where it was raised above what the kernel chooses (with or without huge
/// pages), and the request passes by the marks of that choice.
///
/// `init_per_zone_wmark_min()`, `set_recommended_min_free_kbytes()`, `__setup_per_zone_wmarks()`.
fn min_free(case: &Case<'_>) -> Option<Prevention> {
    let memory = case.report.memory.as_ref()?;
    let pages = |bytes: Bytes| case.page_size.pages_in(bytes);
    let sized = |tested: &Tested<'_>| {
        let counters = &tested.zone.counters;
        Some((tested.kind?, pages(counters.managed.or(counters.present)?)))
    };
    let areas = case.zones.all.iter().map(sized).collect::<Option<Vec<_>>>()?;
    // The setting is shared out among all zones: they must all be there.
    let all = memory::managed(memory, case.release, case.page_size)?;
    let printed: Pages = areas.iter().map(|&(_, size)| size).sum();
    if printed.count() < all.count() - all.count() / 100 {
        return None;
    }
    let rules = WatermarkRules::of(case.release);
    let low = lowpages(&rules, areas.iter().copied());
    let is_low = |tested: &&Tested<'_>| {
        tested.kind.is_some_and(|kind| lowpages(&rules, [(kind, Pages::new(1))]) > Pages::ZERO)
    };
    let now: Pages = case
        .zones
        .all
        .iter()
        .filter(is_low)
        .map(|tested| {
            let counters = &tested.zone.counters;
            Some(pages(counters.min?.saturating_sub(counters.boost.unwrap_or_default())))
        })
        .sum::<Option<_>>()?;
    let for_users = |&&(kind, _): &&(ZoneKind, Pages)| kind <= ZoneKind::Normal;
    let usable =
        free_buffer_pages(areas.iter().filter(for_users).map(|&(_, size)| (size, Pages::ZERO)));
    let at_boot = min_free_kbytes(case.release, usable.to_bytes(case.page_size)?.kib())?;
    let populated = areas.iter().filter(|&&(_, size)| size > Pages::ZERO).count();
    // A block for huge pages is as many pages as a page of page tables has entries: 8 bytes each.
    let block = Pages::new(case.page_size.bytes() / 8);
    let with_huge =
        khugepaged_min_free_kbytes(at_boot, populated as u64, block, usable, case.page_size);
    let chosen = pages(Bytes::from_kib(with_huge)?);
    // Sums of shares that were rounded down are a little less than the setting, never more.
    if now <= chosen {
        return None;
    }
    let then = case.zones.eligible().find_map(|tested| {
        let (kind, size) = sized(tested)?;
        let counters = &tested.zone.counters;
        let min = counters.min?.saturating_sub(counters.boost.unwrap_or_default());
        let gap = counters.low?.saturating_sub(counters.min?);
        let scaled = gap > Bytes::new(min.get() / 4 + case.page_size.bytes());
        let scale = if scaled {
            pages(gap).count().saturating_mul(10_000).checked_div(size.count())?
        } else {
            10
        };
        let marks = zone_marks(&rules, kind, size, low, chosen, scale);
        let last = case.zones.last_test()?;
        case.zones.retest(tested, Variation { mark: Mark::At(marks.high), ..last })
    })?;
    let bytes = |pages: Pages| pages.to_bytes_saturating(case.page_size);
    Some(Prevention::MinFree { now: bytes(now), chosen: bytes(chosen), then })
}

/// `vm.overcommit_memory` 2 with its other settings as they are by default: what was taken is more
/// than it lets anybody promise, so somebody's request had been refused before.
fn strict_overcommit(case: &Case<'_>) -> Option<Prevention> {
    let memory = case.report.memory.as_ref()?;
    let counters = &memory.counters;
    let SwapState { total: Some(total), free: Some(free) } = case.swap? else { return None };
    let pages = |bytes: Bytes| case.page_size.pages_in(bytes);
    let limit = commit_limit(
        case.release,
        CommitInput {
            total_ram: memory::managed(memory, case.release, case.page_size)?,
            hugetlb: pages(memory::huge_pages(memory)),
            total_swap: pages(total),
            ratio: 50,
            fixed: Pages::ZERO,
        },
    );
    // Anonymous and shared memory is promised before it is taken, in memory or in swap; what is in
    // both at once counts once.
    let in_memory = counters.active_anon?.saturating_add(counters.inactive_anon?);
    let in_swap = pages(total.saturating_sub(free)).saturating_sub(memory.swap.cached?);
    let taken = in_memory.saturating_add(in_swap);
    let bytes = |pages: Pages| pages.to_bytes_saturating(case.page_size);
    (taken > limit)
        .then(|| Prevention::StrictOvercommit { limit: bytes(limit), taken: bytes(taken) })
}
