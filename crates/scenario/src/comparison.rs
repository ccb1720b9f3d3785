//! One scenario on several worlds, as plain data: what differs first, then quantities of the machine
//! beside each other, then every step.

use schemars::JsonSchema;
use serde::Serialize;

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.comparison/2";

/// One scenario on several worlds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComparisonReport {
    /// Name and version of this format.
    pub schema: &'static str,
    /// The file.
    pub scenario: String,
    /// What the scenario says it shows.
    pub title: Option<String>,
    /// The worlds. A model comes right before the world that it is like.
    pub arms: Vec<ArmRow>,
    /// Whether nothing differs beyond what is allowed; null when nothing was compared.
    pub equal: Option<bool>,
    /// What differs, in the order of the pairs and their steps.
    pub differences: Vec<DifferenceRow>,
    /// Quantities of the machine at moments of the scenario.
    pub quantities: Vec<QuantityRow>,
    /// Steps by the line that they are written on. One that was done again is one row, with what came
    /// of it the last time.
    pub steps: Vec<StepRow>,
    /// How memory went while the scenario was performed.
    pub curves: Vec<CurveRow>,
}

/// A world, and how the scenario went there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArmRow {
    /// `model`, `host`, `vm:6.1`; where there are several models, also what each is like.
    pub arm: String,
    /// The kernel's release, where the world names one.
    pub kernel: Option<String>,
    /// How many steps were done.
    pub steps: u64,
    /// Why it did not run there, or not to its end; null: it did.
    pub stopped: Option<String>,
    /// How many claims were looked at.
    pub claims: u64,
    /// Those that do not hold: the line, and what was found.
    pub broken: Vec<BrokenRow>,
    /// Whom the OOM killer chose, in this order.
    pub deaths: Vec<DeathRow>,
    /// What the kernel said when it panicked, if it did.
    pub panic: Option<String>,
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

/// A process that the OOM killer chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeathRow {
    /// Name of the process.
    pub process: String,
    /// Which of that name, from 0.
    pub nth: usize,
    /// Number of the step that was being done.
    pub step: u64,
}

/// Something that is not the same in two worlds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DifferenceRow {
    /// The two worlds, by their places in `arms`, from 0.
    pub between: [usize; 2],
    /// Number of the step.
    pub step: u64,
    /// Name of the process.
    pub process: String,
    /// Line of the text; null for what is not written there.
    pub line: Option<usize>,
    /// What differs: the step, or the file of `/proc` with the mapping and the field.
    pub what: String,
    /// What each of the two has; null: nothing.
    pub values: [Option<String>; 2],
}

/// What an amount counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Events or things.
    Count,
}

/// A quantity of two machines at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QuantityRow {
    /// The two worlds, by their places in `arms`, from 0.
    pub between: [usize; 2],
    /// The moment: a checkpoint's name, `end`, or a kill by its number from 1.
    pub moment: String,
    /// What: a file and its field.
    pub what: String,
    /// What the values count.
    pub unit: Unit,
    /// What each of the two has; null: it does not say.
    pub values: [Option<u64>; 2],
    /// How far they may be apart; null: it is shown and not judged.
    pub allowed: Option<u64>,
    /// Whether they are no farther apart; null: not judged.
    pub within: Option<bool>,
}

/// A step on all worlds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StepRow {
    /// Name of the process.
    pub process: String,
    /// Line of the text; null for what is not written there.
    pub line: Option<usize>,
    /// The line, or what happened.
    pub text: String,
    /// How often it was done, where it was done most.
    pub times: u64,
    /// What came of it in each world of `arms`; null: it was not done there.
    pub values: Vec<Option<String>>,
    /// Whether it was the same each time in all worlds that were compared.
    pub equal: bool,
}

/// How one amount of one world's memory went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CurveRow {
    /// The world, by its place in `arms`, from 0.
    pub arm: usize,
    /// What: `free`, `anonymous`, `cache`, `swap`.
    pub what: String,
    /// Where in the scenario: what processes had done, counted in parts of steps.
    pub at: Vec<u64>,
    /// Bytes, at each of these.
    pub bytes: Vec<u64>,
}
