//! Monitors of pressure: when the kernel wakes who polls a file of pressure.
//!
//! A monitor opens `/proc/pressure/memory` or a cgroup's `memory.pressure`, writes `some 150000 1000000` to it
//! (150 ms within a second, in microseconds) and polls it. It is woken when tasks have been stalled for that
//! long within a window, and not again before a window has passed.
//!
//! # What it follows
//! `psi_trigger_create()`, `psi_rtpoll_work()`, `update_triggers()` and `window_update()` in
//! `kernel/sched/psi.c`, 5.2 to 6.18, for a monitor with `CAP_SYS_RESOURCE`. Without it windows are multiples
//! of two seconds (since 6.4), and the averages' worker looks at them.

use facts::Release;

/// `WINDOW_MAX_US`, nanoseconds.
const LONGEST: u64 = 10_000_000_000;
/// `WINDOW_MIN_US`, nanoseconds, up to 6.3.
const SHORTEST: u64 = 500_000_000;
/// `UPDATES_PER_WINDOW`.
const UPDATES: u64 = 10;

/// What a monitor asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Time in which all tasks are stalled counts, and not that in which one is.
    pub full: bool,
    /// So long in a window, nanoseconds.
    pub threshold: u64,
    /// The window, nanoseconds.
    pub window: u64,
}

impl Request {
    /// What is written to a file of pressure, as a kernel of this release reads it; `None`: it refuses it.
    pub fn parse(text: &str, release: Release) -> Option<Request> {
        let mut words = text.split_whitespace();
        let full = match words.next()? {
            "some" => false,
            "full" => true,
            _ => return None,
        };
        let mut time = || words.next()?.parse::<u32>().ok().map(|us| u64::from(us) * 1000);
        let (threshold, window) = (time()?, time()?);
        let shortest = if release < Release::new(6, 4) { SHORTEST } else { 1 };
        let fits = (shortest..=LONGEST).contains(&window) && (1..=window).contains(&threshold);
        fits.then_some(Request { full, threshold, window })
    }
}

/// `struct psi_trigger`: a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    request: Request,
    /// When the window at hand began, what the total was then, and how much it grew in the one before.
    start: u64,
    value: u64,
    grown: u64,
    /// The threshold was reached, and nobody has been told yet.
    pending: bool,
    /// Somebody is to be told.
    event: bool,
    last: Option<u64>,
}

impl Trigger {
    fn new(request: Request, now: u64, total: u64) -> Trigger {
        let (start, value) = (now, total);
        Trigger { request, start, value, grown: 0, pending: false, event: false, last: None }
    }

    /// `window_reset()`.
    fn reset(&mut self, now: u64, total: u64, grown: u64) {
        (self.start, self.value, self.grown) = (now, total, grown);
    }

    /// `window_update()`: how much the total grew in a window that ends now. Of the window before, as much
    /// counts as this one lacks.
    fn growth(&mut self, now: u64, total: u64) -> u64 {
        let elapsed = now.saturating_sub(self.start);
        let growth = total.saturating_sub(self.value);
        let window = self.request.window;
        if elapsed > window {
            self.reset(now, total, growth);
            return growth;
        }
        let before = u128::from(self.grown) * u128::from(window - elapsed);
        let before = before.checked_div(u128::from(window)).unwrap_or(0);
        growth.saturating_add(u64::try_from(before).unwrap_or(u64::MAX))
    }

    /// A turn of the loop in `update_triggers()`.
    fn update(&mut self, now: u64, total: u64, new_stall: bool, defers: bool) {
        if !new_stall && !self.pending {
            return;
        }
        if new_stall {
            let growth = self.growth(now, total);
            if !self.pending && growth < self.request.threshold {
                return;
            }
            self.pending = defers;
        }
        if self.last.is_some_and(|last| now < last.saturating_add(self.request.window)) {
            return;
        }
        (self.event, self.last, self.pending) = (true, Some(now), false);
    }
}

/// The monitors of a group of tasks, and the kernel's thread that looks for them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Monitors {
    triggers: Vec<Trigger>,
    /// An event that comes within a window of the last one waits for its end (5.18), rather than be lost;
    /// until 6.6 it needs no new stall for that.
    defers: bool,
    needs_stall: bool,
    /// Nanoseconds between two looks: a tenth of the shortest window.
    period: u64,
    /// Nanoseconds of a tick.
    tick: u64,
    /// Until when it looks on, and when it looks at the triggers next.
    until: Option<u64>,
    next: u64,
    /// When it runs.
    due: Option<u64>,
    /// The total when it ran last, and when the triggers were looked at.
    collected: u64,
    total: u64,
}

