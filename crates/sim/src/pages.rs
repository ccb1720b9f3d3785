//! Entries of page tables: putting them in, taking them out, splitting huge ones.

use crate::ctx::Ctx;
use crate::mm::Mm;
use crate::page::{HUGE, PAGE_BITS, Pte, What, page_of};
use crate::range_map::Run;
use crate::store::{Hole, Store};
use crate::unsynced::{SWAP, Unsynced, signed};
use crate::vm_flags::VmFlags;
use crate::vma::Vma;

/// Which entries a [`Ctx::zap_some`] takes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zap {
    /// All of them.
    All,
    /// All but guards.
    KeepGuards,
    /// Those of files, and not private copies (a hole was punched).
    CacheOnly,
    /// Guards only.
    Guards,
}

impl Ctx<'_> {
    /// Maps `count` pages at `page`; their frames already count it.
    pub(crate) fn put(&mut self, page: u64, count: u64, pte: Pte) {
        self.mm.tables.make(page << PAGE_BITS, (page + count) << PAGE_BITS);
        if let Some(kind) = pte.rss() {
            self.mm.rss[kind] += count;
            if pte.huge {
                for _ in 0..count / HUGE {
                    self.mm.unsynced.at_once(kind, signed(HUGE));
                }
            } else {
                self.mm.unsynced.fault(self.rest.process, kind, signed(count));
            }
        }
        self.mm.pages.set(page, count, pte);
        self.store.frames.pay_tables(self.mm);
        if self.store.droppable
            && pte.what == What::Anon
            && self.mm.at(page << PAGE_BITS).is_some_and(|vma| vma.has(VmFlags::DROPPABLE))
        {
            // `folio_add_new_anon_rmap()`: such pages need no place in swap.
            self.store.frames.update(pte.frame, count, |frame| frame.swapbacked = false);
        }
        if self.mm.locked_vm > 0
            && pte.counted()
            && self.mm.at(page << PAGE_BITS).is_some_and(|vma| vma.has(VmFlags::LOCKED))
            // `folio_add_file_rmap_ptes()` locks no large folio.
            && self.store.frames.folio(pte.frame).1 == 1
        {
            self.lock(count, &pte);
        }
    }

    /// What these entries map is locked in memory.
    pub(crate) fn lock(&mut self, count: u64, pte: &Pte) {
        if pte.huge {
            self.store.frames.lock(pte.frame, count);
        } else {
            self.store.frames.lock_mapped(pte.frame, count);
        }
    }

    /// Unmaps whatever is mapped at these pages.
    pub(crate) fn zap(&mut self, start: u64, end: u64) {
        self.zap_some(start, end, Zap::All);
    }

    /// Unmaps what is mapped at these pages and of that sort.
    pub(crate) fn zap_some(&mut self, start: u64, end: u64, which: Zap) {
        if !self.mm.pages.any(start, end) {
            return;
        }
        // `guard_remove_pmd_entry()`: there are none in huge pages.
        if which != Zap::Guards {
            self.mm.note_rss();
            self.mm.unsynced.sync(self.rest.process);
            self.split_huge_page(start);
            self.split_huge_page(end);
        }
        for (at, len, pte) in self.mm.pages.remove(start, end) {
            let goes = match which {
                Zap::All => true,
                Zap::KeepGuards => pte.what != What::Guard,
                Zap::CacheOnly => !matches!(pte.what, What::Anon | What::Swap | What::Guard),
                Zap::Guards => pte.what == What::Guard,
            };
            if !goes {
                self.mm.pages.insert(at, len, pte);
                continue;
            }
            if pte.what == What::Swap {
                self.mm.swapped -= len;
                gone(&mut self.mm.unsynced, SWAP, at, len);
                self.store.frames.unswap(pte.frame, len);
            }
            if pte.what == What::Hugetlb {
                self.store.let_go_of_huge(pte.frame, len);
            }
            if let Some(kind) = pte.rss() {
                self.mm.rss[kind] -= len;
                gone(&mut self.mm.unsynced, kind, at, len);
                self.note_accesses(at, &pte, len);
                if self.mm.at(at << PAGE_BITS).is_some_and(|vma| vma.has(VmFlags::LOCKED)) {
                    // `munlock_vma_folio()`: others that map it have it unlocked.
                    self.store.frames.unlock(pte.frame, len);
                }
                self.store.frames.unmap(pte.frame, len);
            }
            if pte.huge {
                self.mm.tables.reclaim(at << PAGE_BITS, (at + len) << PAGE_BITS);
            }
        }
    }

    /// What the entries of a file's pages, from `page` on, said of them goes to the pages.
    fn note_accesses(&mut self, page: u64, pte: &Pte, count: u64) {
        let mut done = 0;
        while pte.what != What::Anon && done < count {
            let (len, tells) = match self.mm.at((page + done) << PAGE_BITS) {
                Some(vma) => {
                    let left = (vma.end >> PAGE_BITS) - (page + done);
                    (left.min(count - done), self.store.tells_of_use(vma))
                }
                None => (count - done, true),
            };
            self.store.note_access(&pte.skip(done), len, tells);
            done += len;
        }
    }

    /// `split_huge_pmd()` of a huge page that this address lies inside of.
    pub(crate) fn split_huge(&mut self, address: u64) {
        self.split_huge_page(page_of(address));
    }

    /// As [`Ctx::split_huge`], of a page.
    pub(crate) fn split_huge_page(&mut self, page: u64) {
        if page.is_multiple_of(HUGE) {
            return;
        }
        if self.mm.pages.get(page).is_some_and(|(_, pte)| pte.huge) {
            self.flatten(page - page % HUGE);
        }
    }

    /// Turns the huge page at `first` into entries of single pages; of a file it is unmapped.
    /// What the entry said of writes, the page itself says now, too (`__split_huge_pmd_locked()`).
    pub(crate) fn flatten(&mut self, first: u64) {
        let locked = self.mm.at(first << PAGE_BITS).is_some_and(|vma| vma.has(VmFlags::LOCKED));
        for (at, len, pte) in self.mm.pages.remove(first, first + HUGE) {
            if pte.huge && pte.counted() && locked {
                // `folio_remove_rmap_pmd()`; nothing locks it again page by page.
                self.store.frames.unlock(pte.frame, len);
            }
            if pte.huge && pte.dirty && pte.what == What::Anon {
                self.store.frames.mark_dirty(pte.frame, len);
            }
            self.mm.pages.insert(at, len, Pte { huge: false, ..pte });
        }
    }

    /// `unmap_mapping_range()`.
    pub(crate) fn unmap_file(&mut self, hole: &Hole) {
        for (start, end) in mapped_at(self.store, self.mm, hole.file, hole.first, hole.count) {
            let which = if hole.cows { Zap::KeepGuards } else { Zap::CacheOnly };
            self.zap_some(start, end, which);
        }
    }

    /// Unmaps pages of a file wherever they are in this address space, without that being a use
    /// (`unmap_folio()`, `try_to_unmap()`).
    pub(crate) fn unmap_unused(&mut self, file: usize, first: u64, count: u64) {
        for (start, end) in mapped_at(self.store, self.mm, file, first, count) {
            self.mm.pages.update(start, end, |_, pte| {
                pte.young &= pte.what != What::File;
            });
            self.zap_some(start, end, Zap::CacheOnly);
        }
    }

    /// `folio_mkclean()`: a write to a page that was written back is noticed again.
    pub(crate) fn clean_file(&mut self, file: usize, first: u64, count: u64) {
        clean_mapped(self.store, self.mm, file, first, count);
    }
}

