//! Addresses that are drawn at each exec.
//!
//! # What it leaves out
//! The program itself: it is none that could lie elsewhere (no position-independent executable).

use rules::layout::{LayoutInput, Randomness, layout, randomness};

use crate::image::{Image, ImageBacking};
use crate::machine::Machine;
use crate::mm::Mm;
use crate::vm_flags::VmFlags;

/// What was drawn for one program, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Moves {
    mappings: u64,
    stack: u64,
    heap: u64,
}

/// The next number of a sequence (SplitMix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn draw(rules: &Randomness, state: &mut u64) -> Moves {
    let stack = rules.stack.pick(next(state)) + rules.stack_page.pick(next(state));
    let heap = rules.heap_gap + rules.heap.pick(next(state));
    Moves { mappings: rules.mappings.pick(next(state)), stack, heap }
}

impl Machine {
    /// An address space as an exec makes it, empty yet, and the image to put there.
    pub(crate) fn address_space(&mut self, stack_limit: u64) -> (Mm, Image) {
        let config = &self.store.config;
        let (release, arch) = (config.release, config.arch);
        let mode = if config.aslr_seed.is_some() { config.randomize_va_space } else { 0 };
        let moves = if mode == 0 {
            Moves::default()
        } else {
            draw(&randomness(release, arch, mode, config.mmap_rnd_bits), &mut self.random)
        };
        let config = &self.store.config;
        let input = LayoutInput {
            stack_limit,
            guard_gap: config.stack_guard_gap * 4096,
            randomized: mode > 0,
            offset: moves.mappings,
            legacy: config.legacy_layout,
        };
        let mut layout = layout(release, arch, input);
        layout.mmap_base = self.image.mmap_base.unwrap_or(layout.mmap_base);
        let mut image = self.image.clone();
        if self.image.mmap_base.is_none() {
            // The kernel's own mappings are made where the search for a place starts.
            let base = *self.first_base.get_or_insert(layout.mmap_base);
            image.move_special(base, layout.mmap_base);
        }
        image.trim_stack(stack_limit);
        image.move_parts(moves);
        let unsynced = self.store.config.unsynced();
        (Mm::new(arch, layout, image.segments, unsynced), image)
    }
}

impl Image {
    /// Moves the stack down, and the heap up, of which nothing is there yet.
    fn move_parts(&mut self, moves: Moves) {
        let stack = self.mappings.iter_mut().filter(|mapping| {
            mapping.flags.has(VmFlags::GROWSDOWN) && mapping.backing == ImageBacking::Anon
        });
        for mapping in stack {
            mapping.start = mapping.start.saturating_sub(moves.stack);
            mapping.end = mapping.end.saturating_sub(moves.stack);
        }
        let segments = &mut self.segments;
        segments.start_stack = segments.start_stack.saturating_sub(moves.stack);
        if segments.start_brk == segments.brk {
            segments.start_brk = segments.start_brk.saturating_add(moves.heap);
            segments.brk = segments.start_brk;
        }
    }
}

#[cfg(test)]
mod tests {
    use facts::Release;
    use rules::layout::Arch;
    use units::ScoreAdj;
    use world::{Call, Limits, MapFlags, ProcessSpec, Prot, World};

    use super::*;
    use crate::config::MachineConfig;

    /// Where a program's first mapping, heap and stack are, of so many programs.
    fn addresses(arch: Arch, seed: u64, mode: u8, count: usize) -> Vec<[u64; 3]> {
        let release = Release::new(6, 18);
        let mut config = MachineConfig::new(release, arch, 1 << 18, 0);
        (config.aslr_seed, config.randomize_va_space) = (Some(seed), mode);
        let mut machine = Machine::new(config, Image::tiny(release, arch));
        let spec = ProcessSpec {
            name: "demo".to_owned(),
            uid: 0,
            nice: 0,
            adj: ScoreAdj::new(0).unwrap(),
            limits: Limits::default(),
            cgroup: None,
        };
        let process = machine.start(&spec).unwrap();
        let mut all = Vec::new();
        for _ in 0..count {
            let mut ask = |call| machine.call(process, &call).unwrap().value.unwrap();
            let mapping = ask(Call::Mmap {
                addr: 0,
                len: 4096,
                prot: Prot::READ,
                flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
                fd: -1,
                offset: 0,
            });
            let heap = ask(Call::Brk { addr: 0 });
            let maps = String::from_utf8(machine.maps(process).unwrap()).unwrap();
            let stack = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
            let end = stack.split(['-', ' ']).nth(1).unwrap();
            all.push([mapping, heap, u64::from_str_radix(end, 16).unwrap()]);
            machine.exec(process).unwrap();
        }
        all
    }

    #[test]
    fn every_exec_draws_addresses_and_a_seed_gives_the_same_ones() {
        for arch in [Arch::X86_64, Arch::I386, Arch::Arm, Arch::Arm64] {
            let first = addresses(arch, 7, 2, 20);
            assert_eq!(first, addresses(arch, 7, 2, 20), "{arch:?}");
            assert_ne!(first, addresses(arch, 8, 2, 20), "{arch:?}");
            for part in 0..3 {
                let differ = first.iter().any(|one| one[part] != first[0][part]);
                assert!(differ, "{arch:?} {part}");
            }
        }
    }

    #[test]
    fn mode_0_draws_nothing_and_mode_1_leaves_the_heap() {
        let off = addresses(Arch::X86_64, 7, 0, 3);
        assert_eq!(off, [[0x7fff_f7ff_e000, 0x40_2000, 0x7fff_ffff_f000]; 3]);
        let some = addresses(Arch::X86_64, 7, 1, 3);
        assert!(some.iter().all(|one| one[1] == 0x40_2000));
        assert_ne!(some[0][0], some[1][0]);
    }

    #[test]
    fn what_is_drawn_reaches_both_ends_of_its_range() {
        let all = addresses(Arch::I386, 1, 2, 300);
        let ends = |part: usize| {
            let values = || all.iter().map(|one| one[part]);
            (values().min().unwrap(), values().max().unwrap())
        };
        let near = |value: u64, end: u64, range: u64| value.abs_diff(end) <= range / 20;
        // 255 pages below 3 GiB less 128 MiB; 32 MiB; 8 MiB.
        for (part, least, most) in [
            (0, 0xb7f0_0000, 0xb7ff_f000),
            (1, 0x0804_b000, 0x0a04_a000),
            (2, 0xbf80_0000, 0xc000_0000),
        ] {
            let (low, high) = ends(part);
            let range = most - least;
            assert!(low >= least && high <= most, "{part}: {low:#x} {high:#x}");
            assert!(
                near(low, least, range) && near(high, most, range),
                "{part} {low:#x} {high:#x}"
            );
        }
    }
}
