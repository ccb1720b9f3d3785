//! What a call works on: one process's memory, what it shares with others, and those others.

use std::collections::BTreeMap;

use world::{Errno, Fault, Resource};

use crate::machine::Process;
use crate::mm::Mm;
use crate::page::PAGE_BITS;
use crate::store::Store;
use crate::vm_flags::{Kind, VmFlags};

/// Soft and hard limits, bytes; `u64::MAX` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rlimits {
    pub(crate) data: (u64, u64),
    pub(crate) stack: (u64, u64),
    pub(crate) memlock: (u64, u64),
    pub(crate) address_space: (u64, u64),
}

/// A descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fd {
    /// The open file.
    pub(crate) open: usize,
    /// Whether an exec closes it.
    pub(crate) cloexec: bool,
}

/// What the calls ask of the caller beside its memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Task {
    pub(crate) uid: u32,
    pub(crate) limits: Rlimits,
    pub(crate) min_flt: u64,
    pub(crate) maj_flt: u64,
    /// Pages that a call made writable where they were, and that had been used before.
    pub(crate) stale: u64,
    /// Open files by descriptor.
    pub(crate) fds: BTreeMap<i32, Fd>,
    /// The lowest descriptor that a new file may get.
    pub(crate) first_fd: i32,
    /// Descriptors that the program itself has.
    pub(crate) other_fds: Vec<i32>,
}

impl Task {
    /// Whether it has every capability.
    pub(crate) fn privileged(&self) -> bool {
        self.uid == 0
    }
}

/// One call's or access's view.
#[derive(Debug)]
pub(crate) struct Ctx<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) mm: &'a mut Mm,
    pub(crate) task: &'a mut Task,
    pub(crate) rest: Rest<'a>,
}

/// Everybody else: whom an allocation may have to take memory from.
#[derive(Debug)]
pub(crate) struct Rest<'a> {
    /// The other address spaces; the current one ([`Ctx::mm`]) is taken out.
    pub(crate) mms: &'a mut BTreeMap<usize, Mm>,
    /// All processes; of the current one the task ([`Ctx::task`]) is taken out.
    pub(crate) processes: &'a mut Vec<Process>,
    /// Which address space the current one is.
    pub(crate) mm: usize,
    /// Which process or thread acts.
    pub(crate) process: usize,
    /// Whose task the current one is: the leader of its threads.
    pub(crate) group: usize,
    /// The OOM killer has chosen it.
    pub(crate) dying: bool,
}

/// What a system call returns.
pub(crate) type Answer<T = u64> = Result<T, Errno>;

/// How an access by a program fails.
pub(crate) type Access<T = ()> = Result<T, Fault>;

impl Ctx<'_> {
    /// `security_vm_enough_memory_mm()`.
    pub(crate) fn promise(&mut self, pages: u64) -> Answer<()> {
        if self.store.promise(pages, self.task.privileged(), self.mm.total_vm) {
            Ok(())
        } else {
            Err(Errno::ENOMEM)
        }
    }

    /// `may_expand_vm()`.
    pub(crate) fn may_expand(&self, flags: VmFlags, pages: u64) -> bool {
        let limits = &self.task.limits;
        if self.mm.total_vm.saturating_add(pages) > limits.address_space.0 >> PAGE_BITS {
            return false;
        }
        if self.store.rules.data_limit_all && flags.kind() == Kind::Data {
            let data = self.mm.data_vm.saturating_add(pages);
            if data > limits.data.0 >> PAGE_BITS {
                return limits.data.0 == 0 && data <= limits.data.1 >> PAGE_BITS;
            }
        }
        true
    }

    /// `mlock_future_ok()`.
    pub(crate) fn may_lock(&self, flags: VmFlags, bytes: u64) -> bool {
        if !flags.has(VmFlags::LOCKED) || self.task.privileged() {
            return true;
        }
        (bytes >> PAGE_BITS) + self.mm.locked_vm <= self.task.limits.memlock.0 >> PAGE_BITS
    }

    /// `can_do_mlock()`.
    pub(crate) fn can_lock(&self) -> bool {
        self.task.limits.memlock.0 != 0 || self.task.privileged()
    }

    /// `prlimit(2)` on oneself: the hard limit is raised with privilege only.
    pub(crate) fn setrlimit(&mut self, resource: Resource, soft: u64, hard: u64) -> Answer {
        if soft > hard {
            return Err(Errno::EINVAL);
        }
        let privileged = self.task.privileged();
        let limits = &mut self.task.limits;
        let limit = match resource {
            Resource::Data => &mut limits.data,
            Resource::Stack => &mut limits.stack,
            Resource::Memlock => &mut limits.memlock,
            Resource::AddressSpace => &mut limits.address_space,
        };
        if hard > limit.1 && !privileged {
            return Err(Errno::EPERM);
        }
        *limit = (soft, hard);
        Ok(0)
    }
}
