//! Moving entries and whole page tables to other addresses.
//!
//! `move_page_tables()` in `mm/mremap.c`, 6.18: tables move whole where both ends are aligned to
//! them, and huge pages move where both are aligned to those.

use crate::ctx::Ctx;
use crate::page::{HUGE_BYTES, PAGE_BITS, What, page_of};

const PUD: u64 = 1 << 30;

impl Ctx<'_> {
    /// Moves what is mapped in `old..old + len` to `new`; the mappings start at `old_vma` and
    /// `new_vma`.
    pub(crate) fn move_pages(&mut self, old: u64, new: u64, len: u64, old_vma: u64, new_vma: u64) {
        let end = old + len;
        let (mut from, mut to) = (old, new);
        if self.realigns(old, new, len, old_vma, new_vma) {
            from -= from % HUGE_BYTES;
            to -= to % HUGE_BYTES;
        }
        while from < end {
            let mut extent = extent(from, to, end, PUD);
            if !self.mm.tables.has_upper(from) {
                from += extent;
                to += extent;
                continue;
            }
            self.mm.tables.make_top(to);
            if extent == PUD && !self.mm.tables.has_upper(to) && self.mm.tables.has_levels() {
                self.mm.tables.move_upper(from, to);
                from += extent;
                to += extent;
                continue;
            }
            extent = self::extent(from, to, end, HUGE_BYTES);
            if self.mm.tables.has_lowest(from) {
                self.mm.tables.make_upper(to);
                let huge = self.mm.pages.get(page_of(from)).is_some_and(|(_, pte)| pte.huge);
                let whole = extent == HUGE_BYTES && !self.mm.tables.has_lowest(to);
                if whole {
                    self.mm.tables.move_lowest(from, to);
                } else {
                    if huge {
                        self.flatten(crate::fault::huge_start(page_of(from)));
                    }
                    self.mm.tables.make(to, to + 1);
                }
            }
            from += extent;
            to += extent;
        }
        let (first, last) = (old >> PAGE_BITS, end >> PAGE_BITS);
        let target = new >> PAGE_BITS;
        for (page, count, pte) in self.mm.pages.remove(first, last) {
            self.mm.pages.insert(page - first + target, count, pte);
            if pte.what == What::Anon {
                self.store.frames.rehome(pte.frame, count, self.rest.mm, page - first + target);
            }
        }
    }

    /// `can_realign_addr()`: the first table may move whole though only its end is moved, since
    /// nothing else is in it.
    fn realigns(&self, old: u64, new: u64, len: u64, old_vma: u64, new_vma: u64) -> bool {
        let by = old % HUGE_BYTES;
        by != 0
            && len >= HUGE_BYTES - by
            && by == new % HUGE_BYTES
            && old_vma == old
            && new_vma == new
            && self.mm.intersection(old - by, old).is_none()
            && self.mm.intersection(new - by, new).is_none()
    }
}

/// `get_extent()`.
fn extent(from: u64, to: u64, end: u64, size: u64) -> u64 {
    (size - from % size).min(end - from).min(size - to % size)
}
