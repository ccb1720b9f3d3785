//! The address space of a process, region by region and gap by gap.

mod report;

pub use report::{Fill, Flag, Gap, GapKind, Item, Located, MapReport, Region, Totals};

use std::collections::BTreeSet;

use facts::{Address, Mapping, Missing, Name, Shares};
use units::{Bytes, Pid};

use crate::address_space::user_end;
use crate::rank::SourceLine;
use crate::segment::{Named, Segment, VSYSCALL, segments};
use crate::vmflags::vmflag;

/// What is known of a process's addresses.
#[derive(Debug, Clone)]
pub struct MapInput<'a> {
    /// Where it comes from.
    pub source: SourceLine,
    /// Machine, as `uname -m` prints it.
    pub machine: Option<&'a str>,
    /// The process.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
    /// Path of its program, where that could be read.
    pub exe: Option<Name>,
    /// Its mappings, in the order of the kernel.
    pub mappings: Vec<Mapping>,
    /// An address to look for.
    pub locate: Option<u64>,
    /// What could not be read.
    pub unread: Vec<Missing>,
}

/// The whole address space.
///
/// Mappings that overlap, which a text has when it changed while it was read, are cut so that each
/// address is drawn once, and a note says so.
pub fn map(input: MapInput<'_>) -> MapReport {
    let mut notes = Vec::new();
    let mappings = disjoint(input.mappings, &mut notes);
    let flag_words = flag_words(&mappings);
    let named = segments(&mappings, input.exe.as_ref());
    let highest = highest(&mappings, &named);
    let (end, by) = user_end(input.machine, highest);
    let items = items(&mappings, &named, end);
    let totals = totals(&items);
    let located = input.locate.map(|address| locate(&items, address));
    if totals.regions > 0 && totals.fill.is_none() {
        notes.push("What the regions hold is unknown for all or some of them.".to_owned());
    }
    if totals.regions == 0 && input.unread.is_empty() {
        notes.push(
            "No region at all: a thread of the kernel, or a process that has ended.".to_owned(),
        );
    }
    MapReport {
        schema: "oomph.map/1",
        source: input.source,
        pid: input.pid,
        name: input.name,
        user_end: Address(end),
        user_end_by: by,
        items,
        flag_words,
        totals,
        located,
        notes,
        unread: input.unread,
    }
}

/// The mappings, ascending and without overlaps.
fn disjoint(mut sorted: Vec<Mapping>, notes: &mut Vec<String>) -> Vec<Mapping> {
    sorted.sort_by_key(|m| (m.start, m.end));
    let mut cut = 0_usize;
    let mut end = 0;
    sorted.retain_mut(|mapping| {
        let inside = mapping.start.0 < end;
        if inside {
            cut += 1;
            mapping.offset = mapping.offset.saturating_add(end - mapping.start.0);
            mapping.start = Address(end.min(mapping.end.0));
            // The sizes are those of the whole.
            mapping.shares = None;
        }
        end = end.max(mapping.end.0);
        !(inside && mapping.size() == 0)
    });
    if cut > 0 {
        notes.push(format!(
            "{cut} of the mappings overlap others: the address space changed while it was read."
        ));
    }
    sorted
}

/// End of the highest mapping that is the process's own.
fn highest(mappings: &[Mapping], named: &[Named]) -> u64 {
    // The page at this address on 32-bit kernels was the kernel's (`FIXADDR_USER_START`).
    const OLD_VDSO: u64 = 0xffff_e000;
    let own = |m: &Mapping, n: &Named| match n.segment {
        Segment::Vsyscall => false,
        Segment::Vdso => m.start.0 != OLD_VDSO,
        _ => m.start.0 < VSYSCALL,
    };
    let own = mappings.iter().zip(named).filter(|(m, n)| own(m, n));
    own.map(|(m, _)| m.end.0).max().unwrap_or(0)
}

fn items(mappings: &[Mapping], named: &[Named], user_end: u64) -> Vec<Item> {
    let mut items = Vec::with_capacity(mappings.len() * 2 + 2);
    let mut at = 0;
    let mut below: Option<&Named> = None;
    for (mapping, name) in mappings.iter().zip(named) {
        gaps(&mut items, at, mapping.start.0, user_end, below, Some(name));
        items.push(Item::Region(Box::new(region(mapping, name))));
        at = at.max(mapping.end.0);
        below = Some(name);
    }
    gaps(&mut items, at, user_end, user_end, below, None);
    items
}

