//! The ledger: every page of a machine accounted for, and what nothing accounts for printed.
//!
//! [`ledger()`] lays the machine out as a tree of [`Line`]s. The children of a line add up to it
//! exactly, because the last of them is what the others leave; at the top that is the remainder,
//! which is what the kernel handed out and no counter of its own remembers. It is normally a few
//! thousandths of the machine, and it is where a driver's memory, a balloon or a leak shows.
//!
//! # What it follows
//! `meminfo_proc_show()`, `zoneinfo_show_print()` and `vmstat_start()`, from 2.6.27 on. A line that
//! a kernel does not have stays in the remainder, and the verdict says so.
//!
//! # What it leaves out
//! Memory of devices, and memory that firmware keeps: it never was the kernel's.

mod cgroup;
mod compressed;
mod figures;
mod free;
mod hugetlb;
mod managed;
pub(crate) mod narrow;
mod physical;
mod pss;
mod report;
mod shares;
mod tables;
mod tree;
mod user;
mod verdict;
mod vmalloc;

#[cfg(test)]
mod tests;

use facts::{Account, Field, Snapshot, TablePlace};
use units::Bytes;

pub use pss::proportional_share;
pub use report::{
    Aside, AsideKind, CgroupLedger, Drift, Exactness, Identity, Implausible, LedgerReport,
    LedgerVerdict, Line, LineKind, RemainderLevel, ShareIdentities,
};

use crate::rank::SourceLine;
use figures::Figures;

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.ledger/1";

/// The ledger of a machine.
pub fn ledger(snapshot: &Snapshot, account: &Account) -> LedgerReport {
    let mut figures = Figures::new(snapshot);
    let drift = account.again.as_ref().and_then(|again| drift(&snapshot.meminfo, again));
    let mut notes = Vec::new();
    let mut verdict = verdict::unknown("`MemTotal` is not known");
    let machine = figures.total.map(|total| {
        let log = account.boot.tables.iter().any(|table| table.place != TablePlace::Vmalloc);
        let mut parts = managed::parts(&mut figures, account);
        let balloon = managed::balloon(&mut figures);
        let without = total.saturating_sub(tree::sum(&parts.lines));
        let mut outside = None;
        if let Some(balloon) = balloon {
            // Drivers that give pages away for good take them off MemTotal
            // (`adjust_managed_page_count()`); counted inside, they would be counted twice.
            if without.saturating_sub(balloon.bytes) < -verdict::tolerance(total, log) {
                outside = Some(balloon.noted("already taken off MemTotal by its driver"));
            } else {
                parts.lines.push(balloon);
            }
        }
        let managed =
            tree::exact(LineKind::Managed, total, "meminfo MemTotal").made_of(parts.lines);
        verdict = verdict::verdict(&figures, &managed, &parts.untold, parts.whole, drift, log);
        physical::physical(&mut figures, account, managed, outside)
    });
    if let Some(drift) = drift
        && figures.total.is_some_and(|total| drift.bytes > total.cast_unsigned() / 200)
    {
        notes.push(format!(
            "{} moved by {} while it was read; the remainder is no better than that",
            drift.field,
            Bytes::new(drift.bytes)
        ));
    }
    let shares = shares::identities(&mut figures, account);
    let cgroups = cgroup::ledgers(&mut figures, account);
    LedgerReport {
        schema: SCHEMA,
        source: SourceLine::from(snapshot),
        verdict,
        total: figures.total.map(|total| Bytes::new(total.cast_unsigned())),
        machine,
        drift,
        shares,
        cgroups,
        implausible: figures.implausible,
        notes,
    }
}

/// The field of the sum that moved most.
fn drift(before: &facts::Meminfo, again: &facts::Meminfo) -> Option<Drift> {
    use Field::{
        Active, AnonPages, Cached, Inactive, Mapped, MemFree, PageTables, Slab, Unevictable,
    };
    [MemFree, Active, Inactive, Unevictable, AnonPages, Cached, Mapped, Slab, PageTables]
        .into_iter()
        .filter_map(|field| {
            let bytes = before.get(field)?.get().abs_diff(again.get(field)?.get());
            Some(Drift { bytes, field: field.text() })
        })
        .max_by_key(|drift| drift.bytes)
}
