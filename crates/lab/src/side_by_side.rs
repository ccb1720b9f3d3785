//! A scenario on several worlds, step by step beside each other.

mod differences;
mod quantities;

use std::path::{Path, PathBuf};

use facts::Release;
use scenario::Scenario;
use scenario::comparison::{ArmRow, BrokenRow, ComparisonReport, CurveRow, DeathRow, SCHEMA};
use scenario::program::Arm;
use scenario::run::{Event, MachineSeen, Options, What, run};
use sim::{Image, Machine, MachineConfig};
use units::Bytes;
use world::{ProcessSpec, World, WorldError};

use crate::allocator::{self, About, Heaps, Shared};
use crate::compare::Tolerances;
use crate::recording::{Recorded, Recorder, Recording};
use crate::sampled::{NAMES, Sampled};
use crate::vm::debian::Kernel;
use crate::vm::{Boot, CgroupVersion, Disk, Measured, VmWorld, measure, modules};
use crate::{Booted, FencedWorld, Files, HostConfig, HostModel, HostWorld};

/// Steps of a scenario at most: every one is kept until it is compared.
const MOST_STEPS: u64 = 2_000_000;

/// A world that scenarios are performed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The model: as a machine like each of the others, or as the scenario states it.
    Model,
    /// Real processes on this machine's kernel.
    Host,
    /// A kernel in a virtual machine.
    Vm {
        /// How it was asked for: `6.1`.
        name: String,
        /// Its files.
        kernel: Kernel,
    },
    /// Such a kernel, as it answered once.
    Recorded(PathBuf),
}

impl Place {
    fn arm(&self) -> Arm {
        match self {
            Place::Model => Arm::Model,
            Place::Host => Arm::Host,
            Place::Vm { .. } | Place::Recorded(_) => Arm::Vm,
        }
    }

    /// Its name in a report.
    pub fn name(&self) -> String {
        match self {
            Place::Model => "model".to_owned(),
            Place::Host => "host".to_owned(),
            Place::Vm { name, .. } => format!("vm:{name}"),
            Place::Recorded(path) => {
                format!("recorded:{}", facts::Name::new(path.as_os_str().as_encoded_bytes()))
            }
        }
    }
}

/// A machine for the model as a scenario states it, with the rules of a release.
pub type Stated<'a> = &'a dyn Fn(Option<Release>) -> Result<(MachineConfig, Image), WorldError>;

/// How scenarios are compared.
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Plan<'a> {
    /// Where they are performed. A model among them is compared with each of the others.
    pub places: &'a [Place],
    /// The machine that a scenario states.
    pub stated: Stated<'a>,
    /// Whether the model starts from what the scenario states, and not from what is measured in the
    /// virtual machine that it is compared with.
    pub stored: bool,
    /// Whether memory is looked at meanwhile, for pictures, which takes longer than most scenarios.
    pub curves: bool,
    /// The folder where what virtual machines answer is recorded.
    pub record: Option<&'a Path>,
    /// Told what is about to be done.
    pub about_to: &'a dyn Fn(&str),
}

/// A scenario on one world.
struct Arrived {
    row: ArmRow,
    events: Vec<Event>,
    /// The machine at the end.
    machine: MachineSeen,
    curves: Vec<CurveRow>,
    cpus: u32,
    machinery: Machinery,
}

/// What a world is to a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machinery {
    /// Nothing but processes on a machine that is somebody else's.
    Processes,
    /// A cgroup on such a machine.
    Fence,
    /// A machine of the scenario's own: a virtual one, or a model of one.
    Whole,
}

impl Arrived {
    /// Whether it came to its first step.
    fn began(&self) -> bool {
        self.row.stopped.is_none() || !self.events.is_empty()
    }

    /// Whether memory may run out in it.
    fn may_end(&self) -> bool {
        self.machinery != Machinery::Processes
    }
}

