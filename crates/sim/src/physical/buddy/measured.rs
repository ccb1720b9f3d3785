//! A machine that ran out of memory, block by block.

use rules::layout::Arch;

use super::*;
use crate::physical::For;
use crate::{Image, Machine, MachineConfig, Profile, ZoneProfile};

const SEEN: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/free-blocks-6.12.txt"));

/// The words behind a key and a zone.
fn words(key: &str, zone: &str) -> Vec<&'static str> {
    let line = SEEN.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?.strip_prefix(' ')?.strip_prefix(zone)?;
        rest.strip_prefix(' ')
    });
    line.expect("a line").split(' ').collect()
}

fn numbers(key: &str, zone: &str) -> Vec<u64> {
    words(key, zone).iter().filter_map(|word| word.parse().ok()).collect()
}

fn zone(name: &str, kind: ZoneKind) -> (ZoneProfile, FreeBlocks) {
    let [spanned, present, managed_at_init, managed, free, pcp] = numbers("zone", name)[..] else {
        panic!("six numbers")
    };
    let counts = |key| numbers(key, name).try_into().expect("eleven orders");
    let blocks = FreeBlocks {
        node: 0,
        kind,
        free: ["unmovable", "movable", "reclaimable"].map(counts),
        blocks: numbers("pageblocks", name).try_into().expect("three types"),
    };
    let node = 0;
    (ZoneProfile { node, kind, spanned, present, managed_at_init, managed, free, pcp }, blocks)
}

#[test]
fn a_zone_ends_with_the_blocks_and_on_the_list_with_the_pages_that_6_12_left() {
    let release = Release::new(6, 12);
    let known = [zone("DMA", ZoneKind::Dma), zone("DMA32", ZoneKind::Dma32)];
    let (zones, blocks) = known.into_iter().unzip();
    let profile = Profile { zones, blocks, ..Profile::default() };
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.huge = crate::Huge::Never;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    // A page table for each 512 pages, and nobody is there to be killed.
    machine.as_kernel(|ctx| {
        let mut pages = 0_u64;
        while ctx.allocate(1, For::User).is_ok() {
            pages += 1;
            if pages.is_multiple_of(512) && ctx.allocate(1, For::Kernel).is_err() {
                break;
            }
        }
    });
    let zones = &machine.store.frames.physical.as_deref().unwrap().zones;
    for (zone, name) in zones.iter().zip(["DMA", "DMA32"]) {
        let marks = [zone.marks.min, zone.marks.low, zone.marks.high].map(units::Pages::count);
        assert_eq!(marks.to_vec(), numbers("marks", name), "{name}");
        let buddy = zone.blocks.as_deref().unwrap();
        assert_eq!(buddy.total(), zone.free, "{name}");
    }
    let dma = &zones[0];
    assert_eq!(vec![dma.free, dma.pcp.count(), dma.boost], numbers("killed", "DMA"));
    let buddy = dma.blocks.as_deref().unwrap();
    assert_eq!(buddy.orders().to_vec(), numbers("blocks", "DMA"));
    let letters = buddy.letters();
    let letters = letters.iter().map(|kinds| if kinds.is_empty() { "-" } else { kinds });
    assert_eq!(letters.collect::<Vec<_>>(), words("letters", "DMA"));
    let above = zones[1].limit(crate::physical::Mark::Min, 4) - zones[1].free;
    assert!(above < 480, "{above} pages below the mark");
}
