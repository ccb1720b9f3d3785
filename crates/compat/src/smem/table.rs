//! A table: which columns, in which order, how wide.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::memory::{self, Meminfo};
use super::value::{Num, Value};
use super::{Failure, Run};
use crate::Bugs;

/// What stands below a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Total {
    Blank,
    Sum,
    /// The number of rows.
    Rows,
    /// The number of different values.
    Distinct,
}

/// How a column is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// An amount of memory, right-aligned.
    Amount(usize),
    Right(usize),
    Left(usize),
    /// Left-aligned and cut.
    Cut(usize),
}

/// A column that a report knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) layout: Layout,
    pub(super) total: Total,
    pub(super) help: &'static str,
}

pub(super) const fn column(
    name: &'static str,
    title: &'static str,
    layout: Layout,
    total: Total,
    help: &'static str,
) -> Column {
    Column { name, title, layout, total, help }
}

// Columns of more than one report.
pub(super) const SWAP: Column =
    amount("swap", "Swap", "amount of swap space consumed (ignoring sharing)");
pub(super) const USS: Column = amount("uss", "USS", "unique set size");
pub(super) const RSS: Column = amount("rss", "RSS", "resident set size (ignoring sharing)");
pub(super) const PSS: Column = amount("pss", "PSS", "proportional set size (including sharing)");
pub(super) const VSS: Column =
    amount("vss", "VSS", "virtual set size (total virtual memory mapped)");

/// An amount of memory, added up.
const fn amount(name: &'static str, title: &'static str, help: &'static str) -> Column {
    column(name, title, Layout::Amount(8), Total::Sum, help)
}

/// What a report shows when it is not told.
pub(super) struct Defaults {
    pub(super) columns: &'static str,
    pub(super) sort: &'static str,
}

/// Whether a column is asked for, so that what it needs must be read.
pub(super) fn wants(run: &Run<'_, '_>, name: &str, defaults: &Defaults) -> bool {
    let columns = run.options.columns.as_deref().unwrap_or(defaults.columns);
    columns.split_whitespace().any(|column| column == name)
        || run.options.sort.as_deref().unwrap_or(defaults.sort) == name
}

/// Prints rows, of which `value` knows each column.
pub(super) fn show<R>(
    run: &mut Run<'_, '_>,
    known: &[Column],
    defaults: &Defaults,
    rows: &[R],
    value: &mut dyn FnMut(&mut Run<'_, '_>, &R, &'static str) -> Value,
) -> Result<(), Failure> {
    let sort = run.options.sort.clone().unwrap_or_else(|| defaults.sort.to_owned());
    let Some(key) = known.iter().find(|column| column.name == sort) else {
        unknown(run, &format!("unknown field {sort}"), known)?;
        return Err(Failure::Done(255));
    };
    let meminfo = Meminfo::read(run)?;
    let all = memory::total(run, &meminfo)?;
    let swap = meminfo.line("SwapTotal")?;
    let columns = run.options.columns.clone().unwrap_or_else(|| defaults.columns.to_owned());
    let columns = match chosen(&columns, known) {
        Ok(columns) => columns,
        Err(missing) => {
            unknown(run, &format!("unknown fields: {}", missing.join(" ")), known)?;
            return Err(Failure::Done(255));
        }
    };

    let mut table: Vec<(Value, Vec<Value>)> = Vec::with_capacity(rows.len());
    for row in rows {
        let cells = columns.iter().map(|column| value(run, row, column.name)).collect();
        table.push((value(run, row, key.name), cells));
    }
    let order = |a: &(Value, Vec<Value>), b: &(Value, Vec<Value>)| {
        let cells = || {
            let pairs = a.1.iter().zip(&b.1);
            pairs.map(|(a, b)| a.compare(b)).find(|order| order.is_ne())
        };
        a.0.compare(&b.0).then_with(|| cells().unwrap_or(Ordering::Equal))
    };
    if run.options.reverse {
        table.sort_by(|a, b| order(b, a));
    } else {
        table.sort_by(order);
    }

    let layouts = layouts(run, &columns, &table);
    let bugs = run.bugs();
    let shown = Shown { bugs, all, swap, options: &run.options };
    let header: String = columns
        .iter()
        .zip(&layouts)
        .map(|(column, &layout)| padded(column.title, layout))
        .collect();
    let out = &mut run.call.out;
    if !shown.options.no_header {
        writeln!(out, "{header}")?;
    }
    for (_, cells) in &table {
        writeln!(out, "{}", shown.row(&columns, &layouts, cells))?;
    }
    if shown.options.totals {
        let totals: Vec<Value> =
            columns.iter().enumerate().map(|(at, column)| total(column, at, &table)).collect();
        writeln!(out, "{}", "-".repeat(header.chars().count()))?;
        writeln!(out, "{}", shown.row(&columns, &layouts, &totals))?;
    }
    Ok(())
}

/// The columns by name, or the names that are none.
fn chosen<'a>(names: &'a str, known: &[Column]) -> Result<Vec<Column>, Vec<&'a str>> {
    let mut columns = Vec::new();
    let mut missing = Vec::new();
    for name in names.split_whitespace() {
        match known.iter().find(|column| column.name == name) {
            Some(column) => columns.push(*column),
            None if !missing.contains(&name) => missing.push(name),
            None => {}
        }
    }
    if missing.is_empty() { Ok(columns) } else { Err(missing) }
}

