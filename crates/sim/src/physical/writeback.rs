//! Dirty pages of files, and when they are written: `mm/page-writeback.c`.
//!
//! Writing takes no time here, so a program that dirties more than the background limit finds it
//! written at once, and none is ever slowed down. See `DIVERGENCES.md`.

use facts::Release;

use super::{List, Physical};
use crate::ctx::Ctx;
use crate::frames::file_base;
use crate::machine::Machine;

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Writeback {
    /// `vm.dirty_ratio`, hundredths.
    pub(crate) ratio: u64,
    /// `vm.dirty_background_ratio`.
    pub(crate) background_ratio: u64,
    /// `vm.dirty_bytes`, pages; 0: the ratio counts.
    pub(crate) limit: u64,
    /// `vm.dirty_background_bytes`, pages.
    pub(crate) background_limit: u64,
    /// `vm.dirty_expire_centisecs`.
    pub(crate) expire_centisecs: u64,
}

impl Writeback {
    /// As a release starts: 40 and 10 up to 2.6.21, 10 and 5 up to 2.6.29, 20 and 10 since.
    pub(crate) fn new(release: Release) -> Writeback {
        let (ratio, background_ratio) = if release >= Release::old(2, 6, 30) {
            (20, 10)
        } else if release >= Release::old(2, 6, 22) {
            (10, 5)
        } else {
            (40, 10)
        };
        Writeback { ratio, background_ratio, limit: 0, background_limit: 0, expire_centisecs: 3000 }
    }
}

impl Physical {
    /// `global_dirtyable_memory()`.
    fn dirtyable(&self) -> u64 {
        let free = self.free();
        let file = self.listed(List::InactiveFile) + self.listed(List::ActiveFile);
        free - free.min(self.total_reserve) + file + 1
    }

    /// `domain_dirty_limits()`: where writing back begins, and where writers have to wait.
    pub(crate) fn dirty_limits(&self) -> (u64, u64) {
        let Writeback { ratio, background_ratio, limit, background_limit, .. } = self.writeback;
        let share = |ratio: u64| (ratio * 4096 / 100).saturating_mul(self.dirtyable()) / 4096;
        let limit = if limit > 0 { limit } else { share(ratio) };
        let background =
            if background_limit > 0 { background_limit } else { share(background_ratio) };
        (if background >= limit { limit / 2 } else { background }, limit)
    }
}

impl Machine {
    /// `wb_check_old_data_flush()`: what has been dirty for `vm.dirty_expire_centisecs` is written. When
    /// a page became dirty is not known: whoever sleeps that long and five seconds more, in one go, finds
    /// everything written.
    pub(crate) fn expire_dirty(&mut self, slept: u64) {
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        let Writeback { expire_centisecs, .. } = physical.writeback;
        let wait = expire_centisecs.saturating_add(500).saturating_mul(10_000_000);
        if physical.dirty > 0 && slept >= wait {
            self.sync();
        }
    }

    /// `sync(2)`.
    pub(crate) fn sync(&mut self) {
        self.as_kernel(write_back_all);
    }
}

impl Ctx<'_> {
    /// `balance_dirty_pages()`: once more is dirty than the background limit, the flusher writes until
    /// it is not.
    pub(crate) fn balance_dirty(&mut self) {
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        if physical.dirty == 0 {
            return;
        }
        let (background, _) = physical.dirty_limits();
        let mut excess = physical.dirty.saturating_sub(background);
        let mut file = 0;
        while excess > 0 && file < self.store.files.len() {
            excess = excess.saturating_sub(self.write_back(file, excess));
            file += 1;
        }
    }

    /// Writes dirty pages of a file, up to so many; how many there were.
    fn write_back(&mut self, file: usize, most: u64) -> u64 {
        if self.store.files[file].is_shmem() {
            return 0;
        }
        let base = file_base(file);
        let dirty: Vec<(u64, u64)> = self
            .store
            .frames
            .map
            .iter_within(base, base + (1 << 40))
            .filter(|(_, _, known)| known.dirty)
            .map(|(frame, len, _)| (frame - base, len))
            .collect();
        let mut done = 0;
        for (first, len) in dirty {
            if done >= most {
                break;
            }
            let len = len.min(most - done);
            done += len;
            self.clean_everywhere(file, first, len);
            self.store.clean(file, first, len);
            if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                physical.count("nr_dirtied", len);
                physical.count("nr_written", len);
            }
        }
        done
    }

    /// `folio_mkclean()`: writes to these pages are noticed again.
    fn clean_everywhere(&mut self, file: usize, first: u64, count: u64) {
        self.clean_file(file, first, count);
        let keys: Vec<usize> = self.rest.mms.keys().copied().collect();
        for key in keys {
            let Some(mm) = self.rest.mms.get_mut(&key) else { continue };
            crate::pages::clean_mapped(self.store, mm, file, first, count);
        }
    }
}

/// Writes all that is dirty (`wakeup_flusher_threads()`).
fn write_back_all(ctx: &mut Ctx<'_>) {
    for file in 0..ctx.store.files.len() {
        ctx.write_back(file, u64::MAX);
    }
}
