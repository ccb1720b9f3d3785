//! One scenario on two worlds, as text: differences first.

use std::fmt::Write as _;

use facts::Name;
use scenario::comparison::{ComparisonReport, PairRow};

/// What came of a scenario on the worlds it ran on.
pub fn comparison(report: &ComparisonReport) -> String {
    let safe = |text: &str| Name::new(text.as_bytes()).to_string();
    let mut text = format!("{}: {}\n", safe(&report.scenario), verdict(report));
    for arm in &report.arms {
        if let Some(why) = &arm.stopped {
            let lines: Vec<String> = why.lines().map(safe).collect();
            let _ = writeln!(text, "  on {}: {}", arm.arm, lines.join("\n      "));
        }
        for broken in &arm.broken {
            let (wanted, found) = (safe(&broken.wanted), safe(&broken.found));
            let _ = writeln!(
                text,
                "  line {} on {}: wanted {wanted}, found {found}",
                broken.line, arm.arm
            );
        }
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
        for (arm, value) in ran(report).zip(&row.values) {
            let value = value.as_deref().unwrap_or("nothing");
            let _ = writeln!(text, "    {arm:<6} {}", safe(value));
        }
    }
    let arms: Vec<&str> = ran(report).collect();
    for row in &report.steps {
        text += &step(row, &arms, &safe);
    }
    text
}

fn ran(report: &ComparisonReport) -> impl Iterator<Item = &str> {
    report.arms.iter().filter(|arm| arm.steps > 0).map(|arm| arm.arm.as_str())
}

fn verdict(report: &ComparisonReport) -> String {
    let claims: u64 = report.arms.iter().map(|arm| arm.claims).sum();
    let broken: usize = report.arms.iter().map(|arm| arm.broken.len()).sum();
    let steps = report.arms.iter().map(|arm| arm.steps).max().unwrap_or(0);
    let held = match broken {
        0 => format!("{claims} claims hold"),
        broken => format!("{broken} of {claims} claims do not hold"),
    };
    let equal = match report.equal {
        Some(true) => "equal".to_owned(),
        Some(false) => match report.differences.len() {
            1 => "1 difference".to_owned(),
            n => format!("{n} differences"),
        },
        None => "one world only".to_owned(),
    };
    format!("{equal}, {steps} steps, {held}")
}

/// A step: once where both say the same, else one line a world.
fn step(row: &PairRow, arms: &[&str], safe: &dyn Fn(&str) -> String) -> String {
    let line = row.line.map_or_else(|| "    ".to_owned(), |line| format!("{line:>4}"));
    let times = if row.times > 1 { format!(" ({} times)", row.times) } else { String::new() };
    let mark = if row.equal { '=' } else { '!' };
    let head = format!("{mark}{line} {:<10} ", safe(&row.process));
    match &row.values {
        [Some(left), Some(right)] if left != right => {
            let mut text = String::new();
            for (arm, value) in arms.iter().zip([left, right]) {
                let _ = writeln!(text, "{head}{arm:<6} {}{times}", safe(value));
            }
            text
        }
        [left, right] => {
            let value = left.as_ref().or(right.as_ref()).map_or("", String::as_str);
            format!("{head}{}{times}\n", safe(value))
        }
    }
}
