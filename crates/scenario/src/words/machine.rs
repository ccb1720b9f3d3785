//! Words at the top of a scenario, and in the block of `machine`.

use super::Entry;

/// A word at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table beside it says what each is")]
pub enum TopWord {
    Title,
    RunsOn,
    Seed,
    Machine,
    File,
    Process,
}

/// Words at the top.
pub const TOP: &[Entry<TopWord>] = &[
    Entry {
        word: TopWord::Title,
        name: "title",
        form: "title TEXT",
        says: "What the scenario shows, in one line.",
        options: &[],
        example: "title \"A promise costs nothing\"\n\nprocess demo {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: TopWord::RunsOn,
        name: "runs-on",
        form: "runs-on [model] [host] [vm]",
        says: "Where the scenario makes sense: the model, real processes on the kernel of this \
               machine, a kernel in a virtual machine. Without it, on the model alone.",
        options: &[
            ("model", "the simulated machine"),
            ("host", "real processes on the running kernel"),
            ("vm", "a real kernel in a virtual machine"),
        ],
        example: "runs-on model host\n\nprocess demo {\n    mmap block 1MiB\n    touch block\n}",
    },
    Entry {
        word: TopWord::Seed,
        name: "seed",
        form: "seed NUMBER",
        says: "Where everything random starts. The same seed gives the same run; `--seed` goes \
               before it. Without it, 1.",
        options: &[],
        example: "seed 7\n\nprocess demo {\n    mmap block 1MiB\n    touch block random=10\n}",
    },
    Entry {
        word: TopWord::Machine,
        name: "machine",
        form: "machine { … }",
        says: "The simulated machine. What is left out is a present-day x86-64 with 1 GiB of RAM \
               and no swap. On real kernels the machine is what it is, and this block is not \
               looked at.",
        options: &[],
        example: "machine {\n    ram 256MiB\n    swap 888MiB\n}\n\nprocess demo {\n    mmap block \
                  1MiB\n}",
    },
    Entry {
        word: TopWord::File,
        name: "file",
        form: "file NAME SIZE [in-memory]",
        says: "A file that is there when the scenario begins, full of data, and not in the page \
               cache.",
        options: &[("in-memory", "on a tmpfs instead of a disk")],
        example: "file data 64KiB\n\nprocess demo {\n    open input data\n    mmap window 64KiB \
                  file=input read-only\n    read window\n}",
    },
    Entry {
        word: TopWord::Process,
        name: "process",
        form: "process NAME [OPTIONS] { STEPS }",
        says: "A process and what it does, step by step. Several take turns, one step each. When \
               its steps are done it stays as it is, until the scenario ends.",
        options: &[
            ("start=", "when it starts, counted from the beginning: `start=2s`"),
            ("uid=", "its user; 0, root, has every capability [1000]"),
            ("nice=", "its nice value, -20 to 19 [0]"),
            ("adj=", "its oom_score_adj, -1000 to 1000 [0]"),
            ("cgroup=", "the memory cgroup it is in: `cgroup=\"/web\"`"),
            ("limit-as=", "RLIMIT_AS: all its mappings together"),
            ("limit-data=", "RLIMIT_DATA: what it may write, without stack and shared memory"),
            ("limit-stack=", "RLIMIT_STACK: how far its stack may grow"),
            ("limit-memlock=", "RLIMIT_MEMLOCK: what it may lock"),
        ],
        example: "process hog uid=1000 adj=500 limit-as=1GiB {\n    mmap block 8MiB\n    touch \
                  block\n}\n\nprocess neighbour start=10ms {\n    mmap block 1MiB\n}",
    },
];

/// A word in the block of `machine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table beside it says what each is")]
pub enum MachineWord {
    Arch,
    Ram,
    MemTotal,
    Swap,
    Kernel,
    Libc,
    Cpus,
    PageSize,
    Thp,
    RandomLayout,
    Sysctl,
    Cgroup,
    Layout,
}

