//! What `/proc` says of the whole machine.
//!
//! Of a machine whose memory ends, all of it is made of `physical::counters::Counters`, in the format of its release.
//! Of one whose memory never ends only the few lines are there that follow from its processes.

mod meminfo;
mod nodes;
mod rows;
mod values;
mod vmstat;
mod zones;

pub(crate) use meminfo::meminfo;
pub(crate) use nodes::{node_meminfo, numastat};
pub(crate) use values::zone_value;
pub(crate) use vmstat::{swaps, vmstat};
pub(crate) use zones::{buddyinfo, is_numa, kinds, name as zone_name, protection, zoneinfo};

use std::fmt::Write;

use rules::overcommit::commit_limit;

use crate::mm::Mm;
use crate::page::{FILE, SHMEM};
use crate::store::Store;

/// `/proc/meminfo`: lines that the model can tell.
pub(crate) fn endless_meminfo<'a>(store: &Store, mms: impl Iterator<Item = &'a Mm>) -> Vec<u8> {
    let (mut mapped, mut tables) = (0, 0);
    for mm in mms {
        mapped += mm.rss[FILE] + mm.rss[SHMEM];
        tables += mm.tables.count();
    }
    let anon = store.frames.anonymous_in_use();
    let (mut cache, mut shmem, mut dirty) = (0, 0, 0);
    for (frame, len, known) in store.frames.map.iter() {
        let Some((file, _)) = crate::frames::file_of(frame) else { continue };
        cache += len;
        if store.files[file].is_shmem() {
            shmem += len;
        } else if known.dirty {
            dirty += len;
        }
    }
    let config = &store.config;
    let free = store.free().saturating_sub(tables);
    let limit = commit_limit(store.release(), store.strict()).count();
    let mut text = String::new();
    for (name, pages) in [
        ("MemTotal", config.ram),
        ("MemFree", free),
        ("MemAvailable", free + cache - shmem),
        ("Buffers", 0),
        ("Cached", cache),
        ("SwapCached", 0),
        ("SwapTotal", config.swap),
        ("SwapFree", config.swap),
        ("Dirty", dirty),
        ("AnonPages", anon),
        ("Mapped", mapped),
        ("Shmem", shmem),
        ("PageTables", tables),
        ("CommitLimit", limit),
        ("Committed_AS", store.committed + config.committed_elsewhere),
    ] {
        let _ = writeln!(text, "{:<16}{:>8} kB", format!("{name}:"), pages * 4);
    }
    text.into_bytes()
}

/// `/proc/vmstat`: lines that the model can tell.
pub(crate) fn endless_vmstat<'a>(store: &Store, mms: impl Iterator<Item = &'a Mm>) -> Vec<u8> {
    let tables: u64 = mms.map(|mm| mm.tables.count()).sum();
    let anon = store.frames.anonymous_in_use();
    let mut text = String::new();
    for (name, value) in [
        ("nr_free_pages", store.free().saturating_sub(tables)),
        ("nr_anon_pages", anon),
        ("nr_page_table_pages", tables),
    ] {
        let _ = writeln!(text, "{name} {value}");
    }
    text.into_bytes()
}
