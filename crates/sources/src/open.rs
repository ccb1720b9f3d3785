//! From what the user wrote to a source.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use facts::{Account, Mapping, Name, Snapshot};
use units::Pid;

use crate::dir::DirTree;
use crate::fs::open_dir;
use crate::live::{LiveTree, is_procfs};
use crate::report::{self, MachineOfReport, ReportTree, ReportedMachine};
use crate::tar::{NotATar, TarTree};
use crate::{
    AccountWant, Physical, ProcessMap, ProcessPages, Refusal, Stall, Tree, Want, account, identity,
    machine, physical, process_map, snapshot,
};

/// Something that can be looked at.
pub struct Source {
    tree: Box<dyn Tree>,
    /// What is known beforehand, when it is a report in a log and has no files.
    report: Option<Box<ReportedMachine>>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl Source {
    fn of(tree: impl Tree + 'static) -> Source {
        Source { tree: Box::new(tree), report: None }
    }

    /// A machine that is known already, from a report in a log.
    pub fn of_report(machine: ReportedMachine) -> Source {
        let tree = ReportTree {
            origin: machine.snapshot.origin.clone(),
            pids: machine.snapshot.tasks.iter().map(|task| task.pid).collect(),
        };
        Source { tree: Box::new(tree), report: Some(Box::new(machine)) }
    }

    /// The machine of a report; `None` when this source is none, but has files.
    pub fn report(&self) -> Option<&ReportedMachine> {
        self.report.as_deref()
    }

    /// Reads the machine.
    pub fn snapshot(&mut self, want: &Want) -> Snapshot {
        match &self.report {
            Some(report) => report.snapshot.clone(),
            None => snapshot(self.tree.as_mut(), want),
        }
    }

    /// Reads the machine without its processes and groups.
    pub fn machine(&mut self) -> Snapshot {
        match &self.report {
            Some(report) => report.snapshot.clone(),
            None => machine(self.tree.as_mut()),
        }
    }

    /// Reads what the ledger wants beside a snapshot; see [`account()`].
    pub fn account(&mut self, snapshot: &mut Snapshot, want: AccountWant) -> Account {
        match &self.report {
            Some(report) => report.account.clone(),
            None => account(self.tree.as_mut(), snapshot, want),
        }
    }

    /// Reads the machine's memory.
    pub fn physical(&mut self) -> Physical {
        physical(self.tree.as_mut())
    }

    /// Reads which kernel it is, and the size of its pages.
    pub fn identity(&mut self) -> Snapshot {
        match &self.report {
            Some(report) => report.snapshot.clone(),
            None => identity(self.tree.as_mut()),
        }
    }

    /// Reads the mappings of a process. `Err` is that it is not there, or may not be read.
    pub fn process_map(&mut self, pid: Pid, stall: Stall) -> Result<ProcessMap, Refusal> {
        process_map(self.tree.as_mut(), pid, stall)
    }

    /// Reads the pages of a process. `Unsupported` when the source is not a running machine.
    pub fn pages(&mut self, pid: Pid, mappings: &[Mapping]) -> Result<ProcessPages, Refusal> {
        self.tree.pages(pid, mappings)
    }

    /// Its files.
    pub fn tree(&mut self) -> &mut dyn Tree {
        self.tree.as_mut()
    }
}

/// Why a source cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is something else.
    #[error(
        "cannot read `{spec}`: expected a tar, a directory shaped like /proc, a kernel log or `live`, found {found}"
    )]
    Unexpected {
        /// What the user wrote, escaped.
        spec: String,
        /// What it is.
        found: String,
        /// What the user can do.
        hint: Option<String>,
    },
    /// The kernel shows itself nowhere.
    #[error("cannot read this machine: expected a procfs mounted at /proc, found {}", match found {
        Refusal::Absent => "no such directory".to_owned(),
        other => other.to_string(),
    })]
    NoProc {
        /// What is there.
        found: Refusal,
    },
    /// The system refused.
    #[error("cannot read `{spec}`")]
    Io {
        /// What the user wrote, escaped.
        spec: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The log has no such report.
    #[error("{}", no_report(log, *number, *count))]
    NoReport {
        /// The log, escaped.
        log: String,
        /// Which of its reports was asked for.
        number: Option<u64>,
        /// How many it has.
        count: u64,
    },
}

fn no_report(log: &str, number: Option<u64>, count: u64) -> String {
    match (number, count) {
        (_, 0) => format!("no OOM report in {log}"),
        (Some(number), count) => format!("no OOM report {number} in {log}: it has {count}"),
        (None, count) => format!("no OOM report in {log} among {count}"),
    }
}

impl OpenError {
    /// What the user can do about it, in one sentence.
    pub fn hint(&self) -> Option<&str> {
        match self {
            OpenError::Unexpected { hint, .. } => hint.as_deref(),
            OpenError::NoProc { .. } => {
                Some("`mount -t proc proc /proc` mounts it; `--from CAPTURE` needs none")
            }
            OpenError::NoReport { count, .. } if *count > 0 => {
                Some("they are numbered from 1, in the order of the log")
            }
            OpenError::Io { .. } | OpenError::NoReport { .. } => None,
        }
    }
}

