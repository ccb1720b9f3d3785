//! The machine of a scenario.

use facts::Release;
use units::{Bytes, PageSize};

use crate::source::Span;

/// A machine as a scenario states it; what is `None` is for the model to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineSpec {
    /// Processor architecture.
    pub arch: Option<Arch>,
    /// RAM as the firmware reports it.
    pub ram: Option<Bytes>,
    /// `MemTotal`, where the kernel's own share of the RAM is known.
    pub mem_total: Option<Bytes>,
    /// Swap areas, in order.
    pub swap: Vec<Bytes>,
    /// The kernel.
    pub kernel: Option<Release>,
    /// The release of glibc whose `malloc` programs have: `2.36`.
    pub libc: Option<Setting>,
    /// How many processors.
    pub cpus: Option<u32>,
    /// Size of a page.
    pub page: Option<PageSize>,
    /// Transparent huge pages.
    pub thp: Option<Thp>,
    /// Randomisation of addresses; `false` unless asked for.
    pub random_layout: bool,
    /// Settings below `/proc/sys`, by their dotted names.
    pub sysctls: Vec<Setting>,
    /// Memory cgroups, parents before children.
    pub cgroups: Vec<Cgroup>,
    /// The address space that every process starts with, as `/proc/PID/maps` prints it.
    pub layout: Option<Layout>,
}

/// An address space to start with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The lines, each of which starts with a range of addresses and permissions.
    pub text: String,
    /// Where it is written.
    pub span: Span,
}

/// A setting below `/proc/sys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `vm.overcommit_memory`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it is written.
    pub span: Span,
}

/// A memory cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cgroup {
    /// Its path, starting with a slash.
    pub path: String,
    /// `memory.max`.
    pub max: Option<Bytes>,
    /// `memory.high`.
    pub high: Option<Bytes>,
    /// `memory.low`.
    pub low: Option<Bytes>,
    /// `memory.min`.
    pub min: Option<Bytes>,
    /// `memory.swap.max`.
    pub swap_max: Option<Bytes>,
    /// `memory.oom.group`.
    pub oom_group: bool,
    /// Where it is written.
    pub span: Span,
}

/// Processor architectures whose address spaces are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86-64 with four levels of page tables.
    X86_64,
    /// i386, 3 GiB for programs and 1 GiB for the kernel.
    I386,
    /// 32-bit ARM.
    Arm,
    /// 64-bit ARM.
    Arm64,
}

impl Arch {
    /// Every architecture with its word.
    pub const NAMES: &'static [(&'static str, Arch)] = &[
        ("x86-64", Arch::X86_64),
        ("i386", Arch::I386),
        ("arm", Arch::Arm),
        ("arm64", Arch::Arm64),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, arch)| *arch == self).map_or("", |(name, _)| name)
    }
}

/// When anonymous memory gets huge pages by itself
/// (`/sys/kernel/mm/transparent_hugepage/enabled`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thp {
    /// Everywhere.
    Always,
    /// Where `madvise` asked for it.
    Madvise,
    /// Never.
    Never,
}

impl Thp {
    /// Every mode with its word.
    pub const NAMES: &'static [(&'static str, Thp)] =
        &[("always", Thp::Always), ("madvise", Thp::Madvise), ("never", Thp::Never)];
}
