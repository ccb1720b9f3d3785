//! What the lists and the counters of a machine hear of each frame.

use super::{List, NOWHERE, Physical};
use crate::frames::{Frame, file_of};

impl Physical {
    pub(crate) fn owner(&self, frame: &Frame) -> (u32, u16) {
        let node = self.zones.get(usize::from(frame.zone)).map_or(0, |zone| zone.node);
        (node, frame.memcg)
    }

    /// The kind of the zone that a frame is in, by its place.
    pub(super) fn class_of(&self, frame: &Frame) -> usize {
        self.zones.get(usize::from(frame.zone)).map_or(0, |zone| super::class(zone.kind))
    }

    /// Frames come: they are the youngest of their list.
    pub(crate) fn enlist(&mut self, first: u64, count: u64, frame: &mut Frame) {
        if frame.zone == NOWHERE || count == 0 {
            return;
        }
        frame.lru = if self.lru.generational && !frame.unevictable {
            self.add_to_generation(first, count, frame)
        } else {
            frame.aged.slot = None;
            let (at, class) = ((self.owner(frame), frame.list()), self.class_of(frame));
            self.lru.add(at, class, (first, count), true)
        };
        if is_dirty(first, frame) {
            self.dirty += count;
        }
    }

    /// The same of frames that are to be the oldest of their list.
    pub(crate) fn enlist_oldest(&mut self, first: u64, count: u64, frame: &mut Frame) {
        if frame.zone == NOWHERE || count == 0 {
            return;
        }
        frame.lru = if self.lru.generational && !frame.unevictable {
            self.add_to_oldest(first, count, frame)
        } else {
            let (at, class) = ((self.owner(frame), frame.list()), self.class_of(frame));
            self.lru.add(at, class, (first, count), false)
        };
        if is_dirty(first, frame) {
            self.dirty += count;
        }
    }

    /// Frames go.
    pub(crate) fn delist(&mut self, first: u64, count: u64, frame: &Frame) {
        if frame.lru == 0 || count == 0 {
            return;
        }
        if frame.aged.slot.is_some() {
            self.take_from_generation(count, frame);
        } else {
            let (at, class) = ((self.owner(frame), frame.list()), self.class_of(frame));
            self.lru.remove(at, class, (frame.lru, count));
        }
        if is_dirty(first, frame) {
            self.dirty = self.dirty.saturating_sub(count);
        }
    }

    /// What is known of frames is another now: they may be on another list.
    pub(crate) fn changed(&mut self, first: u64, count: u64, before: &Frame, now: &mut Frame) {
        if before.lru == 0 {
            return;
        }
        if self.lru.generational {
            if self.changed_in_generation(first, count, before, now) {
                return;
            }
        } else if before.list() != now.list() {
            self.delist(first, count, before);
            self.enlist(first, count, now);
            let age = &mut self.lru.vec(self.owner(now)).age;
            if now.active && !before.active {
                *age += count;
            }
            return;
        }
        match (is_dirty(first, before), is_dirty(first, now)) {
            (false, true) => self.dirty += count,
            (true, false) => self.dirty = self.dirty.saturating_sub(count),
            _ => {}
        }
    }

    /// Slots of swap are free again, and the memory that zram had for them: which cgroups had how many, and
    /// whether they had paid for them.
    pub(crate) fn free_slots(&mut self, first: u64, end: u64) -> Vec<(u16, u64, bool)> {
        let gone = self.swap.remove(first, end);
        if !gone.is_empty() {
            self.settle_zram();
        }
        gone
    }

    /// zram gets the memory that it needs, or gives back what it does not.
    pub(crate) fn settle_zram(&mut self) {
        let (need, have) = (self.swap.zram_need(), self.swap.zram);
        self.swap.zram = need;
        if need > have {
            self.seize_kernel(need - have);
        } else {
            self.give_kernel(have - need);
        }
    }

    /// Pages on a list of the whole machine.
    pub(crate) fn listed(&self, list: List) -> u64 {
        self.lru.size(list)
    }
}

/// Whether a frame counts as dirty: of a disk's file, and written to.
fn is_dirty(first: u64, frame: &Frame) -> bool {
    frame.dirty && !frame.swapbacked && file_of(first).is_some()
}
