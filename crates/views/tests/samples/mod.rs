//! Reports made by hand: machines in the states a reader will meet them in.

use facts::{CgroupVersion, Missing, Name, OvercommitMode, Pressure, Release, Stall, Why};
use rules::rank::{
    Domain, Effect, Frees, Immune, ImmuneRow, RankReport, RankRow, SourceLine, Step, StepKind,
};
use rules::status::{
    Certainty, CgroupKills, Headroom, HeadroomPart, Lately, Level, Memory, OwnCgroup, PartKind,
    PressureReport, PressureState, Promises, StatusReport, Unread, Verdict, Victims, Wall,
    WallKind,
};
use units::{Bytes, Limit, OomAdj, Percent, Pid, ScoreAdj};

pub(crate) fn kib(n: u64) -> Bytes {
    Bytes::new(n << 10)
}

pub(crate) fn mib(n: u64) -> Bytes {
    Bytes::new(n << 20)
}

pub(crate) fn gib(n: u64) -> Bytes {
    Bytes::new(n << 30)
}

const FORMULA: &str = "resident + swap + page tables + oom_score_adj x total/1000, in pages";

/// A victim whose score adds up, on a machine of `total` bytes with pages of 4 KiB.
pub(crate) fn victim(
    pid: u32,
    name: &str,
    user: &str,
    amounts: [Bytes; 3],
    adj: i16,
    total: Bytes,
) -> RankRow {
    let pages = |b: Bytes| i64::try_from(b.get() / 4096).unwrap();
    let worth = i64::from(adj) * (pages(total) / 1000);
    let mut points = 0;
    let mut step = |what, n| {
        points += n;
        Step { what, effect: Effect::Add(n), after: points }
    };
    let steps = vec![
        step(StepKind::Resident, pages(amounts[0])),
        step(StepKind::Swap, pages(amounts[1])),
        step(StepKind::PageTables, pages(amounts[2])),
        step(StepKind::OomScoreAdj, worth),
    ];
    let score = u64::try_from((1000 + points * 1000 / pages(total)) * 2 / 3).ok();
    RankRow {
        rank: 0,
        pid: Pid::new(pid),
        name: Some(name.into()),
        uid: Some(1000),
        user: Some(user.into()),
        points,
        steps,
        predicted_oom_score: score,
        oom_score: score,
        oom_score_adj: Some(ScoreAdj::new(adj.into()).unwrap()),
        oom_adj: None,
        resident: Some(amounts[0]),
        resident_anon: Some(amounts[0]),
        swap: Some(amounts[1]),
        page_tables: Some(amounts[2]),
        frees: Some(Frees {
            at_least: Some(amounts[0].saturating_add(amounts[1])),
            at_most: amounts[0].saturating_add(amounts[1]),
        }),
        cgroup: Some("/user.slice".into()),
        assumed: Vec::new(),
    }
}

pub(crate) fn ranked(mut rows: Vec<RankRow>) -> Vec<RankRow> {
    rows.sort_by_key(|r| -r.points);
    for (i, row) in rows.iter_mut().enumerate() {
        row.rank = i + 1;
    }
    rows
}

pub(crate) fn immune(pid: u32, name: &str, why: Immune, resident: Bytes) -> ImmuneRow {
    ImmuneRow {
        pid: Pid::new(pid),
        name: Some(name.into()),
        uid: Some(0),
        user: Some("root".into()),
        why,
        resident: Some(resident),
        swap: Some(Bytes::ZERO),
        page_tables: Some(kib(96)),
        oom_score: Some(0),
        oom_score_adj: (why == Immune::Adjusted).then_some(ScoreAdj::NEVER),
        cgroup: Some("/init.scope".into()),
    }
}

fn source(origin: &str, release: Release) -> SourceLine {
    SourceLine {
        origin: origin.to_owned(),
        kernel: Some(Name::from(format!("Linux version {release}").as_str())),
        release: Some(release),
        taken_at: Some(1_750_000_000),
        page_size: 4096,
        page_size_known: true,
    }
}

