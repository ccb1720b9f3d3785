//! `cargo xtask fuzz-vm`: random machines that run out of memory, on the model and on real kernels.
//!
//! Each case is a scenario, made from the seed and its number: some processes that take memory and hold
//! still, in cgroups or not, and one that grows until somebody dies, and on. What is counted is whether
//! the model's OOM killer chooses the same victims in the same order. A virtual machine performs several
//! cases of its shape; between them everybody ends, cgroups go, and settings are put back. The model
//! starts each time with what is measured in the machine.
//!
//! Where the victims differ, the case is made smaller as long as they do, and kept as a scenario that
//! `oomph lab --on model,vm:6.1 FILE` performs.
//!
//! `--record DIR` keeps what the kernels answered, and `--recorded DIR` counts anew from there, with the
//! model as it is now; `--quantities` shows the cases, too, in which only quantities are too far apart.

mod bench;
mod case;
mod verdict;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lab::recording::Recording;
use scenario::{Scenario, Source};

use crate::fuzz_host::Random;
use crate::{Stop, repository};
use bench::recordings;
pub(crate) use bench::{AS_BOOTED, Bench, SERIES};
use case::{Case, Shape};
use verdict::{Kind, Verdict};

/// Cases in a row that have the same shape, so that one boot is enough for them.
const PER_SHAPE: u64 = 25;
/// How often a kernel is asked again that chose other victims.
const AGAIN: usize = 2;
/// Cases that are tried in order to make one smaller.
const TRIES: usize = 24;

struct Options {
    scenarios: u64,
    seed: u64,
    from: u64,
    seconds: Option<u64>,
    kernels: Vec<String>,
    save: PathBuf,
    shrinks: bool,
    /// Whether machines with swap are passed over, which take several times as long as others.
    without_swap: bool,
    /// Whether cases are shown in which only quantities are too far apart.
    shows_quantities: bool,
    replay: Vec<PathBuf>,
    /// Where both kernels' logs are kept.
    logs: Option<PathBuf>,
    /// Where recordings are written.
    record: Option<PathBuf>,
    /// Where recordings are.
    recorded: Option<PathBuf>,
}

/// What came of the cases on one kernel.
#[derive(Default)]
struct Tally {
    done: u64,
    /// With at least one kill or panic on the real kernel.
    kills: u64,
    kinds: BTreeMap<Kind, u64>,
    /// Quantities that were too far apart: how often, and the most.
    apart: BTreeMap<String, (u64, u64)>,
    /// How often a quantity was compared.
    compared: BTreeMap<String, u64>,
}

pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let options = options(args)?;
    let start = Instant::now();
    let mut good = true;
    if let Some(folder) = &options.recorded {
        for series in &options.kernels {
            good &= print(series, &again(&options, series, folder)?, &options);
        }
        println!("{} s", start.elapsed().as_secs());
        return Ok(good);
    }
    if let Some(why) = lab::vm::unavailable() {
        println!("skipped: {why}");
        return Ok(true);
    }
    for series in &options.kernels {
        let mut bench = Bench::new(series, true)?;
        if let Some(folder) = &options.record {
            bench.record(folder)?;
        }
        println!("{}", bench.package());
        let tally = if options.replay.is_empty() {
            fuzz(&options, &mut bench, start)
        } else {
            replay(&options, &mut bench)?
        };
        good &= print(series, &tally, &options);
    }
    println!("{} s", start.elapsed().as_secs());
    Ok(good)
}

/// A few cases on a kernel that is here already, for the continuous integration; true where there is none,
/// which is said.
pub(crate) fn smoke() -> Result<bool, Stop> {
    const SERIES: &str = "6.1";
    if let Some(why) = lab::vm::unavailable() {
        println!("skipped: {why}");
        return Ok(true);
    }
    if !Bench::is_cached(SERIES)? {
        println!("skipped: no kernel {SERIES} has been fetched; `cargo xtask fuzz-vm` does");
        return Ok(true);
    }
    let options =
        options(&["--scenarios", "8", "--seconds", "40", "--no-shrink"].map(str::to_owned))?;
    let mut bench = Bench::new(SERIES, true)?;
    let tally = fuzz(&options, &mut bench, Instant::now());
    Ok(print(SERIES, &tally, &options))
}

