//! The oldest generation is evicted: `evict_folios()`, `isolate_folios()`, `scan_folios()` and
//! `sort_folio()` in `mm/vmscan.c`.

use super::place::End;
use super::tiers::tier_of;
use super::{ANON, BATCH, FEWEST, FILE, MOST, slot};
use crate::ctx::Ctx;
use crate::frames::{Frame, Frames, file_of};
use crate::page::HUGE;
use crate::physical;
use crate::physical::Physical;
use crate::physical::lru::Owner;
use crate::physical::reclaim::Pass;
use crate::physical::rmap::Mapper;
use crate::physical::scan::Evicted;

/// What was found in the oldest generation of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Found {
    kind: usize,
    /// Pages looked at; 0: nothing comes of it.
    scanned: u64,
    /// Of which were only sorted,
    sorted: u64,
    /// and which are to be evicted: runs of frames, on no list.
    isolated: Vec<(u64, u64)>,
}

impl Frames {
    /// `scan_folios()`: looks at up to 4096 of the oldest pages of a kind until 64 can be evicted.
    fn scan_generation(
        &mut self,
        owner: Owner,
        kind: usize,
        last_tier: usize,
        class: usize,
    ) -> Found {
        let mut found = Found { kind, ..Found::default() };
        let Some(physical) = self.physical.as_deref_mut() else { return found };
        let generations = physical.lru.generations(owner);
        if generations.count(kind) == FEWEST {
            return found;
        }
        let at = slot(generations.min[kind]);
        let mut isolated = 0;
        while found.scanned < MOST && isolated < BATCH {
            let Some(physical) = self.physical.as_deref_mut() else { break };
            let generations = physical.lru.generations(owner);
            let most = MOST - found.scanned;
            let Some((first, len)) = generations.oldest(at, kind, most) else { break };
            let Some((known_len, known)) = self.map.get(first) else { break };
            let count = len.min(known_len);
            let zone = physical.zones.get(usize::from(known.zone));
            let eligible = zone.is_none_or(|zone| physical::class(zone.kind) <= class);
            match fate(&known, at, last_tier, eligible) {
                Fate::Promoted => {
                    self.relist(first, count, |physical, at, len, frame| {
                        physical.sort(at, len, frame, End::Youngest);
                    });
                    found.sorted += count;
                    found.scanned += count;
                }
                Fate::Later(tier) => {
                    let generations = physical.lru.generations(owner);
                    if let Some(tier) = tier {
                        generations.tiers.protected(kind, tier, count);
                    }
                    self.relist(first, count, |physical, at, len, frame| {
                        physical.advance(at, len, frame);
                    });
                    found.sorted += count;
                    found.scanned += count;
                }
                Fate::Evicted => {
                    // A huge page goes as a whole.
                    let most = if known.large { HUGE - first % HUGE } else { BATCH - isolated };
                    let count = count.min(most);
                    self.relist(first, count, |physical, at, len, frame| {
                        physical.isolate(at, len, frame);
                    });
                    found.isolated.push((first, count));
                    isolated += count;
                    found.scanned += count;
                }
            }
        }
        if isolated == 0 && found.scanned < MOST {
            found.scanned = 0;
        }
        found
    }
}

/// Why a page was not evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// It is in use, or there is no place for it.
    Used,
    /// It is on its way to the disk since just now,
    Sent,
    /// or was already.
    Writing,
    Locked,
}

/// What `sort_folio()` does with a page.
enum Fate {
    /// It belongs to a younger generation.
    Promoted,
    /// It is part of the next generation from now on: its tier is spared, or it is in a zone that nobody
    /// asked for.
    Later(Option<usize>),
    Evicted,
}

fn fate(known: &Frame, oldest: u8, last_tier: usize, eligible: bool) -> Fate {
    let refs = known.aged.refs();
    let tier = tier_of(refs);
    if known.aged.slot != Some(oldest) {
        Fate::Promoted
    } else if tier > last_tier || refs == 4 {
        Fate::Later(Some(tier))
    } else if !eligible {
        Fate::Later(None)
    } else {
        Fate::Evicted
    }
}

