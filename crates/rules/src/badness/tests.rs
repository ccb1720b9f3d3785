//! Published figures, every boundary between eras, and an oracle written from the prose.

use facts::{Capabilities, Release};
use proptest::prelude::*;
use units::{OomAdj, Pages, ScoreAdj};

use super::*;
use crate::rank::StepKind;

const SYS_ADMIN: Capabilities = Capabilities(1 << 21);
const SYS_RESOURCE: Capabilities = Capabilities(1 << 24);
const RAWIO: Capabilities = Capabilities(1 << 17);

fn formula(release: &str) -> Formula {
    Formula::for_release(release.parse().unwrap())
}

fn score(release: &str, subject: &Subject, total: u64) -> i64 {
    let scored = badness(&formula(release), subject, Pages::new(total));
    assert_eq!(replay(&scored.steps), scored.points, "{release}: steps must lead to the points");
    assert_eq!(points(&formula(release), subject, Pages::new(total)), scored.points, "{release}");
    scored.points
}

fn shown(release: &str, points: i64, total: u64) -> Option<u64> {
    proc_oom_score(&formula(release), Some(points), Pages::new(total))
}

fn adj(value: i64) -> ScoreAdj {
    ScoreAdj::new(value).unwrap()
}

fn old_adj(value: i64) -> OomAdj {
    OomAdj::new(value).unwrap()
}

// Published figures.

#[test]
fn the_raspberry_pi_of_2013_scores_829_for_every_total_it_can_have_had() {
    let hog =
        Subject { total_vm: 120_097, rss: 99_945, ptes: 238, swap: 19_731, ..Subject::default() };
    for total in 144_475..=144_648 {
        assert_eq!(shown("3.6.11", score("3.6.11", &hog, total), total), Some(829), "{total}");
    }
    for (total, other) in [(144_474, 830), (144_649, 828)] {
        assert_eq!(shown("3.6.11", score("3.6.11", &hog, total), total), Some(other), "{total}");
    }
}

#[test]
fn a_tab_of_75_mb_scores_304_of_16_gb_only_with_an_adjustment_of_300() {
    let total = (8 + 8) * 262_144;
    let mut tab = Subject { total_vm: 221_532, rss: (25_372 + 50_412) / 4, ..Subject::default() };
    assert_eq!(shown("4.4.0", score("4.4.0", &tab, total), total), Some(4));
    tab.oom_score_adj = adj(300);
    assert_eq!(shown("4.4.0", score("4.4.0", &tab, total), total), Some(304));
}

#[test]
fn a_score_of_136919_is_from_the_days_of_points() {
    // "score 136919 or a child": an address space of 535 MiB, young and idle.
    let hog = Subject { total_vm: 136_919, rss: 100_000, ..Subject::default() };
    assert_eq!(score("2.6.32", &hog, 130_000), 136_919);
    assert!(score("2.6.38", &hog, 130_000) <= 1000);
}

#[test]
fn the_criteria_of_the_old_formula_point_the_published_way() {
    let base = Subject { total_vm: 100_000, ..Subject::default() };
    let mut parent = base;
    parent.children.add(50_000);
    for (release, hz) in [("2.6.11", 1000), ("2.6.18", 250), ("2.6.32", 250)] {
        let plain = score(release, &base, 0);
        let worse = [
            ("larger", Subject { total_vm: 100_001, ..base }),
            ("children", parent),
            ("nice", Subject { nice: 1, ..base }),
            ("oom_adj", Subject { oom_adj: old_adj(1), ..base }),
        ];
        let better = [
            ("busy", Subject { cpu_jiffies: 3600 * hz, ..base }),
            ("long-lived", Subject { age_s: 30 * 86_400, ..base }),
            ("admin", Subject { caps: SYS_ADMIN, ..base }),
            ("hardware", Subject { caps: RAWIO, ..base }),
            ("oom_adj", Subject { oom_adj: old_adj(-1), ..base }),
        ];
        for (what, subject) in worse {
            assert!(score(release, &subject, 0) > plain, "{release} {what}");
        }
        for (what, subject) in better {
            assert!(score(release, &subject, 0) < plain, "{release} {what}");
        }
        // Resident memory means nothing yet.
        assert_eq!(score(release, &Subject { rss: 99_999, swap: 5, ..base }, 0), plain);
    }
}

