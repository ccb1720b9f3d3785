//! What page tables say was used: `walk_mm()`, the Bloom filters, `lru_gen_look_around()` in
//! `mm/vmscan.c`.
//!
//! A walk looks at all tables of address spaces that are new, and of the others at those tables that
//! enough was found in before, by a walk or by an eviction that came upon a page in use.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{ANON, BATCH, Filter, Generations, kind};
use crate::ctx::Ctx;
use crate::frames::{Frames, file_of};
use crate::mm::Mm;
use crate::page::{HUGE, PAGE_BITS, Pte};
use crate::physical::lru::Owner;
use crate::physical::rmap::Mapper;
use crate::range_map::RangeSet;
use crate::store::Store;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

/// `suitable_to_scan()`: one entry in use for each line of the processor's cache.
fn suitable(total: u64, young: u64) -> bool {
    young * 8 >= total
}

/// Pages that a walk found in use: where, how many, and their first frame.
type Young = (u64, u64, u64);

impl Frames {
    /// Pages of one cgroup that were used: they are of its youngest generation. Of how many it is true.
    fn promote(&mut self, owner: Owner, first: u64, count: u64, anon_too: bool) -> Vec<(u64, u64)> {
        let Some(physical) = self.physical.as_deref() else { return Vec::new() };
        let runs = self.map.within(first, first + count);
        let ours: Vec<(u64, u64)> = runs
            .into_iter()
            .filter(|(_, _, frame)| physical.owner(frame) == owner)
            .filter(|(_, _, frame)| anon_too || kind(frame) != ANON)
            .map(|(at, len, _)| (at, len))
            .collect();
        for &(at, len) in &ours {
            self.relist(at, len, |physical, _, len, frame| physical.promote(len, frame));
        }
        ours
    }
}

/// `should_skip_vma()`.
fn skips(store: &Store, vma: &Vma, can_swap: bool) -> bool {
    let special = VmFlags::SPECIAL.with(VmFlags::LOCKED).with(VmFlags::RAND_READ);
    if !vma.flags.any(VmFlags::ACCESS) || vma.flags.any(special.with(VmFlags::SEQ_READ)) {
        return true;
    }
    match vma.backing {
        Backing::Anon => !can_swap,
        Backing::File(open) => store.file(open).is_shmem() && !can_swap,
        Backing::Special(_) => true,
    }
}

/// Entries in use in these tables; `None`: in all.
fn young_in(mm: &Mm, pages: Range<u64>, tables: Option<&RangeSet>) -> Vec<Young> {
    let mut found = Vec::new();
    let runs = mm.pages.iter_within(pages.start, pages.end);
    for (page, len, pte) in runs.filter(|(_, _, pte)| pte.young && pte.counted()) {
        let Some(tables) = tables.filter(|_| !pte.huge) else {
            found.push((page, len, pte.frame));
            continue;
        };
        for (table, count, ()) in tables.iter_within(page / HUGE, (page + len - 1) / HUGE + 1) {
            let start = page.max(table * HUGE);
            let end = (page + len).min((table + count) * HUGE);
            found.push((start, end - start, pte.frame + (start - page)));
        }
    }
    found
}

/// Marks tables in which enough of `within` is in use, of which these are.
fn note_tables(filter: &mut RangeSet, within: &Range<u64>, young: &[(u64, u64)]) {
    let mut parts: BTreeMap<u64, u64> = BTreeMap::new();
    for &(page, len) in young {
        let (table, last) = (page / HUGE, (page + len - 1) / HUGE);
        if last > table + 1 {
            // Whole tables between the first and the last.
            filter.add(table + 1, last);
        }
        let end = (page + len).min((table + 1) * HUGE);
        *parts.entry(table).or_default() += end - page;
        if last > table {
            *parts.entry(last).or_default() += page + len - last * HUGE;
        }
    }
    for (table, used) in parts {
        let start = within.start.max(table * HUGE);
        let end = within.end.min((table + 1) * HUGE);
        if suitable(end.saturating_sub(start), used) {
            filter.add(table, table + 1);
        }
    }
}

