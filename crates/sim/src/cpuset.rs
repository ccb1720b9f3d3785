//! Cpusets: from which nodes the processes of a cgroup may take memory.
//!
//! # What it follows
//! `update_nodemask()` in `kernel/cgroup/cpuset.c`, `cpuset_node_allowed()`: memory of a process comes
//! from the nodes of `cpuset.mems` of its cgroup, or of the nearest one above that has any; memory
//! of the kernel's own comes from anywhere.
//!
//! # What it leaves out
//! Moving pages when the nodes change, exclusive cpusets, processors.

use std::collections::BTreeMap;

use rules::mempolicy;
use world::Errno;

use crate::machine::{Machine, Process};
use crate::memcg::MemcgId;
use crate::store::Store;

/// Nodes by cgroup, one bit each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cpusets {
    mems: BTreeMap<MemcgId, u64>,
}

impl Store {
    /// The nodes that processes of a cgroup are bound to; `None`: to none.
    pub(crate) fn nodes_of(&self, memcg: MemcgId) -> Option<u64> {
        if self.cpusets.mems.is_empty() {
            return None;
        }
        self.frames.memcgs.lineage(memcg).find_map(|id| self.cpusets.mems.get(&id).copied())
    }
}

impl Machine {
    /// Writes `cpuset.mems`.
    pub(crate) fn set_mems(&mut self, path: &str, value: &str) -> Result<(), Errno> {
        let id = self.store.frames.memcgs.find(path).ok_or(Errno::ENOENT)?;
        let wanted = mempolicy::parse(value).ok_or(Errno::EINVAL)?;
        let Some(physical) = self.store.frames.physical.as_deref() else { return Ok(()) };
        let online = physical.memory_nodes();
        if wanted & !online != 0 {
            return Err(Errno::EINVAL);
        }
        let nodes = |process: &Process| self.store.nodes_of(process.memcg);
        let before: Vec<Option<u64>> = self.processes.iter().map(nodes).collect();
        if wanted == 0 {
            self.store.cpusets.mems.remove(&id);
        } else {
            self.store.cpusets.mems.insert(id, wanted);
        }
        self.rebind(&before, online);
        Ok(())
    }
}
