//! What each cgroup has, counted over frames, page tables and processes.

use std::collections::BTreeMap;

use super::{MemcgId, Stat};
use crate::frames::file_of;
use crate::machine::Process;
use crate::mm::Mm;
use crate::store::Store;

/// What each cgroup has, those below it aside.
pub(crate) fn own_stats<'a>(
    store: &Store,
    mms: impl Iterator<Item = &'a Mm>,
    processes: &[Process],
) -> BTreeMap<MemcgId, Stat> {
    let mut stats: BTreeMap<MemcgId, Stat> = BTreeMap::new();
    let physical = store.frames.physical.as_deref();
    for (frame, len, known) in store.frames.map.iter() {
        let stat = stats.entry(MemcgId(known.memcg)).or_default();
        let list = physical.map_or_else(|| known.list(), |physical| physical.list_of(known));
        stat.lru[list as usize] += len;
        if store.frames.swapped(frame) {
            stat.swap_cached +=
                store.frames.slots(frame, len).iter().map(|(len, _)| len).sum::<u64>();
        }
        let Some((file, _)) = file_of(frame) else {
            stat.anon += len;
            stat.anon_huge += if known.large { len } else { 0 };
            continue;
        };
        stat.file += len;
        stat.file_mapped += if known.maps > 0 { len } else { 0 };
        if store.files[file].is_shmem() {
            stat.shmem += len;
        } else {
            stat.dirty += if known.dirty { len } else { 0 };
        }
    }
    for mm in mms {
        for (owner, tables) in &mm.tables_of {
            stats.entry(*owner).or_default().tables += tables;
        }
    }
    for process in processes.iter().filter(|process| process.ended.is_none()) {
        let stat = stats.entry(process.kernel.by).or_default();
        stat.stacks += process.kernel.stack;
        stat.slab_unreclaimable += process.kernel.slab * 4096;
    }
    for (index, memcg) in store.frames.memcgs.all.iter().enumerate() {
        let id = MemcgId(u16::try_from(index).unwrap_or(0));
        let stat = stats.entry(id).or_default();
        (stat.kernel, stat.swap, stat.vm) = (memcg.kernel, memcg.swapped, memcg.vm);
    }
    stats
}
