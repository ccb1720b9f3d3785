//! A scenario on several worlds, step by step beside each other.

mod arrived;
mod differences;
mod places;
mod quantities;

use std::path::{Path, PathBuf};

use facts::Release;
use scenario::Scenario;
use scenario::comparison::{ComparisonReport, CurveRow, SCHEMA};
use scenario::program::Arm;
use sim::{Image, MachineConfig};
use world::WorldError;

use crate::compare::Tolerances;
use crate::recording::Recording;
use crate::vm::debian::Kernel;
use arrived::{Arrived, Machinery, left_out};
use places::{alone, as_recorded, in_fence, is_fenced, on_host, on_machine};

pub use places::{Performed, boot_of, in_machine, in_recording};

/// A world that scenarios are performed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The model: as a machine like each of the others, or as the scenario states it.
    Model,
    /// Real processes on this machine's kernel.
    Host,
    /// A kernel in a virtual machine.
    Vm {
        /// How it was asked for: `6.1`.
        name: String,
        /// Its files.
        kernel: Kernel,
    },
    /// Such a kernel, as it answered once.
    Recorded(PathBuf),
}

impl Place {
    fn arm(&self) -> Arm {
        match self {
            Place::Model => Arm::Model,
            Place::Host => Arm::Host,
            Place::Vm { .. } | Place::Recorded(_) => Arm::Vm,
        }
    }

    /// Its name in a report.
    pub fn name(&self) -> String {
        match self {
            Place::Model => "model".to_owned(),
            Place::Host => "host".to_owned(),
            Place::Vm { name, .. } => format!("vm:{name}"),
            Place::Recorded(path) => {
                format!("recorded:{}", facts::Name::new(path.as_os_str().as_encoded_bytes()))
            }
        }
    }
}

/// A machine for the model as a scenario states it, with the rules of a release.
pub type Stated<'a> = &'a dyn Fn(Option<Release>) -> Result<(MachineConfig, Image), WorldError>;

/// How scenarios are compared.
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Plan<'a> {
    /// Where they are performed. A model among them is compared with each of the others.
    pub places: &'a [Place],
    /// The machine that a scenario states.
    pub stated: Stated<'a>,
    /// Whether the model starts from what the scenario states, and not from what is measured in the
    /// virtual machine that it is compared with.
    pub stored: bool,
    /// Whether memory is looked at meanwhile, for pictures, which takes longer than most scenarios.
    pub curves: bool,
    /// The folder where what virtual machines answer is recorded.
    pub record: Option<&'a Path>,
    /// Told what is about to be done.
    pub about_to: &'a dyn Fn(&str),
}

/// Performs a scenario on each place, and sets what happened side by side.
///
/// # Errors
/// When a world could not be made. A scenario that cannot go on is part of the report.
pub fn side_by_side(scenario: &Scenario, plan: &Plan<'_>) -> Result<ComparisonReport, WorldError> {
    let wants_model =
        plan.places.contains(&Place::Model) && may_run_on(scenario, Arm::Model).is_ok();
    let reals: Vec<&Place> = plan.places.iter().filter(|place| **place != Place::Model).collect();
    let mut arms = Vec::new();
    let mut pairs = Vec::new();
    let mut ran_model = false;
    for place in &reals {
        if let Err(why) = may_run_on(scenario, place.arm()) {
            arms.push(left_out(place.name(), why));
            continue;
        }
        let (mut model, real) = match place {
            Place::Vm { name, kernel } => on_machine(scenario, plan, name, kernel, wants_model)?,
            Place::Recorded(path) => {
                as_recorded(scenario, plan, Recording::load(path)?, wants_model)?
            }
            _ if is_fenced(scenario) => in_fence(scenario, plan, wants_model)?,
            _ => on_host(scenario, wants_model)?,
        };
        if let Some(model) = &mut model {
            let several = reals.len() > 1;
            if several {
                model.row.arm = format!("model of {}", real.row.arm);
            }
        }
        if let Some(model) = model {
            pairs.push([arms.len(), arms.len() + 1]);
            ran_model = true;
            arms.push(model);
        }
        arms.push(real);
    }
    if plan.places.contains(&Place::Model) && !ran_model {
        let model = match may_run_on(scenario, Arm::Model) {
            Ok(()) => alone(scenario, plan)?,
            Err(why) => left_out("model".to_owned(), why),
        };
        arms.insert(0, model);
    }
    if pairs.is_empty() {
        let ran: Vec<usize> = (0..arms.len())
            .filter(|&at| arms[at].row.stopped.is_none() || arms[at].row.steps > 0)
            .collect();
        if let [first, others @ ..] = &ran[..] {
            pairs.extend(others.iter().map(|&other| [*first, other]));
        }
    }
    Ok(report(scenario, arms, &pairs))
}

