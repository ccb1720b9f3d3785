//! Whole orders of small machines.

use facts::{Capabilities, Cgroup, CgroupVersion, Field, Task, TaskFlags};
use proptest::prelude::*;
use units::{Bytes, Limit, OomAdj, Pages, Pid, ScoreAdj};

use super::*;
use crate::badness::replay;

const MIB: u64 = 1 << 20;

fn mib(n: u64) -> Bytes {
    Bytes::new(n * MIB)
}

/// A process of so many MiB, all of it anonymous; created in the order of pids.
fn process(pid: u32, resident: u64) -> Task {
    Task {
        ppid: Some(Pid::new(1)),
        comm: Some(format!("p{pid}").as_str().into()),
        state: Some('S'),
        flags: Some(TaskFlags(0x40_0000)),
        uid: Some(1000),
        euid: Some(1000),
        cap_eff: Some(Capabilities(0)),
        nice: Some(0),
        cpu_ticks: Some(0),
        start_ticks: Some(u64::from(pid)),
        threads: Some(1),
        vsize: Some(mib(resident * 2)),
        rss: Some(Pages::new(resident * 256)),
        vm_rss: Some(mib(resident)),
        rss_anon: Some(mib(resident)),
        swap: Some(Bytes::ZERO),
        vm_pte: Some(Bytes::new(8192)),
        oom_score_adj: Some(ScoreAdj::NONE),
        cgroup: Some("/a".into()),
        ..Task::unknown(Pid::new(pid))
    }
}

fn adjusted(by: i64, task: Task) -> Task {
    Task { oom_score_adj: Some(ScoreAdj::new(by).unwrap()), ..task }
}

fn machine(release: &str, tasks: Vec<Task>) -> Snapshot {
    let mut snapshot = Snapshot::unknown("test");
    snapshot.kernel.release = release.parse().ok();
    snapshot.viewpoint.first_pid_namespace = Some(true);
    snapshot.viewpoint.euid = Some(0);
    snapshot.uptime_s = Some(100);
    snapshot.meminfo.set(Field::MemTotal, mib(1000));
    snapshot.meminfo.set(Field::SwapTotal, Bytes::ZERO);
    snapshot.meminfo.set(Field::SwapFree, Bytes::ZERO);
    snapshot.tasks = tasks;
    snapshot
}

fn pids(report: &RankReport) -> Vec<u32> {
    report.rows.iter().map(|row| row.pid.get()).collect()
}

fn order(release: &str, tasks: Vec<Task>) -> Vec<u32> {
    pids(&rank(&machine(release, tasks), &Domain::Machine, None))
}

#[test]
fn the_largest_dies_first_and_an_adjustment_moves_it() {
    let tasks = || vec![process(2, 10), process(3, 30), process(4, 20)];
    assert_eq!(order("6.18", tasks()), [3, 4, 2]);
    let mut moved = tasks();
    moved[0] = adjusted(500, moved[0].clone());
    moved[1] = adjusted(-100, moved[1].clone());
    assert_eq!(order("6.18", moved), [2, 4, 3]);
}

#[test]
fn a_hog_goes_before_small_ones_that_volunteer() {
    // 256 MB: 127 MB at 0 went before 60 MB at 0, 10 MB at 300 and one at 200.
    let tasks = vec![
        process(2, 60),
        adjusted(300, process(3, 10)),
        adjusted(200, process(4, 1)),
        process(5, 127),
    ];
    let mut snapshot = machine("6.1.192", tasks);
    snapshot.meminfo.set(Field::MemTotal, Bytes::new(223_632 * 1024));
    assert_eq!(pids(&rank(&snapshot, &Domain::Machine, None)), [5, 3, 2, 4]);
}

#[test]
fn among_equals_the_youngest_dies_since_5_3_and_the_oldest_before() {
    let equals = || vec![process(88, 20), process(87, 20), process(89, 20)];
    assert_eq!(order("6.1", equals()), [89, 88, 87]);
    assert_eq!(order("5.2", equals()), [87, 88, 89]);
    assert_eq!(order("4.8", equals()), [89, 88, 87]);
    // Creation counts, not the number: pids wrap.
    let mut wrapped = equals();
    wrapped[0].start_ticks = Some(1000);
    assert_eq!(order("6.1", wrapped), [88, 89, 87]);
}

