//! What stops a command, as sentences for the person who ran it.

use std::error::Error;
use std::fmt;

/// What stopped a command: one sentence, the causes below it, and at most one hint that the reader
/// can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Failure {
        Failure { what: what.into(), causes: Vec::new(), hint: None }
    }

    /// With an error and all that caused it.
    pub(crate) fn because(mut self, error: &dyn Error) -> Failure {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.causes.push(error.to_string());
            cause = error.source();
        }
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.what)?;
        for cause in &self.causes {
            writeln!(f, "  caused by: {cause}")?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_from_the_top_down() {
        let failure = Failure::new("cannot write `x`")
            .because(&std::io::Error::from(std::io::ErrorKind::PermissionDenied))
            .hint("run it as root");
        assert_eq!(
            failure.to_string(),
            "error: cannot write `x`\n  caused by: permission denied\nhint: run it as root\n"
        );
    }
}
