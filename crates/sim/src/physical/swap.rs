//! Swap areas, and which pages are in them.
//!
//! # What it follows
//! `mm/swapfile.c` and `mm/swap_state.c`. A page that is swapped out keeps its frame number as the
//! name of its slot: the entries that mapped it go on naming it, and when it comes back it is that
//! frame again. A number that is among the frames as well is in the swap cache.
//!
//! # What it leaves out
//! Offsets within an area, and with them clusters and fragmentation. Slots that processors hold back.

use world::SwapSpec;

use super::mglru::later;
use crate::range_map::{RangeMap, Run};

/// A swap area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) pages: u64,
    pub(crate) used: u64,
    pub(crate) priority: i32,
    /// In memory, compressed.
    pub(crate) zram: bool,
    /// `SWP_WRITEOK`: not while it is switched off, and after.
    pub(crate) on: bool,
    /// What its content takes there, in 64ths of a page.
    stored: u64,
}

/// What is known of a page in swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Page-table entries that name it; none of shared memory, which the file knows.
    pub(crate) refs: u32,
    pub(crate) area: u8,
    /// The memory cgroup that it is charged to,
    pub(crate) memcg: u16,
    /// and whether it has been: v1 charges a page to memory until it has left it.
    pub(crate) paid: bool,
    /// `nonresident_age` when it went.
    pub(crate) age: u64,
    /// The address space that it was first mapped in, and where.
    pub(crate) mm: u32,
    pub(crate) page: u64,
    /// What it would take in zram, in 64ths of a page.
    pub(crate) parts: u8,
}

impl Run for Slot {
    fn skip(&self, by: u64) -> Slot {
        Slot { age: later(self.age, by), page: self.page + by, ..*self }
    }
}

/// Swap of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Swap {
    /// By falling priority.
    pub(crate) areas: Vec<Area>,
    pub(crate) slots: RangeMap<Slot>,
    /// `vm.page-cluster`.
    pub(crate) cluster: u32,
    /// Pages of memory that zram holds its content in.
    pub(crate) zram: u64,
    /// Areas of equal priority take turns (`plist_requeue()` in `get_swap_pages()`): how many slots one gives
    /// before the next one is asked,
    turn: u64,
    /// which gave the last ones, and how many more it will give.
    giver: Option<(u8, u64)>,
    /// The priority that the next area gets which asks for none.
    next_priority: i32,
}

/// Slots that an area of several of equal priority gives at once: what a processor's cache of slots is filled
/// with (`SWAP_BATCH`, 4.11 to 6.13), the rest of a cluster since, and one before.
fn turn(release: facts::Release) -> u64 {
    let since = |major, minor| release >= facts::Release::new(major, minor);
    if since(6, 14) {
        512
    } else if since(4, 11) {
        64
    } else {
        1
    }
}

/// A page of memory, in the parts that zram's memory is counted in.
const PARTS: u64 = 64;

impl Swap {
    /// None yet. Areas without a priority get falling ones, from −2 on since 4.14 and −1 before.
    pub(crate) fn new(release: facts::Release) -> Swap {
        Swap {
            areas: Vec::new(),
            slots: RangeMap::default(),
            cluster: 3,
            zram: 0,
            turn: turn(release),
            giver: None,
            next_priority: if release >= facts::Release::new(4, 14) { -2 } else { -1 },
        }
    }

    /// `swapon(2)`.
    pub(crate) fn add(&mut self, spec: &SwapSpec) {
        let priority = self.priority(spec.priority);
        let (pages, zram) = (spec.len >> 12, spec.zram);
        // Behind those of the same priority. A slot knows its area by its place.
        self.areas.push(Area { pages, used: 0, priority, zram, on: true, stored: 0 });
    }

    /// The priority that was asked for, or the next one of those that nobody asks for.
    fn priority(&mut self, asked: Option<i16>) -> i32 {
        asked.map_or_else(
            || {
                self.next_priority -= 1;
                self.next_priority + 1
            },
            i32::from,
        )
    }

    /// The pages of an area that is on.
    pub(crate) fn pages_on(&self, area: u8) -> Option<u64> {
        self.areas.get(usize::from(area)).filter(|area| area.on).map(|area| area.pages)
    }

    /// The area gives no more slots. Those of lower priorities that nobody asked for move up (3.15, as
    /// far as anybody can see).
    pub(crate) fn switch_off(&mut self, area: u8) {
        let Some(gone) = self.areas.get_mut(usize::from(area)) else { return };
        gone.on = false;
        let priority = gone.priority;
        if priority < 0 {
            let lower = self.areas.iter_mut().filter(|area| area.on && area.priority < priority);
            lower.for_each(|area| area.priority += 1);
            self.next_priority += 1;
        }
    }

