//! How many pages of which lists a pass of reclaim scans: `get_scan_count()` in `mm/vmscan.c`.

use super::lru::{List, Lruvec, Owner};
use super::reclaim::Pass;
use super::{Balance, Mark, Physical};

/// What a pass knows of the lists beforehand (`prepare_scan_control()`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Prepared {
    /// Pages that are in use, anonymous and of files, may be taken for unused ones.
    pub(super) may_deactivate: [bool; 2],
    /// There is enough old file cache: nothing else is scanned.
    pub(super) cache_trim: bool,
    /// There is so little file cache that only anonymous pages are scanned.
    pub(super) file_is_tiny: bool,
    /// What reclaim of anonymous pages and of files cost where the pass works (5.8).
    pub(super) cost: [u64; 2],
}

/// `inactive_is_low()`: the larger both lists together, the smaller a part may be inactive.
pub(super) fn inactive_is_low(inactive: u64, active: u64) -> bool {
    let gigabytes = (inactive + active) >> 18;
    let ratio = if gigabytes > 0 { (10 * gigabytes).isqrt() } else { 1 };
    inactive.saturating_mul(ratio) < active
}

impl Physical {
    /// Whether a list has too few pages that are not in use.
    pub(super) fn is_low(&self, vec: &Lruvec, file: bool) -> bool {
        let list = if file { List::InactiveFile } else { List::InactiveAnon };
        let (inactive, active) = (vec.size(list), vec.size(list.active()));
        if file && !self.policy.file_ratio {
            inactive < active
        } else {
            inactive_is_low(inactive, active)
        }
    }

    /// Whether the lists of these owners together have too few such pages.
    fn are_low(&self, owners: &[Owner], file: bool) -> bool {
        let list = if file { List::InactiveFile } else { List::InactiveAnon };
        let (inactive, active) = (self.size_of(owners, list), self.size_of(owners, list.active()));
        if file && !self.policy.file_ratio {
            inactive < active
        } else {
            inactive_is_low(inactive, active)
        }
    }

    fn size_of(&self, owners: &[Owner], list: List) -> u64 {
        owners.iter().filter_map(|owner| self.lru.vecs.get(owner)).map(|vec| vec.size(list)).sum()
    }

    /// Whose lists a pass looks at beforehand: those of all it works on since 5.5, and each for itself
    /// before.
    pub(super) fn looks_at_all(&self) -> bool {
        self.release >= facts::Release::new(5, 5)
    }

    /// What a pass over a node, or over memory cgroups, looks at first: the lists of `owners`, the one
    /// that the pass is about first.
    pub(super) fn prepare(&self, node: u32, owners: &[Owner], pass: &Pass) -> Prepared {
        let low = |file: bool| self.are_low(owners, file);
        let vecs = || owners.iter().filter_map(|owner| self.lru.vecs.get(owner));
        let refaults = |at: usize| vecs().any(|vec| vec.activated[at] != vec.seen[at]);
        let forced = pass.force_deactivate;
        let may_deactivate =
            [forced || low(false) || refaults(0), forced || low(true) || refaults(1)];
        let inactive_file = self.size_of(owners, List::InactiveFile);
        let cache_trim = inactive_file >> pass.priority > 0 && !may_deactivate[1];
        let mut file_is_tiny = false;
        if pass.among.is_machine() {
            let zones = self.zones.iter().filter(|zone| zone.node == node);
            let (mut free, mut high) = (0, 0);
            for zone in zones {
                free += zone.free;
                high += zone.marks.high.count() + zone.boost;
            }
            let size = |list| self.lru.size_of_node(node, list);
            let file = size(List::InactiveFile) + size(List::ActiveFile);
            file_is_tiny = file + free <= high
                && !may_deactivate[0]
                && size(List::InactiveAnon) >> pass.priority > 0;
        }
        let cost = owners.first().and_then(|owner| self.lru.vecs.get(owner)).map(|vec| vec.cost);
        Prepared { may_deactivate, cache_trim, file_is_tiny, cost: cost.unwrap_or_default() }
    }

