//! What `memory.events` counts.

use super::{CgroupVersion, MemcgId, Memcgs};

/// `enum memcg_memory_event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Reclaim took what `memory.low` protects.
    Low,
    /// Reclaim because of `memory.high`.
    High,
    /// A charge found `memory.max` reached.
    Max,
    /// Reclaim did not help.
    Oom,
    /// A process of it was killed.
    OomKill,
    /// All of its processes were killed.
    OomGroupKill,
    /// Swap above `memory.swap.high`.
    SwapHigh,
    /// `memory.swap.max` reached.
    SwapMax,
    /// A page could not be swapped out.
    SwapFail,
}

/// Counts by event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Events([u64; 9]);

impl Events {
    pub(crate) fn get(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    fn add(&mut self, event: Event, count: u64) {
        self.0[event as usize] += count;
    }
}

impl Memcgs {
    /// `memcg_memory_event()`: counted there and at every ancestor but the root; before 5.2, and in v1,
    /// there alone.
    pub(crate) fn note(&mut self, id: MemcgId, event: Event, count: u64) {
        self.get_mut(id).local.add(event, count);
        let up = self.version == CgroupVersion::V2 && self.rules.local_events;
        let above: Vec<MemcgId> = self.lineage(id).take(if up { usize::MAX } else { 1 }).collect();
        for (depth, at) in above.into_iter().enumerate() {
            if depth > 0 && at == MemcgId::ROOT {
                break;
            }
            self.get_mut(at).events.add(event, count);
        }
    }
}
