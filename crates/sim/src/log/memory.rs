//! What the report says of memory: `show_mem()`.
//!
//! # What it leaves out
//! Migrate types: the model keeps none, and every free block is said to be movable. How many pages
//! are shared, which kernels up to 3.11 counted by looking at each.

use facts::Release;
use facts::oom_report::{
    Buddy, BuddyBlocks, GlobalCounters, HugePool, NodeCounters, NodeMemory, PcpCpu, PcpList,
    ShowMem, Swap, Totals, ZoneCounters, ZoneMemory,
};
use rules::layout::Arch;
use rules::watermark::ZoneKind;
use units::{Bytes, Pages};

use crate::oom::{Request, Scope};
use crate::physical::counters::{self, Counters, Lru};
use crate::proc::{is_numa, kinds, protection, zone_name, zone_value};

#[expect(clippy::unnecessary_wraps, reason = "every field of a report is optional")]
fn bytes(pages: u64) -> Option<Bytes> {
    Some(Bytes::new(pages.saturating_mul(4096)))
}

#[expect(clippy::unnecessary_wraps, reason = "every field of a report is optional")]
fn pages(pages: u64) -> Option<Pages> {
    Some(Pages::new(pages))
}

/// Counters of the machine, its nodes and zones, as far as the request could use them.
pub(super) fn show_mem(
    counters: &Counters,
    request: &Request,
    release: Release,
    arch: Arch,
    cpus: u32,
) -> ShowMem {
    let seen = |node: u32| match &request.scope {
        Scope::Cpuset(nodes) | Scope::Mempolicy(nodes) => {
            release < Release::old(2, 6, 39) || nodes.contains(&node)
        }
        Scope::Machine | Scope::Memcg(_) => true,
    };
    let in_reach = |kind: ZoneKind| release < Release::new(6, 1) || kind <= request.highest_zone;
    let known = kinds(release, arch);
    let high = |zone: &&counters::ZoneCounters| zone.kind == ZoneKind::HighMem;
    let free_high: u64 = counters.zones.iter().filter(high).map(|zone| zone.free).sum();
    let first = counters.nodes.first().map_or(0, |node| node.node);
    let huge = (release >= Release::new(3, 10)).then(|| {
        let pool = |node: &counters::NodeCounters| HugePool {
            node: node.node,
            // All of it stands on the first node.
            total: Some(if node.node == first { counters.pool.total } else { 0 }),
            free: Some(if node.node == first { counters.pool.free } else { 0 }),
            surplus: Some(if node.node == first { counters.pool.surplus } else { 0 }),
            size: Bytes::from_kib(2048),
        };
        counters.nodes.iter().map(pool).collect()
    });
    let mut zones: Vec<&counters::ZoneCounters> = counters.zones.iter().collect();
    zones.sort_by_key(|zone| (zone.node, zone.kind));
    ShowMem {
        free: bytes(counters.free()),
        free_highmem: bytes(free_high),
        counters: global(counters, release),
        nodes: counters.nodes.iter().filter(|node| seen(node.node)).map(node).collect(),
        zones: zones
            .into_iter()
            .filter(|zone| seen(zone.node) && in_reach(zone.kind) && zone.present > 0)
            .map(|found| zone(counters, found, release, &known, is_numa(arch), cpus))
            .collect(),
        huge_pools: huge.unwrap_or_default(),
        pagecache: pages(counters.sum(|node| node.file)),
        swap: swap(counters),
        totals: totals(counters, release),
        allocations: None,
    }
}

fn lru(counters: &Counters, of: fn(&Lru) -> u64) -> Option<Pages> {
    pages(counters.nodes.iter().map(|node| of(&node.lru)).sum())
}

