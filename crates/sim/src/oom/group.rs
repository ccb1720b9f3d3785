//! What the OOM killer asks of memory cgroups.

use facts::oom_report::{MemcgBlock, MemcgProtection};

use super::{MemcgId, Parts};

/// Whether a process is in a cgroup or below it.
pub(super) fn contains(_parts: &Parts<'_>, memcg: MemcgId, _group: usize) -> bool {
    memcg == MemcgId(0)
}

/// `mem_cgroup_get_oom_group()`: the highest cgroup, from the process's own up to the one that ran
/// out, whose `memory.oom.group` is set.
pub(super) fn dies_together(_parts: &Parts<'_>, _group: usize, _top: MemcgId) -> Option<MemcgId> {
    None
}

/// Its path.
pub(crate) fn path(_parts: &Parts<'_>, _memcg: MemcgId) -> String {
    "/".to_owned()
}

/// The cgroup of a process.
pub(crate) fn of(_parts: &Parts<'_>, _group: usize) -> MemcgId {
    MemcgId(0)
}

/// `mem_cgroup_get_max()`: what the points of a cgroup's processes are measured against, pages.
pub(super) fn total(_parts: &Parts<'_>, _memcg: MemcgId) -> Option<u64> {
    None
}

/// Counts a kill in the victim's cgroup and those above.
pub(super) fn count_kill(_parts: &mut Parts<'_>, _victim: usize) {}

/// What the report says of the cgroup that ran out.
pub(crate) fn block(_parts: &Parts<'_>, _memcg: MemcgId) -> Option<MemcgBlock> {
    None
}

/// What cgroups protect from reclaim, in sum (6.19, version 2).
pub(crate) fn protection(_parts: &Parts<'_>) -> Option<MemcgProtection> {
    None
}
