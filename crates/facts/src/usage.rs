//! Who uses how much memory: the processes' shares, and those of what they map.

use units::{Bytes, Pages, Pid};

use crate::{Name, Share, Shares, Snapshot, Why};

/// The processes of a machine with their shares of its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The machine. Its list of tasks is empty; what could not be read stands in its `missing`.
    pub machine: Snapshot,
    /// Processes with memory that were asked for, in the order they were read.
    pub processes: Vec<ProcessUse>,
    /// What they map, summed up by name; `None` when nobody asked.
    pub mappings: Option<Vec<MappingUse>>,
    /// Threads of the kernel, which have no memory of their own.
    pub kernel_threads: usize,
    /// Processes without address space (zombies), and those that went away while they were read.
    pub without_memory: usize,
    /// Processes that a filter left out before their memory was read.
    pub filtered: usize,
    /// How two processes that share an address space were told from two that do not.
    pub twins_by: TwinsBy,
}

/// How it is found out that two processes share one address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwinsBy {
    /// The kernel was asked (`kcmp` with `KCMP_VM`, 3.5).
    Kernel,
    /// A process and its parent were taken for one address space when it begins at the same
    /// addresses and all sizes are equal.
    Looks,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessUse {
    /// Process id.
    pub pid: Pid,
    /// Parent's process id.
    pub ppid: Option<Pid>,
    /// Name, at most 15 bytes.
    pub comm: Option<Name>,
    /// Command line, its arguments separated by blanks; the first [`ProcessUse::COMMAND`] bytes of
    /// it. Empty when the process has none.
    pub command: Option<Name>,
    /// Last part of the first argument.
    pub program: Option<Name>,
    /// Start, clock ticks after boot.
    pub start_ticks: Option<u64>,
    /// Owner of `/proc/PID`: its effective user, or root when it is not dumpable. The real user
    /// where `status` was read.
    pub uid: Option<u32>,
    /// Path of its cgroup; read only when asked for.
    pub cgroup: Option<Name>,
    /// What is known of its memory.
    pub memory: MemoryOf,
}

impl ProcessUse {
    /// Bytes that are kept of a command line.
    pub const COMMAND: usize = 1024;
}

/// What is known of a process's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryOf {
    /// All of it, or of the mappings that were asked for.
    Shares(Box<Shares>),
    /// It uses the address space of this process, under which it is counted.
    Twin(Pid),
    /// Its share could not be read, or was not because reading costs too much: bounds.
    Bounds(Box<Bounds>),
}

/// What bounds a process's share from above: what it has resident, shared or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Why its share was not read.
    pub why: Unshared,
    /// `VmRSS`, or the resident pages of `stat`.
    pub rss: Option<Bytes>,
    /// `RssAnon` (4.5).
    pub rss_anon: Option<Bytes>,
    /// `RssFile` (4.5).
    pub rss_file: Option<Bytes>,
    /// `RssShmem` (4.5).
    pub rss_shmem: Option<Bytes>,
    /// `VmSwap` (2.6.34).
    pub swap: Option<Bytes>,
    /// `HugetlbPages` (4.4): exact, since it is in no other figure.
    pub hugetlb: Option<Bytes>,
}

/// Why a process's share was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unshared {
    /// It could not be.
    Refused(Why),
    /// The kernel would have held its memory map for too long; an estimate in microseconds.
    TooLong {
        /// How long, at most.
        estimate_us: u64,
    },
}

impl Default for Unshared {
    fn default() -> Self {
        Unshared::Refused(Why::Absent)
    }
}

/// All mappings of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingUse {
    /// What the kernel prints behind the inode: a path, `[heap]`, or nothing for anonymous memory.
    pub name: Name,
    /// How many mappings.
    pub mappings: u64,
    /// Of how many address spaces.
    pub processes: u32,
    /// Their sizes.
    pub amounts: Amounts,
}

macro_rules! measures {
    ($($variant:ident $doc:literal,)*) => {
        /// A measure of memory.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Measure {
            $(#[doc = $doc] $variant,)*
        }

        impl Measure {
            /// All of them.
            pub const ALL: &[Measure] = &[$(Measure::$variant,)*];
        }
    };
}

measures! {
    Uss "Resident and mapped by nobody else.",
    Pss "Resident, each page divided by the number of its mappings.",
    Rss "Resident.",
    Swap "In swap.",
    SwapPss "In swap, each slot divided by the number of its users.",
    Anon "The anonymous part of `Pss`.",
    File "The file part of `Pss`.",
    Shmem "The shared-memory part of `Pss`.",
    Hugetlb "hugetlbfs pages, which are in no other measure.",
    HugeLost "Huge pages that are private and not in `Pss`: see [`lost_huge_pages`].",
}

const MEASURES: usize = Measure::ALL.len();

