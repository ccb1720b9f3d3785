//! From a process as `/proc` shows it to what the formulas read.

use std::collections::BTreeMap;

use facts::{Capabilities, Field, Snapshot, Task};
use units::{Bytes, OomAdj, Pages, Pid, ScoreAdj};

use crate::badness::{
    Children, ChildrenVm, Formula, OldPrivilege, PageTables, PerMilleFormula, RootBonus, Subject,
};
use crate::eligible::{AddressSpace, address_space};
use crate::killer::legacy_adj;

/// What turns processes of one snapshot into [`Subject`]s of one formula.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    snapshot: &'a Snapshot,
    formula: Formula,
    /// Children's address spaces, where the formula adds them.
    children: BTreeMap<Pid, ChildrenVm>,
    /// Whether nobody has anything in swap.
    swap_is_empty: bool,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, formula: Formula) -> Inputs<'a> {
        let used = |field| snapshot.meminfo.get(field);
        let swap_is_empty = used(Field::SwapTotal) == Some(Bytes::ZERO)
            || (used(Field::SwapTotal).is_some()
                && used(Field::SwapTotal) == used(Field::SwapFree));
        let mut inputs = Inputs { snapshot, formula, children: BTreeMap::new(), swap_is_empty };
        if let Formula::Points(rules) = formula
            && rules.children != Children::Ignored
        {
            for task in &snapshot.tasks {
                if let (Some(parent), Some(vm)) = (task.ppid, task.vsize)
                    && address_space(task, snapshot.kernel.release) == AddressSpace::Own
                {
                    let vm = inputs.in_pages(vm);
                    inputs.children.entry(parent).or_default().add(vm);
                }
            }
        }
        inputs
    }

    /// The figure that the formula starts from; `None` if it could not be read.
    pub(super) fn base(&self, task: &Task) -> Option<u64> {
        let counted = task.rss.map(Pages::count);
        let shown = || task.vm_rss.map(|b| self.in_pages(b));
        match &self.formula {
            Formula::Points(_) => task.vsize.map(|b| self.in_pages(b)),
            Formula::Pages(rules) if rules.exact_counters => shown().or(counted),
            Formula::PerMille(_) | Formula::Pages(_) => counted.or_else(shown),
        }
    }

    /// What the formula reads about a process whose [`Inputs::base`] is known. What is unknown is
    /// taken as nothing; [`Inputs::assumed`] names it.
    pub(super) fn subject(&self, task: &Task, base: u64) -> Subject {
        let Snapshot { uptime_s, user_hz, .. } = *self.snapshot;
        let user_hz = u64::from(user_hz.max(1));
        let start = task.start_ticks.unwrap_or(0);
        let age_ticks = match (uptime_s, task.start_ticks) {
            (Some(up), Some(start)) => up.saturating_mul(user_hz).saturating_sub(start),
            _ => 0,
        };
        let age_s = match (uptime_s, task.start_ticks) {
            (Some(up), Some(_)) => up.saturating_sub(start / user_hz),
            _ => 0,
        };
        let hz = match &self.formula {
            Formula::Points(rules) => u64::from(rules.hz),
            _ => 0,
        };
        let jiffies = |ticks: u64| ticks.saturating_mul(hz) / user_hz;
        let pages = |bytes: Option<Bytes>| bytes.map_or(0, |b| self.in_pages(b));
        Subject {
            total_vm: base,
            children: self.children.get(&task.pid).copied().unwrap_or_default(),
            cpu_jiffies: jiffies(task.cpu_ticks.unwrap_or(0)),
            age_jiffies: jiffies(age_ticks),
            age_s,
            nice: task.nice.unwrap_or(0),
            root: task.uid == Some(0) || task.euid == Some(0),
            // Where they are not told, user 0 is taken to have them all, as in most places it has.
            caps: task.cap_eff.unwrap_or(match task.uid {
                Some(0) => Capabilities(u64::MAX),
                _ => Capabilities(0),
            }),
            other_nodes: false,
            oom_adj: oom_adj(task).unwrap_or(OomAdj::NONE),
            rss: base,
            swap: pages(task.swap),
            ptes: pages(task.vm_pte),
            pmds: pages(task.vm_pmd),
            oom_score_adj: oom_score_adj(task).unwrap_or(ScoreAdj::NONE),
            origin: false,
        }
    }

    /// Inputs of the formula that are unknown for this process.
    pub(super) fn assumed(&self, task: &Task) -> Vec<&'static str> {
        let mut assumed = Vec::new();
        let mut unless = |known: bool, name| {
            if !known {
                assumed.push(name);
            }
        };
        let (page_tables, reads_caps) = match &self.formula {
            Formula::Points(rules) => {
                unless(task.cpu_ticks.is_some(), "cpu_time");
                unless(task.start_ticks.is_some() && self.snapshot.uptime_s.is_some(), "run_time");
                unless(task.nice.is_some(), "nice");
                if rules.privileged == OldPrivilege::AdminOrRoot {
                    unless(task.uid.is_some(), "uid");
                }
                unless(task.cap_eff.is_some(), "capabilities");
                if rules.oom_adj.is_some() {
                    unless(oom_adj(task).is_some(), "oom_adj");
                }
                return assumed;
            }
            Formula::PerMille(PerMilleFormula { page_tables }) => (*page_tables, true),
            Formula::Pages(rules) => (rules.page_tables, rules.root != RootBonus::Nothing),
        };
        unless(task.swap.is_some() || self.swap_is_empty, "swap");
        unless(task.vm_pte.is_some() || page_tables == PageTables::Ignored, "page_tables");
        unless(task.cap_eff.is_some() || !reads_caps, "capabilities");
        unless(oom_score_adj(task).is_some(), "oom_score_adj");
        assumed
    }

    fn in_pages(&self, bytes: Bytes) -> u64 {
        self.snapshot.page_size.pages_in(bytes).count()
    }
}

