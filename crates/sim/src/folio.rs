//! Large folios: pages of a disk's file that are kept, dirtied and let go of together.
//!
//! A frame says of which order its folio is; one of order `n` begins at a multiple of 2ⁿ pages of its file.
//! All its pages are in memory, and but for how many map each, what is known of one is known of all.
//!
//! # What it follows
//! `__filemap_get_folio()` and `filemap_map_folio_range()` in `mm/filemap.c`, `page_cache_ra_order()` in
//! `mm/readahead.c`, `truncate_inode_partial_folio()` in `mm/truncate.c`, `finish_fault()` in `mm/memory.c`,
//! `madvise_cold_or_pageout_pte_range()` in `mm/madvise.c`, of 6.18.
//!
//! # What it leaves out
//! Releases before 6.18, file systems but those that are said to do so
//! ([`MachineConfig::large_folios`](crate::MachineConfig)), and machines whose memory ends: there each page is a
//! folio. A folio of 2 MiB is mapped page by page.

use std::collections::{BTreeMap, BTreeSet};

use facts::Release;

use crate::ctx::Ctx;
use crate::files::FileKind;
use crate::frames::{FILES, Frame, Frames, MOST, file_base, file_of};
use crate::page::{HUGE, PAGE, PAGE_BITS, What};
use crate::store::{Hole, Store};

/// The order of the largest folio (`MAX_PAGECACHE_ORDER` with huge pages).
const MOST_ORDER: u32 = 9;

impl Frames {
    /// The folio that a frame is of: its first frame, and how many.
    pub(crate) fn folio(&self, frame: u64) -> (u64, u64) {
        if frame < FILES {
            return (frame, 1);
        }
        let order = self.map.get(frame).map_or(0, |(_, known)| known.order);
        let len = 1 << order;
        (frame - frame % len, len)
    }

    /// All pages of the folios that these are of.
    pub(crate) fn whole(&self, first: u64, count: u64) -> (u64, u64) {
        if first < FILES || count == 0 {
            return (first, count);
        }
        let (last, len) = self.folio(first + count - 1);
        let from = self.folio(first).0;
        (from, last + len - from)
    }

    /// Runs of frames, of which large folios are each its own, or the part of it that lies within.
    pub(crate) fn folios_within(&self, first: u64, count: u64) -> Vec<(u64, u64, Frame)> {
        let mut all = Vec::new();
        for (frame, len, known) in self.map.iter_within(first, first + count) {
            let mut at = frame;
            while at < frame + len {
                let size = 1 << known.order;
                let end =
                    if size > 1 { (at - at % size + size).min(frame + len) } else { frame + len };
                all.push((at, end - at, known));
                at = end;
            }
        }
        all
    }

    /// `folio_split()`: the folio becomes a single page where this frame is, and halves of what is left.
    fn split_around(&mut self, frame: u64) {
        let (mut base, mut len) = self.folio(frame);
        while len > 1 {
            len /= 2;
            let (other, next) =
                if frame < base + len { (base + len, base) } else { (base, base + len) };
            let order = order_of(len);
            self.update(other, len, |frame| frame.order = order);
            base = next;
        }
        self.update(frame, 1, |frame| frame.order = 0);
    }
}

/// The order of a folio of so many pages.
fn order_of(pages: u64) -> u8 {
    u8::try_from(pages.trailing_zeros()).unwrap_or(0)
}

impl Store {
    /// Whether files of disks are kept in large folios.
    pub(crate) fn has_large_folios(&self) -> bool {
        self.config.large_folios
            && self.release() >= Release::new(6, 18)
            && self.frames.physical.is_none()
    }

    /// The blocks of these pages are dirty.
    pub(crate) fn dirty_blocks_of(&mut self, file: usize, page: u64, count: u64) {
        if self.has_large_folios() && self.files[file].kind == FileKind::Disk {
            let first = file_base(file) + page;
            self.dirty_blocks.add(first, first + count);
        }
    }

