//! Process numbers.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// A process id as `/proc` names it: positive, up to seven digits (`PID_MAX_LIMIT` is 4194304).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Pid(u32);

impl Pid {
    /// A process id.
    pub const fn new(pid: u32) -> Self {
        Pid(pid)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
