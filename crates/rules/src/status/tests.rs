#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots so")]

use expect_test::{Expect, expect};
use facts::{
    CgroupVersion, Field, Missing, Name, OvercommitMode, Pressure, PressureFile, Release, Snapshot,
    Stall, Task, Why,
};
use units::{Bytes, Limit, Pages, Percent, Pid};

use super::fixture::{GIB, calm, cgroup, machine, mib, ranking, row, set, task, zone};
use super::*;
use crate::rank::{Domain, Immune, ImmuneRow, RankRow};

/// Answers for a machine where `java` in `/app` would die first.
fn answer(snapshot: &Snapshot, options: &StatusOptions) -> StatusReport {
    status(snapshot, options, |domain| ranking(domain, rows()))
}

fn rows() -> Vec<RankRow> {
    vec![
        row("java", 4711, Bytes::new(2 * GIB), Some("/app/java")),
        row("python3", 815, mib(300), Some("/app")),
        row("sshd", 1, mib(4), Some("/")),
    ]
}

/// Checks the verdict with the standard thresholds: level, text, and each reason.
fn check(snapshot: &Snapshot, expected: Expect) {
    check_with(snapshot, &StatusOptions::default(), expected);
}

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes values")]
fn check_with(snapshot: &Snapshot, options: &StatusOptions, expected: Expect) {
    let Verdict { level, text, reasons } = answer(snapshot, options).verdict;
    let reasons = reasons.iter().fold(String::new(), |all, reason| all + "- " + reason + "\n");
    expected.assert_eq(&format!("{level:?}\n{text}\n{reasons}"));
}

fn stalled(full: u32) -> PressureFile {
    let line = |hundredths| Stall {
        avg10: Percent::from_hundredths(hundredths),
        avg60: Percent::default(),
        avg300: Percent::default(),
        total_us: 0,
    };
    PressureFile::Known(Pressure { some: line(full), full: Some(line(full)) })
}

/// A machine with little left.
fn low(free_mib: u64) -> Snapshot {
    let mut s = calm();
    set(&mut s, Field::MemFree, free_mib);
    set(&mut s, Field::InactiveFile, 200);
    set(&mut s, Field::ActiveFile, 100);
    set(&mut s, Field::Mapped, 200);
    s
}

