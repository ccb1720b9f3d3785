//! `oomph simulate`: a scenario on the simulated machine.

pub(super) mod draw;
mod futures;
mod kills;
mod many;
mod watch;

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use facts::Name;
use lab::allocator::{self, Heaps, Shared};
use lab::stated;
use rules::rss::{Printed, RssSlack};
use scenario::report::{IntervalRow, Recorder, SimulationReport};
use scenario::run::{Finish, Options, proc};
use scenario::{MAX_BYTES, Scenario, Source};
use units::{Bytes, PageSize};

use super::print_json;
use super::saved::Saving;
use crate::args::{At, Global, SimulateArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};
use crate::run::map::write_svg;
use watch::Watching;

/// Reports of the kernel that are explained, of one run.
const MOST_EXPLAINED: usize = 20;

pub(super) fn run(
    args: &SimulateArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let source = read(&args.file)?;
    if !args.vary.is_empty() || args.find.is_some() || args.variations.is_some() {
        return many::run(&source, args, global, out);
    }
    let scenario = match scenario::check(&source) {
        Ok(scenario) => scenario,
        Err(problems) => {
            talk(draw::drawn(&problems, io::stderr().is_terminal(), out.style()));
            return Ok(Outcome::Failed);
        }
    };
    if let Some(at) = &args.at {
        known(&scenario, at)?;
    }
    let rules = allocator::rules(&scenario);
    let (mut config, image, notes) = match stated::build(&scenario, global.kernel) {
        Ok(built) => built,
        Err(problems) => {
            talk(draw::drawn(&problems, io::stderr().is_terminal(), out.style()));
            return Ok(Outcome::Failed);
        }
    };
    if args.check {
        return checked(&scenario, out);
    }
    if let Some(saving) = saving(&scenario, args) {
        saving.check()?;
    }
    if let Some(seed) = args.seed {
        config.aslr_seed = config.aslr_seed.map(|_| seed);
    }
    for note in notes {
        talk(format!("note: {note}\n"));
    }
    let rules = match rules {
        Ok(rules) => rules,
        Err(problems) => {
            talk(draw::drawn(&problems, io::stderr().is_terminal(), out.style()));
            return Ok(Outcome::Failed);
        }
    };
    simulate(&scenario, (config, image, rules), args, global, out)
}

fn simulate(
    scenario: &Scenario,
    (config, image, rules): (sim::MachineConfig, sim::Image, malloc::Rules),
    args: &SimulateArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    // The picture is of a run of its own, which is the same and is looked at all the while.
    let again = args.svg.as_ref().map(|path| (path, config.clone(), image.clone()));
    let mut row = stated::row(&config);
    // Swap areas are added when the machine is arranged.
    row.swap = scenario.machine.swap.iter().map(|swap| swap.size).sum();
    let mut world = Shared::new(sim::Machine::new(config, image));
    let mut heaps = Heaps::simulated(rules, world.clone());
    let options = Options {
        seed: args.seed,
        stop_at: match args.at {
            Some(At::Step(step)) => Some(step),
            _ => None,
        },
        most_steps: args.most_steps,
        ..Options::model()
    };
    let mut recorder = Recorder::new(scenario);
    let result = {
        let trace = if args.trace { Some(&mut *out) } else { None };
        let mut watching = Watching::new(scenario, &mut recorder, trace);
        let on = (&mut world, &mut heaps);
        let result = futures::run(scenario, on, args.at.as_ref(), &options, &mut watching);
        watching.finish()?;
        result
    };
    let (finish, futures) = match result {
        Ok(result) => result,
        Err(error) => {
            talk(draw::drawn(error.problems(), io::stderr().is_terminal(), out.style()));
            return Ok(Outcome::Failed);
        }
    };
    if let Some(saving) = saving(scenario, args) {
        world.with(|machine| saving.save(machine))?;
    }
    if let Some((path, config, image)) = again {
        let curve = lab::timeline(scenario, (config, image, rules), &options)
            .map_err(|error| Failure::new("cannot draw the run").because(&error))?;
        write_svg(&views::simulation_svg(&curve), path, out)?;
    }
    let mut report = recorder.finish(&finish, row);
    // What the kernel's log comes to is for the same code to say that explains real logs.
    let reports = klog::reports(&finish.machine.log);
    let total = report.machine.ram;
    kills::beside(reports.iter().map(|found| &found.report), &mut report.deaths, Some(total));
    report.explained = reports
        .iter()
        .take(MOST_EXPLAINED)
        .map(|found| views::explained_verdict(&rules::explain(&found.report, None)))
        .collect();
    report.futures = futures;
    world.with(|machine| may_print(machine, &finish, &mut report));
    let broken = report.expectations.iter().any(|row| row.held == Some(false))
        || report.futures.iter().any(|row| {
            // One whose moment lies behind `--at` was not asked for.
            let missed = row.failure.is_some() && !(report.stopped && row.from_step.is_none());
            !row.broken.is_empty() || missed
        });
    if global.json {
        print_json(&report, out)?;
    } else {
        let text = views::simulation(&report, out.style());
        let gap = if args.trace { "\n" } else { "" };
        out.data(format!("{gap}{text}").as_bytes())?;
    }
    Ok(if broken { Outcome::Disagrees } else { Outcome::Done })
}

