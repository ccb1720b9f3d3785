//! What the kernel counts: all that `/proc` and the OOM killer's report say of memory is made of this.

use std::collections::BTreeMap;

use rules::watermark::ZoneKind;

/// Counters of the whole machine at one moment. Pages, where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    /// Zones that have pages, node by node, the lowest first.
    pub(crate) zones: Vec<ZoneCounters>,
    /// Nodes.
    pub(crate) nodes: Vec<NodeCounters>,
    /// `SwapTotal`.
    pub(crate) total_swap: u64,
    /// `SwapFree`.
    pub(crate) free_swap: u64,
    /// How far `nr_swap_pages` is below nothing.
    pub(crate) lacking_swap: u64,
    /// `totalreserve_pages`.
    pub(crate) total_reserve: u64,
    /// `Committed_AS`.
    pub(crate) committed: u64,
    /// `CommitLimit`.
    pub(crate) commit_limit: u64,
    /// Pages whose allocation is nobody's: per-CPU areas.
    pub(crate) percpu: u64,
    /// Dirty pages beyond which writers wait, and beyond which writeback begins.
    pub(crate) dirty_thresholds: (u64, u64),
    /// The pool of huge pages.
    pub(crate) pool: HugePool,
    /// Swap areas: name, whether a partition, size, used, priority.
    pub(crate) swaps: Vec<SwapArea>,
    /// Events, by their names in `/proc/vmstat`; those that never happen are not in it.
    pub(crate) events: BTreeMap<&'static str, u64>,
}

/// The pool of huge pages, counted in these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HugePool {
    pub(crate) total: u64,
    pub(crate) free: u64,
    pub(crate) reserved: u64,
    pub(crate) surplus: u64,
}

/// A swap area as `/proc/swaps` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SwapArea {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) used: u64,
    pub(crate) priority: i16,
}

/// Lengths of the LRU lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lru {
    pub(crate) inactive_anon: u64,
    pub(crate) active_anon: u64,
    pub(crate) inactive_file: u64,
    pub(crate) active_file: u64,
    pub(crate) unevictable: u64,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZoneCounters {
    pub(crate) node: u32,
    pub(crate) kind: ZoneKind,
    /// On the free lists.
    pub(crate) free: u64,
    /// Free blocks by order; their pages sum up to `free`.
    pub(crate) buddy: Vec<u64>,
    /// The migrate types that have blocks of each order; `None`: nobody keeps them.
    pub(crate) letters: Option<[String; super::ORDERS]>,
    /// On lists of processors.
    pub(crate) pcp: u64,
    pub(crate) pcp_high: u64,
    pub(crate) batch: u64,
    pub(crate) boost: u64,
    /// The marks with the boost.
    pub(crate) min: u64,
    pub(crate) low: u64,
    pub(crate) high: u64,
    pub(crate) promo: Option<u64>,
    /// `lowmem_reserve` towards each kind of zone, the lowest first.
    pub(crate) protection: [u64; 5],
    pub(crate) spanned: u64,
    pub(crate) present: u64,
    pub(crate) managed: u64,
    pub(crate) lru: Lru,
    /// Dirty and being written.
    pub(crate) write_pending: u64,
    pub(crate) mlock: u64,
    pub(crate) bounce: u64,
    /// Its first page frame.
    pub(crate) start_pfn: u64,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NodeCounters {
    pub(crate) node: u32,
    pub(crate) lru: Lru,
    pub(crate) slab_reclaimable: u64,
    pub(crate) slab_unreclaimable: u64,
    /// Kibibytes.
    pub(crate) kernel_stack: u64,
    pub(crate) page_tables: u64,
    /// Anonymous pages that are mapped.
    pub(crate) anon: u64,
    /// Pages of files and shared memory that are mapped.
    pub(crate) mapped: u64,
    /// `NR_FILE_PAGES`: pages of files, shared memory and the swap cache.
    pub(crate) file: u64,
    pub(crate) dirty: u64,
    pub(crate) writeback: u64,
    pub(crate) shmem: u64,
    /// Huge pages, each of 512.
    pub(crate) anon_huge: u64,
    pub(crate) swap_cached: u64,
    /// Reclaim has given up on it.
    pub(crate) hopeless: bool,
}

impl Counters {
    /// Pages that the allocator manages.
    pub(crate) fn managed(&self) -> u64 {
        self.zones.iter().map(|zone| zone.managed).sum()
    }

    /// Free pages.
    pub(crate) fn free(&self) -> u64 {
        self.zones.iter().map(|zone| zone.free).sum()
    }

    /// A sum over all nodes.
    pub(crate) fn sum(&self, of: impl Fn(&NodeCounters) -> u64) -> u64 {
        self.nodes.iter().map(of).sum()
    }

    /// An event's count.
    pub(crate) fn event(&self, name: &str) -> u64 {
        self.events.get(name).copied().unwrap_or(0)
    }
}

/// `split_page()`'s way back: so many free pages in the largest blocks that they can make. Where the
/// model keeps no blocks, this is what a zone without fragmentation has.
pub(crate) fn blocks(mut free: u64) -> Vec<u64> {
    let mut blocks = vec![0; super::ORDERS];
    for (order, count) in blocks.iter_mut().enumerate().rev() {
        *count = free >> order;
        free -= *count << order;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_sum_up_to_what_is_free() {
        assert_eq!(blocks(1024 * 3 + 512 + 5), [1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 3]);
        assert_eq!(blocks(0), [0; 11]);
    }
}
