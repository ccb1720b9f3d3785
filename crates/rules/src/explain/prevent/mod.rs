//! What would have prevented the kill: each found by arithmetic and tried by running the kernel's
//! own test, or its choice, again. What does not pass is not said.

mod choice;
mod group;
mod machine;

#[cfg(test)]
mod tests;

use facts::Release;
use facts::oom_report::OomReport;
use units::{Bytes, PageSize};

use super::choice::Election;
use super::report::{
    Cause, Choice, GroupState, Holder, MemoryAccount, Prevention, Remainder, SwapState,
};
use super::request::Wanted;
use super::zones::Zones;

/// What the trials need to know.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) report: &'a OomReport,
    pub(super) release: Release,
    pub(super) cause: &'a Cause,
    pub(super) wanted: Option<Wanted>,
    pub(super) zones: &'a Zones<'a>,
    pub(super) swap: Option<SwapState>,
    pub(super) memory: Option<&'a MemoryAccount>,
    pub(super) group: Option<&'a GroupState>,
    pub(super) choice: Option<&'a Choice>,
    pub(super) election: Option<&'a Election<'a>>,
    pub(super) page_size: PageSize,
}

pub(super) fn prevention(case: &Case<'_>) -> Vec<Prevention> {
    let mut found = Vec::new();
    if !matches!(case.cause, Cause::NothingMissing | Cause::PageFault | Cause::Manual) {
        found.extend(kernel_holds(case));
    }
    match case.cause {
        Cause::Exhausted | Cause::ReclaimStalled | Cause::LowZone { .. } => {
            found.extend(machine::of_blocks(case));
            found.extend(machine::of_machine(case));
        }
        Cause::Fragmented { .. }
        | Cause::OnlyContiguousAreas { .. }
        | Cause::OnlyAtomicReserve { .. } => found.extend(machine::of_blocks(case)),
        Cause::GroupLimit | Cause::GroupSwapLimit => found.extend(group::of_group(case)),
        Cause::NothingMissing | Cause::PageFault | Cause::Manual | Cause::Unknown => {}
    }
    found.extend(choice::of_choice(case));
    found
}

/// The kernel itself holds more than all programs and files together: no limit, no swap and nobody's
/// death gives that back. The kernel asks the same before it lists its slab caches
/// (`should_dump_unreclaim_slab()`, 4.15).
fn kernel_holds(case: &Case<'_>) -> Option<Prevention> {
    let memory = case.memory?;
    let sum = |of: &[Holder]| -> Bytes {
        memory.rows.iter().filter(|row| of.contains(&row.what)).map(|row| row.bytes).sum()
    };
    // Those of a cgroup are parts of other rows; each appears once.
    let users = sum(&[Holder::Anonymous, Holder::FileCache, Holder::Lists, Holder::Unevictable]);
    let slab = sum(&[Holder::SlabUnreclaimable]);
    let unaccounted = match (memory.remainder_is, memory.remainder) {
        (Some(Remainder::Unaccounted), Some(rest)) => u64::try_from(rest).map(Bytes::new).ok(),
        _ => None,
    };
    let told =
        memory.rows.iter().any(|row| row.what == Holder::Anonymous || row.what == Holder::Lists);
    if !told {
        return None;
    }
    let slab = (slab > users).then_some((Some(Holder::SlabUnreclaimable), slab));
    let rest = unaccounted.filter(|&rest| rest > users).map(|rest| (None, rest));
    let (holder, bytes) = slab.into_iter().chain(rest).max_by_key(|&(_, bytes)| bytes)?;
    let largest = match holder {
        Some(_) => memory.slab_caches.first(),
        None => memory.allocation_sites.first(),
    };
    Some(Prevention::KernelHolds { holder, bytes, users, largest: largest.cloned() })
}
