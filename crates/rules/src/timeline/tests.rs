//! Logs made by hand, each for one conclusion.

use facts::oom_report::{
    Kill, KillCause, LineKind, OomKillLine, OomReport, Records, SourceLine, TaskColumns, TaskRow,
    TaskTable, Trigger,
};
use facts::{Act, Figure, FigureOf, FigureValue, Name, Notice, Speaker, When};
use units::{Bytes, PageSize, Pages, Pid, ScoreAdj};

use super::*;

const MIB: u64 = 1 << 20;

fn at(seconds: u64) -> When {
    When { boot_us: Some(seconds * 1_000_000), ..When::default() }
}

/// A kill of the kernel: its line, seconds since boot, the victim and its group, and other rows as
/// pid and MiB.
fn kill(line: u64, pid: u32, name: &str, group: &str, rows: &[(u32, u64)]) -> OomReport {
    let row = |&(pid, mib): &(u32, u64)| TaskRow {
        pid: Some(Pid::new(pid)),
        tgid: Some(Pid::new(pid)),
        rss: Some(Pages::new(mib * 256)),
        swapents: Some(Pages::ZERO),
        oom_score_adj: ScoreAdj::new(0).ok(),
        name: Some(Name::from(format!("task{pid}").as_str())),
        ..TaskRow::default()
    };
    let source = |number| SourceLine {
        number,
        kind: LineKind::Kill,
        stamp: None,
        records: Records::new(),
        text: Name::from("text"),
    };
    OomReport {
        trigger: Some(Trigger::default()),
        tasks: Some(TaskTable {
            columns: Some(TaskColumns::PgtablesBytes),
            rows: rows.iter().map(row).collect(),
        }),
        oom_kill: Some(OomKillLine {
            task_memcg: Some(Name::from(group)),
            ..OomKillLine::default()
        }),
        kills: vec![Kill {
            cause: Some(KillCause::OutOfMemory),
            pid: Some(Pid::new(pid)),
            name: Some(Name::from(name)),
            anon_rss: Some(Bytes::new(100 * MIB)),
            ..Kill::default()
        }],
        page_size: Some(PageSize::KIB_4),
        lines: vec![source(line), source(line + 9)],
        ..OomReport::default()
    }
}

fn take(timeline: &mut Timeline, seconds: u64, report: &OomReport) {
    timeline.report(report, &crate::explain(report, None), &at(seconds));
}

fn says(line: u64, seconds: u64, speaker: Speaker, act: Act) -> Notice {
    Notice {
        line,
        when: at(seconds),
        speaker,
        act,
        pid: None,
        name: None,
        uid: None,
        oom_score_adj: None,
        unit: None,
        cgroup: None,
        container: None,
        pod: None,
        signal: None,
        reason: None,
        count: None,
        figures: Vec::new(),
        text: Name::from("text"),
    }
}

/// The places of the incidents that have echoes, and by what they were joined.
fn joined(report: &TimelineReport) -> Vec<(u64, JoinedBy)> {
    report
        .incidents
        .iter()
        .flat_map(|one| one.echoes.iter().map(|echo| (one.number, echo.joined_by)))
        .collect()
}

#[test]
fn a_line_belongs_to_the_kill_of_its_process_whatever_is_nearer() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    let mut told = says(90, 9, Speaker::Kubelet, Act::ToldOfKill);
    told.pid = Some(Pid::new(7));
    timeline.notice(told.clone());
    // The report comes after lines that stand behind it.
    take(&mut timeline, 5, &kill(10, 7, "a", "/a", &[]));
    take(&mut timeline, 8, &kill(70, 8, "b", "/b", &[]));
    let report = timeline.finish();
    assert_eq!(joined(&report), [(1, JoinedBy::Pid)]);
    assert!(report.without_report.is_empty());
}

