//! What a line of a report says, in plain words, with this report's figures in the sentence.

use facts::OomReport;
use facts::oom_report::{LineKind, SourceLine};
use rules::explain::ExplainReport;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gloss {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The verdict hangs on it.
    Key,
    /// It says something.
    Plain,
    /// Nothing could be made of it.
    Unknown,
}

/// What the lines of one report say.
#[derive(Debug)]
pub(crate) struct Glosses<'a> {
    report: &'a OomReport,
    explained: &'a ExplainReport,
}

impl<'a> Glosses<'a> {
    pub(crate) fn new(report: &'a OomReport, explained: &'a ExplainReport) -> Self {
        Glosses { report, explained }
    }

    /// What a line says; `None` where there is nothing to say.
    pub(crate) fn of(&self, line: &SourceLine) -> Option<Gloss> {
        let _ = (self.report, self.explained);
        match line.kind {
            LineKind::Unknown => Some(Gloss {
                text: "No line that a report has: kept as it stands.".to_owned(),
                tone: Tone::Unknown,
            }),
            _ => None,
        }
    }
}
