//! The text as nodes of words, each with its place.
//!
//! Scenarios are KDL 2 (<https://kdl.dev>) with one liberty: a word that starts with a digit needs no
//! quotes, where KDL takes `1MiB`, `6.1.192` and `08048000-08049000` for broken numbers. Numbers are
//! words here; what they are worth is for those who use them. True, false, null and type annotations
//! are refused: no word of the language takes them.
//!
//! The `kdl` crate reads the same trees from the same texts (a test holds the two together) and is
//! not used to read scenarios, since 6.5 recurses on malformed text until the stack overflows:
//! `{}{}{}…` is enough.

mod reader;
mod string;

#[cfg(test)]
mod tests;

use crate::problem::Problem;
use crate::source::{MAX_BYTES, Source, Span};

/// A node: a word, its arguments, its properties and its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: Text,
    pub(crate) args: Vec<Text>,
    pub(crate) props: Vec<(Text, Text)>,
    pub(crate) children: Option<Vec<Node>>,
    /// From the name to the last argument: without the block.
    pub(crate) span: Span,
}

/// A word of the text.
#[allow(clippy::struct_field_names, reason = "a word is its text and where it stands")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) span: Span,
    /// Whether quotes stand around it in the scenario.
    pub(crate) quoted: bool,
}

/// Reads the text; what could not be read is in the problems, and left out.
pub(crate) fn parse(source: &Source, problems: &mut Vec<Problem>) -> Vec<Node> {
    let size = source.text().len();
    if size > MAX_BYTES {
        problems.push(
            Problem::new(Span::default(), format!("a scenario of {size} bytes is too long"))
                .label(format!("at most {MAX_BYTES} bytes are read")),
        );
        return Vec::new();
    }
    reader::Reader::new(source.text(), problems).document()
}

/// Units that may stand apart from their number.
const UNITS: &[&str] = &[
    "B", "kB", "KB", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB", "PiB", "page", "pages", "ns",
    "us", "ms", "s", "min",
];

/// Whether a word is a unit, and so no name.
pub(crate) fn is_unit(word: &str) -> bool {
    UNITS.contains(&word)
}

/// `8 KiB` is one word.
fn joined(words: Vec<Text>) -> Vec<Text> {
    let mut out: Vec<Text> = Vec::with_capacity(words.len());
    for word in words {
        match out.last_mut() {
            Some(last) if !word.quoted && is_unit(&word.text) && ends_in_number(last) => {
                last.text.push_str(&word.text);
                last.span = last.span.to(word.span);
            }
            _ => out.push(word),
        }
    }
    out
}

fn ends_in_number(word: &Text) -> bool {
    let tail = word.text.rsplit(['+', '-']).next().unwrap_or("");
    !word.quoted
        && tail.starts_with(|c: char| c.is_ascii_digit())
        && tail.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_'))
}
