//! The lists of free pages that a processor keeps for itself, and how many pages go to and fro at once.
//!
//! # What it follows
//! `nr_pcp_alloc()`, `nr_pcp_free()`, `nr_pcp_high()`, `free_unref_page_commit()`, `free_pcppages_bulk()`
//! and `decay_pcp_high()` in `mm/page_alloc.c`, Linux 6.12.117 and 6.1.192. There is a list for each
//! migrate type, so that one for page tables may be full while the one for memory of processes is
//! refilled. Up to 5.13 a list that is empty gets a batch, and one that is full gives a batch back;
//! since 5.14 it gives back more and more the longer nothing is taken from it; since 6.7 it is refilled
//! with more and more as well, 32 batches at most, whatever the marks say, and how many pages may be on
//! it follows what is taken and freed. What the last refill took beyond the mark stays here when
//! memory ends.
//!
//! Many pages go at once: refills and returns of equal size are counted, not performed.
//!
//! # What it leaves out
//! Processors: one set of lists stands for those of all. Blocks of several pages but for huge ones.
//! Up to 5.13 a batch came from the three lists in turn; here it begins with the list that a page was put on.

use facts::Release;

use super::buddy::Buddy;
use crate::page::HUGE;

/// What a free page is kept for (`MIGRATE_PCPTYPES`), in the kernel's order since 4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Type {
    /// Memory of the kernel's, such as page tables.
    Unmovable,
    /// Memory of processes, and pages of files.
    Movable,
    /// The kernel's caches.
    Reclaimable,
}

/// Those that have lists.
const TYPES: [Type; 3] = [Type::Unmovable, Type::Movable, Type::Reclaimable];
/// `CONFIG_PCP_BATCH_SCALE_MAX`, as a power of two: how many batches go at once at most.
const SCALE_MOST: u32 = 5;

/// How many pages go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// A batch, up to 5.13.
    Batch,
    /// Back more and more: 5.14 to 6.6.
    Back,
    /// Both ways more and more, and a length that follows: since 6.7.
    Tuned,
}

/// The lists of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pcp {
    rule: Rule,
    lists: [u64; 3],
    /// Huge pages on a list of their own, since 5.14.
    pub(super) huge: u64,
    pub(crate) batch: u64,
    /// How many pages may be on the lists now (`pcp->high`).
    pub(crate) high: u64,
    pub(crate) high_min: u64,
    /// Since 6.7; the same as `high_min` before.
    pub(crate) high_max: u64,
    /// Refills in a row, since 6.7: each takes twice as much as the one before.
    alloc_factor: u32,
    /// Pages given back in a row, since 6.7; before, how often in a row a list was full.
    free_count: u64,
    /// kswapd is at work (`ZONE_RECLAIM_ACTIVE`, 5.14).
    pub(super) reclaim_active: bool,
    /// Somebody found the high mark not met (`ZONE_BELOW_HIGH`, 6.7).
    below_high: bool,
}

/// What a request needs to know of its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Above {
    /// A page is had while more than this is free,
    pub(super) limit: u64,
    /// and this is what there should be.
    pub(super) high: u64,
}

/// The free lists that pages come from and go to.
#[derive(Debug)]
pub(super) struct Pool<'a> {
    /// Pages on them.
    free: &'a mut u64,
    /// Their blocks, where they are kept.
    blocks: Option<&'a mut Buddy>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(free: &'a mut u64, blocks: Option<&'a mut Buddy>) -> Pool<'a> {
        Pool { free, blocks }
    }

    /// Takes as many of these pages as there are.
    fn take(&mut self, kind: Type, pages: u64) -> u64 {
        let some = pages.min(*self.free);
        let some = self.blocks.as_deref_mut().map_or(some, |blocks| blocks.take(kind, some));
        *self.free -= some;
        some
    }

    /// Takes as many huge pages as there are.
    fn take_huge(&mut self, count: u64) -> u64 {
        let some = count.min(*self.free / HUGE);
        let some = self.blocks.as_deref_mut().map_or(some, |blocks| blocks.take_huge(some));
        *self.free -= some * HUGE;
        some
    }

    fn put(&mut self, kind: Type, pages: u64) {
        if let Some(blocks) = self.blocks.as_deref_mut() {
            blocks.give(kind, pages);
        }
        *self.free += pages;
    }

    /// Pages that can be had without those of other types.
    fn own(&self, kind: Type) -> u64 {
        self.blocks.as_deref().map_or(*self.free, |blocks| blocks.own(kind))
    }

    /// Whether the marks are about to be raised.
    fn is_boosted(&self) -> bool {
        self.blocks.as_deref().is_some_and(Buddy::is_boosted)
    }
}

