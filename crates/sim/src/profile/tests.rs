//! Machines that were captured at rest and then driven out of memory: the model starts where the
//! capture was taken, and its only program grows until somebody is killed.
#![expect(clippy::print_stderr, reason = "distances, for whoever asks with --nocapture")]

use std::fs;
use std::path::Path;

use facts::{Field, Release, Snapshot};
use rules::layout::Arch;
use rules::watermark::ZoneKind;
use world::{Access, Call, Content, MapFlags, ProcessSpec, Prot, Stop, SwapSpec, Touch, World};

use super::{Profile, ZoneProfile};
use crate::{Huge, Image, Machine, MachineConfig};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures").join(name)
}

fn captured(name: &str) -> Snapshot {
    let tar = folder(name).join("capture.tar");
    sources::open(tar.to_str().unwrap()).unwrap().machine()
}

fn pages(snapshot: &Snapshot, field: Field) -> u64 {
    snapshot.meminfo.get(field).map_or(0, |bytes| bytes.get() >> 12)
}

/// What the kernel had made of its memory.
fn profile(snapshot: &Snapshot) -> Profile {
    let count = |value: Option<units::Pages>| value.map_or(0, units::Pages::count);
    let zones = snapshot
        .zones
        .iter()
        .filter(|zone| count(zone.managed) > 0)
        .map(|zone| {
            let managed = count(zone.managed);
            let kind = ZoneKind::of(&zone.name).unwrap();
            // What the reserve of the zone below says of this one.
            let below = snapshot.zones.iter().rfind(|below| {
                below.node == zone.node && ZoneKind::of(&below.name).is_some_and(|k| k < kind)
            });
            let reserve = below.and_then(|below| below.protection.iter().copied().max());
            let at_init = reserve.map_or(managed, |reserve| reserve.count() * 256 + 128);
            ZoneProfile {
                node: zone.node,
                kind,
                spanned: count(zone.spanned),
                present: count(zone.present),
                managed_at_init: at_init.min(managed),
                managed,
                free: count(zone.free),
                pcp: count(zone.pcp),
            }
        })
        .collect();
    Profile {
        zones,
        min_free_kbytes: snapshot.sysctls.min_free_kbytes.map(|bytes| bytes.get() >> 10),
        slab_reclaimable: pages(snapshot, Field::SReclaimable),
        slab_unreclaimable: pages(snapshot, Field::SUnreclaim),
        anon: pages(snapshot, Field::AnonPages) + pages(snapshot, Field::Shmem),
        file: pages(snapshot, Field::ActiveFile) + pages(snapshot, Field::InactiveFile),
        per_process: Some(16),
        ..Profile::default()
    }
}

/// How many bytes the model's program touched, in the steps of the real one.
fn touched(name: &str, zram: bool) -> u64 {
    let snapshot = captured(name);
    let release: Release = snapshot.kernel.release.unwrap();
    let huge = release >= Release::new(6, 1) && pages(&snapshot, Field::MemTotal) >= 131_072;
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile(&snapshot));
    config.huge = if huge { Huge::Always } else { Huge::Never };
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let swap = pages(&snapshot, Field::SwapFree);
    if swap > 0 {
        machine.add_swap(&SwapSpec { len: swap << 12, priority: None, zram });
    }
    let spec = ProcessSpec::new("hog", 0);
    let process = machine.start(&spec).unwrap();
    let prot = Prot::READ.with(Prot::WRITE);
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(MapFlags::NORESERVE);
    let map = Call::Mmap { addr: 0, len: 4 << 30, prot, flags, fd: -1, offset: 0 };
    let map = machine.call(process, &map).unwrap().value.unwrap();
    let mut done = 0;
    loop {
        let touch = Touch {
            addr: map + done,
            count: 64,
            stride: 4096,
            access: Access::Write,
            content: Content::OneByte,
        };
        match machine.touch(process, &touch).unwrap().stopped {
            None => done += 64 << 12,
            Some(Stop::Killed) => return done,
            Some(other) => panic!("{other:?} after {done} bytes"),
        }
    }
}

fn truth(name: &str) -> u64 {
    let text = fs::read_to_string(folder(name).join("truth")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("touched ")).unwrap().parse().unwrap()
}

#[test]
fn captured_machines_kill_when_the_model_does() {
    // The distance that each may have, thousandths.
    for (name, zram, most) in [
        ("6.1-256m", false, 6),
        ("6.12-1g", false, 12),
        ("6.1-512m-two-nodes", false, 10),
        ("6.1-1g-swap", false, 35),
        ("6.12-256m-swap", false, 15),
        ("6.12-512m-zram", true, 50),
    ] {
        let (found, expected) = (touched(name, zram), truth(name));
        let off = i128::from(found) - i128::from(expected);
        eprintln!("{name}: {} kB, really {} kB, {} kB off", found >> 10, expected >> 10, off >> 10);
        assert!(
            off.unsigned_abs() * 1000 <= u128::from(expected) * most,
            "{name}: {off} bytes off"
        );
    }
}

/// A machine of 2006: i386, 256 MiB, 888 MiB of swap, as its `meminfo` was printed.
fn article() -> MachineConfig {
    let release = Release::old(2, 6, 18);
    let mut profile = Profile::of(release, Arch::I386, 256);
    let (free, cached, anon) = (3668 / 4, (13_640 + 171_788) / 4, 10_000);
    for zone in &mut profile.zones {
        zone.free = 0;
    }
    let last = profile.zones.len() - 1;
    profile.zones[0].free = 100;
    profile.zones[last].free = free - 100;
    profile.file = cached;
    profile.anon = anon;
    MachineConfig::with_memory(release, Arch::I386, profile)
}

#[test]
fn the_machine_of_2006_has_the_memory_that_it_printed() {
    assert_eq!(article().ram * 4, 255_944);
}

#[test]
fn the_program_of_2006_is_killed_after_as_many_blocks_as_it_was() {
    let mut machine = Machine::new(article(), Image::tiny(Release::old(2, 6, 18), Arch::I386));
    machine.add_swap(&SwapSpec { len: 909_676 << 10, priority: None, zram: false });
    let spec = ProcessSpec::new("oom", 1000);
    let process = machine.start(&spec).unwrap();
    let prot = Prot::READ.with(Prot::WRITE);
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);
    let mut blocks = 0;
    loop {
        // What malloc(1 MiB) asks for.
        let map = Call::Mmap { addr: 0, len: 0x10_1000, prot, flags, fd: -1, offset: 0 };
        let addr = machine.call(process, &map).unwrap().value.unwrap();
        let touch = Touch {
            addr,
            count: 0x101,
            stride: 4096,
            access: Access::Write,
            content: Content::OneByte,
        };
        match machine.touch(process, &touch).unwrap().stopped {
            None => blocks += 1,
            Some(Stop::Killed) => break,
            Some(other) => panic!("{other:?} after {blocks} blocks"),
        }
    }
    eprintln!("2.6.18: {blocks} blocks of 1 MiB, really 1081, off {}", blocks - 1081);
    assert!((blocks - 1081_i64).abs() <= 32, "{blocks} blocks");
}