fn fuzz(options: &Options, bench: &mut Bench, start: Instant) -> Tally {
    let mut tally = Tally::default();
    let each = options.seconds.map(|seconds| {
        Duration::from_secs(seconds) / u32::try_from(options.kernels.len().max(1)).unwrap_or(1)
    });
    let begun = Instant::now();
    for number in options.from..options.from.saturating_add(options.scenarios) {
        if each.is_some_and(|each| begun.elapsed() >= each) {
            break;
        }
        let case = case(options.seed, number);
        if options.without_swap && case.has_swap() {
            continue;
        }
        let title = format!("Case {number} of seed {}", options.seed);
        let named = options.record.as_ref();
        let done = named.map(|folder| folder.join(Recording::file_name(&title, bench.series())));
        if done.is_some_and(|file| file.exists()) {
            continue;
        }
        let Some(verdict) = judge(&case, &title, bench) else { continue };
        if let Some(folder) = &options.logs {
            let name = format!("{}-{}-{number}", bench.series(), options.seed);
            bench.write_logs(folder, &name);
            keep(folder, &format!("{name}.kdl"), &case.text(&title), &verdict);
        }
        let seconds = start.elapsed().as_secs();
        println!("{seconds:5} s  {number:4}  {verdict}");
        let verdict = if verdict.kind == Kind::Victims {
            asked_again(verdict, &case, &title, bench)
        } else {
            verdict
        };
        tally.add(&verdict);
        if verdict.kind != Kind::Same && verdict.kind != Kind::Stopped {
            let time = each.map(|each| each.saturating_sub(begun.elapsed()));
            let (case, verdict) = if options.shrinks && verdict.kind == Kind::Victims {
                shrink(case, verdict, &title, bench, time)
            } else {
                (case, verdict)
            };
            let name = format!("{}-{}-{number}.kdl", bench.series(), options.seed);
            keep(&options.save, &name, &case.text(&title), &verdict);
            println!("         kept in {}", options.save.join(&name).display());
        }
    }
    tally
}

/// The case of a number: its shape is that of its neighbours, too.
fn case(seed: u64, number: u64) -> Case {
    let mixed = |number: u64| Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let shape = Shape::random(&mut mixed(u64::MAX - number / PER_SHAPE));
    Case::random(shape, &mut mixed(number))
}

fn judge(case: &Case, title: &str, bench: &mut Bench) -> Option<Verdict> {
    match scenario::check(&Source::new(title, case.text(title))) {
        Ok(scenario) => Some(performed(&scenario, bench)),
        Err(problems) => {
            println!("{title} is no scenario: {problems}");
            None
        }
    }
}

fn performed(scenario: &Scenario, bench: &mut Bench) -> Verdict {
    match bench.perform(scenario) {
        Ok(performed) => Verdict::of(&performed.report),
        Err(error) => Verdict::stopped(error.to_string()),
    }
}

/// Asks the kernel twice more where it chose other victims than the model: what it does not choose every
/// time is decided by who runs when.
fn asked_again(verdict: Verdict, case: &Case, title: &str, bench: &mut Bench) -> Verdict {
    for time in 1..=AGAIN {
        if let Some(other) = judge(case, &once_more(title, time), bench) {
            println!("         again: {other}");
            if matches!(other.kind, Kind::Same | Kind::Steps) {
                return verdict.undecided();
            }
        }
    }
    verdict
}

/// The title of a case when it is performed another time.
fn once_more(title: &str, time: usize) -> String {
    format!("{title}, again {time}")
}

/// Performs on the model what kernels were asked, and counts again.
fn again(options: &Options, series: &str, folder: &Path) -> Result<Tally, Stop> {
    let mut tally = Tally::default();
    let Some(mut bench) = Bench::recorded(series, folder)? else {
        println!("there is no recording of {series} in {}", folder.display());
        return Ok(tally);
    };
    println!("{}", bench.package());
    for path in recordings(folder, series)? {
        let header = Recording::load(&path).map_err(|error| error.0)?.header;
        let name = header.scenario;
        // Of the same case the first counts, unless it is not decided.
        if name.contains(", ") {
            continue;
        }
        let mut perform = |name: &str| {
            let scenario = scenario::check(&Source::new(name, header.text.as_str()));
            let scenario = scenario.map_err(|problems| problems.to_string())?;
            Ok::<_, Stop>(performed(&scenario, &mut bench))
        };
        let mut verdict = perform(&name)?;
        if verdict.kind == Kind::Victims {
            for time in 1..=AGAIN {
                let other = once_more(&name, time);
                if !folder.join(Recording::file_name(&other, series)).exists() {
                    continue;
                }
                if matches!(perform(&other)?.kind, Kind::Same | Kind::Steps) {
                    verdict = verdict.undecided();
                    break;
                }
            }
        }
        let shown = options.shows_quantities && verdict.is_apart();
        if verdict.kind != Kind::Same || shown {
            println!("{name}: {verdict}");
        }
        if let Some(folder) = &options.logs {
            bench.write_logs(folder, &Recording::file_name(&name, series));
        }
        tally.add(&verdict);
    }
    Ok(tally)
}

