//! What is on its way to the disks.
//!
//! # What it follows
//! Reclaim gathers the pages that it writes (`blk_start_plug()` in `shrink_lruvec()`, `mm/vmscan.c`);
//! what was gathered goes to the disk in requests, at the end of a list's turn or when a request is full.
//! Until the disk has a page it stays in memory (`PG_writeback`), and once it has it the page is the next
//! to be freed (`folio_end_writeback()`, `folio_rotate_reclaimable()`).
//!
//! # What it leaves out
//! Elevators: requests are served one after the other.

use std::collections::VecDeque;

use super::Physical;
use crate::ctx::Ctx;
use crate::frames::Frames;

/// Pages of a request: 512 KiB, the most that an NVMe disk of QEMU takes at once (`mdts=7`).
const REQUEST: u64 = 128;
/// What a fault on an untouched page takes beside reclaim, nanoseconds: disks work on meanwhile. A
/// twentieth of what it is under emulation, as in `psi/costs.rs`: 21 µs on 6.1, 28 µs on 6.12 (`utime` and
/// `stime` of the large process of `scenarios/43-the-protected-giant.kdl`).
pub(super) const FAULT: u64 = 1_200;

/// Pages that wait for the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    /// The time as reclaim sees it, nanoseconds: ahead of the machine's clock by what kswapd did.
    pub(super) now: u64,
    /// When the disk is done with all it was given.
    busy_until: u64,
    /// Gathered: runs of frames.
    gathered: Vec<(u64, u64)>,
    gathered_pages: u64,
    /// On their way: when the disk has them, and runs of frames.
    under_way: VecDeque<(u64, u64, u64)>,
}

impl Queue {
    /// Pages that have not arrived.
    pub(crate) fn pending(&self) -> u64 {
        self.gathered_pages + self.under_way.iter().map(|(_, _, count)| count).sum::<u64>()
    }
}

impl Physical {
    /// Whether what is written to a swap area is there at once.
    pub(super) fn has_at_once(&self, area: u8) -> bool {
        let zram = self.swap.areas.get(usize::from(area)).is_some_and(|area| area.zram);
        zram || self.disk.request == 0 && self.disk.page == 0
    }

    /// `SWP_SYNCHRONOUS_IO`, 4.15: pages of a swap area come back without the swap cache.
    pub(super) fn is_synchronous(&self, area: u8) -> bool {
        let zram = self.swap.areas.get(usize::from(area)).is_some_and(|area| area.zram);
        self.release >= facts::Release::new(4, 15) && (zram || self.disk.synchronous)
    }

    /// `swap_writepage()`: these frames are written.
    pub(super) fn gather(&mut self, first: u64, count: u64) {
        if self.queue.gathered_pages >= REQUEST {
            self.send();
        }
        match self.queue.gathered.last_mut() {
            Some((start, len)) if *start + *len == first => *len += count,
            _ => self.queue.gathered.push((first, count)),
        }
        self.queue.gathered_pages += count;
    }

    /// How many pages the request at hand has room for: at least one, for a full one is sent first.
    pub(super) fn room_of_request(&self) -> u64 {
        match REQUEST.saturating_sub(self.queue.gathered_pages) {
            0 => REQUEST,
            room => room,
        }
    }

    /// `blk_finish_plug()`: what was gathered goes to the disk.
    pub(super) fn send(&mut self) {
        let gathered = std::mem::take(&mut self.queue.gathered);
        let pages = std::mem::take(&mut self.queue.gathered_pages);
        if pages == 0 {
            return;
        }
        let begins = self.queue.busy_until.max(self.queue.now);
        self.queue.busy_until = begins.saturating_add(pages.saturating_mul(self.disk.page));
        let there = self.queue.busy_until.saturating_add(self.disk.request);
        self.queue.under_way.extend(gathered.into_iter().map(|(first, len)| (there, first, len)));
    }

    /// What the disk needs for a page of a large file, nanoseconds.
    pub(super) fn cost_of_writing(&self) -> u64 {
        self.disk.page + self.disk.request / REQUEST
    }

    /// Time passes for the disks.
    pub(crate) fn disks_work(&mut self, nanoseconds: u64) {
        self.queue.now = self.queue.now.saturating_add(nanoseconds);
    }

    /// When so many pages will have arrived; `None`: there are none under way.
    fn arrival_of(&self, pages: u64) -> Option<u64> {
        let mut sum = 0;
        let mut last = None;
        for (there, _, count) in &self.queue.under_way {
            sum += count;
            last = Some(*there);
            if sum >= pages {
                break;
            }
        }
        last
    }
}

impl Frames {
    /// Those that arrive while a batch is still off its list are not moved, and stay in memory until the
    /// list has gone round: `folio_rotate_reclaimable()` knows only pages on lists.
    pub(super) fn arrive_in_batch(&mut self, clock: u64, batch: &[(u64, u64)]) {
        for &(first, count) in batch {
            self.map.update(first, first + count, |_, frame| frame.reclaim = false);
        }
        self.arrive(clock);
        for &(first, count) in batch {
            self.map.update(first, first + count, |_, frame| frame.reclaim = frame.writeback);
        }
    }

    /// Pages that the disk has by now (`clock`: the machine's time) are no longer being written, and those
    /// that reclaim waited for are the oldest of their list.
    pub(crate) fn arrive(&mut self, clock: u64) {
        let Frames { map, physical, .. } = self;
        let Some(physical) = physical.as_deref_mut() else { return };
        physical.queue.now = physical.queue.now.max(clock);
        while let Some(&(there, first, count)) = physical.queue.under_way.front() {
            if there > physical.queue.now {
                break;
            }
            physical.queue.under_way.pop_front();
            map.update_runs(first, first + count, |at, len, frame| {
                if !frame.writeback {
                    return;
                }
                frame.writeback = false;
                // Those that somebody looks at just now are on no list, and are not moved.
                if frame.reclaim && frame.lru > 0 {
                    physical.delist(at, len, frame);
                    (frame.reclaim, frame.active) = (false, false);
                    physical.enlist_oldest(at, len, frame);
                    physical.count("pgrotated", len);
                }
            });
        }
    }
}

impl Ctx<'_> {
    /// So many pages are used for the first time.
    pub(super) fn faults_take(&mut self, pages: u64) {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.disks_work(FAULT.saturating_mul(pages));
            self.share_time();
        }
    }

    /// When so many pages will have arrived, or this much time has passed.
    pub(super) fn disk_has(&mut self, pages: u64, most: u64) -> u64 {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return 0 };
        physical.send();
        let latest = physical.queue.now.saturating_add(most);
        physical.arrival_of(pages).unwrap_or(0).min(latest)
    }

    /// Waits until so many pages have arrived, but no longer than this; how long it took.
    pub(super) fn wait_for_disk(&mut self, pages: u64, most: u64) -> u64 {
        let clock = self.store.clock;
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return 0 };
        physical.send();
        let now = physical.queue.now;
        let Some(there) = physical.arrival_of(pages) else { return 0 };
        let waited = there.saturating_sub(now).min(most);
        physical.disks_work(waited);
        self.store.frames.arrive(clock);
        waited
    }
}
