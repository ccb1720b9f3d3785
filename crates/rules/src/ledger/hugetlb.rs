//! The pools of huge pages.

use facts::Field::{Hugepagesize, Hugetlb};
use facts::HugePool;
use units::Bytes;

use super::figures::Figures;
use super::tree::{exact, group};
use super::{Line, LineKind};

/// All pools together: `Hugetlb` (4.16), else the pools of sysfs, else that of the default size.
/// `None` when there is none or it is empty.
pub(super) fn pool(figures: &mut Figures<'_>, pools: &[HugePool]) -> Option<Line> {
    let total = figures.field(Hugetlb);
    let meminfo = &figures.snapshot.meminfo;
    let default = meminfo
        .get(Hugepagesize)
        .zip(meminfo.hugepages_total)
        .map(|(page, total)| HugePool { page, total, free: meminfo.hugepages_free });
    let (pools, place) = if pools.is_empty() {
        (default.as_slice(), "meminfo HugePages_Total, HugePages_Free")
    } else {
        (pools, "hugepages-*/nr_hugepages, free_hugepages")
    };
    let children: Vec<Line> = pools.iter().filter_map(|pool| one(figures, pool, place)).collect();
    let line = match total {
        Some(total) => exact(LineKind::HugetlbPool, total, "meminfo Hugetlb").made_of(children),
        None => group(LineKind::HugetlbPool, children)?,
    };
    (line.bytes > 0 || !line.children.is_empty()).then_some(line)
}

fn one(figures: &mut Figures<'_>, pool: &HugePool, place: &str) -> Option<Line> {
    let bytes = |pages: u64| Bytes::new(pages.saturating_mul(pool.page.get()));
    let total = figures.part(bytes(pool.total), place).filter(|&b| b > 0)?;
    let mut line = exact(LineKind::HugetlbPool, total, place);
    line.of = Some(format!("of {:.0}", pool.page));
    let free = pool.free.and_then(|free| figures.part(bytes(free), place));
    Some(match free {
        Some(free) => line.made_of(vec![
            exact(LineKind::HugetlbUsed, (total - free).max(0), place),
            exact(LineKind::HugetlbFree, free, place),
        ]),
        None => line,
    })
}
