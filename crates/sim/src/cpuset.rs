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

use world::Errno;

use crate::ctx::Ctx;
use crate::machine::Machine;
use crate::memcg::MemcgId;
use crate::physical::For;
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

impl Ctx<'_> {
    /// The nodes that a request of the acting process may be served from.
    pub(crate) fn bound_to(&self, what: For) -> Option<u64> {
        match what {
            For::User | For::UserFile | For::Huge => {
                let process = self.rest.processes.get(self.rest.process)?;
                self.store.nodes_of(process.memcg)
            }
            For::Kernel | For::KernelOwn => None,
        }
    }
}

impl Machine {
    /// Writes `cpuset.mems`.
    pub(crate) fn set_mems(&mut self, path: &str, value: &str) -> Result<(), Errno> {
        let id = self.store.frames.memcgs.find(path).ok_or(Errno::ENOENT)?;
        let wanted = parse(value).ok_or(Errno::EINVAL)?;
        let Some(physical) = self.store.frames.physical.as_deref() else { return Ok(()) };
        let online = physical
            .zones
            .iter()
            .filter_map(|zone| 1_u64.checked_shl(zone.node))
            .fold(0, |a, b| a | b);
        if wanted & !online != 0 {
            return Err(Errno::EINVAL);
        }
        if wanted == 0 {
            self.store.cpusets.mems.remove(&id);
        } else {
            self.store.cpusets.mems.insert(id, wanted);
        }
        Ok(())
    }
}

/// `0-1,3`, or nothing.
fn parse(text: &str) -> Option<u64> {
    let mut mask = 0;
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let [first, last] = [first, last].map(|number| number.trim().parse::<u32>().ok());
        for node in first?..=last? {
            mask |= 1_u64.checked_shl(node)?;
        }
    }
    Some(mask)
}

/// The numbers of the nodes of a mask.
pub(crate) fn numbers(mask: u64) -> Vec<u32> {
    (0..u64::BITS).filter(|node| mask >> node & 1 == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_nodes_are_read_as_the_kernel_reads_them() {
        assert_eq!(parse("0-1,3\n"), Some(0b1011));
        assert_eq!(parse(""), Some(0));
        assert_eq!(parse("1-x"), None);
        assert_eq!(parse("64"), None);
        assert_eq!(numbers(0b1010), [1, 3]);
    }
}
