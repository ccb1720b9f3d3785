//! The table of tasks: `dump_tasks()`.

use facts::oom_report::{TaskRow, TaskTable};
use klog::print::rows;
use rules::killer::legacy_adj;
use units::{Bytes, Pages};

use crate::oom::{Parts, Request, listed, pid_of};
use crate::page::{ANON, FILE, SHMEM};
use crate::unsynced::SWAP;

/// Everybody with memory whom the shortage concerns, in the order in which they are looked at.
pub(super) fn table(parts: &Parts<'_>, request: &Request) -> TaskTable {
    let rows = listed(parts, &request.scope, parts.store.oom.killer.lists_by_cgroup).into_iter();
    TaskTable {
        columns: rows::columns(parts.store.release()),
        rows: rows.filter_map(|group| row(parts, group)).collect(),
    }
}

fn row(parts: &Parts<'_>, group: usize) -> Option<TaskRow> {
    let thread = parts.thread_with_memory(group)?;
    let process = &parts.processes[group];
    let mm = parts.mm(parts.processes[thread].mm)?;
    Some(TaskRow {
        pid: Some(pid_of(thread)),
        uid: parts.task(group).map(|task| task.uid),
        tgid: Some(pid_of(group)),
        total_vm: Some(Pages::new(mm.total_vm)),
        rss: Some(Pages::new(mm.rss_said())),
        rss_anon: Some(Pages::new(mm.said(ANON))),
        rss_file: Some(Pages::new(mm.said(FILE))),
        rss_shmem: Some(Pages::new(mm.said(SHMEM))),
        cpu: Some(0),
        nr_ptes: Some(mm.tables.level(0)),
        nr_pmds: Some(mm.tables.level(1)),
        pgtables: Some(Bytes::new(mm.tables.count().saturating_mul(4096))),
        swapents: Some(Pages::new(mm.said(SWAP))),
        oom_adj: Some(legacy_adj(process.adj)),
        oom_score_adj: Some(process.adj),
        name: Some(process.name.as_str().into()),
    })
}
