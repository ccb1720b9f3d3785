//! `cargo xtask boot-profiles`: what kernels have made of RAM of several sizes by the time that a
//! program can start, measured on real boots, for the model's `Profile`.
//!
//! Each machine is booted in QEMU by the lab, with nothing in it but its init and the actor; what is
//! written is what the lab gives the model when the two are compared. The machines are the same each
//! time; free memory varies by some pages from boot to boot.

use std::fmt::Write as _;
use std::fs;

use lab::vm::debian::{Arch, Archive, cache};
use lab::vm::{Boot, CgroupVersion, VmWorld, measure as measure_machine, write_profile};
use world::{Limits, ProcessSpec};

use crate::{Stop, repository};

/// Kernels, by their series.
const SERIES: [&str; 2] = ["6.1", "6.12"];
/// Sizes of RAM, in MiB.
const SIZES: [u64; 6] = [128, 256, 512, 1024, 2048, 4096];
/// Numbers of processors.
const CPUS: [u32; 2] = [1, 2];

/// Measures all machines, or those of the series that `args` name, and writes a file for each series.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let folder = repository::root().join("crates/sim/data/profiles");
    fs::create_dir_all(&folder)
        .map_err(|err| format!("cannot create {}: {err}", folder.display()))?;
    for series in SERIES {
        if !args.is_empty() && !args.iter().any(|arg| arg == series) {
            continue;
        }
        let text = measure(series)?;
        let path = folder.join(format!("debian-{series}-x86-64.txt"));
        fs::write(&path, text).map_err(|err| format!("cannot write {}: {err}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(true)
}

fn measure(series: &str) -> Result<String, Stop> {
    let cache = cache().map_err(|error| error.0)?;
    let kernel = Archive::new(Arch::Amd64, &cache).kernel(series, &mut |_| {});
    let kernel = kernel.map_err(|error| error.0)?;
    let mut text = format!(
        "# What {} has made of its RAM when the first program can start, in pages of 4 KiB.\n\
         # Made by `cargo xtask boot-profiles {series}`: QEMU's `pc` without devices, huge pages never.\n",
        kernel.package
    );
    for mib in SIZES {
        for cpus in CPUS {
            let boot = Boot {
                kernel: kernel.image.clone(),
                nodes: vec![mib << 20],
                cpus,
                disks: Vec::new(),
                modules: Vec::new(),
                parameters: vec!["transparent_hugepage=never".to_owned()],
                cgroups: CgroupVersion::V2,
            };
            let name = format!("{series}-{mib}m-{cpus}cpu");
            println!("{name}");
            let measured = VmWorld::boot(&boot)
                .and_then(|mut world| measure_machine(&mut world, &spec()))
                .map_err(|error| format!("{name}: {error}"))?;
            let profile = measured.config.physical.ok_or_else(|| format!("{name}: no memory"))?;
            let _ = write!(text, "\n{}", write_profile(&name, &profile));
        }
    }
    Ok(text)
}

fn spec() -> ProcessSpec {
    ProcessSpec {
        name: "probe".to_owned(),
        uid: 1000,
        nice: 0,
        adj: units::ScoreAdj::default(),
        limits: Limits::default(),
        cgroup: None,
    }
}