    /// Pages to scan of each of [`List::EVICTABLE`].
    pub(super) fn scan_counts(&self, vec: &Lruvec, pass: &Pass, prepared: Prepared) -> [u64; 4] {
        let swappiness = pass.swappiness.unwrap_or(self.swappiness);
        let whole = List::EVICTABLE.map(|list| {
            if self.policy.counts_eligible {
                vec.size_within(list, pass.class)
            } else {
                vec.size(list)
            }
        });
        let scan = whole.map(|size| {
            // What is protected is taken off the whole list.
            pass.view.map_or(size, |view| view.scan(size)) >> pass.priority
        });
        let none = |which: [bool; 4]| {
            let mut scan = scan;
            for (scan, keep) in scan.iter_mut().zip(which) {
                *scan = if keep { *scan } else { 0 };
            }
            scan
        };
        let (anon_only, file_only) = ([true, true, false, false], [false, false, true, true]);
        if !pass.may_swap || self.swap.free() == 0 || pass.swap_room == 0 {
            return none(file_only);
        }
        if swappiness == 0 && !pass.among.is_machine() {
            return none(file_only);
        }
        if pass.priority == 0 && swappiness > 0 {
            return scan;
        }
        if prepared.file_is_tiny {
            return none(anon_only);
        }
        if prepared.cache_trim {
            return none(file_only);
        }
        let (anon, file) = self.parts(vec, prepared.cost, swappiness);
        let total = u128::from(anon) + u128::from(file);
        let share = |scan: u64, part: u64| {
            let value = (u128::from(scan) * u128::from(part)).checked_div(total).unwrap_or(0);
            u64::try_from(value).unwrap_or(u64::MAX)
        };
        [share(scan[0], anon), share(scan[1], anon), share(scan[2], file), share(scan[3], file)]
    }

    /// In which proportion anonymous pages and pages of files are scanned.
    fn parts(&self, vec: &Lruvec, cost: [u64; 2], swappiness: u64) -> (u64, u64) {
        let file = 200_u64.saturating_sub(swappiness);
        match self.policy.balance {
            Balance::Cost => {
                let [a, f] = cost;
                let total = a + f;
                let (a, f) = (total + a, total + f);
                let all = a + f + 1;
                (swappiness * all / (a + 1), file * all / (f + 1))
            }
            Balance::Rotated => {
                let ([a, f], [sa, sf]) = (vec.cost, vec.scanned);
                (swappiness * (sa + 1) / (a + 1), file * (sf + 1) / (f + 1))
            }
        }
    }

    /// `lru_note_cost()`: pages of this kind had to be written, or were found in use. `owners`: whose they
    /// are, or an ancestor, and all below it.
    pub(super) fn note_cost(&mut self, owners: &[Owner], file: bool, io: u64, rotated: u64) {
        let balance = self.policy.balance;
        // Looking at pages for nothing costs since 6.2, a cluster of it as much as writing a page.
        let rotations = self.release >= facts::Release::new(6, 2);
        let size: u64 = List::EVICTABLE.iter().map(|&list| self.size_of(owners, list)).sum();
        let Some(owner) = owners.first() else { return };
        let vec = self.lru.vec(*owner);
        let at = usize::from(file);
        match balance {
            Balance::Cost => {
                vec.cost[at] += if rotations { io * 32 + rotated } else { io };
                if vec.cost[0] + vec.cost[1] > size / 4 {
                    vec.cost[0] /= 2;
                    vec.cost[1] /= 2;
                }
            }
            Balance::Rotated => vec.cost[at] += rotated,
        }
    }

    /// `reclaim_stat->recent_scanned`, up to 5.7.
    pub(super) fn note_scanned(&mut self, owner: (u32, u16), file: bool, pages: u64) {
        if self.policy.balance != Balance::Rotated {
            return;
        }
        let Some(vec) = self.lru.vecs.get_mut(&owner) else { return };
        let at = usize::from(file);
        vec.scanned[at] += pages;
        let list = if file { List::InactiveFile } else { List::InactiveAnon };
        let size = vec.size(list) + vec.size(list.active());
        if vec.scanned[at] > size / 4 {
            vec.scanned[at] /= 2;
            vec.cost[at] /= 2;
        }
    }

    /// Everything that reclaim could free for this kind of request in a zone
    /// (`zone_reclaimable_pages()`): a node's pages are taken to lie in its zones as they are large.
    pub(crate) fn reclaimable(&self, zone: usize) -> u64 {
        let zone = &self.zones[zone];
        let node: u64 = self
            .zones
            .iter()
            .filter(|other| other.node == zone.node)
            .map(|zone| zone.managed)
            .sum();
        let size = |list| self.lru.size_of_node(zone.node, list);
        let mut pages = size(List::InactiveFile) + size(List::ActiveFile);
        if self.swap.free() > 0 {
            pages += size(List::InactiveAnon) + size(List::ActiveAnon);
        }
        let share = u128::from(pages) * u128::from(zone.managed);
        let share = share.checked_div(u128::from(node)).unwrap_or(0);
        if share == 0 && self.policy.free_is_reclaimable {
            return zone.free;
        }
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// `pgdat_balanced()`: whether kswapd may sleep.
    pub(super) fn balanced(&self, node: u32, class: usize) -> bool {
        let mut zones = self
            .zones
            .iter()
            .filter(|zone| zone.node == node && super::class(zone.kind) <= class)
            .filter(|zone| zone.managed > 0);
        if self.policy.one_zone_balances {
            zones.any(|zone| zone.ok(Mark::High, class))
        } else {
            zones.all(|zone| zone.ok(Mark::High, super::class(zone.kind)))
        }
    }
}
