//! `memory.stat`: the figures of a cgroup under the names that its release prints.

use std::fmt::Write;

use klog::print::rows;

use super::{CgroupVersion, MemcgId, Memcgs};

/// Pages of a cgroup by what they are, without those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stat {
    /// Anonymous memory.
    pub(crate) anon: u64,
    /// Of it, huge pages.
    pub(crate) anon_huge: u64,
    /// Pages of files, shared memory among them.
    pub(crate) file: u64,
    /// Shared memory.
    pub(crate) shmem: u64,
    /// Pages of files that are mapped.
    pub(crate) file_mapped: u64,
    /// Not written back.
    pub(crate) dirty: u64,
    /// Being written back.
    pub(crate) writeback: u64,
    /// In the swap cache.
    pub(crate) swap_cached: u64,
    /// Lists: inactive and active anonymous, inactive and active of files, unevictable.
    pub(crate) lru: [u64; 5],
    /// Page tables.
    pub(crate) tables: u64,
    /// Kernel stacks.
    pub(crate) stacks: u64,
    /// Slab that can be reclaimed, bytes.
    pub(crate) slab_reclaimable: u64,
    /// Slab that cannot, bytes.
    pub(crate) slab_unreclaimable: u64,
    /// All pages of the kernel's own.
    pub(crate) kernel: u64,
    /// Swapped out.
    pub(crate) swap: u64,
    /// What happened.
    pub(crate) vm: VmEvents,
}

/// Events that are counted by cgroup, those of reclaim in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct VmEvents {
    /// Pages charged and uncharged (v1).
    pub(crate) page_in: u64,
    pub(crate) page_out: u64,
    pub(crate) fault: u64,
    pub(crate) major_fault: u64,
    /// By kswapd, by tasks themselves, because of `memory.reclaim`.
    pub(crate) scan: [u64; 3],
    pub(crate) steal: [u64; 3],
    pub(crate) refill: u64,
    pub(crate) activate: u64,
    pub(crate) deactivate: u64,
    pub(crate) lazy_free: u64,
    pub(crate) lazy_freed: u64,
    /// Workingset: anonymous and file.
    pub(crate) refault: [u64; 2],
    pub(crate) refault_activate: [u64; 2],
    pub(crate) refault_restore: [u64; 2],
    pub(crate) swap_in: u64,
    pub(crate) swap_out: u64,
    pub(crate) huge_fault: u64,
}

impl VmEvents {
    fn add(&mut self, other: &VmEvents) {
        let pairs = |to: &mut [u64], from: &[u64]| {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        };
        pairs(&mut self.scan, &other.scan);
        pairs(&mut self.steal, &other.steal);
        pairs(&mut self.refault, &other.refault);
        pairs(&mut self.refault_activate, &other.refault_activate);
        pairs(&mut self.refault_restore, &other.refault_restore);
        self.page_in += other.page_in;
        self.page_out += other.page_out;
        self.fault += other.fault;
        self.major_fault += other.major_fault;
        self.refill += other.refill;
        self.activate += other.activate;
        self.deactivate += other.deactivate;
        self.lazy_free += other.lazy_free;
        self.lazy_freed += other.lazy_freed;
        self.swap_in += other.swap_in;
        self.swap_out += other.swap_out;
        self.huge_fault += other.huge_fault;
    }
}

impl Stat {
    /// With those of a cgroup below.
    pub(crate) fn add(&mut self, other: &Stat) {
        self.anon += other.anon;
        self.anon_huge += other.anon_huge;
        self.file += other.file;
        self.shmem += other.shmem;
        self.file_mapped += other.file_mapped;
        self.dirty += other.dirty;
        self.writeback += other.writeback;
        self.swap_cached += other.swap_cached;
        for (to, from) in self.lru.iter_mut().zip(other.lru) {
            *to += from;
        }
        self.tables += other.tables;
        self.stacks += other.stacks;
        self.slab_reclaimable += other.slab_reclaimable;
        self.slab_unreclaimable += other.slab_unreclaimable;
        self.kernel += other.kernel;
        self.swap += other.swap;
        self.vm.add(&other.vm);
    }