#[test]
fn the_rewrite_scores_the_share_of_the_total() {
    let total = 250_000;
    let using = |pages, caps, by| Subject {
        rss: pages,
        caps,
        oom_score_adj: adj(by),
        ..Subject::default()
    };
    let none = Capabilities(0);
    for (subject, expected) in [
        (using(total, none, 0), 1000),
        (using(0, none, 0), 1), // nothing used, and yet it can be chosen
        (using(total / 2, none, 0), 500),
        (using(total / 2, SYS_ADMIN, 0), 470),
        (using(total / 2, none, 250), 750),
        (using(total / 2, none, -500), 1),
        (using(0, none, 1000), 1000),
        (using(total, none, 1000), 1000),
    ] {
        assert_eq!(score("2.6.36", &subject, total), expected, "{subject:?}");
        assert_eq!(shown("2.6.36", expected, total), Some(u64::try_from(expected).unwrap()));
    }
}

#[test]
fn oom_score_of_6_1_is_as_measured_for_every_adjustment() {
    // MemTotal 481296 kB, no swap, a process of some 180 pages.
    let total = 481_296 / 4;
    for (by, expected) in [
        (-999, 4),
        (-500, 335),
        (0, 667),
        (1, 668),
        (100, 734),
        (500, 1000),
        (999, 1331),
        (1000, 1332),
    ] {
        let tiny = Subject { rss: 160, ptes: 20, oom_score_adj: adj(by), ..Subject::default() };
        assert_eq!(shown("6.1", score("6.1", &tiny, total), total), Some(expected), "{by}");
    }
    assert_eq!(proc_oom_score(&formula("6.1"), None, Pages::new(total)), Some(0));
}

#[test]
fn negative_points_compete_since_5_9() {
    // 200 MB: 40 MB at -900 outlived 1 MB at 0.
    let total = 200 * 256;
    let protected = Subject { rss: 10_240, oom_score_adj: adj(-900), ..Subject::default() };
    let small = Subject { rss: 256, ..Subject::default() };
    assert_eq!(score("6.1", &protected, total), 10_240 - 900 * 51);
    assert!(score("6.1", &protected, total) < score("6.1", &small, total));
    assert_eq!(score("5.8", &protected, total), 1);
}

// Boundaries.

#[test]
fn the_old_formula_changes_where_the_releases_changed_it() {
    let mut root =
        Subject { total_vm: 1_000_000, root: true, oom_adj: old_adj(1), ..Subject::default() };
    root.children.add(3001);
    for (release, expected) in [
        ("2.4.22", 250_000),
        ("2.6.0", 250_000),
        ("2.6.10", 250_000),
        ("2.6.11", 501_500),
        ("2.6.15", 501_500),
        ("2.6.16", 500_750),
        ("2.6.24", 500_750),
        ("2.6.25", 2_003_002),
        ("2.6.35", 2_003_002),
    ] {
        assert_eq!(score(release, &root, 0), expected, "{release}");
    }
}

#[test]
fn the_privileged_of_the_old_formula_change_in_2_6_25() {
    for (release, by_uid, by_admin, by_resource) in
        [("2.6.24", 25, 25, 100), ("2.6.25", 100, 25, 25), ("2.4.22", 25, 25, 100)]
    {
        let base = Subject { total_vm: 100, ..Subject::default() };
        assert_eq!(score(release, &Subject { root: true, ..base }, 0), by_uid, "{release}");
        assert_eq!(score(release, &Subject { caps: SYS_ADMIN, ..base }, 0), by_admin, "{release}");
        assert_eq!(
            score(release, &Subject { caps: SYS_RESOURCE, ..base }, 0),
            by_resource,
            "{release}"
        );
        assert_eq!(score(release, &Subject { caps: RAWIO, ..base }, 0), 25, "{release}");
    }
}

#[test]
fn other_nodes_count_an_eighth_from_2_6_19_to_2_6_35() {
    let far = Subject { total_vm: 800, rss: 800, other_nodes: true, ..Subject::default() };
    for (release, expected) in
        [("2.6.18", 800), ("2.6.19", 100), ("2.6.35", 100), ("2.6.36", 800), ("6.18", 800)]
    {
        assert_eq!(score(release, &far, 1000), expected, "{release}");
    }
}

