//! Where the memory was, by the counters of the report.
//!
//! # What it leaves out
//! `mapped`, `dirty`, `writeback` and the swap cache: they are on the lists already. Stacks,
//! compressed memory and the balloon are printed by node or zone, which a cpuset or a low zone may
//! hide from the text; then they stay in the remainder.

use facts::Release;
use facts::oom_report::{MemcgBlock, MemcgCounters, OomReport, ShowMem};
use units::{Bytes, PageSize, Pages};

use super::report::{CacheSize, GroupState, Holder, Holding, MemoryAccount, Remainder};

/// How many caches and allocation sites are kept.
const TOP: usize = 8;
/// Up to this a remainder is nothing to wonder at, whatever its share.
const ORDINARY: u64 = 200 << 20;

pub(super) fn memory(
    report: &OomReport,
    group: Option<&GroupState>,
    release: Release,
    page_size: PageSize,
) -> Option<MemoryAccount> {
    let mut account = match (group, &report.memcg, &report.memory) {
        (Some(group), Some(block), _) => of_group(block, group)?,
        (_, _, Some(memory)) => of_machine(memory, release, page_size)?,
        _ => return None,
    };
    let resident: Option<Pages> =
        report.tasks.as_ref().filter(|t| !t.rows.is_empty()).map(|table| {
            table.rows.iter().filter_map(|row| row.rss).fold(Pages::ZERO, Pages::saturating_add)
        });
    account.resident_of_tasks = resident.map(|pages| pages.to_bytes_saturating(page_size));
    account.slab_caches = largest(report.slab.iter().flat_map(|slab| {
        slab.caches.iter().filter_map(|c| Some(CacheSize { name: c.name.clone(), bytes: c.total? }))
    }));
    let sites = report.memory.as_ref().and_then(|memory| memory.allocations.as_ref());
    account.allocation_sites = largest(sites.into_iter().flat_map(|sites| {
        sites
            .sites
            .iter()
            .filter_map(|s| Some(CacheSize { name: s.place.clone(), bytes: s.bytes? }))
    }));
    Some(account)
}

fn largest(sizes: impl Iterator<Item = CacheSize>) -> Vec<CacheSize> {
    let mut sizes: Vec<CacheSize> = sizes.collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.bytes));
    sizes.truncate(TOP);
    sizes
}

/// Rows in the making.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Holding>,
}

impl Rows {
    fn add(&mut self, what: Holder, bytes: Option<Bytes>) {
        self.part(what, bytes, None);
    }

    fn part(&mut self, what: Holder, bytes: Option<Bytes>, within: Option<Holder>) {
        if let Some(bytes) = bytes {
            self.rows.push(Holding { what, bytes, within });
        }
    }

    fn finish(self, total: Option<Bytes>, enough: bool) -> MemoryAccount {
        let held: i128 = self
            .rows
            .iter()
            .filter(|row| row.within.is_none())
            .map(|row| i128::from(row.bytes.get()))
            .sum();
        let remainder = total
            .filter(|_| enough)
            .and_then(|total| i64::try_from(i128::from(total.get()) - held).ok());
        MemoryAccount {
            total,
            rows: self.rows,
            remainder,
            remainder_is: remainder.zip(total).map(|(rest, total)| judge(rest, total)),
            resident_of_tasks: None,
            slab_caches: Vec::new(),
            allocation_sites: Vec::new(),
        }
    }
}

/// Up to this a remainder is ordinary: a report prints neither vmalloc nor per-cpu data, and so they
/// are in it with what any machine's drivers take.
pub(crate) fn ordinary(total: u64) -> u64 {
    ORDINARY.max(total / 10)
}

fn judge(remainder: i64, total: Bytes) -> Remainder {
    let size = remainder.unsigned_abs();
    if size <= ordinary(total.get()) {
        if remainder < 0 && size > total.get() / 50 {
            Remainder::Overcounted
        } else {
            Remainder::Ordinary
        }
    } else if remainder < 0 {
        Remainder::Overcounted
    } else {
        Remainder::Unaccounted
    }
}

/// Adds what is known; `None` when nothing is.
fn sum(parts: impl IntoIterator<Item = Option<Bytes>>) -> Option<Bytes> {
    parts.into_iter().flatten().reduce(Bytes::saturating_add)
}

