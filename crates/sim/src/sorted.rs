//! Values by address, in order.
//!
//! What a `BTreeMap` is, for keys that are whole numbers: entries lie in groups, each a run of keys and
//! a run of values, and a look for a key is one for its group and one in it. What the model asks most
//! is for the neighbours of an address, which is one look here and two walks down a tree there.

/// Entries of one group, beyond which it becomes two.
const MOST: usize = 32;

#[derive(Debug, Clone)]
struct Group<V> {
    keys: Vec<u64>,
    values: Vec<V>,
}

/// The place of an entry, or of one that is yet to come; good until the map changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    group: usize,
    place: usize,
}

/// Values by their keys, in order.
#[derive(Debug, Clone)]
pub(crate) struct Sorted<V> {
    /// The first key of each group.
    firsts: Vec<u64>,
    groups: Vec<Group<V>>,
    len: usize,
}

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Sorted { firsts: Vec::new(), groups: Vec::new(), len: 0 }
    }
}

impl<V> Sorted<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The place of the first entry whose key is not below `key`.
    pub(crate) fn spot(&self, key: u64) -> Spot {
        let group = self.firsts.partition_point(|&first| first <= key).saturating_sub(1);
        let Some(keys) = self.groups.get(group).map(|group| &group.keys) else {
            return Spot { group: 0, place: 0 };
        };
        Spot { group, place: keys.partition_point(|&at| at < key) }
    }

    /// The entry at a place, or the next one.
    pub(crate) fn at(&self, spot: Spot) -> Option<(u64, &V)> {
        let mut group = self.groups.get(spot.group)?;
        let mut place = spot.place;
        if place >= group.keys.len() {
            group = self.groups.get(spot.group + 1)?;
            place = 0;
        }
        Some((*group.keys.get(place)?, group.values.get(place)?))
    }

    /// The place of the entry before a place.
    pub(crate) fn previous(&self, spot: Spot) -> Option<Spot> {
        let Spot { group, place } = spot;
        if let Some(place) = place.checked_sub(1) {
            return Some(Spot { group, place });
        }
        let group = group.checked_sub(1)?;
        Some(Spot { group, place: self.groups[group].keys.len() - 1 })
    }

    /// The entry before a place.
    pub(crate) fn before(&self, spot: Spot) -> Option<(u64, &V)> {
        self.at(self.previous(spot)?)
    }

    /// The place of the entry at a place, not beyond the end of its group.
    fn exact(&self, spot: Spot) -> Spot {
        match self.groups.get(spot.group) {
            Some(group) if spot.place >= group.keys.len() => {
                Spot { group: spot.group + 1, place: 0 }
            }
            _ => spot,
        }
    }

    /// As [`Sorted::at`], to be changed.
    pub(crate) fn at_mut(&mut self, spot: Spot) -> Option<(u64, &mut V)> {
        let Spot { group, place } = self.exact(spot);
        let group = self.groups.get_mut(group)?;
        Some((*group.keys.get(place)?, group.values.get_mut(place)?))
    }

    /// Puts an entry before a place that [`Sorted::spot`] gave for its key.
    pub(crate) fn insert_at(&mut self, spot: Spot, key: u64, value: V) {
        self.len += 1;
        if self.groups.is_empty() {
            self.groups.push(Group { keys: vec![key], values: vec![value] });
            self.firsts.push(key);
            return;
        }
        let Spot { mut group, mut place } = spot;
        if self.groups[group].keys.len() >= MOST {
            // What is appended in order leaves full groups behind.
            let half =
                if place == MOST && group + 1 == self.groups.len() { MOST } else { MOST / 2 };
            let keys = self.groups[group].keys.split_off(half);
            let values = self.groups[group].values.split_off(half);
            self.firsts.insert(group + 1, keys.first().copied().unwrap_or(key));
            self.groups.insert(group + 1, Group { keys, values });
            if place > half || half == MOST {
                (group, place) = (group + 1, place - half);
            }
        }
        self.groups[group].keys.insert(place, key);
        self.groups[group].values.insert(place, value);
        if place == 0 {
            self.firsts[group] = key;
        }
    }

    /// Takes the entry at a place out, or the next one.
    pub(crate) fn remove_at(&mut self, spot: Spot) -> Option<(u64, V)> {
        let Spot { group: at, place } = self.exact(spot);
        let group = self.groups.get_mut(at)?;
        if place >= group.keys.len() {
            return None;
        }
        self.len -= 1;
        let taken = (group.keys.remove(place), group.values.remove(place));
        match group.keys.first() {
            None => {
                self.groups.remove(at);
                self.firsts.remove(at);
            }
            Some(&first) => {
                self.firsts[at] = first;
                let small = group.keys.len() < MOST / 8;
                if small && self.groups.get(at + 1).is_some_and(|next| next.keys.len() < MOST / 2) {
                    let next = self.groups.remove(at + 1);
                    self.firsts.remove(at + 1);
                    self.groups[at].keys.extend(next.keys);
                    self.groups[at].values.extend(next.values);
                }
            }
        }
        Some(taken)
    }

    /// Gives the entry at a place, or the next one, another key between those of its neighbours.
    pub(crate) fn rekey(&mut self, spot: Spot, key: u64) {
        let Spot { group, place } = self.exact(spot);
        if let Some(old) = self.groups.get_mut(group).and_then(|group| group.keys.get_mut(place)) {
            *old = key;
            if place == 0 {
                self.firsts[group] = key;
            }
        }
    }

    pub(crate) fn get(&self, key: u64) -> Option<&V> {
        self.at(self.spot(key)).filter(|(at, _)| *at == key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        let spot = self.spot(key);
        self.at_mut(spot).filter(|(at, _)| *at == key).map(|(_, value)| value)
    }

    /// Puts an entry in, in place of one with that key.
    pub(crate) fn insert(&mut self, key: u64, value: V) {
        let spot = self.spot(key);
        match self.at_mut(spot) {
            Some((at, old)) if at == key => *old = value,
            _ => self.insert_at(spot, key, value),
        }
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<V> {
        let spot = self.spot(key);
        self.at(spot).filter(|(at, _)| *at == key)?;
        self.remove_at(spot).map(|(_, value)| value)
    }

    /// Entries from a place on.
    pub(crate) fn onwards(&self, spot: Spot) -> impl Iterator<Item = (u64, &V)> + '_ {
        let mut spot = self.exact(spot);
        std::iter::from_fn(move || {
            let group = self.groups.get(spot.group)?;
            let entry = (*group.keys.get(spot.place)?, group.values.get(spot.place)?);
            spot.place += 1;
            if spot.place >= group.keys.len() {
                spot = Spot { group: spot.group + 1, place: 0 };
            }
            Some(entry)
        })
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &V)> + '_ {
        self.groups.iter().flat_map(|group| group.keys.iter().copied().zip(&group.values))
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &V> + '_ {
        self.groups.iter().flat_map(|group| &group.values)
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.groups.iter().flat_map(|group| group.keys.iter().copied())
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.groups.into_iter().flat_map(|group| group.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn it_is_what_an_ordered_map_is() {
        let mut state = 1_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut plain = BTreeMap::new();
        let mut sorted = Sorted::default();
        for round in 0..60_000_u64 {
            let key = random(2000);
            // More comes than goes, and then the other way round.
            if random(3) == round / 10_000 % 2 {
                assert_eq!(sorted.remove(key), plain.remove(&key));
            } else {
                sorted.insert(key, round);
                plain.insert(key, round);
            }
            let spot = sorted.spot(key);
            let entry = |(&key, &value): (&u64, &u64)| (key, value);
            let own = |(key, &value): (u64, &u64)| (key, value);
            assert_eq!(sorted.at(spot).map(own), plain.range(key..).next().map(entry));
            assert_eq!(sorted.before(spot).map(own), plain.range(..key).next_back().map(entry));
            assert_eq!(sorted.get(key), plain.get(&key));
            assert_eq!(sorted.len(), plain.len());
            if round % 1000 == 0 {
                let all: Vec<_> = plain.iter().map(entry).collect();
                assert_eq!(sorted.iter().map(own).collect::<Vec<_>>(), all);
                let some: Vec<_> = plain.range(key..).map(entry).collect();
                assert_eq!(sorted.onwards(spot).map(own).collect::<Vec<_>>(), some);
                let firsts = sorted.groups.iter().map(|group| group.keys[0]);
                assert_eq!(firsts.collect::<Vec<_>>(), sorted.firsts);
            }
        }
    }

    #[test]
    fn an_entry_may_move_between_its_neighbours() {
        let mut sorted = Sorted::default();
        (0..100).for_each(|key| sorted.insert(key * 10, key));
        for key in 0..100 {
            let spot = sorted.spot(key * 10);
            sorted.rekey(spot, key * 10 + 5);
            assert_eq!(sorted.get(key * 10 + 5), Some(&key));
            assert_eq!(sorted.get(key * 10), None);
        }
    }
}
