//! Whether it looks like a leak in the kernel, in words.

use std::fmt::Write as _;

use facts::Field;
use units::Bytes;

use super::compare::Clock;
use super::{CacheChange, DiffVerdict, Growth, GrowthSums, LineChange, Moment, ProcessChange};
use crate::ledger::LineKind;

/// Less than this is noise on the stillest machine.
const NOISE: i64 = 16 << 20;

pub(super) fn verdict(
    before: &Moment<'_>,
    after: &Moment<'_>,
    lines: &[LineChange],
    processes: &[ProcessChange],
    caches: &[CacheChange],
    clock: Clock,
) -> DiffVerdict {
    let held = |lines: &[LineChange], who| -> i64 {
        counted(lines)
            .filter(|line| holder(line.kind) == who)
            .fold(0, |sum, line| sum.saturating_add(line.bytes.change))
    };
    let sums = GrowthSums {
        kernel: held(lines, Holder::Kernel),
        user: held(lines, Holder::User),
        cache: held(lines, Holder::Cache),
        free: held(lines, Holder::Free),
    };
    let noise = noise(before, after);
    let comparable = lines.iter().any(|line| line.kind == LineKind::Managed);
    let kind = if !comparable {
        Growth::Unknown
    } else if sums.kernel > noise && sums.kernel / 2 > sums.user {
        Growth::KernelGrew
    } else if sums.user > noise {
        Growth::UserGrew
    } else if sums.cache > noise {
        Growth::CacheGrew
    } else if sums.kernel.saturating_add(sums.user).saturating_add(sums.cache) < -noise {
        Growth::Shrank
    } else {
        Growth::Still
    };
    let text = match kind {
        Growth::Unknown => "One of the two moments has no account; they cannot be compared.".into(),
        Growth::Still => {
            format!("Nothing changed beyond the noise of {}.", amount(noise))
        }
        Growth::KernelGrew => kernel(after, lines, caches, sums, clock),
        Growth::UserGrew => user(processes, sums, clock),
        Growth::CacheGrew => format!(
            "Caches grew by {}{}. They give way when memory is needed.",
            amount(sums.cache),
            pace(sums.cache, clock)
        ),
        Growth::Shrank => {
            let less = sums.kernel.saturating_add(sums.user).saturating_add(sums.cache);
            format!("{} less is held than before.", amount(less))
        }
    };
    DiffVerdict { kind, text, sums, noise }
}

/// A thousandth of the machine, and twice what the counters moved while they were read.
fn noise(before: &Moment<'_>, after: &Moment<'_>) -> i64 {
    let total = after.ledger.total.map_or(0, Bytes::get);
    let drift = |moment: &Moment<'_>| moment.ledger.drift.map_or(0, |drift| drift.bytes);
    let moved = drift(before).saturating_add(drift(after)).saturating_mul(2);
    i64::try_from((total / 1000).max(moved)).unwrap_or(i64::MAX).max(NOISE)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Kernel,
    User,
    Cache,
    Free,
    /// Sums, and what is outside `MemTotal`.
    Nobody,
}

/// Lines that belong to one holder as a whole, so that none is counted with its parts.
fn holder(kind: LineKind) -> Holder {
    use LineKind as K;
    match kind {
        K::SlabUnreclaimable
        | K::PageTables
        | K::SecPageTables
        | K::Vmalloc
        | K::KernelStacks
        | K::PerCpu
        | K::BootTables
        | K::GpuActive
        | K::GpuReclaim
        | K::Bounce
        | K::WritebackTmp
        | K::Quicklists
        | K::Corrupted
        | K::MemoryMapHot
        | K::Rest => Holder::Kernel,
        K::Anon | K::Shmem | K::HugetlbPool | K::Compressed | K::Balloon => Holder::User,
        K::FileCache | K::Buffers | K::SwapCache | K::SlabReclaimable | K::OtherReclaimable => {
            Holder::Cache
        }
        K::Free | K::PerCpuLists => Holder::Free,
        _ => Holder::Nobody,
    }
}