#[test]
fn nothing_shifted_upwards_is_something_since_2_6_22() {
    let empty = Subject { oom_adj: old_adj(3), ..Subject::default() };
    assert_eq!(score("2.6.21", &empty, 0), 0);
    assert_eq!(score("2.6.22", &empty, 0), 8);
    let shifted_down = Subject { total_vm: 1000, oom_adj: old_adj(-3), ..Subject::default() };
    assert_eq!(score("2.6.22", &shifted_down, 0), 125);
    assert_eq!(score("2.6.10", &shifted_down, 0), 1000);
}

#[test]
fn time_divides_by_roots() {
    let base = Subject { total_vm: 1_000_000, age_s: 1_000_000, ..Subject::default() };
    // 1000 s of CPU, 11 days of age: √122 = 11, √√976 = 5.
    let busy = Subject { cpu_jiffies: 250_000, ..base };
    assert_eq!(score("2.6.24", &busy, 0), 1_000_000 / 11 / 5);
    // The rough roots of 2.4 at 100 Hz: 97 gives 9, 762 gives 23 and that 4.
    let busy = Subject { cpu_jiffies: 100_000, age_jiffies: 100_000_000, ..base };
    assert_eq!(score("2.4.22", &busy, 0), 1_000_000 / 9 / 4);
    // A faster timer, the same seconds.
    let busy = Subject { cpu_jiffies: 1_000_000, ..base };
    let fast = formula("2.6.24").with_hz(1000);
    assert_eq!(points(&fast, &busy, Pages::ZERO), 1_000_000 / 11 / 5);
}

#[test]
fn the_new_formula_changes_where_the_releases_changed_it() {
    let admin = Subject {
        rss: 10_000,
        swap: 2000,
        ptes: 300,
        pmds: 40,
        caps: SYS_ADMIN,
        oom_score_adj: adj(100),
        ..Subject::default()
    };
    for (release, expected) in [
        ("2.6.36", 190),
        ("2.6.38", 190),
        ("2.6.39", 193),
        ("3.4.111", 193),
        ("3.5", 19_300),
        ("3.10.28", 19_300),
        ("3.10.29", 21_931),
        ("3.11.10", 19_300),
        ("3.12.9", 19_300),
        ("3.12.10", 21_931),
        ("3.13.1", 19_300),
        ("3.13.2", 21_931),
        ("3.14", 21_931),
        ("3.19", 21_931),
        ("4.0", 21_970),
        ("4.14", 21_970),
        ("4.15", 21_931),
        ("4.16", 21_931),
        ("4.17", 22_300),
        ("5.8", 22_300),
        ("5.9", 22_300),
        ("7.2", 22_300),
    ] {
        assert_eq!(score(release, &admin, 100_000), expected, "{release}");
    }
}

#[test]
fn the_thousandth_of_the_total_is_cut_before_it_is_multiplied() {
    let subject = |by| Subject { rss: 100, oom_score_adj: adj(by), ..Subject::default() };
    for (total, expected) in [(999, 100), (1000, 600), (1999, 600), (2000, 1100)] {
        assert_eq!(score("6.18", &subject(500), total), expected, "{total}");
    }
    // Thousandths are multiplied first.
    assert_eq!(score("3.4", &subject(0), 1999), 50);
}

#[test]
fn the_floor_is_1_until_5_8() {
    let protected = Subject { rss: 100, oom_score_adj: adj(-500), ..Subject::default() };
    for (release, expected) in [("2.6.36", 1), ("3.5", 1), ("5.8", 1), ("5.9", 100 - 50_000)] {
        assert_eq!(score(release, &protected, 100_000), expected, "{release}");
    }
}

#[test]
fn exact_counters_come_with_7_0() {
    for (release, exact) in [("5.9", false), ("6.19", false), ("7.0", true), ("7.1", true)] {
        let Formula::Pages(rules) = formula(release) else { panic!("{release} counts pages") };
        assert_eq!(rules.exact_counters, exact, "{release}");
    }
    assert_eq!(Formula::TODAY, formula("7.2"));
}

#[test]
fn who_turns_swap_off_comes_first() {
    let origin = Subject { total_vm: 1, rss: 1, origin: true, ..Subject::default() };
    for (release, expected) in
        [("2.6.18", i64::MAX), ("2.6.32", i64::MAX), ("2.6.36", 1000), ("6.18", i64::MAX)]
    {
        assert_eq!(score(release, &origin, 1000), expected, "{release}");
    }
}