fn global(counters: &Counters, release: Release) -> GlobalCounters {
    let mut found = GlobalCounters::default();
    for key in GlobalCounters::KEYS {
        if let Some(slot) = found.slot(key.as_bytes()) {
            *slot = Some(Pages::ZERO);
        }
    }
    let sum = |of: fn(&counters::NodeCounters) -> u64| pages(counters.sum(of));
    found.active_anon = lru(counters, |lru| lru.active_anon);
    found.inactive_anon = lru(counters, |lru| lru.inactive_anon);
    found.active_file = lru(counters, |lru| lru.active_file);
    found.inactive_file = lru(counters, |lru| lru.inactive_file);
    found.unevictable = lru(counters, |lru| lru.unevictable);
    found.active = lru(counters, |lru| lru.active_anon + lru.active_file);
    found.inactive = lru(counters, |lru| lru.inactive_anon + lru.inactive_file);
    found.dirty = sum(|node| node.dirty);
    found.writeback = sum(|node| node.writeback);
    found.slab_reclaimable = sum(|node| node.slab_reclaimable);
    found.slab_unreclaimable = sum(|node| node.slab_unreclaimable);
    found.slab = sum(|node| node.slab_reclaimable + node.slab_unreclaimable);
    // Before 2.6.18 what was mapped was not told apart from anonymous memory.
    let all_mapped = release < Release::old(2, 6, 18);
    found.mapped = pages(counters.sum(|node| node.mapped + if all_mapped { node.anon } else { 0 }));
    found.shmem = sum(|node| node.shmem);
    found.pagetables = sum(|node| node.page_tables);
    found.bounce = pages(counters.zones.iter().map(|zone| zone.bounce).sum());
    found.free = pages(counters.free());
    found.free_pcp = pages(counters.zones.iter().map(|zone| zone.pcp).sum());
    found
}

fn node(node: &counters::NodeCounters) -> NodeMemory {
    let mut found = NodeCounters::default();
    for key in NodeCounters::KEYS {
        if let Some(slot) = found.slot(key.as_bytes()) {
            *slot = Some(Bytes::new(0));
        }
    }
    found.active_anon = bytes(node.lru.active_anon);
    found.inactive_anon = bytes(node.lru.inactive_anon);
    found.active_file = bytes(node.lru.active_file);
    found.inactive_file = bytes(node.lru.inactive_file);
    found.unevictable = bytes(node.lru.unevictable);
    found.mapped = bytes(node.mapped);
    found.dirty = bytes(node.dirty);
    found.writeback = bytes(node.writeback);
    found.shmem = bytes(node.shmem);
    found.anon_thp = bytes(node.anon_huge.saturating_mul(512));
    found.kernel_stack = Bytes::from_kib(node.kernel_stack);
    // Of a kernel that is built with them.
    found.shadow_call_stack = None;
    found.pagetables = bytes(node.page_tables);
    NodeMemory {
        node: Some(node.node),
        counters: found,
        pages_scanned: Some(0),
        all_unreclaimable: Some(node.hopeless),
    }
}

fn zone(
    counters: &Counters,
    zone: &counters::ZoneCounters,
    release: Release,
    known: &[ZoneKind],
    numa: bool,
    cpus: u32,
) -> ZoneMemory {
    let mut found = ZoneCounters::default();
    for key in ZoneCounters::KEYS {
        if let Some(slot) = found.slot(key.as_bytes()) {
            *slot = Some(Bytes::new(0));
        }
    }
    let value = |name: &str| bytes(zone_value(counters, zone, name));
    found.free = bytes(zone.free);
    found.boost = bytes(zone.boost);
    found.min = bytes(zone.min);
    found.low = bytes(zone.low);
    found.high = bytes(zone.high);
    found.active = value("nr_active");
    found.inactive = value("nr_inactive");
    found.active_anon = bytes(zone.lru.active_anon);
    found.inactive_anon = bytes(zone.lru.inactive_anon);
    found.active_file = bytes(zone.lru.active_file);
    found.inactive_file = bytes(zone.lru.inactive_file);
    found.unevictable = bytes(zone.lru.unevictable);
    found.writepending = bytes(zone.write_pending);
    found.present = bytes(zone.present);
    found.managed = bytes(zone.managed);
    found.mlocked = bytes(zone.mlock);
    found.dirty = value("nr_dirty");
    found.writeback = value("nr_writeback");
    found.mapped = value("nr_mapped");
    found.shmem = value("nr_shmem");
    found.slab_reclaimable = value("nr_slab_reclaimable");
    found.slab_unreclaimable = value("nr_slab_unreclaimable");
    found.kernel_stack = Bytes::from_kib(zone_value(counters, zone, "nr_kernel_stack"));
    found.shadow_call_stack = None;
    found.pagetables = value("nr_page_table_pages");
    found.free_pcp = bytes(zone.pcp);
    found.local_pcp =
        bytes(zone.pcp - zone.pcp / u64::from(cpus.max(1)) * u64::from(cpus.max(1) - 1));
    found.bounce = bytes(zone.bounce);
    let hopeless = counters.nodes.iter().any(|node| node.node == zone.node && node.hopeless);
    ZoneMemory {
        node: numa.then_some(zone.node),
        name: zone_name(zone.kind).into(),
        counters: found,
        pages_scanned: Some(0),
        all_unreclaimable: Some(hopeless),
        lowmem_reserve: Some(protection(zone, known).into_iter().map(Pages::new).collect()),
        buddy: Some(buddy(zone, release)),
        per_cpu: (0..cpus.max(1)).map(|cpu| lists(zone, cpu, cpus, release)).collect(),
    }
}

