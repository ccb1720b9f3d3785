//! Options of `oomph replay`.

use std::path::PathBuf;

use clap::Args;

/// Options of `oomph replay`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are there or not")]
pub(crate) struct ReplayArgs {
    /// A trace, plain, .gz, .zst or .xz: of `oomph trace`, mtrace, CS:APP (.rep), glibc's trace
    /// utilities, heaptrack; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Draw the heap as it is behind this call of the trace, instead of the report
    #[arg(long, value_name = "N")]
    pub(crate) at: Option<usize>,
    /// Every row of every list
    #[arg(long)]
    pub(crate) all: bool,
    /// Of a trace of malloc: write the picture of the heap as SVG to this file; behind the last
    /// call, or the one of --at
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Of a trace of malloc: write a map of the heap over time as SVG to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg_time: Option<PathBuf>,
    /// Of a trace of malloc: try every combination of the tunables that matter, some thousand
    #[arg(long)]
    pub(crate) sweep: bool,
    /// Of a trace of malloc: do not try other settings
    #[arg(long, conflicts_with = "sweep")]
    pub(crate) no_what_if: bool,
    /// Of a trace of malloc: play it with these `GLIBC_TUNABLES` [default: those of the trace]
    #[arg(long, value_name = "TUNABLES")]
    pub(crate) tunables: Option<String>,
    /// Of a trace of malloc: play it by the rules of this release of glibc [default: the trace's]
    #[arg(long, value_name = "RELEASE")]
    pub(crate) glibc: Option<String>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  oomph trace -o app.trace -- ./app    record a program's calls of malloc
  oomph replay app.trace               what its heap held, why, and what would change it
  oomph replay --sweep app.trace       under thousands of settings
  oomph replay --at 81234 app.trace    the heap behind that call
  oomph replay --svg-time heap.svg app.trace
                                       the heap over time as a picture
  oomph replay --tunables glibc.malloc.mmap_threshold=65536 app.trace
                                       under a setting of your own
  oomph replay --json app.trace | jq .worst.pins
                                       for programs";
