//! The scenario language: what a machine is, what its processes do, and what should come out.
//!
//! A scenario is a text in KDL. [`check`] reads it into a [`Scenario`]: programs of few kinds of
//! steps in which every name is resolved and every step knows its place in the text; or into
//! [`Problems`], all of them at once, each of which can be drawn below its line. [`run`](mod@run)
//! performs a scenario on whatever implements [`world::World`]: the model, real processes, a kernel
//! in a virtual machine.
//!
//! Every word is in one table, [`words`], from which the reference and the suggestions are made.
//!
//! # What this crate does not do
//! It opens no file, knows no rule of the kernel, and performs nothing itself. It measures no time:
//! time passes in the world.

mod check;
pub mod comparison;
mod machine;
mod number;
mod problem;
pub mod program;
mod reason;
pub mod report;
pub mod run;
mod source;
mod tolerance;
mod tree;
pub mod vary;
pub mod words;
mod write;

pub use check::{MOST_ROUNDS, check};
pub use machine::{
    Arch, Cgroup, Held, Layout, LowMemoryKiller, MachineSpec, Setting, Swap, Thp, ZoneSpec,
};
pub use problem::{Drawn, Problem, Problems};
pub use source::{MAX_BYTES, MAX_DEPTH, Source, Span};
pub use tolerance::{Measured, Tolerance};
pub use write::{Written, written, written_setup};

use program::{Arm, Future, Program, Start, Step};
use world::FileSpec;

/// A scenario without mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its text.
    pub source: Source,
    /// What it shows.
    pub title: Option<String>,
    /// Where it says that it makes sense; empty where it says nothing.
    pub runs_on: Vec<Arm>,
    /// Where everything random starts.
    pub seed: u64,
    /// How far worlds may be apart, where it is not what is allowed otherwise.
    pub tolerances: Vec<Tolerance>,
    /// The machine.
    pub machine: MachineSpec,
    /// The files.
    pub files: Vec<FileSpec>,
    /// The processes that the machine starts.
    pub starts: Vec<Start>,
    /// What they and their children do.
    pub programs: Vec<Program>,
    /// What should be so when everything is over: claims alone.
    pub at_end: Vec<Step>,
    /// What else may become of its moments.
    pub futures: Vec<Future>,
    /// Names of processes.
    pub names: Vec<String>,
    /// Names of handles.
    pub handles: Vec<String>,
}

impl Scenario {
    /// Names of its checkpoints, in the order in which they are written.
    pub fn checkpoints(&self) -> impl Iterator<Item = &str> {
        let steps = self.programs.iter().flat_map(|program| &program.steps);
        steps.filter_map(|step| match &step.op {
            program::Op::Checkpoint(name) => Some(name.as_str()),
            _ => None,
        })
    }
}
