//! `/proc/PID/pagemap`, `/proc/kpageflags` and `/proc/kpagecount`: eight bytes a page.

use facts::PageEntry;

/// The entries of a piece of `pagemap`; bytes behind the last whole entry are left out.
///
/// `pagemap_read()` in `fs/proc/task_mmu.c`. Entries are in the machine's byte order, and so is
/// `big_endian`: that of the machine that was looked at.
pub fn pagemap(bytes: &[u8], big_endian: bool) -> impl Iterator<Item = PageEntry> + '_ {
    numbers(bytes, big_endian).map(PageEntry)
}

/// The numbers of a piece of `kpageflags` or `kpagecount`; see [`pagemap`].
pub fn numbers(bytes: &[u8], big_endian: bool) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks_exact(8).filter_map(move |chunk| {
        let chunk: [u8; 8] = chunk.try_into().ok()?;
        Some(if big_endian { u64::from_be_bytes(chunk) } else { u64::from_le_bytes(chunk) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_eight_bytes_in_the_machines_order() {
        let bytes = [1, 0, 0, 0, 0, 0, 0, 0x80, 0xff];
        let little: Vec<PageEntry> = pagemap(&bytes, false).collect();
        assert_eq!(little, [PageEntry(1 << 63 | 1)]);
        assert_eq!(numbers(&bytes, true).collect::<Vec<_>>(), [0x0100_0000_0000_0080]);
    }
}
