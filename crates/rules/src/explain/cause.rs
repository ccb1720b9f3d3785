//! Why the request could not be served.

use units::Bytes;

use super::report::{Cause, GroupState, RanOut};
use super::request::Wanted;
use super::zones::{Tested, Variation, Zones, has_free_reserve, highatomic};
use crate::watermark::{AllocFlags, ZoneKind};

pub(super) fn cause(
    ran_out: &RanOut,
    manual: bool,
    group: Option<&GroupState>,
    wanted: Option<Wanted>,
    zones: &Zones<'_>,
) -> Cause {
    if manual {
        return Cause::Manual;
    }
    match ran_out {
        RanOut::Nothing => return Cause::Unknown,
        RanOut::Cgroup(_) => return of_group(group),
        _ => {}
    }
    if wanted.is_some_and(|wanted| wanted.none) {
        return Cause::PageFault;
    }
    of_zones(zones).unwrap_or(Cause::Unknown)
}

/// Memory and swap together run out when their usage stands at their limit and memory's does not.
fn of_group(group: Option<&GroupState>) -> Cause {
    let Some(group) = group else { return Cause::GroupLimit };
    let room = |limit: Option<super::report::LimitState>| {
        let limit = limit?;
        limit.limit?.checked_sub(limit.usage?)
    };
    match (room(group.memory), room(group.memory_swap)) {
        (Some(memory), Some(both)) if both < memory => Cause::GroupSwapLimit,
        (None, Some(_)) if group.memory.is_some_and(|memory| memory.unlimited) => {
            Cause::GroupSwapLimit
        }
        _ => Cause::GroupLimit,
    }
}

fn of_zones(zones: &Zones<'_>) -> Option<Cause> {
    let (slow, last) = (zones.slow_test()?, zones.last_test()?);
    let eligible: Vec<&Tested<'_>> = zones.eligible().collect();
    if eligible.is_empty() {
        return None;
    }
    let known: Vec<&Tested<'_>> =
        eligible.iter().copied().filter(|zone| zones.passes(zone, slow).is_some()).collect();
    if known.is_empty() {
        return None;
    }
    let any = |test: Variation| known.iter().any(|zone| zones.passes(zone, test) == Some(true));
    if any(last) {
        return Some(Cause::NothingMissing);
    }
    if any(slow) {
        return Some(Cause::ReclaimStalled);
    }
    let with = |flag: AllocFlags| Variation { flags: slow.flags | flag, ..slow };
    let sum = |of: fn(&Tested<'_>) -> Option<Bytes>| known.iter().filter_map(|zone| of(zone)).sum();
    if any(with(AllocFlags::CMA)) {
        return Some(Cause::OnlyContiguousAreas { bytes: sum(|z| z.zone.counters.free_cma) });
    }
    let reserved = Variation { with_reserved: true, ..slow };
    let holds = |zone: &&&Tested<'_>| has_free_reserve(zone.zone);
    if known.iter().filter(holds).any(|zone| zones.passes(zone, reserved) == Some(true)) {
        let bytes = sum(|z| highatomic(z.zone));
        return Some(Cause::OnlyAtomicReserve { bytes });
    }
    if slow.order > 0 && any(Variation { order: 0, ..slow }) {
        return Some(Cause::Fragmented { order: slow.order });
    }
    let elsewhere: Bytes = zones
        .all
        .iter()
        .filter(|zone| {
            zone.eligible == Some(false) && zone.kind.is_some_and(ZoneKind::serves_users)
        })
        .filter_map(|zone| zone.zone.counters.free?.checked_sub(zone.zone.counters.high?))
        .sum();
    if elsewhere > Bytes::ZERO {
        return Some(Cause::LowZone { elsewhere });
    }
    Some(Cause::Exhausted)
}
