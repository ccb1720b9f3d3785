//! The kernel's counters as they are now.
//!
//! # What it leaves out
//! Blocks: free pages are said to lie in the largest that they can make ([`blocks`]). Pages that were
//! there before the scenario lie in the largest zone. See `DIVERGENCES.md`.

use facts::Release;
use rules::overcommit::commit_limit;

use super::counters::{Counters, Lru, NodeCounters, SwapArea, ZoneCounters, blocks};
use super::{Physical, Zone};
use crate::frames::file_of;
use crate::machine::Machine;
use crate::mm::Mm;
use crate::page::HUGE;
use crate::store::Store;

/// Orders of the buddy allocator.
const ORDERS: u32 = 11;
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
        frames(store, &physical.zones, &mut zones, &mut nodes);
        if let Some(node) = nodes.first_mut() {
            let huge = |mm: &Mm| {
                let pages = mm.pages.iter().filter(|(_, _, pte)| pte.huge);
                pages.map(|(_, len, _)| len / HUGE).sum::<u64>()
            };
            node.anon_huge = mms.map(huge).sum();
            node.page_tables += physical.tables;
        }
        for (node, counters) in nodes.iter_mut().map(|node| (node.node, node)) {
            for zone in zones.iter().filter(|zone| zone.node == node) {
                counters.lru.add(&zone.lru);
            }
        }
        let mut counters = Counters {
            total_swap: store.config.swap,
            free_swap: store.config.swap,
            total_reserve: physical.total_reserve,
            committed: store.committed + store.config.committed_elsewhere,
            commit_limit: commit_limit(store.release(), store.strict()).count(),
            percpu: PERCPU.saturating_mul(u64::from(store.config.cpus)),
            dirty_thresholds: (0, 0),
            swaps: Vec::new(),
            events: physical.events.clone(),
            zones,
            nodes,
        };
        counters.events.insert("oom_kill", store.oom.kills);
        if counters.total_swap > 0 {
            counters.swaps.push(SwapArea {
                name: "/dev/vdb".to_owned(),
                size: counters.total_swap,
                used: counters.total_swap - counters.free_swap,
                priority: if store.release() >= Release::new(4, 14) { -2 } else { -1 },
            });
        }
        let dirtyable = counters
            .free()
            .saturating_sub(counters.total_reserve)
            .saturating_add(counters.nodes.iter().map(|n| n.lru.files()).sum());
        counters.dirty_thresholds = (dirtyable * 20 / 100, dirtyable * 10 / 100);
        Some(counters)
    }
}

impl Lru {
    fn add(&mut self, more: &Lru) {
        self.inactive_anon += more.inactive_anon;
        self.active_anon += more.active_anon;
        self.inactive_file += more.inactive_file;
        self.active_file += more.active_file;
        self.unevictable += more.unevictable;
    }

    fn files(&self) -> u64 {
        self.inactive_file + self.active_file
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
    ZoneCounters {
        node: zone.node,
        kind: zone.kind,
        free: zone.free,
        buddy: blocks(zone.free, ORDERS),
        pcp: zone.pcp,
        pcp_high: zone.pcp_high,
        batch: zone.batch,
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
    zone.lru.inactive_anon += profile.anon;
    zone.lru.inactive_file += profile.file;
    zone.lru.unevictable += profile.unevictable;
    let Some(node) = nodes.iter_mut().find(|node| node.node == zone.node) else { return };
    node.anon += profile.anon;
    node.file += profile.file + profile.unevictable;
    node.slab_reclaimable += physical.slab.reclaimable;
    node.slab_unreclaimable += physical.slab.unreclaimable;
    // Each task has a stack of 16 KiB.
    node.kernel_stack += profile.kernel_stack.saturating_mul(4) + tasks.saturating_mul(16);
    node.page_tables += profile.page_tables;
}

/// Pages of the scenario's processes and files.
fn frames(store: &Store, places: &[Zone], zones: &mut [ZoneCounters], nodes: &mut [NodeCounters]) {
    let anon_active = store.release() < Release::new(5, 9);
    for (first, len, frame) in store.frames.map.iter() {
        let Some(place) = places.get(usize::from(frame.zone)) else { continue };
        let Some(zone) = zones.get_mut(usize::from(frame.zone)) else { continue };
        let Some(node) = nodes.iter_mut().find(|node| node.node == place.node) else { continue };
        let mapped = if frame.maps > 0 { len } else { 0 };
        let Some((file, _)) = file_of(first) else {
            node.anon += mapped;
            if anon_active || frame.active {
                zone.lru.active_anon += len;
            } else {
                zone.lru.inactive_anon += len;
            }
            continue;
        };
        node.file += len;
        node.mapped += mapped;
        if store.files[file].is_shmem() {
            node.shmem += len;
            if frame.active {
                zone.lru.active_anon += len;
            } else {
                zone.lru.inactive_anon += len;
            }
            continue;
        }
        if frame.dirty {
            node.dirty += len;
            zone.write_pending += len;
        }
        if frame.active {
            zone.lru.active_file += len;
        } else {
            zone.lru.inactive_file += len;
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
