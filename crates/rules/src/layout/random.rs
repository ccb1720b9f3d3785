//! How far the parts of an address space are moved at random, by architecture and release.
//!
//! # What it follows
//! `arch_mmap_rnd()` (`mmap_rnd()` before 4.1) and `arch_randomize_brk()` of each architecture and of
//! `mm/util.c`, `randomize_stack_top()`, `arch_align_stack()`, `load_elf_binary()` in
//! `fs/binfmt_elf.c`, `vdso_addr()` in `arch/x86/entry/vdso/vma.c`. Read from 2.6.25 to 6.18; the
//! ranges of x86-64 are held against the running kernel (`crates/rules/tests/random_layout.rs`).
//!
//! # What it leaves out
//! Where in the stack its pointer begins, and the page of signals of 32-bit ARM. Libraries of 32-bit
//! programs below 16 MiB (exec-shield of vendors).

use facts::Release;

use super::Arch;

const PAGE: u64 = 4096;

/// By how much something may be moved: 0 to `count` − 1 steps, each as likely as the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Number of places.
    pub count: u64,
    /// Bytes from one to the next.
    pub step: u64,
}

impl Spread {
    /// It stays where it is.
    pub const NONE: Spread = Spread { count: 1, step: PAGE };

    const fn pages(count: u64) -> Spread {
        Spread { count, step: PAGE }
    }

    const fn bits(bits: u32) -> Spread {
        Spread::pages(1 << bits)
    }

    /// One of the places, bytes, by a random number.
    pub fn pick(self, random: u64) -> u64 {
        (random % self.count.max(1)).saturating_mul(self.step)
    }

    /// The most that it is moved by, bytes.
    pub const fn most(self) -> u64 {
        self.count.saturating_sub(1).saturating_mul(self.step)
    }
}

/// Where the kernel's own code is mapped for a program (`[vdso]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VdsoPlace {
    /// Where any mapping would go.
    AsMapping,
    /// At random between the stack and the next boundary of 2 MiB.
    AboveStack,
}

/// How the addresses of a program are randomised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Randomness {
    /// Down from where mappings begin otherwise, or up from it in the old layout.
    pub mappings: Spread,
    /// Down from the end of the addresses: the end of the stack.
    pub stack: Spread,
    /// One page more, or not: the stack pointer is moved by up to 8 KiB before its page is rounded.
    pub stack_page: Spread,
    /// Up from the end of the program: where the heap begins, behind `heap_gap`.
    pub heap: Spread,
    /// Bytes left free behind the program before the heap is moved.
    pub heap_gap: u64,
    /// Up from [`pie_base`](super::pie_base): a position-independent program. `None`: it is placed
    /// as a mapping (up to 4.0).
    pub program: Option<Spread>,
    /// `[vdso]`.
    pub vdso: VdsoPlace,
}

/// Bits of `vm.mmap_rnd_bits` (`vm.mmap_rnd_compat_bits` for 32-bit programs of 64-bit kernels): least
/// and what a kernel has by itself, and most.
pub const fn mmap_bits(arch: Arch) -> (u32, u32) {
    match arch {
        Arch::X86_64 => (28, 32),
        Arch::I386 | Arch::Ia32 | Arch::Arm => (8, 16),
        // With 48-bit addresses.
        Arch::Arm64 => (18, 33),
    }
}

/// Whether the number of bits can be set (4.5).
pub fn mmap_bits_can_be_set(release: Release) -> bool {
    release >= Release::new(4, 5)
}

/// The mask of `randomize_stack_top()`, in bytes: also what is kept free for it below the stack.
pub(super) fn stack_mask(release: Release, arch: Arch) -> u64 {
    match arch {
        // 34 bits that were cut to 32 until 4.0 (CVE-2015-1593).
        Arch::X86_64 if release < Release::new(4, 0) => 0xffff_f000,
        Arch::X86_64 => 0x3f_ffff * PAGE,
        Arch::Arm64 => 0x3_ffff * PAGE,
        Arch::I386 | Arch::Ia32 | Arch::Arm => 0x7ff * PAGE,
    }
}