/// The lines of `MemTotal` that are added up: its children, and of slab and user memory theirs. Of
/// the rests only the remainder: the others are differences between counters of the same pages.
fn counted(lines: &[LineChange]) -> impl Iterator<Item = &LineChange> {
    let managed = lines.iter().position(|line| line.kind == LineKind::Managed);
    let level = managed.and_then(|at| lines.get(at)).map_or(0, |line| line.depth) + 1;
    let mut parent = LineKind::Managed;
    lines
        .iter()
        .skip(managed.map_or(lines.len(), |at| at + 1))
        .take_while(move |line| line.depth >= level)
        .filter(move |line| {
            if line.depth == level {
                parent = line.kind;
                return true;
            }
            line.depth == level + 1
                && line.kind != LineKind::Rest
                && matches!(parent, LineKind::User | LineKind::Slab)
        })
}

fn kernel(
    after: &Moment<'_>,
    lines: &[LineChange],
    caches: &[CacheChange],
    sums: GrowthSums,
    clock: Clock,
) -> String {
    let top = counted(lines)
        .filter(|line| holder(line.kind) == Holder::Kernel)
        .max_by_key(|line| line.bytes.change);
    let mut text = format!(
        "The kernel holds {} more{}, and programs {}. That is how a leak in the kernel looks.",
        amount(sums.kernel),
        pace(sums.kernel, clock),
        match sums.user {
            0 => "no more than before".to_owned(),
            more if more > 0 => format!("only {} more", amount(more)),
            less => format!("{} less", amount(less)),
        }
    );
    if let Some(top) = top {
        let grown = amount(top.bytes.change);
        let _ = match top.kind {
            LineKind::Rest => write!(
                text,
                " Most of it, {grown}, is memory that no counter knows: pages of a driver, a GPU, \
                 network buffers or a module."
            ),
            LineKind::SlabUnreclaimable => {
                let cache = caches.iter().find(|cache| cache.bytes.change > 0).map_or_else(
                    || "`/proc/slabinfo`, read by root, tells which objects".to_owned(),
                    |cache| format!("the cache `{}` most", cache.name),
                );
                write!(text, " Most of it, {grown}, is unreclaimable slab: {cache}.")
            }
            LineKind::PageTables => write!(
                text,
                " Most of it, {grown}, is page tables: some process maps much and touches little \
                 of it at a time, or many processes map the same large memory."
            ),
            LineKind::Vmalloc => write!(
                text,
                " Most of it, {grown}, is vmalloc: `/proc/vmallocinfo`, read by root, names the \
                 callers."
            ),
            LineKind::KernelStacks => {
                write!(text, " Most of it, {grown}, is stacks: the number of threads grows.")
            }
            _ => write!(text, " Most of it, {grown}, is {}.", top.label),
        };
    }
    if let Some(hours) = left(after, sums.kernel, clock) {
        let _ = write!(text, " At that pace what is available lasts {hours}.");
    }
    text.push_str(" A third moment tells a leak from something that was allocated once.");
    text
}

fn user(processes: &[ProcessChange], sums: GrowthSums, clock: Clock) -> String {
    let mut text = format!("Programs hold {} more{}.", amount(sums.user), pace(sums.user, clock));
    if let Some(top) = processes.iter().find(|process| process.pss.change > 0) {
        let name = top.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let grown = amount(top.pss.change);
        let _ = match top.pss.before {
            Some(_) => write!(text, " Process {}{name} grew most, by {grown}.", top.pid),
            None => write!(text, " Process {}{name} is new, with {grown}.", top.pid),
        };
    }
    text
}

fn pace(change: i64, clock: Clock) -> String {
    clock.per_hour(change).map_or_else(String::new, |pace| format!(" ({} an hour)", amount(pace)))
}

/// How long what is available lasts, in words.
fn left(after: &Moment<'_>, change: i64, clock: Clock) -> Option<String> {
    let pace = u64::try_from(clock.per_hour(change)?).ok().filter(|&pace| pace > 0)?;
    let available = after.snapshot.meminfo.get(Field::MemAvailable)?.get();
    // MemAvailable larger than the machine is a broken counter.
    if after.ledger.total.is_some_and(|total| available > total.get()) {
        return None;
    }
    Some(match available / pace {
        0 => "less than an hour".to_owned(),
        1 => "about an hour".to_owned(),
        hours @ 2..48 => format!("about {hours} h"),
        hours => format!("about {} d", hours / 24),
    })
}

fn amount(bytes: i64) -> String {
    Bytes::new(bytes.unsigned_abs()).to_string()
}
