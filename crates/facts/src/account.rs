//! What else is needed to account for every page, beside a [`crate::Snapshot`].

use units::{Bytes, Pid};

use crate::{Meminfo, Missing, Name, Shares};

/// Figures beside a snapshot, from the same machine at the same moment. Whatever is empty or `None`
/// was not there, could not be read, or was not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// `/proc/meminfo` once more, read right after the snapshot's figures: tells how still the
    /// machine was.
    pub again: Option<Meminfo>,
    /// `/proc/meminfo` right before and right after the processes' shares were read.
    pub around_shares: Option<(Meminfo, Meminfo)>,
    /// `/proc/iomem`, read by root.
    pub iomem: IomemTotals,
    /// Pools of huge pages, all sizes.
    pub pools: Vec<HugePool>,
    /// zram devices.
    pub zram: Vec<Zram>,
    /// What the kernel's log of its boot tells.
    pub boot: BootLog,
    /// Whether kernel stacks live in vmalloc (`CONFIG_VMAP_STACK`), by `/proc/vmallocinfo`.
    pub vmap_stack: Option<bool>,
    /// Slab caches (`/proc/slabinfo`), read by root.
    pub caches: Vec<SlabCache>,
    /// The processes' shares.
    pub shares: Vec<ProcessShare>,
    /// The mappings' shares.
    pub mappings: Vec<MappingShare>,
    /// What could not be read.
    pub missing: Vec<Missing>,
}

/// Sums of `/proc/iomem`. `None` when it could not be read, or showed only zeros to a reader
/// without `CAP_SYS_ADMIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IomemTotals {
    /// `System RAM` at the top level.
    pub system_ram: Option<Bytes>,
    /// `Kernel code`, `Kernel rodata`, `Kernel data`, `Kernel bss`.
    pub kernel_image: Option<Bytes>,
    /// `Crash kernel`.
    pub crash_kernel: Option<Bytes>,
}

/// One pool of huge pages (`/sys/kernel/mm/hugepages/hugepages-*kB`). Surplus pages are in `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HugePool {
    /// Size of a page.
    pub page: Bytes,
    /// `nr_hugepages`: pages in the pool.
    pub total: u64,
    /// `free_hugepages`: those not in use. Some may be promised (`resv_hugepages`).
    pub free: Option<u64>,
}

/// One zram device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zram {
    /// `zram0`.
    pub name: Box<str>,
    /// `mem_used_total` of `mm_stat`: memory it takes, fragmentation included.
    pub used: Bytes,
    /// `orig_data_size`: what that stands for.
    pub stored: Option<Bytes>,
}

/// What the kernel's log of its boot tells about memory that no counter has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BootLog {
    /// Hash tables, trace tables, and pools of pages for DMA.
    pub tables: Vec<BootTable>,
    /// The first chunk of per-cpu data of all CPUs: counted in `Percpu`, and taken before the page
    /// allocator started.
    pub percpu_first_chunk: Option<Bytes>,
}

/// A table that the kernel allocated at boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootTable {
    /// Its name in the log.
    pub name: Box<str>,
    /// Size.
    pub bytes: Bytes,
    /// Where it comes from.
    pub place: TablePlace,
}

/// Where a boot-time table was allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TablePlace {
    /// Before the page allocator: outside `MemTotal`.
    Early,
    /// From the page allocator: inside `MemTotal`, in no counter.
    Pages,
    /// From vmalloc: counted there.
    Vmalloc,
}

/// One cache of the kernel's object allocator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlabCache {
    /// Name.
    pub name: Name,
    /// What its slabs take.
    pub bytes: Bytes,
}

/// One process's share of memory, from `/proc/PID/smaps_rollup` (4.14) or the sum of `smaps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessShare {
    /// Process.
    pub pid: Pid,
    /// Start, clock ticks after boot: tells it from a later process of the same number.
    pub start_ticks: Option<u64>,
    /// Name.
    pub name: Option<Name>,
    /// Its memory cgroup.
    pub cgroup: Option<Name>,
    /// `VmRSS`: an upper bound of its share.
    pub rss: Option<Bytes>,
    /// `RssAnon` (4.5).
    pub rss_anon: Option<Bytes>,
    /// Its sizes; `None` when they could not be read.
    pub shares: Option<Shares>,
    /// It shares the address space of this other process and adds nothing.
    pub twin_of: Option<Pid>,
}

/// One mapping of one process. Several of a name are added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingShare {
    /// Process.
    pub pid: Pid,
    /// Start, clock ticks after boot.
    pub start_ticks: Option<u64>,
    /// Its name.
    pub process: Option<Name>,
    /// Name of the mapping: a file, `[heap]`, or nothing for anonymous memory.
    pub mapping: Name,
    /// `Pss`.
    pub pss: Bytes,
}
