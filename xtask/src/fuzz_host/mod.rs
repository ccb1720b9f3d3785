//! `cargo xtask fuzz-host`: random programs on two worlds, compared step by step.
//!
//! Each program runs on the first world and as real processes on this machine's kernel. What the two
//! answer and show must be equal; where it is not, the program is made smaller as long as it shows the
//! same kind of difference, and kept as a text that can be played again.
//!
//! Nothing here can use up the machine: what a program may touch is bounded by its generator, and
//! programs run as nobody where that is possible.

mod generate;
mod mask;
mod play;
mod program;
mod random;
mod shrink;
mod text;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lab::HostModel;
use lab::compare::Tolerances;
use lab::{HostConfig, HostWorld};
use world::WorldError;

use crate::{Stop, repository};
use generate::Generator;
use mask::Mask;
use play::{First, Fixed, Mismatch, Outcome, Source};
use program::{Action, Program, Setup};
pub(crate) use random::Random;

/// Steps of one program.
const PROGRAM: u64 = 300;

/// How often a program that showed a mismatch has to show it again, without fail.
const REPEATS: u32 = 3;

/// What was asked for.
struct Options {
    steps: u64,
    seed: u64,
    seconds: Option<u64>,
    jobs: usize,
    mask: Mask,
    replay: Vec<PathBuf>,
    /// Which world comes first.
    first: FirstKind,
    /// Where smaller programs are kept.
    save: PathBuf,
    /// Whether mismatches are made smaller.
    shrinks: bool,
    /// Kinds of mismatches after which it is enough.
    enough: usize,
}

/// The world that the host is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstKind {
    /// The model.
    Model,
    /// Another set of real processes, which finds what is not determined.
    Host,
}

/// What several jobs count together.
#[derive(Default)]
struct Tally {
    steps: AtomicU64,
    programs: AtomicU64,
    found: Mutex<BTreeMap<String, (u64, PathBuf)>>,
    /// Mismatches that were gone the second time, by kind: how often, and what one of them showed.
    fleeting: Mutex<BTreeMap<String, (u64, Vec<String>)>>,
}

pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    if let Some(why) = lab::unavailable() {
        println!("skipped: {why}");
        return Ok(true);
    }
    let options = options(args)?;
    if !options.replay.is_empty() {
        return replay(&options);
    }
    let tally = Tally::default();
    let start = Instant::now();
    let stop = std::thread::scope(|scope| {
        let jobs: Vec<_> =
            (0..options.jobs).map(|_| scope.spawn(|| job(&options, &tally, start))).collect();
        let ends = jobs
            .into_iter()
            .map(|job| job.join().unwrap_or_else(|_| Err("a job panicked".to_owned())));
        ends.collect::<Result<Vec<()>, Stop>>()
    });
    let seconds = start.elapsed().as_secs_f64();
    let (steps, programs) =
        (tally.steps.load(Ordering::Relaxed), tally.programs.load(Ordering::Relaxed));
    let found = tally.found.into_inner().unwrap_or_default();
    for (kind, (times, path)) in &found {
        println!("{times} times {kind}: {}", path.display());
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = steps as f64 / seconds;
    let fleeting = tally.fleeting.into_inner().unwrap_or_default();
    for (kind, (times, lines)) in &fleeting {
        println!("{times} times {kind}, gone when the program was played again:");
        for line in lines {
            println!("  {line}");
        }
    }
    let times: u64 = fleeting.values().map(|(times, _)| times).sum();
    println!("{times} mismatches were gone when the program was played again");
    println!(
        "{steps} steps in {programs} programs, {seconds:.0} s, {rate:.0} steps a second; {} kinds of mismatches",
        found.len()
    );
    stop?;
    Ok(found.is_empty())
}

