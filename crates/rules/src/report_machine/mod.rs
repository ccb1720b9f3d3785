//! A report of the kernel as the machine that it was: what `rank`, `status` and `ledger` look at.
//!
//! [`machine_of_report`] is a pure conversion. What a report does not print is unknown and never 0,
//! and [`Snapshot::missing`] names it. Counters that only nodes or zones have are added up where the
//! text has all of them: zones that the request could not use are not printed (nodes since 2.6.39,
//! zones since 6.1).
//!
//! # What it follows
//! `show_mem()`, `dump_tasks()` and `mem_cgroup_print_oom_meminfo()`: which counter stands behind
//! which name, beside `meminfo_proc_show()` and `zoneinfo_show_print()`.
//!
//! # What it leaves out
//! The order of the table, in which the kernel looks at tasks: among equals `rank` goes by process
//! id, which is the same order until ids start again.

mod group;
mod memory;
mod tasks;

#[cfg(test)]
mod tests;

use facts::oom_report::{OomReport, TriggerKind};
use facts::{Account, Kernel, Missing, Name, Release, Snapshot, Why};
use units::PageSize;

use crate::explain::{RanOut, ran_out, rules_of};

/// A report as a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMachine {
    /// The machine at the moment of the report.
    pub snapshot: Snapshot,
    /// What the ledger wants beside it.
    pub account: Account,
    /// The memory cgroup whose limit was hit, where one was.
    pub group: Option<Name>,
}

/// The machine that a report tells of. `origin` says where it comes from, for people, escaped;
/// `release` is the reader's word on the kernel.
///
/// Where neither it nor the text names the release, it is the one whose lines look so, as
/// [`crate::explain()`] has it.
pub fn machine_of_report(
    report: &OomReport,
    origin: String,
    release: Option<Release>,
) -> ReportMachine {
    let mut snapshot = Snapshot::unknown(origin);
    let (release, known) = rules_of(report, release);
    let text = report.reporter.version.clone();
    snapshot.kernel = Kernel { text, release: known.then_some(release) };
    snapshot.page_size = report.page_size.unwrap_or(PageSize::KIB_4);
    snapshot.page_size_known = report.page_size.is_some();
    // Numbers of processes in the log are those of the machine itself.
    snapshot.viewpoint.first_pid_namespace = Some(true);
    let mut account = Account::default();
    if let Some(mem) = &report.memory {
        memory::fill(mem, release, &mut snapshot, &mut account);
    }
    account.caches = report.slab.iter().flat_map(|slab| &slab.caches).filter_map(cache).collect();
    let group = match ran_out(report) {
        RanOut::Cgroup(path) => Some(path.unwrap_or_else(|| Name::from("/?"))),
        _ => None,
    };
    if let Some(path) = &group {
        group::fill(report, path, &mut snapshot);
        snapshot.viewpoint.cgroup = Some(path.clone());
    }
    tasks::fill(report, group.as_ref(), &mut snapshot);
    snapshot.missing = missing(report, group.is_some());
    ReportMachine { snapshot, account, group }
}

fn cache(cache: &facts::oom_report::SlabCache) -> Option<facts::SlabCache> {
    Some(facts::SlabCache { name: cache.name.clone(), bytes: cache.total? })
}

/// What is not in the report, by the places where a machine would tell it.
fn missing(report: &OomReport, of_group: bool) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut not = |place: &str, why: &str| {
        missing.push(Missing { place: place.to_owned(), why: Why::Failed(why.to_owned()) });
    };
    if matches!(ran_out(report), RanOut::Cpuset(_) | RanOut::MemoryPolicy(_)) {
        let why = "only some nodes ran out here; scores are measured against the whole machine";
        not("nodes", why);
    }
    let kills = report.trigger.as_ref().is_none_or(|t| t.kind == TriggerKind::OomKiller);
    match (&report.tasks, kills) {
        (None, true) => not("processes", "this OOM report has no table of tasks"),
        (None, false) => not("processes", "a report of this kind prints no table of tasks"),
        (Some(table), _) => {
            not("processes", "an OOM report prints only those that could be chosen");
            if table.rows.iter().all(|row| row.swapents.is_none()) {
                not("VmSwap", "an OOM report of this kernel does not print it");
            }
            if table.rows.iter().all(|row| row.pgtables.is_none() && row.nr_ptes.is_none()) {
                not("VmPTE", "an OOM report of this kernel does not print it");
            }
            not("CapEff", "an OOM report does not print capabilities; user 0 is taken for all");
        }
    }
    if report.memory.is_none() {
        let why = if of_group {
            "an OOM report of a cgroup does not print the machine's memory"
        } else {
            "this OOM report has no Mem-Info"
        };
        not("meminfo", why);
        not("zoneinfo", why);
    } else {
        not("meminfo AnonPages", "an OOM report does not print it, only the reclaim lists");
        not("meminfo Buffers", "an OOM report does not print it; it is in Cached here");
        not("meminfo CommitLimit, Committed_AS", "an OOM report does not print them");
        not("meminfo VmallocUsed, Percpu", "an OOM report does not print them");
    }
    not("vmstat", "an OOM report does not print it");
    not("sys/vm", "an OOM report does not print settings");
    not("pressure/memory", "an OOM report does not print it");
    missing
}
