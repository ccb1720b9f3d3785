//! Rows of made-up machines.
#![expect(clippy::similar_names, reason = "pid and ppid are the words of the field")]

use facts::{
    Bounds, MappingUse, MemoryOf, Name, ProcessUse, Share, Shares, Snapshot, Survey, TwinsBy,
    Unshared, Why,
};
use proptest::prelude::*;
use units::{Bytes, Pid};

use super::*;

const ALL: [Grouping; 6] = [
    Grouping::Process,
    Grouping::Program,
    Grouping::User,
    Grouping::Cgroup,
    Grouping::Unit,
    Grouping::Tree,
];

fn kib(kib: u64) -> Bytes {
    Bytes::new(kib << 10)
}

/// Shares of memory of which each part has so many users.
fn shares(parts: &[(u64, u64)]) -> Box<Shares> {
    let mut shares = Shares::default();
    let sum = |f: &dyn Fn(u64, u64) -> u64| kib(parts.iter().map(|&(size, n)| f(size, n)).sum());
    shares.set(Share::Rss, sum(&|size, _| size));
    shares.set(Share::Pss, sum(&|size, users| size / users));
    shares.set(Share::PrivateClean, Bytes::ZERO);
    shares.set(Share::PrivateDirty, sum(&|size, users| if users == 1 { size } else { 0 }));
    shares.set(Share::SharedHugetlb, Bytes::ZERO);
    shares.set(Share::PrivateHugetlb, Bytes::ZERO);
    Box::new(shares)
}

fn process(pid: u32, ppid: u32, memory: MemoryOf) -> ProcessUse {
    ProcessUse {
        pid: Pid::new(pid),
        ppid: Some(Pid::new(ppid)),
        comm: Some(Name::from(format!("p{}", pid % 3).as_str())),
        command: None,
        program: None,
        start_ticks: None,
        uid: Some(pid % 2),
        cgroup: Some(Name::from(format!("/s.slice/{}.service/{pid}", pid % 5).as_str())),
        memory,
    }
}

fn bounds(rss: u64) -> MemoryOf {
    MemoryOf::Bounds(Box::new(Bounds {
        why: Unshared::Refused(Why::Denied),
        rss: Some(kib(rss)),
        rss_anon: Some(kib(rss / 2)),
        ..Bounds::default()
    }))
}

fn survey(processes: Vec<ProcessUse>) -> Survey {
    Survey {
        machine: Snapshot::unknown("test"),
        processes,
        mappings: None,
        kernel_threads: 0,
        without_memory: 0,
        filtered: 0,
        twins_by: TwinsBy::Kernel,
    }
}

/// The example of `docs/usage.md`: three processes, of which the first has 100 KiB of its own,
/// 200 KiB together with the second and 150 KiB together with both others.
#[test]
fn private_memory_and_parts_of_what_is_shared_add_up_to_250_kib() {
    let survey = survey(vec![
        process(1, 0, MemoryOf::Shares(shares(&[(100, 1), (200, 2), (150, 3)]))),
        process(2, 0, MemoryOf::Shares(shares(&[(200, 2), (150, 3)]))),
        process(3, 0, MemoryOf::Shares(shares(&[(150, 3)]))),
    ]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Process));
    let first = &report.rows[0].sizes;
    assert_eq!((first.pss, first.uss, first.rss), (Some(kib(250)), Some(kib(100)), Some(kib(450))));
    assert_eq!(report.total.pss, Some(kib(100 + 200 + 150)), "each page once");
    assert_eq!(report.total.rss, Some(kib(450 + 350 + 150)));
}

#[test]
fn a_twin_is_counted_where_its_address_space_is() {
    let survey = survey(vec![
        process(2, 0, MemoryOf::Shares(shares(&[(100, 1)]))),
        process(5, 2, MemoryOf::Twin(Pid::new(2))),
    ]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Process));
    assert_eq!(report.rows.len(), 1);
    assert_eq!((report.rows[0].processes, &report.rows[0].twins[..]), (2, &[Pid::new(5)][..]));
    assert_eq!((report.twins, report.total.pss), (1, Some(kib(100))));
    // Another user's process, and yet the same memory.
    let report = usage(&survey, &UsageOptions::by(Grouping::User));
    assert_eq!((report.rows.len(), report.rows[0].processes), (1, 2));
    let report = usage(&survey, &UsageOptions::by(Grouping::Tree));
    assert_eq!(report.rows[1].twin_of, Some(Pid::new(2)));
    assert_eq!(report.rows[0].subtree.and_then(|sizes| sizes.pss), Some(kib(100)));
}

