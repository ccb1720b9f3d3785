//! `-m`: by mapping.

use std::collections::HashMap;

use super::smaps::{Sizes, Stop};
use super::table::{self, Column, Defaults, Layout, Total, column};
use super::value::Value;
use super::{Failure, Run};

const COLUMNS: [Column; 11] = [
    column("map", "Map", Layout::Cut(40), Total::Rows, "mapping name"),
    column("count", "Count", Layout::Right(5), Total::Sum, "number of mappings found"),
    column("pids", "PIDs", Layout::Right(5), Total::Sum, "number of PIDs using mapping"),
    column(
        "swap",
        "Swap",
        Layout::Amount(8),
        Total::Sum,
        "amount of swap space consumed (ignoring sharing)",
    ),
    column("uss", "USS", Layout::Amount(8), Total::Sum, "unique set size"),
    column("rss", "RSS", Layout::Amount(8), Total::Sum, "resident set size (ignoring sharing)"),
    column(
        "pss",
        "PSS",
        Layout::Amount(8),
        Total::Sum,
        "proportional set size (including sharing)",
    ),
    column(
        "vss",
        "VSS",
        Layout::Amount(8),
        Total::Sum,
        "virtual set size (total virtual address space mapped)",
    ),
    column("avgpss", "AVGPSS", Layout::Amount(8), Total::Sum, "average PSS per PID"),
    column("avguss", "AVGUSS", Layout::Amount(8), Total::Sum, "average USS per PID"),
    column("avgrss", "AVGRSS", Layout::Amount(8), Total::Sum, "average RSS per PID"),
];

const DEFAULTS: Defaults = Defaults { columns: "map pids avgpss pss", sort: "pss" };

#[derive(Debug, Default)]
struct Mapping {
    sizes: Sizes,
    count: u64,
    pids: u64,
}

pub(super) fn show(run: &mut Run<'_, '_>) -> Result<(), Failure> {
    let mut all: HashMap<Vec<u8>, Mapping> = HashMap::new();
    for (pid, _) in run.processes()? {
        // A process that ends while it is read counts for nothing.
        let mut own: HashMap<Vec<u8>, (Sizes, u64)> = HashMap::new();
        let read = run.mappings(pid, &mut |name, mapping| {
            if let Some((sizes, count)) = own.get_mut(name) {
                sizes.add(mapping);
                *count += 1;
            } else {
                own.insert(name.to_vec(), (*mapping, 1));
            }
        });
        match read {
            Ok(()) => {}
            Err(Stop::Unreadable) => continue,
            Err(Stop::Crash) => {
                return Err(Failure::Crash(format!("stopped by a line of {pid}/smaps")));
            }
        }
        for (name, (sizes, count)) in own {
            let mapping = all.entry(name).or_default();
            mapping.sizes.add(&sizes);
            mapping.count += count;
            mapping.pids += 1;
        }
    }
    let rows: Vec<(Vec<u8>, Mapping)> = all.into_iter().collect();
    table::show(run, &COLUMNS, &DEFAULTS, &rows, &mut |_, (name, mapping), column| {
        let Mapping { sizes, count, pids } = mapping;
        match column {
            "map" => Value::Text(name.clone()),
            "count" => Value::int(*count),
            "pids" => Value::int(*pids),
            "swap" => Value::int(sizes.swap),
            "uss" => Value::int(sizes.uss()),
            "rss" => Value::int(sizes.rss),
            "pss" => Value::int(sizes.pss),
            "vss" => Value::int(sizes.size),
            "avgpss" => Value::int(sizes.pss / pids),
            "avguss" => Value::int(sizes.uss() / pids),
            _ => Value::int(sizes.rss / pids),
        }
    })
}
