//! What the allocator asks of the kernel: six system calls, and four facts about the machine.

use std::fmt;

/// The kernel as the allocator sees it.
///
/// Addresses are plain numbers of the modelled process. [`AddressSpace`](crate::AddressSpace) is
/// the usual one; a simulator has its own, and [`Recording`](crate::Recording) lists the calls of
/// any of them.
pub trait Kernel {
    /// `brk(2)` as the kernel does it: the end of the heap after the call, which is `to` only if
    /// it was moved. `brk(0)` asks where it is.
    fn brk(&mut self, to: u64) -> u64;

    /// `mmap(2)` of anonymous private memory, at `hint` if that is free.
    ///
    /// # Errors
    /// [`Errno::NoMemory`] if no gap or no limit allows it.
    fn mmap(&mut self, hint: Option<u64>, len: u64, prot: Prot, how: Map) -> Result<u64, Errno>;

    /// `munmap(2)`.
    ///
    /// # Errors
    /// As the kernel's; the allocator ignores them.
    fn munmap(&mut self, addr: u64, len: u64) -> Result<(), Errno>;

    /// `mremap(2)` with `MREMAP_MAYMOVE`: where the mapping is afterwards.
    ///
    /// # Errors
    /// [`Errno::NoMemory`] if it fits neither here nor elsewhere; nothing has changed then.
    fn mremap(&mut self, addr: u64, old_len: u64, new_len: u64) -> Result<u64, Errno>;

    /// `mprotect(2)`.
    ///
    /// # Errors
    /// [`Errno::NoMemory`] if the memory may not be accounted for.
    fn mprotect(&mut self, addr: u64, len: u64, prot: Prot) -> Result<(), Errno>;

    /// `madvise(2)`.
    ///
    /// # Errors
    /// As the kernel's; the allocator ignores them.
    fn madvise(&mut self, addr: u64, len: u64, advice: Advice) -> Result<(), Errno>;

    /// Bytes of a page.
    fn page_size(&self) -> u64 {
        4096
    }

    /// Processors that are online, which limit the number of arenas.
    fn cpus(&self) -> u32;

    /// Bytes of a transparent huge page if `/sys/kernel/mm/transparent_hugepage/enabled` says
    /// `madvise`, in the other modes `None`.
    fn thp_madvise(&self) -> Option<u64> {
        None
    }

    /// Bytes of the default page of `hugetlbfs`, `None` without any.
    fn huge_page(&self) -> Option<u64> {
        None
    }

    /// Whether `vm.overcommit_memory` is 2, which makes shrunken thread heaps inaccessible.
    fn never_overcommits(&self) -> bool {
        false
    }
}

/// What a mapping may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prot {
    /// `PROT_NONE`: address space only.
    None,
    /// `PROT_READ | PROT_WRITE`.
    ReadWrite,
}

/// Flags of a mapping beside `MAP_PRIVATE | MAP_ANONYMOUS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Map {
    /// None.
    Plain,
    /// `MAP_NORESERVE`.
    NoReserve,
    /// `MAP_FIXED`: exactly at the hint, whatever is there.
    Fixed,
    /// `MAP_HUGETLB`, with the size of the page encoded if it is not the default.
    Huge {
        /// The flags of the size: its logarithm shifted by 26, or 0.
        size_flags: u32,
    },
}

/// What `madvise(2)` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// `MADV_DONTNEED`: the contents are given up.
    DontNeed,
    /// `MADV_HUGEPAGE`.
    HugePage,
}

/// Why the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errno {
    /// `ENOMEM`.
    NoMemory,
    /// `EINVAL`.
    Invalid,
}

impl Errno {
    /// The number, as in `errno.h`.
    pub fn number(self) -> i32 {
        match self {
            Errno::NoMemory => 12,
            Errno::Invalid => 22,
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Errno::NoMemory => "ENOMEM",
            Errno::Invalid => "EINVAL",
        })
    }
}

impl std::error::Error for Errno {}

impl fmt::Display for Prot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Prot::None => "PROT_NONE",
            Prot::ReadWrite => "PROT_READ|PROT_WRITE",
        })
    }
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Map::Plain => "MAP_PRIVATE|MAP_ANONYMOUS",
            Map::NoReserve => "MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE",
            Map::Fixed => "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS",
            Map::Huge { size_flags: 0 } => "MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB",
            Map::Huge { size_flags } => {
                return write!(
                    f,
                    "MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|{}<<MAP_HUGE_SHIFT",
                    size_flags >> 26
                );
            }
        })
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Advice::DontNeed => "MADV_DONTNEED",
            Advice::HugePage => "MADV_HUGEPAGE",
        })
    }
}
