//! A limit that may be absent.

use schemars::JsonSchema;
use serde::Serialize;

/// A limit: a value, or none at all (the kernel prints `max`, `unlimited` or a huge number).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limit<T> {
    /// No limit.
    Max,
    /// At most this.
    At(T),
}

impl<T> Limit<T> {
    /// The value, if there is a limit.
    pub fn value(self) -> Option<T> {
        match self {
            Limit::Max => None,
            Limit::At(value) => Some(value),
        }
    }
}
