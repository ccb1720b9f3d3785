//! Many runs of one scenario at once, each with other values.

use std::io::{self, IsTerminal};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use facts::{Name, Release};
use lab::allocator::{self, Heaps, Shared};
use scenario::run::{
    Event, Finish, Heap, Options, Paused, Progress as Reached, Watch, What, advance, end,
};
use scenario::vary::{
    AmountRow, FoundRow, NoPlace, Outcome as Ended, Place, RunRow, Template, Value, Values,
    VariationsReport,
};
use scenario::{Problem, Problems, Scenario, Source, Span};
use units::Bytes;

use super::draw;
use crate::args::{At, Global, SimulateArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};
use crate::run::map::write_svg;
use crate::run::print_json;
use crate::run::progress::Progress;

/// Runs when only ranges are given, and no number.
const RUNS: u64 = 100;

/// What is varied, and how.
struct Varied {
    place: Place,
    values: Values,
    text: String,
}

/// Everything that the runs have in common.
struct Plan<'a> {
    template: &'a Template,
    varied: Vec<Varied>,
    seed: u64,
    kernel: Option<Release>,
    most_steps: u64,
    /// The scenario as it is written, and the moment that every run goes on from.
    from: Option<(&'a Scenario, &'a At)>,
}

/// What a thread has of the moment that its runs go on from.
struct Moment {
    world: Shared<sim::Machine>,
    heaps: Heaps<sim::Machine>,
    progress: Reached,
}

pub(super) fn run(
    source: &Source,
    args: &SimulateArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let fail = |problems: &Problems| {
        talk(draw::drawn(problems, io::stderr().is_terminal(), out.style()));
        Ok(Outcome::Failed)
    };
    let template = match Template::new(source) {
        Ok(template) => template,
        Err(problems) => return fail(&problems),
    };
    let base = match template.with([]) {
        Ok(scenario) => scenario,
        Err(problems) => return fail(&problems),
    };
    let seed = args.seed.unwrap_or(base.seed);
    let varied = args.vary.iter().map(|text| varied(&template, text));
    let plan = Plan {
        template: &template,
        varied: varied.collect::<Result<_, Failure>>()?,
        seed,
        kernel: global.kernel,
        most_steps: args.most_steps,
        from: args.at.as_ref().map(|at| (&base, at)),
    };
    // A scenario that cannot be built as it is will not be built a thousand times.
    if let Err(problems) = lab::stated::build(&base, plan.kernel) {
        return fail(&problems);
    }
    if let Err(problems) = allocator::rules(&base) {
        return fail(&problems);
    }
    if let Some((base, at)) = plan.from {
        super::known(base, at)?;
        if let Err(problems) = moment(&plan, base, at) {
            return fail(&problems);
        }
    }
    let lists = plan.varied.iter().try_fold(1u64, |product, varied| {
        product.checked_mul(u64::try_from(varied.values.count()?).ok()?)
    });
    let count = match (args.variations, lists) {
        (Some(count), _) => count,
        (None, _) if plan.varied.is_empty() => 0,
        // Every value of each with every value of the others.
        (None, Some(all)) => all.min(10_000_000),
        (None, None) => RUNS,
    };
    let runs = all(&plan, count, threads(args));
    let names = plan.varied.iter().map(|varied| (varied.place.path.clone(), varied.text.clone()));
    let name = source.name().to_owned();
    let mut report = VariationsReport::of(name, base.title.clone(), seed, names.collect(), runs);
    if let Some(text) = &args.find {
        report.found = Some(find(&plan, text)?);
    }
    if let Some(path) = &args.csv {
        std::fs::write(path, views::variations_csv(&report))
            .map_err(|error| cannot_write(path, &error))?;
    }
    if let Some(path) = &args.svg {
        write_svg(&views::variations_svg(&report), path, out)?;
    }
    if global.json {
        print_json(&report, out)?;
    } else {
        out.data(views::variations(&report, out.style()).as_bytes())?;
    }
    Ok(if report.summary.failed > 0 { Outcome::Failed } else { Outcome::Done })
}

fn cannot_write(path: &std::path::Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write `{}`", super::shown(path))).because(error)
}

fn threads(args: &SimulateArgs) -> usize {
    let all = || thread::available_parallelism().map_or(1, NonZero::get);
    args.threads.map_or_else(all, usize::from)
}

/// `process.web.grow=1..4GiB`.
fn varied(template: &Template, text: &str) -> Result<Varied, Failure> {
    let (path, values) = text.split_once('=').ok_or_else(|| {
        Failure::new(format!("`{}` is no value to vary", Name::new(text.as_bytes())))
            .hint("written `PLACE=VALUES`, such as `process.web.grow=1..4GiB`")
    })?;
    let wrong = |error: &dyn std::error::Error| {
        Failure::new(format!("cannot vary `{}`", Name::new(path.as_bytes()))).because(error)
    };
    let place = template.place(path).map_err(|error: NoPlace| wrong(&error))?;
    let parsed = Values::parse(values).map_err(|error| wrong(&error))?;
    Ok(Varied { place, values: parsed, text: values.to_owned() })
}

