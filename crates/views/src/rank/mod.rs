//! The kill order as a table, and one score as a column sum.

mod explain;

pub use explain::explain;

use facts::Name;
use rules::rank::{Domain, ImmuneRow, RankReport, RankRow};

use crate::amount;
use crate::page::Page;
use crate::score;
use crate::status::unread;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};
use crate::words;

/// How many rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// The first so many victims, and as many of the immune.
    Top(usize),
}

impl Rows {
    pub(crate) fn of<T>(self, list: &[T]) -> &[T] {
        match self {
            Rows::All => list,
            Rows::Top(n) => list.get(..n).unwrap_or(list),
        }
    }
}

/// The kill order in full.
pub fn rank(report: &RankReport, rows: Rows, style: &Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, report);
    let shown = rows.of(&report.rows);
    if report.rows.is_empty() {
        page.sentence("Nobody: no process that could be read can be chosen.");
    } else if !shown.is_empty() {
        victims(&mut page, report, shown);
    }
    let words = if shown.is_empty() { "can be chosen" } else { "more can be chosen after these" };
    left_out(&mut page, report.rows.len() - shown.len(), words);

    let immune = rows.of(&report.immune);
    if !immune.is_empty() {
        page.heading("Never chosen", "");
        page.table(&immune_table(immune, style));
        left_out(&mut page, report.immune.len() - immune.len(), "more with memory");
    }
    foot(&mut page, report);
    page.finish()
}

fn head(page: &mut Page<'_>, report: &RankReport) {
    let among = match &report.domain {
        Domain::Machine => String::new(),
        domain @ Domain::Cgroup(_) => format!(" in {}", words::domain(domain, page.style)),
    };
    page.heading(&format!("Kill order{among}"), &format!("on {}", source_words(report)));
    page.sentence(&format!("score = {}", report.formula));
    page.line("");
}

fn source_words(report: &RankReport) -> String {
    let mut words = report.source.origin.clone();
    match (report.rules_of, report.source.release) {
        (Some(rules), Some(release)) if rules != release => {
            words = format!("{words}, Linux {release}, by the rules of {rules}");
        }
        (Some(rules), _) => words = format!("{words}, by the rules of Linux {rules}"),
        (None, _) => words.push_str(", kernel unknown: by today's rules"),
    }
    words
}

fn victims(page: &mut Page<'_>, report: &RankReport, rows: &[RankRow]) {
    let style = page.style;
    let size = report.source.page_size;
    let mut table = Table::new(1);
    let mut right =
        |before, head, cells: Vec<String>| table.column(before, head, Align::Right, cells);
    right("", "#", rows.iter().map(|r| r.rank.to_string()).collect());
    right("  ", "PID", rows.iter().map(|r| r.pid.to_string()).collect());
    table.column(
        " ",
        "USER",
        Align::Left,
        rows.iter().map(|r| user(r.user.as_ref(), r.uid, style)),
    );
    let mut right =
        |before, head, cells: Vec<String>| table.column(before, head, Align::Right, cells);
    let points = |r: &RankRow| {
        let sure = if r.assumed.is_empty() { "" } else { "?" };
        format!("{}{sure}", score::points(r.points, score::unit(r), size, style))
    };
    right("  ", "SCORE", rows.iter().map(points).collect());
    right("  ", "OOM_SCORE", rows.iter().map(|r| oom_score(r, style)).collect());
    right("  ", "ADJ", rows.iter().map(adj).collect());
    right("  ", "RAM", rows.iter().map(|r| amount::cell(r.resident, style)).collect());
    right("  ", "SWAP", rows.iter().map(|r| amount::cell(r.swap, style)).collect());
    right("  ", "TABLES", rows.iter().map(|r| amount::cell(r.page_tables, style)).collect());
    right("  ", "FREES", rows.iter().map(|r| amount::frees(r.frees, style)).collect());
    table.column("  ", "NAME", Align::Left, rows.iter().map(|r| name(r.name.as_ref(), style)));

    let dropped = table.narrow(style, &["TABLES", "USER", "SWAP", "OOM_SCORE", "FREES", "ADJ"]);
    page.table(&table);
    if !dropped.is_empty() {
        let words =
            format!("no room for {}; a wider terminal or --json has them", dropped.join(", "));
        page.sentence(&style.paint(Accent::Dim, &words));
    }
    signs(page, rows);
}