/// Words in the block of `machine`.
pub const MACHINE: &[Entry<MachineWord>] = &[
    Entry {
        word: MachineWord::Arch,
        name: "arch",
        form: "arch x86-64|i386|arm|arm64",
        says: "The architecture, which decides where everything lies. i386 has 3 GiB for programs \
               and 1 GiB for the kernel.",
        options: &[],
        example: "machine {\n    arch i386\n    kernel 2.6.18\n}\n\nprocess demo {\n    mmap block \
                  1MiB\n}",
    },
    Entry {
        word: MachineWord::Ram,
        name: "ram",
        form: "ram SIZE",
        says: "How much RAM there is.",
        options: &[],
        example: "machine {\n    ram 15GiB\n}\n\nprocess demo {\n    mmap block 10GiB\n    expect \
                  succeeds\n}",
    },
    Entry {
        word: MachineWord::MemTotal,
        name: "mem-total",
        form: "mem-total SIZE",
        says: "MemTotal of /proc/meminfo, where it is known: the RAM without what the kernel keeps \
               for itself.",
        options: &[],
        example: "machine {\n    ram 256MiB\n    mem-total 255944kB\n}\n\nprocess demo {\n    mmap \
                  block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Swap,
        name: "swap",
        form: "swap SIZE",
        says: "A swap area. Written twice, there are two.",
        options: &[],
        example: "machine {\n    swap 1GiB\n}\n\nprocess demo {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Kernel,
        name: "kernel",
        form: "kernel RELEASE",
        says: "Whose rules hold, from 2.6.11 to today.",
        options: &[],
        example: "machine {\n    kernel 6.1\n}\n\nprocess demo {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Libc,
        name: "libc",
        form: "libc RELEASE",
        says: "The release of glibc whose `malloc` programs have: 2.12, 2.25, 2.31, 2.35, 2.36, 2.39, \
               2.41 or 2.43; on i386 2.3, 2.5, 2.31, 2.36 or 2.41. Without it, 2.36.",
        options: &[],
        example: "machine {\n    libc 2.31\n}\n\nprocess demo {\n    malloc block 40MiB\n    expect \
                  block.len is 40MiB\n}",
    },
    Entry {
        word: MachineWord::Cpus,
        name: "cpus",
        form: "cpus NUMBER",
        says: "How many processors. Without it, 1.",
        options: &[],
        example: "machine {\n    cpus 1\n}\n\nprocess demo {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::PageSize,
        name: "page-size",
        form: "page-size SIZE",
        says: "The size of a page; 4 KiB without it.",
        options: &[],
        example: "machine {\n    page-size 4KiB\n}\n\nprocess demo {\n    mmap block 3 pages\n    \
                  expect block.len is 12KiB\n}",
    },
    Entry {
        word: MachineWord::Thp,
        name: "huge-pages",
        form: "huge-pages always|madvise|never",
        says: "Where anonymous memory gets huge pages by itself \
               (/sys/kernel/mm/transparent_hugepage/enabled). Without it, never.",
        options: &[],
        example: "machine {\n    huge-pages always\n}\n\nprocess demo {\n    mmap block 8MiB\n    \
                  touch block\n    expect block.AnonHugePages is 8MiB\n}",
    },
    Entry {
        word: MachineWord::RandomLayout,
        name: "random-layout",
        form: "random-layout",
        says: "Addresses are randomised, by the seed. Without it they are not.",
        options: &[],
        example: "machine {\n    random-layout\n}\n\nprocess demo {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Sysctl,
        name: "sysctl",
        form: "sysctl NAME VALUE",
        says: "A setting below /proc/sys, by its dotted name.",
        options: &[],
        example: "machine {\n    ram 1GiB\n    sysctl vm.overcommit_memory 2\n}\n\nprocess demo \
                  {\n    mmap block 2GiB\n    expect fails ENOMEM\n}",
    },
    Entry {
        word: MachineWord::Cgroup,
        name: "cgroup",
        form: "cgroup PATH [OPTIONS]",
        says: "A memory cgroup (version 2), and its limits.",
        options: &[
            ("max=", "memory.max"),
            ("high=", "memory.high"),
            ("low=", "memory.low"),
            ("min=", "memory.min"),
            ("swap-max=", "memory.swap.max"),
            ("oom-group", "memory.oom.group: all die together"),
        ],
        example: "machine {\n    cgroup \"/web\" max=64MiB\n}\n\nprocess demo cgroup=\"/web\" {\n    \
                  mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Layout,
        name: "layout",
        form: "layout \"\"\" LINES \"\"\"",
        says: "The address space that every process starts with: lines of /proc/PID/maps or smaps \
               as they are, between three quotes. Without it, a small static program.",
        options: &[],
        example: "machine {\n    layout \"\"\"\n        00400000-00401000 r-xp 00000000 08:01 12 \
                  /bin/small\n        00600000-00601000 rw-p 00000000 08:01 12 /bin/small\n        \
                  7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n        \
                  \"\"\"\n}\n\nprocess demo {\n    expect text is 0x400000\n}",
    },
];
