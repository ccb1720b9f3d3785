//! The default report: by process.

use units::Pid;

use super::smaps::Sizes;
use super::table::{self, Column, Defaults, Layout, Total, column};
use super::value::Value;
use super::{Failure, Run};

const COLUMNS: [Column; 10] = [
    column("pid", "PID", Layout::Right(5), Total::Rows, "process ID"),
    column("user", "User", Layout::Left(8), Total::Distinct, "owner of process"),
    column("name", "Name", Layout::Cut(24), Total::Blank, "name of process"),
    column("command", "Command", Layout::Cut(27), Total::Blank, "process command line"),
    column("maps", "Maps", Layout::Right(5), Total::Sum, "total number of mappings"),
    table::SWAP,
    table::USS,
    table::RSS,
    table::PSS,
    table::VSS,
];

const DEFAULTS: Defaults = Defaults { columns: "pid user command swap uss pss rss", sort: "pss" };

struct Row {
    pid: Pid,
    command: Vec<u8>,
    sizes: Sizes,
    maps: u64,
}

pub(super) fn show(run: &mut Run<'_, '_>) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (pid, command) in run.processes()? {
        let mut sizes = Sizes::default();
        let mut maps = 0_u64;
        let read = run.mappings(pid, &mut |_, mapping| {
            sizes.add(mapping);
            maps += 1;
        });
        // What cannot be read, or has no mappings, is left out.
        if read.is_ok() && maps > 0 {
            let command =
                if table::wants(run, "command", &DEFAULTS) { command } else { Vec::new() };
            rows.push(Row { pid, command, sizes, maps });
        }
    }
    table::show(run, &COLUMNS, &DEFAULTS, &rows, &mut |run, row, column| match column {
        "pid" => Value::int(row.pid.get()),
        "user" if run.options.numeric => Value::int(run.uid(row.pid)),
        "user" => Value::Text(run.user_name(row.pid)),
        "name" => Value::Text(run.name(row.pid)),
        "command" => Value::Text(row.command.clone()),
        "maps" => Value::int(row.maps),
        "swap" => Value::int(row.sizes.swap),
        "uss" => Value::int(row.sizes.uss()),
        "rss" => Value::int(row.sizes.rss),
        "pss" => Value::int(row.sizes.pss),
        _ => Value::int(row.sizes.size),
    })
}
