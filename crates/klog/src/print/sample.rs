//! Reports with every field filled, from a seed: what a release prints of them is its sample.

use facts::oom_report::*;
use facts::{Name, Release};
use units::{Bytes, Limit, OomAdj, PageSize, Pages, Pid, ScoreAdj};

use super::{rows, v, v2};

/// Numbers that differ from one another, from a seed.
pub(crate) struct Filler {
    state: u64,
    /// Names as bad as names can be, or ordinary ones.
    pub(crate) hostile: bool,
}

/// Names of tasks that look like parts of lines.
const HOSTILE: &[&[u8]] = &[
    b"x) total-vm:1kB",
    b"x) score 5",
    b"a,task=b",
    b"x,pid=1,uid=0",
    b"Isolated Web Co",
    b"531",
    b"(sd-pam)",
    b"tmux: server",
    b"runc:[2:INIT]",
    b"in:imjournal",
    b"[ 12.5] x",
    b"<4>y",
    b"kernel: z",
    b"oom-kill:",
    b"Mem-Info:",
    b"\x1b[2Jx",
    b"\xff\xfe\x80",
    b"a Not tainted 1",
    b"b cpuset=q",
    b"#012",
    b"a\\n",
    b"{\"log\":\"x\"}",
    b"&nbsp;=3D",
];

