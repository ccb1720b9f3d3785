//! `oomph rank`.

use rules::rank::{Domain, RankReport};
use sources::Want;
use units::Pid;
use views::Rows;

use super::{machine, print_json};
use crate::args::{Global, RankArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(args: &RankArgs, global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    let cgroup = args.cgroup.as_deref().map(machine::group_path);
    let (snapshot, cgroup) = machine::snapshot(&global.from, global.kernel, Want::rank(), cgroup)?;
    let domain = cgroup.map_or(Domain::Machine, Domain::Cgroup);
    let mut report = rules::rank::rank(&snapshot, &domain, global.kernel);
    if let Some(pid) = args.pid.map(Pid::new) {
        return one(&mut report, pid, global, out);
    }
    if global.json {
        report.rows.truncate(args.top.unwrap_or(usize::MAX));
        print_json(&report, out)?;
    } else {
        let rows = args.top.map_or(Rows::All, Rows::Top);
        let table = views::rank(&report, rows, out.style());
        out.data(table.as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// One process alone.
fn one(
    report: &mut RankReport,
    pid: Pid,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let Some(text) = views::explain(report, pid, out.style()) else {
        let failure =
            Failure::new(format!("no process {pid} with memory in {}", report.source.origin));
        return Err(failure
            .hint("threads of the kernel and zombies have none; `oomph rank` lists the others"));
    };
    if global.json {
        report.rows.retain(|row| row.pid == pid);
        report.immune.retain(|row| row.pid == pid);
        report.unreadable.retain(|&other| other == pid);
        print_json(report, out)?;
    } else {
        out.data(text.as_bytes())?;
    }
    Ok(Outcome::Done)
}