fn stall(avg10: u32, avg60: u32, avg300: u32) -> Stall {
    let p = Percent::from_hundredths;
    Stall { avg10: p(avg10), avg60: p(avg60), avg300: p(avg300), total_us: 1 }
}

fn part(what: PartKind, certainty: Certainty, bytes: Bytes) -> HeadroomPart {
    HeadroomPart { what, bytes, certainty }
}

pub(crate) fn machine_wall(distance: Bytes, capacity: Bytes) -> Wall {
    Wall {
        kind: WallKind::Machine,
        distance: Some(distance),
        capacity: Some(capacity),
        kills: true,
        ours: true,
        what_happens: "the kernel kills".to_owned(),
    }
}

/// A laptop of 16 GiB with nothing to fear.
pub(crate) fn calm_laptop() -> StatusReport {
    let total = gib(16);
    let parts = vec![
        part(PartKind::FreeAboveMin, Certainty::Sure, mib(6200)),
        part(PartKind::PerCpuLists, Certainty::Sure, mib(12)),
        part(PartKind::CleanCache, Certainty::Sure, mib(3500)),
        part(PartKind::DirtyCache, Certainty::Likely, mib(14)),
        part(PartKind::Swap, Certainty::Likely, mib(4096)),
        part(PartKind::MappedCache, Certainty::Perhaps, mib(420)),
        part(PartKind::ReclaimableSlab, Certainty::Perhaps, mib(310)),
    ];
    let headroom = parts.iter().map(|p| p.bytes).sum();
    let rows = ranked(vec![
        victim(2211, "Isolated Web Co", "ada", [mib(900), Bytes::ZERO, mib(5)], 100, total),
        victim(2150, "firefox-esr", "ada", [mib(1300), Bytes::ZERO, mib(9)], 0, total),
        victim(1890, "gnome-shell", "ada", [mib(410), Bytes::ZERO, mib(3)], 0, total),
    ]);
    StatusReport {
        schema: "oomph.status/1",
        source: source("this machine", Release::new(6, 12)),
        verdict: Verdict {
            level: Level::Calm,
            text: "Calm: 13.4 GiB more can be touched before this machine kills; nothing has been killed since boot.".to_owned(),
            reasons: vec![],
        },
        memory: Memory {
            total: Some(mib(15_900)),
            free: Some(mib(6267)),
            per_cpu_lists: Some(mib(12)),
            available: Some(mib(10_200)),
            available_computed: Some(mib(10_200)),
            cache: Some(mib(3934)),
            shmem: Some(mib(210)),
            anon: Some(mib(4100)),
            swap_total: Some(gib(4)),
            swap_free: Some(gib(4)),
        },
        headroom: Some(Headroom {
            total: headroom,
            sure: mib(9712),
            expected: mib(9712 + 14 + 4096),
            capacity: Some(mib(15_900 + 4096)),
            parts,
            kept_back: mib(67),
            notes: vec![],
        }),
        walls: vec![machine_wall(mib(9712 + 14 + 4096), mib(15_900 + 4096))],
        cgroup: Some(OwnCgroup {
            path: Name::from("/user.slice/user-1000.slice"),
            limited: Some(false),
        }),
        pressure: PressureReport {
            state: PressureState::Known,
            figures: Some(Pressure { some: stall(0, 0, 12), full: Some(stall(0, 0, 3)) }),
        },
        victims: Victims {
            domain: Domain::Machine,
            formula: FORMULA,
            total: Some(total),
            first: rows,
            more: 211,
            immune: vec![immune(1, "systemd", Immune::Init, mib(14))],
            group: None,
            instead: vec![],
            notes: vec![],
        },
        promises: Promises {
            mode: Some(OvercommitMode::Heuristic),
            committed: Some(mib(11_000)),
            limit: Some(mib(12_046)),
            largest_request: Some(mib(19_996)),
            resident: Some(mib(5200)),
            virtual_size: Some(gib(480)),
            resident_share: Percent::of(5200, 480 * 1024),
        },
        lately: Lately {
            oom_kills: Some(0),
            uptime_s: Some(270_000),
            cgroups: vec![],
            direct_reclaims: Some(0),
            where_to_look: vec!["journalctl -k -b -g 'Killed process'".to_owned()],
        },
        unread: Unread { places: vec![], processes: 0, hidden_anon: Some(Bytes::ZERO) },
    }
}