#[test]
fn units_and_containers_are_found_in_the_victims_cgroup() {
    let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    take(&mut timeline, 5, &kill(10, 7, "a", "/system.slice/shop.service", &[]));
    take(&mut timeline, 6, &kill(30, 8, "b", &format!("/kubepods/cri-{id}.scope"), &[]));
    let mut unit = says(60, 7, Speaker::Systemd, Act::ToldOfKill);
    unit.unit = Some(Name::from("shop.service"));
    timeline.notice(unit.clone());
    unit.unit = Some(Name::from("system.slice"));
    timeline.notice(unit.clone());
    let mut container = says(61, 8, Speaker::Containerd, Act::ToldOfKill);
    container.container = Some(Name::from(id));
    timeline.notice(container.clone());
    // Another unit and another container are other stories.
    unit.unit = Some(Name::from("shop"));
    timeline.notice(unit);
    container.container = Some(Name::from(id.replace('0', "1").as_str()));
    timeline.notice(container);
    let report = timeline.finish();
    assert_eq!(
        joined(&report),
        [(1, JoinedBy::Unit), (1, JoinedBy::Unit), (2, JoinedBy::Container)]
    );
    assert_eq!(report.without_report.len(), 2);
}

#[test]
fn lines_that_name_nothing_belong_to_a_kill_within_seconds() {
    for (seconds, expected) in [(6, 1), (8, 1), (9, 0), (2, 0)] {
        let mut timeline = Timeline::new();
        timeline.begin(Name::from("log"));
        take(&mut timeline, 5, &kill(10, 7, "a", "/a", &[]));
        timeline.notice(says(60, seconds, Speaker::Kubelet, Act::ToldOfKill));
        assert_eq!(joined(&timeline.finish()).len(), expected, "{seconds}");
    }
}

#[test]
fn the_end_of_another_process_is_nobodys_echo() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    take(&mut timeline, 5, &kill(10, 7, "a", "/system.slice/shop.service", &[]));
    let mut ended = says(30, 5, Speaker::Systemd, Act::Ended);
    ended.unit = Some(Name::from("other.service"));
    timeline.notice(ended.clone());
    ended.unit = None;
    ended.pid = Some(Pid::new(8));
    timeline.notice(ended);
    let report = timeline.finish();
    assert!(joined(&report).is_empty());
    assert!(report.without_report.is_empty());
}

#[test]
fn other_killers_are_incidents_of_their_own_and_have_their_own_echoes() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    let mut oomd = says(20, 6, Speaker::SystemdOomd, Act::Killed);
    oomd.cgroup = Some(Name::from("/user.slice/game.scope"));
    timeline.notice(oomd);
    let mut told = says(21, 6, Speaker::Systemd, Act::ToldOfOomd);
    told.unit = Some(Name::from("game.scope"));
    timeline.notice(told.clone());
    told.act = Act::ToldOfEither;
    timeline.notice(told.clone());
    // That the kernel killed is not said of what systemd-oomd did.
    told.act = Act::ToldOfKill;
    told.unit = Some(Name::from("other.scope"));
    timeline.notice(told);
    let mut early = says(40, 9, Speaker::Earlyoom, Act::Terminated);
    early.pid = Some(Pid::new(9));
    let resident = FigureValue::Bytes(Bytes::new(5 * MIB));
    early.figures.push(Figure { of: FigureOf::Resident, value: resident });
    timeline.notice(early);
    take(&mut timeline, 5, &kill(1, 7, "a", "/a", &[]));
    take(&mut timeline, 8, &kill(30, 8, "b", "/b", &[]));
    let report = timeline.finish();
    let killers: Vec<_> = report.incidents.iter().map(|one| one.killer).collect();
    assert_eq!(
        killers,
        [
            Killer::Kernel,
            Killer::Other(Speaker::SystemdOomd),
            Killer::Kernel,
            Killer::Other(Speaker::Earlyoom)
        ]
    );
    assert_eq!(joined(&report), [(2, JoinedBy::Unit), (2, JoinedBy::Unit)]);
    assert_eq!(report.without_report.len(), 1);
    assert_eq!(report.kernel_kills, 2);
    assert_eq!(report.incidents[3].victims[0].resident, Some(Bytes::new(5 * MIB)));
    let by: Vec<_> = report.other_kills.iter().map(|by| (by.killer, by.kills)).collect();
    assert_eq!(by, [(Speaker::SystemdOomd, 1), (Speaker::Earlyoom, 1)]);
}

