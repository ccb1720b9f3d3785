//! Resident pages that a kernel has counted and does not say yet.
//!
//! # What it follows
//! `add_mm_counter_fast()`, `check_sync_rss_stat()` and `sync_mm_rss()` in `mm/memory.c`, 2.6.34 to 6.1
//! (`SPLIT_RSS_COUNTING`): a fault counts its page on the task, and what a task has counted goes to
//! the address space with every 66th fault of it, with its next `munmap`, and when it leaves.
//! `percpu_counter_add_batch()` in `lib/percpu_counter.c`, since 6.2: each processor keeps what it has counted
//! until that is `max(32, 2 * processors)` pages. Both are left out by `get_mm_counter()`: of what the
//! OOM killer compares and prints up to 7.0, of `/proc/PID/status`, `statm` and `stat` up to 6.15.
//!
//! # What it leaves out
//! Where a process runs: it is taken to stay on one processor. On a machine with one that is exact.

use facts::Release;
use rules::layout::Arch;

/// Kinds of pages that are counted: anonymous, of files, of shared memory, and entries of swap.
pub(crate) const KINDS: usize = 4;
/// Entries of pages in swap (`MM_SWAPENTS`), after the three kinds of resident pages.
pub(crate) const SWAP: usize = 3;
/// `TASK_RSS_EVENTS_THRESH`.
const EVENTS: u64 = 64;
/// Faults from one that brings the counts to the address space to the next that does.
const CYCLE: u64 = EVENTS + 2;

/// Pages as a difference.
pub(crate) fn signed(pages: u64) -> i64 {
    i64::try_from(pages).unwrap_or(i64::MAX)
}

/// How a release counts resident pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// Up to 2.6.33, and with sums since 7.1: nothing is left out.
    Exact,
    /// 2.6.34 to 6.1: by tasks.
    ByTask,
    /// 6.2 to 7.0: by processors, in batches of so many pages.
    ByProcessor(i64),
}

impl Counting {
    /// Kernels for 32-bit ARM of that time are built for fewer than `SPLIT_PTLOCK_CPUS` processors.
    pub(crate) fn of(release: Release, arch: Arch, cpus: u32) -> Counting {
        if release >= Release::new(7, 1) || release < Release::old(2, 6, 34) {
            Counting::Exact
        } else if release >= Release::new(6, 2) {
            Counting::ByProcessor(i64::from(cpus).saturating_mul(2).max(32))
        } else if arch == Arch::Arm {
            Counting::Exact
        } else {
            Counting::ByTask
        }
    }
}

/// What a task of an address space has counted by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Counted {
    /// Which task; `None`: the one that made the address space, which has not been heard of since.
    task: Option<usize>,
    /// Its faults since it last gave its counts away.
    events: u64,
    pages: [i64; KINDS],
    /// Pages of the faults that are being taken.
    fresh: [i64; KINDS],
}

/// Pages of an address space that its counters leave out.
#[derive(Debug, Clone)]
pub(crate) struct Unsynced {
    counting: Counting,
    tasks: Vec<Counted>,
    /// What the processor keeps.
    processor: [i64; KINDS],
    /// Who is taking a fault right now.
    faulting: Option<usize>,
}

impl Unsynced {
    pub(crate) fn new(counting: Counting) -> Unsynced {
        Unsynced { counting, tasks: Vec::new(), processor: [0; KINDS], faulting: None }
    }

    /// As [`Unsynced::new`], of an address space beside another one.
    pub(crate) fn alike(&self) -> Unsynced {
        Unsynced::new(self.counting)
    }

    /// Pages of a kind that are left out; negative where pages that are gone are still counted.
    pub(crate) fn left_out(&self, kind: usize) -> i64 {
        let stays = |counted: &&Counted| {
            // The fault that is being taken has given away what there was before it began.
            self.faulting.is_none() || counted.task != self.faulting || counted.events <= EVENTS
        };
        let tasks = self.tasks.iter().filter(stays);
        tasks.map(|counted| counted.pages[kind]).sum::<i64>() + self.processor[kind]
    }

    /// Whether processors keep what they count.
    pub(crate) fn counts_by_processor(&self) -> bool {
        matches!(self.counting, Counting::ByProcessor(_))
    }

    /// A task takes a fault.
    pub(crate) fn begin(&mut self, task: usize) {
        if self.counting == Counting::ByTask {
            self.faulting = Some(task);
        }
    }

    /// It has taken so many faults (`check_sync_rss_stat()` in `handle_mm_fault()`).
    pub(crate) fn took(&mut self, task: usize, faults: u64) {
        if self.counting != Counting::ByTask {
            return;
        }
        self.faulting = None;
        let counted = self.task(task);
        let fresh = std::mem::take(&mut counted.fresh);
        if faults == 0 {
            counted.add(&fresh);
            return;
        }
        // The fault before which the counts are given away, counted from 1.
        let first = (EVENTS + 2).saturating_sub(counted.events).max(1);
        if faults < first {
            counted.events += faults;
            counted.add(&fresh);
            return;
        }
        counted.events = (faults - first) % CYCLE;
        // That fault's own pages stay, and those of the ones that came after it.
        let (kept, all) = (i128::from(counted.events + 1), i128::from(faults));
        counted.pages =
            fresh.map(|pages| i64::try_from(i128::from(pages) * kept / all).unwrap_or(0));
    }

    /// A fault that is being taken has so many pages more, or fewer, one by one.
    pub(crate) fn fault(&mut self, task: usize, kind: usize, pages: i64) {
        match self.counting {
            Counting::Exact => {}
            Counting::ByTask => self.task(task).fresh[kind] += pages,
            Counting::ByProcessor(_) => self.one_by_one(kind, pages),
        }
    }

