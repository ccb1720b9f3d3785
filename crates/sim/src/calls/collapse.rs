//! `MADV_COLLAPSE`: `madvise_collapse()` in `mm/khugepaged.c`, 6.18, of anonymous memory.

use world::Errno;

use crate::ctx::{Answer, Ctx};
use crate::page::{HUGE, HUGE_BYTES, PAGE_BITS, Pte, What};
use crate::physical::For;
use crate::thp::fits_at_end;
use crate::vm_flags::VmFlags;

/// What came of a block of 2 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// It is a huge page.
    Huge,
    /// It is none, and the next one is looked at.
    Passed,
    /// It is none, and the call ends.
    Failed(Errno),
}

impl Ctx<'_> {
    /// Makes huge pages of what is there.
    pub(crate) fn advise_collapse(&mut self, at: u64, start: u64, end: u64) -> Answer<()> {
        let vma = self.vma(at);
        let forbidden = VmFlags::NOHUGEPAGE.with(VmFlags::SPECIAL);
        if !fits_at_end(vma) || vma.flags.any(forbidden) {
            return Err(Errno::EINVAL);
        }
        // `file_thp_enabled()` is false without `CONFIG_READ_ONLY_THP_FOR_FS`.
        let shmem = vma.open_file().is_some_and(|open| self.store.file(open).is_shmem());
        if !shmem && (!vma.is_anonymous() || vma.chain.own.is_none()) {
            return Err(Errno::EINVAL);
        }
        let first = start.next_multiple_of(HUGE_BYTES);
        let last = end - end % HUGE_BYTES;
        if first > last {
            return Err(Errno::EINVAL);
        }
        // Pages of shared memory are not collapsed here, see DIVERGENCES.md.
        if shmem && first < last {
            return Err(Errno::EINVAL);
        }
        let mut failed = false;
        for block in (first..last).step_by(2 << 20) {
            match self.collapse(at, block) {
                Scan::Huge => {}
                Scan::Passed => failed = true,
                Scan::Failed(error) => return Err(error),
            }
        }
        if failed { Err(Errno::EINVAL) } else { Ok(()) }
    }

    fn collapse(&mut self, at: u64, block: u64) -> Scan {
        let first = block >> PAGE_BITS;
        if !self.mm.tables.has_lowest(block) {
            // An entry that is empty ends the call, one whose table does not exist does not.
            let ends = self.mm.tables.has_upper(block) && !self.store.rules.collapses_past_nothing;
            return if ends { Scan::Failed(Errno::EINVAL) } else { Scan::Passed };
        }
        let runs = self.mm.pages.within(first, first + HUGE);
        if runs.first().is_some_and(|(_, _, pte)| pte.huge) {
            return Scan::Huge;
        }
        let Ok(grant) = self.allocate(HUGE, For::Huge) else {
            return Scan::Failed(Errno::ENOMEM);
        };
        if runs.iter().any(|(_, _, pte)| pte.what == What::Guard) {
            // It is taken for something to read from swap (`__collapse_huge_page_swapin()`).
            self.store.frames.give_back(grant);
            return Scan::Failed(Errno::EINVAL);
        }
        let frame = self.store.frames.anonymous(HUGE, true, grant, (self.rest.mm, first));
        for (page, len, pte) in runs {
            if pte.what == What::Anon {
                self.copy_written(pte.frame, frame + (page - first), len);
            }
        }
        // `__collapse_huge_page_copy_succeeded()` does not look for a new peak.
        let peak = self.mm.hiwater_rss;
        self.zap(first, first + HUGE);
        self.mm.hiwater_rss = peak;
        let writable = self.vma(at).has(VmFlags::WRITE);
        let pte = Pte { what: What::Anon, frame, writable, dirty: true, young: true, huge: true };
        self.put(first, HUGE, pte);
        Scan::Huge
    }
}