/// The gap from `start` to `end`, in two where the process's addresses end inside it.
fn gaps(
    items: &mut Vec<Item>,
    start: u64,
    end: u64,
    user_end: u64,
    below: Option<&Named>,
    above: Option<&Named>,
) {
    let mut push = |start: u64, end: u64, kind: GapKind| {
        if start < end {
            let (start, end, size) = (Address(start), Address(end), Bytes::new(end - start));
            items.push(Item::Gap(Gap { start, end, size, kind }));
        }
    };
    let middle = user_end.clamp(start, end.max(start));
    let grows_down = above.is_some_and(|n| n.segment == Segment::Stack) && middle == end;
    let kind = match below {
        None if start == 0 => GapKind::Null,
        Some(heap) if heap.segment == Segment::Heap => GapKind::AboveHeap,
        _ if grows_down => GapKind::BelowStack,
        _ => GapKind::Free,
    };
    push(start, middle, kind);
    push(middle, end, GapKind::Kernel);
}

fn region(mapping: &Mapping, named: &Named) -> Region {
    let backed = mapping.is_file();
    Region {
        start: mapping.start,
        end: mapping.end,
        size: Bytes::new(mapping.size()),
        perms: mapping.perms,
        segment: named.segment,
        part: named.part,
        evidence: named.evidence,
        object: named.object,
        name: (!mapping.name.as_bytes().is_empty()).then(|| mapping.name.clone()),
        file_offset: backed.then_some(mapping.offset),
        device: backed.then(|| format!("{:02x}:{:02x}", mapping.dev.major, mapping.dev.minor)),
        inode: backed.then_some(mapping.inode),
        fill: mapping.shares.as_ref().and_then(|shares| fill(mapping.size(), shares)),
        pss: mapping.shares.as_ref().and_then(Shares::pss),
        flags: mapping.vmflags.clone(),
    }
}

/// The codes of all mappings with their words, each once, in alphabetical order.
fn flag_words(mappings: &[Mapping]) -> Vec<Flag> {
    let mut texts: Vec<&str> = mappings.iter().filter_map(|m| m.vmflags.as_deref()).collect();
    texts.sort_unstable();
    texts.dedup();
    let codes: BTreeSet<&str> = texts.iter().flat_map(|t| t.split_ascii_whitespace()).collect();
    let flag =
        |code: &&str| Flag { code: (*code).to_owned(), words: vmflag(code).map(|flag| flag.words) };
    codes.iter().map(flag).collect()
}

/// What the addresses hold. hugetlbfs pages are resident, though the kernel counts them apart.
/// Sizes beyond the region's own (a stack that grew between two lines) are cut to it.
fn fill(size: u64, shares: &Shares) -> Option<Fill> {
    let mut left = Bytes::new(size);
    let mut take = |want: Bytes| {
        let taken = want.min(left);
        left = left.saturating_sub(taken);
        taken
    };
    let huge = |b: Option<Bytes>| b.unwrap_or(Bytes::ZERO);
    let private = take(shares.private()?.saturating_add(huge(shares.private_hugetlb())));
    let common = take(shares.shared()?.saturating_add(huge(shares.shared_hugetlb())));
    let swapped = shares.swap().map(&mut take);
    Some(Fill { private, shared: common, swapped, absent: left })
}

fn totals(items: &[Item]) -> Totals {
    let zero = Fill { swapped: Some(Bytes::ZERO), ..Fill::default() };
    let mut totals = Totals { fill: Some(zero), pss: Some(Bytes::ZERO), ..Totals::default() };
    for item in items {
        match item {
            Item::Gap(_) => totals.gaps += 1,
            Item::Region(region) => {
                totals.regions += 1;
                totals.mapped = totals.mapped.saturating_add(region.size);
                totals.fill = totals.fill.zip(region.fill).map(|(a, b)| a.plus(b));
                totals.pss = totals.pss.zip(region.pss).map(|(a, b)| a.saturating_add(b));
            }
        }
    }
    if totals.regions == 0 {
        totals.fill = None;
        totals.pss = None;
    }
    totals
}

fn locate(items: &[Item], address: u64) -> Located {
    let index = items.partition_point(|item| item.end() <= address);
    let item = items.get(index).filter(|item| item.start() <= address);
    let into = item.map(|item| address - item.start());
    let offset = item.and_then(Item::region).and_then(|region| region.file_offset);
    Located {
        address: Address(address),
        item: item.map(|_| index),
        into,
        file_offset: offset.zip(into).and_then(|(offset, into)| offset.checked_add(into)),
    }
}

#[cfg(test)]
mod tests;
