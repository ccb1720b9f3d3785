//! `oomph simulate`, with a scenario on standard input.

#[path = "../fed/mod.rs"]
pub(crate) mod fed;

use std::process::{Command, Output};

/// The command, into a pipe as wide as it likes.
pub(crate) fn command(options: &[&str]) -> Command {
    let mut oomph = Command::new(env!("CARGO_BIN_EXE_oomph"));
    oomph.arg("simulate").args(options).arg("-").env_remove("COLUMNS").env("LC_ALL", "C.UTF-8");
    oomph
}

/// What it says of a scenario.
pub(crate) fn simulate(text: &str, options: &[&str]) -> Output {
    fed::run(&mut command(options), text.as_bytes())
}