/// What `kernel.randomize_va_space` says: 0 nothing, 1 all but the heap, 2 all; and with how many bits
/// mappings are moved, where it was set.
pub fn randomness(release: Release, arch: Arch, mode: u8, bits: Option<u32>) -> Randomness {
    let since = |major, minor| release >= Release::new(major, minor);
    let old = |minor, patch| release >= Release::old(2, minor, patch);
    let none = Randomness {
        mappings: Spread::NONE,
        stack: Spread::NONE,
        stack_page: Spread::NONE,
        heap: Spread::NONE,
        heap_gap: 0,
        program: Some(Spread::NONE),
        vdso: VdsoPlace::AsMapping,
    };
    // `randomize_va_space` came with 2.6.12.
    if mode == 0 || !old(6, 12) {
        return none;
    }
    let (least, most) = mmap_bits(arch);
    let set = bits.filter(|_| mmap_bits_can_be_set(release));
    let bits = set.unwrap_or(least).clamp(least, most);
    let x86 = matches!(arch, Arch::X86_64 | Arch::I386 | Arch::Ia32);
    // ARM: 2.6.35.
    let has_any = x86 || arch == Arch::Arm64 || old(6, 35);
    if !has_any {
        return none;
    }
    let mappings = match arch {
        // Shifted by a bit, so as not to equal the stack's (`mmap_rnd()`).
        Arch::Arm64 if !since(4, 1) => Spread { count: 1 << 17, step: 2 * PAGE },
        _ => Spread::bits(bits),
    };
    let heap_is_moved = mode > 1 && if x86 { old(6, 25) } else { old(6, 36) };
    let heap = match arch {
        Arch::X86_64 if since(6, 9) => Spread::pages((1 << 30) / PAGE),
        Arch::Arm64 => Spread::pages((1 << 30) / PAGE),
        _ => Spread::pages((32 << 20) / PAGE),
    };
    Randomness {
        mappings,
        stack: Spread::pages(stack_mask(release, arch) / PAGE + 1),
        stack_page: if x86 { Spread::pages(2) } else { Spread::NONE },
        heap: if heap_is_moved { heap } else { Spread::NONE },
        heap_gap: if heap_is_moved && since(6, 10) { PAGE } else { 0 },
        program: since(4, 1).then_some(Spread::bits(bits)),
        vdso: if arch == Arch::X86_64 && !since(6, 11) {
            VdsoPlace::AboveStack
        } else {
            VdsoPlace::AsMapping
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(release: &str, arch: Arch) -> Randomness {
        randomness(release.parse().unwrap(), arch, 2, None)
    }

    #[test]
    fn nothing_moves_when_it_is_switched_off() {
        for arch in [Arch::X86_64, Arch::I386, Arch::Ia32, Arch::Arm, Arch::Arm64] {
            let off = randomness(Release::new(6, 18), arch, 0, Some(32));
            let all = [off.mappings, off.stack, off.stack_page, off.heap];
            assert!(all.iter().all(|spread| spread.most() == 0), "{arch:?}");
            assert_eq!(off.program, Some(Spread::NONE));
        }
    }

    #[test]
    fn mode_1_leaves_the_heap_where_it_is() {
        let some = randomness(Release::new(6, 18), Arch::X86_64, 1, None);
        assert_eq!((some.heap.most(), some.heap_gap), (0, 0));
        assert!(some.mappings.most() > 0);
    }

    #[test]
    fn mappings_move_by_the_bits_of_the_architecture() {
        let pages = |arch| of("6.18", arch).mappings.count;
        assert_eq!(pages(Arch::X86_64), 1 << 28);
        assert_eq!(pages(Arch::Arm64), 1 << 18);
        assert_eq!([pages(Arch::I386), pages(Arch::Ia32), pages(Arch::Arm)], [256; 3]);
    }

    #[test]
    fn bits_are_set_within_their_range_since_4_5() {
        let pages = |release: &str, bits| {
            randomness(release.parse().unwrap(), Arch::X86_64, 2, Some(bits)).mappings.count
        };
        assert_eq!(pages("6.18", 32), 1 << 32);
        assert_eq!(pages("6.18", 40), 1 << 32);
        assert_eq!(pages("4.4", 32), 1 << 28);
    }

    #[test]
    fn the_stack_moves_by_16_gib_on_64_bit_x86_by_4_until_4_0_and_by_8_mib_on_32() {
        let most = |release, arch| of(release, arch).stack.most();
        assert_eq!(most("6.18", Arch::X86_64), 0x3_ffff_f000);
        assert_eq!(most("3.19", Arch::X86_64), 0xffff_f000);
        assert_eq!(most("6.18", Arch::Arm64), 0x3fff_f000);
        assert_eq!(most("2.6.32", Arch::I386), 0x7f_f000);
        assert_eq!(most("6.1", Arch::Arm), 0x7f_f000);
    }

    #[test]
    fn the_heap_moves_by_32_mib_and_on_64_bits_by_1_gib() {
        let most = |release, arch| of(release, arch).heap.most();
        assert_eq!(most("6.8", Arch::X86_64), 0x1ff_f000);
        assert_eq!(most("6.9", Arch::X86_64), 0x3fff_f000);
        assert_eq!(most("4.4", Arch::Arm64), 0x3fff_f000);
        assert_eq!(most("6.18", Arch::I386), 0x1ff_f000);
        assert_eq!(most("2.6.24", Arch::I386), 0);
    }

    #[test]
    fn position_independent_programs_have_a_place_of_their_own_since_4_1() {
        assert_eq!(of("4.0", Arch::X86_64).program, None);
        assert_eq!(of("4.1", Arch::X86_64).program.map(|s| s.count), Some(1 << 28));
    }
}