fn of_machine(memory: &ShowMem, release: Release, page_size: PageSize) -> Option<MemoryAccount> {
    let c = &memory.counters;
    let bytes = |pages: Option<Pages>| pages.map(|pages| pages.to_bytes_saturating(page_size));
    let all = |parts: &[Option<Pages>]| sum(parts.iter().map(|&pages| bytes(pages)));
    let mut rows = Rows::default();
    rows.add(Holder::Anonymous, all(&[c.active_anon, c.inactive_anon, c.isolated_anon]));
    rows.part(Holder::Shmem, bytes(c.shmem), Some(Holder::Anonymous));
    rows.add(Holder::FileCache, all(&[c.active_file, c.inactive_file, c.isolated_file]));
    rows.add(Holder::Lists, all(&[c.active, c.inactive]));
    rows.add(Holder::Unevictable, bytes(c.unevictable));
    rows.add(Holder::SlabReclaimable, bytes(c.slab_reclaimable));
    rows.add(Holder::SlabUnreclaimable, bytes(c.slab_unreclaimable));
    rows.add(Holder::Slab, bytes(c.slab));
    rows.add(Holder::PageTables, bytes(c.pagetables));
    rows.add(Holder::SecondaryPageTables, bytes(c.sec_pagetables));
    let of_nodes = sum(memory.nodes.iter().map(|node| node.counters.kernel_stack));
    let of_zones = sum(memory.zones.iter().map(|zone| zone.counters.kernel_stack));
    rows.add(Holder::KernelStacks, of_nodes.or(of_zones));
    if !memory.huge_pools.is_empty() {
        rows.add(Holder::HugePages, Some(pool(memory, |pool| pool.total)));
        let free = pool(memory, |pool| pool.free);
        rows.part(Holder::HugePagesFree, Some(free), Some(Holder::HugePages));
    }
    rows.add(Holder::OtherReclaimable, bytes(c.kernel_misc_reclaimable));
    rows.add(Holder::Compressed, sum(memory.zones.iter().map(|zone| zone.counters.zspages)));
    rows.add(Holder::Balloon, sum(memory.nodes.iter().map(|node| node.counters.balloon)));
    let graphics =
        memory.nodes.iter().flat_map(|n| [n.counters.gpu_active, n.counters.gpu_reclaim]);
    rows.add(Holder::Graphics, sum(graphics));
    rows.add(Holder::FreePerCpu, bytes(c.free_pcp));
    rows.add(Holder::Free, bytes(c.free));
    // Without free pages or lists the sum means nothing.
    let enough = c.free.is_some() && rows.rows.len() > 3;
    let account = rows.finish(bytes(managed(memory, release, page_size)), enough);
    (!account.rows.is_empty()).then_some(account)
}

fn pool(memory: &ShowMem, count: impl Fn(&facts::oom_report::HugePool) -> Option<u64>) -> Bytes {
    let bytes = memory
        .huge_pools
        .iter()
        .filter_map(|pool| Some(Bytes::new(count(pool)?.saturating_mul(pool.size?.get()))));
    bytes.fold(Bytes::ZERO, Bytes::saturating_add)
}

/// Unused huge pages of a node.
pub(super) fn unused_huge_pages(memory: &ShowMem, node: u32) -> Bytes {
    pool(memory, |pool| pool.free.filter(|_| pool.node == node))
}

/// The pools of huge pages, used or not.
pub(super) fn huge_pages(memory: &ShowMem) -> Bytes {
    pool(memory, |pool| pool.total)
}

/// What the allocator manages: `pages RAM` less `pages reserved`. From 3.19 to 4.1 `reserved` was
/// printed without the contiguous areas, which were not counted as managed. Where `pages RAM` was
/// copied wrong ([`miswritten`]), the zones say it.
pub(crate) fn managed(memory: &ShowMem, release: Release, size: PageSize) -> Option<Pages> {
    let totals = &memory.totals;
    let ram = miswritten(memory, size).or(totals.ram)?.count();
    let managed = ram.checked_sub(totals.reserved?.count())?;
    let cma = totals.cma_reserved.map_or(0, Pages::count);
    let printed_less = release >= Release::new(3, 19) && release < Release::new(4, 2);
    Some(Pages::new(if printed_less { managed.checked_sub(cma)? } else { managed }))
}

