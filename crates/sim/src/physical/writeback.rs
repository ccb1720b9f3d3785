//! Dirty pages of files, and when they are written: `mm/page-writeback.c`.
//!
//! Above the background limit the flusher writes as fast as the disk can, and halfway between both limits
//! writers have to wait for it. What is dirty for long is written file by file.
//!
//! # What it leaves out
//! Bandwidths that the kernel estimates, and the limit that follows dirty pages slowly: writers go on as
//! fast as the disk is from that halfway point on, and not around a point above it. Pages are clean once
//! they are written, and on their way in no time. See `DIVERGENCES.md`.

use std::collections::BTreeMap;

use facts::Release;

use super::{List, Physical};
use crate::ctx::Ctx;
use crate::frames::file_base;
use crate::machine::Machine;
use crate::store::Store;

/// The limits.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// `vm.dirty_writeback_centisecs`; 0: nothing is written because it is old.
    pub(crate) interval_centisecs: u64,
    /// When files became dirty, nanoseconds (`inode->dirtied_when`).
    dirtied: BTreeMap<usize, u64>,
    /// Up to when the flusher has used the disk; `None`: it sleeps.
    flushed_until: Option<u64>,
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
        Writeback {
            ratio,
            background_ratio,
            limit: 0,
            background_limit: 0,
            expire_centisecs: 3000,
            interval_centisecs: 500,
            dirtied: BTreeMap::new(),
            flushed_until: None,
        }
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
        let Writeback { ratio, background_ratio, limit, background_limit, .. } = &self.writeback;
        let (ratio, background_ratio) = (*ratio, *background_ratio);
        let (limit, background_limit) = (*limit, *background_limit);
        let share = |ratio: u64| (ratio * 4096 / 100).saturating_mul(self.dirtyable()) / 4096;
        let limit = if limit > 0 { limit } else { share(ratio) };
        let background =
            if background_limit > 0 { background_limit } else { share(background_ratio) };
        (if background >= limit { limit / 2 } else { background }, limit)
    }
}

impl Store {
    /// Files on disks that have dirty pages.
    fn dirty_files(&self) -> Vec<usize> {
        if self.frames.physical.as_deref().is_none_or(|physical| physical.dirty == 0) {
            return Vec::new();
        }
        let has_dirty = |file: &usize| {
            let base = file_base(*file);
            let mut frames = self.frames.map.iter_within(base, base + (1 << 40));
            !self.files[*file].is_shmem() && frames.any(|(_, _, frame)| frame.dirty)
        };
        (0..self.files.len()).filter(has_dirty).collect()
    }
}

impl Machine {
    /// `wb_check_old_data_flush()`: while everybody slept for so long, the flusher looked every
    /// `vm.dirty_writeback_centisecs` after a file had become dirty, and wrote all of it once that was
    /// `vm.dirty_expire_centisecs` ago.
    pub(crate) fn expire_dirty(&mut self, slept: u64) {
        let until = self.store.clock;
        let from = until.saturating_sub(slept);
        let dirty = self.store.dirty_files();
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let writeback = &mut physical.writeback;
        writeback.dirtied.retain(|file, _| dirty.contains(file));
        let interval = writeback.interval_centisecs.saturating_mul(10_000_000);
        let expire = writeback.expire_centisecs.saturating_mul(10_000_000);
        let mut old = Vec::new();
        for file in dirty {
            let since = *writeback.dirtied.entry(file).or_insert(from);
            let rounds = expire.checked_div(interval).map(|_| expire.div_ceil(interval).max(1));
            let due = rounds.map(|rounds| since.saturating_add(rounds.saturating_mul(interval)));
            if due.is_some_and(|due| due <= until) {
                writeback.dirtied.remove(&file);
                old.push(file);
            }
        }
        self.as_kernel(|ctx| {
            for file in old {
                ctx.write_back(file, u64::MAX);
            }
            ctx.flush(until);
        });
    }

    /// `sync(2)`.
    pub(crate) fn sync(&mut self) {
        self.as_kernel(write_back_all);
    }
}

impl Ctx<'_> {
    /// `balance_dirty_pages()`: beyond the point halfway between the limits, writers wait for the disk.
    pub(crate) fn balance_dirty(&mut self) {
        let Some(physical) = self.store.frames.physical.as_deref() else { return };
        if physical.dirty == 0 {
            return;
        }
        self.flush(physical.queue.now.max(self.store.clock));
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let (background, limit) = physical.dirty_limits();
        let excess = physical.dirty.saturating_sub(u64::midpoint(background, limit));
        if excess == 0 {
            return;
        }
        let wait = excess.saturating_mul(physical.cost_of_writing());
        physical.disks_work(wait);
        let now = physical.queue.now;
        self.waits_for_disk(wait);
        self.flush(now);
    }

    /// The flusher writes as much of what exceeds the background limit as the disk takes until `now`.
    fn flush(&mut self, now: u64) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let (background, _) = physical.dirty_limits();
        let excess = physical.dirty.saturating_sub(background);
        if excess == 0 {
            physical.writeback.flushed_until = None;
            return;
        }
        let since = *physical.writeback.flushed_until.get_or_insert(now);
        let cost = physical.cost_of_writing();
        let pages = now.saturating_sub(since).checked_div(cost).unwrap_or(excess).min(excess);
        let until = since.saturating_add(pages.saturating_mul(cost));
        physical.writeback.flushed_until = Some(until);
        let (mut left, mut file) = (pages, 0);
        while left > 0 && file < self.store.files.len() {
            left = left.saturating_sub(self.write_back(file, left));
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
