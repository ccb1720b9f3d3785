//! Where the parts of an address space lie: bases and ends, by architecture and release.
//!
//! # What it follows
//! `arch_pick_mmap_layout()` and `mmap_base()` in `arch/x86/mm/mmap.c`, `mm/util.c` and
//! `arch/arm/mm/mmap.c`; `TASK_SIZE` and `TASK_UNMAPPED_BASE` of each architecture;
//! `__get_unmapped_area()` in `mm/mmap.c`. Read from 2.6.9 to 7.2, measured on 6.1 and 6.18.
//!
//! # What it leaves out
//! What is drawn: the caller hands in a random offset, or nothing; how large it may be [`randomness`]
//! says. Five levels of page tables, which a program must ask for. Cache colouring of 32-bit ARM and
//! of AMD family 15h.

mod random;

pub use random::{Randomness, Spread, VdsoPlace, mmap_bits, mmap_bits_can_be_set, randomness};

use facts::Release;

/// The kind of address space of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// 64-bit x86, four levels of page tables.
    X86_64,
    /// 32-bit x86 with 3 GiB for processes and 1 GiB for the kernel, without PAE.
    I386,
    /// A 32-bit program on a 64-bit x86 kernel.
    Ia32,
    /// 32-bit ARM with 3 GiB for processes.
    Arm,
    /// 64-bit ARM with 48-bit addresses.
    Arm64,
}

impl Arch {
    /// Whether addresses have 64 bits.
    pub const fn is_64bit(self) -> bool {
        matches!(self, Arch::X86_64 | Arch::Arm64)
    }

    /// End of the addresses of a process (`TASK_SIZE`).
    pub const fn task_size(self) -> u64 {
        match self {
            Arch::X86_64 => (1 << 47) - 4096,
            Arch::I386 => 0xc000_0000,
            Arch::Ia32 => 0xffff_e000,
            Arch::Arm => 0xbf00_0000,
            Arch::Arm64 => 1 << 48,
        }
    }

    /// Where mappings start that are placed from below (`TASK_UNMAPPED_BASE`).
    pub const fn legacy_base(self) -> u64 {
        match self {
            Arch::X86_64 => 0x2aaa_aaaa_b000,
            Arch::I386 | Arch::Arm => 0x4000_0000,
            Arch::Ia32 => 0x5555_5000,
            Arch::Arm64 => 1 << 46,
        }
    }

    /// Bits of an address that one table of each level of page tables covers, lowest level first;
    /// the top level, which is never freed and never counted, is left out.
    pub const fn table_bits(self) -> &'static [u32] {
        match self {
            Arch::X86_64 | Arch::Ia32 | Arch::Arm64 => &[21, 30, 39],
            // Two levels: the upper one is the top.
            Arch::I386 => &[22],
            // Linux sees 2 MiB a page of tables on classic ARM.
            Arch::Arm => &[21],
        }
    }
}

/// Where an address space begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Nothing of a process lies at or above it.
    pub task_size: u64,
    /// Mappings are placed below it, from above; equal to `legacy_base` in the old layout.
    pub mmap_base: u64,
    /// Mappings are placed from here up in the old layout, or when nothing is left below
    /// `mmap_base`.
    pub legacy_base: u64,
    /// Whether mappings are placed from above.
    pub top_down: bool,
}

/// What a layout follows from beside release and architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutInput {
    /// Soft `RLIMIT_STACK` in bytes at exec; `u64::MAX` is unlimited.
    pub stack_limit: u64,
    /// `stack_guard_gap` in bytes.
    pub guard_gap: u64,
    /// Whether addresses are randomised at all, which widens the room kept for the stack.
    pub randomized: bool,
    /// The random offset drawn for mappings, bytes.
    pub offset: u64,
    /// `vm.legacy_va_layout`, or the personality `ADDR_COMPAT_LAYOUT`.
    pub legacy: bool,
}

const MIB_128: u64 = 128 << 20;