impl Pcp {
    /// Lists of a zone of so many pages, with `count` pages on them: of those for processes.
    pub(super) fn new(release: Release, managed: u64, count: u64) -> Pcp {
        let since = |major, minor| release >= Release::new(major, minor);
        let rule = if since(6, 7) {
            Rule::Tuned
        } else if since(5, 14) {
            Rule::Back
        } else {
            Rule::Batch
        };
        Pcp {
            rule,
            lists: [0, count, 0],
            huge: 0,
            batch: batch(release, managed),
            // It has grown to what is on it.
            high: count,
            high_min: 0,
            high_max: 0,
            alloc_factor: 0,
            free_count: 0,
            reclaim_active: false,
            below_high: false,
        }
    }

    /// `zone_set_pageset_high_and_batch()`: the low mark, or the managed pages, follow other numbers now.
    pub(super) fn resize(&mut self, release: Release, low: u64, managed: u64, cpus: u32) {
        let cpus = u64::from(cpus.max(1));
        let least = 4 * self.batch;
        self.high_min = if release < Release::old(2, 6, 0) {
            0
        } else if release >= Release::new(5, 14) {
            (low / cpus).max(least)
        } else {
            6 * self.batch
        };
        self.high_max = match self.rule {
            // `MIN_PERCPU_PAGELIST_HIGH_FRACTION`
            Rule::Tuned => (managed / 8 / cpus).max(least),
            Rule::Back | Rule::Batch => self.high_min,
        };
        self.clamp();
    }

    fn clamp(&mut self) {
        // Where memory is little, the least is more than the most, which is the stronger.
        self.high = self.high.max(self.high_min).min(self.high_max);
    }

    /// Pages on the lists.
    pub(crate) fn count(&self) -> u64 {
        self.lists.iter().sum::<u64>() + self.huge * HUGE
    }

    /// Pages that can be had before a refill, whose size depends on what was asked for before.
    pub(super) fn until_refill(&self, kind: Type) -> u64 {
        if self.rule == Rule::Tuned { self.lists[kind as usize] } else { u64::MAX }
    }

    /// Takes up to `want` pages one after the other, each while more than the limit is free; how many there
    /// were (`rmqueue_pcplist()`)
    pub(super) fn take(&mut self, want: u64, kind: Type, above: Above, pool: &mut Pool<'_>) -> u64 {
        let mut left = want;
        while left > 0 {
            // `get_page_from_freelist()`
            self.below_high |= self.rule == Rule::Tuned && *pool.free <= above.high;
            if *pool.free <= above.limit || pool.is_boosted() {
                break;
            }
            let list = &mut self.lists[kind as usize];
            if *list == 0 {
                left -= self.refill(left, kind, above, pool);
                continue;
            }
            let some = left.min(*list);
            *list -= some;
            left -= some;
        }
        self.took(want - left);
        want - left
    }

    /// Takes pages whatever the marks say, of those that are there.
    pub(super) fn take_any(&mut self, want: u64, kind: Type, high: u64, pool: &mut Pool<'_>) {
        let above = Above { limit: 0, high };
        let mut left = want - self.take(want, kind, above, pool);
        left -= pool.take(kind, left);
        for list in &mut self.lists {
            let some = left.min(*list);
            *list -= some;
            left -= some;
        }
        let blocks = left.div_ceil(HUGE).min(self.huge);
        self.huge -= blocks;
        pool.put(Type::Movable, (blocks * HUGE).saturating_sub(left));
    }