/// A server whose swap is nearly used up.
pub(crate) fn near_with_swap() -> StatusReport {
    let total = gib(10);
    let mut report = calm_laptop();
    let parts = vec![
        part(PartKind::FreeAboveMin, Certainty::Sure, mib(110)),
        part(PartKind::PerCpuLists, Certainty::Sure, mib(4)),
        part(PartKind::CleanCache, Certainty::Sure, mib(96)),
        part(PartKind::DirtyCache, Certainty::Likely, mib(22)),
        part(PartKind::Swap, Certainty::Likely, mib(180)),
        part(PartKind::MappedCache, Certainty::Perhaps, mib(60)),
        part(PartKind::ReclaimableSlab, Certainty::Perhaps, mib(75)),
    ];
    let headroom = parts.iter().map(|p| p.bytes).sum();
    let mut rows = ranked(vec![
        victim(41_233, "mysqld", "mysql", [mib(5100), mib(1400), mib(14)], 0, total),
        victim(1_204_417, "java", "tomcat", [mib(1900), mib(200), mib(6)], 300, total),
        victim(917, "sshd", "root", [mib(5), mib(2), kib(80)], 0, total),
    ]);
    rows[0].frees = Some(Frees { at_least: Some(mib(1900)), at_most: mib(2090) });
    rows[2].frees = Some(Frees { at_least: None, at_most: mib(4) });
    report.verdict = Verdict {
        level: Level::Near,
        text: "Near: only 412 MiB more can be touched before this machine kills; first to die is mysqld (41233).".to_owned(),
        reasons: vec![
            "headroom is 4 % of RAM and swap, under 10 %".to_owned(),
            "some task waited for memory 31.20 % of the last 10 s, over 10 %".to_owned(),
        ],
    };
    report.memory = Memory {
        total: Some(mib(7900)),
        free: Some(mib(177)),
        per_cpu_lists: Some(mib(4)),
        available: Some(mib(240)),
        available_computed: Some(mib(240)),
        cache: Some(mib(178)),
        shmem: Some(mib(33)),
        anon: Some(mib(7000)),
        swap_total: Some(gib(2)),
        swap_free: Some(mib(180)),
    };
    report.headroom = Some(Headroom {
        total: headroom,
        sure: mib(210),
        expected: mib(210 + 22 + 180),
        capacity: Some(mib(7900 + 2048)),
        parts,
        kept_back: mib(67),
        notes: vec![],
    });
    report.walls = vec![machine_wall(mib(210 + 22 + 180), mib(7900 + 2048))];
    report.pressure.figures =
        Some(Pressure { some: stall(3120, 1805, 640), full: Some(stall(2240, 1102, 310)) });
    report.victims.first = rows;
    report.victims.more = 88;
    report.victims.immune = vec![
        immune(1, "systemd", Immune::Init, mib(9)),
        immune(640, "systemd-udevd", Immune::Adjusted, mib(7)),
    ];
    report.victims.total = Some(total);
    report.lately.oom_kills = Some(2);
    report.lately.direct_reclaims = Some(48_113);
    report.lately.cgroups = vec![CgroupKills {
        path: "/system.slice/tomcat.service".into(),
        oom_kill: 2,
        max: Some(0),
    }];
    report
}

