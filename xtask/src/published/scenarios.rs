//! Figures that are claims of scenarios.

use std::fs;

use lab::allocator::{self, Heaps, Shared};
use lab::stated;
use scenario::Source;
use scenario::report::Recorder;
use scenario::run::Options;

use super::{Figure, Verdict};
use crate::{Stop, repository};

/// The lessons whose claims were published, by the numbers that they begin with.
const LESSONS: [&str; 19] = [
    "02", "05", "06", "07", "08", "27", "28", "29", "30", "31", "32", "33", "47", "69", "71", "72",
    "73", "74", "75",
];

/// The claims of each lesson.
pub(super) fn all() -> Result<Vec<(String, Vec<Figure>)>, Stop> {
    let folder = repository::root().join("scenarios");
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let mut groups = Vec::new();
    for lesson in LESSONS {
        let begin = format!("{lesson}-");
        let name = names.iter().find(|name| name.starts_with(&begin));
        let name = name.ok_or_else(|| format!("there is no scenario {lesson}"))?;
        let path = folder.join(name);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        groups.push(claims(&Source::new(name.clone(), text))?);
    }
    Ok(groups)
}

/// Runs a scenario on the model: its title, and what it claims.
fn claims(source: &Source) -> Result<(String, Vec<Figure>), Stop> {
    let stop = |why: &dyn std::fmt::Display| format!("{}: {why}", source.name());
    let scenario = scenario::check(source).map_err(|problems| stop(&problems))?;
    let rules = allocator::rules(&scenario).map_err(|problems| stop(&problems))?;
    let (config, image, _) = stated::build(&scenario, None).map_err(|problems| stop(&problems))?;
    let row = stated::row(&config);
    let mut world = Shared::new(sim::Machine::new(config, image));
    let mut heaps = Heaps::simulated(rules, world.clone());
    let mut recorder = Recorder::new(&scenario);
    let options = Options::model();
    let finish =
        scenario::run::run(&scenario, &mut world, Some(&mut heaps), &options, &mut recorder)
            .map_err(|error| stop(&error))?;
    let report = recorder.finish(&finish, row);
    let figures = report.expectations.iter().map(|row| Figure {
        what: format!("line {}", row.line),
        published: row.wanted.clone(),
        here: row.found.clone(),
        verdict: if row.held == Some(false) { Verdict::Different } else { Verdict::Same },
    });
    let title = scenario.title.as_deref().unwrap_or_default();
    Ok((format!("{}: {title}", source.name()), figures.collect()))
}
