//! Mistakes, drawn: with lines and colours on a terminal, as compilers print them otherwise.

use std::fmt::Write as _;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use scenario::{Problem, Problems};
use views::{Charset, Style};

/// All mistakes of a scenario, for standard error.
pub(in crate::run) fn drawn(problems: &Problems, terminal: bool, style: &Style) -> String {
    if !terminal {
        return problems.to_string();
    }
    let theme = match (style.charset, style.color) {
        (Charset::Utf8, true) => GraphicalTheme::unicode(),
        (Charset::Utf8, false) => GraphicalTheme::unicode_nocolor(),
        (Charset::Ascii, _) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width.unwrap_or(80))
        .with_context_lines(1);
    let source = problems.source();
    let mut out = String::new();
    for drawn in problems.diagnostics() {
        let name = drawn.problem().clone();
        // A text that acts on the terminal is shown as compilers print it, which is harmless.
        let harmless = !source.text().chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        let whole = Whole {
            problem: name,
            source: NamedSource::new(source.name(), source.text().to_owned()),
        };
        if !harmless || handler.render_report(&mut out, &whole).is_err() {
            out.push_str(&drawn.to_string());
        }
    }
    if problems.left_out() > 0 {
        let _ = writeln!(out, "and {} more mistakes", problems.left_out());
    }
    out
}

/// A mistake with the text it is in.
#[derive(Debug)]
struct Whole {
    problem: Problem,
    source: NamedSource<String>,
}

impl std::fmt::Display for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Whole {}

impl Diagnostic for Whole {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.problem.help()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.problem.labels()
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }
}
