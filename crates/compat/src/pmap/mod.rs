//! `pmap` of procps-ng 4.0.2.
//!
//! # What it follows
//! Plain and `-d` read `maps`, `-x` and `-X` read `smaps`. A process is printed even when its maps may
//! not be read; then only its first line. Exit status 42 when a process is not there.

mod args;
mod cmdline;
mod extended;
mod plain;
mod rc;
mod rows;
mod scan;

use std::collections::HashSet;
use std::io;

use units::Pid;

use crate::printable::printable;
use crate::{Call, Machine, ProcFile, text};
use args::{Options, Stop};

/// Set in the exit status when a process is not there: 42.
const GONE: u8 = 0x2a;
/// Processes the library behind the real program takes at once (`FILL_ID_MAX`).
const MOST_PIDS: usize = 255;

const HELP: &str = "\
Usage: oomph compat pmap [options] PID [PID ...]

What pmap of procps-ng 4.0.2 prints, about any source (`oomph --from SOURCE compat pmap`).

 -x, --extended           resident and dirty memory too
 -X                       most of what the kernel says about each mapping; -XX all of it
 -d, --device             offset and device
 -c, --read-rc            the fields that ~/.pmaprc names; -C FILE, --read-rc-from=FILE
 -q, --quiet              no header and no footer
 -p, --show-path          whole paths
 -A, --range=LOW[,HIGH]   only mappings in this range
";

/// Prints what `pmap` would; the result is its exit status.
pub fn pmap(args: &[String], call: &mut Call<'_>) -> io::Result<u8> {
    let (mut options, pids) = match args::parse(args, call.err)? {
        Ok(parsed) => parsed,
        Err(Stop::Help) => {
            call.out.write_all(HELP.as_bytes())?;
            return Ok(0);
        }
        Err(Stop::Version) => {
            call.out.write_all(b"pmap from procps-ng 4.0.2\n")?;
            return Ok(0);
        }
        Err(Stop::Usage(complaint)) => {
            if let Some(complaint) = complaint {
                writeln!(call.err, "pmap: {complaint}")?;
            }
            call.err.write_all(HELP.as_bytes())?;
            return Ok(1);
        }
        Err(Stop::Wrong(complaint)) => {
            writeln!(call.err, "pmap: {complaint}")?;
            return Ok(1);
        }
    };
    if !rc::read(&mut options, call)? {
        return Ok(1);
    }
    if pids.is_empty() || (call.bugs.kept() && pids.len() > MOST_PIDS) {
        writeln!(call.err, "pmap: library failed pids statistics")?;
        return Ok(1);
    }
    let mut table = extended::Table::default();
    let mut status = 0;
    let mut gone = false;
    for pid in pids {
        let Some(process) = Process::read(call, pid) else {
            gone = true;
            continue;
        };
        match one(&process, &options, &mut table, call)? {
            Shown::Whole => {}
            Shown::Unreadable => status |= 1,
            Shown::Stopped => return Ok(1),
        }
    }
    Ok(if gone { status | GONE } else { status })
}

/// How the printing of a process ended.
enum Shown {
    Whole,
    Unreadable,
    /// The program stops here.
    Stopped,
}

/// What is known about a process beside its mappings.
struct Process {
    /// The process the file names belong to, when the number was that of a thread.
    tgid: Pid,
    cmdline: Vec<u8>,
    /// `start_stack` of `stat`; 0 when the kernel does not tell us.
    stack: u64,
}

impl Process {
    fn read(call: &mut Call<'_>, pid: Pid) -> Option<Process> {
        let stat = small(call.machine, ProcFile::Stat(pid))?;
        let status = small(call.machine, ProcFile::Status(pid));
        let kept = call.bugs.kept();
        let tgid = status.and_then(|status| scan::tgid(&status, kept)).unwrap_or(pid);
        // The directory is that of the number that was asked for.
        let mut cmdline = cmdline::text(call.machine, pid, &stat, call.host.utf8());
        if !kept {
            cmdline = printable(&cmdline).into_bytes();
        }
        Some(Process { tgid, cmdline, stack: scan::start_stack(&stat).unwrap_or(0) })
    }
}

fn small(machine: &mut dyn Machine, file: ProcFile) -> Option<Vec<u8>> {
    text::read(machine, file, 64 * 1024).ok()
}

fn one(
    process: &Process,
    options: &Options,
    table: &mut extended::Table,
    call: &mut Call<'_>,
) -> io::Result<Shown> {
    write!(call.out, "{}:   ", process.tgid)?;
    call.out.write_all(&process.cmdline)?;
    call.out.write_all(b"\n")?;
    if options.every > 0 || options.fields.is_some() {
        if !call.bugs.kept() {
            *table = extended::Table::default();
        }
        extended::print(table, process.tgid, options, call)
    } else {
        plain::print(process, options, call)
    }
}

/// Names of fields that an rc file asks for.
type Fields = HashSet<Vec<u8>>;
