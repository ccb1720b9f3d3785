//! One header block.

use super::BLOCK;

/// A header whose checksum is right. Numbers that are not numbers are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Name, with the prefix of `ustar`.
    pub(super) name: Vec<u8>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) size: Option<u64>,
    pub(super) mtime: Option<u64>,
    /// Type flag, as it is.
    pub(super) kind: u8,
    /// GNU's old sparse format: whether blocks of further holes follow.
    pub(super) sparse_continues: bool,
}

impl Header {
    /// The header in this block, or `None` when the checksum says that it is not one.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Option<Header> {
        let stated = octal(&block[148..156])?;
        let (mut unsigned, mut signed) = (0u64, 0i64);
        for (at, &byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { byte };
            unsigned += u64::from(byte);
            // Some old tars add up signed bytes, and so does smemcap.
            signed += i64::from(byte.cast_signed());
        }
        if stated != unsigned && i64::try_from(stated) != Ok(signed) {
            return None;
        }
        let mut name = Vec::new();
        // GNU keeps other things where POSIX has the prefix, and has another version.
        if &block[257..263] == b"ustar\0" && block[345] != 0 {
            name.extend_from_slice(text(&block[345..500]));
            name.push(b'/');
        }
        name.extend_from_slice(text(&block[..100]));
        Some(Header {
            name,
            uid: number(&block[108..116]),
            gid: number(&block[116..124]),
            size: number(&block[124..136]),
            mtime: number(&block[136..148]),
            kind: block[156],
            sparse_continues: block[482] != 0,
        })
    }
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// Octal digits or, with the top bit set, GNU's big-endian binary.
fn number(field: &[u8]) -> Option<u64> {
    match field.first()? {
        0x80 => field[1..]
            .iter()
            .try_fold(0u64, |sum, &byte| sum.checked_mul(256).map(|sum| sum | u64::from(byte))),
        _ => octal(field),
    }
}

/// Octal digits with blanks before them, up to a blank, a NUL or the end of the field.
///
/// The end of the field counts because smemcap, when it could not open a file, prints numbers with
/// too many digits, and the next field overwrites their NUL.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.iter().skip_while(|&&b| b == b' ' || b == 0);
    let mut value = None;
    for &byte in digits.take_while(|&&b| b != b' ' && b != 0) {
        if !(b'0'..=b'7').contains(&byte) {
            return None;
        }
        value = Some(value.unwrap_or(0u64).checked_mul(8)?.checked_add(u64::from(byte - b'0'))?);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_fields_may_lack_their_end() {
        assert_eq!(octal(b"0000644\0"), Some(0o644));
        assert_eq!(octal(b"60140000"), Some(0o6014_0000));
        assert_eq!(octal(b"   644 \0"), Some(0o644));
        assert_eq!(octal(b"\0\0\0\0\0\0\0\0"), None);
        assert_eq!(octal(b"00006x4\0"), None);
        assert_eq!(octal(b"777777777777777777777777"), None);
    }

    #[test]
    fn large_numbers_may_be_binary() {
        assert_eq!(number(&[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), Some(0xffff_ffff));
        assert_eq!(number(&[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(number(&[0xff; 12]), None);
    }

    #[test]
    fn a_block_of_zeros_is_no_header() {
        assert_eq!(Header::parse(&[0; BLOCK]), None);
    }
}