/// Refuses a moment that the scenario does not have.
fn known(scenario: &Scenario, at: &At) -> Result<(), Failure> {
    let At::Checkpoint(name) = at else { return Ok(()) };
    if scenario.checkpoints().any(|known| known == name) {
        return Ok(());
    }
    let name = Name::new(name.as_bytes());
    Err(Failure::new(format!("the scenario has no checkpoint `{name}`"))
        .hint("`--at` takes the number of a step or the name of a checkpoint"))
}

fn saving<'a>(scenario: &Scenario, args: &'a SimulateArgs) -> Option<Saving<'a>> {
    Some(Saving {
        path: args.save.as_deref()?,
        force: args.force,
        origin: format!("simulation of {}", Name::new(scenario.source.name().as_bytes())),
        keep: Some,
    })
}

/// What a kernel of the machine's release may print of resident pages, where it is not exact.
fn may_print(machine: &sim::Machine, finish: &Finish, report: &mut SimulationReport) {
    for (row, process) in report.processes.iter_mut().zip(&finish.processes) {
        // What is counted page by page, and not by counters.
        let seen = process.observation.as_deref().filter(|_| row.end.is_none());
        let Some(exact) = seen.and_then(|seen| proc::of_process(seen, "Rss")) else { continue };
        let slack = machine.slack(process.id, Printed::Status).map(RssSlack::total);
        let Some(slack) = slack.ok().filter(|slack| !slack.is_exact()) else { continue };
        let page = PageSize::KIB_4.bytes();
        let (least, most) = slack.around(exact / page);
        let bytes = |pages: u64| Bytes::new(pages.saturating_mul(page));
        row.rss_printed = Some(IntervalRow { least: bytes(least), most: bytes(most) });
    }
}

fn checked(scenario: &Scenario, out: &mut Output) -> Result<Outcome, Failure> {
    let steps: usize = scenario.programs.iter().map(|program| program.steps.len()).sum();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let processes = scenario.programs.len();
    let words = format!(
        "{}: no mistakes; {} in {}\n",
        Name::new(scenario.source.name().as_bytes()),
        count(steps, "step"),
        if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") },
    );
    out.data(words.as_bytes())?;
    Ok(Outcome::Done)
}

/// Reads the scenario, but no more than a scenario can be.
pub(super) fn read(path: &Path) -> Result<Source, Failure> {
    let limit = MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let is_input = path == Path::new("-");
    let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
    let shown = Name::new(name.as_bytes());
    let cannot = |error: io::Error| Failure::new(format!("cannot read `{shown}`")).because(&error);
    if is_input {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        let file = File::open(path).map_err(cannot)?;
        file.take(limit).read_to_end(&mut bytes).map_err(cannot)?;
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        cannot(io::Error::other(format!("expected UTF-8, found something else at byte {at}")))
    })?;
    Ok(Source::new(name, text))
}

/// A path, safe on a terminal.
fn shown(path: &Path) -> Name {
    Name::new(path.as_os_str().as_encoded_bytes())
}
