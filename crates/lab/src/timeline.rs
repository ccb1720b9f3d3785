//! The memory of the simulated machine over a run, for a picture.

use scenario::Scenario;
use scenario::report::{Curve, CurveMark, CurveSample};
use scenario::run::{Event, Options, RunError, Watch, What, run};
use sim::{Image, Machine, MachineConfig};
use units::Bytes;
use world::World;

use crate::allocator::{About, Heaps, Shared};
use crate::sampled::Sampled;

/// Runs a scenario on the model, and looks at the machine's memory all the while.
///
/// # Errors
/// Why it could not go on.
pub fn timeline(
    scenario: &Scenario,
    (config, image, rules): (MachineConfig, Image, malloc::Rules),
    options: &Options,
) -> Result<Curve, RunError> {
    let mut machine = Machine::new(config, image);
    let about = About::of(&machine);
    let total = machine.config().ram.saturating_mul(4096);
    let mut world = Shared::new(Sampled::new(&mut machine, meminfo));
    let mut heaps = Heaps::new(rules, world.clone(), about);
    let mut marks = Marks { scenario, world: world.clone(), all: Vec::new() };
    let options = Options { look_at_end: false, ..*options };
    run(scenario, &mut world, Some(&mut heaps), &options, &mut marks)?;
    let samples = world.with(|sampled| {
        let sample = |sample: &crate::sampled::Sample| {
            let [free, anon, cache, swap] = sample.bytes.map(Bytes::new);
            CurveSample { at: sample.at, free, anon, cache, swap }
        };
        sampled.samples.iter().map(sample).collect()
    });
    Ok(Curve {
        scenario: scenario.source.name().to_owned(),
        title: scenario.title.clone(),
        total: Bytes::new(total),
        samples,
        marks: marks.all,
    })
}

fn meminfo(machine: &mut Machine) -> Option<Vec<u8>> {
    let files = machine.machine().ok()?;
    files.into_iter().find(|(name, _)| name == "meminfo").map(|(_, text)| text)
}

/// Notes where in the curves something happened.
struct Marks<'s, 'm> {
    scenario: &'s Scenario,
    world: Shared<Sampled<'m, Machine>>,
    all: Vec<CurveMark>,
}

impl Watch for Marks<'_, '_> {
    fn event(&mut self, event: &Event) {
        let name = || self.scenario.names.get(event.name.0).cloned().unwrap_or_default();
        let (text, killed) = match &event.what {
            What::Chosen(_) => (name(), true),
            What::Checkpoint(checkpoint, _) => (checkpoint.clone(), false),
            What::Panicked(_) => ("panic".to_owned(), true),
            _ => return,
        };
        let at = self.world.with(|sampled| sampled.at());
        self.all.push(CurveMark { at, text, killed, step: event.step });
    }
}
