//! Words at the top of a scenario, and in the block of `machine`.

use super::Entry;

/// A word at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table beside it says what each is")]
pub enum TopWord {
    Title,
    RunsOn,
    Seed,
    Tolerance,
    Machine,
    File,
    Process,
    Expect,
    Future,
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
               machine, a kernel in a virtual machine. Without it: on the model, in virtual machines, \
               and on this machine where a cgroup keeps it from the memory of others.",
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
        word: TopWord::Tolerance,
        name: "tolerance",
        form: "tolerance QUANTITY [SHARE%] [SIZE]",
        says: "How far apart a quantity may be when worlds are compared (`oomph lab`), in place of what \
               is allowed otherwise: a share of the real value or a size, whichever is more.",
        options: &[
            ("\"kill point\"", "bytes that a process had touched when somebody was killed"),
            ("free", "free and available memory"),
            ("anonymous", "anonymous memory, of victims too"),
            ("cache", "pages of files"),
            ("swap", "swap in use, and its cache"),
            ("cgroups", "what cgroups have"),
            ("badness", "scores in reports; the size is a number of points"),
            ("kernel", "slab, stacks, page tables"),
        ],
        example: "tolerance \"kill point\" 2% 4MiB\n\nprocess demo {\n    grow all until=killed \
                  by=1MiB\n}",
    },
    Entry {
        word: TopWord::Machine,
        name: "machine",
        form: "machine { … }",
        says: "The machine, which the model has, and which a virtual machine is made into. What is \
               left out is a present-day x86-64 with 1 GiB of RAM and no swap. The host is what it \
               is: there this block is not looked at.",
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
            ("count=", "so many of them, all with this name: `worker.0` is the first [1]"),
            ("apart=", "the time from the start of one to that of the next [0]"),
            ("start=", "when it starts, counted from the beginning: `start=2s`"),
            ("uid=", "its user; 0, root, has every capability [1000]"),
            ("nice=", "its nice value, -20 to 19 [0]"),
            ("adj=", "its oom_score_adj, -1000 to 1000 [0]"),
            ("cgroup=", "the memory cgroup it is in: `cgroup=\"/web\"`"),
            ("node=", "the NUMA node on whose processors it runs, as `run-on` says it"),
            ("limit-as=", "RLIMIT_AS: all its mappings together"),
            ("limit-data=", "RLIMIT_DATA: what it may write, without stack and shared memory"),
            ("limit-stack=", "RLIMIT_STACK: how far its stack may grow"),
            ("limit-memlock=", "RLIMIT_MEMLOCK: what it may lock"),
        ],
        example: "process hog uid=1000 adj=500 limit-as=1GiB {\n    mmap block 8MiB\n    touch \
                  block\n}\n\nprocess neighbour start=10ms count=3 apart=1ms {\n    mmap block \
                  1MiB\n}",
    },
    Entry {
        word: TopWord::Expect,
        name: "expect",
        form: "expect CLAIM [on=model|host|vm]",
        says: "States what should be so when everything is over, whoever is still alive then. Values \
               of processes need their name: `hog.VmRSS`.",
        options: &[("on=", "only there; several with commas: `on=model,vm`")],
        example: "process hog {\n    mmap block 1MiB\n    touch block\n}\n\nexpect hog alive\nexpect \
                  hog.touched is 1MiB",
    },
    Entry {
        word: TopWord::Future,
        name: "future",
        form: "future NAME [after=CHECKPOINT] { … }",
        says: "Something else that may become of a moment. The run is copied there, as often as there \
               are futures, and each copy goes on by itself: in it the processes that are named do \
               these steps instead of what they had left to do, the others go on as they are written, \
               and those whose names are new start. `expect` in it is about its end. The model alone \
               has futures.",
        options: &[(
            "after=",
            "from the first time that a process comes to this checkpoint; without it, from where \
             `--at` stops, or from the end",
        )],
        example: "machine {\n    ram 256MiB\n    sysctl vm.overcommit_memory 1\n}\n\nprocess web {\n    mmap block 400MiB\n    touch \
                  block 100MiB\n    checkpoint half\n    touch block\n}\n\nexpect web \
                  killed\n\nfuture \"it gives back in time\" after=half {\n    process web {\n        \
                  munmap block\n    }\n    expect web alive\n}\n\nfuture \"a larger one comes\" \
                  after=half {\n    process other adj=500 {\n        mmap more 400MiB\n        touch \
                  more\n    }\n    expect other killed\n}",
    },
];

