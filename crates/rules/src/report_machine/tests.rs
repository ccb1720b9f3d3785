//! What a report says is there, and what it does not say is not.
#![expect(clippy::unnecessary_wraps, reason = "facts are optional, and so are those made here")]

use facts::oom_report::{
    GlobalCounters, HugePool, MemcgBlock, MemcgCounters, MemcgStats, MemcgUsage, NodeCounters,
    NodeMemory, ShowMem, TaskColumns, TaskRow, TaskTable, ZoneCounters, ZoneMemory,
};
use facts::{CgroupVersion, Field};
use units::{Bytes, Limit, Pages, Pid, ScoreAdj};

use super::*;
use crate::rank::{Domain, rank};

const KIB_64: u64 = 64 << 10;

fn pages(count: u64) -> Option<Pages> {
    Some(Pages::new(count))
}

fn kib(count: u64) -> Option<Bytes> {
    Bytes::from_kib(count)
}

fn machine(report: &OomReport) -> ReportMachine {
    machine_of_report(report, "test".to_owned(), None)
}

/// A machine of 1000 pages of 64 KiB, all of them in one zone.
fn global() -> OomReport {
    let mut memory = ShowMem {
        counters: GlobalCounters {
            active_anon: pages(300),
            inactive_anon: pages(100),
            isolated_anon: pages(4),
            active_file: pages(50),
            inactive_file: pages(20),
            free: pages(30),
            slab_reclaimable: pages(7),
            slab_unreclaimable: pages(8),
            ..GlobalCounters::default()
        },
        nodes: vec![NodeMemory {
            node: Some(0),
            counters: NodeCounters {
                active_anon: kib(300 * 64),
                inactive_anon: kib(100 * 64),
                kernel_stack: kib(640),
                ..NodeCounters::default()
            },
            ..NodeMemory::default()
        }],
        zones: vec![ZoneMemory {
            node: Some(0),
            name: "Normal".into(),
            counters: ZoneCounters {
                free: kib(30 * 64),
                min: kib(128),
                managed: kib(1000 * 64),
                free_pcp: kib(64),
                zspages: kib(640),
                ..ZoneCounters::default()
            },
            lowmem_reserve: Some(vec![Pages::ZERO, Pages::new(3)]),
            ..ZoneMemory::default()
        }],
        huge_pools: [0, 1]
            .map(|node| HugePool {
                node,
                total: Some(3),
                free: Some(1),
                surplus: Some(0),
                size: kib(2048),
            })
            .to_vec(),
        pagecache: pages(90),
        ..ShowMem::default()
    };
    memory.totals.ram = pages(1100);
    memory.totals.reserved = pages(100);
    memory.swap.cached = pages(10);
    memory.swap.total = kib(6400);
    memory.swap.free = kib(64);
    OomReport {
        memory: Some(memory),
        page_size: PageSize::new(KIB_64),
        tasks: Some(TaskTable {
            columns: Some(TaskColumns::PgtablesBytes),
            rows: vec![TaskRow {
                pid: Some(Pid::new(71)),
                tgid: Some(Pid::new(70)),
                uid: Some(1000),
                total_vm: pages(500),
                rss: pages(200),
                pgtables: Some(Bytes::new(KIB_64)),
                swapents: pages(5),
                oom_score_adj: ScoreAdj::new(-7).ok(),
                name: Some("big one".into()),
                ..TaskRow::default()
            }],
        }),
        ..OomReport::default()
    }
}

#[test]
fn counters_of_pages_are_sizes_of_the_machines_own_pages() {
    let snapshot = machine(&global()).snapshot;
    for (field, pages) in [
        (Field::MemTotal, 1000),
        (Field::MemFree, 30),
        (Field::ActiveAnon, 300),
        (Field::InactiveAnon, 104),
        (Field::Inactive, 124),
        (Field::Slab, 15),
        (Field::Cached, 80),
        (Field::SwapCached, 10),
        (Field::SwapTotal, 100),
        (Field::SwapFree, 1),
        (Field::KernelStack, 10),
        (Field::Hugetlb, 6 * 32),
    ] {
        assert_eq!(snapshot.meminfo.get(field), Some(Bytes::new(pages * KIB_64)), "{field:?}");
    }
    let zone = &snapshot.zones[0];
    assert_eq!((zone.free, zone.min, zone.pcp), (pages(30), pages(2), pages(1)));
    assert_eq!(zone.protection, [Pages::ZERO, Pages::new(3)]);
    assert_eq!(snapshot.vmstat.get("nr_zspages"), Some(10));
    assert!(snapshot.page_size_known);
}

#[test]
fn pools_of_all_nodes_are_one() {
    let account = machine(&global()).account;
    let pools: Vec<_> = account.pools.iter().map(|pool| (pool.total, pool.free)).collect();
    assert_eq!(pools, [(6, Some(2))]);
}

