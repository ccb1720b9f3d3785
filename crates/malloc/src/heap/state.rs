//! What the allocator remembers.

use crate::chunk::Id;
use crate::filed::Filed;
use crate::kernel::Kernel;
use crate::rules::Rules;
use crate::tunables::{Mallopt, Tunables};
use std::ops::RangeInclusive;

/// `DEFAULT_MMAP_THRESHOLD`, `DEFAULT_TRIM_THRESHOLD` and `DEFAULT_TOP_PAD`.
const DEFAULT_THRESHOLD: u64 = 128 << 10;

/// `struct malloc_par`: what can be set, and the thresholds that move by themselves.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) top_pad: u64,
    pub(super) mmap_threshold: u64,
    pub(super) trim_threshold: u64,
    /// Whether freeing a mapping moves the thresholds.
    pub(super) dynamic: bool,
    pub(super) mmaps_max: i64,
    /// Bytes of the largest chunk for the fast lists.
    pub(super) max_fast: u64,
    pub(super) tcache_bins: usize,
    pub(super) tcache_count: u16,
    pub(super) unsorted_limit: u64,
    pub(super) arena_max: u64,
    pub(super) arena_test: u64,
    pub(super) perturb: i32,
    /// Whether every call is checked: by hooks of the library itself, or since 2.34 by the debugging library.
    pub(super) checked: bool,
    /// What follows a mistake.
    pub(super) action: Action,
    /// What the two thresholds were compared with.
    pub(super) mmap_noted: Noted,
    pub(super) trim_noted: Noted,
    /// Bytes of a transparent huge page, if they are asked for.
    pub(super) thp: Option<u64>,
    /// Bytes of a page of `hugetlbfs` and the flags of its size, if they are asked for.
    pub(super) huge: Option<(u64, u32)>,
}

impl Settings {
    pub(super) fn new(rules: &Rules, tunables: &Tunables, kernel: &impl Kernel) -> Settings {
        let tcache = rules.tcache;
        let mut set = Settings {
            top_pad: DEFAULT_THRESHOLD,
            mmap_threshold: DEFAULT_THRESHOLD,
            trim_threshold: DEFAULT_THRESHOLD,
            dynamic: rules.dynamic_threshold,
            mmaps_max: 65536,
            max_fast: 0,
            tcache_bins: tcache.map_or(0, |tcache| tcache.bins),
            tcache_count: tcache.map_or(0, |tcache| tcache.count),
            unsorted_limit: 0,
            arena_max: 0,
            arena_test: rules.arenas_per_cpu,
            perturb: 0,
            checked: tunables.check.is_some_and(|level| level > 0),
            action: Action::new(rules, tunables.check),
            mmap_noted: Noted::NOTHING,
            trim_noted: Noted::NOTHING,
            thp: None,
            huge: None,
        };
        let fast = if rules.fast_rounds_up { 64 } else { 64 * rules.word / 4 };
        set.set_max_fast(rules, fast);
        set.apply(rules, tunables);
        if set.checked {
            // Built without the cache.
            set.tcache_bins = 0;
        }
        match tunables.hugetlb.filter(|_| rules.hugetlb) {
            Some(1) => set.thp = kernel.thp_madvise(),
            // `__malloc_hugepage_config` says the size even if it is the default.
            Some(2) => {
                let default = kernel.huge_page();
                set.huge = default.map(|page| (page, page.trailing_zeros() << 26));
            }
            // It accepts only the sizes there are.
            Some(size) if size > 2 && kernel.huge_page() == Some(size) => {
                set.huge = Some((size, size.trailing_zeros() << 26));
            }
            _ => {}
        }
        if let Some((page, _)) = set.huge
            && rules.huge_threshold
            && tunables.mmap_threshold.is_none()
        {
            set.mmap_threshold = page;
            set.dynamic = false;
        }
        set
    }

