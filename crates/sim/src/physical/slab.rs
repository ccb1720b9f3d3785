//! The kernel's own caches that shrink: `do_shrink_slab()` in `mm/shrinker.c` (`mm/vmscan.c` before
//! 6.7), `super_cache_count()` in `fs/super.c`.
//!
//! Objects are freed one by one, and pages only when all their objects are gone. On the measured
//! machines all came back under pressure but a rest that is the kernel's own: 2400 pages on 6.1, 1700
//! on 6.1 for i386, 300 on 6.12. So much stays here.

use facts::Release;
use rules::layout::Arch;

use super::{NOWHERE, Physical, Type};
use crate::config::MachineConfig;

/// Pages of slab that is called reclaimable and never comes back (measured, see above).
fn rest(config: &MachineConfig) -> u64 {
    if config.release >= Release::new(6, 12) {
        300
    } else if matches!(config.arch, Arch::I386 | Arch::Arm) {
        1700
    } else {
        2400
    }
}

/// `DEFAULT_SEEKS`.
const SEEKS: u64 = 2;

/// Slab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slab {
    /// `SReclaimable`.
    pub(crate) reclaimable: u64,
    /// `SUnreclaim`.
    pub(crate) unreclaimable: u64,
    /// What will not shrink any further.
    floor: u64,
    /// Of it, what the scenario's processes have.
    pub(crate) pinned: u64,
    /// `vm.vfs_cache_pressure`.
    pub(crate) pressure: u64,
}

impl Slab {
    pub(crate) fn new(config: &MachineConfig, reclaimable: u64, unreclaimable: u64) -> Slab {
        let floor = rest(config).min(reclaimable);
        Slab { reclaimable, unreclaimable, floor, pinned: 0, pressure: 100 }
    }

    /// So many more pages are called reclaimable and are in use.
    pub(crate) fn pin(&mut self, pages: u64) {
        self.reclaimable += pages;
        self.floor += pages;
        self.pinned += pages;
    }

    /// So many fewer.
    pub(crate) fn unpin(&mut self, pages: u64) {
        self.reclaimable = self.reclaimable.saturating_sub(pages);
        self.floor = self.floor.saturating_sub(pages);
        self.pinned = self.pinned.saturating_sub(pages);
    }

    /// Pages that would be freed at this priority: four `seeks`ths of what is there, shifted by it.
    fn delta(&self, priority: u32) -> u64 {
        let freeable = self.reclaimable.saturating_sub(self.floor);
        let counted = freeable.saturating_mul(self.pressure) / 100;
        ((counted >> priority) * 4 / SEEKS).min(freeable)
    }
}

impl Physical {
    /// `shrink_slab()`; how many pages came back.
    pub(crate) fn shrink_slab(&mut self, priority: u32) -> u64 {
        let pages = self.slab.delta(priority);
        self.free_slab(pages);
        pages
    }

    /// `drop_slab()`: everything that will go.
    pub(crate) fn drop_slab(&mut self) {
        let pages = self.slab.reclaimable.saturating_sub(self.slab.floor);
        self.free_slab(pages);
    }

    fn free_slab(&mut self, pages: u64) {
        if pages == 0 {
            return;
        }
        self.slab.reclaimable -= pages;
        self.count("slabs_scanned", pages);
        let highest = self.first_list(rules::watermark::ZoneKind::Normal).first().copied();
        let zone = highest.and_then(|at| u8::try_from(at).ok()).unwrap_or(NOWHERE);
        self.give(zone, pages, Type::Reclaimable);
    }
}