impl Ctx<'_> {
    /// `isolate_folios()`: pages of the kind that is the better choice, or of the other one.
    fn isolate_oldest(&mut self, owner: Owner, swappiness: u64, class: usize) -> Found {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else {
            return Found::default();
        };
        let generations = physical.lru.generations(owner);
        let (mut kind, mut tier) = match swappiness {
            0 => (FILE, None),
            _ if generations.min[ANON] < generations.min[FILE] => (ANON, None),
            1 => (FILE, None),
            200 => (ANON, None),
            _ => {
                let (kind, tier) = generations.tiers.choose(swappiness);
                (kind, Some(tier))
            }
        };
        let mut found = Found::default();
        for _ in usize::from(swappiness == 0)..2 {
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { break };
            let tiers = &physical.lru.generations(owner).tiers;
            let tier_here = tier.take().unwrap_or_else(|| tiers.last(kind));
            let sorted = found.sorted;
            found = self.store.frames.scan_generation(owner, kind, tier_here, class);
            found.sorted += sorted;
            if found.scanned > 0 {
                break;
            }
            kind = 1 - kind;
        }
        found
    }

    /// `evict_folios()`: evicts a batch; how many pages were looked at, 0 when there is no point in going
    /// on, and of which kind they were.
    pub(super) fn evict_batch(
        &mut self,
        owner: Owner,
        pass: &mut Pass,
        swappiness: u64,
    ) -> (u64, usize) {
        self.store.frames.arrive(self.store.clock);
        let found = self.isolate_oldest(owner, swappiness, pass.class);
        let can_swap = swappiness > 0;
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return (0, FILE) };
        let generations = physical.lru.generations(owner);
        let mut scanned = found.scanned + u64::from(generations.drop_empty(can_swap));
        if generations.count(usize::from(!can_swap)) == FEWEST {
            scanned = 0;
        }
        let taken = found.isolated.iter().map(|(_, count)| count).sum();
        let mut all = Evicted::default();
        for &(first, count) in &found.isolated {
            self.evict_isolated(owner, first, count, pass, &mut all);
        }
        let Evicted { gone: freed, written, .. } = all;
        pass.scanned += taken;
        pass.freed += freed;
        self.reclaim_takes(taken, freed.max(written));
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return (0, FILE) };
        let (scan, steal) = if pass.kswapd {
            ("pgscan_kswapd", "pgsteal_kswapd")
        } else {
            ("pgscan_direct", "pgsteal_direct")
        };
        let file = found.kind == FILE;
        if pass.among.is_machine() {
            physical.count(scan, taken);
            physical.count(steal, freed);
            physical.count("pgrefill", found.sorted);
        }
        physical.count(if file { "pgscan_file" } else { "pgscan_anon" }, taken);
        physical.count(if file { "pgsteal_file" } else { "pgsteal_anon" }, freed);
        (scanned, found.kind)
    }

    /// `shrink_folio_list()` of pages on no list. What does not go is of the youngest generation, what has
    /// just been sent to the disk of the one before.
    fn evict_isolated(
        &mut self,
        owner: Owner,
        first: u64,
        count: u64,
        pass: &mut Pass,
        all: &mut Evicted,
    ) {
        let mut at = first;
        while at < first + count {
            let Some((len, known)) = self.store.frames.map.get(at) else {
                // It went along with others of its group.
                at += 1;
                continue;
            };
            if known.writeback && self.waits_for_pages(pass) {
                let waited = self.wait_for_disk(u64::MAX, u64::MAX);
                self.stall(waited);
                continue;
            }
            let (some, mappers) = self.mappers(at, len.min(first + count - at), &known);
            let some = some.max(1);
            if known.writeback {
                pass.waiting += some;
                self.put_back(at, some, Back::Writing);
                at += some;
                continue;
            }
            if mappers.iter().any(|mapper| mapper.locked) {
                self.put_back(at, some, Back::Locked);
                at += some;
                continue;
            }
            let mut evicted = Evicted::default();
            if !self.is_used(owner, at, some, &known, &mappers) {
                if known.large {
                    self.split_frames(at, &mappers);
                }
                evicted = self.evict(owner, at, some, &mappers);
                all.gone += evicted.gone;
                all.written += evicted.written;
            }
            let Evicted { gone, kept, .. } = evicted;
            if kept > 0 {
                self.put_back(at + gone, kept, Back::Sent);
            }
            let mut done = gone + kept;
            if done == 0 {
                done = some;
                self.give_slots_up(at, some);
                self.put_back(at, some, Back::Used);
            }
            at += done;
        }
    }

    /// `folio_check_references()`, with a look at pages around those in use.
    fn is_used(
        &mut self,
        owner: Owner,
        first: u64,
        count: u64,
        known: &Frame,
        mappers: &[Mapper],
    ) -> bool {
        // Somebody outside the model maps it, and uses it.
        let outside = known.maps > u32::try_from(mappers.len()).unwrap_or(u32::MAX);
        let mut used = outside && (known.home.is_some() || file_of(first).is_some());
        for mapper in mappers.iter().filter(|mapper| mapper.pte.young) {
            used = true;
            self.look_around(owner, mapper, first, count);
        }
        used
    }

    /// Pages that have not been evicted are listed again.
    fn put_back(&mut self, first: u64, count: u64, why: Back) {
        self.store.frames.relist(first, count, |physical, at, len, frame| {
            if frame.lru != 0 {
                return;
            }
            frame.unevictable = why == Back::Locked;
            frame.active = matches!(why, Back::Used | Back::Writing);
            frame.reclaim |= why == Back::Writing;
            if why == Back::Used {
                frame.aged.uses = 0;
                frame.aged.workingset = false;
            }
            physical.enlist(at, len, frame);
        });
    }
}

impl Frames {
    /// Changes where frames are listed.
    pub(super) fn relist(
        &mut self,
        first: u64,
        count: u64,
        mut change: impl FnMut(&mut Physical, u64, u64, &mut Frame),
    ) {
        let Frames { map, physical, .. } = self;
        let Some(physical) = physical.as_deref_mut() else { return };
        map.update_runs(first, first + count, |at, len, frame| change(physical, at, len, frame));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_have_used_often_is_spared_and_what_was_promoted_is_sorted() {
        let mut frame = Frame::CACHE;
        frame.aged.slot = Some(0);
        assert!(matches!(fate(&frame, 0, 3, true), Fate::Evicted));
        assert!(matches!(fate(&frame, 1, 3, true), Fate::Promoted));
        assert!(matches!(fate(&frame, 0, 3, false), Fate::Later(None)));
        frame.aged.workingset = true;
        assert!(matches!(fate(&frame, 0, 0, true), Fate::Later(Some(1))));
        assert!(matches!(fate(&frame, 0, 1, true), Fate::Evicted));
        frame.aged.uses = 3;
        assert!(matches!(fate(&frame, 0, 3, true), Fate::Later(Some(3))));
    }
}
