//! `cargo xtask capture-vm`: other kernels, captured at rest and then driven out of memory.
//!
//! Each machine of [`machines::ALL`] boots a Debian kernel in QEMU, starts processes of assorted
//! sizes, adjustments and users that then hold still, captures itself, and starts a hog in the same
//! boot. What comes out is one folder of `tests/data/captures`:
//!
//! * `capture.tar`: what `oomph capture` would write, with the kernel's own `oom_score` of each
//!   process, its watermarks, `CommitLimit` and `MemAvailable`;
//! * `truth`: how many bytes the hog had touched when the kernel killed, and whom;
//! * `kill.log`: the kernel's report of that kill;
//! * `README.md`: how it was made.

pub(crate) mod fence;
mod machines;
mod qemu;
mod truth;

use crate::{Stop, needs, repository};
use lab::vm::cpio::Cpio;
use lab::vm::debian::{Arch, Archive, Kernel, Progress};
use lab::vm::modules::{self, Module};
use machines::{Cgroup, Machine};
use std::fs;
use std::path::{Path, PathBuf};

const INIT: &[u8] = include_bytes!("guest/init.sh");
const HOLDER: &[u8] = include_bytes!("guest/holder.sh");
const CAPTURE: &[u8] = include_bytes!("guest/capture.sh");
const HOG: &[u8] = include_bytes!("guest/hog.sh");

const PASSWD: &str = "\
root:x:0:0:root:/:/bin/sh
daemon:x:1:1:daemon:/:/bin/sh
www:x:1001:1001:www:/:/bin/sh
db:x:1002:1002:db:/:/bin/sh
cache:x:1003:1003:cache:/:/bin/sh
";

/// Captures the machines that `args` name: `--kernel SERIES`, names, or nothing for all.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let chosen = choose(args)?;
    for machine in &chosen {
        let absent = needs::provide(&[qemu::need(machine.arch)]);
        if let Some(need) = absent.first() {
            return Err(format!("{} is missing, package {}", need.program, need.package));
        }
    }
    let cache = repository::target().join("vm");
    for machine in chosen {
        println!("== {}", machine.name);
        capture(machine, &cache).map_err(|stop| format!("{}: {stop}", machine.name))?;
    }
    Ok(true)
}

fn choose(args: &[String]) -> Result<Vec<&'static Machine>, Stop> {
    let mut chosen: Vec<&Machine> = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let before = chosen.len();
        if arg == "--kernel" {
            let series = args.next().ok_or("--kernel needs a series, as in `--kernel 6.1`")?;
            chosen.extend(machines::ALL.iter().filter(|machine| machine.kernel == series));
        } else {
            chosen.extend(machines::ALL.iter().filter(|machine| machine.name == arg));
        }
        if chosen.len() == before {
            let names: Vec<_> = machines::ALL.iter().map(|machine| machine.name).collect();
            return Err(format!("no machine fits `{arg}`; there are {}", names.join(", ")));
        }
    }
    Ok(if chosen.is_empty() { machines::ALL.iter().collect() } else { chosen })
}

fn capture(machine: &Machine, cache: &Path) -> Result<(), Stop> {
    let archive = Archive::new(machine.arch, &lab::vm::debian::cache().map_err(stop)?);
    let kernel = archive.kernel(machine.kernel, &mut told()).map_err(stop)?;
    let initial = initial_files(machine, &archive, &kernel, cache)?;
    let scratch = qemu::Scratch::new(cache)?;
    let booted = qemu::boot(machine, &kernel.image, &initial, &scratch, qemu::LIMIT);
    let console = String::from_utf8_lossy(&scratch.read("console")?).into_owned();
    let outcome = booted.and_then(|()| {
        let text = |name| Ok::<_, Stop>(String::from_utf8_lossy(&scratch.read(name)?).into_owned());
        truth::Outcome::read(machine.arch, scratch.read("capture")?, &text("truth")?, &text("log")?)
    });
    match outcome {
        Ok(outcome) => {
            let folder = repository::root().join("tests/data/captures").join(machine.name);
            outcome.write(&folder, machine, &kernel.package)?;
            println!("{}", outcome.summary());
            Ok(())
        }
        Err(stop) => {
            show_end_of(&console);
            Err(stop)
        }
    }
}

fn show_end_of(console: &str) {
    let lines: Vec<_> = console.lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(25)) {
        println!("console: {line}");
    }
}

