//! `/proc/zoneinfo` and `/proc/buddyinfo`: `zoneinfo_show_print()` and `frag_show_print()`.

use std::fmt::Write;

use facts::Release;
use rules::layout::Arch;
use rules::watermark::ZoneKind;

use super::rows;
use super::values::{node_value, zone_value};
use crate::physical::counters::{Counters, ZoneCounters};

/// The kinds of zones that a kernel is built with, the lowest first, as distributions configure it.
pub(crate) fn kinds(release: Release, arch: Arch) -> Vec<ZoneKind> {
    use ZoneKind::{Device, Dma, Dma32, HighMem, Movable, Normal};
    let movable = release >= Release::old(2, 6, 23);
    let device = release >= Release::new(4, 5);
    let mut kinds = match arch {
        Arch::X86_64 | Arch::Ia32 if release >= Release::old(2, 6, 15) => {
            vec![Dma, Dma32, Normal]
        }
        Arch::X86_64 | Arch::Ia32 | Arch::I386 => vec![Dma, Normal, HighMem],
        Arch::Arm => vec![Normal],
        Arch::Arm64 if release >= Release::new(5, 5) => vec![Dma, Dma32, Normal],
        Arch::Arm64 => vec![Dma, Normal],
    };
    if movable {
        kinds.push(Movable);
    }
    if device && matches!(arch, Arch::X86_64 | Arch::Ia32 | Arch::Arm64) {
        kinds.push(Device);
    }
    kinds
}

/// Its name.
pub(crate) fn name(kind: ZoneKind) -> &'static str {
    match kind {
        ZoneKind::Dma => "DMA",
        ZoneKind::Dma32 => "DMA32",
        ZoneKind::Normal => "Normal",
        ZoneKind::HighMem => "HighMem",
        ZoneKind::Movable => "Movable",
        ZoneKind::Device => "Device",
    }
}

/// What a zone keeps back towards each kind that the kernel has. Towards device memory it keeps what
/// it keeps towards the kind below.
pub(crate) fn protection(zone: &ZoneCounters, kinds: &[ZoneKind]) -> Vec<u64> {
    let of = |kind: ZoneKind| match kind {
        ZoneKind::Device => zone.protection[4],
        kind => zone.protection[crate::physical::class(kind)],
    };
    kinds.iter().map(|&kind| of(kind)).collect()
}

/// Whether a kernel of this architecture knows nodes.
pub(crate) fn is_numa(arch: Arch) -> bool {
    matches!(arch, Arch::X86_64 | Arch::Ia32 | Arch::Arm64)
}

/// `/proc/zoneinfo`.
pub(crate) fn zoneinfo(counters: &Counters, release: Release, arch: Arch, cpus: u32) -> String {
    let kinds = kinds(release, arch);
    let mut text = String::new();
    for node in &counters.nodes {
        let mut first = true;
        for &kind in &kinds {
            let zone = counters
                .zones
                .iter()
                .find(|zone| zone.node == node.node && zone.kind == kind && zone.present > 0);
            let head = format!("Node {}, zone {:>8}", node.node, name(kind));
            match zone {
                Some(zone) => {
                    text.push_str(&head);
                    if first && release >= rows::SPLIT {
                        text.push_str("\n  per-node stats");
                        for row in rows::node(release, is_numa(arch)) {
                            let value = node_value(counters, node, row);
                            let _ = write!(text, "\n      {row:<12} {value}");
                        }
                    }
                    first = false;
                    populated(&mut text, counters, zone, release, arch, cpus, &kinds);
                }
                // Since 4.12 those without pages are there, too.
                None if release >= Release::new(4, 12) => {
                    text.push_str(&head);
                    empty(&mut text, kind, release, &kinds);
                }
                None => {}
            }
        }
    }
    text
}

fn mark(text: &mut String, name: &str, value: u64) {
    let _ = write!(text, "\n        {name:<8} {value}");
}

/// The figures that every zone has.
fn marks(text: &mut String, release: Release, [free, boost, min, low, high]: [u64; 5]) {
    let since = |major, minor| release >= Release::new(major, minor);
    let _ = write!(text, "\n  pages free     {free}");
    if since(5, 17) {
        mark(text, "boost", boost);
    }
    mark(text, "min", min);
    mark(text, "low", low);
    mark(text, "high", high);
}

fn sizes(text: &mut String, release: Release, [spanned, present, managed]: [u64; 3]) {
    if release < Release::new(4, 8) {
        mark(text, "scanned", 0);
    }
    mark(text, "spanned", spanned);
    mark(text, "present", present);
    if release >= Release::new(3, 8) {
        mark(text, "managed", managed);
    }
    if release >= Release::new(5, 14) {
        mark(text, "cma", 0);
    }
}

fn protections(text: &mut String, protection: &[u64]) {
    let list: Vec<String> = protection.iter().map(ToString::to_string).collect();
    let _ = write!(text, "\n        protection: ({})", list.join(", "));
}

