//! Profiles of machines that were measured, and of those between them.
//!
//! # Where the numbers come from
//! x86-64: Debian's 6.1 cloud kernel under QEMU with one processor and seven sizes of RAM: the
//! managed pages that `/proc/zoneinfo` printed after boot, those at boot by what `protection`, the
//! marks and `min_free_kbytes` say of them, the memory that was neither free nor the only program's
//! when that program was killed for want of it, and `MemAvailable`. 6.12 is the same with 1316
//! pages less to manage (captures of both on 256 MiB and on 1 GiB). i386 with high memory: Debian's
//! 6.1 for 686-pae on 1 GiB. Older kernels: what their boot line says, in `published`.

use facts::Release;
use rules::layout::Arch;
use rules::watermark::ZoneKind;

use super::{Profile, ZoneProfile};
use crate::physical::objects::is_known;

/// A measured size: RAM in MiB, then pages.
struct Row {
    mib: u64,
    dma32: u64,
    /// Managed when marks and reserves were computed.
    dma32_at_init: u64,
    normal: u64,
    normal_at_init: u64,
    /// Taken by the kernel and what was started at boot, when nothing can be reclaimed any more.
    taken: u64,
    /// Free on lists of processors.
    pcp: u64,
}

/// The first zone, up to 16 MiB.
const DMA: u64 = 3840;
/// Slab that shrinks when the kernel is pressed, on a machine that has just booted.
const SLAB_SHRINKS: u64 = 600;

#[rustfmt::skip]
const ROWS: [Row; 7] = [
    Row { mib: 128, dma32: 19_860, dma32_at_init: 16_986, normal: 0, normal_at_init: 0, taken: 7_761, pcp: 22 },
    Row { mib: 256, dma32: 52_068, dma32_at_init: 49_204, normal: 0, normal_at_init: 0, taken: 7_727, pcp: 189 },
    Row { mib: 512, dma32: 116_484, dma32_at_init: 113_600, normal: 0, normal_at_init: 0, taken: 7_796, pcp: 420 },
    Row { mib: 1024, dma32: 245_316, dma32_at_init: 242_446, normal: 0, normal_at_init: 0, taken: 7_906, pcp: 2_318 },
    Row { mib: 2048, dma32: 502_980, dma32_at_init: 500_100, normal: 0, normal_at_init: 0, taken: 8_085, pcp: 2_381 },
    Row { mib: 4096, dma32: 757_817, dma32_at_init: 754_850, normal: 243_912, normal_at_init: 243_850, taken: 8_440, pcp: 2_900 },
    Row { mib: 6000, dma32: 765_920, dma32_at_init: 765_220, normal: 714_020, normal_at_init: 711_800, taken: 8_780, pcp: 4_050 },
];

impl Profile {
    /// What a kernel of this release makes of so much RAM (MiB) in a plain virtual machine with one
    /// processor.
    pub fn of(release: Release, arch: Arch, mib: u64) -> Profile {
        match arch {
            Arch::X86_64 | Arch::Ia32 | Arch::Arm64 => x86_64(release, mib.clamp(64, 1 << 30)),
            Arch::I386 | Arch::Arm => lowmem(release, mib.clamp(32, 64 << 10)),
        }
    }
}

/// The value at `x` on the straight line through two points; never negative.
fn between(x: u64, a: (u64, u64), b: (u64, u64)) -> u64 {
    let [x, ax, ay, bx, by] = [x, a.0, a.1, b.0, b.1].map(i128::from);
    let value = ay + (by - ay) * (x - ax) / (bx - ax).max(1);
    u64::try_from(value.max(0)).unwrap_or(u64::MAX)
}

