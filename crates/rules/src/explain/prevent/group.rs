//! Room in the cgroup whose limit was hit.

use units::{Bytes, Pages};

use super::Case;
use crate::explain::report::{Cause, GroupState, LimitState, Prevention};

pub(super) fn of_group(case: &Case<'_>) -> Vec<Prevention> {
    let Some(group) = case.group else { return Vec::new() };
    let order = case.wanted.map_or(0, |wanted| wanted.order);
    let pages = Pages::new(1u64.checked_shl(order).unwrap_or(u64::MAX));
    let request = pages.to_bytes_saturating(case.page_size);
    [limit(case, group, request), swap(case, group, request)].into_iter().flatten().collect()
}

/// `page_counter_try_charge()`: what is charged and the request must not exceed the limit.
fn fits(usage: Bytes, request: Bytes, limit: Bytes) -> bool {
    usage.checked_add(request).is_some_and(|charged| charged <= limit)
}

/// The least limit with which this request fits. The usage was read after the charge had failed: the
/// request comes on top, and what was freed in between may be charged again.
fn limit(case: &Case<'_>, group: &GroupState, request: Bytes) -> Option<Prevention> {
    let hit = match case.cause {
        Cause::GroupSwapLimit => group.memory_swap,
        _ => group.memory,
    };
    let LimitState { usage: Some(usage), limit: Some(limit), .. } = hit? else { return None };
    let charged = usage.max(limit);
    let at_least = charged.checked_add(request)?;
    let less = at_least.saturating_sub(Bytes::new(case.page_size.bytes()));
    (fits(charged, request, at_least) && !fits(charged, request, less)).then(|| {
        Prevention::GroupLimit { at_least, more: at_least.saturating_sub(limit), charged: at_least }
    })
}

/// Swap of the cgroup (v2), where it was full or forbidden: with room for the request in it, as much
/// anonymous memory goes there, and the request fits under the limit as it is.
fn swap(case: &Case<'_>, group: &GroupState, request: Bytes) -> Option<Prevention> {
    let LimitState { usage: Some(used), limit: Some(limit), .. } = group.swap? else { return None };
    let LimitState { usage: Some(usage), limit: Some(most), .. } = group.memory? else {
        return None;
    };
    if used < limit {
        return None;
    }
    let counters = &case.report.memcg.as_ref()?.stats.first()?.counters;
    let movable = counters.get("inactive_anon")?.checked_add(counters.get("active_anon")?)?;
    let movable = Bytes::new(movable);
    let bytes = usage.max(most).checked_add(request)?.checked_sub(most)?;
    let left = usage.max(most).checked_sub(bytes)?;
    (movable >= bytes && fits(left, request, most)).then_some(Prevention::GroupSwap {
        bytes,
        movable,
        limit,
    })
}
