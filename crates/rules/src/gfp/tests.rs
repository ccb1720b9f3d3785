//! Values of composites as the trees of these releases define them, and masks with the names that
//! real kernels printed.
#![expect(clippy::unreadable_literal, reason = "masks stand as the kernel prints them")]

use facts::Release;
use proptest::prelude::*;

use super::*;

/// Release, composite, and its value from that release on.
const DEFINED: &[(Release, &str, Option<u64>)] = &[
    (Release::old(2, 6, 9), "GFP_ATOMIC", Some(0x20)),
    (Release::old(2, 6, 9), "GFP_DMA", Some(0x1)),
    (Release::old(2, 6, 9), "GFP_HIGHUSER", Some(0xd2)),
    (Release::old(2, 6, 9), "GFP_KERNEL", Some(0xd0)),
    (Release::old(2, 6, 9), "GFP_NOFS", Some(0x50)),
    (Release::old(2, 6, 9), "GFP_NOIO", Some(0x10)),
    (Release::old(2, 6, 9), "GFP_USER", Some(0xd0)),
    (Release::old(2, 6, 13), "GFP_HIGHUSER", Some(0x400d2)),
    (Release::old(2, 6, 13), "GFP_USER", Some(0x400d0)),
    (Release::old(2, 6, 16), "GFP_DMA32", Some(0x4)),
    (Release::old(2, 6, 16), "GFP_HIGHUSER", Some(0x200d2)),
    (Release::old(2, 6, 16), "GFP_NOWAIT", Some(0x0)),
    (Release::old(2, 6, 16), "GFP_USER", Some(0x200d0)),
    (Release::old(2, 6, 24), "GFP_HIGHUSER_MOVABLE", Some(0x1200d2)),
    (Release::old(2, 6, 24), "GFP_HIGHUSER_PAGECACHE", Some(0x1200d2)),
    (Release::old(2, 6, 24), "GFP_NOFS_PAGECACHE", Some(0x100050)),
    (Release::old(2, 6, 24), "GFP_TEMPORARY", Some(0x800d0)),
    (Release::old(2, 6, 24), "GFP_USER_PAGECACHE", Some(0x1200d0)),
    (Release::old(2, 6, 29), "GFP_NOFS_PAGECACHE", None),
    (Release::old(2, 6, 29), "GFP_USER_PAGECACHE", None),
    (Release::old(2, 6, 29), "GFP_HIGHUSER_PAGECACHE", None),
    (Release::old(2, 6, 31), "GFP_HIGHUSER_MOVABLE", Some(0x200da)),
    (Release::old(2, 6, 34), "GFP_IOFS", Some(0xc0)),
    (Release::old(2, 6, 38), "GFP_TRANSHUGE", Some(0x4352da)),
    (Release::new(4, 4), "GFP_ATOMIC", Some(0x2080020)),
    (Release::new(4, 4), "GFP_HIGHUSER", Some(0x24200c2)),
    (Release::new(4, 4), "GFP_HIGHUSER_MOVABLE", Some(0x24200ca)),
    (Release::new(4, 4), "GFP_KERNEL", Some(0x24000c0)),
    (Release::new(4, 4), "GFP_NOFS", Some(0x2400040)),
    (Release::new(4, 4), "GFP_NOIO", Some(0x2400000)),
    (Release::new(4, 4), "GFP_NOWAIT", Some(0x2000000)),
    (Release::new(4, 4), "GFP_TEMPORARY", Some(0x24000d0)),
    (Release::new(4, 4), "GFP_TRANSHUGE", Some(0x4352ca)),
    (Release::new(4, 4), "GFP_USER", Some(0x24200c0)),
    (Release::new(4, 4), "__GFP_RECLAIM", Some(0x2400000)),
    (Release::new(4, 4), "GFP_IOFS", None),
    (Release::new(4, 5), "GFP_KERNEL_ACCOUNT", Some(0x25000c0)),
    (Release::new(4, 6), "GFP_TRANSHUGE", Some(0x352ca)),
    (Release::new(4, 8), "GFP_TRANSHUGE", Some(0x4342ca)),
    (Release::new(4, 8), "GFP_TRANSHUGE_LIGHT", Some(0x342ca)),
    (Release::new(4, 10), "GFP_ATOMIC", Some(0x1080020)),
    (Release::new(4, 10), "GFP_HIGHUSER", Some(0x14200c2)),
    (Release::new(4, 10), "GFP_HIGHUSER_MOVABLE", Some(0x14200ca)),
    (Release::new(4, 10), "GFP_KERNEL", Some(0x14000c0)),
    (Release::new(4, 10), "GFP_KERNEL_ACCOUNT", Some(0x15000c0)),
    (Release::new(4, 10), "GFP_NOFS", Some(0x1400040)),
    (Release::new(4, 10), "GFP_NOIO", Some(0x1400000)),
    (Release::new(4, 10), "GFP_NOWAIT", Some(0x1000000)),
    (Release::new(4, 10), "GFP_TEMPORARY", Some(0x14000d0)),
    (Release::new(4, 10), "GFP_USER", Some(0x14200c0)),
    (Release::new(4, 10), "__GFP_RECLAIM", Some(0x1400000)),
    (Release::new(4, 14), "GFP_TEMPORARY", None),
    (Release::new(4, 18), "GFP_ATOMIC", Some(0x480020)),
    (Release::new(4, 18), "GFP_HIGHUSER", Some(0x6200c2)),
    (Release::new(4, 18), "GFP_HIGHUSER_MOVABLE", Some(0x6200ca)),
    (Release::new(4, 18), "GFP_KERNEL", Some(0x6000c0)),
    (Release::new(4, 18), "GFP_KERNEL_ACCOUNT", Some(0x7000c0)),
    (Release::new(4, 18), "GFP_NOFS", Some(0x600040)),
    (Release::new(4, 18), "GFP_NOIO", Some(0x600000)),
    (Release::new(4, 18), "GFP_NOWAIT", Some(0x400000)),
    (Release::new(4, 18), "GFP_TRANSHUGE", Some(0x2342ca)),
    (Release::new(4, 18), "GFP_USER", Some(0x6200c0)),
    (Release::new(4, 18), "__GFP_RECLAIM", Some(0x600000)),
    (Release::new(5, 1), "GFP_ATOMIC", Some(0xa20)),
    (Release::new(5, 1), "GFP_HIGHUSER", Some(0x100cc2)),
    (Release::new(5, 1), "GFP_HIGHUSER_MOVABLE", Some(0x100cca)),
    (Release::new(5, 1), "GFP_KERNEL", Some(0xcc0)),
    (Release::new(5, 1), "GFP_KERNEL_ACCOUNT", Some(0x400cc0)),
    (Release::new(5, 1), "GFP_NOFS", Some(0xc40)),
    (Release::new(5, 1), "GFP_NOIO", Some(0xc00)),
    (Release::new(5, 1), "GFP_NOWAIT", Some(0x800)),
    (Release::new(5, 1), "GFP_TRANSHUGE", Some(0x1c24ca)),
    (Release::new(5, 1), "GFP_TRANSHUGE_LIGHT", Some(0x1c20ca)),
    (Release::new(5, 1), "GFP_USER", Some(0x100cc0)),
    (Release::new(5, 1), "__GFP_RECLAIM", Some(0xc00)),
    (Release::new(5, 14), "GFP_HIGHUSER_MOVABLE", Some(0x1100cca)),
    (Release::new(5, 14), "GFP_TRANSHUGE", Some(0x11c24ca)),
    (Release::new(5, 14), "GFP_TRANSHUGE_LIGHT", Some(0x11c20ca)),
    (Release::new(5, 18), "GFP_HIGHUSER_MOVABLE", Some(0x100cca)),
    (Release::new(5, 18), "GFP_TRANSHUGE", Some(0x1c24ca)),
    (Release::new(5, 18), "GFP_TRANSHUGE_LIGHT", Some(0x1c20ca)),
    (Release::new(6, 3), "GFP_ATOMIC", Some(0x820)),
    (Release::new(6, 8), "GFP_NOWAIT", Some(0x2800)),
];