fn buddy(zone: &counters::ZoneCounters, release: Release) -> Buddy {
    let typed = release >= Release::new(3, 8);
    // Where nobody keeps blocks, they are those of processes.
    let letters = |order: usize| match &zone.letters {
        Some(letters) => letters.get(order).map_or("", String::as_str).into(),
        None => "M".into(),
    };
    let blocks = zone.buddy.iter().enumerate().map(|(order, &count)| BuddyBlocks {
        count,
        size: Bytes::new(4096 << order),
        types: (typed && count > 0).then(|| letters(order)),
    });
    Buddy { blocks: blocks.collect(), total: bytes(zone.free) }
}

/// One processor's lists: of hot and of cold pages up to 2.6.24.
fn lists(zone: &counters::ZoneCounters, cpu: u32, cpus: u32, release: Release) -> PcpCpu {
    let cpus = u64::from(cpus.max(1));
    let share = zone.pcp / cpus;
    let used = if cpu == 0 { zone.pcp - share * (cpus - 1) } else { share };
    let list = |used| PcpList {
        low: Some(zone.batch.saturating_mul(2)),
        high: Some(zone.pcp_high),
        batch: Some(zone.batch),
        used: Some(used),
    };
    let cold = (release < Release::old(2, 6, 25)).then(|| list(0));
    PcpCpu { cpu, hot: list(used), cold }
}

fn swap(counters: &Counters) -> Swap {
    let event = |name: &str| Some(counters.event(name));
    Swap {
        cached: pages(counters.sum(|node| node.swap_cached)),
        // What goes out and what comes in passes the swap cache once.
        add: Some(counters.event("pswpout").saturating_add(counters.event("pswpin"))),
        delete: Some(
            counters
                .event("pswpout")
                .saturating_add(counters.event("pswpin"))
                .saturating_sub(counters.sum(|node| node.swap_cached)),
        ),
        find: event("pswpin").map(|found| (0, found)),
        race: Some((0, 0)),
        free: bytes(counters.free_swap).filter(|_| counters.lacking_swap == 0),
        lacking: bytes(counters.lacking_swap).filter(|_| counters.lacking_swap > 0),
        total: bytes(counters.total_swap),
    }
}

fn totals(counters: &Counters, release: Release) -> Totals {
    let sum = |of: fn(&counters::ZoneCounters) -> u64| counters.zones.iter().map(of).sum::<u64>();
    let present = sum(|zone| zone.present);
    let high = counters
        .zones
        .iter()
        .filter(|zone| matches!(zone.kind, ZoneKind::HighMem | ZoneKind::Movable))
        .map(|zone| zone.present)
        .sum::<u64>();
    // Only where there can be any, until 3.11.
    let shown = high > 0 || release >= Release::new(3, 12);
    Totals {
        ram: pages(present),
        highmem: pages(high).filter(|_| shown),
        reserved: pages(present.saturating_sub(counters.managed())),
        swap_cached: pages(counters.sum(|node| node.swap_cached)),
        hwpoisoned: pages(0),
        ..Totals::default()
    }
}
