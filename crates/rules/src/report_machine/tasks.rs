//! Rows of the table as processes.

use facts::oom_report::OomReport;
use facts::{Name, Snapshot, Task};
use units::{Bytes, PageSize, Pages, Pid};

pub(super) fn fill(report: &OomReport, group: Option<&Name>, snapshot: &mut Snapshot) {
    let size = snapshot.page_size;
    let victims_group = report.oom_kill.as_ref().and_then(|line| line.task_memcg.as_ref());
    for row in report.tasks.iter().flat_map(|table| &table.rows) {
        // The row shows the first thread that still has memory.
        let Some(pid) = row.tgid.or(row.pid) else { continue };
        let bytes = |pages: Option<Pages>| pages.and_then(|pages| pages.to_bytes(size));
        let own = (report.victim_pid() == row.pid).then_some(victims_group).flatten();
        snapshot.tasks.push(Task {
            comm: row.name.clone(),
            // Threads of the kernel have no memory of their own and are not listed.
            kthread: Some(false),
            uid: row.uid,
            vsize: bytes(row.total_vm),
            rss: row.rss,
            vm_rss: bytes(row.rss),
            rss_anon: bytes(row.rss_anon),
            rss_file: bytes(row.rss_file),
            rss_shmem: bytes(row.rss_shmem),
            swap: bytes(row.swapents),
            vm_pte: row.pgtables.or_else(|| tables(row.nr_ptes, size)),
            vm_pmd: tables(row.nr_pmds, size),
            oom_score_adj: row.oom_score_adj,
            oom_adj: row.oom_adj,
            // Whoever is listed for a group is in it or below.
            cgroup: own.or(group).cloned(),
            ..Task::unknown(pid)
        });
    }
    one_row_a_process(snapshot);
}

fn tables(pages: Option<u64>, size: PageSize) -> Option<Bytes> {
    Pages::new(pages?).to_bytes(size)
}

/// Rows that lost or doubled lines, or a vendor's threads: the first of a process is kept.
fn one_row_a_process(snapshot: &mut Snapshot) {
    let mut seen: Vec<Pid> = snapshot.tasks.iter().map(|task| task.pid).collect();
    seen.sort_unstable();
    if seen.windows(2).all(|pair| pair[0] != pair[1]) {
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    snapshot.tasks.retain(|task| seen.insert(task.pid));
}
