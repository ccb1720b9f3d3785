//! `oomph explain`.

mod live;
mod pages;
mod parallel;
mod read;
mod several;

use super::print_json;
use crate::args::{ExplainArgs, Global};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use parallel::read_all;
use read::logs;
use several::Several;

pub(super) fn run(
    args: &ExplainArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    if global.from != "live" {
        return Err(Failure::new("`explain` reads logs, and --from names a machine")
            .hint("name the log behind `explain`"));
    }
    let logs = logs(args);
    if args.follow {
        return live::follow(&logs, global, out);
    }
    let mut several = Several::new(args, global, logs.len() > 1, out);
    read_all(&logs, global.kernel, &mut several)?;
    several.finish(&logs)
}
