//! Which generation a page belongs to: `lru_gen_add_folio()`, `folio_update_gen()`, `folio_inc_gen()`
//! in `include/linux/mm_inline.h` and `mm/vmscan.c`.

use super::{ANON, Aged, FEWEST, GENERATIONS, Generations, kind, slot};
use crate::frames::Frame;
use crate::physical::Physical;
use crate::physical::lru::{First, List, Lru, Owner};

/// Which end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Youngest,
    Oldest,
}

impl Lru {
    /// The generations of an owner that has them.
    pub(super) fn generations(&mut self, owner: Owner) -> &mut Generations {
        let generations = &mut self.vec(owner).generations;
        generations.get_or_insert_with(Box::default)
    }

    /// At one end of the list of a generation from now on; the position of the first.
    fn put(&mut self, owner: Owner, key: super::Key, first: u64, count: u64, end: End) -> u64 {
        let position = self.position(count, end == End::Youngest);
        let lists = &mut self.generations(owner).lists;
        lists.entry(key).or_default().insert(position, count, First(first));
        position
    }

    fn take(&mut self, owner: Owner, key: super::Key, position: u64, count: u64) {
        if let Some(list) = self.generations(owner).lists.get_mut(&key) {
            list.remove(position, position + count);
        }
    }
}

/// The list that holds a page.
fn key(frame: &Frame) -> super::Key {
    (frame.aged.held, kind(frame), frame.zone)
}

impl Physical {
    /// `folio_lru_list()` for those who count: the two youngest generations are active.
    pub(crate) fn list_of(&self, frame: &Frame) -> List {
        let Some(at) = frame.aged.slot.filter(|_| !frame.unevictable) else { return frame.list() };
        let vec = self.lru.vecs.get(&self.owner(frame));
        let generations = vec.and_then(|vec| vec.generations.as_deref());
        let active = generations.is_some_and(|generations| generations.is_active(at));
        Frame { active, ..*frame }.list()
    }

    /// `lru_gen_add_folio()`: what was just faulted in, or found in use, is of the youngest generation;
    /// anonymous pages are of the one before; the others are close to being evicted. The position of
    /// the first.
    pub(in crate::physical) fn add_to_generation(
        &mut self,
        first: u64,
        count: u64,
        frame: &mut Frame,
    ) -> u64 {
        let (owner, kind) = (self.owner(frame), kind(frame));
        let in_swap_cache = self.swap.slots.get(first).is_some();
        let generations = self.lru.generations(owner);
        let (min, max) = (generations.min[kind], generations.max);
        let generation = if frame.active {
            max
        } else if (kind == ANON && !in_swap_cache)
            || (frame.reclaim && (frame.dirty || frame.writeback))
        {
            max - 1
        } else if min + FEWEST >= max {
            min
        } else {
            min + 1
        };
        let at = slot(generation);
        generations.pages[usize::from(at)][kind] += count;
        if frame.active {
            frame.aged.uses = 0;
            frame.referenced = false;
            frame.active = false;
        }
        frame.aged.slot = Some(at);
        frame.aged.held = at;
        self.lru.put(owner, key(frame), first, count, End::Youngest)
    }

    /// The same for what is to be evicted next: the end of the oldest generation
    /// (`folio_rotate_reclaimable()`).
    pub(in crate::physical) fn add_to_oldest(
        &mut self,
        first: u64,
        count: u64,
        frame: &mut Frame,
    ) -> u64 {
        let (owner, kind) = (self.owner(frame), kind(frame));
        let generations = self.lru.generations(owner);
        let at = slot(generations.min[kind]);
        generations.pages[usize::from(at)][kind] += count;
        frame.aged.slot = Some(at);
        frame.aged.held = at;
        self.lru.put(owner, key(frame), first, count, End::Oldest)
    }

    /// `lru_gen_del_folio()`.
    pub(in crate::physical) fn take_from_generation(&mut self, count: u64, frame: &Frame) {
        let Some(at) = frame.aged.slot else { return };
        let owner = self.owner(frame);
        let generations = self.lru.generations(owner);
        let pages = &mut generations.pages[usize::from(at)][kind(frame)];
        *pages = pages.saturating_sub(count);
        self.lru.take(owner, key(frame), frame.lru, count);
    }

    /// What is known of frames in generations is another now.
    pub(in crate::physical) fn changed_in_generation(
        &mut self,
        first: u64,
        count: u64,
        before: &Frame,
        now: &mut Frame,
    ) -> bool {
        let moves = before.unevictable != now.unevictable
            || before.swapbacked != now.swapbacked
            || (now.active && !now.unevictable);
        if moves {
            self.delist(first, count, before);
            now.aged.slot = None;
            self.enlist(first, count, now);
        }
        moves
    }

    /// `folio_update_gen()`: used, as page tables say: of the youngest generation. Its list is sorted
    /// later.
    pub(in crate::physical) fn promote(&mut self, count: u64, frame: &mut Frame) {
        let Some(old) = frame.aged.slot else { return };
        let owner = self.owner(frame);
        let generations = self.lru.generations(owner);
        let new = slot(generations.max);
        let kind = kind(frame);
        generations.pages[usize::from(old)][kind] =
            generations.pages[usize::from(old)][kind].saturating_sub(count);
        generations.pages[usize::from(new)][kind] += count;
        frame.aged = Aged { slot: Some(new), held: frame.aged.held, ..Aged::NEW };
        frame.referenced = false;
    }

    /// Into the list of the generation that they belong to, at this end.
    pub(super) fn sort(&mut self, first: u64, count: u64, frame: &mut Frame, end: End) {
        let Some(at) = frame.aged.slot else { return };
        let owner = self.owner(frame);
        self.lru.take(owner, key(frame), frame.lru, count);
        frame.aged.held = at;
        frame.lru = self.lru.put(owner, key(frame), first, count, end);
    }

    /// `folio_inc_gen()`: pages of the oldest generation are of the next one from now on; what has been
    /// promoted is left where it belongs.
    pub(super) fn advance(&mut self, first: u64, count: u64, frame: &mut Frame) {
        let (owner, kind) = (self.owner(frame), kind(frame));
        let generations = self.lru.generations(owner);
        let old = slot(generations.min[kind]);
        if frame.aged.slot == Some(old) {
            let new = (old + 1) % u8::try_from(GENERATIONS).unwrap_or(4);
            let pages = &mut generations.pages;
            pages[usize::from(old)][kind] = pages[usize::from(old)][kind].saturating_sub(count);
            pages[usize::from(new)][kind] += count;
            frame.aged = Aged { slot: Some(new), held: frame.aged.held, ..Aged::NEW };
            frame.referenced = false;
        }
        self.sort(first, count, frame, End::Oldest);
    }

    /// Off their list, to be evicted (`isolate_folio()`): uses count only if there was one since.
    pub(super) fn isolate(&mut self, first: u64, count: u64, frame: &mut Frame) {
        self.delist(first, count, frame);
        frame.lru = 0;
        let kept = if frame.referenced { frame.aged } else { Aged::NEW };
        frame.aged = Aged { slot: None, held: 0, ..kept };
        frame.referenced = false;
    }

    /// Whether pages are in generations, and not on lists of two ages.
    pub(crate) fn has_generations(&self) -> bool {
        self.lru.generational
    }
}
