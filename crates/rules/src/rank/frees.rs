//! What a kill would give back, bounded from both sides without walking page tables.
//!
//! The sum of all processes' anonymous memory exceeds `AnonPages`, where each page counts once, by
//! what is counted more than once. No process shares more than that, nor more than all others have.
//! Swap has no such count of its own (slots of shared memory are among those in use), so of a
//! process's swap only what all others together cannot share is sure.
//!
//! # What it leaves out
//! The files are read one after the other while the machine goes on, and until 6.15 the counters
//! run behind by up to 64 pages a thread or CPU: the bounds are as exact as that. A huge page mapped
//! in part counts whole in `AnonPages` on kernels that do not count its mappings (6.15, as an
//! option), which makes the lower bound too high by that part.

use facts::{Field, Snapshot, Task};
use units::{Bytes, PageSize};

use super::Frees;
use crate::eligible::{AddressSpace, address_space};

/// How much of the machine's anonymous memory is shared.
#[derive(Debug)]
pub(super) struct Sharing {
    page_size: PageSize,
    /// Σ `RssAnon` and how much of it is counted more than once; unknown unless every process was
    /// seen and read.
    anon: Option<Shared>,
    /// Σ `VmSwap` and the swap slots that also have a page in memory.
    swap: Option<Shared>,
    /// Swap in use.
    swap_used: Option<Bytes>,
}

#[derive(Debug, Clone, Copy)]
struct Shared {
    sum: Bytes,
    twice: Bytes,
}

impl Sharing {
    pub(super) fn of(snapshot: &Snapshot) -> Sharing {
        let meminfo = |field| snapshot.meminfo.get(field);
        let sum = |figure: fn(&Task) -> Option<Bytes>| -> Option<Bytes> {
            if !everyone_is_visible(snapshot) {
                return None;
            }
            let mut users = snapshot
                .tasks
                .iter()
                .filter(|t| address_space(t, snapshot.kernel.release) == AddressSpace::Own);
            users.try_fold(Bytes::ZERO, |sum, task| sum.checked_add(figure(task)?))
        };
        let swap_used = meminfo(Field::SwapTotal)
            .zip(meminfo(Field::SwapFree))
            .map(|(total, free)| total.saturating_sub(free));
        let anon = sum(|t| t.rss_anon).zip(meminfo(Field::AnonPages));
        let swap = sum(|t| t.swap).zip(meminfo(Field::SwapCached));
        Sharing {
            page_size: snapshot.page_size,
            anon: anon.map(|(sum, once)| Shared { sum, twice: sum.saturating_sub(once) }),
            swap: swap.map(|(sum, twice)| Shared { sum, twice }),
            swap_used,
        }
    }

    /// What killing the process would give back; `None` if nothing bounds it from above.
    pub(super) fn frees(&self, task: &Task) -> Option<Frees> {
        let tables = task.vm_pte?.saturating_add(task.vm_pmd.unwrap_or_default());
        let resident = task
            .rss_anon
            .or(task.vm_rss)
            .or_else(|| task.rss.map(|rss| rss.to_bytes_saturating(self.page_size)))?;
        // Before 2.6.34 a process's swap is unknown, but it is not more than what is in use.
        let swap = task.swap.or(self.swap_used)?;
        let at_most = resident.saturating_add(swap).saturating_add(tables);
        Some(Frees { at_least: self.at_least(task, tables), at_most })
    }

    fn at_least(&self, task: &Task, tables: Bytes) -> Option<Bytes> {
        let (anon, all) = (task.rss_anon?, self.anon?);
        let others = all.sum.saturating_sub(anon);
        let sure = anon.saturating_sub(all.twice.min(others));
        let sure_swap = match (task.swap, self.swap) {
            (Some(own), Some(all)) => {
                let others = all.sum.saturating_sub(own);
                own.saturating_sub(others).saturating_sub(all.twice)
            }
            _ => Bytes::ZERO,
        };
        Some(sure.saturating_add(sure_swap).saturating_add(tables))
    }
}

/// Whether the snapshot lists every process of the machine: whole, taken in the first pid namespace,
/// and not behind a `/proc` that hides the processes of others (`hidepid`), which would hide the
/// threads of the kernel too.
fn everyone_is_visible(snapshot: &Snapshot) -> bool {
    !snapshot.viewpoint.cut
        && snapshot.viewpoint.first_pid_namespace == Some(true)
        && (snapshot.viewpoint.euid == Some(0)
            || snapshot.tasks.iter().any(|t| t.is_kernel_thread() == Some(true)))
}

#[cfg(test)]
mod tests {
    use units::{Pages, Pid};

    use super::*;

    const KIB: u64 = 1024;

    fn kib(n: u64) -> Bytes {
        Bytes::new(n * KIB)
    }