/// The smallest case found whose victims differ.
fn shrink(
    case: Case,
    verdict: Verdict,
    title: &str,
    bench: &mut Bench,
    time: Option<Duration>,
) -> (Case, Verdict) {
    let begun = Instant::now();
    let (mut best, mut shown) = (case, verdict);
    let mut tries = 0;
    'again: loop {
        for smaller in best.smaller() {
            if tries >= TRIES || time.is_some_and(|time| begun.elapsed() >= time) {
                break 'again;
            }
            tries += 1;
            if let Some(verdict) = judge(&smaller, &format!("{title}, smaller {tries}"), bench)
                && verdict.kind == Kind::Victims
            {
                (best, shown) = (smaller, verdict);
                continue 'again;
            }
        }
        break;
    }
    (best, shown)
}

fn keep(folder: &Path, name: &str, text: &str, verdict: &Verdict) {
    let path = folder.join(name);
    let mut whole = String::new();
    for line in verdict.to_string().lines() {
        let _ = writeln!(whole, "// {line}");
    }
    whole.push_str(text);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, whole));
    if let Err(error) = written {
        println!("         cannot be kept in {}: {error}", path.display());
    }
}

fn replay(options: &Options, bench: &mut Bench) -> Result<Tally, Stop> {
    let mut tally = Tally::default();
    for path in &options.replay {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let scenario = scenario::check(&Source::new(path.display().to_string(), text))
            .map_err(|problems| problems.to_string())?;
        let verdict = performed(&scenario, bench);
        println!("{}  {verdict}", path.display());
        if let (Some(folder), Some(name)) = (&options.logs, path.file_stem()) {
            bench.write_logs(folder, &format!("{}-{}", bench.series(), name.display()));
        }
        tally.add(&verdict);
    }
    Ok(tally)
}

impl Tally {
    fn add(&mut self, verdict: &Verdict) {
        self.done += 1;
        self.kills += u64::from(verdict.kills);
        *self.kinds.entry(verdict.kind).or_default() += 1;
        for quantity in &verdict.quantities {
            *self.compared.entry(quantity.what.clone()).or_default() += 1;
            if !quantity.within {
                let (times, most) = self.apart.entry(quantity.what.clone()).or_default();
                *times += 1;
                *most = (*most).max(quantity.distance);
            }
        }
    }
}

/// Says what came of all; true when nothing differed that should not.
fn print(series: &str, tally: &Tally, options: &Options) -> bool {
    let of = |kind: Kind| tally.kinds.get(&kind).copied().unwrap_or(0);
    let compared = tally.done - of(Kind::Stopped);
    let agreed = compared - of(Kind::Victims) - of(Kind::Undecided);
    for (what, (times, most)) in &tally.apart {
        let all = tally.compared.get(what).copied().unwrap_or(0);
        println!("  {what}: {times} of {all} too far apart, at most by {most}");
    }
    println!(
        "vm:{series}: seed {}: {agreed} of {compared} scenarios with the same victims ({} with a kill or a \
         panic); victims differ in {}; victims that the kernel itself does not choose every time in {}; other steps differ in {}; \
         not performed {}",
        options.seed,
        tally.kills,
        of(Kind::Victims),
        of(Kind::Undecided),
        of(Kind::Steps),
        of(Kind::Stopped),
    );
    of(Kind::Victims) == 0
}

fn options(args: &[String]) -> Result<Options, Stop> {
    let mut options = Options {
        scenarios: 100,
        seed: 1,
        from: 0,
        seconds: None,
        kernels: Vec::new(),
        save: repository::target().join("fuzz-vm"),
        shrinks: true,
        without_swap: false,
        shows_quantities: false,
        replay: Vec::new(),
        logs: None,
        record: None,
        recorded: None,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} takes a value"));
        match arg.as_str() {
            "--scenarios" => options.scenarios = number(arg, value()?)?,
            "--seed" => options.seed = number(arg, value()?)?,
            "--from" => options.from = number(arg, value()?)?,
            "--seconds" => options.seconds = Some(number(arg, value()?)?),
            "--kernel" => options.kernels.push(value()?.clone()),
            "--save" => options.save = value()?.into(),
            "--record" => options.record = Some(value()?.into()),
            "--recorded" => options.recorded = Some(value()?.into()),
            "--logs" => options.logs = Some(value()?.into()),
            "--without-swap" => options.without_swap = true,
            "--quantities" => options.shows_quantities = true,
            "--no-shrink" => options.shrinks = false,
            "--replay" => options.replay.push(value()?.into()),
            path if !path.starts_with('-') && !options.replay.is_empty() => {
                options.replay.push(path.into());
            }
            other => return Err(format!("fuzz-vm does not know `{other}`")),
        }
    }
    if options.kernels.is_empty() {
        options.kernels = SERIES.map(str::to_owned).to_vec();
    }
    Ok(options)
}

pub(crate) fn number(arg: &str, text: &str) -> Result<u64, Stop> {
    text.parse().map_err(|_| format!("{arg} takes a number, not `{text}`"))
}
