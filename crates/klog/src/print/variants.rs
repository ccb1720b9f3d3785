//! What a report has only sometimes: each form that [`super::sample::report`] does not have, and the
//! releases that print it.

use facts::oom_report::*;
use facts::{Name, Release};
use units::{Bytes, Limit, PageSize, Pages, Pid};

use super::{v, v2};

/// A form: its name, the first release that prints it and the first that does not any more, whether
/// it is of a memory cgroup, and how a report gets it.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) since: Release,
    pub(crate) until: Option<Release>,
    pub(crate) memcg: bool,
    pub(crate) apply: fn(&mut OomReport, Release),
}

const fn new(
    name: &'static str,
    since: Release,
    until: Option<Release>,
    apply: fn(&mut OomReport, Release),
) -> Variant {
    Variant { name, since, until, memcg: false, apply }
}

const fn of_group(
    name: &'static str,
    since: Release,
    until: Option<Release>,
    apply: fn(&mut OomReport, Release),
) -> Variant {
    Variant { name, since, until, memcg: true, apply }
}

pub(crate) const VARIANTS: &[Variant] = &[
    // The first lines.
    new("an ordinary request", v2(9), None, |report, _| {
        let trigger = trigger(report);
        (trigger.sysrq, trigger.order, trigger.compaction_disabled) = (false, Some(0), false);
    }),
    new("a page fault without a request", v(4, 6), None, |report, _| {
        let trigger = trigger(report);
        trigger.gfp = Some(GfpMask { mask: 0, names: Some(Name::default()) });
        (trigger.sysrq, trigger.order) = (false, Some(0));
    }),
    new("any node", v(4, 11), Some(v(5, 0)), |report, _| {
        trigger(report).nodemask = Some("(null)".into());
    }),
    new("an allocation failure", v2(28), None, |report, release| {
        let trigger = trigger(report);
        (trigger.kind, trigger.sysrq) = (TriggerKind::AllocationFailure, false);
        (trigger.order, trigger.compaction_disabled) = (Some(4), false);
        (trigger.oom_adj, trigger.oom_score_adj) = (None, None);
        if release < v(5, 0) {
            (trigger.cpuset, trigger.mems_allowed) = (None, None);
        }
        no_kill(report);
    }),
    new("SysRq m", v(5, 0), None, |report, _| {
        report.trigger =
            Some(Trigger { kind: TriggerKind::ShowMemory, sysrq: true, ..Trigger::default() });
        report.reporter = Reporter::default();
        no_kill(report);
    }),
    new("no taint, no place", v(3, 10), None, |report, _| {
        let reporter = &mut report.reporter;
        reporter.taint = Some("Not tainted".into());
        reporter.kdump_loaded = false;
        (reporter.taints, reporter.workqueue, reporter.hardware) = (None, None, None);
    }),
    new("words behind the version", v(6, 15), None, |report, release| {
        let text = format!(
            "{}.{}.0-custom #7 PREEMPT(lazy) Debian {0}.{1}.3-1 \
             9f1c3e0b7a55d2c4e6f8a0b1c2d3e4f5a6b7c8d9",
            release.major, release.minor
        );
        report.reporter.version = Some(Name::new(text));
    }),
    // Memory.
    new("two nodes", v2(39), None, |report, _| {
        let memory = memory(report);
        if let Some(mut node) = memory.nodes.first().cloned() {
            node.node = Some(1);
            memory.nodes.push(node);
        }
        let mut zones = memory.zones.clone();
        for (node, zones) in [(0, &mut memory.zones), (1, &mut zones)] {
            for zone in zones {
                zone.node = Some(node);
            }
        }
        memory.zones.append(&mut zones);
        for (node, kib) in [(0, 1 << 20), (1, 2048), (1, 1 << 20)] {
            let size = Bytes::from_kib(kib);
            let (total, free, surplus) = (Some(4), Some(1), Some(0));
            memory.huge_pools.push(HugePool { node, total, free, surplus, size });
        }
    }),
    new("pages of 16 KiB", v(3, 8), None, |report, _| blocks(report, 16, 12)),
    new("pages of 64 KiB", v(3, 8), None, |report, _| {
        blocks(report, 64, 14);
        let size = Bytes::from_kib(16 << 20);
        memory(report).huge_pools.iter_mut().for_each(|pool| pool.size = size);
    }),
    new("ten orders", v(6, 8), None, |report, _| blocks(report, 4, 10)),
    new("kinds of blocks in the old order", v(3, 8), Some(v(4, 4)), |report, _| {
        kinds(report, &["UEM", "UE", "M", "R", "UEMR", "C", "EMC", "I"]);
    }),
    new("kinds of blocks", v(4, 4), None, |report, _| {
        kinds(report, &["UME", "UMEH", "H", "C", "MC", "U", "E", "I", "UMEHCI"]);
    }),
    new("an empty zone's lists", v2(9), Some(v2(19)), |report, _| {
        for zone in &mut memory(report).zones {
            if zone.name.as_bytes() == b"Normal" {
                zone.per_cpu.clear();
            }
        }
    }),
    new("no swap built in", v2(27), None, |report, _| {
        let memory = memory(report);
        memory.swap = Swap::default();
    }),
    new("no huge pages, no contiguous areas", v(3, 10), None, |report, _| {
        let memory = memory(report);
        memory.huge_pools.clear();
        memory.totals.cma_reserved = None;
        memory.totals.hwpoisoned = None;
        memory.counters.free_cma = Some(Pages::ZERO);
        for node in &mut memory.nodes {
            (node.counters.shmem_thp, node.counters.anon_thp) = (None, None);
            (node.counters.shmem_pmdmapped, node.counters.shadow_call_stack) = (None, None);
        }
        memory.zones.iter_mut().for_each(|zone| zone.counters.shadow_call_stack = None);
    }),
    new("a node that reclaim has not given up", v(4, 8), None, |report, _| {
        for node in &mut memory(report).nodes {
            node.all_unreclaimable = Some(false);
        }
    }),
    new("a zone that reclaim has given up", v2(11), Some(v(4, 8)), |report, _| {
        memory(report).zones.iter_mut().for_each(|zone| zone.all_unreclaimable = Some(true));
    }),
    new("a vendor's fields", v(4, 8), None, |report, _| {
        let other = |name: &str, unit: &str| OtherCounter {
            name: name.into(),
            value: 4242,
            unit: unit.into(),
        };
        let memory = memory(report);
        memory.counters.other = vec![other("ion_heap", ""), other("zs_pages", "")];
        memory.nodes.iter_mut().for_each(|node| node.counters.other = vec![other("dmabuf", "kB")]);
        memory.zones.iter_mut().for_each(|zone| zone.counters.other = vec![other("cma_low", "kB")]);
    }),
    new("profiling turned off", v(6, 19), None, |report, _| {
        if let Some(allocations) = &mut memory(report).allocations {
            allocations.profiling = Some(false);
        }
    }),
    new("slab that cannot be listed", v(4, 15), None, |report, _| {
        report.slab = Some(SlabDump { refused: true, caches: Vec::new() });
    }),
    // Memory cgroups.
    of_group("nobody to kill in a group", v(4, 1), Some(v(5, 0)), |report, _| {
        memcg(report).task_group = None;
        no_kill(report);
        let text = "Out of memory and no killable processes...";
        let kind = PanicKind::NoKillableProcess;
        report.panic = Some(Panic { kind, panicked: false, text: text.into() });
    }),
    of_group("no limit", v2(30), None, |report, _| {
        let memcg = memcg(report);
        for usage in [&mut memcg.memory, &mut memcg.swap, &mut memcg.kmem].into_iter().flatten() {
            usage.limit = Some(Limit::Max);
        }
    }),
    of_group("a group that dies together", v(4, 19), None, |report, release| {
        let first = report.kills[0].clone();
        report.group_kill = Some("/kubepods.slice/pod305".into());
        for pid in [71, 72] {
            let pid = Some(Pid::new(pid));
            let cause = first.cause.clone().filter(|_| release >= v(5, 1));
            let name = Some(Name::from("member"));
            report.kills.push(Kill {
                pid,
                name,
                cause,
                chosen_pid: None,
                chosen_name: None,
                score: None,
                sharing: Vec::new(),
                ..first.clone()
            });
        }
    }),
    // The summary.
    new("no cgroups, no cpusets", v(5, 0), None, |report, _| {
        let line = summary(report);
        line.constraint = Some(Constraint::None);
        (line.cpuset, line.mems_allowed, line.task_memcg) = (None, None, None);
        line.global = false;
    }),
    new("a policy's nodes", v(5, 0), None, |report, _| {
        let line = summary(report);
        line.constraint = Some(Constraint::MemoryPolicy);
        line.nodemask = Some("0,2-3".into());
    }),
    new("a constraint of tomorrow", v(5, 0), None, |report, _| {
        summary(report).constraint = Some(Constraint::Other("CONSTRAINT_BPF_X".into()));
    }),
    // The kill.
    new("whoever asks", v2(24), None, |report, _| {
        report.kills[0].cause = Some(KillCause::AllocatingTask);
    }),
    new("a policy", v2(19), Some(v2(36)), |report, _| {
        let words = "No available memory (MPOL_BIND)";
        report.kills[0].cause = Some(KillCause::Other(words.into()));
    }),
    new("a cpuset", v2(19), Some(v2(36)), |report, _| {
        let words = "No available memory in cpuset";
        report.kills[0].cause = Some(KillCause::Other(words.into()));
    }),
    new("a user in the high half", v(5, 4), None, |report, _| {
        report.kills[0].uid = Some(u32::MAX - 16);
        summary(report).uid = Some(u32::MAX - 16);
    }),
    new("a victim that cannot be reaped", v(4, 6), None, |report, _| {
        let (pid, name) = (report.kills[0].pid, report.kills[0].name.clone());
        report.reaper = vec![ReaperLine::UnableToReap { pid, name }];
    }),
    new("a reaper that gives up", v(4, 8), Some(v(4, 9)), |report, _| {
        let (pid, name) = (report.kills[0].pid, report.kills[0].name.clone());
        report.reaper = vec![ReaperLine::GivingUp { pid, name }];
    }),
    new("memory that lives on", v(4, 8), None, |report, _| {
        let (pid, name) = (report.kills[0].pid, report.kills[0].name.clone());
        let (by_pid, by_name) = (Some(Pid::new(9)), Some("holder".into()));
        report.reaper = vec![ReaperLine::Pinned { pid, name, by_pid, by_name }];
    }),
    new("a victim that is dying already", v(5, 9), None, |report, _| {
        let kill = report.kills.remove(0);
        let cause = Some(KillCause::OutOfMemory);
        report.skipped = vec![SkippedVictim { cause, pid: kill.pid, name: kill.name }];
        (report.oom_kill, report.reaper) = (None, Vec::new());
    }),
    // Nobody.
    new("nobody to kill", v2(9), Some(v(4, 19)), |report, _| {
        panic(
            report,
            PanicKind::NoKillableProcess,
            true,
            "Out of memory and no killable processes...",
        );
    }),
    new("nobody to kill, and going on", v(4, 19), None, |report, _| {
        panic(
            report,
            PanicKind::NoKillableProcess,
            false,
            "Out of memory and no killable processes...",
        );
    }),
    new("deadlocked", v(4, 19), None, |report, _| {
        panic(report, PanicKind::NoKillableProcess, true, "System is deadlocked on memory");
    }),
    new("panic_on_oom, at first", v2(18), Some(v2(22)), |report, _| {
        panic(report, PanicKind::PanicOnOom, true, "out of memory. panic_on_oom is selected");
    }),
    new("panic_on_oom of a page fault", v2(24), Some(v2(36)), |report, _| {
        let words = "out of memory from page fault. panic_on_oom is selected.";
        panic(report, PanicKind::PanicOnOom, true, words);
    }),
    new("panic_on_oom, compulsory", v2(36), None, |report, _| {
        let words = "Out of memory: compulsory panic_on_oom is enabled";
        panic(report, PanicKind::PanicOnOom, true, words);
    }),
    new("panic_on_oom, of the whole system", v2(36), None, |report, _| {
        let words = "Out of memory: system-wide panic_on_oom is enabled";
        panic(report, PanicKind::PanicOnOom, true, words);
    }),
];

