//! What the question "where has the memory gone" is answered with.

use facts::Name;
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Percent};

use crate::rank::SourceLine;

/// Every page of a machine, and what nothing accounts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerReport {
    /// Name and version of this format: `oomph.ledger/1`.
    pub schema: &'static str,
    /// Where the snapshot comes from.
    pub source: SourceLine,
    /// What to think of the remainder.
    pub verdict: LedgerVerdict,
    /// `MemTotal`, the whole that shares are measured against; `null` when unknown.
    pub total: Option<Bytes>,
    /// The machine from the top down; `null` when not even `MemTotal` is known.
    pub machine: Option<Line>,
    /// How much the counters moved while they were read; `null` when they were read once.
    pub drift: Option<Drift>,
    /// What the processes' shares add up to, against the kernel's own counters; `null` when no
    /// process's share was read.
    pub shares: Option<ShareIdentities>,
    /// Memory cgroups with what is charged to each, by path. A group includes its descendants.
    pub cgroups: Vec<CgroupLedger>,
    /// Figures that cannot be true. They are named here and used nowhere.
    pub implausible: Vec<Implausible>,
    /// What else a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// An amount and what it is made of.
///
/// Where there are children they add up to `bytes` exactly, and the last one, of kind `rest`, is
/// what the others leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// Which one of several of this kind: a huge page size, a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// How much, bytes. Negative only for a rest: the others claim more than there is.
    pub bytes: i64,
    /// How sure that figure is.
    pub exactness: Exactness,
    /// Files and fields it comes from.
    pub from: String,
    /// What a reader must know about this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Parts of it that overlap with its children, and so stand outside the sum.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub of_which: Vec<Aside>,
    /// What it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Line>,
}

/// A part of a line that overlaps with its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Aside {
    /// What it is.
    pub kind: AsideKind,
    /// How much, bytes.
    pub bytes: i64,
}

/// How sure a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exactness {
    /// The kernel counts it. (Its counters lag by up to some hundred pages a CPU.)
    Exact,
    /// Between two figures, bytes; the line's own is the likelier of the two.
    Bounded {
        /// At least.
        at_least: i64,
        /// At most.
        at_most: i64,
    },
    /// Computed from something that usually goes with it.
    Estimated,
    /// What the lines beside it leave.
    Rest,
}

macro_rules! kinds {
    ($(#[$meta:meta])* $name:ident: $($variant:ident $label:literal $doc:literal,)*) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(#[doc = $doc] $variant,)*
        }

        impl $name {
            /// Every one, in the order of the ledger.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// A few words.
            pub const fn label(self) -> &'static str {
                match self { $($name::$variant => $label,)* }
            }

            /// A sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $($name::$variant => $doc.trim_ascii_start(),)* }
            }
        }
    };
}

kinds! {
    /// What a line of the ledger is.
    LineKind:
    Physical "physical memory" "Memory that the machine has.",
    BeforeAllocator "taken before the allocator" "Taken before the page allocator started; no program can ever have it.",
    MemoryMap "memory map" "`struct page`: the kernel's note about each page, 64 bytes a page.",
    KernelImage "kernel image" "The kernel's code and static data.",
    CrashKernel "crash kernel" "Kept for the kernel that writes the dump when this one crashes.",
    EarlyTables "early hash tables" "Hash tables sized at boot by the amount of memory: names and inodes of files.",
    Managed "managed (MemTotal)" "Memory that the page allocator hands out.",
    Free "free" "Free, as `MemFree` counts.",
    FreeLists "free lists" "Free lists of the zones.",
    Deferred "not yet initialised" "Free memory whose `struct page`s are not initialised yet: the zones do not count it.",
    Unaccepted "not yet accepted" "Free memory that a confidential guest has not accepted from its host yet.",
    PerCpuLists "per-cpu lists" "Free pages that each CPU keeps for itself: in no free figure, and given back when memory is short.",
    User "user memory and page cache" "Pages on the reclaim lists: what programs and files occupy.",
    Anon "anonymous" "What programs have written: heaps, stacks, private copies.",
    AnonSmall "in small pages" "Of it, in pages of base size.",
    AnonHuge "in huge pages" "Of it, in transparent huge pages.",
    Shmem "shared memory, tmpfs" "tmpfs, shared memory, memfd: looks like page cache, and can go to swap only.",
    FileCache "page cache" "Contents of files.",
    FileMapped "mapped" "Of it, mapped into programs: their code, their libraries, their data.",
    FileUnmapped "not mapped" "Of it, kept because it was read or written.",
    Buffers "buffers" "Page cache of block devices: file systems' own data.",
    SwapCache "swap cache" "Pages in swap and in memory at once that no program maps any more.",
    Slab "slab" "The kernel's objects.",
    SlabReclaimable "reclaimable" "Of it, caches that can be shrunk: names and inodes of files, mostly.",
    SlabUnreclaimable "unreclaimable" "Of it, objects in use until whoever made them frees them.",
    OtherReclaimable "other reclaimable kernel" "Kernel memory outside slab that a shrinker may free.",
    PageTables "page tables" "Page tables of user address spaces.",
    UpperPageTables "upper page tables" "Upper levels of page tables, which releases before 6.14 do not count.",
    SecPageTables "secondary page tables" "Page tables of virtual machines and IOMMUs.",
    Vmalloc "vmalloc" "Large kernel allocations mapped piece by piece: modules, tables, BPF maps, stacks.",
    KernelStacks "kernel stacks" "A stack in the kernel for every thread.",
    PerCpu "per-cpu data" "One copy a CPU of the kernel's counters and small structures.",
    BootTables "boot-time tables" "Hash tables, trace tables and pools of DMA that the kernel took at boot, by its own log.",
    HugetlbPool "huge page pool" "Pages set aside for hugetlbfs, used or not; nothing else can have them.",
    HugetlbUsed "in use" "Of the pool, in use.",
    HugetlbFree "idle" "Of the pool, idle.",
    Compressed "compressed swap" "Memory that holds compressed pages.",
    Zswap "zswap" "Compressed cache in front of swap.",
    Zram "zram" "Compressed block device.",
    Balloon "balloon" "Given back to the hypervisor.",
    GpuActive "GPU, in use" "System memory that GPU drivers use.",
    GpuReclaim "GPU, pooled" "System memory that GPU drivers keep to use again.",
    Bounce "bounce buffers" "Copies for devices that cannot reach all memory.",
    WritebackTmp "FUSE write-back" "Copies of pages being written by FUSE.",
    Corrupted "lost to hardware errors" "Pages taken out of use after memory errors.",
    Quicklists "page table quicklists" "Page tables kept for the next process.",
    MemoryMapHot "memory map of added memory" "`struct page`s of memory that was added at run time.",
    Cgroup "charged to the cgroup" "All that is charged to the cgroup and its descendants.",
    CgroupKernel "kernel memory" "Kernel memory charged to it.",
    Sock "network buffers" "Buffers of sockets.",
    CgroupHugetlb "hugetlb" "Huge pages of the pool, where they are charged.",
    Rest "rest" "What the lines beside it leave.",
}

