//! The binned chunks of an arena: one ring for each size, found by size.
//!
//! glibc keeps 126 bins, the large ones sorted by a skip list, and a bit map of those in use. The number of a bin only
//! grows with the size, so a map ordered by size finds the same chunks; bins matter in three places,
//! which ask [`Rules::bin`](crate::Rules). Here the map is a tree of bit maps with 64 sizes to a leaf.

use crate::chunk::Id;
use std::collections::BTreeMap;

/// Sizes, in units of the alignment, that are kept in leaves; the few larger ones are in a map.
const DIRECT: u64 = 1 << 18;

#[derive(Debug, Clone)]
struct Leaf {
    used: u64,
    heads: [Id; 64],
}

/// The front of the ring of each size.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filed {
    leaves: Vec<Leaf>,
    /// Which leaf has the sizes of a group of 64, plus one; 0 is none.
    groups: Vec<u16>,
    /// A bit for each group with chunks, and one for each word of those.
    words: Vec<u64>,
    summary: u64,
    beyond: BTreeMap<u64, Id>,
}

impl Filed {
    /// The front of the ring of `key`.
    #[inline]
    pub(crate) fn head(&self, key: u64) -> Id {
        if key >= DIRECT {
            return self.beyond.get(&key).copied().unwrap_or(Id::NONE);
        }
        match self.groups.get(index(key >> 6)) {
            None | Some(0) => Id::NONE,
            Some(&leaf) => self.leaves[usize::from(leaf) - 1].heads[index(key & 63)],
        }
    }

    /// Makes `head` the front of the ring of `key`; without one the size is empty.
    #[inline]
    pub(crate) fn set(&mut self, key: u64, head: Id) {
        if key >= DIRECT {
            if head.is_some() {
                self.beyond.insert(key, head);
            } else {
                self.beyond.remove(&key);
            }
            return;
        }
        let group = index(key >> 6);
        let leaf = match self.groups.get(group) {
            None | Some(0) if head.is_none() => return,
            None | Some(0) => self.new_leaf(group),
            Some(&leaf) => usize::from(leaf) - 1,
        };
        let leaf = &mut self.leaves[leaf];
        let bit = 1 << (key & 63);
        leaf.heads[index(key & 63)] = head;
        if head.is_some() {
            leaf.used |= bit;
        } else {
            leaf.used &= !bit;
        }
        let used = leaf.used != 0;
        let word = &mut self.words[group >> 6];
        set_bit(word, group & 63, used);
        let used = *word != 0;
        set_bit(&mut self.summary, group >> 6, used);
    }

    /// The smallest size with chunks that is at least `key`, and the front of its ring.
    #[inline]
    pub(crate) fn at_least(&self, key: u64) -> Option<(u64, Id)> {
        self.direct_at_least(key)
            .or_else(|| self.beyond.range(key..).next().map(|(&key, &head)| (key, head)))
    }

    fn direct_at_least(&self, key: u64) -> Option<(u64, Id)> {
        if key >= DIRECT || self.summary == 0 {
            return None;
        }
        let group = index(key >> 6);
        if let Some(&leaf) = self.groups.get(group)
            && leaf != 0
        {
            let used = self.leaves[usize::from(leaf) - 1].used & (u64::MAX << (key & 63));
            if used != 0 {
                return Some(self.entry(group, used.trailing_zeros()));
            }
        }
        let group = self.group_after(group)?;
        let leaf = &self.leaves[usize::from(self.groups[group]) - 1];
        Some(self.entry(group, leaf.used.trailing_zeros()))
    }

    /// The first group with chunks after `group`.
    fn group_after(&self, group: usize) -> Option<usize> {
        let (word, bit) = (group >> 6, group & 63);
        let rest = self.words.get(word).map_or(0, |word| word & (u64::MAX << bit << 1));
        if rest != 0 {
            return Some(word << 6 | rest.trailing_zeros() as usize);
        }
        let words = self.summary & (u64::MAX << word << 1);
        if words == 0 {
            return None;
        }
        let word = words.trailing_zeros() as usize;
        Some(word << 6 | self.words[word].trailing_zeros() as usize)
    }

    fn entry(&self, group: usize, bit: u32) -> (u64, Id) {
        let leaf = &self.leaves[usize::from(self.groups[group]) - 1];
        ((group as u64) << 6 | u64::from(bit), leaf.heads[bit as usize])
    }

    fn new_leaf(&mut self, group: usize) -> usize {
        if self.groups.len() <= group {
            self.groups.resize(group + 1, 0);
            self.words.resize((group >> 6) + 1, 0);
        }
        self.leaves.push(Leaf { used: 0, heads: [Id::NONE; 64] });
        // There are at most 4096 groups.
        self.groups[group] = u16::try_from(self.leaves.len()).unwrap_or(u16::MAX);
        self.leaves.len() - 1
    }
}

fn set_bit(word: &mut u64, bit: usize, on: bool) {
    if on {
        *word |= 1 << bit;
    } else {
        *word &= !(1 << bit);
    }
}

/// Only for values below [`DIRECT`].
#[expect(clippy::cast_possible_truncation, reason = "small by its callers")]
fn index(value: u64) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_tree_finds_what_an_ordered_map_finds(
            steps in prop::collection::vec((0_u64..5, 0_u64..1 << 20, any::<bool>()), 1..200),
        ) {
            let mut tree = Filed::default();
            let mut map = BTreeMap::new();
            for (shift, key, on) in steps {
                let key = key >> (shift * 4);
                let head = if on { Id(7) } else { Id::NONE };
                tree.set(key, head);
                if on { map.insert(key, head); } else { map.remove(&key); }
                for probe in [0, 1, key / 2, key, key + 1, key + 64, DIRECT - 1, DIRECT] {
                    let expected = map.range(probe..).next().map(|(&key, &head)| (key, head));
                    prop_assert_eq!(tree.at_least(probe), expected);
                    prop_assert_eq!(
                        tree.head(probe),
                        map.get(&probe).copied().unwrap_or(Id::NONE)
                    );
                }
            }
        }
    }
}
