//! One boot of one machine in QEMU, under software emulation.

use lab::vm::debian::Arch;

use super::machines::Machine;
use crate::{Stop, needs};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A boot that takes longer hangs. The slowest here takes half a minute on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(240);

/// What a machine said on each of its serial ports, and a place for its disks.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    pub(super) fn new(cache: &Path) -> Result<Scratch, Stop> {
        let dir = cache.join(format!("boot-{}", std::process::id()));
        fs::create_dir_all(&dir)
            .map_err(|err| format!("cannot create {}: {err}", dir.display()))?;
        Ok(Scratch { dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, Stop> {
        let path = self.path(name);
        fs::read(&path).map_err(|err| format!("cannot read {}: {err}", path.display()))
    }

    fn disk(&self, name: &str, mib: u32) -> Result<PathBuf, Stop> {
        let path = self.path(name);
        File::create(&path)
            .and_then(|file| file.set_len(u64::from(mib) << 20))
            .map_err(|err| format!("cannot create {}: {err}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// QEMU, ended with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The emulator for an architecture, and the package it is in.
pub(super) fn need(arch: Arch) -> needs::Need {
    let program = match arch {
        Arch::Amd64 => "qemu-system-x86_64",
        Arch::I386 => "qemu-system-i386",
    };
    needs::Need { program, package: "qemu-system-x86", why: "it boots the machines to be captured" }
}

/// Boots `machine` and waits, for so long at most, until it has powered itself off. Its serial ports are the files
/// `console`, `capture`, `truth` and `log` of the scratch directory.
pub(super) fn boot(
    machine: &Machine,
    kernel: &Path,
    initial: &[u8],
    scratch: &Scratch,
    limit: Duration,
) -> Result<(), Stop> {
    let initrd = scratch.path("initrd");
    fs::write(&initrd, initial)
        .map_err(|err| format!("cannot write {}: {err}", initrd.display()))?;
    let mut qemu = Command::new(need(machine.arch).program);
    qemu.args([
        "-accel",
        "tcg",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
    ])
    .args(["-m", &machine.memory_mib.to_string()])
    .arg("-kernel")
    .arg(kernel)
    .arg("-initrd")
    .arg(&initrd)
    .args(["-append", "console=ttyS0 panic=-1 loglevel=4 printk.time=1 log_buf_len=1M"]);
    if machine.two_nodes {
        let half = machine.memory_mib / 2;
        for node in 0..2 {
            qemu.args(["-object", &format!("memory-backend-ram,size={half}M,id=ram{node}")]);
            let cpus = if node == 0 { ",cpus=0" } else { "" };
            qemu.args(["-numa", &format!("node,nodeid={node}{cpus},memdev=ram{node}")]);
        }
    }
    for port in ["console", "capture", "truth", "log"] {
        qemu.args(["-serial", &format!("file:{}", scratch.path(port).display())]);
    }
    for (name, mib) in [("files", machine.file_mib.max(1) + 16), ("swap", machine.swap_mib.max(1))]
    {
        let disk = scratch.disk(name, mib)?;
        qemu.args(["-drive", &format!("file={},if=virtio,format=raw", disk.display())]);
    }
    qemu.stdin(Stdio::null());
    let child = qemu.spawn().map_err(|err| format!("cannot start QEMU: {err}"))?;
    let mut running = Running(child);
    let start = Instant::now();
    loop {
        match running.0.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("QEMU failed: {status}")),
            Ok(None) if start.elapsed() > limit => {
                return Err(format!("the machine did not end within {} s", limit.as_secs()));
            }
            Ok(None) => thread::sleep(Duration::from_millis(50)),
            Err(err) => return Err(format!("cannot wait for QEMU: {err}")),
        }
    }
}
