//! Two reports of the OOM killer, as two kernels printed them.

use facts::oom_report::OomReport;
use scenario::comparison::Unit;
use units::{Bytes, Pages};

use super::machine::{Quantity, Within, allowed};

/// What reports are about that has no number: what, and what each says of it.
pub type Words = (&'static str, [Option<String>; 2]);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A word of a report.
type Word = fn(&OomReport) -> Option<String>;

/// Every word that is not the same: who asked, why nobody else's memory would do, who dies.
pub fn words(one: &OomReport, real: &OomReport) -> Vec<Words> {
    let all: [(&'static str, Word); 3] =
        [("who asked", asker), ("the constraint", constraint), ("the victim", name_of_victim)];
    all.into_iter()
        .map(|(what, of)| (what, [of(one), of(real)]))
        .filter(|(_, [one, real])| one != real)
        .collect()
}

fn asker(report: &OomReport) -> Option<String> {
    Some(report.trigger.as_ref()?.comm.as_ref()?.to_string())
}

fn constraint(report: &OomReport) -> Option<String> {
    let line = report.oom_kill.as_ref()?;
    line.constraint.as_ref().map(|constraint| format!("{constraint:?}"))
}

fn name_of_victim(report: &OomReport) -> Option<String> {
    report.victim_name().map(ToString::to_string)
}

/// What is read from a report.
type Of = fn(&OomReport) -> Option<u64>;

/// Amounts, and how far apart they may be.
const AMOUNTS: [(&str, Of, Within); 5] = [
    ("free", free, Within { share: 10, amount: 2 * MIB }),
    ("anonymous on lists", anonymous, Within { share: 10, amount: 2 * MIB }),
    ("page cache", cache, Within { share: 100, amount: MIB }),
    ("swap in use", swap, Within { share: 30, amount: MIB }),
    ("resident of the victim", victim, Within { share: 10, amount: 2 * MIB }),
];

/// The memory that both found when nothing more could be had.
pub fn quantities(one: &OomReport, real: &OomReport) -> Vec<Quantity> {
    AMOUNTS
        .into_iter()
        .map(|(what, of, within)| {
            let values = [of(one), of(real)];
            let allowed = Some(allowed(within, values[1]));
            Quantity { what: what.to_owned(), unit: Unit::Bytes, values, allowed }
        })
        .filter(|quantity| quantity.values != [None, None])
        .collect()
}

/// Pages are 4 KiB wherever there are virtual machines.
fn bytes(pages: Option<Pages>) -> Option<u64> {
    pages.map(|pages| pages.count().saturating_mul(4 * KIB))
}

fn free(report: &OomReport) -> Option<u64> {
    bytes(report.memory.as_ref()?.counters.free)
}

fn anonymous(report: &OomReport) -> Option<u64> {
    let counters = &report.memory.as_ref()?.counters;
    bytes(counters.active_anon)?.checked_add(bytes(counters.inactive_anon)?)
}

fn cache(report: &OomReport) -> Option<u64> {
    bytes(report.memory.as_ref()?.pagecache)
}

fn swap(report: &OomReport) -> Option<u64> {
    let swap = &report.memory.as_ref()?.swap;
    Some(swap.total?.get().saturating_sub(swap.free?.get()))
}

fn victim(report: &OomReport) -> Option<u64> {
    let kill = report.kills.first()?;
    kill.anon_rss?.get().checked_add(kill.file_rss.map_or(0, Bytes::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(victim: &str, free: u64) -> OomReport {
        let text = format!(
            "[    1.0] hog invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), \
             order=0, oom_score_adj=0\n\
             [    1.0] Mem-Info:\n\
             [    1.0] active_anon:10 inactive_anon:20 isolated_anon:0\n \
             [    1.0]  free:{free} free_pcp:5 free_cma:0\n\
             [    1.0] 12 total pagecache pages\n\
             [    1.0] Free swap  = 0kB\n\
             [    1.0] Total swap = 8kB\n\
             [    1.0] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,\
             global_oom,task_memcg=/,task={victim},pid=9,uid=0\n\
             [    1.0] Out of memory: Killed process 9 ({victim}) total-vm:80kB, anon-rss:40kB, \
             file-rss:4kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0\n"
        );
        let mut all = klog::reports(text.as_bytes());
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).report
    }

    #[test]
    fn a_victim_that_is_another_is_found() {
        let found = words(&report("a", 100), &report("b", 100));
        assert_eq!(found, [("the victim", [Some("a".to_owned()), Some("b".to_owned())])]);
        assert_eq!(words(&report("a", 1), &report("a", 2)), []);
    }

    #[test]
    fn what_was_left_is_set_beside_each_other() {
        let all = quantities(&report("a", 100), &report("a", 1000));
        let free = all.iter().find(|quantity| quantity.what == "free").expect("free pages");
        assert_eq!(free.values, [Some(100 * 4096), Some(1000 * 4096)]);
        // 900 pages are more than 2 MiB.
        assert_eq!(free.within(), Some(false));
        let swap = all.iter().find(|quantity| quantity.what == "swap in use").expect("swap");
        assert_eq!(swap.values, [Some(8192), Some(8192)]);
        let victim = all.iter().find(|quantity| quantity.what == "resident of the victim");
        assert_eq!(victim.map(|quantity| quantity.values[0]), Some(Some(44 * 1024)));
    }
}
