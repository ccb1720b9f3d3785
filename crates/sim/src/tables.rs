//! Page tables, by level: which exist, not what is in them.

use crate::range_map::RangeSet;

/// The page tables of an address space below the top level.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    bits: &'static [u32],
    levels: Vec<RangeSet>,
    counts: Vec<u64>,
}

impl Tables {
    /// None yet; `bits` of an address are covered by one table of each level.
    pub(crate) fn new(bits: &'static [u32]) -> Tables {
        Tables { bits, levels: vec![RangeSet::default(); bits.len()], counts: vec![0; bits.len()] }
    }

    /// Makes those that entries for these addresses need.
    pub(crate) fn make(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        for ((level, count), bits) in self.levels.iter_mut().zip(&mut self.counts).zip(self.bits) {
            *count += level.add(start >> bits, ((end - 1) >> bits) + 1);
        }
    }

    /// How many [`Tables::make`] would make.
    pub(crate) fn missing(&self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        let missing = |(level, bits): (&RangeSet, &u32)| {
            let (first, last) = (start >> bits, ((end - 1) >> bits) + 1);
            last - first - level.count(first, last)
        };
        self.levels.iter().zip(self.bits).map(missing).sum()
    }

    /// `free_pgtables()`: frees those of `start..end` that lie within `floor..ceiling` altogether.
    pub(crate) fn free(&mut self, start: u64, end: u64, floor: u64, ceiling: u64) {
        for ((level, count), bits) in self.levels.iter_mut().zip(&mut self.counts).zip(self.bits) {
            let size = 1 << bits;
            let first = (start >> bits).max(floor.div_ceil(size));
            let last = end.div_ceil(size).min(ceiling >> bits);
            if first < last {
                *count -= level.take(first, last);
            }
        }
    }

    /// Frees the lowest tables of `start..end` that lie in it altogether, as emptied ones.
    pub(crate) fn reclaim(&mut self, start: u64, end: u64) {
        let bits = self.bits[0];
        let (first, last) = (start.div_ceil(1 << bits), end >> bits);
        if first < last {
            self.counts[0] -= self.levels[0].take(first, last);
        }
    }

    /// Whether the lowest table of this address exists.
    pub(crate) fn has_lowest(&self, address: u64) -> bool {
        self.levels[0].any(address >> self.bits[0], (address >> self.bits[0]) + 1)
    }

    /// Makes those that `other` has for these addresses (`copy_page_range()`).
    pub(crate) fn copy(&mut self, other: &Tables, start: u64, end: u64) {
        if start >= end {
            return;
        }
        for (index, bits) in self.bits.iter().enumerate() {
            for (at, len, ()) in other.levels[index].within(start >> bits, ((end - 1) >> bits) + 1)
            {
                self.counts[index] += self.levels[index].add(at, at + len);
            }
        }
    }

    /// How many there are of all levels.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many there are of one level, the lowest first.
    pub(crate) fn level(&self, level: usize) -> u64 {
        self.counts.get(level).copied().unwrap_or(0)
    }

    /// Whether there is more than one level.
    pub(crate) fn has_levels(&self) -> bool {
        self.bits.len() > 1
    }

    /// Whether the table above the lowest one of this address exists; it always does where there is
    /// but one level.
    pub(crate) fn has_upper(&self, address: u64) -> bool {
        let (Some(level), Some(bits)) = (self.levels.get(1), self.bits.get(1)) else { return true };
        level.any(address >> bits, (address >> bits) + 1)
    }

    fn make_level(&mut self, level: usize, address: u64) {
        if let (Some(set), Some(bits)) = (self.levels.get_mut(level), self.bits.get(level)) {
            self.counts[level] += set.add(address >> bits, (address >> bits) + 1);
        }
    }

    /// Makes the table of the third level for this address.
    pub(crate) fn make_top(&mut self, address: u64) {
        self.make_level(2, address);
    }

    /// Makes the table of the second level for this address.
    pub(crate) fn make_upper(&mut self, address: u64) {
        self.make_level(1, address);
    }

    /// The lowest table of one address becomes that of another one.
    pub(crate) fn move_lowest(&mut self, from: u64, to: u64) {
        self.reassign(0, from, to, 1 << self.bits[0]);
    }

    /// The table of the second level moves, and all below it.
    pub(crate) fn move_upper(&mut self, from: u64, to: u64) {
        let size = 1 << self.bits[1];
        self.reassign(0, from, to, size);
        self.reassign(1, from, to, size);
    }

    fn reassign(&mut self, level: usize, from: u64, to: u64, size: u64) {
        let bits = self.bits[level];
        let (first, last) = (from >> bits, (from + size) >> bits);
        let target = to >> bits;
        for (at, len, ()) in self.levels[level].remove(first, last) {
            self.counts[level] -= len;
            self.counts[level] +=
                self.levels[level].add(at - first + target, at - first + target + len);
        }
    }
}
