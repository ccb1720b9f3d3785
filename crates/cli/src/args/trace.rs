//! Options of `oomph trace`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use units::Bytes;

/// Options of `oomph trace`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TraceArgs {
    /// The trace to write; programs that the command starts write to FILE.PID
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Stop recording when the trace is so large; a call takes 32 bytes
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub(crate) limit: Bytes,
    /// The command, and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<OsString>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  oomph trace -o app.trace -- ./app --port 8080
                                       record it to its end; it ends as it would without
  oomph replay app.trace               what its heap held, why, and what would change it
  oomph trace --limit 100MiB -o gcc.trace -- gcc -O2 -c big.c
                                       at most so much; cc1 is recorded into gcc.trace.PID";
