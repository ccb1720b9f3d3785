//! The comparison on a terminal: the verdict, who was killed, what differs, the quantities, the steps.

use facts::Name;
use scenario::comparison::{ArmRow, ComparisonReport, QuantityRow, StepRow};

use super::{amount, apart, deaths, mark, name, ran, shown, verdict};
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};
use crate::text;

/// The name of the model where it is like the machine that the scenario states.
const MODEL: &str = "model";
/// How the name of a model starts that is like another world.
const MODEL_OF: &str = "model of ";

/// What came of a scenario on the worlds it ran on.
pub fn comparison(report: &ComparisonReport, style: &Style) -> String {
    let mut page = Page::new(style);
    let said = verdict(report);
    page.hanging("", &format!("{}: {}", style.paint(said.accent, said.word), said.rest), 2);
    if let Some(title) = &report.title {
        page.sentence(&safe(title, style));
    }
    let line = format!("{}, on {}", safe(&report.scenario, style), worlds(report, style));
    page.sentence(&style.paint(Accent::Dim, &line));
    stopped(&mut page, report);
    killed(&mut page, report);
    broken(&mut page, report);
    differences(&mut page, report);
    quantities(&mut page, report);
    steps(&mut page, report);
    page.finish()
}

fn safe(text: &str, style: &Style) -> String {
    style.name(&Name::new(text.as_bytes()))
}

