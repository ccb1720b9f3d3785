//! The machine's memory by physical address, and its zones with their free blocks.

mod report;

pub use report::{OrderFigures, PhysicalItem, PhysicalReport, Range, RangeKind, ZoneMap};

use facts::{Address, FreeBlocks, IoRange, Snapshot, Zone};
use units::{Bytes, PageSize, Pages};

use crate::fragmentation::{Fragmentation, fragmentation_index, unusable_index};
use crate::rank::SourceLine;

/// What is known of the machine's memory. `None` is a file that could not be read.
#[derive(Debug, Clone, Copy)]
pub struct PhysicalInput<'a> {
    /// The machine, of which the zones are used.
    pub snapshot: &'a Snapshot,
    /// `/proc/iomem`.
    pub iomem: Option<&'a [IoRange]>,
    /// `/proc/buddyinfo`.
    pub buddyinfo: Option<&'a [FreeBlocks]>,
}

/// The machine's memory.
pub fn physical(input: &PhysicalInput<'_>) -> PhysicalReport {
    let snapshot = input.snapshot;
    let mut notes = Vec::new();
    let zones: Vec<ZoneMap> = snapshot
        .zones
        .iter()
        .map(|zone| zone_map(zone, snapshot.page_size, input.buddyinfo.unwrap_or_default()))
        .collect();
    let ranges = input.iomem.unwrap_or_default();
    let hidden = !ranges.is_empty() && ranges.iter().all(|range| range.addresses.is_none());
    if hidden {
        notes.push(
            "Physical addresses are shown to root alone: the kernel printed zeros for them."
                .to_owned(),
        );
    }
    let known = ranges.iter().any(|range| range.addresses.is_some());
    let top = tree(ranges, &zones);
    let sum = |kind| known.then(|| sum_of(&top, kind));
    let (system_ram, kernel_image) = (sum(RangeKind::Ram), sum(RangeKind::Kernel));
    PhysicalReport {
        schema: "oomph.physical/1",
        source: SourceLine::from(snapshot),
        addresses_hidden: hidden,
        items: with_gaps(top, &mut notes),
        system_ram,
        kernel_image,
        zones,
        notes,
        unread: snapshot.missing.clone(),
    }
}

fn size(start: u64, last: u64) -> Bytes {
    Bytes::new((last - start).saturating_add(1))
}

/// Lines become a tree by their levels. A line deeper than one below the line before it stays just
/// below that.
fn tree(ranges: &[IoRange], zones: &[ZoneMap]) -> Vec<Range> {
    let mut open: Vec<Range> = Vec::new();
    let mut top = Vec::new();
    for line in ranges {
        let Some((start, last)) = line.addresses else { continue };
        while open.len() > line.level {
            shut(&mut open, &mut top);
        }
        open.push(Range {
            start: Address(start),
            last: Address(last),
            size: size(start, last),
            level: open.len(),
            name: line.name.clone(),
            kind: kind(line.name.as_bytes()),
            zones: zones_of(start, last, zones),
            inside: Vec::new(),
        });
    }
    while !open.is_empty() {
        shut(&mut open, &mut top);
    }
    top
}

/// Moves the innermost range into the one around it.
fn shut(open: &mut Vec<Range>, top: &mut Vec<Range>) {
    if let Some(range) = open.pop() {
        match open.last_mut() {
            Some(parent) => parent.inside.push(range),
            None => top.push(range),
        }
    }
}

/// By the names that `kernel/resource.c`, the architectures and firmware code give.
fn kind(name: &[u8]) -> RangeKind {
    let lower = name.to_ascii_lowercase();
    let starts = |text: &str| lower.starts_with(text.as_bytes());
    if starts("system ram") || starts("system memory") {
        RangeKind::Ram
    } else if starts("kernel ") || starts("crash kernel") {
        RangeKind::Kernel
    } else if starts("persistent memory") {
        RangeKind::Persistent
    } else if starts("reserved") || starts("acpi ") || starts("system rom") || starts("unusable") {
        RangeKind::Reserved
    } else {
        RangeKind::Device
    }
}

fn zones_of(start: u64, last: u64, zones: &[ZoneMap]) -> Vec<String> {
    let overlaps = |zone: &&ZoneMap| matches!((zone.start, zone.end), (Some(s), Some(e)) if s.0 <= last && e.0 > start);
    zones.iter().filter(overlaps).map(|zone| format!("{}/{}", zone.node, zone.name)).collect()
}

fn sum_of(ranges: &[Range], kind: RangeKind) -> Bytes {
    ranges
        .iter()
        .map(|range| if range.kind == kind { range.size } else { sum_of(&range.inside, kind) })
        .sum()
}

/// The top ranges with the gaps between them. Ranges that overlap the one before are left out of
/// the picture, and a note says so.
fn with_gaps(mut ranges: Vec<Range>, notes: &mut Vec<String>) -> Vec<PhysicalItem> {
    ranges.sort_by_key(|range| (range.start, range.last));
    let mut items = Vec::new();
    let mut next = Some(0);
    for range in ranges {
        let Some(at) = next.filter(|&at| at <= range.start.0) else {
            notes.push(format!("`{}` overlaps the range before it and is left out.", range.name));
            continue;
        };
        if at < range.start.0 {
            let last = range.start.0 - 1;
            let gap =
                PhysicalItem::Gap { start: Address(at), last: Address(last), size: size(at, last) };
            items.push(gap);
        }
        next = range.last.0.checked_add(1);
        items.push(PhysicalItem::Range(range));
    }
    items
}

fn zone_map(zone: &Zone, page: PageSize, blocks: &[FreeBlocks]) -> ZoneMap {
    let bytes = |pages: Option<Pages>| pages.and_then(|p| p.to_bytes(page));
    let empty = zone.managed_or_present() == Some(Pages::ZERO);
    let first = zone.counter("start_pfn").filter(|_| !empty);
    let start = first.and_then(|pfn| pfn.checked_mul(page.bytes()));
    let spanned = bytes(zone.spanned);
    let end = start.zip(spanned).and_then(|(start, size)| start.checked_add(size.get()));
    let counts = blocks.iter().find(|b| b.node == zone.node && b.name == zone.name);
    ZoneMap {
        node: zone.node,
        name: zone.name.to_string(),
        start: start.map(Address),
        end: end.map(Address),
        managed: bytes(zone.managed_or_present()),
        free: bytes(zone.free),
        per_cpu: bytes(zone.pcp),
        min: bytes(zone.min),
        low: bytes(zone.low),
        high: bytes(zone.high),
        orders: counts.map(|blocks| orders(&blocks.counts, page)).unwrap_or_default(),
    }
}

fn orders(counts: &[u64], page: PageSize) -> Vec<OrderFigures> {
    let figures = |(order, &blocks): (usize, &u64)| OrderFigures {
        order,
        block: u32::try_from(order)
            .ok()
            .and_then(|order| 1_u64.checked_shl(order))
            .and_then(|pages| Pages::new(pages).to_bytes(page)),
        blocks,
        unusable: unusable_index(counts, order),
        fragmentation: match fragmentation_index(counts, order) {
            Some(Fragmentation::Fails(index)) => Some(index),
            _ => None,
        },
    };
    counts.iter().enumerate().map(figures).collect()
}

#[cfg(test)]
mod tests;