#[test]
fn a_clock_that_goes_back_is_a_reboot_and_lines_out_of_order_are_not() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    for (line, seconds) in [(1, 100), (20, 98), (40, 20), (60, 30)] {
        take(&mut timeline, seconds, &kill(line, 7, "a", "/a", &[]));
    }
    let report = timeline.finish();
    let boots: Vec<_> = report.incidents.iter().map(|one| one.boot).collect();
    assert_eq!((boots, report.boots), (vec![1, 1, 2, 2], 2));
    let since: Vec<_> = report.incidents.iter().map(|one| one.since_last_us).collect();
    assert_eq!(since, [None, None, None, Some(10_000_000)]);
}

#[test]
fn growth_is_that_of_the_same_process_in_one_boot() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    take(&mut timeline, 100, &kill(1, 7, "a", "/a", &[(50, 10), (51, 90), (52, 30)]));
    take(&mut timeline, 1900, &kill(20, 8, "b", "/a", &[(50, 40), (51, 80)]));
    take(&mut timeline, 60, &kill(40, 9, "c", "/a", &[(50, 400), (52, 500)]));
    let report = timeline.finish();
    let [grown] = report.growth.as_slice() else { panic!("{:?}", report.growth) };
    assert_eq!(grown.task.pid, Some(Pid::new(50)));
    assert_eq!((grown.from.incident, grown.to.incident), (1, 2));
    let thirty = i64::try_from(30 * MIB).ok();
    assert_eq!(Some(grown.grew), thirty);
    // 30 MiB in half an hour.
    assert_eq!(grown.per_hour, thirty.map(|grew| grew * 2));
}

#[test]
fn three_kills_in_quick_succession_are_a_storm_and_two_are_not() {
    let storms = |seconds: &[u64]| {
        let mut timeline = Timeline::new();
        timeline.begin(Name::from("log"));
        for (at, &second) in (0u32..).zip(seconds) {
            take(&mut timeline, second, &kill(u64::from(at) * 20 + 1, at + 7, "a", "/a", &[]));
        }
        let storms = timeline.finish().storms;
        storms.iter().map(|s| (s.first, s.last, s.kills, s.lasted_us)).collect::<Vec<_>>()
    };
    assert_eq!(storms(&[1, 11, 21]), [(1, 3, 3, Some(20_000_000))]);
    assert_eq!(storms(&[1, 11]), []);
    assert_eq!(storms(&[1, 11, 22]), []);
    assert_eq!(storms(&[1, 2, 3, 100, 101, 102]).len(), 2);
}

#[test]
fn a_victim_that_still_holds_memory_is_named() {
    let storms = |rows: &[(u32, u64)]| {
        let mut timeline = Timeline::new();
        timeline.begin(Name::from("log"));
        take(&mut timeline, 1, &kill(1, 7, "task7", "/a", &[(7, 100)]));
        take(&mut timeline, 2, &kill(20, 8, "task8", "/a", rows));
        let report = timeline.finish();
        let part = report.incidents[1].report.clone().unwrap();
        (part.earlier_victim_holds.and_then(|one| one.resident), report.storms.len())
    };
    assert_eq!(storms(&[(7, 60), (8, 100)]), (Some(Bytes::new(60 * MIB)), 1));
    assert_eq!(storms(&[(7, 0), (8, 100)]), (None, 0));
    assert_eq!(storms(&[(9, 60)]), (None, 0));
}