/// The worlds and their kernels.
fn worlds(report: &ComparisonReport, style: &Style) -> String {
    let models = ran(report).filter(|(_, arm)| arm.arm.starts_with(MODEL_OF)).count();
    let names: Vec<String> = ran(report)
        .filter(|(_, arm)| !arm.arm.starts_with(MODEL_OF))
        .map(|(_, arm)| match &arm.kernel {
            Some(kernel) => format!("{} (Linux {})", safe(&arm.arm, style), safe(kernel, style)),
            None => safe(&arm.arm, style),
        })
        .collect();
    let listed = match &names[..] {
        [] => "no world".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    match models {
        0 => listed,
        1 => format!("{listed} and on its model"),
        _ => format!("{listed}, and on the model of each"),
    }
}

/// The worlds that did not come to the end, and why.
fn stopped(page: &mut Page<'_>, report: &ComparisonReport) {
    let rows: Vec<(&ArmRow, &str)> = report
        .arms
        .iter()
        .flat_map(|arm| [(arm, arm.stopped.as_deref()), (arm, arm.panic.as_deref())])
        .filter_map(|(arm, why)| Some((arm, why?)))
        .collect();
    if rows.is_empty() {
        return;
    }
    page.heading("What stopped, or did not start", "");
    for (arm, why) in rows {
        let head = format!("on {}: ", safe(&arm.arm, page.style));
        for (at, line) in why.lines().enumerate() {
            let line = safe(line, page.style);
            let lead = if at == 0 { head.as_str() } else { "" };
            page.hanging(if at == 0 { "  " } else { "    " }, &format!("{lead}{line}"), 4);
        }
    }
}

/// Who was killed, on which world.
fn killed(page: &mut Page<'_>, report: &ComparisonReport) {
    if report.arms.iter().all(|arm| arm.deaths.is_empty()) {
        return;
    }
    page.heading("Who was killed", "for lack of memory");
    for (_, arm) in ran(report) {
        let who = if arm.deaths.is_empty() { "nobody".to_owned() } else { deaths(arm) };
        let who = page.style.plain(&who);
        page.hanging("  ", &format!("on {}: {who}", safe(&arm.arm, page.style)), 4);
    }
}

/// What was expected and is not so.
fn broken(page: &mut Page<'_>, report: &ComparisonReport) {
    if report.arms.iter().all(|arm| arm.broken.is_empty()) {
        return;
    }
    page.heading("What was expected", "and did not come true");
    for arm in &report.arms {
        for row in &arm.broken {
            let text = format!(
                "line {} on {}: wanted {}, found {}",
                row.line,
                safe(&arm.arm, page.style),
                safe(&row.wanted, page.style),
                safe(&row.found, page.style)
            );
            page.hanging("  ", &text, 4);
        }
    }
}

/// What came out otherwise.
fn differences(page: &mut Page<'_>, report: &ComparisonReport) {
    if report.differences.is_empty() {
        return;
    }
    page.heading("What differs", "");
    for row in &report.differences {
        let line = row.line.map_or_else(String::new, |line| format!(", line {line}"));
        let (process, what) = (safe(&row.process, page.style), safe(&row.what, page.style));
        page.hanging("  ", &format!("step {}{line}, {process}: {what}", row.step), 4);
        let names = row.between.map(|arm| page.style.plain(&name(report, arm)));
        let width = names.iter().map(|name| text::width(name)).max().unwrap_or(0);
        for (name, value) in names.iter().zip(&row.values) {
            let value =
                value.as_deref().map_or("nothing".to_owned(), |text| safe(text, page.style));
            let lead = format!("    {}  ", text::left(name, width));
            page.hanging(&lead, &value, lead.len());
        }
    }
}

/// A table for each pair, with a line for each moment.
fn quantities(page: &mut Page<'_>, report: &ComparisonReport) {
    let rows: Vec<&QuantityRow> = shown(report).collect();
    for rows in rows.chunk_by(|a, b| a.between == b.between) {
        let style = page.style;
        let names = rows[0].between.map(|arm| style.plain(&name(report, arm)));
        let modelled = names[0] == MODEL || names[0].starts_with(MODEL_OF);
        let (of, heads) = match names {
            [_, real] if modelled => (format!("{real} and its model"), ["MODEL".to_owned(), real]),
            [one, other] => (format!("{one} and {other}"), [one, other]),
        };
        let marks = "= is within what is allowed, ! is not, the others are not judged";
        page.heading("Side by side:", &format!("{of}; {marks}"));
        let mut cells: [Vec<String>; 6] = Default::default();
        for rows in rows.chunk_by(|a, b| a.moment == b.moment) {
            let moment = safe(&rows[0].moment, style).to_uppercase();
            let head =
                [String::new(), moment].into_iter().chain(std::iter::repeat_n(String::new(), 4));
            cells.iter_mut().zip(head).for_each(|(column, cell)| column.push(cell));
            for row in rows {
                let [one, real] = row.values.map(|value| amount(row.unit, value));
                let allowed =
                    row.allowed.map_or("-".to_owned(), |value| amount(row.unit, Some(value)));
                let row =
                    [mark(row).to_owned(), safe(&row.what, style), one, real, apart(row), allowed];
                cells.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
            }
        }
        let [marks, what, one, real, apart, allowed] = cells;
        let [first, second] = heads;
        let mut table = Table::new(2);
        table.column("", "", Align::Left, marks);
        table.column(" ", "", Align::Left, what);
        table.column("  ", first, Align::Right, one);
        table.column("  ", second, Align::Right, real);
        table.column("  ", "APART", Align::Right, apart);
        table.column("  ", "ALLOWED", Align::Right, allowed);
        page.table(&table);
    }
}

/// Each step: once where all say the same, else a line a world.
fn steps(page: &mut Page<'_>, report: &ComparisonReport) {
    let rows: Vec<Came> =
        report.steps.iter().flat_map(|row| of_step(report, row, page.style)).collect();
    if rows.is_empty() {
        return;
    }
    let several = ran(report).count() > 1;
    let marks = if several { "= is the same everywhere, ! is not" } else { "" };
    page.heading("Step by step", marks);
    let width =
        |of: fn(&Came) -> &str| rows.iter().map(|row| text::width(of(row))).max().unwrap_or(0);
    let (process, world) = (width(|row| &row.process), width(|row| &row.world));
    let between = if world == 0 { "" } else { "  " };
    for row in &rows {
        let lead = format!(
            "  {} {:>4}  {}{between}{}  ",
            row.mark,
            row.line,
            text::left(&row.process, process),
            text::left(&row.world, world)
        );
        page.hanging(&lead, &row.what, text::width(&lead));
    }
}

/// What came of a step, on all worlds or on one.
struct Came {
    mark: char,
    line: String,
    process: String,
    world: String,
    what: String,
}

fn of_step(report: &ComparisonReport, row: &StepRow, style: &Style) -> Vec<Came> {
    let times = if row.times > 1 { format!(" ({} times)", row.times) } else { String::new() };
    let came = |mark: char, world: String, value: &str| Came {
        mark,
        line: row.line.map_or_else(String::new, |line| line.to_string()),
        process: safe(&row.process, style),
        world,
        what: format!("{}{times}", safe(value, style)),
    };
    let values: Vec<(usize, &String)> =
        ran(report).filter_map(|(at, _)| Some((at, row.values.get(at)?.as_ref()?))).collect();
    match &values[..] {
        [] => Vec::new(),
        [(_, first), others @ ..] if others.iter().all(|(_, value)| value == first) => {
            vec![came(if row.equal { '=' } else { '!' }, String::new(), first)]
        }
        values => values
            .iter()
            .map(|&(arm, value)| {
                let mark = if row.equal { '=' } else { '!' };
                came(mark, style.plain(&name(report, arm)), value)
            })
            .collect(),
    }
}
