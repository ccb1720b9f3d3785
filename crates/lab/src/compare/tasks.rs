//! What two reports of the OOM killer say of every task.

use facts::oom_report::{OomReport, TaskRow};
use scenario::comparison::Unit;

use super::machine::Quantity;

/// The badness of every task that both reports list, in pages, without what `oom_score_adj` adds: that
/// is the same where this is, for the adjustment and all memory are. Tasks of a name are taken in the
/// order in which they are listed.
///
/// `allowed` is how many pages the kernels themselves leave out ([`left_out`]).
pub fn badness(one: &OomReport, real: &OomReport, allowed: u64) -> Vec<Quantity> {
    let mut all: Vec<Quantity> = Vec::new();
    for (at, row) in rows(real).iter().enumerate() {
        let Some(name) = &row.name else { continue };
        let same = |other: &&TaskRow| other.name.as_ref() == Some(name);
        let nth = rows(real)[..at].iter().filter(same).count();
        let Some(other) = rows(one).iter().filter(same).nth(nth) else { continue };
        let values = [points(other), points(row)];
        let what = format!("badness of {name}");
        all.push(Quantity { what, unit: Unit::Count, values, allowed: Some(allowed) });
    }
    all
}

/// Pages of a task that its kernel may leave out of the sum that badness is made of: until 6.1 what a task
/// has counted and not added (`SPLIT_RSS_COUNTING`: 64 faults, each of a page or of 16 of a file); since 6.2
/// less than a batch, `max(32, 2 * cpus)`, on each processor for each of three kinds
/// (`percpu_counter_read_positive()`).
pub fn left_out(cpus: u32) -> u64 {
    let cpus = u64::from(cpus);
    64.max(3 * cpus * (2 * cpus).max(32))
}

fn rows(report: &OomReport) -> &[TaskRow] {
    report.tasks.as_ref().map_or(&[], |table| &table.rows)
}

/// `oom_badness()` without its adjustment, since 4.15.
fn points(row: &TaskRow) -> Option<u64> {
    const PAGE: u64 = 4096;
    let tables = row.pgtables?.get() / PAGE;
    row.rss?.count().checked_add(row.swapents?.count())?.checked_add(tables)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn report(rows: &[(&str, u64)]) -> OomReport {
        let mut text = "[    1.0] hog invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), \
             order=0, oom_score_adj=0\n\
             [    1.0] Tasks state (memory values in pages):\n\
             [    1.0] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n"
            .to_owned();
        for (number, (name, rss)) in rows.iter().enumerate() {
            let _ = writeln!(
                text,
                "[    1.0] [     {number}]     0     {number}     5000     {rss}    45056        3             0 {name}"
            );
        }
        let mut all = klog::reports(text.as_bytes());
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).report
    }

    #[test]
    fn tasks_are_found_by_name_and_order() {
        let one = report(&[("a", 100), ("b", 200), ("a", 300)]);
        let real = report(&[("b", 200), ("a", 101), ("a", 300)]);
        let all = badness(&one, &real, 0);
        let found: Vec<_> =
            all.iter().map(|quantity| (quantity.values, quantity.within())).collect();
        // 11 pages of tables, 3 in swap.
        let pages = |rss: u64| Some(rss + 14);
        assert_eq!(
            found,
            [
                ([pages(200), pages(200)], Some(true)),
                ([pages(100), pages(101)], Some(false)),
                ([pages(300), pages(300)], Some(true)),
            ]
        );
    }
}