/// Performs a scenario on each place, and sets what happened side by side.
///
/// # Errors
/// When a world could not be made. A scenario that cannot go on is part of the report.
pub fn side_by_side(scenario: &Scenario, plan: &Plan<'_>) -> Result<ComparisonReport, WorldError> {
    let wants_model =
        plan.places.contains(&Place::Model) && may_run_on(scenario, Arm::Model).is_ok();
    let reals: Vec<&Place> = plan.places.iter().filter(|place| **place != Place::Model).collect();
    let mut arms = Vec::new();
    let mut pairs = Vec::new();
    let mut ran_model = false;
    for place in &reals {
        if let Err(why) = may_run_on(scenario, place.arm()) {
            arms.push(left_out(place.name(), why));
            continue;
        }
        let (mut model, real) = match place {
            Place::Vm { name, kernel } => on_machine(scenario, plan, name, kernel, wants_model)?,
            Place::Recorded(path) => {
                as_recorded(scenario, plan, Recording::load(path)?, wants_model)?
            }
            _ if is_fenced(scenario) => in_fence(scenario, plan, wants_model)?,
            _ => on_host(scenario, wants_model)?,
        };
        if let Some(model) = &mut model {
            let several = reals.len() > 1;
            if several {
                model.row.arm = format!("model of {}", real.row.arm);
            }
        }
        if let Some(model) = model {
            pairs.push([arms.len(), arms.len() + 1]);
            ran_model = true;
            arms.push(model);
        }
        arms.push(real);
    }
    if plan.places.contains(&Place::Model) && !ran_model {
        let model = match may_run_on(scenario, Arm::Model) {
            Ok(()) => alone(scenario, plan)?,
            Err(why) => left_out("model".to_owned(), why),
        };
        arms.insert(0, model);
    }
    if pairs.is_empty() {
        let ran: Vec<usize> = (0..arms.len())
            .filter(|&at| arms[at].row.stopped.is_none() || arms[at].row.steps > 0)
            .collect();
        if let [first, others @ ..] = &ran[..] {
            pairs.extend(others.iter().map(|&other| [*first, other]));
        }
    }
    Ok(report(scenario, arms, &pairs))
}

fn report(scenario: &Scenario, arms: Vec<Arrived>, pairs: &[[usize; 2]]) -> ComparisonReport {
    let mut differences = Vec::new();
    let mut quantities = Vec::new();
    let mut steps = differences::steps(scenario, &arms);
    for &between in pairs {
        let [one, real] = between.map(|at| &arms[at]);
        if !one.began() || !real.began() {
            continue;
        }
        let pair = differences::Pair { scenario, between, one, real };
        differences::compare(&pair, &mut differences, &mut steps);
        if one.may_end() && real.may_end() {
            differences::compare_reports(&pair, &mut differences);
            quantities::compare(&pair, &mut quantities);
        }
    }
    let apart = quantities.iter().any(|row| row.within == Some(false));
    let compared = pairs.iter().any(|between| between.iter().all(|&at| arms[at].began()));
    let equal = compared.then_some(differences.is_empty() && !apart);
    let mut curves = Vec::new();
    let mut rows = Vec::new();
    for (at, arrived) in arms.into_iter().enumerate() {
        curves.extend(arrived.curves.into_iter().map(|curve| CurveRow { arm: at, ..curve }));
        rows.push(arrived.row);
    }
    ComparisonReport {
        schema: SCHEMA,
        scenario: scenario.source.name().to_owned(),
        title: scenario.title.clone(),
        arms: rows,
        equal,
        differences,
        quantities,
        steps,
        curves,
    }
}

/// Whether a scenario makes sense on a world; where not, the reason in words.
///
/// One that does not say where may be performed wherever it harms nobody: a machine of its own, or a
/// cgroup as large as its machine.
fn may_run_on(scenario: &Scenario, arm: Arm) -> Result<(), &'static str> {
    if scenario.runs_on.contains(&arm) {
        return Ok(());
    }
    if !scenario.runs_on.is_empty() {
        return Err("the scenario's `runs-on` leaves it out");
    }
    if arm == Arm::Host && !is_fenced(scenario) {
        return Err("without cgroups, nothing keeps the scenario from this machine's memory: \
                    `runs-on model host vm` at its top says that it may run here");
    }
    Ok(())
}

fn left_out(name: String, why: &str) -> Arrived {
    let mut arrived = begin(name, 1, Machinery::Processes);
    arrived.row.stopped = Some(why.to_owned());
    arrived
}

fn begin(name: String, cpus: u32, machinery: Machinery) -> Arrived {
    Arrived {
        row: ArmRow {
            arm: name,
            kernel: None,
            steps: 0,
            stopped: None,
            claims: 0,
            broken: Vec::new(),
            deaths: Vec::new(),
            panic: None,
        },
        events: Vec::new(),
        machine: MachineSeen::default(),
        curves: Vec::new(),
        cpus,
        machinery,
    }
}

