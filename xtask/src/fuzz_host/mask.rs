//! What is left out of random programs and of comparisons.

use std::collections::BTreeSet;

use lab::compare::Tolerances;
use world::Call;

/// Names of calls, advices, flags, features and fields that are passed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mask {
    names: BTreeSet<String>,
}

impl Mask {
    /// Names joined by commas: `mremap`, `MADV_FREE`, `fork`, `smaps:Pss`.
    pub(crate) fn add(&mut self, names: &str) {
        self.names.extend(
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned),
        );
    }

    /// Whether what has this name is done.
    pub(crate) fn allows(&self, name: &str) -> bool {
        !self.names.contains(name)
    }

    /// Whether this call is made.
    pub(crate) fn allows_call(&self, call: &Call) -> bool {
        let name = match call {
            Call::Mmap { .. } => "mmap",
            Call::Munmap { .. } => "munmap",
            Call::Mprotect { .. } => "mprotect",
            Call::Mremap { .. } => "mremap",
            Call::Madvise { .. } => "madvise",
            Call::Brk { .. } => "brk",
            Call::Mlock { .. } | Call::Mlock2 { .. } | Call::Munlock { .. } => "mlock",
            Call::Mlockall { .. } | Call::Munlockall => "mlockall",
            Call::Msync { .. } => "msync",
            Call::Mincore { .. } => "mincore",
            Call::Setrlimit { .. } => "setrlimit",
            Call::Open { .. } => "open",
            Call::MemfdCreate { .. } => "memfd",
            Call::Close { .. } => "close",
            Call::Pread { .. } => "pread",
            Call::Pwrite { .. } => "pwrite",
            Call::Ftruncate { .. } => "ftruncate",
            Call::Fallocate { .. } => "fallocate",
            Call::Fsync { .. } => "fsync",
            Call::Fadvise { .. } => "fadvise",
            Call::Shmget { .. }
            | Call::Shmat { .. }
            | Call::Shmdt { .. }
            | Call::ShmRemove { .. } => "shm",
            Call::SetOomScoreAdj { .. } => "oom_score_adj",
            Call::Mseal { .. } => "mseal",
            Call::DenyWriteExec { .. } => "mdwe",
            Call::Swapon { .. } | Call::Swapoff { .. } => "swap",
        };
        self.allows(name)
    }

    /// The fields that are passed over, besides those that `tolerances` lets differ.
    pub(crate) fn tolerances(&self, tolerances: Tolerances) -> Tolerances {
        self.names
            .iter()
            .filter_map(|name| name.split_once(':'))
            .fold(tolerances, |all, (file, field)| all.ignore(file, field))
    }
}
