//! Memory cgroups: the formulas behind `memory.{min,low,high,max}`, by release.
//!
//! # What it follows
//! `mm/memcontrol.c`, `mm/page_counter.c` and `mm/vmscan.c`, 4.0 to 6.18. Amounts are pages.
//!
//! # What it leaves out
//! The tree and its state, and who dies: that is the machine's question.

mod high;
mod protection;
mod settings;
#[cfg(test)]
mod tests;

pub use high::{delay_jiffies, overage};
pub use protection::{Sibling, View, effective, view};
pub use settings::{BadAmount, memparse, parse_limit};

use facts::Release;

/// How cgroups protect memory from reclaim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protection {
    /// Not at all: cgroup v1, and up to 3.19.
    None,
    /// `memory.low`: cgroups at or below it are passed over, if all their ancestors are below
    /// theirs: 4.0 to 4.17.
    Threshold,
    /// What children ask for together is scaled to what the parent has: 4.18 to 5.3.
    Scaled,
    /// And reclaim takes from above the protection in proportion: 5.4 and later.
    Proportional,
}

/// What releases decided about charging.
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that one release changed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemcgRules {
    /// `MEMCG_CHARGE_BATCH`: pages that a processor takes at once (64 since 6.1, 32 before).
    pub batch: u64,
    /// Of how many cgroups a processor keeps such pages (`NR_MEMCG_STOCK`, 7 since 6.16).
    pub stock_slots: usize,
    /// How often a failed charge is tried again after reclaim took nothing: 16 (5 before 5.9).
    pub retries: u32,
    /// How protection works.
    pub protection: Protection,
    /// Unclaimed protection of a parent may be shared out (`memory_recursiveprot`, 5.7).
    pub recursive: bool,
    /// A task above `memory.high` is made to wait (5.4); before, it only reclaims.
    pub throttles: bool,
    /// `memory.swap.high` (5.8).
    pub swap_high: bool,
    /// `memory.events` counts what happens below, `memory.events.local` does not (5.2).
    pub local_events: bool,
    /// `memory.oom.group` (4.19).
    pub oom_group: bool,
    /// `oom_group_kill` in `memory.events` (5.17).
    pub oom_group_event: bool,
    /// `memory.peak` (5.19).
    pub peak: bool,
    /// `memory.swap.peak` (6.5).
    pub swap_peak: bool,
    /// `memory.reclaim` (5.19).
    pub reclaim: bool,
    /// `memory.reclaim` takes a quarter of what is left at a time (6.8), not all of it.
    pub reclaim_quarters: bool,
    /// Kernel stacks are charged (4.9).
    pub charges_stacks: bool,
    /// Page tables are charged (4.10).
    pub charges_tables: bool,
    /// A charge that a call makes kills at once and does not fail (4.19).
    pub kills_in_calls: bool,
    /// `memory.kmem.limit_in_bytes` limits: up to 5.15 (later a write is refused or ignored).
    pub kernel_limit: bool,
}

impl MemcgRules {
    /// The rules of a release.
    pub fn of(release: Release) -> MemcgRules {
        let since = |major, minor| release >= Release::new(major, minor);
        MemcgRules {
            batch: if since(6, 1) { 64 } else { 32 },
            stock_slots: if since(6, 16) { 7 } else { 1 },
            retries: if since(5, 9) { 16 } else { 5 },
            protection: if since(5, 4) {
                Protection::Proportional
            } else if since(4, 18) {
                Protection::Scaled
            } else if since(4, 0) {
                Protection::Threshold
            } else {
                Protection::None
            },
            recursive: since(5, 7),
            throttles: since(5, 4),
            swap_high: since(5, 8),
            local_events: since(5, 2),
            oom_group: since(4, 19),
            oom_group_event: since(5, 17),
            peak: since(5, 19),
            swap_peak: since(6, 5),
            reclaim: since(5, 19),
            reclaim_quarters: since(6, 8),
            charges_stacks: since(4, 9),
            charges_tables: since(4, 10),
            kills_in_calls: since(4, 19),
            kernel_limit: !since(5, 16),
        }
    }
}
