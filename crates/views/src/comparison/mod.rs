//! One scenario on several worlds: differences first.

mod curves;
mod page;
mod screen;

use facts::Name;
use scenario::comparison::{ArmRow, ComparisonReport, QuantityRow, Unit};
use units::Bytes;

use crate::amount::{grouped, short};
use crate::style::Accent;

pub use page::comparison_page;
pub use screen::comparison;

fn safe(text: &str) -> String {
    Name::new(text.as_bytes()).to_string()
}

/// The name of a world.
fn name(report: &ComparisonReport, arm: usize) -> String {
    report.arms.get(arm).map_or_else(String::new, |arm| safe(&arm.arm))
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

/// The report in a few words, the first of which says whether the worlds are alike.
struct Verdict {
    word: &'static str,
    accent: Accent,
    rest: String,
}

impl Verdict {
    fn sentence(&self) -> String {
        format!("{}: {}", self.word, self.rest)
    }
}

fn verdict(report: &ComparisonReport) -> Verdict {
    let claims: u64 = report.arms.iter().map(|arm| arm.claims).sum();
    let broken: usize = report.arms.iter().map(|arm| arm.broken.len()).sum();
    let steps = report.arms.iter().map(|arm| arm.steps).max().unwrap_or(0);
    let held = match (claims, broken) {
        (0, _) => "nothing was expected".to_owned(),
        (1, 0) => "the one claim holds".to_owned(),
        (claims, 0) => format!("all {claims} claims hold"),
        (claims, broken) => format!("{broken} of {claims} claims do not hold"),
    };
    let several = |n: usize, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let steps = match steps {
        1 => "1 step".to_owned(),
        steps => format!("{} steps", grouped(steps)),
    };
    let (word, alike) = match report.equal {
        None => ("ONE WORLD ONLY", "nothing to compare with".to_owned()),
        Some(true) if report.quantities.is_empty() => ("EQUAL", format!("in {steps}")),
        Some(true) => ("EQUAL", format!("within what is allowed, in {steps}")),
        Some(false) => {
            let apart = report.quantities.iter().filter(|row| row.within == Some(false)).count();
            let parts = [
                several(report.differences.len(), "difference", "differences"),
                several(apart, "quantity too far apart", "quantities too far apart"),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            ("DIFFERENT", format!("{} in {steps}", parts.join(", ")))
        }
    };
    let accent = match (report.equal, broken) {
        (Some(false), _) | (_, 1..) => Accent::Wall,
        (None, 0) => Accent::Heading,
        (Some(true), 0) => Accent::Calm,
    };
    Verdict { word, accent, rest: format!("{alike}; {held}.") }
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

/// What nobody judges and is 0 on both sides says nothing.
fn shown(report: &ComparisonReport) -> impl Iterator<Item = &QuantityRow> {
    report
        .quantities
        .iter()
        .filter(|row| row.within == Some(false) || row.values.iter().any(|value| *value != Some(0)))
}

#[cfg(test)]
mod tests;
