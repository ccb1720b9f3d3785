//! The headroom: how much more anonymous memory can be touched on this machine before the
//! allocator falls under the min watermarks with nothing left to reclaim.
//!
//! # What it follows
//! A fault of a process asks for one page from the highest zone down and gets it from the first
//! zone whose free pages exceed its min mark and what the zone keeps back from such requests
//! (`zone_watermark_ok()`, [`crate::watermark`], [`crate::reserve`]). When no zone has one, reclaim
//! goes on as long as there is file cache, or swap for anonymous pages; only then is the OOM killer
//! called (`should_reclaim_retry()` since 4.7, "all unreclaimable" before). At the kill every zone
//! stands within one batch of per-cpu pages of its min mark and reserve.
//!
//! So the headroom is a sum: free pages above those marks, page cache, part of the reclaimable
//! slab, room in swap. A temporary boost of the marks is not taken off: it decays before the end.
//!
//! Held against what then happened on the machines of `tests/data/captures` (6.1 and 6.12, 256 MiB
//! to 1 GiB, with and without swap and zram): the kernel killed between 3 % before what is sure or
//! likely and the sum of all parts. On 6.12 the per-cpu lists came nearly whole, on 6.1 the slab did
//! not.
//!
//! # What it leaves out
//! Page tables for the new memory (about 1/512 of it). Memory policies and cpusets, which confine a
//! process to some nodes. What `memory.min` protects from reclaim. Requests of the kernel itself,
//! which may use a lower zone's reserve or need low memory.

use facts::{Field, Release, Snapshot, SwapUse, Zone};
use units::{Bytes, Pages};

use crate::eligible::some_are_hidden;
use crate::reserve::reserve_towards_users;
use crate::status::{Certainty, Headroom, HeadroomPart, PartKind};
use crate::watermark::{ZoneKind, min_free_kbytes};

/// The part of reclaimable slab that may come: half.
///
/// The kernel frees a slab page when every object on it is freed, and objects in use pin their
/// neighbours. How many will come cannot be known from outside; the kernel's own estimate,
/// `MemAvailable`, also begins with half and is bolder with large caches.
pub(crate) fn half_of_slab(reclaimable: Bytes) -> Bytes {
    Bytes::new(reclaimable.get() / 2)
}

/// How sure that half is. On machines just booted next to nothing comes back of what is called
/// reclaimable: 9 MB stayed at every size from 128 MB to 2 GB (measured on 6.1; 40 MB were there on
/// 24 GB), objects of mounted memory filesystems and such. What grows far beyond that stock is
/// caches of directories and inodes.
fn certainty_of_slab(reclaimable: Bytes, ram: Option<Bytes>) -> Certainty {
    const STOCK: Bytes = Bytes::new(64 << 20);
    match ram {
        Some(ram) if reclaimable > STOCK && reclaimable.get() > ram.get() / 20 => Certainty::Likely,
        _ => Certainty::Perhaps,
    }
}

/// The headroom of the machine; `None` when `MemFree` is unknown.
///
/// Of the other inputs each may be missing; a note says which, and what was taken for it. Cache and
/// swap that are unknown count as nothing, so that the sum is rather too small.
pub fn headroom(snapshot: &Snapshot, release: Release) -> Option<Headroom> {
    let get = |field| snapshot.meminfo.get(field);
    let free = get(Field::MemFree)?;
    let mut notes = Vec::new();

    let kept = kept_back(snapshot, release, &mut notes);
    let kept_back = kept.free.min(free);
    let mut parts =
        vec![part(PartKind::FreeAboveMin, free.saturating_sub(kept_back), Certainty::Sure)];
    if let Some(pages) = per_cpu_lists(&snapshot.zones) {
        let bytes = pages.to_bytes_saturating(snapshot.page_size);
        parts.push(part(PartKind::PerCpuLists, bytes, Certainty::Perhaps));
    }
    match page_cache(snapshot) {
        None => notes.push("the page cache is unknown and counts as nothing".to_owned()),
        Some(cache) => {
            // What reclaim gets in a zone that stands below its marks fills the zone up first.
            let (clean, rest) = take_off(cache.clean, kept.owed);
            let (dirty, rest) = take_off(cache.dirty, rest);
            let (mapped, _) = take_off(cache.mapped, rest);
            parts.push(part(PartKind::CleanCache, clean, Certainty::Sure));
            parts.push(part(PartKind::DirtyCache, dirty, Certainty::Likely));
            parts.push(part(PartKind::MappedCache, mapped, Certainty::Perhaps));
        }
    }
    if let Some(slab) = get(Field::KReclaimable).or(get(Field::SReclaimable)) {
        let certainty = certainty_of_slab(slab, get(Field::MemTotal));
        parts.push(part(PartKind::ReclaimableSlab, half_of_slab(slab), certainty));
    }
    let swap_total = get(Field::SwapTotal);
    match get(Field::SwapFree) {
        Some(swap) => {
            // Lxcfs and old kernels have printed more free swap than there is.
            let swap = swap_total.map_or(swap, |total| swap.min(total));
            let cached = get(Field::SwapCached).unwrap_or_default();
            let room = swap.saturating_add(cached);
            let stays = stays_in_memory(snapshot).unwrap_or_default().min(room);
            parts.push(part(PartKind::Swap, room.saturating_sub(stays), Certainty::Likely));
            parts.push(part(PartKind::Swap, stays, Certainty::Perhaps));
            if swap > Bytes::ZERO {
                notes.extend(compressed_swap(snapshot));
            }
        }
        None if swap_total == Some(Bytes::ZERO) => {}
        None => notes.push("free swap is unknown and counts as nothing".to_owned()),
    }
    parts.retain(|part| part.bytes > Bytes::ZERO || part.what == PartKind::FreeAboveMin);

    let sum = |certain: fn(Certainty) -> bool| -> Bytes {
        parts.iter().filter(|part| certain(part.certainty)).map(|part| part.bytes).sum()
    };
    Some(Headroom {
        total: sum(|_| true),
        sure: sum(|certainty| certainty == Certainty::Sure),
        expected: sum(|certainty| certainty <= Certainty::Likely),
        capacity: get(Field::MemTotal)
            .map(|ram| ram.saturating_add(swap_total.unwrap_or_default())),
        parts,
        kept_back,
        notes,
    })
}