#[test]
fn oom_score_prints_what_its_era_prints() {
    for (release, points, total, printed) in [
        ("2.4.22", 5000, 1000, None),
        ("2.6.10", 5000, 1000, None),
        ("2.6.11", 5000, 1000, Some(5000)),
        ("2.6.35", 5000, 1000, Some(5000)),
        ("2.6.36", 190, 1000, Some(190)),
        ("3.4", 190, 1000, Some(190)),
        ("3.5", 190, 1000, Some(190)),
        ("3.5", 190, 2000, Some(95)),
        ("5.8", 190, 2000, Some(95)),
        ("5.9", 190, 2000, Some(730)),
        ("5.9", -1000, 2000, Some(333)),
        ("6.18", 0, 2000, Some(666)),
        ("6.18", 5, 0, Some(4000)),
    ] {
        assert_eq!(shown(release, points, total), printed, "{release} {points} {total}");
    }
}

#[test]
fn steps_name_what_counts_and_leave_out_what_does_not() {
    use StepKind::{Bounds, OomScoreAdj, PageTables, PerMille, Resident};
    let subject = Subject { rss: 10, ptes: 2, oom_score_adj: adj(-1), ..Subject::default() };
    let kinds = |release| -> Vec<StepKind> {
        let scored = badness(&formula(release), &subject, Pages::new(100_000));
        scored.steps.iter().map(|step| step.what).collect()
    };
    assert_eq!(kinds("6.18"), [Resident, PageTables, OomScoreAdj]);
    assert_eq!(kinds("5.8"), [Resident, PageTables, OomScoreAdj, Bounds]);
    assert_eq!(kinds("2.6.36"), [Resident, PerMille, PerMille, OomScoreAdj, Bounds]);
}

#[test]
fn every_era_says_in_words_what_it_does() {
    let words: Vec<_> =
        ["2.4.22", "2.6.11", "2.6.32", "2.6.36", "3.0", "3.5", "4.4", "5.4", "6.18"]
            .map(|release| formula(release).words())
            .into();
    for (i, sentence) in words.iter().enumerate() {
        assert!(!words[i + 1..].contains(sentence), "{sentence}");
        assert!(!sentence.contains("  "), "{sentence}");
    }
}

// The oracle: the prose of each era, in unbounded numbers and without sharing a line.

fn oracle(release: Release, s: &Subject, total: u64) -> i128 {
    let at = (u32::from(release.major), u32::from(release.minor), u32::from(release.patch));
    let has = |cap: u32| s.caps.0 >> cap & 1 == 1;
    let (admin, rawio, resource) = (has(21), has(17), has(24));
    let root = |x: u128| (0..=x).find(|r| (r + 1) * (r + 1) > x).unwrap();
    if at < (2, 6, 36) {
        let exact = at >= (2, 5, 0);
        if exact && s.origin {
            return i128::from(i64::MAX);
        }
        // 250, 1000 and 100 ticks a second, by their powers of two.
        let power = if at >= (2, 6, 13) {
            256
        } else if exact {
            1024
        } else {
            128
        };
        let mut p = u128::from(s.total_vm);
        if ((2, 6, 11)..(2, 6, 16)).contains(&at) {
            p += u128::from(s.children.whole);
        } else if at >= (2, 6, 16) {
            p += u128::from(s.children.halves);
        }
        let tens = u128::from(s.cpu_jiffies) / power / 8;
        if exact {
            p /= root(tens).max(1);
            p /= root(root(u128::from(s.age_s) / 1024)).max(1);
        } else {
            // Halve once for every quartering, then drop a quarter unless it came out at 0.
            let rough = |x: u128| {
                let quarterings = (0..32).find(|&n| x >> (2 * n) <= 1).unwrap();
                let half = x >> quarterings;
                let cut = if x >> (2 * quarterings) == 0 { 0 } else { half / 4 };
                (half - cut).max(1)
            };
            p /= rough(tens);
            p /= rough(rough(u128::from(s.age_jiffies) / power / 1024));
        }
        if s.nice >= 1 {
            p *= 2;
        }
        let privileged = if at >= (2, 6, 25) { admin || resource } else { admin || s.root };
        p /= if privileged { 4 } else { 1 };
        p /= if rawio { 4 } else { 1 };
        p /= if s.other_nodes && at >= (2, 6, 19) { 8 } else { 1 };
        let by = i32::from(s.oom_adj.get());
        if at >= (2, 6, 11) && by > 0 {
            p = if at >= (2, 6, 22) { p.max(1) } else { p } * 2u128.pow(by.unsigned_abs());
        } else if at >= (2, 6, 11) {
            p /= 2u128.pow(by.unsigned_abs());
        }
        return i128::try_from(p).unwrap();
    }
    let tables = match at {
        _ if at < (2, 6, 39) => 0,
        _ if ((4, 0, 0)..(4, 15, 0)).contains(&at) => i128::from(s.ptes) + i128::from(s.pmds),
        _ => i128::from(s.ptes),
    };
    let used = i128::from(s.rss) + i128::from(s.swap) + tables;
    let by = i128::from(s.oom_score_adj.get());
    if at < (3, 5, 0) {
        if s.origin {
            return 1000;
        }
        let share = used * 1000 / i128::from(total.max(1));
        return (share - if admin { 30 } else { 0 } + by).clamp(1, 1000);
    }
    if s.origin {
        return i128::from(i64::MAX);
    }
    let thousandth = i128::from(total / 1000);
    let own_percent = ((3, 14, 0)..(4, 17, 0)).contains(&at);
    let p = match admin {
        true if at < (3, 14, 0) => used + (by - 30) * thousandth,
        true if own_percent => used - used * 3 / 100 + by * thousandth,
        _ => used + by * thousandth,
    };
    if at < (5, 9, 0) { p.max(1) } else { p }
}

