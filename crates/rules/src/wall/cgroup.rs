//! The limits of one memory cgroup.

use facts::{Cgroup, CgroupVersion, Field, Name, Snapshot};
use units::{Bytes, Limit};

use crate::headroom::half_of_slab;
use crate::status::{Wall, WallKind};

/// One cgroup of one machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) path: &'a Name,
    pub(super) group: &'a Cgroup,
    /// Whether it is the reader's own or above it.
    pub(super) ours: bool,
}

/// What reaching a limit leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consequence {
    Kills,
    KillsEverybody,
    Panics,
    Waits,
    SlowsDown,
}

impl Consequence {
    fn kills(self) -> bool {
        !matches!(self, Consequence::Waits | Consequence::SlowsDown)
    }

    fn words(self) -> &'static str {
        match self {
            Consequence::Kills => "the kernel kills a process in it",
            Consequence::KillsEverybody => "the kernel kills everybody in it (memory.oom.group)",
            Consequence::Panics => "the kernel panics (vm.panic_on_oom is 2)",
            Consequence::Waits => {
                "its tasks that need more memory wait until somebody makes room (oom_kill_disable)"
            }
            Consequence::SlowsDown => "its tasks are slowed down (memory.high); nothing is killed",
        }
    }
}

/// How far a cgroup is from a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    distance: Option<Bytes>,
    swap_left: Option<Bytes>,
}

impl Place<'_> {
    /// The limits that are set: `max`, and on v2 `high` where it is lower.
    pub(super) fn walls(self) -> Vec<Wall> {
        let max = self.group.max.and_then(Limit::value);
        let high = self.group.high.and_then(Limit::value);
        let high = high.filter(|&high| max.is_none_or(|max| high < max));
        let max = max.map(|max| self.wall(max, self.at_max()));
        let high = high.map(|high| self.wall(high, Consequence::SlowsDown));
        max.into_iter().chain(high).collect()
    }

    fn version(self) -> CgroupVersion {
        self.snapshot.cgroups.version.unwrap_or(CgroupVersion::V2)
    }

    /// `mem_cgroup_oom()`: v1 may let tasks wait; else `check_panic_on_oom()` comes first.
    fn at_max(self) -> Consequence {
        if self.version() == CgroupVersion::V1 && self.group.oom_kill_disable == Some(true) {
            Consequence::Waits
        } else if self.snapshot.sysctls.panic_on_oom == Some(2) {
            Consequence::Panics
        } else if self.group.oom_group == Some(true) {
            Consequence::KillsEverybody
        } else {
            Consequence::Kills
        }
    }

    fn wall(self, limit: Bytes, consequence: Consequence) -> Wall {
        let reclaimable = self.reclaimable();
        let Room { distance, swap_left } = self.room(limit, reclaimable.unwrap_or_default());
        let swapped = self.group.swap_current.unwrap_or_default();
        let swap = swap_left.map(|left| left.saturating_add(swapped)).unwrap_or_default();
        Wall {
            kind: WallKind::Cgroup {
                path: self.path.clone(),
                version: self.version(),
                current: self.group.current,
                limit: Limit::At(limit),
                reclaimable,
                swap_left,
                oom_group: self.group.oom_group,
            },
            distance,
            capacity: Some(limit.saturating_add(swap)),
            kills: consequence.kills(),
            ours: self.ours,
            what_happens: consequence.words().to_owned(),
        }
    }

    /// What reclaim would take before the limit kills: file pages on the lists (shared memory is on
    /// the anonymous ones), and half of the slab. `None` if neither is known.
    fn reclaimable(self) -> Option<Bytes> {
        let stat = &self.group.stat;
        let lists = match (stat.active_file, stat.inactive_file) {
            (Some(active), Some(inactive)) => Some(active.saturating_add(inactive)),
            _ => stat.file.map(|file| file.saturating_sub(stat.shmem.unwrap_or_default())),
        };
        let slab = stat.slab_reclaimable.map(half_of_slab);
        let sum = match (lists, slab) {
            (None, None) => return None,
            (lists, slab) => lists.unwrap_or_default().saturating_add(slab.unwrap_or_default()),
        };
        Some(self.group.current.map_or(sum, |current| sum.min(current)))
    }

    fn room(self, limit: Bytes, reclaimable: Bytes) -> Room {
        let to = |limit: Bytes, used: Bytes| limit.saturating_add(reclaimable).saturating_sub(used);
        // Page cache gives way, but the group can hold no more than its limit.
        let memory = self.group.current.map(|current| to(limit, current).min(limit));
        let free = self.free_swap();
        match self.version() {
            CgroupVersion::V2 => {
                let swap = free.map(|free| self.within_swap_limits(free));
                let distance = memory.map(|memory| memory.saturating_add(swap.unwrap_or_default()));
                Room { distance, swap_left: swap }
            }
            CgroupVersion::V1 => {
                // Memory and swap together: swapping out makes no room under that limit.
                let used = self.group.current.zip(self.group.swap_current);
                let used = used.map(|(current, swap)| current.saturating_add(swap));
                let together = self.group.memsw_max.and_then(Limit::value).zip(used);
                let together = together.map(|(memsw, used)| to(memsw, used));
                let bounded = |room: Bytes| together.map_or(room, |together| room.min(together));
                let distance =
                    memory.map(|memory| bounded(memory.saturating_add(free.unwrap_or_default())));
                let swap_left = free.map(|free| match (distance, memory) {
                    (Some(distance), Some(memory)) => free.min(distance.saturating_sub(memory)),
                    _ => free,
                });
                Room { distance, swap_left }
            }
        }
    }

    /// Swap that reclaim inside a cgroup may use at all: none where its swappiness is 0
    /// (`get_scan_count()`; v2 has the machine's).
    fn free_swap(self) -> Option<Bytes> {
        let swappiness = match self.version() {
            CgroupVersion::V1 => self.group.swappiness,
            CgroupVersion::V2 => self.snapshot.sysctls.swappiness,
        };
        let total = self.snapshot.meminfo.get(Field::SwapTotal);
        if swappiness == Some(0) || total == Some(Bytes::ZERO) {
            return Some(Bytes::ZERO);
        }
        self.snapshot.meminfo.get(Field::SwapFree)
    }

    /// Free swap within `memory.swap.max` of the group and of everyone above it
    /// (`mem_cgroup_get_nr_swap_pages()`).
    fn within_swap_limits(self, free: Bytes) -> Bytes {
        self.snapshot.cgroups.upward(self.path).fold(free, |left, (_, group)| {
            match group.swap_max.and_then(Limit::value) {
                Some(max) => left.min(max.saturating_sub(group.swap_current.unwrap_or_default())),
                None => left,
            }
        })
    }
}
