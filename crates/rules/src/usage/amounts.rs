//! Adding up, and what is known of those that cannot be added.

use facts::{Amounts, Bounds, MemoryOf, ProcessUse, Unshared, Why};
use units::Bytes;

use super::UnreadMemory;

pub(super) fn sum<'a>(parts: impl Iterator<Item = &'a Amounts>) -> Amounts {
    let mut sum = Amounts::ZERO;
    for part in parts {
        sum.add(part);
    }
    sum
}

/// The bounds of those among `processes` that have nothing better.
pub(super) fn unread<'a>(processes: impl Iterator<Item = &'a ProcessUse>) -> Option<UnreadMemory> {
    let mut all: Option<UnreadMemory> = None;
    for process in processes {
        if let MemoryOf::Bounds(bounds) = &process.memory {
            let one = one(bounds);
            all = together(all, Some(one));
        }
    }
    all
}

fn one(bounds: &Bounds) -> UnreadMemory {
    let parts = [bounds.rss_anon, bounds.rss_file, bounds.rss_shmem];
    let spared = matches!(bounds.why, Unshared::TooLong { .. });
    UnreadMemory {
        processes: 1,
        at_most: bounds.rss.or_else(|| {
            parts.into_iter().try_fold(Bytes::ZERO, |sum, part| sum.checked_add(part?))
        }),
        anon_at_most: bounds.rss_anon,
        file_at_most: bounds.rss_file,
        shmem_at_most: bounds.rss_shmem,
        swap_at_most: bounds.swap,
        hugetlb: bounds.hugetlb,
        why: vec![why(&bounds.why)],
        spared: usize::from(spared),
    }
}

/// The bounds of both.
pub(super) fn together(a: Option<UnreadMemory>, b: Option<UnreadMemory>) -> Option<UnreadMemory> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (a, b) => a.or(b),
    }
}

fn both(mut a: UnreadMemory, b: UnreadMemory) -> UnreadMemory {
    let add = |a: Option<Bytes>, b: Option<Bytes>| Some(a?.saturating_add(b?));
    a.processes += b.processes;
    a.at_most = add(a.at_most, b.at_most);
    a.anon_at_most = add(a.anon_at_most, b.anon_at_most);
    a.file_at_most = add(a.file_at_most, b.file_at_most);
    a.shmem_at_most = add(a.shmem_at_most, b.shmem_at_most);
    a.swap_at_most = add(a.swap_at_most, b.swap_at_most);
    a.hugetlb = add(a.hugetlb, b.hugetlb);
    a.spared += b.spared;
    for why in b.why {
        if !a.why.contains(&why) {
            a.why.push(why);
        }
    }
    a
}

fn why(why: &Unshared) -> String {
    match why {
        Unshared::Refused(Why::Absent) => "not there".to_owned(),
        Unshared::Refused(Why::Denied) => "permission denied".to_owned(),
        Unshared::Refused(Why::Gone) => "went away".to_owned(),
        Unshared::Refused(Why::Malformed { expected, .. }) => format!("expected {expected}"),
        Unshared::Refused(Why::Failed(words)) => words.clone(),
        Unshared::TooLong { .. } => "left alone: reading it takes too long".to_owned(),
    }
}
