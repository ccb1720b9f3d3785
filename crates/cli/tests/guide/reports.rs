//! Two reports of kernels that are not at hand, as those kernels print them: their figures agree with
//! one another as a real machine's do.
#![expect(clippy::too_many_lines, reason = "each function is one report, section by section")]

use std::fmt::Write as _;

use facts::oom_report::{
    Buddy, BuddyBlocks, Constraint, GfpMask, GlobalCounters, HugePool, Kill, KillCause,
    NodeCounters, NodeMemory, OomKillLine, OomReport, PcpCpu, PcpList, Reporter, ShowMem, Swap,
    TaskColumns, TaskRow, TaskTable, Totals, Trigger, ZoneCounters, ZoneMemory,
};
use facts::{Name, Release};
use units::{Bytes, OomAdj, Pages, Pid, ScoreAdj};

/// A web server of 2 GiB with Linux 2.6.32: memory and swap are full, and a child dies for its parent.
pub(crate) fn server() -> String {
    let release = Release::old(2, 6, 32);
    let dma = zone(
        "DMA",
        "free:8012 min:40 low:48 high:60 active_anon:0 inactive_anon:0 active_file:0 inactive_file:0 \
         unevictable:0 isolated(anon):0 isolated(file):0 present:15352 mlocked:0 dirty:0 writeback:0 \
         mapped:0 shmem:0 slab_reclaimable:0 slab_unreclaimable:0 kernel_stack:0 pagetables:0 \
         unstable:0 bounce:0 writeback_tmp:0",
        &[0, 2004, 2004, 2004],
        &["1", "1", "2", "1", "2", "1", "2", "2", "2", "2", "0"],
    );
    let dma32 = zone(
        "DMA32",
        "free:5660 min:5704 low:7128 high:8556 active_anon:984804 inactive_anon:960472 \
         active_file:724 inactive_file:1560 unevictable:0 isolated(anon):0 isolated(file):0 \
         present:2052320 mlocked:0 dirty:0 writeback:48 mapped:1812 shmem:4816 \
         slab_reclaimable:8840 slab_unreclaimable:18520 kernel_stack:1840 pagetables:36480 \
         unstable:0 bounce:0 writeback_tmp:0",
        &[0, 0, 0, 0],
        &["683", "122", "42", "8", "2", "1", "1", "1", "0", "0", "0"],
    );
    let cpu = |cpu, high, batch, used| PcpCpu {
        cpu,
        hot: PcpList { low: None, high: Some(high), batch: Some(batch), used: Some(used) },
        cold: None,
    };
    let rows = [
        // pid, uid, total_vm, rss, cpu, oom_adj, name
        (612, 0, 4210, 101, 0, -17, "udevd"),
        (1520, 0, 1480, 92, 1, 0, "rsyslogd"),
        (1733, 0, 12_310, 144, 0, -17, "sshd"),
        (2411, 104, 312_044, 148_210, 1, 0, "mysqld"),
        (2601, 0, 80_112, 3120, 0, 0, "httpd"),
        (2607, 33, 132_480, 54_102, 1, 0, "httpd"),
        (2608, 33, 131_024, 53_871, 0, 0, "httpd"),
        (2609, 33, 128_770, 51_640, 0, 0, "httpd"),
        (2610, 33, 130_215, 52_884, 1, 0, "httpd"),
        (2874, 33, 127_904, 50_733, 0, 0, "httpd"),
        (2902, 33, 129_410, 51_092, 1, 0, "httpd"),
        (3310, 1000, 27_101, 388, 0, 0, "bash"),
    ];
    let report = OomReport {
        trigger: Some(Trigger {
            comm: Some(Name::from("httpd")),
            gfp: Some(GfpMask { mask: 0x0002_01da, names: None }),
            order: Some(0),
            oom_adj: OomAdj::new(0).ok(),
            cpuset: Some(Name::from("/")),
            mems_allowed: Some(Name::from("0")),
            ..Trigger::default()
        }),
        reporter: Reporter {
            pid: Some(Pid::new(2874)),
            comm: Some(Name::from("httpd")),
            taint: Some(Name::from("Not tainted")),
            version: Some(Name::from("2.6.32 #1")),
            trace: names(
                "oom_kill_process __out_of_memory out_of_memory __alloc_pages_nodemask \
                 alloc_pages_current __page_cache_alloc __do_page_cache_readahead ra_submit \
                 filemap_fault __do_fault handle_mm_fault do_page_fault page_fault",
            ),
            ..Reporter::default()
        },
        memory: Some(ShowMem {
            counters: global(
                "active_anon:246201 inactive_anon:240118 isolated_anon:0 active_file:181 \
                 inactive_file:390 isolated_file:0 unevictable:0 dirty:0 writeback:12 unstable:0 \
                 free:3418 slab_reclaimable:2210 slab_unreclaimable:4630 mapped:453 shmem:1204 \
                 pagetables:9120 bounce:0",
            ),
            zones: vec![
                ZoneMemory {
                    per_cpu: vec![cpu(0, 0, 1, 0), cpu(1, 0, 1, 0)],
                    pages_scanned: Some(0),
                    all_unreclaimable: Some(true),
                    ..dma
                },
                ZoneMemory {
                    per_cpu: vec![cpu(0, 186, 31, 172), cpu(1, 186, 31, 54)],
                    pages_scanned: Some(2_971_244),
                    all_unreclaimable: Some(true),
                    ..dma32
                },
            ],
            pagecache: Some(Pages::new(2587)),
            swap: Swap {
                cached: Some(Pages::new(812)),
                add: Some(1_848_204),
                delete: Some(1_847_392),
                find: Some((920_114, 1_033_870)),
                free: Some(Bytes::ZERO),
                total: Bytes::from_kib(1_048_568),
                ..Swap::default()
            },
            totals: Totals {
                ram: Some(Pages::new(524_112)),
                reserved: Some(Pages::new(13_240)),
                shared: Some(Pages::new(4102)),
                non_shared: Some(Pages::new(505_118)),
                ..Totals::default()
            },
            ..ShowMem::default()
        }),
        tasks: Some(TaskTable {
            columns: Some(TaskColumns::CpuAdj),
            rows: rows
                .into_iter()
                .map(|(pid, uid, vm, rss, cpu, adj, name)| TaskRow {
                    cpu: Some(cpu),
                    oom_adj: OomAdj::new(adj).ok(),
                    ..row(pid, uid, vm, rss, name)
                })
                .collect(),
        }),
        kills: vec![Kill {
            cause: Some(KillCause::OutOfMemory),
            chosen_pid: Some(Pid::new(2601)),
            chosen_name: Some(Name::from("httpd")),
            score: Some(470_017),
            pid: Some(Pid::new(2607)),
            name: Some(Name::from("httpd")),
            ..Kill::default()
        }],
        ..OomReport::default()
    };
    stamped(&klog::print(&report, release), 1_934_211_608_113)
}