fn unknown(run: &mut Run<'_, '_>, complaint: &str, known: &[Column]) -> Result<(), Failure> {
    let out = &mut run.call.out;
    writeln!(out, "{complaint}\nknown fields:")?;
    let sorted: BTreeMap<&str, &str> =
        known.iter().map(|column| (column.name, column.help)).collect();
    for (name, help) in sorted {
        writeln!(out, "{name:<8} {help}")?;
    }
    Ok(())
}

fn total(column: &Column, at: usize, table: &[(Value, Vec<Value>)]) -> Value {
    let values = || table.iter().map(|(_, cells)| &cells[at]);
    let count = |count: usize| Value::Num(Num::Int(i128::try_from(count).unwrap_or(i128::MAX)));
    match column.total {
        Total::Blank => Value::Text(Vec::new()),
        Total::Rows => count(table.len()),
        Total::Distinct => {
            let texts: BTreeSet<String> = values().map(|value| value.text(Bugs::Kept)).collect();
            count(texts.len())
        }
        Total::Sum => Value::Num(values().fold(Num::ZERO, |sum, value| match value {
            Value::Num(number) => sum.plus(*number),
            Value::Text(_) => sum,
        })),
    }
}

/// Columns as wide as the options want them.
fn layouts(run: &Run<'_, '_>, columns: &[Column], table: &[(Value, Vec<Value>)]) -> Vec<Layout> {
    if !run.options.autosize {
        return columns.iter().map(|column| column.layout).collect();
    }
    let mut widths: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, column) in columns.iter().enumerate() {
        let mut width = 1;
        if !run.options.no_header {
            width = width.max(column.title.chars().count());
        }
        let short = run.options.abbreviate || run.options.percent;
        if short && matches!(column.layout, Layout::Amount(_)) {
            width = width.max(7);
        } else {
            let widest = table.iter().map(|(_, cells)| cells[at].text(run.bugs()).chars().count());
            width = width.max(widest.max().unwrap_or(0));
        }
        widths.insert(column.name, width);
    }
    if let Some(name) = ["command", "map"].into_iter().find(|name| widths.contains_key(name)) {
        let own = widths[name];
        let others: usize = widths.values().sum::<usize>() - own;
        let terminal = run.call.host.columns().unwrap_or(80);
        let room = terminal.saturating_sub(others + columns.len()).max(10);
        widths.insert(name, own.min(room));
    }
    columns
        .iter()
        .map(|column| {
            let width = widths[column.name];
            match column.layout {
                Layout::Amount(_) => Layout::Amount(width),
                Layout::Right(_) => Layout::Right(width),
                Layout::Left(_) => Layout::Left(width),
                Layout::Cut(_) => Layout::Cut(width),
            }
        })
        .collect()
}

/// How amounts are shown.
struct Shown<'a> {
    bugs: Bugs,
    all: Num,
    swap: Num,
    options: &'a super::args::Options,
}

impl Shown<'_> {
    fn row(&self, columns: &[Column], layouts: &[Layout], cells: &[Value]) -> String {
        let cells = columns.iter().zip(layouts).zip(cells);
        cells.map(|((column, &layout), cell)| padded(&self.cell(column, cell), layout)).collect()
    }

    fn cell(&self, column: &Column, cell: &Value) -> String {
        match (column.layout, cell) {
            (Layout::Amount(_), Value::Num(amount)) if self.options.abbreviate => {
                amount.abbreviated()
            }
            (Layout::Amount(_), Value::Num(amount)) if self.options.percent => {
                amount.percent(if column.name == "swap" { self.swap } else { self.all })
            }
            _ => cell.text(self.bugs),
        }
    }
}

/// A cell and the blank behind it. By hand, because names from outside may be longer than what
/// `format!` can fill up to.
fn padded(text: &str, layout: Layout) -> String {
    let length = text.chars().count();
    let blanks = |width: usize| " ".repeat(width.saturating_sub(length));
    match layout {
        Layout::Amount(width) | Layout::Right(width) => [&blanks(width), text, " "].concat(),
        Layout::Left(width) => [text, &blanks(width), " "].concat(),
        Layout::Cut(width) => {
            let end = text.char_indices().nth(width).map_or(text.len(), |(end, _)| end);
            [&text[..end], &blanks(width), " "].concat()
        }
    }
}