    /// Fills an empty list, which pages are taken from at once; how many were.
    fn refill(&mut self, want: u64, kind: Type, above: Above, pool: &mut Pool<'_>) -> u64 {
        let before = (self.high, self.alloc_factor);
        let asked = self.nr_alloc(0);
        let size = pool.take(kind, asked);
        self.lists[kind as usize] += size;
        // What follows is the same again and again until a mark is reached.
        let steady = before == (self.high, self.alloc_factor) && size > 0;
        let mark = if self.below_high { above.limit } else { above.high.max(above.limit) };
        let times = if steady {
            let more = pool.free.saturating_sub(mark).min(pool.own(kind)) / size;
            more.min((want / size).saturating_sub(1))
        } else {
            0
        };
        pool.take(kind, times * size);
        let list = &mut self.lists[kind as usize];
        // The page that the list was filled for is had whatever the mark is now.
        let one = u64::from(*list > 0);
        *list -= one;
        times * size + one
    }

    /// Pages were taken: what is given back counts anew.
    fn took(&mut self, pages: u64) {
        let shift = u32::try_from(pages).unwrap_or(u32::MAX);
        self.free_count = self.free_count.checked_shr(shift).unwrap_or(0);
    }

    /// A few pages were given back and taken again.
    pub(super) fn begin_anew(&mut self) {
        self.alloc_factor = 0;
    }

    /// `nr_pcp_alloc()`: blocks of this order that a refill takes.
    fn nr_alloc(&mut self, order: u32) -> u64 {
        let base = self.batch;
        // Blocks are as many as may be kept.
        let blocks = |batch: u64| if batch > 1 { (batch >> order).max(2) } else { batch };
        if self.rule != Rule::Tuned {
            return blocks(base);
        }
        self.clamp();
        if self.high < base {
            return 1;
        }
        let mut batch = if order > 0 { base } else { base << self.alloc_factor };
        if self.high_min != self.high_max && !self.below_high {
            self.high = (self.high + batch).min(self.high_max);
        }
        if order == 0 {
            let most = self.high.saturating_sub(self.count() + base).max(base);
            if batch <= most && self.alloc_factor < SCALE_MOST {
                self.alloc_factor += 1;
            }
            batch = batch.min(most);
        }
        blocks(batch)
    }

    /// Huge pages, each while so much is left that it may be had: how many.
    pub(super) fn take_huge(&mut self, want: u64, above: Above, pool: &mut Pool<'_>) -> u64 {
        let mut got = 0;
        while got < want {
            self.below_high |= self.rule == Rule::Tuned && *pool.free < above.high + HUGE;
            // `__zone_watermark_ok()`: less the rest of the block.
            if *pool.free < above.limit + HUGE {
                break;
            }
            if self.huge == 0 {
                let size = if self.has_huge() { self.nr_alloc(HUGE.ilog2()) } else { 1 };
                self.huge = pool.take_huge(size);
                if self.huge == 0 {
                    break;
                }
            }
            self.huge -= 1;
            got += 1;
        }
        self.took(got);
        got
    }

    /// `pcp_allowed_order()`: huge pages have a list since 5.14.
    fn has_huge(&self) -> bool {
        self.rule != Rule::Batch
    }

    /// Pages come back one after the other. `mark`: what must be exceeded for the high mark to be met,
    /// for any request.
    pub(super) fn give(&mut self, pages: u64, kind: Type, mark: u64, pool: &mut Pool<'_>) {
        let mut left = pages;
        while left > 0 {
            self.clamp();
            let short = self.rule == Rule::Tuned && self.below_high;
            let quiet = !short && !self.reclaim_active;
            let room = self.high.saturating_sub(self.count() + 1);
            if quiet && room > 0 {
                let some = room.min(left);
                self.lists[kind as usize] += some;
                self.gave(some);
                left -= some;
                continue;
            }
            self.lists[kind as usize] += 1;
            self.gave(1);
            left -= 1;
            let before = (self.high, self.free_count);
            let high = self.nr_high();
            if self.count() < high {
                continue;
            }
            let size = self.nr_free(high);
            self.drain(size, kind, pool);
            if self.below_high && *pool.free > mark {
                self.below_high = false;
            } else if quiet && before == (self.high, self.free_count) && size > 0 && self.settled()
            {
                // What follows is the same again and again.
                pool.put(kind, left / size * size);
                left %= size;
            }
        }
    }

    /// Whether each return is as large as the last.
    fn settled(&self) -> bool {
        match self.rule {
            // It does not grow any more: `before` says so.
            Rule::Batch | Rule::Back => true,
            Rule::Tuned => self.free_count >= self.batch << SCALE_MOST,
        }
    }