#[test]
fn composites_have_the_values_of_the_kernels_headers() {
    for &(release, name, expected) in DEFINED {
        assert_eq!(value(name, release, Config::default()), expected, "{name} in {release}");
    }
}

fn check(release: (u16, u16), bits: u64, expected: &str) {
    let release = Release::new(release.0, release.1);
    assert_eq!(names(bits, release, Config::default()), expected);
    assert_eq!(mask(expected, release, Config::default()), Ok(bits), "{expected}");
}

#[test]
fn names_are_those_the_kernel_prints() {
    check((4, 8), 0x24000c0, "GFP_KERNEL");
    check((4, 9), 0x240c0d0, "GFP_TEMPORARY|__GFP_COMP|__GFP_ZERO");
    check((4, 9), 0x240c2c0, "GFP_KERNEL|__GFP_NOWARN|__GFP_COMP|__GFP_ZERO");
    check((4, 13), 0x16080c0, "GFP_KERNEL|__GFP_ZERO|__GFP_NOTRACK");
    check((4, 14), 0x14200ca, "GFP_HIGHUSER_MOVABLE");
    check((4, 18), 0x6280ca, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO");
    check((5, 4), 0x100cca, "GFP_HIGHUSER_MOVABLE");
    check((5, 4), 0xcc4, "GFP_KERNEL|GFP_DMA32");
    check((5, 7), 0x101cc0, "GFP_USER|__GFP_WRITE");
    check((5, 15), 0x1100cca, "GFP_HIGHUSER_MOVABLE");
    check((6, 1), 0x140dca, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO");
    check((6, 8), 0x101c4a, "GFP_NOFS|__GFP_HIGHMEM|__GFP_HARDWALL|__GFP_MOVABLE|__GFP_WRITE");
    check((6, 11), 0x440dc0, "GFP_KERNEL_ACCOUNT|__GFP_COMP|__GFP_ZERO");
    check((5, 4), 0x50cc0, "GFP_KERNEL|__GFP_NORETRY|__GFP_COMP");
    check((7, 1), 0, "");
}

#[test]
fn the_list_made_from_bits_has_its_own_order() {
    check((7, 1), 0x101c4a, "GFP_NOFS|__GFP_HIGHMEM|__GFP_MOVABLE|__GFP_WRITE|__GFP_HARDWALL");
}

#[test]
fn bits_without_a_name_stay_a_number() {
    check((6, 12), 0x1000cc0, "GFP_KERNEL|0x1000000");
    check((6, 5), 0x200, "0x200");
}

#[test]
fn old_masks_are_told_although_their_kernels_did_not() {
    let old = |patch, bits| names(bits, Release::old(2, 6, patch), Config::default());
    assert_eq!(old(18, 0x201d2), "GFP_HIGHUSER|__GFP_COLD");
    assert_eq!(old(32, 0x201da), "GFP_HIGHUSER_MOVABLE|__GFP_COLD");
    assert_eq!(old(32, 0x280da), "GFP_HIGHUSER_MOVABLE|__GFP_ZERO");
    assert_eq!(old(9, 0x1d2), "GFP_HIGHUSER|__GFP_COLD");
}

#[test]
fn options_move_the_highest_bits_since_they_are_an_enum() {
    let release = Release::new(6, 12);
    let tags = Config { kasan_hw_tags: true, lockdep: false };
    let both = Config { kasan_hw_tags: true, lockdep: true };
    let lockdep = Config { kasan_hw_tags: false, lockdep: true };
    assert_eq!(value("__GFP_NO_OBJ_EXT", release, Config::default()), Some(0x100_0000));
    assert_eq!(value("__GFP_NO_OBJ_EXT", release, lockdep), Some(0x200_0000));
    assert_eq!(value("__GFP_NO_OBJ_EXT", release, tags), Some(0x400_0000));
    assert_eq!(value("__GFP_NO_OBJ_EXT", release, both), Some(0x800_0000));
    assert_eq!(value("__GFP_NOLOCKDEP", release, both), Some(0x400_0000));
    assert_eq!(value("__GFP_NOLOCKDEP", release, tags), None);
}

#[test]
fn no_two_flags_share_a_bit() {
    for (major, minor) in (0..=20).map(|n| (4, n)).chain((0..=19).flat_map(|n| [(5, n), (6, n)])) {
        let release = Release::new(major, minor);
        for config in [Config::default(), Config { kasan_hw_tags: true, lockdep: true }] {
            let mut seen = 0;
            for flag in FLAGS {
                let Some(bit) = value(flag, release, config) else { continue };
                assert_eq!(bit.count_ones(), 1, "{flag} in {release}");
                assert_eq!(seen & bit, 0, "{flag} in {release}");
                seen |= bit;
            }
        }
    }
}

#[test]
fn an_unknown_name_is_named() {
    let error = mask("GFP_KERNEL|GFP_FAST", Release::new(6, 1), Config::default()).unwrap_err();
    assert_eq!(error.to_string(), "expected a gfp flag of Linux 6.1.0, found `GFP_FAST`");
}

fn any_release() -> impl Strategy<Value = Release> {
    prop_oneof![
        (9u16..40).prop_map(|patch| Release::old(2, 6, patch)),
        (3u16..8, 0u16..20).prop_map(|(major, minor)| Release::new(major, minor)),
    ]
}

proptest! {
    #[test]
    fn names_give_their_mask_back(bits: u32, release in any_release(), kasan_hw_tags: bool, lockdep: bool) {
        let config = Config { kasan_hw_tags, lockdep };
        let text = names(u64::from(bits), release, config);
        prop_assert_eq!(mask(&text, release, config), Ok(u64::from(bits)));
    }

    #[test]
    fn single_flags_and_the_rest_make_up_the_mask(bits: u32, release in any_release()) {
        let (flags, rest) = flags(u64::from(bits), release, Config::default());
        let all = flags.iter().fold(rest, |all, flag| all | value(flag, release, Config::default()).unwrap_or(0));
        prop_assert_eq!(all, u64::from(bits));
    }
}