/// `oom_adj`, or what the kernel's legacy file shows for an `oom_score_adj`.
pub(super) fn oom_adj(task: &Task) -> Option<OomAdj> {
    task.oom_adj.or_else(|| Some(legacy_adj(task.oom_score_adj?)))
}

/// `oom_score_adj`, or what writing an `oom_adj` to the kernel's legacy file sets (since 2.6.36):
/// 1000 seventeenths of it, and 1000 for 15.
pub(super) fn oom_score_adj(task: &Task) -> Option<ScoreAdj> {
    task.oom_score_adj.or_else(|| {
        let adj = i64::from(task.oom_adj?.get());
        ScoreAdj::new(if adj == 15 { 1000 } else { adj * 1000 / 17 }).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjustments_convert_as_the_legacy_file_does() {
        // Read: measured on 6.1. Written: 15 and -17 are exact, the rest is cut.
        for (score_adj, adj) in [
            (-1000, -17),
            (-999, -16),
            (-500, -8),
            (0, 0),
            (100, 1),
            (500, 8),
            (999, 15),
            (1000, 15),
        ] {
            let task = Task {
                oom_score_adj: Some(ScoreAdj::new(score_adj).unwrap()),
                ..Task::unknown(Pid::new(2))
            };
            assert_eq!(i64::from(oom_adj(&task).unwrap().get()), adj, "{score_adj}");
        }
        for (adj, score_adj) in [(-17, -1000), (-16, -941), (0, 0), (1, 58), (14, 823), (15, 1000)]
        {
            let task =
                Task { oom_adj: Some(OomAdj::new(adj).unwrap()), ..Task::unknown(Pid::new(2)) };
            assert_eq!(oom_score_adj(&task).unwrap().get(), score_adj, "{adj}");
        }
    }

    #[test]
    fn times_are_converted_to_the_kernels_ticks() {
        let mut snapshot = Snapshot::unknown("test");
        snapshot.uptime_s = Some(1000);
        let task =
            Task { cpu_ticks: Some(300), start_ticks: Some(50_099), ..Task::unknown(Pid::new(2)) };
        let formula = Formula::for_release("2.6.24".parse().unwrap()).with_hz(1000);
        let subject = Inputs::new(&snapshot, formula).subject(&task, 0);
        assert_eq!((subject.cpu_jiffies, subject.age_s, subject.age_jiffies), (3000, 500, 499_010));
    }

    #[test]
    fn resident_pages_come_from_the_counter_that_the_release_reads() {
        let snapshot = Snapshot::unknown("test");
        let task = Task {
            rss: Some(Pages::new(2349)),
            vm_rss: Some(Bytes::new(2385 * 4096)),
            ..Task::unknown(Pid::new(2))
        };
        for (release, base) in [("6.1", 2349), ("6.18", 2349), ("6.19", 2349), ("7.1", 2385)] {
            let formula = Formula::for_release(release.parse().unwrap());
            assert_eq!(Inputs::new(&snapshot, formula).base(&task), Some(base), "{release}");
        }
    }
}
