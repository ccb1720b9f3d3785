//! The size of a kernel image, as `size` of binutils adds it up.

use std::io::{self, Read, Seek, SeekFrom};

/// Section headers that are looked at; a kernel has about 80.
const MOST_SECTIONS: u64 = 65_536;
/// `SHF_ALLOC`: the section is in memory when the program runs.
const ALLOC: u64 = 2;

/// Bytes of all sections that are loaded: text, data and bss. `None` when it is no ELF file.
pub(super) fn loaded_bytes(file: &mut (impl Read + Seek + ?Sized)) -> io::Result<Option<u64>> {
    let mut header = [0_u8; 64];
    if file.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let (wide, little) = match header {
        [0x7f, b'E', b'L', b'F', class @ 1..=2, data @ 1..=2, ..] => (class == 2, data == 1),
        _ => return Ok(None),
    };
    let number = |bytes: &[u8]| -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
    };
    let (table, size, count) = if wide {
        (number(&header[40..48]), number(&header[58..60]), number(&header[60..62]))
    } else {
        (number(&header[32..36]), number(&header[46..48]), number(&header[48..50]))
    };
    let least = if wide { 64 } else { 40 };
    if table == 0 || size < least || count > MOST_SECTIONS {
        return Ok(None);
    }
    let mut total = 0_u64;
    let mut section = vec![0_u8; usize::try_from(size).unwrap_or(64)];
    file.seek(SeekFrom::Start(table))?;
    for _ in 0..count {
        file.read_exact(&mut section)?;
        let (flags, bytes) = if wide {
            (number(&section[8..16]), number(&section[32..40]))
        } else {
            (number(&section[8..12]), number(&section[20..24]))
        };
        if flags & ALLOC != 0 {
            total = total.saturating_add(bytes);
        }
    }
    Ok(Some(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn loaded_sections_are_added_up() {
        let mut image = vec![0_u8; 64 + 3 * 64];
        image[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        image[40] = 64;
        image[58] = 64;
        image[60] = 3;
        // The first is loaded, the second is not, the third is and has no contents.
        for (at, flags, size) in [(64, 2, 1000_u16), (128, 0, 50), (192, 3, 24)] {
            image[at + 8] = flags;
            image[at + 32..at + 34].copy_from_slice(&size.to_le_bytes());
        }
        assert_eq!(loaded_bytes(&mut Cursor::new(&image)).unwrap(), Some(1024));
        assert!(loaded_bytes(&mut Cursor::new(&image[..100])).is_err());
    }

    #[test]
    fn a_compressed_kernel_is_no_elf_file() {
        assert_eq!(loaded_bytes(&mut Cursor::new(&[0x1f; 100])).unwrap(), None);
        assert_eq!(loaded_bytes(&mut Cursor::new(b"short")).unwrap(), None);
    }
}
