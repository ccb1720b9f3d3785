//! Memory cgroups: the tree, what each is charged for, its limits and its files.
//!
//! # What it follows
//! `mm/memcontrol.c`, `mm/memcontrol-v1.c` and `mm/page_counter.c`; formulas are in
//! [`rules::memcg`]. Everything here is bookkeeping: what has to reclaim, kill or wait is told so by
//! what these functions return.
//!
//! # What it leaves out
//! Processors keep charged pages in stock; the model has one processor's. Sockets, per-cpu memory of
//! the kernel, zswap and hugetlb are not charged.

mod charge;
mod counter;
mod events;
mod files;
mod machine;
mod own;
mod pay;
mod protect;
mod stat;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub(crate) use facts::CgroupVersion;
use facts::Release;
use rules::layout::Arch;
use rules::memcg::MemcgRules;

pub(crate) use charge::{Grant, Over};
pub(crate) use counter::Counter;
pub(crate) use events::{Event, Events};
pub(crate) use own::own_stats;
pub(crate) use stat::{Stat, VmEvents};
pub(crate) use write::Write;

use crate::psi::Group;

/// A memory cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct MemcgId(pub(crate) u16);

impl MemcgId {
    /// The root of the tree, which has no limits.
    pub(crate) const ROOT: MemcgId = MemcgId(0);
}

/// Pages of the kernel's own that the making of a process was charged for, beside its page tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Making {
    /// To whom.
    pub(crate) by: MemcgId,
    pub(crate) stack: u64,
    pub(crate) slab: u64,
    /// The top page table, which `VmPTE` does not count.
    pub(crate) top: u64,
}

impl Making {
    fn pages(self) -> u64 {
        self.stack + self.slab + self.top
    }
}

/// `struct mem_cgroup`.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the kernel's of that name")]
#[derive(Debug, Clone)]
pub(crate) struct Memcg {
    pub(crate) name: String,
    pub(crate) parent: Option<MemcgId>,
    /// In the order in which they were made.
    pub(crate) children: Vec<MemcgId>,
    /// Whether its directory is there.
    pub(crate) online: bool,
    pub(crate) memory: Counter,
    /// Swap (v2), or memory and swap together (v1).
    pub(crate) swap: Counter,
    /// Of `memory`, pages of the kernel's own (not those below it).
    pub(crate) kernel: u64,
    /// Swapped out pages that are its own (not those below it).
    pub(crate) swapped: u64,
    /// `memory.soft_limit_in_bytes`, pages.
    pub(crate) soft_limit: u64,
    /// `memory.swappiness`; `None`: the machine's.
    pub(crate) swappiness: Option<u64>,
    /// `memory.oom.group`.
    pub(crate) oom_group: bool,
    /// `oom_kill_disable` of `memory.oom_control`.
    pub(crate) oom_kill_disable: bool,
    /// Tasks wait for somebody to make room.
    pub(crate) under_oom: bool,
    /// `memory.events`: its own and what is below.
    pub(crate) events: Events,
    /// `memory.events.local`.
    pub(crate) local: Events,
    pub(crate) vm: VmEvents,
    pub(crate) psi: Group,
}

/// All of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Memcgs {
    pub(crate) all: Vec<Memcg>,
    pub(crate) version: CgroupVersion,
    pub(crate) release: Release,
    pub(crate) rules: MemcgRules,
    /// Mounted with `memory_recursiveprot`.
    pub(crate) recursive: bool,
    /// `PAGE_COUNTER_MAX`.
    pub(crate) most: u64,
    /// Pages that a processor has charged and not used yet, the oldest first.
    stock: Vec<(MemcgId, u64)>,
    /// Ticks in a second.
    pub(crate) hz: u64,
    /// Monitors of pressure, in the order in which they began: whose, and the number there.
    pub(crate) monitors: Vec<(MemcgId, usize)>,
}

impl Default for Memcgs {
    fn default() -> Memcgs {
        Memcgs::new(Release::new(6, 18), Arch::X86_64, CgroupVersion::V2)
    }
}

impl Memcgs {
    pub(crate) fn new(release: Release, arch: Arch, version: CgroupVersion) -> Memcgs {
        let rules = MemcgRules::of(release);
        let most = match arch {
            Arch::X86_64 | Arch::Ia32 | Arch::Arm64 => i64::MAX.unsigned_abs() >> 12,
            Arch::I386 | Arch::Arm => u64::from(i32::MAX.unsigned_abs()),
        };
        let mut memcgs = Memcgs {
            all: Vec::new(),
            version,
            release,
            rules,
            recursive: rules.recursive,
            most,
            stock: Vec::new(),
            hz: 250,
            monitors: Vec::new(),
        };
        let root = memcgs.fresh(String::new(), None);
        memcgs.all.push(root);
        memcgs
    }

    /// A cgroup without anything in it.
    fn fresh(&self, name: String, parent: Option<MemcgId>) -> Memcg {
        Memcg {
            name,
            parent,
            children: Vec::new(),
            online: true,
            memory: Counter::new(self.most),
            swap: Counter::new(self.most),
            kernel: 0,
            swapped: 0,
            soft_limit: self.most,
            swappiness: None,
            oom_group: false,
            oom_kill_disable: false,
            under_oom: false,
            events: Events::default(),
            local: Events::default(),
            vm: VmEvents::default(),
            psi: Group::new(self.hz),
        }
    }

    /// Whether there is any cgroup but the root.
    pub(crate) fn any(&self) -> bool {
        self.all.len() > 1
    }

    pub(crate) fn get(&self, id: MemcgId) -> &Memcg {
        self.all.get(usize::from(id.0)).unwrap_or(&self.all[0])
    }

    pub(crate) fn get_mut(&mut self, id: MemcgId) -> &mut Memcg {
        let index = usize::from(id.0);
        let index = if index < self.all.len() { index } else { 0 };
        &mut self.all[index]
    }
}
