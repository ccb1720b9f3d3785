//! Random programs on small machines: every page is somewhere, and only there.

use std::collections::BTreeMap;

use facts::Release;
use rules::layout::Arch;
use world::{
    Access, Advice, Call, Content, End, FileSpec, ForkKind, LockFlags, MapFlags, MemfdFlags,
    OpenFlags, ProcessId, ProcessSpec, Prot, RemapFlags, SwapSpec, Touch, World,
};

use super::{List, NOWHERE};
use crate::page::What;
use crate::{Image, Machine, MachineConfig, Profile};

/// A source of numbers that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }
}

fn machine(release: &str, mib: u64, swap: &[SwapSpec]) -> Machine {
    let release: Release = release.parse().unwrap();
    let mut profile = Profile::of(release, Arch::X86_64, mib);
    let last = profile.zones.len() - 1;
    profile.file = 500;
    profile.zones[last].free -= 500;
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.lru_gen = mib == GENERATIONAL;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    for area in swap {
        machine.add_swap(area);
    }
    let files = [("a", 8 << 20, false), ("b", 40 << 20, false), ("t", 1 << 20, true)];
    let files = files.map(|(name, len, tmpfs)| FileSpec { name: name.to_owned(), len, tmpfs });
    machine.files(&files).unwrap();
    machine
}

fn spec() -> ProcessSpec {
    ProcessSpec::new("p", 0)
}

/// What does not change: pages that nobody in the model has.
fn rest(machine: &Machine) -> i128 {
    let physical = machine.store.frames.physical.as_deref().unwrap();
    let frames: u64 = machine
        .store
        .frames
        .map
        .iter()
        .filter(|(_, _, frame)| frame.zone != NOWHERE)
        .map(|(_, len, _)| len)
        .sum();
    let unused: u64 = physical.zones.iter().map(super::Zone::unused).sum();
    let kernel: u64 = physical.kernel.iter().sum();
    i128::from(physical.managed()) + i128::from(physical.owed)
        - i128::from(unused + frames + kernel + physical.slab.reclaimable - physical.slab.pinned)
}

fn check(machine: &Machine, expected: i128, what: &str) {
    assert_eq!(rest(machine), expected, "pages were lost or made, after {what}");
    let physical = machine.store.frames.physical.as_deref().unwrap();
    let mut lists = BTreeMap::new();
    let mut dirty = 0;
    for (first, len, frame) in machine.store.frames.map.iter() {
        if frame.zone == NOWHERE {
            continue;
        }
        *lists.entry(physical.list_of(frame)).or_insert(0) += len;
        if frame.dirty && !frame.swapbacked && crate::frames::file_of(first).is_some() {
            dirty += len;
        }
    }
    for list in List::EVICTABLE.into_iter().chain([List::Unevictable]) {
        let expected = lists.get(&list).copied().unwrap_or(0);
        assert_eq!(physical.listed(list), expected, "{list:?} after {what}");
    }
    for (owner, vec) in physical.lru.vecs.iter().filter(|_| !physical.lru.generational) {
        for class in 0..super::zones::CLASSES {
            for list in List::EVICTABLE {
                let of = |frame: &crate::frames::Frame| {
                    frame.zone != NOWHERE
                        && physical.owner(frame) == *owner
                        && physical.list_of(frame) == list
                        && physical.class_of(frame) <= class
                };
                let frames = machine.store.frames.map.iter().filter(|(_, _, frame)| of(frame));
                let expected: u64 = frames.map(|(_, len, _)| len).sum();
                assert_eq!(vec.size_within(list, class), expected, "{list:?} after {what}");
            }
        }
    }
    assert_eq!(physical.dirty, dirty, "dirty pages after {what}");
    let (mut entries, mut slots) = (0, 0);
    for (key, mm) in &machine.mms {
        let of = |what| {
            let pages = mm.pages.iter().filter(|(_, _, pte)| pte.what == what);
            pages.map(|(_, len, _)| len).sum::<u64>()
        };
        assert_eq!(mm.swapped, of(What::Swap), "VmSwap of {key} after {what}");
        assert_eq!(mm.rss, [of(What::Anon), of(What::File), of(What::Shmem)], "rss after {what}");
        assert_eq!(mm.tables_paid, mm.tables.count(), "page tables of {key} after {what}");
        entries += mm.swapped;
        for (page, len, pte) in mm.pages.iter().filter(|(_, _, pte)| pte.counted()) {
            let there = machine.store.frames.map.count(pte.frame, pte.frame + len);
            assert_eq!(there, len, "page {page:#x} of {key} has no frame, after {what}");
        }
    }
    for (_, len, slot) in physical.swap.slots.iter() {
        slots += len * u64::from(slot.refs);
    }
    assert_eq!(slots, entries + outside(machine), "entries in swap after {what}");
    let used: u64 = physical.swap.areas.iter().map(|area| area.used).sum();
    assert_eq!(used, physical.swap.slots.iter().map(|(_, len, _)| len).sum::<u64>());
    assert_eq!(physical.owed, 0, "the reserves were overdrawn, after {what}");
}