    /// `filemap_release_folio()`: whether a folio has no dirty blocks, and then is not dirty any more
    /// (`try_to_free_buffers()`).
    fn release_folio(&mut self, first: u64, len: u64) -> bool {
        let clean = !self.dirty_blocks.any(first, first + len);
        if clean {
            self.frames.update(first, len, |frame| frame.dirty = false);
        }
        clean
    }

    /// `__folio_split()`: of a folio that was just split, what lies behind the end of the file goes.
    fn drop_behind_end(&mut self, file: usize, first: u64, len: u64) {
        let base = file_base(file);
        let end = base + self.files[file].pages();
        let mut at = end.max(first);
        while at < first + len {
            let (folio, pages) = self.frames.folio(at);
            if folio >= end {
                self.drop_pages(file, folio - base, pages);
            }
            at = folio + pages;
        }
    }

    fn add_folio(&mut self, file: usize, page: u64, len: u64) {
        let frame = Frame { order: order_of(len), ..Frame::CACHE };
        self.frames.add(file_base(file) + page, len, frame);
    }

    /// `page_cache_ra_order()`: reads `first..end`, up to the first page that is there, in folios of this
    /// order, or smaller ones where the page's number or the end asks for them; the rest page by page.
    pub(crate) fn read_folios(&mut self, file: usize, first: u64, end: u64, order: u32) {
        if !self.has_large_folios() || self.files[file].kind != FileKind::Disk {
            return;
        }
        let mut page = first;
        while page < end {
            let mut len = 1 << order.min(MOST_ORDER).min(page.trailing_zeros());
            while page + len > end {
                len /= 2;
            }
            if self.uncached(file, page, len) < len {
                return;
            }
            self.add_folio(file, page, len);
            page += len;
        }
    }

    /// `write_begin_get_folio()`: what a `write` of `offset..end` puts into memory, in folios of up to its
    /// length.
    pub(crate) fn written_folios(&mut self, file: usize, offset: u64, end: u64) {
        if !self.has_large_folios() || self.files[file].kind != FileKind::Disk {
            return;
        }
        let most = PAGE << MOST_ORDER;
        let mut at = offset;
        while at < end {
            let page = at >> PAGE_BITS;
            if self.cached(file, page).is_none() {
                let bytes = (end - at).min(most - at % most);
                let order = bytes.ilog2().saturating_sub(PAGE_BITS).min(page.trailing_zeros());
                let mut len = 1 << order;
                while self.uncached(file, page, len) < len {
                    len /= 2;
                }
                self.add_folio(file, page, len);
            }
            let (first, len) = self.frames.folio(file_base(file) + page);
            at = (first + len - file_base(file)) << PAGE_BITS;
        }
    }

    /// The folios of which some goes and some stays, by their first frame, with their length.
    pub(crate) fn cut_by(&self, hole: &Hole) -> Vec<(u64, u64)> {
        let base = file_base(hole.file);
        let ends = [hole.start >> PAGE_BITS, hole.end.saturating_sub(1) >> PAGE_BITS];
        let mut cut: Vec<(u64, u64)> = ends
            .into_iter()
            .filter(|page| self.cached(hole.file, *page).is_some())
            .map(|page| self.frames.folio(base + page))
            .filter(|(_, len)| *len > 1)
            .filter(|(first, len)| {
                let from = (first - base) << PAGE_BITS;
                from < hole.start || from + (len << PAGE_BITS) > hole.end
            })
            .collect();
        cut.dedup();
        cut
    }

    /// `truncate_inode_partial_folio()` of what [`Store::cut_by`] found: a folio is split where the hole
    /// begins and ends, unless what is left of it is dirty, and it stays as a whole. Then what can go does.
    pub(crate) fn drop_hole(&mut self, hole: &Hole, cut: &[(u64, u64)]) {
        let base = file_base(hole.file);
        let mut from = hole.first;
        let end = hole.first.saturating_add(hole.count);
        self.dirty_blocks.take(base + from, base + end.clamp(from, MOST));
        for &(folio, len) in cut {
            if !self.release_folio(folio, len) {
                let first = folio - base;
                self.drop_pages(hole.file, from, first.saturating_sub(from));
                from = from.max(first + len);
                continue;
            }
            self.frames.split_around(folio.max(base + (hole.start >> PAGE_BITS)));
            if hole.end >> PAGE_BITS < folio - base + len {
                self.frames.split_around(base + (hole.end >> PAGE_BITS));
            }
            self.drop_behind_end(hole.file, folio, len);
        }
        self.drop_pages(hole.file, from, end.saturating_sub(from));
    }
}

