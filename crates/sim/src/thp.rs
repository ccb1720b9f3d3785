//! Huge pages of anonymous memory.
//!
//! `do_huge_pmd_anonymous_page()` and `do_huge_pmd_wp_page()` in `mm/huge_memory.c`,
//! `__thp_vma_allowable_orders()`, of 6.18.

use crate::config::Huge;
use crate::ctx::Ctx;
use crate::fault::{Refusal, Step, huge_start};
use crate::page::{HUGE, HUGE_BYTES, PAGE_BITS, Pte, What};
use crate::physical::{For, NoMemory};
use crate::vm_flags::VmFlags;
use crate::vma::Vma;

/// `thp_vma_suitable_order()` as `__thp_vma_allowable_orders()` asks it: an aligned huge page fits at
/// the end of the mapping. Below 2 MiB the kernel's sum wraps around and says yes.
pub(crate) fn fits_at_end(vma: &Vma) -> bool {
    let aligned = ((vma.start >> PAGE_BITS).wrapping_sub(vma.pgoff)).is_multiple_of(HUGE);
    if !vma.is_anonymous() && !aligned {
        return false;
    }
    let last = vma.end.wrapping_sub(HUGE_BYTES) & !(HUGE_BYTES - 1);
    last >= vma.start && last.wrapping_add(HUGE_BYTES) <= vma.end
}

impl Ctx<'_> {
    /// Whether this mapping may get huge pages when it is touched.
    pub(crate) fn huge_allowed(&self, at: u64) -> bool {
        let vma = self.vma(at);
        if !vma.is_anonymous() || vma.flags.any(VmFlags::NOHUGEPAGE) {
            return false;
        }
        match self.store.config.huge {
            Huge::Never => false,
            Huge::Madvise => vma.has(VmFlags::HUGEPAGE),
            Huge::Always => true,
        }
    }

    fn huge_fits(&self, at: u64, first: u64) -> bool {
        let vma = self.vma(at);
        first >= vma.start >> PAGE_BITS
            && first + HUGE <= vma.end >> PAGE_BITS
            && !self.mm.tables.has_lowest(first << PAGE_BITS)
    }

    /// The first page above `page` from which a huge page could be made in this mapping.
    pub(crate) fn next_huge_place(&self, at: u64, page: u64) -> Option<u64> {
        if !self.huge_allowed(at) {
            return None;
        }
        let mut first = huge_start(page) + HUGE;
        let end = self.vma(at).end >> PAGE_BITS;
        while first + HUGE <= end {
            if self.huge_fits(at, first) {
                return Some(first);
            }
            first += HUGE;
        }
        None
    }

    /// Makes huge pages, if the page lies where one fits.
    pub(crate) fn huge_fault(
        &mut self,
        at: u64,
        page: u64,
        hole: u64,
        write: bool,
    ) -> Result<Option<Step>, Refusal> {
        let first = huge_start(page);
        if !self.huge_allowed(at) || !self.huge_fits(at, first) {
            return Ok(None);
        }
        let reach = page - first + hole;
        let end = (self.vma(at).end >> PAGE_BITS).min(first + reach.next_multiple_of(HUGE));
        let mut count = 1;
        while first + (count + 1) * HUGE <= end && self.huge_fits(at, first + count * HUGE) {
            count += 1;
        }
        let count = self.at_once(first, count * HUGE).max(HUGE) / HUGE;
        self.prepare_anon(at);
        let pages = |count: u64| (count * HUGE - (page - first)).min(hole);
        if !write && self.store.config.huge_zero_page {
            let pte = Pte {
                what: What::Zero,
                frame: 0,
                writable: false,
                dirty: false,
                young: true,
                huge: true,
            };
            self.put(first, count * HUGE, pte);
            return Ok(Some(Step::minor(pages(count), count)));
        }
        let grant = match self.allocate(count * HUGE, For::Huge) {
            Ok(grant) => grant,
            Err(NoMemory::Failed) => return Ok(None),
            Err(dying @ NoMemory::Dying) => return Err(dying.into()),
        };
        let count = grant.pages / HUGE;
        if let Err(none) = self.make_tables(first, count * HUGE) {
            self.store.frames.give_back(grant);
            return Err(none.into());
        }
        let frame = self.store.frames.anonymous(count * HUGE, true, grant, (self.rest.mm, first));
        let writable = self.vma(at).has(VmFlags::WRITE);
        let pte = Pte { what: What::Anon, frame, writable, dirty: true, young: true, huge: true };
        self.put(first, count * HUGE, pte);
        Ok(Some(Step::minor(pages(count), count)))
    }

    /// A write to a huge page that may not be written to yet.
    pub(crate) fn huge_write(
        &mut self,
        at: u64,
        page: u64,
        most: u64,
        pte: Pte,
    ) -> Result<Step, Refusal> {
        let first = huge_start(page);
        let pages = (first + HUGE - page).min(most);
        if pte.what == What::Zero {
            self.prepare_anon(at);
            let grant = match self.allocate(HUGE, For::Huge) {
                Ok(grant) => grant,
                Err(NoMemory::Failed) => {
                    // Only this page gets memory.
                    self.flatten(first);
                    return self.copy(at, page, 1, Pte { huge: false, ..pte });
                }
                Err(dying @ NoMemory::Dying) => return Err(dying.into()),
            };
            let frame = self.store.frames.anonymous(HUGE, true, grant, (self.rest.mm, first));
            let new =
                Pte { what: What::Anon, frame, writable: true, dirty: true, young: true, ..pte };
            self.put(first, HUGE, new);
            return Ok(Step::minor(pages, 1));
        }
        let frame = pte.frame - (page - first);
        let whole = self.store.frames.map.get(frame);
        if whole.is_some_and(|(len, known)| len >= HUGE && (known.exclusive || known.maps == 1)) {
            self.store.frames.update(frame, HUGE, |frame| frame.exclusive = true);
            self.mm.pages.update(first, first + HUGE, |_, pte| {
                pte.writable = true;
                pte.dirty = true;
            });
            // A processor drops the entry of the address that faulted; where memory of a virtual machine
            // is mapped page by page it has others of the same huge page.
            self.task.stale += HUGE - 1;
            return Ok(Step::minor(pages, 1));
        }
        // Shared with another process: split, and only this page is copied.
        self.flatten(first);
        self.copy(at, page, 1, Pte { huge: false, ..pte })
    }
}
