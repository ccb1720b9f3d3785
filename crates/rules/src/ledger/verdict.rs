//! What to think of the remainder, in words for a person.

use facts::Field;
use units::{Bytes, Percent};

use super::figures::Figures;
use super::{Drift, LedgerVerdict, Line, RemainderLevel};
use crate::explain::ordinary;

/// What a kernel takes in whole pages and tells nowhere, however small the machine.
///
/// On kernels 6.1 and 6.12 (x86-64, one CPU, two disks) 770 to 1152 KiB are left, from 256 MiB to 1 GiB
/// of memory. A trace of the page allocator from early boot on has found of them: requests of the
/// block layer, 256 to 512 KiB (`blk_mq_alloc_map_and_rqs()`); page tables of the kernel and splits
/// of its direct map, about 70 KiB; rings of virtio, pages of zeros and the like, up to 110 KiB. What
/// is taken before the trace begins it cannot show; by the source 256 KiB of that are the names of
/// traced tasks (`allocate_cmdlines_buffer()`, in whole pages since 6.8 and in stable releases).
const AT_BOOT: i64 = 1 << 20;

/// The tables and pools that the kernel's log names, where there is no log: 1.4 MiB of ftrace, hash
/// tables and DMA pools on those machines, and growing with memory far more slowly than half a
/// percent.
const WITHOUT_LOG: i64 = 2 << 20;

/// A remainder up to this is normal: 0.5 % of `MemTotal`, or what every kernel takes at boot.
pub(super) fn tolerance(total: i64, log: bool) -> i64 {
    (total / 200).max(if log { AT_BOOT } else { AT_BOOT + WITHOUT_LOG })
}

pub(super) fn unknown(why: &str) -> LedgerVerdict {
    LedgerVerdict {
        level: RemainderLevel::Unknown,
        remainder: None,
        share: None,
        text: format!("No account can be given: {why}."),
        may_be: Vec::new(),
    }
}

pub(super) fn verdict(
    figures: &Figures<'_>,
    managed: &Line,
    untold: &[String],
    whole: bool,
    drift: Option<Drift>,
    log: bool,
) -> LedgerVerdict {
    let Some(rest) = managed.rest().filter(|_| whole) else {
        return unknown("free memory, the reclaim lists or slab could not be read");
    };
    let (total, remainder) = (managed.bytes, rest.bytes);
    let size = Bytes::new(remainder.unsigned_abs());
    let share = Percent::of(size.get(), total.unsigned_abs());
    let of_total = share.map_or_else(String::new, |share| format!(", {share} of MemTotal"));
    let moved = i64::try_from(drift.map_or(0, |d| d.bytes)).unwrap_or(i64::MAX);
    let tolerance = match figures.snapshot.meminfo.get(Field::VmallocUsed) {
        Some(_) => tolerance(total, log),
        // Every kernel's /proc has that line; a report in a log has not.
        None => i64::try_from(ordinary(total.unsigned_abs())).unwrap_or(i64::MAX),
    };
    let level = if remainder.saturating_abs() <= tolerance.max(moved) {
        RemainderLevel::Normal
    } else if remainder < 0 {
        RemainderLevel::OverCounted
    } else {
        RemainderLevel::Large
    };
    let mut may_be = Vec::new();
    let text = match level {
        RemainderLevel::Normal if remainder.saturating_abs() > tolerance => format!(
            "The account is open by {size}{of_total}; the counters moved by as much while they \
             were read, so that says nothing. Look again when the machine is quieter."
        ),
        RemainderLevel::Normal if remainder < 0 => format!(
            "Every page is accounted for: the lines add up to {size} more than there is{of_total}. \
             Counters that lag a little explain that."
        ),
        RemainderLevel::Normal if figures.snapshot.meminfo.get(Field::VmallocUsed).is_none() => {
            format!(
                "All but {size}{of_total} is in the lines below. That is normal: neither vmalloc \
                 nor per-cpu data is printed here, and every kernel takes some pages that it \
                 counts nowhere."
            )
        }
        RemainderLevel::Normal => format!(
            "Every page is accounted for but {size}{of_total}. That is normal: every kernel takes \
             some pages that it counts nowhere."
        ),
        RemainderLevel::OverCounted => {
            may_be.push("memory counted twice by this kernel".to_owned());
            may_be.push("files that were read at different moments of a busy machine".to_owned());
            format!(
                "The lines add up to {size} more than there is{of_total}: some memory is counted \
                 twice, or the counters moved while they were read."
            )
        }
        RemainderLevel::Large => {
            may_be = suspects(figures, untold);
            format!(
                "No counter of the kernel accounts for {size}{of_total}. Somebody in the kernel \
                 holds it: a driver, a hypervisor's balloon, network buffers, or a leak. Compare \
                 two moments with `--diff` to see whether it grows."
            )
        }
        RemainderLevel::Unknown => String::new(),
    };
    LedgerVerdict { level, remainder: Some(remainder), share, text, may_be }
}

/// What a large remainder may be, what there is a trace of first.
fn suspects(figures: &Figures<'_>, untold: &[String]) -> Vec<String> {
    let meminfo = &figures.snapshot.meminfo;
    let vmstat = &figures.snapshot.vmstat;
    let mut may_be = Vec::new();
    let inflated = vmstat.get("balloon_inflate").unwrap_or(0);
    let deflated = vmstat.get("balloon_deflate").unwrap_or(0);
    if meminfo.get(Field::Balloon).is_none() && inflated > deflated {
        may_be.push("a balloon: `balloon_inflate` of vmstat counts inflations".to_owned());
    }
    if let (Some(total), Some(free)) = (meminfo.get(Field::CmaTotal), meminfo.get(Field::CmaFree)) {
        let used = total.saturating_sub(free);
        if used > Bytes::ZERO {
            may_be.push(format!("buffers of devices in contiguous areas, at most {used}"));
        }
    }
    may_be.extend(untold.iter().cloned());
    let gpu = meminfo.other.iter().any(|other| &*other.name == "GPUActive");
    if !gpu {
        may_be.push("buffers of a GPU (counted since 7.1) or of another driver".to_owned());
    }
    may_be.push("network buffers: see `mem` in /proc/net/sockstat".to_owned());
    if meminfo.get(Field::Balloon).is_none() && inflated == 0 {
        may_be.push("a hypervisor's balloon that this kernel does not count".to_owned());
    }
    may_be.push("a file system's cache of its own, such as ZFS's ARC".to_owned());
    may_be.push("trace buffers, or pages that a module has lost".to_owned());
    may_be
}
