//! The kernel's counters as they are now.
//!
//! # What it leaves out
//! Blocks: free pages are said to lie in the largest that they can make ([`blocks`]). Pages that were
//! there before the scenario lie in the largest zone. See `DIVERGENCES.md`.

use rules::overcommit::commit_limit;

use super::buddy::Buddy;
use super::counters::{Counters, HugePool, Lru, NodeCounters, SwapArea, ZoneCounters, blocks};
use super::{List, Physical, Zone};
use crate::frames::file_of;
use crate::machine::Machine;
use crate::mm::Mm;
use crate::page::HUGE;
use crate::store::Store;

/// Pages of per-CPU areas, a processor: what small virtual machines print.
const PERCPU: u64 = 64;

impl Counters {
    /// `None` on a machine whose memory never ends.
    pub(crate) fn of<'a>(
        store: &Store,
        mms: impl Iterator<Item = &'a Mm>,
        tasks: u64,
    ) -> Option<Counters> {
        let physical = store.frames.physical.as_deref()?;
        let mut zones: Vec<ZoneCounters> = Vec::new();
        let mut next = 0;
        for zone in &physical.zones {
            next = start(zone, next);
            zones.push(of_zone(zone, next));
            next += zone.spanned;
        }
        let mut nodes: Vec<NodeCounters> = Vec::new();
        for zone in &physical.zones {
            if nodes.iter().all(|node| node.node != zone.node) {
                nodes.push(NodeCounters { node: zone.node, ..NodeCounters::default() });
            }
        }
        before(physical, &mut zones, &mut nodes, tasks);
        frames(store, physical, &mut zones, &mut nodes);
        if let Some(node) = nodes.first_mut() {
            let huge = |mm: &Mm| {
                let pages = mm.pages.iter().filter(|(_, _, pte)| pte.huge);
                pages.map(|(_, len, _)| len / HUGE).sum::<u64>()
            };
            let mut above = 0;
            for mm in mms {
                node.anon_huge += huge(mm);
                above += mm.tables.count() - mm.tables.level(0) - mm.tables.level(1);
            }
            // `pagetable_pud_ctor()`: tables of the third level are counted since 6.8.
            let counts_all = physical.release >= facts::Release::new(6, 8);
            let hidden = if counts_all { 0 } else { above };
            node.page_tables += physical.tables.saturating_sub(hidden);
        }
        for (node, counters) in nodes.iter_mut().map(|node| (node.node, node)) {
            for zone in zones.iter().filter(|zone| zone.node == node) {
                counters.lru.add(&zone.lru);
            }
        }
        let mut counters = Counters {
            total_swap: store.config.swap,
            free_swap: store.free_swap(),
            lacking_swap: physical.swap.lacking(),
            total_reserve: physical.total_reserve,
            committed: store.committed + store.config.committed_elsewhere,
            commit_limit: commit_limit(store.release(), store.strict()).count(),
            percpu: PERCPU.saturating_mul(u64::from(store.config.cpus)),
            dirty_thresholds: (physical.dirty_limits().1, physical.dirty_limits().0),
            pool: HugePool {
                total: store.pool.total(),
                free: store.pool.free,
                reserved: store.pool.reserved,
                surplus: store.pool.surplus,
            },
            swaps: areas(physical),
            events: physical.events.clone(),
            zones,
            nodes,
        };
        counters.events.insert("oom_kill", store.oom.kills);
        let hopeless = physical.kswapd_is_hopeless();
        counters.nodes.iter_mut().for_each(|node| node.hopeless = hopeless);
        Some(counters)
    }
}

/// Swap areas as they are called where disks are virtual.
fn areas(physical: &Physical) -> Vec<SwapArea> {
    let (mut disks, mut zrams) = (0_u8, 0);
    let mut name = |zram: bool| {
        if zram {
            zrams += 1;
            format!("/dev/zram{}", zrams - 1)
        } else {
            disks += 1;
            format!("/dev/vd{}", char::from(b'a' + disks.min(25)))
        }
    };
    let areas = physical.swap.areas.iter();
    areas
        .map(|area| (name(area.zram), area))
        .filter(|(_, area)| area.on || area.used > 0)
        .map(|(name, area)| SwapArea {
            name,
            size: area.pages,
            used: area.used,
            priority: i16::try_from(area.priority).unwrap_or(i16::MIN),
        })
        .collect()
}

impl Lru {
    fn add(&mut self, more: &Lru) {
        self.inactive_anon += more.inactive_anon;
        self.active_anon += more.active_anon;
        self.inactive_file += more.inactive_file;
        self.active_file += more.active_file;
        self.unevictable += more.unevictable;
    }
}

