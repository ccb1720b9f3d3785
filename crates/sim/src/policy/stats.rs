//! What `numastat` says: `zone_statistics()` in `mm/page_alloc.c`.
//!
//! # What it leaves out
//! What was counted before the scenario.

use crate::physical::Physical;

/// Counts of a zone, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stats {
    /// Asked for here, and got here.
    pub(crate) hit: u64,
    /// Got here, asked for on another node.
    pub(crate) miss: u64,
    /// Asked for here, and got elsewhere.
    pub(crate) foreign: u64,
    /// Got here in turn.
    pub(crate) interleave: u64,
    /// Got here by processors of this node,
    pub(crate) local: u64,
    /// and of others.
    pub(crate) other: u64,
}

impl Stats {
    /// By the names of `/proc/vmstat`.
    pub(crate) fn of(&self, name: &str) -> Option<u64> {
        Some(match name {
            "numa_hit" => self.hit,
            "numa_miss" => self.miss,
            "numa_foreign" => self.foreign,
            "numa_interleave" => self.interleave,
            "numa_local" => self.local,
            "numa_other" => self.other,
            _ => return None,
        })
    }
}

impl Physical {
    /// Pages came from zone `at`, the first of the list was `preferred`; `taken`: or they went back, and it is
    /// as if they had not.
    pub(crate) fn count_numa(&mut self, at: usize, preferred: usize, pages: u64, taken: bool) {
        let change = |counter: &mut u64| {
            *counter = if taken { *counter + pages } else { counter.saturating_sub(pages) };
        };
        let (local, in_turn) = (self.local, self.counts_turns);
        let wanted = self.zones.get(preferred).map(|zone| zone.node);
        let Some(zone) = self.zones.get_mut(at) else { return };
        let node = zone.node;
        change(if node == local { &mut zone.numa.local } else { &mut zone.numa.other });
        if wanted == Some(node) {
            change(&mut zone.numa.hit);
            if in_turn {
                change(&mut zone.numa.interleave);
            }
            return;
        }
        change(&mut zone.numa.miss);
        if let Some(zone) = self.zones.get_mut(preferred) {
            change(&mut zone.numa.foreign);
        }
    }
}