fn x86_64(release: Release, mib: u64) -> Profile {
    // Up to 3 GiB there is no zone above 4 GiB; machines between that and 4 GiB have none here.
    let (small, large) = ROWS.split_at(5);
    let rows = if mib < 3584 { small } else { large };
    let above = rows.iter().position(|row| row.mib >= mib).unwrap_or(rows.len() - 1).max(1);
    let (a, b) = (&rows[above - 1], &rows[above]);
    let line = |field: fn(&Row) -> u64| between(mib, (a.mib, field(a)), (b.mib, field(b)));
    // 6.12 has less to manage, and less slab that it calls reclaimable and does not reclaim.
    let (later, slab) = if release >= Release::new(6, 12) { (1316, 300) } else { (0, 2400) };
    // Below 4 GiB there are no more than what the largest machine has there.
    let cap = ROWS[6].dma32;
    let dma32 = line(|row| row.dma32).min(cap).saturating_sub(later);
    let dma32_at_init = line(|row| row.dma32_at_init).min(cap).saturating_sub(later);
    let normal = line(|row| row.normal);
    let reclaimable = SLAB_SHRINKS;
    let taken = line(|row| row.taken) + reclaimable + slab - 2400;
    let pcp = line(|row| row.pcp).min(dma32 / 8);
    let mut zones = vec![zone(ZoneKind::Dma, DMA, DMA, 3998)];
    let present = (mib * 256).saturating_sub(4232).min(782_298);
    zones.push(zone(ZoneKind::Dma32, dma32, dma32_at_init.min(dma32), present));
    if normal > 0 {
        let present = (mib * 256).saturating_sub(786_432).max(normal);
        zones.push(zone(ZoneKind::Normal, normal, line(|row| row.normal_at_init), present));
    }
    fill(&mut zones, taken, pcp);
    Profile {
        zones,
        min_free_kbytes: None,
        slab_reclaimable: slab + reclaimable,
        slab_unreclaimable: 1720,
        kernel_stack: 244,
        page_tables: 40,
        anon: 100,
        file: 0,
        unevictable: 0,
        mlocked: 0,
        shmem: 0,
        committed: 500,
        per_process: (!is_known(release, Arch::X86_64)).then_some(16),
        processes_before: 0,
        blocks: Vec::new(),
    }
}

/// A zone that is free altogether.
fn zone(kind: ZoneKind, managed: u64, managed_at_init: u64, present: u64) -> ZoneProfile {
    let present = present.max(managed);
    ZoneProfile {
        node: 0,
        kind,
        spanned: present,
        present,
        managed_at_init,
        managed,
        free: managed,
        pcp: 0,
    }
}

/// What is taken comes out of the highest zone that has it, and 32 pages out of the lowest.
fn fill(zones: &mut [ZoneProfile], taken: u64, pcp: u64) {
    let mut left = taken;
    if let Some(lowest) = zones.first_mut().filter(|zone| zone.kind == ZoneKind::Dma) {
        let some = left.min(32).min(lowest.free);
        lowest.free -= some;
        left -= some;
    }
    for zone in zones.iter_mut().rev() {
        let some = left.min(zone.free);
        zone.free -= some;
        left -= some;
    }
    if let Some(highest) = zones.last_mut() {
        highest.pcp = pcp.min(highest.free);
        highest.free -= highest.pcp;
    }
}