fn part(what: PartKind, bytes: Bytes, certainty: Certainty) -> HeadroomPart {
    HeadroomPart { what, bytes, certainty }
}

/// `from` less `owed`, and what is still owed.
fn take_off(from: Bytes, owed: Bytes) -> (Bytes, Bytes) {
    (from.saturating_sub(owed), owed.saturating_sub(from))
}

/// Free pages on the per-cpu lists of all zones; `None` when no zone tells.
///
/// They are free and in no other count. When memory runs out, the lists of the CPUs that allocate
/// are as full as ever, and those of others are emptied only while reclaim makes progress
/// (`drain_all_pages()` in `__alloc_pages_direct_reclaim()`).
pub fn per_cpu_lists(zones: &[Zone]) -> Option<Pages> {
    let mut known = zones.iter().filter_map(|zone| zone.pcp).peekable();
    known.peek()?;
    Some(known.sum())
}

/// What zones keep from processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeptBack {
    /// Free, and not for them.
    free: Bytes,
    /// What zones below their marks will keep of the file cache they get back.
    owed: Bytes,
}

/// Marks and reserves of all zones, bounded by what each has free.
fn kept_back(snapshot: &Snapshot, release: Release, notes: &mut Vec<String>) -> KeptBack {
    let size = snapshot.page_size;
    let mut kept = KeptBack { free: Bytes::ZERO, owed: Bytes::ZERO };
    let mut zones_free = Pages::ZERO;
    let mut told = false;
    for zone in &snapshot.zones {
        let (Some(free), Some(min)) = (zone.free, zone.min) else { continue };
        told = true;
        zones_free = zones_free.saturating_add(free);
        let for_users = ZoneKind::of(&zone.name).is_none_or(ZoneKind::serves_users);
        let keep = if for_users {
            let base = min.saturating_sub(zone.boost.unwrap_or_default());
            base.saturating_add(reserve_towards_users(zone))
        } else {
            free
        };
        let owed = keep.saturating_sub(free).min(file_pages(zone));
        kept.free = kept.free.saturating_add(keep.min(free).to_bytes_saturating(size));
        kept.owed = kept.owed.saturating_add(owed.to_bytes_saturating(size));
    }
    if told {
        note_unlisted_memory(snapshot, notes);
        return kept;
    }
    let sysctl = snapshot.sysctls.min_free_kbytes;
    let computed = || {
        let total = snapshot.meminfo.get(Field::LowTotal);
        let total = total.or(snapshot.meminfo.get(Field::MemTotal))?;
        Bytes::from_kib(min_free_kbytes(release, total.kib())?)
    };
    if let Some(bytes) = sysctl.or_else(computed) {
        notes.push(format!(
            "the zones' watermarks are unknown; {bytes} is taken for them, from {}",
            if sysctl.is_some() { "vm.min_free_kbytes" } else { "the size of memory" },
        ));
        KeptBack { free: bytes, owed: Bytes::ZERO }
    } else {
        notes.push("the zones' watermarks are unknown and count as nothing".to_owned());
        kept
    }
}

/// File pages of one zone: counted per zone up to 4.7 and, beside the node's count, since 4.8.
fn file_pages(zone: &Zone) -> Pages {
    let either = |new, old| zone.counter(new).or_else(|| zone.counter(old)).unwrap_or(0);
    Pages::new(
        either("nr_zone_inactive_file", "nr_inactive_file")
            .saturating_add(either("nr_zone_active_file", "nr_active_file")),
    )
}

