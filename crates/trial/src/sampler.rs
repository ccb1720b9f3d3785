//! The second thread: looks at memory now and then, and ends what must end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use facts::Name;
use rustix::process::{Pid, Signal, kill_process};

use crate::process;
use crate::sys;
use crate::tally::Tally;
use crate::trial::Watching;

/// Between two rounds at least.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);
/// Between two rounds at most, unless they are costly.
const LONGEST: Duration = Duration::from_millis(20);
/// A round may take one part in so many of the time.
const SHARE: u32 = 50;
/// What the command leaves behind may go on for so long.
const GRACE: Duration = Duration::from_millis(500);
/// Whoever is asked to end gets so long for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// A tally that two threads write.
#[derive(Debug)]
pub(crate) struct Shared {
    tally: Mutex<Tally>,
    over: Condvar,
}

impl Shared {
    pub(crate) fn new(tally: Tally) -> Shared {
        Shared { tally: Mutex::new(tally), over: Condvar::new() }
    }

    /// A thread that panicked left figures behind that are still figures.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_tally(self) -> Tally {
        self.tally.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything has ended.
    pub(crate) fn finish(&self) {
        self.tally().is_over = true;
        self.over.notify_all();
    }
}

/// Looks until [`Shared::finish`].
pub(crate) fn watch(root: u32, shared: &Shared, watching: Watching) {
    let page = rustix::param::page_size() as u64;
    let mut interrupted: Option<Instant> = None;
    loop {
        let begin = Instant::now();
        if watching == Watching::Sample {
            find_the_tree(root, shared);
        }
        round(shared, watching, page);
        let cost = begin.elapsed();
        let mut tally = shared.tally();
        tally.samples.rounds += 1;
        let micros = u64::try_from(cost.as_micros()).unwrap_or(u64::MAX);
        tally.samples.cost_us = tally.samples.cost_us.saturating_add(micros);
        if sys::interrupted() {
            let since = *interrupted.get_or_insert_with(|| {
                signal_all(&tally, Signal::TERM);
                Instant::now()
            });
            if since.elapsed() > PATIENCE {
                signal_all(&tally, Signal::KILL);
            }
        } else if tally.root_ended.is_some_and(|ended| ended.elapsed() > GRACE) {
            end_what_is_left(&mut tally);
        }
        let pause = pause(tally.samples.rounds, cost);
        let waited = shared.over.wait_timeout_while(tally, pause, |tally| !tally.is_over);
        if waited.unwrap_or_else(PoisonError::into_inner).0.is_over {
            return;
        }
    }
}

/// Short programs are looked at often, long ones less so: the pause grows to [`LONGEST`] within the
/// first seconds, and is always so long that looking takes no more than its share.
fn pause(rounds: u64, cost: Duration) -> Duration {
    let slow = SHORTEST * u32::try_from(1 + rounds / 250).unwrap_or(u32::MAX).min(20);
    slow.min(LONGEST).max(cost.saturating_mul(SHARE))
}

fn round(shared: &Shared, watching: Watching, page: u64) {
    let live = shared.tally().live();
    for pid in live {
        let memory = match watching {
            Watching::Trace => process::statm(pid, page),
            // Nobody will look at its end, so that its highest mark is read every time.
            Watching::Sample => process::status(pid).as_deref().and_then(process::memory_in),
        };
        let Some(memory) = memory else {
            shared.tally().has_nothing(pid);
            continue;
        };
        let (has_grown, look) = {
            let mut tally = shared.tally();
            tally.has(pid, memory);
            (tally.has_grown(pid), watching == Watching::Sample)
        };
        if has_grown {
            // The kernel takes its time; the lock is not held meanwhile.
            let huge = process::huge(pid);
            shared.tally().huge_pages(pid, huge);
        }
        if look {
            shared.tally().look_at(pid);
        }
    }
}

/// Without tracing, new processes are found through their parents. The command itself (the one that
/// is waited for) ends when its end was told.
fn find_the_tree(root: u32, shared: &Shared) {
    let mut open = shared.tally().live();
    while let Some(pid) = open.pop() {
        for child in process::children(pid) {
            let mut tally = shared.tally();
            if !tally.live().contains(&child) {
                tally.begin(child);
                open.push(child);
            }
        }
        let mut tally = shared.tally();
        if pid != root && (!tally.is_still(pid) || process::is_zombie(pid)) {
            tally.end(pid);
        }
    }
}

fn end_what_is_left(tally: &mut Tally) {
    for pid in tally.live() {
        if let Some(comm) = process::comm(pid).filter(|_| tally.is_still(pid)) {
            let comm = Name::new(comm);
            if !tally.left_over.contains(&comm) {
                tally.left_over.push(comm);
            }
        }
    }
    signal_all(tally, Signal::KILL);
}

fn signal_all(tally: &Tally, signal: Signal) {
    for pid in tally.live().into_iter().filter(|&pid| tally.is_still(pid)) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Who is gone already need not be ended.
            let _ = kill_process(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_takes_a_bounded_share_of_the_time() {
        assert_eq!(pause(0, Duration::ZERO), SHORTEST);
        assert_eq!(pause(1_000_000, Duration::ZERO), LONGEST);
        assert_eq!(pause(0, Duration::from_millis(10)), Duration::from_millis(500));
        assert_eq!(pause(u64::MAX, Duration::from_millis(1)), Duration::from_millis(50));
    }
}