/// Opens a source as [`open()`] does, or a report in a kernel log: `LOG` is its last report, `LOG#2`
/// its second, `-` standard input. A log is known by what is in it, plain, packed or from a pipe.
pub fn open_or_report(spec: &str, of_report: MachineOfReport<'_>) -> Result<Source, OpenError> {
    let (path, number) = report::parts(spec);
    let mut refused = None;
    if path != "-" && number.is_none() {
        match open(spec) {
            Err(error @ OpenError::Unexpected { .. }) if is_file_or_pipe(path) => {
                refused = Some(error);
            }
            done => return done,
        }
    }
    let shown = Name::from(path).escaped().into_owned();
    let named = if path == "-" { "standard input".to_owned() } else { shown.clone() };
    match (report::find(&report::log(path), number), refused) {
        (Ok(Ok(found)), _) => {
            let of = if found.all == 1 { String::new() } else { format!(" of {}", found.all) };
            let origin = format!("report {}{of} in {named}", found.number);
            Ok(Source::of_report(of_report(&found.report, origin)))
        }
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(OpenError::Io { spec: shown, error: report::as_io(error) }),
        (Ok(Err(count)), None) => Err(OpenError::NoReport { log: named, number, count }),
    }
}

fn is_file_or_pipe(path: &str) -> bool {
    Path::new(path).metadata().is_ok_and(|data| data.is_file() || data.file_type().is_fifo())
}

/// Opens a source: `live`, a tar, or a directory shaped like `/proc` (or that holds one as `proc`).
///
/// A procfs mounted elsewhere is read like the live one, with the cgroups of this machine.
pub fn open(spec: &str) -> Result<Source, OpenError> {
    let shown = Name::from(spec).escaped().into_owned();
    let io = |error: io::Error| OpenError::Io { spec: shown.clone(), error };
    if spec == "live" {
        let tree = LiveTree::open().map_err(|refusal| match refusal {
            Refusal::Absent | Refusal::Strange(_) => OpenError::NoProc { found: refusal },
            _ => OpenError::Io {
                spec: "/proc".to_owned(),
                error: io::Error::other(refusal.to_string()),
            },
        })?;
        return Ok(Source::of(tree));
    }
    let unexpected = |found: String, hint: Option<String>| OpenError::Unexpected {
        spec: shown.clone(),
        found,
        hint,
    };
    let path = Path::new(spec);
    // A directory or a plain file, before it is opened: opening a pipe would wait.
    let kind = path.metadata().map_err(io)?.file_type();
    if kind.is_dir() {
        return open_directory(path, &shown, &unexpected, &io);
    }
    if !kind.is_file() {
        let found = if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        let hint = kind
            .is_fifo()
            .then(|| "a capture is read by offsets: save it to a file first".to_owned());
        return Err(unexpected(found.to_owned(), hint));
    }
    let mut file = File::open(path).map_err(io)?;
    let mut magic = [0; 512];
    let len = read_some(&mut file, &mut magic).map_err(io)?;
    if len == 0 {
        return Err(unexpected("an empty file".to_owned(), None));
    }
    if let Some((format, command)) = compressed(&magic[..len]) {
        let hint = format!("decompress it first: `{command} < {shown} > capture.tar`");
        return Err(unexpected(format!("a file compressed by {format}"), Some(hint)));
    }
    match TarTree::open(file, format!("capture {shown}")).map_err(io)? {
        Err(NotATar) => Err(unexpected(
            "a file that is neither a tar nor a log with an OOM report".to_owned(),
            None,
        )),
        Ok(tree) if !tree.looks_like_proc() => {
            let found = match tree.members() {
                (0, _) => "a tar without files".to_owned(),
                (count, first) => {
                    let first = Name::new(first.unwrap_or_default());
                    format!(
                        "a tar with neither `meminfo` nor a process in it (files: {count}, such as `{first}`)"
                    )
                }
            };
            Err(unexpected(found, None))
        }
        Ok(tree) => Ok(Source::of(tree)),
    }
}

fn open_directory(
    path: &Path,
    shown: &str,
    unexpected: &dyn Fn(String, Option<String>) -> OpenError,
    io: &dyn Fn(io::Error) -> OpenError,
) -> Result<Source, OpenError> {
    let dir = open_dir(path).map_err(|errno| io(errno.into()))?;
    if is_procfs(&dir) {
        let own = path.canonicalize().is_ok_and(|path| path == Path::new("/proc"));
        let origin = if own { "this machine".to_owned() } else { format!("procfs {shown}") };
        return Ok(Source::of(LiveTree::at(dir, own, origin)));
    }
    let tree = DirTree::at(dir, format!("directory {shown}"));
    if tree.looks_like_proc() {
        return Ok(Source::of(tree));
    }
    if let Ok(inner) = open_dir(path.join("proc")) {
        let tree = DirTree::at(inner, format!("directory {shown}/proc"));
        if tree.looks_like_proc() {
            return Ok(Source::of(tree));
        }
    }
    let found = "a directory with neither `meminfo` nor a process in it".to_owned();
    Err(unexpected(found, None))
}

/// The compressor by the first bytes of the file, and what undoes it.
fn compressed(magic: &[u8]) -> Option<(&'static str, &'static str)> {
    Some(match magic {
        [0x1f, 0x8b, ..] => ("gzip", "gzip -d"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", "zstd -d"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("xz", "xz -d"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => ("bzip2", "bzip2 -d"),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("lz4", "lz4 -d"),
        _ => return None,
    })
}

fn read_some(file: &mut File, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read(&mut buf[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
