//! Pressure: how long tasks waited for memory, of the machine and of each cgroup.
//!
//! # What it follows
//! `kernel/sched/psi.c`, 4.20 to 6.18; the averages are in [`rules::psi`]. A task stalls while it
//! reclaims, waits for swap, or is made to wait by `memory.high`. Tasks take turns here, so whenever
//! one stalls, no other runs, and `full` is `some`. Monitors that a stall wakes are in
//! [`rules::psi::trigger`].
//!
//! # What it leaves out
//! Pressure of the processor and of disks; kswapd's and other tasks' of the kernel.

mod costs;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use facts::Release;
use rules::psi::trigger::{Monitors, Request};
use rules::psi::{Averages, period_ns};

/// What tasks of a group do while time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// They sleep.
    Idle,
    /// One runs.
    Runs,
    /// One waits for memory, and none runs.
    Stalls,
}

/// `struct psi_group`, of memory.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    hz: u64,
    /// Up to when time has been accounted for, nanoseconds.
    seen: u64,
    /// Nanoseconds stalled: `some` and `full` alike.
    stalled: u64,
    /// Of these, what is in the averages.
    averaged: u64,
    averages: Averages,
    last_update: u64,
    next_update: u64,
    /// When the worker runs that takes samples; it goes to sleep with the group.
    worker: Option<u64>,
    /// Whether tasks did anything since it ran.
    busy: bool,
    /// Who is woken by long stalls.
    monitors: Monitors,
}

impl Group {
    /// A group that began with the clock.
    pub(crate) fn new(hz: u64) -> Group {
        Group::born(hz, 0)
    }

    /// `group_init()` at this time.
    pub(crate) fn born(hz: u64, now: u64) -> Group {
        Group {
            hz,
            seen: now,
            stalled: 0,
            averaged: 0,
            averages: Averages::default(),
            last_update: now,
            next_update: now + period_ns(hz),
            worker: None,
            busy: false,
            monitors: Monitors::default(),
        }
    }

    /// A monitor that polls the file of pressure from now on; its number among the group's.
    pub(crate) fn watch(&mut self, request: Request, release: Release, now: u64) -> usize {
        self.until(now, State::Idle);
        if self.monitors.is_empty() {
            self.monitors = Monitors::new(release, self.hz);
        }
        self.monitors.add(request, now, self.stalled)
    }

    /// Whether a monitor has been woken since it was last asked.
    pub(crate) fn woken(&mut self, number: usize, now: u64) -> bool {
        self.until(now, State::Idle);
        self.monitors.poll(number)
    }

    /// Time goes from `from` to `to` in this state; up to `from` the group was idle.
    pub(crate) fn pass(&mut self, from: u64, to: u64, state: State) {
        self.until(from, State::Idle);
        self.until(to, state);
    }

    /// `psi_show()`: the text of `memory.pressure` at this time.
    pub(crate) fn text(&mut self, now: u64) -> String {
        self.until(now, State::Idle);
        if now >= self.next_update {
            self.update(now);
        }
        let [ten, sixty, three_hundred] = self.averages.printed();
        let mut text = String::new();
        for kind in ["some", "full"] {
            let _ = writeln!(
                text,
                "{kind} avg10={}.{:02} avg60={}.{:02} avg300={}.{:02} total={}",
                ten.0,
                ten.1,
                sixty.0,
                sixty.1,
                three_hundred.0,
                three_hundred.1,
                self.stalled / 1000
            );
        }
        text
    }

    fn until(&mut self, to: u64, state: State) {
        while self.seen < to {
            if state != State::Idle {
                self.busy = true;
                self.worker.get_or_insert(self.seen + period_ns(self.hz));
            }
            if state == State::Stalls {
                self.monitors.stalls(self.seen);
            }
            let due = self.monitors.due();
            let next = self.worker.unwrap_or(to).min(due.unwrap_or(to));
            let at = next.clamp(self.seen, to);
            if state == State::Stalls {
                self.stalled += at - self.seen;
            }
            self.seen = at;
            if self.worker == Some(at) {
                self.work(at);
            }
            if due.is_some_and(|due| due <= at) {
                self.monitors.work(at, self.stalled);
            }
        }
    }

    /// `psi_avgs_work()`.
    fn work(&mut self, now: u64) {
        if now >= self.next_update {
            self.update(now);
        }
        let tick = 1_000_000_000 / self.hz.max(1);
        let wait = self.next_update.saturating_sub(now) / tick + 1;
        self.worker = self.busy.then_some(now + wait * tick);
        self.busy = false;
    }

    /// `update_averages()`: a delta that slipped over the end of a period waits for the next one.
    fn update(&mut self, now: u64) {
        let length = period_ns(self.hz);
        let missed = now.saturating_sub(self.next_update) / length;
        let period = now.saturating_sub(self.last_update + missed * length);
        self.next_update += (1 + missed) * length;
        self.last_update = now;
        let sample = (self.stalled - self.averaged).min(period);
        self.averaged += sample;
        self.averages.sample(missed, sample, period);
    }
}
