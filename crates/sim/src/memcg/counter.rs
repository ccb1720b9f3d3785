//! `struct page_counter`: what a cgroup uses of one resource, and how much it may.

/// A counter of pages with its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counter {
    /// Pages charged, to it and below.
    pub(crate) usage: u64,
    /// `memory.min`.
    pub(crate) min: u64,
    /// `memory.low`.
    pub(crate) low: u64,
    /// `memory.high`, `memory.swap.high`.
    pub(crate) high: u64,
    /// `memory.max`, `memory.limit_in_bytes`, …
    pub(crate) max: u64,
    /// The most that was ever used (`watermark`).
    pub(crate) peak: u64,
    /// Charges that found it full (`failcnt`).
    pub(crate) failures: u64,
}

impl Counter {
    /// Without limits; `most` is `PAGE_COUNTER_MAX`.
    pub(crate) fn new(most: u64) -> Counter {
        Counter { usage: 0, min: 0, low: 0, high: most, max: most, peak: 0, failures: 0 }
    }

    /// Pages until it is full (`mem_cgroup_margin()`).
    pub(crate) fn room(&self) -> u64 {
        self.max.saturating_sub(self.usage)
    }

    /// Pages until it is above `high`.
    pub(crate) fn quiet(&self) -> u64 {
        self.high.saturating_sub(self.usage)
    }

    pub(crate) fn add(&mut self, pages: u64) {
        self.usage += pages;
        self.peak = self.peak.max(self.usage);
    }

    pub(crate) fn sub(&mut self, pages: u64) {
        self.usage = self.usage.saturating_sub(pages);
    }
}
