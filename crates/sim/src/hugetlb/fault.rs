//! Faults on huge pages of the pool: `hugetlb_fault()`.

use crate::ctx::Ctx;
use crate::fault::{Refusal, Step};
use crate::page::{HUGE, PAGE_BITS, Pte, What};
use crate::vm_flags::VmFlags;

impl Ctx<'_> {
    /// A fault on `page` of a mapping of huge pages: up to the end of that huge page.
    pub(crate) fn huge_pool_fault(
        &mut self,
        at: u64,
        page: u64,
        most: u64,
        write: bool,
    ) -> Result<Step, Refusal> {
        let first = page - page % HUGE;
        let step = Step::minor(most.min(first + HUGE - page), 1);
        match self.mm.pages.get(first) {
            Some((_, pte)) if write && !pte.writable => self.huge_pool_write(at, first, pte)?,
            Some(_) => {}
            None => self.huge_pool_new(at, first, write)?,
        }
        Ok(step)
    }

    /// `hugetlb_no_page()`.
    fn huge_pool_new(&mut self, at: u64, first: u64, write: bool) -> Result<(), Refusal> {
        let vma = self.vma(at).clone();
        let Some((file, start, _)) = super::map::places(self.store, &vma) else {
            return Err(Refusal::Bus);
        };
        let place = start + (first - (vma.start >> PAGE_BITS)) / HUGE;
        if place * HUGE >= self.store.files[file].pages() {
            return Err(Refusal::Bus);
        }
        let shared = vma.has(VmFlags::MAYSHARE);
        let cached =
            self.store.pool.files.get(&file).and_then(|known| known.pages.get(&place)).copied();
        let frame = if let Some(page) = cached.filter(|_| shared) {
            self.store.hold_huge(page, HUGE);
            page
        } else {
            let mm = self.rest.mm;
            let known = self.store.pool.files.get_mut(&file);
            let promised = known.is_some_and(|known| {
                known.owner.is_none_or(|owner| owner == mm)
                    && known.reserved.take(place, place + 1) > 0
            });
            let page = self.take_huge(promised).ok_or(Refusal::Bus)?;
            if shared {
                self.store.hold_huge(page, HUGE);
                if let Some(known) = self.store.pool.files.get_mut(&file) {
                    known.pages.insert(place, page);
                }
            } else {
                self.prepare_anon(at);
            }
            page
        };
        let writable = vma.has(VmFlags::WRITE) && (write || shared);
        let pte =
            Pte { what: What::Hugetlb, frame, writable, dirty: write, young: true, huge: false };
        let address = first << PAGE_BITS;
        self.mm.tables.make_top(address);
        self.mm.tables.make_upper(address);
        self.mm.pages.set(first, HUGE, pte);
        self.store.frames.pay_tables(self.mm);
        Ok(())
    }

    /// `hugetlb_wp()`: the only user may write to the page, any other gets a copy.
    fn huge_pool_write(&mut self, at: u64, first: u64, pte: Pte) -> Result<(), Refusal> {
        let shared = self.vma(at).has(VmFlags::MAYSHARE);
        let frame = if shared || self.store.pool.users(pte.frame) == 1 {
            pte.frame
        } else {
            let page = self.take_huge(false).ok_or(Refusal::Bus)?;
            self.store.let_go_of_huge(pte.frame, HUGE);
            page
        };
        let pte = Pte { frame, writable: true, dirty: true, young: true, ..pte };
        self.mm.pages.set(first, HUGE, pte);
        Ok(())
    }
}
