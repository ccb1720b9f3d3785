//! The block a memory cgroup prints when its limit is hit.

use units::{Bytes, Limit};

use super::MemcgCounters;
use crate::Name;

/// `mem_cgroup_print_oom_info()` and its successors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemcgBlock {
    /// The victim's group (2.6.30 to 4.20); on 2.6.30 and 2.6.31 the group of the task that asked.
    pub task_group: Option<Name>,
    /// The group whose limit was hit (2.6.30 to 4.20).
    pub limit_group: Option<Name>,
    /// `memory:`.
    pub memory: Option<MemcgUsage>,
    /// `memory+swap:` (to 5.2, and cgroup v1).
    pub memory_swap: Option<MemcgUsage>,
    /// `swap:` (5.3, cgroup v2).
    pub swap: Option<MemcgUsage>,
    /// `kmem:` (3.8 to 5.2, and cgroup v1).
    pub kmem: Option<MemcgUsage>,
    /// Figures of the group and, from 3.9 to 5.2, of each group below it.
    pub stats: Vec<MemcgStats>,
}

/// One `usage …, limit …, failcnt …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemcgUsage {
    /// Charged now; read after the failed charge, so it may be a little under the limit.
    pub usage: Option<Bytes>,
    /// The limit; the kernel prints a number near 2^63 bytes when there is none.
    pub limit: Option<Limit<Bytes>>,
    /// Times the limit was hit since the group was made.
    pub failcnt: Option<u64>,
}

/// `Memory cgroup stats for PATH:` and the figures under it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemcgStats {
    /// The group.
    pub path: Option<Name>,
    /// Its figures; see [`MemcgCounters`].
    pub counters: MemcgCounters,
}

/// What the groups protect from reclaim in sum (6.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemcgProtection {
    /// Sum of the top groups' effective `memory.min`.
    pub min: Option<Bytes>,
    /// Sum of the top groups' effective `memory.low`.
    pub low: Option<Bytes>,
}
