//! What the simulated machine costs, in process: `bench-sim WHAT`. `cargo xtask bench sim` starts it.
//!
//! * `events MAPPINGS`: nanoseconds of an event on the model, on a plain ordered map, and on the
//!   running kernel; one line for each round.
//! * `first-touch`: nanoseconds of the first touch of 1 TiB in one run, a line for each round.
//! * `log LINES`: milliseconds to copy the lines of a log of strace, to read it, to play it; lines
//!   that came out otherwise; mappings at the end.
//! * `fill`, `scatter`: fills a machine; its memory is measured from outside.
//! * `exhaust`, `many`, `thrash`: nanoseconds until a machine of 1 TiB is out of memory, and of a scenario
//!   with a hundred processes that do not fit and swap, once or three times over; a line for each round.
//! * `touch`: nanoseconds that the running kernel takes for a page of 4 KiB that is touched first; a line for
//!   each round.
//! * `hash`: a hash of everything that a run gave back and showed.
//!
//! Only time on the cpu counts.
#![expect(clippy::print_stdout, reason = "its output is read by the chore that started it")]

mod floor;
mod log;
mod memory;
mod model;
mod sys;
mod trace;

use std::env;
use std::error::Error;
use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

use floor::Floor;
use model::Model;
use trace::{Event, World};

const ROUNDS: usize = 5;
/// Events of one round.
const EVENTS: usize = 300_000;
const TIB: u64 = 1 << 40;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["events", slots] => events(slots.parse()?),
        ["first-touch"] => first_touch(),
        ["log", lines] => play_log(lines.parse()?),
        ["fill"] => model::fill().map(|text| println!("{text}")),
        ["scatter"] => model::scatter().map(|text| println!("{text}")),
        ["exhaust"] => rounds(memory::exhaust),
        ["many"] => rounds(|| memory::many(1)),
        ["thrash"] => rounds(|| memory::many(3)),
        ["touch"] => real_touch(),
        ["hash"] => model::hash().map(|hash| println!("{hash:016x}")),
        _ => Err(format!("expected what to measure, found `{}`", words.join(" ")).into()),
    }
}

fn events(slots: usize) -> Result<(), Box<dyn Error>> {
    let trace = trace::events(slots, EVENTS);
    for _ in 0..ROUNDS {
        let model = each(&trace, Model::start()?, slots)?;
        let floor = each(&trace, Floor::default(), slots)?;
        // A kernel that allows fewer mappings has no time.
        let kernel = each(&trace, sys::Kernel::start(slots), slots).unwrap_or(f64::NAN);
        println!("{model} {floor} {kernel}");
    }
    Ok(())
}

/// Nanoseconds of an event.
fn each(trace: &[Event], mut world: impl World, slots: usize) -> Result<f64, Box<dyn Error>> {
    for slot in 0..slots {
        world.event(Event::Map(slot))?;
    }
    let begin = on_cpu();
    for &event in trace {
        world.event(event)?;
    }
    let taken = on_cpu() - begin;
    Ok(float(taken) / float(u64::try_from(trace.len())?))
}

fn real_touch() -> Result<(), Box<dyn Error>> {
    for _ in 0..ROUNDS {
        let (pages, begin) = (1 << 16, on_cpu());
        sys::touch(pages)?;
        println!("{}", float(on_cpu() - begin) / float(u64::try_from(pages)?));
    }
    Ok(())
}

fn first_touch() -> Result<(), Box<dyn Error>> {
    for _ in 0..21 {
        let mut model = Model::start()?;
        let at = model.map(TIB)?;
        let begin = on_cpu();
        model.touch(at, TIB / 4096, 4096)?;
        let taken = on_cpu() - begin;
        println!("{taken}");
    }
    Ok(())
}

/// Nanoseconds of each round.
fn rounds<T>(run: impl Fn() -> Result<T, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    for _ in 0..ROUNDS {
        let begin = on_cpu();
        black_box(run()?);
        println!("{}", on_cpu() - begin);
    }
    Ok(())
}

fn play_log(lines: usize) -> Result<(), Box<dyn Error>> {
    let text = log::write(lines)?;
    let mut times = Vec::new();
    let mut lap = on_cpu();
    let mut stop = || {
        let now = on_cpu();
        times.push(float(now - lap) / 1e6);
        lap = now;
    };
    black_box(log::copied(&text).len());
    stop();
    let read = strace::parse(&text);
    stop();
    let (report, played) =
        strace::replay(&read, &facts::Name::from("bench"), strace::Options::default())?;
    stop();
    let score = report.score.all();
    let unequal = score.total - score.equal;
    let mappings = played.last_maps().map_or(0, |(_, _, maps)| log::count_lines(&maps));
    let [copy, read, play] = times[..] else { return Err("three laps".into()) };
    println!("{copy} {read} {play} {unequal} {mappings}");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

/// Nanoseconds this thread has run: others on the machine do not count.
fn on_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let [seconds, nanoseconds] = [time.tv_sec, time.tv_nsec].map(i64::cast_unsigned);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
