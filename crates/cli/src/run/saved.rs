//! A simulated machine as a capture, which every command that looks at a machine reads (`--from`).

use std::collections::BTreeMap;
use std::path::Path;

use facts::Name;
use sim::TreeFile;
use sources::{About, Options, Owner, Place, Refusal, Tree};
use units::{Bytes, PageSize, Pid};

use crate::failure::Failure;
use crate::output::talk;

/// What a saved machine is, beside its files.
pub(super) struct Saving<'a> {
    /// Where to.
    pub(super) path: &'a Path,
    /// Whether a file that is there is replaced.
    pub(super) force: bool,
    /// Where it comes from, escaped: `simulation of hog.kdl`.
    pub(super) origin: String,
    /// What is kept of each file, and where; all of them as they are.
    pub(super) keep: fn(TreeFile) -> Option<TreeFile>,
}

impl Saving<'_> {
    /// Refuses to replace a file, before anything is done.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if !self.force && self.path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Err(Failure::new(format!("`{}` is there already", self.shown()))
                .hint("`--force` replaces it"));
        }
        Ok(())
    }

    /// A path, safe on a terminal.
    fn shown(&self) -> Name {
        Name::new(self.path.as_os_str().as_encoded_bytes())
    }

    /// Writes the machine as it is now.
    pub(super) fn save(&self, machine: &mut sim::Machine) -> Result<(), Failure> {
        let files = machine
            .tree()
            .map_err(|error| Failure::new("cannot save the machine").because(&error))?;
        let kept = files.into_iter().filter_map(self.keep);
        let mut tree = SimTree {
            manifest: None,
            files: kept.map(|(path, text)| (path.into_bytes(), text)).collect(),
            origin: self.origin.clone(),
        };
        tree.manifest = tree.files.remove(b"oomph/manifest".as_slice());
        let summary = sources::capture_to_file(&mut tree, self.path, Options::default()).map_err(
            |error| {
                let failure = Failure::new(error.to_string());
                match std::error::Error::source(&error) {
                    Some(cause) => failure.because(cause),
                    None => failure,
                }
            },
        )?;
        let processes = match summary.processes {
            1 => "1 process".to_owned(),
            n => format!("{n} processes"),
        };
        talk(format!("{}: {processes}, {}\n", self.shown(), Bytes::new(summary.bytes)));
        Ok(())
    }
}

/// The files of a simulated machine, by their paths in a capture.
struct SimTree {
    /// What the machine says of itself besides, in lines of a name and a value.
    manifest: Option<Vec<u8>>,
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    origin: String,
}

impl SimTree {
    fn said(&self, name: &str) -> Option<Name> {
        let text = String::from_utf8_lossy(self.manifest.as_deref()?);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(Name::new(line.as_bytes()))
    }
}

impl Tree for SimTree {
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut path = Vec::new();
        place.write_path(&mut path);
        buf.clone_from(self.files.get(&path).ok_or(Refusal::Absent)?);
        Ok(())
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        let pid = |path: &Vec<u8>| {
            let text = std::str::from_utf8(path).ok()?;
            text.strip_suffix("/status")?.parse().ok().map(Pid::new)
        };
        let mut pids: Vec<Pid> = self.files.keys().filter_map(pid).collect();
        pids.sort();
        Ok(pids)
    }

    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal> {
        let status = self.files.get(format!("{pid}/status").as_bytes()).ok_or(Refusal::Gone)?;
        let id = |label: &str| number_of(status, label).unwrap_or(0);
        Ok(Owner { uid: id("Uid:"), gid: id("Gid:") })
    }

    fn about(&mut self) -> About {
        About {
            origin: self.origin.clone(),
            live: false,
            complete: true,
            page_size: Some(PageSize::KIB_4),
            user_hz: Some(100),
            machine: self.said("machine"),
            euid: Some(0),
            first_pid_namespace: Some(true),
            memory_mount: self.said("memory_mount"),
            ..About::default()
        }
    }
}

/// The first number behind a label of `status`.
fn number_of(status: &[u8], label: &str) -> Option<u32> {
    let text = String::from_utf8_lossy(status);
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}