const RELEASES: &[&str] = &[
    "2.4.22", "2.4.37", "2.6.0", "2.6.10", "2.6.11", "2.6.12", "2.6.13", "2.6.15", "2.6.16",
    "2.6.18", "2.6.19", "2.6.21", "2.6.22", "2.6.24", "2.6.25", "2.6.32", "2.6.35", "2.6.36",
    "2.6.38", "2.6.39", "3.0", "3.4", "3.5", "3.9", "3.11", "3.14", "3.19", "4.0", "4.4", "4.14",
    "4.15", "4.16", "4.17", "5.8", "5.9", "6.1", "6.18", "7.1",
];

/// Figures below `most` of a task, any settings.
fn subjects(most: u64) -> impl Strategy<Value = Subject> {
    let sizes = proptest::array::uniform8(prop_oneof![0..most.min(5000), 0..=most]);
    let settings = (-20i64..20, any::<bool>(), any::<u64>(), any::<bool>(), 0u8..20);
    let adjustments = (-17i64..=15, -1000i64..=1000);
    let children = proptest::collection::vec(0..=most, 0..4);
    (sizes, settings, adjustments, children).prop_map(
        |(sizes, (nice, root, caps, other_nodes, origin), (by, score_by), children)| {
            let [total_vm, cpu_jiffies, age_jiffies, age_s, rss, swap, ptes, pmds] = sizes;
            let mut subject = Subject {
                total_vm,
                children: ChildrenVm::default(),
                cpu_jiffies,
                age_jiffies,
                age_s,
                nice,
                root,
                caps: Capabilities(caps),
                other_nodes,
                oom_adj: old_adj(by),
                rss,
                swap,
                ptes,
                pmds,
                oom_score_adj: adj(score_by),
                origin: origin == 0,
            };
            for vm in children {
                subject.children.add(vm);
            }
            subject
        },
    )
}

proptest! {
    #[test]
    fn every_era_agrees_with_its_prose(
        subject in subjects(1 << 32),
        total in prop_oneof![0u64..10_000, 0u64..1 << 36],
        release in proptest::sample::select(RELEASES),
    ) {
        let expected = oracle(release.parse().unwrap(), &subject, total);
        prop_assert_eq!(i128::from(score(release, &subject, total)), expected, "{}", release);
    }

    #[test]
    fn hostile_numbers_are_survived(
        subject in subjects(u64::MAX),
        total in any::<u64>(),
        release in proptest::sample::select(RELEASES),
        hz in any::<u32>(),
    ) {
        let points = score(release, &subject, total);
        let _ = shown(release, points, total);
        let _ = super::points(&formula(release).with_hz(hz), &subject, Pages::new(total));
    }
}
