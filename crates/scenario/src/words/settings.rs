//! Settings below `/proc/sys` that have to do with memory.

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct SysctlEntry {
    /// Its dotted name.
    pub name: &'static str,
    /// What it does, and what it is without being set.
    pub says: &'static str,
}

const fn entry(name: &'static str, says: &'static str) -> SysctlEntry {
    SysctlEntry { name, says }
}

/// Every setting that a scenario may name.
pub const SYSCTLS: &[SysctlEntry] = &[
    entry("kernel.panic", "seconds from a panic to a restart [0: none]"),
    entry(
        "kernel.randomize_va_space",
        "1 draws addresses of mappings and stack, 2 of the heap, too [0 here, 2 on Linux]",
    ),
    entry("kernel.sysrq", "which keys of SysRq are heard"),
    entry("vm.admin_reserve_kbytes", "left for root in mode 2 of overcommit [3 %, at most 8192]"),
    entry("vm.compaction_proactiveness", "how eagerly free pages are put together, 0 to 100 [20]"),
    entry(
        "vm.dirty_background_bytes",
        "written pages from which on the disk is busy, instead of the ratio",
    ),
    entry("vm.dirty_background_ratio", "… in percent of what is available [10]"),
    entry("vm.dirty_bytes", "written pages at which a writer waits, instead of the ratio"),
    entry(
        "vm.dirty_expire_centisecs",
        "how old a written page gets before it is on its way [3000]",
    ),
    entry("vm.dirty_ratio", "… in percent of what is available [20; 40 before 2.6.24]"),
    entry("vm.dirty_writeback_centisecs", "how often that is looked at [500]"),
    entry("vm.drop_caches", "1 drops clean page cache, 2 dentries and inodes, 3 both"),
    entry("vm.extfrag_threshold", "when compaction is tried before reclaim [500]"),
    entry("vm.legacy_va_layout", "mappings from below upwards, as before 2.6.9 [0]"),
    entry(
        "vm.lowmem_reserve_ratio",
        "what of a low zone is kept from requests that a higher one could serve",
    ),
    entry("vm.max_map_count", "mappings that a process may have [65530]"),
    entry("vm.min_free_kbytes", "free memory from which the watermarks follow"),
    entry("vm.mmap_min_addr", "the lowest address that may be mapped [65536]"),
    entry(
        "vm.mmap_rnd_bits",
        "bits of the random place of mappings, since 4.5 [28 on x86-64, 18 on arm64, 8 on 32 bits]",
    ),
    entry("vm.mmap_rnd_compat_bits", "… of 32-bit programs on a 64-bit kernel [8]"),
    entry("vm.nr_hugepages", "huge pages in the pool [0]"),
    entry("vm.nr_overcommit_hugepages", "… and how many more when they are asked for [0]"),
    entry("vm.oom_dump_tasks", "whether a report lists the tasks [1 since 2.6.36]"),
    entry("vm.oom_kill_allocating_task", "who asks for memory when there is none dies [0]"),
    entry("vm.overcommit_kbytes", "mode 2: the limit besides swap, instead of the ratio [0]"),
    entry(
        "vm.overcommit_memory",
        "0 refuses only what is absurd, 1 nothing, 2 all above CommitLimit [0]",
    ),
    entry("vm.overcommit_ratio", "mode 2: that much of RAM, in percent, besides swap [50]"),
    entry("vm.page-cluster", "as a power of two, how many pages come back from swap at once [3]"),
    entry("vm.panic_on_oom", "1 panics instead of killing, 2 for a cgroup, too [0]"),
    entry(
        "vm.percpu_pagelist_fraction",
        "a part of each zone for the lists of one processor, to 5.13 [0]",
    ),
    entry("vm.percpu_pagelist_high_fraction", "… and since 5.14 [0]"),
    entry("vm.swappiness", "how gladly anonymous memory goes, against page cache: 0 to 200 [60]"),
    entry(
        "vm.user_reserve_kbytes",
        "mode 2: left for others by a process that grows [3 %, at most 131072]",
    ),
    entry("vm.vfs_cache_pressure", "how gladly dentries and inodes go, against page cache [100]"),
    entry("vm.watermark_boost_factor", "how much more kswapd frees after fragmentation [15000]"),
    entry(
        "vm.watermark_scale_factor",
        "how far the watermarks are apart, in 1/10000 of a zone [10]",
    ),
    entry("vm.zone_reclaim_mode", "whether a node reclaims its own before it asks the next [0]"),
];
