//! The command line. One definition yields parser, help, manual and completions.

mod compare_allocators;
mod lab;
mod replay;
mod simulate;
mod trace;
mod usage;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use facts::Release;
use rules::status::Threshold;
use units::{Bytes, Percent};
use views::json::{FORMATS, Format};

use crate::exit::{Convention, Outcome};
use crate::output::talk;

pub(crate) use compare_allocators::CompareAllocatorsArgs;
pub(crate) use lab::{LabArgs, LabArm, LabKernel, LabProfile};
pub(crate) use replay::ReplayArgs;
pub(crate) use simulate::{At, SimulateArgs};
pub(crate) use trace::TraceArgs;
pub(crate) use usage::UsageArgs;

/// A command line that makes sense.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) global: Global,
    pub(crate) command: Command,
}

#[derive(Debug, Parser)]
#[command(
    name = "oomph",
    version,
    about = "How near this machine is to running out of memory, who would die, and why",
    long_about = LONG_ABOUT,
    after_help = "`oomph --help` says more, with examples; `oomph COMMAND --help` too.",
    after_long_help = EXAMPLES,
    max_term_width = 100,
    disable_help_subcommand = true,
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    status: StatusArgs,
}

const LONG_ABOUT: &str = "\
Tells how near a Linux machine is to running out of memory, who would die, and why.

Without a command it prints `oomph status`: one screen with the verdict first, then how much more \
memory can be touched and which wall comes first, whom the kernel would kill, what it has promised, \
and what it has killed lately. It reads /proc and memory cgroups only, needs no root, and asks for \
nothing that walks page tables, so that it is safe to run in trouble.";

const EXAMPLES: &str = "\
Examples:
  oomph                            how near, who would die
  oomph --check --near 15%         for monitoring: exit code 0 calm, 1 near, 2 at the wall, 3 unknown
  oomph --json | jq .headroom      for programs
  oomph rank --top 20              the kill order, each score taken apart
  oomph rank --pid 4242            one score, step by step
  oomph usage --by unit            who uses memory, shared pages counted once
  oomph explain kern.log           what a kernel log says about an OOM kill
  oomph capture web1.tar           keep this moment; look at it elsewhere with
  oomph --from web1.tar            … the same screen for that machine";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Where to look: `live`, a tar (from `oomph capture` or smemcap), a directory like /proc, or a
    /// kernel log (`LOG#2` is its second OOM report)
    #[arg(long, global = true, value_name = "SOURCE", default_value = "live")]
    pub(crate) from: String,
    /// Print JSON instead of text (docs/json.md describes it)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours; NO_COLOR and CLICOLOR_FORCE are heeded
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", value_enum)]
    pub(crate) color: ColorWhen,
    /// Apply the rules of another kernel release, such as 4.18 or 2.6.32
    #[arg(long, global = true, value_name = "RELEASE")]
    pub(crate) kernel: Option<Release>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless the environment says otherwise
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// How near the machine is, who would die, what was promised (the default)
    #[command(after_long_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// The kernel's kill order, each score taken apart
    #[command(after_long_help = RANK_EXAMPLES)]
    Rank(RankArgs),
    /// Who uses memory, fairly counted: by process, program, user, unit, mapping
    #[command(after_long_help = usage::EXAMPLES)]
    Usage(UsageArgs),
    /// A picture of a process's addresses, or of the machine's memory
    #[command(after_long_help = MAP_EXAMPLES)]
    Map(MapArgs),
    /// Which files fill the page cache, and who holds them
    #[command(after_long_help = CACHE_EXAMPLES)]
    Cache(CacheArgs),
    /// Every page of the machine accounted for, and what nothing accounts for
    #[command(after_long_help = LEDGER_EXAMPLES)]
    Ledger(LedgerArgs),
    /// What a kernel log says about an OOM kill, and whether the kernel was right
    #[command(after_long_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Run a scenario on a simulated machine: what happens, what fails and why
    #[command(after_long_help = simulate::EXAMPLES)]
    Simulate(SimulateArgs),
    /// Play a log of strace or a trace of malloc on the model
    #[command(after_long_help = replay::EXAMPLES)]
    Replay(ReplayArgs),
    /// Run scenarios on the model and on this kernel, side by side
    #[command(after_long_help = lab::EXAMPLES)]
    Lab(LabArgs),
    /// Record a program's calls of malloc, for `oomph replay`
    #[command(after_long_help = trace::EXAMPLES)]
    Trace(TraceArgs),
    /// Keep this machine at this moment in a tar, to look at it later or elsewhere
    #[command(after_long_help = CAPTURE_EXAMPLES)]
    Capture(CaptureArgs),
    /// The same command under each allocator: memory, faults, time
    #[command(after_long_help = compare_allocators::EXAMPLES)]
    CompareAllocators(CompareAllocatorsArgs),
    /// What smem, pmap and free print, byte for byte, for scripts
    #[command(
        override_usage = "oomph compat [--bug-for-bug] smem|pmap|free [ARG…]",
        after_long_help = COMPAT_EXAMPLES,
        arg_required_else_help = true
    )]
    Compat(CompatArgs),
    /// Print manuals, shell completions and the schema of the JSON
    #[command(after_long_help = GENERATE_EXAMPLES, arg_required_else_help = true)]
    Generate(GenerateArgs),
}