    /// The figure of that name in v2's `memory.stat`: bytes, or a count of events. `None` for a line that
    /// a kernel without zswap and without hugetlb accounting does not have.
    pub(crate) fn v2(&self, name: &str) -> Option<u64> {
        let vm = &self.vm;
        let pages = match name {
            "anon" => self.anon,
            "file" => self.file,
            "kernel" => self.kernel,
            "kernel_stack" => self.stacks,
            "pagetables" => self.tables,
            "shmem" => self.shmem,
            "file_mapped" => self.file_mapped,
            "file_dirty" => self.dirty,
            "file_writeback" => self.writeback,
            "swapcached" => self.swap_cached,
            "anon_thp" => self.anon_huge,
            "inactive_anon" => self.lru[0],
            "active_anon" => self.lru[1],
            "inactive_file" => self.lru[2],
            "active_file" => self.lru[3],
            "unevictable" => self.lru[4],
            "hugetlb" => return None,
            _ if name.starts_with("zs") => return None,
            _ => {
                return Some(match name {
                    "slab_reclaimable" => self.slab_reclaimable,
                    "slab_unreclaimable" => self.slab_unreclaimable,
                    "slab" => self.slab_reclaimable + self.slab_unreclaimable,
                    "workingset_refault_anon" => vm.refault[0],
                    "workingset_refault_file" => vm.refault[1],
                    "workingset_refault" => vm.refault.iter().sum(),
                    "workingset_activate_anon" => vm.refault_activate[0],
                    "workingset_activate_file" => vm.refault_activate[1],
                    "workingset_activate" => vm.refault_activate.iter().sum(),
                    "workingset_restore_anon" => vm.refault_restore[0],
                    "workingset_restore_file" => vm.refault_restore[1],
                    "workingset_restore" => vm.refault_restore.iter().sum(),
                    "pgscan" => vm.scan.iter().sum(),
                    "pgscan_kswapd" => vm.scan[0],
                    "pgscan_direct" => vm.scan[1],
                    "pgscan_proactive" => vm.scan[2],
                    "pgsteal" => vm.steal.iter().sum(),
                    "pgsteal_kswapd" => vm.steal[0],
                    "pgsteal_direct" => vm.steal[1],
                    "pgsteal_proactive" => vm.steal[2],
                    "pswpin" => vm.swap_in,
                    "pswpout" => vm.swap_out,
                    "pgfault" => vm.fault,
                    "pgmajfault" => vm.major_fault,
                    "pgrefill" => vm.refill,
                    "pgactivate" => vm.activate,
                    "pgdeactivate" => vm.deactivate,
                    "pglazyfree" => vm.lazy_free,
                    "pglazyfreed" => vm.lazy_freed,
                    "thp_fault_alloc" => vm.huge_fault,
                    _ => 0,
                });
            }
        };
        Some(pages * 4096)
    }

    /// The figure of that name in v1's, without `total_` before it.
    pub(crate) fn v1(&self, name: &str) -> u64 {
        let vm = &self.vm;
        let pages = match name {
            "cache" => self.file,
            "rss" => self.anon,
            "rss_huge" => self.anon_huge,
            "shmem" => self.shmem,
            "mapped_file" => self.file_mapped,
            "dirty" => self.dirty,
            "writeback" => self.writeback,
            "swap" => self.swap,
            "swapcached" => self.swap_cached,
            "inactive_anon" => self.lru[0],
            "active_anon" => self.lru[1],
            "inactive_file" => self.lru[2],
            "active_file" => self.lru[3],
            "unevictable" => self.lru[4],
            "pgpgin" => return vm.page_in,
            "pgpgout" => return vm.page_out,
            "pgfault" => return vm.fault,
            "pgmajfault" => return vm.major_fault,
            "workingset_refault_anon" => return vm.refault[0],
            "workingset_refault_file" => return vm.refault[1],
            _ => 0,
        };
        pages * 4096
    }
}

/// Names that v1's `memory.stat` begins with, `total_` of each following below.
const V1: [&str; 20] = [
    "cache",
    "rss",
    "rss_huge",
    "shmem",
    "mapped_file",
    "dirty",
    "writeback",
    "workingset_refault_anon",
    "workingset_refault_file",
    "swap",
    "swapcached",
    "pgpgin",
    "pgpgout",
    "pgfault",
    "pgmajfault",
    "inactive_anon",
    "active_anon",
    "inactive_file",
    "active_file",
    "unevictable",
];

impl Memcgs {
    /// A cgroup's own figures with those of all below it; `own` tells each one's.
    pub(crate) fn total(&self, id: MemcgId, own: &impl Fn(MemcgId) -> Stat) -> Stat {
        let mut total = Stat::default();
        for at in self.subtree(id) {
            total.add(&own(at));
        }
        total
    }

    /// The figure of that name in v1's `memory.stat`: its own, or the least limit on the way up.
    pub(crate) fn v1_figure(&self, id: MemcgId, name: &str, own: &impl Fn(MemcgId) -> Stat) -> u64 {
        let least = |swap: bool| {
            let limits = self.lineage(id).map(|at| {
                let memcg = self.get(at);
                if swap { memcg.swap.max } else { memcg.memory.max }
            });
            limits.min().unwrap_or(self.most) * 4096
        };
        match name {
            "hierarchical_memory_limit" => least(false),
            "hierarchical_memsw_limit" => least(true),
            _ => own(id).v1(name),
        }
    }

    /// The text of `memory.stat`.
    pub(crate) fn stat_text(&self, id: MemcgId, own: &impl Fn(MemcgId) -> Stat) -> String {
        let mut text = String::new();
        let total = self.total(id, own);
        if self.version == CgroupVersion::V2 {
            for name in rows::memcg(self.release, false) {
                if let Some(value) = total.v2(name) {
                    let _ = writeln!(text, "{name} {value}");
                }
            }
            return text;
        }
        let since = |major, minor| self.release >= facts::Release::new(major, minor);
        let printed = |name: &str| match name {
            "rss_huge" => since(3, 10),
            "shmem" => since(4, 12),
            "dirty" => since(4, 2),
            "writeback" => since(3, 13),
            "workingset_refault_anon" | "workingset_refault_file" => since(5, 14),
            "swapcached" => since(6, 6),
            _ => true,
        };
        let alone = own(id);
        for name in V1.into_iter().filter(|name| printed(name)) {
            let _ = writeln!(text, "{name} {}", alone.v1(name));
        }
        for name in ["hierarchical_memory_limit", "hierarchical_memsw_limit"] {
            let _ = writeln!(text, "{name} {}", self.v1_figure(id, name, own));
        }
        for name in V1.into_iter().filter(|name| printed(name)) {
            let _ = writeln!(text, "total_{name} {}", total.v1(name));
        }
        text
    }
}
