//! Our figures beside the kernel's own, in one snapshot.

use facts::{Field, Release, Snapshot, Zone};
use rules::overcommit::{CommitInput, commit_limit};
use rules::rank::{Domain, RankReport};
use rules::reserve::{default_ratio, lowmem_reserve};
use rules::status::available_by_formula;
use rules::watermark::{ZoneKind, zone_marks_of};
use units::{Bytes, Pages, Pid};

/// What was compared, and where the two differ.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) compared: usize,
    pub(crate) differences: Vec<String>,
}

impl Comparison {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &T, theirs: &T) {
        self.compared += 1;
        if ours != theirs {
            self.differences.push(format!("{what}: ours {ours:?}, the kernel's {theirs:?}"));
        }
    }
}

fn release(snapshot: &Snapshot) -> Release {
    snapshot.kernel.release.expect("the snapshot names its kernel")
}

/// `/proc/PID/oom_score` of a process: ours, and the kernel's; 0 for those never chosen, because
/// the kernel prints that for them.
pub(crate) fn oom_scores(snapshot: &Snapshot) -> Vec<(Pid, Option<u64>, u64)> {
    let report: RankReport = rules::rank(snapshot, &Domain::Machine, None);
    let rows =
        report.rows.iter().filter_map(|r| Some((r.pid, r.predicted_oom_score, r.oom_score?)));
    let immune = report.immune.iter().filter_map(|r| Some((r.pid, Some(0), r.oom_score?)));
    rows.chain(immune).collect()
}

/// min, low and high of each zone.
pub(crate) fn watermarks(snapshot: &Snapshot) -> Comparison {
    as_of_setup(&snapshot.zones, |zones| watermarks_of(snapshot, zones))
}

/// `protection` of each zone.
pub(crate) fn protections(snapshot: &Snapshot) -> Comparison {
    let nodes = snapshot.zones.chunk_by(|a, b| a.node == b.node);
    let mut all = Comparison::default();
    for node in nodes {
        let found = as_of_setup(node, |zones| protections_of(snapshot, zones));
        all.compared += found.compared;
        all.differences.extend(found.differences);
    }
    all
}

/// Compares, and where figures differ, once more for the machine as it was when they were set.
///
/// The kernel computes watermarks and protections at boot (`init_per_zone_wmark_min()`), when the
/// initial ramdisk and its own start-up code have not been freed yet, and not again when they are
/// (`free_reserved_area()`) unless somebody writes the sysctl. So there must be one number of pages,
/// at most 64 MiB of 4 KiB, that one zone got since, for which every figure is equal.
fn as_of_setup(zones: &[Zone], compare: impl Fn(&[Zone]) -> Comparison) -> Comparison {
    const MOST: u64 = 16_384;
    let now = compare(zones);
    if now.differences.is_empty() {
        return now;
    }
    for index in 0..zones.len() {
        let Some(managed) = zones[index].managed else { continue };
        let mut then = zones.to_vec();
        for since in 1..=MOST.min(managed.count()) {
            then[index].managed = Some(managed.saturating_sub(Pages::new(since)));
            let found = compare(&then);
            if found.differences.is_empty() {
                println!("equal as of set-up, before {} got {since} pages more", zones[index].name);
                return found;
            }
        }
    }
    now
}

fn watermarks_of(snapshot: &Snapshot, zones: &[Zone]) -> Comparison {
    let mut comparison = Comparison::default();
    let sysctls = &snapshot.sysctls;
    let Some(min_free) = sysctls.min_free_kbytes else { return comparison };
    let scale = sysctls.watermark_scale_factor.unwrap_or(10);
    let ours = zone_marks_of(release(snapshot), zones, min_free.kib(), scale, snapshot.page_size);
    for (zone, marks) in zones.iter().zip(ours) {
        let (Some(marks), Some(min), Some(low), Some(high)) =
            (marks, zone.min, zone.low, zone.high)
        else {
            continue;
        };
        let marks = marks.boosted(zone.boost.unwrap_or_default());
        let what = format!("node {} zone {} (min, low, high)", zone.node, zone.name);
        comparison.compare(&what, &(marks.min, marks.low, marks.high), &(min, low, high));
    }
    comparison
}

fn protections_of(snapshot: &Snapshot, node: &[Zone]) -> Comparison {
    let mut comparison = Comparison::default();
    let release = release(snapshot);
    // Kernels that leave out empty zones print more columns than zones.
    if node.iter().any(|zone| zone.protection.len() != node.len()) {
        return comparison;
    }
    let managed: Option<Vec<Pages>> = node.iter().map(Zone::managed_or_present).collect();
    let Some(managed) = managed else { return comparison };
    let kinds = node.iter().filter_map(|zone| ZoneKind::of(&zone.name));
    let mut ratios: Vec<u64> = kinds.map(|kind| default_ratio(release, kind)).collect();
    if let Some(set) = &snapshot.sysctls.lowmem_reserve_ratio {
        for (ratio, set) in ratios.iter_mut().zip(set) {
            *ratio = *set;
        }
    }
    for (zone, ours) in node.iter().zip(lowmem_reserve(release, &managed, &ratios)) {
        let what = format!("node {} zone {} protection", zone.node, zone.name);
        comparison.compare(&what, &ours, &zone.protection);
    }
    comparison
}

/// `CommitLimit`.
pub(crate) fn commit_limits(snapshot: &Snapshot) -> Comparison {
    let mut comparison = Comparison::default();
    let get = |field| snapshot.meminfo.get(field);
    let pages = |bytes: Bytes| snapshot.page_size.pages_in(bytes);
    let huge = get(Field::Hugetlb).or_else(|| {
        let size = get(Field::Hugepagesize)?.get();
        Some(Bytes::new(snapshot.meminfo.hugepages_total?.checked_mul(size)?))
    });
    let (Some(total), Some(swap), Some(theirs)) =
        (get(Field::MemTotal), get(Field::SwapTotal), get(Field::CommitLimit))
    else {
        return comparison;
    };
    let input = CommitInput {
        total_ram: pages(total),
        hugetlb: huge.map_or(Pages::ZERO, pages),
        total_swap: pages(swap),
        ratio: snapshot.sysctls.overcommit_ratio.unwrap_or(50),
        fixed: snapshot.sysctls.overcommit_kbytes.map_or(Pages::ZERO, pages),
    };
    comparison.compare("CommitLimit", &commit_limit(release(snapshot), input), &pages(theirs));
    comparison
}

/// `MemAvailable`.
pub(crate) fn available(snapshot: &Snapshot) -> Comparison {
    let mut comparison = Comparison::default();
    if let Some((ours, theirs)) = available_and_printed(snapshot) {
        comparison.compare("MemAvailable", &ours, &theirs);
    }
    comparison
}

/// `MemAvailable` in pages, ours and the kernel's; `None` where it prints none.
pub(crate) fn available_and_printed(snapshot: &Snapshot) -> Option<(Pages, Pages)> {
    let theirs = snapshot.meminfo.get(Field::MemAvailable)?;
    let ours = available_by_formula(snapshot, release(snapshot))?;
    Some((snapshot.page_size.pages_in(ours), snapshot.page_size.pages_in(theirs)))
}
