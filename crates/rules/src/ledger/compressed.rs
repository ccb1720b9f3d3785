//! Compressed pages: zswap and zram, and the allocator they share.

use facts::{Field, Zram};

use super::figures::Figures;
use super::tree::{exact, with};
use super::{Exactness, Line, LineKind};

/// zsmalloc's pages (`nr_zspages`, 4.7), which are zram's and usually zswap's.
///
/// zswap could be given other allocators until 6.15 (zbud, z3fold), whose pages nothing else
/// counts. Where `Zswap` and the zram devices together exceed zsmalloc, it was.
pub(super) fn compressed(figures: &mut Figures<'_>, zram: &[Zram]) -> Option<Line> {
    let pool = figures.counter("nr_zspages");
    let zswap = figures.field(Field::Zswap).filter(|&b| b > 0);
    let mut devices = Vec::new();
    for device in zram {
        let place = format!("/sys/block/{}/mm_stat mem_used_total", device.name);
        let Some(bytes) = figures.part(device.used, &place).filter(|&b| b > 0) else { continue };
        let mut line = exact(LineKind::Zram, bytes, place);
        line.of = Some(device.name.to_string());
        line.note = device.stored.map(|stored| format!("holds {stored}"));
        devices.push(line);
    }
    let in_devices = super::tree::sum(&devices);
    let zswap_line = |bytes| exact(LineKind::Zswap, bytes, "meminfo Zswap");
    let (total, exactness, from) = match (pool, zswap) {
        (Some((pool, from)), None) => (pool, Exactness::Exact, from),
        (Some((pool, from)), Some(zswap)) => {
            // A hundredth for what moved between the files.
            if zswap.saturating_add(in_devices) > pool.saturating_add(pool / 100) {
                let from = format!("{from} + meminfo Zswap, which has an allocator of its own");
                (pool.saturating_add(zswap), Exactness::Exact, from)
            } else {
                (pool, Exactness::Exact, from)
            }
        }
        (None, zswap) => {
            let sum = in_devices.saturating_add(zswap.unwrap_or(0));
            (sum, Exactness::Estimated, "sum of its parts".to_owned())
        }
    };
    let mut children: Vec<Line> = zswap.map(zswap_line).into_iter().collect();
    children.extend(devices);
    let line = with(LineKind::Compressed, total, exactness, from).made_of(children);
    (line.bytes != 0).then_some(line)
}
