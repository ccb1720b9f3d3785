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
        let Some(death) = rest.find(|death| is_of(&death.process, victim.as_bytes())) else {
            return;
        };
        death.machine = whole(report, total);
    }
}

/// Whether the process of that name, or of one of several with it (`worker.3`), is a task of this name: its
/// first 15 bytes.
fn is_of(process: &str, task: &[u8]) -> bool {
    let of = |name: &str| name.as_bytes().iter().take(15).eq(task);
    let numbered = process.rsplit_once('.');
    of(process)
        || numbered.is_some_and(|(name, nth)| nth.bytes().all(|c| c.is_ascii_digit()) && of(name))
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

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_victim_is_found_by_its_whole_name() {
        assert!(is_of("web", b"web") && is_of("worker.3", b"worker") && is_of("v1.2", b"v1.2"));
        assert!(is_of("a_name_of_more_than_fifteen.12", b"a_name_of_more_"));
        assert!(!is_of("webserver", b"web") && !is_of("web.log", b"web") && !is_of("we", b"web"));
    }
}