/// Sums of measures. One that is not known for all that was added is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    sizes: [u64; MEASURES],
    known: u16,
}

impl Amounts {
    /// Nothing at all: every measure is known to be nothing.
    pub const ZERO: Amounts = Amounts { sizes: [0; MEASURES], known: (1 << MEASURES) - 1 };

    /// What is known of this measure.
    pub fn get(&self, measure: Measure) -> Option<Bytes> {
        let index = measure as usize;
        (self.known & (1 << index) != 0).then(|| Bytes::new(self.sizes[index]))
    }

    /// Adds to one measure, if it is known.
    pub fn grow(&mut self, measure: Measure, by: Bytes) {
        if self.get(measure).is_some() {
            let sum = &mut self.sizes[measure as usize];
            *sum = sum.saturating_add(by.get());
        }
    }

    /// Adds others.
    #[inline]
    pub fn add(&mut self, other: &Amounts) {
        self.known &= other.known;
        for (sum, size) in self.sizes.iter_mut().zip(other.sizes) {
            *sum = sum.saturating_add(size);
        }
    }

    /// Their sum.
    #[must_use]
    pub fn plus(mut self, other: &Amounts) -> Amounts {
        self.add(other);
        self
    }
}

impl Default for Amounts {
    fn default() -> Self {
        Amounts::ZERO
    }
}

impl From<&Shares> for Amounts {
    #[inline]
    fn from(shares: &Shares) -> Amounts {
        let mut amounts = Amounts { sizes: [0; MEASURES], known: 0 };
        let mut set = |measure: Measure, size: Option<Bytes>| {
            if let Some(size) = size {
                amounts.sizes[measure as usize] = size.get();
                amounts.known |= 1 << measure as usize;
            }
        };
        set(Measure::Uss, shares.private());
        set(Measure::Pss, shares.pss());
        set(Measure::Rss, shares.rss());
        set(Measure::Swap, shares.swap());
        set(Measure::SwapPss, shares.swap_pss());
        set(Measure::Anon, shares.get(Share::PssAnon));
        set(Measure::File, shares.get(Share::PssFile));
        set(Measure::Shmem, shares.get(Share::PssShmem));
        set(Measure::Hugetlb, shares.hugetlb());
        set(Measure::HugeLost, Some(lost_huge_pages(shares)));
        amounts
    }
}

impl std::fmt::Debug for Amounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = Measure::ALL.iter().filter_map(|&m| Some((m, self.get(m)?)));
        f.debug_map().entries(known.map(|(m, b)| (m, b.get()))).finish()
    }
}

/// What `Pss` of a mapping or a process lacks on kernels of 32 bits since 5.3: whole huge pages that are
/// private and not in it. Nothing on others, where all that is private is in `Pss`.
///
/// `smaps_account()` in `fs/proc/task_mmu.c` computes `size << PSS_SHIFT` of a huge page in an
/// `unsigned long`, where 2 MiB times 4096 is 0. `Rss`, `Private_*` and `AnonHugePages` are right, so
/// that what was lost can be found again. What several map is counted page by page, and is not lost;
/// the share in it hides a part of the gap, so that this is rounded up to whole pages of 2 MiB.
#[inline]
pub fn lost_huge_pages(shares: &Shares) -> Bytes {
    const HUGE: u64 = 2 << 20;
    let gap = shares.private().zip(shares.pss()).map(|(own, pss)| own.saturating_sub(pss).get());
    match gap.zip(shares.anon_huge()) {
        Some((gap, huge)) if gap > 0 => {
            Bytes::new(gap.div_ceil(HUGE).saturating_mul(HUGE).min(huge.get()))
        }
        _ => Bytes::ZERO,
    }
}

/// What walking a process's page tables costs, at most, in microseconds: 42 ns a resident page,
/// measured on Linux 6.18 (11 ms a GiB of 4 KiB pages, 0.7 ms a GiB of huge ones).
pub fn walk_cost_us(rss: Pages) -> u64 {
    rss.count().saturating_mul(42) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_unknown_where_a_part_is() {
        let mut shares = Shares::default();
        shares.set(Share::Pss, Bytes::new(4096));
        let mut sum = Amounts::ZERO;
        sum.add(&Amounts::from(&shares));
        sum.add(&Amounts::from(&shares));
        assert_eq!(sum.get(Measure::Pss), Some(Bytes::new(8192)));
        assert_eq!(sum.get(Measure::Uss), None);
        assert_eq!(Amounts::ZERO.get(Measure::Uss), Some(Bytes::ZERO));
    }

    #[test]
    fn a_gibibyte_of_small_pages_costs_eleven_milliseconds() {
        assert_eq!(walk_cost_us(Pages::new(1 << 18)) / 1000, 11);
    }
}
