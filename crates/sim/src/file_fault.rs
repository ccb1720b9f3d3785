//! Faults on mappings of files and of shared memory.
//!
//! `do_read_fault()`, `do_cow_fault()`, `do_shared_fault()`, `do_fault_around()` in `mm/memory.c`,
//! `filemap_fault()` in `mm/filemap.c`, `shmem_fault()` in `mm/shmem.c`, of 6.18.

use crate::ctx::Ctx;
use crate::fault::{Refusal, Step};
use crate::files::FileKind;
use crate::frames::file_base;
use crate::page::{HUGE, PAGE_BITS, Pte, What};
use crate::vm_flags::VmFlags;

/// `fault_around_bytes`, in pages.
const AROUND: u64 = 16;

impl Ctx<'_> {
    /// A fault on nothing yet mapped; `hole` pages from `page` on are not.
    pub(crate) fn file_fault(
        &mut self,
        at: u64,
        open: usize,
        page: u64,
        hole: u64,
        write: bool,
    ) -> Result<Step, Refusal> {
        let file = self.store.opens[open].file;
        let vma = self.vma(at);
        let offset = vma.pgoff_at(page << PAGE_BITS);
        let shared = vma.has(VmFlags::SHARED);
        let left = self.store.files[file].pages().saturating_sub(offset);
        if !write && self.store.rules.fault_around {
            // Cached neighbours are mapped first; they may bring the page itself.
            let mapped = self.around(at, file, page, hole);
            if let Some(step) = mapped {
                return Ok(step);
            }
        }
        if left == 0 {
            return Err(Refusal::Bus);
        }
        let missing = self.store.uncached(file, offset, hole.min(left));
        let count = if missing > 0 {
            if write { missing } else { 1 }
        } else {
            let have = self.store.cached(file, offset).map_or(1, |(len, _)| len);
            if write || !self.store.rules.fault_around { hole.min(left).min(have) } else { 1 }
        };
        if missing > 0 && !self.store.fill(file, offset, count, self.task.privileged()) {
            return Err(Refusal::Bus);
        }
        let major = missing > 0 && self.store.files[file].kind == FileKind::Disk;
        if write && !shared {
            self.prepare_anon(at);
            let frame = self.store.frames.anonymous(count, false);
            let pte = Pte {
                what: What::Anon,
                frame,
                writable: true,
                dirty: true,
                young: true,
                huge: false,
            };
            self.put(page, count, pte);
        } else {
            self.map_cache(at, file, page, count, write);
        }
        Ok(Step { pages: count, faults: count, major })
    }

    /// Maps pages of a file that are in memory.
    fn map_cache(&mut self, at: u64, file: usize, page: u64, count: u64, write: bool) {
        let vma = self.vma(at);
        let frame = file_base(file) + vma.pgoff_at(page << PAGE_BITS);
        let shmem = self.store.files[file].is_shmem();
        let shared_writable = vma.has(VmFlags::SHARED.with(VmFlags::WRITE));
        let writable = shared_writable && (write || shmem);
        let what = if shmem { What::Shmem } else { What::File };
        self.store.frames.map(frame, count);
        if write {
            self.store.frames.mark_dirty(frame, count);
        }
        self.put(
            page,
            count,
            Pte { what, frame, writable, dirty: write, young: true, huge: false },
        );
    }

    /// `do_fault_around()`: maps what is in memory of the 16 pages around, and, since the accesses go
    /// on upwards, of the windows that follow. `None` when it did not map the page itself.
    fn around(&mut self, at: u64, file: usize, page: u64, hole: u64) -> Option<Step> {
        let vma = self.vma(at);
        let (vma_first, vma_end) = (vma.start >> PAGE_BITS, vma.end >> PAGE_BITS);
        let pgoff = vma.pgoff;
        let pages = self.store.files[file].pages();
        let first = (page - page % AROUND).max(vma_first).max(page - page % HUGE);
        let mut end = (first + AROUND).min(page - page % HUGE + HUGE).min(vma_end);
        let offset = |page: u64| page - vma_first + pgoff;
        let mut faults = 1;
        // Whole windows that are in memory altogether, behind this one.
        if end < page + hole
            && end % AROUND == 0
            && let Some((cached, _)) = self.store.cached(file, offset(page))
        {
            let reach = (page + cached).min(page + hole).min(vma_end);
            let file_end = vma_first + pages.saturating_sub(pgoff);
            let reach = reach.min(file_end);
            if reach > end {
                let whole = (reach - end) / AROUND;
                faults += whole;
                end += whole * AROUND;
            }
        }
        let base = file_base(file);
        let from = base + offset(first);
        let to = (base + offset(end)).min(base + pages.max(offset(first)));
        let present: Vec<(u64, u64)> = self
            .store
            .frames
            .map
            .iter_within(from, to)
            .filter(|(_, _, known)| !known.reclaim)
            .map(|(frame, len, _)| (frame - from + first, len))
            .collect();
        for (start, len) in present {
            let mut next = start;
            while next < start + len {
                if let Some((mapped, _)) = self.mm.pages.get(next) {
                    next += mapped;
                } else {
                    let used = self.mm.pages.next_used(next).unwrap_or(u64::MAX);
                    let count = used.min(start + len) - next;
                    self.map_cache(at, file, next, count, false);
                    next += count;
                }
            }
        }
        let got = self.mm.pages.get(page).filter(|(_, pte)| pte.present())?.0;
        Some(Step::minor(got.min(hole).min(end - page), faults))
    }

    /// A write to a shared page that is mapped read-only: the file system hears of it.
    pub(crate) fn shared_write(&mut self, page: u64, most: u64, pte: Pte) -> Step {
        self.mm.pages.update(page, page + most, |_, pte| {
            pte.writable = true;
            pte.dirty = true;
            pte.young = true;
        });
        self.store.frames.mark_dirty(pte.frame, most);
        Step::minor(most, most)
    }
}
