//! The machine of a scenario.

use facts::Release;
use units::{Bytes, PageSize};
use world::{Control, Setup, SwapSpec};

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
    /// Memory of each NUMA node, in order; empty: one node with all of it.
    pub nodes: Vec<Bytes>,
    /// Zones as they are after boot; empty: as the model works them out.
    pub zones: Vec<ZoneSpec>,
    /// What the kernel and others hold after boot.
    pub held: Option<Held>,
    /// The boot that the machine is taken from, by its name.
    pub profile: Option<Setting>,
    /// Swap areas, in order.
    pub swap: Vec<Swap>,
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
    /// Files below `/sys`, and what is written to them.
    pub sys: Vec<Setting>,
    /// Who kills besides the kernel's own OOM killer.
    pub policy: Option<LowMemoryKiller>,
    /// Which version of cgroups; `None`: for the world to choose.
    pub cgroup_version: Option<u8>,
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

/// A swap area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swap {
    /// Its size.
    pub size: Bytes,
    /// Its priority; `None`: the kernel chooses, each lower than the one before.
    pub priority: Option<i16>,
    /// Whether it lies in RAM, compressed.
    pub zram: bool,
}

/// A zone after boot, in pages. What is `None` is for the model to work out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneSpec {
    /// `DMA`, `DMA32`, `Normal`, `HighMem` or `Movable`.
    pub name: String,
    /// The node that it is on.
    pub node: u32,
    /// From its first to its last page.
    pub spanned: Option<u64>,
    /// Pages that are there.
    pub present: Option<u64>,
    /// Pages that the allocator managed when watermarks were computed.
    pub managed_at_init: Option<u64>,
    /// Pages that it manages.
    pub managed: u64,
    /// Free pages.
    pub free: Option<u64>,
    /// Free pages on lists of single processors.
    pub pcp: Option<u64>,
    /// Where it is written.
    pub span: Span,
}

/// What is in use after boot and not the scenario's. What is `None` is for the model to work out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the lines of `/proc/meminfo` of that name")]
pub struct Held {
    pub slab_reclaimable: Option<Bytes>,
    pub slab_unreclaimable: Option<Bytes>,
    pub kernel_stack: Option<Bytes>,
    pub page_tables: Option<Bytes>,
    /// Anonymous memory of processes that are not the scenario's.
    pub anon: Option<Bytes>,
    /// Clean cached pages of files that nobody maps.
    pub file: Option<Bytes>,
    /// Shared memory and ramfs that cannot be reclaimed.
    pub unevictable: Option<Bytes>,
    /// Promised to others.
    pub committed: Option<Bytes>,
    /// What the kernel takes for each process beside its page tables.
    pub per_process: Option<Bytes>,
}

/// Android's lowmemorykiller: who has at least `adj[n]` may die when less than `minfree[n]` is left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LowMemoryKiller {
    /// Free and cached pages below which each level holds, the smallest first.
    pub minfree: Vec<u64>,
    /// The `oom_score_adj` (before 3.x `oom_adj`) of each level; empty: as the driver has it.
    pub adj: Vec<i32>,
    /// Where it is written.
    pub span: Span,
}

impl LowMemoryKiller {
    /// The folder of the driver's parameters below `/sys`.
    pub const PARAMETERS: &'static str = "module/lowmemorykiller/parameters";
}

/// A memory cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cgroup {
    /// Its path, starting with a slash.
    pub path: String,
    /// Its files, by their names, and what is written to them, in order.
    pub files: Vec<(String, String)>,
    /// Where it is written.
    pub span: Span,
}

impl Cgroup {
    /// What is written to a file, if anything is.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.files.iter().rev().find(|(file, _)| file == name).map(|(_, value)| value.as_str())
    }
}

impl MachineSpec {
    /// What is arranged before the first process starts. The order of controls is that of the text
    /// within each kind.
    pub fn setup(&self) -> Setup {
        let swap = self.swap.iter().map(|swap| SwapSpec {
            len: swap.size.get(),
            priority: swap.priority,
            zram: swap.zram,
        });
        let mut cgroups: Vec<String> = Vec::new();
        for cgroup in &self.cgroups {
            for (at, _) in cgroup.path.match_indices('/').skip(1) {
                cgroups.extend(cgroup.path.get(..at).map(str::to_owned));
            }
            cgroups.push(cgroup.path.clone());
        }
        let mut seen = std::collections::BTreeSet::new();
        cgroups.retain(|path| seen.insert(path.clone()));
        let mut controls = Vec::new();
        for setting in &self.sysctls {
            controls.push((Control::Sysctl(setting.name.clone()), setting.value.clone()));
        }
        if let Some(thp) = self.thp {
            let path = "kernel/mm/transparent_hugepage/enabled".to_owned();
            controls.push((Control::Sys(path), thp.name().to_owned()));
        }
        for setting in &self.sys {
            controls.push((Control::Sys(setting.name.clone()), setting.value.clone()));
        }
        if let Some(policy) = &self.policy {
            let folder = LowMemoryKiller::PARAMETERS;
            let list = |numbers: Vec<String>| numbers.join(",");
            if !policy.adj.is_empty() {
                let text = list(policy.adj.iter().map(ToString::to_string).collect());
                controls.push((Control::Sys(format!("{folder}/adj")), text));
            }
            let text = list(policy.minfree.iter().map(ToString::to_string).collect());
            controls.push((Control::Sys(format!("{folder}/minfree")), text));
        }
        for cgroup in &self.cgroups {
            for (file, value) in &cgroup.files {
                let control = Control::Cgroup { path: cgroup.path.clone(), file: file.clone() };
                controls.push((control, value.clone()));
            }
        }
        Setup { swap: swap.collect(), cgroups, controls }
    }
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

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, thp)| *thp == self).map_or("", |(name, _)| name)
    }
}
