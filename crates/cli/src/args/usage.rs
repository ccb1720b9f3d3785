//! Options of `oomph usage`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rules::usage::{Field, Grouping};

/// Options of `oomph usage`.
#[derive(Debug, Clone, Args)]
pub(crate) struct UsageArgs {
    /// What a row is
    #[arg(long, value_name = "WHAT", default_value = "process", value_enum)]
    pub(crate) by: By,
    /// Columns, separated by commas; the ones of --sort
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<Field>>,
    /// Order: pid, user, unit, cgroup, processes, mappings, uss, pss, subtree, percent, rss, swap,
    /// swap-pss, anon, file, shmem, hugetlb, memory (pss and hugetlb), name, command
    #[arg(long, value_name = "COLUMN", default_value = "memory", hide_default_value = false)]
    pub(crate) sort: Field,
    /// The smallest first, or names from the end
    #[arg(long)]
    pub(crate) reverse: bool,
    /// The first N rows only; the total is that of all
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Only processes whose name or command line matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) name: Option<String>,
    /// Only processes of users whose name or number matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) user: Option<String>,
    /// Only what is mapped under a matching name, such as `libc` or `^\[heap\]`; costs more
    #[arg(long, value_name = "REGEX")]
    pub(crate) mapping: Option<String>,
    /// Only processes in cgroups whose path matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) cgroup: Option<String>,
    /// Unit of sizes
    #[arg(long, value_name = "UNIT", default_value = "human", value_enum, ignore_case = true)]
    pub(crate) unit: SizeUnitName,
    /// Again every so many seconds, until interrupted
    #[arg(long, value_name = "SECONDS")]
    pub(crate) watch: Option<Seconds>,
    /// Comma-separated values, sizes in bytes
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Write a picture into this file, too: areas are shares
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Do not walk the page tables of a process when that may hold it up for longer than this many
    /// milliseconds; show bounds instead
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub(crate) max_stall: u64,
    /// End with code 3 when the share of some process could not be read
    #[arg(long)]
    pub(crate) strict: bool,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// One process
    Process,
    /// All processes of a name
    Program,
    /// All processes of a user
    User,
    /// All processes in a cgroup
    Cgroup,
    /// All processes of a systemd unit or a container
    Unit,
    /// All mappings of a name: files, heaps, anonymous memory; costs more
    Mapping,
    /// One process, under its parent
    Tree,
}

impl From<By> for Grouping {
    fn from(by: By) -> Grouping {
        match by {
            By::Process => Grouping::Process,
            By::Program => Grouping::Program,
            By::User => Grouping::User,
            By::Cgroup => Grouping::Cgroup,
            By::Unit => Grouping::Unit,
            By::Mapping => Grouping::Mapping,
            By::Tree => Grouping::Tree,
        }
    }
}

/// A unit of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SizeUnitName {
    /// The one that fits each
    Human,
    /// Bytes
    #[value(name = "B")]
    Bytes,
    /// 1024 bytes
    #[value(name = "KiB")]
    KiB,
    /// 1024 KiB
    #[value(name = "MiB")]
    MiB,
    /// 1024 MiB
    #[value(name = "GiB")]
    GiB,
    /// Share of the machine's memory, and of its swap
    Percent,
}

impl From<SizeUnitName> for views::SizeUnit {
    fn from(unit: SizeUnitName) -> views::SizeUnit {
        match unit {
            SizeUnitName::Human => views::SizeUnit::Human,
            SizeUnitName::Bytes => views::SizeUnit::Bytes,
            SizeUnitName::KiB => views::SizeUnit::KiB,
            SizeUnitName::MiB => views::SizeUnit::MiB,
            SizeUnitName::GiB => views::SizeUnit::GiB,
            SizeUnitName::Percent => views::SizeUnit::Percent,
        }
    }
}

/// A span between rounds: a tenth of a second at least, a day at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seconds(pub(crate) f64);

impl std::str::FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seconds, String> {
        let seconds = text.parse().ok().filter(|s| (0.1..=86_400.0).contains(s));
        seconds
            .map(Seconds)
            .ok_or_else(|| format!("expected seconds from 0.1 to 86400, found `{text}`"))
    }
}

pub(super) const EXAMPLES: &str = "\
Examples:
  oomph usage                          processes, the largest share first
  oomph usage --by unit                services and containers
  oomph usage --by program --top 10    the ten largest programs
  oomph usage --by mapping --name '^postgres'
                                       what one program's memory is
  oomph usage --by user --sort swap --unit MiB
  oomph usage --mapping 'libssl'       who uses a library, and how much of it is whose
  oomph usage --by program --svg usage.svg
                                       a picture
  oomph usage --watch 2 --top 20       again and again
  oomph usage --from web1.tar          of a capture, or of one made by smemcap";
