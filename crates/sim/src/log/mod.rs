//! The kernel's log, in virtual time.
//!
//! What `dmesg` shows: each line behind the seconds since boot, six digits after the point. Reports
//! of the OOM killer are made as [`facts::oom_report::OomReport`] and printed by [`klog::print()`], so
//! that a simulated kernel's words are those of its release.
//!
//! # What it leaves out
//! Lines of the boot, the call trace with its registers, and the microseconds that printing takes:
//! all lines of a report bear the time of the kill.

mod draft;
mod memory;
mod tasks;

pub(crate) use draft::Draft;

use facts::Release;
use facts::oom_report::{OomReport, ReaperLine};

/// Lines so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    text: Vec<u8>,
    limit: RateLimit,
    /// Of requests that failed.
    failures: RateLimit,
}

/// `__ratelimit()`.
#[derive(Debug, Clone, Copy, Default)]
struct RateLimit {
    begin: Option<u64>,
    printed: u32,
    missed: u32,
}

/// What a limit lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// This one, and so many before were left out.
    Yes(u32),
    No,
}

/// How many of a kind may be printed, and in how many nanoseconds.
type Rate = (u32, u64);

/// Ten in five seconds (`DEFAULT_RATELIMIT_BURST`).
const REPORTS: Rate = (10, 5_000_000_000);
/// One in ten seconds (`nopage_rs` in `warn_alloc()`, 5.5; until then as reports).
const FAILURES: Rate = (1, 10_000_000_000);

impl RateLimit {
    fn pass(&mut self, now: u64, (burst, interval): Rate) -> Pass {
        let mut missed = 0;
        let begin = *self.begin.get_or_insert(now);
        if now > begin.saturating_add(interval) {
            missed = self.missed;
            *self = RateLimit { begin: Some(now), ..RateLimit::default() };
        }
        if self.printed < burst {
            self.printed += 1;
            return Pass::Yes(missed);
        }
        self.missed += 1;
        Pass::No
    }
}

impl Log {
    /// Everything, as `dmesg` prints it.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Adds lines, each of which ends in a newline, at so many nanoseconds since boot.
    pub(crate) fn add(&mut self, now: u64, lines: &[u8]) {
        let (seconds, micros) = (now / 1_000_000_000, now / 1000 % 1_000_000);
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            self.text.extend_from_slice(format!("[{seconds:>5}.{micros:06}] ").as_bytes());
            self.text.extend_from_slice(line);
        }
        if !lines.is_empty() && !lines.ends_with(b"\n") {
            self.text.push(b'\n');
        }
    }

    /// Adds what became of a victim's memory.
    pub(crate) fn reaper(&mut self, now: u64, release: Release, line: ReaperLine) {
        let report = OomReport { reaper: vec![line], ..OomReport::default() };
        self.add(now, &klog::print(&report, release));
    }

    /// Whether a report may be printed whole (2.6.24): how many were left out since the last one.
    fn admits(&mut self, now: u64, release: Release) -> Pass {
        if release < Release::old(2, 6, 24) {
            return Pass::Yes(0);
        }
        self.limit.pass(now, REPORTS)
    }

    /// The same of a request that failed.
    fn admits_failure(&mut self, now: u64, release: Release) -> Pass {
        let rate = if release >= Release::new(5, 5) { FAILURES } else { REPORTS };
        self.failures.pass(now, rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_bears_the_time_in_microseconds() {
        let mut log = Log::default();
        log.add(12_345_678_901, b"a\nb");
        assert_eq!(log.text(), b"[   12.345678] a\n[   12.345678] b\n");
    }

    #[test]
    fn ten_reports_pass_in_five_seconds() {
        let mut limit = RateLimit::default();
        for _ in 0..10 {
            assert_eq!(limit.pass(7, REPORTS), Pass::Yes(0));
        }
        assert_eq!(limit.pass(8, REPORTS), Pass::No);
        assert_eq!(limit.pass(7 + REPORTS.1, REPORTS), Pass::No);
        assert_eq!(limit.pass(8 + REPORTS.1, REPORTS), Pass::Yes(2));
        assert_eq!(limit.pass(9 + REPORTS.1, REPORTS), Pass::Yes(0));
    }
    #[test]
    fn one_request_that_failed_is_told_of_in_ten_seconds() {
        let mut log = Log::default();
        let release = Release::new(6, 1);
        assert_eq!(log.admits_failure(5, release), Pass::Yes(0));
        assert_eq!(log.admits_failure(5 + REPORTS.1, release), Pass::No);
        assert_eq!(log.admits_failure(6 + FAILURES.1, release), Pass::Yes(1));
        let mut older = Log::default();
        assert!((0..10).all(|_| older.admits_failure(5, Release::new(5, 4)) == Pass::Yes(0)));
    }
}
