//! `Mem-Info` as `/proc/meminfo` and `/proc/zoneinfo`.

use std::collections::BTreeMap;

use facts::oom_report::{NodeCounters, ShowMem, ZoneCounters, ZoneMemory};
use facts::{Account, Field, HugePool, Meminfo, Release, Snapshot, Zone};
use units::{Bytes, PageSize, Pages};

use crate::explain::managed;

pub(super) fn fill(
    memory: &ShowMem,
    release: Release,
    snapshot: &mut Snapshot,
    account: &mut Account,
) {
    let size = snapshot.page_size;
    snapshot.zones = memory.zones.iter().map(|zone| zone_of(zone, size)).collect();
    let info = &mut snapshot.meminfo;
    let managed = managed(memory, release, size).and_then(|pages| pages.to_bytes(size));
    set(info, Field::MemTotal, managed);
    counters(memory, size, info);
    swap(memory, size, info);
    of_nodes(memory, size, info);
    if let Some(bytes) = of_zones(memory, size, |zone| zone.zspages) {
        let pages = size.pages_in(bytes).count();
        snapshot.vmstat.lines.push(("nr_zspages".into(), pages));
    }
    account.pools = pools(memory);
    if !memory.huge_pools.is_empty() {
        let all = account.pools.iter().map(|pool| pool.page.get().checked_mul(pool.total));
        let all = all.sum::<Option<u64>>().map(Bytes::new);
        set(&mut snapshot.meminfo, Field::Hugetlb, all);
    }
}

fn set(info: &mut Meminfo, field: Field, bytes: Option<Bytes>) {
    if let Some(bytes) = bytes {
        info.set(field, bytes);
    }
}

/// The machine's counters, which no filter hides.
fn counters(memory: &ShowMem, size: PageSize, info: &mut Meminfo) {
    let c = &memory.counters;
    let bytes = |pages: Option<Pages>| pages.and_then(|pages| pages.to_bytes(size));
    let both = |a: Option<Pages>, b: Option<Pages>| bytes(a?.checked_add(b?));
    // Pages that reclaim holds in its hands are on no list, and belong to the same holders.
    let held = |list: Option<Pages>, held: Option<Pages>| {
        list.map(|list| list.saturating_add(held.unwrap_or(Pages::ZERO)))
    };
    let inactive_anon = held(c.inactive_anon, c.isolated_anon);
    let inactive_file = held(c.inactive_file, c.isolated_file);
    for (field, value) in [
        (Field::MemFree, bytes(c.free).or(memory.free)),
        (Field::Active, both(c.active_anon, c.active_file).or(bytes(c.active))),
        (Field::Inactive, both(inactive_anon, inactive_file).or(bytes(c.inactive))),
        (Field::ActiveAnon, bytes(c.active_anon)),
        (Field::InactiveAnon, bytes(inactive_anon)),
        (Field::ActiveFile, bytes(c.active_file)),
        (Field::InactiveFile, bytes(inactive_file)),
        (Field::Unevictable, bytes(c.unevictable)),
        (Field::Dirty, bytes(c.dirty)),
        (Field::Writeback, bytes(c.writeback)),
        (Field::NfsUnstable, bytes(c.unstable)),
        (Field::Mapped, bytes(c.mapped)),
        (Field::Shmem, bytes(c.shmem)),
        (Field::SReclaimable, bytes(c.slab_reclaimable)),
        (Field::SUnreclaim, bytes(c.slab_unreclaimable)),
        (Field::Slab, both(c.slab_reclaimable, c.slab_unreclaimable).or(bytes(c.slab))),
        (Field::KReclaimable, both(c.slab_reclaimable, c.kernel_misc_reclaimable)),
        (Field::PageTables, bytes(c.pagetables)),
        (Field::SecPageTables, bytes(c.sec_pagetables)),
        (Field::Bounce, bytes(c.bounce)),
        (Field::CmaFree, bytes(c.free_cma)),
        (Field::CmaTotal, bytes(memory.totals.cma_reserved)),
        (Field::HardwareCorrupted, bytes(memory.totals.hwpoisoned)),
    ] {
        set(info, field, value);
    }
    // `NR_FILE_PAGES` has the swap cache in it, and buffers, which nothing tells apart.
    let swap_cached = memory.swap.cached.or(memory.totals.swap_cached);
    if let (Some(all), Some(swapped)) = (memory.pagecache, swap_cached) {
        set(
            info,
            Field::Cached,
            all.count()
                .checked_sub(swapped.count())
                .and_then(|pages| Pages::new(pages).to_bytes(size)),
        );
    }
    set(info, Field::SwapCached, bytes(swap_cached));
}

fn swap(memory: &ShowMem, _size: PageSize, info: &mut Meminfo) {
    set(info, Field::SwapTotal, memory.swap.total);
    set(info, Field::SwapFree, memory.swap.free);
}

