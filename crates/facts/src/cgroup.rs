//! Memory cgroups: who shares which limit.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Limit};

use crate::{Name, PressureFile};

/// Which interface the memory controller is mounted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CgroupVersion {
    /// `memory.limit_in_bytes` and friends.
    V1,
    /// `memory.max` and friends.
    V2,
}

/// The memory hierarchy of the machine, as far as processes live in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cgroups {
    /// The interface; `None` when no memory hierarchy was found.
    pub version: Option<CgroupVersion>,
    /// Every group in which a process lives, and its ancestors, by path from the hierarchy's
    /// root (`/` itself, `/system.slice/web.service`).
    pub groups: BTreeMap<Name, Cgroup>,
}

impl Cgroups {
    /// The group at `path` and its ancestors that are known and charged for it, nearest first, the
    /// root last.
    pub fn upward<'a>(&'a self, path: &'a Name) -> impl Iterator<Item = (&'a Name, &'a Cgroup)> {
        Cgroups::ancestors(path.as_bytes())
            .filter_map(|p| self.groups.get_key_value(&Name::new(p)))
            .filter(move |&(name, group)| name == path || group.use_hierarchy != Some(false))
    }

    /// A path and those above it: `/a/b`, `/a`, `/`.
    ///
    /// A process outside the reader's cgroup namespace is shown as in `/../b`, which is not below
    /// `/`: that is a sibling of the reader's root, and above both of them is `/..`, where the list
    /// ends because the names further up cannot be known.
    pub fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
        std::iter::successors(Some(path), |p| {
            if p.ends_with(b"/..") {
                return None;
            }
            let cut = p.iter().rposition(|&b| b == b'/')?;
            match cut {
                0 if p.len() > 1 => Some(&p[..1]),
                0 => None,
                _ => Some(&p[..cut]),
            }
        })
    }
}

/// One memory cgroup. `None` is "no such file here" or "could not be read", never 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cgroup {
    /// `memory.current`, `memory.usage_in_bytes`.
    pub current: Option<Bytes>,
    /// `memory.max`, `memory.limit_in_bytes`.
    pub max: Option<Limit<Bytes>>,
    /// `memory.high` (v2).
    pub high: Option<Limit<Bytes>>,
    /// `memory.low` (v2).
    pub low: Option<Limit<Bytes>>,
    /// `memory.min` (v2).
    pub min: Option<Limit<Bytes>>,
    /// `memory.swap.current` (v2), or v1's `memsw.usage - usage`.
    pub swap_current: Option<Bytes>,
    /// `memory.swap.max` (v2): a limit of swap alone.
    pub swap_max: Option<Limit<Bytes>>,
    /// `memory.memsw.limit_in_bytes` (v1): a limit of memory and swap together.
    pub memsw_max: Option<Limit<Bytes>>,
    /// `memory.kmem.usage_in_bytes` (v1): kernel memory, a part of `current`.
    pub kmem: Option<Bytes>,
    /// `memory.swappiness` (v1).
    pub swappiness: Option<u64>,
    /// `memory.use_hierarchy` (v1, an option until 5.10): whether groups below are charged to it,
    /// and die at its limit.
    pub use_hierarchy: Option<bool>,
    /// `memory.oom.group` (v2, 4.19): everyone in it dies together.
    pub oom_group: Option<bool>,
    /// `oom_kill_disable` of `memory.oom_control` (v1): tasks wait instead of dying.
    pub oom_kill_disable: Option<bool>,
    /// `under_oom` of `memory.oom_control` (v1).
    pub under_oom: Option<bool>,
    /// Events since it was made.
    pub events: CgroupEvents,
    /// What is charged to it and its descendants.
    pub stat: CgroupStat,
    /// `memory.pressure` (v2).
    pub pressure: PressureFile,
}

/// `memory.events` (v2) or what v1 has of it. Counts include descendants on v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupEvents {
    /// Times the limit was hit (v2 `max`, v1 `memory.failcnt`).
    pub max: Option<u64>,
    /// Times usage went over `high` (v2).
    pub high: Option<u64>,
    /// Times the OOM killer was asked for (v2).
    pub oom: Option<u64>,
    /// Processes killed by any OOM kill in this group.
    pub oom_kill: Option<u64>,
    /// Times the whole group was killed (v2, 5.17).
    pub oom_group_kill: Option<u64>,
}

