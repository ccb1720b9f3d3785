//! The free ranges of an address space.
//!
//! The kernel's maple tree keeps the longest gap below each of its nodes, so that
//! `mas_empty_area_rev()` and `mas_empty_area()` pass over the mappings between. Here the free ranges
//! are kept in groups by address, each with the longest that it has.

/// Free ranges of one group, beyond which it becomes two.
const MOST: usize = 256;

/// A free range: first byte, first byte behind it.
pub(crate) type Hole = (u64, u64);

/// Some neighbouring free ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    /// In rising order, none of them touching the next; never empty.
    holes: Vec<Hole>,
    /// The length of the longest.
    longest: u64,
}

impl Group {
    fn of(holes: Vec<Hole>) -> Group {
        let longest = holes.iter().map(len).max().unwrap_or(0);
        Group { holes, longest }
    }

    fn end(&self) -> u64 {
        self.holes.last().map_or(0, |hole| hole.1)
    }
}

/// All free ranges, in rising order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holes {
    groups: Vec<Group>,
}

fn len(hole: &Hole) -> u64 {
    hole.1 - hole.0
}

/// What of `hole` lies in `low..high`, if it is at least `least` long.
fn part(hole: Hole, low: u64, high: u64, least: u64) -> Option<Hole> {
    let (start, end) = (hole.0.max(low), hole.1.min(high));
    (start < end && end - start >= least).then_some((start, end))
}

impl Holes {
    /// Nothing is taken.
    pub(crate) fn everything() -> Holes {
        Holes { groups: vec![Group::of(vec![(0, u64::MAX)])] }
    }

    /// All that these ranges, in rising order, leave free.
    pub(crate) fn between(ranges: impl Iterator<Item = (u64, u64)>) -> Holes {
        let mut holes = Vec::new();
        let mut at = 0;
        for (start, end) in ranges.chain([(u64::MAX, u64::MAX)]) {
            if start > at {
                holes.push((at, start));
            }
            at = end;
        }
        Holes { groups: holes.chunks(MOST / 2).map(|holes| Group::of(holes.to_vec())).collect() }
    }

    /// A range that was free, or is said to be so already, is not.
    pub(crate) fn take(&mut self, start: u64, end: u64) {
        while let Some((group, place)) = self.first_behind(start) {
            let hole = self.groups[group].holes[place];
            if hole.0 >= end {
                return;
            }
            match (hole.0 < start, end < hole.1) {
                (true, true) => {
                    self.change(group, place, (hole.0, start));
                    self.insert(group, place + 1, (end, hole.1));
                }
                (true, false) => self.change(group, place, (hole.0, start)),
                (false, true) => self.change(group, place, (end, hole.1)),
                (false, false) => self.remove(group, place),
            }
        }
    }

    /// A range is free, whatever of it was so before.
    pub(crate) fn free(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        // What touches it becomes part of it.
        while let Some((group, place)) = self.first_behind(start.saturating_sub(1)) {
            let hole = self.groups[group].holes[place];
            if hole.0 > end {
                self.insert(group, place, (start, end));
                return;
            }
            start = start.min(hole.0);
            end = end.max(hole.1);
            let next = self.groups[group].holes.get(place + 1);
            if next.is_some_and(|next| next.0 > end) {
                self.change(group, place, (start, end));
                return;
            }
            self.remove(group, place);
        }
        match self.groups.len() {
            0 => self.groups.push(Group::of(vec![(start, end)])),
            groups => self.insert(groups - 1, self.groups[groups - 1].holes.len(), (start, end)),
        }
    }

    /// The highest part of `low..high` that is free and at least `least` long.
    pub(crate) fn highest(&self, low: u64, high: u64, least: u64) -> Option<Hole> {
        let groups = self.groups.partition_point(|group| group.holes[0].0 < high);
        for group in self.groups[..groups].iter().rev() {
            if group.longest >= least
                && let Some(found) =
                    group.holes.iter().rev().find_map(|&hole| part(hole, low, high, least))
            {
                return Some(found);
            }
            if group.holes[0].0 <= low {
                return None;
            }
        }
        None
    }

    /// The lowest part of `low..high` that is free and at least `least` long.
    pub(crate) fn lowest(&self, low: u64, high: u64, least: u64) -> Option<Hole> {
        let first = self.groups.partition_point(|group| group.end() <= low);
        for group in &self.groups[first..] {
            if group.longest >= least
                && let Some(found) =
                    group.holes.iter().find_map(|&hole| part(hole, low, high, least))
            {
                return Some(found);
            }
            if group.end() >= high {
                return None;
            }
        }
        None
    }

