//! `cargo xtask golden`: what the real smem, pmap and free print about the machines in
//! `tests/data/compat`, for `crates/compat` to be compared with.
//!
//! The real programs read `/proc` and `/etc/passwd` and nothing else. So they run in a mount
//! namespace of their own, where copies of ours lie over these, with the owners that a checkout
//! cannot keep. That needs root; the results are kept, so that only who changes them needs it.

mod cases;

use crate::{Stop, needs, repository};
use needs::Need;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NEEDS: &[Need] = &[
    Need { program: "smem", package: "smem", why: "its output is kept" },
    Need { program: "pmap", package: "procps", why: "its output is kept" },
    Need {
        program: "unshare",
        package: "util-linux",
        why: "puts a stored /proc over the live one",
    },
    Need { program: "size", package: "binutils", why: "smem -K asks it" },
];

/// The releases that `crates/compat` follows.
const PROCPS: &str = "procps-ng 4.0.2";

/// Writes the golden files anew.
pub(crate) fn run() -> Result<bool, Stop> {
    if !needs::is_root() {
        return Err("golden output is made in a mount namespace: run this as root".to_owned());
    }
    if let Some(need) = needs::provide(NEEDS).first() {
        return Err(format!("{} is missing (package {})", need.program, need.package));
    }
    let version = Command::new("pmap").arg("-V").output().map_err(|err| err.to_string())?;
    if !String::from_utf8_lossy(&version.stdout).contains(PROCPS) {
        return Err(format!("pmap is not of {PROCPS}, which the crate follows"));
    }
    let data = repository::root().join("tests/data/compat");
    let work = repository::target().join("golden");
    let _ = fs::remove_dir_all(&work);
    copy(&data, &work)?;
    fs::create_dir_all(work.join("home")).map_err(io(&work))?;
    fs::copy(data.join("pmaprc"), work.join("home/.pmaprc")).map_err(io(&work))?;
    fs::create_dir_all(data.join("golden")).map_err(io(&data))?;
    for tree in ["tame", "hostile"] {
        give_owners(&work.join(tree))?;
        for (program, cases) in cases::all(tree) {
            let golden = record(&work, tree, &cases)?;
            let path = data.join(format!("golden/{tree}-{program}"));
            fs::write(&path, golden).map_err(io(&path))?;
            println!("{}: {} outputs", path.display(), cases.len());
        }
    }
    Ok(true)
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> Stop {
    let path = path.display().to_string();
    move |err| format!("{path}: {err}")
}

fn copy(from: &Path, to: &Path) -> Result<(), Stop> {
    fs::create_dir_all(to).map_err(io(to))?;
    for entry in fs::read_dir(from).map_err(io(from))? {
        let entry = entry.map_err(io(from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(io(&from))?;
        }
    }
    Ok(())
}

/// Gives the directories of processes the owners that the file `owners` names.
fn give_owners(tree: &Path) -> Result<(), Stop> {
    let path = tree.join("owners");
    let owners = fs::read_to_string(&path).map_err(io(&path))?;
    for line in owners.lines() {
        let (pid, uid) = line.split_once(' ').ok_or("a line of `owners` is not `PID UID`")?;
        let uid = uid.parse().map_err(|err| format!("owner of {pid}: {err}"))?;
        let dir = tree.join("proc").join(pid);
        chown(&dir, Some(uid), None).map_err(io(&dir))?;
    }
    Ok(())
}

/// Runs each command and keeps its standard output and its exit status.
fn record(work: &Path, tree: &str, cases: &[String]) -> Result<Vec<u8>, Stop> {
    let out = work.join("out");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).map_err(io(&out))?;
    let mut script = format!(
        "set -e; mount --bind passwd /etc/passwd; mount --bind {tree}/proc /proc; set +e\n\
         export HOME=\"$PWD/home\" LC_ALL=C.UTF-8\n"
    );
    for (number, case) in cases.iter().enumerate() {
        let _ = writeln!(
            script,
            "{case} >out/{number} 2>out/{number}.err; echo $? >out/{number}.status"
        );
    }
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .current_dir(work)
        .stdin(Stdio::null())
        .status()
        .map_err(|err| format!("cannot start unshare: {err}"))?;
    if !status.success() {
        return Err(format!("the namespace for {tree} ended with {status}"));
    }
    let mut golden = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let file = |suffix: &str| -> PathBuf { out.join(format!("{number}{suffix}")) };
        let text = fs::read(file("")).map_err(io(&out))?;
        let status = fs::read_to_string(file(".status")).map_err(io(&out))?;
        let head = format!("$ {case}\n# exit {}, {} bytes\n", status.trim(), text.len());
        golden.extend_from_slice(head.as_bytes());
        golden.extend_from_slice(&text);
        golden.push(b'\n');
    }
    Ok(golden)
}