#[test]
fn what_could_not_be_read_stands_where_it_may_belong() {
    let survey = survey(vec![
        process(1, 0, MemoryOf::Shares(shares(&[(100, 1)]))),
        process(2, 0, bounds(300)),
        process(4, 0, bounds(50)),
    ]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Process));
    let order: Vec<_> = report.rows.iter().map(|row| row.pid.map(Pid::get)).collect();
    assert_eq!(order, [Some(2), Some(1), Some(4)]);
    assert_eq!(report.rows[0].sizes.pss, None, "unknown is not nothing");
    let unread = report.unread.unwrap();
    assert_eq!(
        (unread.processes, unread.at_most, unread.anon_at_most),
        (2, Some(kib(350)), Some(kib(175)))
    );
    assert_eq!(unread.why, ["permission denied"]);
    assert_eq!(report.total.pss, Some(kib(100)));
    let report = usage(&survey, &UsageOptions::by(Grouping::User));
    assert_eq!(report.rows[0].sizes.pss, None);
    assert_eq!(report.rows[0].unread.as_ref().unwrap().at_most, Some(kib(350)));
}

#[test]
fn a_tree_has_everybody_once_even_in_circles() {
    let own = || MemoryOf::Shares(shares(&[(10, 1)]));
    let survey = survey(vec![
        process(1, 0, own()),
        process(2, 1, own()),
        process(3, 2, own()),
        process(7, 8, own()),
        process(8, 7, own()),
        process(9, 9, own()),
    ]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Tree));
    let mut pids: Vec<_> = report.rows.iter().filter_map(|row| Some(row.pid?.get())).collect();
    assert_eq!(report.rows[0].subtree.and_then(|sizes| sizes.pss), Some(kib(30)));
    assert_eq!(&pids[..3], [1, 2, 3]);
    assert_eq!(report.rows[2].depth, Some(2));
    pids.sort_unstable();
    assert_eq!(pids, [1, 2, 3, 7, 8, 9]);
}

#[test]
fn a_branch_of_which_a_part_is_unknown_has_a_bound() {
    let survey = survey(vec![
        process(1, 0, MemoryOf::Shares(shares(&[(10, 1)]))),
        process(2, 1, bounds(300)),
        process(3, 2, bounds(200)),
    ]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Tree));
    let branches: Vec<_> = report
        .rows
        .iter()
        .map(|row| {
            let unread = row.subtree_unread.as_ref().and_then(|unread| unread.at_most);
            (row.subtree.and_then(|sizes| sizes.pss), unread)
        })
        .collect();
    assert_eq!(
        branches,
        [(Some(kib(10)), Some(kib(500))), (None, Some(kib(500))), (None, Some(kib(200)))]
    );
}

#[test]
fn a_name_that_the_kernel_cut_is_completed_from_the_command_line() {
    let name = |comm: &str, program: &str| {
        let mut process = process(1, 0, bounds(1));
        process.comm = Some(Name::from(comm));
        process.program = Some(Name::from(program));
        group::program(&process).unwrap().to_string()
    };
    assert_eq!(name("gnome-terminal-", "gnome-terminal-server"), "gnome-terminal-server");
    assert_eq!(name("postgres", "postgres: writer"), "postgres");
    assert_eq!(name("worker-thread-0", "java"), "worker-thread-0");
}

#[test]
fn rows_are_ordered_as_asked_and_ties_by_number() {
    let survey = survey(vec![
        process(3, 0, MemoryOf::Shares(shares(&[(10, 1)]))),
        process(1, 0, MemoryOf::Shares(shares(&[(10, 1)]))),
        process(2, 0, MemoryOf::Shares(shares(&[(50, 5), (5, 1)]))),
    ]);
    let order = |sort, reverse| -> Vec<u32> {
        let options = UsageOptions { sort, reverse, ..UsageOptions::by(Grouping::Process) };
        usage(&survey, &options).rows.iter().filter_map(|row| Some(row.pid?.get())).collect()
    };
    assert_eq!(order(Field::Memory, false), [2, 1, 3]);
    assert_eq!(order(Field::Uss, false), [1, 3, 2]);
    assert_eq!(order(Field::Rss, true), [1, 3, 2]);
    assert_eq!(order(Field::Pid, true), [3, 2, 1]);
    assert_eq!(order(Field::Name, false), [3, 1, 2]);
    let options = UsageOptions { top: Some(1), ..UsageOptions::by(Grouping::Process) };
    let report = usage(&survey, &options);
    assert_eq!((report.rows.len(), report.left_out), (1, 2));
    assert_eq!(report.total.pss, Some(kib(35)), "the total is that of all");
}

