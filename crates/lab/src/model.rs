//! The model of this machine: what its `/proc` and `/sys` say becomes a [`MachineConfig`], and the
//! actor as it stands after its start becomes an [`Image`].

use std::fs;
use std::os::unix::fs::MetadataExt;

use facts::{OvercommitMode, Release};
use rules::layout::Arch;
use sim::{Huge, Image, ImageBacking, ImagePage, Machine, MachineConfig, VmFlags};
use world::{Access, Content, ProcessSpec, Touch, World, WorldError};

use crate::compare::map_lines;
use crate::{Files, HostConfig, HostWorld};

/// This machine as the model builds it, with the actor as its program.
#[derive(Debug, Clone)]
pub struct HostModel {
    config: MachineConfig,
    image: Image,
}

impl HostModel {
    /// Looks at this machine, and at an actor that has just started as `spec` says.
    ///
    /// # Errors
    /// What could not be read or started.
    pub fn measure(spec: &ProcessSpec) -> Result<HostModel, WorldError> {
        let mut world = HostWorld::new(HostConfig { files: Files::ALL, ..HostConfig::default() })?;
        let (image, smaps) = image_of(&mut world, spec)?;
        let mut config = config(&smaps, &mut |path| fs::read_to_string(path).ok())?;
        config.cpus = std::thread::available_parallelism()
            .map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(1));
        config.read_ahead = read_ahead().unwrap_or(config.read_ahead);
        config.large_folios = file_system().as_deref() == Some("ext4");
        config.vdso_users = processes_with_memory();
        Ok(HostModel { config, image })
    }

    /// A machine like this one, with nothing running.
    pub fn machine(&self) -> Machine {
        Machine::new(self.config.clone(), self.image.clone())
    }

    /// What an actor looks like that has just started.
    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// How it is built.
    pub fn config(&self) -> &MachineConfig {
        &self.config
    }
}

/// What an actor looks like that has just started as `spec` says, and its `smaps`.
pub(crate) fn image_of(
    world: &mut dyn World,
    spec: &ProcessSpec,
) -> Result<(Image, String), WorldError> {
    let id = world.start(spec)?;
    let seen = world.observe(id)?;
    world.exec(id)?;
    let again = world.observe(id)?;
    let text =
        |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    let smaps = text(seen.smaps);
    let mut image = image(&smaps, &text(seen.status))?;
    let stat = text(seen.stat);
    image.faults = faults(&stat)?;
    // `start_code` and `end_code`, `start_data` and `end_data`: what `brk` counts to RLIMIT_DATA.
    let fields = (stat_field(&stat, 26), stat_field(&stat, 27));
    image.segments.code = fields.0.zip(fields.1).unwrap_or(image.segments.code);
    let fields = (stat_field(&stat, 45), stat_field(&stat, 46));
    image.segments.data = fields.0.zip(fields.1).unwrap_or(image.segments.data);
    let later = faults(&text(again.stat))?;
    let apart = |later: u64, before: u64| later.saturating_sub(before);
    image.exec_faults = (apart(later.0, image.faults.0), apart(later.1, image.faults.1));
    Ok((image, smaps))
}

/// The actor's image, from what `/proc` says of it.
fn image(smaps: &str, status: &str) -> Result<Image, WorldError> {
    let mut image = Image::parse(smaps.as_bytes())
        .map_err(|error| WorldError(format!("the actor's smaps: {error}")))?;
    let pages = |name: &str| Some(line(status, name)? / 4);
    let known = "a line of the actor's status is missing";
    let peak = pages("VmPeak").zip(pages("VmHWM")).ok_or(WorldError(known.to_owned()))?;
    image.peaks = peak;
    // The launcher has them mapped, too.
    for mapping in &mut image.mappings {
        if matches!(mapping.backing, ImageBacking::File { .. }) {
            let of_file =
                mapping.pages.iter_mut().filter(|run| matches!(run.what, ImagePage::File(_)));
            of_file.for_each(|run| run.what = ImagePage::File(1));
        }
    }
    image.segments.start_brk = actor::image::END;
    image.segments.brk = actor::image::END;
    image.after_fork = own_every_page(&image);
    Ok(image)
}

/// What the actor does to its pages after a fork: it reads those of the file and writes the others.
fn own_every_page(image: &Image) -> Vec<Touch> {
    use actor::image::{DATA, END, STACK_PAGES_WRITTEN, TEXT};
    let touch = |addr: u64, end: u64, access: Access| Touch {
        addr,
        count: (end - addr) / 4096,
        stride: 4096,
        access,
        content: Content::OneByte,
    };
    let mut all = vec![touch(TEXT, DATA, Access::Read), touch(DATA, END, Access::Write)];
    let stack = image.mappings.iter().rfind(|mapping| mapping.flags.has(VmFlags::GROWSDOWN));
    all.extend(
        stack.map(|stack| touch(stack.end - STACK_PAGES_WRITTEN * 4096, stack.end, Access::Write)),
    );
    all
}

