//! Whether the choice was right.

use facts::Release;
use rules::explain::{Choice, ExplainReport, NotByScore, TaskScore};
use units::{Pid, ScoreAdj};

use super::{verdict, words};
use crate::amount;
use crate::page::Page;
use crate::score::{self, Unit};
use crate::style::{Accent, Style};
use crate::table::{Align, Table};

/// Rows shown, and the chosen one wherever it stands.
const TOP: usize = 5;
/// Immune processes named.
const IMMUNE: usize = 3;

pub(super) fn print(page: &mut Page<'_>, report: &ExplainReport) {
    let Some(choice) = &report.choice else { return };
    let unit =
        if report.source.rules_of >= Release::new(3, 5) { Unit::Pages } else { Unit::PerMille };
    let points =
        |points: i64, style: &Style| score::points(points, unit, report.source.page_size, style);
    page.heading("Was it right", &judgement(report, choice, page.style));
    if let Some(fault) = choice.kernel_fault {
        page.labelled("a fault", words::kernel_fault(fault));
    }
    if let Some(formula) = choice.formula {
        page.labelled("score", formula);
    }
    match (choice.total, choice.total_at_most) {
        (Some(total), most) if most == Some(total) => page.labelled("total", &total.to_string()),
        (Some(total), Some(most)) => page.labelled("total", &format!("{total} to {most}")),
        (Some(total), None) => page.labelled("total", &format!("at least {total}")),
        (None, _) => {}
    }
    let table = table(report, choice, unit, page.style);
    page.table(&table);
    if let (Some(margin), Some(true)) = (choice.margin, choice.agrees) {
        let text = if margin == 0 {
            "none: a tie, broken by the order of the table".to_owned()
        } else {
            format!("{} before the next", points(margin, page.style))
        };
        page.labelled("margin", &text);
    }
    logged(page, choice);
    if !choice.immune.is_empty() {
        let name = |row: &TaskScore| {
            format!("{} ({})", named(row, page.style), amount::long(row.resident))
        };
        let mut names: Vec<String> = choice.immune.iter().take(IMMUNE).map(name).collect();
        if choice.immune.len() > IMMUNE {
            names.push(format!("{} more", choice.immune.len() - IMMUNE));
        }
        page.labelled("never", &names.join(", "));
    }
    for doubt in &choice.doubts {
        page.labelled("perhaps", words::doubt(*doubt));
    }
}

fn named(row: &TaskScore, style: &Style) -> String {
    match &row.name {
        Some(name) => style.name(name),
        None => "?".to_owned(),
    }
}

pub(crate) fn judgement(report: &ExplainReport, choice: &Choice, style: &Style) -> String {
    match choice.not_by_score {
        Some(NotByScore::AllocatingTask) => {
            return "not by score: whoever asks dies (vm.oom_kill_allocating_task)".to_owned();
        }
        Some(NotByScore::Swapoff) => {
            return "not by score: whoever switches swap off dies first".to_owned();
        }
        None => {}
    }
    match (choice.agrees, &choice.predicted, choice.rank_of_chosen) {
        (Some(true), ..) => "yes: the kernel's formula chooses the same".to_owned(),
        (Some(false), Some(other), Some(rank)) => {
            style.paint(Accent::Wall, "NO")
                + &format!(
                    ": these rules choose {}, and put the chosen on place {rank}",
                    verdict::task(other, style)
                )
        }
        (Some(false), Some(other), None) => {
            style.paint(Accent::Wall, "NO")
                + &format!(
                    ": these rules choose {}, and never the chosen",
                    verdict::task(other, style)
                )
        }
        (_, Some(other), _) if report.victims.is_empty() => {
            format!("nobody was chosen; it would be {}", verdict::task(other, style))
        }
        (None, Some(_), Some(rank)) => format!(
            "cannot be told: it depends on the total; with the least it can be, place {rank}"
        ),
        (_, Some(other), None) => format!(
            "cannot be told: the chosen is not in the table; of those in it these rules choose {}",
            verdict::task(other, style)
        ),
        _ => "cannot be told from the text".to_owned(),
    }
}

