//! In which order global reclaim visits memory cgroups: `lru_gen_rotate_memcg()` and `shrink_many()` in
//! `mm/vmscan.c`, since 6.3.
//!
//! Cgroups are in an older and a younger generation, each of eight bins that they are spread over at
//! random; a round begins at a bin taken at random, too. The kernel's random numbers nobody knows: these
//! are a fixed sequence. In the kernel a cgroup stays in its bin until it moves, so that of two the one is
//! first once in eight rounds of a boot, and seven times in those of another; here all are spread anew for
//! each round, which comes out as the mean of many boots.

use std::collections::VecDeque;

/// `MEMCG_NR_GENS`: older, younger, and one to spare.
const GENERATIONS: usize = 3;
/// `MEMCG_NR_BINS`.
const BINS: usize = 8;

/// Where a cgroup moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// To the end of its generation: it gets a second chance.
    Tail,
    /// To the younger generation: it is left alone until all of the older one have been there.
    Young,
}

/// A cgroup in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Member {
    memcg: u16,
    /// It has moved to the end already (`MEMCG_LRU_TAIL`).
    tail: bool,
}

/// `struct lru_gen_memcg` of a node.
#[derive(Debug, Clone)]
pub(crate) struct MemcgLru {
    /// Which generation is the older one.
    seq: usize,
    bins: [[VecDeque<Member>; BINS]; GENERATIONS],
    random: u64,
    /// How often one has moved.
    moves: u64,
}

impl Default for MemcgLru {
    fn default() -> MemcgLru {
        MemcgLru { seq: 0, bins: Default::default(), random: 0x9e37_79b9_7f4a_7c15, moves: 0 }
    }
}

/// Where a round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Round {
    generation: usize,
    first: usize,
    /// Bins that are done.
    done: usize,
    /// Cgroups of the bin at hand that are done and still there.
    at: usize,
    /// How often one had moved when it was here last.
    moves: u64,
}

impl MemcgLru {
    /// `get_random_u32_below(MEMCG_NR_BINS)` (xorshift).
    fn bin(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 61).unwrap_or(0)
    }

    /// Cgroups that are new come last of the older generation; others are gone.
    pub(super) fn update(&mut self, all: &[u16]) {
        for list in self.bins.iter_mut().flatten() {
            list.retain(|member| all.contains(&member.memcg));
        }
        for &memcg in all {
            if !self.bins.iter().flatten().flatten().any(|member| member.memcg == memcg) {
                let (old, bin) = (self.seq % GENERATIONS, self.bin());
                self.bins[old][bin].push_back(Member { memcg, tail: false });
            }
        }
        self.turn();
    }

    /// A round over the older generation begins.
    pub(super) fn round(&mut self) -> Round {
        let old = self.seq % GENERATIONS;
        let members: Vec<Member> = self.bins[old].iter_mut().flat_map(std::mem::take).collect();
        for member in members {
            let bin = self.bin();
            self.bins[old][bin].push_back(member);
        }
        self.moves += 1;
        let (generation, first) = (self.seq % GENERATIONS, self.bin());
        Round { generation, first, done: 0, at: 0, moves: self.moves }
    }

    /// The next one of a round; `None`: it is over. When others have moved one meanwhile, the bin at hand is
    /// begun anew.
    pub(super) fn next(&self, round: &mut Round) -> Option<u16> {
        if round.moves != self.moves {
            (round.at, round.moves) = (0, self.moves);
        }
        while round.done < BINS {
            let bin = (round.first + round.done) % BINS;
            if let Some(member) = self.bins[round.generation][bin].get(round.at) {
                round.at += 1;
                return Some(member.memcg);
            }
            round.done += 1;
            round.at = 0;
        }
        None
    }

    /// Whether it has been moved to the end.
    pub(super) fn is_at_tail(&self, memcg: u16) -> bool {
        self.bins.iter().flatten().flatten().any(|member| member.memcg == memcg && member.tail)
    }

    /// `lru_gen_rotate_memcg()`, of the one that the round is at.
    pub(super) fn rotate(&mut self, memcg: u16, to: Move, round: Option<&mut Round>) {
        let mut was = self.seq % GENERATIONS;
        for (generation, bins) in self.bins.iter_mut().enumerate() {
            for list in bins {
                if let Some(at) = list.iter().position(|member| member.memcg == memcg) {
                    list.remove(at);
                    was = generation;
                }
            }
        }
        self.moves += 1;
        if let Some(round) = round
            && round.moves + 1 == self.moves
        {
            round.at = round.at.saturating_sub(1);
            round.moves = self.moves;
        }
        let bin = self.bin();
        let (generation, tail) = match to {
            Move::Tail => (was, true),
            Move::Young => ((self.seq + 1) % GENERATIONS, false),
        };
        self.bins[generation][bin].push_back(Member { memcg, tail });
        self.turn();
    }

    /// When nobody is left in the older generation, the younger one is it.
    fn turn(&mut self) {
        if self.bins[self.seq % GENERATIONS].iter().all(VecDeque::is_empty) {
            self.seq += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(order: &mut MemcgLru) -> Vec<u16> {
        let mut round = order.round();
        let mut all: Vec<u16> = std::iter::from_fn(|| order.next(&mut round)).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn everybody_has_a_turn_before_anybody_has_two() {
        let mut order = MemcgLru::default();
        order.update(&[0, 1, 2]);
        assert_eq!(visited(&mut order), [0, 1, 2]);
        order.rotate(0, Move::Young, None);
        order.rotate(1, Move::Tail, None);
        assert_eq!(visited(&mut order), [1, 2]);
        assert!(order.is_at_tail(1));
        order.rotate(2, Move::Young, None);
        order.rotate(1, Move::Young, None);
        assert_eq!(visited(&mut order), [0, 1, 2]);
        assert!(!order.is_at_tail(1));
        order.update(&[0, 1, 3]);
        assert_eq!(visited(&mut order), [0, 1, 3]);
    }

    #[test]
    fn a_round_begins_with_each_about_as_often() {
        let mut order = MemcgLru::default();
        order.update(&[0, 1]);
        let mut firsts = [0_u64, 0];
        for _ in 0..1000 {
            let mut round = order.round();
            let first = order.next(&mut round).unwrap();
            firsts[usize::from(first)] += 1;
            order.rotate(first, Move::Young, Some(&mut round));
            let second = order.next(&mut round).unwrap();
            assert_ne!(first, second);
            order.rotate(second, Move::Young, Some(&mut round));
        }
        assert!(firsts[0].abs_diff(firsts[1]) < 100, "{firsts:?}");
    }
}
