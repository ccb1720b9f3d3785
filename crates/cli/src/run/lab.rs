//! `oomph lab`: scenarios on the model and on real kernels, side by side.

use std::fs;
use std::io::{self, IsTerminal, Write as _};
use std::path::Path;

use facts::Release;
use lab::recording::Recording;
use lab::vm::debian::{Arch, Archive, Kernel, Progress, cache};
use lab::{Place, Plan};
use world::WorldError;

use super::print_json;
use super::simulate::{draw, read};
use crate::args::{Global, LabArgs, LabArm, LabKernel, LabProfile};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};

pub(super) fn run(args: &LabArgs, global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    if args.html.is_some() && args.files.len() > 1 {
        return Err(Failure::new("`--html` makes the page of one scenario, and there are several"));
    }
    let places = places(&args.on)?;
    if let Some(folder) = &args.record {
        fs::create_dir_all(folder).map_err(|error| cannot("make", folder, &error))?;
    }
    let mut outcome = Outcome::Done;
    for (at, path) in args.files.iter().enumerate() {
        let source = read(path)?;
        let scenario = match scenario::check(&source) {
            Ok(scenario) => scenario,
            Err(problems) => {
                talk(draw::drawn(&problems, io::stderr().is_terminal(), out.style()));
                outcome = Outcome::Failed;
                continue;
            }
        };
        let stated = |release: Option<Release>| match lab::stated::build(
            &scenario,
            release.or(global.kernel),
        ) {
            Ok((config, image, _)) => Ok((config, image)),
            Err(problems) => Err(WorldError(problems.to_string())),
        };
        let about_to = |what: &str| {
            if io::stderr().is_terminal() {
                talk(format!("{what} …\n"));
            }
        };
        let places = of_scenario(&places, scenario.source.name())?;
        let plan = Plan {
            places: &places,
            stated: &stated,
            stored: args.profile == LabProfile::Stored,
            curves: true,
            record: args.record.as_deref(),
            about_to: &about_to,
        };
        let report = lab::side_by_side(&scenario, &plan)
            .map_err(|error| Failure::new("cannot run the scenario here").because(&error))?;
        if let Some(path) = &args.html {
            write(path, &views::comparison_page(&report))?;
        }
        // One that began and could not go on is no success either.
        let broken = report
            .arms
            .iter()
            .any(|arm| !arm.broken.is_empty() || (arm.steps > 0 && arm.stopped.is_some()));
        if global.json {
            print_json(&report, out)?;
        } else {
            let page = views::comparison(&report, out.style());
            let between = if at > 0 { "\n" } else { "" };
            out.data(format!("{between}{page}").as_bytes())?;
        }
        if (report.equal == Some(false) || broken) && outcome == Outcome::Done {
            outcome = Outcome::Disagrees;
        }
    }
    Ok(outcome)
}

/// The worlds, with their kernels at hand.
fn places(arms: &[LabArm]) -> Result<Vec<Place>, Failure> {
    let mut places = Vec::new();
    for arm in arms {
        let place = match arm {
            LabArm::Model => Place::Model,
            LabArm::Host => Place::Host,
            LabArm::Vm(kernel) => vm(kernel)
                .map_err(|error| Failure::new("cannot have a virtual machine").because(&error))?,
            LabArm::Recorded(path) => Place::Recorded(path.clone()),
        };
        // Twice the same is once.
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// The worlds of a scenario: of a folder of recordings those that are of it.
fn of_scenario(places: &[Place], scenario: &str) -> Result<Vec<Place>, Failure> {
    let mut all = Vec::new();
    for place in places {
        match place {
            Place::Recorded(folder) if folder.is_dir() => {
                let found = Recording::of_scenario(folder, scenario)
                    .map_err(|error| cannot("read", folder, &error))?;
                if found.is_empty() {
                    let scenario = facts::Name::new(scenario.as_bytes());
                    let folder = facts::Name::new(folder.as_os_str().as_encoded_bytes());
                    talk(format!("there is no recording of {scenario} in `{folder}`\n"));
                }
                all.extend(found.into_iter().map(Place::Recorded));
            }
            other => all.push(other.clone()),
        }
    }
    Ok(all)
}

fn vm(kernel: &LabKernel) -> Result<Place, WorldError> {
    if let Some(why) = lab::vm::unavailable() {
        return Err(WorldError(why));
    }
    match kernel {
        LabKernel::Series(series) => {
            let mut progress = told();
            let kernel = Archive::new(Arch::Amd64, &cache()?).kernel(series, &mut progress);
            clear_line();
            Ok(Place::Vm { name: series.clone(), kernel: kernel? })
        }
        LabKernel::Image(path) => {
            let name = path.display().to_string();
            let kernel = Kernel { image: path.clone(), modules: None, package: name.clone() };
            Ok(Place::Vm { name, kernel })
        }
    }
}

/// Shows what is being fetched: on a terminal as a bar, elsewhere as a line each.
fn told() -> impl FnMut(&Progress) {
    let terminal = io::stderr().is_terminal();
    let mut last = String::new();
    move |progress| {
        let (what, share) = match progress {
            Progress::Lists => ("fetching Debian's lists".to_owned(), None),
            Progress::Fetching { package, done, total } => {
                (format!("fetching {package}"), total.map(|total| (*done, total)))
            }
            Progress::Unpacking(package) => (format!("unpacking {package}"), None),
        };
        if terminal {
            talk(format!("\r\x1b[K{what} {}", share.map(bar).unwrap_or_default()));
        } else if what != last {
            talk(format!("{what}\n"));
        }
        last = what;
    }
}

/// So much of it is done: `[######------] 50%`.
fn bar((done, total): (u64, u64)) -> String {
    const CELLS: u64 = 24;
    let done = done.min(total);
    let part = |of: u64| u128::from(done) * u128::from(of) / u128::from(total.max(1));
    let full = usize::try_from(part(CELLS)).unwrap_or(0);
    let rest = usize::try_from(CELLS).unwrap_or(0).saturating_sub(full);
    format!("[{}{}] {}%", "#".repeat(full), "-".repeat(rest), part(100))
}

fn clear_line() {
    if io::stderr().is_terminal() {
        talk("\r\x1b[K".to_owned());
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |error: io::Error| cannot("write", path, &error);
    let mut file = fs::File::create(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    let path = facts::Name::new(path.as_os_str().as_encoded_bytes());
    Failure::new(format!("cannot {what} `{path}`")).because(error)
}
