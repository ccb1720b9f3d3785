//! What the machine has, and what was taken before the page allocator started.

use facts::{Account, TablePlace};
use units::Bytes;

use super::figures::Figures;
use super::tree::{exact, with};
use super::{Exactness, Line, LineKind};

/// The root: physical memory around `managed`. Where physical memory is unknown, or known to be
/// less than what is managed, the managed memory is the root itself.
pub(super) fn physical(
    figures: &mut Figures<'_>,
    account: &Account,
    managed: Line,
    balloon_outside: Option<Line>,
) -> Line {
    let present = figures.zones("present", |zone| zone.present);
    let ram = account.iomem.system_ram.and_then(|b| figures.anything(b, "iomem System RAM"));
    let found = ram
        .filter(|&b| b > 0)
        .map(|b| (b, "iomem System RAM"))
        .or(present.map(|b| (b, "zoneinfo present, all zones")));
    let Some((total, from)) = found.filter(|&(total, _)| total >= managed.bytes) else {
        return managed;
    };
    let taken = total - managed.bytes;
    let mut children = Vec::new();
    children.extend(memory_map(figures));
    if let Some(bytes) = account.iomem.kernel_image
        && let Some(bytes) = figures.anything(bytes, "iomem Kernel")
    {
        let from = "iomem Kernel code, rodata, data, bss";
        children.push(exact(LineKind::KernelImage, bytes, from));
    }
    if let Some(bytes) = account.iomem.crash_kernel {
        let bytes = figures.anything(bytes, "iomem Crash kernel").filter(|&b| b > 0);
        children.extend(bytes.map(|b| exact(LineKind::CrashKernel, b, "iomem Crash kernel")));
    }
    let early: Bytes = account
        .boot
        .tables
        .iter()
        .filter(|table| table.place == TablePlace::Early)
        .map(|table| table.bytes)
        .sum();
    if let Some(bytes) = figures.anything(early, "kernel log, hash tables").filter(|&b| b > 0) {
        children.push(exact(LineKind::EarlyTables, bytes, "kernel log, hash tables"));
    }
    if let Some(first) = account.boot.percpu_first_chunk {
        let bytes = figures.anything(first, "kernel log, percpu: Embedded").filter(|&b| b > 0);
        let from = "kernel log, percpu: Embedded";
        children.extend(bytes.map(|b| exact(LineKind::PerCpu, b, from)));
    }
    children.extend(balloon_outside);
    let before =
        with(LineKind::BeforeAllocator, taken, Exactness::Exact, "physical memory - MemTotal")
            .made_of(children);
    exact(LineKind::Physical, total, from).made_of(vec![before, managed])
}

/// `nr_memmap_boot_pages` (6.11), else 64 bytes a page on 64-bit machines: the size of
/// `struct page` with today's usual configuration (56 to 64 since 2.6.27). At most, since pools of
/// huge pages give parts of their memory map back.
fn memory_map(figures: &mut Figures<'_>) -> Option<Line> {
    if let Some((bytes, from)) = figures.counter("nr_memmap_boot_pages") {
        return Some(exact(LineKind::MemoryMap, bytes, from));
    }
    let wide = figures.snapshot.machine.as_ref().is_none_or(|machine| {
        let machine = machine.as_bytes();
        machine.ends_with(b"64") || matches!(machine, b"s390x" | b"ppc64le" | b"sparc64")
    });
    let present = figures.zones("present", |zone| zone.present).filter(|_| wide)?;
    let page = i64::try_from(figures.snapshot.page_size.bytes()).ok()?;
    let bytes = present / page * 64;
    Some(with(LineKind::MemoryMap, bytes, Exactness::Estimated, "64 bytes a page present"))
}
