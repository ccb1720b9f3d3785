//! Free memory.

use units::Bytes;

use super::figures::Figures;
use super::tree::{exact, sum};
use super::{Aside, AsideKind, Line, LineKind};
use facts::Field::{CmaFree, MemFree};

/// Free memory: the zones' free lists, and what is free beside them; `MemFree` where the zones are
/// unknown or say something else altogether.
///
/// Pages move between free lists and per-cpu lists all the time, and only `zoneinfo` has both at one
/// moment; taken from two files, what moved in between would be counted twice or not at all.
///
/// Unaccepted pages (6.5) are on the zones' free counts (`__free_unaccepted()` raises
/// `NR_FREE_PAGES` and `NR_UNACCEPTED` together), so they are a part of `MemFree`.
///
/// Where `MemTotal` exceeds what the zones manage, the kernel has counted memory as free whose
/// `struct page`s it initialises only when it needs them; that difference is a line of its own.
pub(super) fn free(figures: &mut Figures<'_>) -> Option<Line> {
    let counted = figures.field(MemFree)?;
    let mut children = Vec::new();
    if let Some(listed) = figures.zones("free", |zone| zone.free) {
        let unaccepted = figures.counter("nr_unaccepted").map_or(0, |(bytes, _)| bytes);
        let unaccepted = unaccepted.min(listed);
        let from = "zoneinfo pages free, all zones";
        if unaccepted > 0 {
            let from = "zoneinfo pages free - nr_unaccepted";
            children.push(exact(LineKind::FreeLists, listed - unaccepted, from));
            children.push(exact(LineKind::Unaccepted, unaccepted, "vmstat nr_unaccepted"));
        } else {
            children.push(exact(LineKind::FreeLists, listed, from));
        }
        if let Some(deferred) = deferred(figures).filter(|&d| d <= counted) {
            let from = "meminfo MemTotal - zoneinfo managed, all zones";
            children.push(exact(LineKind::Deferred, deferred, from));
        }
    }
    let in_zones = sum(&children);
    let apart = counted.saturating_sub(in_zones).saturating_abs();
    let mut line = if children.is_empty() || apart > figures.total.unwrap_or(0) / ALTOGETHER {
        exact(LineKind::Free, counted, "meminfo MemFree").made_of(children)
    } else {
        let line = exact(LineKind::Free, in_zones, "zoneinfo pages free and what is beside");
        let line = line.made_of(children);
        match apart {
            ..MOVED => line,
            _ => line.noted(format!(
                "meminfo MemFree, read at another moment, says {}",
                Bytes::new(counted.unsigned_abs())
            )),
        }
    };
    if let Some(bytes) = figures.field(CmaFree).filter(|&b| b > 0) {
        line.of_which.push(Aside { kind: AsideKind::CmaFree, bytes });
    }
    Some(line)
}

/// Two figures that differ by more than this part of `MemTotal` are not one at two moments.
const ALTOGETHER: i64 = 20;
/// A difference from here on is told.
const MOVED: i64 = 1 << 20;

/// What `MemTotal` counts and no zone manages; `None` when that is nothing.
fn deferred(figures: &mut Figures<'_>) -> Option<i64> {
    let managed = figures.zones("managed", |zone| zone.managed)?;
    figures.total?.checked_sub(managed).filter(|&d| d > 0)
}

/// Σ `count:` over all CPUs and zones: free, given back when memory is short, and in no other
/// figure.
pub(super) fn per_cpu_lists(figures: &mut Figures<'_>) -> Option<Line> {
    let bytes = figures.zones("pagesets", |zone| zone.pcp)?;
    Some(exact(LineKind::PerCpuLists, bytes, "zoneinfo count:, all CPUs"))
}
