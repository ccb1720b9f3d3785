//! smem 1.5, under Python 3.
//!
//! # What it follows
//! `smaps` alone, mapping by mapping: the sizes there are KiB that the kernel truncated, so sums are a
//! little less than those of `smaps_rollup`. Two processes that share an address space count twice;
//! pages of hugetlb are in no column; of a path only the first word is kept. Rows are sorted by the
//! sort column and then by all that they show, from left to right.
//!
//! # What it leaves out
//! The charts.

mod args;
mod elf;
mod filter;
mod maps;
mod memory;
mod process;
mod smaps;
mod system;
mod table;
mod users;
mod value;

use std::io;

use units::Pid;

use crate::{Bugs, Call, Machine, ProcFile, text};
use args::{Options, Stop};
use filter::Filters;

/// Most that is read of a command line; the kernel's own bound is the size of a stack.
const MOST_CMDLINE: usize = 8 << 20;

const HELP: &str = "\
Usage: oomph compat smem [options]

What smem 1.5 prints, about any source (`oomph --from SOURCE compat smem`).

  -m, --mappings   by mapping        -u, --users      by user
  -w, --system     the whole system; the default is by process
  -H, --no-header  no header         -t, --totals     totals below
  -c, --columns=\"A B…\"  these columns; a wrong name lists the right ones
  -s, --sort=COLUMN     -r, --reverse
  -n, --numeric    numbers of users  -a, --autosize   columns as wide as needed
  -p, --percent    of all memory     -k, --abbreviate with units
  -P, --processfilter=PATTERN   -M, --mapfilter=PATTERN   -U, --userfilter=PATTERN
  -R, --realmem=SIZE   physical RAM (1024M)
  -K, --kernel=FILE    uncompressed kernel image, for -w
  -S, --source=SOURCE  a capture or a directory that holds `proc`
";

/// Why the program stops with nothing printed.
enum Failure {
    /// Writing failed.
    Output(io::Error),
    /// A file of the machine as a whole cannot be read.
    Unreadable(String),
    /// The real program ends with a traceback; in our words.
    Crash(String),
    /// A complaint that the real program makes, and its status.
    Told(String, u8),
    /// All is said on standard output; the status.
    Done(u8),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// Prints what `smem` would; the result is its exit status.
pub fn smem(args: &[String], call: &mut Call<'_>) -> io::Result<u8> {
    let options = match args::parse(args) {
        Ok(options) => options,
        Err(Stop::Help) => {
            call.out.write_all(HELP.as_bytes())?;
            return Ok(0);
        }
        Err(Stop::Wrong(complaint)) => {
            writeln!(call.err, "Usage: smem [options]\n\nsmem: error: {complaint}")?;
            return Ok(2);
        }
    };
    let shown = match &options.source {
        None => report(options, call),
        Some(spec) => match call.host.source(spec) {
            Ok(mut machine) => {
                let mut call = Call {
                    machine: machine.as_mut(),
                    host: &mut *call.host,
                    out: &mut *call.out,
                    err: &mut *call.err,
                    bugs: call.bugs,
                };
                report(options, &mut call)
            }
            Err(complaint) => Err(Failure::Unreadable(complaint)),
        },
    };
    match shown {
        Ok(()) => Ok(0),
        Err(Failure::Output(error)) => Err(error),
        Err(Failure::Unreadable(_)) if call.bugs.kept() => Ok(0),
        Err(Failure::Unreadable(complaint) | Failure::Crash(complaint)) => {
            writeln!(call.err, "smem: {complaint}")?;
            Ok(1)
        }
        Err(Failure::Told(complaint, status)) => {
            writeln!(call.err, "{complaint}")?;
            Ok(status)
        }
        Err(Failure::Done(status)) => Ok(status),
    }
}

fn report(options: Options, call: &mut Call<'_>) -> Result<(), Failure> {
    if options.chart {
        let complaint = "smem: charts are not drawn here";
        return Err(Failure::Told(complaint.to_owned(), 255));
    }
    let filters = Filters::new(&options).map_err(Failure::Crash)?;
    let mut run = Run { options, filters, warned: false, call };
    if run.options.mappings {
        maps::show(&mut run)
    } else if run.options.users {
        users::show(&mut run)
    } else if run.options.system {
        system::show(&mut run)
    } else {
        process::show(&mut run)
    }
}

/// One call, its options understood.
struct Run<'a, 'b> {
    options: Options,
    filters: Filters,
    /// Whether it was said that the kernel knows no PSS.
    warned: bool,
    call: &'a mut Call<'b>,
}

impl Run<'_, '_> {
    fn bugs(&self) -> Bugs {
        self.call.bugs
    }

