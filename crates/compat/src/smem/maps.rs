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
    table::SWAP,
    table::USS,
    table::RSS,
    table::PSS,
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
    name: Vec<u8>,
    sizes: Sizes,
    count: u64,
    pids: u64,
    /// Of the process that is being read; it counts when that was read to its end.
    own: Sizes,
    own_count: u64,
}

/// All mappings, by name.
#[derive(Debug, Default)]
struct Mappings {
    numbers: HashMap<Vec<u8>, usize>,
    all: Vec<Mapping>,
    /// Those of the process that is being read.
    own: Vec<usize>,
    /// The one that came last: mappings of one file follow one another.
    last: usize,
}

impl Mappings {
    fn add(&mut self, name: &[u8], sizes: &Sizes) {
        if self.all.get(self.last).is_none_or(|last| last.name != name) {
            self.last = self.number(name);
        }
        let mapping = &mut self.all[self.last];
        if mapping.own_count == 0 {
            self.own.push(self.last);
        }
        mapping.own.add(sizes);
        mapping.own_count += 1;
    }

    fn number(&mut self, name: &[u8]) -> usize {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.all.len();
        self.numbers.insert(name.to_vec(), number);
        self.all.push(Mapping { name: name.to_vec(), ..Mapping::default() });
        number
    }

    /// The process is over; a process that ends while it is read counts for nothing.
    fn end(&mut self, whole: bool) {
        for number in self.own.drain(..) {
            let mapping = &mut self.all[number];
            let (own, count) = (std::mem::take(&mut mapping.own), mapping.own_count);
            mapping.own_count = 0;
            if whole {
                mapping.sizes.add(&own);
                mapping.count += count;
                mapping.pids += 1;
            }
        }
    }
}

pub(super) fn show(run: &mut Run<'_, '_>) -> Result<(), Failure> {
    let mut mappings = Mappings::default();
    for (pid, _) in run.processes()? {
        let read = run.mappings(pid, &mut |name, sizes| mappings.add(name, sizes));
        mappings.end(read.is_ok());
        if read == Err(Stop::Crash) {
            return Err(Failure::Crash(format!("stopped by a line of {pid}/smaps")));
        }
    }
    let mut rows = mappings.all;
    rows.retain(|mapping| mapping.pids > 0);
    table::show(run, &COLUMNS, &DEFAULTS, &rows, &mut |_, mapping, column| {
        let Mapping { name, sizes, count, pids, .. } = mapping;
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