/// Explains the signs that occur in the table, and only those.
fn signs(page: &mut Page<'_>, rows: &[RankRow]) {
    let differ = rows.iter().filter(|r| disagrees(r)).count();
    if differ > 0 {
        page.sentence(&format!(
            "{}: these rules say the first, the kernel said the second ({})",
            page.style.signs().differs,
            amount::count(differ, "process", "processes"),
        ));
    }
    let unsure = rows.iter().filter(|r| !r.assumed.is_empty()).count();
    if unsure > 0 {
        let mut what: Vec<&str> = rows.iter().flat_map(|r| r.assumed.iter().copied()).collect();
        what.sort_unstable();
        what.dedup();
        page.sentence(&format!(
            "score with ?: {} unknown and taken as 0, so the place in the order is not certain ({})",
            what.join(", "),
            amount::count(unsure, "process", "processes"),
        ));
    }
}

fn left_out(page: &mut Page<'_>, more: usize, words: &str) {
    if more > 0 {
        page.sentence(&format!("{} {words}", amount::grouped(more as u64)));
    }
}

fn foot(page: &mut Page<'_>, report: &RankReport) {
    let unreadable = report.unreadable.len();
    let silent = report.notes.is_empty() && report.missing.is_empty();
    if unreadable == 0 && silent && report.without_memory == 0 {
        return;
    }
    page.line("");
    if report.without_memory > 0 {
        page.sentence(&format!(
            "{} without memory of their own (threads of the kernel, zombies) are not listed.",
            amount::count(report.without_memory, "process", "processes"),
        ));
    }
    if unreadable > 0 {
        let few: Vec<String> = report.unreadable.iter().take(8).map(ToString::to_string).collect();
        let more = if unreadable > few.len() { ", …" } else { "" };
        page.sentence(&format!(
            "The memory of {} could not be read; they may stand anywhere in the order: {}{more}",
            amount::count(unreadable, "process", "processes"),
            few.join(", "),
        ));
    }
    for note in &report.notes {
        page.sentence(note);
    }
    if !report.missing.is_empty() {
        let count = amount::count(report.missing.len(), "place", "places");
        page.heading("Not read", &count);
        unread::places(page, &report.missing);
    }
}

/// Those who are never chosen, with the reason; also part of the status screen.
pub(crate) fn immune_table(rows: &[ImmuneRow], style: &Style) -> Table {
    let mut table = Table::new(2);
    table.column("", "PID", Align::Right, rows.iter().map(|r| r.pid.to_string()));
    table.column(
        " ",
        "USER",
        Align::Left,
        rows.iter().map(|r| user(r.user.as_ref(), r.uid, style)),
    );
    table.column("  ", "RAM", Align::Right, rows.iter().map(|r| amount::cell(r.resident, style)));
    table.column("  ", "SWAP", Align::Right, rows.iter().map(|r| amount::cell(r.swap, style)));
    table.column(
        "  ",
        "WHY NOT",
        Align::Left,
        rows.iter().map(|r| words::immune(r.why).to_owned()),
    );
    table.column("  ", "NAME", Align::Left, rows.iter().map(|r| name(r.name.as_ref(), style)));
    table.narrow(style, &["USER", "SWAP", "RAM"]);
    table
}

pub(crate) fn name(name: Option<&Name>, style: &Style) -> String {
    name.map_or_else(|| "?".to_owned(), |n| style.name(n))
}

/// A user's name, else the number; at most a dozen columns of it.
pub(crate) fn user(user: Option<&Name>, uid: Option<u32>, style: &Style) -> String {
    match (user, uid) {
        (Some(name), _) => crate::text::cut(&style.name(name), 12, style.signs().cut),
        (None, Some(uid)) => uid.to_string(),
        (None, None) => "?".to_owned(),
    }
}

fn disagrees(row: &RankRow) -> bool {
    matches!((row.predicted_oom_score, row.oom_score), (Some(ours), Some(theirs)) if ours != theirs)
}

fn oom_score(row: &RankRow, style: &Style) -> String {
    match (row.predicted_oom_score, row.oom_score) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            format!("{ours}{}{theirs}", style.signs().differs)
        }
        (_, Some(score)) => score.to_string(),
        (Some(score), None) => format!("({score})"),
        (None, None) => "?".to_owned(),
    }
}

fn adj(row: &RankRow) -> String {
    let signed = |n: i64| if n == 0 { "0".to_owned() } else { format!("{n:+}") };
    match (row.oom_score_adj, row.oom_adj) {
        (Some(adj), _) => signed(adj.get()),
        (None, Some(adj)) => signed(adj.get().into()),
        (None, None) => "?".to_owned(),
    }
}