/// What `pages RAM` should say, where it has a digit too many or too few for the zones of the same
/// report: `show_mem()` (3.10) adds up `present` and what of it is not `managed`, the second sum is
/// that of the printed zones to the page, and the first would be but for that digit. A cpuset that
/// hides zones changes more than a digit.
pub(super) fn miswritten(memory: &ShowMem, size: PageSize) -> Option<Pages> {
    let ram = memory.totals.ram?;
    let zones =
        memory.zones.iter().map(|zone| Some((zone.counters.present?, zone.counters.managed?)));
    let zones: Vec<(Bytes, Bytes)> = zones.collect::<Option<_>>()?;
    let present: Bytes =
        zones.iter().map(|&(present, _)| present).fold(Bytes::ZERO, Bytes::saturating_add);
    let managed =
        zones.iter().map(|&(_, managed)| managed).fold(Bytes::ZERO, Bytes::saturating_add);
    let reserved = size.pages_in(Bytes::new(present.get().checked_sub(managed.get())?));
    let present = size.pages_in(present);
    let agree = memory.totals.reserved == Some(reserved) && present != ram && present > Pages::ZERO;
    let (long, short) =
        (ram.max(present).count().to_string(), ram.min(present).count().to_string());
    (agree && has_one_more(&long, &short)).then_some(present)
}

/// Whether one character taken out of `long` leaves `short`.
fn has_one_more(long: &str, short: &str) -> bool {
    let same = long.bytes().zip(short.bytes()).take_while(|(a, b)| a == b).count();
    long.len() == short.len() + 1 && long.as_bytes()[same + 1..] == short.as_bytes()[same..]
}

fn of_group(block: &MemcgBlock, group: &GroupState) -> Option<MemoryAccount> {
    let first = block.stats.first()?;
    let usage = group.memory.and_then(|memory| memory.usage);
    let figures = |keys: &[&str]| keys.iter().find_map(|key| figure(block, key));
    let plain = |key: &str| first.counters.get(key).map(Bytes::new);
    let mut rows = Rows::default();
    let anon = plain("anon");
    if anon.is_some() {
        // Names of cgroup v2; `file` holds shmem.
        rows.add(Holder::Anonymous, anon);
        rows.add(Holder::FileCache, plain("file"));
        rows.part(Holder::Shmem, plain("shmem"), Some(Holder::FileCache));
        if let Some(kernel) = plain("kernel") {
            rows.add(Holder::Kernel, Some(kernel));
            let within = Some(Holder::Kernel);
            rows.part(Holder::KernelStacks, plain("kernel_stack"), within);
            rows.part(Holder::PageTables, plain("pagetables"), within);
            rows.part(Holder::SlabReclaimable, plain("slab_reclaimable"), within);
            rows.part(Holder::SlabUnreclaimable, plain("slab_unreclaimable"), within);
            rows.part(Holder::PerCpuData, plain("percpu"), within);
        } else {
            rows.add(Holder::KernelStacks, plain("kernel_stack"));
            rows.add(Holder::PageTables, plain("pagetables"));
            rows.add(Holder::Slab, plain("slab"));
            rows.add(Holder::PerCpuData, plain("percpu"));
        }
        rows.add(Holder::Sockets, plain("sock"));
    } else {
        // Names of cgroup v1: `cache` holds shmem, and kernel memory is counted beside.
        rows.add(Holder::Anonymous, figures(&["total_rss", "rss"]));
        rows.add(Holder::FileCache, figures(&["total_cache", "cache"]));
        let shmem = figures(&["total_shmem", "shmem"]);
        rows.part(Holder::Shmem, shmem, Some(Holder::FileCache));
        rows.add(Holder::Kernel, block.kmem.and_then(|kmem| kmem.usage));
    }
    let enough = rows.rows.len() > 1;
    (!rows.rows.is_empty()).then(|| rows.finish(usage, enough))
}

/// A figure of the whole group: `total_…` is one already; others are the groups' own and are added
/// up over the groups that the text lists (3.9 to 5.2).
pub(crate) fn figure(block: &MemcgBlock, key: &str) -> Option<Bytes> {
    let of = |counters: &MemcgCounters| counters.get(key).map(Bytes::new);
    if key.starts_with("total_") {
        return of(&block.stats.first()?.counters);
    }
    sum(block.stats.iter().map(|stats| of(&stats.counters)))
}
