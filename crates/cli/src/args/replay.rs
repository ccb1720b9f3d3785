//! Options of `oomph replay`.

use std::path::PathBuf;

use clap::Args;

/// Options of `oomph replay`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayArgs {
    /// A log of strace, plain, .gz, .zst or .xz; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Draw the address space as it is after this line of the log [default: before its first process
    /// ends]
    #[arg(long, value_name = "LINE")]
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
                                       for programs";