/// Options of `oomph status`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct StatusArgs {
    /// Judge this memory cgroup and those above it, instead of the reader's own
    #[arg(long, value_name = "PATH")]
    pub(crate) cgroup: Option<String>,
    /// Answer by exit code, for monitoring: 0 calm, 1 near, 2 at the wall, 3 cannot tell
    #[arg(long)]
    pub(crate) check: bool,
    /// Near: less headroom than this share or size is left [default: 10%]
    #[arg(long, value_name = "SHARE|SIZE")]
    pub(crate) near: Option<Threshold>,
    /// At the wall: less headroom than this share or size is left [default: 2%]
    #[arg(long, value_name = "SHARE|SIZE")]
    pub(crate) wall: Option<Threshold>,
    /// Near: all tasks waited for memory so much of the last 10 s [default: 5%]
    #[arg(long, value_name = "PERCENT", hide_short_help = true)]
    pub(crate) near_pressure: Option<Percent>,
    /// At the wall: all tasks waited for memory so much of the last 10 s [default: 20%]
    #[arg(long, value_name = "PERCENT", hide_short_help = true)]
    pub(crate) wall_pressure: Option<Percent>,
    /// How many of those who would die to show [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) victims: Option<usize>,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  oomph                                the screen
  oomph status --victims 10            with more of those who would die
  oomph --check --near 2GiB --wall 512MiB
                                       for monitoring, with thresholds of your own
  oomph --cgroup /system.slice/web.service
                                       how near that service is to its limit
  oomph --from web1.tar --kernel 4.18  what an older kernel would do in that place";

/// Options of `oomph rank`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RankArgs {
    /// The first N victims only
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Whom the kernel would choose when this memory cgroup runs out
    #[arg(long, value_name = "PATH")]
    pub(crate) cgroup: Option<String>,
    /// One process: its score step by step
    #[arg(long, value_name = "PID", conflicts_with = "top")]
    pub(crate) pid: Option<u32>,
}

const RANK_EXAMPLES: &str = "\
Examples:
  oomph rank                           everybody, the first victim first
  oomph rank --top 20                  the first twenty
  oomph rank --pid 4242                how one score comes about
  oomph rank --cgroup /docker/5e1f     when that container runs out
  oomph rank --json | jq '.rows[0]'    for programs";

