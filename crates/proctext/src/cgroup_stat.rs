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

#[cfg(test)]
mod tests {
    use super::*;

    type Parse = fn(&[u8], &str, &mut Vec<Missing>) -> CgroupStat;

    fn read(parse: Parse, text: &[u8]) -> CgroupStat {
        let mut problems = Vec::new();
        let stat = parse(text, "memory.stat", &mut problems);
        assert_eq!(problems, []);
        stat
    }

    #[test]
    fn version_2_is_read_by_its_names() {
        let stat = read(memory_stat_v2, include_bytes!("../tests/data/6.18/memory.stat-v2"));
        assert_eq!(stat.anon, Some(Bytes::new(11_718_656)));
        assert_eq!(stat.file_mapped, Some(Bytes::new(7_671_808)));
        assert_eq!(stat.slab_reclaimable, Some(Bytes::new(1_082_440)));
        assert_eq!(stat.kernel, Some(Bytes::new(2_179_072)));
    }

    #[test]
    fn version_1_counts_descendants() {
        let stat = read(memory_stat_v1, include_bytes!("../tests/data/6.18/memory.stat-v1"));
        assert_eq!(stat.anon, Some(Bytes::new(430_895_104)));
        assert_eq!(stat.file, Some(Bytes::new(1_376_067_584)));
        assert_eq!(stat.shmem, Some(Bytes::new(9_068_544)));
        assert_eq!(stat.active_file, Some(Bytes::new(697_896_960)));
        assert_eq!(stat.slab_reclaimable, None);
    }

    #[test]
    fn a_group_before_hierarchies_speaks_for_itself() {
        let stat = read(memory_stat_v1, include_bytes!("../tests/data/2.6.25/memory.stat"));
        assert_eq!(stat.anon, Some(Bytes::new(294_912)));
        assert_eq!(stat.inactive_file, None);
    }

    #[test]
    fn the_groups_own_share_does_not_pass_for_the_whole() {
        let stat = read(memory_stat_v1, b"cache 4096\nrss 4096\ninactive_file 0\n");
        assert_eq!(stat, CgroupStat::default());
    }
}
