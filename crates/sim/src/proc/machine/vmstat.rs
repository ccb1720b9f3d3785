//! `/proc/vmstat` and `/proc/swaps`.

use std::fmt::Write;

use facts::Release;
use rules::layout::Arch;

use super::rows;
use super::values::{node_value, zone_value};
use super::zones::{is_numa, kinds, name};
use crate::physical::counters::Counters;

/// `/proc/vmstat`: `vmstat_show()`.
pub(crate) fn vmstat(counters: &Counters, release: Release, arch: Arch) -> String {
    let since = |major, minor| release >= Release::new(major, minor);
    let numa = is_numa(arch);
    let mut text = String::new();
    let mut row = |name: &str, value: u64| {
        let _ = writeln!(text, "{name} {value}");
    };
    let zones = |name: &str| -> u64 {
        counters.zones.iter().map(|zone| zone_value(counters, zone, name)).sum()
    };
    for name in rows::zone(release) {
        row(name, zones(name));
    }
    if numa && release >= Release::old(2, 6, 18) {
        for name in rows::NUMA {
            row(name, zones(name));
        }
    }
    if release < rows::SPLIT && since(3, 15) {
        for name in ["workingset_refault", "workingset_activate", "workingset_nodereclaim"] {
            row(name, counters.event(name));
        }
    }
    if release < rows::SPLIT && release >= Release::old(2, 6, 38) {
        row("nr_anon_transparent_hugepages", counters.sum(|node| node.anon_huge));
    }
    if release < rows::SPLIT && since(3, 7) {
        row("nr_free_cma", 0);
    }
    for name in rows::node(release, numa) {
        row(name, counters.nodes.iter().map(|node| node_value(counters, node, name)).sum());
    }
    if release >= Release::old(2, 6, 37) {
        row("nr_dirty_threshold", counters.dirty_thresholds.0);
        row("nr_dirty_background_threshold", counters.dirty_thresholds.1);
    }
    if since(6, 10) {
        row("nr_memmap_pages", 0);
        row("nr_memmap_boot_pages", 0);
    }
    let kinds = kinds(release, arch);
    // Those that a zone's name ends are printed zone by zone: first all of one event.
    for event in rows::events(release, numa) {
        if let Some(stem) = event.strip_suffix("{}") {
            for &kind in &kinds {
                let zone = match name(kind) {
                    "HighMem" => "high".to_owned(),
                    name => name.to_ascii_lowercase(),
                };
                let full = format!("{stem}{zone}");
                row(&full, counters.event(&full));
            }
        } else if event != "thp_split_pud" || matches!(arch, Arch::X86_64 | Arch::Ia32) {
            row(event, counters.event(event));
        }
    }
    if since(5, 8) {
        row("nr_unstable", 0);
    }
    text
}

/// `/proc/swaps`.
pub(crate) fn swaps(counters: &Counters) -> String {
    let mut text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned();
    for area in &counters.swaps {
        let (size, used) = (area.size.saturating_mul(4), area.used.saturating_mul(4));
        let tab = |kib: u64| if kib < 10_000_000 { "\t" } else { "" };
        let _ = writeln!(
            text,
            "{:<40}partition\t{size}{}\t{used}{}\t{}",
            area.name,
            tab(size),
            tab(used),
            area.priority
        );
    }
    text
}