/// 32-bit: up to 16 MiB, what the kernel maps, and what it does not.
fn lowmem(release: Release, mib: u64) -> Profile {
    // 1 GiB: DMA 3840 (x86), Normal 213 613 of 221 182 present, HighMem 36 828.
    let old = release < Release::new(3, 8);
    let pages = mib * 256;
    let low = pages.min(225_180).saturating_sub(4096);
    let high = pages.saturating_sub(229_276);
    let memmap = pages / 128;
    // A 2.6 kernel of 2006 on 256 MiB printed a MemTotal of 255944 kB.
    let image = if old { 1006 } else { 5600 };
    let dma = if old { 4064 } else { DMA };
    let managed = low.saturating_sub(memmap + image);
    let at_init = if old { low } else { managed.saturating_sub(1000) };
    let mut zones =
        vec![zone(ZoneKind::Dma, dma, dma, 4000), zone(ZoneKind::Normal, managed, at_init, low)];
    if high > 0 {
        zones.push(zone(ZoneKind::HighMem, high, high, high));
    }
    let taken = if old { 1500 } else { 4200 };
    fill(&mut zones, taken, 0);
    Profile {
        zones,
        slab_reclaimable: taken / 4,
        slab_unreclaimable: taken / 4,
        kernel_stack: 120,
        page_tables: 30,
        committed: 200,
        per_process: Some(if old { 4 } else { 8 }),
        ..Profile::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MachineConfig;
    use crate::physical::{Physical, class};

    /// RAM; DMA; DMA32; Normal: managed, min, low, high, protection; `min_free_kbytes`;
    /// `user_reserve_kbytes`; `MemTotal`, `CommitLimit` (kB).
    type Published = (u64, [u64; 5], [u64; 5], [u64; 4], [u64; 4]);

    #[rustfmt::skip]
    const PUBLISHED: [Published; 7] = [
        (128, [3840, 53, 66, 79, 66], [19_860, 234, 292, 350, 0], [0; 4], [1154, 2424, 94_800, 47_400]),
        (256, [3840, 33, 41, 49, 192], [52_068, 426, 532, 638, 0], [0; 4], [1842, 6446, 223_632, 111_816]),
        (512, [3840, 22, 27, 32, 443], [116_484, 662, 827, 992, 0], [0; 4], [2741, 14_494, 481_296, 240_648]),
        (1024, [3840, 175, 218, 261, 947], [245_316, 11_088, 13_860, 16_632, 0], [0; 4], [45_056, 30_594, 996_624, 498_312]),
        (2048, [3840, 85, 106, 127, 1953], [502_980, 11_178, 13_972, 16_766, 0], [0; 4], [45_056, 62_788, 2_027_280, 1_013_640]),
        (4096, [3840, 64, 80, 96, 3901], [757_817, 12_721, 15_901, 19_081, 952], [243_912, 4109, 5136, 6163], [67_584, 125_106, 4_022_276, 2_011_136]),
        (6000, [3840, 43, 53, 63, 5769], [765_920, 8730, 10_912, 13_094, 2780], [714_020, 8121, 10_151, 12_181], [67_584, 131_072, 5_935_120, 2_967_560]),
    ];

    #[test]
    fn seven_sizes_of_6_1_are_met_to_the_page() {
        let mut wrong = Vec::new();
        for (mib, dma, dma32, normal, totals) in PUBLISHED {
            let profile = Profile::of(Release::new(6, 1), Arch::X86_64, mib);
            let config = MachineConfig::with_memory(Release::new(6, 1), Arch::X86_64, profile);
            let physical = Physical::new(&config).unwrap();
            let row = |at: usize| {
                let Some(zone) = physical.zones.get(at) else { return [0; 5] };
                let marks = zone.marks;
                let [min, low, high] = [marks.min, marks.low, marks.high].map(units::Pages::count);
                [zone.managed, min, low, high, zone.protection[class(ZoneKind::Movable)]]
            };
            let [a, b, c] = [row(0), row(1), row(2)];
            let limit = physical.managed() * 4 / 2;
            // `user_reserve_kbytes` follows from what was free at one moment of the boot, which is
            // guessed to within 16 kB.
            let mut totals = totals;
            let reserve = config.user_reserve_kbytes;
            assert!(reserve.abs_diff(totals[1]) <= 16, "{mib}: {reserve} and {}", totals[1]);
            totals[1] = reserve;
            let found = (
                mib,
                a,
                b,
                [c[0], c[1], c[2], c[3]],
                [
                    physical.min_free_kbytes,
                    config.user_reserve_kbytes,
                    physical.managed() * 4,
                    limit / 4 * 4,
                ],
            );
            let expected = (mib, dma, dma32, normal, totals);
            if found != expected {
                wrong.push((found, expected));
            }
        }
        assert!(wrong.is_empty(), "found, expected: {wrong:#?}");
    }
}
