//! What a booted machine has, as the model starts with it.

use std::fmt::Write as _;

use ::world::{ProcessSpec, WorldError};
use facts::Zone;
use rules::watermark::ZoneKind;
use sim::{Disk, FreeBlocks, Image, MachineConfig, Profile, ZoneProfile};
use units::Pages;

use crate::{Booted, model};

/// Processes that are started in order to see what one costs.
const PROBES: u64 = 16;
/// Looks at the counters: each takes an eighth off the longest list there is, an eighth of a zone.
const LOOKS: u32 = 40;

/// A machine as it was measured: everything that the model needs in order to be one like it.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Its memory and its settings.
    pub config: MachineConfig,
    /// What an actor looks like that has just started in it.
    pub image: Image,
}

/// Texts that a profile is made of.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// `/proc/zoneinfo`.
    pub zoneinfo: &'a str,
    /// `/proc/meminfo`.
    pub meminfo: &'a str,
    /// The kernel's log of its boot.
    pub boot_log: &'a str,
    /// `/proc/sys/vm/min_free_kbytes`, where it is not what the rules give.
    pub min_free_kbytes: Option<u64>,
    /// Pages that a process costs beside its own and its page tables.
    pub per_process: u64,
}

/// Measures a machine as it is, with nobody in it, for processes that start as `spec` says.
///
/// # Errors
/// What could not be started or read.
pub fn measure(machine: &mut dyn Booted, spec: &ProcessSpec) -> Result<Measured, WorldError> {
    let spec = &ProcessSpec { cgroup: None, ..spec.clone() };
    let (mut image, smaps) = model::image_of(machine, spec)?;
    let per_process = cost_of_process(machine, spec)?;
    machine.clear();
    settle(machine)?;
    empty_lists(machine);
    let (zoneinfo, meminfo) = (file(machine, "/proc/zoneinfo")?, file(machine, "/proc/meminfo")?);
    let boot_log = machine.boot_log()?;
    let min_free_kbytes = file(machine, "/proc/sys/vm/min_free_kbytes")?;
    let mut profile = profile(&Texts {
        zoneinfo: &zoneinfo,
        meminfo: &meminfo,
        boot_log: &boot_log,
        min_free_kbytes: as_set(machine.parameters(), &min_free_kbytes),
        per_process,
    })?;
    // Only root may read it, and kernels without it are few.
    profile.blocks =
        file(machine, "/proc/pagetypeinfo").map(|text| blocks(&text)).unwrap_or_default();
    let mut config = model::config(&smaps, &mut |path| file(machine, path).ok())?;
    config.cpus = machine.cpus();
    if sim::knows_objects(config.release, config.arch) {
        // The mean of a few processes leaves out what slabs had room for.
        profile.per_process = None;
    }
    // Its programs are in the first file system, which is a tmpfs where there is one.
    image.in_memory = profile.shmem > 0;
    config.physical = Some(profile);
    // Under emulation everything but the tick and the disk takes twenty times as long. QEMU writes 512 KiB in
    // 0.03 ms into a file that is in memory; what it takes to hear of it is an estimate.
    config.turn /= 20;
    config.disk = Disk { request: 5_000, page: 40, synchronous: false };
    // Init, and the actor that all others are copies of.
    config.vdso_users = 2;
    // Swap is what the scenario arranges.
    config.swap = 0;
    machine.measured();
    Ok(Measured { config, image })
}

fn file(machine: &mut dyn Booted, path: &str) -> Result<String, WorldError> {
    Ok(String::from_utf8_lossy(&machine.read(path)?).into_owned())
}

/// Pages of the kernel's that a process takes beside its page tables.
fn cost_of_process(machine: &mut dyn Booted, spec: &ProcessSpec) -> Result<u64, WorldError> {
    settle(machine)?;
    let before = kernel_pages(machine)?;
    for _ in 0..PROBES {
        machine.start(spec)?;
    }
    settle(machine)?;
    Ok(kernel_pages(machine)?.saturating_sub(before) / PROBES)
}

/// Pages of slab that cannot be reclaimed, and of stacks.
fn kernel_pages(machine: &mut dyn Booted) -> Result<u64, WorldError> {
    let text = file(machine, "/proc/meminfo")?;
    let kib = |name| model::line(&text, name).unwrap_or(0);
    Ok((kib("SUnreclaim") + kib("KernelStack")) / 4)
}