#[test]
fn a_calm_machine_says_how_much_and_that_nobody_died() {
    check(
        &calm(),
        expect![[r#"
        Calm
        Calm: 11.4 GiB more can be touched before this machine kills; nothing has been killed since boot.
    "#]],
    );
}

#[test]
fn kills_since_boot_are_counted_in_words_that_fit_their_number() {
    let mut s = calm();
    s.vmstat.lines = vec![("oom_kill".into(), 1)];
    check(
        &s,
        expect![[r#"
        Calm
        Calm: 11.4 GiB more can be touched before this machine kills; one process has been killed since boot.
    "#]],
    );
    s.vmstat.lines = vec![("oom_kill".into(), 17)];
    check(
        &s,
        expect![[r#"
        Calm
        Calm: 11.4 GiB more can be touched before this machine kills; 17 processes have been killed since boot.
    "#]],
    );
}

#[test]
fn a_kernel_that_does_not_count_kills_is_not_said_to_have_killed_nobody() {
    let mut s = calm();
    s.vmstat.lines.clear();
    check(
        &s,
        expect![[r#"
        Calm
        Calm: 11.4 GiB more can be touched before this machine kills.
    "#]],
    );
}

#[test]
fn a_machine_near_its_end_names_who_would_die() {
    check(
        &low(1000),
        expect![[r#"
        Near
        Near: only 1.01 GiB more can be touched before this machine kills; java (pid 4711, 2.00 GiB) would die first.
        - 6.3 % (1.01 GiB) of RAM and swap is left, less than 10 %
    "#]],
    );
}

#[test]
fn whoever_sees_only_some_names_the_first_of_those() {
    let mut s = low(1000);
    s.tasks = vec![task(1, 1, 1)];
    let first = |s: &Snapshot| answer(s, &StatusOptions::default()).verdict.text;
    assert!(first(&s).contains("(pid 4711, 2.00 GiB) would die first"));
    s.viewpoint.first_pid_namespace = Some(false);
    let text = first(&s);
    assert!(text.contains("2.00 GiB), of those that can be seen from here, would die"), "{text}");
}

#[test]
fn a_machine_at_the_wall_names_the_first_victim() {
    check(
        &low(200),
        expect![[r#"
        AtTheWall
        At the wall: only 236 MiB more can be touched before this machine kills; java (pid 4711, 2.00 GiB) would die first.
        - 1.4 % (236 MiB) of RAM and swap is left, less than 2 %
    "#]],
    );
}

#[test]
fn an_exhausted_machine_has_nothing_more() {
    let mut s = low(10);
    set(&mut s, Field::InactiveFile, 0);
    check(
        &s,
        expect![[r#"
        AtTheWall
        At the wall: nothing more can be touched before this machine kills; java (pid 4711, 2.00 GiB) would die first.
        - 0.0 % (0 B) of RAM and swap is left, less than 2 %
    "#]],
    );
}

#[test]
fn a_machine_that_would_panic_names_no_victim() {
    let mut s = low(200);
    s.sysctls.panic_on_oom = Some(2);
    check(
        &s,
        expect![[r#"
        AtTheWall
        At the wall: only 236 MiB more can be touched before this machine panics.
        - 1.4 % (236 MiB) of RAM and swap is left, less than 2 %
    "#]],
    );
    assert_eq!(answer(&s, &StatusOptions::default()).victims.instead.len(), 1);
}

#[test]
fn a_machine_that_kills_whoever_asks_says_so() {
    let mut s = low(200);
    s.sysctls.oom_kill_allocating_task = Some(true);
    check(
        &s,
        expect![[r#"
        AtTheWall
        At the wall: only 236 MiB more can be touched before this machine kills; whoever asks for memory then dies (vm.oom_kill_allocating_task).
        - 1.4 % (236 MiB) of RAM and swap is left, less than 2 %
    "#]],
    );
}

#[test]
fn the_limit_of_our_cgroup_comes_first_when_it_is_nearer() {
    let mut s = calm();
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", Some(2048), 1024, 100);
    check(
        &s,
        expect![[r#"
        Calm
        Calm: 1.09 GiB more can be touched before cgroup /app reaches its limit and the kernel kills in it; nothing has been killed since boot.
    "#]],
    );
}

#[test]
fn a_cgroup_at_its_limit_dies_whole_where_oom_group_is_set() {
    let mut s = calm();
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", Some(2048), 2030, 4).oom_group = Some(true);
    check(
        &s,
        expect![[r#"
        AtTheWall
        At the wall: only 22.0 MiB more can be touched before cgroup /app reaches its limit and the kernel kills in it; java (pid 4711, 2.00 GiB) would die first, and with it everybody in cgroup /app.
        - cgroup /app has 1.0 % (22.0 MiB) left before its limit, less than 2 %
    "#]],
    );
    let victims = answer(&s, &StatusOptions::default()).victims;
    assert_eq!(victims.domain, Domain::Cgroup(Name::from("/app")));
    assert_eq!(victims.group, Some(Name::from("/app")));
}

#[test]
fn a_cgroup_whose_killer_is_off_makes_its_tasks_wait() {
    let mut s = calm();
    s.cgroups.version = Some(CgroupVersion::V1);
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", Some(2048), 2030, 4).oom_kill_disable = Some(true);
    check(
        &s,
        expect![[r#"
        AtTheWall
        At the wall: only 22.0 MiB more can be touched before cgroup /app reaches its limit and its tasks must wait (oom_kill_disable).
        - cgroup /app has 1.0 % (22.0 MiB) left before its limit, less than 2 %
    "#]],
    );
}

#[test]
fn being_slowed_down_is_near_and_never_at_the_wall() {
    let mut s = calm();
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", None, 900, 10).high = Some(Limit::At(mib(900)));
    check(
        &s,
        expect![[r#"
        Near
        Near: only 10.0 MiB more can be touched before cgroup /app is slowed down (memory.high).
        - cgroup /app has 1.1 % (10.0 MiB) left before memory.high, less than 10 %
    "#]],
    );
}

#[test]
fn a_machine_wide_panic_at_a_cgroup_limit_is_said() {
    let mut s = calm();
    s.sysctls.panic_on_oom = Some(2);
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", Some(2048), 2030, 4);
    check(
        &s,
        expect![[r#"
            AtTheWall
            At the wall: only 22.0 MiB more can be touched before cgroup /app reaches its limit and the whole machine panics.
            - cgroup /app has 1.0 % (22.0 MiB) left before its limit, less than 2 %
        "#]],
    );
    s.sysctls.panic_on_oom = Some(1);
    assert!(answer(&s, &StatusOptions::default()).victims.instead.is_empty());
}

#[test]
fn strict_overcommit_ends_promises() {
    let mut s = calm();
    s.sysctls.overcommit_memory = Some(OvercommitMode::Never);
    set(&mut s, Field::CommitLimit, 8192);
    set(&mut s, Field::CommittedAs, 4096);
    check(
        &s,
        expect![[r#"
        Calm
        Calm: 4.00 GiB more can be promised before requests for memory fail (strict overcommit); nothing has been killed since boot.
    "#]],
    );
    set(&mut s, Field::CommittedAs, 8100);
    check(
        &s,
        expect![[r#"
        AtTheWall
        At the wall: only 92.0 MiB more can be promised before requests for memory fail (strict overcommit).
        - 1.1 % (92.0 MiB) of the commit limit is left, less than 2 %
    "#]],
    );
}

#[test]
fn pressure_alone_is_alarming() {
    let mut s = calm();
    s.pressure = stalled(720);
    check(
        &s,
        expect![[r#"
            Near
            Near: everything on this machine stood still for memory during 7.20 % of the last 10 seconds, although 11.4 GiB more can be touched before this machine kills.
            - everything on this machine stood still for memory during 7.20 % of the last 10 seconds, at least 5 %
        "#]],
    );
    s.pressure = stalled(4150);
    check(
        &s,
        expect![[r#"
            AtTheWall
            At the wall: everything on this machine stood still for memory during 41.50 % of the last 10 seconds, although 11.4 GiB more can be touched before this machine kills.
            - everything on this machine stood still for memory during 41.50 % of the last 10 seconds, at least 20 %
        "#]],
    );
}

#[test]
fn pressure_in_our_cgroup_counts() {
    let mut s = calm();
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", None, 1, 1).pressure = stalled(2500);
    check(
        &s,
        expect![[r#"
            AtTheWall
            At the wall: everything in cgroup /app stood still for memory during 25.00 % of the last 10 seconds, although 11.4 GiB more can be touched before this machine kills.
            - everything in cgroup /app stood still for memory during 25.00 % of the last 10 seconds, at least 20 %
        "#]],
    );
}

#[test]
fn the_root_of_a_cgroup_namespace_has_pressure_of_its_own_and_the_machines_root_has_not() {
    let level = |has_limit| {
        let mut s = calm();
        s.viewpoint.cgroup = Some(Name::from("/"));
        let root = cgroup(&mut s, "/", None, 1, 1);
        root.pressure = stalled(2500);
        root.max = root.max.filter(|_| has_limit);
        answer(&s, &StatusOptions::default()).verdict.level
    };
    assert_eq!(level(true), Level::AtTheWall);
    assert_eq!(level(false), Level::Calm);
}

#[test]
fn the_most_alarming_wall_decides_and_not_the_nearest() {
    // 400 MiB of a 2 GiB cgroup are fine; 700 MiB of a 16 GiB machine are not.
    let mut s = low(600);
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", Some(2048), 1648, 0);
    check(
        &s,
        expect![[r#"
        Near
        Near: only 636 MiB more can be touched before this machine kills; java (pid 4711, 2.00 GiB) would die first.
        - 3.8 % (636 MiB) of RAM and swap is left, less than 10 %
    "#]],
    );
    assert_eq!(answer(&s, &StatusOptions::default()).victims.domain, Domain::Machine);
}

#[test]
fn a_machine_that_cannot_be_read_is_unknown_and_not_calm() {
    check(
        &Snapshot::unknown("nothing"),
        expect![[r#"
        Unknown
        Unknown: MemFree could not be read, so how near this machine is cannot be told.
    "#]],
    );
    let only_free = machine("6.18", &[(Field::MemFree, 1 << 20)]);
    check(
        &only_free,
        expect![[r#"
        Unknown
        Unknown: 1.00 GiB more can be touched, but MemTotal could not be read, so whether that is little cannot be told.
    "#]],
    );
}

#[test]
fn a_cgroup_near_its_limit_is_alarming_on_an_unknown_machine_too() {
    let mut s = Snapshot::unknown("nothing");
    s.viewpoint.cgroup = Some(Name::from("/app"));
    cgroup(&mut s, "/app", Some(1000), 950, 0);
    check(
        &s,
        expect![[r#"
        Near
        Near: only 50.0 MiB more can be touched before cgroup /app reaches its limit and the kernel kills in it; java (pid 4711, 2.00 GiB) would die first.
        - cgroup /app has 5.0 % (50.0 MiB) left before its limit, less than 10 %
    "#]],
    );
}

#[test]
fn walls_of_others_are_mentioned_and_do_not_alarm() {
    let mut s = calm();
    cgroup(&mut s, "/system.slice/web.service", Some(1000), 970, 0);
    check(
        &s,
        expect![[r#"
        Calm
        Calm: 11.4 GiB more can be touched before this machine kills; nothing has been killed since boot. Elsewhere, cgroup /system.slice/web.service has 30.0 MiB left before its own limit.
    "#]],
    );
    cgroup(&mut s, "/system.slice/db.service", Some(1000), 1000, 0);
    check(
        &s,
        expect![[r#"
        Calm
        Calm: 11.4 GiB more can be touched before this machine kills; nothing has been killed since boot. Elsewhere, 2 cgroups are near their own limits, the fullest /system.slice/db.service with nothing left.
    "#]],
    );
}

#[test]
fn thresholds_may_be_sizes() {
    let options = StatusOptions {
        near: "20GiB".parse().unwrap(),
        wall: "12GiB".parse().unwrap(),
        ..StatusOptions::default()
    };
    check_with(
        &calm(),
        &options,
        expect![[r#"
        AtTheWall
        At the wall: only 11.4 GiB more can be touched before this machine kills; java (pid 4711, 2.00 GiB) would die first.
        - 11.4 GiB of RAM and swap is left, less than 12.0 GiB
    "#]],
    );
}

#[test]
fn names_from_outside_are_escaped_in_the_verdict() {
    let mut s = calm();
    let path = "/evil\n\u{1b}[2J";
    s.viewpoint.cgroup = Some(Name::from(path));
    cgroup(&mut s, path, Some(100), 99, 0);
    check(
        &s,
        expect![[r#"
        AtTheWall
        At the wall: only 1.00 MiB more can be touched before cgroup /evil\n\x1b[2J reaches its limit and the kernel kills in it; java (pid 4711, 2.00 GiB) would die first.
        - cgroup /evil\n\x1b[2J has 1.0 % (1.00 MiB) left before its limit, less than 2 %
    "#]],
    );
}

#[test]
fn the_highest_oom_group_up_to_the_domain_is_the_one_that_dies() {
    let mut s = low(200);
    for (path, whole) in [("/", false), ("/app", true), ("/app/java", true)] {
        cgroup(&mut s, path, None, 100, 0).oom_group = Some(whole);
    }
    let report = answer(&s, &StatusOptions::default());
    assert_eq!(report.victims.domain, Domain::Machine);
    assert_eq!(report.victims.group, Some(Name::from("/app")));
    // Seen from inside, with the limit there, the search ends below `/app`.
    cgroup(&mut s, "/app/java", None, 0, 0).max = Some(Limit::At(mib(100)));
    let options =
        StatusOptions { cgroup: Some(Name::from("/app/java")), ..StatusOptions::default() };
    let report = answer(&s, &options);
    assert_eq!(report.victims.domain, Domain::Cgroup(Name::from("/app/java")));
    assert_eq!(report.victims.group, Some(Name::from("/app/java")));
}

#[test]
fn only_large_immune_processes_are_named_the_largest_first() {
    let immune = |pid, size| ImmuneRow {
        pid: Pid::new(pid),
        name: None,
        uid: None,
        user: None,
        why: Immune::Adjusted,
        resident: Some(mib(size)),
        swap: None,
        page_tables: None,
        oom_score: None,
        oom_score_adj: None,
        cgroup: None,
    };
    // 1 % of 16 GiB is 163 MiB.
    let report = status(&calm(), &StatusOptions::default(), |domain| {
        let mut ranking = ranking(domain, rows());
        ranking.immune = [(1, 160), (2, 170), (3, 900), (4, 300), (5, 200)]
            .map(|(pid, size)| immune(pid, size))
            .into();
        ranking
    });
    let pids: Vec<u32> = report.victims.immune.iter().map(|row| row.pid.get()).collect();
    assert_eq!(pids, [3, 4, 5]);
    assert_eq!((report.victims.first.len(), report.victims.more), (3, 0));
}

#[test]
fn no_more_victims_are_listed_than_asked_for() {
    let options = StatusOptions { victims: 1, ..StatusOptions::default() };
    let victims = answer(&calm(), &options).victims;
    assert_eq!((victims.first.len(), victims.more), (1, 2));
    let none = StatusOptions { victims: 0, ..StatusOptions::default() };
    check_with(
        &low(200),
        &none,
        expect![[r#"
        AtTheWall
        At the wall: only 236 MiB more can be touched before this machine kills; 3 processes could be chosen to die.
        - 1.4 % (236 MiB) of RAM and swap is left, less than 2 %
    "#]],
    );
}

#[test]
fn the_ratio_of_resident_to_virtual_is_the_published_one() {
    // Published figure K13: 6493128 kB of 79326172 kB, 0.0818535.
    let mut s = calm();
    s.tasks = vec![
        task(1, 6_493_128 / 4 - 10, 79_326_172 * 1024 - 4096),
        task(2, 10, 4096),
        // Of this one only half is known: it counts on neither side.
        Task { vsize: None, ..task(3, 1_000_000, 0) },
    ];
    let promises = answer(&s, &StatusOptions::default()).promises;
    assert_eq!(promises.resident, Bytes::from_kib(6_493_128));
    assert_eq!(promises.virtual_size, Bytes::from_kib(79_326_172));
    assert_eq!(promises.resident_share, Some(Percent::from_hundredths(818)));
}

#[test]
fn nothing_is_promised_by_processes_that_nobody_saw() {
    let promises = answer(&calm(), &StatusOptions::default()).promises;
    assert_eq!(promises.resident, None);
    assert_eq!(promises.resident_share, None);
}

#[test]
fn the_largest_request_is_a_fixed_number_in_mode_0_since_5_2() {
    let largest = |release: &str, mode| {
        let mut s = calm();
        s.kernel.release = Some(release.parse().unwrap());
        s.sysctls.overcommit_memory = Some(mode);
        answer(&s, &StatusOptions::default()).promises.largest_request
    };
    assert_eq!(largest("5.2", OvercommitMode::Heuristic), Some(Bytes::new(16 * GIB)));
    assert_eq!(largest("5.1", OvercommitMode::Heuristic), None);
    assert_eq!(largest("5.2", OvercommitMode::Always), None);
}

#[test]
fn kills_in_cgroups_are_listed_the_most_first_with_the_file_of_the_deepest() {
    let mut s = calm();
    for (path, kills) in [("/", 3), ("/a b", 3), ("/c", 1), ("/d", 0)] {
        cgroup(&mut s, path, None, 0, 0).events.oom_kill = Some(kills);
    }
    let lately = answer(&s, &StatusOptions::default()).lately;
    let listed: Vec<_> = lately.cgroups.iter().map(|c| (c.path.to_string(), c.oom_kill)).collect();
    assert_eq!(listed, [("/".to_owned(), 3), ("/a b".to_owned(), 3), ("/c".to_owned(), 1)]);
    assert_eq!(lately.where_to_look[2], "cat '/sys/fs/cgroup/a b/memory.events'");
}

#[test]
fn stalls_are_summed_over_zones_where_the_kernel_splits_them() {
    let stalls = |lines: &[(&str, u64)]| {
        let mut s = calm();
        s.vmstat.lines = lines.iter().map(|&(n, v)| (n.into(), v)).collect();
        answer(&s, &StatusOptions::default()).lately.direct_reclaims
    };
    assert_eq!(stalls(&[("allocstall_normal", 2), ("allocstall_movable", 5)]), Some(7));
    assert_eq!(stalls(&[("allocstall", 9)]), Some(9));
    assert_eq!(stalls(&[("oom_kill", 0)]), None);
}

#[test]
fn memory_of_unread_processes_is_bounded_from_below() {
    let mut s = calm();
    set(&mut s, Field::AnonPages, 1000);
    s.missing = vec![Missing { place: "77/status".to_owned(), why: Why::Denied }];
    let init = Task { rss_anon: Some(mib(400)), ..task(1, 1, 1) };
    let denied = Task::unknown(Pid::new(77));
    let kernel = Task { kthread: Some(true), ..Task::unknown(Pid::new(2)) };
    let zombie = Task { state: Some('Z'), ..Task::unknown(Pid::new(3)) };
    s.tasks = vec![init.clone(), denied, kernel.clone(), zombie.clone()];
    let unread = answer(&s, &StatusOptions::default()).unread;
    assert_eq!((unread.processes, unread.places.len()), (1, 1));
    assert_eq!(unread.hidden_anon, Some(mib(600)));

    s.tasks = vec![init, kernel, zombie];
    assert_eq!(answer(&s, &StatusOptions::default()).unread.hidden_anon, None, "all was read");
    s.tasks.remove(0);
    s.tasks.push(Task { rss_anon: Some(mib(100)), ..task(9, 1, 1) });
    let hidden = answer(&s, &StatusOptions::default()).unread.hidden_anon;
    assert_eq!(hidden, Some(mib(900)), "without pid 1 some processes are hidden");
}

#[test]
fn mem_available_is_computed_only_where_the_kernel_does_not_print_it() {
    let memory = answer(&calm(), &StatusOptions::default()).memory;
    assert_eq!(memory.available, Some(Bytes::new(12 * GIB)));
    assert_eq!(memory.available_computed, None);

    let mut s = machine(
        "2.6.32",
        &[
            (Field::MemFree, 4000),
            (Field::ActiveFile, 8000),
            (Field::InactiveFile, 0),
            (Field::SReclaimable, 800),
        ],
    );
    s.zones = vec![zone("Normal", 1000, 200, 10_000, 0)];
    let memory = answer(&s, &StatusOptions::default()).memory;
    // low is 250 pages: 1000 - 250 + (2000 - 250) + (200 - 100).
    assert_eq!(memory.available_computed, Bytes::from_kib(2600 * 4));
    s.zones[0].low = None;
    assert_eq!(answer(&s, &StatusOptions::default()).memory.available_computed, None);
}

#[test]
fn the_2006_machine_has_the_published_free_virtual_memory() {
    // Published figure A5: MemFree + Buffers + Cached + SwapFree, none of it shared or mapped.
    let mut s = machine(
        "2.6.16",
        &[
            (Field::MemTotal, 255_944),
            (Field::MemFree, 3668),
            (Field::Buffers, 13_640),
            (Field::Cached, 171_788),
            (Field::SwapTotal, 909_676),
            (Field::SwapFree, 909_676),
        ],
    );
    let headroom = answer(&s, &StatusOptions::default()).headroom.unwrap();
    let all = headroom.total.saturating_add(headroom.kept_back);
    assert_eq!(all, Bytes::from_kib(1_098_772).unwrap());
    assert_eq!(headroom.kept_back, Bytes::from_kib(2023).unwrap(), "sqrt(255944 * 16)");
    s.sysctls.min_free_kbytes = Bytes::from_kib(3000);
    let headroom = answer(&s, &StatusOptions::default()).headroom.unwrap();
    assert_eq!(headroom.kept_back, Bytes::from_kib(3000).unwrap());
}

#[test]
fn a_256_mb_machine_has_65536_pages_and_the_published_reserve() {
    // Published figure A6.
    let size = units::PageSize::KIB_4;
    assert_eq!(size.pages_in(Bytes::new(256 << 20)), Pages::new(65_536));
    assert_eq!(size.pages_in(Bytes::from_kib(2083 + 5772 + 637).unwrap()), Pages::new(2123));
}

#[test]
fn an_empty_snapshot_yields_unknowns_and_no_zeros() {
    let report = answer(&Snapshot::unknown("nothing"), &StatusOptions::default());
    assert_eq!(report.headroom, None);
    assert_eq!(report.memory.free, None);
    assert_eq!(report.memory.per_cpu_lists, None);
    assert_eq!(report.lately.oom_kills, None);
    assert_eq!(report.pressure.state, PressureState::Unknown);
    assert_eq!(report.promises.committed, None);
}

#[test]
fn any_release_answers_hostile_numbers() {
    for release in ["2.4.22", "2.6.9", "2.6.18", "2.6.36", "3.10", "4.5", "4.18", "5.9", "7.2"] {
        for value in [0, 1, u64::MAX] {
            let mut s = calm();
            let release: Release = release.parse().unwrap();
            for &field in Field::ALL {
                s.meminfo.set(field, Bytes::new(value));
            }
            s.sysctls.overcommit_memory = Some(OvercommitMode::Never);
            s.zones = vec![zone("Normal", value, value / 2, value, value), Zone::default()];
            s.tasks = vec![task(1, value, value), task(2, value, value)];
            cgroup(&mut s, "/a", Some(0), 0, 0).max = Some(Limit::At(Bytes::new(value)));
            let options = StatusOptions {
                release: Some(release),
                cgroup: Some(Name::from("/a")),
                ..StatusOptions::default()
            };
            let report = answer(&s, &options);
            assert!(report.headroom.is_some());
        }
    }
}

#[test]
fn no_limit_above_is_said_only_when_every_group_above_was_read() {
    let limited = |a: Option<Limit<Bytes>>, b: Option<Limit<Bytes>>| {
        let mut s = calm();
        for (path, max) in [("/", None), ("/a", a), ("/a/b", b)] {
            let group = facts::Cgroup { max, ..Default::default() };
            s.cgroups.groups.insert(Name::from(path), group);
        }
        own_cgroup(&s, &Name::from("/a/b")).limited
    };
    let at = Some(Limit::At(Bytes::new(GIB)));
    assert_eq!(limited(Some(Limit::Max), Some(Limit::Max)), Some(false));
    assert_eq!(limited(at, Some(Limit::Max)), Some(true));
    assert_eq!(limited(at, None), Some(true));
    assert_eq!(limited(None, Some(Limit::Max)), None);
    assert_eq!(own_cgroup(&calm(), &Name::from("/unseen")).limited, None);
}
