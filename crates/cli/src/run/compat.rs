//! `oomph compat`: hands files and the surroundings to what prints like smem, pmap and free.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use compat::{Bugs, Call, Host, Machine, ProcFile, ReadSeek};
use facts::Name;
use sources::{Place, Refusal, Source, TaskFile};
use units::Pid;
use views::Charset;

use super::machine;
use crate::args::{CompatArgs, Global, OtherProgram};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(
    args: &CompatArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    if global.json {
        return Err(Failure::new("`compat` prints the text of other programs, not JSON"));
    }
    let OtherProgram::Call(words) = &args.program;
    let (name, words) = words.split_first().map_or((None, &[][..]), |(n, w)| (n.to_str(), w));
    let program = match name {
        Some("smem") => compat::smem,
        Some("pmap") => compat::pmap,
        Some("free") => compat::free,
        _ => {
            let name = Name::from(name.unwrap_or_default());
            let failure = format!("`{name}` is none of the programs smem, pmap and free");
            return Err(Failure::new(failure));
        }
    };
    let words: Vec<String> = words.iter().map(lossy).collect();
    let mut machine = Files::new(machine::open_whole(&global.from, "files")?, &global.from, false);
    let mut host = Surroundings { utf8: out.style().charset == Charset::Utf8 };
    let mut err = io::stderr();
    let mut call = Call {
        machine: &mut machine,
        host: &mut host,
        out: out.stream(),
        err: &mut err,
        bugs: if args.bug_for_bug { Bugs::Kept } else { Bugs::Fixed },
    };
    match program(&words, &mut call) {
        Ok(status) => {
            out.data(b"")?;
            Ok(Outcome::OtherProgram(status))
        }
        // A reader that has gone away has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
        Err(error) => Err(Failure::new("cannot write the output").because(&error)),
    }
}

fn lossy(word: &OsString) -> String {
    word.to_string_lossy().into_owned()
}

/// The files of a source.
struct Files {
    source: Source,
    /// The copy of `/proc`, when it is a directory.
    directory: Option<PathBuf>,
    /// Names of users, when the source has none: this computer's, as the real smem takes them.
    own_users: bool,
    users: Option<Vec<(u32, Vec<u8>)>>,
}

impl Files {
    fn new(source: Source, spec: &str, own_users: bool) -> Files {
        let path = Path::new(spec);
        let inner = path.join("proc");
        let directory = if inner.is_dir() { inner } else { path.to_path_buf() };
        let directory = directory.is_dir().then_some(directory);
        Files { source, directory, own_users, users: None }
    }

    fn users(&mut self) -> &[(u32, Vec<u8>)] {
        if self.users.is_none() {
            let mut text = Vec::new();
            if self.source.tree().read(Place::Users, &mut text).is_err() {
                text.clear();
                if self.own_users && self.directory.is_some() {
                    text = std::fs::read("/etc/passwd").unwrap_or_default();
                }
            }
            let users = proctext::passwd(&text).map(|(uid, name)| (uid, name.to_vec()));
            self.users = Some(users.collect());
        }
        self.users.as_deref().unwrap_or_default()
    }
}

fn error(refusal: Refusal) -> io::Error {
    match refusal {
        Refusal::Absent => io::ErrorKind::NotFound.into(),
        Refusal::Denied => io::ErrorKind::PermissionDenied.into(),
        other => io::Error::other(other.to_string()),
    }
}

impl Machine for Files {
    fn pids(&mut self) -> io::Result<Vec<Pid>> {
        self.source.tree().pids().map_err(error)
    }

    fn read(&mut self, file: ProcFile, piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let place = match file {
            ProcFile::Meminfo => Place::Machine("meminfo"),
            ProcFile::Cmdline(pid) => Place::Task(pid, TaskFile::Cmdline),
            ProcFile::Stat(pid) => Place::Task(pid, TaskFile::Stat),
            ProcFile::Status(pid) => Place::Task(pid, TaskFile::Status),
            ProcFile::Smaps(pid) => Place::Task(pid, TaskFile::Smaps),
            ProcFile::Maps(pid) => Place::Task(pid, TaskFile::Maps),
        };
        self.source.tree().read_pieces(place, piece).map_err(error)
    }

    fn owner(&mut self, pid: Pid) -> Option<u32> {
        match self.source.tree().owner(pid) {
            Ok(owner) => Some(owner.uid),
            // Whoever made the copy owns it; so the real smem shows them.
            Err(Refusal::Absent) => owner_of(&self.directory.as_ref()?.join(pid.to_string())),
            Err(_) => None,
        }
    }

    fn user_name(&mut self, uid: u32) -> Option<Vec<u8>> {
        self.users().iter().find(|(user, _)| *user == uid).map(|(_, name)| name.clone())
    }
}

fn owner_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|meta| meta.uid())
}

/// This computer, around the command.
struct Surroundings {
    utf8: bool,
}

impl Host for Surroundings {
    fn source(&mut self, spec: &str) -> Result<Box<dyn Machine>, String> {
        match sources::open(spec) {
            Ok(source) => Ok(Box::new(Files::new(source, spec, true))),
            Err(error) => Err(match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            }),
        }
    }

    fn file(&mut self, path: &str) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(File::open(path)?))
    }

    fn home(&self) -> Option<String> {
        env::var("HOME").ok()
    }

    fn columns(&self) -> Option<usize> {
        let stdin = io::stdin();
        let size = stdin.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdin).ok())??;
        Some(usize::from(size.ws_col))
    }

    fn utf8(&self) -> bool {
        self.utf8
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}
