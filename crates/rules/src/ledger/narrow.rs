//! Huge pages that kernels of 32 bits lose in `Pss`: which kernels these are. What was lost is
//! [`facts::lost_huge_pages`].

use facts::{Name, Release, Snapshot};

/// Whether this kernel is one of them.
pub(crate) fn loses_huge_pages(snapshot: &Snapshot) -> bool {
    let machine = snapshot.machine.as_ref().map(Name::as_bytes);
    let narrow = matches!(machine, Some(b"i386" | b"i486" | b"i586" | b"i686"));
    narrow && snapshot.kernel.release.is_none_or(|release| release >= Release::new(5, 3))
}
