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
}

/// The rules of one release on one machine.
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
        }),
        heap_header: 48,
        arena_header: 2200,
        heap_max: 64 << 20,
        threshold_max: 32 << 20,
        fallback_swapped: true,
        arenas_per_cpu: 8,
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
        }),
        heap_header: 24,
        arena_header: 1116,
        heap_max: 1 << 20,
        threshold_max: 512 << 10,
        arenas_per_cpu: 2,
        ..Rules::GLIBC_2_36
    };

    /// All rule sets.
    pub const ALL: &[Rules] = &[Rules::GLIBC_2_36, Rules::GLIBC_2_36_I386];

    /// The rule set with this name.
    pub fn named(name: &str) -> Option<Rules> {
        Rules::ALL.iter().find(|rules| rules.name == name).copied()
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

    /// `PTRDIFF_MAX`, beyond which no request is granted.
    pub const fn most(&self) -> u64 {
        u64::MAX >> (65 - 8 * self.word)
    }

    /// The chunk for a request (`checked_request2size`), `None` if it is too large.
    #[inline]
    pub fn chunk_for(&self, request: u64) -> Option<u64> {
        if request > self.most() {
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