    /// `_enable_swap_info()`: it does again.
    pub(crate) fn switch_on(&mut self, area: u8, asked: Option<i16>) {
        let priority = self.priority(asked);
        if let Some(area) = self.areas.get_mut(usize::from(area)) {
            (area.on, area.priority) = (true, priority);
        }
    }

    /// `SwapTotal`, pages.
    pub(crate) fn total(&self) -> u64 {
        self.areas.iter().filter(|area| area.on).map(|area| area.pages).sum()
    }

    /// `SwapFree`, pages. `nr_swap_pages` lacks what has yet to come back from an area that is being
    /// switched off.
    pub(crate) fn free(&self) -> u64 {
        let (free, to_come) = self.free_and_to_come();
        free.saturating_sub(to_come)
    }

    /// How many pages `nr_swap_pages` is below nothing.
    pub(crate) fn lacking(&self) -> u64 {
        let (free, to_come) = self.free_and_to_come();
        to_come.saturating_sub(free)
    }

    /// What areas that are on have free, and what has yet to come back from others.
    fn free_and_to_come(&self) -> (u64, u64) {
        let (mut free, mut to_come) = (0, 0);
        for area in &self.areas {
            if area.on {
                free += area.pages - area.used;
            } else {
                to_come += area.used;
            }
        }
        (free, to_come)
    }

    /// `vm_swap_full()`: less than half is free.
    pub(crate) fn is_half_full(&self) -> bool {
        self.free() * 2 < self.total()
    }

    /// Slots of an area of the highest priority that has any: the area, and how many of `want`.
    pub(crate) fn reserve(&mut self, want: u64) -> Option<(u8, u64)> {
        let free = |area: &Area| if area.on { area.pages - area.used } else { 0 };
        let want = want.min(self.free());
        if want == 0 {
            return None;
        }
        let best =
            self.areas.iter().filter(|area| free(area) > 0).map(|area| area.priority).max()?;
        let fits = |at: &u8| {
            let area = self.areas.get(usize::from(*at));
            area.is_some_and(|area| area.priority == best && free(area) > 0)
        };
        let count = u8::try_from(self.areas.len()).ok()?;
        let going = self.giver.filter(|(at, left)| *left > 0 && fits(at));
        let (at, left) = if let Some(going) = going {
            going
        } else {
            let next = self.giver.map_or(0, |(at, _)| usize::from(at) + 1);
            let in_turn = (0..usize::from(count)).map(|by| (next + by) % usize::from(count));
            let mut in_turn = in_turn.filter_map(|at| u8::try_from(at).ok());
            (in_turn.find(fits)?, self.turn)
        };
        let alone = (0..count).filter(fits).count() == 1;
        let most = free(self.areas.get(usize::from(at))?).min(want);
        let given = if alone { most } else { most.min(left) };
        self.giver = Some((at, left.saturating_sub(given)));
        Some((at, given))
    }

    /// Pages are in swap from now on.
    pub(crate) fn insert(&mut self, first: u64, count: u64, slot: Slot) {
        if let Some(area) = self.areas.get_mut(usize::from(slot.area)) {
            area.used += count;
            area.stored += count * u64::from(slot.parts);
        }
        self.slots.insert(first, count, slot);
    }

    /// Slots that nobody needs any more: who paid for how many.
    pub(crate) fn remove(&mut self, first: u64, end: u64) -> Vec<(u16, u64, bool)> {
        let mut gone = Vec::new();
        for (_, len, slot) in self.slots.remove(first, end) {
            gone.push((slot.memcg, len, slot.paid));
            if let Some(area) = self.areas.get_mut(usize::from(slot.area)) {
                area.used = area.used.saturating_sub(len);
                area.stored = area.stored.saturating_sub(len * u64::from(slot.parts));
            }
        }
        gone
    }

    /// One entry more names these slots.
    pub(crate) fn hold(&mut self, first: u64, count: u64) {
        self.slots.update(first, first + count, |_, slot| slot.refs += 1);
    }

    /// Pages of memory that zram needs for what is in it.
    pub(crate) fn zram_need(&self) -> u64 {
        let zram = self.areas.iter().filter(|area| area.zram);
        zram.map(|area| area.stored.div_ceil(PARTS)).sum()
    }
}