impl Filler {
    pub(crate) fn new(seed: u64) -> Self {
        Filler { state: seed, hostile: false }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn count(&mut self) -> u64 {
        let bits = self.below(38) + 2;
        self.below(1 << bits)
    }

    #[expect(clippy::unnecessary_wraps, reason = "every field of a report is optional")]
    fn pages(&mut self) -> Option<Pages> {
        Some(Pages::new(self.count()))
    }

    fn kib(&mut self) -> Option<Bytes> {
        Bytes::from_kib(self.count())
    }

    fn pid(&mut self) -> Option<Pid> {
        u32::try_from(self.below(4_194_304)).ok().map(Pid::new)
    }

    #[expect(clippy::unnecessary_wraps, reason = "every field of a report is optional")]
    fn uid(&mut self) -> Option<u32> {
        Some(if self.below(20) == 0 {
            4_294_967_279
        } else {
            u32::try_from(self.below(100_000)).unwrap_or(0)
        })
    }

    fn adj(&mut self) -> Option<ScoreAdj> {
        ScoreAdj::new(i64::try_from(self.below(2001)).unwrap_or(0) - 1000).ok()
    }

    fn old_adj(&mut self) -> Option<OomAdj> {
        OomAdj::new(i64::try_from(self.below(33)).unwrap_or(0) - 17).ok()
    }

    pub(crate) fn name(&mut self) -> Name {
        if self.hostile {
            let at = usize::try_from(self.below(HOSTILE.len() as u64)).unwrap_or(0);
            let bytes = HOSTILE[at];
            return Name::new(&bytes[..bytes.len().min(15)]);
        }
        Name::new(format!("task{}", self.below(100_000)))
    }

    fn path(&mut self) -> Name {
        let deep = if self.hostile { "/a,b=c/x y: z" } else { "/kubepods.slice" };
        Name::new(format!("{deep}/pod{}", self.below(1000)))
    }
}

/// A report of everything, for a machine-wide kill or one of a memory cgroup.
pub(crate) fn report(fill: &mut Filler, release: Release, memcg: bool) -> OomReport {
    let victim = fill.name();
    let victim_pid = fill.pid();
    let trigger = trigger(fill, release);
    let group = fill.path();
    let below = Name::new([group.as_bytes(), b"/c"].concat());
    let uid = fill.uid();
    OomReport {
        reporter: reporter(fill, release, trigger.comm.clone()),
        memcg: memcg.then(|| memcg_block(fill, release, &below, &group)),
        memory: (!memcg).then(|| show_mem(fill, release)),
        slab: (!memcg && release >= v(4, 15)).then(|| slab(fill)),
        protection: Some(MemcgProtection { min: fill.kib(), low: fill.kib() }),
        tasks: rows::columns(release).map(|columns| TaskTable {
            columns: Some(columns),
            rows: (0..4).map(|_| row(fill)).collect(),
        }),
        oom_kill: Some(OomKillLine {
            constraint: Some(if memcg { Constraint::Memcg } else { Constraint::Cpuset }),
            nodemask: Some(Name::from("(null)")),
            cpuset: Some(Name::from("a,b")),
            mems_allowed: Some(Name::from("0-1,3")),
            oom_memcg: memcg.then(|| group.clone()),
            global: !memcg,
            task_memcg: Some(below),
            task: Some(victim.clone()),
            pid: victim_pid,
            uid,
        }),
        kills: vec![Kill {
            cause: Some(if memcg { KillCause::MemoryCgroup } else { KillCause::OutOfMemory }),
            chosen_pid: fill.pid(),
            chosen_name: Some(fill.name()),
            score: Some(i64::try_from(fill.below(2000)).unwrap_or(0)),
            pid: victim_pid,
            name: Some(victim.clone()),
            total_vm: fill.kib(),
            anon_rss: fill.kib(),
            file_rss: fill.kib(),
            shmem_rss: fill.kib(),
            uid,
            pgtables: fill.kib(),
            oom_score_adj: fill.adj(),
            sharing: vec![(Pid::new(77), Name::from("shares"))],
        }],
        reaper: vec![ReaperLine::Reaped(Reaped {
            pid: victim_pid,
            name: Some(victim),
            anon_rss: fill.kib(),
            file_rss: fill.kib(),
            shmem_rss: fill.kib(),
        })],
        trigger: Some(trigger),
        ..OomReport::default()
    }
}

fn trigger(fill: &mut Filler, release: Release) -> Trigger {
    Trigger {
        kind: TriggerKind::OomKiller,
        comm: Some(fill.name()),
        gfp: Some(GfpMask { mask: 0x100_cca, names: Some(Name::from("GFP_HIGHUSER_MOVABLE")) }),
        order: Some(if release >= v(4, 3) { -1 } else { 3 }),
        nodemask: Some(Name::from("0-1,3")),
        oom_adj: fill.old_adj(),
        oom_score_adj: fill.adj(),
        sysrq: true,
        compaction_disabled: true,
        cpuset: Some(Name::from("cset")),
        mems_allowed: Some(Name::from("0-1,3")),
    }
}

fn reporter(fill: &mut Filler, release: Release, comm: Option<Name>) -> Reporter {
    let version = format!("{}.{}.{}-rc1 #1", release.major, release.minor, release.patch);
    Reporter {
        cpu: Some(3),
        uid: Some(1000),
        pid: fill.pid(),
        comm,
        kdump_loaded: true,
        taint: Some(Name::from("G        W")),
        version: Some(Name::new(version)),
        release: Some(release),
        taints: Some(Name::from("[W]=WARN")),
        hardware: Some(Name::from("QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.3-1 04/01/2014")),
        workqueue: Some(Name::from("events moom_callback")),
        trace: vec![Name::from("dump_header"), Name::from("out_of_memory")],
    }
}

fn memcg_block(fill: &mut Filler, release: Release, task: &Name, limit: &Name) -> MemcgBlock {
    let v1 = fill.below(2) == 0;
    let mut usage = |limited: bool| {
        let limit = if limited { fill.kib().map(Limit::At) } else { Some(Limit::Max) };
        Some(MemcgUsage { usage: fill.kib(), limit, failcnt: Some(fill.count()) })
    };
    let both = v1 || release < v(5, 3);
    let memory = usage(true);
    let memory_swap = usage(false).filter(|_| both);
    let kmem = usage(true).filter(|_| both);
    let swap = usage(true).filter(|_| !both);
    let names = rows::memcg(release, v1);
    let kib = release < v(5, 3);
    let mut stats = |path: &Name| MemcgStats {
        path: Some(path.clone()),
        counters: MemcgCounters(
            names
                .iter()
                .map(|name| {
                    (Name::from(*name), if kib { fill.count() * 1024 } else { fill.count() })
                })
                .collect(),
        ),
    };
    let mut all = vec![stats(limit)];
    if kib {
        all.push(stats(task));
    }
    MemcgBlock {
        task_group: Some(task.clone()),
        limit_group: Some(limit.clone()),
        memory,
        memory_swap,
        swap,
        kmem,
        stats: all,
    }
}

fn show_mem(fill: &mut Filler, release: Release) -> ShowMem {
    let mut counters = GlobalCounters::default();
    for key in GlobalCounters::KEYS {
        if let Some(slot) = counters.slot(key.as_bytes()) {
            *slot = fill.pages();
        }
    }
    let numa = fill.below(2) == 0;
    let size =
        PageSize::new([4096, 8192, 16384, 65536][usize::try_from(fill.below(4)).unwrap_or(0)]);
    let size = size.unwrap_or(PageSize::KIB_4);
    let zones: &[&str] = if numa {
        &["DMA", "DMA32", "Normal", "Movable", "Device"]
    } else {
        &["DMA", "Normal", "HighMem"]
    };
    let cold = release < v2(25);
    let old_list = release < v2(19);
    ShowMem {
        free: fill.kib(),
        free_highmem: fill.kib(),
        counters,
        nodes: vec![node(fill)],
        zones: zones.iter().map(|name| zone(fill, name, numa, size, cold, old_list)).collect(),
        huge_pools: vec![HugePool {
            node: 0,
            total: Some(fill.count()),
            free: Some(fill.count()),
            surplus: Some(fill.count()),
            size: Bytes::from_kib(2048),
        }],
        pagecache: fill.pages(),
        swap: Swap {
            cached: fill.pages(),
            add: Some(fill.count()),
            delete: Some(fill.count()),
            find: Some((fill.count(), fill.count())),
            race: Some((fill.count(), fill.count())),
            free: fill.kib(),
            lacking: None,
            total: fill.kib(),
        },
        totals: Totals {
            ram: fill.pages(),
            highmem: fill.pages(),
            reserved: fill.pages(),
            shared: fill.pages(),
            non_shared: fill.pages(),
            swap_cached: fill.pages(),
            pagetable_cache: fill.pages(),
            cma_reserved: fill.pages(),
            hwpoisoned: fill.pages(),
            ..Totals::default()
        },
        allocations: (release >= v(6, 10)).then(|| sites(release)),
    }
}

fn sites(release: Release) -> AllocationSites {
    let new = release >= v(6, 19);
    let (text, bytes) = if new { ("1.50 GiB", 3 << 29) } else { ("3176243200", 3_176_243_200) };
    let site = |place: &str| AllocationSite {
        bytes: Some(Bytes::new(bytes)),
        size_text: Name::from(text),
        calls: Some(247_900),
        place: Name::from(place),
    };
    AllocationSites {
        profiling: new.then_some(true),
        sites: vec![
            site("mm/slub.c:2264 func:alloc_slab_page"),
            site("fs/xfs/xfs_icache.c:82 [xfs] func:xfs_inode_alloc"),
        ],
    }
}

fn node(fill: &mut Filler) -> NodeMemory {
    let mut counters = NodeCounters::default();
    for key in NodeCounters::KEYS {
        if let Some(slot) = counters.slot(key.as_bytes()) {
            *slot = fill.kib();
        }
    }
    NodeMemory {
        node: Some(0),
        counters,
        pages_scanned: Some(fill.count()),
        all_unreclaimable: Some(true),
    }
}

fn zone(
    fill: &mut Filler,
    name: &str,
    numa: bool,
    size: PageSize,
    cold: bool,
    old: bool,
) -> ZoneMemory {
    let mut counters = ZoneCounters::default();
    for key in ZoneCounters::KEYS {
        if let Some(slot) = counters.slot(key.as_bytes()) {
            *slot = fill.kib();
        }
    }
    let list = |fill: &mut Filler| PcpList {
        low: old.then(|| fill.below(9)),
        high: Some(fill.below(99_999)),
        batch: Some(fill.below(9999)),
        used: Some(fill.below(9999)),
    };
    let blocks = (0..11)
        .map(|order| {
            let count = fill.below(500);
            let types = (count > 0 && fill.below(4) > 0).then(|| Name::from("UME"));
            BuddyBlocks { count, size: Bytes::new(size.bytes() << order), types }
        })
        .collect();
    ZoneMemory {
        node: numa.then_some(0),
        name: Name::from(name),
        counters,
        pages_scanned: Some(fill.count()),
        all_unreclaimable: Some(false),
        lowmem_reserve: Some((0..4).map(|_| Pages::new(fill.count())).collect()),
        buddy: Some(Buddy { blocks, total: fill.kib() }),
        per_cpu: (0..2)
            .map(|cpu| PcpCpu { cpu, hot: list(fill), cold: cold.then(|| list(fill)) })
            .collect(),
    }
}

fn slab(fill: &mut Filler) -> SlabDump {
    let names = ["kmemleak_object", "btrfs_delayed_extent_op", "bio-88"];
    let caches = names
        .iter()
        .map(|name| SlabCache { name: Name::from(*name), used: fill.kib(), total: fill.kib() })
        .collect();
    SlabDump { refused: false, caches }
}

fn row(fill: &mut Filler) -> TaskRow {
    TaskRow {
        pid: fill.pid(),
        uid: fill.uid(),
        tgid: fill.pid(),
        total_vm: fill.pages(),
        rss: fill.pages(),
        rss_anon: fill.pages(),
        rss_file: fill.pages(),
        rss_shmem: fill.pages(),
        cpu: u32::try_from(fill.below(512)).ok(),
        nr_ptes: Some(fill.count()),
        nr_pmds: Some(fill.count()),
        pgtables: Some(Bytes::new(fill.below(1 << 20) * 4096)),
        swapents: fill.pages(),
        oom_adj: fill.old_adj(),
        oom_score_adj: fill.adj(),
        name: Some(fill.name()),
    }
}
