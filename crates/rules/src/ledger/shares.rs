//! The second identity: what the processes share out among them is what the kernel counts.
//!
//! Every mapped anonymous page is in `AnonPages` once and, in parts, in `Pss_Anon` of those who map
//! it; every mapped page of files and shared memory is in `Mapped` once and in `Pss_File` or
//! `Pss_Shmem`. So both sums must agree, but for pages mapped by nobody's address space, for what
//! could not be read, and for what changed meanwhile.

use facts::Field;
use units::{Bytes, Percent};

use super::figures::Figures;
use super::{Identity, LedgerInput, ProcessShare, Share, ShareIdentities};

pub(super) fn identities(
    figures: &mut Figures<'_>,
    input: &LedgerInput<'_>,
) -> Option<ShareIdentities> {
    let own: Vec<&ProcessShare> = input.shares.iter().filter(|s| s.twin_of.is_none()).collect();
    let shares: Vec<Share> = own.iter().filter_map(|process| process.share).collect();
    if shares.is_empty() {
        return None;
    }
    let unread: Vec<&ProcessShare> =
        own.iter().copied().filter(|process| process.share.is_none()).collect();
    let anon_unread = at_most(&unread, |process| process.rss_anon.or(process.rss));
    let mapped_unread = at_most(&unread, |process| match process.rss_anon {
        Some(anon) => process.rss.map(|rss| rss.saturating_sub(anon)),
        None => process.rss,
    });
    let split: Option<Vec<_>> = shares.iter().map(|share| share.split).collect();
    let mut identity = |fields: &[Field], sum: Bytes, unread| {
        let mut counter = Bytes::ZERO;
        let mut again = input.again.map(|_| Bytes::ZERO);
        for &field in fields {
            let bytes = figures.field(field)?;
            counter = counter.saturating_add(Bytes::new(bytes.unsigned_abs()));
            again = again
                .zip(input.again.and_then(|again| again.get(field)))
                .map(|(sum, more)| sum.saturating_add(more));
        }
        Some(compare(sum, unread, counter, again))
    };
    let (anon, mapped) = match &split {
        Some(split) => (
            identity(&[Field::AnonPages], split.iter().map(|s| s.anon).sum(), anon_unread),
            identity(
                &[Field::Mapped],
                split.iter().map(|s| s.file.saturating_add(s.shmem)).sum(),
                mapped_unread,
            ),
        ),
        None => (None, None),
    };
    let both = identity(
        &[Field::AnonPages, Field::Mapped],
        shares.iter().map(|share| share.total).sum(),
        at_most(&unread, |process| process.rss),
    );
    let twins = input.shares.len() - own.len();
    let mut report = ShareIdentities {
        read: shares.len(),
        unread: unread.len(),
        twins,
        anon,
        mapped,
        both,
        text: String::new(),
    };
    report.text = text(&report);
    Some(report)
}

fn at_most(unread: &[&ProcessShare], of: impl Fn(&ProcessShare) -> Option<Bytes>) -> Option<Bytes> {
    unread
        .iter()
        .map(|process| of(process))
        .try_fold(Bytes::ZERO, |sum, bytes| Some(sum.saturating_add(bytes?)))
}

/// Half a percent of the counter is allowed: the kernel rounds each process's share down, and a
/// driver may insert pages that are mapped and in no address space's count.
fn compare(
    sum: Bytes,
    unread_at_most: Option<Bytes>,
    counter: Bytes,
    again: Option<Bytes>,
) -> Identity {
    let drift = again.map(|again| Bytes::new(again.get().abs_diff(counter.get())));
    let difference = i64::try_from(i128::from(counter.get()) - i128::from(sum.get()))
        .unwrap_or(if counter > sum { i64::MAX } else { i64::MIN });
    let bar = (counter.get() / 200).max(256 << 10).saturating_add(drift.map_or(0, Bytes::get));
    // What was not read can only be missing from the sum.
    let below = bar.saturating_add(unread_at_most.map_or(u64::MAX, Bytes::get));
    let allowed = if difference > 0 { below } else { bar };
    let holds = difference.unsigned_abs() <= allowed;
    Identity { sum, unread_at_most, counter, difference, drift, holds }
}

fn text(report: &ShareIdentities) -> String {
    let mut text = match (report.anon, report.mapped, report.both) {
        (Some(anon), Some(mapped), _) => format!(
            "The processes' shares add up to {} of AnonPages and {} of Mapped.",
            share(&anon),
            share(&mapped)
        ),
        (_, _, Some(both)) => {
            format!("The processes' shares add up to {} of AnonPages and Mapped.", share(&both))
        }
        _ => "The kernel's counters of mapped memory are unknown.".to_owned(),
    };
    if report.unread > 0 {
        use std::fmt::Write as _;
        let bound = report.both.and_then(|both| both.unread_at_most);
        let bound = bound.map_or_else(
            || "of unknown size".to_owned(),
            |bound| format!("at most {bound} in them"),
        );
        let _ = write!(text, " {} could not be read, {bound}.", report.unread);
    }
    text
}

fn share(identity: &Identity) -> String {
    Percent::of(identity.sum.get(), identity.counter.get())
        .map_or_else(|| "?".to_owned(), |percent| percent.to_string())
}
