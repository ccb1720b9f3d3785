//! Pages of files come into memory: `filemap_add_folio()`, `shmem_get_folio_gfp()`.

use crate::ctx::Ctx;
use crate::fault::Refusal;
use crate::frames::{Frame, file_base};
use crate::physical::For;

impl Ctx<'_> {
    /// Brings pages of a file into memory from `page` on: how many of `count` are there now, at
    /// least one. [`Refusal::Bus`]: shared memory gets no promise for them.
    pub(crate) fn fill_some(&mut self, file: usize, page: u64, count: u64) -> Result<u64, Refusal> {
        if self.store.frames.physical.is_none() {
            let filled = self.store.fill(file, page, count, self.task.privileged());
            return if filled { Ok(count) } else { Err(Refusal::Bus) };
        }
        if let Some((have, _)) = self.store.cached(file, page) {
            return Ok(have.min(count));
        }
        let missing = self.store.uncached(file, page, count);
        let promised =
            self.store.files[file].is_shmem() && self.store.files[file].promised.is_none();
        let grant = self.allocate(missing, For::UserFile)?;
        let pages = grant.pages;
        if promised && !self.store.promise(pages, self.task.privileged(), 0) {
            self.store.frames.give_back(grant);
            return Err(Refusal::Bus);
        }
        let frame = Frame {
            swapbacked: self.store.files[file].is_shmem(),
            zone: grant.zone,
            memcg: grant.memcg,
            ..Frame::CACHE
        };
        self.store.frames.add(file_base(file) + page, pages, frame);
        Ok(pages)
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