/// The layout that an exec gives.
///
/// Placed from above: i386 since 2.6.9, x86-64 since 2.6.25, ARM since 3.4, arm64 always. The gap
/// kept for the stack is the soft limit, at least 128 MiB and at most 5/6 of the address space;
/// since 4.13 (32-bit ARM: 5.4) the guard gap and the most that the stack may be moved by are added to
/// it. Before, x86 added the latter to the least since 2.6.32, arm64 did so even when nothing was
/// random, and 32-bit ARM never. Until 4.12 an unlimited stack meant the old layout.
pub fn layout(release: Release, arch: Arch, input: LayoutInput) -> Layout {
    let task_size = arch.task_size();
    let since = |major, minor| release >= Release::new(major, minor);
    let x86 = matches!(arch, Arch::X86_64 | Arch::I386 | Arch::Ia32);
    let padded = if arch == Arch::Arm { since(5, 4) } else { since(4, 13) };
    let can_go_down = match arch {
        Arch::I386 | Arch::Ia32 => release >= Release::old(2, 6, 9),
        Arch::X86_64 => release >= Release::old(2, 6, 25),
        Arch::Arm => since(3, 4),
        Arch::Arm64 => true,
    };
    // What is placed from below is moved, too, on 32-bit x86 since 4.6 (CVE-2016-3672).
    let moves_up = match arch {
        Arch::X86_64 | Arch::Arm => true,
        Arch::I386 | Arch::Ia32 => since(4, 6),
        Arch::Arm64 => since(4, 1),
    };
    let legacy_base = arch.legacy_base() + if moves_up { input.offset } else { 0 };
    let unlimited_is_legacy = !(padded && x86);
    let legacy =
        input.legacy || !can_go_down || (input.stack_limit == u64::MAX && unlimited_is_legacy);
    if legacy {
        return Layout { task_size, mmap_base: legacy_base, legacy_base, top_down: false };
    }
    let mask = random::stack_mask(release, arch);
    let wander = if input.randomized { mask } else { 0 };
    let mut least = MIB_128;
    let mut gap = input.stack_limit;
    if padded {
        gap = gap.checked_add(input.guard_gap + wander).unwrap_or(gap);
    } else if arch == Arch::Arm64 {
        least += mask + 1;
    } else if x86 && release >= Release::old(2, 6, 32) {
        least += wander;
    }
    let gap = gap.clamp(least, (task_size / 6 * 5).max(least));
    let mmap_base = (task_size - gap).saturating_sub(input.offset).next_multiple_of(4096);
    Layout { task_size, mmap_base, legacy_base, top_down: true }
}

/// How a place is found for a mapping that may lie anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Goes on where the last search ended (`free_area_cache`), and starts over when nothing is left:
    /// up to 3.6.
    NextFit,
    /// The highest hole that is large enough, or the lowest from below: since 3.8.
    BestEnd,
}

/// Which anonymous mappings are put on a boundary of huge pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugeAlign {
    /// None: up to 6.6.
    Never,
    /// Every one of 2 MiB or more: 6.7 to 6.12 as first released.
    Large,
    /// Those whose length is a multiple of 2 MiB: since 6.13, and in stable 6.11 and 6.12.
    Multiple,
}

/// The rules by which mappings are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// How holes are found.
    pub search: Search,
    /// Alignment for huge pages, 64-bit only.
    pub huge_align: HugeAlign,
    /// Whether file systems of disks put maps of 2 MiB and more of a file's whole huge pages on such a
    /// boundary: `thp_get_unmapped_area` of ext4 since 4.10, xfs and btrfs.
    pub file_align: bool,
    /// Whether a mapping keeps its distance from one that grows down (4.12).
    pub guard_gap: bool,
    /// Whether a hint is rounded down to a page (x86 placed from above, since 5.0), and not up.
    pub hint_down: bool,
}

/// The rules of a release.
pub fn placement(release: Release, arch: Arch) -> Placement {
    let since = |major, minor| release >= Release::new(major, minor);
    let multiple = since(6, 13)
        || (release >= Release::old(6, 12, 1) && release.minor == 12)
        || (release >= Release::old(6, 11, 11) && release.minor == 11);
    let huge_align = if !arch.is_64bit() || !since(6, 7) {
        HugeAlign::Never
    } else if multiple {
        HugeAlign::Multiple
    } else {
        HugeAlign::Large
    };
    Placement {
        search: if since(3, 8) { Search::BestEnd } else { Search::NextFit },
        huge_align,
        file_align: arch.is_64bit() && since(4, 10),
        guard_gap: since(4, 12),
        hint_down: since(5, 0) && arch == Arch::X86_64,
    }
}