#[test]
fn repeated_victims_are_counted_across_restarts_of_their_container() {
    let group = |digit: &str| format!("/kubepods/pod{}/x", digit.repeat(64));
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    take(&mut timeline, 1, &kill(1, 7, "java", &group("a"), &[]));
    take(&mut timeline, 100, &kill(20, 8, "java", &group("b"), &[]));
    take(&mut timeline, 200, &kill(40, 9, "java", "/other", &[]));
    let report = timeline.finish();
    let [one] = report.repeated.as_slice() else { panic!("{:?}", report.repeated) };
    assert_eq!(one.kills, 2);
    assert_eq!(one.cgroup, Some(Name::from("/kubepods/pod*/x")));
    assert_eq!((one.first, one.last), (1, 2));
}

#[test]
fn what_was_left_out_stands_before_the_report_that_follows() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    take(&mut timeline, 1, &kill(1, 7, "a", "/a", &[]));
    let mut lost = says(15, 6, Speaker::Kernel, Act::LeftOut);
    lost.count = Some(12);
    timeline.notice(lost);
    let mut bare = kill(20, 8, "b", "/a", &[]);
    (bare.trigger, bare.tasks, bare.oom_kill) = (None, None, None);
    take(&mut timeline, 7, &bare);
    let report = timeline.finish();
    assert_eq!(report.left_out, 12);
    let before: Vec<_> = report.incidents.iter().map(|one| one.left_out_before).collect();
    assert_eq!(before, [0, 12]);
    let extent = report.incidents[1].report.as_ref().map(|part| part.extent);
    assert_eq!(extent, Some(Extent::KillLineOnly));
}

#[test]
fn missing_heads_and_tails_are_told_apart() {
    let extent = |report: &OomReport| extent(report, &crate::explain(report, None));
    let whole = kill(1, 7, "a", "/a", &[(7, 1)]);
    assert_eq!(extent(&whole), Extent::Whole);
    let mut headless = whole.clone();
    headless.trigger = None;
    assert_eq!(extent(&headless), Extent::HeadMissing);
    let mut tailless = whole.clone();
    tailless.kills.clear();
    tailless.oom_kill = None;
    assert_eq!(extent(&tailless), Extent::TailMissing);
    tailless.trigger = None;
    assert_eq!(extent(&tailless), Extent::MiddleOnly);
}

#[test]
fn incidents_beyond_what_is_kept_are_counted_and_each_is_handed_out_once() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    let report = kill(1, 7, "a", "/a", &[]);
    let explained = crate::explain(&report, None);
    for n in 0..KEPT as u64 + 100 {
        timeline.report(&report, &explained, &at(n * 100));
    }
    let report = timeline.finish();
    assert_eq!((report.incidents.len(), report.not_listed), (KEPT, 100));
    assert_eq!(report.incidents[0].number, 101);

    let mut timeline = Timeline::new();
    timeline.begin(Name::from("log"));
    let mut numbers = Vec::new();
    for n in 0..500 {
        take(&mut timeline, n * 100, &kill(n * 20 + 1, 7, "a", "/a", &[]));
        numbers.extend(timeline.settled().map(|one| one.number));
    }
    assert_eq!(numbers.len(), 500 - OPEN);
    numbers.extend(timeline.finish().incidents.iter().map(|one| one.number));
    assert_eq!(numbers, (1..=500).collect::<Vec<_>>());
}

#[test]
fn logs_are_stories_of_their_own() {
    let mut timeline = Timeline::new();
    timeline.begin(Name::from("one"));
    take(&mut timeline, 100, &kill(1, 7, "task7", "/a", &[(50, 10)]));
    timeline.begin(Name::from("two"));
    take(&mut timeline, 101, &kill(1, 8, "task8", "/a", &[(50, 90), (7, 90)]));
    let mut told = says(20, 101, Speaker::Kubelet, Act::ToldOfKill);
    told.pid = Some(Pid::new(7));
    timeline.notice(told);
    let report = timeline.finish();
    assert!(report.growth.is_empty() && report.storms.is_empty() && joined(&report).is_empty());
    assert_eq!(report.without_report.len(), 1);
    assert_eq!(report.boots, 2);
}