kinds! {
    /// A part that overlaps with the lines of the sum.
    AsideKind:
    Unevictable "unevictable" "Reclaim may not touch it: locked, ramfs, secret.",
    Mlocked "locked" "Locked by `mlock`.",
    Mapped "mapped" "Mapped by some process: files and shared memory.",
    Dirty "to be written" "To be written to its file first.",
    Writeback "being written" "Being written.",
    SwapCached "also in swap" "In memory and in swap at once.",
    ShmemHuge "in huge pages" "In transparent huge pages.",
    FileHuge "in huge pages" "In huge pages of the page cache.",
    CmaFree "in contiguous areas" "In areas for large devices' buffers: movable pages alone may use it.",
    CmaUsed "in contiguous areas" "In areas for large devices' buffers, by movable pages or by a device.",
    KernelStacks "kernel stacks" "Stacks of threads inside the kernel.",
    IommuTables "of IOMMUs" "Page tables of IOMMUs.",
}

/// What to think of the remainder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerVerdict {
    /// In one word.
    pub level: RemainderLevel,
    /// What no counter accounts for, bytes; negative when counters claim more than there is.
    pub remainder: Option<i64>,
    /// Its size as a share of `MemTotal`, percent.
    pub share: Option<Percent>,
    /// The same in words.
    pub text: String,
    /// What it may be, likeliest first.
    pub may_be: Vec<String>,
}

/// How large the remainder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemainderLevel {
    /// There is no `MemTotal` or too little else.
    Unknown,
    /// At most 0.5 % of `MemTotal`, or what every kernel takes at boot without counting it.
    Normal,
    /// More than that.
    Large,
    /// The lines add up to clearly more than there is.
    OverCounted,
}

/// How much the counters moved while they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drift {
    /// The largest change of a line between the two readings, bytes.
    pub bytes: u64,
    /// That line of `/proc/meminfo`.
    pub field: &'static str,
}

/// Sums over processes against the kernel's counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShareIdentities {
    /// Address spaces whose shares were read.
    pub read: usize,
    /// Processes whose shares could not be read.
    pub unread: usize,
    /// Processes that share another's address space and are counted there.
    pub twins: usize,
    /// Anonymous shares against `AnonPages`.
    pub anon: Option<Identity>,
    /// File and shared-memory shares against `Mapped`.
    pub mapped: Option<Identity>,
    /// All shares against `AnonPages + Mapped`: for kernels before 5.3, which do not split them.
    pub both: Option<Identity>,
    /// In words.
    pub text: String,
}

/// A sum that should equal a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Identity {
    /// The sum over what was read, bytes.
    pub sum: Bytes,
    /// What the unread may add at most (their resident memory), bytes; `null` when not even that
    /// is known of all of them.
    pub unread_at_most: Option<Bytes>,
    /// The counter, bytes.
    pub counter: Bytes,
    /// Counter less sum, bytes.
    pub difference: i64,
    /// How much the counter itself moved between two readings, bytes: the error bar.
    pub drift: Option<Bytes>,
    /// Whether the difference is explained by the drift, the unread and 0.5 % of the counter.
    pub holds: bool,
}

/// One memory cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CgroupLedger {
    /// Path from the hierarchy's root.
    pub path: Name,
    /// What is charged, and its parts.
    pub line: Line,
    /// The processes' shares in it, bytes: what they use, whoever is charged for it. `null` when
    /// no share of its processes was read.
    pub pss: Option<Bytes>,
    /// Processes directly or below in it whose shares were not read.
    pub unread: usize,
}

/// A figure that cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Implausible {
    /// File and field.
    pub place: String,
    /// What it says, bytes.
    pub found: u64,
    /// What it cannot exceed, bytes.
    pub at_most: u64,
}
