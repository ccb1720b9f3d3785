//! In which order global reclaim visits memory cgroups: `lru_gen_rotate_memcg()` and `shrink_many()` in
//! `mm/vmscan.c`, since 6.2.
//!
//! # What it leaves out
//! The eight bins that cgroups are spread over at random: here they come in the order in which they were
//! made or moved.

use std::collections::VecDeque;

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
#[derive(Debug, Clone, Default)]
pub(crate) struct MemcgLru {
    /// Of the older generation, and of the younger one.
    old: VecDeque<Member>,
    young: VecDeque<Member>,
}

impl MemcgLru {
    /// Cgroups that are new come last of the older generation; others are gone.
    pub(super) fn update(&mut self, all: &[u16]) {
        for list in [&mut self.old, &mut self.young] {
            list.retain(|member| all.contains(&member.memcg));
        }
        for &memcg in all {
            if !self.old.iter().chain(&self.young).any(|member| member.memcg == memcg) {
                self.old.push_back(Member { memcg, tail: false });
            }
        }
        self.turn();
    }

    /// The older generation, in order.
    pub(super) fn round(&self) -> Vec<u16> {
        self.old.iter().map(|member| member.memcg).collect()
    }

    /// Whether it has been moved to the end.
    pub(super) fn is_at_tail(&self, memcg: u16) -> bool {
        self.old.iter().any(|member| member.memcg == memcg && member.tail)
    }

    /// `lru_gen_rotate_memcg()`.
    pub(super) fn rotate(&mut self, memcg: u16, to: Move) {
        for list in [&mut self.old, &mut self.young] {
            let Some(at) = list.iter().position(|member| member.memcg == memcg) else { continue };
            list.remove(at);
            if to == Move::Tail {
                list.push_back(Member { memcg, tail: true });
                return;
            }
        }
        if to == Move::Young {
            self.young.push_back(Member { memcg, tail: false });
        }
        self.turn();
    }

    /// When nobody is left in the older generation, the younger one is it.
    fn turn(&mut self) {
        if self.old.is_empty() {
            std::mem::swap(&mut self.old, &mut self.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_turn_before_anybody_has_two() {
        let mut order = MemcgLru::default();
        order.update(&[0, 1, 2]);
        assert_eq!(order.round(), [0, 1, 2]);
        order.rotate(0, Move::Young);
        order.rotate(1, Move::Tail);
        assert_eq!(order.round(), [2, 1]);
        assert!(order.is_at_tail(1));
        order.rotate(2, Move::Young);
        order.rotate(1, Move::Young);
        assert_eq!(order.round(), [0, 2, 1]);
        assert!(!order.is_at_tail(1));
        order.update(&[0, 1, 3]);
        assert_eq!(order.round(), [0, 1, 3]);
    }
}
