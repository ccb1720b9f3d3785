//! `/proc/slabinfo`.

use facts::{Missing, Name, SlabCache};
use units::{Bytes, PageSize};

use crate::line::{Report, decimal, lines, words};

/// What each slab cache takes: slabs times pages of one (`cache_show()`, format 2.x since 2.6).
///
/// Caches of one name, which merged and per-cgroup caches have (to 5.8), are added up.
pub fn slabinfo(
    text: &[u8],
    page_size: PageSize,
    place: &str,
    problems: &mut Vec<Missing>,
) -> Vec<SlabCache> {
    let mut report = Report::new(place, problems);
    let mut caches: std::collections::BTreeMap<&[u8], Bytes> = std::collections::BTreeMap::new();
    for (number, line) in lines(report.some_lines(text, "`slabinfo - version:` and its like")) {
        if line.starts_with(b"slabinfo") || line.starts_with(b"#") {
            continue;
        }
        let Some((name, bytes)) = cache(line, page_size) else {
            report.malformed(number, "a cache with its slabs and pages a slab", line);
            continue;
        };
        let sum = caches.entry(name).or_insert(Bytes::ZERO);
        *sum = sum.saturating_add(bytes);
    }
    caches.into_iter().map(|(name, bytes)| SlabCache { name: Name::new(name), bytes }).collect()
}

/// `name active num size perslab pagesperslab : tunables a b c : slabdata active_slabs num_slabs …`
fn cache(line: &[u8], page_size: PageSize) -> Option<(&[u8], Bytes)> {
    let mut words = words(line);
    let name = words.next()?;
    let pages = decimal(words.nth(4)?)?;
    let mut words = words.skip_while(|word| *word != b"slabdata").skip(2);
    let slabs = decimal(words.next()?)?;
    let bytes = slabs.checked_mul(pages)?.checked_mul(page_size.bytes())?;
    Some((name, Bytes::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_takes_its_slabs_times_their_pages() {
        let text = b"slabinfo - version: 2.1\n# name <active_objs> : x\n\
            dentry 181440 181440 192 21 1 : tunables 0 0 0 : slabdata 8640 8640 0\n\
            kmalloc-4k 10 16 4096 8 8 : tunables 0 0 0 : slabdata 2 2 0\nbroken 1 2\n";
        let mut problems = Vec::new();
        let caches = slabinfo(text, PageSize::KIB_4, "slabinfo", &mut problems);
        assert_eq!(problems.len(), 1);
        let found: Vec<_> = caches.iter().map(|c| (c.name.to_string(), c.bytes.kib())).collect();
        assert_eq!(found, [("dentry".to_owned(), 34560), ("kmalloc-4k".to_owned(), 64)]);
    }
}
