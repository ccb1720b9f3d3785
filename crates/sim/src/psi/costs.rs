//! What waiting for memory takes, in virtual time.
//!
//! Orders of magnitude for a machine of today with an SSD: a twentieth of what the same took on 6.1 and
//! 6.12 under QEMU's emulation, with swap on a RAM disk (6 µs a page scanned, 109 µs a page freed, 1 ms
//! an attempt that finds nothing).

use super::State;
use crate::ctx::Ctx;

/// An attempt to reclaim, nanoseconds.
const ATTEMPT: u64 = 50_000;
/// A page looked at.
const SCANNED: u64 = 300;
/// A page that is unmapped and written out.
const FREED: u64 = 5_000;
/// A page read from swap.
const READ: u64 = 100_000;

impl Ctx<'_> {
    /// Time passes while the task waits for memory.
    pub(crate) fn stall(&mut self, nanoseconds: u64) {
        self.take_time(nanoseconds, State::Stalls);
    }

    /// An attempt of its own to reclaim.
    pub(crate) fn reclaiming_took(&mut self, scanned: u64, freed: u64) {
        let pages = scanned.saturating_mul(SCANNED).saturating_add(freed.saturating_mul(FREED));
        self.stall(pages.saturating_add(ATTEMPT));
    }

    /// And while it goes over all cgroups of a node.
    pub(crate) fn pass_takes(&mut self) {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.disks_work(ATTEMPT / 13);
        }
    }

    /// Disks work on while reclaim looks at pages, and frees or writes some.
    pub(crate) fn reclaim_takes(&mut self, scanned: u64, done: u64) {
        let pages = scanned.saturating_mul(SCANNED).saturating_add(done.saturating_mul(FREED));
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.disks_work(pages);
        }
    }

    /// A page came from swap: a stall if it had not been away for long (`folio_test_workingset()`).
    pub(crate) fn swap_read(&mut self, workingset: bool) {
        self.take_time(READ, if workingset { State::Stalls } else { State::Idle });
        self.kswapd_meanwhile();
    }

    /// A task sleeps until the disk has what it wrote, which is no stall of memory.
    pub(crate) fn waits_for_disk(&mut self, nanoseconds: u64) {
        self.take_time(nanoseconds, State::Idle);
    }

    fn take_time(&mut self, nanoseconds: u64, state: State) {
        // Writers to files of cgroups reclaim without being said to stall.
        let nobody = self.rest.process == usize::MAX;
        let state = if nobody { State::Runs } else { state };
        let from = self.store.clock;
        self.store.clock = from.saturating_add(nanoseconds);
        let to = self.store.clock;
        self.store.frames.memcgs.pass(self.mm.memcg, from, to, state);
    }
}
