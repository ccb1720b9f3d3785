//! Options of `oomph compare-allocators`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// Options of `oomph compare-allocators`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareAllocatorsArgs {
    /// Runs under each allocator, interleaved
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) repeat: u16,
    /// Only these besides glibc: glibc, jemalloc, tcmalloc, mimalloc, tbbmalloc, or the path of a library
    #[arg(long = "allocator", value_name = "NAME|PATH", value_delimiter = ',')]
    pub(crate) allocators: Vec<OsString>,
    /// A column more for glibc with these: tcache_count=0:mmap_threshold=1048576, or NAME=VALUE for the
    /// environment; again for further columns
    #[arg(long, value_name = "LINE")]
    pub(crate) tunables: Vec<String>,
    /// The most that the command asks for at once: a trace of it by `oomph trace` or another recorder,
    /// or a size; overhead is what is above it
    #[arg(long, value_name = "TRACE|SIZE")]
    pub(crate) live: Option<OsString>,
    /// Standard input of each run [default: /dev/null]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Let the command's output through, all of it to standard error
    #[arg(long)]
    pub(crate) show_output: bool,
    /// Only look at processes now and then: for commands that trace others, such as gdb and strace
    #[arg(long)]
    pub(crate) no_ptrace: bool,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub(crate) command: Vec<OsString>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  oomph compare-allocators -- python3 report.py
                                       under each allocator that is installed
  oomph compare-allocators --allocator jemalloc,./libmine.so -- ./server --selftest
                                       under some, and one of your own
  oomph compare-allocators --allocator glibc --tunables tcache_count=0 --tunables MALLOC_ARENA_MAX=1 -- ./job
                                       only glibc, with other settings
  oomph trace -o job.trace -- ./job && oomph compare-allocators --live job.trace -- ./job
                                       with the overhead over what was asked for
  oomph compare-allocators --repeat 20 --json -- ./job | jq '.columns[] | {name, hwm}'
                                       for programs";
