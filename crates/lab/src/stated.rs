//! The machine that a scenario states, as the model takes it.

mod memory;

use facts::{CgroupVersion, OvercommitMode, Release};
use rules::layout;
use scenario::program::Arm;
use scenario::report::MachineRow;
use scenario::{Arch, Problem, Problems, Scenario, Setting, Span, Thp};
use sim::{Huge, Image, MachineConfig, Profile};
use units::{Bytes, PageSize};

/// The kernel whose rules hold when a scenario names none.
const KERNEL: Release = Release::new(6, 18);

/// The machine, the memory that its processes start with, and what the model leaves out of what
/// the scenario states.
///
/// # Errors
/// What the model has no rule for, each with its place in the text.
pub fn build(
    scenario: &Scenario,
    kernel: Option<Release>,
) -> Result<(MachineConfig, Image, Vec<String>), Problems> {
    let spec = &scenario.machine;
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    if !scenario.runs_on.is_empty() && !scenario.runs_on.contains(&Arm::Model) {
        notes.push("this scenario is not meant for the model; it says `runs-on`".to_owned());
    }
    // A boot that is named brings its release and its processors; a mistake in it is told below.
    let stored = memory::stored(spec).ok().flatten();
    let booted = stored.as_ref().map(|stored| stored.release);
    let release = kernel.or(spec.kernel).or(booted).unwrap_or(KERNEL);
    let arch = match spec.arch.unwrap_or(Arch::X86_64) {
        Arch::X86_64 => layout::Arch::X86_64,
        Arch::I386 => layout::Arch::I386,
        Arch::Arm => layout::Arch::Arm,
        Arch::Arm64 => layout::Arch::Arm64,
    };
    if let Some(page) = spec.page.filter(|&page| page != PageSize::KIB_4) {
        let message = format!("the model has pages of 4 KiB alone, not of {}", page.bytes());
        problems.push(Problem::at(Span::default(), message, "in this scenario"));
    }
    let profile = memory::profile(spec, release, arch).unwrap_or_else(|problem| {
        problems.push(problem);
        Profile::default()
    });
    let mut config = MachineConfig::with_memory(release, arch, profile);
    config.huge = match spec.thp.unwrap_or(Thp::Never) {
        Thp::Always => Huge::Always,
        Thp::Madvise => Huge::Madvise,
        Thp::Never => Huge::Never,
    };
    config.cpus = spec.cpus.or(stored.map(|stored| stored.cpus)).unwrap_or(1);
    match spec.cgroup_version {
        Some(1) => config.cgroups = CgroupVersion::V1,
        Some(_) => config.cgroups = CgroupVersion::V2,
        None => {}
    }
    for setting in &spec.sysctls {
        if let Err(problem) = set(&mut config, setting) {
            problems.push(problem);
        }
    }
    // What `kernel.randomize_va_space` says is written when the machine is arranged.
    config.aslr_seed = Some(scenario.seed);
    if spec.random_layout {
        config.randomize_va_space = 2;
    }
    if spec.layout.is_some() {
        config.aslr_seed = None;
        if spec.random_layout {
            notes.push("a stated layout stays where it is, in spite of `random-layout`".to_owned());
        }
    }
    let image = match &spec.layout {
        None => Image::tiny(release, arch),
        Some(layout) => match Image::parse(layout.text.as_bytes()) {
            Ok(image) => image,
            Err(error) => {
                let message = format!("this is no address space: {error}");
                problems.push(Problem::at(layout.span, message, "lines of /proc/PID/maps"));
                Image::default()
            }
        },
    };
    if problems.is_empty() {
        Ok((config, image, notes))
    } else {
        Err(Problems::in_source(scenario.source.clone(), problems))
    }
}

fn set(config: &mut MachineConfig, setting: &Setting) -> Result<(), Problem> {
    let number = || {
        setting.value.replace('_', "").parse::<u64>().map_err(|_| {
            let message = format!("`{}` takes a number, not `{}`", setting.name, setting.value);
            Problem::at(setting.span, message, "no number")
        })
    };
    match setting.name.as_str() {
        "vm.overcommit_memory" => {
            config.overcommit = match number()? {
                0 => OvercommitMode::Heuristic,
                1 => OvercommitMode::Always,
                2 => OvercommitMode::Never,
                other => {
                    let message = format!("there is no overcommit mode {other}");
                    return Err(Problem::at(setting.span, message, "0, 1 or 2"));
                }
            }
        }
        "vm.overcommit_ratio" => config.overcommit_ratio = number()?,
        "vm.overcommit_kbytes" => config.overcommit_kbytes = number()?,
        "vm.admin_reserve_kbytes" => config.admin_reserve_kbytes = number()?,
        "vm.user_reserve_kbytes" => config.user_reserve_kbytes = number()?,
        "vm.max_map_count" => config.max_map_count = number()?,
        "vm.mmap_min_addr" => config.mmap_min_addr = number()?,
        "vm.legacy_va_layout" => config.legacy_layout = number()? != 0,
        // The rest is written to the machine when it is arranged.
        _ => {}
    }
    Ok(())
}

/// The machine as a line of the report.
pub fn row(config: &MachineConfig) -> MachineRow {
    let bytes = |pages: u64| Bytes::new(pages.saturating_mul(PageSize::KIB_4.bytes()));
    MachineRow {
        arch: match config.arch {
            layout::Arch::X86_64 => "x86-64",
            layout::Arch::I386 => "i386",
            layout::Arch::Ia32 => "ia32",
            layout::Arch::Arm => "arm",
            layout::Arch::Arm64 => "arm64",
        }
        .to_owned(),
        kernel: config.release.to_string(),
        ram: bytes(config.ram),
        swap: bytes(config.swap),
    }
}
