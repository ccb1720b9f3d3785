//! The worlds themselves: each is made, performs the scenario, and has a model that is like it.

use std::path::Path;

use scenario::Scenario;
use scenario::comparison::ComparisonReport;
use scenario::program::Arm;
use sim::Machine;
use units::Bytes;
use world::{ProcessSpec, World, WorldError};

use super::arrived::{Arrived, Machinery, begin, play, played, sampled};
use super::{Plan, report};
use crate::allocator::About;
use crate::recording::{Recorded, Recorder, Recording};
use crate::vm::debian::Kernel;
use crate::vm::{Boot, CgroupVersion, Disk, Measured, VmWorld, measure, modules};
use crate::{Booted, FencedWorld, Files, HostConfig, HostModel, HostWorld};

/// On this machine's kernel, and on a model of this machine.
pub(super) fn on_host(
    scenario: &Scenario,
    wants_model: bool,
) -> Result<(Option<Arrived>, Arrived), WorldError> {
    let model = if wants_model { Some(like_this_machine(scenario)?) } else { None };
    let mut real = begin("host".to_owned(), 1, Machinery::Processes);
    let config = HostConfig { files: Files::ALL, ..HostConfig::default() };
    play(scenario, HostWorld::new(config)?, about_here(), Arm::Host, &mut real);
    Ok((model, real))
}

/// What the allocator's model asks about this machine.
fn about_here() -> About {
    About {
        cpus: std::thread::available_parallelism()
            .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(1)),
        never_overcommits: std::fs::read_to_string("/proc/sys/vm/overcommit_memory")
            .is_ok_and(|text| text.trim() == "2"),
    }
}

/// Whether a scenario on this machine's kernel is kept in a cgroup, which may run out of memory.
pub(super) fn is_fenced(scenario: &Scenario) -> bool {
    !scenario.machine.cgroups.is_empty()
}

/// On this machine's kernel, in a cgroup as large as the scenario's machine; and on the model of that
/// machine, with this kernel's rules.
pub(super) fn in_fence(
    scenario: &Scenario,
    plan: &Plan<'_>,
    wants_model: bool,
) -> Result<(Option<Arrived>, Arrived), WorldError> {
    let here = HostModel::measure(&ProcessSpec { cgroup: None, ..first(scenario)? })?;
    let release = here.config().release;
    let cpus = here.config().cpus;
    let mut model = None;
    if wants_model {
        let (mut config, _) = (plan.stated)(Some(release))?;
        config.cpus = cpus;
        config.huge = here.config().huge;
        let mut arrived = begin("model".to_owned(), cpus, Machinery::Fence);
        arrived.row.kernel = Some(release.to_string());
        let machine = Machine::new(config, here.image().clone());
        let about = About::of(&machine);
        play(scenario, machine, about, Arm::Model, &mut arrived);
        model = Some(arrived);
    }
    let mut real = begin("host".to_owned(), cpus, Machinery::Fence);
    real.row.kernel = Some(release.to_string());
    let setup = scenario.machine.setup();
    let ram = scenario.machine.ram.or(scenario.machine.mem_total).map_or(1 << 30, Bytes::get);
    let swap = setup.swap.iter().map(|area| area.len).sum();
    let config = HostConfig { files: Files::ALL, ..HostConfig::default() };
    let first_version = scenario.machine.cgroup_version == Some(1);
    match FencedWorld::new(config, (ram, swap), &setup, first_version) {
        Ok(world) => {
            let about = about_here();
            play(scenario, world, about, Arm::Host, &mut real);
        }
        // What this machine does not have is a result like any other.
        Err(error) => real.row.stopped = Some(error.0),
    }
    Ok((model, real))
}

fn like_this_machine(scenario: &Scenario) -> Result<Arrived, WorldError> {
    let model = HostModel::measure(&first(scenario)?)?;
    let mut arrived = begin("model".to_owned(), model.config().cpus, Machinery::Processes);
    let machine = model.machine();
    let about = About::of(&machine);
    play(scenario, machine, about, Arm::Model, &mut arrived);
    Ok(arrived)
}

/// On a kernel in a virtual machine, and on a model that starts with what that machine has.
pub(super) fn on_machine(
    scenario: &Scenario,
    plan: &Plan<'_>,
    name: &str,
    kernel: &Kernel,
    wants_model: bool,
) -> Result<(Option<Arrived>, Arrived), WorldError> {
    let boot = boot_of(scenario, kernel)?;
    (plan.about_to)(&format!("booting {}", kernel.package));
    let mut world = VmWorld::boot(&boot)?;
    let Some(folder) = plan.record else {
        return in_world(scenario, plan, &format!("vm:{name}"), &mut world, wants_model);
    };
    let file = folder.join(Recording::file_name(scenario.source.name(), name));
    recorded(scenario, plan, &mut world, (name, &kernel.package), &file, |world| {
        in_world(scenario, plan, &format!("vm:{name}"), world, wants_model)
    })
}