/// Entries of processes that the model does not have.
fn outside(machine: &Machine) -> u64 {
    let slots = machine.store.frames.physical.as_deref().unwrap().swap.slots.iter();
    let nobody = slots.filter(|(_, _, slot)| slot.mm == u32::MAX);
    nobody.map(|(_, len, slot)| len * u64::from(slot.refs)).sum()
}

#[expect(clippy::too_many_lines, reason = "one arm for each thing that programs do")]
/// Plays a program; everything that could be shown of it.
fn play(start: u64, release: &str, mib: u64, swap: &[SwapSpec], steps: u32) -> Vec<u8> {
    let mut dice = Dice(start);
    let mut machine = machine(release, mib, swap);
    let expected = rest(&machine);
    let mut shown = Vec::new();
    let mut living: Vec<ProcessId> = Vec::new();
    let mut maps: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
    for step in 0..steps {
        while living.len() < 2 {
            let Ok(process) = machine.start(&spec()) else { break };
            living.push(process);
            for file in 0..3 {
                let open = Call::Open { file, flags: OpenFlags(2) };
                machine.call(process, &open).unwrap();
            }
            machine.call(process, &Call::MemfdCreate { flags: MemfdFlags(0) }).unwrap();
        }
        if living.is_empty() {
            break;
        }
        let at = usize::try_from(dice.roll(living.len() as u64)).unwrap();
        let process = living[at];
        let known = maps.entry(process.0).or_default();
        let pick = |dice: &mut Dice, known: &[(u64, u64)]| {
            let at = usize::try_from(dice.roll(known.len() as u64)).unwrap();
            known.get(at).copied().unwrap_or((0x1000, 1))
        };
        let prot = Prot::READ.with(Prot::WRITE);
        let kind = dice.roll(21);
        let text = format!("step {step}, kind {kind}, process {}", process.0);
        match kind {
            0..=2 => {
                let pages = 1 + dice.roll(6000);
                let shared = dice.roll(4) == 0;
                let kind = if shared { MapFlags::SHARED } else { MapFlags::PRIVATE };
                let flags = kind.with(MapFlags::ANONYMOUS);
                let call = Call::Mmap { addr: 0, len: pages << 12, prot, flags, fd: -1, offset: 0 };
                if let Ok(addr) = machine.call(process, &call).unwrap().value {
                    known.push((addr, pages));
                }
            }
            3 => {
                let fd = 3 + i32::try_from(dice.roll(4)).unwrap();
                let shared = dice.roll(2) == 0;
                let flags = if shared { MapFlags::SHARED } else { MapFlags::PRIVATE };
                let pages = 1 + dice.roll(2000);
                let call = Call::Mmap { addr: 0, len: pages << 12, prot, flags, fd, offset: 0 };
                if let Ok(addr) = machine.call(process, &call).unwrap().value {
                    known.push((addr, pages));
                }
            }
            4..=9 => {
                let (addr, pages) = pick(&mut dice, known);
                let from = dice.roll(pages);
                let count = 1 + dice.roll(pages - from);
                let stride = [4096, 4096, 8192, 40_960][usize::try_from(dice.roll(4)).unwrap()];
                let access = if dice.roll(3) == 0 { Access::Read } else { Access::Write };
                let count = (count * 4096).div_ceil(stride);
                let addr = addr + (from << 12);
                let touch = Touch { addr, count, stride, access, content: Content::OneByte };
                let touched = machine.touch(process, &touch).unwrap();
                shown.extend(format!("{touched:?}\n").into_bytes());
            }
            10 => {
                let (addr, pages) = pick(&mut dice, known);
                machine.call(process, &Call::Munmap { addr, len: pages << 12 }).unwrap();
                known.retain(|known| known.0 != addr);
            }
            11..=12 => {
                let (addr, pages) = pick(&mut dice, known);
                let advice = [3, 4, 8, 20, 21, 21, 14][usize::try_from(dice.roll(7)).unwrap()];
                let len = (1 + dice.roll(pages)) << 12;
                let call = Call::Madvise { addr, len, advice: Advice(advice) };
                machine.call(process, &call).unwrap();
            }
            13 => {
                if living.len() < 6
                    && let Ok(child) = machine.fork(process, ForkKind::Fork).unwrap()
                {
                    let copy = known.clone();
                    maps.insert(child.0, copy);
                    living.push(child);
                }
            }
            14 => {
                machine.end(process, End::Exit(0)).unwrap();
            }
            15 => {
                let fd = 3 + i32::try_from(dice.roll(4)).unwrap();
                let (offset, len) = (dice.roll(20 << 20), 1 + dice.roll(8 << 20));
                machine.call(process, &Call::Pwrite { fd, offset, len }).unwrap();
            }
            16 => {
                let fd = 3 + i32::try_from(dice.roll(4)).unwrap();
                let (offset, len) = (dice.roll(40 << 20), 1 + dice.roll(30 << 20));
                machine.call(process, &Call::Pread { fd, offset, len }).unwrap();
            }
            17 => {
                let (addr, pages) = pick(&mut dice, known);
                let new_len = (1 + dice.roll(2 * pages)) << 12;
                let flags = RemapFlags::MAYMOVE;
                let call = Call::Mremap { addr, old_len: pages << 12, new_len, flags, new_addr: 0 };
                if let Ok(moved) = machine.call(process, &call).unwrap().value {
                    known.retain(|known| known.0 != addr);
                    known.push((moved, new_len >> 12));
                }
            }
            18 => {
                let (addr, pages) = pick(&mut dice, known);
                let len = (1 + dice.roll(pages.min(500))) << 12;
                let call = if dice.roll(2) == 0 {
                    Call::Mlock { addr, len }
                } else if dice.roll(4) == 0 {
                    Call::Mlockall { flags: LockFlags(0) }
                } else {
                    Call::Munlock { addr, len }
                };
                machine.call(process, &call).unwrap();
            }
            19 => {
                let area = u8::try_from(dice.roll(2)).unwrap();
                let call = if dice.roll(2) == 0 {
                    Call::Swapoff { area }
                } else {
                    Call::Swapon { area, priority: None }
                };
                let value = machine.call(process, &call).unwrap().value;
                shown.extend(format!("{call}: {value:?}\n").into_bytes());
            }
            _ => {
                let value = ["1", "2", "3"][usize::try_from(dice.roll(3)).unwrap()];
                machine.control_memory("vm.drop_caches", value).unwrap().unwrap();
            }
        }
        check(&machine, expected, &text);
        let deaths = machine.deaths().unwrap();
        shown.extend(format!("{deaths:?}\n").into_bytes());
        living.retain(|&process| machine.alive(process).unwrap().is_none());
    }
    for process in living {
        let observation = machine.observe(process).unwrap();
        shown.extend(observation.status.unwrap_or_default());
        shown.extend(observation.smaps.unwrap_or_default());
        machine.end(process, End::Exit(0)).unwrap();
        check(&machine, expected, "the end");
    }
    let physical = machine.store.frames.physical.as_deref().unwrap();
    assert_eq!(physical.tables, 0);
    // What is left are empty slabs.
    let left = physical.swap.zram + physical.objects.pages();
    assert_eq!(physical.kernel.iter().sum::<u64>(), left);
    shown
}

