//! Physical memory that ends: zones, and who has their pages.
//!
//! A machine built without a [`crate::Profile`] has none of this: memory never runs out there. With
//! one, every page comes through [`crate::ctx::Ctx::allocate`] (`gate.rs`) out of a zone
//! (`zones.rs`), and goes back to that zone when its frame goes. Pages of the kernel's own, page
//! tables among them, are counts by zone.

mod account;
mod balance;
mod boot;
mod buddy;
mod control;
mod count;
pub(crate) mod counters;
mod disk;
mod gate;
mod kswapd;
mod lru;
pub(crate) mod mglru;
pub(crate) mod objects;
mod pcp;
mod policy;
mod reclaim;
mod rmap;
mod scan;
mod slab;
mod swap;
mod swap_in;
mod swap_off;
mod workingset;
mod writeback;
mod zones;

use std::collections::BTreeMap;

use facts::Release;
use rules::watermark::ZoneKind;
use world::SwapSpec;

pub use buddy::FreeBlocks;
pub(crate) use buddy::ORDERS;
pub(crate) use gate::{For, Grant, NoMemory};
pub(crate) use lru::{List, Lru};
pub(crate) use objects::{Holder, process_pages};
pub(crate) use pcp::Type;
pub(crate) use policy::{Balance, Policy, Retry};
pub(crate) use slab::Slab;
pub(crate) use swap::{Slot, Swap};
pub(crate) use zones::{Mark, Zone, class};

use crate::config::{Disk, MachineConfig};
use crate::profile::Profile;
use crate::range_map::RangeMap;
use buddy::Buddy;
use disk::Queue;
use kswapd::Kswapd;
use workingset::Shadow;
use writeback::Writeback;

/// The zone of a frame that no zone knows of.
pub(crate) const NOWHERE: u8 = u8::MAX;

/// The physical memory of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Physical {
    pub(crate) release: Release,
    pub(crate) cpus: u32,
    /// Node by node, the lowest first.
    pub(crate) zones: Vec<Zone>,
    /// `vm.min_free_kbytes`; 0 before 2.6, which has none.
    pub(crate) min_free_kbytes: u64,
    /// What somebody wrote to it; 0: nobody did.
    pub(crate) user_min_free: u64,
    /// `vm.watermark_scale_factor`.
    pub(crate) scale_factor: u64,
    /// `vm.lowmem_reserve_ratio`, by kind of zone.
    pub(crate) ratios: [u64; zones::CLASSES],
    /// `totalreserve_pages`.
    pub(crate) total_reserve: u64,
    /// What was there before the scenario.
    pub(crate) profile: Profile,
    /// Pages of page tables and other memory of the kernel's for the scenario's processes, by zone.
    pub(crate) kernel: Vec<u64>,
    /// Of which page tables.
    pub(crate) tables: u64,
    pub(crate) policy: Policy,
    pub(crate) lru: Lru,
    pub(crate) swap: Swap,
    /// What is remembered of pages of files that were evicted: by frame, their age.
    pub(crate) shadows: RangeMap<Shadow>,
    /// `vm.swappiness`.
    pub(crate) swappiness: u64,
    /// Dirty pages of files on disks.
    pub(crate) dirty: u64,
    /// How writing back is steered.
    pub(crate) writeback: Writeback,
    /// How fast disks are, and what is on its way to them.
    pub(crate) disk: Disk,
    pub(crate) queue: Queue,
    /// Those that are at work, and when the turn of the task is over that they work beside.
    pub(crate) kswapds: Vec<Kswapd>,
    pub(crate) turn_ends: u64,
    /// Runs of kswapd that freed nothing, one after the other.
    pub(crate) kswapd_failures: u32,
    /// Pages scanned since one was last freed (`NR_PAGES_SCANNED`, up to 4.7).
    pub(crate) pages_scanned: u64,
    /// The kernel's own caches.
    pub(crate) slab: Slab,
    /// What processes have of them.
    pub(crate) objects: objects::Objects,
    /// What has happened, by the name that `/proc/vmstat` gives it.
    pub(crate) events: BTreeMap<&'static str, u64>,
    /// Nodes that the request at hand is bound to; `None`: to none.
    pub(crate) bound: Option<u64>,
    /// The cgroup that the last walk ended at, by node and the cgroup that it worked in
    /// (`mem_cgroup_reclaim_iter`).
    pub(crate) walked: BTreeMap<(u32, u16), crate::memcg::MemcgId>,
    /// The last grants, while nothing else has happened to their zones.
    granted: Vec<Granted>,
    /// The second of the last look at the counters of processors.
    looked: u64,
    /// Pages are made by a fault, and not by a call (`lru_gen_in_fault()`).
    pub(crate) in_fault: bool,
    /// Pages that were needed when there was none left, and that the next ones given back pay for.
    pub(crate) owed: u64,
}

