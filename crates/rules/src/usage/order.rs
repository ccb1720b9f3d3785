//! The order of rows.

use std::cmp::{Ordering, Reverse};

use units::Bytes;

use super::{Field, UsageOptions, UsageRow};

/// Sizes and numbers begin with the largest, names with `a`; `reverse` turns that round. What is
/// unknown counts with its bound, so that it stands where it may belong; what has no bound is last.
pub(super) fn sort(rows: &mut [UsageRow], options: &UsageOptions) {
    rows.sort_by(|a, b| compare(a, b, options));
}

pub(super) fn compare(a: &UsageRow, b: &UsageRow, options: &UsageOptions) -> Ordering {
    let order = by(a, b, options.sort);
    let order = if options.reverse { order.reverse() } else { order };
    order.then_with(|| a.pid.cmp(&b.pid)).then_with(|| a.name.cmp(&b.name))
}

fn by(a: &UsageRow, b: &UsageRow, field: Field) -> Ordering {
    let (s, t) = (&a.sizes, &b.sizes);
    let unread = |row: &UsageRow| row.unread.as_ref().and_then(|unread| unread.at_most);
    // A size with the bound of what is not in it; 0 is more than nothing known.
    let most = |size: Option<Bytes>, bound: Option<Bytes>| match (size, bound) {
        (None, None) => None,
        (size, bound) => Some(size.unwrap_or_default().saturating_add(bound.unwrap_or_default())),
    };
    let sizes = |x: Option<Bytes>, y: Option<Bytes>| {
        Reverse(most(x, unread(a))).cmp(&Reverse(most(y, unread(b))))
    };
    let swap = |row: &UsageRow, size| {
        most(size, row.unread.as_ref().and_then(|unread| unread.swap_at_most))
    };
    match field {
        Field::Pid => a.pid.cmp(&b.pid),
        Field::User => a.user.cmp(&b.user).then_with(|| a.uid.cmp(&b.uid)),
        Field::Unit => a.unit.cmp(&b.unit),
        Field::Cgroup => a.cgroup.cmp(&b.cgroup),
        Field::Processes => b.processes.cmp(&a.processes),
        Field::Mappings => b.mappings.cmp(&a.mappings),
        Field::Uss => sizes(s.uss, t.uss),
        Field::Pss | Field::Percent => sizes(s.pss, t.pss),
        Field::Subtree => {
            let branch = |row: &UsageRow| {
                let unread = row.subtree_unread.as_ref().and_then(|unread| unread.at_most);
                most(row.subtree.as_ref().and_then(|sizes| sizes.pss), unread)
            };
            branch(b).cmp(&branch(a))
        }
        Field::Rss => sizes(s.rss, t.rss),
        Field::Swap => swap(b, t.swap).cmp(&swap(a, s.swap)),
        Field::SwapPss => swap(b, t.swap_pss).cmp(&swap(a, s.swap_pss)),
        Field::Anon => sizes(s.anon, t.anon),
        Field::File => sizes(s.file, t.file),
        Field::Shmem => sizes(s.shmem, t.shmem),
        Field::Hugetlb => t.hugetlb.cmp(&s.hugetlb),
        Field::Memory => sizes(memory(a), memory(b)).then_with(|| sizes(s.rss, t.rss)),
        Field::Name => a.name.cmp(&b.name),
        Field::Command => a.command.cmp(&b.command),
    }
}

/// The proportional share and huge pages, or of old kernels what is resident.
fn memory(row: &UsageRow) -> Option<Bytes> {
    let huge = row.sizes.hugetlb.unwrap_or_default();
    let unread = row.unread.as_ref().and_then(|unread| unread.hugetlb).unwrap_or_default();
    let some = row.sizes.pss.or(row.sizes.rss);
    if some.is_none() && huge == Bytes::ZERO && unread == Bytes::ZERO {
        return None;
    }
    Some(some.unwrap_or_default().saturating_add(huge).saturating_add(unread))
}