/// On this machine's kernel, and on a model of this machine.
fn on_host(
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
fn is_fenced(scenario: &Scenario) -> bool {
    !scenario.machine.cgroups.is_empty()
}

/// On this machine's kernel, in a cgroup as large as the scenario's machine; and on the model of that
/// machine, with this kernel's rules.
fn in_fence(
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
fn on_machine(
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
fn as_recorded(
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
fn alone(scenario: &Scenario, plan: &Plan<'_>) -> Result<Arrived, WorldError> {
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

/// Plays a scenario, and looks at the machine's memory meanwhile if it is wanted.
fn played<W: World>(
    scenario: &Scenario,
    plan: &Plan<'_>,
    world: &mut W,
    about: About,
    arm: Arm,
    arrived: &mut Arrived,
    look: fn(&mut W) -> Option<Vec<u8>>,
) {
    if plan.curves {
        sampled(scenario, world, about, arm, arrived, look);
    } else {
        play(scenario, world, about, arm, arrived);
    }
}

/// Plays a scenario, and looks at the machine's memory meanwhile.
fn sampled<W: World>(
    scenario: &Scenario,
    world: &mut W,
    about: About,
    arm: Arm,
    arrived: &mut Arrived,
    look: fn(&mut W) -> Option<Vec<u8>>,
) {
    let sampled = play(scenario, Sampled::new(world, look), about, arm, arrived);
    let Some(sampled) = sampled else { return };
    for (number, name) in NAMES.iter().enumerate() {
        arrived.curves.push(CurveRow {
            arm: 0,
            what: (*name).to_owned(),
            at: sampled.samples.iter().map(|sample| sample.at).collect(),
            bytes: sampled.samples.iter().map(|sample| sample.bytes[number]).collect(),
        });
    }
}

/// Plays a scenario, and gives the world back.
fn play<W: World>(
    scenario: &Scenario,
    world: W,
    about: About,
    arm: Arm,
    arrived: &mut Arrived,
) -> Option<W> {
    let mut world = Shared::new(world);
    let mut heaps = match allocator::rules(scenario) {
        Ok(rules) => Heaps::new(rules, world.clone(), about),
        Err(problems) => {
            arrived.row.stopped = Some(problems.to_string());
            return world.into_inner();
        }
    };
    let options = Options { arm, most_steps: MOST_STEPS, ..Options::model() };
    let mut events = Vec::new();
    let row = &mut arrived.row;
    match run(scenario, &mut world, Some(&mut heaps), &options, &mut events) {
        Ok(finish) => {
            row.steps = finish.steps;
            row.panic = finish.panic;
            row.deaths = finish
                .deaths
                .iter()
                .map(|death| DeathRow {
                    process: name(scenario, death.name.0),
                    nth: death.nth,
                    step: death.step,
                })
                .collect();
            arrived.machine = MachineSeen::clone(&finish.machine);
        }
        Err(error) => row.stopped = Some(error.to_string()),
    }
    for event in &events {
        row.steps = row.steps.max(event.step);
        if let What::Expected(verdict) = &event.what {
            row.claims += u64::from(verdict.held.is_some());
            if verdict.held == Some(false) {
                row.broken.push(BrokenRow {
                    line: scenario.source.position(event.span.start).0,
                    wanted: verdict.wanted.clone(),
                    found: verdict.found.clone(),
                });
            }
        }
    }
    arrived.events = events;
    drop(heaps);
    world.into_inner()
}

fn name(scenario: &Scenario, at: usize) -> String {
    scenario.names.get(at).cloned().unwrap_or_default()
}

/// What the kernels of two worlds do not count exactly.
fn tolerances(one: &Arrived, real: &Arrived) -> Tolerances {
    let allowed = Tolerances::of_counters(one.cpus.max(real.cpus));
    match real.machinery {
        Machinery::Processes => allowed,
        Machinery::Fence | Machinery::Whole => allowed.of_machines(),
    }
}

#[cfg(test)]
mod tests {
    use scenario::Source;

    use super::*;

    #[test]
    fn a_scenario_that_does_not_say_where_runs_wherever_it_harms_nobody() {
        let allowed = |top: &str| {
            let text = format!("{top}\nprocess one {{\n    mmap block 1MiB\n}}\n");
            let scenario = scenario::check(&Source::new("one", text)).expect("a scenario");
            [Arm::Model, Arm::Host, Arm::Vm].map(|arm| may_run_on(&scenario, arm).is_ok())
        };
        assert_eq!(allowed(""), [true, false, true]);
        assert_eq!(allowed("machine {\n    cgroup \"/a\" max=1MiB\n}"), [true, true, true]);
        assert_eq!(allowed("runs-on host"), [false, true, false]);
        assert_eq!(allowed("runs-on model"), [true, false, false]);
    }
}
