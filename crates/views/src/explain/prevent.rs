//! What would have prevented it, and what cannot be said.

use rules::explain::{ExplainReport, Prevention};

use super::{verdict, words};
use crate::page::Page;
use crate::style::Style;

pub(super) fn print(page: &mut Page<'_>, report: &ExplainReport) {
    if report.prevention.is_empty() {
        return;
    }
    page.heading("What helps", "computed for this one request and this one choice");
    for prevention in &report.prevention {
        let (label, text) = words_for(prevention, page.style);
        page.labelled(label, &text);
    }
}

/// A label and a sentence.
pub(crate) fn words_for(prevention: &Prevention, style: &Style) -> (&'static str, String) {
    match prevention {
        Prevention::FreeMore { node, zone, bytes } => {
            let node = node.map_or(String::new(), |node| format!(" of node {node}"));
            let zone = style.name(zone);
            (
                "more free",
                format!("with {bytes} more free in zone {zone}{node} this request passes"),
            )
        }
        Prevention::Swap { bytes, movable, had_none } => {
            let had = if *had_none { "there is no swap" } else { "swap was full" };
            let text = format!(
                "{had}: {bytes} of it would have served this request, out of {movable} of \
                 anonymous memory that could go there"
            );
            ("swap", text)
        }
        Prevention::HugePool { unused } => (
            "huge pages",
            format!("{unused} of the pool were used by nobody; given back, they would have served"),
        ),
        Prevention::SinglePages => {
            ("smaller", "a request for single pages would have been served".to_owned())
        }
        Prevention::GroupLimit { at_least, more } => (
            "limit",
            format!(
                "{more} more ({at_least}) would have let this one request pass, and no further"
            ),
        ),
        Prevention::GroupSwap { movable, limit } => {
            let limit = if *limit == units::Bytes::ZERO {
                "the cgroup may not swap".to_owned()
            } else {
                format!("the cgroup's swap ({limit}) was full")
            };
            ("swap", format!("{limit}: up to {movable} of its memory could have gone there"))
        }
        Prevention::Adjust { task, from, to, then } => {
            let text = format!(
                "with oom_score_adj {} instead of {}, {} lives and {} dies",
                to.get(),
                from.get(),
                verdict::task(task, style),
                verdict::task(then, style)
            );
            ("adjust", text)
        }
    }
}

pub(super) fn gaps(page: &mut Page<'_>, report: &ExplainReport) {
    if report.gaps.is_empty() {
        return;
    }
    page.heading("Not known", "");
    for gap in &report.gaps {
        page.hanging("  - ", words::gap(*gap), 4);
    }
}
