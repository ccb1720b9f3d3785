//! `/proc/zoneinfo`: the physical memory, zone by zone.

use units::Pages;

/// One zone of one node, as `/proc/zoneinfo` prints it. All counts are pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Zone {
    /// NUMA node.
    pub node: u32,
    /// `DMA`, `DMA32`, `Normal`, `HighMem`, `Movable`, `Device`.
    pub name: Box<str>,
    /// Pages on the free lists.
    pub free: Option<Pages>,
    /// Temporary rise of all marks against fragmentation; printed since 5.17, in effect since 5.0.
    pub boost: Option<Pages>,
    /// `min`: below it only reclaim itself and the privileged may allocate. Includes the boost.
    pub min: Option<Pages>,
    /// `low`: below it kswapd is woken. Includes the boost.
    pub low: Option<Pages>,
    /// `high`: kswapd reclaims up to it. Includes the boost.
    pub high: Option<Pages>,
    /// `promo` (5.19): up to it pages of a slower node may be promoted. Includes the boost.
    pub promo: Option<Pages>,
    /// Pages from the first to the last, holes included.
    pub spanned: Option<Pages>,
    /// Pages that physically exist.
    pub present: Option<Pages>,
    /// Pages given to the allocator (3.8).
    pub managed: Option<Pages>,
    /// Pages of contiguous memory areas (5.14).
    pub cma: Option<Pages>,
    /// `protection`: pages kept back from requests whose preferred zone is the n-th above; the
    /// kernel's `lowmem_reserve`.
    pub protection: Vec<Pages>,
    /// Pages on the per-cpu lists of all CPUs together: free, but in no free count.
    pub pcp: Option<Pages>,
    /// The counters printed for this zone and, under a node's first populated zone, for the node,
    /// by name (`nr_inactive_file` …), in pages unless the name says otherwise.
    pub counters: Vec<(Box<str>, u64)>,
}

impl Zone {
    /// A counter by its name.
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.counters.iter().find(|(n, _)| &**n == name).map(|&(_, v)| v)
    }

    /// Pages the watermark formulas work with: managed, and present on kernels before 3.8.
    pub fn managed_or_present(&self) -> Option<Pages> {
        self.managed.or(self.present)
    }
}
