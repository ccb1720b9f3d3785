//! The machines that are captured: one entry, one folder of `tests/data/captures`.

use lab::vm::debian::Arch;

/// Which cgroup hierarchy the machine mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cgroup {
    None,
    V1,
    V2,
}

/// One machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    /// The name of its folder.
    pub(super) name: &'static str,
    /// The kernel's series, `6.1`.
    pub(super) kernel: &'static str,
    pub(super) arch: Arch,
    /// RAM, in MiB.
    pub(super) memory_mib: u32,
    /// RAM is split in two nodes.
    pub(super) two_nodes: bool,
    /// A swap device, in MiB; 0 for none.
    pub(super) swap_mib: u32,
    /// File cache from a disk, in MiB; 0 for none.
    pub(super) file_mib: u32,
    pub(super) cgroup: Cgroup,
    /// Whether `smaps` of every process is kept too.
    pub(super) smaps: bool,
    /// Swap compressed in memory, in MiB, with some pages in it; 0 for none.
    pub(super) zram_mib: u32,
    /// Memory in huge pages of hugetlbfs, in MiB, of the pool that `settings` puts aside.
    pub(super) huge_mib: u32,
    /// Whether one process has `oom_score_adj` 1000 and dies before the hog.
    pub(super) sacrifice: bool,
    /// `/proc/sys/vm` settings, `name=value`.
    pub(super) settings: &'static [&'static str],
    /// What is particular about it, one sentence for its README.
    pub(super) about: &'static str,
}

/// One of which nothing is said.
pub(super) const PLAIN: Machine = Machine {
    name: "",
    kernel: "6.1",
    arch: Arch::Amd64,
    memory_mib: 256,
    two_nodes: false,
    swap_mib: 0,
    file_mib: 24,
    cgroup: Cgroup::None,
    smaps: true,
    zram_mib: 0,
    huge_mib: 0,
    sacrifice: false,
    settings: &[],
    about: "",
};

/// All machines, in the order they are captured.
pub(super) const ALL: &[Machine] = &[
    Machine {
        name: "6.1-256m",
        about: "A small machine without swap, with the kernel's own settings.",
        ..PLAIN
    },
    Machine {
        name: "6.1-1g-swap",
        memory_mib: 1024,
        swap_mib: 96,
        file_mib: 120,
        settings: &["nr_hugepages=8", "overcommit_ratio=35"],
        about: "Swap smaller than RAM, eight huge pages put aside, and `overcommit_ratio` 35, so \
                that `CommitLimit` has every one of its terms.",
        ..PLAIN
    },
    Machine {
        name: "6.1-512m-two-nodes",
        memory_mib: 512,
        two_nodes: true,
        smaps: false,
        file_mib: 48,
        sacrifice: true,
        about: "Two NUMA nodes, the second without a processor; a process with `oom_score_adj` 1000 \
                dies before the hog.",
        ..PLAIN
    },
    Machine {
        name: "6.1-256m-cgroup1",
        cgroup: Cgroup::V1,
        about: "cgroup v1: the hog runs under `/work/front`, whose parent `/work` has the limit.",
        ..PLAIN
    },
    Machine {
        name: "6.1-i386-1g",
        arch: Arch::I386,
        memory_mib: 1024,
        file_mib: 48,
        about: "A 32-bit kernel with PAE: zones DMA, Normal and HighMem.",
        ..PLAIN
    },
    Machine {
        name: "6.12-256m-swap",
        kernel: "6.12",
        swap_mib: 48,
        sacrifice: true,
        about: "A small machine with swap; a process with `oom_score_adj` 1000 dies before the hog.",
        ..PLAIN
    },
    Machine {
        name: "6.12-1g",
        kernel: "6.12",
        memory_mib: 1024,
        file_mib: 200,
        settings: &["min_free_kbytes=16384", "watermark_scale_factor=150"],
        about: "`min_free_kbytes` and `watermark_scale_factor` are set by hand.",
        ..PLAIN
    },
    Machine {
        name: "6.12-512m-zram",
        kernel: "6.12",
        memory_mib: 512,
        zram_mib: 64,
        huge_mib: 6,
        file_mib: 48,
        settings: &["nr_hugepages=8"],
        about: "Swap on zram with some pages in it, eight huge pages put aside, three of them in use \
                by a file of hugetlbfs.",
        ..PLAIN
    },
    Machine {
        name: "6.12-256m-cgroup2",
        kernel: "6.12",
        swap_mib: 32,
        cgroup: Cgroup::V2,
        about: "cgroup v2: the hog runs under `/work/front`; its parent `/work` has `memory.max`, \
                `memory.swap.max` and `memory.oom.group`, its sibling `/work/back` `memory.high` and \
                `memory.low`.",
        ..PLAIN
    },
    Machine {
        name: "6.12-256m-strict",
        kernel: "6.12",
        swap_mib: 32,
        smaps: false,
        settings: &["overcommit_memory=2", "overcommit_ratio=80"],
        about: "Strict overcommit: nobody is killed, the hog is refused.",
        ..PLAIN
    },
];