/// Lets processors give back what is on their lists of free pages, all that was not for processes
/// first, so that what is on them is known: since 6.7 each look at the counters makes the lists
/// shorter (`decay_pcp_high()`), down to what their least length allows.
fn empty_lists(machine: &mut dyn Booted) {
    let fraction = "/proc/sys/vm/percpu_pagelist_high_fraction";
    // Kernels that do not have it have short lists.
    if machine.write(fraction, "1000000").is_err() {
        return;
    }
    for _ in 0..LOOKS {
        let _ = machine.write("/proc/sys/vm/stat_refresh", "1");
    }
    let _ = machine.write(fraction, "0");
}

/// Lets what is freed some time later be freed, and counters of processors be added up.
fn settle(machine: &mut dyn Booted) -> Result<(), WorldError> {
    machine.sleep(60_000_000)?;
    // Some kernels do not have it; then the counters are those of the last second.
    let _ = machine.write("/proc/sys/vm/stat_refresh", "1");
    Ok(())
}

/// `vm.min_free_kbytes` as it was set; `None` where it is as the rules give it.
fn as_set(parameters: &[String], text: &str) -> Option<u64> {
    let huge = parameters.iter().any(|word| word == "transparent_hugepage=never");
    text.trim().parse().ok().filter(|_| !huge)
}

/// The free blocks that `/proc/pagetypeinfo` counts. Those of types that have no lists of their own, such as
/// `HighAtomic`, are left out; nothing is known of a zone that is not as expected.
fn blocks(text: &str) -> Vec<FreeBlocks> {
    const TYPES: [&str; 3] = ["Unmovable", "Movable", "Reclaimable"];
    let mut found: Vec<FreeBlocks> = Vec::new();
    let order = text.lines().find_map(|line| line.strip_prefix("Number of blocks type"));
    let order: Vec<&str> = order.map_or(Vec::new(), |line| line.split_whitespace().collect());
    for line in text.lines().filter_map(|line| line.trim_start().strip_prefix("Node")) {
        let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
        let Some(node) = words.next().and_then(|word| word.parse().ok()) else { continue };
        let (Some("zone"), Some(zone)) = (words.next(), words.next()) else { continue };
        let kind = ZoneKind::of(zone).unwrap_or(ZoneKind::Normal);
        let at = found.iter().position(|known| known.node == node && known.kind == kind);
        let at = at.unwrap_or_else(|| {
            found.push(FreeBlocks { node, kind, free: [[0; 11]; 3], blocks: [0; 3] });
            found.len() - 1
        });
        let rest: Vec<&str> = words.collect();
        if let ["type", name, counts @ ..] = rest.as_slice() {
            let Some(of) = TYPES.iter().position(|known| known == name) else { continue };
            for (slot, count) in found[at].free[of].iter_mut().zip(counts) {
                // More than 100000 are not counted.
                *slot = count.trim_start_matches('>').parse().unwrap_or(0);
            }
        } else {
            for (count, name) in rest.iter().zip(&order) {
                if let Some(of) = TYPES.iter().position(|known| known == name) {
                    found[at].blocks[of] = count.parse().unwrap_or(0);
                }
            }
        }
    }
    found
}

