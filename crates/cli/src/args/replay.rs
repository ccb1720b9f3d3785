//! Options of `oomph replay`.

use std::path::PathBuf;

use clap::Args;

/// Options of `oomph replay`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are there or not")]
pub(crate) struct ReplayArgs {
    /// A log of strace, or a trace of malloc by `oomph trace`, mtrace, heaptrack, glibc's trace
    /// utilities, or of CS:APP (.rep); plain, .gz, .zst or .xz; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Draw the address space as it is after this line of the log [default: before its first process
    /// ends], or the heap as it is behind this call of a trace of malloc
    #[arg(long, value_name = "N")]
    pub(crate) at: Option<usize>,
    /// Write the simulated machine at that line as a capture, for `oomph --from`
    #[arg(long, value_name = "TAR")]
    pub(crate) save: Option<PathBuf>,
    /// With --save: replace the file if it is there
    #[arg(long, requires = "save")]
    pub(crate) force: bool,
    /// Every row of every list, and every region of the picture
    #[arg(long)]
    pub(crate) all: bool,
    /// Leave the picture out
    #[arg(long, conflicts_with = "at")]
    pub(crate) no_map: bool,
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
  strace -f -e trace=memory,process -o ls.log ls
  oomph replay ls.log                  what the model predicts, and the address space of ls
  oomph replay --at 20 ls.log          the address space after line 20
  oomph replay --kernel 6.1 ls.log     by the rules of another kernel
  oomph replay --save ls.tar ls.log    the machine, to look at with
  oomph --from ls.tar map 1000         … other commands
  oomph replay --json ls.log | jq .score
                                       for programs

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