    /// Pages were given back: refills begin anew, and returns grow.
    fn gave(&mut self, pages: u64) {
        if self.rule == Rule::Tuned {
            let shift = u32::try_from(pages).unwrap_or(u32::MAX);
            self.alloc_factor = self.alloc_factor.checked_shr(shift).unwrap_or(0);
            self.free_count = (self.free_count + pages).min(self.batch << SCALE_MOST);
        }
    }

    /// `nr_pcp_high()`: how many pages are too many.
    fn nr_high(&mut self) -> u64 {
        let freed = self.free_count.max(self.batch);
        match self.rule {
            Rule::Back if self.reclaim_active => self.high.min(self.batch << 2),
            Rule::Batch | Rule::Back => self.high,
            Rule::Tuned if self.high == 0 => 0,
            Rule::Tuned if self.reclaim_active => {
                self.high = self.high.saturating_sub(freed).max(self.high_min);
                self.high.min(self.batch << 2)
            }
            Rule::Tuned if self.high_min == self.high_max => self.high,
            Rule::Tuned if self.below_high => {
                self.high = self.high.saturating_sub(freed).max(self.high_min);
                self.count().max(self.high_min)
            }
            Rule::Tuned => {
                let high = self.high;
                let need = self.free_count + self.batch;
                if self.count() >= high && high < need {
                    self.high = need;
                    self.clamp();
                }
                high
            }
        }
    }

    /// `nr_pcp_free()`: how many pages go back at once.
    fn nr_free(&mut self, high: u64) -> u64 {
        if self.rule == Rule::Batch {
            return self.batch;
        }
        if high < self.batch {
            return 1;
        }
        let most = high - self.batch;
        let wanted = match self.rule {
            Rule::Batch | Rule::Tuned => self.free_count,
            Rule::Back => {
                let wanted = self.batch << self.free_count;
                if wanted < most && self.free_count < u64::from(SCALE_MOST) {
                    self.free_count += 1;
                }
                wanted
            }
        };
        wanted.max(self.batch).min(most)
    }

    /// `free_pcppages_bulk()`: pages go to the free lists, those of one kind first.
    fn drain(&mut self, pages: u64, first: Type, pool: &mut Pool<'_>) {
        let mut left = pages.min(self.count());
        for step in 0..TYPES.len() {
            let at = (first as usize + step) % TYPES.len();
            let some = left.min(self.lists[at]);
            self.lists[at] -= some;
            pool.put(TYPES[at], some);
            left -= some;
        }
        let blocks = left.div_ceil(HUGE).min(self.huge);
        self.huge -= blocks;
        pool.put(Type::Movable, blocks * HUGE);
    }

    /// `drain_all_pages()`.
    pub(super) fn drain_all(&mut self, pool: &mut Pool<'_>) {
        self.drain(u64::MAX, Type::Unmovable, pool);
    }

    /// `decay_pcp_high()`, 6.7: what the counters' look does, once a second; whether there is more to do.
    pub(super) fn decay(&mut self, pool: &mut Pool<'_>) -> bool {
        if self.rule != Rule::Tuned {
            return false;
        }
        let mut more = false;
        if self.high > self.high_min {
            let least = self.count().saturating_sub(self.batch << SCALE_MOST);
            self.high = least.max(self.high - (self.high >> 3)).max(self.high_min);
            more = self.high > self.high_min;
        }
        let much = self.count().saturating_sub(self.high);
        self.drain(much, Type::Unmovable, pool);
        more || much > 0
    }
}

/// `zone_batchsize()`: pages that go between the free lists and a processor's list at once.
fn batch(release: Release, managed: u64) -> u64 {
    if release < Release::old(2, 6, 0) {
        return 1;
    }
    let since = |major, minor| release >= Release::new(major, minor);
    let base = if since(6, 19) {
        (managed >> 12).min(64)
    } else {
        let most = if since(4, 19) { 256 } else { 128 };
        (managed >> 10).min(most) / 4
    };
    let base = base.max(1);
    let rounded = 1 << (base + base / 2).ilog2();
    (rounded - 1_u64).max(1)
}

#[cfg(test)]
mod tests;
