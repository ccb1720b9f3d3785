//! What changes the machine, and not one process's memory.

use std::fmt;

/// A file that root writes to in order to change how the machine behaves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Control {
    /// A setting below `/proc/sys`, by its dotted name: `vm.drop_caches`.
    Sysctl(String),
    /// A file of a memory cgroup.
    Cgroup {
        /// The cgroup's path below the scenario's root, starting with a slash.
        path: String,
        /// The file: `memory.max`.
        file: String,
    },
    /// A file below `/sys`: `kernel/mm/ksm/run`.
    Sys(String),
    /// `/proc/sysrq-trigger`; `f` calls the OOM killer.
    SysRq,
    /// `/proc/pressure/memory`: who writes to it, or to a cgroup's `memory.pressure`, is a monitor that
    /// [`World::woken`](crate::World::woken) tells of.
    Pressure,
}

impl Control {
    /// Whether a write to it begins a monitor of pressure.
    pub fn is_pressure(&self) -> bool {
        match self {
            Control::Pressure => true,
            Control::Cgroup { file, .. } => file == "memory.pressure",
            Control::Sysctl(_) | Control::Sys(_) | Control::SysRq => false,
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Control::Sysctl(name) => f.write_str(name),
            Control::Cgroup { path, file } => write!(f, "{}/{file}", path.trim_end_matches('/')),
            Control::Sys(path) => write!(f, "/sys/{path}"),
            Control::SysRq => f.write_str("/proc/sysrq-trigger"),
            Control::Pressure => f.write_str("/proc/pressure/memory"),
        }
    }
}

/// A swap area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SwapSpec {
    /// Its size in bytes, without the header page: what `SwapTotal` grows by.
    pub len: u64,
    /// The priority that `swapon(2)` is asked for; `None`: the kernel chooses, each lower than the
    /// one before.
    pub priority: Option<i16>,
    /// Whether it lies in memory, compressed (zram), and not on a disk.
    pub zram: bool,
}

/// What is arranged before the first process starts, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setup {
    /// Swap areas.
    pub swap: Vec<SwapSpec>,
    /// Paths of memory cgroups (version 2), parents before children.
    pub cgroups: Vec<String>,
    /// What is written where.
    pub controls: Vec<(Control, String)>,
}

impl Setup {
    /// Whether there is nothing to arrange.
    pub fn is_empty(&self) -> bool {
        self.swap.is_empty() && self.cgroups.is_empty() && self.controls.is_empty()
    }
}
