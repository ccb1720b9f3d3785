//! `oomph status`.

use rules::status::StatusOptions;
use sources::Want;

use super::{machine, print_json};
use crate::args::{Global, StatusArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(
    args: &StatusArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let cgroup = args.cgroup.as_deref().map(machine::group_path);
    let (snapshot, cgroup) =
        machine::snapshot(&global.from, global.kernel, Want::status(), cgroup)?;
    let defaults = StatusOptions::default();
    let options = StatusOptions {
        cgroup,
        near: args.near.unwrap_or(defaults.near),
        wall: args.wall.unwrap_or(defaults.wall),
        near_full_pressure: args.near_pressure.unwrap_or(defaults.near_full_pressure),
        wall_full_pressure: args.wall_pressure.unwrap_or(defaults.wall_full_pressure),
        victims: args.victims.unwrap_or(defaults.victims),
        release: global.kernel,
    };
    let report = rules::status::status(&snapshot, &options, |domain| {
        rules::rank::rank(&snapshot, domain, global.kernel)
    });
    if global.json {
        print_json(&report, out)?;
    } else {
        let screen = views::status(&report, out.style());
        out.data(screen.as_bytes())?;
    }
    Ok(if args.check { Outcome::Judged(report.verdict.level) } else { Outcome::Done })
}
