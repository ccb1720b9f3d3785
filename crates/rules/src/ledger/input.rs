//! What the ledger is made from.

use facts::{Meminfo, Snapshot};
use units::Bytes;

use super::ProcessShare;

/// A snapshot and what else is known about that machine. Everything but the snapshot may be absent:
/// it then stays in a rest.
#[derive(Debug, Clone, Copy)]
pub struct LedgerInput<'a> {
    /// The machine.
    pub snapshot: &'a Snapshot,
    /// `/proc/meminfo` once more, read after everything else: tells how still the machine was.
    pub again: Option<&'a Meminfo>,
    /// `/proc/iomem`, read by root.
    pub iomem: IomemTotals,
    /// Pools of huge pages, all sizes (`/sys/kernel/mm/hugepages`); empty when unknown.
    pub pools: &'a [HugePool],
    /// zram devices; empty when there are none or they are unknown.
    pub zram: &'a [Zram],
    /// Tables that the kernel's log of its boot names; empty when the log is gone.
    pub boot_tables: &'a [BootTable],
    /// Whether kernel stacks live in vmalloc (`CONFIG_VMAP_STACK`), where somebody looked.
    pub vmap_stack: Option<bool>,
    /// The processes' shares; empty when nobody looked.
    pub shares: &'a [ProcessShare],
}

impl<'a> LedgerInput<'a> {
    /// A snapshot and nothing else.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        LedgerInput {
            snapshot,
            again: None,
            iomem: IomemTotals::default(),
            pools: &[],
            zram: &[],
            boot_tables: &[],
            vmap_stack: None,
            shares: &[],
        }
    }
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

/// A table that the kernel's log says it allocated at boot.
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
