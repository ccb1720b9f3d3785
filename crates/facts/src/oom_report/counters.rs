//! Named counters, as the lines of `Mem-Info` and of memory cgroups print them.

use units::{Bytes, Pages};

use crate::Name;

/// A counter under a name that mainline kernels do not print there: a vendor's or a newer one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCounter {
    /// The name before the colon.
    pub name: Name,
    /// The number.
    pub value: u64,
    /// `kB`, `KB`, or empty: the unit as printed.
    pub unit: Name,
}

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident of $unit:ident { $($field:ident $key:literal $fdoc:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name {
            $(#[doc = $fdoc] pub $field: Option<$unit>,)*
            /// Counters under other names.
            pub other: Vec<OtherCounter>,
        }

        impl $name {
            /// The names the kernel prints, in no particular order.
            pub const KEYS: &[&str] = &[$($key,)*];

            /// The counter that the kernel prints under this name.
            pub fn get(&self, key: &str) -> Option<$unit> {
                match key { $($key => self.$field,)* _ => None }
            }

            /// Where the counter of this name is kept; `None` for a name this list does not have.
            pub fn slot(&mut self, key: &[u8]) -> Option<&mut Option<$unit>> {
                $(if key == $key.as_bytes() { return Some(&mut self.$field); })*
                None
            }
        }
    };
}

counters! {
    /// The machine-wide counters, the lines under `Mem-Info:`. `mapped`, `dirty`, `writeback` and
    /// `shmem` are also on the LRU lists: never add them to these.
    GlobalCounters of Pages {
        active_anon "active_anon" "Active anonymous and shared-memory pages (2.6.28).",
        inactive_anon "inactive_anon" "Inactive anonymous and shared-memory pages (2.6.28).",
        isolated_anon "isolated_anon" "Anonymous pages off their list, in reclaim or compaction (2.6.32).",
        active_file "active_file" "Active file pages (2.6.28).",
        inactive_file "inactive_file" "Inactive file pages (2.6.28).",
        isolated_file "isolated_file" "File pages off their list, in reclaim or compaction (2.6.32).",
        active "active" "The active list (to 2.6.27).",
        inactive "inactive" "The inactive list (to 2.6.27).",
        unevictable "unevictable" "Pages that reclaim may not touch (2.6.28).",
        dirty "dirty" "File pages to be written.",
        writeback "writeback" "File pages being written.",
        unstable "unstable" "NFS pages written but not yet safe (to 5.7).",
        slab_reclaimable "slab_reclaimable" "Slab that shrinkers may free (2.6.32).",
        slab_unreclaimable "slab_unreclaimable" "Slab that nobody may free (2.6.32).",
        slab "slab" "All slab (to 2.6.31).",
        mapped "mapped" "File pages mapped somewhere.",
        shmem "shmem" "Shared memory and tmpfs (2.6.32).",
        pagetables "pagetables" "Page tables.",
        sec_pagetables "sec_pagetables" "Page tables of guests and devices (6.1).",
        bounce "bounce" "Bounce buffers (2.6.21); the constant 0 since 6.17.",
        kernel_misc_reclaimable "kernel_misc_reclaimable" "Other reclaimable kernel memory (5.15).",
        free "free" "Free pages; contiguous areas and the atomic reserve are in it, per-cpu lists are not.",
        free_pcp "free_pcp" "Free pages on per-cpu lists (4.1).",
        free_cma "free_cma" "Free pages of contiguous memory areas (3.7).",
    }
}

counters! {
    /// The counters of one node (4.8).
    NodeCounters of Bytes {
        active_anon "active_anon" "Active anonymous and shared-memory pages.",
        inactive_anon "inactive_anon" "Inactive anonymous and shared-memory pages.",
        active_file "active_file" "Active file pages.",
        inactive_file "inactive_file" "Inactive file pages.",
        unevictable "unevictable" "Pages that reclaim may not touch.",
        isolated_anon "isolated(anon)" "Anonymous pages off their list.",
        isolated_file "isolated(file)" "File pages off their list.",
        mapped "mapped" "File pages mapped somewhere.",
        dirty "dirty" "File pages to be written.",
        writeback "writeback" "File pages being written.",
        shmem "shmem" "Shared memory and tmpfs.",
        shmem_thp "shmem_thp" "Shared memory in huge pages.",
        shmem_pmdmapped "shmem_pmdmapped" "Shared memory mapped by whole huge pages.",
        anon_thp "anon_thp" "Anonymous memory in huge pages.",
        writeback_tmp "writeback_tmp" "FUSE's temporary copies (to 6.14).",
        unstable "unstable" "NFS pages written but not yet safe (to 5.7).",
        kernel_stack "kernel_stack" "Stacks of tasks in the kernel (5.9).",
        shadow_call_stack "shadow_call_stack" "Shadow call stacks (5.9).",
        pagetables "pagetables" "Page tables (5.11).",
        sec_pagetables "sec_pagetables" "Page tables of guests and devices (6.1).",
        balloon "Balloon" "Memory given back to the hypervisor (6.17).",
        gpu_active "gpu_active" "Memory of graphics drivers in use (7.0).",
        gpu_reclaim "gpu_reclaim" "Memory of graphics drivers that can be reclaimed (7.0).",
    }
}

counters! {
    /// The counters of one zone. The marks include the boost.
    ZoneCounters of Bytes {
        free "free" "Pages on the free lists.",
        boost "boost" "Temporary rise of all marks against fragmentation (5.16).",
        min "min" "The mark below which only reclaim itself and the privileged may allocate.",
        low "low" "The mark below which kswapd is woken.",
        high "high" "The mark up to which kswapd reclaims.",
        reserved_highatomic "reserved_highatomic" "Reserve of high-order atomic requests (5.5).",
        free_highatomic "free_highatomic" "What of it is free (6.15).",
        active "active" "The active list (to 2.6.27).",
        inactive "inactive" "The inactive list (to 2.6.27).",
        active_anon "active_anon" "Active anonymous and shared-memory pages (2.6.28).",
        inactive_anon "inactive_anon" "Inactive anonymous and shared-memory pages (2.6.28).",
        active_file "active_file" "Active file pages (2.6.28).",
        inactive_file "inactive_file" "Inactive file pages (2.6.28).",
        unevictable "unevictable" "Pages that reclaim may not touch (2.6.28).",
        isolated_anon "isolated(anon)" "Anonymous pages off their list (2.6.32 to 4.7).",
        isolated_file "isolated(file)" "File pages off their list (2.6.32 to 4.7).",
        writepending "writepending" "Pages to be or being written (4.8).",
        zspages "zspages" "Compressed memory of zsmalloc (6.18).",
        present "present" "Pages that physically exist.",
        managed "managed" "Pages given to the allocator (3.7).",
        mlocked "mlocked" "Locked pages (2.6.32).",
        dirty "dirty" "File pages to be written (2.6.32 to 4.7).",
        writeback "writeback" "File pages being written (2.6.32 to 4.7).",
        mapped "mapped" "File pages mapped somewhere (2.6.32 to 4.7).",
        shmem "shmem" "Shared memory and tmpfs (2.6.32 to 4.7).",
        slab_reclaimable "slab_reclaimable" "Slab that shrinkers may free (2.6.32 to 4.12).",
        slab_unreclaimable "slab_unreclaimable" "Slab that nobody may free (2.6.32 to 4.12).",
        kernel_stack "kernel_stack" "Stacks of tasks in the kernel (2.6.32 to 5.8).",
        shadow_call_stack "shadow_call_stack" "Shadow call stacks (5.8).",
        pagetables "pagetables" "Page tables (2.6.32 to 5.10).",
        unstable "unstable" "NFS pages written but not yet safe (2.6.32 to 4.7).",
        bounce "bounce" "Bounce buffers (2.6.32).",
        free_pcp "free_pcp" "Free pages on all per-cpu lists (4.1).",
        local_pcp "local_pcp" "Free pages on the list of the cpu that printed (4.1).",
        free_cma "free_cma" "Free pages of contiguous memory areas (3.7).",
        writeback_tmp "writeback_tmp" "FUSE's temporary copies (2.6.32 to 4.7).",
    }
}

/// The figures of one memory cgroup under their names, in the order they were printed: bytes for
/// sizes, plain counts for events (`pgfault` …). Names differ between cgroup v1, v2 and releases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemcgCounters(pub Vec<(Name, u64)>);

impl MemcgCounters {
    /// The figure of this name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(key, _)| key.as_bytes() == name.as_bytes()).map(|&(_, value)| value)
    }
}