/// `memory.stat`: v2's names; on v1 the hierarchical `total_*` lines under the nearest v2 name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CgroupStat {
    /// Mapped anonymous memory.
    pub anon: Option<Bytes>,
    /// Page cache, shared memory included.
    pub file: Option<Bytes>,
    /// Shared memory and tmpfs.
    pub shmem: Option<Bytes>,
    /// Inactive file pages.
    pub inactive_file: Option<Bytes>,
    /// Active file pages.
    pub active_file: Option<Bytes>,
    /// Pages to be written.
    pub file_dirty: Option<Bytes>,
    /// Pages being written.
    pub file_writeback: Option<Bytes>,
    /// Mapped file pages.
    pub file_mapped: Option<Bytes>,
    /// Pages reclaim may not touch.
    pub unevictable: Option<Bytes>,
    /// Slab that shrinkers may free (v2).
    pub slab_reclaimable: Option<Bytes>,
    /// All kernel memory (v2).
    pub kernel: Option<Bytes>,
    /// Inactive pages of anonymous and shared memory.
    pub inactive_anon: Option<Bytes>,
    /// Active pages of anonymous and shared memory.
    pub active_anon: Option<Bytes>,
    /// Pages in memory and in swap at once.
    pub swapcached: Option<Bytes>,
    /// Slab that is in use until it is freed (v2).
    pub slab_unreclaimable: Option<Bytes>,
    /// All slab (v2).
    pub slab: Option<Bytes>,
    /// Stacks of threads inside the kernel (v2).
    pub kernel_stack: Option<Bytes>,
    /// Page tables (v2, 5.11).
    pub pagetables: Option<Bytes>,
    /// Page tables of virtual machines (v2, 6.1).
    pub sec_pagetables: Option<Bytes>,
    /// Per-cpu allocations (v2, 5.9).
    pub percpu: Option<Bytes>,
    /// Buffers of sockets (v2).
    pub sock: Option<Bytes>,
    /// vmalloc (v2, 5.19).
    pub vmalloc: Option<Bytes>,
    /// Compressed swap in memory (v2, 5.19).
    pub zswap: Option<Bytes>,
    /// Huge pages of hugetlbfs, where they are charged (v2, 6.12).
    pub hugetlb: Option<Bytes>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_end_at_the_root() {
        let list = |p: &str| -> Vec<String> {
            Cgroups::ancestors(p.as_bytes())
                .map(|a| String::from_utf8_lossy(a).into_owned())
                .collect()
        };
        assert_eq!(list("/a/b"), ["/a/b", "/a", "/"]);
        assert_eq!(list("/"), ["/"]);
        assert_eq!(list(""), [""]);
    }

    #[test]
    fn a_v1_group_without_use_hierarchy_is_not_charged_for_those_below() {
        let mut cgroups = Cgroups::default();
        for (path, use_hierarchy) in [("/", false), ("/a", false), ("/a/b", true), ("/a/b/c", true)]
        {
            let group = Cgroup { use_hierarchy: Some(use_hierarchy), ..Cgroup::default() };
            cgroups.groups.insert(path.into(), group);
        }
        let charged = |path: &str| -> Vec<String> {
            cgroups.upward(&path.into()).map(|(name, _)| name.to_string()).collect()
        };
        assert_eq!(charged("/a/b/c"), ["/a/b/c", "/a/b"]);
        assert_eq!(charged("/a"), ["/a"]);
    }

    #[test]
    fn a_group_outside_the_namespace_is_not_below_its_root() {
        let list = |p: &str| -> Vec<String> {
            Cgroups::ancestors(p.as_bytes())
                .map(|a| String::from_utf8_lossy(a).into_owned())
                .collect()
        };
        assert_eq!(list("/../b/c"), ["/../b/c", "/../b", "/.."]);
        assert_eq!(list("/../.."), ["/../.."]);
        assert_eq!(list("/a/..b"), ["/a/..b", "/a", "/"]);
    }
}
