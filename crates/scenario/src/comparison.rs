//! One scenario on two worlds, as plain data: what differs first, then every step side by side.

use schemars::JsonSchema;
use serde::Serialize;

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.comparison/1";

/// One scenario on two worlds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComparisonReport {
    /// Name and version of this format.
    pub schema: &'static str,
    /// The file.
    pub scenario: String,
    /// What the scenario says it shows.
    pub title: Option<String>,
    /// The worlds, in the order of the columns.
    pub arms: Vec<ArmRow>,
    /// Whether nothing differs; null when it ran on one world only.
    pub equal: Option<bool>,
    /// What differs, in the order of the steps.
    pub differences: Vec<DifferenceRow>,
    /// Steps by the line that they are written on. One that was done again is one row, with what came
    /// of it the last time.
    pub steps: Vec<PairRow>,
}

/// A world, and how the scenario went there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArmRow {
    /// `model` or `host`.
    pub arm: String,
    /// How many steps were done.
    pub steps: u64,
    /// Why it did not run there, or not to its end; null: it did.
    pub stopped: Option<String>,
    /// How many claims were looked at.
    pub claims: u64,
    /// Those that do not hold: the line, and what was found.
    pub broken: Vec<BrokenRow>,
}

/// A claim that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BrokenRow {
    /// Line of the text.
    pub line: usize,
    /// What was wanted.
    pub wanted: String,
    /// What was found.
    pub found: String,
}

/// Something that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DifferenceRow {
    /// Number of the step.
    pub step: u64,
    /// Name of the process.
    pub process: String,
    /// Line of the text; null for what is not written there.
    pub line: Option<usize>,
    /// What differs: the step, or the file of `/proc` with the mapping and the field.
    pub what: String,
    /// What each world has, in the order of the columns; null: nothing.
    pub values: [Option<String>; 2],
}

/// A step on two worlds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PairRow {
    /// Name of the process.
    pub process: String,
    /// Line of the text; null for what is not written there.
    pub line: Option<usize>,
    /// The line, or what happened.
    pub text: String,
    /// How often it was done.
    pub times: u64,
    /// What came of it in each world, in the order of the columns; null: it was not done there.
    pub values: [Option<String>; 2],
    /// Whether it was the same each time.
    pub equal: bool,
}
