//! What has been promised.

use facts::{Field, OvercommitMode, Release, Snapshot};
use units::{Bytes, Percent};

use super::Promises;
use crate::overcommit::{commit_limit_of, largest_guess};

/// Overcommit, and how much of all address space is resident.
pub(super) fn promises(snapshot: &Snapshot, release: Release) -> Promises {
    let get = |field| snapshot.meminfo.get(field);
    let size = snapshot.page_size;
    let mode = snapshot.sysctls.overcommit_memory;
    let pages = |field| get(field).map(|bytes| size.pages_in(bytes));
    let largest_request = match (mode, pages(Field::MemTotal), pages(Field::SwapTotal)) {
        (Some(OvercommitMode::Heuristic), Some(ram), Some(swap)) => {
            largest_guess(release, ram, swap).and_then(|pages| pages.to_bytes(size))
        }
        _ => None,
    };
    // A process counts only with both numbers, so that the share compares like with like.
    let both = snapshot.tasks.iter().filter_map(|task| {
        let resident = task.rss.map(|pages| pages.to_bytes_saturating(size)).or(task.vm_rss)?;
        Some((resident, task.vsize?))
    });
    let mut any = false;
    let (resident, virtual_size) = both.fold((Bytes::ZERO, Bytes::ZERO), |sum, one| {
        any = true;
        (sum.0.saturating_add(one.0), sum.1.saturating_add(one.1))
    });
    Promises {
        mode,
        committed: get(Field::CommittedAs),
        limit: commit_limit_of(snapshot, release),
        largest_request,
        resident: any.then_some(resident),
        virtual_size: any.then_some(virtual_size),
        resident_share: Percent::of(resident.get(), virtual_size.get()),
    }
}