/// A container of 1 GiB on a calm host, whose group dies together.
pub(crate) fn cgroup_wall_with_group() -> StatusReport {
    let mut report = calm_laptop();
    let path = Name::from("/kubepods.slice/kubepods-burstable.slice/pod7f3a/web");
    report.cgroup = Some(OwnCgroup { path: path.clone(), limited: Some(true) });
    report.verdict = Verdict {
        level: Level::AtTheWall,
        text: "cgroup /kubepods.slice/kubepods-burstable.slice/pod7f3a/web has 12.0 MiB left."
            .to_owned(),
        reasons: vec!["a wall is 1 % of its capacity away, under 2 %".to_owned()],
    };
    let machine = report.walls[0].clone();
    report.walls = vec![
        Wall {
            kind: WallKind::Cgroup {
                path: path.clone(),
                version: CgroupVersion::V2,
                current: Some(mib(1015)),
                limit: Limit::At(gib(1)),
                reclaimable: Some(mib(3)),
                swap_left: Some(Bytes::ZERO),
                oom_group: Some(true),
            },
            distance: Some(mib(12)),
            capacity: Some(gib(1)),
            kills: true,
            ours: true,
            what_happens: "the kernel kills inside it".to_owned(),
        },
        machine,
    ];
    report.victims.domain = Domain::Cgroup(path.clone());
    report.victims.total = Some(gib(1));
    report.victims.first = ranked(vec![
        victim(31_002, "node", "www-data", [mib(890), Bytes::ZERO, mib(4)], 0, gib(1)),
        victim(31_001, "tini", "www-data", [kib(900), Bytes::ZERO, kib(40)], 0, gib(1)),
    ]);
    report.victims.more = 0;
    report.victims.immune = vec![];
    report.victims.group = Some(path.clone());
    report.lately.cgroups = vec![CgroupKills { path, oom_kill: 17, max: Some(40_122) }];
    report.lately.oom_kills = Some(17);
    report
}

/// A v1 cgroup whose tasks wait instead of dying.
pub(crate) fn v1_cgroup() -> StatusReport {
    let mut report = calm_laptop();
    report.source.release = Some(Release::new(4, 19));
    let machine = report.walls[0].clone();
    report.walls = vec![
        Wall {
            kind: WallKind::Cgroup {
                path: "/docker/5e1f".into(),
                version: CgroupVersion::V1,
                current: None,
                limit: Limit::At(gib(2)),
                reclaimable: None,
                swap_left: None,
                oom_group: None,
            },
            distance: None,
            capacity: Some(gib(2)),
            kills: false,
            ours: false,
            what_happens: "tasks in it wait until memory comes free (oom_kill_disable)".to_owned(),
        },
        machine,
    ];
    report.walls.reverse();
    report.pressure = PressureReport { state: PressureState::NotInThisKernel, figures: None };
    report
}

/// Strict overcommit: requests fail before memory does.
pub(crate) fn strict_overcommit() -> StatusReport {
    let mut report = calm_laptop();
    report.walls.insert(
        0,
        Wall {
            kind: WallKind::Overcommit,
            distance: Some(mib(1046)),
            capacity: Some(mib(12_046)),
            kills: false,
            ours: true,
            what_happens: "requests for memory fail; nobody is killed".to_owned(),
        },
    );
    report.promises.mode = Some(OvercommitMode::Never);
    report.promises.largest_request = None;
    report.victims.instead = vec!["vm.panic_on_oom is 1: the kernel panics instead".to_owned()];
    report
}