/// Where the first segment of a position-independent program with an interpreter goes, without
/// randomisation (`ELF_ET_DYN_BASE` rounded down to a page).
///
/// Two thirds of the address space; 32-bit programs 4 MiB since 4.13.
pub fn pie_base(release: Release, arch: Arch) -> u64 {
    if !arch.is_64bit() && release >= Release::new(4, 13) {
        return 0x0040_0000;
    }
    (match arch {
        Arch::X86_64 | Arch::I386 | Arch::Ia32 => arch.task_size() / 3 * 2,
        Arch::Arm | Arch::Arm64 => arch.task_size() * 2 / 3,
    }) & !0xfff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        text.parse().unwrap()
    }

    fn input(stack_limit: u64) -> LayoutInput {
        LayoutInput { stack_limit, guard_gap: 1 << 20, randomized: false, offset: 0, legacy: false }
    }

    #[test]
    fn bases_with_a_stack_of_8_mib_are_the_measured_ones() {
        for (of, arch, base) in [
            ("6.18", Arch::X86_64, 0x7fff_f7ff_f000),
            ("6.1", Arch::X86_64, 0x7fff_f7ff_f000),
            ("6.1", Arch::Ia32, 0xf7ff_e000),
            ("2.6.18", Arch::I386, 0xb800_0000),
            ("6.1", Arch::I386, 0xb800_0000),
            ("3.6", Arch::Arm, 0xb700_0000),
        ] {
            let layout = layout(release(of), arch, input(8 << 20));
            assert_eq!(layout.mmap_base, base, "{of} {arch:?}");
            assert!(layout.top_down);
        }
    }

    #[test]
    fn the_gap_for_the_stack_has_a_floor_and_a_ceiling() {
        let base = |arch, limit| layout(release("6.18"), arch, input(limit)).mmap_base;
        assert_eq!(base(Arch::Ia32, 1_000_000 << 10), 0xc2e6_e000);
        assert_eq!(base(Arch::Ia32, u64::MAX), 0x02aa_ab000);
        assert_eq!(base(Arch::X86_64, u64::MAX), 0x1555_5555_6000);
        let old = layout(release("4.4"), Arch::X86_64, input(u64::MAX));
        assert_eq!((old.mmap_base, old.top_down), (0x2aaa_aaaa_b000, false));
    }

    #[test]
    fn old_kernels_place_from_below() {
        for (of, arch) in [
            ("2.6.8", Arch::I386),
            ("2.6.24", Arch::X86_64),
            ("3.2", Arch::Arm),
            ("2.4.22", Arch::I386),
        ] {
            assert!(!layout(release(of), arch, input(8 << 20)).top_down, "{of} {arch:?}");
        }
    }

    #[test]
    fn programs_start_where_they_were_measured() {
        assert_eq!(pie_base(release("6.18"), Arch::X86_64), 0x5555_5555_4000);
        assert_eq!(pie_base(release("4.12"), Arch::I386), 0x8000_0000);
        assert_eq!(pie_base(release("4.13"), Arch::I386), 0x0040_0000);
        assert_eq!(pie_base(release("4.12"), Arch::Arm), 0x7f55_5000);
        assert_eq!(pie_base(release("6.1"), Arch::Arm64), 0xaaaa_aaaa_a000);
    }

    #[test]
    fn room_is_kept_for_a_stack_that_may_be_anywhere() {
        let base = |of: &str, arch, offset| {
            let input = LayoutInput { randomized: true, offset, ..input(8 << 20) };
            layout(release(of), arch, input).mmap_base
        };
        // 8 MiB, 1 MiB of guard and 16 GiB less a page; 128 MiB are less.
        assert_eq!(base("6.18", Arch::X86_64, 0), 0x7ffb_ff70_0000);
        assert_eq!(base("6.18", Arch::X86_64, 4096), 0x7ffb_ff6f_f000);
        assert_eq!(base("4.12", Arch::X86_64, 0), 0x7ffb_f800_0000);
        assert_eq!(base("3.2", Arch::X86_64, 0), 0x7ffe_f800_0000);
        assert_eq!(base("6.18", Arch::I386, 0), 0xb800_0000);
        assert_eq!(base("4.4", Arch::Arm64, 0), 0xffff_b800_1000);
        assert_eq!(base("6.1", Arch::Arm64, 0), 0xffff_bf70_1000);
        assert_eq!(base("6.1", Arch::Arm, 0xff000), 0xb6f0_1000);
    }

    #[test]
    fn what_is_placed_from_below_moves_up_but_on_old_32_bit_x86() {
        let base = |of: &str, arch| {
            let input = LayoutInput { randomized: true, offset: 0x5000, ..input(8 << 20) };
            layout(release(of), arch, LayoutInput { legacy: true, ..input }).mmap_base
        };
        assert_eq!(base("2.6.24", Arch::X86_64), 0x2aaa_aaab_0000);
        assert_eq!(base("4.5", Arch::I386), 0x4000_0000);
        assert_eq!(base("4.6", Arch::I386), 0x4000_5000);
    }

    #[test]
    fn alignment_for_huge_pages_came_with_6_7_and_was_narrowed() {
        let of = |text: &str| placement(release(text), Arch::X86_64).huge_align;
        assert_eq!(of("6.1"), HugeAlign::Never);
        assert_eq!(of("6.8"), HugeAlign::Large);
        assert_eq!(of("6.11.11"), HugeAlign::Multiple);
        assert_eq!(of("6.12.107"), HugeAlign::Multiple);
        assert_eq!(of("6.18"), HugeAlign::Multiple);
        assert_eq!(placement(release("6.18"), Arch::Ia32).huge_align, HugeAlign::Never);
    }
}
