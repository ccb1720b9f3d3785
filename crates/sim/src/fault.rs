//! Accesses to memory, and the faults they take.
//!
//! # What it follows
//! `handle_mm_fault()` and below in `mm/memory.c`, `do_user_addr_fault()` in `arch/x86/mm/fault.c`,
//! `expand_downwards()` in `mm/vma.c`, of 6.18. A run of pages in one state is faulted in at once;
//! the faults are counted as the kernel takes them, one by one.

use rules::layout::Arch;
use world::{Access as How, Fault};

use crate::ctx::{Access, Ctx};
use crate::page::{HUGE, PAGE, PAGE_BITS, Pte, What};
use crate::physical::{For, NoMemory};
use crate::unsynced::signed;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Special};

/// `SIGSEGV`.
const SEGV: u8 = 11;
/// `SIGBUS`.
const BUS: u8 = 7;
/// `SIGKILL`.
pub(crate) const KILL: u8 = 9;
/// `SEGV_MAPERR`.
const MAPERR: i32 = 1;
/// `SEGV_ACCERR`.
const ACCERR: i32 = 2;
/// `BUS_ADRERR`.
const ADRERR: i32 = 2;
/// `SI_KERNEL`.
const KERNEL: i32 = 128;

/// How far pages came: how many, and what stopped the next one.
pub(crate) type Progress = (u64, Option<Fault>);

/// What a run of faults did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Pages that can be accessed now.
    pub(crate) pages: u64,
    /// Faults that were counted.
    pub(crate) faults: u64,
    /// Whether they waited for a disk.
    pub(crate) major: bool,
}

impl Step {
    pub(crate) fn minor(pages: u64, faults: u64) -> Step {
        Step { pages, faults, major: false }
    }
}

/// Why a page cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing is mapped there, or a guard.
    Map,
    /// What is mapped there may not be accessed like that.
    Protection,
    /// Beyond the end of the file, or no room.
    Bus,
    /// The process has been killed for lack of memory.
    Killed,
}

impl From<NoMemory> for Refusal {
    fn from(none: NoMemory) -> Refusal {
        match none {
            NoMemory::Dying => Refusal::Killed,
            NoMemory::Failed => Refusal::Bus,
        }
    }
}

