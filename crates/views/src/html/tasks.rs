//! The task table, its scores taken apart; the script makes every column sortable.

use std::collections::HashMap;

use facts::Release;
use facts::oom_report::Record;
use rules::explain::{Choice, TaskScore};
use units::{Bytes, Pid};

use super::bars;
use super::markup::Markup;
use crate::amount;
use crate::annotate::PageEntry;

/// What is needed to print a row.
struct Rows<'a> {
    entry: &'a PageEntry<'a>,
    id: &'a str,
    /// The line of the log in which a task stands.
    lines: HashMap<Pid, u64>,
    /// The longest bar.
    largest: Bytes,
    in_pages: bool,
    page_size: u64,
}

pub(super) fn print(page: &mut Markup, entry: &PageEntry<'_>, choice: &Choice, id: &str) {
    let source = &entry.explained.source;
    let mut rows = Rows {
        entry,
        id,
        lines: lines(entry),
        largest: Bytes::ZERO,
        in_pages: source.rules_of >= Release::new(3, 5),
        page_size: source.page_size,
    };
    let all = || choice.rows.iter().chain(&choice.immune);
    rows.largest = all().map(|row| rows.sum(row)).max().unwrap_or(Bytes::ZERO);
    page.element("p", &[("class", "legend")], |page| {
        page.ours(
            "<span><span class=\"sw c0\"></span> in memory</span> \
             <span><span class=\"sw c1\"></span> in swap</span> \
             <span><span class=\"sw c2\"></span> page tables</span> \
             <span><span class=\"sw c4\"></span> what the adjustment adds</span>",
        );
    });
    let label = format!("Tasks of report {}", entry.number);
    let scroll =
        [("class", "scroll tall"), ("tabindex", "0"), ("role", "region"), ("aria-label", &*label)];
    page.element("div", &scroll, |page| {
        page.element("table", &[("class", "sortable tasks")], |page| {
            page.ours(
                "<thead><tr><th class=\"n\" data-first=\"up\">#</th>\
                 <th data-first=\"up\">Name</th><th class=\"n\" data-first=\"up\">Pid</th>\
                 <th class=\"n\" data-first=\"up\">User</th><th class=\"n\">Score</th>\
                 <th class=\"nosort\"><span class=\"hidden\">Its parts</span></th>\
                 <th class=\"n\">Memory</th><th class=\"n\">Swap</th>\
                 <th class=\"n\">Tables</th><th class=\"n\">For adj.</th>\
                 <th class=\"n\">Adj.</th></tr></thead>",
            );
            page.element("tbody", &[], |page| {
                for (at, row) in choice.rows.iter().enumerate() {
                    rows.row(page, Some(at + 1), row);
                }
                for row in &choice.immune {
                    rows.row(page, None, row);
                }
            });
        });
    });
}

impl Rows<'_> {
    /// What a bar shows of a task.
    fn sum(&self, row: &TaskScore) -> Bytes {
        let worth = self.worth(row).and_then(|worth| u64::try_from(worth).ok()).map(Bytes::new);
        [row.resident, row.swap, row.page_tables, worth].into_iter().flatten().sum()
    }

    /// What the adjustment is worth, in bytes where points are pages.
    fn worth(&self, row: &TaskScore) -> Option<i64> {
        row.points_of_adjustment
            .filter(|_| self.in_pages)
            .map(|points| points.saturating_mul(i64::try_from(self.page_size).unwrap_or(4096)))
    }

    fn row(&self, page: &mut Markup, rank: Option<usize>, row: &TaskScore) {
        let victim = self.is_victim(row);
        let class = match (victim, rank) {
            (true, _) => "victim",
            (false, None) => "immune",
            (false, Some(_)) => "",
        };
        page.element("tr", &[("class", class)], |page| {
            match rank {
                Some(rank) => page.leaf("td", &[("class", "n")], rank),
                None => number(page, None, "never".to_owned()),
            }
            page.element("th", &[("scope", "row")], |page| {
                if victim {
                    page.ours("<span class=\"killed\">killed</span> ");
                }
                let name = row.name.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
                match row.pid.and_then(|pid| self.lines.get(&pid)) {
                    Some(line) => {
                        page.leaf("a", &[("href", &format!("#{}-l{line}", self.id))], name);
                    }
                    None => page.text(name),
                }
            });
            let pid = row.pid.map(|pid| i64::from(pid.get()));
            number(page, pid, row.pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string()));
            let uid = row.uid.map(i64::from);
            number(page, uid, row.uid.map_or_else(|| "?".to_owned(), |uid| uid.to_string()));
            self.points(page, if rank.is_some() { row.points } else { None });
            page.element("td", &[("class", "parts")], |page| {
                let worth =
                    self.worth(row).and_then(|worth| u64::try_from(worth).ok()).map(Bytes::new);
                bars::score(
                    page,
                    [
                        (row.resident, "c0", "in memory"),
                        (row.swap, "c1", "in swap"),
                        (row.page_tables, "c2", "page tables"),
                        (worth, "c4", "by the adjustment"),
                    ],
                    self.largest,
                );
            });
            for bytes in [row.resident, row.swap, row.page_tables] {
                number(
                    page,
                    bytes.and_then(|bytes| i64::try_from(bytes.get()).ok()),
                    match bytes {
                        Some(bytes) => amount::short(bytes),
                        None => "?".to_owned(),
                    },
                );
            }
            self.points(page, row.points_of_adjustment);
            let adj = row.oom_score_adj.map(units::ScoreAdj::get);
            number(page, adj, adj.map_or_else(|| "?".to_owned(), |adj| adj.to_string()));
        });
    }

    /// Points in the unit that people read.
    fn points(&self, page: &mut Markup, points: Option<i64>) {
        let text = match points {
            None => String::new(),
            Some(0) => "0".to_owned(),
            Some(points) if self.in_pages => {
                let sign = if points < 0 { "-" } else { "" };
                let bytes = points.unsigned_abs().saturating_mul(self.page_size);
                format!("{sign}{}", amount::short(Bytes::new(bytes)))
            }
            Some(points) => points.to_string(),
        };
        number(page, points, text);
    }

    fn is_victim(&self, row: &TaskScore) -> bool {
        let same = |pid: Option<Pid>| pid.is_some() && (row.pid == pid || row.tgid == pid);
        self.entry.explained.victims.iter().any(|victim| same(victim.pid))
    }
}

/// A cell with the number that it is sorted by.
fn number(page: &mut Markup, value: Option<i64>, text: String) {
    let value = value.map_or(String::new(), |value| value.to_string());
    if value == text || value.is_empty() {
        page.leaf("td", &[("class", "n")], text);
    } else {
        page.leaf("td", &[("class", "n"), ("data-v", &value)], text);
    }
}

/// In which line of the log a task stands.
fn lines(entry: &PageEntry<'_>) -> HashMap<Pid, u64> {
    let report = entry.report;
    let rows = report.tasks.as_ref().map_or(&[][..], |tasks| &tasks.rows);
    let of = |line: &facts::oom_report::SourceLine| {
        line.records.iter().find_map(|record| match record {
            Record::Task(at) => rows.get(*at)?.pid,
            _ => None,
        })
    };
    report.lines.iter().filter_map(|line| Some((of(line)?, line.number))).collect()
}
