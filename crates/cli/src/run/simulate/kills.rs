//! What the machine had when the kernel chose, as its reports say.

use facts::OomReport;
use scenario::report::{DeathRow, WholeRow};
use units::{Bytes, PageSize, Pages};

/// Puts beside each death what the report of it says of the machine's memory. Deaths without a report
/// of their own stay as they are: of a group that was killed together, or where the log was cut.
pub(super) fn beside<'a>(
    reports: impl Iterator<Item = &'a OomReport>,
    deaths: &mut [DeathRow],
    total: Option<Bytes>,
) {
    let mut rest = deaths.iter_mut();
    for report in reports {
        let Some(victim) = report.victim_name() else { continue };
        let victim = victim.to_string();
        // A task's name is the first 15 bytes of the process's.
        let Some(death) = rest.find(|death| death.process.starts_with(&victim)) else { return };
        death.machine = whole(report, total);
    }
}

/// The machine's memory as a report has it; `None` where it has none, as those of cgroups.
fn whole(report: &OomReport, total: Option<Bytes>) -> Option<WholeRow> {
    let memory = report.memory.as_ref()?;
    let size = report.page_size.unwrap_or(PageSize::KIB_4);
    let counters = &memory.counters;
    let sum = |parts: &[Option<Pages>]| {
        parts.iter().copied().sum::<Option<Pages>>().map(|pages| pages.to_bytes_saturating(size))
    };
    let lists = sum(&[counters.active_anon, counters.inactive_anon, counters.isolated_anon]);
    let shmem = sum(&[counters.shmem]);
    let anon = lists.zip(shmem).map(|(lists, shmem)| lists.get().saturating_sub(shmem.get()));
    Some(WholeRow {
        total,
        free: sum(&[counters.free]),
        available: None,
        anon: anon.map(Bytes::new),
        cache: sum(&[counters.active_file, counters.inactive_file, counters.isolated_file]),
        shmem,
        kernel: sum(&[counters.slab_reclaimable, counters.slab_unreclaimable, counters.pagetables]),
        swap_total: memory.swap.total,
        swap_used: memory
            .swap
            .total
            .zip(memory.swap.free)
            .map(|(total, free)| Bytes::new(total.get().saturating_sub(free.get()))),
    })
}
