//! Options of `oomph simulate`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// A moment of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// Behind so many steps.
    Step(u64),
    /// When a process first comes to this checkpoint.
    Checkpoint(String),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        match text.parse() {
            Ok(0) => Err("steps are numbered from 1".to_owned()),
            Ok(step) => Ok(At::Step(step)),
            Err(_) if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
                Ok(At::Checkpoint(text.to_owned()))
            }
            Err(_) => Err("expected the number of a step, or a checkpoint".to_owned()),
        }
    }
}

/// Options of `oomph simulate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SimulateArgs {
    /// The scenario; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only look for mistakes in it; nothing runs
    #[arg(long, conflicts_with_all = ["trace", "at", "save", "seed"])]
    pub(crate) check: bool,
    /// Print each step when it is done, as strace does
    #[arg(long, conflicts_with = "json")]
    pub(crate) trace: bool,
    /// Stop after step N, as --trace numbers them, or when a checkpoint is reached
    #[arg(long, value_name = "N|CHECKPOINT")]
    pub(crate) at: Option<At>,
    /// Write the machine at the end as a capture, for `oomph --from FILE …`
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// With --save: replace the file if it is there
    #[arg(long, requires = "save")]
    pub(crate) force: bool,
    /// Where everything random starts, instead of the scenario's own seed
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Give up after so many steps
    #[arg(long, value_name = "N", default_value_t = 50_000_000)]
    pub(crate) most_steps: u64,
    /// Run it so many times, each time with other values in the places of --vary
    #[arg(long, value_name = "N", conflicts_with_all = ["check", "trace", "save"],
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) variations: Option<u64>,
    /// A value to vary: `process.web.grow=1..4GiB`, `log:1MiB..1GiB`, `0..100/5`, `60,100,200`; with
    /// --at from that moment on, which is run once
    #[arg(long, value_name = "PLACE=VALUES", conflicts_with_all = ["check", "trace", "save"])]
    pub(crate) vary: Vec<String>,
    /// Look for the edge between living and dying: `machine.ram=64MiB..1GiB`
    #[arg(long, value_name = "PLACE=RANGE", conflicts_with_all = ["check", "trace", "at", "save"])]
    pub(crate) find: Option<String>,
    /// So many runs at the same time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// With --vary: every run as a line of CSV
    #[arg(long, value_name = "FILE", requires = "vary")]
    pub(crate) csv: Option<PathBuf>,
    /// The machine's memory over the run as a picture; with --vary who survives, and where the
    /// others die
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(crate) svg: Option<PathBuf>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  oomph simulate hog.kdl               run it, and say what came of it
  oomph simulate --check hog.kdl       look for mistakes only
  oomph simulate --trace hog.kdl       with each step, as strace prints them
  oomph simulate --at 10 --save ten.tar hog.kdl
                                       stop after ten steps, and keep the machine as it is then
  oomph simulate --at half --save half.tar hog.kdl
                                       … or at the checkpoint `half`
  oomph --from ten.tar usage           … to look at it with every other command
  oomph simulate hog.kdl --svg hog.svg
                                       what the memory was for, and who died when, as a picture
  oomph simulate hog.kdl --json | jq .expectations
                                       for programs
  oomph simulate hog.kdl --variations 1000 --vary process.web.grow=1..4GiB
                                       many runs at once: who dies how often
  oomph simulate hog.kdl --at half --vary process.web.grow=1..4GiB
                                       … all from one moment: what can still become of it
  oomph simulate hog.kdl --find machine.ram=64MiB..4GiB
                                       the least RAM with which nobody dies

docs/scenario.md has every word of the language; scenarios/ is full of examples.";
