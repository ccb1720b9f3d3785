//! What `/sys/devices/system/node` says of each node: `node_read_meminfo()` and `node_read_numastat()` in
//! `drivers/base/node.c`.
//!
//! # What it leaves out
//! `Unaccepted`, `Balloon` and the lines of graphics drivers, which not every kernel is built with.

use std::fmt::Write;

use facts::Release;

use crate::physical::counters::{Counters, NodeCounters};
use crate::policy::Stats;

/// `nodeN/meminfo`.
pub(crate) fn node_meminfo(counters: &Counters, node: &NodeCounters, release: Release) -> String {
    let since = |major, minor| release >= Release::new(major, minor);
    let zones = || counters.zones.iter().filter(|zone| zone.node == node.node);
    let total: u64 = zones().map(|zone| zone.managed).sum();
    let free: u64 = zones().map(|zone| zone.free).sum();
    let lru = &node.lru;
    let (reclaimable, unreclaimable) = (node.slab_reclaimable, node.slab_unreclaimable);
    let mut text = String::new();
    let mut kib = |name: &str, kib: u64| {
        let label = format!("{name}:");
        let _ = writeln!(text, "Node {} {label:<15}{kib:>8} kB", node.node);
    };
    let mut line = |name: &str, pages: u64, shown: bool| {
        if shown {
            kib(name, pages.saturating_mul(4));
        }
    };
    line("MemTotal", total, true);
    line("MemFree", free, true);
    line("MemUsed", total.saturating_sub(free), true);
    line("SwapCached", node.swap_cached, since(5, 11));
    line("Active", lru.active_anon + lru.active_file, true);
    line("Inactive", lru.inactive_anon + lru.inactive_file, true);
    let split = release >= Release::old(2, 6, 28);
    line("Active(anon)", lru.active_anon, split);
    line("Inactive(anon)", lru.inactive_anon, split);
    line("Active(file)", lru.active_file, split);
    line("Inactive(file)", lru.inactive_file, split);
    line("Unevictable", lru.unevictable, split);
    line("Mlocked", zones().map(|zone| zone.mlock).sum(), split);
    line("Dirty", node.dirty, true);
    line("Writeback", node.writeback, true);
    line("FilePages", node.file, true);
    line("Mapped", node.mapped, true);
    line("AnonPages", node.anon, true);
    line("Shmem", node.shmem, release >= Release::old(2, 6, 32));
    line("KernelStack", node.kernel_stack / 4, release >= Release::old(2, 6, 32));
    line("PageTables", node.page_tables, true);
    line("SecPageTables", 0, since(6, 1));
    line("NFS_Unstable", 0, true);
    line("Bounce", 0, true);
    line("WritebackTmp", 0, release >= Release::old(2, 6, 26));
    line("KReclaimable", reclaimable, since(4, 20));
    line("Slab", reclaimable + unreclaimable, true);
    line("SReclaimable", reclaimable, true);
    line("SUnreclaim", unreclaimable, true);
    let huge = node.anon_huge.saturating_mul(512);
    line("AnonHugePages", huge, release >= Release::old(2, 6, 38));
    line("ShmemHugePages", 0, since(4, 8));
    line("ShmemPmdMapped", 0, since(4, 8));
    line("FileHugePages", 0, since(5, 6));
    line("FilePmdMapped", 0, since(5, 6));
    // All of the pool stands on the first node.
    let first = counters.nodes.first().is_some_and(|first| first.node == node.node);
    let pool = &counters.pool;
    for (name, pages) in [("Total", pool.total), ("Free", pool.free), ("Surp", pool.surplus)] {
        let pages = if first { pages } else { 0 };
        let label = format!("HugePages_{name}:");
        let _ = writeln!(text, "Node {} {label:<16}{pages:>5}", node.node);
    }
    text
}

/// `nodeN/numastat`.
pub(crate) fn numastat(counters: &Counters, node: u32) -> String {
    let zones = || counters.zones.iter().filter(|zone| zone.node == node).map(|zone| zone.numa);
    let sum = |of: fn(Stats) -> u64| zones().map(of).sum::<u64>();
    format!(
        "numa_hit {}\nnuma_miss {}\nnuma_foreign {}\ninterleave_hit {}\nlocal_node {}\nother_node {}\n",
        sum(|stats| stats.hit),
        sum(|stats| stats.miss),
        sum(|stats| stats.foreign),
        sum(|stats| stats.interleave),
        sum(|stats| stats.local),
        sum(|stats| stats.other),
    )
}
