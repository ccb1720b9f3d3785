//! The simulated machine as a capture.

use std::collections::BTreeMap;
use std::path::Path;

use facts::Name;
use scenario::Scenario;
use scenario::run::Finish;
use sources::{About, Options, Owner, Place, Refusal, Tree};
use units::{Bytes, PageSize, Pid};
use world::World;

use super::shown;
use crate::failure::Failure;
use crate::output::talk;

/// Writes the machine as it is at the end of a run.
pub(super) fn save(
    path: &Path,
    scenario: &Scenario,
    machine: &mut sim::Machine,
    finish: &Finish,
) -> Result<(), Failure> {
    let mut tree = tree(scenario, machine, finish)
        .map_err(|error| Failure::new("cannot save the machine").because(&error))?;
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
    talk(format!("{}: {processes}, {}\n", shown(path), Bytes::new(summary.bytes)));
    Ok(())
}

/// The files of the simulated machine, by their paths in a capture.
struct SimTree {
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    owners: BTreeMap<Pid, u32>,
    origin: String,
    arch: &'static str,
}

fn tree(
    scenario: &Scenario,
    machine: &mut sim::Machine,
    finish: &Finish,
) -> Result<SimTree, world::WorldError> {
    let release = machine.config().release;
    let arch = match machine.config().arch {
        rules::layout::Arch::X86_64 | rules::layout::Arch::Ia32 => "x86_64",
        rules::layout::Arch::I386 => "i686",
        rules::layout::Arch::Arm => "armv7l",
        rules::layout::Arch::Arm64 => "aarch64",
    };
    let mut tree = SimTree {
        files: BTreeMap::new(),
        owners: BTreeMap::new(),
        origin: format!("simulation of {}", Name::new(scenario.source.name().as_bytes())),
        arch,
    };
    tree.put("version", format!("Linux version {release} (oomph simulate)\n"));
    tree.put("sys/kernel/osrelease", format!("{release}\n"));
    let config = machine.config();
    let mode = match config.overcommit {
        facts::OvercommitMode::Heuristic => 0,
        facts::OvercommitMode::Always => 1,
        facts::OvercommitMode::Never => 2,
    };
    for (name, value) in [
        ("overcommit_memory", mode),
        ("overcommit_ratio", config.overcommit_ratio),
        ("overcommit_kbytes", config.overcommit_kbytes),
        ("admin_reserve_kbytes", config.admin_reserve_kbytes),
        ("user_reserve_kbytes", config.user_reserve_kbytes),
        ("max_map_count", config.max_map_count),
    ] {
        tree.put(&format!("sys/vm/{name}"), format!("{value}\n"));
    }
    tree.put("uptime", format!("{}.00 0.00\n", finish.time / 1_000_000_000));
    let mut machine_files = Vec::new();
    for process in &finish.processes {
        let pid = Pid::new(machine.pid(process.id));
        // A thread is no process of its own, though it has an id.
        let Some(seen) = &process.observation else { continue };
        let status = seen.status.as_deref().unwrap_or_default();
        if number_of(status, "Tgid:").is_some_and(|tgid| tgid != u64::from(pid.get())) {
            continue;
        }
        if let Some(uid) = number_of(status, "Uid:").and_then(|uid| u32::try_from(uid).ok()) {
            tree.owners.insert(pid, uid);
        }
        tree.owners.entry(pid).or_insert(0);
        for (name, text) in [
            ("stat", &seen.stat),
            ("status", &seen.status),
            ("statm", &seen.statm),
            ("smaps", &seen.smaps),
            ("smaps_rollup", &seen.smaps_rollup),
            ("maps", &seen.maps),
            ("oom_score", &seen.oom_score),
        ] {
            if let Some(text) = text {
                tree.files.insert(format!("{pid}/{name}").into_bytes(), text.clone());
            }
        }
        let name = scenario.names.get(process.name.0).map_or("", String::as_str);
        tree.put(&format!("{pid}/cmdline"), format!("{name}\0"));
        tree.put(&format!("{pid}/cgroup"), "0::/\n".to_owned());
        if let Some(start) = scenario.starts.iter().find(|start| start.spec.name == name) {
            tree.put(&format!("{pid}/oom_score_adj"), format!("{}\n", start.spec.adj));
        }
        machine_files.clone_from(&seen.machine);
    }
    if machine_files.is_empty()
        && let Some(process) = finish.processes.first()
    {
        machine_files = machine.observe(process.id)?.machine;
    }
    for (name, text) in machine_files {
        tree.files.insert(name.into_bytes(), text);
    }
    Ok(tree)
}

/// The first number behind a label of `status`.
fn number_of(status: &[u8], label: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(status);
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

impl SimTree {
    fn put(&mut self, path: &str, text: String) {
        self.files.insert(path.as_bytes().to_vec(), text.into_bytes());
    }
}

impl Tree for SimTree {
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut path = Vec::new();
        place.write_path(&mut path);
        let text = self.files.get(&path).ok_or(Refusal::Absent)?;
        buf.clone_from(text);
        Ok(())
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        Ok(self.owners.keys().copied().collect())
    }

    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal> {
        let uid = *self.owners.get(&pid).ok_or(Refusal::Gone)?;
        Ok(Owner { uid, gid: uid })
    }

    fn about(&mut self) -> About {
        About {
            origin: self.origin.clone(),
            live: false,
            complete: true,
            page_size: Some(PageSize::KIB_4),
            user_hz: Some(100),
            machine: Some(Name::new(self.arch.as_bytes())),
            euid: Some(0),
            first_pid_namespace: Some(true),
            ..About::default()
        }
    }
}
