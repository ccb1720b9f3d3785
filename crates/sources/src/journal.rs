//! systemd's journal, as its own program `journalctl` prints it.
//!
//! The format of journal files belongs to systemd and changes with it; `journalctl` is where the
//! files are, and it knows who may read them.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

use super::log::{LogError, PIECE};

/// Programs whose lines about kills are read beside the kernel's.
const PROGRAMS: [&str; 10] = [
    "systemd",
    "systemd-oomd",
    "earlyoom",
    "kubelet",
    "k3s",
    "containerd",
    "dockerd",
    "node-problem-detector",
    "lmkd",
    "lowmemorykiller",
];
/// The most of its complaints that is kept.
const COMPLAINT: u64 = 4 << 10;

/// Which journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Journal {
    /// This machine's, since it was started.
    Machine,
    /// This file.
    File(PathBuf),
}

/// Whether a path names a file of the journal; those that were not closed end in `~`.
pub fn is_journal(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".journal") || name.ends_with(b".journal~")
}

impl Journal {
    /// Whether this machine's journal holds a line of the kernel that may be read.
    pub fn answers() -> bool {
        let output = Command::new("journalctl")
            .args(["--quiet", "--no-pager", "--boot", "--lines=1", "--output=cat"])
            .arg("_TRANSPORT=kernel")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        output.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
    }

    /// The program's arguments. Without a format that keeps the machine's name, lines of several
    /// machines could not be told apart.
    fn arguments(&self, follow: bool) -> Vec<OsString> {
        let mut all: Vec<OsString> =
            ["--quiet", "--no-pager", "--all", "--output=short-iso-precise"]
                .map(OsString::from)
                .into();
        match self {
            Journal::Machine if follow => {
                all.extend(["--follow", "--lines=0"].map(OsString::from));
            }
            Journal::Machine => all.push("--boot".into()),
            Journal::File(path) => {
                let mut file = OsString::from("--file=");
                file.push(path);
                all.push(file);
            }
        }
        all.push("_TRANSPORT=kernel".into());
        for program in PROGRAMS {
            all.push("+".into());
            all.push(format!("SYSLOG_IDENTIFIER={program}").into());
        }
        all
    }

    pub(crate) fn start(&self, follow: bool) -> Result<Running, LogError> {
        if let Journal::File(path) = self {
            // It says less clearly that there is no such file.
            std::fs::metadata(path).map_err(LogError::Open)?;
        }
        let mut child = Command::new("journalctl")
            .args(self.arguments(follow))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(LogError::NoJournalctl)?;
        let (Some(out), Some(complaints)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(LogError::NoJournalctl(io::ErrorKind::BrokenPipe.into()));
        };
        // Read beside the data, or a program with much to complain of would wait for a reader.
        let complaints = thread::spawn(move || {
            let mut text = Vec::new();
            let mut complaints = complaints;
            let kept = (&mut complaints).take(COMPLAINT).read_to_end(&mut text);
            let rest = io::copy(&mut complaints, &mut io::sink());
            let _ = (kept, rest);
            text
        });
        Ok(Running { child, out, complaints: Some(complaints) })
    }
}

/// A `journalctl` that prints.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) out: ChildStdout,
    complaints: Option<thread::JoinHandle<Vec<u8>>>,
}

impl Running {
    /// What became of it, when its output has ended.
    pub(crate) fn end(mut self, read: u64) -> Result<u64, LogError> {
        let status = self.child.wait().map_err(|source| LogError::Read { read, source })?;
        let said = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        verdict(status, &said, read)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever stops reading early does not want to wait for it.
        if self.complaints.is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn verdict(status: ExitStatus, said: &[u8], read: u64) -> Result<u64, LogError> {
    if status.success() {
        return Ok(read);
    }
    let said = String::from_utf8_lossy(said);
    let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let said = if said.is_empty() { format!("it ended with {status}") } else { said.join("; ") };
    let said = facts::Name::from(said.as_str()).to_string();
    Err(LogError::Journalctl { read, said })
}

pub(crate) fn read(journal: &Journal, piece: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
    let mut running = journal.start(false)?;
    let mut buffer = vec![0; PIECE];
    let mut read = 0u64;
    loop {
        match running.out.read(&mut buffer) {
            Ok(0) => return running.end(read),
            Ok(n) => {
                piece(&buffer[..n]);
                read = read.saturating_add(n as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(LogError::Read { read, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_files_are_known_by_their_names() {
        for name in ["system.journal", "/var/log/journal/x/user-1000@0-1.journal~"] {
            assert!(is_journal(Path::new(name)), "{name}");
        }
        for name in ["journal", "kern.log", "x.journal.gz", "/"] {
            assert!(!is_journal(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn a_file_is_read_whole_and_a_machine_since_its_start() {
        let shown = |journal: Journal, follow| {
            let words = journal.arguments(follow);
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let file = shown(Journal::File("/a b.journal".into()), false);
        assert!(file.contains(&"--file=/a b.journal".to_owned()));
        assert!(!file.contains(&"--boot".to_owned()));
        assert!(shown(Journal::Machine, false).contains(&"--boot".to_owned()));
        let live = shown(Journal::Machine, true);
        assert!(live.contains(&"--follow".to_owned()) && live.contains(&"--lines=0".to_owned()));
    }

    #[test]
    fn what_the_program_complains_of_is_one_line_and_safe() {
        use std::os::unix::process::ExitStatusExt;
        let failed = ExitStatus::from_raw(256);
        let error = verdict(failed, b"No journal files\n\x1b[2J were opened.\n", 7).unwrap_err();
        assert_eq!(error.to_string(), r"journalctl: No journal files; \x1b[2J were opened.");
        assert!(verdict(ExitStatus::from_raw(0), b"a hint", 7).is_ok_and(|read| read == 7));
    }
}
