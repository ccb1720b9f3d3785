//! Which counters each release prints, in which order.
//!
//! # What it follows
//! `vmstat_text[]` in `mm/vmstat.c`. The orders of 6.1 and 6.12 are those of real captures; between
//! 2.6.32 and 6.0 releases of additions are those of the first tree that has them.

use facts::Release;

/// A name, since when, and until when (exclusive) it is printed.
type Row = (&'static str, Release, Option<Release>);

const fn v(major: u16, minor: u16) -> Release {
    Release::new(major, minor)
}

const fn old(patch: u16) -> Release {
    Release::old(2, 6, patch)
}

const fn since(name: &'static str, since: Release) -> Row {
    (name, since, None)
}

const fn between(name: &'static str, since: Release, until: Release) -> Row {
    (name, since, Some(until))
}

fn of(rows: &'static [Row], release: Release) -> impl Iterator<Item = &'static str> {
    rows.iter()
        .filter(move |(_, since, until)| {
            release >= *since && until.is_none_or(|until| release < until)
        })
        .map(|(name, _, _)| *name)
}

/// The kernel splits counters between zones and nodes (4.8).
pub(super) const SPLIT: Release = v(4, 8);

/// Counters of a zone, without those of NUMA.
pub(super) fn zone(release: Release) -> Vec<&'static str> {
    if release < SPLIT {
        return of(UNSPLIT, release).collect();
    }
    of(ZONE, release).collect()
}

/// Counters of NUMA events, by zone.
pub(super) const NUMA: [&str; 6] =
    ["numa_hit", "numa_miss", "numa_foreign", "numa_interleave", "numa_local", "numa_other"];

/// Counters of a node; none before 4.8.
pub(super) fn node(release: Release, numa: bool) -> Vec<&'static str> {
    if release < SPLIT {
        return Vec::new();
    }
    of(NODE, release).filter(|name| numa || !name.starts_with("pgpromote_")).collect()
}

const ZONE: &[Row] = &[
    since("nr_free_pages", SPLIT),
    since("nr_zone_inactive_anon", SPLIT),
    since("nr_zone_active_anon", SPLIT),
    since("nr_zone_inactive_file", SPLIT),
    since("nr_zone_active_file", SPLIT),
    since("nr_zone_unevictable", SPLIT),
    since("nr_zone_write_pending", SPLIT),
    since("nr_mlock", SPLIT),
    between("nr_slab_reclaimable", SPLIT, v(4, 13)),
    between("nr_slab_unreclaimable", SPLIT, v(4, 13)),
    between("nr_page_table_pages", SPLIT, v(5, 11)),
    between("nr_kernel_stack", SPLIT, v(5, 9)),
    since("nr_bounce", SPLIT),
    since("nr_zspages", SPLIT),
    since("nr_free_cma", SPLIT),
    since("nr_unaccepted", v(6, 5)),
];

/// Before the split, all in one list.
const UNSPLIT: &[Row] = &[
    since("nr_free_pages", old(21)),
    since("nr_alloc_batch", v(3, 12)),
    since("nr_inactive_anon", old(28)),
    since("nr_active_anon", old(28)),
    since("nr_inactive_file", old(28)),
    since("nr_active_file", old(28)),
    between("nr_inactive", old(18), old(28)),
    between("nr_active", old(18), old(28)),
    since("nr_unevictable", old(28)),
    since("nr_mlock", old(28)),
    since("nr_anon_pages", old(18)),
    since("nr_mapped", old(0)),
    since("nr_file_pages", old(18)),
    since("nr_dirty", old(0)),
    since("nr_writeback", old(0)),
    since("nr_slab_reclaimable", old(19)),
    since("nr_slab_unreclaimable", old(19)),
    since("nr_page_table_pages", old(0)),
    since("nr_kernel_stack", old(32)),
    since("nr_unstable", old(0)),
    since("nr_bounce", old(18)),
    since("nr_vmscan_write", old(19)),
    since("nr_vmscan_immediate_reclaim", v(3, 3)),
    since("nr_writeback_temp", old(26)),
    since("nr_isolated_anon", old(32)),
    since("nr_isolated_file", old(32)),
    since("nr_shmem", old(32)),
    since("nr_dirtied", old(37)),
    since("nr_written", old(37)),
    since("nr_pages_scanned", v(3, 17)),
];

