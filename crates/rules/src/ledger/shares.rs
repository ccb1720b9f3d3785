//! The second identity: what the processes share out among them is what the kernel counts.
//!
//! Every mapped anonymous page is in `AnonPages` once and, in parts, in `Pss_Anon` of those who map
//! it; every mapped page of files and shared memory is in `Mapped` once and in `Pss_File` or
//! `Pss_Shmem`. So both sums must agree, but for pages mapped by nobody's address space, for what
//! could not be read, and for what changed meanwhile.

use facts::{Account, Field, ProcessShare, Shares};
use units::{Bytes, Percent};

use super::figures::Figures;
use super::{Identity, ShareIdentities, narrow};

pub(super) fn identities(figures: &mut Figures<'_>, account: &Account) -> Option<ShareIdentities> {
    let own: Vec<&ProcessShare> = account.shares.iter().filter(|s| s.twin_of.is_none()).collect();
    let (read, unread): (Vec<_>, Vec<_>) =
        own.iter().copied().partition(|process| pss(process).is_some());
    // Of a capture that was cut, the end is lacking and some processes with it.
    if read.is_empty() || figures.snapshot.viewpoint.cut {
        return None;
    }
    let anon_unread = at_most(&unread, |process| process.rss_anon.or(process.rss));
    let mapped_unread = at_most(&unread, |process| match process.rss_anon {
        Some(anon) => process.rss.map(|rss| rss.saturating_sub(anon)),
        None => process.rss,
    });
    // Which kind of page is told since 5.3, and by `smaps_rollup` alone.
    let narrow = narrow::loses_huge_pages(figures.snapshot);
    let sum = |of: fn(&Shares) -> Option<Bytes>, anonymous: bool| -> Option<Bytes> {
        read.iter()
            .map(|process| {
                let shares = process.shares.as_ref()?;
                let lost =
                    if narrow && anonymous { facts::lost_huge_pages(shares) } else { Bytes::ZERO };
                Some(of(shares)?.saturating_add(lost))
            })
            .try_fold(Bytes::ZERO, |sum, b| Some(sum.saturating_add(b?)))
    };
    let mut identity = |fields: &[Field], sum: Option<Bytes>, unread| {
        let (mut counter, mut drift) = (Bytes::ZERO, account.around_shares.as_ref().map(|_| 0));
        for &field in fields {
            let bytes = match &account.around_shares {
                None => Bytes::new(figures.field(field)?.unsigned_abs()),
                Some((before, after)) => {
                    let (a, b) = (before.get(field)?.get(), after.get(field)?.get());
                    drift = drift.map(|drift| a.abs_diff(b).saturating_add(drift));
                    // The processes were read in between.
                    Bytes::new(a / 2 + b / 2)
                }
            };
            counter = counter.saturating_add(bytes);
        }
        Some(compare(sum?, unread, counter, drift.map(Bytes::new)))
    };
    let anon = identity(&[Field::AnonPages], sum(Shares::pss_anon, true), anon_unread);
    let file = sum(Shares::pss_file, false).zip(sum(Shares::pss_shmem, false));
    let file = file.map(|(file, shmem)| file.saturating_add(shmem));
    let mapped = identity(&[Field::Mapped], file, mapped_unread);
    let all = at_most(&unread, |process| process.rss);
    let both = identity(&[Field::AnonPages, Field::Mapped], sum(Shares::pss, true), all);
    let mut report = ShareIdentities {
        read: read.len(),
        unread: unread.len(),
        twins: account.shares.len() - own.len(),
        anon,
        mapped,
        both,
        text: String::new(),
    };
    report.text = text(&report);
    Some(report)
}

fn pss(process: &ProcessShare) -> Option<Bytes> {
    process.shares.as_ref()?.pss()
}

fn at_most(unread: &[&ProcessShare], of: impl Fn(&ProcessShare) -> Option<Bytes>) -> Option<Bytes> {
    unread
        .iter()
        .map(|process| of(process))
        .try_fold(Bytes::ZERO, |sum, bytes| Some(sum.saturating_add(bytes?)))
}

/// Half a percent of the counter is allowed, and 256 KiB: the kernel rounds each process's share
/// down, its counters lag, and a driver may insert pages that are mapped and in no address space's
/// count.
fn compare(
    sum: Bytes,
    unread_at_most: Option<Bytes>,
    counter: Bytes,
    drift: Option<Bytes>,
) -> Identity {
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