/// The first page frame of a zone: the first page of all is never used, zones below 16 MiB end there
/// and those below 4 GiB there.
fn start(zone: &Zone, next: u64) -> u64 {
    use rules::watermark::ZoneKind::{Dma, Dma32, Normal};
    match zone.kind {
        Dma => next.max(1),
        Dma32 => next.max(4096),
        Normal if next >= 1 << 19 => next.max(1 << 20),
        Normal if next > 0 => next.max(4096),
        _ => next,
    }
}

fn of_zone(zone: &Zone, start_pfn: u64) -> ZoneCounters {
    let marks = zone.marks;
    let orders = zone.blocks.as_deref().map(|blocks| blocks.orders().to_vec());
    let orders = orders.unwrap_or_else(|| blocks(zone.free));
    ZoneCounters {
        node: zone.node,
        kind: zone.kind,
        free: zone.free,
        buddy: orders,
        letters: zone.blocks.as_deref().map(Buddy::letters),
        pcp: zone.pcp.count(),
        pcp_high: zone.pcp.high,
        batch: zone.pcp.batch,
        boost: zone.boost,
        min: marks.min.count() + zone.boost,
        low: marks.low.count() + zone.boost,
        high: marks.high.count() + zone.boost,
        promo: marks.promo.map(|promo| promo.count() + zone.boost),
        protection: zone.protection,
        spanned: zone.spanned,
        present: zone.present,
        managed: zone.managed,
        lru: Lru::default(),
        write_pending: 0,
        mlock: 0,
        bounce: 0,
        start_pfn,
    }
}

/// What was there before the scenario, in the largest zone.
fn before(physical: &Physical, zones: &mut [ZoneCounters], nodes: &mut [NodeCounters], tasks: u64) {
    let profile = &physical.profile;
    let Some(zone) = zones.iter_mut().max_by_key(|zone| zone.managed) else { return };
    // Anonymous pages and pages of files that were there are frames like others.
    zone.lru.unevictable += profile.unevictable + profile.mlocked;
    zone.lru.inactive_anon += profile.shmem;
    zone.mlock += profile.mlocked;
    let Some(node) = nodes.iter_mut().find(|node| node.node == zone.node) else { return };
    node.anon += profile.mlocked;
    node.file += profile.unevictable + profile.shmem;
    node.shmem += profile.shmem;
    node.slab_reclaimable += physical.slab.reclaimable;
    node.slab_unreclaimable += physical.slab.unreclaimable;
    // Each task has a stack of 16 KiB.
    node.kernel_stack += profile.kernel_stack.saturating_mul(4) + tasks.saturating_mul(16);
    node.page_tables += profile.page_tables;
}

/// Pages of the scenario's processes and files.
fn frames(
    store: &Store,
    physical: &Physical,
    zones: &mut [ZoneCounters],
    nodes: &mut [NodeCounters],
) {
    let places = &physical.zones;
    for (first, len, frame) in store.frames.map.iter() {
        let Some(place) = places.get(usize::from(frame.zone)) else { continue };
        let Some(zone) = zones.get_mut(usize::from(frame.zone)) else { continue };
        let Some(node) = nodes.iter_mut().find(|node| node.node == place.node) else { continue };
        let mapped = if frame.maps > 0 { len } else { 0 };
        match physical.list_of(frame) {
            List::InactiveAnon => zone.lru.inactive_anon += len,
            List::ActiveAnon => zone.lru.active_anon += len,
            List::InactiveFile => zone.lru.inactive_file += len,
            List::ActiveFile => zone.lru.active_file += len,
            List::Unevictable => {
                zone.lru.unevictable += len;
                zone.mlock += len;
            }
        }
        if store.frames.swapped(first) {
            let cached: u64 = store.frames.slots(first, len).iter().map(|(len, _)| len).sum();
            node.swap_cached += cached;
            node.file += cached;
        }
        if frame.writeback {
            node.writeback += len;
            zone.write_pending += len;
        }
        let Some((file, _)) = file_of(first) else {
            node.anon += mapped;
            continue;
        };
        node.file += len;
        node.mapped += mapped;
        if store.files[file].is_shmem() {
            node.shmem += len;
            continue;
        }
        if frame.dirty {
            node.dirty += len;
            zone.write_pending += len;
        }
    }
}

impl Machine {
    /// What the kernel counts; `None` on a machine whose memory never ends.
    pub(crate) fn counters(&self) -> Option<Counters> {
        let tasks = self.processes.iter().filter(|process| process.ended.is_none()).count();
        Counters::of(&self.store, self.mms.values(), tasks as u64)
    }
}