/// Every run, in order, whatever the number of threads.
fn all(plan: &Plan<'_>, count: u64, threads: usize) -> Vec<RunRow> {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let rows: Mutex<Vec<RunRow>> = Mutex::new(Vec::new());
    let work = |progress: Option<&Progress>| {
        let mut own = Vec::new();
        let moment = plan.from.map(|(base, at)| moment(plan, base, at));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            own.push(one(plan, moment.as_ref(), number));
            let finished = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = progress {
                progress.tell(false, || bar(finished, count));
            }
        }
        if let Ok(mut rows) = rows.lock() {
            rows.append(&mut own);
        }
    };
    let progress = Progress::new();
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work(None));
        }
        work(Some(&progress));
    });
    progress.tell(true, String::new);
    let mut rows = rows.into_inner().unwrap_or_default();
    rows.sort_by_key(|row| row.run);
    rows
}

/// `[######    ] 600 of 1000 runs`.
fn bar(done: u64, count: u64) -> String {
    let columns = usize::try_from(done.saturating_mul(30) / count.max(1)).unwrap_or(30).min(30);
    format!("[{}{}] {done} of {count} runs", "#".repeat(columns), " ".repeat(30 - columns))
}

fn one(plan: &Plan<'_>, moment: Option<&Arrived>, number: u64) -> RunRow {
    // Lists are gone through like the digits of a number: each value with each of the others.
    let mut turns = number;
    let values: Vec<Value> = (0u64..)
        .zip(&plan.varied)
        .map(|(column, varied)| match varied.values.count() {
            Some(count) => {
                let count = u64::try_from(count.max(1)).unwrap_or(1);
                let nth = turns % count;
                turns /= count;
                varied.values.value(nth, 0)
            }
            None => varied.values.value(0, mixed(plan.seed, number, column)),
        })
        .collect();
    let places: Vec<&Place> = plan.varied.iter().map(|varied| &varied.place).collect();
    with_values(plan, moment, number, &places, &values)
}

/// A seed of its own for each value of each run.
fn mixed(seed: u64, run: u64, column: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ run.wrapping_add(1).wrapping_mul(0xd1b5_4a32_d192_ed03)
        ^ column.wrapping_add(1).wrapping_mul(0x8cb9_2ba7_2f3d_8dd7)
}

fn with_values(
    plan: &Plan<'_>,
    moment: Option<&Arrived>,
    number: u64,
    places: &[&Place],
    values: &[Value],
) -> RunRow {
    let mut row = RunRow {
        run: number,
        values: values.iter().map(|&value| value.into()).collect(),
        outcome: Ended::Failed,
        victims: Vec::new(),
        kill_point: None,
        time_ns: 0,
        steps: 0,
        broken: Vec::new(),
        failure: None,
    };
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    let words = places.iter().copied().zip(texts.iter().map(String::as_str));
    let result = plan.template.with(words).and_then(|scenario| {
        let seed = plan.seed.wrapping_add(number);
        match (moment, plan.from) {
            (Some(Err(problems)), _) => Err(problems.clone()),
            (Some(Ok(moment)), Some((base, _))) => go_on(base, &scenario, moment, plan, &mut row),
            _ => perform(&scenario, plan, seed, &mut row),
        }
    });
    if let Err(problems) = result {
        row.failure = Some(problems.to_string());
    }
    row
}

/// Lines of claims that do not hold.
struct Broken<'s> {
    scenario: &'s Scenario,
    lines: Vec<usize>,
}

impl Watch for Broken<'_> {
    fn event(&mut self, event: &Event) {
        if let What::Expected(verdict) = &event.what
            && verdict.held == Some(false)
        {
            let line = self.scenario.source.position(event.span.start).0;
            if !self.lines.contains(&line) {
                self.lines.push(line);
            }
        }
    }
}

fn perform(
    scenario: &Scenario,
    plan: &Plan<'_>,
    seed: u64,
    row: &mut RunRow,
) -> Result<(), Problems> {
    let (mut config, image, _) = lab::stated::build(scenario, plan.kernel)?;
    config.aslr_seed = config.aslr_seed.map(|_| seed);
    let rules = allocator::rules(scenario)?;
    let mut world = Shared::new(sim::Machine::new(config, image));
    let mut heaps = Heaps::simulated(rules, world.clone());
    let options = options(plan, seed, None);
    let mut broken = Broken { scenario, lines: Vec::new() };
    let finish = scenario::run::run(scenario, &mut world, Some(&mut heaps), &options, &mut broken)
        .map_err(|error| error.problems().clone())?;
    came_of(scenario, &finish, 0, broken.lines, row);
    Ok(())
}

