//! The block of a memory cgroup as the files of its directory.

use facts::oom_report::{MemcgBlock, OomReport};
use facts::{Cgroup, CgroupStat, CgroupVersion, Name, Snapshot};
use units::Bytes;

use crate::explain::figure;

pub(super) fn fill(report: &OomReport, path: &Name, snapshot: &mut Snapshot) {
    // `memory+swap:` is also printed for groups of v2 before 5.3, and is unlimited there.
    let block = report.memcg.clone().unwrap_or_default();
    let one = block.memory_swap.is_some();
    snapshot.cgroups.version = Some(if one { CgroupVersion::V1 } else { CgroupVersion::V2 });
    let mut group = Cgroup {
        current: block.memory.and_then(|memory| memory.usage),
        max: block.memory.and_then(|memory| memory.limit),
        swap_current: match (block.swap, block.memory_swap, block.memory) {
            (Some(swap), ..) => swap.usage,
            (None, Some(both), Some(memory)) => {
                both.usage.zip(memory.usage).and_then(|(both, memory)| both.checked_sub(memory))
            }
            _ => None,
        },
        swap_max: block.swap.and_then(|swap| swap.limit),
        memsw_max: block.memory_swap.and_then(|both| both.limit),
        kmem: block.kmem.and_then(|kmem| kmem.usage),
        stat: stat(&block),
        ..Cgroup::default()
    };
    group.events.max = block.memory.and_then(|memory| memory.failcnt);
    group.oom_group = report.group_kill.is_some().then_some(true);
    snapshot.cgroups.groups.insert(path.clone(), group);
    // The victim's group is inside, and nothing is told of it.
    let victims = report.oom_kill.as_ref().and_then(|line| line.task_memcg.as_ref());
    if let Some(victims) = victims.or(block.task_group.as_ref()).filter(|other| *other != path) {
        snapshot.cgroups.groups.entry(victims.clone()).or_default();
    }
}

/// `memory.stat` under the names of v2; those of v1 under the nearest.
fn stat(block: &MemcgBlock) -> CgroupStat {
    let of = |names: &[&str]| -> Option<Bytes> { names.iter().find_map(|n| figure(block, n)) };
    CgroupStat {
        anon: of(&["anon", "total_rss", "rss"]),
        file: of(&["file", "total_cache", "cache"]),
        shmem: of(&["total_shmem", "shmem"]),
        inactive_file: of(&["total_inactive_file", "inactive_file"]),
        active_file: of(&["total_active_file", "active_file"]),
        file_dirty: of(&["file_dirty", "total_dirty", "dirty"]),
        file_writeback: of(&["file_writeback", "total_writeback", "writeback"]),
        file_mapped: of(&["file_mapped", "total_mapped_file", "mapped_file"]),
        unevictable: of(&["total_unevictable", "unevictable"]),
        slab_reclaimable: of(&["slab_reclaimable"]),
        kernel: of(&["kernel"]),
        inactive_anon: of(&["total_inactive_anon", "inactive_anon"]),
        active_anon: of(&["total_active_anon", "active_anon"]),
        swapcached: of(&["swapcached"]),
        slab_unreclaimable: of(&["slab_unreclaimable"]),
        slab: of(&["slab"]),
        kernel_stack: of(&["kernel_stack"]),
        pagetables: of(&["pagetables"]),
        sec_pagetables: of(&["sec_pagetables"]),
        percpu: of(&["percpu"]),
        sock: of(&["sock"]),
        vmalloc: of(&["vmalloc"]),
        zswap: of(&["zswap"]),
        hugetlb: of(&["hugetlb"]),
    }
}