fn empty(text: &mut String, kind: ZoneKind, release: Release, kinds: &[ZoneKind]) {
    // High memory and, behind it, movable memory keep a little whatever their size.
    let high = kinds.contains(&ZoneKind::HighMem);
    let kept = kind == ZoneKind::HighMem
        || (kind == ZoneKind::Movable && (high || release >= Release::new(6, 6)));
    let least = if kept { 32 } else { 0 };
    marks(text, release, [0, 0, least, least, least]);
    if prints_promo(release) {
        mark(text, "promo", least);
    }
    sizes(text, release, [0; 3]);
    protections(text, &vec![0; kinds.len()]);
    text.push('\n');
}

/// The mark exists since 5.18; 6.1 does not print it, 6.12 does.
fn prints_promo(release: Release) -> bool {
    release >= Release::new(6, 9)
}

fn populated(
    text: &mut String,
    counters: &Counters,
    zone: &ZoneCounters,
    release: Release,
    arch: Arch,
    cpus: u32,
    kinds: &[ZoneKind],
) {
    let since = |major, minor| release >= Release::new(major, minor);
    marks(text, release, [zone.free, zone.boost, zone.min, zone.low, zone.high]);
    if prints_promo(release) {
        mark(text, "promo", zone.promo.unwrap_or(zone.high));
    }
    sizes(text, release, [zone.spanned, zone.present, zone.managed]);
    // Before the counters went to nodes the order was another.
    if since(4, 8) {
        protections(text, &protection(zone, kinds));
    }
    for row in rows::zone(release) {
        let value = zone_value(counters, zone, row);
        let blanks = if since(4, 8) { "      " } else { "    " };
        let _ = write!(text, "\n{blanks}{row:<12} {value}");
    }
    if is_numa(arch) {
        for row in rows::NUMA {
            let blanks = if since(4, 8) { "      " } else { "    " };
            let _ = write!(text, "\n{blanks}{row:<12} {}", zone_value(counters, zone, row));
        }
    }
    if !since(4, 8) {
        protections(text, &protection(zone, kinds));
    }
    text.push_str("\n  pagesets");
    // One list stands for those of all processors.
    for cpu in 0..u64::from(cpus.max(1)) {
        let share = zone.pcp / u64::from(cpus.max(1));
        let count = if cpu == 0 { zone.pcp - share * (u64::from(cpus.max(1)) - 1) } else { share };
        let _ = write!(
            text,
            "\n    cpu: {cpu}\n              count: {count}\n              high:  {}\n              \
             batch: {}",
            zone.pcp_high, zone.batch
        );
        if since(6, 13) {
            let _ = write!(
                text,
                "\n              high_min: {}\n              high_max: {}",
                zone.pcp_high, zone.pcp_high
            );
        }
        let _ = write!(text, "\n  vm stats threshold: {}", threshold(zone.managed, cpus));
    }
    let gave_up = counters.nodes.iter().any(|node| node.node == zone.node && node.hopeless);
    let label = if since(4, 8) { "node_unreclaimable:  " } else { "all_unreclaimable: " };
    let _ = write!(text, "\n  {label}{}", u8::from(gave_up));
    if release < Release::old(2, 6, 36) {
        text.push_str("\n  prev_priority:     12");
    }
    let wide = if since(4, 8) { "start_pfn:           " } else { "start_pfn:         " };
    let _ = write!(text, "\n  {wide}{}", zone.start_pfn);
    if release >= Release::old(2, 6, 28) && !since(4, 15) {
        let gib = (zone.managed >> 18) * 10;
        let ratio = if gib > 0 { gib.isqrt() } else { 1 };
        let _ = write!(text, "\n  inactive_ratio:    {ratio}");
    }
    if since(6, 19) {
        text.push_str("\n  reserved_highatomic: 0\n  free_highatomic: 0");
    }
    text.push('\n');
}

/// `calculate_normal_threshold()`.
fn threshold(managed: u64, cpus: u32) -> u64 {
    let mem = managed >> 15;
    let fls = |x: u64| u64::from(u64::BITS - x.leading_zeros());
    (2 * fls(u64::from(cpus.max(1))) * (1 + fls(mem))).min(125)
}

/// `/proc/buddyinfo`.
pub(crate) fn buddyinfo(counters: &Counters, release: Release, arch: Arch) -> String {
    let mut text = String::new();
    for node in &counters.nodes {
        for kind in kinds(release, arch) {
            let here = counters.zones.iter().filter(|zone| zone.node == node.node);
            for zone in here.filter(|zone| zone.kind == kind && zone.present > 0) {
                let _ = write!(text, "Node {}, zone {:>8} ", node.node, name(kind));
                for count in &zone.buddy {
                    let _ = write!(text, "{count:>6} ");
                }
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_that_kernels_print() {
        for (managed, expected) in [(3840, 2), (60_308, 4), (213_613, 8), (36_828, 4)] {
            assert_eq!(threshold(managed, 1), expected, "{managed}");
        }
    }
}