impl Monitors {
    /// Those of a group on a kernel of this release, with so many ticks in a second.
    pub fn new(release: Release, hz: u64) -> Monitors {
        Monitors {
            defers: release >= Release::new(5, 18),
            needs_stall: release >= Release::new(6, 7),
            tick: 1_000_000_000 / hz.max(1),
            ..Monitors::default()
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.triggers.is_empty()
    }

    /// One more, at this time and with this total of stalled time, both nanoseconds; its number.
    pub fn add(&mut self, request: Request, now: u64, total: u64) -> usize {
        let period = request.window / UPDATES;
        self.period = if self.triggers.is_empty() { period } else { self.period.min(period) };
        if self.triggers.is_empty() {
            (self.collected, self.total) = (total, total);
        }
        self.triggers.push(Trigger::new(request, now, total));
        self.triggers.len() - 1
    }

    /// A task begins to stall, or goes on.
    pub fn stalls(&mut self, now: u64) {
        if !self.is_empty() && self.due.is_none() {
            self.due = Some(self.in_ticks(now, 1));
        }
    }

    /// When the thread runs next, if it does.
    pub fn due(&self) -> Option<u64> {
        self.due
    }

    /// `psi_rtpoll_work()`: the thread runs.
    pub fn work(&mut self, now: u64, total: u64) {
        self.due = None;
        let changed = total != self.collected;
        self.collected = total;
        let over = |until: Option<u64>| until.is_none_or(|until| now > until);
        if changed {
            if over(self.until) {
                for trigger in &mut self.triggers {
                    trigger.reset(now, total, 0);
                }
                self.total = total;
                self.next = now.saturating_add(self.period);
            }
            self.until = Some(now.saturating_add(self.period.saturating_mul(UPDATES)));
        }
        if over(self.until) {
            return;
        }
        if now >= self.next {
            if changed || !self.needs_stall {
                let new_stall = total != self.total;
                for trigger in &mut self.triggers {
                    trigger.update(now, total, new_stall, self.defers);
                }
                self.total = total;
            }
            self.next = now.saturating_add(self.period);
        }
        let ticks = (self.next - now) / self.tick.max(1) + 1;
        self.due = Some(self.in_ticks(now, ticks));
    }

    /// Whether a monitor is told of an event when it polls, which is told once.
    pub fn poll(&mut self, number: usize) -> bool {
        let trigger = self.triggers.get_mut(number);
        trigger.is_some_and(|trigger| std::mem::take(&mut trigger.event))
    }

    /// The time of the tick that is so many ahead.
    fn in_ticks(&self, now: u64, ticks: u64) -> u64 {
        let tick = self.tick.max(1);
        (now / tick).saturating_add(ticks).saturating_mul(tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const TODAY: Release = Release::new(6, 12);

    fn watched(release: Release, text: &str) -> Monitors {
        let mut monitors = Monitors::new(release, 250);
        monitors.add(Request::parse(text, release).unwrap(), 0, 0);
        monitors
    }

    /// When a monitor that polls all the time is told, milliseconds, if tasks stall in these spans.
    fn told(monitors: &mut Monitors, stalls: &[(u64, u64)], until: u64) -> Vec<u64> {
        let (mut total, mut events) = (0, Vec::new());
        for ms in 0..until {
            let now = ms * MS;
            if monitors.due().is_some_and(|due| due <= now) {
                monitors.work(now, total);
            }
            if monitors.poll(0) {
                events.push(ms);
            }
            if stalls.iter().any(|(from, to)| (*from..*to).contains(&ms)) {
                monitors.stalls(now);
                total += MS;
            }
        }
        events
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let old = Release::new(6, 1);
        assert!(Request::parse("some 150000 1000000", old).is_some());
        assert!(Request::parse("full 1 10000000", old).is_some());
        for text in
            ["", "some", "some 5", "any 1 1000000", "some 0 1000000", "some 2000000 1000000"]
        {
            assert_eq!(Request::parse(text, old), None, "{text}");
        }
        assert_eq!(Request::parse("some 100 10000001", TODAY), None, "longer than ten seconds");
        assert_eq!(Request::parse("some 100 100000", old), None, "shorter than half a second");
        assert!(Request::parse("some 100 100000", TODAY).is_some());
    }

    #[test]
    fn a_stall_as_long_as_the_threshold_is_told_at_the_next_look() {
        let mut monitors = watched(TODAY, "some 150000 1000000");
        let events = told(&mut monitors, &[(10, 400)], 3000);
        assert_eq!(events.len(), 1);
        // The window begins with the first look, a tick later; then every tenth of it.
        assert!((160..=330).contains(&events[0]), "{events:?}");
    }

    #[test]
    fn a_shorter_stall_is_told_to_nobody() {
        let mut monitors = watched(TODAY, "some 150000 1000000");
        assert!(told(&mut monitors, &[(10, 100)], 3000).is_empty());
        // Nor two that are a window apart.
        let mut monitors = watched(TODAY, "some 150000 1000000");
        assert!(told(&mut monitors, &[(10, 100), (2500, 2590)], 5000).is_empty());
    }

    #[test]
    fn who_stalls_on_is_told_of_once_a_window() {
        let mut monitors = watched(TODAY, "some 150000 1000000");
        let events = told(&mut monitors, &[(0, 10_000)], 12_000);
        assert!((9..=11).contains(&events.len()), "{events:?}");
        assert!(events.windows(2).all(|pair| pair[1] - pair[0] >= 1000), "{events:?}");
    }

    #[test]
    fn an_event_within_a_window_of_another_waits_for_its_end_and_was_lost_before() {
        let (twice, thrice) = ([(0, 200), (600, 800)], [(0, 200), (600, 800), (1700, 1704)]);
        let request = "some 150000 1000000";
        let of = |release, stalls: &[_]| told(&mut watched(release, request), stalls, 4000);
        assert_eq!(of(Release::new(5, 4), &twice).len(), 1, "lost");
        let late = of(Release::new(6, 1), &twice);
        assert!(late.len() == 2 && (1200..1500).contains(&late[1]), "{late:?}");
        // It needs another stall today.
        assert_eq!(of(TODAY, &twice).len(), 1);
        let late = of(TODAY, &thrice);
        assert!(late.len() == 2 && (1700..2000).contains(&late[1]), "{late:?}");
    }

    #[test]
    fn the_thread_goes_to_sleep_when_nobody_stalls() {
        let mut monitors = watched(TODAY, "some 150000 1000000");
        told(&mut monitors, &[(0, 50)], 3000);
        assert_eq!(monitors.due(), None);
        assert!(!monitors.is_empty());
    }
}
