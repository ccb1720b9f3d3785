//! The list of the system calls that were made.

use crate::kernel::{Advice, Errno, Kernel, Map, Prot};
use std::fmt;

/// A kernel that lists what it was asked and what it answered.
#[derive(Debug, Clone)]
pub struct Recording<K> {
    kernel: K,
    calls: Vec<Call>,
}

/// One system call. Printed, it is the line `strace` prints for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub ask: Ask,
    /// What was answered; 0 for the calls that answer nothing else.
    pub answer: Result<u64, Errno>,
}

/// What was asked of the kernel.
#[expect(missing_docs, reason = "the arguments are those of the system calls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Brk { to: u64 },
    Mmap { hint: Option<u64>, len: u64, prot: Prot, how: Map },
    Munmap { addr: u64, len: u64 },
    Mremap { addr: u64, old_len: u64, new_len: u64 },
    Mprotect { addr: u64, len: u64, prot: Prot },
    Madvise { addr: u64, len: u64, advice: Advice },
}

impl<K> Recording<K> {
    /// Lists the calls of `kernel` from here on.
    pub fn new(kernel: K) -> Recording<K> {
        Recording { kernel, calls: Vec::new() }
    }

    /// The calls since the start or since they were last taken.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The same, and the list is empty again.
    pub fn take(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    /// The kernel behind it.
    pub fn inner(&self) -> &K {
        &self.kernel
    }

    /// The kernel behind it, to be changed from outside: what is done here is not listed.
    pub fn inner_mut(&mut self) -> &mut K {
        &mut self.kernel
    }

    fn note(&mut self, ask: Ask, answer: Result<u64, Errno>) {
        self.calls.push(Call { ask, answer });
    }
}

impl<K: Kernel> Kernel for Recording<K> {
    fn brk(&mut self, to: u64) -> u64 {
        let answer = self.kernel.brk(to);
        self.note(Ask::Brk { to }, Ok(answer));
        answer
    }

    fn mmap(&mut self, hint: Option<u64>, len: u64, prot: Prot, how: Map) -> Result<u64, Errno> {
        let answer = self.kernel.mmap(hint, len, prot, how);
        self.note(Ask::Mmap { hint, len, prot, how }, answer);
        answer
    }

    fn munmap(&mut self, addr: u64, len: u64) -> Result<(), Errno> {
        let answer = self.kernel.munmap(addr, len);
        self.note(Ask::Munmap { addr, len }, answer.map(|()| 0));
        answer
    }

    fn mremap(&mut self, addr: u64, old_len: u64, new_len: u64) -> Result<u64, Errno> {
        let answer = self.kernel.mremap(addr, old_len, new_len);
        self.note(Ask::Mremap { addr, old_len, new_len }, answer);
        answer
    }

    fn mprotect(&mut self, addr: u64, len: u64, prot: Prot) -> Result<(), Errno> {
        let answer = self.kernel.mprotect(addr, len, prot);
        self.note(Ask::Mprotect { addr, len, prot }, answer.map(|()| 0));
        answer
    }

    fn madvise(&mut self, addr: u64, len: u64, advice: Advice) -> Result<(), Errno> {
        let answer = self.kernel.madvise(addr, len, advice);
        self.note(Ask::Madvise { addr, len, advice }, answer.map(|()| 0));
        answer
    }

    fn page_size(&self) -> u64 {
        self.kernel.page_size()
    }

    fn cpus(&self) -> u32 {
        self.kernel.cpus()
    }

    fn thp_madvise(&self) -> Option<u64> {
        self.kernel.thp_madvise()
    }

    fn huge_page(&self) -> Option<u64> {
        self.kernel.huge_page()
    }

    fn never_overcommits(&self) -> bool {
        self.kernel.never_overcommits()
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = ", self.ask)?;
        let plain =
            matches!(self.ask, Ask::Munmap { .. } | Ask::Mprotect { .. } | Ask::Madvise { .. });
        match self.answer {
            Ok(_) if plain => f.write_str("0"),
            Ok(answer) => write!(f, "{answer:#x}"),
            Err(errno) => write!(f, "-1 {errno}"),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Ask::Brk { to: 0 } => f.write_str("brk(NULL)"),
            Ask::Brk { to } => write!(f, "brk({to:#x})"),
            Ask::Mmap { hint: None, len, prot, how } => {
                write!(f, "mmap(NULL, {len}, {prot}, {how}, -1, 0)")
            }
            Ask::Mmap { hint: Some(hint), len, prot, how } => {
                write!(f, "mmap({hint:#x}, {len}, {prot}, {how}, -1, 0)")
            }
            Ask::Munmap { addr, len } => write!(f, "munmap({addr:#x}, {len})"),
            Ask::Mremap { addr, old_len, new_len } => {
                write!(f, "mremap({addr:#x}, {old_len}, {new_len}, MREMAP_MAYMOVE)")
            }
            Ask::Mprotect { addr, len, prot } => write!(f, "mprotect({addr:#x}, {len}, {prot})"),
            Ask::Madvise { addr, len, advice } => {
                write!(f, "madvise({addr:#x}, {len}, {advice})")
            }
        }
    }
}
