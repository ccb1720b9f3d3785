//! What programs and files occupy: the pages on the reclaim lists.

use facts::Account;
use facts::Field::{
    Active, AnonHugePages, AnonPages, Buffers, Cached, CmaFree, CmaTotal, Dirty, FileHugePages,
    Inactive, Mapped, Mlocked, Shmem, ShmemHugePages, SwapCached, Unevictable, Writeback,
};

use units::Bytes;

use super::figures::Figures;
use super::tree::{exact, group, with};
use super::{Aside, AsideKind, Exactness, Line, LineKind};

/// Pages on the LRU lists: each once, whatever it is.
///
/// The counters beside them overlap (a mapped page of the swap cache is in `AnonPages` and in
/// `SwapCached`; shared memory is in `Cached` and perhaps in `Mapped`), so the sum of the lists is
/// the figure, and the counters say what is in it. `Active` and `Inactive` are printed by every
/// release; `Unevictable` since 2.6.28. Pages that reclaim holds in its hands are on no list
/// (`nr_isolated_anon`, `nr_isolated_file`, 2.6.32).
pub(super) fn user(figures: &mut Figures<'_>, account: &Account) -> Option<Line> {
    let lists = lists(figures);
    let anon = figures.field(AnonPages);
    let shmem = figures.field(Shmem);
    let cached = figures.field(Cached);
    let buffers = figures.field(Buffers);
    let mut children = Vec::new();
    children.extend(anon.map(|bytes| anonymous(figures, bytes)));
    children.extend(shmem.map(|bytes| {
        let mut line = exact(LineKind::Shmem, bytes, "meminfo Shmem");
        aside(figures, &mut line, ShmemHugePages, AsideKind::ShmemHuge);
        line
    }));
    children.extend(cached.map(|bytes| cache(figures, account, bytes, shmem)));
    children.extend(buffers.map(|bytes| exact(LineKind::Buffers, bytes, "meminfo Buffers")));
    let swap_cached = figures.field(SwapCached).filter(|&b| b > 0);
    if let (Some(most), Some((lists, _)), Some(anon), Some(cached)) =
        (swap_cached, &lists, anon, cached)
    {
        // Neither anonymous and mapped nor file: what is left of the lists, if it can be that.
        let left = lists.saturating_sub(anon + cached + buffers.unwrap_or(0)).clamp(0, most);
        let exactness = Exactness::Bounded { at_least: 0, at_most: most };
        let from = "reclaim lists less the above, at most meminfo SwapCached";
        children.push(with(LineKind::SwapCache, left, exactness, from));
    }
    let mut line = match lists {
        Some((bytes, from)) => {
            // Pages that a process just got wait in a batch of its CPU until they are put on a list
            // (`folio_add_lru()`), but their counters have them at once.
            let counted =
                anon.zip(cached).map(|(anon, cached)| anon + cached + buffers.unwrap_or(0));
            match counted.filter(|&counted| counted > bytes) {
                Some(counted) => {
                    let from = "meminfo AnonPages + Cached + Buffers";
                    let waiting = Bytes::new((counted - bytes).cast_unsigned());
                    exact(LineKind::User, counted, from)
                        .made_of(children)
                        .noted(format!("{waiting} of it wait to be put on the reclaim lists"))
                }
                None => exact(LineKind::User, bytes, from).made_of(children),
            }
        }
        None => group(LineKind::User, children)?,
    };
    aside(figures, &mut line, Mapped, AsideKind::Mapped);
    aside(figures, &mut line, Unevictable, AsideKind::Unevictable);
    aside(figures, &mut line, Mlocked, AsideKind::Mlocked);
    aside(figures, &mut line, SwapCached, AsideKind::SwapCached);
    if let (Some(total), Some(free)) = (figures.field(CmaTotal), figures.field(CmaFree))
        && let Some(bytes) = total.checked_sub(free).filter(|&b| b > 0)
    {
        line.of_which.push(Aside { kind: AsideKind::CmaUsed, bytes });
    }
    Some(line)
}

