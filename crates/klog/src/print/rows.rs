//! Which counters each release prints, and in which order.

use facts::Release;
use facts::oom_report::TaskColumns;

use super::{v, v2};

/// Something that held from a release on.
type Since<T> = (Release, T);

fn latest<T: Copy>(all: &[Since<T>], release: Release) -> Option<T> {
    all.iter().rev().find(|(since, _)| *since <= release).map(|(_, what)| *what)
}

/// The lines of machine-wide counters; each after the first begins with a blank.
pub fn global(release: Release) -> &'static [&'static str] {
    const LRU: &str = "active_anon inactive_anon isolated_anon";
    const FILE: &str = "active_file inactive_file isolated_file";
    const WRITE: &str = "unevictable dirty writeback";
    const UNSTABLE: &str = "unevictable dirty writeback unstable";
    const SLAB: &str = "slab_reclaimable slab_unreclaimable";
    const MAPPED: &str = "mapped shmem pagetables bounce";
    const FREE: &str = "free free_pcp free_cma";
    const ALL: &[Since<&[&str]>] = &[
        (v2(9), &["Active inactive dirty writeback unstable free slab mapped pagetables"]),
        (
            v2(21),
            &["Active inactive dirty writeback unstable", "free slab mapped pagetables bounce"],
        ),
        (
            v2(28),
            &[
                "Active_anon active_file inactive_anon",
                "inactive_file unevictable dirty writeback unstable",
                "free slab mapped pagetables bounce",
            ],
        ),
        (v2(32), &[LRU, FILE, UNSTABLE, "free slab_reclaimable slab_unreclaimable", MAPPED]),
        (
            v(3, 7),
            &[LRU, FILE, UNSTABLE, "free slab_reclaimable slab_unreclaimable", MAPPED, "free_cma"],
        ),
        (v(4, 1), &[LRU, FILE, UNSTABLE, SLAB, MAPPED, FREE]),
        (v(5, 8), &[LRU, FILE, WRITE, SLAB, MAPPED, FREE]),
        (v(5, 15), &[LRU, FILE, WRITE, SLAB, MAPPED, "kernel_misc_reclaimable", FREE]),
        (
            v(6, 1),
            &[
                LRU,
                FILE,
                WRITE,
                SLAB,
                "mapped shmem pagetables",
                "sec_pagetables bounce",
                "kernel_misc_reclaimable",
                FREE,
            ],
        ),
    ];
    latest(ALL, release).unwrap_or(&[])
}

/// The figures of a node, and what is printed with them under other forms: `pages_scanned` without
/// a unit, `all_unreclaimable`. Empty before 4.8.
pub fn node(release: Release) -> Vec<&'static str> {
    if release < v(4, 8) {
        return Vec::new();
    }
    let mut row = vec![
        "active_anon",
        "inactive_anon",
        "active_file",
        "inactive_file",
        "unevictable",
        "isolated(anon)",
        "isolated(file)",
        "mapped",
        "dirty",
        "writeback",
        "shmem",
        "shmem_thp",
        "shmem_pmdmapped",
        "anon_thp",
    ];
    let mut add = |name, since, until: Option<Release>| {
        if release >= since && until.is_none_or(|until| release < until) {
            row.push(name);
        }
    };
    add("writeback_tmp", v(4, 8), Some(v(6, 17)));
    add("unstable", v(4, 8), Some(v(5, 8)));
    add("pages_scanned", v(4, 8), Some(v(4, 12)));
    add("kernel_stack", v(5, 9), None);
    add("shadow_call_stack", v(5, 9), None);
    add("pagetables", v(5, 11), None);
    add("sec_pagetables", v(6, 1), None);
    add("all_unreclaimable", v(4, 8), None);
    add("Balloon", v(6, 15), None);
    add("gpu_active", v(7, 0), None);
    add("gpu_reclaim", v(7, 0), None);
    row
}

