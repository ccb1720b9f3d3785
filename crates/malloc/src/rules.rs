//! What differs between releases of glibc, each a field with its source.

/// How sure a rule set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A real library of this release was run beside the model on random traces, and every
    /// address, statistic and system call was equal.
    Exact,
    /// Read in the source of the release, not run.
    FromSource,
}

/// The per-thread cache of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcacheRules {
    /// Sizes with a list (`TCACHE_MAX_BINS`, since 2.42 `TCACHE_SMALL_BINS`).
    pub bins: usize,
    /// Chunks a list holds (`TCACHE_FILL_COUNT`).
    pub count: u16,
    /// Bytes of `tcache_perthread_struct`, which is a chunk of the heap itself.
    pub table: u64,
    /// `calloc` takes from the lists: since 2.41.
    pub calloc_takes: bool,
    /// `memalign` takes blocks that happen to be aligned from the lists: since 2.38.
    pub memalign_takes: bool,
    /// The table is made when something is put into a list for the first time, and not by the first call: since
    /// 2.42. Inside `_int_malloc` its size is then rounded twice.
    pub comes_late: bool,
}

/// The rules of one release on one machine.
#[expect(clippy::struct_excessive_bools, reason = "independent changes of many releases")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What it is called: the release, and the machine if that is not x86-64.
    pub name: &'static str,
    /// Whether it was compared with the real library.
    pub evidence: Evidence,
    /// Bytes of a `size_t` (`SIZE_SZ`).
    pub word: u64,
    /// `MALLOC_ALIGNMENT`: 16 on x86-64; on i386 16 since 2.26, before that 8.
    pub align: u64,
    /// The cache of each thread, since 2.26.
    pub tcache: Option<TcacheRules>,
    /// Bytes of `heap_info`, at the start of each heap of a thread arena.
    pub heap_header: u64,
    /// Bytes of `malloc_state`, which follows in the first heap.
    pub arena_header: u64,
    /// `HEAP_MAX_SIZE`: bytes of address space of such a heap.
    pub heap_max: u64,
    /// `DEFAULT_MMAP_THRESHOLD_MAX`: beyond it a freed mapping does not raise the threshold.
    pub threshold_max: u64,
    /// When `brk` is refused, 2.35 and 2.36 hand the page size and the least size to
    /// `sysmalloc_mmap_fallback` in each other's place.
    pub fallback_swapped: bool,
    /// Arenas a thread may choose from, for each processor (`NARENAS_FROM_NCORES`).
    pub arenas_per_cpu: u64,
    /// `set_max_fast` rounds up like a request, up to some release before 2.25; the default is
    /// then 64 bytes on every machine.
    pub fast_rounds_up: bool,
    /// Freeing a mapping moves the thresholds: since 2.5.
    pub dynamic_threshold: bool,
    /// `MALLOC_CHECK_` says what follows a mistake (0 nothing, 1 a message, 2 the end, 3 both), checked or not: up
    /// to 2.26. Since then every mistake that is noticed ends the process with its message.
    pub check_levels: bool,
    /// `mallopt` refuses a threshold of more than half of [`Rules::heap_max`]: up to 2.34.
    pub threshold_limited: bool,
    /// Heaps of threads are mapped with `MAP_NORESERVE`, up to some release after 2.36.
    pub heaps_unreserved: bool,
    /// The tunable `hugetlb`: since 2.35.
    pub hugetlb: bool,
    /// Huge pages by `hugetlb` lower the threshold to one of them, if it is not set: since 2.40.
    pub huge_threshold: bool,
    /// Large chunks of one size: the newest goes first and the oldest is taken, up to 2.8; since
    /// then the newest goes second and the second is taken.
    pub large_oldest: bool,
    /// A freed chunk that is small goes to its bin at once and not to the unsorted ones: since
    /// 2.41.
    pub small_to_bin: bool,
    /// What `memalign` cuts off is merged at once, past the caches: since 2.38.
    pub memalign_merges: bool,
    /// `aligned_alloc` wants a power of two: since 2.38.
    pub aligned_alloc_checks: bool,
    /// `realloc` keeps a block that is at most two words too large: since 2.38.
    pub realloc_keeps: bool,
    /// … and one with a mapping of its own that is at most a page too large: 2.38 to 2.41.
    pub realloc_keeps_page: bool,
    /// A request beyond the limit is refused by the arena and not before: a thread among others then tries another
    /// arena, and stays with it. Since 2.42.
    pub refuses_late: bool,
    /// What is mapped in place of the break that was refused is rounded once and at least 1 MiB, whatever the old top
    /// was: since 2.43.
    pub fallback_alone: bool,
    /// With huge pages by `hugetlb=1` the break is asked for before the first growth is rounded: since 2.43.
    pub thp_asks_break: bool,
    /// There are fast lists: up to 2.42. The settings for them are taken and do nothing since.
    pub fast_lists: bool,
    /// What `realloc` and growing heaps free goes past the cache of the thread: since 2.42.
    pub frees_past_cache: bool,
    /// A mapping of one chunk has room for two words beside the chunk and not for one: since 2.43.
    pub mapped_header: bool,
    /// `memalign` cuts off a tail only if that can be a chunk, and moves a mapped block up by as little as
    /// possible: since 2.43.
    pub memalign_cuts_chunks: bool,
    /// A process of one thread does not try other arenas: since 2.27.
    pub single_thread_path: bool,
    /// Requests are limited to `PTRDIFF_MAX`, since 2.30; before, to nearly the whole address
    /// space.
    pub ptrdiff_limit: bool,
}

