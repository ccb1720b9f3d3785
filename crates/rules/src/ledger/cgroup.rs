//! The third identity: what is charged to a memory cgroup against its parts.
//!
//! `memory.current` is a count of charged pages; `memory.stat` counts them by kind. They differ by
//! what is charged ahead (up to 64 pages a CPU, 32 before 6.1) and by kinds that a kernel does not
//! name. Version 1 charges kernel memory to a counter of its own as well, which since 2.6.38 is
//! included in `memory.usage_in_bytes` only as far as it is accounted at all.

use facts::{Account, Cgroup, CgroupVersion, Name, ProcessShare};
use units::Bytes;

use super::figures::Figures;
use super::tree::{exact, group, with};
use super::{CgroupLedger, Exactness, Line, LineKind, narrow};

/// All groups whose usage is known, by path.
pub(super) fn ledgers(figures: &mut Figures<'_>, account: &Account) -> Vec<CgroupLedger> {
    let cgroups = &figures.snapshot.cgroups;
    let narrow = narrow::loses_huge_pages(figures.snapshot);
    let version = cgroups.version.unwrap_or(CgroupVersion::V2);
    let mut out = Vec::new();
    for (path, group) in &cgroups.groups {
        let Some(line) = charged(figures, path, group, version) else { continue };
        let (pss, unread) = within(&account.shares, path, narrow);
        out.push(CgroupLedger { path: path.clone(), line, pss, unread });
    }
    out
}

/// The shares of the processes in `path` and below it; `narrow` when the kernel loses huge pages.
fn within(shares: &[ProcessShare], path: &Name, narrow: bool) -> (Option<Bytes>, usize) {
    let mut sum = None;
    let mut unread = 0;
    for process in shares.iter().filter(|process| process.twin_of.is_none()) {
        if !process.cgroup.as_ref().is_some_and(|own| is_within(own.as_bytes(), path.as_bytes())) {
            continue;
        }
        let share = process.shares.as_ref().and_then(|shares| {
            let lost = if narrow { facts::lost_huge_pages(shares) } else { Bytes::ZERO };
            Some(shares.pss()?.saturating_add(lost))
        });
        match share {
            Some(pss) => sum = Some(sum.unwrap_or(Bytes::ZERO).saturating_add(pss)),
            None => unread += 1,
        }
    }
    (sum, unread)
}

fn is_within(own: &[u8], path: &[u8]) -> bool {
    match own.strip_prefix(path) {
        Some(rest) => rest.is_empty() || rest.starts_with(b"/") || path.ends_with(b"/"),
        None => false,
    }
}

