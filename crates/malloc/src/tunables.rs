//! What users set: `GLIBC_TUNABLES`, the older variables, and `mallopt(3)`.

use std::fmt;

/// The values of `glibc.malloc.*`; what is `None` keeps glibc's default. Printed, it is the value
/// for the variable `GLIBC_TUNABLES`, with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tunables {
    /// The level of checking, 0 to 3, by the debugging library.
    pub check: Option<u8>,
    /// Bytes asked for beyond what is needed when the heap grows, and kept when it is trimmed.
    pub top_pad: Option<u64>,
    /// The byte that fills freed memory.
    pub perturb: Option<i32>,
    /// Bytes from which a request gets a mapping of its own.
    pub mmap_threshold: Option<u64>,
    /// Bytes of free memory at the end of the heap from which it is given back.
    pub trim_threshold: Option<u64>,
    /// Mappings there may be at once.
    pub mmap_max: Option<i32>,
    /// 1: transparent huge pages are asked for; 2 or a size: `MAP_HUGETLB`.
    pub hugetlb: Option<u64>,
    /// Bytes of the largest request that goes to the fast lists.
    pub mxfast: Option<u64>,
    /// Bytes of the largest request that goes to the cache of the thread.
    pub tcache_max: Option<u64>,
    /// Chunks of one size in that cache.
    pub tcache_count: Option<u64>,
    /// Chunks that are sorted before a cached one is taken; 0 is no limit.
    pub tcache_unsorted_limit: Option<u64>,
    /// Arenas there may be.
    pub arena_max: Option<u64>,
    /// Arenas there may be before the processors are counted.
    pub arena_test: Option<u64>,
}

impl Tunables {
    /// The tunables by name, in glibc's order.
    fn named(&self) -> [(&'static str, Option<i128>); 13] {
        [
            ("check", self.check.map(i128::from)),
            ("top_pad", self.top_pad.map(i128::from)),
            ("perturb", self.perturb.map(i128::from)),
            ("mmap_max", self.mmap_max.map(i128::from)),
            ("mmap_threshold", self.mmap_threshold.map(i128::from)),
            ("trim_threshold", self.trim_threshold.map(i128::from)),
            ("mxfast", self.mxfast.map(i128::from)),
            ("hugetlb", self.hugetlb.map(i128::from)),
            ("tcache_max", self.tcache_max.map(i128::from)),
            ("tcache_count", self.tcache_count.map(i128::from)),
            ("tcache_unsorted_limit", self.tcache_unsorted_limit.map(i128::from)),
            ("arena_max", self.arena_max.map(i128::from)),
            ("arena_test", self.arena_test.map(i128::from)),
        ]
    }

    /// The value of the variable `GLIBC_TUNABLES`, empty if nothing is set.
    pub fn value(&self) -> String {
        let set = self.named();
        let set = set.iter().filter_map(|(name, value)| Some((name, (*value)?)));
        let parts: Vec<_> =
            set.map(|(name, value)| format!("glibc.malloc.{name}={value}")).collect();
        parts.join(":")
    }
}

impl fmt::Display for Tunables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GLIBC_TUNABLES={}", self.value())
    }
}

/// The parameters of `mallopt(3)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mallopt {
    /// `M_MXFAST`.
    MxFast,
    /// `M_TRIM_THRESHOLD`.
    TrimThreshold,
    /// `M_TOP_PAD`.
    TopPad,
    /// `M_MMAP_THRESHOLD`.
    MmapThreshold,
    /// `M_MMAP_MAX`.
    MmapMax,
    /// `M_CHECK_ACTION`, which does nothing any more.
    CheckAction,
    /// `M_PERTURB`.
    Perturb,
    /// `M_ARENA_TEST`.
    ArenaTest,
    /// `M_ARENA_MAX`.
    ArenaMax,
    /// A number that means nothing; the call still consolidates.
    Other(i32),
}

impl Mallopt {
    /// The parameter with this number in `malloc.h`.
    pub fn from_number(number: i32) -> Mallopt {
        match number {
            1 => Mallopt::MxFast,
            -1 => Mallopt::TrimThreshold,
            -2 => Mallopt::TopPad,
            -3 => Mallopt::MmapThreshold,
            -4 => Mallopt::MmapMax,
            -5 => Mallopt::CheckAction,
            -6 => Mallopt::Perturb,
            -7 => Mallopt::ArenaTest,
            -8 => Mallopt::ArenaMax,
            other => Mallopt::Other(other),
        }
    }
}
