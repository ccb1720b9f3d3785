//! The single flags (`include/linux/gfp.h`, since 6.0 `gfp_types.h`).

use facts::Release;

use super::Config;

const fn v2(patch: u16) -> Release {
    Release::old(2, 6, patch)
}

const fn v(major: u16, minor: u16) -> Release {
    Release::new(major, minor)
}

/// A flag, and its bit from each release on; 0 means that it was gone.
type Spans = (&'static str, &'static [(Release, u64)]);

/// The first release looked at.
const FIRST: Release = v2(9);

/// Releases and bits of all flags with a bit of their own, whatever the kernel's options.
///
/// Where trees of neighbouring releases were not seen, the release is the nearest that was: 2.6.13
/// and 2.6.16 for `HARDWALL`, 2.6.16 for `DMA32`.
const SPANS: &[Spans] = &[
    ("__GFP_DMA", &[(FIRST, 0x1)]),
    ("__GFP_HIGHMEM", &[(FIRST, 0x2)]),
    ("__GFP_DMA32", &[(v2(16), 0x4)]),
    ("__GFP_MOVABLE", &[(v2(24), 0x10_0000), (v2(31), 0x8)]),
    ("__GFP_RECLAIMABLE", &[(v2(24), 0x8_0000), (v(4, 4), 0x10)]),
    ("__GFP_WAIT", &[(FIRST, 0x10), (v(4, 4), 0)]),
    ("__GFP_HIGH", &[(FIRST, 0x20)]),
    ("__GFP_IO", &[(FIRST, 0x40)]),
    ("__GFP_FS", &[(FIRST, 0x80)]),
    ("__GFP_COLD", &[(FIRST, 0x100), (v(4, 15), 0)]),
    ("__GFP_NOWARN", &[(FIRST, 0x200), (v(5, 1), 0x2000)]),
    ("__GFP_REPEAT", &[(FIRST, 0x400), (v(4, 13), 0)]),
    ("__GFP_RETRY_MAYFAIL", &[(v(4, 13), 0x400), (v(5, 1), 0x4000)]),
    ("__GFP_NOFAIL", &[(FIRST, 0x800), (v(5, 1), 0x8000)]),
    ("__GFP_NORETRY", &[(FIRST, 0x1000), (v(5, 1), 0x1_0000)]),
    ("__GFP_NO_GROW", &[(FIRST, 0x2000), (v2(22), 0)]),
    ("__GFP_MEMALLOC", &[(v(3, 6), 0x2000), (v(5, 1), 0x2_0000)]),
    ("__GFP_COMP", &[(FIRST, 0x4000), (v(5, 1), 0x4_0000)]),
    ("__GFP_ZERO", &[(v2(11), 0x8000), (v(5, 1), 0x100)]),
    ("__GFP_NOMEMALLOC", &[(v2(12), 0x1_0000), (v(5, 1), 0x8_0000)]),
    ("__GFP_NORECLAIM", &[(v2(13), 0x2_0000), (v2(16), 0)]),
    ("__GFP_HARDWALL", &[(v2(13), 0x4_0000), (v2(16), 0x2_0000), (v(5, 1), 0x10_0000)]),
    ("__GFP_THISNODE", &[(v2(19), 0x4_0000), (v(5, 1), 0x20_0000)]),
    ("__GFP_KMEMCG", &[(v(3, 8), 0x10_0000), (v(3, 16), 0)]),
    ("__GFP_NOACCOUNT", &[(v(4, 1), 0x10_0000), (v(4, 5), 0)]),
    ("__GFP_ACCOUNT", &[(v(4, 5), 0x10_0000), (v(5, 1), 0x40_0000)]),
    ("__GFP_NOTRACK", &[(v2(31), 0x20_0000), (v(4, 15), 0)]),
    ("__GFP_NO_KSWAPD", &[(v2(38), 0x40_0000), (v(4, 4), 0)]),
    ("__GFP_OTHER_NODE", &[(v2(38), 0x80_0000), (v(4, 10), 0)]),
    ("__GFP_ATOMIC", &[(v(4, 4), 0x8_0000), (v(5, 1), 0x200), (v(6, 3), 0)]),
    ("__GFP_DIRECT_RECLAIM", &[(v(4, 4), 0x40_0000), (v(4, 18), 0x20_0000), (v(5, 1), 0x400)]),
    (
        "__GFP_KSWAPD_RECLAIM",
        &[(v(4, 4), 0x200_0000), (v(4, 10), 0x100_0000), (v(4, 18), 0x40_0000), (v(5, 1), 0x800)],
    ),
    (
        "__GFP_WRITE",
        &[(v(3, 3), 0x100_0000), (v(4, 10), 0x80_0000), (v(4, 18), 0x100), (v(5, 1), 0x1000)],
    ),
    ("__GFP_ZEROTAGS", &[(v(5, 14), 0x80_0000)]),
];