fn charged(
    figures: &mut Figures<'_>,
    path: &Name,
    group_facts: &Cgroup,
    version: CgroupVersion,
) -> Option<Line> {
    let file = match version {
        CgroupVersion::V1 => "memory.usage_in_bytes",
        CgroupVersion::V2 => "memory.current",
    };
    let mut figure = |bytes: Option<Bytes>, name: &str| {
        figures.anything(bytes?, &format!("{}: {name}", path.escaped()))
    };
    let total = figure(group_facts.current, file)?;
    let stat = &group_facts.stat;
    let mut children = Vec::new();
    // User memory, as for the machine: the reclaim lists, and what is in them.
    let lists = [
        (stat.inactive_anon, "inactive_anon"),
        (stat.active_anon, "active_anon"),
        (stat.inactive_file, "inactive_file"),
        (stat.active_file, "active_file"),
        (stat.unevictable, "unevictable"),
    ]
    .map(|(bytes, name)| figure(bytes, name))
    .into_iter()
    .try_fold(0_i64, |sum, bytes| Some(sum.saturating_add(bytes?)));
    let anon = figure(stat.anon, "anon");
    let file_pages = figure(stat.file, "file");
    let shmem = figure(stat.shmem, "shmem");
    let swap_cached = figure(stat.swapcached, "swapcached").filter(|&b| b > 0);
    let mut user = Vec::new();
    user.extend(anon.map(|b| exact(LineKind::Anon, b, "memory.stat anon")));
    user.extend(shmem.map(|b| exact(LineKind::Shmem, b, "memory.stat shmem")));
    user.extend(file_pages.map(|b| {
        let from = if shmem.is_some() { "memory.stat file - shmem" } else { "memory.stat file" };
        exact(LineKind::FileCache, b.saturating_sub(shmem.unwrap_or(0)).max(0), from)
    }));
    if let (Some(most), Some(lists), Some(anon), Some(file)) =
        (swap_cached, lists, anon, file_pages)
    {
        let left = lists.saturating_sub(anon.saturating_add(file)).clamp(0, most);
        let exactness = Exactness::Bounded { at_least: 0, at_most: most };
        let from = "reclaim lists less the above, at most swapcached";
        user.push(with(LineKind::SwapCache, left, exactness, from));
    }
    match lists {
        Some(bytes) => children.push(
            exact(LineKind::User, bytes, "memory.stat inactive_* + active_* + unevictable")
                .made_of(user),
        ),
        None => children.extend(group(LineKind::User, user)),
    }
    // Kernel memory. `kernel` (5.18) is all of it; before, what is named.
    let mut kernel = Vec::new();
    let slab = figure(stat.slab, "slab");
    let reclaimable = figure(stat.slab_reclaimable, "slab_reclaimable");
    let unreclaimable = figure(stat.slab_unreclaimable, "slab_unreclaimable");
    let halves: Vec<Line> = [
        (reclaimable, LineKind::SlabReclaimable, "memory.stat slab_reclaimable"),
        (unreclaimable, LineKind::SlabUnreclaimable, "memory.stat slab_unreclaimable"),
    ]
    .into_iter()
    .filter_map(|(bytes, kind, from)| Some(exact(kind, bytes?, from)))
    .collect();
    match slab {
        Some(slab) => {
            kernel.push(exact(LineKind::Slab, slab, "memory.stat slab").made_of(halves));
        }
        None => kernel.extend(group(LineKind::Slab, halves)),
    }
    for (bytes, kind, name) in [
        (stat.kernel_stack, LineKind::KernelStacks, "kernel_stack"),
        (stat.pagetables, LineKind::PageTables, "pagetables"),
        (stat.sec_pagetables, LineKind::SecPageTables, "sec_pagetables"),
        (stat.percpu, LineKind::PerCpu, "percpu"),
        (stat.vmalloc, LineKind::Vmalloc, "vmalloc"),
        (stat.zswap, LineKind::Zswap, "zswap"),
    ] {
        if let Some(bytes) = figure(bytes, name) {
            kernel.push(exact(kind, bytes, format!("memory.stat {name}")));
        }
    }
    let whole = match version {
        CgroupVersion::V2 => figure(stat.kernel, "kernel").map(|b| (b, "memory.stat kernel")),
        CgroupVersion::V1 => figure(group_facts.kmem, "memory.kmem.usage_in_bytes")
            .map(|b| (b, "memory.kmem.usage_in_bytes")),
    };
    match whole {
        // `mem_cgroup_usage()` of version 1 makes the root's usage of user pages alone.
        Some(_) if version == CgroupVersion::V1 && path.as_bytes() == b"/" => {}
        Some((bytes, from)) => {
            children.push(exact(LineKind::CgroupKernel, bytes, from).made_of(kernel));
        }
        None => children.extend(group(LineKind::CgroupKernel, kernel)),
    }
    for (bytes, kind, name) in
        [(stat.sock, LineKind::Sock, "sock"), (stat.hugetlb, LineKind::CgroupHugetlb, "hugetlb")]
    {
        if let Some(bytes) = figure(bytes, name).filter(|&b| b > 0) {
            children.push(exact(kind, bytes, format!("memory.stat {name}")));
        }
    }
    Some(exact(LineKind::Cgroup, total, file).made_of(children))
}