/// The figures of a zone, with the same two exceptions.
pub fn zone(release: Release) -> Vec<&'static str> {
    let mut row = vec!["free"];
    let mut add = |names: &[&'static str], since, until: Option<Release>| {
        if release >= since && until.is_none_or(|until| release < until) {
            row.extend_from_slice(names);
        }
    };
    let always = v2(9);
    add(&["boost"], v(5, 16), None);
    add(&["min", "low", "high"], always, None);
    add(&["reserved_highatomic"], v(5, 5), None);
    add(&["free_highatomic"], v(6, 15), None);
    add(&["active", "inactive"], always, Some(v2(28)));
    let lists = ["active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable"];
    add(&lists, v2(28), None);
    add(&["isolated(anon)", "isolated(file)"], v2(32), Some(v(4, 8)));
    add(&["writepending"], v(4, 8), None);
    add(&["zspages"], v(6, 18), None);
    add(&["present"], always, None);
    add(&["managed"], v(3, 8), None);
    add(&["mlocked"], v2(32), None);
    add(&["dirty", "writeback", "mapped", "shmem"], v2(32), Some(v(4, 8)));
    add(&["slab_reclaimable", "slab_unreclaimable"], v2(32), Some(v(4, 13)));
    add(&["kernel_stack"], v2(32), Some(v(5, 9)));
    add(&["shadow_call_stack"], v(5, 8), Some(v(5, 9)));
    add(&["pagetables"], v2(32), Some(v(5, 11)));
    add(&["unstable"], v2(32), Some(v(4, 8)));
    add(&["bounce"], v2(32), None);
    add(&["free_pcp", "local_pcp"], v(4, 1), None);
    add(&["free_cma"], v(3, 8), None);
    add(&["writeback_tmp"], v2(32), Some(v(4, 8)));
    add(&["pages_scanned", "all_unreclaimable"], v2(11), Some(v(4, 8)));
    row
}

/// The figures of a memory cgroup: on cgroup v1 to 5.2 and from 6.5 on under v1's names, else
/// under v2's. Empty before 3.9.
pub fn memcg(release: Release, v1: bool) -> Vec<&'static str> {
    if release < v(5, 3) {
        return memcg_old(release);
    }
    if v1 && release >= v(6, 5) { memcg_v1(release) } else { memcg_v2(release) }
}

fn memcg_old(release: Release) -> Vec<&'static str> {
    let mut row = Vec::new();
    let mut add = |names: &[&'static str], since| {
        if release >= since {
            row.extend_from_slice(names);
        }
    };
    add(&["cache", "rss"], v(3, 9));
    add(&["rss_huge"], v(3, 10));
    add(&["shmem"], v(4, 12));
    add(&["mapped_file"], v(3, 9));
    add(&["dirty"], v(4, 2));
    add(&["writeback"], v(3, 13));
    add(&["swap"], v(3, 9));
    add(&["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"], v(3, 9));
    row
}

fn memcg_v1(release: Release) -> Vec<&'static str> {
    let mut own = vec![
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
    ];
    if release >= v(6, 8) {
        own.push("swapcached");
    }
    own.extend(["pgpgin", "pgpgout", "pgfault", "pgmajfault"]);
    own.extend(["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"]);
    let totals = own.iter().filter_map(|name| total(name)).collect::<Vec<_>>();
    own.extend(["hierarchical_memory_limit", "hierarchical_memsw_limit"]);
    own.extend(totals);
    own
}

/// The name of a figure with all groups below.
fn total(name: &str) -> Option<&'static str> {
    const TOTALS: &[&str] = &[
        "total_cache",
        "total_rss",
        "total_rss_huge",
        "total_shmem",
        "total_mapped_file",
        "total_dirty",
        "total_writeback",
        "total_workingset_refault_anon",
        "total_workingset_refault_file",
        "total_swap",
        "total_swapcached",
        "total_pgpgin",
        "total_pgpgout",
        "total_pgfault",
        "total_pgmajfault",
        "total_inactive_anon",
        "total_active_anon",
        "total_inactive_file",
        "total_active_file",
        "total_unevictable",
    ];
    TOTALS.iter().copied().find(|total| total.strip_prefix("total_") == Some(name))
}

