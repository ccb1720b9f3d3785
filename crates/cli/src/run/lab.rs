//! `oomph lab`: scenarios on the model and on real kernels, side by side.

use std::io::{self, IsTerminal};

use scenario::program::Arm;

use super::print_json;
use super::simulate::{draw, read};
use crate::args::{Global, LabArgs, LabArm};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};

pub(super) fn run(args: &LabArgs, global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    let arms: Vec<Arm> = args
        .on
        .iter()
        .map(|arm| match arm {
            LabArm::Model => Arm::Model,
            LabArm::Host => Arm::Host,
        })
        .collect();
    let mut outcome = Outcome::Done;
    for path in &args.files {
        let source = read(path)?;
        let scenario = match scenario::check(&source) {
            Ok(scenario) => scenario,
            Err(problems) => {
                talk(draw::drawn(&problems, io::stderr().is_terminal(), out.style()));
                outcome = Outcome::Failed;
                continue;
            }
        };
        let stated = || match lab::stated::build(&scenario, global.kernel) {
            Ok((config, image, _)) => Ok(sim::Machine::new(config, image)),
            Err(problems) => Err(world::WorldError(problems.to_string())),
        };
        let report = lab::side_by_side(&scenario, &arms, &stated)
            .map_err(|error| Failure::new("cannot run the scenario here").because(&error))?;
        // One that began and could not go on is no success either.
        let broken = report
            .arms
            .iter()
            .any(|arm| !arm.broken.is_empty() || (arm.steps > 0 && arm.stopped.is_some()));
        if global.json {
            print_json(&report, out)?;
        } else {
            out.data(views::comparison(&report).as_bytes())?;
        }
        if (report.equal == Some(false) || broken) && outcome == Outcome::Done {
            outcome = Outcome::Disagrees;
        }
    }
    Ok(outcome)
}
