//! Flags that are asked for together (`GFP_KERNEL` and others).

use facts::Release;

use super::{Config, bits};

/// Every composite any release has had.
pub const COMPOSITES: &[&str] = &[
    "GFP_TRANSHUGE",
    "GFP_TRANSHUGE_LIGHT",
    "GFP_HIGHUSER_MOVABLE",
    "GFP_HIGHUSER_PAGECACHE",
    "GFP_HIGHUSER",
    "GFP_USER_PAGECACHE",
    "GFP_USER",
    "GFP_TEMPORARY",
    "GFP_KERNEL_ACCOUNT",
    "GFP_KERNEL",
    "GFP_NOFS_PAGECACHE",
    "GFP_NOFS",
    "GFP_ATOMIC",
    "GFP_NOIO",
    "GFP_NOWAIT",
    "GFP_IOFS",
    "GFP_DMA",
    "GFP_DMA32",
    "__GFP_RECLAIM",
];

/// The bits of a composite; `None` where the release does not have it.
pub(super) fn value(name: &str, release: Release, config: Config) -> Option<u64> {
    let old = |patch| Release::old(2, 6, patch);
    let new = Release::new;
    let during = |since: Release, until: Release| since <= release && release < until;
    let from = |since: Release| since <= release;
    // A part that the release does not have adds nothing.
    let bit = |name: &str| bits::bit(name, release, config).unwrap_or(0);
    let split = from(new(4, 4));
    let reclaim = if split {
        bit("__GFP_DIRECT_RECLAIM") | bit("__GFP_KSWAPD_RECLAIM")
    } else {
        bit("__GFP_WAIT")
    };
    let noio = reclaim;
    let nofs = noio | bit("__GFP_IO");
    let kernel = nofs | bit("__GFP_FS");
    let user = kernel | bit("__GFP_HARDWALL");
    let highuser = user | bit("__GFP_HIGHMEM");
    let movable = highuser
        | bit("__GFP_MOVABLE")
        | bit("__GFP_SKIP_KASAN_POISON")
        | if from(new(6, 4)) { bit("__GFP_SKIP_KASAN") } else { 0 };
    let huge = movable | bit("__GFP_COMP") | bit("__GFP_NOMEMALLOC") | bit("__GFP_NOWARN");
    let when = |exists: bool, bits: u64| exists.then_some(bits);
    match name {
        "GFP_NOIO" => Some(noio),
        "GFP_NOFS" => Some(nofs),
        "GFP_KERNEL" => Some(kernel),
        "GFP_USER" => Some(user),
        "GFP_HIGHUSER" => Some(highuser),
        "GFP_ATOMIC" => {
            let wakes = if split { bit("__GFP_ATOMIC") | bit("__GFP_KSWAPD_RECLAIM") } else { 0 };
            Some(bit("__GFP_HIGH") | wakes)
        }
        "GFP_NOWAIT" => {
            let quiet = if from(new(6, 8)) { bit("__GFP_NOWARN") } else { 0 };
            when(from(old(16)), if split { bit("__GFP_KSWAPD_RECLAIM") | quiet } else { 0 })
        }
        "GFP_DMA" => Some(bit("__GFP_DMA")),
        "GFP_DMA32" => when(from(old(16)), bit("__GFP_DMA32")),
        "GFP_KERNEL_ACCOUNT" => when(from(new(4, 5)), kernel | bit("__GFP_ACCOUNT")),
        "GFP_HIGHUSER_MOVABLE" => when(from(old(24)), movable),
        "GFP_HIGHUSER_PAGECACHE" => when(during(old(24), old(29)), movable),
        "GFP_USER_PAGECACHE" => when(during(old(24), old(29)), user | bit("__GFP_MOVABLE")),
        "GFP_NOFS_PAGECACHE" => when(during(old(24), old(29)), nofs | bit("__GFP_MOVABLE")),
        "GFP_TEMPORARY" => when(during(old(24), new(4, 14)), kernel | bit("__GFP_RECLAIMABLE")),
        "GFP_IOFS" => when(during(old(34), new(4, 4)), bit("__GFP_IO") | bit("__GFP_FS")),
        "GFP_TRANSHUGE_LIGHT" => when(from(new(4, 8)), huge & !reclaim),
        "GFP_TRANSHUGE" => when(
            from(old(38)),
            if from(new(4, 8)) {
                (huge & !reclaim) | bit("__GFP_DIRECT_RECLAIM")
            } else if from(new(4, 6)) {
                (huge | bit("__GFP_NORETRY")) & !reclaim
            } else if split {
                (huge | bit("__GFP_NORETRY")) & !bit("__GFP_KSWAPD_RECLAIM")
            } else {
                huge | bit("__GFP_NORETRY") | bit("__GFP_NO_KSWAPD")
            },
        ),
        "__GFP_RECLAIM" => when(split, reclaim),
        _ => None,
    }
}