/// A desk machine of 4 GiB whose Linux 5.15 has no compaction: 333 MiB are free, in pieces.
pub(crate) fn fragmented() -> String {
    let release = Release::new(5, 15);
    let names_of_gfp = "GFP_KERNEL|__GFP_COMP|__GFP_ZERO";
    let mask = rules::gfp::mask(names_of_gfp, release, rules::gfp::Config::default());
    let dma = zone(
        "DMA",
        "free:13312 min:256 low:320 high:384 reserved_highatomic:0 active_anon:0 inactive_anon:0 \
         active_file:0 inactive_file:0 unevictable:0 writepending:0 present:15992 managed:15360 \
         mlocked:0 bounce:0 free_pcp:0 local_pcp:0 free_cma:0",
        &[0, 2926, 3896, 3896, 3896],
        &["0", "0", "0", "0", "0", "0", "0", "0", "1 U", "0", "3 M"],
    );
    let dma32 = zone(
        "DMA32",
        "free:231480 min:33664 low:42080 high:50496 reserved_highatomic:0 active_anon:62008 \
         inactive_anon:1214904 active_file:541112 inactive_file:444004 unevictable:0 \
         writepending:212 present:3108388 managed:2996224 mlocked:0 bounce:0 free_pcp:1420 \
         local_pcp:388 free_cma:0",
        &[0, 0, 970, 970, 970],
        &["31190 UME", "8340 UME", "2500 UM", "0", "0", "0", "0", "0", "0", "0", "0"],
    );
    let normal = zone(
        "Normal",
        "free:96164 min:11160 low:13948 high:16736 reserved_highatomic:0 active_anon:22128 \
         inactive_anon:393536 active_file:179732 inactive_file:148076 unevictable:64 \
         writepending:40 present:1069308 managed:993280 mlocked:64 bounce:0 free_pcp:628 \
         local_pcp:0 free_cma:0",
        &[0, 0, 0, 0, 0],
        &["10629 UME", "4200 UME", "1253 UM", "0", "0", "0", "0", "0", "0", "0", "0"],
    );
    let rows = [
        // pid, uid, total_vm, rss, pgtables, swapents, adj, name
        (288, 0, 11_214, 3120, 94_208, 210, -250, "systemd-journal"),
        (310, 0, 6210, 1402, 69_632, 402, -1000, "systemd-udevd"),
        (804, 103, 2233, 812, 57_344, 88, -900, "dbus-daemon"),
        (1180, 0, 182_334, 31_002, 684_032, 2100, 0, "Xorg"),
        (1544, 1000, 812_020, 62_115, 1_331_200, 4020, 0, "gnome-shell"),
        (3920, 1000, 1_120_448, 151_200, 2_600_960, 12_000, 0, "firefox"),
        (4711, 1000, 612_340, 98_120, 1_400_832, 3000, 233, "Isolated Web Co"),
        (4988, 1000, 498_017, 60_804, 1_101_824, 1410, 100, "Isolated Web Co"),
        (5102, 1000, 402_113, 72_411, 1_024_000, 8200, 0, "soffice.bin"),
        (6021, 114, 14_902, 1911, 110_592, 0, 0, "saned"),
    ];
    let report = OomReport {
        trigger: Some(Trigger {
            comm: Some(Name::from("saned")),
            gfp: Some(GfpMask {
                mask: mask.expect("flags of 5.15"),
                names: Some(Name::from(names_of_gfp)),
            }),
            order: Some(3),
            oom_score_adj: ScoreAdj::new(0).ok(),
            compaction_disabled: true,
            ..Trigger::default()
        }),
        reporter: Reporter {
            cpu: Some(2),
            pid: Some(Pid::new(6021)),
            comm: Some(Name::from("saned")),
            taint: Some(Name::from("Not tainted")),
            version: Some(Name::from("5.15.0 #1")),
            hardware: Some(Name::from("QEMU Standard PC (Q35 + ICH9, 2009)")),
            trace: names(
                "dump_stack_lvl dump_header oom_kill_process out_of_memory __alloc_pages_slowpath \
                 __alloc_pages kmalloc_order kmalloc_order_trace __kmalloc proc_do_submiturb \
                 usbdev_ioctl __x64_sys_ioctl do_syscall_64 entry_SYSCALL_64_after_hwframe",
            ),
            ..Reporter::default()
        },
        memory: Some(ShowMem {
            counters: global(
                "active_anon:21034 inactive_anon:402110 isolated_anon:0 active_file:180211 \
                 inactive_file:148020 isolated_file:0 unevictable:16 dirty:51 writeback:12 \
                 slab_reclaimable:61020 slab_unreclaimable:52310 mapped:70122 shmem:18211 \
                 pagetables:9800 bounce:0 kernel_misc_reclaimable:0 free:85239 free_pcp:512 \
                 free_cma:0",
            ),
            nodes: vec![NodeMemory {
                node: Some(0),
                counters: node(
                    "active_anon:84136 inactive_anon:1608440 active_file:720844 \
                     inactive_file:592080 unevictable:64 isolated(anon):0 isolated(file):0 \
                     mapped:280488 dirty:204 writeback:48 shmem:72844 shmem_thp:0 \
                     shmem_pmdmapped:0 anon_thp:0 writeback_tmp:0 kernel_stack:14480 \
                     pagetables:39200",
                ),
                pages_scanned: None,
                all_unreclaimable: Some(false),
            }],
            zones: vec![dma, dma32, normal],
            huge_pools: vec![HugePool {
                node: 0,
                total: Some(0),
                free: Some(0),
                surplus: Some(0),
                size: Bytes::from_kib(2048),
            }],
            pagecache: Some(Pages::new(349_562)),
            swap: Swap {
                cached: Some(Pages::new(3120)),
                add: Some(40_112),
                delete: Some(36_992),
                find: Some((1204, 2410)),
                free: Bytes::from_kib(918_204),
                total: Bytes::from_kib(1_048_572),
                ..Swap::default()
            },
            totals: Totals {
                ram: Some(Pages::new(1_048_422)),
                highmem: Some(Pages::ZERO),
                reserved: Some(Pages::new(47_206)),
                hwpoisoned: Some(Pages::ZERO),
                ..Totals::default()
            },
            ..ShowMem::default()
        }),
        tasks: Some(TaskTable {
            columns: Some(TaskColumns::PgtablesBytes),
            rows: rows
                .into_iter()
                .map(|(pid, uid, vm, rss, tables, swap, adj, name)| TaskRow {
                    pgtables: Some(Bytes::new(tables)),
                    swapents: Some(Pages::new(swap)),
                    oom_score_adj: ScoreAdj::new(adj).ok(),
                    ..row(pid, uid, vm, rss, name)
                })
                .collect(),
        }),
        oom_kill: Some(OomKillLine {
            constraint: Some(Constraint::None),
            nodemask: Some(Name::from("(null)")),
            cpuset: Some(Name::from("/")),
            mems_allowed: Some(Name::from("0")),
            global: true,
            task_memcg: Some(Name::from("/user.slice/user-1000.slice/session-2.scope")),
            task: Some(Name::from("Isolated Web Co")),
            pid: Some(Pid::new(4711)),
            uid: Some(1000),
            ..OomKillLine::default()
        }),
        kills: vec![Kill {
            cause: Some(KillCause::OutOfMemory),
            pid: Some(Pid::new(4711)),
            name: Some(Name::from("Isolated Web Co")),
            total_vm: Bytes::from_kib(2_449_360),
            anon_rss: Bytes::from_kib(318_204),
            file_rss: Bytes::from_kib(70_420),
            shmem_rss: Bytes::from_kib(3856),
            uid: Some(1000),
            pgtables: Bytes::from_kib(1368),
            oom_score_adj: ScoreAdj::new(233).ok(),
            ..Kill::default()
        }],
        ..OomReport::default()
    };
    stamped(&klog::print(&report, release), 8_123_456_789)
}

