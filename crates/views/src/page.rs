//! Putting a page together: headings, labelled lines, tables.

use crate::style::{Accent, Style};
use crate::table::Table;
use crate::text;

/// Columns of a label, its indent included.
pub(crate) const LABEL: usize = 13;

/// A page in the making.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) style: &'a Style,
    out: String,
}

impl<'a> Page<'a> {
    pub(crate) fn new(style: &'a Style) -> Self {
        Page { style, out: String::with_capacity(4096) }
    }

    /// A section's heading after an empty line, with its first sentence where labels' texts are, or
    /// right behind a title that is longer.
    pub(crate) fn heading(&mut self, title: &str, rest: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let title = self.style.plain(title);
        let columns = text::width(&title);
        let painted = self.style.paint(Accent::Heading, &title);
        if columns < LABEL {
            self.hanging(&text::left(&painted, LABEL), rest, LABEL);
        } else {
            self.hanging("", &format!("{painted} {rest}"), 2);
        }
    }

    /// `  label      text`, wrapped under itself.
    pub(crate) fn labelled(&mut self, label: &str, text: &str) {
        let first = text::left(&format!("  {label}"), LABEL);
        self.hanging(&first, text, LABEL);
    }

    /// Text under the labels' texts.
    pub(crate) fn under(&mut self, text: &str) {
        self.labelled("", text);
    }

    /// A sentence across the page, indented by two.
    pub(crate) fn sentence(&mut self, text: &str) {
        self.hanging("  ", text, 2);
    }

    /// `first` and then `text`, whose further lines are indented by `indent`.
    pub(crate) fn hanging(&mut self, first: &str, text: &str, indent: usize) {
        let text = self.style.plain(text);
        let columns = self.style.columns().saturating_sub(indent.max(text::width(first)));
        for (i, line) in text::wrap(&text, columns).iter().enumerate() {
            let lead = if i == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{lead}{line}"));
        }
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    pub(crate) fn table(&mut self, table: &Table) {
        for line in table.lines(self.style) {
            self.line(&line);
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}