fn report(scenario: &Scenario, arms: Vec<Arrived>, pairs: &[[usize; 2]]) -> ComparisonReport {
    let mut differences = Vec::new();
    let mut quantities = Vec::new();
    let mut steps = differences::steps(scenario, &arms);
    for &between in pairs {
        let [one, real] = between.map(|at| &arms[at]);
        if !one.began() || !real.began() {
            continue;
        }
        let pair = differences::Pair { scenario, between, one, real };
        differences::compare(&pair, &mut differences, &mut steps);
        if one.may_end() && real.may_end() {
            differences::compare_reports(&pair, &mut differences);
            quantities::compare(&pair, &mut quantities);
        }
    }
    let apart = quantities.iter().any(|row| row.within == Some(false));
    let compared = pairs.iter().any(|between| between.iter().all(|&at| arms[at].began()));
    let equal = compared.then_some(differences.is_empty() && !apart);
    let mut curves = Vec::new();
    let mut rows = Vec::new();
    for (at, arrived) in arms.into_iter().enumerate() {
        curves.extend(arrived.curves.into_iter().map(|curve| CurveRow { arm: at, ..curve }));
        rows.push(arrived.row);
    }
    ComparisonReport {
        schema: SCHEMA,
        scenario: scenario.source.name().to_owned(),
        title: scenario.title.clone(),
        arms: rows,
        equal,
        differences,
        quantities,
        steps,
        curves,
    }
}

/// Whether a scenario makes sense on a world; where not, the reason in words.
///
/// One that does not say where may be performed wherever it harms nobody: a machine of its own, or a
/// cgroup as large as its machine.
fn may_run_on(scenario: &Scenario, arm: Arm) -> Result<(), &'static str> {
    if scenario.runs_on.contains(&arm) {
        return Ok(());
    }
    if !scenario.runs_on.is_empty() {
        return Err("the scenario's `runs-on` leaves it out");
    }
    if arm == Arm::Host && !is_fenced(scenario) {
        return Err("without cgroups, nothing keeps the scenario from this machine's memory: \
                    `runs-on model host vm` at its top says that it may run here");
    }
    Ok(())
}

fn name(scenario: &Scenario, at: usize) -> String {
    scenario.names.get(at).cloned().unwrap_or_default()
}

/// What the kernels of two worlds do not count exactly.
fn tolerances(one: &Arrived, real: &Arrived) -> Tolerances {
    let allowed = Tolerances::of_counters(one.cpus.max(real.cpus));
    match real.machinery {
        Machinery::Processes => allowed,
        Machinery::Fence | Machinery::Whole => allowed.of_machines(),
    }
}

#[cfg(test)]
mod tests {
    use scenario::Source;

    use super::*;

    #[test]
    fn a_scenario_that_does_not_say_where_runs_wherever_it_harms_nobody() {
        let allowed = |top: &str| {
            let text = format!("{top}\nprocess one {{\n    mmap block 1MiB\n}}\n");
            let scenario = scenario::check(&Source::new("one", text)).expect("a scenario");
            [Arm::Model, Arm::Host, Arm::Vm].map(|arm| may_run_on(&scenario, arm).is_ok())
        };
        assert_eq!(allowed(""), [true, false, true]);
        assert_eq!(allowed("machine {\n    cgroup \"/a\" max=1MiB\n}"), [true, true, true]);
        assert_eq!(allowed("runs-on host"), [false, true, false]);
        assert_eq!(allowed("runs-on model"), [true, false, false]);
    }
}