/// On a machine as it was recorded, and on a model that starts with what that machine had.
pub(super) fn as_recorded(
    scenario: &Scenario,
    plan: &Plan<'_>,
    recording: Recording,
    wants_model: bool,
) -> Result<(Option<Arrived>, Arrived), WorldError> {
    if let Some(why) = recording.header.refused {
        return Err(WorldError(why));
    }
    let name = format!("recorded:{}", recording.header.series);
    // The questions are those of then.
    let plan = &Plan { curves: recording.header.curves, ..*plan };
    in_world(scenario, plan, &name, &mut Recorded::new(recording), wants_model)
}

/// Does something in a machine, and records all of it, whatever comes of it.
fn recorded<T>(
    scenario: &Scenario,
    plan: &Plan<'_>,
    world: &mut VmWorld,
    kernel: (&str, &str),
    file: &Path,
    doing: impl FnOnce(&mut Recorder<'_, VmWorld>) -> Result<T, WorldError>,
) -> Result<T, WorldError> {
    let source = &scenario.source;
    let named = (source.name(), source.text());
    let mut recorder = Recorder::new(world, named, kernel, plan.curves);
    let done = doing(&mut recorder);
    recorder.save(file).map_err(|error| {
        let shown = facts::Name::new(file.as_os_str().as_encoded_bytes());
        WorldError(format!("cannot write the recording `{shown}`: {error}"))
    })?;
    done
}

/// Performs a scenario in a machine that has been booted for scenarios like it, and on a model that
/// starts with what the machine has: the report of the two. `kernel` is how it was asked for and the
/// package that it is from; `record` is the file for a recording. [`Plan::curves`] says what `curves` does.
///
/// The machine is left as the scenario leaves it; [`VmWorld::reset`] makes it ready for another.
///
/// # Errors
/// When the machine does not answer, or cannot be arranged as the scenario says.
pub fn in_machine(
    scenario: &Scenario,
    world: &mut VmWorld,
    kernel: (&str, &str),
    curves: bool,
    record: Option<&Path>,
) -> Result<Performed, WorldError> {
    let plan = &Plan { curves, ..MEASURED };
    let name = format!("vm:{}", kernel.0);
    let arms = match record {
        Some(file) => recorded(scenario, plan, world, kernel, file, |world| {
            in_world(scenario, plan, &name, world, true)
        })?,
        None => in_world(scenario, plan, &name, world, true)?,
    };
    Ok(performed(scenario, arms))
}

/// Performs a scenario on the model of a machine that was recorded, and sets what the machine answered
/// beside it.
///
/// # Errors
/// When the scenario asks for something else than when it was recorded before it has begun.
pub fn in_recording(scenario: &Scenario, recording: Recording) -> Result<Performed, WorldError> {
    Ok(performed(scenario, as_recorded(scenario, &MEASURED, recording, true)?))
}

/// A machine that is measured.
const MEASURED: Plan<'static> = Plan {
    places: &[],
    stated: &|_| Err(WorldError(String::new())),
    stored: false,
    curves: true,
    record: None,
    about_to: &|_| (),
};

fn performed(scenario: &Scenario, (model, real): (Option<Arrived>, Arrived)) -> Performed {
    let arms: Vec<Arrived> = model.into_iter().chain([real]).collect();
    let logs = arms.iter().map(|arrived| arrived.machine.log.clone()).collect();
    Performed { report: report(scenario, arms, &[[0, 1]]), logs }
}

/// What came of a scenario in a machine, and on the model of it.
#[derive(Debug, Clone)]
pub struct Performed {
    /// The two beside each other, the model first.
    pub report: ComparisonReport,
    /// What each kernel logged.
    pub logs: Vec<Vec<u8>>,
}