/// A word in the block of `machine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table beside it says what each is")]
pub enum MachineWord {
    Arch,
    Ram,
    MemTotal,
    Node,
    Profile,
    Zone,
    Held,
    Swap,
    Zram,
    Kernel,
    Libc,
    Cpus,
    PageSize,
    Thp,
    RandomLayout,
    Sysctl,
    Sys,
    Ksm,
    LowMemoryKiller,
    CgroupVersion,
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
        word: MachineWord::Node,
        name: "node",
        form: "node SIZE",
        says: "The memory of a NUMA node; written twice, there are two, and `ram` is their sum. \
               Without it, there is one node with all of it. Processors are shared among the nodes, as \
               many on each; a single one is on the first. Processes take memory from their \
               processor's node first; which it is, `node=` of a process says.",
        options: &[],
        example: "machine {\n    node 512MiB\n    node 512MiB\n}\n\nprocess demo {\n    mmap block \
                  1MiB\n}",
    },
    Entry {
        word: MachineWord::Profile,
        name: "profile",
        form: "profile NAME",
        says: "What the kernel has made of the RAM by the time that the scenario begins: a boot that \
               was measured, by its name: Debian's kernel 6.1 or 6.12 for x86-64 with 128, 256, 512, \
               1024, 2048 or 4096 MiB and 1 or 2 processors (`6.1-256m-1cpu`). It brings `kernel`, \
               `ram` and `cpus`. Without it, the model works it out from these.",
        options: &[],
        example: "machine {\n    profile 6.12-256m-2cpu\n}\n\nprocess demo {\n    mmap block \
                  1MiB\n    expect zone.DMA32.managed is 50687\n}",
    },
    Entry {
        word: MachineWord::Zone,
        name: "zone",
        form: "zone NAME managed=PAGES [OPTIONS]",
        says: "A zone as it is after boot: DMA, DMA32, Normal, HighMem or Movable. Numbers without a \
               unit are pages, as /proc/zoneinfo prints them; `512MiB` will do as well.",
        options: &[
            ("node=", "the node that it is on [0]"),
            ("managed=", "what the allocator manages"),
            ("managed-at-init=", "what it managed when watermarks were computed [managed]"),
            ("spanned=", "from its first to its last page [present]"),
            ("present=", "what is there [managed]"),
            ("free=", "what is free [managed]"),
            ("pcp=", "what is free on lists of single processors [0]"),
        ],
        example: "machine {\n    ram 256MiB\n    zone DMA managed=3840\n    zone DMA32 managed=57600 \
                  managed-at-init=54300 free=52000\n}\n\nprocess demo {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Held,
        name: "held",
        form: "held [OPTIONS]",
        says: "What is in use after boot, and is not the scenario's.",
        options: &[
            ("slab-reclaimable=", "SReclaimable"),
            ("slab-unreclaimable=", "SUnreclaim"),
            ("kernel-stack=", "KernelStack"),
            ("page-tables=", "PageTables"),
            ("anon=", "anonymous memory of other processes"),
            ("file=", "clean page cache that nobody maps"),
            ("unevictable=", "what cannot be reclaimed, such as an initramfs"),
            ("committed=", "Committed_AS of others"),
            ("per-process=", "what the kernel takes for each process beside page tables"),
        ],
        example: "machine {\n    ram 256MiB\n    held slab-unreclaimable=8MiB file=20MiB\n}\n\nprocess \
                  demo {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Swap,
        name: "swap",
        form: "swap SIZE [priority=NUMBER]",
        says: "A swap area on a disk. Written twice, there are two.",
        options: &[("priority=", "the higher ones are filled first; without it, the first ones")],
        example: "machine {\n    swap 1GiB priority=5\n    swap 512MiB\n}\n\nprocess demo {\n    mmap \
                  block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Zram,
        name: "zram",
        form: "zram SIZE [priority=NUMBER]",
        says: "A swap area in RAM, compressed: what is swapped to it still takes memory, but less. How \
               much less depends on what `fill` wrote.",
        options: &[("priority=", "the higher ones are filled first; without it, the first ones")],
        example: "machine {\n    ram 256MiB\n    zram 128MiB\n}\n\nprocess demo {\n    mmap block \
                  1MiB\n}",
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
        says: "Addresses of mappings, stack and heap are drawn at each exec, by the seed and within \
               the ranges of the release (`kernel.randomize_va_space` 2). Without it they are \
               those of a program that runs under `setarch -R`. The program itself is one that \
               cannot lie elsewhere.",
        options: &[],
        example: "seed 7\n\nmachine {\n    kernel 6.1\n    random-layout\n}\n\nprocess demo {\n    \
                  mmap block 1MiB\n    expect result at-most 0x7ffbff6ff000\n    expect result \
                  at-least 0x7efbff6ff000\n}",
    },
    Entry {
        word: MachineWord::Sysctl,
        name: "sysctl",
        form: "sysctl NAME VALUE",
        says: "A setting below /proc/sys, by its dotted name. The chapter on settings lists them.",
        options: &[],
        example: "machine {\n    ram 1GiB\n    sysctl vm.overcommit_memory 2\n}\n\nprocess demo \
                  {\n    mmap block 2GiB\n    expect fails ENOMEM\n}",
    },
    Entry {
        word: MachineWord::Sys,
        name: "sys",
        form: "sys PATH VALUE",
        says: "What is written to a file below /sys before anything starts.",
        options: &[],
        example: "machine {\n    sys \"kernel/mm/transparent_hugepage/defrag\" never\n}\n\nprocess demo \
                  {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Ksm,
        name: "ksm",
        form: "ksm [pages-to-scan=NUMBER] [sleep=TIME]",
        says: "The kernel looks for equal pages in memory that `madvise … mergeable` was said of, and \
               keeps one of each.",
        options: &[
            ("pages-to-scan=", "how many pages it looks at before it sleeps [100]"),
            ("sleep=", "how long it sleeps then [20ms]"),
        ],
        example: "machine {\n    ksm pages-to-scan=1000 sleep=10ms\n}\n\nprocess demo {\n    mmap block \
                  1MiB\n    madvise block mergeable\n}",
    },
    Entry {
        word: MachineWord::LowMemoryKiller,
        name: "lowmemorykiller",
        form: "lowmemorykiller minfree=PAGES,… [adj=NUMBER,…]",
        says: "Android's driver of 2.6.27 to 4.11, which kills before memory is gone: when less than \
               so many pages are free and cached, somebody whose oom_score_adj is at least that of \
               the level.",
        options: &[
            ("minfree=", "pages, one number for each level, the smallest first"),
            ("adj=", "the least oom_score_adj of each level, as many as of `minfree=`"),
        ],
        example: "machine {\n    ram 256MiB\n    kernel 3.10\n    lowmemorykiller \
                  minfree=2048,8192,16384 adj=0,117,529\n}\n\nprocess demo {\n    mmap block \
                  1MiB\n}",
    },
    Entry {
        word: MachineWord::CgroupVersion,
        name: "cgroup-version",
        form: "cgroup-version 1|2",
        says: "Which files memory cgroups have. Without it, 2.",
        options: &[],
        example: "machine {\n    cgroup-version 1\n    cgroup \"/web\" \
                  limit=64MiB\n}\n\nprocess demo cgroup=\"/web\" {\n    mmap block 1MiB\n}",
    },
    Entry {
        word: MachineWord::Cgroup,
        name: "cgroup",
        form: "cgroup PATH [OPTIONS] [{ FILE VALUE … }]",
        says: "A memory cgroup, and its limits; `max` is no limit. In the block stand files by their \
               names, such as `memory.swap.high 1MiB` or `cpuset.mems 1`.",
        options: &[
            ("max=", "memory.max: more than that it never has"),
            ("high=", "memory.high: above that it is slowed down and reclaimed from"),
            ("low=", "memory.low: below that others are reclaimed from first"),
            ("min=", "memory.min: below that it is never reclaimed from"),
            ("swap-max=", "memory.swap.max"),
            ("oom-group", "memory.oom.group: all die together"),
            ("limit=", "version 1: memory.limit_in_bytes"),
            ("memsw-limit=", "version 1: memory.memsw.limit_in_bytes, RAM and swap together"),
            ("soft-limit=", "version 1: memory.soft_limit_in_bytes"),
        ],
        example: "machine {\n    cgroup \"/web\" max=64MiB {\n        memory.swap.high \
                  1MiB\n    }\n}\n\nprocess demo cgroup=\"/web\" {\n    mmap block 1MiB\n}",
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
