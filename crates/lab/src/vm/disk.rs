//! What is on a machine's disks before it is switched on: swap areas, and an empty file system.
//!
//! The file system is ext4 as `mount(8)` takes it, in its simplest form: no journal, so that nothing is
//! written that the scenario did not ask for; extents; one superblock and no copies
//! (`sparse_super2` without backups), so that all groups but the first look the same.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of a block, and of a page.
pub(super) const BLOCK: u64 = 4096;
/// Blocks of a group: as many as the bits of a block.
const PER_GROUP: u64 = BLOCK * 8;
/// Files of a group.
const INODES: u64 = 256;
const INODE_LEN: u64 = 256;
/// Blocks of a group's table of files.
const TABLE: u64 = INODES * INODE_LEN / BLOCK;

/// The first page of a swap area of `len` bytes beside it, as `mkswap(8)` writes it
/// (`union swap_header` in `include/linux/swap.h`).
pub(super) fn swap_header(len: u64) -> Vec<u8> {
    let mut page = vec![0; 4096];
    let last = u32::try_from(len / BLOCK).unwrap_or(u32::MAX);
    put(&mut page, 1024, &1_u32.to_le_bytes());
    put(&mut page, 1028, &last.to_le_bytes());
    put(&mut page, 4086, b"SWAPSPACE2");
    page
}

/// Bytes of a disk that holds files of these lengths.
pub(super) fn room_for_files(lens: impl Iterator<Item = u64>) -> u64 {
    let content: u64 = lens.map(|len| len.next_multiple_of(BLOCK).saturating_add(BLOCK)).sum();
    // Tables, and a part that nobody but root may use.
    content.saturating_add(content / 8).saturating_add(16 << 20).next_multiple_of(1 << 20)
}

/// Makes an empty file system of `len` bytes.
pub(super) fn make_file_system(disk: &File, len: u64) -> io::Result<()> {
    let blocks = len / BLOCK;
    let groups = blocks.div_ceil(PER_GROUP);
    let descriptors = (groups * 32).div_ceil(BLOCK);
    // The first group's: superblock, descriptors, two maps, table, and the root's block.
    let root_block = 1 + descriptors + 2 + TABLE;
    let mut table = Vec::new();
    let (mut free_blocks, mut free_inodes) = (0, 0);
    for group in 0..groups {
        let start = group * PER_GROUP;
        let len = PER_GROUP.min(blocks - start);
        let maps = if group == 0 { 1 + descriptors } else { 0 };
        let used = maps + 2 + TABLE + u64::from(group == 0);
        if used > len {
            return Err(io::Error::other("the last group of the disk is too small"));
        }
        // Reserved are the first ten, of which the second is the root.
        let used_inodes = if group == 0 { 10 } else { 0 };
        let bits = |used: u64, of: u64| {
            let mut map = vec![0_u8; 4096];
            for bit in (0..used).chain(of..PER_GROUP) {
                if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| map.get_mut(at)) {
                    *byte |= 1 << (bit % 8);
                }
            }
            map
        };
        let at = |block: u64| (start + maps + block) * BLOCK;
        disk.write_all_at(&bits(used, len), at(0))?;
        disk.write_all_at(&bits(used_inodes, INODES), at(1))?;
        free_blocks += len - used;
        free_inodes += INODES - used_inodes;
        let low = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let half = |number: u64| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
        for block in [0, 1, 2] {
            table.extend(low(start + maps + block));
        }
        table.extend(half(len - used));
        table.extend(half(INODES - used_inodes));
        table.extend(half(u64::from(group == 0)));
        table.resize(table.len().next_multiple_of(32), 0);
    }
    disk.write_all_at(&superblock(blocks, groups, free_blocks, free_inodes), 1024)?;
    disk.write_all_at(&table, BLOCK)?;
    disk.write_all_at(&root(root_block), (1 + descriptors + 2) * BLOCK + INODE_LEN)?;
    disk.write_all_at(&root_entries(), root_block * BLOCK)
}

/// `struct ext4_super_block`.
fn superblock(blocks: u64, groups: u64, free_blocks: u64, free_inodes: u64) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    let mut word = |at: usize, number: u64| {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        put(&mut bytes, at, &number.to_le_bytes());
    };
    word(0, groups * INODES);
    word(4, blocks);
    word(12, free_blocks);
    word(16, free_inodes);
    // Blocks and clusters are 1024 << 2 bytes.
    word(24, 2);
    word(28, 2);
    word(32, PER_GROUP);
    word(36, PER_GROUP);
    word(40, INODES);
    // s_magic, and s_state: clean.
    word(56, 0x1_ef53);
    // s_errors: go on.
    word(60, 1);
    word(76, 1);
    // First file of one's own.
    word(84, 11);
    word(88, INODE_LEN);
    // COMPAT_SPARSE_SUPER2; INCOMPAT_FILETYPE and EXTENTS; RO_COMPAT_LARGE_FILE and HUGE_FILE.
    word(92, 0x200);
    word(96, 0x2 | 0x40);
    word(100, 0x2 | 0x8);
    put(&mut bytes, 104, b"oomph scenario\0\0");
    bytes
}

/// The root: a folder of one block, whose first block pointer is at 40.
fn root(block: u64) -> Vec<u8> {
    let mut inode = vec![0; 256];
    put(&mut inode, 0, &0o040_755_u16.to_le_bytes());
    put(&mut inode, 4, &4096_u32.to_le_bytes());
    put(&mut inode, 26, &2_u16.to_le_bytes());
    put(&mut inode, 28, &8_u32.to_le_bytes());
    put(&mut inode, 40, &u32::try_from(block).unwrap_or(0).to_le_bytes());
    inode
}

/// `.` and `..`, which are both the root.
fn root_entries() -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    put(&mut bytes, 0, &[2, 0, 0, 0, 12, 0, 1, 2, b'.']);
    let rest = 4096_u16 - 12;
    let [low, high] = rest.to_le_bytes();
    put(&mut bytes, 12, &[2, 0, 0, 0, low, high, 2, 2, b'.', b'.']);
    bytes
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + what.len()) {
        place.copy_from_slice(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_header_names_its_last_page_and_ends_with_its_magic() {
        let page = swap_header(8 << 20);
        assert_eq!(page.len(), 4096);
        assert_eq!(page[1024..1032], [1, 0, 0, 0, 0, 8, 0, 0]);
        assert_eq!(&page[4086..], b"SWAPSPACE2");
    }

    #[test]
    fn a_file_system_is_one_that_its_checker_finds_nothing_wrong_with() {
        let path = std::env::temp_dir().join(format!("oomph-disk-test-{}", std::process::id()));
        for len in [16 << 20, 300 << 20] {
            let disk = File::create(&path).expect("a file");
            disk.set_len(len).expect("room");
            make_file_system(&disk, len).expect("a file system");
            let tool = std::process::Command::new("e2fsck").arg("-fn").arg(&path).output();
            std::fs::remove_file(&path).expect("was there");
            // Not every machine has the checker; what it would read is compared below.
            let Ok(checked) = tool else { continue };
            let text = String::from_utf8_lossy(&checked.stdout);
            assert!(checked.status.success(), "{text}");
        }
        let bytes = superblock(76_800, 3, 70_000, 700);
        assert_eq!(bytes[56..58], [0x53, 0xef]);
        assert_eq!(bytes[4..8], 76_800_u32.to_le_bytes());
    }
}