/// What only nodes, or before only zones, have; where all of them are in the text.
fn of_nodes(memory: &ShowMem, size: PageSize, info: &mut Meminfo) {
    let sum = |of: fn(&NodeCounters) -> Option<Bytes>| -> Option<Bytes> {
        all_nodes(memory, size)?;
        memory.nodes.iter().map(|node| of(&node.counters)).sum()
    };
    let stacks =
        sum(|node| node.kernel_stack).or_else(|| of_zones(memory, size, |zone| zone.kernel_stack));
    for (field, value) in [
        (Field::KernelStack, stacks),
        (Field::AnonHugePages, sum(|node| node.anon_thp)),
        (Field::ShmemHugePages, sum(|node| node.shmem_thp)),
        (Field::WritebackTmp, sum(|node| node.writeback_tmp)),
        (Field::Balloon, sum(|node| node.balloon)),
    ] {
        set(info, field, value);
    }
    for (name, value) in
        [("GPUActive", sum(|node| node.gpu_active)), ("GPUReclaim", sum(|node| node.gpu_reclaim))]
    {
        if let Some(bytes) = value {
            let value = bytes.kib();
            info.other.push(facts::OtherField { name: name.into(), value, kib: true });
        }
    }
}

/// Nodes are filtered, the machine's counters are not: all are there when their lists add up. Two
/// readings of a list may differ by what was on its way.
fn all_nodes(memory: &ShowMem, size: PageSize) -> Option<()> {
    let file = |node: &NodeCounters| node.active_anon?.checked_add(node.inactive_anon?);
    let nodes: Bytes = memory.nodes.iter().map(|node| file(&node.counters)).sum::<Option<_>>()?;
    let c = &memory.counters;
    let machine = c.active_anon?.checked_add(c.inactive_anon?)?.to_bytes(size)?;
    let apart = nodes.get().abs_diff(machine.get());
    (!memory.nodes.is_empty() && apart <= machine.get() / 100 + size.bytes() * 64).then_some(())
}

/// A sum over all zones; `None` when the text does not have them all, or one does not tell.
fn of_zones(
    memory: &ShowMem,
    size: PageSize,
    of: fn(&ZoneCounters) -> Option<Bytes>,
) -> Option<Bytes> {
    let managed = |zone: &ZoneMemory| zone.counters.managed.or(zone.counters.present);
    let zones: Bytes = memory.zones.iter().map(managed).sum::<Option<_>>()?;
    let ram = memory.totals.ram?.count().checked_sub(memory.totals.reserved?.count())?;
    let all = Pages::new(ram).to_bytes(size)?;
    // Present pages are more than the allocator's; zones that are not printed, far fewer.
    if zones.get() < all.get() - all.get() / 100 {
        return None;
    }
    memory.zones.iter().map(|zone| of(&zone.counters)).sum()
}

fn zone_of(zone: &ZoneMemory, size: PageSize) -> Zone {
    let c = &zone.counters;
    let pages = |bytes: Option<Bytes>| bytes.map(|bytes| size.pages_in(bytes));
    let counter =
        |name: &str, bytes: Option<Bytes>| Some((Box::from(name), size.pages_in(bytes?).count()));
    Zone {
        node: zone.node.unwrap_or(0),
        name: zone.name.to_string().into(),
        free: pages(c.free),
        boost: pages(c.boost),
        min: pages(c.min),
        low: pages(c.low),
        high: pages(c.high),
        present: pages(c.present),
        managed: pages(c.managed),
        protection: zone.lowmem_reserve.clone().unwrap_or_default(),
        pcp: pages(c.free_pcp),
        counters: [
            counter("nr_zone_inactive_anon", c.inactive_anon),
            counter("nr_zone_active_anon", c.active_anon),
            counter("nr_zone_inactive_file", c.inactive_file),
            counter("nr_zone_active_file", c.active_file),
            counter("nr_zone_unevictable", c.unevictable),
            counter("nr_mlock", c.mlocked),
            counter("nr_free_cma", c.free_cma),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ..Zone::default()
    }
}

/// Pools by size, all nodes together.
fn pools(memory: &ShowMem) -> Vec<HugePool> {
    let mut sizes: BTreeMap<Bytes, (u64, Option<u64>)> = BTreeMap::new();
    for pool in &memory.huge_pools {
        let (Some(size), Some(total)) = (pool.size, pool.total) else { continue };
        let (all, free) = sizes.entry(size).or_insert((0, Some(0)));
        *all = all.saturating_add(total);
        *free = free.zip(pool.free).map(|(sum, more)| sum.saturating_add(more));
    }
    sizes.into_iter().map(|(page, (total, free))| HugePool { page, total, free }).collect()
}
