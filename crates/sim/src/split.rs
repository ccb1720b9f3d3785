//! Splitting huge pages, and not only what maps them.
//!
//! `split_folio()` as `madvise_cold_or_pageout_pte_range()` and `madvise_free_pte_range()` ask for it, and
//! `try_to_map_unused_to_zeropage()`, of 6.18.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Huge;
use crate::ctx::Ctx;
use crate::page::{ANON, HUGE, PAGE_BITS, Pte, What};
use crate::vm_flags::VmFlags;

impl Ctx<'_> {
    /// These pages were written to, and hold more than zeros.
    pub(crate) fn note_written(&mut self, page: u64, count: u64) {
        if self.store.config.huge == Huge::Never {
            return;
        }
        for (_, len, pte) in self.mm.pages.iter_within(page, page + count) {
            if pte.what == What::Anon {
                self.store.written.add(pte.frame, pte.frame + len);
            }
        }
    }

    /// `count` pages from `to` on hold what those from `from` on hold.
    pub(crate) fn copy_written(&mut self, from: u64, to: u64, count: u64) {
        for (at, len, ()) in self.store.written.within(from, from + count) {
            self.store.written.add(to + (at - from), to + (at - from) + len);
        }
    }

    /// Splits the huge pages of which only a part is mapped in these pages. Those that others map as well
    /// stay: the first frames of these.
    pub(crate) fn split_partial(&mut self, first: u64, last: u64) -> BTreeSet<u64> {
        let mut parts: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for (page, len, pte) in self.mm.pages.iter_within(first, last) {
            if pte.what != What::Anon {
                continue;
            }
            let mut at = 0;
            while at < len {
                let frame = pte.frame + at;
                let base = frame - frame % HUGE;
                let count = (base + HUGE - frame).min(len - at);
                let start = (page + at).wrapping_sub(frame - base);
                if self.store.frames.map.get(frame).is_some_and(|(_, known)| known.large) {
                    *parts.entry((base, start)).or_default() += count;
                }
                at += count;
            }
        }
        let mut held = BTreeSet::new();
        for ((base, start), count) in parts {
            if count == HUGE && start.is_multiple_of(HUGE) {
                continue;
            }
            let pages = self.store.frames.map.within(base, base + HUGE);
            let maps: u64 = pages.iter().map(|(_, len, known)| len * u64::from(known.maps)).sum();
            let others = self.store.rules.knows_who_maps && maps > self.entries_of(base);
            if others || pages.iter().any(|(_, _, known)| known.maps > 1) {
                held.insert(base);
            } else if pages.iter().all(|(_, _, known)| known.large) {
                self.split_folio(base);
            }
        }
        held
    }

    /// How many pages of the huge page whose first frame this is are in this address space.
    fn entries_of(&self, base: u64) -> u64 {
        let end = self.mm.layout.task_size >> PAGE_BITS;
        let anonymous = self.mm.pages.iter_within(0, end);
        let anonymous = anonymous.filter(|(_, _, pte)| pte.what == What::Anon);
        let overlap = |(_, len, pte): (u64, u64, Pte)| {
            (pte.frame + len).min(base + HUGE).saturating_sub(pte.frame.max(base))
        };
        anonymous.map(overlap).sum()
    }

    /// Makes single pages of the huge page whose first frame this is. Those of them that hold nothing but
    /// zeros become the page of zeros (6.12).
    pub(crate) fn split_folio(&mut self, base: u64) {
        let end = self.mm.layout.task_size >> PAGE_BITS;
        let overlaps = |pte: &Pte, len: u64| {
            pte.what == What::Anon && pte.frame < base + HUGE && pte.frame + len > base
        };
        let runs = self.mm.pages.iter_within(0, end).filter(|(_, len, pte)| overlaps(pte, *len));
        let runs: Vec<(u64, u64, Pte)> = runs.collect();
        if runs.iter().any(|(_, _, pte)| !pte.huge) {
            // Only entries of single pages are taken out one by one (`try_to_migrate_one()`).
            self.mm.note_rss();
        }
        let blocks: BTreeSet<u64> = runs
            .iter()
            .filter(|(_, _, pte)| pte.huge)
            .map(|(page, _, pte)| page + base - pte.frame)
            .collect();
        for first in blocks {
            self.flatten(first);
        }
        let dirty = runs.iter().any(|(_, _, pte)| pte.dirty);
        self.store.frames.update(base, HUGE, |frame| {
            frame.large = false;
            frame.dirty |= dirty;
        });
        if !self.store.rules.split_drops_zeros {
            return;
        }
        for (page, len, pte) in runs {
            let from = base.max(pte.frame);
            let to = (base + HUGE).min(pte.frame + len);
            self.drop_zeros(page + (from - pte.frame), from, to - from);
        }
    }

    fn drop_zeros(&mut self, page: u64, frame: u64, count: u64) {
        let mut at = frame;
        let written = self.store.written.within(frame, frame + count);
        let ends = written.into_iter().map(|(from, len, ())| (from, from + len));
        for (from, to) in ends.chain([(frame + count, frame + count)]) {
            let locked = |page: u64| {
                self.mm.at(page << PAGE_BITS).is_some_and(|vma| vma.has(VmFlags::LOCKED))
            };
            let zeros: Vec<u64> =
                (at..from).filter(|zero| !locked(page + (zero - frame))).collect();
            for zero in zeros {
                let place = page + (zero - frame);
                self.mm.pages.set(place, 1, Pte::BLANK);
                self.mm.rss[ANON] -= 1;
                self.mm.unsynced.one_by_one(ANON, -1);
                self.store.frames.unmap(zero, 1);
            }
            at = to;
        }
    }
}
