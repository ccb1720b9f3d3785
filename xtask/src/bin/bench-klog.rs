//! What reading and explaining reports costs, in process: `bench-klog [LOG…]`.
//!
//! For each log it prints a line of numbers: bytes, lines, reports, and the least nanoseconds that
//! one reading took of: its lines counted and copied (the floor), its reports found and read, these
//! explained. Only time on the cpu counts.
#![expect(clippy::print_stdout, reason = "its output is read by the chore that started it")]

use std::fs;
use std::hint::black_box;
use std::io;

use rustix::time::{ClockId, clock_gettime};

/// How often each is done; the least counts.
const ROUNDS: u32 = 9;
/// And how many times a round.
const TIMES: u64 = 60;

fn main() -> io::Result<()> {
    for log in std::env::args().skip(1) {
        let text = fs::read(&log)?;
        let floor = least(|| copied(black_box(&text)).len());
        let read = least(|| klog::reports(black_box(&text)).len());
        let found = klog::reports(&text);
        let explain = least(|| {
            for one in &found {
                black_box(rules::explain(black_box(&one.report), None));
            }
        });
        let lines = text.split(|&byte| byte == b'\n').count();
        println!("{} {lines} {} {floor} {read} {explain}", text.len(), found.len());
    }
    Ok(())
}

/// Each line on its own, as a report keeps them.
fn copied(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn least<T>(mut run: impl FnMut() -> T) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..ROUNDS {
        let start = on_cpu();
        for _ in 0..TIMES {
            black_box(run());
        }
        least = least.min((on_cpu() - start) / TIMES);
    }
    least
}

/// Nanoseconds this thread has run: others on the machine do not count.
fn on_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let [seconds, nanoseconds] = [time.tv_sec, time.tv_nsec].map(i64::cast_unsigned);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