/// What a run came to, from the death on that is the first to count.
fn came_of(
    scenario: &Scenario,
    finish: &Finish,
    first: usize,
    broken: Vec<usize>,
    row: &mut RunRow,
) {
    let deaths = finish.deaths.get(first..).unwrap_or_default();
    row.victims = deaths
        .iter()
        .map(|death| scenario.names.get(death.name.0).cloned().unwrap_or_default())
        .collect();
    row.kill_point = deaths.first().map(|death| Bytes::new(death.touched));
    row.outcome = match (&finish.panic, row.victims.is_empty()) {
        (Some(_), _) => Ended::Panicked,
        (None, false) => Ended::Died,
        (None, true) => Ended::Survived,
    };
    row.time_ns = finish.time;
    row.steps = finish.steps;
    row.broken = broken;
}

/// A moment, or why it is not reached.
type Arrived = Result<Moment, Problems>;

/// Runs the scenario as it is written up to the moment.
fn moment(plan: &Plan<'_>, base: &Scenario, at: &At) -> Arrived {
    let (mut config, image, _) = lab::stated::build(base, plan.kernel)?;
    config.aslr_seed = config.aslr_seed.map(|_| plan.seed);
    let mut world = Shared::new(sim::Machine::new(config, image));
    let mut heaps = Heaps::simulated(allocator::rules(base)?, world.clone());
    let (stops, stop_at) = match at {
        At::Checkpoint(name) => (vec![name.as_str()], None),
        At::Step(step) => (Vec::new(), Some(*step)),
    };
    let options = options(plan, plan.seed, stop_at);
    let mut progress = Reached::new(base);
    let mut watch = Broken { scenario: base, lines: Vec::new() };
    let paused =
        advance(base, &mut progress, &stops, &mut world, Some(&mut heaps), &options, &mut watch)
            .map_err(|error| error.problems().clone())?;
    if paused == Paused::Over {
        let problem =
            Problem::at(Span::default(), "everything is over before the moment of `--at`", "");
        return Err(Problems::in_source(base.source.clone(), vec![problem]));
    }
    Ok(Moment { world, heaps, progress })
}

fn options(plan: &Plan<'_>, seed: u64, stop_at: Option<u64>) -> Options {
    let most_steps = plan.most_steps;
    Options { seed: Some(seed), most_steps, stop_at, look_at_end: false, ..Options::model() }
}

/// Goes on from the moment as the scenario with other values does.
fn go_on(
    base: &Scenario,
    scenario: &Scenario,
    moment: &Moment,
    plan: &Plan<'_>,
    row: &mut RunRow,
) -> Result<(), Problems> {
    moment.progress.fits(base, scenario)?;
    let mut world = Shared::new(moment.world.with(|machine| machine.clone()));
    let mut heaps = moment.heaps.on(&world);
    let mut progress = moment.progress.clone();
    let options = options(plan, plan.seed.wrapping_add(row.run), None);
    let mut broken = Broken { scenario, lines: Vec::new() };
    let before = progress.deaths();
    let finish =
        advance(scenario, &mut progress, &[], &mut world, Some(&mut heaps), &options, &mut broken)
            .and_then(|paused| {
                let heap = Some(&mut heaps as &mut dyn Heap);
                end(scenario, progress, paused, &mut world, heap, &options, &mut broken)
            })
            .map_err(|error| error.problems().clone())?;
    came_of(scenario, &finish, before, broken.lines, row);
    Ok(())
}

/// Looks for the edge between living and dying by halving.
fn find(plan: &Plan<'_>, text: &str) -> Result<FoundRow, Failure> {
    let target = varied(plan.template, text)?;
    let ends = target.values.ends();
    let (low, high) = ends.filter(|(low, high)| low < high).ok_or_else(|| {
        Failure::new(format!("nothing to look for in `{}`", Name::new(text.as_bytes())))
            .hint("written `PLACE=LOW..HIGH`")
    })?;
    let mut runs = 0;
    let mut survives = |value: Value| {
        let row = with_values(plan, None, runs, &[&target.place], &[value]);
        runs += 1;
        match row.failure {
            Some(failure) => {
                Err(Failure::new(format!("cannot run it with `{}` as {value}", target.place.path))
                    .because(&io::Error::other(failure)))
            }
            None => Ok(row.outcome == Ended::Survived),
        }
    };
    let (at_low, at_high) = (survives(low)?, survives(high)?);
    let row = |value: Option<Value>| value.map(AmountRow::from);
    let (mut lives, mut dies) = match (at_low, at_high) {
        (true, true) => (Some(low), None),
        (false, false) => (None, Some(low)),
        (true, false) => (Some(low), Some(high)),
        (false, true) => (Some(high), Some(low)),
    };
    let page = if low.kind == scenario::vary::Kind::Bytes { 4096 } else { 1 };
    while let (Some(living), Some(dying)) = (lives, dies)
        && living.amount.abs_diff(dying.amount) > page
    {
        let half = living.amount.midpoint(dying.amount);
        let middle = Value { amount: half - half.rem_euclid(page.cast_signed()), kind: low.kind };
        if middle == living || middle == dying {
            break;
        }
        if survives(middle)? {
            lives = Some(middle);
        } else {
            dies = Some(middle);
        }
    }
    Ok(FoundRow { place: target.place.path.clone(), survives: row(lives), dies: row(dies), runs })
}