    fn machine(&mut self) -> &mut dyn Machine {
        self.call.machine
    }

    /// The processes that are not kernel threads, as smem tells them, and pass the filters by name
    /// and user; each with its command line.
    fn processes(&mut self) -> Result<Vec<(Pid, Vec<u8>)>, Failure> {
        let pids = self
            .machine()
            .pids()
            .map_err(|error| Failure::Unreadable(format!("cannot list the processes: {error}")))?;
        let mut kept = Vec::new();
        for pid in pids {
            let command = self.command(pid);
            if command.is_empty() && self.bugs().kept() {
                continue;
            }
            if self.filters.process.is_some() && !self.filters.process_passes(&command) {
                let name = self.name(pid);
                if !self.filters.process_passes(&name) {
                    continue;
                }
            }
            if self.filters.user.is_some() {
                let user = self.user_name(pid);
                if !self.filters.user_passes(&user) {
                    continue;
                }
            }
            kept.push((pid, command));
        }
        Ok(kept)
    }

    /// The command line with blanks between the arguments. Empty where smem takes a process for a
    /// kernel thread.
    fn command(&mut self, pid: Pid) -> Vec<u8> {
        let kept = self.bugs().kept();
        let text = self.small(ProcFile::Cmdline(pid), MOST_CMDLINE);
        let Some(mut text) = text else { return b"?".to_vec() };
        if kept {
            let Ok(decoded) = String::from_utf8(text) else { return b"?".to_vec() };
            let mut decoded = decoded.replace("\r\n", "\n").replace('\r', "\n");
            decoded.pop();
            return decoded.replace('\0', " ").into_bytes();
        }
        if text.last() == Some(&0) {
            text.pop();
        }
        if text.iter().all(|&b| b == 0) {
            return [b"[", self.name(pid).as_slice(), b"]"].concat();
        }
        for byte in &mut text {
            if *byte == 0 {
                *byte = b' ';
            }
        }
        text
    }

    /// `comm` as `stat` has it.
    fn name(&mut self, pid: Pid) -> Vec<u8> {
        let kept = self.bugs().kept();
        let unknown = || b"?".to_vec();
        let Some(text) = self.small(ProcFile::Stat(pid), 64 * 1024) else { return unknown() };
        if kept && std::str::from_utf8(&text).is_err() {
            return unknown();
        }
        let open = text.iter().position(|&b| b == b'(').map_or(0, |open| open + 1);
        let close = if kept {
            text.iter().position(|&b| b == b')')
        } else {
            text.iter().rposition(|&b| b == b')')
        };
        // Without a bracket, Python counts from the end.
        let close = close.unwrap_or(text.len().saturating_sub(1));
        text.get(open..close).unwrap_or_default().to_vec()
    }

    fn small(&mut self, file: ProcFile, most: usize) -> Option<Vec<u8>> {
        text::read(self.machine(), file, most).ok()
    }

    /// The owner; −1 when it is not known.
    fn uid(&mut self, pid: Pid) -> i64 {
        self.machine().owner(pid).map_or(-1, i64::from)
    }

    fn user_name(&mut self, pid: Pid) -> Vec<u8> {
        let uid = self.uid(pid);
        self.name_of(uid)
    }

    fn name_of(&mut self, uid: i64) -> Vec<u8> {
        match u32::try_from(uid) {
            Err(_) => b"?".to_vec(),
            Ok(uid) => {
                self.machine().user_name(uid).unwrap_or_else(|| uid.to_string().into_bytes())
            }
        }
    }

    /// Reads the mappings of a process that pass the filter; each goes to `each`.
    fn mappings(
        &mut self,
        pid: Pid,
        each: &mut dyn FnMut(&[u8], &smaps::Sizes),
    ) -> Result<(), smaps::Stop> {
        let kept = self.bugs().kept();
        let filters = &self.filters;
        let mut passing = |name: &[u8], sizes: &smaps::Sizes| {
            if filters.mapping_passes(name) {
                each(name, sizes);
            }
        };
        let seen = smaps::read(self.call.machine, pid, kept, &mut passing)?;
        if seen.text && !seen.pss && !self.warned {
            self.warned = true;
            let warning = b"warning: kernel does not appear to support PSS measurement\n";
            let _ = self.call.err.write_all(warning);
            self.options.sort.get_or_insert_with(|| "rss".to_owned());
        }
        Ok(())
    }
}