fn initial_files(
    machine: &Machine,
    archive: &Archive,
    kernel: &Kernel,
    cache: &Path,
) -> Result<Vec<u8>, Stop> {
    let zram: &[&str] = if machine.zram_mib > 0 { &["zram"] } else { &[] };
    let (mut cpio, modules) = system(archive, kernel, zram)?;
    cpio.program("init", INIT);
    cpio.program("lib/holder", HOLDER);
    match machine.arch {
        Arch::Amd64 => {
            cpio.program("lib/hog", &read(&build(cache, "xtask", "hog")?)?);
            cpio.program("bin/oomph", &read(&build(cache, "oomph", "oomph")?)?);
        }
        Arch::I386 => {
            cpio.program("lib/hog", HOG);
            cpio.program("lib/capture", CAPTURE);
        }
    }
    cpio.file("params", parameters(machine, &modules).as_bytes());
    Ok(cpio.finish())
}

/// What every machine has: a shell, users, and modules for disks and more; these in the order in which they
/// are loaded.
fn system(archive: &Archive, kernel: &Kernel, more: &[&str]) -> Result<(Cpio, Vec<Module>), Stop> {
    let wanted = [&["virtio_pci", "virtio_blk", "crc32c_generic", "ext4"], more].concat();
    let folder = kernel.modules.as_deref().unwrap_or(Path::new(""));
    let modules = modules::in_order(folder, &wanted).map_err(stop)?;
    let busybox = archive.package("busybox-static", &mut told()).map_err(stop)?.join("bin/busybox");
    let mut cpio = Cpio::default();
    for directory in ["bin", "dev", "etc", "lib", "mnt", "modules", "proc", "run", "sys", "tmp"] {
        cpio.directory(directory);
    }
    cpio.program("bin/busybox", &read(&busybox)?);
    cpio.link("bin/sh", "busybox");
    cpio.file("etc/passwd", PASSWD.as_bytes());
    for (name, content) in &modules {
        cpio.file(&format!("modules/{name}"), content);
    }
    Ok((cpio, modules))
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    fs::read(path).map_err(|err| format!("cannot read {}: {err}", path.display()))
}

fn stop(error: world::WorldError) -> Stop {
    error.0
}

/// Says once what is being done.
fn told() -> impl FnMut(&Progress) {
    let mut last = String::new();
    move |progress| {
        let words = match progress {
            Progress::Lists => "fetching Debian's lists".to_owned(),
            Progress::Fetching { package, .. } => format!("fetching {package}"),
            Progress::Unpacking(package) => format!("unpacking {package}"),
        };
        if words != last {
            println!("{words}");
            last = words;
        }
    }
}

/// What differs between the machines, as variables of the shell.
fn parameters(machine: &Machine, modules: &[Module]) -> String {
    let names: Vec<_> = modules.iter().map(|(name, _)| name.as_str()).collect();
    let yes = |yes| if yes { "yes" } else { "no" };
    format!(
        "MODULES='{}'\nSETTINGS='{}'\nFILE_KIB={}\nSWAP={}\nZRAM_KIB={}\nHUGE_KIB={}\nSACRIFICE={}\nCGROUP={}\nUNIT={}\n\
         CAPTURE='{}'\n",
        names.join(" "),
        machine.settings.join(" "),
        machine.file_mib * 1024,
        yes(machine.swap_mib > 0),
        machine.zram_mib * 1024,
        machine.huge_mib * 1024,
        yes(machine.sacrifice),
        match machine.cgroup {
            Cgroup::None => 0,
            Cgroup::V1 => 1,
            Cgroup::V2 => 2,
        },
        // The processes grow with the machine, but a quarter as fast: a shell fills their memory.
        1024 + machine.memory_mib.saturating_sub(256) / 4,
        match machine.arch {
            Arch::Amd64 if machine.smaps => "oomph capture -",
            Arch::Amd64 => "oomph capture --light -",
            Arch::I386 => "sh /lib/capture i686",
        },
    )
}

/// Builds a program of ours for the machines: static, for they have no libraries.
fn build(cache: &Path, package: &str, program: &str) -> Result<PathBuf, Stop> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let dir = cache.join("build");
    let status = repository::cargo()
        .args(["build", "--quiet", "--release", "--target", TARGET])
        .args(["--package", package, "--bin", program])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_TARGET_DIR", &dir)
        .status()
        .map_err(|err| format!("cannot start cargo: {err}"))?;
    if !status.success() {
        return Err(format!("{program} could not be built"));
    }
    Ok(dir.join(TARGET).join("release").join(program))
}