/// On a machine that is there, and on a model that starts with what it has.
fn in_world<W: Booted>(
    scenario: &Scenario,
    plan: &Plan<'_>,
    name: &str,
    world: &mut W,
    wants_model: bool,
) -> Result<(Option<Arrived>, Arrived), WorldError> {
    world.prepare(&scenario.machine.setup())?;
    let cpus = world.cpus();
    let measured = measure(world, &first(scenario)?)?;
    let release = measured.config.release;
    let strict = |setting: &scenario::Setting| {
        setting.name == "vm.overcommit_memory" && setting.value == "2"
    };
    let never_overcommits = scenario.machine.sysctls.iter().any(strict);
    let about = About { cpus, never_overcommits };
    let model = if wants_model {
        let mut arrived = begin("model".to_owned(), cpus, Machinery::Whole);
        arrived.row.kernel = Some(release.to_string());
        let Measured { config, image } = measured;
        let mut config = if plan.stored { (plan.stated)(Some(release))?.0 } else { config };
        config.cgroups = match cgroups_of(scenario) {
            CgroupVersion::V1 => facts::CgroupVersion::V1,
            CgroupVersion::V2 => facts::CgroupVersion::V2,
        };
        let mut machine = Machine::new(config, image);
        played(scenario, plan, &mut machine, about, Arm::Model, &mut arrived, of_model);
        Some(arrived)
    } else {
        None
    };
    (plan.about_to)(&format!(
        "performing {} on it",
        facts::Name::new(scenario.source.name().as_bytes())
    ));
    let mut real = begin(name.to_owned(), cpus, Machinery::Whole);
    real.row.kernel = Some(release.to_string());
    played(scenario, plan, world, about, Arm::Vm, &mut real, of_machine);
    Ok((model, real))
}

/// The machine that a scenario asks for.
///
/// # Errors
/// What no virtual machine here can be.
pub fn boot_of(scenario: &Scenario, kernel: &Kernel) -> Result<Boot, WorldError> {
    const MIB: u64 = 1 << 20;
    let spec = &scenario.machine;
    if spec.arch.is_some_and(|arch| arch != scenario::Arch::X86_64) {
        return Err(WorldError(
            "the actor is a program for x86-64, so that a virtual machine is of that kind alone"
                .into(),
        ));
    }
    let stored = spec.profile.as_ref().and_then(|name| sim::StoredProfile::named(&name.value));
    let given = stored.map_or(1024 * MIB, |stored| stored.mib * MIB);
    let ram = spec.ram.or(spec.mem_total).map_or(given, Bytes::get);
    let whole = |bytes: u64| bytes.next_multiple_of(MIB);
    let nodes: Vec<u64> = spec.nodes.iter().map(|node| whole(node.get())).collect();
    let setup = spec.setup();
    let zram = setup.swap.iter().any(|swap| swap.zram);
    let modules = match (&kernel.modules, zram) {
        (Some(folder), true) => modules::in_order(folder, &["lzo_rle", "lz4", "zram"])?,
        (None, true) => {
            return Err(WorldError(format!(
                "zram is a module, and those of `{}` are not known",
                kernel.package
            )));
        }
        _ => Vec::new(),
    };
    // The model has huge pages where a scenario asks for them.
    let huge = spec.thp.unwrap_or(scenario::Thp::Never).name();
    Ok(Boot {
        kernel: kernel.image.clone(),
        nodes: if nodes.len() > 1 { nodes } else { vec![whole(ram)] },
        cpus: spec.cpus.unwrap_or(1).clamp(1, 16),
        disks: Disk::of(&setup, &scenario.files),
        modules,
        parameters: vec![format!("transparent_hugepage={huge}")],
        cgroups: cgroups_of(scenario),
    })
}

/// The version of cgroups that a virtual machine has for a scenario.
fn cgroups_of(scenario: &Scenario) -> CgroupVersion {
    match scenario.machine.cgroup_version {
        Some(1) => CgroupVersion::V1,
        _ => CgroupVersion::V2,
    }
}

/// On the model alone: as a machine like this one where it could also run here, else as it is stated.
pub(super) fn alone(scenario: &Scenario, plan: &Plan<'_>) -> Result<Arrived, WorldError> {
    if scenario.runs_on.contains(&Arm::Host) && !is_fenced(scenario) {
        return like_this_machine(scenario);
    }
    let (config, image) = (plan.stated)(None)?;
    let mut arrived = begin("model".to_owned(), config.cpus, Machinery::Whole);
    arrived.row.kernel = Some(config.release.to_string());
    let mut machine = Machine::new(config, image);
    let about = About::of(&machine);
    sampled(scenario, &mut machine, about, Arm::Model, &mut arrived, of_model);
    Ok(arrived)
}

/// The first process that the scenario starts.
fn first(scenario: &Scenario) -> Result<ProcessSpec, WorldError> {
    let start = scenario.starts.first();
    let start = start.ok_or(WorldError("the scenario starts no process".to_owned()))?;
    Ok(start.spec.clone())
}

fn of_model(machine: &mut Machine) -> Option<Vec<u8>> {
    let files = machine.machine().ok()?;
    files.into_iter().find(|(name, _)| name == "meminfo").map(|(_, text)| text)
}

fn of_machine<W: Booted>(world: &mut W) -> Option<Vec<u8>> {
    world.read("/proc/meminfo").ok()
}
