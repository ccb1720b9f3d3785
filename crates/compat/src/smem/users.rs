//! `-u`: by user.

use std::collections::HashMap;

use super::smaps::{Sizes, Stop};
use super::table::{self, Column, Defaults, Layout, Total, column};
use super::value::Value;
use super::{Failure, Run};

const COLUMNS: [Column; 7] = [
    column("user", "User", Layout::Left(8), Total::Blank, "user name or ID"),
    column("count", "Count", Layout::Right(5), Total::Sum, "number of processes"),
    column(
        "swap",
        "Swap",
        Layout::Amount(8),
        Total::Sum,
        "amount of swapspace consumed (ignoring sharing)",
    ),
    table::USS,
    table::RSS,
    table::PSS,
    table::VSS,
];

const DEFAULTS: Defaults = Defaults { columns: "user count swap uss pss rss", sort: "pss" };

pub(super) fn show(run: &mut Run<'_, '_>) -> Result<(), Failure> {
    let mut users: HashMap<i64, (Sizes, u64)> = HashMap::new();
    for (pid, _) in run.processes()? {
        let mut sizes = Sizes::default();
        let mut maps = 0_u64;
        let read = run.mappings(pid, &mut |_, mapping| {
            sizes.add(mapping);
            maps += 1;
        });
        match read {
            Err(Stop::Crash) => {
                return Err(Failure::Crash(format!("stopped by a line of {pid}/smaps")));
            }
            Ok(()) if maps > 0 => {}
            Ok(()) | Err(Stop::Unreadable) => continue,
        }
        let user = users.entry(run.uid(pid)).or_default();
        user.0.add(&sizes);
        user.1 += 1;
    }
    let rows: Vec<(i64, (Sizes, u64))> = users.into_iter().collect();
    let kept = run.bugs().kept();
    table::show(run, &COLUMNS, &DEFAULTS, &rows, &mut |run, (uid, (sizes, count)), column| {
        match column {
            "user" if run.options.numeric => Value::int(*uid),
            "user" => Value::Text(run.name_of(*uid)),
            "count" => Value::int(*count),
            "swap" => Value::int(sizes.swap),
            "uss" => Value::int(sizes.uss()),
            "rss" => Value::int(sizes.rss),
            "pss" => Value::int(sizes.pss),
            _ if kept => Value::int(sizes.pss),
            _ => Value::int(sizes.size),
        }
    })
}
