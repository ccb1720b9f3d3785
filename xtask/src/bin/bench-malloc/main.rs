//! What one call of the model of glibc's allocator costs, beside the real one.
//!
//! The same calls are played on both in one process: random ones, and those of a trace, if one is given. Each line has the nanoseconds of processor time of
//! one call and the calls in a second, the median of several runs, and for the model the bytes it needs for each live chunk.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod recorded;
mod sys;

use malloc::{AddressSpace, Heap, Layout, Ptr, Rules, ThreadId, Tunables};
use std::path::Path;
use std::process::ExitCode;

/// One call: a size for a slot that is empty, or nothing to free it.
#[derive(Debug, Clone, Copy)]
struct Call {
    slot: u32,
    /// Bytes, or [`FREE`].
    size: u32,
}

/// What chooses the sizes.
type Size = fn(&mut u64) -> u32;

const FREE: u32 = u32::MAX;
const CALLS: usize = 2_000_000;
const RUNS: usize = 7;

fn main() -> ExitCode {
    println!("{:<34}{:>12}{:>14}{:>12}", "", "ns per call", "calls per s", "bytes/live");
    let traces: [(&str, u32, u32, Size); 4] = [
        ("small, 1,000 live", 1000, 2, |random| below(random, 300)),
        ("small, 100,000 live", 100_000, 2, |random| below(random, 300)),
        ("mixed, 10,000 live", 10_000, 2, mixed),
        ("stack of small blocks", 1000, 0, |random| below(random, 300)),
    ];
    for (name, live, order, size) in traces {
        let (calls, slots) = trace(live, order, size);
        let mut bytes = 0.0;
        let model = median(|| {
            let begin = sys::cpu_seconds();
            bytes = play(&calls, slots);
            sys::cpu_seconds() - begin
        });
        row(&format!("model, {name}"), CALLS, model, &format!("{bytes:.1}"));
        let real = median(|| sys::play(&calls, slots));
        row(&format!("real,  {name}"), CALLS, real, "");
    }
    let Some(trace) = std::env::args_os().nth(1) else { return ExitCode::SUCCESS };
    match recorded::measure(Path::new(&trace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{}: {why}", Path::new(&trace).display());
            ExitCode::FAILURE
        }
    }
}

fn row(what: &str, calls: usize, seconds: f64, bytes: &str) {
    #[expect(clippy::cast_precision_loss, reason = "a few millions")]
    let calls = calls as f64;
    let (each, rate) = (seconds / calls * 1e9, calls / seconds / 1e6);
    println!("{what:<34}{each:>12.1}{rate:>12.1} M{bytes:>12}");
}

fn median(mut run: impl FnMut() -> f64) -> f64 {
    let mut times: Vec<f64> = (0..RUNS).map(|_| run()).collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

/// Plays a trace on the model; its bytes for each chunk when most were live.
fn play(calls: &[Call], slots: usize) -> f64 {
    let space = AddressSpace::new(Layout::X86_64, []);
    let mut heap = Heap::new(Rules::GLIBC_2_36, &Tunables::default(), space);
    let mut blocks: Vec<Option<Ptr>> = vec![None; slots];
    for call in calls {
        let block = &mut blocks[call.slot as usize];
        if call.size == FREE {
            let _ = heap.free(ThreadId::MAIN, block.take());
        } else {
            *block = heap.malloc(ThreadId::MAIN, call.size.into()).unwrap_or(None);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let each = heap.own_memory().get() as f64 / blocks.iter().flatten().count().max(1) as f64;
    each
}

/// Fills so many slots, then frees and fills again: in the order of a stack, or any.
fn trace(live: u32, order: u32, size: fn(&mut u64) -> u32) -> (Vec<Call>, usize) {
    let mut random = 0x9e37_79b9_7f4a_7c15;
    let mut calls: Vec<Call> =
        (0..live).map(|slot| Call { slot, size: size(&mut random) }).collect();
    while calls.len() + 64 < CALLS {
        if order == 0 {
            let depth = 1 + below(&mut random, 16);
            calls.extend((live - depth..live).rev().map(|slot| Call { slot, size: FREE }));
            calls.extend((live - depth..live).map(|slot| Call { slot, size: size(&mut random) }));
        } else {
            let slot = below(&mut random, live);
            calls.push(Call { slot, size: FREE });
            calls.push(Call { slot, size: size(&mut random) });
        }
    }
    (calls, live as usize)
}

fn mixed(random: &mut u64) -> u32 {
    match below(random, 100) {
        0..80 => below(random, 600),
        80..97 => below(random, 9000),
        _ => below(random, 100_000),
    }
}

/// A number below `end`, by xorshift64*.
fn below(random: &mut u64, end: u32) -> u32 {
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    let word = random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
    u32::try_from(word % u64::from(end)).unwrap_or(0)
}
