//! Processes and files as a scenario states them.

use std::fmt;

use units::ScoreAdj;

/// A process of one run of a scenario, by the order in which it came to be. No pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// A resource limit that concerns memory, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// `RLIMIT_DATA`, 2.
    Data,
    /// `RLIMIT_STACK`, 3.
    Stack,
    /// `RLIMIT_MEMLOCK`, 8.
    Memlock,
    /// `RLIMIT_AS`, 9.
    AddressSpace,
}

impl Resource {
    /// The number that `prlimit(2)` takes.
    pub const fn number(self) -> u32 {
        match self {
            Resource::Data => 2,
            Resource::Stack => 3,
            Resource::Memlock => 8,
            Resource::AddressSpace => 9,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::Data => "RLIMIT_DATA",
            Resource::Stack => "RLIMIT_STACK",
            Resource::Memlock => "RLIMIT_MEMLOCK",
            Resource::AddressSpace => "RLIMIT_AS",
        })
    }
}

/// Soft limits in bytes; `None` is what the world gives by itself, `u64::MAX` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Limits {
    /// `RLIMIT_DATA`.
    pub data: Option<u64>,
    /// `RLIMIT_STACK`.
    pub stack: Option<u64>,
    /// `RLIMIT_MEMLOCK`.
    pub memlock: Option<u64>,
    /// `RLIMIT_AS`.
    pub address_space: Option<u64>,
}

/// A process to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    /// Its name (`comm`).
    pub name: String,
    /// User id; 0 has every capability.
    pub uid: u32,
    /// Nice value.
    pub nice: i8,
    /// `oom_score_adj`.
    pub adj: ScoreAdj,
    /// Its limits.
    pub limits: Limits,
    /// Path of its memory cgroup below the scenario's root; `None`: the root.
    pub cgroup: Option<String>,
}

impl ProcessSpec {
    /// A process that nothing more is said of.
    #[must_use]
    pub fn new(name: &str, uid: u32) -> ProcessSpec {
        ProcessSpec {
            name: name.to_owned(),
            uid,
            nice: 0,
            adj: ScoreAdj::NONE,
            limits: Limits::default(),
            cgroup: None,
        }
    }
}

/// A file of the scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Its name, unique in the scenario.
    pub name: String,
    /// Its size in bytes.
    pub len: u64,
    /// Whether it lives in memory (tmpfs) and not on a disk.
    pub tmpfs: bool,
}

/// How a process makes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForkKind {
    /// `fork(2)`.
    Fork,
    /// `vfork(2)`: the child uses the parent's memory until it execs or exits.
    Vfork,
    /// `clone(2)` with `CLONE_VM|CLONE_THREAD`: a thread.
    Thread,
}