/// Pages of the largest machine whose free blocks are kept: 4 GiB.
const KEPT: u64 = 1 << 20;

/// Grants that are remembered at most: one for each zone that a request is served from.
const GRANTS: usize = 16;

/// A grant that may be taken back.
#[derive(Debug, Clone)]
struct Granted {
    zone: u8,
    /// What was free and on lists before.
    before: (u64, pcp::Pcp),
    pages: u64,
    what: For,
    mark: Mark,
}

impl Physical {
    /// Memory as the profile describes it; `None` when it has no zones.
    pub(crate) fn new(config: &MachineConfig) -> Option<Physical> {
        let profile = config.physical.clone().filter(|profile| !profile.zones.is_empty())?;
        let mut zones: Vec<Zone> =
            profile.zones.iter().map(|zone| Zone::new(config.release, zone)).collect();
        zones.truncate(usize::from(NOWHERE));
        for zone in &mut zones {
            let known = |known: &&FreeBlocks| known.node == zone.node && known.kind == zone.kind;
            let known = profile.blocks.iter().find(known).filter(|_| profile.managed() <= KEPT);
            let blocks = known.map(|known| Buddy::new(config.release, known, zone.free));
            zone.blocks = blocks.map(Box::new);
        }
        let mut physical = Physical {
            release: config.release,
            cpus: config.cpus,
            kernel: vec![0; zones.len()],
            zones,
            min_free_kbytes: 0,
            user_min_free: 0,
            scale_factor: 10,
            ratios: [0; zones::CLASSES],
            total_reserve: 0,
            tables: 0,
            policy: Policy::of(config.release),
            lru: Lru::new(config.lru_gen && config.release >= Release::new(6, 1)),
            swap: Swap::new(config.release),
            shadows: RangeMap::default(),
            swappiness: 60,
            dirty: 0,
            writeback: Writeback::new(config.release),
            disk: config.disk,
            queue: Queue::default(),
            kswapds: Vec::new(),
            turn_ends: 0,
            kswapd_failures: 0,
            pages_scanned: 0,
            slab: Slab::new(config, profile.slab_reclaimable, profile.slab_unreclaimable),
            objects: objects::Objects::of(config),
            events: BTreeMap::new(),
            bound: None,
            walked: BTreeMap::new(),
            granted: Vec::new(),
            looked: 0,
            in_fault: false,
            owed: 0,
            profile,
        };
        if config.swap > 0 {
            physical.swap.add(&SwapSpec { len: config.swap << 12, priority: None, zram: false });
        }
        let asked = physical.profile.min_free_kbytes;
        physical.set_up(config.huge, asked);
        Some(physical)
    }

    /// Something happened so many times.
    pub(crate) fn count(&mut self, event: &'static str, times: u64) {
        if times > 0 {
            *self.events.entry(event).or_default() += times;
        }
    }

    /// `MemTotal`, pages.
    pub(crate) fn managed(&self) -> u64 {
        self.zones.iter().map(|zone| zone.managed).sum()
    }

    /// `MemFree`, pages.
    pub(crate) fn free(&self) -> u64 {
        self.zones.iter().map(|zone| zone.free).sum()
    }

    /// Zones that a request with this highest kind may use, the preferred one first: those of the
    /// processor's node before the others (`build_zonelists()`, node order).
    pub(crate) fn fallback(&self, highest: ZoneKind) -> Vec<usize> {
        let mut list: Vec<usize> =
            (0..self.zones.len()).filter(|&at| self.zones[at].kind <= highest).collect();
        list.sort_by_key(|&at| (self.zones[at].node, std::cmp::Reverse(self.zones[at].kind)));
        list
    }

    /// Of these, the ones that the request at hand may be served from.
    pub(crate) fn allowed(&self, highest: ZoneKind) -> Vec<usize> {
        let mut list = self.fallback(highest);
        list.retain(|&at| self.is_allowed(self.zones[at].node));
        list
    }

    fn is_allowed(&self, node: u32) -> bool {
        self.bound.is_none_or(|nodes| nodes.checked_shr(node).unwrap_or(0) & 1 == 1)
    }