    /// Where the first hole is that ends behind `address`.
    fn first_behind(&self, address: u64) -> Option<(usize, usize)> {
        let group = self.groups.partition_point(|group| group.end() <= address);
        let holes = &self.groups.get(group)?.holes;
        Some((group, holes.partition_point(|hole| hole.1 <= address)))
    }

    fn change(&mut self, group: usize, place: usize, hole: Hole) {
        let group = &mut self.groups[group];
        let before = len(&std::mem::replace(&mut group.holes[place], hole));
        group.was_replaced(before, len(&hole));
    }

    fn insert(&mut self, at: usize, place: usize, hole: Hole) {
        let group = &mut self.groups[at];
        group.holes.insert(place, hole);
        group.longest = group.longest.max(len(&hole));
        if group.holes.len() > MOST {
            let upper = group.holes.split_off(MOST / 2);
            *group = Group::of(std::mem::take(&mut group.holes));
            self.groups.insert(at + 1, Group::of(upper));
        }
    }

    fn remove(&mut self, at: usize, place: usize) {
        let group = &mut self.groups[at];
        let before = len(&group.holes.remove(place));
        group.was_replaced(before, 0);
        if group.holes.is_empty() {
            self.groups.remove(at);
        } else if group.holes.len() < MOST / 8
            && let Some(next) = self.groups.get(at + 1)
            && next.holes.len() < MOST / 2
        {
            let next = self.groups.remove(at + 1);
            let group = &mut self.groups[at];
            group.holes.extend(next.holes);
            group.longest = group.longest.max(next.longest);
        }
    }

    /// Every free range.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Hole> + '_ {
        self.groups.iter().flat_map(|group| group.holes.iter().copied())
    }
}

impl Group {
    /// A hole of this length is of another one now.
    fn was_replaced(&mut self, before: u64, after: u64) {
        if after >= self.longest {
            self.longest = after;
        } else if before == self.longest {
            self.longest = self.holes.iter().map(len).max().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte each: what the holes are to say.
    struct Plain([bool; 4096]);

    impl Plain {
        fn runs(&self) -> Vec<Hole> {
            let mut runs: Vec<Hole> = Vec::new();
            for (at, free) in (0_u64..).zip(self.0) {
                match runs.last_mut() {
                    Some(last) if free && last.1 == at => last.1 = at + 1,
                    _ if free => runs.push((at, at + 1)),
                    _ => {}
                }
            }
            runs
        }
    }

    /// Numbers without a pattern that are the same every time.
    fn numbers() -> impl FnMut(u64) -> u64 {
        let mut state = 1_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        }
    }

    #[test]
    fn what_is_free_is_found_as_by_looking_at_every_byte() {
        let mut random = numbers();
        let mut plain = Plain([false; 4096]);
        let mut holes = Holes::everything();
        holes.take(0, u64::MAX);
        for round in 0..20_000_u64 {
            let start = random(4096);
            let longest = if round / 4000 % 2 == 0 { 4 } else { 60 };
            let end = (start + 1 + random(longest)).min(4096);
            let free = random(2) == 0;
            let place = |at| usize::try_from(at).expect("below 4096");
            plain.0[place(start)..place(end)].fill(free);
            if free {
                holes.free(start, end);
            } else {
                holes.take(start, end);
            }
            if round % 50 != 0 {
                continue;
            }
            let runs = plain.runs();
            assert_eq!(holes.iter().collect::<Vec<_>>(), runs, "round {round}");
            for group in &holes.groups {
                assert_eq!(*group, Group::of(group.holes.clone()), "round {round}");
                assert!(!group.holes.is_empty() && group.holes.len() <= MOST);
            }
            let (low, high, least) = (random(4096), random(4200), 1 + random(20));
            let parts = || runs.iter().filter_map(|&hole| part(hole, low, high, least));
            assert_eq!(holes.highest(low, high, least), parts().next_back(), "round {round}");
            assert_eq!(holes.lowest(low, high, least), parts().next(), "round {round}");
        }
        assert!(holes.groups.len() > 1, "more than one group was seen");
    }

    #[test]
    fn holes_between_ranges_are_what_taking_them_leaves() {
        let ranges = |by: u64| (1..1000_u64).map(move |n| (n * 10, n * 10 + n % by + 1));
        for by in [1, 5, 10] {
            let mut holes = Holes::everything();
            ranges(by).for_each(|(start, end)| holes.take(start, end));
            let direct = Holes::between(ranges(by));
            assert_eq!(holes.iter().collect::<Vec<_>>(), direct.iter().collect::<Vec<_>>());
        }
    }
}