impl Rules {
    /// glibc 2.36 on x86-64.
    pub const GLIBC_2_36: Rules = Rules {
        name: "2.36",
        evidence: Evidence::Exact,
        word: 8,
        align: 16,
        tcache: Some(TcacheRules {
            bins: 64,
            count: 7,
            table: 640,
            calloc_takes: false,
            memalign_takes: false,
            comes_late: false,
        }),
        heap_header: 48,
        arena_header: 2200,
        heap_max: 64 << 20,
        threshold_max: 32 << 20,
        fallback_swapped: true,
        arenas_per_cpu: 8,
        fast_rounds_up: false,
        dynamic_threshold: true,
        check_levels: false,
        threshold_limited: false,
        heaps_unreserved: true,
        hugetlb: true,
        huge_threshold: false,
        large_oldest: false,
        small_to_bin: false,
        memalign_merges: false,
        aligned_alloc_checks: false,
        realloc_keeps: false,
        realloc_keeps_page: false,
        refuses_late: false,
        fallback_alone: false,
        thp_asks_break: false,
        fast_lists: true,
        frees_past_cache: false,
        mapped_header: false,
        memalign_cuts_chunks: false,
        single_thread_path: true,
        ptrdiff_limit: true,
    };

    /// glibc 2.36 on i386.
    pub const GLIBC_2_36_I386: Rules = Rules {
        name: "2.36-i386",
        word: 4,
        tcache: Some(TcacheRules {
            bins: 64,
            count: 7,
            table: 384,
            calloc_takes: false,
            memalign_takes: false,
            comes_late: false,
        }),
        heap_header: 24,
        arena_header: 1116,
        heap_max: 1 << 20,
        threshold_max: 512 << 10,
        arenas_per_cpu: 2,
        ..Rules::GLIBC_2_36
    };

    /// glibc 2.35, which differs in nothing that the model knows.
    pub const GLIBC_2_35: Rules =
        Rules { name: "2.35", evidence: Evidence::FromSource, ..Rules::GLIBC_2_36 };

    /// glibc 2.31 on x86-64.
    pub const GLIBC_2_31: Rules = Rules {
        name: "2.31",
        heap_header: 32,
        fallback_swapped: false,
        threshold_limited: true,
        hugetlb: false,
        ..Rules::GLIBC_2_36
    };

    /// glibc 2.31 on i386.
    pub const GLIBC_2_31_I386: Rules = Rules {
        name: "2.31-i386",
        fallback_swapped: false,
        threshold_limited: true,
        hugetlb: false,
        ..Rules::GLIBC_2_36_I386
    };

    /// glibc 2.41 on x86-64.
    pub const GLIBC_2_41: Rules = Rules {
        name: "2.41",
        tcache: Some(TcacheRules {
            bins: 64,
            count: 7,
            table: 640,
            calloc_takes: true,
            memalign_takes: true,
            comes_late: false,
        }),
        fallback_swapped: false,
        heaps_unreserved: false,
        huge_threshold: true,
        small_to_bin: true,
        memalign_merges: true,
        aligned_alloc_checks: true,
        realloc_keeps: true,
        realloc_keeps_page: true,
        ..Rules::GLIBC_2_36
    };

