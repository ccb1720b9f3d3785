//! The page: `docs/fidelity.md`.

use std::fmt::Write as _;

use super::gaps;
use super::goals::{ALL, Goal, Row};
use super::{Results, Run};
use crate::fuzz_vm::AS_BOOTED;

/// All of it.
pub(super) fn page(results: &Results) -> String {
    let mut text = "# How far the model is from real kernels\n\n".to_owned();
    let kernels: Vec<String> =
        results.kernels.iter().map(|(_, package)| format!("`{package}`")).collect();
    let kernels: Vec<&str> = kernels.iter().map(String::as_str).fold(Vec::new(), |mut all, one| {
        if !all.contains(&one) {
            all.push(one);
        }
        all
    });
    let _ = writeln!(
        text,
        "Made by `cargo xtask fidelity --out docs/fidelity.md`, which performs every scenario of \
         [`scenarios/`](../scenarios) that says `runs-on … model … vm` on the model and on Debian's {} in QEMU \
         (software emulation), each in a machine booted for it. The model starts with what is measured in that \
         machine before the scenario's first process. `--record DIR` keeps what the kernels answered, and \
         `--recorded DIR` makes the page again from that, with the model as it is by then, in seconds. Kernels \
         are not the same from boot to boot themselves, so numbers vary by some pages when they are asked again.\n",
        kernels.join(" and ")
    );
    if results.kernels.iter().any(|(series, _)| series.ends_with(AS_BOOTED)) {
        text.push_str(
            "6.1 and 6.12 are columns with lists of two ages: multi-generational LRU, which Debian's 6.12 \
             starts with, is switched off. The last column is that kernel as Debian boots it.\n\n",
        );
    }
    text.push_str("A goal is held where every comparison of it is within what is asked; a gap names the one that is farthest apart, the model's value first.\n\n");
    text.push_str("## Totals\n\n");
    text.push_str(&totals(results));
    text.push_str("\n## Scenarios\n\n");
    for (name, title) in &results.scenarios {
        let runs: Vec<&Run> = results.runs.iter().filter(|run| run.scenario == *name).collect();
        if !runs.is_empty() {
            scenario(&mut text, name, title, &runs);
        }
    }
    text
}

/// The name of a column.
fn head(series: &str) -> String {
    match series.strip_suffix(AS_BOOTED) {
        Some(series) => format!("{series} as Debian boots it"),
        None => series.to_owned(),
    }
}

/// How many scenarios hold each goal, on each kernel.
pub(super) fn totals(results: &Results) -> String {
    let mut text = "| goal | asked |".to_owned();
    for (series, _) in &results.kernels {
        let _ = write!(text, " {} |", head(series));
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(results.kernels.len()));
    text.push('\n');
    let mut sums = vec![(0, 0); results.kernels.len()];
    for goal in ALL {
        let mut cells = String::new();
        for (at, (series, _)) in results.kernels.iter().enumerate() {
            let (held, of) = count(results, series, goal);
            sums[at].0 += held;
            sums[at].1 += of;
            let _ = write!(cells, " {held} of {of} |");
        }
        let _ = writeln!(text, "| {} | {} |{cells}", goal.name(), goal.asks());
    }
    text.push_str("| **all** | |");
    for (held, of) in sums {
        let _ = write!(text, " **{held} of {of}** |");
    }
    text.push_str("\n| scenarios not performed | |");
    for (series, _) in &results.kernels {
        let failed = results.runs.iter().filter(|run| run.series == *series && run.result.is_err());
        let _ = write!(text, " {} |", failed.count());
    }
    text.push('\n');
    text
}

fn count(results: &Results, series: &str, goal: Goal) -> (usize, usize) {
    let rows: Vec<&Row> = results
        .runs
        .iter()
        .filter(|run| run.series == series)
        .filter_map(|run| run.result.as_ref().ok()?.iter().find(|row| row.goal == goal))
        .collect();
    (rows.iter().filter(|row| row.holds()).count(), rows.len())
}

fn scenario(text: &mut String, name: &str, title: &str, runs: &[&Run]) {
    let _ = writeln!(text, "### [{name}](../scenarios/{name}.kdl)\n\n{title}.\n");
    text.push_str("| goal |");
    for run in runs {
        let _ = write!(text, " {} |", head(&run.series));
    }
    let _ = write!(text, "\n|---|{}\n", "---|".repeat(runs.len()));
    for goal in ALL {
        let cells: Vec<Option<&Row>> = runs
            .iter()
            .map(|run| run.result.as_ref().ok()?.iter().find(|row| row.goal == goal))
            .collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(text, "| {} |", goal.name());
        for cell in &cells {
            let said = cell.map_or_else(|| "–".to_owned(), said);
            let _ = write!(text, " {said} |");
        }
        text.push('\n');
    }
    text.push('\n');
    for run in runs {
        match &run.result {
            Err(why) => {
                let _ = writeln!(text, "* {}: not performed: {}", head(&run.series), one_line(why));
            }
            Ok(rows) => {
                for row in rows.iter().filter(|row| !row.holds()) {
                    let why = match gaps::explained(name, &run.series, row.goal) {
                        Some(row) => format!("[{row}](../DIVERGENCES.md)"),
                        None => "not explained yet".to_owned(),
                    };
                    let (series, goal) = (head(&run.series), row.goal.name());
                    let _ = writeln!(text, "* {series}, {goal}: {}. {why}", one_line(&row.worst));
                }
            }
        }
    }
    text.push('\n');
}

fn said(row: &Row) -> String {
    match (row.holds(), row.worst.is_empty()) {
        (true, true) => "equal".to_owned(),
        (true, false) => format!("held; {}", one_line(&row.worst)),
        (false, _) => format!("**{} of {}**", row.held, row.of),
    }
}

/// Text that fits into a cell of a table.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}
