//! One score, step by step.

use rules::rank::{Effect, ImmuneRow, RankReport, RankRow, Step, StepKind};
use units::Pid;

use crate::amount;
use crate::page::Page;
use crate::score::{self, Unit};
use crate::style::Style;
use crate::table::{Align, Table};
use crate::words;

/// How the score of `pid` came about, or why it is never chosen; `None` when the report does not
/// have that process.
pub fn explain(report: &RankReport, pid: Pid, style: &Style) -> Option<String> {
    let mut page = Page::new(style);
    if let Some(row) = report.rows.iter().find(|r| r.pid == pid) {
        victim(&mut page, report, row);
    } else if let Some(row) = report.immune.iter().find(|r| r.pid == pid) {
        never(&mut page, row);
    } else if report.unreadable.contains(&pid) {
        page.heading(&format!("pid {pid}"), "");
        page.sentence("Its memory could not be read; it may stand anywhere in the order.");
    } else {
        return None;
    }
    Some(page.finish())
}

fn victim(page: &mut Page<'_>, report: &RankReport, row: &RankRow) {
    let style = page.style;
    let name = super::name(row.name.as_ref(), style);
    let user = super::user(row.user.as_ref(), row.uid, style);
    let place = format!(
        "pid {}, user {user}: number {} of {} in {}",
        row.pid,
        row.rank,
        report.rows.len(),
        words::domain(&report.domain, style),
    );
    page.heading(&name, &place);
    page.sentence(&format!("score = {}", report.formula));
    page.line("");
    page.table(&sum(row, report.source.page_size, style));
    page.line("");
    match (row.predicted_oom_score, row.oom_score) {
        (Some(ours), Some(theirs)) if ours == theirs => {
            page.labelled("oom_score", &format!("{ours}, as /proc/{}/oom_score says", row.pid));
        }
        (Some(ours), Some(theirs)) => page.labelled(
            "oom_score",
            &format!("{ours} by these rules, {theirs} in /proc/{}/oom_score", row.pid),
        ),
        (Some(ours), None) => page.labelled("oom_score", &format!("{ours} by these rules")),
        (None, Some(theirs)) => {
            page.labelled("oom_score", &format!("{theirs} in /proc/{}/oom_score", row.pid));
        }
        (None, None) => page.labelled("oom_score", "?"),
    }
    page.labelled("RAM", &format!("{} resident", amount::long(row.resident)));
    page.labelled("frees", &amount::frees(row.frees, style));
    if let Some(cgroup) = &row.cgroup {
        page.labelled("cgroup", &style.name(cgroup));
    }
    if !row.assumed.is_empty() {
        page.labelled("unknown", &format!("{}: taken as 0", row.assumed.join(", ")));
    }
}

fn sum(row: &RankRow, page_size: u64, style: &Style) -> Table {
    let unit = score::unit(row);
    let mut table = Table::new(2);
    table.column("", "POINTS", Align::Right, row.steps.iter().map(effect));
    if unit == Unit::Pages {
        let bytes = |step: &Step| match step.effect {
            Effect::Add(pages) => score::points(pages, unit, page_size, style),
            _ => String::new(),
        };
        table.column("  ", "BYTES", Align::Right, row.steps.iter().map(bytes));
    }
    table.column("  ", "SO FAR", Align::Right, row.steps.iter().map(|s| s.after.to_string()));
    table.column("  ", "WHAT", Align::Left, row.steps.iter().map(|s| what(s, row)));
    table
}

fn effect(step: &Step) -> String {
    match step.effect {
        Effect::Add(n) => format!("{n:+}"),
        Effect::Multiply(n) => format!("x {n}"),
        Effect::Divide(n) => format!("/ {n}"),
        Effect::Set(n) => format!("= {n}"),
    }
}

fn what(step: &Step, row: &RankRow) -> String {
    let words = words::step(step.what);
    let detail = match step.what {
        StepKind::OomScoreAdj => row.oom_score_adj.map(|a| format!("{:+}", a.get())),
        StepKind::OomAdj => row.oom_adj.map(|a| format!("{:+}", a.get())),
        _ => None,
    };
    detail.map_or_else(|| words.to_owned(), |d| format!("{words}: {d}"))
}

fn never(page: &mut Page<'_>, row: &ImmuneRow) {
    let style = page.style;
    let user = super::user(row.user.as_ref(), row.uid, style);
    let name = super::name(row.name.as_ref(), style);
    page.heading(&name, &format!("pid {}, user {user}: never chosen", row.pid));
    page.labelled("why", words::immune(row.why));
    page.labelled("RAM", &amount::long(row.resident));
    page.labelled("swap", &amount::long(row.swap));
    if let Some(cgroup) = &row.cgroup {
        page.labelled("cgroup", &style.name(cgroup));
    }
}