    /// glibc 2.41 on i386.
    pub const GLIBC_2_41_I386: Rules = Rules {
        name: "2.41-i386",
        word: 4,
        tcache: Some(TcacheRules {
            bins: 64,
            count: 7,
            table: 384,
            calloc_takes: true,
            memalign_takes: true,
            comes_late: false,
        }),
        heap_header: 24,
        arena_header: 1116,
        heap_max: 1 << 20,
        threshold_max: 512 << 10,
        arenas_per_cpu: 2,
        ..Rules::GLIBC_2_41
    };

    /// glibc 2.43 on x86-64. Large blocks in the cache of the thread (`tcache_max` above 1032) are left out.
    pub const GLIBC_2_43: Rules = Rules {
        name: "2.43",
        evidence: Evidence::Exact,
        tcache: Some(TcacheRules {
            bins: 64,
            count: 16,
            // 76 counts and 76 heads: 12 of them are for large blocks.
            table: 760,
            calloc_takes: true,
            memalign_takes: true,
            comes_late: true,
        }),
        arena_header: 2112,
        realloc_keeps_page: false,
        refuses_late: true,
        fallback_alone: true,
        thp_asks_break: true,
        fast_lists: false,
        frees_past_cache: true,
        mapped_header: true,
        memalign_cuts_chunks: true,
        ..Rules::GLIBC_2_41
    };

    /// glibc 2.39 on x86-64.
    pub const GLIBC_2_39: Rules = Rules {
        name: "2.39",
        evidence: Evidence::FromSource,
        tcache: Some(TcacheRules {
            bins: 64,
            count: 7,
            table: 640,
            calloc_takes: false,
            memalign_takes: true,
            comes_late: false,
        }),
        huge_threshold: false,
        small_to_bin: false,
        ..Rules::GLIBC_2_41
    };

    /// glibc 2.25 on x86-64, the last without a cache for each thread.
    pub const GLIBC_2_25: Rules = Rules {
        name: "2.25",
        evidence: Evidence::FromSource,
        tcache: None,
        check_levels: true,
        arena_header: 2192,
        single_thread_path: false,
        ptrdiff_limit: false,
        ..Rules::GLIBC_2_31
    };

    /// glibc 2.12 on x86-64.
    pub const GLIBC_2_12: Rules = Rules { name: "2.12", ..Rules::GLIBC_2_25 };

    /// glibc 2.5 on i386, where blocks lie on boundaries of 8 bytes.
    pub const GLIBC_2_5_I386: Rules = Rules {
        name: "2.5-i386",
        word: 4,
        align: 8,
        heap_header: 16,
        arena_header: 1104,
        heap_max: 1 << 20,
        threshold_max: 512 << 10,
        arenas_per_cpu: 2,
        fast_rounds_up: true,
        large_oldest: true,
        ..Rules::GLIBC_2_25
    };

    /// glibc 2.3 on i386, whose thresholds stay where they are.
    pub const GLIBC_2_3_I386: Rules =
        Rules { name: "2.3-i386", dynamic_threshold: false, ..Rules::GLIBC_2_5_I386 };

    /// All rule sets.
    pub const ALL: &[Rules] = &[
        Rules::GLIBC_2_36,
        Rules::GLIBC_2_36_I386,
        Rules::GLIBC_2_31,
        Rules::GLIBC_2_31_I386,
        Rules::GLIBC_2_41,
        Rules::GLIBC_2_41_I386,
        Rules::GLIBC_2_43,
        Rules::GLIBC_2_35,
        Rules::GLIBC_2_39,
        Rules::GLIBC_2_25,
        Rules::GLIBC_2_12,
        Rules::GLIBC_2_5_I386,
        Rules::GLIBC_2_3_I386,
    ];

    /// The rule set with this name.
    pub fn named(name: &str) -> Option<Rules> {
        Rules::ALL.iter().find(|rules| rules.name == name).copied()
    }

