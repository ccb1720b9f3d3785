//! Pages of files come into memory: `filemap_add_folio()`, `shmem_get_folio_gfp()`.

use crate::ctx::Ctx;
use crate::fault::Refusal;
use crate::frames::{Frame, file_base};
use crate::physical::For;
use crate::physical::mglru::Back;

impl Ctx<'_> {
    /// Brings pages of a file into memory from `page` on: how many of `count` are there now, at
    /// least one. [`Refusal::Bus`]: shared memory gets no promise for them.
    pub(crate) fn fill_some(&mut self, file: usize, page: u64, count: u64) -> Result<u64, Refusal> {
        if self.store.frames.physical.is_none() {
            self.note_fresh(file, page, count);
            let filled = self.store.fill(file, page, count, self.task.privileged());
            return if filled { Ok(count) } else { Err(Refusal::Bus) };
        }
        if let Some((have, _)) = self.store.cached(file, page) {
            return Ok(have.min(count));
        }
        let shmem = self.store.files[file].is_shmem();
        let first = file_base(file) + page;
        if shmem && self.store.frames.swapped(first) {
            return self.fill_from_swap(first);
        }
        let mut missing = self.store.uncached(file, page, count);
        let mut back = Back::default();
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            if shmem {
                let next = physical.swap.slots.next_used(first).unwrap_or(u64::MAX);
                missing = missing.min(next - first);
            } else {
                (missing, back) = physical.refault_file(first, missing);
            }
        }
        let promised = shmem && self.store.files[file].promised.is_none();
        self.store.policies.file = shmem.then_some((file, page));
        let grant = self.allocate(missing, For::UserFile);
        self.store.policies.file = None;
        let grant = grant?;
        let pages = grant.pages;
        if promised && !self.store.promise(pages, self.task.privileged(), 0) {
            self.store.frames.give_back(grant);
            return Err(Refusal::Bus);
        }
        let frame = Frame {
            swapbacked: shmem,
            active: back.active,
            aged: back.aged(),
            zone: grant.zone,
            memcg: grant.memcg,
            ..Frame::CACHE
        };
        self.store.frames.add(first, pages, frame);
        Ok(pages)
    }

    /// What of these pages is not in memory is about to be made.
    fn note_fresh(&mut self, file: usize, first: u64, count: u64) {
        let mut page = first;
        while page < first + count {
            if let Some((have, _)) = self.store.cached(file, page) {
                page += have;
                continue;
            }
            let missing = self.store.uncached(file, page, first + count - page);
            self.store.fresh.made(self.rest.process, file_base(file) + page, missing);
            page += missing;
        }
    }

    /// `shmem_swapin_folio()`: a page of shared memory comes back, and leaves its slot.
    pub(crate) fn fill_from_swap(&mut self, frame: u64) -> Result<u64, Refusal> {
        let grant = self.allocate(1, For::UserFile)?;
        if self.store.frames.map.get(frame).is_some() {
            self.store.frames.give_back(grant);
            return Ok(1);
        }
        self.store.frames.read_slots(frame, 1, grant);
        self.store.frames.leave_swap(frame, 1);
        self.store.frames.mark_dirty(frame, 1);
        Ok(1)
    }

    /// Brings all of these pages of a file into memory, one after the other; where memory is short,
    /// the first may have left it again when the last comes. False: there is no promise for them.
    pub(crate) fn fill_all(&mut self, file: usize, page: u64, count: u64) -> Result<bool, Refusal> {
        let mut done = 0;
        while done < count {
            match self.fill_some(file, page + done, count - done) {
                Ok(pages) => done += pages,
                Err(Refusal::Bus) => return Ok(false),
                Err(other) => return Err(other),
            }
        }
        Ok(true)
    }
}
