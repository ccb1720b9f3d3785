//! How far what the kernel prints of a process's resident pages may be from what is resident.
//!
//! Counters that every processor or every thread keeps a part of are summed up only now and then.
//! How much is missing at a moment nobody can tell; how much it can be at most follows from the
//! release.
//!
//! # What it follows
//! `get_mm_counter()` and `get_mm_counter_sum()` in `include/linux/mm.h`, `task_mem()` and
//! `task_statm()` in `fs/proc/task_mmu.c`, `percpu_counter_add_batch()` in `lib/percpu_counter.c`
//! (6.2 to 6.18); `check_sync_rss_stat()` in `mm/memory.c` (2.6.34 to 6.1, with
//! `SPLIT_RSS_COUNTING`, that is on kernels for four processors and more).
//!
//! # What it leaves out
//! Kernels built for less than four processors, which count exactly; a `fault_around_bytes` other than
//! the 64 KiB of the kernel's own choice.

use facts::Release;

/// Which number is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Printed {
    /// `VmRSS`, `RssAnon`, `RssFile`, `RssShmem` in `status`, and `statm`.
    Status,
    /// `rss` in `stat`, what `VmHWM` is the most of, and what the OOM killer judges by.
    Quick,
}

/// An interval, pages: what is printed is at most `below` less and at most `above` more than what there
/// is. Never below 0, though.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Slack {
    /// How much less may be printed.
    pub below: u64,
    /// How much more may be printed.
    pub above: u64,
}

impl Slack {
    const fn both(pages: u64) -> Slack {
        Slack { below: pages, above: pages }
    }

    /// Whether what is printed is exact.
    pub fn is_exact(self) -> bool {
        self == Slack::default()
    }

    /// What may be printed of so many pages: the least and the most.
    pub const fn around(self, pages: u64) -> (u64, u64) {
        (pages.saturating_sub(self.below), pages.saturating_add(self.above))
    }

    const fn and(self, other: Slack) -> Slack {
        Slack {
            below: self.below.saturating_add(other.below),
            above: self.above.saturating_add(other.above),
        }
    }
}

/// The intervals of the three kinds of resident pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RssSlack {
    /// `RssAnon`.
    pub anon: Slack,
    /// `RssFile`.
    pub file: Slack,
    /// `RssShmem`.
    pub shmem: Slack,
}

impl RssSlack {
    /// Of their sum, `VmRSS`.
    pub const fn total(self) -> Slack {
        self.anon.and(self.file).and(self.shmem)
    }
}

/// Faults after which a thread hands over what it has counted: those before that one are kept.
const EVENTS: u64 = 65;
/// Pages of a file that a fault maps at most (3.15).
const AROUND: u64 = 16;

/// How exact a number is, on so many processors, of a process of so many threads.
///
/// * Up to 2.6.33 all are exact.
/// * 2.6.34 to 6.1 each thread keeps what its last 65 faults added, and what copies on write took
///   away from files.
/// * Since 6.2 each processor keeps less than a batch of max(32, 2 × processors) of each kind, more
///   or less. `status` and `statm` are summed up exactly since 6.16.
pub fn rss_slack(release: Release, cpus: u32, threads: u32, printed: Printed) -> RssSlack {
    let since = |major, minor| release >= Release::new(major, minor);
    if since(6, 2) {
        if printed == Printed::Status && since(6, 16) {
            return RssSlack::default();
        }
        let cpus = u64::from(cpus);
        let kept = Slack::both(cpus * ((2 * cpus).max(32) - 1));
        return RssSlack { anon: kept, file: kept, shmem: kept };
    }
    if release < Release::old(2, 6, 34) {
        return RssSlack::default();
    }
    let faults = EVENTS * u64::from(threads);
    let around = if since(3, 15) { AROUND } else { 1 };
    let files = Slack { below: faults * around, above: faults };
    RssSlack {
        anon: Slack { below: faults, above: 0 },
        file: files,
        // Counted with files up to 4.4.
        shmem: if since(4, 5) { files } else { Slack::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(release: &str, cpus: u32, threads: u32, printed: Printed) -> (u64, u64) {
        let slack = rss_slack(release.parse().unwrap(), cpus, threads, printed).total();
        (slack.below, slack.above)
    }

    #[test]
    fn status_is_exact_since_6_16_and_up_to_2_6_33() {
        assert_eq!(total("6.18", 64, 9, Printed::Status), (0, 0));
        assert_eq!(total("2.6.33", 64, 9, Printed::Status), (0, 0));
        assert_eq!(total("2.6.33", 64, 9, Printed::Quick), (0, 0));
    }

    #[test]
    fn processors_keep_less_than_a_batch_of_each_kind() {
        // 3 kinds, 2 processors, 31 pages.
        assert_eq!(total("6.18", 2, 1, Printed::Quick), (186, 186));
        assert_eq!(total("6.12", 2, 1, Printed::Status), (186, 186));
        // With 64 processors nearly 100 MB.
        assert_eq!(total("6.12", 64, 1, Printed::Status), (3 * 64 * 127, 3 * 64 * 127));
    }

    #[test]
    fn threads_keep_what_their_last_faults_added() {
        let slack = rss_slack(Release::new(6, 1), 2, 3, Printed::Status);
        assert_eq!(slack.anon, Slack { below: 195, above: 0 });
        assert_eq!(slack.file, Slack { below: 3120, above: 195 });
        assert_eq!(rss_slack(Release::new(3, 10), 2, 3, Printed::Quick).file.below, 195);
    }

    #[test]
    fn an_interval_ends_at_nothing() {
        assert_eq!(Slack { below: 10, above: 3 }.around(4), (0, 7));
    }
}
