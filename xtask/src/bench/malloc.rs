//! `cargo xtask bench malloc`: what one call of the model of glibc's allocator costs, beside the
//! real one playing the same traces in the same process.

use super::build;
use crate::Stop;
use std::process::Command;

/// Runs `bench-malloc`, which prints the table.
pub(super) fn run() -> Result<bool, Stop> {
    let program = build("xtask", "bench-malloc")?;
    let status = Command::new(&program)
        .status()
        .map_err(|err| format!("cannot start {}: {err}", program.display()))?;
    println!("aim: the model at least 20 M calls per s, at most 64 bytes per live chunk");
    Ok(status.success())
}