#[test]
fn the_rules_of_another_release_can_be_put_to_a_machine() {
    let snapshot =
        machine("6.18", vec![process(2, 10), Task { vsize: Some(mib(500)), ..process(3, 5) }]);
    let today = rank(&snapshot, &Domain::Machine, None);
    let old = rank(&snapshot, &Domain::Machine, Some(Release::old(2, 6, 32)));
    assert_eq!((pids(&today), pids(&old)), (vec![2, 3], vec![3, 2]));
    assert_eq!(old.rules_of, Some(Release::old(2, 6, 32)));
    assert_eq!(old.total, None);
    assert_eq!(old.rows[0].predicted_oom_score, Some(500 * 256));
    assert_eq!(
        old.notes,
        [
            "oom_adj was computed from oom_score_adj, as the kernel's own legacy file does.",
            "The timer frequency of the kernel is unknown: 250 Hz, the default, was assumed.",
        ]
    );
}

#[test]
fn an_unknown_release_gets_todays_rules_and_a_note() {
    let mut snapshot = machine("6.18", vec![process(2, 10)]);
    snapshot.kernel.release = None;
    let report = rank(&snapshot, &Domain::Machine, None);
    assert_eq!(report.rules_of, None);
    assert_eq!(report.notes, ["The kernel's release is unknown: today's rules were applied."]);
}

#[test]
fn who_can_never_be_chosen_is_listed_with_the_reason() {
    let init = Task { pid: Pid::new(1), ..process(9, 12) };
    let kthread = Task {
        flags: Some(TaskFlags(0x0020_8040)),
        vsize: Some(Bytes::ZERO),
        vm_rss: None,
        ..process(3, 0)
    };
    let zombie = Task { state: Some('Z'), vsize: Some(Bytes::ZERO), vm_rss: None, ..process(4, 0) };
    let unreadable = Task { state: Some('S'), ..Task::unknown(Pid::new(6)) };
    let tasks =
        vec![init, process(2, 10), kthread, zombie, adjusted(-1000, process(5, 90)), unreadable];
    let report = rank(&machine("6.18", tasks), &Domain::Machine, None);
    assert_eq!(pids(&report), [2]);
    let immune: Vec<_> = report.immune.iter().map(|row| (row.pid.get(), row.why)).collect();
    assert_eq!(immune, [(5, Immune::Adjusted), (1, Immune::Init)]);
    assert_eq!((report.without_memory, report.unreadable), (2, vec![Pid::new(6)]));
}

#[test]
fn a_row_says_how_its_score_came_about_and_what_proc_should_print() {
    let mut snapshot = machine("6.18", vec![adjusted(100, process(2, 10))]);
    snapshot.users.insert(1000, "ann".into());
    snapshot.meminfo.set(Field::AnonPages, mib(10));
    let report = rank(&snapshot, &Domain::Machine, None);
    let row = &report.rows[0];
    assert_eq!(row.points, 2560 + 2 + 100 * 256);
    assert_eq!(
        row.steps,
        [
            Step { what: StepKind::Resident, effect: Effect::Add(2560), after: 2560 },
            Step { what: StepKind::PageTables, effect: Effect::Add(2), after: 2562 },
            Step { what: StepKind::OomScoreAdj, effect: Effect::Add(25_600), after: 28_162 },
        ]
    );
    assert_eq!(row.predicted_oom_score, Some((1000 + 28_162 * 1000 / 256_000) * 2 / 3));
    assert_eq!(row.user, Some("ann".into()));
    let bytes = Bytes::new(10 * MIB + 8192);
    assert_eq!(row.frees, Some(Frees { at_least: Some(bytes), at_most: bytes }));
    assert_eq!(row.assumed, [""; 0]);
    assert_eq!(report.total, Some(mib(1000)));
}