/// Options of `oomph map`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are there or not")]
pub(crate) struct MapArgs {
    /// The process
    #[arg(value_name = "PID", required_unless_present = "physical")]
    pub(crate) pid: Option<u32>,
    /// The machine's memory instead: physical addresses, zones, free blocks
    #[arg(long, conflicts_with_all = ["pid", "locate", "linear", "all"])]
    pub(crate) physical: bool,
    /// Runs of pages: in memory, swapped, of files, huge, the page of zeros; a live process alone
    #[arg(long, conflicts_with_all = ["physical", "locate", "linear", "ascending", "svg"])]
    pub(crate) pages: bool,
    /// Mark this address, and say what is there and where in its file
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) locate: Option<u64>,
    /// The lowest address at the top, as in /proc/PID/maps
    #[arg(long)]
    pub(crate) ascending: bool,
    /// Regions as tall as they are large, instead of one row more for every 64-fold
    #[arg(long)]
    pub(crate) linear: bool,
    /// Every region, however many; otherwise small ones are drawn together
    #[arg(long)]
    pub(crate) all: bool,
    /// Write the picture as SVG to this file; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) svg: Option<PathBuf>,
    /// Leave sizes out when the kernel would walk page tables for longer than this
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub(crate) max_stall: u64,
}

/// An address as debuggers print it: hexadecimal, with or without `0x`.
fn address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let digits = digits.replace(['`', '_'], "");
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let error = || format!("expected a hexadecimal address such as 0x7ffc1234, found `{text}`");
    if plain { u64::from_str_radix(&digits, 16).map_err(|_| error()) } else { Err(error()) }
}

const MAP_EXAMPLES: &str = "\
Examples:
  oomph map 4242                       the address space of a process
  oomph map 4242 --locate 0x7f3a5c0012f4
                                       where an address from a crash lies, and in which file
  oomph map 4242 --svg map.svg         for a document; light and dark
  oomph map 4242 --pages               what became of each page
  sudo oomph map --physical            RAM, the kernel, devices, zones, fragmentation
  oomph map $$ --json | jq '.totals'   for programs";
/// Options of `oomph ledger`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LedgerArgs {
    /// What grew from one moment to another, each a source as with --from; alone, until now
    #[arg(long, value_name = "BEFORE [AFTER]", num_args = 1..=2)]
    pub(crate) diff: Option<Vec<String>>,
    /// Leave the processes' shares out: the kernel walks page tables for them
    #[arg(long)]
    pub(crate) no_shares: bool,
    /// Leave a process's share out when the kernel would be busy with it for longer, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub(crate) max_stall: u64,
    /// How many cgroups, or of a difference how many rows of each kind
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) top: usize,
    /// Draw it as well, into this file; `-` is standard output, and nothing else is printed
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    pub(crate) svg: Option<PathBuf>,
}

const LEDGER_EXAMPLES: &str = "\
Examples:
  oomph ledger                         where all the memory is, and what no counter knows
  oomph ledger --svg ledger.svg        the same as a picture
  oomph --from web1.tar ledger         of a machine captured earlier
  oomph ledger --diff monday.tar       what grew since: a leak in the kernel shows here
  oomph ledger --diff a.tar b.tar      between two captures, down to single mappings
  oomph ledger --json | jq .verdict    for programs";

/// Options of `oomph cache`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CacheArgs {
    /// Files and directories to look through; without one, the files that processes hold
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
    /// Walk into local filesystems that are mounted below a PATH, too
    #[arg(long)]
    pub(crate) cross: bool,
    /// What a row stands for
    #[arg(long, value_name = "WHAT", default_value = "file", value_enum)]
    pub(crate) by: CacheBy,
    /// With `--by directory`: put together what is below the first N steps of the path
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) depth: Option<u16>,
    /// What decides the order of the rows
    #[arg(long, value_name = "KEY", default_value = "cached", value_enum)]
    pub(crate) sort: CacheSort,
    /// The first N rows only; 0 is all [default: 20, and all with --json or --csv]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Only rows with so much in the page cache
    #[arg(long, value_name = "SIZE", default_value = "0")]
    pub(crate) min: Bytes,
    /// Print amounts in bytes
    #[arg(long, short)]
    pub(crate) bytes: bool,
    /// Print the rows as CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheBy {
    /// A file
    File,
    /// The files of a directory
    Directory,
    /// The files that a process holds
    Process,
    /// The files of an extension
    Extension,
}

/// What decides the order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheSort {
    /// In the page cache
    Cached,
    /// Not yet written
    Dirty,
    /// Evicted and remembered
    Evicted,
    /// Length of the files
    Size,
    /// Number of files
    Files,
    /// Name
    Name,
}