/// Machines of this many MiB have generations.
const GENERATIONAL: u64 = 113;

const DISK: SwapSpec = SwapSpec { len: 24 << 20, priority: None, zram: false };
const ZRAM: SwapSpec = SwapSpec { len: 16 << 20, priority: Some(5), zram: true };

#[test]
fn every_page_is_somewhere_whatever_programs_do() {
    for (seed, release, swap) in [
        (1, "6.1", &[][..]),
        (2, "6.1", &[DISK]),
        (3, "6.18", &[DISK, ZRAM]),
        (4, "2.6.18", &[DISK]),
        (5, "3.6", &[DISK]),
        (6, "4.9", &[DISK, ZRAM]),
        (7, "5.10", &[ZRAM]),
    ] {
        play(seed, release, 112, swap, 150);
    }
    for (seed, release, swap) in [
        (8, "6.1", &[DISK][..]),
        (9, "6.12", &[DISK]),
        (10, "6.12", &[DISK, ZRAM]),
        (11, "6.18", &[]),
        (12, "6.12", &[ZRAM]),
    ] {
        play(seed, release, GENERATIONAL, swap, 150);
    }
}

#[test]
fn the_same_program_looks_the_same_every_time() {
    let run = || play(11, "6.1", 112, &[DISK, ZRAM], 100);
    assert!(run() == run());
}