#[test]
fn anonymous_memory_has_a_name_and_huge_pages_count_in_the_order() {
    let mut huge = shares(&[(1, 1)]);
    huge.set(Share::PrivateHugetlb, kib(4096));
    let mut survey = survey(vec![
        process(1, 0, MemoryOf::Shares(shares(&[(10, 1)]))),
        process(2, 0, MemoryOf::Shares(huge)),
    ]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Process));
    assert_eq!(report.rows[0].pid, Some(Pid::new(2)));
    assert!(report.notes.iter().any(|note| note.contains("hugetlbfs")));
    survey.mappings = Some(vec![MappingUse {
        name: Name::default(),
        mappings: 2,
        processes: 1,
        amounts: Amounts::from(&*shares(&[(8, 2)])),
    }]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Mapping));
    assert_eq!(report.rows[0].name, Some(Name::from("[anon]")));
    assert_eq!(report.total.pss, Some(kib(4)));
}

fn any_memory() -> impl Strategy<Value = MemoryOf> {
    prop_oneof![
        4 => proptest::collection::vec((0..1_000_000_u64, 1..9_u64), 0..4)
            .prop_map(|parts| MemoryOf::Shares(shares(&parts))),
        1 => (0..1_000_000_u64).prop_map(bounds),
    ]
}

proptest! {
    /// Whatever processes have in common, together they use the same.
    #[test]
    fn all_groupings_add_up_to_the_same(
        memory in proptest::collection::vec((any_memory(), 0..40_u32), 0..40)
    ) {
        let processes = memory
            .into_iter()
            .enumerate()
            .map(|(at, (memory, ppid))| process(u32::try_from(at).unwrap() + 1, ppid, memory))
            .collect();
        let survey = survey(processes);
        for by in ALL {
            let report = usage(&survey, &UsageOptions::by(by));
            let sum = |of: fn(&Sizes) -> Option<Bytes>| -> Bytes {
                report.rows.iter().filter_map(|row| of(&row.sizes)).sum()
            };
            prop_assert_eq!(Some(sum(|sizes| sizes.pss)), report.total.pss, "{:?}", by);
            prop_assert_eq!(Some(sum(|sizes| sizes.uss)), report.total.uss, "{:?}", by);
            let count: usize = report.rows.iter().map(|row| row.processes).sum();
            prop_assert_eq!(count, report.processes, "{:?}", by);
            let unread: Bytes = report
                .rows
                .iter()
                .filter_map(|row| row.unread.as_ref()?.at_most)
                .sum();
            prop_assert_eq!(unread, report.unread.and_then(|u| u.at_most).unwrap_or_default());
        }
    }
}

#[test]
fn huge_pages_that_32_bit_kernels_lose_are_in_the_share_again_and_it_is_said() {
    let mut lossy = shares(&[(29_312, 1), (2824, 2)]);
    lossy.set(Share::Pss, kib(2775));
    lossy.set(Share::PssAnon, kib(2700));
    lossy.set(Share::AnonHuge, kib(26_624));
    let mut survey = survey(vec![process(7, 1, MemoryOf::Shares(lossy.clone()))]);
    let amounts = Amounts::from(&*lossy);
    survey.mappings = None;
    for (machine, release, restored) in
        [("i686", "6.1.0", Some(26_624)), ("i686", "4.19.0", None), ("x86_64", "6.1.0", None)]
    {
        survey.machine.machine = Some(Name::from(machine));
        survey.machine.kernel.release = release.parse().ok();
        let report = usage(&survey, &UsageOptions::by(Grouping::Process));
        let more = restored.unwrap_or(0);
        assert_eq!(report.restored, restored.map(kib), "{machine} {release}");
        assert_eq!(report.rows[0].sizes.pss, Some(kib(2775 + more)));
        assert_eq!(report.rows[0].sizes.anon, Some(kib(2700 + more)));
        assert_eq!(report.total.pss, Some(kib(2775 + more)));
        assert_eq!(report.notes.len(), usize::from(restored.is_some()), "{:?}", report.notes);
    }
    survey.machine.machine = Some(Name::from("i686"));
    let name = Name::from("[heap]");
    survey.mappings = Some(vec![MappingUse { name, mappings: 3, processes: 1, amounts }]);
    let report = usage(&survey, &UsageOptions::by(Grouping::Mapping));
    assert_eq!(report.rows[0].sizes.pss, Some(kib(2775 + 26_624)));
}
