//! Mistakes in a scenario.

use std::error::Error;
use std::fmt;

use miette::{Diagnostic, LabeledSpan, SourceSpan};

use crate::source::{Source, Span};

/// One mistake, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub span: Span,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What stands there, or was expected.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// A mistake that was found elsewhere, such as a setting that a world does not have.
    pub fn at(span: Span, message: impl Into<String>, label: impl Into<String>) -> Problem {
        Problem::new(span, message).label(label)
    }

    /// With "did you mean", if one of `known` is near.
    #[must_use]
    pub fn nearest<'a>(self, found: &str, known: impl IntoIterator<Item = &'a str>) -> Problem {
        self.suggest(found, known)
    }

    pub(crate) fn new(span: Span, message: impl Into<String>) -> Problem {
        Problem { span, message: message.into(), label: "here".to_owned(), help: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// With "did you mean", if one of `known` is near.
    pub(crate) fn suggest<'a>(
        self,
        found: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Problem {
        match nearest(found, known) {
            Some(word) => self.help(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let len = self.span.end.saturating_sub(self.span.start);
        let span = SourceSpan::new(self.span.start.into(), len);
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.clone()), span))))
    }
}

/// Every mistake of a scenario, with its text: a diagnostic that draws them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    source: Source,
    list: Vec<Problem>,
}

/// More mistakes than this are counted and not shown.
const MOST: usize = 20;

impl Problems {
    /// Mistakes that were found elsewhere in this text.
    pub fn in_source(source: Source, list: Vec<Problem>) -> Problems {
        Problems::new(source, list)
    }

    pub(crate) fn new(source: Source, mut list: Vec<Problem>) -> Problems {
        list.sort_by_key(|problem| (problem.span, problem.message.clone()));
        list.dedup();
        Problems { source, list }
    }

    /// The mistakes, in the order of their places.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// The text they are in.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Each mistake as a diagnostic with its text, for a drawing reporter.
    pub fn diagnostics(&self) -> impl Iterator<Item = Drawn<'_>> {
        self.list.iter().take(MOST).map(|problem| Drawn { problem, source: &self.source })
    }

    /// How many mistakes [`Problems::diagnostics`] leaves out.
    pub fn left_out(&self) -> usize {
        self.list.len().saturating_sub(MOST)
    }
}

impl fmt::Display for Problems {
    /// As compilers print them: `FILE:LINE:COLUMN: error: …`, the line, and a caret below it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for drawn in self.diagnostics() {
            write!(f, "{drawn}")?;
        }
        match self.left_out() {
            0 => Ok(()),
            more => writeln!(f, "{}: {more} more mistakes", escaped(self.source.name())),
        }
    }
}

impl Error for Problems {}

/// A mistake with the text it is in.
#[derive(Debug, Clone, Copy)]
pub struct Drawn<'a> {
    problem: &'a Problem,
    source: &'a Source,
}

impl<'a> Drawn<'a> {
    /// The mistake.
    pub fn problem(&self) -> &'a Problem {
        self.problem
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Drawn { problem, source } = self;
        let (line, column) = source.position(problem.span.start);
        let name = escaped(source.name());
        writeln!(f, "{name}:{line}:{column}: error: {}", escaped(&problem.message))?;
        let text = source.line(line);
        let width = source.at(problem.span).chars().take_while(|&c| c != '\n').count().max(1);
        // Tabs stay tabs above the caret, so that it stands right whatever they are worth.
        let indent: String =
            text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let number = line.to_string();
        let blank = " ".repeat(number.len());
        writeln!(f, " {number} | {}", visible(text))?;
        writeln!(f, " {blank} | {indent}{} {}", "^".repeat(width), escaped(&problem.label))?;
        match &problem.help {
            Some(help) => writeln!(f, " {blank} = help: {}", escaped(help)),
            None => Ok(()),
        }
    }
}

/// Without characters that act on a terminal; tabs stay.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// The word nearest to `found`, if it is near enough to be meant: at most a third of it differs.
pub(crate) fn nearest<'a>(
    found: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A word of that length is no slip of a finger.
    if found.len() > 64 {
        return None;
    }
    let length = found.chars().count();
    let most = (length.max(3) / 3).min(length.saturating_sub(1));
    known
        .into_iter()
        .map(|word| (distance(&found.to_lowercase(), &word.to_lowercase()), word))
        .filter(|&(distance, _)| distance <= most)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
}

/// How many characters must be put in, taken out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = last;
        last = row;
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognized() {
        let known = ["mmap", "munmap", "mprotect", "touch"];
        assert_eq!(nearest("muunmap", known), Some("munmap"));
        assert_eq!(nearest("tuoch", known), Some("touch"));
        assert_eq!(nearest("Mmap", known), Some("mmap"));
        assert_eq!(nearest("elephant", known), None);
    }

    #[test]
    fn a_mistake_is_drawn_with_its_line_and_a_caret() {
        let source = Source::new("a.kdl", "one\n\ttwo three\n");
        let problem = Problem::new(Span::new(9, 5), "no such word")
            .label("this word")
            .suggest("three", ["thre"]);
        let text = Problems::new(source, vec![problem]).to_string();
        assert_eq!(
            text,
            "a.kdl:2:6: error: no such word\n 2 | \ttwo three\n   | \t    ^^^^^ this word\n   \
             = help: did you mean `thre`?\n"
        );
    }

    #[test]
    fn names_that_act_on_a_terminal_are_made_harmless() {
        let source = Source::new("\u{1b}[31m", "a\u{1b}b\n");
        let text = Problems::new(source, vec![Problem::new(Span::new(0, 1), "x")]).to_string();
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