/// A profile of a machine that shows these texts.
///
/// # Errors
/// Which of them says too little.
pub fn profile(texts: &Texts<'_>) -> Result<Profile, WorldError> {
    let mut problems = Vec::new();
    let zones = proctext::zoneinfo(texts.zoneinfo.as_bytes(), "zoneinfo", &mut problems);
    let managed = |zone: &Zone| zone.managed.map_or(0, Pages::count);
    let zones: Vec<&Zone> = zones.iter().filter(|zone| managed(zone) > 0).collect();
    if zones.is_empty() {
        return Err(WorldError("the machine's zoneinfo names no zone with memory".to_owned()));
    }
    // What `free_initmem()` and the initial files gave back after marks were computed: it is where
    // the kernel is, in the highest zone below 4 GiB of the first node.
    let later = freed_later(texts.boot_log);
    let holder = zones.iter().rposition(|zone| zone.node == 0 && kind(zone) <= ZoneKind::Dma32);
    let count = |pages: Option<Pages>| pages.map_or(0, Pages::count);
    let made = zones.iter().enumerate().map(|(at, zone)| {
        let managed = managed(zone);
        let later = if holder == Some(at) { later } else { 0 };
        ZoneProfile {
            node: zone.node,
            kind: kind(zone),
            spanned: count(zone.spanned),
            present: count(zone.present),
            managed_at_init: at_init(&zones, at, managed.saturating_sub(later)),
            managed,
            free: count(zone.free),
            pcp: count(zone.pcp),
        }
    });
    let pages = |name: &str| model::line(texts.meminfo, name).map_or(0, |kib| kib / 4);
    Ok(Profile {
        zones: made.collect(),
        min_free_kbytes: texts.min_free_kbytes,
        slab_reclaimable: pages("SReclaimable"),
        slab_unreclaimable: pages("SUnreclaim"),
        kernel_stack: pages("KernelStack"),
        page_tables: pages("PageTables"),
        anon: (pages("Active(anon)") + pages("Inactive(anon)")).saturating_sub(pages("Shmem")),
        file: pages("Active(file)") + pages("Inactive(file)"),
        unevictable: pages("Unevictable").saturating_sub(pages("Mlocked")),
        mlocked: pages("Mlocked"),
        shmem: pages("Shmem"),
        committed: pages("Committed_AS"),
        per_process: Some(texts.per_process),
        processes_before: PROBES,
        blocks: Vec::new(),
    })
}

fn kind(zone: &Zone) -> ZoneKind {
    ZoneKind::of(&zone.name).unwrap_or(ZoneKind::Normal)
}

/// Managed pages of a zone when marks were computed: what the log says, where it says the same as what a
/// lower zone keeps back from requests for this one (`setup_per_zone_lowmem_reserve()`: a 256th of
/// what is above), else the nearest that does.
fn at_init(zones: &[&Zone], at: usize, estimate: u64) -> u64 {
    const RATIO: u64 = 256;
    let zone = zones[at];
    let Some(below) = at.checked_sub(1).map(|below| zones[below]) else { return estimate };
    if below.node != zone.node || kind(below) != ZoneKind::Dma || kind(zone) != ZoneKind::Dma32 {
        return estimate;
    }
    match below.protection.get(1).map(|pages| pages.count()) {
        Some(kept @ 1..) => estimate.clamp(kept * RATIO, kept * RATIO + RATIO - 1),
        _ => estimate,
    }
}

/// Pages that the kernel gave to the allocator after it had computed marks, by its own words:
/// `Freeing initrd memory: 36K`, `Freeing unused kernel image (initmem) memory: 2612K`.
fn freed_later(log: &str) -> u64 {
    let kib = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("Freeing ")?;
        let late = rest.starts_with("initrd ") || rest.starts_with("unused ");
        let (_, size) = rest.split_once("memory: ").filter(|_| late)?;
        size.trim_end().strip_suffix('K')?.parse::<u64>().ok()
    });
    kib.sum::<u64>() / 4
}

/// Profiles as a text, one machine a paragraph.
pub fn write_profile(name: &str, profile: &Profile) -> String {
    let mut text = format!("machine {name}\n");
    for zone in &profile.zones {
        let ZoneProfile { node, kind, spanned, present, managed_at_init, managed, free, pcp } =
            zone;
        let _ = writeln!(
            text,
            "zone {node} {} spanned {spanned} present {present} init {managed_at_init} managed \
             {managed} free {free} pcp {pcp}",
            kind_name(*kind)
        );
    }
    for (name, value) in held(profile) {
        let _ = writeln!(text, "{name} {value}");
    }
    if let Some(kib) = profile.min_free_kbytes {
        let _ = writeln!(text, "min-free-kbytes {kib}");
    }
    text
}

/// What is held, by name.
fn held(profile: &Profile) -> Vec<(&'static str, u64)> {
    let mut held = vec![
        ("slab-reclaimable", profile.slab_reclaimable),
        ("slab-unreclaimable", profile.slab_unreclaimable),
        ("kernel-stack", profile.kernel_stack),
        ("page-tables", profile.page_tables),
        ("anon", profile.anon),
        ("file", profile.file),
        ("unevictable", profile.unevictable),
        ("mlocked", profile.mlocked),
        ("shmem", profile.shmem),
        ("committed", profile.committed),
        ("processes-before", profile.processes_before),
    ];
    held.extend(profile.per_process.map(|pages| ("per-process", pages)));
    held
}

