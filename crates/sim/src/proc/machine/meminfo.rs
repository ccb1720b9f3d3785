//! `/proc/meminfo`: `meminfo_proc_show()`.
//!
//! # What it leaves out
//! Lines of options that not every kernel is built with: `Quicklists`, `ShadowCallStack`, `Zswap`,
//! `Cma*`, `EarlyMemtestBad`, `DirectMap*`.

use std::fmt::Write;

use facts::Release;
use rules::available::{AvailableInput, mem_available};
use rules::layout::Arch;
use rules::watermark::ZoneKind;
use units::Pages;

use crate::physical::counters::{Counters, Lru};

/// A line's figure.
enum Figure {
    /// Pages, printed in kB.
    Pages(u64),
    /// Kibibytes.
    Kib(u64),
    /// A plain count.
    Count(u64),
}

use Figure::{Count, Kib, Pages as P};

/// The file.
pub(crate) fn meminfo(counters: &Counters, release: Release, arch: Arch) -> String {
    let lines = lines(counters, release, arch);
    let mut text = String::new();
    for (name, figure) in lines {
        let label = format!("{name}:");
        let _ = match figure {
            // Of a longer label the number has less room.
            P(pages) => {
                let width = 24_usize.saturating_sub(label.len()).min(8);
                writeln!(text, "{label:<16}{:>width$} kB", pages.saturating_mul(4))
            }
            Kib(kib) => writeln!(text, "{label:<16}{kib:>8} kB"),
            Count(count) => writeln!(text, "{label:<16}{count:>8}"),
        };
    }
    text
}

