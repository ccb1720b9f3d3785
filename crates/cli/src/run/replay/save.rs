//! The simulated machine as a capture.

use std::collections::BTreeMap;
use std::path::Path;

use facts::Name;
use sources::{About, Options, Owner, Place, Refusal, Tree};
use strace::Played;
use units::{Bytes, PageSize, Pid};

use crate::failure::Failure;
use crate::output::talk;

/// Writes the machine as it is after the line that was played last.
pub(super) fn save(
    path: &Path,
    force: bool,
    log: &Name,
    played: &mut Played,
) -> Result<(), Failure> {
    let shown = Name::new(path.as_os_str().as_encoded_bytes());
    if !force && path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return Err(
            Failure::new(format!("`{shown}` is there already")).hint("`--force` replaces it")
        );
    }
    let files = played
        .machine
        .tree()
        .map_err(|error| Failure::new("the simulated machine stopped").because(&error))?;
    let mut tree = SimTree {
        files: files.into_iter().filter_map(known).collect(),
        origin: format!("replay of {log}"),
    };
    let summary =
        sources::capture_to_file(&mut tree, path, Options::default()).map_err(|error| {
            let failure = Failure::new(error.to_string());
            match std::error::Error::source(&error) {
                Some(cause) => failure.because(cause),
                None => failure,
            }
        })?;
    let processes = match summary.processes {
        1 => "1 process".to_owned(),
        n => format!("{n} processes"),
    };
    talk(format!("{shown}: {processes}, {}\n", Bytes::new(summary.bytes)));
    Ok(())
}

/// What a log of calls tells of: mappings, and no page that was touched, no RAM, no swap.
fn known((path, text): (String, Vec<u8>)) -> Option<(Vec<u8>, Vec<u8>)> {
    let file = path.rsplit('/').next().unwrap_or(&path);
    let text = match file {
        "version" | "cmdline" => text,
        // Up to the size of the address space: what is resident follows.
        "stat" => {
            let text = String::from_utf8_lossy(&text);
            let cut = text.split_inclusive(' ').take(23).collect::<String>();
            format!("{}\n", cut.trim_end()).into_bytes()
        }
        // Mappings without sizes.
        "maps" => return Some((path.replace("/maps", "/smaps").into_bytes(), text)),
        "status" => {
            let text = String::from_utf8_lossy(&text);
            let pages = ["VmHWM:", "VmRSS:", "Rss", "VmPTE:", "VmSwap:"];
            let known = |line: &&str| !pages.iter().any(|label| line.starts_with(label));
            text.lines().filter(known).fold(Vec::new(), |mut out, line| {
                out.extend_from_slice(line.as_bytes());
                out.push(b'\n');
                out
            })
        }
        _ => return None,
    };
    Some((path.into_bytes(), text))
}

/// The files of the simulated machine, by their paths below `/proc`.
struct SimTree {
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    origin: String,
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
        let known = self.files.contains_key(format!("{pid}/status").as_bytes());
        if known { Ok(Owner { uid: 1000, gid: 1000 }) } else { Err(Refusal::Gone) }
    }

    fn about(&mut self) -> About {
        About {
            origin: self.origin.clone(),
            live: false,
            complete: true,
            page_size: Some(PageSize::KIB_4),
            user_hz: Some(100),
            euid: Some(0),
            first_pid_namespace: Some(true),
            ..About::default()
        }
    }
}
