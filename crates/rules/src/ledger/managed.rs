//! What the page allocator handed out, line by line.

use facts::Field::{
    Balloon, Bounce, HardwareCorrupted, KReclaimable, PageTables, Percpu, SReclaimable, SUnreclaim,
    SecPageTables, Slab, WritebackTmp,
};
use facts::{Account, TablePlace};
use units::Bytes;

use super::figures::Figures;
use super::tree::{exact, group, with};
use super::{Aside, AsideKind, Exactness, Line, LineKind};
use super::{compressed, free, hugetlb, tables, user, vmalloc};

/// The children of `MemTotal` without the remainder, and what this kernel or source does not tell.
pub(super) struct Parts {
    pub(super) lines: Vec<Line>,
    /// In words: what hides in the remainder because nothing counts it here.
    pub(super) untold: Vec<String>,
    /// Whether what fills most of a machine is there: without it there is no judging the remainder.
    pub(super) whole: bool,
}

pub(super) fn parts(figures: &mut Figures<'_>, account: &Account) -> Parts {
    let mut untold = Vec::new();
    let free = free::free(figures);
    let pcp = free::per_cpu_lists(figures);
    if pcp.is_none() {
        untold.push("free pages on per-cpu lists (`/proc/zoneinfo` was not read whole)".to_owned());
    }
    let user = user::user(figures, account);
    let slab = slab(figures);
    let whole = free.is_some() && user.is_some() && slab.is_some();
    let mut lines = Vec::new();
    lines.extend(free);
    lines.extend(pcp);
    lines.extend(user);
    lines.extend(slab);
    lines.extend(other_reclaimable(figures));
    lines.extend(page_tables(figures));
    let kernel = vmalloc::vmalloc_and_stacks(figures, account.vmap_stack);
    lines.extend(kernel.lines);
    untold.extend(kernel.untold);
    match per_cpu(figures, account) {
        Some(line) => lines.push(line),
        None => untold.push("per-cpu data of the kernel (counted since 4.19)".to_owned()),
    }
    lines.extend(boot_tables(figures, account));
    lines.extend(hugetlb::pool(figures, &account.pools));
    lines.extend(compressed::compressed(figures, &account.zram));
    lines.extend(rare(figures));
    Parts { lines, untold, whole }
}

/// `SReclaimable + SUnreclaim` (2.6.19); `Slab` prints their sum.
fn slab(figures: &mut Figures<'_>) -> Option<Line> {
    let total = figures.field(Slab);
    let mut children = Vec::new();
    for (field, kind) in
        [(SReclaimable, LineKind::SlabReclaimable), (SUnreclaim, LineKind::SlabUnreclaimable)]
    {
        let bytes = figures.field(field);
        children.extend(bytes.map(|b| exact(kind, b, format!("meminfo {}", field.text()))));
    }
    match total {
        Some(total) => Some(exact(LineKind::Slab, total, "meminfo Slab").made_of(children)),
        None => group(LineKind::Slab, children),
    }
}

/// `KReclaimable` (4.20) counts slab and `NR_KERNEL_MISC_RECLAIMABLE` together.
fn other_reclaimable(figures: &mut Figures<'_>) -> Option<Line> {
    let bytes = figures.field(KReclaimable)?.checked_sub(figures.field(SReclaimable)?)?;
    let from = "meminfo KReclaimable - SReclaimable";
    (bytes > 0).then(|| exact(LineKind::OtherReclaimable, bytes, from))
}

fn page_tables(figures: &mut Figures<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(
        figures
            .field(PageTables)
            .map(|bytes| exact(LineKind::PageTables, bytes, "meminfo PageTables")),
    );
    lines.extend(tables::uncounted(figures));
    if let Some(bytes) = figures.field(SecPageTables) {
        let mut line = exact(LineKind::SecPageTables, bytes, "meminfo SecPageTables");
        if let Some((iommu, _)) = figures.counter("nr_iommu_pages").filter(|&(b, _)| b > 0) {
            line.of_which.push(Aside { kind: AsideKind::IommuTables, bytes: iommu });
        }
        lines.push(line);
    }
    lines
}