    /// Whether the release has `mallinfo2` beside `mallinfo`, which is the same cut to an int: since
    /// 2.33.
    pub fn has_mallinfo2(&self) -> bool {
        self.minor().is_some_and(|minor| minor >= 33)
    }

    /// The line on standard error about a mistake with the block at `addr` in `program`.
    ///
    /// Since 2.27 `malloc_printerr` prints the message alone; before, it names program and block: as
    /// `*** Error in` since 2.17, as `*** glibc detected ***` up to 2.16. The list of calls and mappings that followed
    /// before the end of the process is left out.
    pub fn complaint(&self, program: &str, message: &str, addr: u64) -> String {
        if !self.check_levels {
            return message.to_owned();
        }
        let digits = usize::try_from(2 * self.word).unwrap_or(16);
        if self.minor().is_some_and(|minor| minor >= 17) {
            format!("*** Error in `{program}': {message}: 0x{addr:0digits$x} ***")
        } else {
            format!("*** glibc detected *** {program}: {message}: 0x{addr:0digits$x} ***")
        }
    }

    /// The number after `2.`.
    fn minor(&self) -> Option<u32> {
        let release = self.name.split('-').next()?;
        release.strip_prefix("2.")?.parse().ok()
    }

    /// Bytes before the user's pointer (`CHUNK_HDR_SZ`).
    pub const fn header(&self) -> u64 {
        2 * self.word
    }

    /// Bytes of the smallest chunk (`MINSIZE`).
    pub const fn min_chunk(&self) -> u64 {
        (4 * self.word).next_multiple_of(self.align)
    }

    /// Bytes of the smallest chunk that shares its bin with other sizes (`MIN_LARGE_SIZE`).
    pub const fn min_large(&self) -> u64 {
        let correction = if self.align > self.header() { 1 } else { 0 };
        (64 - correction) * self.align
    }

    /// Bytes that a mapping has beside its one chunk, beyond those for alignment.
    pub(crate) const fn mapped_extra(&self) -> u64 {
        if self.mapped_header { self.header() } else { self.word }
    }

    /// Bytes of a mapping behind its one chunk.
    pub(crate) const fn mapped_tail(&self) -> u64 {
        if self.mapped_header { self.header() } else { 0 }
    }

    /// `PTRDIFF_MAX`, beyond which no request is granted.
    pub const fn most(&self) -> u64 {
        u64::MAX >> (65 - 8 * self.word)
    }

    /// The largest request that is not refused at once.
    const fn largest_request(&self) -> u64 {
        if self.ptrdiff_limit {
            self.most()
        } else {
            self.wrap((2 * self.min_chunk()).wrapping_neg()) - 1
        }
    }

    /// The chunk for a request (`checked_request2size`), `None` if it is too large.
    #[inline]
    pub fn chunk_for(&self, request: u64) -> Option<u64> {
        if request > self.largest_request() {
            return None;
        }
        let padded = (request + self.word + self.align - 1) & !(self.align - 1);
        Some(padded.max(self.min_chunk()))
    }

    /// The bin of a chunk (`bin_index`): 2 to 126, growing with the size.
    pub fn bin(&self, size: u64) -> u64 {
        let correction = u64::from(self.align > self.header());
        if size < self.min_large() {
            return size / self.align + correction;
        }
        // The first step of 64 bytes reaches so far, by word and alignment.
        let (steps, first) = match (self.word, self.align) {
            (8, _) => (48, 48),
            (_, 16) => (45, 49),
            _ => (38, 56),
        };
        match size {
            _ if size >> 6 <= steps => first + (size >> 6),
            _ if size >> 9 <= 20 => 91 + (size >> 9),
            _ if size >> 12 <= 10 => 110 + (size >> 12),
            _ if size >> 15 <= 4 => 119 + (size >> 15),
            _ if size >> 18 <= 2 => 124 + (size >> 18),
            _ => 126,
        }
    }

    /// A number as the library's `size_t` holds it.
    pub(crate) const fn wrap(&self, value: u64) -> u64 {
        value & (u64::MAX >> (64 - 8 * self.word))
    }

    /// The same bits as a `long`.
    #[expect(clippy::cast_possible_wrap, reason = "this is what it is for")]
    pub(crate) const fn signed(&self, value: u64) -> i64 {
        let unused = 64 - 8 * self.word;
        ((value << unused) as i64) >> unused
    }
}
