//! The list of all reports at the top of a page of several.

use rules::explain::ExplainReport;

use super::PLAIN;
use super::markup::Markup;
use crate::annotate::PageEntry;
use crate::explain::{verdict, when};

pub(super) fn print(page: &mut Markup, entries: &[PageEntry<'_>], chosen: &[&PageEntry<'_>]) {
    page.element("nav", &[("aria-label", "Reports"), ("class", "index")], |page| {
        page.leaf("h1", &[], format_args!("{} OOM reports", entries.len()));
        if chosen.len() < entries.len() {
            page.leaf(
                "p",
                &[("class", "note")],
                format_args!(
                    "{} of them are on this page in full. The others by their numbers: \
                     oomph explain --html FILE --report N.",
                    chosen.len()
                ),
            );
        }
        // Where several reports are drawn along the time.
        page.ours("<div id=\"timeline\"></div>");
        page.element("div", &[("class", "scroll"), ("tabindex", "0")], |page| {
            page.element("table", &[], |page| {
                page.ours(
                    "<thead><tr><th class=\"n\">#</th><th>When</th><th>What ran out</th>\
                     <th>Who died</th><th>By the rules</th></tr></thead>",
                );
                page.element("tbody", &[], |page| {
                    let mut place = "";
                    for entry in entries {
                        if entry.place != place {
                            place = entry.place;
                            page.element("tr", &[("class", "place")], |page| {
                                page.leaf("th", &[("colspan", "5"), ("scope", "rowgroup")], place);
                            });
                        }
                        let link = chosen.iter().any(|one| one.number == entry.number);
                        row(page, entry, link);
                    }
                });
            });
        });
    });
}

fn row(page: &mut Markup, entry: &PageEntry<'_>, link: bool) {
    let report = entry.explained;
    page.element("tr", &[], |page| {
        page.leaf("td", &[("class", "n")], entry.number);
        page.leaf("td", &[], when(report, &PLAIN));
        page.leaf("td", &[], verdict::scope(report, &PLAIN));
        page.element("td", &[], |page| {
            let victims = verdict::victims(report, &PLAIN);
            if link {
                page.leaf("a", &[("href", &format!("#r{}", entry.number))], victims);
            } else {
                page.text(victims);
            }
        });
        page.leaf("td", &[], checked(report));
    });
}

fn checked(report: &ExplainReport) -> &'static str {
    match report.choice.as_ref().and_then(|choice| choice.agrees) {
        Some(true) => "the same",
        Some(false) => "ANOTHER",
        None => "not checked",
    }
}