    /// Pages of this zone are free again.
    pub(crate) fn give(&mut self, zone: u8, pages: u64, kind: Type) {
        self.granted.clear();
        let paid = self.owed.min(pages);
        self.owed -= paid;
        if let Some(zone) = self.zones.get_mut(usize::from(zone)) {
            zone.give(pages - paid, kind);
        }
    }

    /// Pages that were granted last are not needed: it is as if they had never been asked for.
    pub(crate) fn give_back(&mut self, zone: u8, pages: u64) {
        let last = self.granted.pop().filter(|last| last.zone == zone && last.pages >= pages);
        let Some(last) = last else { return self.give(zone, pages, Type::Movable) };
        let (at, left) = (usize::from(zone), last.pages - pages);
        let Some(place) = self.zones.get_mut(at) else { return };
        place.undo(last.before, last.what.kind());
        self.take(at, left, last.what, last.mark);
    }

    /// A page was granted, and may be taken back.
    fn grant(&mut self, grant: Granted) {
        if self.granted.len() >= GRANTS {
            self.granted.remove(0);
        }
        self.granted.push(grant);
    }

    /// kswapd begins, or ends (`update_reclaim_active()`, 5.14): meanwhile processors keep little.
    fn reclaims(&mut self, node: u32, class: usize, active: bool) {
        let zones = self.zones.iter_mut().filter(|zone| zone.node == node);
        for zone in zones.filter(|zone| zones::class(zone.kind) <= class) {
            zone.pcp.reclaim_active = active;
        }
    }

    /// A process has started. What is freed meanwhile, of the address space that it was copied from and of its
    /// arguments, lets refills begin at a batch again: so they did on 6.12.
    pub(crate) fn started(&mut self) {
        self.zones.iter_mut().for_each(|zone| zone.pcp.begin_anew());
    }

    /// So much time has passed since the machine was made: once a second the counters of processors are
    /// looked at (`vmstat_update()`), and their lists become shorter.
    pub(crate) fn look(&mut self, nanoseconds: u64) {
        let seconds = nanoseconds / 1_000_000_000;
        self.granted.clear();
        while self.looked < seconds {
            self.looked += 1;
            let mut more = false;
            for zone in &mut self.zones {
                more |= zone.decay();
            }
            if !more {
                self.looked = seconds;
            }
        }
    }

    /// Takes pages that can be had from a zone; how many.
    fn take(&mut self, at: usize, want: u64, what: For, mark: Mark) -> u64 {
        let class = class(what.highest());
        let zone = &mut self.zones[at];
        if what == For::Huge {
            zone.take_huge(want / crate::page::HUGE, mark, class)
        } else {
            zone.take(want, what.kind(), mark, class)
        }
    }

    /// Takes pages whatever the marks say (`ALLOC_NO_WATERMARKS`), all from one zone: the preferred
    /// one that has most of them. What is not there is owed.
    pub(crate) fn seize(&mut self, pages: u64, highest: ZoneKind) -> u8 {
        let kind = if highest > ZoneKind::Normal { Type::Movable } else { Type::Unmovable };
        self.granted.clear();
        let list = self.fallback(highest);
        let class = class(highest);
        let fits = |mark: Mark| {
            list.iter().copied().find(|&at| self.zones[at].has(pages, kind, mark, class))
        };
        let largest = || list.iter().copied().max_by_key(|&at| self.zones[at].unused());
        let Some(at) = fits(Mark::Low).or_else(|| fits(Mark::Min)).or_else(largest) else {
            self.owed += pages;
            return NOWHERE;
        };
        let zone = &mut self.zones[at];
        let there = pages.min(zone.unused());
        zone.take_any(there, kind);
        self.owed += pages - there;
        u8::try_from(at).unwrap_or(NOWHERE)
    }

    /// So many pages of the kernel's own are needed, and there is no turning back.
    pub(crate) fn seize_kernel(&mut self, mut pages: u64) {
        while pages > 0 {
            let some = pages.min(512);
            let zone = usize::from(self.seize(some, ZoneKind::Normal));
            if let Some(kernel) = self.kernel.get_mut(zone) {
                *kernel += some;
            }
            pages -= some;
        }
    }

    /// Pages of the kernel's own are free again: those that it took last, which came from the last
    /// zones of the list.
    pub(crate) fn give_kernel(&mut self, mut pages: u64) {
        for at in self.fallback(ZoneKind::Normal).into_iter().rev() {
            let some = pages.min(self.kernel[at]);
            if some > 0 {
                self.kernel[at] -= some;
                self.give(u8::try_from(at).unwrap_or(NOWHERE), some, Type::Unmovable);
                pages -= some;
            }
        }
    }
}

#[cfg(test)]
mod tests;
