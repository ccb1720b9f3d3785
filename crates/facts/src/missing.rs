//! What could not be read, and why.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Why something is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// There is no such file: this kernel does not have it, or the capture does not contain it.
    Absent,
    /// Permission denied.
    Denied,
    /// The process went away while it was being read.
    Gone,
    /// The text is not what the kernel prints: which line, what was expected and what was found.
    Malformed {
        /// Line number, from 1; 0 when the whole file is meant.
        line: usize,
        /// What should have been there.
        expected: String,
        /// What was there, escaped and shortened.
        found: String,
    },
    /// Any other failure, in the system's words.
    Failed(String),
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Missing {
    /// Where: a path below `/proc`, a cgroup file, a member of a capture; already escaped.
    pub place: String,
    /// Why.
    pub why: Why,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missing { place, why } = self;
        match why {
            Why::Absent => write!(f, "{place}: not there"),
            Why::Denied => write!(f, "{place}: permission denied"),
            Why::Gone => write!(f, "{place}: the process went away"),
            Why::Malformed { line: 0, expected, found } => {
                write!(f, "{place}: expected {expected}, found {found}")
            }
            Why::Malformed { line, expected, found } => {
                write!(f, "{place}: line {line}: expected {expected}, found {found}")
            }
            Why::Failed(error) => write!(f, "{place}: {error}"),
        }
    }
}