/// Plays programs until there is enough of something.
fn job(options: &Options, tally: &Tally, start: Instant) -> Result<(), Stop> {
    let over = || {
        let time =
            options.seconds.is_some_and(|seconds| start.elapsed() >= Duration::from_secs(seconds));
        let kinds = tally.found.lock().map_or(0, |found| found.len());
        time || kinds >= options.enough || tally.steps.load(Ordering::Relaxed) >= options.steps
    };
    let allowed = options.mask.tolerances(Tolerances::of_counters(play::cpus()));
    while !over() {
        let number = tally.programs.fetch_add(1, Ordering::Relaxed);
        let seed = options.seed.wrapping_mul(0x1_0000_0001).wrapping_add(number);
        let mut random = Random::new(seed);
        let setup = generate::setup(&mut random, &options.mask);
        let mut generator = Generator::new(random.next(), PROGRAM, &setup, &options.mask);
        let played = one(options.first, &setup, &mut generator, &allowed)
            .map_err(|error| format!("program {number} of seed {}: {error}", options.seed))?;
        tally.steps.fetch_add(played.actions.len() as u64, Ordering::Relaxed);
        if let Some(mismatch) = played.mismatch {
            let program = Program { setup: setup.clone(), actions: played.actions.clone() };
            let shows = |_| {
                let again = judge(options.first, &program, &allowed);
                again.is_some_and(|(again, _)| again.kind == mismatch.kind)
            };
            if !(0..REPEATS).all(shows) {
                // What the kernel does in the background: huge pages made meanwhile, batches, pages
                // that are being moved.
                if let Ok(mut fleeting) = tally.fleeting.lock() {
                    fleeting.entry(mismatch.kind).or_insert((0, mismatch.lines)).0 += 1;
                }
                continue;
            }
            keep(options, tally, Program { setup, actions: played.actions }, mismatch, &allowed)?;
        }
    }
    Ok(())
}

/// Makes a program smaller and writes it down, if its kind is new.
fn keep(
    options: &Options,
    tally: &Tally,
    program: Program,
    mismatch: Mismatch,
    allowed: &Tolerances,
) -> Result<(), Stop> {
    let kind = mismatch.kind.clone();
    let path = options
        .save
        .join(format!("{}.txt", kind.replace(|c: char| !c.is_ascii_alphanumeric(), "-")));
    if let Ok(mut found) = tally.found.lock() {
        let entry = found.entry(kind.clone()).or_insert_with(|| (0, path.clone()));
        entry.0 += 1;
        if entry.0 > 1 {
            return Ok(());
        }
    }
    let len = program.actions.len();
    let (small, mismatch) =
        shrink::shrink(program, mismatch, &mut |program| judge(options.first, program, allowed));
    let remarks: Vec<String> = mismatch.lines.iter().map(|line| format!("# {line}\n")).collect();
    let text = format!("# {kind}\n{}{small}", remarks.concat());
    fs::create_dir_all(&options.save)
        .and_then(|()| fs::write(&path, &text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    println!("-- {len} actions, now {}, in {}\n{text}", small.actions.len(), path.display());
    Ok(())
}

thread_local! {
    /// The real processes of one job, whose launcher serves many programs.
    static HOST: RefCell<Option<HostWorld>> = const { RefCell::new(None) };
}

/// Plays one program on fresh worlds.
fn one(
    first: FirstKind,
    setup: &Setup,
    source: &mut dyn Source,
    allowed: &Tolerances,
) -> Result<play::Played, WorldError> {
    let mut first = first_world(first, setup)?;
    HOST.with_borrow_mut(|host| {
        let mut fresh = match host.take() {
            Some(world) => world,
            None => HostWorld::new(HostConfig::default())?,
        };
        let played = play::play(&mut *first, &mut fresh, setup, source, allowed);
        fresh.clear();
        // A world that failed is not used again.
        let failed = |played: &play::Played| {
            played.mismatch.as_ref().is_some_and(|mismatch| mismatch.kind == play::WORLD_FAILED)
        };
        *host = played.as_ref().is_ok_and(|played| !failed(played)).then_some(fresh);
        played
    })
}

/// A fresh world of that kind.
fn first_world(kind: FirstKind, setup: &Setup) -> Result<Box<dyn First>, WorldError> {
    match kind {
        FirstKind::Host => Ok(Box::new(HostWorld::new(HostConfig::default())?)),
        FirstKind::Model => Ok(Box::new(model(setup)?.machine())),
    }
}

/// This machine as the model has it; measured once for each limit of the stack, which the kernel
/// lays an address space out by.
fn model(setup: &Setup) -> Result<HostModel, WorldError> {
    static MEASURED: Mutex<BTreeMap<Option<u64>, HostModel>> = Mutex::new(BTreeMap::new());
    let mut measured =
        MEASURED.lock().map_err(|_| WorldError("another job panicked".to_owned()))?;
    let key = setup.limits.stack;
    if let Some(known) = measured.get(&key) {
        return Ok(known.clone());
    }
    let mut spec = setup.process();
    spec.limits = world::Limits { stack: key, ..world::Limits::default() };
    let model = HostModel::measure(&spec)?;
    measured.insert(key, model.clone());
    Ok(model)
}

/// Remembers what the first world answered.
struct Recorded<'a> {
    fixed: Fixed<'a>,
    outcomes: Vec<Outcome>,
}

impl Source for Recorded<'_> {
    fn next(&mut self) -> Option<Action> {
        self.fixed.next()
    }

    fn learn(&mut self, _action: &Action, outcome: &Outcome) {
        self.outcomes.push(outcome.clone());
    }
}