    fn process(pid: u32, anon: u64, swap: u64) -> Task {
        Task {
            vsize: Some(kib(10_000)),
            rss: Some(Pages::new(anon / 4 + 100)),
            vm_rss: Some(kib(anon + 400)),
            rss_anon: Some(kib(anon)),
            swap: Some(kib(swap)),
            vm_pte: Some(kib(40)),
            ..Task::unknown(Pid::new(pid))
        }
    }

    fn machine(anon_pages: u64, tasks: Vec<Task>) -> Snapshot {
        let mut snapshot = Snapshot::unknown("test");
        snapshot.viewpoint.first_pid_namespace = Some(true);
        snapshot.viewpoint.euid = Some(0);
        snapshot.meminfo.set(Field::AnonPages, Bytes::new(anon_pages * KIB));
        snapshot.meminfo.set(Field::SwapTotal, Bytes::new(9000 * KIB));
        snapshot.meminfo.set(Field::SwapFree, Bytes::new(8000 * KIB));
        snapshot.meminfo.set(Field::SwapCached, Bytes::ZERO);
        snapshot.tasks = tasks;
        snapshot
    }

    /// Bounds of the first process, KiB.
    fn bounds(snapshot: &Snapshot) -> (Option<u64>, u64) {
        let frees = Sharing::of(snapshot).frees(&snapshot.tasks[0]).unwrap();
        (frees.at_least.map(Bytes::kib), frees.at_most.kib())
    }

    #[test]
    fn without_sharing_the_bounds_meet() {
        let snapshot = machine(5000, vec![process(2, 4000, 0), process(3, 1000, 0)]);
        assert_eq!(bounds(&snapshot), (Some(4040), 4040));
    }

    #[test]
    fn what_is_counted_twice_may_be_anybodys() {
        // 1500 of 6500 are counted more than once.
        let snapshot =
            machine(5000, vec![process(2, 4000, 0), process(3, 1000, 0), process(4, 1500, 0)]);
        assert_eq!(bounds(&snapshot), (Some(2540), 4040));
    }

    #[test]
    fn nobody_shares_more_than_all_others_have() {
        let snapshot = machine(100, vec![process(2, 4000, 0), process(3, 1000, 0)]);
        assert_eq!(bounds(&snapshot), (Some(3040), 4040));
    }

    #[test]
    fn swap_is_sure_where_the_others_cannot_share_it() {
        let mut snapshot = machine(5000, vec![process(2, 4000, 700), process(3, 1000, 200)]);
        assert_eq!(bounds(&snapshot), (Some(4540), 4740));
        snapshot.meminfo.set(Field::SwapCached, Bytes::new(100 * KIB));
        assert_eq!(bounds(&snapshot), (Some(4440), 4740));
        snapshot.tasks.swap(0, 1);
        assert_eq!(bounds(&snapshot), (Some(1040), 1240));
    }

    #[test]
    fn one_process_that_could_not_be_read_leaves_no_lower_bound() {
        let mut snapshot = machine(5000, vec![process(2, 4000, 0), Task::unknown(Pid::new(3))]);
        assert_eq!(bounds(&snapshot), (None, 4040));
        snapshot.tasks[1].state = Some('Z');
        assert_eq!(bounds(&snapshot), (Some(4040), 4040));
    }

    #[test]
    fn a_container_or_a_hiding_proc_leaves_no_lower_bound() {
        let mut snapshot = machine(5000, vec![process(2, 4000, 0)]);
        snapshot.viewpoint.euid = Some(1000);
        assert_eq!(bounds(&snapshot), (None, 4040));
        let kthreadd = Task { kthread: Some(true), ..Task::unknown(Pid::new(3)) };
        snapshot.tasks.push(kthreadd);
        assert_eq!(bounds(&snapshot), (Some(4040), 4040));
        snapshot.viewpoint.first_pid_namespace = None;
        assert_eq!(bounds(&snapshot), (None, 4040));
    }

    #[test]
    fn a_capture_without_its_end_leaves_no_lower_bound() {
        let mut snapshot = machine(5000, vec![process(2, 4000, 0)]);
        assert_eq!(bounds(&snapshot), (Some(4040), 4040));
        snapshot.viewpoint.cut = true;
        assert_eq!(bounds(&snapshot), (None, 4040));
    }

    #[test]
    fn old_kernels_leave_only_an_upper_bound() {
        let mut snapshot = machine(5000, vec![process(2, 4000, 0)]);
        snapshot.tasks[0].rss_anon = None;
        assert_eq!(bounds(&snapshot), (None, 4440));
        snapshot.tasks[0].swap = None;
        assert_eq!(bounds(&snapshot), (None, 5440));
        snapshot.tasks[0].vm_pte = None;
        assert_eq!(Sharing::of(&snapshot).frees(&snapshot.tasks[0]), None);
    }
}