/// Every flag any release has had.
pub const FLAGS: &[&str] = &[
    "__GFP_DMA",
    "__GFP_HIGHMEM",
    "__GFP_DMA32",
    "__GFP_MOVABLE",
    "__GFP_RECLAIMABLE",
    "__GFP_WAIT",
    "__GFP_HIGH",
    "__GFP_IO",
    "__GFP_FS",
    "__GFP_COLD",
    "__GFP_NOWARN",
    "__GFP_REPEAT",
    "__GFP_RETRY_MAYFAIL",
    "__GFP_NOFAIL",
    "__GFP_NORETRY",
    "__GFP_NO_GROW",
    "__GFP_MEMALLOC",
    "__GFP_COMP",
    "__GFP_ZERO",
    "__GFP_NOMEMALLOC",
    "__GFP_NORECLAIM",
    "__GFP_HARDWALL",
    "__GFP_THISNODE",
    "__GFP_KMEMCG",
    "__GFP_NOACCOUNT",
    "__GFP_ACCOUNT",
    "__GFP_NOTRACK",
    "__GFP_NO_KSWAPD",
    "__GFP_OTHER_NODE",
    "__GFP_ATOMIC",
    "__GFP_DIRECT_RECLAIM",
    "__GFP_KSWAPD_RECLAIM",
    "__GFP_WRITE",
    "__GFP_ZEROTAGS",
    "__GFP_NOLOCKDEP",
    "__GFP_SKIP_ZERO",
    "__GFP_SKIP_KASAN_POISON",
    "__GFP_SKIP_KASAN_UNPOISON",
    "__GFP_SKIP_KASAN",
    "__GFP_NO_OBJ_EXT",
];

/// The bit of a flag; `None` where the release or its options do not have it.
pub(super) fn bit(name: &str, release: Release, config: Config) -> Option<u64> {
    let spans = SPANS.iter().find(|(known, _)| *known == name).map(|(_, spans)| *spans);
    match spans {
        Some(spans) => latest(spans, release),
        None => optional(name, release, config),
    }
}

fn latest(spans: &[(Release, u64)], release: Release) -> Option<u64> {
    spans.iter().rev().find(|(since, _)| *since <= release).map(|(_, bit)| *bit).filter(|b| *b != 0)
}

/// Flags that exist only with certain options, above all others. Since 6.9 they are an enum: the
/// bits of those that exist follow one another.
fn optional(name: &str, release: Release, config: Config) -> Option<u64> {
    if release >= v(6, 9) {
        let mut next = 0x100_0000;
        let in_order = [
            ("__GFP_SKIP_ZERO", config.kasan_hw_tags),
            ("__GFP_SKIP_KASAN", config.kasan_hw_tags),
            ("__GFP_NOLOCKDEP", config.lockdep),
            // To 6.18 with CONFIG_SLAB_OBJ_EXT, which memory cgroups select.
            ("__GFP_NO_OBJ_EXT", release >= v(6, 10)),
        ];
        for (known, exists) in in_order {
            if known == name {
                return exists.then_some(next);
            }
            if exists {
                next <<= 1;
            }
        }
        return None;
    }
    let kasan: &[(Release, u64)] = match name {
        "__GFP_NOLOCKDEP" => {
            let spans = [
                (v(4, 12), 0x200_0000),
                (v(4, 18), 0x80_0000),
                (v(5, 14), 0x200_0000),
                (v(5, 18), 0x800_0000),
                (v(6, 4), 0x400_0000),
            ];
            return latest(&spans, release).filter(|_| config.lockdep);
        }
        // Of all kernels from 5.14 to 5.17, with or without tags.
        "__GFP_SKIP_KASAN_POISON" if release < v(5, 18) => {
            return latest(&[(v(5, 14), 0x100_0000)], release);
        }
        "__GFP_SKIP_ZERO" => &[(v(5, 18), 0x100_0000)],
        "__GFP_SKIP_KASAN_UNPOISON" => &[(v(5, 18), 0x200_0000), (v(6, 4), 0)],
        "__GFP_SKIP_KASAN_POISON" => &[(v(5, 18), 0x400_0000), (v(6, 4), 0)],
        "__GFP_SKIP_KASAN" => &[(v(6, 4), 0x200_0000)],
        _ => return None,
    };
    latest(kasan, release).filter(|_| config.kasan_hw_tags)
}