impl Ctx<'_> {
    /// The pages of the folio that this page of a mapping shows, if they can all be mapped at once: they lie
    /// in the mapping and in one page table, and the file goes on for `behind` pages after them.
    pub(crate) fn folio_at(
        &self,
        at: u64,
        file: usize,
        page: u64,
        behind: u64,
    ) -> Option<(u64, u64)> {
        let vma = self.vma(at);
        let offset = vma.pgoff_at(page << PAGE_BITS);
        let frame = file_base(file) + offset;
        let (first, len) = self.store.frames.folio(frame);
        let start = page.checked_sub(frame - first)?;
        let end = start + len;
        let fits = start >= vma.start >> PAGE_BITS
            && end <= vma.end >> PAGE_BITS
            && start / HUGE == (end - 1) / HUGE
            && first + len - file_base(file) + behind <= self.store.files[file].pages();
        (len > 1 && fits).then_some((start, len))
    }

    /// `finish_fault()`: where a fault maps a page of a file, it maps the whole folio if nothing of it is
    /// mapped yet; otherwise the page, and of single pages as many as are asked for.
    pub(crate) fn finished_at(&self, at: u64, file: usize, page: u64, most: u64) -> (u64, u64) {
        let whole = self.folio_at(at, file, page, 0);
        let whole = whole.filter(|(start, len)| !self.mm.pages.any(*start, start + len));
        let frame = file_base(file) + self.vma(at).pgoff_at(page << PAGE_BITS);
        let single = self.store.frames.folio(frame).1 == 1;
        whole.unwrap_or((page, if single { most } else { 1 }))
    }

    /// What `MADV_COLD` and `MADV_PAGEOUT` do to folios first: those that these pages show only in part are
    /// split, and unmapped for that. They stay as they are where others map them, too, or they are dirty
    /// (`filemap_release_folio()`), and so do those that are mapped elsewhere as well: the first frames
    /// of these.
    pub(crate) fn split_file_folios(&mut self, first: u64, last: u64) -> BTreeSet<u64> {
        let mut parts: BTreeMap<(u64, u64), (u64, u64)> = BTreeMap::new();
        for (page, len, pte) in self.mm.pages.iter_within(first, last) {
            let mut at = 0;
            while pte.what == What::File && at < len {
                let frame = pte.frame + at;
                let (base, size) = self.store.frames.folio(frame);
                let count = (base + size - frame).min(len - at);
                if size > 1 {
                    let start = (page + at).wrapping_sub(frame - base);
                    parts.entry((base, start)).or_insert((0, size)).0 += count;
                }
                at += count;
            }
        }
        let mut held = BTreeSet::new();
        for ((base, _), (count, size)) in parts {
            let frames = self.store.frames.map.within(base, base + size);
            let maps: u64 = frames.iter().map(|(_, len, known)| len * u64::from(known.maps)).sum();
            if count == size {
                if maps != size {
                    held.insert(base);
                }
            } else if maps > self.entries_of_file(base, size)
                || !self.store.release_folio(base, size)
            {
                held.insert(base);
            } else if let Some((file, page)) = file_of(base) {
                self.unmap_unused(file, page, size);
                self.store.frames.update(base, size, |frame| frame.order = 0);
                self.store.drop_behind_end(file, base, size);
            }
        }
        held
    }

    /// How many entries of this address space are of these frames of a file.
    fn entries_of_file(&self, first: u64, count: u64) -> u64 {
        let end = self.mm.layout.task_size >> PAGE_BITS;
        let of_file = self.mm.pages.iter_within(0, end);
        let of_file = of_file.filter(|(_, _, pte)| pte.what == What::File);
        of_file
            .map(|(_, len, pte)| {
                (pte.frame + len).min(first + count).saturating_sub(pte.frame.max(first))
            })
            .sum()
    }
}