    /// So many pages more, or fewer, one by one, that no fault of a task's own brought.
    pub(crate) fn one_by_one(&mut self, kind: usize, pages: i64) {
        let Counting::ByProcessor(batch) = self.counting else { return };
        let kept = &mut self.processor[kind];
        // Up to the next full batch, and then batch by batch.
        let first = if pages < 0 { batch + *kept } else { batch - *kept };
        let left = pages.abs() - first;
        *kept = if left < 0 { *kept + pages } else { (left % batch) * pages.signum() };
    }

    /// So many pages more, or fewer, at once.
    pub(crate) fn at_once(&mut self, kind: usize, pages: i64) {
        let Counting::ByProcessor(batch) = self.counting else { return };
        let kept = self.processor[kind] + pages;
        self.processor[kind] = if kept.abs() >= batch { 0 } else { kept };
    }

    /// `sync_mm_rss()` of a task, which goes on.
    pub(crate) fn sync(&mut self, task: usize) {
        if self.counting == Counting::ByTask && task != usize::MAX {
            let counted = self.task(task);
            *counted = Counted { task: counted.task, ..Counted::default() };
        }
    }

    /// A task leaves.
    pub(crate) fn leave(&mut self, task: usize) {
        self.tasks.retain(|counted| counted.task != Some(task));
    }

    /// The task that made this address space has taken so many faults in it.
    pub(crate) fn made(&mut self, faults: u64, pages: [u64; KINDS]) {
        let pages = pages.map(signed);
        match self.counting {
            Counting::Exact => {}
            Counting::ByTask => {
                self.tasks = vec![Counted { fresh: pages, ..Counted::default() }];
                // A task is told from others by its number once it does something.
                self.tasks[0].task = Some(usize::MAX);
                self.took(usize::MAX, faults);
                self.tasks[0].task = None;
            }
            Counting::ByProcessor(_) => {
                for (kind, pages) in pages.into_iter().enumerate() {
                    self.one_by_one(kind, pages);
                }
            }
        }
    }

    fn task(&mut self, task: usize) -> &mut Counted {
        let known = self.tasks.iter().position(|counted| counted.task == Some(task));
        let at = known.or_else(|| self.tasks.iter().position(|counted| counted.task.is_none()));
        let at = at.unwrap_or_else(|| {
            self.tasks.push(Counted::default());
            self.tasks.len() - 1
        });
        self.tasks[at].task = Some(task);
        &mut self.tasks[at]
    }
}

impl Counted {
    fn add(&mut self, more: &[i64; KINDS]) {
        for (pages, more) in self.pages.iter_mut().zip(more) {
            *pages += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::ANON;

    /// What is left out after each of some bursts of faults, each of one page.
    fn after(counting: Counting, bursts: &[u64]) -> Vec<i64> {
        let mut unsynced = Unsynced::new(counting);
        let mut all = Vec::new();
        for &burst in bursts {
            unsynced.begin(7);
            unsynced.fault(7, ANON, i64::try_from(burst).unwrap());
            unsynced.took(7, burst);
            all.push(unsynced.left_out(ANON));
        }
        all
    }

    #[test]
    fn bursts_are_what_single_faults_are() {
        for counting in [Counting::ByTask, Counting::ByProcessor(32)] {
            for first in [1, 31, 32, 33, 65, 66, 67, 200] {
                for second in [1, 64, 65, 66, 500] {
                    let at_once = after(counting, &[first, second]);
                    let single =
                        after(counting, &vec![1; usize::try_from(first + second).unwrap()]);
                    assert_eq!(at_once.last(), single.last(), "{counting:?} {first} {second}");
                }
            }
        }
    }

    #[test]
    fn a_task_gives_its_counts_away_with_every_66th_fault() {
        assert_eq!(after(Counting::ByTask, &[65, 1, 65, 1]), [65, 1, 66, 1]);
    }

    #[test]
    fn a_fault_that_gives_away_has_done_so_when_it_finds_no_memory() {
        let mut unsynced = Unsynced::new(Counting::ByTask);
        unsynced.fault(7, ANON, 65);
        unsynced.took(7, 65);
        assert_eq!(unsynced.left_out(ANON), 65);
        unsynced.begin(7);
        assert_eq!(unsynced.left_out(ANON), 0);
    }

    #[test]
    fn a_processor_keeps_less_than_a_batch_in_either_direction() {
        let mut unsynced = Unsynced::new(Counting::ByProcessor(32));
        unsynced.one_by_one(ANON, 31);
        unsynced.one_by_one(ANON, -62);
        assert_eq!(unsynced.left_out(ANON), -31);
        unsynced.one_by_one(ANON, -1);
        assert_eq!(unsynced.left_out(ANON), 0);
        unsynced.at_once(ANON, 20);
        unsynced.at_once(ANON, 20);
        assert_eq!(unsynced.left_out(ANON), 0);
        unsynced.at_once(ANON, 20);
        assert_eq!(unsynced.left_out(ANON), 20);
    }

    #[test]
    fn releases_count_in_three_ways() {
        let of = |major, minor| Counting::of(Release::new(major, minor), Arch::X86_64, 48);
        assert_eq!(
            [of(6, 1), of(6, 2), of(7, 1)],
            [Counting::ByTask, Counting::ByProcessor(96), Counting::Exact]
        );
        assert_eq!(Counting::of(Release::old(2, 6, 33), Arch::X86_64, 1), Counting::Exact);
        assert_eq!(Counting::of(Release::new(3, 6), Arch::Arm, 1), Counting::Exact);
    }
}
