//! The KDL document as nodes of words, each with its place in the text.

use kdl::{KdlDocument, KdlNode, KdlValue};

use crate::problem::Problem;
use crate::source::{Quoted, Source, Span};

/// A node: a word, its arguments, its properties and its block.
#[derive(Debug, Clone)]
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

/// Reads the text; what could not be read is in the problems.
pub(crate) fn parse(source: &Source, problems: &mut Vec<Problem>) -> Vec<Node> {
    let quoted = match source.quoted() {
        Ok(quoted) => quoted,
        Err(problem) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    match KdlDocument::parse_v2(&quoted.text) {
        Ok(document) => Reader { source, quoted: &quoted, problems }.nodes(&document),
        Err(error) => {
            for diagnostic in error.diagnostics {
                let span = quoted.original(diagnostic.span.offset(), diagnostic.span.len());
                let message = diagnostic.message.unwrap_or_else(|| "this is no KDL".to_owned());
                let mut problem = Problem::new(span, lower(&message));
                problem.label = diagnostic.label.unwrap_or_else(|| "here".to_owned());
                problem.help = diagnostic.help;
                problems.push(problem);
            }
            Vec::new()
        }
    }
}

/// A message of a library in the manner of ours.
fn lower(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

struct Reader<'a> {
    source: &'a Source,
    quoted: &'a Quoted,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn nodes(&mut self, document: &KdlDocument) -> Vec<Node> {
        document.nodes().iter().map(|node| self.node(node)).collect()
    }

    fn span(&self, span: miette::SourceSpan) -> Span {
        self.quoted.original(span.offset(), span.len())
    }

    fn node(&mut self, node: &KdlNode) -> Node {
        let name_span = self.span(node.name().span());
        let name = Text {
            text: node.name().value().to_owned(),
            span: name_span,
            quoted: self.source.at(name_span).starts_with(['"', '#']),
        };
        if let Some(ty) = node.ty() {
            let span = self.span(ty.span());
            self.problems.push(annotation(span));
        }
        let mut args = Vec::new();
        let mut props = Vec::new();
        let mut span = name_span;
        for entry in node.entries() {
            let whole = self.span(entry.span());
            span = span.to(whole);
            if let Some(ty) = entry.ty() {
                let span = self.span(ty.span());
                self.problems.push(annotation(span));
            }
            match entry.name() {
                None => args.extend(self.value(entry.value(), whole)),
                Some(key) => {
                    let key_span = self.span(key.span());
                    let value_span = Span { start: (key_span.end + 1).min(whole.end), ..whole };
                    let key = Text { text: key.value().to_owned(), span: key_span, quoted: false };
                    props.extend(self.value(entry.value(), value_span).map(|value| (key, value)));
                }
            }
        }
        let children = node.children().map(|children| self.nodes(children));
        Node { name, args: joined(args), props, children, span }
    }

    fn value(&mut self, value: &KdlValue, span: Span) -> Option<Text> {
        let source = self.source.at(span);
        let text = match value {
            KdlValue::String(text) => text.clone(),
            KdlValue::Integer(_) | KdlValue::Float(_) => source.trim().to_owned(),
            KdlValue::Bool(_) | KdlValue::Null => {
                self.problems.push(
                    Problem::new(span, "no word takes true, false or null")
                        .label("a value of KDL that scenarios do not have")
                        .help("options are said by naming them, and left out otherwise"),
                );
                return None;
            }
        };
        Some(Text { text, span, quoted: source.starts_with(['"', '#']) })
    }
}

fn annotation(span: Span) -> Problem {
    Problem::new(span, "scenarios have no type annotations")
        .label("this one says nothing")
        .help("sizes carry their unit: `1MiB`, `8 KiB`, `3 pages`")
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
