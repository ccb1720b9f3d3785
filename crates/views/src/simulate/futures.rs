//! What else could have become of a moment: who dies in which future.

use scenario::report::{FutureRow, WholeRow};
use scenario::vary::Outcome;
use units::Bytes;

use super::{MOST, left_out, safe};
use crate::amount;
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};

pub(super) fn futures(page: &mut Page<'_>, all: &[FutureRow]) {
    if all.is_empty() {
        return;
    }
    let style = page.style;
    page.heading("Futures", "from one moment, who dies");
    let rows: Vec<&FutureRow> = all.iter().take(MOST).collect();
    let mut table = Table::new(2);
    let names = rows.iter().map(|row| match &row.name {
        Some(name) => safe(name, style),
        None => style.paint(Accent::Dim, "as written"),
    });
    table.column("", "FUTURE", Align::Left, names);
    let from = rows.iter().map(|row| match (&row.after, row.from_step, &row.name) {
        (_, _, None) | (None, None, _) => String::new(),
        (Some(after), _, _) => safe(after, style),
        (None, Some(step), _) => format!("step {step}"),
    });
    table.column("  ", "FROM", Align::Left, from);
    table.column("  ", "KILLED", Align::Left, rows.iter().map(|row| killed(row, style)));
    // Where nobody was killed there is nothing to tell.
    let touched = rows.iter().map(|row| match row.kill_point {
        Some(bytes) => amount::cell(Some(bytes), style),
        None => String::new(),
    });
    table.column("  ", "HAD TOUCHED", Align::Right, touched);
    let left = |row: &FutureRow, value: fn(&WholeRow) -> Option<Bytes>| match &row.machine {
        Some(machine) => amount::cell(value(machine), style),
        None => String::new(),
    };
    let free = rows.iter().map(|row| left(row, |machine| machine.free));
    table.column("  ", "FREE AFTER", Align::Right, free);
    let used = |row: &&FutureRow| row.machine.and_then(|machine| machine.swap_used);
    if rows.iter().filter_map(used).any(|used| used > Bytes::ZERO) {
        let swapped = rows.iter().map(|row| left(row, |machine| machine.swap_used));
        table.column("  ", "SWAPPED", Align::Right, swapped);
    }
    table.column("  ", "EXPECTED", Align::Left, rows.iter().map(|row| expected(row, style)));
    table.narrow(style, &["SWAPPED", "FREE AFTER", "FROM"]);
    page.table(&table);
    for row in &rows {
        for broken in &row.broken {
            let wanted =
                broken.wanted.lines().next().unwrap_or("").trim_end_matches('{').trim_end();
            let text = format!(
                "line {}: {}, but {}",
                broken.line,
                safe(wanted, style),
                safe(&broken.found, style)
            );
            page.hanging(&format!("  {}  ", style.paint(Accent::Wall, "NO ")), &text, 7);
        }
        if let Some(why) = &row.failure {
            let name = row.name.as_deref().unwrap_or("as written");
            let first = why.lines().next().unwrap_or("");
            page.hanging("  ", &format!("{}: {}", safe(name, style), safe(first, style)), 4);
        }
    }
    left_out(page, all.len());
}

/// Who died, those of one name once.
fn killed(row: &FutureRow, style: &Style) -> String {
    match row.outcome {
        Outcome::Failed => return style.paint(Accent::Dim, "not run"),
        Outcome::Survived => return style.paint(Accent::Calm, "nobody"),
        Outcome::Died | Outcome::Panicked => {}
    }
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for victim in &row.victims {
        match counted.iter_mut().find(|(name, _)| name == victim) {
            Some((_, count)) => *count += 1,
            None => counted.push((victim, 1)),
        }
    }
    let mut words: Vec<String> = counted
        .iter()
        .map(|(name, count)| match count {
            1 => safe(name, style),
            n => format!("{} ×{n}", safe(name, style)),
        })
        .collect();
    if row.outcome == Outcome::Panicked {
        words.push("panic".to_owned());
    }
    style.paint(Accent::Wall, &words.join(", "))
}

fn expected(row: &FutureRow, style: &Style) -> String {
    match (row.claims, row.broken.len()) {
        (0, _) => String::new(),
        (_, 0) => style.paint(Accent::Calm, "yes"),
        _ => style.paint(Accent::Wall, "NO"),
    }
}