fn trigger(report: &mut OomReport) -> &mut Trigger {
    report.trigger.get_or_insert_default()
}

fn memory(report: &mut OomReport) -> &mut ShowMem {
    report.memory.get_or_insert_default()
}

fn memcg(report: &mut OomReport) -> &mut MemcgBlock {
    report.memcg.get_or_insert_default()
}

fn summary(report: &mut OomReport) -> &mut OomKillLine {
    report.oom_kill.get_or_insert_default()
}

fn no_kill(report: &mut OomReport) {
    report.kills.clear();
    report.reaper.clear();
    (report.oom_kill, report.tasks, report.slab) = (None, None, None);
    report.protection = None;
}

fn panic(report: &mut OomReport, kind: PanicKind, panicked: bool, text: &str) {
    report.kills.clear();
    report.reaper.clear();
    report.oom_kill = None;
    report.panic = Some(Panic { kind, panicked, text: text.into() });
}

/// Free blocks from pages of so many KiB on, in so many orders.
fn blocks(report: &mut OomReport, kib: u64, orders: u32) {
    report.page_size = PageSize::new(kib << 10);
    for buddy in memory(report).zones.iter_mut().filter_map(|zone| zone.buddy.as_mut()) {
        buddy.blocks = (0..orders)
            .map(|order| BuddyBlocks {
                count: u64::from(order % 3),
                size: Bytes::new((kib << 10) << order),
                types: (order % 3 > 0).then(|| Name::from("UM")),
            })
            .collect();
    }
}

/// Blocks of these kinds, from the smallest.
fn kinds(report: &mut OomReport, kinds: &[&str]) {
    for buddy in memory(report).zones.iter_mut().filter_map(|zone| zone.buddy.as_mut()) {
        for (block, kinds) in buddy.blocks.iter_mut().zip(kinds) {
            (block.count, block.types) = (3, Some(Name::from(*kinds)));
        }
    }
}