fn memcg_v2(release: Release) -> Vec<&'static str> {
    let mut row = vec!["anon", "file"];
    let mut add = |names: &[&'static str], since, until: Option<Release>| {
        if release >= since && until.is_none_or(|until| release < until) {
            row.extend_from_slice(names);
        }
    };
    let first = v(5, 3);
    add(&["kernel"], v(5, 18), None);
    add(&["kernel_stack"], first, None);
    add(&["pagetables"], v(5, 11), None);
    add(&["sec_pagetables"], v(6, 1), None);
    add(&["slab"], first, Some(v(5, 10)));
    add(&["percpu"], v(5, 9), None);
    add(&["sock"], first, None);
    add(&["vmalloc"], v(5, 16), None);
    add(&["shmem"], first, None);
    add(&["zswap", "zswapped"], v(5, 18), None);
    add(&["zswap_incomp"], v(7, 0), None);
    add(&["file_mapped", "file_dirty", "file_writeback"], first, None);
    add(&["swapcached"], v(5, 12), None);
    add(&["anon_thp"], first, None);
    add(&["file_thp", "shmem_thp"], v(5, 11), None);
    add(&["inactive_anon", "active_anon", "inactive_file", "active_file"], first, None);
    add(&["unevictable", "slab_reclaimable", "slab_unreclaimable"], first, None);
    add(&["slab"], v(5, 10), None);
    add(&["hugetlb"], v(6, 13), None);
    add(&["pgfault", "pgmajfault"], first, Some(v(6, 0)));
    let split = v(5, 9);
    add(&["workingset_refault", "workingset_activate"], first, Some(split));
    add(&["workingset_restore"], v(5, 8), Some(split));
    add(&["workingset_refault_anon", "workingset_refault_file"], split, None);
    add(&["workingset_activate_anon", "workingset_activate_file"], split, None);
    add(&["workingset_restore_anon", "workingset_restore_file"], split, None);
    add(&["workingset_nodereclaim"], first, None);
    add(&["pgdemote_kswapd", "pgdemote_direct", "pgdemote_khugepaged"], v(6, 12), None);
    add(&["pgdemote_proactive"], v(6, 15), None);
    add(&["pgpromote_success"], v(6, 12), None);
    add(&["pgrefill"], first, Some(v(6, 0)));
    add(&["pgscan", "pgsteal"], first, None);
    add(&["pswpin", "pswpout"], v(6, 13), None);
    add(&["pgscan_kswapd", "pgscan_direct"], v(6, 0), None);
    add(&["pgscan_khugepaged"], v(6, 1), None);
    add(&["pgscan_proactive"], v(6, 15), None);
    add(&["pgsteal_kswapd", "pgsteal_direct"], v(6, 0), None);
    add(&["pgsteal_khugepaged"], v(6, 1), None);
    add(&["pgsteal_proactive"], v(6, 15), None);
    add(&["pgfault", "pgmajfault", "pgrefill"], v(6, 0), None);
    add(&["pgactivate", "pgdeactivate", "pglazyfree", "pglazyfreed"], first, None);
    add(&["swpin_zero", "swpout_zero"], v(6, 12), None);
    add(&["zswpin", "zswpout"], v(6, 0), None);
    add(&["zswpwb"], v(6, 8), None);
    add(&["thp_fault_alloc", "thp_collapse_alloc"], first, None);
    add(&["thp_swpout", "thp_swpout_fallback"], v(6, 8), None);
    add(&["numa_pages_migrated", "numa_pte_updates", "numa_hint_faults"], v(6, 12), None);
    row
}

/// The columns of the task table; `None` before there was one (2.6.25).
pub fn columns(release: Release) -> Option<TaskColumns> {
    const ALL: &[Since<TaskColumns>] = &[
        (v2(25), TaskColumns::CpuAdj),
        (v2(36), TaskColumns::CpuAdjScoreAdj),
        (v(3, 6), TaskColumns::Ptes),
        (v(4, 0), TaskColumns::PtesPmds),
        (v(4, 15), TaskColumns::PgtablesBytes),
        (v(6, 8), TaskColumns::SplitRss),
    ];
    latest(ALL, release)
}