#[test]
fn a_capture_without_status_names_what_was_assumed_and_predicts_nothing() {
    let bare = Task {
        state: Some('S'),
        vsize: Some(mib(20)),
        rss: Some(Pages::new(2560)),
        ..Task::unknown(Pid::new(2))
    };
    let mut snapshot = machine("6.18", vec![bare]);
    snapshot.meminfo.set(Field::SwapTotal, mib(500));
    let report = rank(&snapshot, &Domain::Machine, None);
    assert_eq!(report.rows[0].assumed, ["swap", "page_tables", "oom_score_adj"]);
    assert_eq!(report.rows[0].predicted_oom_score, None);
    assert_eq!(report.rows[0].frees, None);
    let old = rank(&snapshot, &Domain::Machine, Some(Release::old(2, 6, 18)));
    assert_eq!(
        old.rows[0].assumed,
        ["cpu_time", "run_time", "nice", "uid", "capabilities", "oom_adj"]
    );
}

#[test]
fn where_nothing_is_swapped_nobodys_swap_is_unknown() {
    let snapshot = machine("2.6.38", vec![Task { swap: None, ..process(2, 10) }]);
    assert_eq!(rank(&snapshot, &Domain::Machine, None).rows[0].assumed, [""; 0]);
}

#[test]
fn without_memtotal_the_order_stands_and_says_so() {
    let mut snapshot = machine("6.18", vec![process(2, 10), process(3, 11)]);
    snapshot.meminfo = facts::Meminfo::default();
    let report = rank(&snapshot, &Domain::Machine, None);
    assert_eq!((pids(&report), report.total), (vec![3, 2], None));
    assert_eq!(report.rows[0].assumed, ["total"]);
    assert_eq!(report.rows[0].predicted_oom_score, None);
}

#[test]
fn in_a_cgroup_only_its_own_compete_against_its_limit() {
    let inside = |path: &str, task: Task| Task { cgroup: Some(path.into()), ..task };
    let tasks = vec![
        inside("/a", adjusted(100, process(2, 10))),
        inside("/a/b", process(3, 15)),
        inside("/ab", process(4, 90)),
        inside("/", process(5, 80)),
        Task { cgroup: None, ..process(6, 70) },
    ];
    let mut snapshot = machine("6.18", tasks);
    snapshot.cgroups.version = Some(CgroupVersion::V2);
    let group = Cgroup { max: Some(Limit::At(mib(40))), ..Cgroup::default() };
    snapshot.cgroups.groups.insert("/a".into(), group);
    let report = rank(&snapshot, &Domain::Cgroup("/a".into()), None);
    assert_eq!(pids(&report), [3, 2]);
    assert_eq!(report.total, Some(mib(40)));
    assert_eq!(report.rows[1].points, 2562 + 100 * (40 * 256 / 1000));
    // The file under /proc measures against the machine all the same.
    let machine_points = 2562 + 100 * 256;
    assert_eq!(
        report.rows[1].predicted_oom_score,
        Some((1000 + machine_points * 1000 / 256_000) * 2 / 3)
    );
    assert_eq!(report.notes, ["The cgroup of 1 process is unknown; it is left out."]);
}

#[test]
fn children_make_their_parent_worse_in_the_old_days_and_die_for_it() {
    let child = |pid, size| Task { ppid: Some(Pid::new(2)), ..process(pid, size) };
    let tasks = vec![process(2, 10), child(3, 8), child(4, 9), process(5, 16)];
    let old = rank(&machine("2.6.32", tasks.clone()), &Domain::Machine, None);
    // vsize is twice the size: 20 + 8 + 9 MiB and two pages against 32.
    assert_eq!(pids(&old), [2, 5, 4, 3]);
    assert_eq!(old.rows[0].points, (20 + 8 + 9) * 256 + 2);
    assert!(old.notes.contains(
        &"This kernel kills a child in place of the chosen process: 3 (p3) would die, unless it \
          shares the memory of 2."
            .to_owned()
    ));
    let mut tasks = tasks;
    tasks[0] = process(2, 17);
    let later = rank(&machine("4.4", tasks.clone()), &Domain::Machine, None);
    assert_eq!(
        later.notes,
        ["This kernel kills a child in place of the chosen process: 4 (p4) would die, unless it \
          shares the memory of 2."]
    );
    assert_eq!(rank(&machine("5.1", tasks), &Domain::Machine, None).notes, [""; 0]);
}