/// A kernel that hands memory to its zones bit by bit counts in `MemFree` what no zone lists yet.
/// Such memory is free above every mark. More than 1 % of RAM is worth a word; less is the drift of
/// two files read one after the other.
fn note_unlisted_memory(snapshot: &Snapshot, notes: &mut Vec<String>) {
    let managed: Pages = snapshot.zones.iter().filter_map(Zone::managed_or_present).sum();
    let managed = managed.to_bytes_saturating(snapshot.page_size);
    let Some(total) = snapshot.meminfo.get(Field::MemTotal) else { return };
    let unlisted = total.saturating_sub(managed);
    if unlisted.get() > total.get() / 100 && managed > Bytes::ZERO {
        notes.push(format!(
            "{unlisted} of RAM belong to no zone yet; their free part counts, and the watermarks \
             will rise when zones take them in"
        ));
    }
}

/// The page cache that reclaim may take, without shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PageCache {
    clean: Bytes,
    dirty: Bytes,
    mapped: Bytes,
}

fn page_cache(snapshot: &Snapshot) -> Option<PageCache> {
    let all = file_cache(snapshot)?;
    let get = |field| snapshot.meminfo.get(field);
    // `Mapped` contains mapped shared memory. What processes map of files cannot exceed the sum of
    // what each maps.
    let mapped = get(Field::Mapped).unwrap_or_default();
    let mapped = rss_file(snapshot).map_or(mapped, |sum| mapped.min(sum)).min(all);
    let dirty = [Field::Dirty, Field::Writeback].into_iter().filter_map(get).sum::<Bytes>();
    let rest = all.saturating_sub(mapped);
    let dirty = dirty.min(rest);
    Some(PageCache { clean: rest.saturating_sub(dirty), dirty, mapped })
}

/// Page cache on the lists that reclaim walks: `Active(file) + Inactive(file)` since 2.6.28; before,
/// `Cached + Buffers` without `Shmem` (which no kernel before 2.6.32 prints).
pub fn file_cache(snapshot: &Snapshot) -> Option<Bytes> {
    let get = |field| snapshot.meminfo.get(field);
    if let Some((active, inactive)) = get(Field::ActiveFile).zip(get(Field::InactiveFile)) {
        return Some(active.saturating_add(inactive));
    }
    let all = get(Field::Cached)?.saturating_add(get(Field::Buffers).unwrap_or_default());
    Some(all.saturating_sub(get(Field::Shmem).unwrap_or_default()))
}

/// `RssFile` of all processes; `None` if one of them has memory and does not tell, or is hidden.
fn rss_file(snapshot: &Snapshot) -> Option<Bytes> {
    if some_are_hidden(snapshot) {
        return None;
    }
    let with_memory = snapshot
        .tasks
        .iter()
        .filter(|task| task.is_kernel_thread() != Some(true) && task.state != Some('Z'));
    let mut any = false;
    let sum = with_memory.map(|task| task.rss_file.inspect(|_| any = true)).sum::<Option<Bytes>>();
    sum.filter(|_| any)
}

/// Of the room on zram, what its pages would take up in memory when it is full, if they shrink as
/// those shrank that are there; `None` where there is no telling.
///
/// Measured on 6.12 with pages that shrink to 60 %: without this, 8 % more was promised than came,
/// with it 0.5 %.
fn stays_in_memory(snapshot: &Snapshot) -> Option<Bytes> {
    /// Fewer pages tell nothing about the others.
    const SOME: Bytes = Bytes::new(1 << 20);
    if snapshot.meminfo.get(Field::Zswap).is_some_and(|bytes| bytes > Bytes::ZERO) {
        return None;
    }
    let zspages = Pages::new(snapshot.vmstat.get("nr_zspages")?);
    let pool = u128::from(zspages.to_bytes_saturating(snapshot.page_size).get());
    let SwapUse { size, used } = snapshot.zram_swap.filter(|zram| zram.used >= SOME)?;
    let free = size.saturating_sub(used);
    let stays = u128::from(free.get()) * pool / u128::from(used.get());
    Some(free.min(Bytes::new(u64::try_from(stays).unwrap_or(u64::MAX))))
}

/// Swap that is itself memory: its room is worth less than it says.
fn compressed_swap(snapshot: &Snapshot) -> Option<String> {
    let zswap = snapshot.meminfo.get(Field::Zswap).is_some_and(|bytes| bytes > Bytes::ZERO);
    if zswap {
        return Some(
            "zswap keeps compressed pages in memory first, so swap frees less than its size"
                .to_owned(),
        );
    }
    // zram stores in zspages, and so does zswap, which is not in use here.
    let zspages = snapshot.vmstat.get("nr_zspages").is_some_and(|pages| pages > 0);
    zspages.then(|| {
        "swap is compressed memory (zram), so it frees less than its size: what a page shrinks to \
         stays in memory"
            .to_owned()
    })
}

#[cfg(test)]
mod tests;
