//! The figures behind the names of `/proc/vmstat` and `/proc/zoneinfo`.

use crate::physical::counters::{Counters, NodeCounters, ZoneCounters};

/// A counter of a node; 0 for what never happens in the model.
pub(crate) fn node_value(counters: &Counters, node: &NodeCounters, name: &str) -> u64 {
    match name {
        "nr_inactive_anon" => node.lru.inactive_anon,
        "nr_active_anon" => node.lru.active_anon,
        "nr_inactive_file" => node.lru.inactive_file,
        "nr_active_file" => node.lru.active_file,
        "nr_unevictable" => node.lru.unevictable,
        "nr_slab_reclaimable" => node.slab_reclaimable,
        "nr_slab_unreclaimable" => node.slab_unreclaimable,
        "nr_anon_pages" => node.anon,
        "nr_mapped" => node.mapped,
        "nr_file_pages" => node.file,
        "nr_dirty" => node.dirty,
        "nr_writeback" => node.writeback,
        "nr_shmem" => node.shmem,
        "nr_anon_transparent_hugepages" => node.anon_huge,
        "nr_kernel_stack" => node.kernel_stack,
        "nr_page_table_pages" => node.page_tables,
        "nr_swapcached" => node.swap_cached,
        // Events that are counted by node: on the first, where the model does not tell them apart.
        _ if counters.nodes.first().is_some_and(|first| first.node == node.node) => {
            counters.event(name)
        }
        _ => 0,
    }
}

/// A counter of a zone. What later kernels count by node stands on the node's largest zone.
pub(crate) fn zone_value(counters: &Counters, zone: &ZoneCounters, name: &str) -> u64 {
    match name {
        "nr_free_pages" => zone.free,
        "nr_zone_inactive_anon" | "nr_inactive_anon" => zone.lru.inactive_anon,
        "nr_zone_active_anon" | "nr_active_anon" => zone.lru.active_anon,
        "nr_zone_inactive_file" | "nr_inactive_file" => zone.lru.inactive_file,
        "nr_zone_active_file" | "nr_active_file" => zone.lru.active_file,
        "nr_zone_unevictable" | "nr_unevictable" => zone.lru.unevictable,
        "nr_zone_write_pending" => zone.write_pending,
        "nr_active" => zone.lru.active_anon + zone.lru.active_file,
        "nr_inactive" => zone.lru.inactive_anon + zone.lru.inactive_file,
        "nr_mlock" => zone.mlock,
        "nr_bounce" => zone.bounce,
        "nr_alloc_batch" => zone.high.saturating_sub(zone.low),
        _ if name.starts_with("numa_") => zone.numa.of(name).unwrap_or(0),
        _ => {
            let largest = counters
                .zones
                .iter()
                .filter(|other| other.node == zone.node)
                .max_by_key(|other| other.managed)
                .is_some_and(|largest| largest.kind == zone.kind);
            let node = counters.nodes.iter().find(|node| node.node == zone.node);
            node.filter(|_| largest).map_or(0, |node| node_value(counters, node, name))
        }
    }
}