#[test]
fn a_row_is_a_process_under_the_number_of_its_process() {
    let snapshot = machine(&global()).snapshot;
    let [task] = snapshot.tasks.as_slice() else { panic!("{:?}", snapshot.tasks) };
    assert_eq!((task.pid, task.rss), (Pid::new(70), pages(200)));
    assert_eq!(task.comm.as_ref().map(ToString::to_string).as_deref(), Some("big one"));
    assert_eq!(task.vsize, Some(Bytes::new(500 * KIB_64)));
    assert_eq!(task.swap, Some(Bytes::new(5 * KIB_64)));
    assert_eq!(task.oom_score_adj.map(ScoreAdj::get), Some(-7));
    assert_eq!((task.ppid, task.nice, task.rss_anon, &task.cgroup), (None, None, None, &None));
}

#[test]
fn what_is_not_printed_is_unknown_and_said_to_be() {
    let snapshot = machine(&global()).snapshot;
    for field in [Field::MemAvailable, Field::AnonPages, Field::Buffers, Field::CommitLimit] {
        assert_eq!(snapshot.meminfo.get(field), None, "{field:?}");
    }
    let text: Vec<String> = snapshot.missing.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|t| t == "vmstat: an OOM report does not print it"), "{text:?}");
    // Nothing at all is not nothing used.
    let empty = machine(&OomReport::default());
    assert_eq!(empty.snapshot.meminfo, facts::Meminfo::default());
    assert!(empty.snapshot.zones.is_empty() && empty.snapshot.kernel.release.is_none());
    assert!(empty.group.is_none() && !empty.snapshot.page_size_known);
}

#[test]
fn figures_of_nodes_and_zones_count_only_where_all_of_them_are_printed() {
    let mut report = global();
    let memory = report.memory.as_mut().unwrap();
    // Another node, which the request could not use.
    memory.counters.active_anon = pages(600);
    memory.totals.ram = pages(2100);
    let snapshot = machine(&report).snapshot;
    assert_eq!(snapshot.meminfo.get(Field::KernelStack), None);
    assert_eq!(snapshot.vmstat.get("nr_zspages"), None);
    assert_eq!(snapshot.meminfo.get(Field::MemTotal), Some(Bytes::new(2000 * KIB_64)));
}

#[test]
fn nodes_that_ran_out_alone_are_said_to_be_judged_as_the_machine() {
    let mut report = global();
    let says = |report: &OomReport| {
        machine(report).snapshot.missing.iter().any(|missing| missing.place == "nodes")
    };
    assert!(!says(&report));
    report.oom_kill = Some(facts::oom_report::OomKillLine {
        constraint: Some(facts::oom_report::Constraint::Cpuset),
        ..Default::default()
    });
    assert!(says(&report));
}

fn of_group() -> OomReport {
    let usage = |usage, limit| {
        Some(MemcgUsage { usage: kib(usage), limit: kib(limit).map(Limit::At), failcnt: Some(9) })
    };
    let figures = [("anon", 90 << 10), ("file", 5 << 10), ("pgfault", 77)];
    OomReport {
        memcg: Some(MemcgBlock {
            limit_group: Some("/a/b".into()),
            memory: usage(100, 104),
            swap: usage(3, 8),
            stats: vec![MemcgStats {
                path: Some("/a/b".into()),
                counters: MemcgCounters(figures.map(|(n, v)| (n.into(), v)).to_vec()),
            }],
            ..MemcgBlock::default()
        }),
        memory: None,
        page_size: PageSize::new(4096),
        ..global()
    }
}

#[test]
fn a_cgroups_block_is_its_files_and_its_tasks_are_in_it() {
    let ReportMachine { snapshot, group, .. } = machine(&of_group());
    let path = group.expect("a limit was hit");
    assert_eq!(path.as_bytes(), b"/a/b");
    let files = &snapshot.cgroups.groups[&path];
    assert_eq!((files.current, files.max), (kib(100), kib(104).map(Limit::At)));
    assert_eq!((files.swap_current, files.swap_max), (kib(3), kib(8).map(Limit::At)));
    assert_eq!((files.stat.anon, files.stat.file, files.stat.sock), (kib(90), kib(5), None));
    assert_eq!(files.events.max, Some(9));
    assert_eq!(snapshot.cgroups.version, Some(CgroupVersion::V2));
    assert_eq!(snapshot.tasks[0].cgroup.as_ref(), Some(&path));
    assert_eq!(snapshot.meminfo.get(Field::MemTotal), None);
}

#[test]
fn scores_of_a_cgroups_report_are_measured_against_its_limit() {
    let ReportMachine { snapshot, group, .. } = machine(&of_group());
    let report = rank(&snapshot, &Domain::Cgroup(group.unwrap()), None);
    assert_eq!(report.total, kib(104));
    // The machine's total is not needed, so it is not missed.
    assert!(!report.notes.iter().any(|note| note.contains("MemTotal")), "{:?}", report.notes);
    assert_eq!(report.rows.len(), 1);
}
