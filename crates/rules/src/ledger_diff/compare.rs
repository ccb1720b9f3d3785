//! Subtraction of trees and of lists.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use facts::Name;
use units::Bytes;

use super::{Change, LineChange};
use crate::ledger::{Line, LineKind};

/// The time between the two moments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) elapsed_s: Option<u64>,
}

impl Clock {
    pub(super) fn change(self, before: Option<i64>, after: Option<i64>) -> Change {
        let change = after.unwrap_or(0).saturating_sub(before.unwrap_or(0));
        Change { before, after, change, per_hour: self.per_hour(change) }
    }

    pub(super) fn per_hour(self, change: i64) -> Option<i64> {
        // A few seconds say nothing about an hour.
        let elapsed = self.elapsed_s.filter(|&seconds| seconds >= 60)?;
        i64::try_from(i128::from(change) * 3600 / i128::from(elapsed)).ok()
    }
}

/// Both trees, line by line, in the order of the second; lines of the first alone come last among
/// their siblings.
pub(super) fn lines(before: &Line, after: &Line, clock: Clock) -> Vec<LineChange> {
    let mut out = Vec::new();
    // Where physical memory is known at one moment alone, the managed memory is compared.
    let managed = |line| Line::find(line, LineKind::Managed);
    match (before.kind == after.kind, managed(before), managed(after)) {
        (false, Some(a), Some(b)) => walk(Some(a), Some(b), None, 0, clock, &mut out),
        _ => walk(Some(before), Some(after), None, 0, clock, &mut out),
    }
    out
}

fn walk(
    before: Option<&Line>,
    after: Option<&Line>,
    parent: Option<&Line>,
    depth: usize,
    clock: Clock,
    out: &mut Vec<LineChange>,
) {
    let Some(line) = after.or(before) else { return };
    let label = match (line.kind, parent) {
        (LineKind::Rest, Some(parent)) => format!("rest of {}", parent.label()),
        // Words that need the line above them.
        (
            LineKind::AnonSmall
            | LineKind::AnonHuge
            | LineKind::FileMapped
            | LineKind::FileUnmapped
            | LineKind::SlabReclaimable
            | LineKind::SlabUnreclaimable
            | LineKind::HugetlbUsed
            | LineKind::HugetlbFree,
            Some(parent),
        ) => format!("{}, {}", parent.label(), line.label()),
        _ => line.label(),
    };
    let bytes = clock.change(before.map(|l| l.bytes), after.map(|l| l.bytes));
    out.push(LineChange { depth, kind: line.kind, label, bytes });
    let (old, new) = (children(before), children(after));
    let same = |a: &Line, b: &Line| a.kind == b.kind && a.of == b.of;
    for child in new {
        walk(old.iter().find(|c| same(c, child)), Some(child), Some(line), depth + 1, clock, out);
    }
    for child in old.iter().filter(|child| !new.iter().any(|c| same(c, child))) {
        walk(Some(child), None, Some(line), depth + 1, clock, out);
    }
}

fn children(line: Option<&Line>) -> &[Line] {
    line.map_or(&[], |line| line.children.as_slice())
}

/// Lines that nothing stands below, changed ones only, the largest change first.
pub(super) fn movers(lines: &[LineChange]) -> Vec<LineChange> {
    let below = lines.iter().map(|line| line.depth).skip(1).chain([0]);
    let mut movers: Vec<LineChange> = lines
        .iter()
        .zip(below)
        .filter(|(line, next)| *next <= line.depth && line.bytes.change != 0)
        .map(|(line, _)| line.clone())
        .collect();
    movers.sort_by_key(|line| Reverse(line.bytes.change.unsigned_abs()));
    movers
}

/// Two lists of named amounts, the changed ones, the largest change first.
pub(super) fn maps<K: Ord + Clone, R>(
    mut before: BTreeMap<K, (Option<Name>, Bytes)>,
    after: BTreeMap<K, (Option<Name>, Bytes)>,
    clock: Clock,
    row: impl Fn(K, Option<Name>, Change) -> R,
) -> Vec<R> {
    let signed = |bytes: Bytes| i64::try_from(bytes.get()).unwrap_or(i64::MAX);
    let mut changes: Vec<(K, Option<Name>, Change)> = Vec::new();
    for (key, (name, bytes)) in after {
        let old = before.remove(&key).map(|(_, bytes)| signed(bytes));
        changes.push((key, name, clock.change(old, Some(signed(bytes)))));
    }
    for (key, (name, bytes)) in before {
        changes.push((key, name, clock.change(Some(signed(bytes)), None)));
    }
    changes.retain(|(_, _, change)| change.change != 0);
    changes.sort_by(|a, b| {
        b.2.change.unsigned_abs().cmp(&a.2.change.unsigned_abs()).then_with(|| a.0.cmp(&b.0))
    });
    changes.into_iter().map(|(key, name, change)| row(key, name, change)).collect()
}