const CACHE_EXAMPLES: &str = "\
Examples:
  oomph cache                          the files that processes hold
  oomph cache /var/lib/postgresql      what of a database is cached
  oomph cache --cross /                every file of every local filesystem
  oomph cache / --by directory --depth 3
                                       which directories
  oomph cache /usr --by process        which processes hold what is cached
  oomph cache --sort evicted /srv      what was evicted lately: thrashing
  oomph cache --csv / > cache.csv      for spreadsheets";

/// Options of `oomph explain`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are there or not")]
pub(crate) struct ExplainArgs {
    /// Kernel logs, plain, .gz, .zst or .xz, and .journal files; `-` is standard input [default: this
    /// machine's journal, or its ring buffer]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Explain the N-th report, instead of the last
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub(crate) report: Option<usize>,
    /// Only the list of all reports and kills, and what they have in common
    #[arg(long, conflicts_with_all = ["report", "all", "csv", "follow"])]
    pub(crate) timeline: bool,
    /// The list of all reports and kills as CSV, one a line
    #[arg(long, conflicts_with_all = ["report", "all", "follow", "json"])]
    pub(crate) csv: bool,
    /// Wait for what the log gets from now on, and explain each report when it has ended
    #[arg(long, short, conflicts_with_all = ["report", "all", "verify"])]
    pub(crate) follow: bool,
    /// Explain every report
    #[arg(long)]
    pub(crate) all: bool,
    /// Answer by exit code, too: 0 every choice that can be checked is right, 1 one is not
    #[arg(long)]
    pub(crate) verify: bool,
    /// Print the log itself, and under each line of the report what it says
    #[arg(long, conflicts_with_all = ["json", "html", "timeline", "csv", "follow"])]
    pub(crate) annotate: bool,
    /// Write one page for a browser with everything in it; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "timeline", "csv", "follow"])]
    pub(crate) html: Option<PathBuf>,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  oomph explain kern.log               the reports in a log; the last one in full
  oomph explain kern.log.2.gz --report 3
                                       another one
  journalctl -k -b -1 | oomph explain -
                                       of the boot before this one
  oomph explain --timeline kern.log*   what repeats, what grows, and who else kills
  oomph explain --csv logs/*.log > kills.csv
                                       the kills of a fleet, one a line
  oomph explain --follow               from now on, as they happen
  oomph explain --verify *.log         whether the kernel chose whom its own formula says
  oomph explain kern.log --annotate    the log, each line with what it says
  oomph explain kern.log --html oom.html
                                       a page to look at and to send around
  oomph explain kern.log --json | jq .choice
                                       for programs: every report, one a line";

/// Options of `oomph capture`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CaptureArgs {
    /// The tar to write; `-` is standard output
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Only what oomph itself reads: quick, and page tables are not walked
    #[arg(long)]
    pub(crate) light: bool,
    /// Leave command lines out; they may hold passwords
    #[arg(long)]
    pub(crate) no_cmdline: bool,
}

const CAPTURE_EXAMPLES: &str = "\
Examples:
  oomph capture web1.tar               this moment, readable by smem -S as well
  oomph capture --light --no-cmdline web1.tar
                                       quick, and without command lines
  ssh web1 oomph capture - > web1.tar  another machine's moment";

/// Options of `oomph compat`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompatArgs {
    /// Copy the bugs that docs/compat.md lists, too
    #[arg(long)]
    pub(crate) bug_for_bug: bool,
    #[command(subcommand)]
    pub(crate) program: OtherProgram,
}

/// A program that is not ours, and all its arguments, whatever they look like.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum OtherProgram {
    #[command(external_subcommand)]
    Call(Vec<OsString>),
}

const COMPAT_EXAMPLES: &str = "\
Examples:
  oomph compat smem -t -k              as smem does, under any Python or none
  oomph compat smem -S capture.tar -m  a capture of smemcap or of `oomph capture`
  oomph --from web1.tar compat free -h
  oomph --from web1.tar compat pmap -X 4242

Options of oomph stand before `compat`; all that follows the program's name is that program's.
docs/compat.md lists the bugs of the real programs that are not copied.";

/// Options of `oomph generate`.
#[derive(Debug, Clone, Args)]
pub(crate) struct GenerateArgs {
    #[command(subcommand)]
    pub(crate) what: Generate,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Generate {
    /// Manual pages: all of them into a directory, or the main one to standard output
    Man {
        /// The directory
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Completions for a shell
    Completions {
        /// The shell
        #[arg(value_name = "SHELL", value_enum)]
        shell: clap_complete::Shell,
    },
    /// The JSON Schema of what --json prints
    JsonSchema {
        /// The report
        #[arg(value_name = "REPORT", value_parser = formats())]
        report: &'static Format,
    },
    /// The words of scenarios and their options, as a grammar for editors
    ScenarioGrammar,
}

/// The reports that have a schema, by their names.
fn formats() -> impl TypedValueParser<Value = &'static Format> {
    let values = FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.says));
    PossibleValuesParser::new(values)
        .try_map(|name| Format::named(&name).ok_or("expected the name of a report"))
}

const GENERATE_EXAMPLES: &str = "\
Examples:
  oomph generate man | man -l -
  oomph generate man ~/.local/share/man/man1
  oomph generate completions bash > ~/.local/share/bash-completion/completions/oomph
  oomph generate completions zsh > ~/.zfunc/_oomph
  oomph generate completions fish > ~/.config/fish/completions/oomph.fish
  oomph generate json-schema status
  oomph generate scenario-grammar";

/// The definition, for manuals and completions.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

/// Which convention of exit codes the command line asks for. Looked for word by word, because it
/// holds for command lines that make no sense, too.
pub(crate) fn convention(words: &[OsString]) -> Convention {
    let mut options = words.iter().skip(1).take_while(|word| *word != OsStr::new("--"));
    // Behind `simulate`, --check is about a file and not about a machine.
    let first =
        options.find(|word| *word == OsStr::new("--check") || *word == OsStr::new("simulate"));
    if first.is_some_and(|word| word == OsStr::new("--check")) {
        Convention::Check
    } else {
        Convention::Program
    }
}

/// Reads the command line.
pub(crate) fn parse(words: &[OsString]) -> Result<Invocation, clap::Error> {
    let Cli { command, global, status } = Cli::try_parse_from(words)?;
    let defaults = Cli::try_parse_from(["oomph"])?.status;
    let command = match command {
        None => Command::Status(status),
        Some(_) if status != defaults => {
            return Err(Cli::command().error(
                ErrorKind::ArgumentConflict,
                "options of `status` stand before another command; put them behind `status`",
            ));
        }
        Some(command) => command,
    };
    Ok(Invocation { global, command })
}

/// Prints what clap has to say: help and version to standard output, all else to standard error.
pub(crate) fn answer(refusal: &clap::Error) -> Outcome {
    match refusal.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has gone away has what it wanted.
            let _ = refusal.print();
            Outcome::Done
        }
        _ => {
            talk(refusal.render());
            Outcome::WrongUsage
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn status_is_what_is_asked_for_without_a_command() {
        let short = parse(&words("oomph --check --near 15%")).unwrap();
        let long = parse(&words("oomph status --check --near 15%")).unwrap();
        let (Command::Status(short), Command::Status(long)) = (short.command, long.command) else {
            panic!("not status");
        };
        assert_eq!(short, long);
        assert!(short.check);
    }

    #[test]
    fn options_of_status_before_another_command_are_refused() {
        assert!(parse(&words("oomph --check rank")).is_err());
        assert!(parse(&words("oomph --json rank")).is_ok());
    }

    #[test]
    fn check_is_found_in_command_lines_that_make_no_sense() {
        assert_eq!(convention(&words("oomph --nonsense --check")), Convention::Check);
        assert_eq!(convention(&words("oomph --nonsense")), Convention::Program);
        assert_eq!(convention(&words("oomph -- --check")), Convention::Program);
    }
}
