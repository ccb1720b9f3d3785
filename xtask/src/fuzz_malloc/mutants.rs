//! Whether the comparison notices a broken rule: each is broken once, and must be caught.

use super::compare::Setting;
use super::mix::{Mix, Plan};
use super::op::Op;
use super::real::{Library, Run};
use super::{directed, scenario};
use crate::Stop;
use malloc::{Mutant, Tunables};

/// Broken rules that no trace can show, and why.
const EQUIVALENT: &[(Mutant, &str)] =
    &[(Mutant::TrimPagesOfSmallChunks, "cannot show: a chunk below a page holds no whole page")];

/// A trace as the real library played it.
struct Played {
    name: String,
    tunables: Tunables,
    ops: Vec<Op>,
    run: Run,
}

/// Prints which broken rules are caught by what; false if one is not.
pub(super) fn run(library: &Library) -> Result<bool, Stop> {
    let traces = played(library)?;
    let (mut by_random, mut by_directed, mut missed) = (0, 0, Vec::new());
    for mutant in Mutant::ALL {
        let mut setting = Setting::new(library);
        setting.mutant = Some(*mutant);
        let caught = traces.iter().find_map(|played| {
            setting.tunables = played.tunables;
            let difference = setting.compare_with(&played.ops, &played.run).err()?;
            Some((played, difference))
        });
        let name = format!("{mutant:?}");
        if let Some((played, difference)) = caught {
            let at = difference.at.map_or("the end".to_owned(), |at| format!("operation {at}"));
            println!("{name:<36} caught by {} at {at}", played.name);
            if played.name.starts_with("directed") {
                by_directed += 1;
            } else {
                by_random += 1;
            }
            continue;
        }
        let why = EQUIVALENT.iter().find(|(known, _)| known == mutant);
        println!("{name:<36} {}", why.map_or("NOT CAUGHT", |(_, why)| why));
        if why.is_none() {
            missed.push(*mutant);
        }
    }
    println!(
        "{} of {} broken rules caught: {by_random} by random traces, {by_directed} only by directed \
         ones; {} cannot show, {} missed",
        by_random + by_directed,
        Mutant::ALL.len(),
        Mutant::ALL.len() - by_random - by_directed - missed.len(),
        missed.len(),
    );
    Ok(missed.is_empty())
}

/// The traces, each played once by the real library: first the random ones.
fn played(library: &Library) -> Result<Vec<Played>, Stop> {
    let mut traces = Vec::new();
    let mut add = |name: String, tunables: Tunables, ops: Vec<Op>| {
        let mut setting = Setting::new(library);
        setting.tunables = tunables;
        setting.strace = true;
        let run = setting.run(&ops)?;
        if let Err(difference) = setting.compare_with(&ops, &run) {
            return Err(format!("{name} differs with all rules whole: {}", difference.text));
        }
        traces.push(Played { name, tunables, ops, run });
        Ok(())
    };
    for mix in Mix::ALL {
        let trace = Plan::new(mix, 77, 30_000).trace();
        add(format!("random {}", mix.name()), Tunables::default(), trace)?;
    }
    for scenario in scenario::all(library, &[Mix::Mid, Mix::Mixed, Mix::Small], 3, 60_000) {
        if scenario.checked {
            continue;
        }
        add(format!("random {}", scenario.name), scenario.tunables, scenario.plan.trace())?;
    }
    for directed in directed::all(&library.rules) {
        add(format!("directed {}", directed.name), directed.tunables, directed.ops)?;
    }
    Ok(traces)
}
