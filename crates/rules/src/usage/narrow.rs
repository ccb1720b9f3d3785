//! Shares of kernels that lose huge pages in them.

use facts::{Amounts, Measure, MemoryOf, Share, Shares, Survey, lost_huge_pages};
use units::Bytes;

use crate::ledger::narrow::loses_huge_pages;

/// The survey with what its kernel lost put back into the shares, and how much that is. `None` when
/// nothing was lost, as on all kernels but few.
pub(super) fn restored(survey: &Survey) -> Option<(Survey, Bytes)> {
    if !loses_huge_pages(&survey.machine) {
        return None;
    }
    let mut survey = survey.clone();
    let mut all = Bytes::ZERO;
    for process in &mut survey.processes {
        if let MemoryOf::Shares(shares) = &mut process.memory {
            all = all.saturating_add(process_shares(shares));
        }
    }
    for mapping in survey.mappings.iter_mut().flatten() {
        all = all.saturating_add(amounts(&mut mapping.amounts));
    }
    (all > Bytes::ZERO).then_some((survey, all))
}

fn process_shares(shares: &mut Shares) -> Bytes {
    let lost = lost_huge_pages(shares);
    for share in [Share::Pss, Share::PssAnon] {
        if let Some(size) = shares.get(share) {
            shares.set(share, size.saturating_add(lost));
        }
    }
    lost
}

fn amounts(amounts: &mut Amounts) -> Bytes {
    let lost = amounts.get(Measure::HugeLost).unwrap_or_default();
    for measure in [Measure::Pss, Measure::Anon] {
        amounts.grow(measure, lost);
    }
    lost
}
