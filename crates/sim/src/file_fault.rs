//! Faults on mappings of files and of shared memory.
//!
//! `do_read_fault()`, `do_cow_fault()`, `do_shared_fault()`, `do_fault_around()` in `mm/memory.c`,
//! `filemap_fault()` in `mm/filemap.c`, `shmem_fault()` in `mm/shmem.c`, of 6.18.

use crate::ctx::Ctx;
use crate::fault::{Refusal, Step};
use crate::files::FileKind;
use crate::frames::{file_base, file_of};
use crate::page::{HUGE, PAGE_BITS, Pte, What};
use crate::physical::For;
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
        // `shm_vm_ops` have no `map_pages`.
        let rules = self.store.rules;
        let around = rules.fault_around && self.store.files[file].kind != FileKind::SysV;
        if !write && around {
            // Cached neighbours are mapped first; they may bring the page itself.
            let mapped = self.around(at, file, page, hole);
            if let Some(step) = mapped {
                return Ok(step);
            }
        }
        if write && !shared {
            self.prepare_anon(at);
        }
        if left == 0 {
            return Err(Refusal::Bus);
        }
        let table = self.at_once(page, hole);
        self.make_tables(page, table.min(left))?;
        let hole = hole.min(table);
        let missing = self.store.uncached(file, offset, hole.min(left));
        if missing > 0 && self.store.files[file].kind == FileKind::Disk {
            if !write {
                self.note_on_the_way(at, file, page);
            }
            self.read_around(at, file, offset)?;
            return self.after_reading(at, file, page, write, true);
        }
        if missing == 0 && self.begins_anew(at, open, page)? {
            // Who comes back without having read the page itself counts as one that waited up to 6.6.
            return self.after_reading(at, file, page, write, !rules.faults_by_mapping);
        }
        let count = if missing > 0 {
            if write { missing } else { 1 }
        } else {
            let have = self.store.cached(file, offset).map_or(1, |(len, _)| len);
            if write || !around { hole.min(left).min(have) } else { 1 }
        };
        let mut count = count;
        let major = self.store.frames.swapped(file_base(file) + offset);
        if missing > 0 {
            count = self.fill_some(file, offset, count)?;
        }
        let frame = file_base(file) + offset;
        if self
            .store
            .frames
            .map
            .iter_within(frame, frame + count)
            .any(|(_, _, known)| !known.uptodate)
        {
            self.store.frames.update(frame, count, |frame| frame.uptodate = true);
        }
        if write && !shared {
            count = self.private_copy(at, page, count)?;
        } else {
            let (start, len) = self.finished_at(at, file, page, count);
            self.map_cache(at, file, start, len, write);
            if start != page || len != count {
                let pages = (start + len - page).min(hole);
                return Ok(Step { major, ..Step::minor(pages, 1) });
            }
        }
        Ok(Step { major, ..Step::minor(count, count) })
    }

    /// `do_sync_mmap_readahead()`: half of the read-ahead before the page and half from it on; nothing
    /// but the page where accesses are at random; all of it from the page on where they are in order; of
    /// code, what follows up to the end of the mapping, be it used at random or not.
    fn read_around(&mut self, at: u64, file: usize, offset: u64) -> Result<(), Refusal> {
        let vma = self.vma(at);
        let pages = self.store.files[file].pages();
        let code = vma.has(VmFlags::EXEC) && self.store.rules.reads_code_onwards;
        let (first, count) = if vma.has(VmFlags::RAND_READ) && !code {
            (offset, 1)
        } else if vma.has(VmFlags::SEQ_READ) {
            (offset, self.store.config.read_ahead.max(1))
        } else if code {
            let end = vma.pgoff + vma.pages();
            (offset, self.store.config.read_ahead.max(1).min(end - offset))
        } else {
            let around = self.store.config.read_ahead.max(1);
            (offset.saturating_sub(around / 2), around)
        };
        let last = (first + count).min(pages).max(offset + 1);
        // The page itself first; read-ahead does without what it cannot have.
        self.fill_some(file, offset, 1)?;
        self.fill_all(file, first, last - first).map(drop)
    }

    /// The pages that a fault reads along with the one that it waits for, and then maps if they have come by
    /// then.
    fn note_on_the_way(&mut self, at: u64, file: usize, page: u64) {
        let vma = self.vma(at);
        let first = (page - page % AROUND).max(vma.start >> PAGE_BITS);
        let end = (page - page % AROUND + AROUND).min(vma.end >> PAGE_BITS);
        let from = vma.pgoff_at(first << PAGE_BITS);
        let to = (from + end - first).min(self.store.files[file].pages()).max(from);
        let base = file_base(file);
        let there = self.store.frames.map.count(base + from, base + to);
        self.mm.on_the_way += (to - from).saturating_sub(there + 1);
    }

    /// Whether a fault on a page that is in memory lets go of the lock, and comes back to map what is there
    /// by then: the page asks for more to be read (`PG_readahead`, which a page that could not be paged out
    /// has as well), or it has yet to be read itself (`do_async_mmap_readahead()` and `page_not_uptodate` in
    /// `filemap_fault()`).
    fn begins_anew(&mut self, at: u64, open: usize, page: u64) -> Result<bool, Refusal> {
        let vma = self.vma(at);
        let (offset, random) = (vma.pgoff_at(page << PAGE_BITS), vma.has(VmFlags::RAND_READ));
        let file = self.store.opens[open].file;
        if self.store.files[file].kind != FileKind::Disk {
            return Ok(false);
        }
        let Some((_, known)) = self.store.cached(file, offset) else { return Ok(false) };
        let most = self.store.opens[open].window.most(self.store.config.read_ahead);
        let asks = known.reclaim && !random && most > 0;
        if asks && !known.writeback {
            self.reads_on(open, offset, most)?;
        }
        if !known.uptodate {
            self.store.frames.update(file_base(file) + offset, 1, |frame| frame.uptodate = true);
        }
        Ok(asks || !known.uptodate)
    }

    /// The fault that let go of the lock, most often to wait for the disk, goes on.
    fn after_reading(
        &mut self,
        at: u64,
        file: usize,
        page: u64,
        write: bool,
        major: bool,
    ) -> Result<Step, Refusal> {
        let offset = self.vma(at).pgoff_at(page << PAGE_BITS);
        if self.store.cached(file, offset).is_none() {
            // What was read first has left again while the rest was.
            self.fill_some(file, offset, 1)?;
        }
        let around = !write && self.store.rules.fault_around;
        if let Some(step) = around.then(|| self.around(at, file, page, 1)).flatten() {
            return Ok(Step { pages: step.pages.max(1), faults: 1, major });
        }
        if write && !self.vma(at).has(VmFlags::SHARED) {
            self.private_copy(at, page, 1)?;
        } else {
            let (start, len) = self.finished_at(at, file, page, 1);
            self.map_cache(at, file, start, len, write);
        }
        Ok(Step { pages: 1, faults: 1, major })
    }

    /// `do_cow_fault()`: new pages with what the file has there.
    fn private_copy(&mut self, at: u64, page: u64, count: u64) -> Result<u64, Refusal> {
        self.prepare_anon(at);
        let grant = self.allocate(count, For::User)?;
        let count = grant.pages;
        let frame = self.store.frames.anonymous(count, false, grant, (self.rest.mm, page));
        let pte =
            Pte { what: What::Anon, frame, writable: true, dirty: true, young: true, huge: false };
        self.put(page, count, pte);
        Ok(count)
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
            let (whole, count) = self.store.frames.whole(frame, count);
            let first = whole - file_base(file);
            self.store.files[file].blocks.add(first, first + count);
            // There are none behind the end of the file.
            let end = (first + count).min(self.store.files[file].pages());
            self.store.dirty_blocks_of(file, first, end.saturating_sub(first));
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
            .filter(|(_, _, known)| !known.reclaim && known.uptodate)
            .map(|(frame, len, _)| (frame - from + first, len))
            .collect();
        let folio_end = |page: u64| {
            let (frame, len) = self.store.frames.folio(base + offset(page));
            frame + len - base
        };
        // `filemap_map_pages()` looks at the first folio that it finds: if the file ends with it, and it
        // is no shared memory, no page table is put in place, and without one nothing is mapped.
        if present.first().is_some_and(|(start, _)| folio_end(*start) >= pages)
            && self.store.files[file].kind == FileKind::Disk
            && !self.mm.tables.has_lowest(page << PAGE_BITS)
        {
            return None;
        }
        for (start, len) in present {
            // Folios are mapped as a whole, though they begin before what is mapped, or end behind it.
            let (head, tail) = (
                self.folio_at(at, file, start, 1).map_or(start, |(start, _)| start),
                self.folio_at(at, file, start + len - 1, 1)
                    .map_or(start + len, |(start, len)| start + len),
            );
            let (start, len) = (head.min(start), tail.max(start + len) - head.min(start));
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
        let (frame, count) = self.store.frames.whole(pte.frame, most);
        if let Some((file, first)) = file_of(frame) {
            self.store.files[file].blocks.add(first, first + count);
            // There are none behind the end of the file.
            let end = (first + count).min(self.store.files[file].pages());
            self.store.dirty_blocks_of(file, first, end.saturating_sub(first));
        }
        Step::minor(most, most)
    }
}
