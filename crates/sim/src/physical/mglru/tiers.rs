//! How well each tier did: `struct ctrl_pos` and its functions in `mm/vmscan.c`.
//!
//! Pages of the oldest generation are in tiers by how often calls have used them. What share of a tier
//! came back after an eviction decides which kind of page is evicted, and which tiers are spared.

use super::{ANON, BATCH, FILE};

/// `MAX_NR_TIERS`.
const TIERS: usize = 4;

/// `lru_tier_from_refs()`: `order_base_2(refs + 1)`.
pub(super) fn tier_of(refs: u8) -> usize {
    match refs {
        0 => 0,
        1 => 1,
        2 | 3 => 2,
        _ => 3,
    }
}

/// Counts by kind and tier.
type Table = [[u64; TIERS]; 2];

/// What became of the pages of the oldest generation, and an average over those before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tiers {
    refaulted: Table,
    evicted: Table,
    protected: Table,
    average_refaulted: Table,
    average_total: Table,
}

/// `struct ctrl_pos`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    refaulted: u64,
    total: u64,
    gain: u64,
}

impl Position {
    /// `positive_ctrl_err()`: whether a tier (`other`) comes back as little as this one.
    fn admits(self, other: Position) -> bool {
        let left =
            u128::from(other.refaulted) * u128::from(self.total + BATCH) * u128::from(self.gain);
        let right =
            u128::from(self.refaulted + 1) * u128::from(other.total) * u128::from(other.gain);
        other.refaulted < BATCH || left <= right
    }
}

impl Tiers {
    pub(super) fn evicted(&mut self, kind: usize, tier: usize, pages: u64) {
        self.evicted[kind][tier] += pages;
    }

    pub(super) fn refaulted(&mut self, kind: usize, tier: usize, pages: u64) {
        self.refaulted[kind][tier] += pages;
    }

    pub(super) fn protected(&mut self, kind: usize, tier: usize, pages: u64) {
        self.protected[kind][tier] += pages;
    }

    fn position(&self, kind: usize, tier: usize, gain: u64) -> Position {
        Position {
            refaulted: self.average_refaulted[kind][tier] + self.refaulted[kind][tier],
            total: self.average_total[kind][tier]
                + self.evicted[kind][tier]
                + self.protected[kind][tier],
            gain,
        }
    }

    /// `reset_ctrl_pos()` when a generation is given up: its counts become part of the average.
    pub(super) fn carry_over(&mut self, kind: usize) {
        for tier in 0..TIERS {
            let Position { refaulted, total, .. } = self.position(kind, tier, 0);
            self.average_refaulted[kind][tier] = refaulted / 2;
            self.average_total[kind][tier] = total / 2;
        }
        for table in [&mut self.refaulted, &mut self.evicted, &mut self.protected] {
            table[kind] = [0; TIERS];
        }
    }

    /// `get_tier_idx()`: the last tier of a kind that is evicted.
    pub(super) fn last(&self, kind: usize) -> usize {
        let first = self.position(kind, 0, 1);
        let spared = (1..TIERS).find(|&tier| !first.admits(self.position(kind, tier, 2)));
        spared.unwrap_or(TIERS) - 1
    }

    /// `get_type_to_scan()` up to 6.13: the kind of which less comes back, weighed by `swappiness`, and
    /// the last tier of it that is evicted.
    pub(super) fn choose(&self, swappiness: u64) -> (usize, usize) {
        let gain = [swappiness, 200_u64.saturating_sub(swappiness)];
        let anon = self.position(ANON, 0, gain[ANON]);
        let file = self.position(FILE, 0, gain[FILE]);
        let kind = usize::from(anon.admits(file));
        let other = self.position(1 - kind, 0, gain[1 - kind]);
        let spared = (1..TIERS).find(|&tier| !other.admits(self.position(kind, tier, gain[kind])));
        (kind, spared.unwrap_or(TIERS) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_does_not_come_back_is_evicted_file_first() {
        let mut tiers = Tiers::default();
        assert_eq!(tiers.choose(60), (FILE, 3));
        tiers.evicted(FILE, 0, 1000);
        tiers.refaulted(FILE, 0, 63);
        assert_eq!(tiers.choose(60).0, FILE, "fewer than a batch do not count");
        tiers.refaulted(FILE, 0, 437);
        tiers.evicted(ANON, 0, 1000);
        assert_eq!(tiers.choose(60).0, ANON);
        tiers.refaulted(ANON, 0, 500);
        assert_eq!(tiers.choose(60).0, FILE, "anonymous pages come back as often");
        assert_eq!(tiers.choose(160).0, ANON, "but swapping is said to be cheap");
    }

    #[test]
    fn a_tier_that_comes_back_twice_as_often_as_the_first_is_spared() {
        let mut tiers = Tiers::default();
        assert_eq!(tiers.last(FILE), 3);
        tiers.evicted(FILE, 0, 10_000);
        tiers.refaulted(FILE, 0, 1000);
        tiers.evicted(FILE, 1, 1000);
        tiers.refaulted(FILE, 1, 150);
        assert_eq!(tiers.last(FILE), 3);
        tiers.refaulted(FILE, 1, 100);
        assert_eq!(tiers.last(FILE), 0);
    }

    #[test]
    fn half_of_the_past_counts() {
        let mut tiers = Tiers::default();
        tiers.evicted(FILE, 0, 1000);
        tiers.refaulted(FILE, 0, 600);
        tiers.carry_over(FILE);
        assert_eq!(tiers.position(FILE, 0, 1), Position { refaulted: 300, total: 500, gain: 1 });
        tiers.carry_over(FILE);
        assert_eq!(tiers.position(FILE, 0, 1), Position { refaulted: 150, total: 250, gain: 1 });
    }

    #[test]
    fn the_more_often_used_the_higher_the_tier() {
        assert_eq!([0, 1, 2, 3, 4].map(tier_of), [0, 1, 2, 2, 3]);
    }
}
