//! A machine in a directory, and calls of the programs about it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oomph_compat::{Bugs, Call, Host, Machine, ProcFile, ReadSeek};
use units::Pid;

/// A directory shaped like `/proc`, or that itself.
pub(crate) struct Directory {
    proc: PathBuf,
    /// Owners that a checkout cannot keep; none means those of the directories.
    owners: Option<HashMap<u32, u32>>,
    users: HashMap<u32, Vec<u8>>,
}

impl Directory {
    /// One of the machines in `tests/data/compat`.
    pub(crate) fn stored(tree: &str) -> io::Result<Directory> {
        let tree = data().join(tree);
        let owners = fs::read_to_string(tree.join("owners"))?;
        let owners = owners.lines().map(|line| {
            let (pid, uid) = line.split_once(' ').expect("PID UID");
            (pid.parse().expect("a pid"), uid.parse().expect("a uid"))
        });
        Ok(Directory {
            proc: tree.join("proc"),
            owners: Some(owners.collect()),
            users: users(&fs::read(data().join("passwd"))?),
        })
    }

    /// The running machine.
    #[allow(dead_code, reason = "not every test that shares this module looks at it")]
    pub(crate) fn live() -> Directory {
        let passwd = fs::read("/etc/passwd").unwrap_or_default();
        Directory { proc: "/proc".into(), owners: None, users: users(&passwd) }
    }
}

fn users(passwd: &[u8]) -> HashMap<u32, Vec<u8>> {
    let lines = passwd.split(|&b| b == b'\n').filter_map(|line| {
        let mut fields = line.split(|&b| b == b':');
        let name = fields.next()?;
        let uid = std::str::from_utf8(fields.nth(1)?).ok()?;
        Some((uid.parse().ok()?, name.to_vec()))
    });
    // The first line of a user id names it.
    let mut users = HashMap::new();
    for (uid, name) in lines {
        users.entry(uid).or_insert(name);
    }
    users
}

impl Machine for Directory {
    fn pids(&mut self) -> io::Result<Vec<Pid>> {
        let mut pids = Vec::new();
        for entry in fs::read_dir(&self.proc)? {
            if let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                pids.push(Pid::new(pid));
            }
        }
        Ok(pids)
    }

    fn read(&mut self, file: ProcFile, piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let path = match file {
            ProcFile::Meminfo => "meminfo".to_owned(),
            ProcFile::Cmdline(pid) => format!("{pid}/cmdline"),
            ProcFile::Stat(pid) => format!("{pid}/stat"),
            ProcFile::Status(pid) => format!("{pid}/status"),
            ProcFile::Maps(pid) => format!("{pid}/maps"),
            ProcFile::Smaps(pid) => format!("{pid}/smaps"),
        };
        let mut file = File::open(self.proc.join(path))?;
        let mut buf = [0; 4096];
        loop {
            match file.read(&mut buf)? {
                0 => return Ok(()),
                len => piece(&buf[..len]),
            }
        }
    }

    fn owner(&mut self, pid: Pid) -> Option<u32> {
        match &self.owners {
            Some(owners) => owners.get(&pid.get()).copied(),
            None => fs::metadata(self.proc.join(pid.to_string())).ok().map(|meta| meta.uid()),
        }
    }

    fn user_name(&mut self, uid: u32) -> Option<Vec<u8>> {
        self.users.get(&uid).cloned()
    }
}

struct TestHost {
    utf8: bool,
}

impl Host for TestHost {
    fn source(&mut self, spec: &str) -> Result<Box<dyn Machine>, String> {
        match Directory::stored(spec) {
            Ok(machine) => Ok(Box::new(machine)),
            Err(error) => Err(format!("{spec}: {error}")),
        }
    }

    fn file(&mut self, path: &str) -> io::Result<Box<dyn ReadSeek>> {
        let path = if path == "HOME/.pmaprc" { "pmaprc" } else { path };
        Ok(Box::new(File::open(data().join(path))?))
    }

    fn home(&self) -> Option<String> {
        Some("HOME".to_owned())
    }

    fn columns(&self) -> Option<usize> {
        None
    }

    fn utf8(&self) -> bool {
        self.utf8
    }

    fn sleep(&mut self, _: Duration) {}
}

/// What a program printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) status: u8,
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
}

/// Runs one of our programs.
pub(crate) fn run(
    program: &str,
    args: &[String],
    utf8: bool,
    machine: &mut Directory,
    bugs: Bugs,
) -> Printed {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut host = TestHost { utf8 };
    let mut call = Call { machine, host: &mut host, out: &mut out, err: &mut err, bugs };
    let status = match program {
        "smem" => oomph_compat::smem(args, &mut call),
        "pmap" => oomph_compat::pmap(args, &mut call),
        "free" => oomph_compat::free(args, &mut call),
        other => panic!("no program is called {other}"),
    };
    Printed { status: status.expect("a vector can be written to"), out, err }
}

pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/compat")
}
