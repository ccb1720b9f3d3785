//! Writing markup: what is put in is escaped, what is not escaped is ours at compile time.
//!
//! Own code, since all it takes is an escaping writer, and the template libraries bring a second
//! version of the macro machinery with them.

use std::fmt::{Display, Write as _};

/// Attributes of an element; values are escaped.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Markup in the making.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn new() -> Markup {
        Markup(String::with_capacity(1 << 16))
    }

    /// Markup as it stands in this program.
    pub(super) fn ours(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Text, escaped. Names from outside have shown their control characters already; what is left
    /// of such is written as what it is, so that nothing can reorder or hide the text around it.
    pub(super) fn text(&mut self, text: impl Display) {
        let start = self.0.len();
        _ = write!(self.0, "{text}");
        if self.0[start..].chars().any(must_escape) {
            let raw = self.0.split_off(start);
            escape(&raw, &mut self.0);
        }
    }

    /// A sentence, in which what stands between backquotes is code, and no line breaks between a
    /// number and its unit.
    pub(super) fn prose(&mut self, text: &str) {
        for (nth, part) in text.split('`').enumerate() {
            if nth % 2 == 1 {
                self.leaf("code", &[], part);
            } else {
                self.text(joined(part));
            }
        }
    }

    /// An element and what is in it.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Markup),
    ) {
        self.open(tag, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// An element with text in it.
    pub(super) fn leaf(
        &mut self,
        tag: &'static str,
        attributes: Attributes<'_>,
        text: impl Display,
    ) {
        self.element(tag, attributes, |markup| markup.text(text));
    }

    /// The beginning of an element, or one that has nothing in it.
    pub(super) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            if !value.is_empty() {
                self.0.push_str("=\"");
                escape(value, &mut self.0);
                self.0.push('"');
            }
        }
        self.0.push('>');
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn joined(text: &str) -> String {
    let mut text = text.to_owned();
    for (apart, joined) in [
        (" KiB", "\u{a0}KiB"),
        (" MiB", "\u{a0}MiB"),
        (" GiB", "\u{a0}GiB"),
        (" TiB", "\u{a0}TiB"),
        (" %", "\u{a0}%"),
    ] {
        text = text.replace(apart, joined);
    }
    text
}

fn must_escape(c: char) -> bool {
    matches!(c, '&' | '<' | '>' | '"' | '\'') || is_invisible(c)
}

/// Control characters, and those that reorder or hide what stands beside them.
fn is_invisible(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if is_invisible(c) => _ = write!(out, "\\u{{{:x}}}", u32::from(c)),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut markup = Markup::new();
        markup.leaf("b", &[("title", text)], text);
        markup.finish()
    }

    #[test]
    fn nothing_from_outside_can_open_a_tag_or_leave_an_attribute() {
        assert_eq!(
            text("<script>'\"&"),
            "<b title=\"&lt;script&gt;&#39;&quot;&amp;\">&lt;script&gt;&#39;&quot;&amp;</b>"
        );
    }

    #[test]
    fn what_hides_or_reorders_is_shown_as_what_it_is() {
        assert_eq!(
            text("a\u{202e}\x1bb"),
            "<b title=\"a\\u{202e}\\u{1b}b\">a\\u{202e}\\u{1b}b</b>"
        );
    }
}
