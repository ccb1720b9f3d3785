//! A run with its futures: the machine is copied at their moments, and each copy goes on by itself.

use lab::allocator::{Heaps, Shared};
use scenario::Scenario;
use scenario::program::Future;
use scenario::report::{FutureRecorder, FutureRow};
use scenario::run::{Finish, Options, Paused, Progress, RunError, Watch, advance, end};

use crate::args::At;

type Machine = Shared<sim::Machine>;

/// Runs a scenario to its end, or to where it is to stop, and every future that it has.
pub(super) fn run(
    scenario: &Scenario,
    (world, heaps): (&mut Machine, &mut Heaps<sim::Machine>),
    at: Option<&At>,
    options: &Options,
    watch: &mut dyn Watch,
) -> Result<(Finish, Vec<FutureRow>), RunError> {
    let stop = match at {
        Some(At::Checkpoint(name)) => Some(name.as_str()),
        _ => None,
    };
    let mut progress = Progress::new(scenario);
    let mut rows: Vec<(usize, FutureRow)> = Vec::new();
    let mut waiting: Vec<(usize, &Future)> = scenario.futures.iter().enumerate().collect();
    let paused = loop {
        let stops: Vec<&str> =
            waiting.iter().filter_map(|(_, future)| future.after.as_deref()).chain(stop).collect();
        let paused = advance(scenario, &mut progress, &stops, world, Some(heaps), options, watch)?;
        let Paused::Checkpoint(which) = paused else { break paused };
        let name = stops.get(which).copied();
        let due = |future: &Future| future.after.as_deref() == name;
        for (number, future) in waiting.extract_if(.., |(_, future)| due(future)) {
            rows.push((number, from(scenario, &progress, Some(future), (world, heaps), options)));
        }
        if stop.is_some() && name == stop {
            break Paused::Step;
        }
    };
    for (number, future) in waiting {
        let row = if future.after.is_none() {
            from(scenario, &progress, Some(future), (world, heaps), options)
        } else {
            FutureRecorder::new(scenario, Some(future), (0, 0)).unreached()
        };
        rows.push((number, row));
    }
    rows.sort_by_key(|(number, _)| *number);
    let mut rows: Vec<FutureRow> = rows.into_iter().map(|(_, row)| row).collect();
    // What the others are compared with. When the run is over already, it is the run itself.
    let written = (!rows.is_empty() && paused != Paused::Over)
        .then(|| from(scenario, &progress, None, (world, heaps), options));
    let finish = end(scenario, progress, paused, world, Some(heaps), options, watch)?;
    if !rows.is_empty() {
        let whole = || FutureRecorder::new(scenario, None, (0, 0)).finish(&finish);
        rows.insert(0, written.unwrap_or_else(whole));
    }
    Ok((finish, rows))
}

/// One future from a moment, on copies of the machine and of the allocators; without one, the rest as
/// it is written.
fn from(
    scenario: &Scenario,
    progress: &Progress,
    future: Option<&Future>,
    (world, heaps): (&Machine, &Heaps<sim::Machine>),
    options: &Options,
) -> FutureRow {
    let mut world = Shared::new(world.with(|machine| machine.clone()));
    let mut heaps = heaps.on(&world);
    let options = Options { stop_at: None, ..*options };
    let before = (progress.steps(), progress.deaths());
    // Of the run as it is written all deaths count, those before the moment, too.
    let counted = if future.is_some() { before } else { (0, 0) };
    let mut recorder = FutureRecorder::new(scenario, future, counted);
    let (scenario, mut progress) = match future {
        Some(future) => progress.clone().into_future(scenario, future),
        None => (scenario.clone(), progress.clone()),
    };
    let result = advance(
        &scenario,
        &mut progress,
        &[],
        &mut world,
        Some(&mut heaps),
        &options,
        &mut recorder,
    )
    .and_then(|paused| {
        end(&scenario, progress, paused, &mut world, Some(&mut heaps), &options, &mut recorder)
    });
    match result {
        Ok(finish) => recorder.finish(&finish),
        Err(error) => recorder.failed(error.to_string()),
    }
}
