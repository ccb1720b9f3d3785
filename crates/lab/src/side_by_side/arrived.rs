//! A scenario played on one world: what is kept of it until it is compared.

use scenario::Scenario;
use scenario::comparison::{ArmRow, BrokenRow, CurveRow, DeathRow};
use scenario::program::Arm;
use scenario::run::{Event, MachineSeen, Options, What, run};
use world::World;

use super::{Plan, name};
use crate::allocator::{self, About, Heaps, Shared};
use crate::sampled::{NAMES, Sampled};

/// Steps of a scenario at most: every one is kept until it is compared.
const MOST_STEPS: u64 = 2_000_000;

/// A scenario on one world.
pub(super) struct Arrived {
    pub(super) row: ArmRow,
    pub(super) events: Vec<Event>,
    /// The machine at the end.
    pub(super) machine: MachineSeen,
    pub(super) curves: Vec<CurveRow>,
    pub(super) cpus: u32,
    pub(super) machinery: Machinery,
}

/// What a world is to a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machinery {
    /// Nothing but processes on a machine that is somebody else's.
    Processes,
    /// A cgroup on such a machine.
    Fence,
    /// A machine of the scenario's own: a virtual one, or a model of one.
    Whole,
}

impl Arrived {
    /// Whether it came to its first step.
    pub(super) fn began(&self) -> bool {
        self.row.stopped.is_none() || !self.events.is_empty()
    }

    /// Whether memory may run out in it.
    pub(super) fn may_end(&self) -> bool {
        self.machinery != Machinery::Processes
    }
}

pub(super) fn begin(name: String, cpus: u32, machinery: Machinery) -> Arrived {
    Arrived {
        row: ArmRow {
            arm: name,
            kernel: None,
            steps: 0,
            stopped: None,
            claims: 0,
            broken: Vec::new(),
            deaths: Vec::new(),
            panic: None,
        },
        events: Vec::new(),
        machine: MachineSeen::default(),
        curves: Vec::new(),
        cpus,
        machinery,
    }
}

pub(super) fn left_out(name: String, why: &str) -> Arrived {
    let mut arrived = begin(name, 1, Machinery::Processes);
    arrived.row.stopped = Some(why.to_owned());
    arrived
}

/// Plays a scenario, and looks at the machine's memory meanwhile if it is wanted.
pub(super) fn played<W: World>(
    scenario: &Scenario,
    plan: &Plan<'_>,
    world: &mut W,
    about: About,
    arm: Arm,
    arrived: &mut Arrived,
    look: fn(&mut W) -> Option<Vec<u8>>,
) {
    if plan.curves {
        sampled(scenario, world, about, arm, arrived, look);
    } else {
        play(scenario, world, about, arm, arrived);
    }
}

/// Plays a scenario, and looks at the machine's memory meanwhile.
pub(super) fn sampled<W: World>(
    scenario: &Scenario,
    world: &mut W,
    about: About,
    arm: Arm,
    arrived: &mut Arrived,
    look: fn(&mut W) -> Option<Vec<u8>>,
) {
    let sampled = play(scenario, Sampled::new(world, look), about, arm, arrived);
    let Some(sampled) = sampled else { return };
    for (number, name) in NAMES.iter().enumerate() {
        arrived.curves.push(CurveRow {
            arm: 0,
            what: (*name).to_owned(),
            at: sampled.samples.iter().map(|sample| sample.at).collect(),
            bytes: sampled.samples.iter().map(|sample| sample.bytes[number]).collect(),
        });
    }
}

/// Plays a scenario, and gives the world back.
pub(super) fn play<W: World>(
    scenario: &Scenario,
    world: W,
    about: About,
    arm: Arm,
    arrived: &mut Arrived,
) -> Option<W> {
    let mut world = Shared::new(world);
    let mut heaps = match allocator::rules(scenario) {
        Ok(rules) => Heaps::new(rules, world.clone(), about),
        Err(problems) => {
            arrived.row.stopped = Some(problems.to_string());
            return world.into_inner();
        }
    };
    let options = Options { arm, most_steps: MOST_STEPS, ..Options::model() };
    let mut events = Vec::new();
    let row = &mut arrived.row;
    match run(scenario, &mut world, Some(&mut heaps), &options, &mut events) {
        Ok(finish) => {
            row.steps = finish.steps;
            row.panic = finish.panic;
            row.deaths = finish
                .deaths
                .iter()
                .map(|death| DeathRow {
                    process: name(scenario, death.name.0),
                    nth: death.nth,
                    step: death.step,
                })
                .collect();
            arrived.machine = MachineSeen::clone(&finish.machine);
        }
        Err(error) => row.stopped = Some(error.to_string()),
    }
    for event in &events {
        row.steps = row.steps.max(event.step);
        if let What::Expected(verdict) = &event.what {
            row.claims += u64::from(verdict.held.is_some());
            if verdict.held == Some(false) {
                row.broken.push(BrokenRow {
                    line: scenario.source.position(event.span.start).0,
                    wanted: verdict.wanted.clone(),
                    found: verdict.found.clone(),
                });
            }
        }
    }
    arrived.events = events;
    drop(heaps);
    world.into_inner()
}