/// A zone's name as the kernel prints it.
fn kind_name(kind: ZoneKind) -> &'static str {
    match kind {
        ZoneKind::Dma => "DMA",
        ZoneKind::Dma32 => "DMA32",
        ZoneKind::Normal => "Normal",
        ZoneKind::HighMem => "HighMem",
        ZoneKind::Movable => "Movable",
        ZoneKind::Device => "Device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian's 6.1 prints them on 256 MiB, shortened.
    const ZONEINFO: &str = "\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 20
  pages free     3840
        boost    0
        min      207
        low      258
        high     309
        spanned  4095
        present  3998
        managed  3840
        cma      0
        protection: (0, 192, 192, 192, 192)
      nr_free_pages 3840
  pagesets
    cpu: 0
              count: 0
              high:  64
              batch: 1
  node_unreclaimable:  0
  start_pfn:           1
Node 0, zone    DMA32
  pages free     45000
        boost    0
        min      2657
        low      3321
        high     3985
        spanned  61407
        present  61407
        managed  52068
        cma      0
        protection: (0, 0, 0, 0, 0)
      nr_free_pages 45000
  pagesets
    cpu: 0
              count: 117
              high:  826
              batch: 15
    cpu: 1
              count: 3
              high:  826
              batch: 15
  node_unreclaimable:  0
  start_pfn:           4096
Node 0, zone   Normal
  pages free     0
        boost    0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
";
    const MEMINFO: &str = "\
MemTotal:         223632 kB
Active(anon):          8 kB
Inactive(anon):      148 kB
Active(file):         40 kB
Inactive(file):        4 kB
Unevictable:         136 kB
Shmem:                36 kB
SReclaimable:       9108 kB
SUnreclaim:         5872 kB
KernelStack:         816 kB
PageTables:           56 kB
Committed_AS:        416 kB
";

    fn measured(boot_log: &str) -> Profile {
        let texts = Texts {
            zoneinfo: ZONEINFO,
            meminfo: MEMINFO,
            boot_log,
            min_free_kbytes: None,
            per_process: 12,
        };
        profile(&texts).expect("zones")
    }

    #[test]
    fn zones_and_what_is_held_are_those_of_the_machine() {
        let profile = measured(
            "[    0.5] Freeing SMP alternatives memory: 36K\n\
             [    2.0] Freeing initrd memory: 3112K\n\
             [    5.8] Freeing unused decrypted memory: 2036K\r\n\
             [    6.1] Freeing unused kernel image (initmem) memory: 2612K\n\
             [    6.1] Freeing unused kernel image (text/rodata gap) memory: 2040K\n\
             [    6.1] Freeing unused kernel image (rodata/data gap) memory: 1656K\n",
        );
        assert_eq!(profile.zones.len(), 2);
        let zone = &profile.zones[1];
        assert_eq!((zone.managed, zone.free, zone.pcp), (52_068, 45_000, 120));
        // 11456 KiB are 2864 pages; what was freed before counts for marks.
        assert_eq!((zone.managed_at_init, profile.zones[0].managed_at_init), (49_204, 3840));
        assert_eq!((profile.anon, profile.file, profile.unevictable), (30, 11, 34));
        assert_eq!((profile.mlocked, profile.shmem), (0, 9));
        assert_eq!((profile.slab_reclaimable, profile.per_process), (2277, Some(12)));
    }

    #[test]
    fn what_a_lower_zone_keeps_back_goes_before_the_log() {
        for log in ["", "Freeing unused kernel memory: 40000K\n"] {
            let zone = &measured(log).zones[1];
            assert!((192 * 256..193 * 256).contains(&zone.managed_at_init), "{zone:?}");
        }
    }

    #[test]
    fn a_text_without_zones_is_said_to_be_one() {
        let texts = Texts {
            zoneinfo: "",
            meminfo: "",
            boot_log: "",
            min_free_kbytes: None,
            per_process: 0,
        };
        let said = profile(&texts).err().map(|error| error.0);
        assert_eq!(said.as_deref(), Some("the machine's zoneinfo names no zone with memory"));
    }

    #[test]
    fn a_profile_is_written_as_one_paragraph() {
        let text = write_profile("6.1-256m", &measured(""));
        assert!(
            text.starts_with("machine 6.1-256m\nzone 0 DMA spanned 4095 present 3998 "),
            "{text}"
        );
        assert!(text.contains("\ncommitted 104\nprocesses-before 16\n"), "{text}");
    }
}