const NODE: &[Row] = &[
    since("nr_inactive_anon", SPLIT),
    since("nr_active_anon", SPLIT),
    since("nr_inactive_file", SPLIT),
    since("nr_active_file", SPLIT),
    since("nr_unevictable", SPLIT),
    since("nr_slab_reclaimable", v(4, 13)),
    since("nr_slab_unreclaimable", v(4, 13)),
    since("nr_isolated_anon", SPLIT),
    since("nr_isolated_file", SPLIT),
    between("nr_pages_scanned", SPLIT, v(4, 12)),
    since("workingset_nodes", v(4, 20)),
    between("workingset_refault", SPLIT, v(5, 9)),
    between("workingset_activate", SPLIT, v(5, 9)),
    between("workingset_restore", v(4, 20), v(5, 9)),
    since("workingset_refault_anon", v(5, 9)),
    since("workingset_refault_file", v(5, 9)),
    since("workingset_activate_anon", v(5, 9)),
    since("workingset_activate_file", v(5, 9)),
    since("workingset_restore_anon", v(5, 9)),
    since("workingset_restore_file", v(5, 9)),
    since("workingset_nodereclaim", SPLIT),
    since("nr_anon_pages", SPLIT),
    since("nr_mapped", SPLIT),
    since("nr_file_pages", SPLIT),
    since("nr_dirty", SPLIT),
    since("nr_writeback", SPLIT),
    since("nr_writeback_temp", SPLIT),
    since("nr_shmem", SPLIT),
    since("nr_shmem_hugepages", SPLIT),
    since("nr_shmem_pmdmapped", SPLIT),
    since("nr_file_hugepages", v(5, 4)),
    since("nr_file_pmdmapped", v(5, 4)),
    since("nr_anon_transparent_hugepages", SPLIT),
    between("nr_unstable", SPLIT, v(5, 8)),
    since("nr_vmscan_write", SPLIT),
    since("nr_vmscan_immediate_reclaim", SPLIT),
    since("nr_dirtied", SPLIT),
    since("nr_written", SPLIT),
    since("nr_throttled_written", v(5, 16)),
    since("nr_kernel_misc_reclaimable", v(4, 20)),
    since("nr_foll_pin_acquired", v(5, 7)),
    since("nr_foll_pin_released", v(5, 7)),
    since("nr_kernel_stack", v(5, 9)),
    since("nr_page_table_pages", v(5, 11)),
    since("nr_sec_page_table_pages", v(6, 1)),
    since("nr_iommu_pages", v(6, 10)),
    since("nr_swapcached", v(5, 12)),
    since("pgpromote_success", v(5, 18)),
    since("pgpromote_candidate", v(5, 19)),
    since("pgdemote_kswapd", v(6, 8)),
    since("pgdemote_direct", v(6, 8)),
    since("pgdemote_khugepaged", v(6, 8)),
];

/// Events, in the order of the file. Those with `{}` are printed once for each kind of zone.
pub(super) fn events(release: Release, numa: bool) -> impl Iterator<Item = &'static str> {
    of(EVENTS, release)
        .filter(move |name| numa || !(name.starts_with("numa_") || *name == "zone_reclaim_failed"))
}

