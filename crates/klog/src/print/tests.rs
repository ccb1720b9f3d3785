//! What every release prints is read back: nothing is lost, and nothing lands in another field.

use std::fmt::Write;

use expect_test::expect_file;
use facts::Release;
use facts::oom_report::*;
use proptest::prelude::*;

use super::sample::{Filler, report};
use super::variants::{VARIANTS, Variant};
use super::*;
use crate::{Found, reports};

/// A release of every form of every line.
const RELEASES: &[Release] = &[
    v2(9),
    v2(11),
    v2(13),
    v2(16),
    v2(18),
    v2(19),
    v2(21),
    v2(24),
    v2(25),
    v2(27),
    v2(28),
    v2(29),
    v2(30),
    v2(32),
    v2(33),
    v2(36),
    v2(37),
    v2(39),
    v(3, 2),
    v(3, 6),
    v(3, 7),
    v(3, 8),
    v(3, 9),
    v(3, 10),
    v(3, 12),
    v(3, 13),
    v(3, 14),
    v(3, 15),
    v(3, 18),
    v(3, 19),
    v(4, 0),
    v(4, 1),
    v(4, 2),
    v(4, 4),
    v(4, 5),
    v(4, 6),
    v(4, 8),
    v(4, 9),
    v(4, 11),
    v(4, 12),
    v(4, 13),
    v(4, 15),
    v(4, 18),
    v(4, 19),
    v(5, 0),
    v(5, 1),
    v(5, 3),
    v(5, 4),
    v(5, 5),
    v(5, 8),
    v(5, 9),
    v(5, 10),
    v(5, 11),
    v(5, 12),
    v(5, 15),
    v(5, 16),
    v(5, 18),
    v(6, 0),
    v(6, 1),
    v(6, 5),
    v(6, 6),
    v(6, 8),
    v(6, 10),
    v(6, 11),
    v(6, 12),
    v(6, 13),
    v(6, 15),
    v(6, 17),
    v(6, 18),
    v(6, 19),
    v(7, 1),
];

/// Every line behind a prefix, as `dmesg` prints it.
fn prefixed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, line) in text.split_inclusive(|&b| b == b'\n').enumerate() {
        out.extend_from_slice(format!("[{:>5}.{at:06}] ", 1234 + at / 100).as_bytes());
        out.extend_from_slice(line);
    }
    out
}

fn one(text: &[u8]) -> Found {
    let mut found = reports(text);
    assert_eq!(found.len(), 1, "{}", String::from_utf8_lossy(text));
    found.remove(0)
}

/// Either unknown or as it was.
macro_rules! agree {
    ($read:expr, $full:expr, $($field:ident)*) => {
        $(assert!($read.$field.is_none() || $read.$field == $full.$field, "{}: {:?} is not {:?}",
            stringify!($field), $read.$field, $full.$field);)*
    };
}

fn check(seed: u64, release: Release, memcg: bool, hostile: bool) {
    let mut filler = Filler::new(seed);
    filler.hostile = hostile;
    // There were no memory cgroups before.
    let memcg = memcg && release >= v2(25);
    check_report(&report(&mut filler, release, memcg), release);
}

fn check_report(full: &OomReport, release: Release) {
    let text = print(full, release);
    let Found { report: read, problems } = one(&prefixed(&text));
    assert_eq!(problems, [], "{release}");
    let unknown: Vec<_> = read.unknown_lines().collect();
    assert!(unknown.is_empty(), "{release}: {unknown:?}");
    // Nothing was lost: the same text comes out again.
    let again = print(&read, release);
    assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&text), "{release}");
    // Nothing landed elsewhere: the numbers differ from one another.
    compare(&read, full);
    // And what was read is read again.
    let second = one(&prefixed(&again)).report;
    assert_eq!(second, read);
}

