//! The timeline at the top of a page: every kill, and what they have in common.

use rules::timeline::{Incident, TimelineReport};

use super::PLAIN;
use super::markup::Markup;
use crate::annotate::PageEntry;
use crate::page::LABEL;
use crate::style::Style;
use crate::timeline::{conclusions, echoes, remarks, what, when};

/// Incidents listed: more are too much for a browser.
const MOST: usize = 2000;
/// For sentences that the browser wraps by itself.
const UNWRAPPED: Style = Style { width: Some(10_000), ..PLAIN };

/// Whether there is more to tell than one report.
pub(super) fn is_wanted(timeline: &TimelineReport) -> bool {
    let more =
        |one: &Incident| one.report.is_none() || !one.echoes.is_empty() || one.left_out_before > 0;
    timeline.incidents.len() > 1
        || timeline.incidents.iter().any(more)
        || !timeline.without_report.is_empty()
}

pub(super) fn print(page: &mut Markup, entries: &[PageEntry<'_>], timeline: &TimelineReport) {
    let label = [("id", "timeline"), ("aria-label", "Timeline"), ("class", "index")];
    page.element("nav", &label, |page| {
        let reports = timeline.reports;
        let title = if reports == 1 { "1 OOM report".to_owned() } else { format!("{reports} OOM reports") };
        page.leaf("h1", &[], title);
        if (entries.len() as u64) < reports {
            let text = format!(
                "{} of them are on this page in full. Others by their numbers: \
                 `oomph explain --html FILE --report N`.",
                entries.len()
            );
            page.element("p", &[("class", "note")], |page| page.prose(&text));
        }
        let hidden = timeline.incidents.len().saturating_sub(MOST);
        let not_listed = timeline.not_listed.saturating_add(hidden as u64);
        if not_listed > 0 {
            let text = format!("{not_listed} older ones are counted and not listed.");
            page.leaf("p", &[("class", "note")], text);
        }
        page.element("div", &[("class", "scroll"), ("tabindex", "0")], |page| {
            page.element("table", &[], |page| {
                page.ours(
                    "<thead><tr><th class=\"n\">#</th><th>When</th><th>What happened</th></tr></thead>",
                );
                page.element("tbody", &[], |page| rows(page, entries, &timeline.incidents[hidden..]));
            });
        });
        story(page, &conclusions(timeline, &UNWRAPPED));
    });
}

/// The conclusions as a list: each line is a label, or blanks, and a sentence.
fn story(page: &mut Markup, text: &str) {
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    if lines.peek().is_none() {
        return;
    }
    page.element("dl", &[("class", "facts")], |page| {
        while let Some(line) = lines.next() {
            let (label, sentence) = labelled(line);
            page.element("div", &[], |page| {
                page.leaf("dt", &[], label);
                page.element("dd", &[], |page| {
                    page.prose(sentence);
                    while let Some(("", more)) = lines.peek().map(|line| labelled(line)) {
                        page.element("p", &[], |page| page.prose(more));
                        lines.next();
                    }
                });
            });
        }
    });
}

/// What stands in the columns of labels, and the rest.
fn labelled(line: &str) -> (&str, &str) {
    let at = line.char_indices().nth(LABEL).map_or(line.len(), |(at, _)| at);
    let (label, sentence) = line.split_at(at);
    (label.trim(), sentence.trim())
}

fn rows(page: &mut Markup, entries: &[PageEntry<'_>], incidents: &[Incident]) {
    let mut before: Option<&Incident> = None;
    for incident in incidents {
        if before.is_none_or(|before| before.log != incident.log) {
            page.element("tr", &[("class", "place")], |page| {
                page.leaf("th", &[("colspan", "3"), ("scope", "rowgroup")], &incident.log);
            });
        } else if before.is_some_and(|before| before.boot != incident.boot) {
            page.ours("<tr><td></td><td colspan=\"2\">The machine was started again.</td></tr>");
        }
        before = Some(incident);
        row(page, entries, incident);
    }
}

fn row(page: &mut Markup, entries: &[PageEntry<'_>], incident: &Incident) {
    let number = incident.report.as_ref().map(|part| part.number);
    page.element("tr", &[], |page| {
        let shown = number.map_or_else(|| "–".to_owned(), |number| number.to_string());
        page.leaf("td", &[("class", "n")], shown);
        page.leaf("td", &[], when(incident, &PLAIN));
        page.element("td", &[], |page| {
            let text = what(incident, &PLAIN);
            match number.filter(|number| entries.iter().any(|one| one.number as u64 == *number)) {
                Some(number) => page.leaf("a", &[("href", &format!("#r{number}"))], text),
                None => page.text(text),
            }
            for remark in remarks(incident, &PLAIN).iter().chain(&echoes(incident, &PLAIN)) {
                page.leaf("p", &[("class", "note")], remark);
            }
        });
    });
}
