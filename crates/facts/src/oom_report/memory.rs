//! `Mem-Info`: `show_mem()` and what it prints of nodes, zones, free blocks, huge pages and swap.

use units::{Bytes, Pages};

use super::{GlobalCounters, NodeCounters, ZoneCounters};
use crate::Name;

/// Everything `show_mem()` printed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShowMem {
    /// `Free pages:` (to 2.6.18), in kB.
    pub free: Option<Bytes>,
    /// `(… HighMem)` of it.
    pub free_highmem: Option<Bytes>,
    /// The machine's counters. Never filtered, unlike nodes and zones.
    pub counters: GlobalCounters,
    /// Nodes (4.8), those the request could use.
    pub nodes: Vec<NodeMemory>,
    /// Zones, those the request could use: since 2.6.39 only nodes it may use, since 6.1 only zones
    /// up to the highest it may use.
    pub zones: Vec<ZoneMemory>,
    /// Huge pages, one entry per node and size (3.10).
    pub huge_pools: Vec<HugePool>,
    /// `total pagecache pages` (2.6.25): shared memory and swap cache are in it.
    pub pagecache: Option<Pages>,
    /// Swap.
    pub swap: Swap,
    /// Counts of the machine's pages.
    pub totals: Totals,
    /// The largest users of pages inside the kernel (6.10, with allocation profiling).
    pub allocations: Option<AllocationSites>,
}

/// One node's line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeMemory {
    /// The node.
    pub node: Option<u32>,
    /// Its counters.
    pub counters: NodeCounters,
    /// Pages scanned since the last one was freed (4.8 to 4.11).
    pub pages_scanned: Option<u64>,
    /// Reclaim has given up on the node.
    pub all_unreclaimable: Option<bool>,
}

/// One zone: its line, the reserve line after it, and its line of free blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneMemory {
    /// The node; `None` on kernels without NUMA, whose lines begin with the zone's name.
    pub node: Option<u32>,
    /// `DMA`, `DMA32`, `Normal`, `HighMem`, `Movable`, `Device`.
    pub name: Name,
    /// Its counters.
    pub counters: ZoneCounters,
    /// Pages scanned since the last one was freed (2.6.11 to 4.7).
    pub pages_scanned: Option<u64>,
    /// Reclaim has given up on the zone (2.6.11 to 4.7).
    pub all_unreclaimable: Option<bool>,
    /// `lowmem_reserve[]`: pages kept from requests whose highest zone is the n-th.
    pub lowmem_reserve: Option<Vec<Pages>>,
    /// Free blocks by size.
    pub buddy: Option<Buddy>,
    /// Lists of each cpu (to 4.0).
    pub per_cpu: Vec<PcpCpu>,
}

/// One cpu's lists of free pages in one zone (to 4.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PcpCpu {
    /// The cpu.
    pub cpu: u32,
    /// The list of cache-hot pages (to 2.6.24), or the only one.
    pub hot: PcpList,
    /// The list of cache-cold pages (to 2.6.24).
    pub cold: Option<PcpList>,
}

/// One such list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PcpList {
    /// Refilled below this (to 2.6.16).
    pub low: Option<u64>,
    /// Emptied above this.
    pub high: Option<u64>,
    /// By this many pages.
    pub batch: Option<u64>,
    /// Pages on it (2.6.13).
    pub used: Option<u64>,
}

/// Free blocks of a zone, by order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Buddy {
    /// From order 0 upward.
    pub blocks: Vec<BuddyBlocks>,
    /// The kernel's own sum.
    pub total: Option<Bytes>,
}

/// Free blocks of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuddyBlocks {
    /// How many.
    pub count: u64,
    /// Size of one.
    pub size: Bytes,
    /// Migrate types that have at least one (3.8): a set, so `UMC` does not say how many are `C`.
    pub types: Option<Name>,
}

/// Huge pages of one size on one node (3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HugePool {
    /// The node.
    pub node: u32,
    /// Pages in the pool.
    pub total: Option<u64>,
    /// Not in use.
    pub free: Option<u64>,
    /// Beyond the persistent pool.
    pub surplus: Option<u64>,
    /// Size of one.
    pub size: Option<Bytes>,
}

/// Swap, as far as a machine-wide report prints it; memory cgroup reports print none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swap {
    /// `pages in swap cache` (2.6.27).
    pub cached: Option<Pages>,
    /// Pages ever added to the swap cache (to 5.19).
    pub add: Option<u64>,
    /// Pages ever deleted from it (to 5.19).
    pub delete: Option<u64>,
    /// Lookups in it that succeeded, and all of them (to 5.19).
    pub find: Option<(u64, u64)>,
    /// Two counts of races (to 2.6.22).
    pub race: Option<(u64, u64)>,
    /// `Free swap`.
    pub free: Option<Bytes>,
    /// How far `Free swap` is below nothing: what has yet to come back from an area that is being
    /// switched off, beyond what others have free.
    pub lacking: Option<Bytes>,
    /// `Total swap` (2.6.11).
    pub total: Option<Bytes>,
}

/// Counts of pages at the end of `show_mem()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// `pages RAM`, `pages of RAM`.
    pub ram: Option<Pages>,
    /// `pages HighMem`, `pages HighMem/MovableOnly`, `pages of HIGHMEM`.
    pub highmem: Option<Pages>,
    /// `pages reserved`, `reserved pages`: not given to the allocator. Without the contiguous areas
    /// from 3.19 to 4.1.
    pub reserved: Option<Pages>,
    /// `pages shared` (to 3.11).
    pub shared: Option<Pages>,
    /// `pages non-shared` (2.6.27 to 3.11).
    pub non_shared: Option<Pages>,
    /// `pages swap cached` (to 2.6.26, and other architectures later).
    pub swap_cached: Option<Pages>,
    /// `pages in pagetable cache` (to 5.3).
    pub pagetable_cache: Option<Pages>,
    /// `pages cma reserved` (3.19).
    pub cma_reserved: Option<Pages>,
    /// `pages hwpoisoned` (3.14).
    pub hwpoisoned: Option<Pages>,
    /// `free pages`, as ARM printed (to 4.0).
    pub free: Option<Pages>,
    /// `slab pages`, as ARM printed (to 4.0), or `pages slab` as i386 did (to 2.6.26).
    pub slab: Option<Pages>,
    /// `pages dirty`, as i386 printed (to 2.6.26).
    pub dirty: Option<Pages>,
    /// `pages writeback`, as i386 printed (to 2.6.26).
    pub writeback: Option<Pages>,
    /// `pages mapped`, as i386 printed (to 2.6.26).
    pub mapped: Option<Pages>,
    /// `pages pagetables`, as i386 printed (to 2.6.26).
    pub pagetables: Option<Pages>,
}

/// `Memory allocations:` (6.10).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllocationSites {
    /// Whether profiling was on, where the kernel says (6.19).
    pub profiling: Option<bool>,
    /// The largest first.
    pub sites: Vec<AllocationSite>,
}

/// A place in the kernel that holds memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationSite {
    /// How much; exact to 6.18, of three digits later.
    pub bytes: Option<Bytes>,
    /// The size as printed.
    pub size_text: Name,
    /// Allocations.
    pub calls: Option<u64>,
    /// File, line, module and function, as printed.
    pub place: Name,
}