fn compare(read: &OomReport, full: &OomReport) {
    if let (Some(read), Some(full)) = (&read.trigger, &full.trigger) {
        assert_eq!((read.kind, read.sysrq), (full.kind, full.sysrq));
        agree!(read, full, comm order nodemask oom_adj oom_score_adj cpuset mems_allowed);
        assert_eq!(read.gfp.as_ref().map(|gfp| gfp.mask), full.gfp.as_ref().map(|gfp| gfp.mask));
    }
    agree!(read.reporter, full.reporter, cpu uid pid comm taint version release taints hardware workqueue);
    assert_eq!(read.reporter.trace, full.reporter.trace);
    if let (Some(read), Some(full)) = (&read.memcg, &full.memcg) {
        agree!(read, full, task_group limit_group memory memory_swap swap kmem);
        for (read, full) in read.stats.iter().zip(&full.stats) {
            assert_eq!(read, full);
        }
    }
    if let (Some(read), Some(full)) = (&read.memory, &full.memory) {
        compare_memory(read, full);
    }
    if let Some(read) = &read.slab {
        assert_eq!(Some(read), full.slab.as_ref());
    }
    if let (Some(read), Some(full)) = (&read.tasks, &full.tasks) {
        assert_eq!(read.columns, full.columns);
        assert_eq!(read.rows.len(), full.rows.len());
        for (read, full) in read.rows.iter().zip(&full.rows) {
            assert!(read.name.is_some() && read.rss.is_some());
            agree!(read, full, pid uid tgid total_vm rss rss_anon rss_file rss_shmem cpu nr_ptes);
            agree!(read, full, nr_pmds pgtables swapents oom_adj oom_score_adj name);
        }
    }
    if read.oom_kill.is_some() {
        assert_eq!(read.oom_kill, full.oom_kill);
    }
    assert_eq!(read.kills.len(), full.kills.len());
    for (read, full) in read.kills.iter().zip(&full.kills) {
        assert!(read.pid.is_some() && read.name.is_some());
        agree!(read, full, cause chosen_pid chosen_name score pid name total_vm anon_rss file_rss);
        agree!(read, full, shmem_rss uid pgtables oom_score_adj);
    }
    for line in &read.reaper {
        assert!(full.reaper.contains(line), "{line:?}");
    }
    assert_eq!((&read.panic, &read.skipped), (&full.panic, &full.skipped));
    agree!(read, full, group_kill protection);
}

fn compare_memory(read: &ShowMem, full: &ShowMem) {
    agree!(read, full, free free_highmem pagecache allocations);
    agree!(read.swap, full.swap, cached add delete find race free total);
    agree!(read.totals, full.totals, ram highmem reserved shared non_shared swap_cached);
    agree!(read.totals, full.totals, pagetable_cache cma_reserved hwpoisoned);
    let differs = |read: Option<u64>, full: Option<u64>| read.is_some() && read != full;
    for key in GlobalCounters::KEYS {
        let of = |memory: &ShowMem| memory.counters.get(key).map(units::Pages::count);
        assert!(!differs(of(read), of(full)), "{key}");
    }
    assert_eq!(read.counters.other, full.counters.other);
    assert!(read.nodes.is_empty() || read.nodes.len() == full.nodes.len());
    assert!(read.huge_pools.is_empty() || read.huge_pools.len() == full.huge_pools.len());
    for (read, full) in read.nodes.iter().zip(&full.nodes) {
        for key in NodeCounters::KEYS {
            let of = |node: &NodeMemory| node.counters.get(key).map(units::Bytes::get);
            assert!(!differs(of(read), of(full)), "{key}");
        }
        agree!(read, full, node pages_scanned all_unreclaimable);
        assert_eq!(read.counters.other, full.counters.other);
    }
    assert_eq!(read.zones.len(), full.zones.len());
    for (read, full) in read.zones.iter().zip(&full.zones) {
        for key in ZoneCounters::KEYS {
            let of = |zone: &ZoneMemory| zone.counters.get(key).map(units::Bytes::get);
            assert!(!differs(of(read), of(full)), "{key}");
        }
        agree!(read, full, node pages_scanned all_unreclaimable lowmem_reserve);
        assert_eq!((&read.name, &read.counters.other), (&full.name, &full.counters.other));
        let blocks = |zone: &ZoneMemory| {
            zone.buddy.iter().flat_map(|b| &b.blocks).map(|b| (b.count, b.size)).collect::<Vec<_>>()
        };
        assert_eq!(blocks(read), blocks(full));
        for (read, full) in read.buddy.iter().zip(&full.buddy) {
            for (read, full) in read.blocks.iter().zip(&full.blocks) {
                agree!(read, full, types);
            }
        }
    }
    for (read, full) in read.huge_pools.iter().zip(&full.huge_pools) {
        assert_eq!(read, full);
    }
}