#[test]
fn rows_are_made_on_demand_and_are_those_of_the_report() {
    let snapshot =
        machine("6.18", (2..40).map(|pid| process(pid, u64::from(pid * 7 % 31))).collect());
    let ranking = Ranking::new(&snapshot, &Domain::Machine, None);
    let report = ranking.report();
    assert_eq!(ranking.rows().take(5).collect::<Vec<_>>(), report.rows[..5]);
    let order: Vec<_> = ranking.order().map(|(task, points)| (task.pid, points)).collect();
    let rows: Vec<_> = report.rows.iter().map(|row| (row.pid, row.points)).collect();
    assert_eq!(order, rows);
    assert_eq!((ranking.len(), ranking.is_empty()), (38, false));
}

/// Any task: each field absent, small or enormous.
fn any_task() -> impl Strategy<Value = Task> {
    let number = || proptest::option::of(prop_oneof![0u64..3, 0u64..1 << 20, any::<u64>()]);
    let sizes = (proptest::array::uniform10(number()), any::<u32>(), 0u32..6, -1000i64..=1000);
    let flags = (proptest::option::of(any::<u32>()), "[SRZX]", -17i64..=15, 0u8..4);
    (sizes, flags).prop_map(|((n, pid, ppid, by), (flags, state, old, has))| {
        let bytes = |i: usize| n[i].map(Bytes::new);
        Task {
            ppid: Some(Pid::new(ppid)),
            state: state.chars().next(),
            flags: flags.map(TaskFlags),
            cpu_ticks: n[0],
            start_ticks: n[1],
            threads: n[2],
            vsize: bytes(3),
            rss: n[4].map(Pages::new),
            vm_rss: bytes(5),
            rss_anon: bytes(6),
            swap: bytes(7),
            vm_pte: bytes(8),
            oom_score: n[9],
            oom_score_adj: (has & 1 == 1).then(|| ScoreAdj::new(by).unwrap()),
            oom_adj: (has & 2 == 2).then(|| OomAdj::new(old).unwrap()),
            ..Task::unknown(Pid::new(pid % 6))
        }
    })
}

proptest! {
    #[test]
    fn every_process_is_accounted_for_whatever_its_numbers(
        tasks in proptest::collection::vec(any_task(), 0..12),
        meminfo in proptest::array::uniform5(proptest::option::of(any::<u64>())),
        uptime in proptest::option::of(any::<u64>()),
        release in proptest::sample::select(
            &["2.4.22", "2.6.10", "2.6.18", "2.6.32", "3.4", "3.5", "4.4", "5.8", "6.18", "7.1"][..]
        ),
    ) {
        let mut snapshot = machine(release, tasks);
        snapshot.uptime_s = uptime;
        snapshot.meminfo = facts::Meminfo::default();
        let fields =
            [Field::MemTotal, Field::SwapTotal, Field::SwapFree, Field::SwapCached, Field::AnonPages];
        for (field, value) in fields.into_iter().zip(meminfo) {
            if let Some(value) = value {
                snapshot.meminfo.set(field, Bytes::new(value));
            }
        }
        let report = rank(&snapshot, &Domain::Machine, None);
        let listed = report.rows.len() + report.immune.len() + report.unreadable.len();
        prop_assert_eq!(listed + report.without_memory, snapshot.tasks.len());
        prop_assert!(report.rows.is_sorted_by_key(|row| std::cmp::Reverse(row.points)));
        for (i, row) in report.rows.iter().enumerate() {
            prop_assert_eq!(row.rank, i + 1);
            prop_assert_eq!(replay(&row.steps), row.points);
            if let Some(Frees { at_least: Some(least), at_most }) = row.frees {
                prop_assert!(least <= at_most);
            }
        }
    }
}

#[test]
fn a_container_does_not_see_who_else_may_be_chosen_and_says_so() {
    let mut snapshot = machine("6.18", vec![process(1, 10), process(7, 20)]);
    assert_eq!(rank(&snapshot, &Domain::Machine, None).notes, [""; 0]);
    snapshot.viewpoint.first_pid_namespace = Some(false);
    let notes = rank(&snapshot, &Domain::Machine, None).notes;
    assert!(notes[0].contains("processes outside of it are not listed"), "{notes:?}");
}