/// A 2.6.32 that knows neither zones nor pressure nor kills, and scores in points.
pub(crate) fn old_kernel() -> StatusReport {
    let mut report = calm_laptop();
    report.cgroup = None;
    report.source = SourceLine {
        origin: "capture old.tar".to_owned(),
        kernel: Some("Linux version 2.6.32-754.el6.x86_64".into()),
        release: Some(Release::old(2, 6, 32)),
        taken_at: None,
        page_size: 4096,
        page_size_known: false,
    };
    report.verdict = Verdict {
        level: Level::Unknown,
        text: "How near cannot be told: /proc/zoneinfo is missing.".to_owned(),
        reasons: vec![],
    };
    report.memory.available = None;
    report.memory.available_computed = None;
    report.memory.swap_free = None;
    report.headroom = None;
    report.walls[0].distance = None;
    report.pressure = PressureReport { state: PressureState::NotInThisKernel, figures: None };
    report.victims.formula = "address space, children, time, nice, privileges, oom_adj; in points";
    report.victims.total = None;
    let mut row = victim(2150, "httpd", "apache", [mib(300), Bytes::ZERO, mib(1)], 0, gib(16));
    row.steps = vec![
        Step { what: StepKind::TotalVm, effect: Effect::Add(96_000), after: 96_000 },
        Step { what: StepKind::Children, effect: Effect::Add(4100), after: 100_100 },
        Step { what: StepKind::CpuTime, effect: Effect::Divide(4), after: 25_025 },
        Step { what: StepKind::OomAdj, effect: Effect::Multiply(8), after: 200_200 },
    ];
    row.points = 200_200;
    row.rank = 1;
    row.predicted_oom_score = Some(200_200);
    row.oom_score = Some(200_199);
    row.oom_score_adj = None;
    row.oom_adj = Some(OomAdj::new(3).unwrap());
    row.swap = None;
    row.frees = None;
    row.page_tables = None;
    report.victims.first = vec![row];
    report.victims.more = 40;
    report.promises.mode = None;
    report.promises.largest_request = None;
    report.lately.oom_kills = None;
    report.lately.uptime_s = None;
    report.lately.direct_reclaims = None;
    report.unread = Unread {
        places: vec![
            Missing { place: "zoneinfo".to_owned(), why: Why::Absent },
            Missing {
                place: "meminfo".to_owned(),
                why: Why::Malformed {
                    line: 14,
                    expected: "a number of kB".to_owned(),
                    found: "`SwapFr`".to_owned(),
                },
            },
        ],
        processes: 0,
        hidden_anon: None,
    };
    report
}

/// Other users' processes are hidden or closed.
pub(crate) fn hidepid() -> StatusReport {
    let mut report = calm_laptop();
    report.pressure = PressureReport { state: PressureState::Denied, figures: None };
    report.unread = Unread {
        places: (2..9)
            .map(|pid| Missing { place: format!("{pid}/status"), why: Why::Denied })
            .collect(),
        processes: 7,
        hidden_anon: Some(mib(3100)),
    };
    report
}

/// Seen from a container, which sees its own processes only.
pub(crate) fn container() -> StatusReport {
    let mut report = calm_laptop();
    report.unread = Unread { places: vec![], processes: 0, hidden_anon: Some(mib(3100)) };
    report
}

/// A tar of `smemcap`, which does not keep adjustments.
pub(crate) fn smemcap_tar() -> StatusReport {
    let mut report = calm_laptop();
    report.cgroup = None;
    report.source.origin = String::from("capture web1.tar");
    for row in &mut report.victims.first {
        row.oom_score_adj = None;
        row.oom_score = None;
        row.user = None;
        row.steps.pop();
        row.points = row.steps.last().map_or(0, |s| s.after);
        row.assumed = vec!["oom_score_adj"];
    }
    report.victims.first = ranked(std::mem::take(&mut report.victims.first));
    report.pressure = PressureReport { state: PressureState::Unknown, figures: None };
    report
}

/// Names that would like to be more than names.
pub(crate) fn hostile_names() -> StatusReport {
    let mut report = near_with_swap();
    let names: [&[u8]; 3] =
        [b"\x1b[2J\x1b[31mCALM", "数据库\u{202e}gpj".as_bytes(), b"a) S 1\n2 (b"];
    for (row, name) in report.victims.first.iter_mut().zip(names) {
        row.name = Some(Name::new(name));
        row.user = Some(Name::new(&b"r\x08oot\xff-with-a-long-name"[..]));
    }
    report.victims.domain = Domain::Cgroup(Name::new(&b"/evil\r\x9bslice"[..]));
    report
}

/// The kill order behind a status report.
pub(crate) fn rank_of(status: &StatusReport) -> RankReport {
    RankReport {
        schema: "oomph.rank/1",
        source: status.source.clone(),
        rules_of: status.source.release,
        formula: status.victims.formula,
        domain: status.victims.domain.clone(),
        total: status.victims.total,
        rows: status.victims.first.clone(),
        immune: status.victims.immune.clone(),
        without_memory: 63,
        unreadable: vec![],
        missing: status.unread.places.clone(),
        notes: status.victims.notes.clone(),
    }
}