#[test]
fn every_release_reads_back_what_it_prints() {
    for &release in RELEASES {
        for seed in 0..4 {
            check(seed, release, false, false);
            check(seed, release, true, false);
        }
    }
}

/// The releases that print a form.
fn releases(variant: &Variant) -> impl Iterator<Item = Release> {
    let (since, until) = (variant.since, variant.until);
    RELEASES
        .iter()
        .copied()
        .filter(move |&release| release >= since && until.is_none_or(|until| release < until))
}

#[test]
fn what_a_report_has_only_sometimes_is_read_back_too() {
    for variant in VARIANTS {
        let all: Vec<Release> = releases(variant).collect();
        assert!(!all.is_empty(), "{}: no release prints it", variant.name);
        // The first, the last, and some between.
        let some = all.iter().step_by(6).chain(all.last());
        for (seed, &release) in (1..).zip(some) {
            let mut full = report(&mut Filler::new(seed), release, variant.memcg);
            (variant.apply)(&mut full, release);
            let held = std::panic::catch_unwind(|| check_report(&full, release));
            assert!(held.is_ok(), "{}, Linux {release}, seed {seed}", variant.name);
        }
    }
}

#[test]
fn every_form_of_the_formats_has_its_sample() {
    let mut all = String::new();
    for variant in VARIANTS {
        let Some(release) = releases(variant).next() else { continue };
        let plain = report(&mut Filler::new(7), release, variant.memcg);
        let mut full = plain.clone();
        (variant.apply)(&mut full, release);
        let text =
            |report: &OomReport| String::from_utf8_lossy(&print(report, release)).into_owned();
        let (plain, full) = (text(&plain), text(&full));
        let until = variant.until.map_or(String::new(), |until| format!(" until {until}"));
        let _ = writeln!(all, "{}, since {}{until}", variant.name, variant.since);
        for line in full.lines().filter(|line| !plain.lines().any(|known| known == *line)) {
            let _ = writeln!(all, "    {line}");
        }
    }
    expect_file!["variants.txt"].assert_eq(&all);
}

#[test]
fn every_row_of_the_formats_has_its_sample() {
    let mut before: Vec<String> = Vec::new();
    let mut all = String::new();
    for &release in RELEASES {
        // The last one is of cgroup v1.
        for (seed, memcg) in [(7, false), (7, true), (8, true)] {
            let memcg = memcg && release >= v2(25);
            let text = print(&report(&mut Filler::new(seed), release, memcg), release);
            // Numbers differ because fields come and go; the form is what counts.
            for line in String::from_utf8_lossy(&text).lines() {
                let form = form(line);
                if !before.contains(&form) {
                    let _ = writeln!(all, "{:<8} {line}", release.to_string());
                    before.push(form);
                }
            }
        }
    }
    expect_file!["samples.txt"].assert_eq(&all);
}

/// The line with its numbers taken out.
fn form(line: &str) -> String {
    let mut form = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if form.ends_with('N') => {}
            '0'..='9' => form.push('N'),
            ' ' if form.ends_with(' ') => {}
            '-' => {}
            c => form.push(c),
        }
    }
    form.replace("(UME) ", "").replace(" (UME)", "")
}

#[test]
fn lines_without_a_prefix_are_read_as_well() {
    for &release in RELEASES {
        let full = report(&mut Filler::new(3), release, false);
        let text = print(&full, release);
        let Found { report, problems } = one(&text);
        assert_eq!(problems, [], "{release}");
        assert_eq!(
            String::from_utf8_lossy(&print(&report, release)),
            String::from_utf8_lossy(&text)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hostile_names_change_nothing(
        seed: u64, at in 0..RELEASES.len(), memcg: bool,
    ) {
        check(seed, RELEASES[at], memcg, true);
    }
}
