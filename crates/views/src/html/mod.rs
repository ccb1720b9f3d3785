//! Reports as one page for a browser, which needs nothing but itself.
//!
//! No network, no `eval`, no style or script in an attribute: the page's own policy allows the one
//! style sheet and the one script that it holds, by their hashes, and nothing else. Without the
//! script everything can be read; only sorting and moving by arrow keys are gone.
//!
//! What the numbers mean is said by the same words as on the terminal: [`crate::explain`] for the
//! conclusions, [`crate::gloss`] for the lines.

mod bars;
mod index;
mod log;
mod markup;
mod section;
#[cfg(test)]
mod sha256;
mod tasks;

use rules::timeline::TimelineReport;

use crate::annotate::PageEntry;
use crate::explain::verdict;
use crate::style::{Charset, Style};
use markup::Markup;

/// Names and sentences as a page shows them: whole, in any language, without colours.
const PLAIN: Style = Style { width: None, charset: Charset::Utf8, color: false };

const STYLE_SHEET: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What the page may do: its own style sheet and script, and no more.
const POLICY: &str = "default-src 'none'; \
     style-src 'sha256-praBDwJiH7SrRW+F8YrUjd7kg5/KZeB8aGTStBjtyHs='; \
     script-src 'sha256-cldfbO+oJKkaZoHgWAOKbq2d3Z1JBtjpLKXonILu+W4='; \
     img-src data:; base-uri 'none'; form-action 'none'";

/// One page: the timeline, if it has more to say than the reports, and all `entries` in full.
pub fn explained_html(entries: &[PageEntry<'_>], timeline: &TimelineReport) -> String {
    let mut page = Markup::new();
    page.ours("<!DOCTYPE html>\n");
    page.element("html", &[("lang", "en")], |page| {
        page.element("head", &[], |page| head(page, entries));
        page.element("body", &[], |page| {
            page.ours("<a class=\"skip\" href=\"#main\">To the verdict</a>");
            page.element("main", &[("id", "main")], |page| {
                if index::is_wanted(timeline) {
                    index::print(page, entries, timeline);
                }
                for entry in entries {
                    section::print(page, entry, timeline.reports);
                }
                if entries.is_empty() && !index::is_wanted(timeline) {
                    page.leaf("h1", &[], "No OOM report");
                }
            });
            page.element("footer", &[], |page| {
                page.text(format_args!(
                    "Made by oomph {}. This page is whole: it loads nothing.",
                    env!("CARGO_PKG_VERSION")
                ));
            });
            page.ours("<script>");
            page.ours(SCRIPT);
            page.ours("</script>");
        });
    });
    page.ours("\n");
    page.finish()
}

fn head(page: &mut Markup, entries: &[PageEntry<'_>]) {
    page.ours("<meta charset=\"utf-8\">");
    page.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    page.ours(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"referrer\" content=\"no-referrer\">\
         <link rel=\"icon\" href=\"data:,\">",
    );
    let title = match entries {
        [one] => {
            let victim = one.explained.victims.first().and_then(|victim| victim.name.as_ref());
            let victim = victim.map_or(String::new(), |name| format!(" {name}"));
            let word = verdict::word(one.explained.event);
            format!("{word}{victim}: {}", verdict::scope(one.explained, &PLAIN))
        }
        several => format!("{} OOM reports", several.len()),
    };
    page.leaf("title", &[], title);
    page.ours("<style>");
    page.ours(STYLE_SHEET);
    page.ours("</style>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_style_sheet_and_the_script_of_the_page() {
        for text in [STYLE_SHEET, SCRIPT] {
            let hash = sha256::base64(&sha256::digest(text.as_bytes()));
            assert!(POLICY.contains(&format!("'sha256-{hash}'")), "not in POLICY: sha256-{hash}");
        }
    }
}
