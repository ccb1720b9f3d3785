//! `/proc/meminfo`: the machine's totals.

use units::Bytes;

macro_rules! fields {
    ($($variant:ident $text:literal $doc:literal,)*) => {
        /// A line of `/proc/meminfo` that this program knows by name.
        ///
        /// The kernel prints `kB` and means KiB; here every one is [`Bytes`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = $doc] $variant,)*
        }

        impl Field {
            /// Every known line, in the kernel's order.
            pub const ALL: &[Field] = &[$(Field::$variant,)*];

            /// The name the kernel prints before the colon.
            pub const fn text(self) -> &'static str {
                match self { $(Field::$variant => $text,)* }
            }

            /// The line of this name.
            pub fn from_text(text: &[u8]) -> Option<Field> {
                $(if text == $text.as_bytes() { return Some(Field::$variant); })*
                None
            }
        }
    };
}

fields! {
    MemTotal "MemTotal" "Pages managed by the allocator: physical memory less what the kernel took before it ran.",
    MemFree "MemFree" "Pages on the zones' free lists; per-cpu lists are not in it.",
    MemAvailable "MemAvailable" "The kernel's own estimate of what can be had without swapping (3.14).",
    Buffers "Buffers" "Page cache of block devices.",
    Cached "Cached" "Page cache of files, and shared memory; without swap cache and buffers.",
    SwapCached "SwapCached" "Anonymous pages in memory that also have a swap slot.",
    Active "Active" "Both active lists.",
    Inactive "Inactive" "Both inactive lists.",
    ActiveAnon "Active(anon)" "Active anonymous and shared-memory pages (2.6.28).",
    InactiveAnon "Inactive(anon)" "Inactive anonymous and shared-memory pages (2.6.28).",
    ActiveFile "Active(file)" "Active file pages (2.6.28).",
    InactiveFile "Inactive(file)" "Inactive file pages (2.6.28).",
    Unevictable "Unevictable" "Pages that reclaim may not touch: locked, ramfs, secret (2.6.28).",
    Mlocked "Mlocked" "Pages locked by `mlock` (2.6.28).",
    HighTotal "HighTotal" "Managed pages of high memory (32-bit).",
    HighFree "HighFree" "Free pages of high memory (32-bit).",
    LowTotal "LowTotal" "Managed pages of low memory (32-bit).",
    LowFree "LowFree" "Free pages of low memory (32-bit).",
    SwapTotal "SwapTotal" "All active swap.",
    SwapFree "SwapFree" "Swap slots not in use.",
    Zswap "Zswap" "Memory that holds compressed swap (5.19).",
    Zswapped "Zswapped" "What that memory stands for, uncompressed (5.19).",
    Dirty "Dirty" "File pages to be written.",
    Writeback "Writeback" "File pages being written.",
    AnonPages "AnonPages" "Anonymous pages mapped somewhere, each counted once (2.6.18).",
    Mapped "Mapped" "File and shared-memory pages mapped somewhere, each counted once.",
    Shmem "Shmem" "tmpfs and shared memory (2.6.32).",
    KReclaimable "KReclaimable" "Kernel memory that reclaim can take, slab included (4.20).",
    Slab "Slab" "The kernel's object caches.",
    SReclaimable "SReclaimable" "The part of slab whose objects a shrinker may free (2.6.19).",
    SUnreclaim "SUnreclaim" "The rest of slab (2.6.19).",
    KernelStack "KernelStack" "Stacks of threads inside the kernel (2.6.32).",
    PageTables "PageTables" "Page tables of user address spaces.",
    SecPageTables "SecPageTables" "Second-level page tables: KVM, IOMMU (6.1).",
    NfsUnstable "NFS_Unstable" "Written to an NFS server but not committed; 0 since 5.10.",
    Bounce "Bounce" "Bounce buffers of block devices.",
    WritebackTmp "WritebackTmp" "FUSE's write-back buffers (2.6.26).",
    CommitLimit "CommitLimit" "What may be promised in overcommit mode 2 (2.6.10).",
    CommittedAs "Committed_AS" "What has been promised.",
    VmallocTotal "VmallocTotal" "Address space for vmalloc, not memory.",
    VmallocUsed "VmallocUsed" "Memory in vmalloc; 0 from 4.4 to 5.2, where it was not counted.",
    Percpu "Percpu" "Per-cpu allocations (4.19).",
    HardwareCorrupted "HardwareCorrupted" "Pages the hardware lost (2.6.32).",
    AnonHugePages "AnonHugePages" "Transparent huge pages among the anonymous (2.6.38).",
    ShmemHugePages "ShmemHugePages" "Huge pages of shared memory (4.8).",
    FileHugePages "FileHugePages" "Huge pages of the page cache (5.4).",
    CmaTotal "CmaTotal" "Contiguous memory areas (3.19).",
    CmaFree "CmaFree" "Free pages in them (3.19).",
    Balloon "Balloon" "Given back to the hypervisor by a balloon (6.16).",
    Hugepagesize "Hugepagesize" "The default huge page size.",
    Hugetlb "Hugetlb" "All pools of huge pages together (4.16).",
}

/// A line this program does not know, kept as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherField {
    /// The name before the colon.
    pub name: Box<str>,
    /// The number after it.
    pub value: u64,
    /// Whether the kernel wrote `kB` behind it.
    pub kib: bool,
}

/// `/proc/meminfo`. A line that was not there is `None`.
#[derive(Clone, PartialEq, Eq)]
pub struct Meminfo {
    known: [Option<Bytes>; Field::ALL.len()],
    /// `HugePages_Total`: pages of the default size in the pool.
    pub hugepages_total: Option<u64>,
    /// `HugePages_Free`: those not in use.
    pub hugepages_free: Option<u64>,
    /// Lines this program does not know, in the kernel's order.
    pub other: Vec<OtherField>,
}

impl Default for Meminfo {
    fn default() -> Self {
        Meminfo {
            known: [None; Field::ALL.len()],
            hugepages_total: None,
            hugepages_free: None,
            other: Vec::new(),
        }
    }
}

impl Meminfo {
    /// The value of a line, `None` if the kernel did not print it or it could not be read.
    pub fn get(&self, field: Field) -> Option<Bytes> {
        self.known[field as usize]
    }

    /// Sets a line.
    pub fn set(&mut self, field: Field, value: Bytes) {
        self.known[field as usize] = Some(value);
    }

    /// The known lines that are present, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, Bytes)> + '_ {
        Field::ALL.iter().filter_map(|&field| Some((field, self.get(field)?)))
    }
}

impl std::fmt::Debug for Meminfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(k, v)| (k.text(), v.kib()))).finish()
    }
}
