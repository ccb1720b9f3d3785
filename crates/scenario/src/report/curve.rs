//! The machine's memory over a run, for a picture.

use units::Bytes;

/// What the machine's memory was over a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    /// The file.
    pub scenario: String,
    /// What the scenario says it shows.
    pub title: Option<String>,
    /// `MemTotal`.
    pub total: Bytes,
    /// Looks, in order.
    pub samples: Vec<CurveSample>,
    /// What happened meanwhile.
    pub marks: Vec<CurveMark>,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurveSample {
    /// Parts of steps done before: a large touch has several.
    pub at: u64,
    /// `MemFree`.
    pub free: Bytes,
    /// `AnonPages`.
    pub anon: Bytes,
    /// `Cached`, with shared memory.
    pub cache: Bytes,
    /// Swap in use.
    pub swap: Bytes,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurveMark {
    /// Parts of steps done before.
    pub at: u64,
    /// Number of the step.
    pub step: u64,
    /// A checkpoint's name, or whose end it was.
    pub text: String,
    /// Whether somebody was killed for lack of memory.
    pub killed: bool,
}
