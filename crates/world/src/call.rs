//! System calls.

use crate::{
    Advice, Errno, LockFlags, MapFlags, MemfdFlags, OpenFlags, Prot, RemapFlags, Resource,
    SyncFlags,
};

/// A system call about memory, its arguments as the kernel gets them: addresses and lengths in
/// bytes, nothing rounded, nothing checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields are the arguments of the manual page of that name")]
pub enum Call {
    /// `mmap(2)`. `fd` is -1 for none.
    Mmap { addr: u64, len: u64, prot: Prot, flags: MapFlags, fd: i32, offset: u64 },
    /// `munmap(2)`.
    Munmap { addr: u64, len: u64 },
    /// `mprotect(2)`.
    Mprotect { addr: u64, len: u64, prot: Prot },
    /// `mremap(2)`. `new_addr` counts with FIXED and DONTUNMAP only.
    Mremap { addr: u64, old_len: u64, new_len: u64, flags: RemapFlags, new_addr: u64 },
    /// `madvise(2)`.
    Madvise { addr: u64, len: u64, advice: Advice },
    /// `brk(2)` as the kernel has it: returns the break, moved or not; 0 asks.
    Brk { addr: u64 },
    /// `mlock(2)`.
    Mlock { addr: u64, len: u64 },
    /// `mlock2(2)`; its only flag, `MLOCK_ONFAULT`, is 1.
    Mlock2 { addr: u64, len: u64, flags: u32 },
    /// `munlock(2)`.
    Munlock { addr: u64, len: u64 },
    /// `mlockall(2)`.
    Mlockall { flags: LockFlags },
    /// `munlockall(2)`.
    Munlockall,
    /// `msync(2)`.
    Msync { addr: u64, len: u64, flags: SyncFlags },
    /// `mincore(2)`; what it writes is [`Returned::residency`].
    Mincore { addr: u64, len: u64 },
    /// `prlimit(2)` on the caller: sets both.
    Setrlimit { resource: Resource, soft: u64, hard: u64 },
    /// `open(2)` of one of the scenario's files, by its index.
    Open { file: usize, flags: OpenFlags },
    /// `memfd_create(2)`.
    MemfdCreate { flags: MemfdFlags },
    /// `close(2)`.
    Close { fd: i32 },
    /// `pread(2)` into a buffer that is no part of the observed memory.
    Pread { fd: i32, offset: u64, len: u64 },
    /// `pwrite(2)` from a buffer that is no part of the observed memory.
    Pwrite { fd: i32, offset: u64, len: u64 },
    /// `ftruncate(2)`.
    Ftruncate { fd: i32, len: u64 },
    /// `fallocate(2)`; mode 3 punches a hole.
    Fallocate { fd: i32, mode: u32, offset: u64, len: u64 },
    /// `fsync(2)`.
    Fsync { fd: i32 },
    /// `posix_fadvise(2)`; advice 4 drops cached pages.
    Fadvise { fd: i32, offset: u64, len: u64, advice: i32 },
    /// `shmget(2)` of a new private segment.
    Shmget { len: u64 },
    /// `shmat(2)`.
    Shmat { id: i32, addr: u64, flags: u32 },
    /// `shmdt(2)`.
    Shmdt { addr: u64 },
    /// `shmctl(2)` with `IPC_RMID`.
    ShmRemove { id: i32 },
    /// Writes the caller's `/proc/self/oom_score_adj`.
    SetOomScoreAdj { adj: i32 },
    /// `mseal(2)`: what is mapped there stays as it is.
    Mseal { addr: u64, len: u64, flags: u64 },
    /// `prctl(PR_SET_MDWE, flags)`: no memory becomes code that was not mapped as such.
    DenyWriteExec { flags: u64 },
    /// `swapon(2)` of one of the machine's swap areas, by its index; `None`: the kernel chooses the
    /// priority.
    Swapon { area: u8, priority: Option<i16> },
    /// `swapoff(2)` of one of the machine's swap areas, by its index.
    Swapoff { area: u8 },
}

/// What a call gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The value in the register, or the error.
    pub value: Result<u64, Errno>,
    /// What `mincore` wrote: one byte a page, bit 0 set where the page is resident. Empty otherwise.
    pub residency: Vec<u8>,
}

impl Returned {
    /// A plain result.
    pub fn plain(value: Result<u64, Errno>) -> Returned {
        Returned { value, residency: Vec::new() }
    }
}