impl Ctx<'_> {
    /// Accesses `count` pages from the one that holds `address`, at the same place in each.
    pub(crate) fn access(&mut self, address: u64, count: u64, how: How) -> Progress {
        let mut done = 0;
        while done < count {
            let Some(at) = done.checked_mul(PAGE).and_then(|by| address.checked_add(by)) else {
                break;
            };
            match self.access_some(at, count - done, how) {
                Ok(pages) => {
                    if how == How::Write {
                        self.note_written(at >> PAGE_BITS, pages);
                    }
                    done += pages;
                }
                Err(fault) => return (done, Some(fault)),
            }
        }
        if how == How::Write {
            self.balance_dirty();
        }
        (done, None)
    }

    fn access_some(&mut self, address: u64, count: u64, how: How) -> Access<u64> {
        self.check_address(address)?;
        let at = self.vma_for(address)?;
        let vma = self.vma(at);
        let signal = |refusal| match refusal {
            Refusal::Map => Fault { signal: SEGV, code: MAPERR, address },
            Refusal::Protection => Fault { signal: SEGV, code: ACCERR, address },
            Refusal::Bus => Fault { signal: BUS, code: ADRERR, address },
            Refusal::Killed => Fault { signal: KILL, code: KERNEL, address: 0 },
        };
        let page = address >> PAGE_BITS;
        let most = count.min((vma.end >> PAGE_BITS) - page);
        let present = self.mm.pages.get(page);
        let flags = vma.flags;
        let allowed = match how {
            How::Write => flags.has(VmFlags::WRITE),
            How::Read => flags.any(VmFlags::ACCESS),
            // Whether it may be executed is seen only once the page is there.
            How::Execute if present.is_none_or(|(_, pte)| !pte.present()) => {
                flags.any(VmFlags::ACCESS)
            }
            How::Execute => flags.has(VmFlags::EXEC),
        };
        if !allowed {
            return Err(signal(Refusal::Protection));
        }
        if let Some((len, pte)) = present
            && pte.present()
            && (how != How::Write || pte.writable)
        {
            let pages = len.min(most);
            self.mark(page, pages, pte, how == How::Write);
            return Ok(pages);
        }
        let one_by_one = how == How::Execute && !flags.has(VmFlags::EXEC);
        let most = if one_by_one { 1 } else { most };
        let step = self.try_fault(at, page, most, how == How::Write).map_err(signal)?;
        self.count_faults(step);
        if one_by_one {
            return Err(signal(Refusal::Protection));
        }
        if how == How::Write || step.pages > 0 {
            let pages = step.pages;
            self.mark_all(page, pages, how == How::Write);
        }
        Ok(step.pages)
    }

    pub(crate) fn count_faults(&mut self, step: Step) {
        let vm = &mut self.store.frames.memcgs.get_mut(self.mm.memcg).vm;
        vm.fault += step.faults;
        vm.major_fault += if step.major { step.faults } else { 0 };
        if step.major {
            self.task.maj_flt += step.faults;
        } else {
            self.task.min_flt += step.faults;
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.count("pgfault", step.faults);
            physical.count("pgmajfault", if step.major { step.faults } else { 0 });
        }
    }

    /// Addresses that no mapping can have.
    fn check_address(&self, address: u64) -> Access {
        if address < self.mm.layout.task_size {
            return Ok(());
        }
        let canonical = !(1 << 47..u64::MAX << 47).contains(&address);
        if self.store.config.arch == Arch::X86_64 && !canonical {
            return Err(Fault { signal: SEGV, code: KERNEL, address: 0 });
        }
        Err(Fault { signal: SEGV, code: MAPERR, address })
    }

    /// The mapping that holds an address; a stack above it grows (`lock_mm_and_find_vma()`).
    fn vma_for(&mut self, address: u64) -> Access<u64> {
        let none = Fault { signal: SEGV, code: MAPERR, address };
        let vma = self.mm.find(address).ok_or(none)?;
        if vma.start <= address {
            return Ok(vma.start);
        }
        let at = vma.start;
        if !vma.has(VmFlags::GROWSDOWN) {
            return Err(none);
        }
        self.expand_down(at, address).ok_or(none)
    }

    /// `expand_downwards()`; the new start.
    fn expand_down(&mut self, at: u64, address: u64) -> Option<u64> {
        let address = address & !(PAGE - 1);
        let config = &self.store.config;
        if address < config.lowest_address() {
            return None;
        }
        let gap = config.stack_guard_gap * PAGE;
        if let Some(before) = self.mm.before(at)
            && self.store.placement.guard_gap
            && !before.has(VmFlags::GROWSDOWN)
            && before.accessible()
            && address - before.end < gap
        {
            return None;
        }
        self.prepare_anon(at);
        let vma = self.vma(at);
        let (flags, end) = (vma.flags, vma.end);
        let (size, grow) = (end - address, (at - address) >> PAGE_BITS);
        if grow > vma.pgoff
            || !self.may_expand(flags, grow)
            || size > self.task.limits.stack.0
            || !self.may_lock(flags, grow << PAGE_BITS)
            || self.promise(grow).is_err()
        {
            return None;
        }
        if flags.has(VmFlags::LOCKED) {
            self.mm.locked_vm += grow;
        }
        self.mm.account(flags, grow, true);
        self.reshape(at, address, end);
        self.mm.holes.take(address, at);
        Some(address)
    }

    /// What the processor notes in entries that need no fault; a huge page has one.
    pub(crate) fn mark(&mut self, page: u64, count: u64, pte: Pte, write: bool) {
        if pte.young && (pte.dirty || !write) {
            return;
        }
        let (mut start, mut end) = (page, page + count);
        if pte.huge {
            (start, end) = (huge_start(page), end.next_multiple_of(HUGE));
        }
        self.mm.pages.update(start, end, |_, pte| {
            pte.young = true;
            pte.dirty |= write;
        });
    }

    fn mark_all(&mut self, page: u64, count: u64, write: bool) {
        let plain = self.mm.pages.iter_within(page, page + count);
        let mut unmarked = plain.filter(|(_, _, pte)| !pte.young || (write && !pte.dirty));
        if unmarked.next().is_none() {
            return;
        }
        drop(unmarked);
        self.mm.pages.update(page, page + count, |_, pte| {
            pte.young = true;
            pte.dirty |= write;
        });
    }

    /// As [`Ctx::fault`]; upper page tables are made before anything can fail.
    fn try_fault(&mut self, at: u64, page: u64, most: u64, write: bool) -> Result<Step, Refusal> {
        let task = self.rest.process;
        self.mm.unsynced.begin(task);
        let result = self.fault(at, page, most, write);
        self.mm.unsynced.took(task, result.as_ref().map_or(1, |step| step.faults));
        if result.is_err() {
            self.mm.tables.make_top(page << PAGE_BITS);
            self.mm.tables.make_upper(page << PAGE_BITS);
        }
        result
    }

    /// Faults in up to `most` pages from `page` on, all of the mapping at `at`, as one access after
    /// the other would.
    pub(crate) fn fault(
        &mut self,
        at: u64,
        page: u64,
        most: u64,
        write: bool,
    ) -> Result<Step, Refusal> {
        if self.vma(at).has(VmFlags::HUGETLB) {
            return self.huge_pool_fault(at, page, most, write);
        }
        self.enter_fault(at);
        self.fault_is_at(at, page);
        let step = match self.mm.pages.get(page) {
            Some((_, Pte { what: What::Guard, .. })) => Err(Refusal::Map),
            Some((_, pte)) if pte.what == What::Swap => self.swap_in(at, page, most, pte, write),
            Some((len, pte)) if write => self.write_protected(at, page, len.min(most), pte),
            Some((len, _)) => Ok(Step::minor(len.min(most), 1)),
            None => {
                let next = self.mm.pages.next_used(page).unwrap_or(u64::MAX);
                let hole = most.min(next - page);
                match self.vma(at).backing {
                    Backing::Anon => self.anonymous(at, page, hole, write),
                    Backing::File(open) => self.file_fault(at, open, page, hole, write),
                    Backing::Special(special) => self.special(at, special, page),
                }
            }
        };
        self.leave_fault();
        self.fault_is_done();
        step
    }

    /// `do_anonymous_page()`, and `do_huge_pmd_anonymous_page()` where a huge page fits.
    fn anonymous(&mut self, at: u64, page: u64, hole: u64, write: bool) -> Result<Step, Refusal> {
        if let Some(step) = self.huge_fault(at, page, hole, write)? {
            return Ok(step);
        }
        // Up to the next place where a huge page would fit.
        let hole = match self.next_huge_place(at, page) {
            Some(next) => hole.min(next - page),
            None => hole,
        };
        let hole = self.at_once(page, hole);
        self.make_tables(page, hole)?;
        if !write && self.store.rules.zero_page {
            let pte = Pte { what: What::Zero, ..Pte::BLANK };
            self.put(page, hole, pte);
            return Ok(Step::minor(hole, hole));
        }
        self.prepare_anon(at);
        let grant = self.allocate(hole, For::User)?;
        let hole = grant.pages;
        let frame = self.store.frames.anonymous(hole, false, grant, (self.rest.mm, page));
        let writable = self.vma(at).has(VmFlags::WRITE);
        let pte =
            Pte { what: What::Anon, frame, writable, dirty: writable, young: true, huge: false };
        self.put(page, hole, pte);
        Ok(Step::minor(hole, hole))
    }

    /// `special_mapping_fault()` and `vvar_fault()`: a page of the kernel's.
    fn special(&mut self, at: u64, special: Special, page: u64) -> Result<Step, Refusal> {
        let plain = Pte { what: What::Special, ..Pte::BLANK };
        let vma = self.vma(at);
        let index = vma.pgoff_at(page << PAGE_BITS);
        let readable = match special {
            Special::Vvar => self.store.config.vvar_pages,
            Special::VvarClock => self.store.config.vclock_pages,
            Special::Vdso => u64::MAX,
        };
        if index > 63 || readable >> index & 1 == 0 {
            return Err(Refusal::Bus);
        }
        if special == Special::Vdso {
            let frame = self.store.vdso_frame(index);
            self.put(page, 1, Pte { what: What::File, frame, ..plain });
        } else {
            self.put(page, 1, plain);
        }
        Ok(Step::minor(1, 1))
    }

    /// `do_wp_page()`: a write to what is mapped and may not be written to yet.
    fn write_protected(
        &mut self,
        at: u64,
        page: u64,
        most: u64,
        pte: Pte,
    ) -> Result<Step, Refusal> {
        let vma = self.vma(at);
        if vma.has(VmFlags::SHARED) {
            return Ok(self.shared_write(page, most, pte));
        }
        if pte.huge {
            return self.huge_write(at, page, most, pte);
        }
        if pte.what == What::Anon {
            let Some((len, frame)) = self.store.frames.map.get(pte.frame) else {
                return Err(Refusal::Bus);
            };
            let own = self.store.ksm.until_stable(pte.frame);
            if own == 0 {
                // Copied even for the last one that maps it.
                return self.copy(at, page, 1, pte);
            }
            let count = most.min(len).min(own);
            // `__wp_can_reuse_large_anon_folio()`: nobody else may map any page of a huge one.
            let alone = frame.maps == 1 && !(frame.large && self.store.frames.shares(pte.frame));
            if (frame.exclusive || alone) && !self.store.frames.shared_in_swap(pte.frame) {
                self.store.frames.leave_swap(pte.frame, count);
                self.store.frames.update(pte.frame, count, |frame| frame.exclusive = true);
                self.mm.pages.update(page, page + count, |_, pte| {
                    pte.writable = true;
                    pte.dirty = true;
                    pte.young = true;
                });
                return Ok(Step::minor(count, count));
            }
            return self.copy(at, page, count, pte);
        }
        self.copy(at, page, most, pte)
    }

    /// `wp_page_copy()`: pages of the process's own in place of what was mapped.
    pub(crate) fn copy(
        &mut self,
        at: u64,
        page: u64,
        count: u64,
        old: Pte,
    ) -> Result<Step, Refusal> {
        self.prepare_anon(at);
        let grant = self.allocate(count, For::User)?;
        let count = grant.pages;
        let same = self.mm.pages.get(page).is_some_and(|(len, pte)| pte == old && len >= count);
        if !same {
            // What was to be copied has been taken away meanwhile.
            self.store.frames.give_back(grant);
            return Ok(Step::minor(0, 0));
        }
        let frame = self.store.frames.anonymous(count, false, grant, (self.rest.mm, page));
        if old.what == What::Anon {
            self.store.contents.copy(old.frame, frame, count);
            self.copy_written(old.frame, frame, count);
        }
        if let Some(kind) = old.rss() {
            self.mm.rss[kind] -= count;
            self.mm.unsynced.fault(self.rest.process, kind, -signed(count));
            if self.vma(at).has(VmFlags::LOCKED) {
                // `munlock_vma_folio()`, as wherever an entry goes.
                self.store.frames.unlock(old.frame, count);
            }
            self.store.frames.unmap(old.frame, count);
        }
        let pte =
            Pte { what: What::Anon, frame, writable: true, dirty: true, young: true, huge: false };
        self.put(page, count, pte);
        Ok(Step::minor(count, count))
    }

    /// `mm_populate()` of what is mapped in `start..end`; what cannot be had is left out.
    pub(crate) fn populate(&mut self, start: u64, end: u64) {
        for at in self.mm.starts(start, end) {
            let vma = self.vma(at);
            let (from, to) = (vma.start.max(start), vma.end.min(end));
            if vma.flags.any(VmFlags::IO.with(VmFlags::PFNMAP)) {
                continue;
            }
            self.populate_vma(at, from, to, false);
        }
    }

    /// `populate_vma_page_range()`; false when it had to stop. `waits` as in [`Ctx::fault_in`].
    pub(crate) fn populate_vma(&mut self, at: u64, start: u64, end: u64, waits: bool) -> bool {
        let flags = self.vma(at).flags;
        if flags.has(VmFlags::LOCKONFAULT) {
            return true;
        }
        if !flags.any(VmFlags::ACCESS) {
            return false;
        }
        let write = flags.has(VmFlags::WRITE) && !flags.has(VmFlags::SHARED);
        self.fault_in(at, start, end, write, waits).is_ok()
    }

    /// Faults in pages as the kernel does on behalf of a call (`faultin_page_range()`), not as the
    /// processor does: what is there is only marked as accessed. `waits`: a page that comes from a disk
    /// is waited for, and counts as a major fault.
    pub(crate) fn fault_in(
        &mut self,
        at: u64,
        start: u64,
        end: u64,
        write: bool,
        waits: bool,
    ) -> Result<(), Refusal> {
        let (mut page, last) = (start >> PAGE_BITS, end >> PAGE_BITS);
        let mut locks = false;
        while page < last {
            let present = self.mm.pages.get(page);
            let pages = match present {
                Some((len, pte)) if pte.present() && (!write || pte.writable) => {
                    len.min(last - page)
                }
                _ => {
                    let mut step = self.try_fault(at, page, last - page, write)?;
                    if let Some((_, before)) = present {
                        self.note_stale(page, step.pages, &before);
                    }
                    // The lock was let go for the disk, and the next attempt is a new one.
                    step.major &= waits;
                    if self.store.rules.counts_call_faults {
                        self.count_faults(step);
                    }
                    locks = self.vma(at).has(VmFlags::LOCKED);
                    step.pages
                }
            };
            if locks {
                self.note_batched(page, pages);
            }
            self.gup_touched(page, pages, write);
            page += pages.max(1);
        }
        Ok(())
    }

    /// Pages that the call has just locked and uses for the second time: whether that makes them active
    /// depends on whether they were still waiting in a batch (`mlock_folio()`).
    fn note_batched(&mut self, page: u64, count: u64) {
        for (_, len, pte) in self.mm.pages.within(page, page + count) {
            if pte.counted() && !pte.huge {
                let frames = self.store.frames.map.iter_within(pte.frame, pte.frame + len);
                let unsure = frames
                    .filter(|(_, _, known)| known.unevictable && known.referenced && !known.active);
                self.store.batched += unsure.map(|(_, len, _)| len).sum::<u64>();
            }
        }
    }

    /// Pages that a call has made writable without a copy are read-only still in the buffers of processors
    /// that have used them: nothing is flushed for that (`ptep_set_access_flags()` of x86).
    fn note_stale(&mut self, page: u64, count: u64, before: &Pte) {
        let same = |now: Pte| now.frame == before.frame && now.what == before.what && now.writable;
        if before.young
            && before.counted()
            && self.mm.pages.get(page).is_some_and(|(_, now)| same(now))
        {
            self.task.stale += count;
        }
    }

    /// `follow_page_pte()` with `FOLL_TOUCH`: the call notes on the pages what a processor would note
    /// in the entries. The entry of a huge page is marked itself (`touch_pmd()`).
    fn gup_touched(&mut self, page: u64, count: u64, write: bool) {
        for (first, len, pte) in self.mm.pages.within(page, page + count) {
            if pte.huge {
                // `pmdp_set_access_flags()` of x86 changes nothing where nothing is written.
                if write
                    || !matches!(self.store.config.arch, Arch::X86_64 | Arch::I386 | Arch::Ia32)
                {
                    self.mark(first, len, pte, write);
                }
                continue;
            }
            if !pte.counted() {
                continue;
            }
            let frames = self.store.frames.map.within(pte.frame, pte.frame + len);
            for (from, count, known) in frames {
                if write && !pte.dirty {
                    // A huge page is dirty as a whole.
                    let (first, last) = if known.large {
                        (huge_start(from), (from + count).next_multiple_of(HUGE))
                    } else {
                        (from, from + count)
                    };
                    self.store.frames.mark_dirty(first, last - first);
                }
                if known.large {
                    self.store.frames.accessed_large(from, count, HUGE);
                } else if known.order > 0 {
                    self.store.frames.accessed_large(from, count, 1 << known.order);
                } else {
                    self.store.frames.accessed(from, count);
                }
            }
        }
    }
}

/// The first page of the huge page that this page would be part of.
pub(crate) fn huge_start(page: u64) -> u64 {
    page - page % HUGE
}
