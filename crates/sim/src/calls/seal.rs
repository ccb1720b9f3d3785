//! What a process forbids itself: `mseal(2)` and `PR_SET_MDWE`.
//!
//! `do_mseal()` in `mm/mseal.c`, 6.10 to 6.18; `prctl_set_mdwe()` in `kernel/sys.c` and
//! `map_deny_write_exec()`, 6.3 to 6.18. Where a sealed mapping is refused to be changed is each call's
//! own affair.

use facts::Release;
use rules::layout::Arch;
use world::Errno;

use crate::ctx::{Answer, Ctx};
use crate::page::{PAGE, page_align};
use crate::vm_flags::VmFlags;

/// `PR_MDWE_REFUSE_EXEC_GAIN` and `PR_MDWE_NO_INHERIT`.
const REFUSE: u64 = 1;
const NO_INHERIT: u64 = 2;

impl Ctx<'_> {
    /// The system call. 32-bit kernels have none.
    pub(crate) fn mseal(&mut self, addr: u64, len: u64, flags: u64) -> Answer {
        let narrow = !matches!(self.store.config.arch, Arch::X86_64 | Arch::Arm64);
        if narrow || self.store.release() < Release::new(6, 10) {
            return Err(Errno::ENOSYS);
        }
        if flags != 0 || addr & (PAGE - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        let rounded = page_align(len);
        if len != 0 && rounded == 0 {
            return Err(Errno::EINVAL);
        }
        let end = addr.checked_add(rounded).ok_or(Errno::EINVAL)?;
        // Nothing is sealed where something is missing.
        let mut at = addr;
        while at < end {
            at = self.mm.at(at).ok_or(Errno::ENOMEM)?.end;
        }
        let mut at = addr;
        while at < end {
            let vma = self.vma_at(at)?;
            let (start, to, flags) = (vma.0, vma.1.min(end), vma.2);
            if !flags.has(VmFlags::SEALED) {
                self.modify(start, at, to, flags.with(VmFlags::SEALED))?;
            }
            at = to;
        }
        Ok(0)
    }

    fn vma_at(&self, at: u64) -> Answer<(u64, u64, VmFlags)> {
        let vma = self.mm.at(at).ok_or(Errno::ENOMEM)?;
        Ok((vma.start, vma.end, vma.flags))
    }

    /// `prctl(PR_SET_MDWE, flags)`: what was set stays set.
    pub(crate) fn deny_write_exec(&mut self, flags: u64) -> Answer {
        let release = self.store.release();
        let known = if release >= Release::new(6, 6) { REFUSE | NO_INHERIT } else { REFUSE };
        if release < Release::new(6, 3) || flags & !known != 0 || flags == NO_INHERIT {
            return Err(Errno::EINVAL);
        }
        if self.mm.mdwe != 0 && self.mm.mdwe != flags {
            return Err(Errno::EPERM);
        }
        self.mm.mdwe = flags;
        Ok(0)
    }

    /// `map_deny_write_exec()`: whether a mapping with the flags `old` may not get these.
    pub(crate) fn denies_exec(&self, old: VmFlags, new: VmFlags) -> bool {
        let gains = new.has(VmFlags::WRITE) || !old.has(VmFlags::EXEC);
        self.mm.mdwe & REFUSE != 0 && new.has(VmFlags::EXEC) && gains
    }
}

/// `mmf_init_flags()`: what a child or a program executed has of it.
pub(crate) fn inherited(mdwe: u64) -> u64 {
    if mdwe & NO_INHERIT == 0 { mdwe } else { 0 }
}
