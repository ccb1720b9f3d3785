//! What grew between two moments, and whether it looks like a leak in the kernel.
//!
//! [`diff`] subtracts two ledgers line by line, and the processes, mappings, slab caches and cgroups
//! that go with them. A leak in the kernel shows in lines that only their owner can free
//! (unreclaimable slab, page tables, the remainder) growing while programs do not; that needs no
//! debug kernel, only patience.
//!
//! # What it leaves out
//! Two moments cannot tell a leak from something that was allocated once; the words say so.

mod compare;
mod report;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use facts::{Account, Name, Snapshot};
use units::{Bytes, Pid};

pub use report::{
    CacheChange, CgroupChange, Change, DiffVerdict, Growth, GrowthSums, LedgerDiffReport,
    LineChange, MappingChange, ProcessChange,
};

use crate::ledger::LedgerReport;
use compare::Clock;

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.ledger-diff/1";

/// One of the two moments.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The machine.
    pub snapshot: &'a Snapshot,
    /// What belongs to it.
    pub account: &'a Account,
    /// The ledger made of them.
    pub ledger: &'a LedgerReport,
}

/// The second moment less the first.
pub fn diff(before: &Moment<'_>, after: &Moment<'_>) -> LedgerDiffReport {
    let (from, to) = (&before.ledger.source, &after.ledger.source);
    let mut notes = Vec::new();
    let elapsed_s = match from.taken_at.zip(to.taken_at) {
        Some((a, b)) if b > a => Some(b - a),
        Some((a, b)) if b < a => {
            notes.push("the second moment is earlier than the first".to_owned());
            None
        }
        _ => None,
    };
    let restarted = before.snapshot.uptime_s.zip(after.snapshot.uptime_s).is_some_and(|(a, b)| {
        // A boot that falls between the two.
        b < a || elapsed_s.is_some_and(|elapsed| b.saturating_add(60) < elapsed)
    });
    if restarted && elapsed_s.is_some() {
        notes.push("the machine was restarted in between; processes are not the same".to_owned());
    }
    if before.ledger.total != after.ledger.total {
        notes.push(
            "MemTotal differs: memory was added or taken, or it is another machine".to_owned(),
        );
    }
    if from.kernel != to.kernel {
        notes.push("the kernel differs".to_owned());
    }
    let clock = Clock { elapsed_s };
    let lines = match (&before.ledger.machine, &after.ledger.machine) {
        (Some(a), Some(b)) => compare::lines(a, b, clock),
        _ => Vec::new(),
    };
    let movers = compare::movers(&lines);
    let processes = processes(before, after, clock);
    let mappings = mappings(before, after, clock);
    let caches = caches(before, after, clock);
    let cgroups = cgroups(before, after, clock);
    let verdict = verdict::verdict(before, after, &lines, &processes, &caches, clock);
    LedgerDiffReport {
        schema: SCHEMA,
        before: from.clone(),
        after: to.clone(),
        elapsed_s,
        verdict,
        lines,
        movers,
        processes,
        mappings,
        caches,
        cgroups,
        notes,
    }
}

/// A process is known by its number and its start, where that is known.
type Who = (Pid, Option<u64>);

fn processes(before: &Moment<'_>, after: &Moment<'_>, clock: Clock) -> Vec<ProcessChange> {
    let of = |moment: &Moment<'_>| -> BTreeMap<Who, (Option<Name>, Bytes)> {
        let shares = moment.account.shares.iter().filter(|process| process.twin_of.is_none());
        shares
            .filter_map(|process| {
                let who = (process.pid, process.start_ticks);
                Some((who, (process.name.clone(), process.shares.as_ref()?.pss()?)))
            })
            .collect()
    };
    if before.account.shares.is_empty() || after.account.shares.is_empty() {
        return Vec::new();
    }
    compare::maps(of(before), of(after), clock, |(pid, _), name, pss| ProcessChange {
        pid,
        name,
        pss,
    })
}

fn mappings(before: &Moment<'_>, after: &Moment<'_>, clock: Clock) -> Vec<MappingChange> {
    let of = |moment: &Moment<'_>| {
        let mut sums: BTreeMap<(Who, Name), (Option<Name>, Bytes)> = BTreeMap::new();
        for share in &moment.account.mappings {
            let key = ((share.pid, share.start_ticks), share.mapping.clone());
            let sum = sums.entry(key).or_insert((share.process.clone(), Bytes::ZERO));
            sum.1 = sum.1.saturating_add(share.pss);
        }
        sums
    };
    if before.account.mappings.is_empty() || after.account.mappings.is_empty() {
        return Vec::new();
    }
    compare::maps(of(before), of(after), clock, |((pid, _), mapping), process, pss| MappingChange {
        pid,
        process,
        mapping,
        pss,
    })
}

fn caches(before: &Moment<'_>, after: &Moment<'_>, clock: Clock) -> Vec<CacheChange> {
    let of = |moment: &Moment<'_>| -> BTreeMap<Name, (Option<Name>, Bytes)> {
        moment
            .account
            .caches
            .iter()
            .map(|cache| (cache.name.clone(), (None, cache.bytes)))
            .collect()
    };
    if before.account.caches.is_empty() || after.account.caches.is_empty() {
        return Vec::new();
    }
    compare::maps(of(before), of(after), clock, |name, _, bytes| CacheChange { name, bytes })
}

fn cgroups(before: &Moment<'_>, after: &Moment<'_>, clock: Clock) -> Vec<CgroupChange> {
    let of = |moment: &Moment<'_>| -> BTreeMap<Name, (Option<Name>, Bytes)> {
        let groups = &moment.ledger.cgroups;
        groups
            .iter()
            .map(|g| (g.path.clone(), (None, Bytes::new(g.line.bytes.max(0).cast_unsigned()))))
            .collect()
    };
    compare::maps(of(before), of(after), clock, |path, _, bytes| CgroupChange { path, bytes })
}