    fn apply(&mut self, rules: &Rules, tunables: &Tunables) {
        let fixed = [tunables.top_pad, tunables.mmap_threshold, tunables.trim_threshold];
        if fixed.iter().any(Option::is_some) || tunables.mmap_max.is_some() {
            self.dynamic = false;
        }
        set(&mut self.top_pad, tunables.top_pad);
        let most = if rules.threshold_limited { rules.heap_max / 2 } else { u64::MAX };
        set(&mut self.mmap_threshold, tunables.mmap_threshold.filter(|size| *size <= most));
        set(&mut self.trim_threshold, tunables.trim_threshold);
        set(&mut self.mmaps_max, tunables.mmap_max.map(i64::from));
        set(&mut self.perturb, tunables.perturb);
        set(&mut self.arena_max, tunables.arena_max);
        set(&mut self.arena_test, tunables.arena_test);
        set(&mut self.unsorted_limit, tunables.tcache_unsorted_limit);
        if let Some(tcache) = rules.tcache {
            let most = rules.min_chunk() + (tcache.bins as u64 - 1) * rules.align - rules.word;
            if let Some(max) = tunables.tcache_max.filter(|max| *max <= most)
                && let Some(chunk) = rules.chunk_for(max)
            {
                self.tcache_bins = tcache_bin(rules, chunk) + 1;
            }
            if let Some(count) = tunables.tcache_count.and_then(|count| u16::try_from(count).ok()) {
                self.tcache_count = count;
            }
        }
        if let Some(max) = tunables.mxfast {
            self.set_max_fast(rules, max);
        }
    }

    /// `do_set_mxfast`; false if it is more than `MAX_FAST_SIZE`.
    fn set_max_fast(&mut self, rules: &Rules, value: u64) -> bool {
        if !rules.fast_lists {
            self.max_fast = 0;
            return true;
        }
        if value > 80 * rules.word / 4 {
            return false;
        }
        self.max_fast = if rules.fast_rounds_up && value > 0 {
            rules.chunk_for(value).unwrap_or(0)
        } else if value < rules.align - rules.word {
            rules.header()
        } else {
            (value + rules.word) & !(rules.align - 1)
        };
        true
    }

    /// What `mallopt(3)` sets, without the consolidation; whether it returns 1.
    pub(super) fn mallopt(&mut self, rules: &Rules, param: Mallopt, value: i32) -> bool {
        #[expect(clippy::cast_sign_loss, reason = "glibc converts an int to a size_t")]
        let size = rules.wrap(i64::from(value) as u64);
        match param {
            Mallopt::MxFast => return self.set_max_fast(rules, size),
            Mallopt::TrimThreshold => self.trim_threshold = size,
            Mallopt::TopPad => self.top_pad = size,
            Mallopt::MmapThreshold if rules.threshold_limited && size > rules.heap_max / 2 => {
                return false;
            }
            Mallopt::MmapThreshold => self.mmap_threshold = size,
            Mallopt::MmapMax => self.mmaps_max = i64::from(value),
            Mallopt::Perturb => self.perturb = value,
            Mallopt::ArenaTest if value > 0 => self.arena_test = size,
            Mallopt::ArenaMax if value > 0 => self.arena_max = size,
            _ => {}
        }
        self.dynamic &= !matches!(
            param,
            Mallopt::TrimThreshold | Mallopt::TopPad | Mallopt::MmapThreshold | Mallopt::MmapMax
        );
        true
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// What a threshold was compared with: any in the range `below + 1 ..= reached` would have given the same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    /// The largest value that did not reach it.
    pub(super) below: Option<u64>,
    /// The smallest that did.
    pub(super) reached: u64,
}

impl Noted {
    const NOTHING: Noted = Noted { below: None, reached: u64::MAX };

    /// Notes whether a value reached the threshold.
    #[inline]
    pub(super) fn note(&mut self, value: u64, reached: bool) {
        if reached {
            self.reached = self.reached.min(value);
        } else {
            self.below = self.below.max(Some(value));
        }
    }

    pub(super) fn range(self) -> RangeInclusive<u64> {
        self.below.map_or(0, |below| below.saturating_add(1))..=self.reached
    }
}

/// `check_action`: what follows a mistake that is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Action {
    /// Bit 0.
    pub(super) says: bool,
    /// Bit 1.
    pub(super) ends: bool,
}

