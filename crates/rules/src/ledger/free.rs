//! Free memory.

use super::figures::Figures;
use super::tree::exact;
use super::{Aside, AsideKind, Line, LineKind};
use facts::Field::{CmaFree, MemFree};

/// `MemFree`, and where it is.
///
/// Unaccepted pages (6.5) are on the zones' free counts (`__free_unaccepted()` raises
/// `NR_FREE_PAGES` and `NR_UNACCEPTED` together), so they are a part of `MemFree`.
///
/// Where `MemTotal` exceeds what the zones manage, the kernel has counted memory as free whose
/// `struct page`s it initialises only when it needs them; that difference is a line of its own.
pub(super) fn free(figures: &mut Figures<'_>) -> Option<Line> {
    let total = figures.field(MemFree)?;
    let mut line = exact(LineKind::Free, total, "meminfo MemFree");
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
        if let Some(deferred) = deferred(figures).filter(|&d| d <= total) {
            let from = "meminfo MemTotal - zoneinfo managed, all zones";
            children.push(exact(LineKind::Deferred, deferred, from));
        }
    }
    if let Some(bytes) = figures.field(CmaFree).filter(|&b| b > 0) {
        line.of_which.push(Aside { kind: AsideKind::CmaFree, bytes });
    }
    Some(line.made_of(children))
}

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
