//! Pressure stall information: how much of the time tasks waited for memory.

use schemars::JsonSchema;
use serde::Serialize;
use units::Percent;

/// One line of a pressure file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stall {
    /// Share of the last 10 seconds, percent.
    pub avg10: Percent,
    /// Share of the last minute, percent.
    pub avg60: Percent,
    /// Share of the last five minutes, percent.
    pub avg300: Percent,
    /// Time stalled since boot, microseconds.
    pub total_us: u64,
}

/// A pressure file (`/proc/pressure/memory`, `memory.pressure`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pressure {
    /// At least one task was stalled.
    pub some: Stall,
    /// All tasks that could run were stalled.
    pub full: Option<Stall>,
}

/// What came of reading a pressure file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PressureFile {
    /// It was read.
    Known(Pressure),
    /// There is no such file: a kernel before 4.20, or one built without it.
    Absent,
    /// The file is there and refuses to be read: switched off at boot (`psi=0`) or for this cgroup.
    Disabled,
    /// Permission denied.
    Denied,
    /// The source does not say: a capture without the file, or text that could not be understood.
    #[default]
    Unknown,
}