impl Store {
    /// `vma_has_recency()`: whether what was used in a mapping counts as used when it is unmapped.
    fn tells_of_use(&self, vma: &Vma) -> bool {
        let since = self.rules.knows_recency;
        let reused = !vma.open_file().is_some_and(|open| self.opens[open].no_reuse);
        !vma.has(VmFlags::SEQ_READ) && (!since || (!vma.has(VmFlags::RAND_READ) && reused))
    }

    fn note_access(&mut self, pte: &Pte, count: u64, tells: bool) {
        if pte.dirty {
            self.frames.mark_dirty(pte.frame, count);
        }
        if pte.young && tells {
            self.frames.accessed(pte.frame, count);
        }
    }

    /// What the entries of a memory that ends said of pages of files goes to the pages.
    pub(crate) fn note_last_accesses(&mut self, mm: &Mm) {
        for vma in mm.vmas.values() {
            let tells = self.tells_of_use(vma);
            let (first, last) = (vma.start >> PAGE_BITS, vma.end >> PAGE_BITS);
            for (_, len, pte) in mm.pages.iter_within(first, last) {
                if pte.counted() && pte.what != What::Anon {
                    self.note_access(&pte, len, tells);
                }
            }
        }
    }
}

/// `add_mm_rss_vec()` after each page table, as `zap_pte_range()` calls it.
fn gone(unsynced: &mut Unsynced, kind: usize, first: u64, count: u64) {
    by_table(first, count, |pages| unsynced.at_once(kind, -signed(pages)));
}

/// Does something with how many of these pages each page table has.
pub(crate) fn by_table(first: u64, count: u64, mut with: impl FnMut(u64)) {
    let (mut page, end) = (first, first + count);
    while page < end {
        let next = (page - page % HUGE + HUGE).min(end);
        with(next - page);
        page = next;
    }
}

/// Every range of pages of an address space that maps pages `first..first + count` of a file.
fn mapped_at(store: &Store, mm: &Mm, file: usize, first: u64, count: u64) -> Vec<(u64, u64)> {
    let last = first.saturating_add(count);
    let of_file = |open: usize| store.opens[open].file == file;
    mm.vmas
        .values()
        .filter(|vma| vma.open_file().is_some_and(of_file))
        .filter_map(|vma| {
            let from = first.max(vma.pgoff);
            let to = last.min(vma.pgoff + vma.pages());
            let start = vma.start >> PAGE_BITS;
            (from < to).then(|| (start + from - vma.pgoff, start + to - vma.pgoff))
        })
        .collect()
}

/// [`Ctx::clean_file`] of any address space.
pub(crate) fn clean_mapped(store: &Store, mm: &mut Mm, file: usize, first: u64, count: u64) {
    if store.files[file].is_shmem() {
        return;
    }
    for (start, end) in mapped_at(store, mm, file, first, count) {
        mm.pages.update(start, end, |_, pte| {
            if pte.what == What::File && (pte.dirty || pte.writable) {
                pte.dirty = false;
                pte.writable = false;
            }
        });
    }
}
