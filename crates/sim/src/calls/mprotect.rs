//! `mprotect(2)`: `do_mprotect_pkey()` and `mprotect_fixup()`, 6.18.

use world::{Errno, Prot};

use crate::calls::mmap::prot_bits;
use crate::ctx::{Answer, Ctx};
use crate::page::{PAGE, PAGE_BITS, What, page_align};
use crate::vm_flags::VmFlags;

impl Ctx<'_> {
    /// The system call.
    pub(crate) fn mprotect(&mut self, addr: u64, len: u64, prot: Prot) -> Answer {
        let (down, up) = (prot.has(Prot::GROWSDOWN), prot.has(Prot::GROWSUP));
        let prot = prot.without(Prot::GROWSDOWN).without(Prot::GROWSUP);
        if (down && up) || addr & (PAGE - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        if len == 0 {
            return Ok(0);
        }
        let end = addr.wrapping_add(page_align(len));
        if end <= addr {
            return Err(Errno::ENOMEM);
        }
        // PROT_SEM (8) is known and means nothing here.
        if prot.0 & !(7 | 8) != 0 {
            return Err(Errno::EINVAL);
        }
        let first = self.mm.intersection(addr, end).ok_or(Errno::ENOMEM)?;
        let mut start = addr;
        if down {
            start = first.start;
            if !first.has(VmFlags::GROWSDOWN) {
                return Err(Errno::EINVAL);
            }
        } else {
            if first.start > addr {
                return Err(Errno::ENOMEM);
            }
            if up {
                return Err(Errno::EINVAL);
            }
        }
        let mut next = start;
        while next < end {
            let vma = self.mm.at(next).ok_or(Errno::ENOMEM)?;
            let at = vma.start;
            let to = vma.end.min(end);
            let flags = prot_bits(prot).with(vma.flags.without(VmFlags::ACCESS));
            if flags.0 & !(flags.0 >> 4) & VmFlags::ACCESS.0 != 0 {
                return Err(Errno::EACCES);
            }
            if self.denies_exec(vma.flags, flags) {
                return Err(Errno::EACCES);
            }
            self.protect(at, next, to, flags)?;
            next = to;
        }
        Ok(0)
    }

    fn protect(&mut self, at: u64, start: u64, end: u64, mut flags: VmFlags) -> Answer<()> {
        let vma = self.vma(at);
        let old = vma.flags;
        if old.has(VmFlags::SEALED) {
            return Err(Errno::EPERM);
        }
        if flags == old {
            return Ok(());
        }
        let untouched = vma.is_anonymous() && vma.chain.own.is_none();
        let pages = (end - start) >> PAGE_BITS;
        let mut charged = 0;
        if flags.has(VmFlags::WRITE) {
            if !self.may_expand(flags, pages) && self.may_expand(old, pages) {
                return Err(Errno::ENOMEM);
            }
            let exempt = VmFlags::ACCOUNT
                .with(VmFlags::WRITE)
                .with(VmFlags::HUGETLB)
                .with(VmFlags::SHARED)
                .with(VmFlags::NORESERVE);
            if !old.any(exempt) {
                self.promise(pages)?;
                charged = pages;
                flags = flags.with(VmFlags::ACCOUNT);
            }
        } else if self.store.rules.unprotect_uncharges && old.has(VmFlags::ACCOUNT) && untouched {
            flags = flags.without(VmFlags::ACCOUNT);
        }
        let key = match self.modify(at, start, end, flags) {
            Ok(key) => key,
            Err(error) => {
                self.store.forget(charged);
                return Err(error);
            }
        };
        self.protect_pages(key, start, end);
        if old.has(VmFlags::ACCOUNT) && !flags.has(VmFlags::ACCOUNT) {
            self.store.forget(pages);
        }
        let cow = VmFlags::WRITE.with(VmFlags::SHARED).with(VmFlags::LOCKED);
        if old.and(cow) == VmFlags::LOCKED && flags.has(VmFlags::WRITE) {
            self.populate_vma(key, start, end, true);
        }
        self.mm.account(old, pages, false);
        self.mm.account(flags, pages, true);
        Ok(())
    }

    /// `change_protection()`: entries lose the right to write, and get it back where that needs no
    /// fault.
    fn protect_pages(&mut self, at: u64, start: u64, end: u64) {
        let vma = self.vma(at);
        let flags = vma.flags;
        let writable = flags.has(VmFlags::WRITE);
        let shared = flags.has(VmFlags::SHARED);
        let shmem = vma.open_file().is_some_and(|open| self.store.file(open).is_shmem());
        let upgrades = writable && self.store.rules.protect_upgrades;
        let (first, last) = (start >> PAGE_BITS, end >> PAGE_BITS);
        self.split_huge_page(first);
        self.split_huge_page(last);
        let runs = self.mm.pages.within(first, last);
        for (page, len, pte) in runs {
            if pte.what == What::Guard {
                continue;
            }
            if shared {
                let may = writable && (shmem || (upgrades && pte.dirty));
                self.mm.pages.update(page, page + len, |_, pte| pte.writable = may);
                continue;
            }
            if pte.what != What::Anon || !upgrades {
                self.mm.pages.update(page, page + len, |_, pte| pte.writable = false);
                continue;
            }
            for (frame, count, known) in self.store.frames.map.within(pte.frame, pte.frame + len) {
                let from = page + (frame - pte.frame);
                self.mm.pages.update(from, from + count, |_, pte| pte.writable = known.exclusive);
            }
        }
    }
}