/// What a known program shows; a world that fails shows nothing.
fn judge(
    first: FirstKind,
    program: &Program,
    allowed: &Tolerances,
) -> Option<(Mismatch, Vec<Outcome>)> {
    let mut source = Recorded { fixed: Fixed(program.actions.iter()), outcomes: Vec::new() };
    let played = one(first, &program.setup, &mut source, allowed).ok()?;
    Some((played.mismatch?, source.outcomes))
}

/// Plays programs from files again.
fn replay(options: &Options) -> Result<bool, Stop> {
    let allowed = options.mask.tolerances(Tolerances::of_counters(play::cpus()));
    let mut good = true;
    for path in &options.replay {
        let program = read(path)?;
        let mut source = Fixed(program.actions.iter());
        let played = one(options.first, &program.setup, &mut source, &allowed)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        match played.mismatch {
            None => println!("{}: equal, {} actions", path.display(), played.actions.len()),
            Some(mismatch) => {
                good = false;
                println!("{}: {} differs", path.display(), mismatch.kind);
                mismatch.lines.iter().for_each(|line| println!("  {line}"));
            }
        }
    }
    Ok(good)
}

fn read(path: &Path) -> Result<Program, Stop> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    text::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn options(args: &[String]) -> Result<Options, Stop> {
    let mut options = Options {
        steps: 100_000,
        seed: 1,
        seconds: None,
        jobs: 1,
        mask: Mask::default(),
        replay: Vec::new(),
        first: FirstKind::Model,
        save: repository::root().join("target/fuzz-host"),
        shrinks: true,
        enough: 10,
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{arg} needs a value"));
        let number = |text: &String| {
            text.replace('_', "")
                .parse::<u64>()
                .map_err(|_| format!("{arg} needs a number, not `{text}`"))
        };
        match arg.as_str() {
            "--steps" => options.steps = number(value()?)?,
            "--seed" => options.seed = number(value()?)?,
            "--seconds" => options.seconds = Some(number(value()?)?),
            "--jobs" => options.jobs = usize::try_from(number(value()?)?).unwrap_or(1).max(1),
            "--enough" => options.enough = usize::try_from(number(value()?)?).unwrap_or(1),
            "--no-shrink" => options.shrinks = false,
            "--mask" => options.mask.add(value()?),
            "--save" => options.save = PathBuf::from(value()?),
            "--replay" => options.replay.push(PathBuf::from(value()?)),
            "--first" => match value()?.as_str() {
                "host" => options.first = FirstKind::Host,
                "model" => options.first = FirstKind::Model,
                other => return Err(format!("--first is model or host, not `{other}`")),
            },
            other => {
                return Err(format!(
                    "fuzz-host knows no `{other}`; `cargo xtask help` lists what it knows"
                ));
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests;
