//! What a kernel has made of its RAM by the time that a scenario begins.
//!
//! Measured on real boots, or given by the lab, which looks at the very machine that the model is
//! compared with. All amounts are pages.

mod of;
mod stored;

pub use stored::StoredProfile;

use rules::watermark::ZoneKind;

use crate::physical::FreeBlocks;

/// A zone of memory after boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneProfile {
    /// The node that it is on.
    pub node: u32,
    /// Which it is.
    pub kind: ZoneKind,
    /// From its first to its last page frame.
    pub spanned: u64,
    /// Page frames that are there.
    pub present: u64,
    /// Pages that the allocator managed when watermarks and reserves were computed.
    pub managed_at_init: u64,
    /// Pages that it manages now.
    pub managed: u64,
    /// Of these, free on its lists.
    pub free: u64,
    /// Free pages on lists of single processors.
    pub pcp: u64,
}

/// A machine after boot, before the scenario's first process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Its zones, node by node, the lowest first.
    pub zones: Vec<ZoneProfile>,
    /// `vm.min_free_kbytes`; `None`: as the rules give it.
    pub min_free_kbytes: Option<u64>,
    /// `SReclaimable`.
    pub slab_reclaimable: u64,
    /// `SUnreclaim`.
    pub slab_unreclaimable: u64,
    /// `KernelStack`.
    pub kernel_stack: u64,
    /// `PageTables`.
    pub page_tables: u64,
    /// Anonymous pages of processes that are not the scenario's.
    pub anon: u64,
    /// Cached pages of files, clean and not mapped, that reclaim may take.
    pub file: u64,
    /// Pages of ramfs that reclaim cannot take (an initramfs for one).
    pub unevictable: u64,
    /// Pages that processes that are not the scenario's have locked: anonymous ones.
    pub mlocked: u64,
    /// Pages of tmpfs, on the lists of anonymous memory.
    pub shmem: u64,
    /// `Committed_AS` of what is not the scenario's.
    pub committed: u64,
    /// What the kernel takes for each process beside its page tables: stack, `task_struct`, slab.
    /// `None`: as many as its objects and its stack take.
    pub per_process: Option<u64>,
    /// Processes that have been and gone, and have left slabs behind.
    pub processes_before: u64,
    /// The free blocks of zones, where they are known.
    pub blocks: Vec<FreeBlocks>,
}

impl Profile {
    /// `MemTotal`, pages.
    pub fn managed(&self) -> u64 {
        self.zones.iter().map(|zone| zone.managed).sum()
    }
}

#[cfg(test)]
mod tests;