/// Minor and major faults in a text of `stat`.
fn faults(stat: &str) -> Result<(u64, u64), WorldError> {
    stat_field(stat, 10)
        .zip(stat_field(stat, 12))
        .ok_or(WorldError("the actor's stat is cut".to_owned()))
}

/// A number of `stat` by its place in `proc(5)`.
fn stat_field(stat: &str, place: usize) -> Option<u64> {
    let behind_name = stat.rsplit(')').next()?;
    behind_name.split_whitespace().nth(place.checked_sub(3)?)?.parse().ok()
}

/// What a fault reads around a page that is not in memory, pages: of the disk that scenarios' files
/// are on.
fn read_ahead() -> Option<u64> {
    let device = fs::metadata(HostConfig::default().disk).ok()?.dev();
    let (major, minor) = (libc::major(device), libc::minor(device));
    let text = fs::read_to_string(format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb")).ok()?;
    Some(text.trim().parse::<u64>().ok()? / 4)
}

/// The kind of file system that scenarios' files are on.
fn file_system() -> Option<String> {
    let device = fs::metadata(HostConfig::default().disk).ok()?.dev();
    let number = format!("{}:{}", libc::major(device), libc::minor(device));
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let of_device = |line: &&str| line.split(' ').nth(2) == Some(number.as_str());
    let line = mounts.lines().find(of_device)?;
    Some(line.split_once(" - ")?.1.split(' ').next()?.to_owned())
}

/// Processes that have memory of their own, each of which maps the vdso; the actor that is measured is
/// not among those outside the model.
fn processes_with_memory() -> u32 {
    let Ok(folder) = fs::read_dir("/proc") else { return 0 };
    let has_memory = |entry: &fs::DirEntry| {
        let number = entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        let statm = number.then(|| fs::read_to_string(entry.path().join("statm")).ok()).flatten();
        statm.is_some_and(|text| !text.starts_with("0 "))
    };
    let count = folder.filter_map(Result::ok).filter(has_memory).count();
    u32::try_from(count).unwrap_or(u32::MAX).saturating_sub(1)
}

pub(crate) fn line(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A machine as its files say, with what an actor's `smaps` tells of it.
pub(crate) fn config(
    smaps: &str,
    read: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<MachineConfig, WorldError> {
    let no = |what: &str| WorldError(format!("cannot tell {what} of this machine"));
    let release: Release = read("/proc/sys/kernel/osrelease")
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| no("the kernel's release"))?;
    let meminfo = read("/proc/meminfo").ok_or_else(|| no("the memory"))?;
    let mem = |name: &str| line(&meminfo, name).map(|kib| kib / 4).ok_or_else(|| no(name));
    let mut vm = |name: &str| {
        let text = read(&format!("/proc/sys/vm/{name}"));
        text.and_then(|text| text.trim().parse::<u64>().ok()).ok_or_else(|| no(name))
    };
    let mut config = MachineConfig::new(release, Arch::X86_64, mem("MemTotal")?, mem("SwapTotal")?);
    config.siblings = true;
    config.overcommit = match vm("overcommit_memory")? {
        0 => OvercommitMode::Heuristic,
        1 => OvercommitMode::Always,
        _ => OvercommitMode::Never,
    };
    config.overcommit_ratio = vm("overcommit_ratio")?;
    config.overcommit_kbytes = vm("overcommit_kbytes")?;
    config.admin_reserve_kbytes = vm("admin_reserve_kbytes")?;
    config.user_reserve_kbytes = vm("user_reserve_kbytes")?;
    config.committed_elsewhere = mem("Committed_AS")?;
    config.max_map_count = vm("max_map_count")?;
    config.mmap_min_addr = vm("mmap_min_addr")?;
    config.legacy_layout = vm("legacy_va_layout").unwrap_or(0) != 0;
    let mut huge = |name: &str| {
        let text = read(&format!("/sys/kernel/mm/transparent_hugepage/{name}")).unwrap_or_default();
        text.split(['[', ']']).nth(1).unwrap_or(text.trim()).to_owned()
    };
    config.huge = match huge("enabled").as_str() {
        "always" => Huge::Always,
        "madvise" => Huge::Madvise,
        _ => Huge::Never,
    };
    config.huge_zero_page = huge("use_zero_page") == "1";
    let generations = read("/sys/kernel/mm/lru_gen/enabled").unwrap_or_default();
    config.lru_gen = generations.trim().ends_with(['1', '3', '5', '7']);
    config.protection_keys = smaps.contains("\nProtectionKey:");
    config.soft_dirty = smaps
        .lines()
        .filter_map(|line| line.strip_prefix("VmFlags:"))
        .any(|flags| flags.split_whitespace().any(|flag| flag == "sd"));
    config.vsyscall = map_lines(smaps.as_bytes()).iter().any(|line| line.name == "[vsyscall]");
    Ok(config)
}