fn logged(page: &mut Page<'_>, choice: &Choice) {
    let Some(text) = logged_words(choice) else { return };
    page.labelled("printed", &text);
    if let Some(text) = at_choice_words(choice) {
        page.labelled("", &text);
    }
}

/// What the score was a moment before the table was printed, where that may differ.
pub(crate) fn at_choice_words(choice: &Choice) -> Option<String> {
    let (from, to) = choice.score_at_choice?;
    Some(format!(
        "{from} to {to} when the kernel chose: each thread may have held back 64 pages that the \
         table, printed later, has"
    ))
}

/// The score that the kernel printed, beside that of these rules.
pub(crate) fn logged_words(choice: &Choice) -> Option<String> {
    let logged = choice.logged_score?;
    Some(match choice.computed_score {
        Some((from, to)) if from == logged && to == logged => {
            format!("{logged} in the text, and by these rules")
        }
        Some((from, to)) if from <= logged && logged <= to => format!(
            "{logged} in the text, {from} to {to} by these rules: the text leaves that range"
        ),
        Some((from, to)) if from == to => format!("{logged} in the text, {from} by these rules"),
        Some((from, to)) => format!("{logged} in the text, {from} to {to} by these rules"),
        None => format!("{logged} in the text"),
    })
}

fn table(report: &ExplainReport, choice: &Choice, unit: Unit, style: &Style) -> Table {
    let chosen = |row: &TaskScore| {
        report.victims.first().is_some_and(|victim| {
            let pid = victim.instead_of.as_ref().map_or(victim.pid, |parent| parent.pid);
            pid.is_some() && (row.pid == pid || row.tgid == pid)
        })
    };
    let rows: Vec<(usize, &TaskScore)> = choice
        .rows
        .iter()
        .enumerate()
        .filter(|(at, row)| *at < TOP || chosen(row))
        .map(|(at, row)| (at + 1, row))
        .collect();
    let cells =
        |of: &dyn Fn(&TaskScore) -> String| rows.iter().map(|(_, r)| of(r)).collect::<Vec<_>>();
    let pages = report.source.page_size;
    let points = |points: Option<i64>| match points {
        Some(points) => score::points(points, unit, pages, style),
        None => "?".to_owned(),
    };
    let adjustment = |row: &TaskScore| match row.oom_score_adj {
        None => "?".to_owned(),
        Some(ScoreAdj::NONE) => "0".to_owned(),
        Some(adj) => format!("({:+})", adj.get()),
    };
    let worth = |row: &TaskScore| match row.points_of_adjustment {
        Some(0) | None => String::new(),
        Some(worth) => score::points(worth, unit, pages, style),
    };
    let mark = |row: &TaskScore| if chosen(row) { style.signs().mark } else { "" };
    let mut table = Table::new(0);
    table.column("", "", Align::Right, cells(&|row| mark(row).to_owned()));
    table.column(" ", "#", Align::Right, rows.iter().map(|(at, _)| at.to_string()));
    table.column("  ", "PID", Align::Right, cells(&|row| pid(row.pid)));
    if choice.formula.is_some() {
        table.column("  ", "SCORE", Align::Right, cells(&|row| points(row.points)));
    }
    table.column("  ", "RAM", Align::Right, cells(&|row| amount::cell(row.resident, style)));
    if rows.iter().any(|(_, row)| row.swap.is_some()) {
        table.column("  ", "SWAP", Align::Right, cells(&|row| amount::cell(row.swap, style)));
    }
    if rows.iter().any(|(_, row)| row.page_tables.is_some()) {
        table.column(
            "  ",
            "TABLES",
            Align::Right,
            cells(&|row| amount::cell(row.page_tables, style)),
        );
    }
    if rows.iter().any(|(_, row)| row.oom_score_adj.is_some()) {
        table.column("  ", "ADJ", Align::Right, cells(&worth));
        table.column(" ", "", Align::Right, cells(&adjustment));
    }
    table.column("  ", "NAME", Align::Left, cells(&|row| named(row, style)));
    table
}

fn pid(pid: Option<Pid>) -> String {
    pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string())
}