/// `pcpu_nr_pages()`, 4.19. It counts the first chunk too (`pcpu_setup_first_chunk()`), which comes
/// from before the page allocator and so is outside `MemTotal`: an upper bound.
fn per_cpu(figures: &mut Figures<'_>, account: &Account) -> Option<Line> {
    let bytes = figures.field(Percpu)?;
    if let Some(first) = account.boot.percpu_first_chunk {
        let inside = bytes.checked_sub(figures.part(first, "kernel log, percpu: Embedded")?)?;
        let from = "meminfo Percpu less the first chunk of the kernel log";
        return Some(exact(LineKind::PerCpu, inside.max(0), from));
    }
    let exactness = Exactness::Bounded { at_least: 0, at_most: bytes };
    let line = with(LineKind::PerCpu, bytes, exactness, "meminfo Percpu");
    Some(line.noted("includes what each CPU was given before the allocator started"))
}

/// What `alloc_large_system_hash()`, ftrace and the atomic pools of DMA took from the page allocator at boot: no counter of
/// the kernel has it, only its log.
fn boot_tables(figures: &mut Figures<'_>, account: &Account) -> Option<Line> {
    let mut tables: Vec<_> =
        account.boot.tables.iter().filter(|table| table.place == TablePlace::Pages).collect();
    tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.name.cmp(&b.name)));
    let total: Bytes = tables.iter().map(|table| table.bytes).sum();
    let total = figures.part(total, "kernel log, boot-time tables").filter(|&b| b > 0)?;
    let largest: Vec<String> =
        tables.iter().take(3).map(|table| format!("{} {}", table.name, table.bytes)).collect();
    let line = exact(LineKind::BootTables, total, "kernel log, hash tables, ftrace, pools");
    Some(line.noted(format!("the largest: {}", largest.join(", "))))
}

/// Lines that are 0 on most machines, and left out there.
fn rare(figures: &mut Figures<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (field, kind) in [
        (Bounce, LineKind::Bounce),
        (WritebackTmp, LineKind::WritebackTmp),
        (HardwareCorrupted, LineKind::Corrupted),
    ] {
        if let Some(bytes) = figures.field(field).filter(|&b| b > 0) {
            lines.push(exact(kind, bytes, format!("meminfo {}", field.text())));
        }
    }
    for (name, kind) in [
        ("GPUActive", LineKind::GpuActive),
        ("GPUReclaim", LineKind::GpuReclaim),
        ("Quicklists", LineKind::Quicklists),
    ] {
        if let Some(bytes) = figures.other(name).filter(|&b| b > 0) {
            lines.push(exact(kind, bytes, format!("meminfo {name}")));
        }
    }
    // Memory added at run time brings its own memory map from the allocator (6.11).
    if let Some((bytes, from)) = figures.counter("nr_memmap_pages").filter(|&(b, _)| b > 0) {
        lines.push(exact(LineKind::MemoryMapHot, bytes, from));
    }
    lines
}

/// The balloon, wherever it belongs: `Balloon` (6.16), else what was inflated and not deflated by
/// the events of virtio's and VMware's drivers (3.18).
pub(super) fn balloon(figures: &mut Figures<'_>) -> Option<Line> {
    let line = if let Some(found) = figures.snapshot.meminfo.get(Balloon) {
        let bytes = figures.anything(found, "meminfo Balloon")?;
        exact(LineKind::Balloon, bytes, "meminfo Balloon")
    } else {
        let (inflated, _) = figures.counter("balloon_inflate")?;
        let (deflated, _) = figures.counter("balloon_deflate")?;
        let from = "vmstat balloon_inflate - balloon_deflate";
        with(LineKind::Balloon, inflated.saturating_sub(deflated), Exactness::Estimated, from)
    };
    (line.bytes > 0).then_some(line)
}
