//! What each command does: ask a source for a snapshot, apply the rules, hand to a view.

mod cache;
mod capture;
mod compare_allocators;
mod compat;
mod explain;
mod generate;
mod lab;
mod ledger;
mod machine;
mod map;
mod progress;
mod rank;
mod replay;
mod saved;
mod simulate;
mod status;
mod trace;
mod usage;

use serde::Serialize;
use views::json;

use crate::args::{Command, Invocation};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

/// Does what was asked for.
pub(crate) fn run(invocation: &Invocation, out: &mut Output) -> Result<Outcome, Failure> {
    let global = &invocation.global;
    match &invocation.command {
        Command::Status(args) => status::run(args, global, out),
        Command::Rank(args) => rank::run(args, global, out),
        Command::Usage(args) => usage::run(args, global, out),
        Command::Map(args) => map::run(args, global, out),
        Command::Cache(args) => cache::run(args, global, out),
        Command::Ledger(args) => ledger::run(args, global, out),
        Command::Explain(args) => explain::run(args, global, out),
        Command::Replay(args) => replay::run(args, global, out),
        Command::Trace(args) => trace::run(args),
        Command::Capture(args) => capture::run(args, global, out),
        Command::Simulate(args) => simulate::run(args, global, out),
        Command::Lab(args) => lab::run(args, global, out),
        Command::CompareAllocators(args) => compare_allocators::run(args, global, out),
        Command::Compat(args) => compat::run(args, global, out),
        Command::Generate(args) => generate::run(&args.what, out),
    }
}

/// Prints a report as JSON.
fn print_json(report: &impl Serialize, out: &mut Output) -> Result<(), Failure> {
    let text = json::to_string(report, out.layout())
        .map_err(|error| Failure::new("cannot write the report as JSON").because(&error))?;
    out.data(text.as_bytes())
}