/// The sum of the lists and where it is from.
fn lists(figures: &mut Figures<'_>) -> Option<(i64, String)> {
    let mut sum = figures.field(Active)? + figures.field(Inactive)?;
    let mut from = "meminfo Active + Inactive".to_owned();
    if let Some(bytes) = figures.field(Unevictable) {
        sum += bytes;
        from.push_str(" + Unevictable");
    }
    for name in ["nr_isolated_anon", "nr_isolated_file"] {
        if let Some((bytes, place)) = figures.counter(name).filter(|&(b, _)| b > 0) {
            sum += bytes;
            from = format!("{from} + {place}");
        }
    }
    Some((sum, from))
}

fn anonymous(figures: &mut Figures<'_>, bytes: i64) -> Line {
    let line = exact(LineKind::Anon, bytes, "meminfo AnonPages");
    match figures.field(AnonHugePages) {
        Some(huge) => line.made_of(vec![
            exact(LineKind::AnonHuge, huge, "meminfo AnonHugePages"),
            exact(LineKind::AnonSmall, (bytes - huge).max(0), "meminfo AnonPages - AnonHugePages"),
        ]),
        None => line,
    }
}

/// `Cached` without shared memory. Which of `Mapped` is shared memory the kernel does not tell: at
/// least `Mapped - Shmem` is files. The processes' shares tell, where all were read.
fn cache(figures: &mut Figures<'_>, account: &Account, cached: i64, shmem: Option<i64>) -> Line {
    let bytes = cached.saturating_sub(shmem.unwrap_or(0)).max(0);
    let from = if shmem.is_some() { "meminfo Cached - Shmem" } else { "meminfo Cached" };
    let mut line = exact(LineKind::FileCache, bytes, from);
    if let Some(mapped) = figures.field(Mapped) {
        let shmem = shmem.unwrap_or(0);
        let (at_least, at_most) = ((mapped - shmem).clamp(0, bytes), mapped.min(bytes));
        let (part, exactness, from) = match mapped_shmem(figures, account) {
            Some(mapped_shmem) => (
                (mapped - mapped_shmem).clamp(at_least, at_most),
                Exactness::Estimated,
                "meminfo Mapped less the processes' Pss_Shmem",
            ),
            None if at_least == at_most => (at_least, Exactness::Exact, "meminfo Mapped"),
            None => (
                at_least,
                Exactness::Bounded { at_least, at_most },
                "meminfo Mapped - Shmem, at most Mapped",
            ),
        };
        let mapped = with(LineKind::FileMapped, part, exactness, from);
        let unmapped = with(
            LineKind::FileUnmapped,
            bytes - part,
            match exactness {
                Exactness::Bounded { at_least, at_most } => {
                    Exactness::Bounded { at_least: bytes - at_most, at_most: bytes - at_least }
                }
                other => other,
            },
            "page cache less its mapped part",
        );
        line = line.made_of(vec![mapped, unmapped]);
    }
    aside(figures, &mut line, Dirty, AsideKind::Dirty);
    aside(figures, &mut line, Writeback, AsideKind::Writeback);
    aside(figures, &mut line, FileHugePages, AsideKind::FileHuge);
    if shmem.is_none() {
        line.noted("shared memory is in it: this kernel does not tell")
    } else {
        line
    }
}

/// Σ `Pss_Shmem`, when every process with memory was read.
fn mapped_shmem(figures: &mut Figures<'_>, account: &Account) -> Option<i64> {
    let mut sum = Bytes::ZERO;
    let counted = account.shares.iter().filter(|share| share.twin_of.is_none());
    let mut any = false;
    for share in counted {
        sum = sum.saturating_add(share.shares.as_ref()?.pss_shmem()?);
        any = true;
    }
    any.then(|| figures.part(sum, "smaps_rollup Pss_Shmem, all processes")).flatten()
}

fn aside(figures: &mut Figures<'_>, line: &mut Line, field: facts::Field, kind: AsideKind) {
    if let Some(bytes) = figures.field(field).filter(|&b| b > 0) {
        line.of_which.push(Aside { kind, bytes });
    }
}