/// With the times that a kernel's log has, from so many microseconds after boot.
fn stamped(text: &[u8], mut micros: u64) -> String {
    let mut out = String::new();
    for line in String::from_utf8_lossy(text).lines() {
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        _ = writeln!(out, "[{seconds:>5}.{rest:06}] {line}");
        micros += 17;
    }
    out
}

fn figures(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.split_whitespace().map(|word| {
        let (key, value) = word.rsplit_once(':').expect("key:value");
        (key, value.parse().expect("a number"))
    })
}

fn global(text: &str) -> GlobalCounters {
    let mut counters = GlobalCounters::default();
    for (key, value) in figures(text) {
        *counters.slot(key.as_bytes()).expect("a counter") = Some(Pages::new(value));
    }
    counters
}

fn node(text: &str) -> NodeCounters {
    let mut counters = NodeCounters::default();
    for (key, value) in figures(text) {
        *counters.slot(key.as_bytes()).expect("a counter") = Bytes::from_kib(value);
    }
    counters
}

/// A zone of node 0: its figures in kB, its reserves in pages, its free blocks from 4 KiB upward.
fn zone(name: &str, text: &str, reserve: &[u64], blocks: &[&str]) -> ZoneMemory {
    let mut counters = ZoneCounters::default();
    for (key, value) in figures(text) {
        *counters.slot(key.as_bytes()).expect("a counter") = Bytes::from_kib(value);
    }
    let blocks: Vec<BuddyBlocks> = blocks
        .iter()
        .enumerate()
        .map(|(order, text)| {
            let (count, types) = text.split_once(' ').unwrap_or((text, ""));
            BuddyBlocks {
                count: count.parse().expect("a number"),
                size: Bytes::new(4096 << order),
                types: (!types.is_empty()).then(|| Name::from(types)),
            }
        })
        .collect();
    let total: u64 = blocks.iter().map(|blocks| blocks.count * blocks.size.get()).sum();
    assert_eq!(Some(Bytes::new(total)), counters.free, "free blocks of {name}");
    ZoneMemory {
        node: Some(0),
        name: Name::from(name),
        counters,
        lowmem_reserve: Some(reserve.iter().map(|&pages| Pages::new(pages)).collect()),
        buddy: Some(Buddy { blocks, total: Some(Bytes::new(total)) }),
        ..ZoneMemory::default()
    }
}

fn row(pid: u32, uid: u32, vm: u64, rss: u64, name: &str) -> TaskRow {
    TaskRow {
        pid: Some(Pid::new(pid)),
        tgid: Some(Pid::new(pid)),
        uid: Some(uid),
        total_vm: Some(Pages::new(vm)),
        rss: Some(Pages::new(rss)),
        name: Some(Name::from(name)),
        ..TaskRow::default()
    }
}

fn names(text: &str) -> Vec<Name> {
    text.split_whitespace().map(Name::from).collect()
}
