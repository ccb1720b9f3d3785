//! Android's lowmemorykiller: a killer that does not wait until memory has run out.
//!
//! # What it follows
//! `lowmem_shrink()` and, since 3.12, `lowmem_scan()` in `drivers/staging/android/lowmemorykiller.c`,
//! 2.6.32 to 4.11. It is called each time that slab is shrunk.
//!
//! # What it leaves out
//! What vendors added: adaptive levels, contiguous areas, zram. Which files the driver reads the
//! adjustment from between 3.4 and 3.8 differs by vendor; 3.6 is taken.

use facts::Release;
use units::{OomAdj, Pages, ScoreAdj};

/// Its levels: below so many pages, free and cached, whoever has at least this adjustment may die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowMemory {
    /// `minfree` and `adj`, from the most urgent level; at most six.
    pub levels: Vec<(Pages, i64)>,
}

/// How much there is. All in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Free pages of all zones.
    pub free: u64,
    /// `totalreserve_pages`: high marks and reserves of all zones.
    pub reserve: u64,
    /// Pages of files, shared memory and swap cache among them (`NR_FILE_PAGES`).
    pub file: u64,
    /// Shared memory.
    pub shmem: u64,
    /// Swap cache.
    pub swap_cache: u64,
}

/// What is compared with the levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// `other_free`, pages; below 0 when less is free than is reserved (3.10).
    pub free: i64,
    /// `other_file`, pages.
    pub file: i64,
}

/// A level that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Its limit.
    pub minfree: Pages,
    /// The least adjustment of a victim.
    pub adj: i64,
    /// What was left.
    pub left: Left,
}

impl LowMemory {
    /// The levels that the driver starts with: 6, 8, 16 and 64 MB for 0, 1, 6 and 12.
    pub fn defaults() -> LowMemory {
        LowMemory {
            levels: [(1536, 0), (2048, 1), (4096, 6), (16_384, 12)]
                .map(|(pages, adj)| (Pages::new(pages), adj))
                .to_vec(),
        }
    }

    /// Levels from the two files, `minfree` and `adj`: as many as the shorter has, and six at most.
    pub fn of(minfree: &[u64], adj: &[i64]) -> LowMemory {
        let levels = minfree.iter().zip(adj).take(6);
        LowMemory { levels: levels.map(|(&pages, &adj)| (Pages::new(pages), adj)).collect() }
    }

    /// The level that is reached; `None`: there is enough.
    pub fn reached(&self, release: Release, pressure: &Pressure) -> Option<Reached> {
        let left = left(release, pressure);
        let below = |pages: Pages| {
            let pages = i64::try_from(pages.count()).unwrap_or(i64::MAX);
            left.free < pages && left.file < pages
        };
        let (minfree, adj) = *self.levels.iter().find(|(minfree, _)| below(*minfree))?;
        Some(Reached { minfree, adj, left })
    }

    /// The adjustment that the driver reads: `oom_adj` at first, then `oom_score_adj`.
    pub fn adjustment(release: Release, oom_adj: OomAdj, score_adj: ScoreAdj) -> i64 {
        if release >= Release::new(3, 6) { score_adj.get() } else { i64::from(oom_adj.get()) }
    }

    /// Whether `candidate` is killed rather than `best`: the higher adjustment, then the larger;
    /// among equals the first. Each is an adjustment and resident pages.
    pub fn prefers(candidate: (i64, u64), best: (i64, u64)) -> bool {
        candidate > best
    }
}

fn left(release: Release, pressure: &Pressure) -> Left {
    let since = |major, minor| release >= Release::new(major, minor);
    let signed = |pages: u64| i64::try_from(pages).unwrap_or(i64::MAX);
    let mut free = signed(pressure.free);
    if since(3, 10) {
        free = free.saturating_sub(signed(pressure.reserve));
    }
    let mut file = signed(pressure.file);
    if since(3, 4) {
        file = file.saturating_sub(signed(pressure.shmem));
    }
    if since(4, 0) {
        file = file.saturating_sub(signed(pressure.swap_cache));
    }
    Left { free, file }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_reached_when_both_free_and_cached_pages_are_below_it() {
        let levels = LowMemory::defaults();
        let release = Release::old(2, 6, 32);
        let reached = |free, file| {
            let pressure = Pressure { free, file, ..Pressure::default() };
            levels.reached(release, &pressure).map(|level| level.adj)
        };
        assert_eq!(reached(16_384, 0), None);
        assert_eq!(reached(0, 16_384), None);
        assert_eq!(reached(16_383, 16_383), Some(12));
        assert_eq!(reached(4095, 4095), Some(6));
        assert_eq!(reached(2047, 1535), Some(1));
        assert_eq!(reached(1535, 1535), Some(0));
    }

    #[test]
    fn later_releases_leave_out_what_is_not_really_there() {
        let pressure =
            Pressure { free: 5000, reserve: 1000, file: 9000, shmem: 300, swap_cache: 40 };
        for (release, free, file) in
            [("2.6.32", 5000, 9000), ("3.4", 5000, 8700), ("3.10", 4000, 8700), ("4.4", 4000, 8660)]
        {
            assert_eq!(left(release.parse().unwrap(), &pressure), Left { free, file }, "{release}");
        }
    }

    #[test]
    fn the_shorter_file_says_how_many_levels_there_are() {
        assert_eq!(LowMemory::of(&[1, 2, 3], &[0, 5]).levels.len(), 2);
        assert_eq!(LowMemory::of(&[1; 9], &[0; 9]).levels.len(), 6);
    }

    #[test]
    fn the_first_of_equals_stays() {
        assert!(!LowMemory::prefers((5, 10), (5, 10)));
        assert!(LowMemory::prefers((5, 11), (5, 10)));
        assert!(LowMemory::prefers((6, 1), (5, 10)));
    }
}
