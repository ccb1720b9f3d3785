//! Options of `oomph lab`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `oomph lab`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LabArgs {
    /// The scenarios; `-` is standard input
    #[arg(value_name = "SCENARIO", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Where they run
    #[arg(
        long,
        value_name = "WORLDS",
        value_delimiter = ',',
        default_value = "model,host",
        value_enum
    )]
    pub(crate) on: Vec<LabArm>,
}

/// A world that scenarios run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabArm {
    /// The model, as a machine like this one
    Model,
    /// Real processes on this machine's kernel
    Host,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  oomph lab scenarios/*.kdl             on the model and on this kernel; 1 if they differ
  oomph lab --on host hog.kdl           here only
  oomph lab hog.kdl --json | jq .differences
                                        for programs

Real processes are fenced by the limits that the scenario states, and by nothing else: a scenario
that touches more than this machine has does so. They end with the lab.";
