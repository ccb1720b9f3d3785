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

use std::ops::Range;

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
     style-src 'sha256-yyKMkZkvfOabL4VfQN5OW12zelTtJuol6WJMyNR2e8Y='; \
     script-src 'sha256-cldfbO+oJKkaZoHgWAOKbq2d3Z1JBtjpLKXonILu+W4='; \
     img-src data:; base-uri 'none'; form-action 'none'";

/// One page: an index of all `entries` if there are several, and those `selected` in full, as far as
/// their lines are at hand.
pub fn explained_html(entries: &[PageEntry<'_>], selected: Range<usize>) -> String {
    let mut page = Markup::new();
    let chosen: Vec<&PageEntry<'_>> = entries
        .get(selected)
        .unwrap_or_default()
        .iter()
        .filter(|entry| entry.report.is_some())
        .collect();
    page.ours("<!DOCTYPE html>\n");
    page.element("html", &[("lang", "en")], |page| {
        page.element("head", &[], |page| head(page, &chosen));
        page.element("body", &[], |page| {
            page.ours("<a class=\"skip\" href=\"#main\">To the verdict</a>");
            page.element("main", &[("id", "main")], |page| {
                if entries.len() > 1 {
                    index::print(page, entries, &chosen);
                }
                for entry in &chosen {
                    section::print(page, entry, entries.len());
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

fn head(page: &mut Markup, chosen: &[&PageEntry<'_>]) {
    page.ours("<meta charset=\"utf-8\">");
    page.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    page.ours(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"referrer\" content=\"no-referrer\">\
         <link rel=\"icon\" href=\"data:,\">",
    );
    let title = match chosen {
        [one] => format!(
            "{}: {}",
            verdict::scope(one.explained, &PLAIN),
            verdict::victims(one.explained, &PLAIN)
        ),
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
