//! `memory.stat` of both cgroup versions.

use facts::{CgroupStat, Missing};
use units::Bytes;

use crate::cgroup_events::each;

/// `memory.stat` of cgroup v2 (4.2): bytes, descendants included.
pub fn memory_stat_v2(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> CgroupStat {
    let mut stat = CgroupStat::default();
    each(text, place, problems, |name, value| {
        let field = match name {
            b"anon" => &mut stat.anon,
            b"file" => &mut stat.file,
            b"shmem" => &mut stat.shmem,
            b"inactive_file" => &mut stat.inactive_file,
            b"active_file" => &mut stat.active_file,
            b"file_dirty" => &mut stat.file_dirty,
            b"file_writeback" => &mut stat.file_writeback,
            b"file_mapped" => &mut stat.file_mapped,
            b"unevictable" => &mut stat.unevictable,
            b"slab_reclaimable" => &mut stat.slab_reclaimable,
            b"kernel" => &mut stat.kernel,
            b"inactive_anon" => &mut stat.inactive_anon,
            b"active_anon" => &mut stat.active_anon,
            b"swapcached" => &mut stat.swapcached,
            b"slab_unreclaimable" => &mut stat.slab_unreclaimable,
            b"slab" => &mut stat.slab,
            b"kernel_stack" => &mut stat.kernel_stack,
            b"pagetables" => &mut stat.pagetables,
            b"sec_pagetables" => &mut stat.sec_pagetables,
            b"percpu" => &mut stat.percpu,
            b"sock" => &mut stat.sock,
            b"vmalloc" => &mut stat.vmalloc,
            b"zswap" => &mut stat.zswap,
            b"hugetlb" => &mut stat.hugetlb,
            _ => return,
        };
        *field = Some(Bytes::new(value));
    });
    stat
}

/// `memory.stat` of cgroup v1: bytes, from the `total_*` lines, which include descendants.
///
/// The lines without `total_` are the group's own and come first; they are believed only where
/// there are no others, that is, before 2.6.28, known by its lines `active` and `inactive`.
/// Elsewhere their being alone means that the text was cut.
pub fn memory_stat_v1(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> CgroupStat {
    let (mut own, mut total) = (CgroupStat::default(), CgroupStat::default());
    let mut before_hierarchies = false;
    each(text, place, problems, |name, value| {
        let (stat, name) = match name.strip_prefix(b"total_") {
            Some(name) => (&mut total, name),
            None => (&mut own, name),
        };
        let field = match name {
            b"rss" => &mut stat.anon,
            b"cache" => &mut stat.file,
            b"shmem" => &mut stat.shmem,
            b"inactive_file" => &mut stat.inactive_file,
            b"active_file" => &mut stat.active_file,
            b"dirty" => &mut stat.file_dirty,
            b"writeback" => &mut stat.file_writeback,
            b"mapped_file" => &mut stat.file_mapped,
            b"inactive_anon" => &mut stat.inactive_anon,
            b"active_anon" => &mut stat.active_anon,
            b"swapcached" => &mut stat.swapcached,
            b"unevictable" => &mut stat.unevictable,
            b"inactive" => {
                before_hierarchies = true;
                return;
            }
            _ => return,
        };
        *field = Some(Bytes::new(value));
    });
    if before_hierarchies { own } else { total }
}