impl Action {
    /// `MALLOC_CHECK_` where the release has levels; without it `DEFAULT_CHECK_ACTION`, which is 3 since 2.3.4.
    fn new(rules: &Rules, level: Option<u8>) -> Action {
        let level = level.filter(|_| rules.check_levels).unwrap_or(3);
        Action { says: level & 1 != 0, ends: level & 2 != 0 }
    }
}

/// `csize2tidx`: the list of the cache for a chunk.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "compared with the lists there are")]
pub(super) fn tcache_bin(rules: &Rules, chunk: u64) -> usize {
    ((chunk - rules.min_chunk()).div_ceil(rules.align)) as usize
}

/// How many chunks, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Chunks.
    pub count: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
}

impl Tally {
    #[inline]
    pub(super) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }

    #[inline]
    pub(super) fn sub(&mut self, bytes: u64) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

/// `struct malloc_state`: one arena.
#[derive(Debug, Clone)]
pub(super) struct Arena {
    pub(super) top: Id,
    /// Newest first.
    pub(super) unsorted: Id,
    pub(super) filed: Filed,
    /// Newest first, linked by `next`.
    pub(super) fast: [Id; 11],
    /// Set when a chunk goes to a fast list, cleared by consolidation only.
    pub(super) have_fast: bool,
    /// An address, whatever chunk is there now.
    pub(super) last_remainder: u64,
    pub(super) system: u64,
    pub(super) peak_system: u64,
    /// Whether `brk` has never failed it. Thread arenas never are.
    pub(super) contiguous: bool,
    /// Threads that allocate from it.
    pub(super) attached: u32,
    /// The heaps of a thread arena, newest last.
    pub(super) heaps: Vec<ThreadHeap>,
    /// The lowest chunk of each piece of memory without a gap.
    pub(super) regions: Vec<Id>,
    pub(super) unsorted_tally: Tally,
    pub(super) filed_tally: Tally,
    pub(super) fast_tally: Tally,
}

impl Arena {
    pub(super) fn new(contiguous: bool) -> Arena {
        Arena {
            top: Id::NONE,
            unsorted: Id::NONE,
            filed: Filed::default(),
            fast: [Id::NONE; 11],
            have_fast: false,
            last_remainder: 0,
            system: 0,
            peak_system: 0,
            contiguous,
            attached: 1,
            heaps: Vec::new(),
            regions: Vec::new(),
            unsorted_tally: Tally::default(),
            filed_tally: Tally::default(),
            fast_tally: Tally::default(),
        }
    }
}

/// `struct _heap_info`: one heap of a thread arena.
#[derive(Debug, Clone)]
pub(super) struct ThreadHeap {
    pub(super) base: u64,
    pub(super) size: u64,
    /// Bytes that were ever made accessible.
    pub(super) accessible: u64,
    pub(super) page: u64,
    /// What closes it once a newer one exists.
    pub(super) fence: Id,
}

/// What belongs to one thread.
#[derive(Debug, Clone)]
pub(super) struct Thread {
    /// Whether its cache exists.
    pub(super) cached: bool,
    pub(super) exited: bool,
    /// Whether its cache was tried for and will not be again, where it comes late.
    pub(super) refused: bool,
    /// The chunk of the cache's table.
    pub(super) table: Id,
    /// Newest first, linked by `next`.
    pub(super) lists: Box<[Id]>,
    pub(super) counts: Box<[u16]>,
    pub(super) arena: Option<usize>,
}

impl Thread {
    pub(super) fn new(rules: &Rules) -> Thread {
        let bins = rules.tcache.map_or(0, |tcache| tcache.bins);
        Thread {
            cached: false,
            exited: false,
            refused: false,
            table: Id::NONE,
            lists: vec![Id::NONE; bins].into(),
            counts: vec![0; bins].into(),
            arena: None,
        }
    }
}

/// The chunks with a mapping of their own.
#[derive(Debug, Clone)]
pub(super) struct Mappings {
    /// A ring of them.
    pub(super) head: Id,
    pub(super) count: u32,
    pub(super) peak_count: u32,
    pub(super) bytes: u64,
    pub(super) peak_bytes: u64,
}

impl Mappings {
    pub(super) fn new() -> Mappings {
        Mappings { head: Id::NONE, count: 0, peak_count: 0, bytes: 0, peak_bytes: 0 }
    }
}
