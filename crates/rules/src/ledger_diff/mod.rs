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

use facts::Name;
use units::{Bytes, Pid};

pub use report::{
    CacheChange, CgroupChange, Change, DiffVerdict, Growth, GrowthSums, LedgerDiffReport,
    LineChange, MappingChange, ProcessChange,
};

use crate::ledger::{LedgerReport, ProcessShare};
use compare::Clock;

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.ledger-diff/1";

/// One of the two moments.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The ledger.
    pub ledger: &'a LedgerReport,
    /// Seconds since boot.
    pub uptime_s: Option<u64>,
    /// `MemAvailable`.
    pub available: Option<Bytes>,
    /// The processes' shares; empty when nobody looked.
    pub processes: &'a [ProcessShare],
    /// The mappings' shares; empty when nobody looked.
    pub mappings: &'a [MappingShare],
    /// Slab caches (`/proc/slabinfo`); empty when nobody looked or nobody might.
    pub caches: &'a [SlabCache],
}

impl<'a> Moment<'a> {
    /// A ledger and nothing else.
    pub fn new(ledger: &'a LedgerReport) -> Self {
        Moment {
            ledger,
            uptime_s: None,
            available: None,
            processes: &[],
            mappings: &[],
            caches: &[],
        }
    }
}

/// One mapping of one process. Several of a name are added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingShare {
    /// Process.
    pub pid: Pid,
    /// Start, clock ticks after boot.
    pub start_ticks: Option<u64>,
    /// Its name.
    pub process: Option<Name>,
    /// Name of the mapping.
    pub mapping: Name,
    /// `Pss`.
    pub pss: Bytes,
}

/// One cache of the kernel's object allocator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlabCache {
    /// Name.
    pub name: Name,
    /// What its slabs take.
    pub bytes: Bytes,
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
    let restarted = before.uptime_s.zip(after.uptime_s).is_some_and(|(a, b)| {
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
        let shares = moment.processes.iter().filter(|process| process.twin_of.is_none());
        shares
            .filter_map(|process| {
                let who = (process.pid, process.start_ticks);
                Some((who, (process.name.clone(), process.share?.total)))
            })
            .collect()
    };
    if before.processes.is_empty() || after.processes.is_empty() {
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
        for share in moment.mappings {
            let key = ((share.pid, share.start_ticks), share.mapping.clone());
            let sum = sums.entry(key).or_insert((share.process.clone(), Bytes::ZERO));
            sum.1 = sum.1.saturating_add(share.pss);
        }
        sums
    };
    if before.mappings.is_empty() || after.mappings.is_empty() {
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
        moment.caches.iter().map(|cache| (cache.name.clone(), (None, cache.bytes))).collect()
    };
    if before.caches.is_empty() || after.caches.is_empty() {
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
