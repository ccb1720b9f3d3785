//! `cargo xtask bench malloc [TRACE]`: what one call of the model of glibc's allocator costs, beside the
//! real one playing the same calls in the same process, on random calls and on a recorded program.

use super::build;
use crate::real_programs;
use crate::{Stop, repository};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Runs `bench-malloc`, which prints the table, on a trace or on one that is recorded first.
pub(super) fn run(args: &[String]) -> Result<bool, Stop> {
    let program = build("xtask", "bench-malloc")?;
    let (trace, recorded) = match args {
        [] => (record()?, true),
        [trace] => (PathBuf::from(trace), false),
        _ => return Err("bench malloc takes one trace".to_owned()),
    };
    let status = Command::new(&program)
        .arg(&trace)
        .status()
        .map_err(|err| format!("cannot start {}: {err}", program.display()))?;
    if recorded {
        let _ = fs::remove_file(&trace);
    }
    println!(
        "aim: the model at least 20 M calls per s, at most 64 bytes per live chunk, a million calls \
         under 1,000 settings in less than 60 s on two processors"
    );
    Ok(status.success())
}

/// About a million calls of python3 without its own allocator.
fn record() -> Result<PathBuf, Stop> {
    let oomph = build("oomph", "oomph")?;
    let trace = repository::target().join("bench-malloc.trace");
    let command = ["/usr/bin/python3", "-c", real_programs::PYTHON];
    let traces = real_programs::record(&oomph, &trace, &command, real_programs::EVERY_OBJECT)?;
    traces.into_iter().next().ok_or_else(|| "nothing was recorded".to_owned())
}
