//! In which order the kernel looks for names (`__def_gfpflag_names`).

use facts::Release;

use super::Config;

/// Composites, in the order of all releases.
const COMPOSITES: &[&str] = &[
    "GFP_TRANSHUGE",
    "GFP_TRANSHUGE_LIGHT",
    "GFP_HIGHUSER_MOVABLE",
    "GFP_HIGHUSER",
    "GFP_USER",
    "GFP_TEMPORARY",
    "GFP_KERNEL_ACCOUNT",
    "GFP_KERNEL",
    "GFP_NOFS",
    "GFP_ATOMIC",
    "GFP_NOIO",
    "GFP_NOWAIT",
    "GFP_DMA",
];

/// What follows from 4.6 on. Flags of some releases only stand where they stood.
const BY_HAND: &[&str] = &[
    "__GFP_HIGHMEM",
    "GFP_DMA32",
    "__GFP_HIGH",
    "__GFP_ATOMIC",
    "__GFP_IO",
    "__GFP_FS",
    "__GFP_COLD",
    "__GFP_NOWARN",
    "__GFP_REPEAT",
    "__GFP_RETRY_MAYFAIL",
    "__GFP_NOFAIL",
    "__GFP_NORETRY",
    "__GFP_COMP",
    "__GFP_ZERO",
    "__GFP_NOMEMALLOC",
    "__GFP_MEMALLOC",
    "__GFP_HARDWALL",
    "__GFP_THISNODE",
    "__GFP_RECLAIMABLE",
    "__GFP_MOVABLE",
    "__GFP_ACCOUNT",
    "__GFP_NOTRACK",
    "__GFP_WRITE",
    "__GFP_RECLAIM",
    "__GFP_DIRECT_RECLAIM",
    "__GFP_KSWAPD_RECLAIM",
    "__GFP_OTHER_NODE",
    "__GFP_ZEROTAGS",
];

/// Names that only kernels without any had: asked for so that an old mask is told as well.
const BEFORE_NAMES: &[&str] = &[
    "__GFP_WAIT",
    "__GFP_NO_GROW",
    "__GFP_NORECLAIM",
    "__GFP_KMEMCG",
    "__GFP_NOACCOUNT",
    "__GFP_NO_KSWAPD",
];

/// What follows since the list is made from the enum of bits (6.14, told by the commit and not by
/// neighbouring trees).
const BY_BIT: &[&str] = &[
    "GFP_DMA32",
    "__GFP_RECLAIM",
    "__GFP_DMA",
    "__GFP_HIGHMEM",
    "__GFP_DMA32",
    "__GFP_MOVABLE",
    "__GFP_RECLAIMABLE",
    "__GFP_HIGH",
    "__GFP_IO",
    "__GFP_FS",
    "__GFP_ZERO",
    "__GFP_DIRECT_RECLAIM",
    "__GFP_KSWAPD_RECLAIM",
    "__GFP_WRITE",
    "__GFP_NOWARN",
    "__GFP_RETRY_MAYFAIL",
    "__GFP_NOFAIL",
    "__GFP_NORETRY",
    "__GFP_MEMALLOC",
    "__GFP_COMP",
    "__GFP_NOMEMALLOC",
    "__GFP_HARDWALL",
    "__GFP_THISNODE",
    "__GFP_ACCOUNT",
    "__GFP_ZEROTAGS",
];

/// Printed with memory tags only, although the bit of 5.14 to 5.17 is everywhere.
const TAGS: &[&str] = &[
    "__GFP_SKIP_ZERO",
    "__GFP_SKIP_KASAN_POISON",
    "__GFP_SKIP_KASAN_UNPOISON",
    "__GFP_SKIP_KASAN",
];

/// The names in the order the kernel tries them; some of them the release may not have.
pub(super) fn order(release: Release, config: Config) -> impl Iterator<Item = &'static str> {
    let by_bit = release >= Release::new(6, 14);
    let singles = if by_bit { BY_BIT } else { BY_HAND };
    let before: &[&str] = if release < Release::new(4, 6) { BEFORE_NAMES } else { &[] };
    let tags: &[&str] = if config.kasan_hw_tags { TAGS } else { &[] };
    let lockdep: &[&str] = if by_bit && config.lockdep { &["__GFP_NOLOCKDEP"] } else { &[] };
    [COMPOSITES, singles, before, tags, lockdep].into_iter().flatten().copied()
}