fn lines(counters: &Counters, release: Release, arch: Arch) -> Vec<(&'static str, Figure)> {
    let v = Release::new;
    let old = |patch| Release::old(2, 6, patch);
    let all = |of: fn(&crate::physical::counters::NodeCounters) -> u64| counters.sum(of);
    let lru = |of: fn(&Lru) -> u64| counters.nodes.iter().map(|node| of(&node.lru)).sum::<u64>();
    let [anon_a, anon_i] = [lru(|lru| lru.active_anon), lru(|lru| lru.inactive_anon)];
    let [file_a, file_i] = [lru(|lru| lru.active_file), lru(|lru| lru.inactive_file)];
    let swap_cached = all(|node| node.swap_cached);
    let [reclaimable, unreclaimable] =
        [all(|node| node.slab_reclaimable), all(|node| node.slab_unreclaimable)];
    let mut rows: Vec<(&'static str, Figure)> = Vec::new();
    let mut add = |name, figure, from: Release, until: Option<Release>| {
        if release >= from && until.is_none_or(|until| release < until) {
            rows.push((name, figure));
        }
    };
    let always = Release::old(2, 4, 0);
    add("MemTotal", P(counters.managed()), always, None);
    add("MemFree", P(counters.free()), always, None);
    add("MemShared", P(0), always, Some(Release::old(2, 6, 0)));
    add("MemAvailable", P(available(counters, release)), v(3, 14), None);
    add("Buffers", P(0), always, None);
    add("Cached", P(all(|node| node.file).saturating_sub(swap_cached)), always, None);
    add("SwapCached", P(swap_cached), always, None);
    add("Active", P(anon_a + file_a), always, None);
    add("Inactive", P(anon_i + file_i), always, None);
    add("Active(anon)", P(anon_a), old(28), None);
    add("Inactive(anon)", P(anon_i), old(28), None);
    add("Active(file)", P(file_a), old(28), None);
    add("Inactive(file)", P(file_i), old(28), None);
    add("Unevictable", P(lru(|lru| lru.unevictable)), old(28), None);
    add("Mlocked", P(counters.zones.iter().map(|zone| zone.mlock).sum()), old(28), None);
    let high = |of: fn(&crate::physical::counters::ZoneCounters) -> u64| -> u64 {
        counters.zones.iter().filter(|zone| zone.kind == ZoneKind::HighMem).map(of).sum()
    };
    if arch == Arch::I386 || high(|zone| zone.managed) > 0 {
        let (total, free) = (high(|zone| zone.managed), high(|zone| zone.free));
        add("HighTotal", P(total), always, None);
        add("HighFree", P(free), always, None);
        add("LowTotal", P(counters.managed().saturating_sub(total)), always, None);
        add("LowFree", P(counters.free().saturating_sub(free)), always, None);
    } else {
        add("HighTotal", P(0), always, Some(old(19)));
        add("HighFree", P(0), always, Some(old(19)));
        add("LowTotal", P(counters.managed()), always, Some(old(19)));
        add("LowFree", P(counters.free()), always, Some(old(19)));
    }
    add("SwapTotal", P(counters.total_swap), always, None);
    add("SwapFree", P(counters.free_swap), always, None);
    add("Dirty", P(all(|node| node.dirty)), old(0), None);
    add("Writeback", P(all(|node| node.writeback)), old(0), None);
    add("AnonPages", P(all(|node| node.anon)), old(18), None);
    add("Mapped", P(all(|node| node.mapped)), old(0), None);
    add("Shmem", P(all(|node| node.shmem)), old(32), None);
    add("KReclaimable", P(reclaimable), v(4, 20), None);
    add("Slab", P(reclaimable + unreclaimable), old(0), None);
    add("SReclaimable", P(reclaimable), old(19), None);
    add("SUnreclaim", P(unreclaimable), old(19), None);
    add("KernelStack", Kib(all(|node| node.kernel_stack)), old(32), None);
    add("PageTables", P(all(|node| node.page_tables)), old(0), None);
    add("SecPageTables", P(0), v(6, 1), None);
    add("NFS_Unstable", P(0), old(18), None);
    add("Bounce", P(counters.zones.iter().map(|zone| zone.bounce).sum()), old(18), None);
    add("WritebackTmp", P(0), old(26), None);
    add("CommitLimit", P(counters.commit_limit), old(10), None);
    add("Committed_AS", P(counters.committed), old(0), None);
    let vmalloc = match arch {
        Arch::X86_64 | Arch::Ia32 => 34_359_738_367,
        Arch::I386 => 122_880,
        Arch::Arm => 565_248,
        Arch::Arm64 => 136_902_082_560,
    };
    add("VmallocTotal", Kib(vmalloc), old(0), None);
    add("VmallocUsed", Kib(0), old(0), None);
    add("VmallocChunk", Kib(if release < v(4, 4) { vmalloc } else { 0 }), old(0), None);
    add("Percpu", P(counters.percpu), v(4, 19), None);
    add("HardwareCorrupted", P(0), old(32), None);
    add("AnonHugePages", P(all(|node| node.anon_huge).saturating_mul(512)), old(38), None);
    add("ShmemHugePages", P(0), v(4, 8), None);
    add("ShmemPmdMapped", P(0), v(4, 8), None);
    add("FileHugePages", P(0), v(5, 4), None);
    add("FilePmdMapped", P(0), v(5, 4), None);
    add("Unaccepted", P(0), v(6, 5), None);
    add("Balloon", P(0), v(6, 16), None);
    add("GPUActive", P(0), v(7, 1), None);
    add("GPUReclaim", P(0), v(7, 1), None);
    let pool = &counters.pool;
    add("HugePages_Total", Count(pool.total), old(0), None);
    add("HugePages_Free", Count(pool.free), old(0), None);
    add("HugePages_Rsvd", Count(pool.reserved), old(18), None);
    add("HugePages_Surp", Count(pool.surplus), old(24), None);
    let huge = if arch == Arch::I386 && release < v(3, 0) { 4096 } else { 2048 };
    add("Hugepagesize", Kib(huge), old(0), None);
    add("Hugetlb", Kib(pool.total * huge), v(4, 16), None);
    rows
}

/// `MemAvailable`.
fn available(counters: &Counters, release: Release) -> u64 {
    let lru = counters.nodes.iter().map(|node| node.lru.active_file + node.lru.inactive_file);
    let input = AvailableInput {
        free: Pages::new(counters.free()),
        file_lru: Pages::new(lru.sum()),
        reclaimable: Pages::new(counters.sum(|node| node.slab_reclaimable)),
        low_marks: Pages::new(counters.zones.iter().map(|zone| zone.low).sum()),
        totalreserve: Pages::new(counters.total_reserve),
    };
    mem_available(release, input).count()
}
