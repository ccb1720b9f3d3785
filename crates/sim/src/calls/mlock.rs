//! `mlock(2)` and its family: `do_mlock()`, `mlock_fixup()` and `apply_mlockall_flags()`, 6.18.

use world::{Errno, LockFlags};

use crate::ctx::{Answer, Ctx};
use crate::mm::Mm;
use crate::page::{PAGE, PAGE_BITS, page_align};
use crate::store::Store;
use crate::vm_flags::VmFlags;

/// `munlock_vma_folio()` of every page of `start..end`.
pub(crate) fn unlock(store: &mut Store, mm: &Mm, start: u64, end: u64) {
    for (_, len, pte) in mm.pages.iter_within(start >> PAGE_BITS, end >> PAGE_BITS) {
        if pte.counted() {
            store.frames.unlock(pte.frame, len);
        }
    }
}

impl Ctx<'_> {
    /// `mlock(2)`, and `mlock2(2)` with its flag.
    pub(crate) fn mlock(&mut self, start: u64, len: u64, on_fault: bool) -> Answer {
        if !self.can_lock() {
            return Err(Errno::EPERM);
        }
        let len = page_align(len.wrapping_add(start & (PAGE - 1)));
        let start = start & !(PAGE - 1);
        let limit = self.task.limits.memlock.0 >> PAGE_BITS;
        let mut locked = (len >> PAGE_BITS) + self.mm.locked_vm;
        let privileged = self.task.privileged();
        if locked > limit && !privileged {
            locked = locked.wrapping_sub(self.locked_pages(start, start.saturating_add(len)));
        }
        if locked > limit && !privileged {
            return Err(Errno::ENOMEM);
        }
        let mut flags = VmFlags::LOCKED;
        if on_fault {
            flags = flags.with(VmFlags::LOCKONFAULT);
        }
        self.apply_lock(start, len, flags)?;
        self.populate_locked(start, start + len)?;
        Ok(0)
    }

    /// `mlock2(2)`, 4.4.
    pub(crate) fn mlock2(&mut self, start: u64, len: u64, flags: u32) -> Answer {
        if flags & !1 != 0 {
            return Err(Errno::EINVAL);
        }
        self.mlock(start, len, flags == 1)
    }

    /// `munlock(2)`.
    pub(crate) fn munlock(&mut self, start: u64, len: u64) -> Answer {
        let len = page_align(len.wrapping_add(start & (PAGE - 1)));
        self.apply_lock(start & !(PAGE - 1), len, VmFlags::NONE)
    }

    /// `mlockall(2)`.
    pub(crate) fn mlockall(&mut self, flags: LockFlags) -> Answer {
        let known = LockFlags::CURRENT.with(LockFlags::FUTURE).with(LockFlags::ONFAULT);
        if flags.0 == 0 || flags.0 & !known.0 != 0 || flags == LockFlags::ONFAULT {
            return Err(Errno::EINVAL);
        }
        if !self.can_lock() {
            return Err(Errno::EPERM);
        }
        let limit = self.task.limits.memlock.0 >> PAGE_BITS;
        let current = flags.has(LockFlags::CURRENT);
        if current && self.mm.total_vm > limit && !self.task.privileged() {
            return Err(Errno::ENOMEM);
        }
        self.apply_lock_all(flags);
        if current {
            self.populate(0, self.mm.layout.task_size);
        }
        Ok(0)
    }

    /// `munlockall(2)`.
    pub(crate) fn munlockall(&mut self) {
        self.apply_lock_all(LockFlags(0));
    }

    /// `count_mm_mlocked_page_nr()`.
    fn locked_pages(&self, start: u64, end: u64) -> u64 {
        let mut bytes = 0;
        for at in self.mm.starts(start, end) {
            let vma = self.vma(at);
            if vma.has(VmFlags::LOCKED) {
                bytes += vma.end.min(end) - vma.start.max(start);
            }
        }
        bytes >> PAGE_BITS
    }

    /// `apply_vma_lock_flags()`.
    fn apply_lock(&mut self, start: u64, len: u64, add: VmFlags) -> Answer {
        let end = start.checked_add(len).ok_or(Errno::EINVAL)?;
        let mut at = start;
        while at < end {
            let vma = self.mm.at(at).ok_or(Errno::ENOMEM)?;
            let (key, to) = (vma.start, vma.end.min(end));
            self.lock_range(key, at, to, add)?;
            at = to;
        }
        Ok(0)
    }

    /// `mlock_fixup()`.
    fn lock_range(&mut self, at: u64, start: u64, end: u64, add: VmFlags) -> Answer<()> {
        let old = self.vma(at).flags;
        let flags = old.without(VmFlags::LOCKED_MASK).with(add);
        let exempt = VmFlags::SPECIAL.with(VmFlags::DROPPABLE);
        if flags == old || old.any(exempt) {
            return Ok(());
        }
        self.modify(at, start, end, flags)?;
        let pages = (end - start) >> PAGE_BITS;
        if !flags.has(VmFlags::LOCKED) {
            self.mm.locked_vm = self.mm.locked_vm.saturating_sub(pages);
            unlock(self.store, self.mm, start, end);
            return Ok(());
        }
        if !old.has(VmFlags::LOCKED) {
            self.mm.locked_vm += pages;
        }
        for (_, len, pte) in self.mm.pages.within(start >> PAGE_BITS, end >> PAGE_BITS) {
            if pte.counted() {
                self.lock(len, &pte);
            }
        }
        Ok(())
    }

    fn apply_lock_all(&mut self, flags: LockFlags) {
        let mut add = VmFlags::LOCKED;
        if flags.has(LockFlags::ONFAULT) {
            add = add.with(VmFlags::LOCKONFAULT);
        }
        self.mm.def_flags = self.mm.def_flags.without(VmFlags::LOCKED_MASK);
        if flags.has(LockFlags::FUTURE) {
            self.mm.def_flags = self.mm.def_flags.with(add);
            if !flags.has(LockFlags::CURRENT) {
                return;
            }
        }
        if !flags.has(LockFlags::CURRENT) {
            add = VmFlags::NONE;
        }
        let mut from = 0;
        while let Some(vma) = self.mm.find(from) {
            let (at, start, end) = (vma.start, vma.start.max(from), vma.end);
            // An error leaves this mapping as it is.
            let _ = self.lock_range(at, start, end, add);
            from = end;
        }
    }

    /// `__mm_populate()` that stops at the first page it cannot have.
    fn populate_locked(&mut self, start: u64, end: u64) -> Answer<()> {
        for at in self.mm.starts(start, end) {
            let vma = self.vma(at);
            if vma.flags.any(VmFlags::IO.with(VmFlags::PFNMAP)) {
                continue;
            }
            let (from, to) = (vma.start.max(start), vma.end.min(end));
            if !self.populate_vma(at, from, to, false) {
                return Err(Errno::ENOMEM);
            }
        }
        Ok(())
    }
}