const EVENTS: &[Row] = &[
    since("pgpgin", old(0)),
    since("pgpgout", old(0)),
    since("pswpin", old(0)),
    since("pswpout", old(0)),
    since("pgalloc_{}", old(0)),
    since("allocstall_{}", SPLIT),
    since("pgskip_{}", SPLIT),
    since("pgfree", old(0)),
    since("pgactivate", old(0)),
    since("pgdeactivate", old(0)),
    since("pglazyfree", v(4, 12)),
    since("pgfault", old(0)),
    since("pgmajfault", old(0)),
    since("pglazyfreed", v(4, 12)),
    between("pgrefill_{}", old(0), SPLIT),
    since("pgrefill", SPLIT),
    since("pgreuse", v(5, 10)),
    between("pgsteal_{}", old(0), v(3, 4)),
    between("pgsteal_kswapd_{}", v(3, 4), SPLIT),
    between("pgsteal_direct_{}", v(3, 4), SPLIT),
    since("pgsteal_kswapd", SPLIT),
    since("pgsteal_direct", SPLIT),
    since("pgsteal_khugepaged", v(6, 2)),
    since("pgsteal_proactive", v(6, 15)),
    between("pgdemote_kswapd", v(5, 15), v(6, 8)),
    between("pgdemote_direct", v(5, 15), v(6, 8)),
    between("pgscan_kswapd_{}", old(0), SPLIT),
    between("pgscan_direct_{}", old(0), SPLIT),
    since("pgscan_kswapd", SPLIT),
    since("pgscan_direct", SPLIT),
    since("pgscan_khugepaged", v(6, 2)),
    since("pgscan_proactive", v(6, 15)),
    since("pgscan_direct_throttle", v(3, 6)),
    since("pgscan_anon", v(5, 8)),
    since("pgscan_file", v(5, 8)),
    since("pgsteal_anon", v(5, 8)),
    since("pgsteal_file", v(5, 8)),
    since("zone_reclaim_success", v(6, 10)),
    since("zone_reclaim_failed", old(31)),
    since("pginodesteal", old(0)),
    since("slabs_scanned", old(0)),
    between("kswapd_steal", old(0), v(3, 4)),
    since("kswapd_inodesteal", old(0)),
    since("kswapd_low_wmark_hit_quickly", old(33)),
    since("kswapd_high_wmark_hit_quickly", old(33)),
    between("kswapd_skip_congestion_wait", old(33), v(3, 9)),
    since("pageoutrun", old(0)),
    between("allocstall", old(0), SPLIT),
    since("pgrotated", old(0)),
    since("drop_pagecache", v(3, 16)),
    since("drop_slab", v(3, 16)),
    since("oom_kill", v(4, 13)),
    since("numa_pte_updates", v(3, 8)),
    since("numa_huge_pte_updates", v(3, 14)),
    since("numa_hint_faults", v(3, 8)),
    since("numa_hint_faults_local", v(3, 8)),
    since("numa_pages_migrated", v(3, 8)),
    since("pgmigrate_success", v(3, 8)),
    since("pgmigrate_fail", v(3, 8)),
    since("thp_migration_success", v(5, 9)),
    since("thp_migration_fail", v(5, 9)),
    since("thp_migration_split", v(5, 9)),
    since("compact_migrate_scanned", v(3, 8)),
    since("compact_free_scanned", v(3, 8)),
    since("compact_isolated", v(3, 8)),
    since("compact_stall", old(35)),
    since("compact_fail", old(35)),
    since("compact_success", old(35)),
    since("compact_daemon_wake", v(4, 6)),
    since("compact_daemon_migrate_scanned", v(4, 11)),
    since("compact_daemon_free_scanned", v(4, 11)),
    since("htlb_buddy_alloc_success", old(26)),
    since("htlb_buddy_alloc_fail", old(26)),
    since("unevictable_pgs_culled", old(28)),
    since("unevictable_pgs_scanned", old(28)),
    since("unevictable_pgs_rescued", old(28)),
    since("unevictable_pgs_mlocked", old(28)),
    since("unevictable_pgs_munlocked", old(28)),
    since("unevictable_pgs_cleared", old(28)),
    since("unevictable_pgs_stranded", old(28)),
    between("unevictable_pgs_mlockfreed", old(28), v(3, 9)),
    since("thp_fault_alloc", old(39)),
    since("thp_fault_fallback", old(39)),
    since("thp_fault_fallback_charge", v(5, 8)),
    since("thp_collapse_alloc", old(39)),
    since("thp_collapse_alloc_failed", old(39)),
    since("thp_file_alloc", SPLIT),
    since("thp_file_fallback", v(5, 8)),
    since("thp_file_fallback_charge", v(5, 8)),
    since("thp_file_mapped", SPLIT),
    between("thp_split", old(39), v(4, 5)),
    since("thp_split_page", v(4, 5)),
    since("thp_split_page_failed", v(4, 5)),
    since("thp_deferred_split_page", v(4, 5)),
    since("thp_underused_split_page", v(6, 12)),
    since("thp_split_pmd", v(4, 5)),
    since("thp_scan_exceed_none_pte", v(5, 17)),
    since("thp_scan_exceed_swap_pte", v(5, 17)),
    since("thp_scan_exceed_share_pte", v(5, 17)),
    since("thp_split_pud", v(4, 11)),
    since("thp_zero_page_alloc", v(3, 8)),
    since("thp_zero_page_alloc_failed", v(3, 8)),
    since("thp_swpout", v(4, 13)),
    since("thp_swpout_fallback", v(4, 13)),
    since("balloon_inflate", v(3, 18)),
    since("balloon_deflate", v(3, 18)),
    since("balloon_migrate", v(3, 18)),
    since("swap_ra", v(4, 14)),
    since("swap_ra_hit", v(4, 14)),
    since("swpin_zero", v(6, 12)),
    since("swpout_zero", v(6, 12)),
    since("ksm_swpin_copy", v(5, 19)),
    since("cow_ksm", v(5, 18)),
    since("direct_map_level2_splits", v(5, 13)),
    since("direct_map_level3_splits", v(5, 13)),
];
