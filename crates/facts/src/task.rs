//! One process, as far as the kill order is concerned.

use units::{Bytes, OomAdj, Pages, Pid, ScoreAdj};

use crate::Name;

/// The kernel's flags of a task (`PF_*`), field 9 of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskFlags(pub u32);

impl TaskFlags {
    /// `PF_EXITING`: on its way out.
    pub fn exiting(self) -> bool {
        self.0 & 0x4 != 0
    }

    /// `PF_KTHREAD`, the same bit since 2.6.27: a thread of the kernel itself.
    pub fn kernel_thread(self) -> bool {
        self.0 & 0x0020_0000 != 0
    }
}

/// A set of capabilities, as the hexadecimal word of `CapEff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// `CAP_SYS_RAWIO`, 17.
    pub fn sys_rawio(self) -> bool {
        self.0 & (1 << 17) != 0
    }

    /// `CAP_SYS_ADMIN`, 21.
    pub fn sys_admin(self) -> bool {
        self.0 & (1 << 21) != 0
    }

    /// `CAP_SYS_RESOURCE`, 24.
    pub fn sys_resource(self) -> bool {
        self.0 & (1 << 24) != 0
    }
}

/// One process (a thread group), from `/proc/PID/{stat,status,oom_score,oom_score_adj,cgroup}`.
///
/// Every field is `None` when its file could not be read or does not have it; a process whose
/// memory lines are missing altogether has no address space (kernel thread, zombie).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Process id, as the reader's pid namespace numbers it.
    pub pid: Pid,
    /// Parent's process id; 0 for those without a parent in this namespace.
    pub ppid: Option<Pid>,
    /// Name, at most 15 bytes.
    pub comm: Option<Name>,
    /// State letter: `R`, `S`, `D`, `Z`, …
    pub state: Option<char>,
    /// Kernel flags.
    pub flags: Option<TaskFlags>,
    /// `Kthread:` of `status` (6.8): 1 for a thread of the kernel.
    pub kthread: Option<bool>,
    /// Real user id.
    pub uid: Option<u32>,
    /// Effective user id.
    pub euid: Option<u32>,
    /// Effective capabilities.
    pub cap_eff: Option<Capabilities>,
    /// Nice value, -20 to 19.
    pub nice: Option<i64>,
    /// CPU time in user and kernel mode together, clock ticks (`USER_HZ`).
    pub cpu_ticks: Option<u64>,
    /// Start, clock ticks after boot.
    pub start_ticks: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Size of the address space (`vsize` of `stat`).
    pub vsize: Option<Bytes>,
    /// Resident pages as `stat` prints them: `get_mm_rss()`, the very counter that the OOM killer
    /// reads up to 6.19. Since 6.16 `status` prints an exact sum instead, which may differ.
    pub rss: Option<Pages>,
    /// `VmRSS`.
    pub vm_rss: Option<Bytes>,
    /// `RssAnon` (4.5).
    pub rss_anon: Option<Bytes>,
    /// `RssFile` (4.5).
    pub rss_file: Option<Bytes>,
    /// `RssShmem` (4.5).
    pub rss_shmem: Option<Bytes>,
    /// `VmSwap` (2.6.34).
    pub swap: Option<Bytes>,
    /// `VmPTE`: page tables; all levels since 4.15, the lowest before.
    pub vm_pte: Option<Bytes>,
    /// `VmPMD` (4.0 to 4.14): second-lowest level.
    pub vm_pmd: Option<Bytes>,
    /// `HugetlbPages` (4.4): in no other figure here.
    pub hugetlb: Option<Bytes>,
    /// `VmLck`.
    pub locked: Option<Bytes>,
    /// `Mems_allowed_list`, as printed.
    pub mems_allowed: Option<Box<str>>,
    /// `/proc/PID/oom_score`, as the kernel computed it.
    pub oom_score: Option<u64>,
    /// `/proc/PID/oom_score_adj` (2.6.36).
    pub oom_score_adj: Option<ScoreAdj>,
    /// `/proc/PID/oom_adj`: read only where `oom_score_adj` is absent.
    pub oom_adj: Option<OomAdj>,
    /// Path of the cgroup that its memory is charged to, within the memory hierarchy in use.
    pub cgroup: Option<Name>,
}

impl Task {
    /// Whether it has an address space or pages in RAM, so that its `smaps` is not empty.
    pub fn has_memory(&self) -> bool {
        self.vsize.is_some_and(|size| size > Bytes::ZERO)
            || self.rss.is_some_and(|pages| pages.count() > 0)
    }

    /// A process of which nothing is known but its number.
    pub fn unknown(pid: Pid) -> Task {
        Task {
            pid,
            ppid: None,
            comm: None,
            state: None,
            flags: None,
            kthread: None,
            uid: None,
            euid: None,
            cap_eff: None,
            nice: None,
            cpu_ticks: None,
            start_ticks: None,
            threads: None,
            vsize: None,
            rss: None,
            vm_rss: None,
            rss_anon: None,
            rss_file: None,
            rss_shmem: None,
            swap: None,
            vm_pte: None,
            vm_pmd: None,
            hugetlb: None,
            locked: None,
            mems_allowed: None,
            oom_score: None,
            oom_score_adj: None,
            oom_adj: None,
            cgroup: None,
        }
    }

    /// Whether it is a thread of the kernel: by `Kthread:`, else by `PF_KTHREAD`, never by an empty
    /// command line. `None` when neither could be read.
    pub fn is_kernel_thread(&self) -> Option<bool> {
        self.kthread.or_else(|| self.flags.map(TaskFlags::kernel_thread))
    }
}