impl Ctx<'_> {
    /// Looks at the page tables of a cgroup's processes (`iterate_mm_list()`, `walk_mm()`).
    pub(super) fn walk_tables(&mut self, owner: Owner, can_swap: bool) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let walks = physical.lru.walks;
        let generations = physical.lru.generations(owner);
        let seq = generations.max;
        if seq <= generations.walked {
            return;
        }
        generations.walked += 1;
        if !walks {
            return;
        }
        let here = usize::from(seq % 2 == 1);
        let tables = generations.filters[here].clone();
        let mut next = Filter::new();
        let mut keys: Vec<usize> =
            self.spaces().filter(|(_, mm)| mm.memcg.0 == owner.1).map(|(key, _)| key).collect();
        keys.sort_unstable();
        let Some(generations) = generations_of(self, owner) else { return };
        let known = std::mem::replace(&mut generations.known, keys.iter().copied().collect());
        let none = RangeSet::default();
        let mut all = false;
        for &key in &keys {
            all |= !known.contains(&key) || tables.is_none();
            let chosen = tables.as_ref().map_or(&none, |tables| tables.get(&key).unwrap_or(&none));
            let chosen = (!all).then_some(chosen);
            let Some(mm) = self.mm_of(key) else { continue };
            let mut found: Vec<(Range<u64>, Vec<Young>)> = Vec::new();
            for vma in mm.vmas.values().filter(|vma| !skips(self.store, vma, can_swap)) {
                let pages = vma.start >> PAGE_BITS..vma.end >> PAGE_BITS;
                let young = young_in(mm, pages.clone(), chosen);
                if !young.is_empty() {
                    found.push((pages, young));
                }
            }
            let filter = next.entry(key).or_default();
            for (pages, young) in found {
                let mut used = Vec::new();
                for (page, len, frame) in young {
                    for (at, count) in self.store.frames.promote(owner, frame, len, can_swap) {
                        used.push((page + (at - frame), count));
                    }
                }
                if let Some(mm) = self.mm_mut(key) {
                    forget_use(mm, &used);
                }
                note_tables(filter, &pages, &used);
            }
        }
        if let Some(generations) = generations_of(self, owner).filter(|_| !keys.is_empty()) {
            generations.filters[1 - here] = Some(next);
        }
    }

    /// `lru_gen_look_around()`: pages were found in use by an eviction, and so those around each are
    /// looked at.
    pub(super) fn look_around(&mut self, owner: Owner, mapper: &Mapper, first: u64, count: u64) {
        let anon_too = kind_of(self, first) == Some(ANON) || file_of(first).is_none();
        let Some(mm) = self.mm_of(mapper.mm) else { return };
        let Some(vma) = mm.at(mapper.page << PAGE_BITS) else { return };
        let limits = vma.start >> PAGE_BITS..vma.end >> PAGE_BITS;
        let mut page = mapper.page;
        while page < mapper.page + count {
            let window = window(page, &limits);
            let Some(mm) = self.mm_of(mapper.mm) else { return };
            let young = young_in(mm, window.clone(), None);
            let mut used = 0;
            for (page, len, frame) in young {
                let ours = self.store.frames.promote(owner, frame, len, anon_too);
                let pages: Vec<(u64, u64)> =
                    ours.into_iter().map(|(at, len)| (page + (at - frame), len)).collect();
                used += pages.iter().map(|(_, len)| len).sum::<u64>();
                if let Some(mm) = self.mm_mut(mapper.mm) {
                    forget_use(mm, &pages);
                }
            }
            if suitable(window.end - window.start, used + 1) {
                let Some(generations) = generations_of(self, owner) else { return };
                let here = usize::from(generations.max % 2 == 1);
                if let Some(filter) = &mut generations.filters[here] {
                    let table = page / HUGE;
                    filter.entry(mapper.mm).or_default().add(table, table + 1);
                }
            }
            page = window.end.max(page + 1);
        }
        if let Some(mm) = self.mm_mut(mapper.mm) {
            forget_use(mm, &[(mapper.page, count)]);
        }
    }
}

/// The generations of an owner.
fn generations_of<'a>(ctx: &'a mut Ctx<'_>, owner: Owner) -> Option<&'a mut Generations> {
    let physical = ctx.store.frames.physical.as_deref_mut()?;
    Some(physical.lru.generations(owner))
}

fn kind_of(ctx: &Ctx<'_>, frame: u64) -> Option<usize> {
    ctx.store.frames.map.get(frame).map(|(_, known)| kind(&known))
}

/// Entries are marked as not used.
fn forget_use(mm: &mut Mm, pages: &[(u64, u64)]) {
    for &(page, len) in pages {
        mm.pages.update(page, page + len, |_, pte: &mut Pte| pte.young = false);
    }
}

/// The pages around one that are looked at: 64 of its table and its mapping.
fn window(page: u64, limits: &Range<u64>) -> Range<u64> {
    let table = page - page % HUGE;
    let (start, end) = (table.max(limits.start), (table + HUGE).min(limits.end));
    if end - start <= BATCH {
        start..end
    } else if page - start < BATCH / 2 {
        start..start + BATCH
    } else if end - page < BATCH / 2 {
        end - BATCH..end
    } else {
        page - BATCH / 2..page + BATCH / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_within_the_table_and_the_mapping() {
        assert_eq!(window(900, &(0..4096)), 868..932);
        assert_eq!(window(1020, &(0..4096)), 960..1024);
        assert_eq!(window(1024, &(0..4096)), 1024..1088);
        assert_eq!(window(700, &(690..720)), 690..720);
        assert_eq!(window(700, &(0..4096)), 668..732);
    }

    #[test]
    fn a_table_is_worth_a_look_when_an_eighth_of_it_is_in_use() {
        let mut filter = RangeSet::default();
        note_tables(&mut filter, &(0..4096), &[(0, 63), (512, 64), (1030, 1050)]);
        let tables: Vec<(u64, u64)> = filter.iter().map(|(at, len, ())| (at, len)).collect();
        assert_eq!(tables, [(1, 3)]);
    }
}
