//! One scenario on several worlds, as text: differences first.

mod curves;
mod page;

use std::fmt::Write as _;

use facts::Name;
use scenario::comparison::{ArmRow, ComparisonReport, QuantityRow, StepRow, Unit};
use units::Bytes;

use crate::amount::{grouped, short};
use crate::text::{left, right, width};

pub use page::comparison_page;

/// What came of a scenario on the worlds it ran on.
pub fn comparison(report: &ComparisonReport) -> String {
    let mut text = format!("{}: {}\n", safe(&report.scenario), verdict(report));
    for arm in &report.arms {
        told(&mut text, arm);
    }
    for row in &report.differences {
        let line = row.line.map_or_else(String::new, |line| format!(" line {line}"));
        let _ = writeln!(
            text,
            "  differs: step {}{line}, {}: {}",
            row.step,
            safe(&row.process),
            safe(&row.what)
        );
        for (&arm, value) in row.between.iter().zip(&row.values) {
            let value = value.as_deref().unwrap_or("nothing");
            let _ = writeln!(text, "    {:<6} {}", name(report, arm), safe(value));
        }
    }
    quantities(&mut text, report);
    for row in &report.steps {
        step(&mut text, report, row);
    }
    text
}

fn safe(text: &str) -> String {
    Name::new(text.as_bytes()).to_string()
}

/// The name of a world.
fn name(report: &ComparisonReport, arm: usize) -> String {
    report.arms.get(arm).map_or_else(String::new, |arm| safe(&arm.arm))
}

/// What is to be said of one world.
fn told(text: &mut String, arm: &ArmRow) {
    let of = safe(&arm.arm);
    if let Some(why) = &arm.stopped {
        let lines: Vec<String> = why.lines().map(safe).collect();
        let _ = writeln!(text, "  on {of}: {}", lines.join("\n      "));
    }
    if let Some(panic) = &arm.panic {
        let _ = writeln!(text, "  on {of}: {}", safe(panic));
    }
    for broken in &arm.broken {
        let (wanted, found) = (safe(&broken.wanted), safe(&broken.found));
        let _ = writeln!(text, "  line {} on {of}: wanted {wanted}, found {found}", broken.line);
    }
    if !arm.deaths.is_empty() {
        let _ = writeln!(text, "  killed on {of}: {}", deaths(arm));
    }
}

/// Who died, in order.
fn deaths(arm: &ArmRow) -> String {
    const MOST: usize = 12;
    let mut names: Vec<String> = arm
        .deaths
        .iter()
        .take(MOST)
        .map(|death| match death.nth {
            0 => safe(&death.process),
            nth => format!("{} #{}", safe(&death.process), nth + 1),
        })
        .collect();
    if arm.deaths.len() > MOST {
        names.push(format!("and {} more", arm.deaths.len() - MOST));
    }
    names.join(", ")
}

fn ran(report: &ComparisonReport) -> impl Iterator<Item = (usize, &ArmRow)> {
    report.arms.iter().enumerate().filter(|(_, arm)| arm.steps > 0)
}

/// The report in a few words.
fn verdict(report: &ComparisonReport) -> String {
    let claims: u64 = report.arms.iter().map(|arm| arm.claims).sum();
    let broken: usize = report.arms.iter().map(|arm| arm.broken.len()).sum();
    let steps = report.arms.iter().map(|arm| arm.steps).max().unwrap_or(0);
    let held = match broken {
        0 => format!("{claims} claims hold"),
        broken => format!("{broken} of {claims} claims do not hold"),
    };
    let apart = report.quantities.iter().filter(|row| row.within == Some(false)).count();
    let equal = match (report.equal, report.differences.len(), apart) {
        (None, ..) => "one world only".to_owned(),
        (Some(true), ..) if report.quantities.is_empty() => "equal".to_owned(),
        (Some(true), ..) => "equal within what is allowed".to_owned(),
        (_, differences, apart) => {
            let several = |n: usize, one: &str, many: &str| match n {
                0 => None,
                1 => Some(format!("1 {one}")),
                n => Some(format!("{n} {many}")),
            };
            let parts = [
                several(differences, "difference", "differences"),
                several(apart, "quantity too far apart", "quantities too far apart"),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    };
    format!("{equal}, {steps} steps, {held}")
}

/// An amount as it is read.
fn amount(unit: Unit, value: Option<u64>) -> String {
    match (unit, value) {
        (_, None) => "?".to_owned(),
        (Unit::Bytes, Some(value)) => short(Bytes::new(value)),
        (Unit::Count, Some(value)) => grouped(value),
    }
}

/// How far the first is from the second, with its sign.
fn apart(row: &QuantityRow) -> String {
    match row.values {
        [Some(one), Some(real)] if one == real => "0".to_owned(),
        [Some(one), Some(real)] => {
            let sign = if one > real { '+' } else { '-' };
            format!("{sign}{}", amount(row.unit, Some(one.abs_diff(real))))
        }
        _ => "?".to_owned(),
    }
}

fn mark(row: &QuantityRow) -> &'static str {
    match row.within {
        Some(true) => "=",
        Some(false) => "!",
        None => " ",
    }
}

/// A table for each pair and moment. What nobody judges and is 0 on both sides says nothing.
fn quantities(text: &mut String, report: &ComparisonReport) {
    let mut last = None;
    for row in shown(report) {
        let key = (row.between, &row.moment);
        if last != Some(key) {
            let [one, real] = row.between.map(|arm| name(report, arm));
            let _ = writeln!(text, "  {}:", safe(&row.moment));
            let head = [one, real, "apart".to_owned(), "allowed".to_owned()];
            let _ = writeln!(text, "    {}{}", left("", 36), columns(&head));
            last = Some(key);
        }
        let [one, real] = row.values.map(|value| amount(row.unit, value));
        let allowed =
            row.allowed.map_or_else(|| "-".to_owned(), |value| amount(row.unit, Some(value)));
        let cells = [one, real, apart(row), allowed];
        let _ = writeln!(text, "  {} {}{}", mark(row), left(&safe(&row.what), 36), columns(&cells));
    }
}

fn shown(report: &ComparisonReport) -> impl Iterator<Item = &QuantityRow> {
    report
        .quantities
        .iter()
        .filter(|row| row.within == Some(false) || row.values.iter().any(|value| *value != Some(0)))
}

fn columns(cells: &[String]) -> String {
    let mut text = String::new();
    for cell in cells {
        let _ = write!(text, "  {}", right(cell, width(cell).max(9)));
    }
    text
}

/// A step: once where all say the same, else one line a world.
fn step(text: &mut String, report: &ComparisonReport, row: &StepRow) {
    let line = row.line.map_or_else(|| "    ".to_owned(), |line| format!("{line:>4}"));
    let times = if row.times > 1 { format!(" ({} times)", row.times) } else { String::new() };
    let mark = if row.equal { '=' } else { '!' };
    let head = format!("{mark}{line} {:<10} ", safe(&row.process));
    let values: Vec<(usize, &String)> =
        ran(report).filter_map(|(at, _)| Some((at, row.values.get(at)?.as_ref()?))).collect();
    match &values[..] {
        [] => {}
        [(_, first), others @ ..] if others.iter().all(|(_, value)| value == first) => {
            let _ = writeln!(text, "{head}{}{times}", safe(first));
        }
        values => {
            for (arm, value) in values {
                let _ = writeln!(text, "{head}{:<6} {}{times}", name(report, *arm), safe(value));
            }
        }
    }
}

#[cfg(test)]
mod tests;
