//! Results as text.

use world::Errno;

use crate::entry::Outcome;

/// What the log says.
pub(super) fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value_text(value),
        Outcome::Error(error) => error.to_string(),
        Outcome::Unknown => "?".to_owned(),
    }
}

/// What the model says.
pub(super) fn answer(answer: Result<u64, Errno>) -> String {
    match answer {
        Ok(value) => value_text(value),
        Err(error) => error.to_string(),
    }
}

fn value_text(value: u64) -> String {
    if value < 4096 { value.to_string() } else { format!("{value:#x}") }
}
