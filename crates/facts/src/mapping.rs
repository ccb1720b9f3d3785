//! One mapping of a process: a line of `/proc/PID/maps`, with what `smaps` adds.

use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{Name, Shares};

/// An address. Printed, in text and in JSON, as hexadecimal digits after `0x`: an address above
/// 2⁵³ would lose digits as a number in most readers of JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema)]
#[schemars(with = "String")]
pub struct Address(pub u64);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::LowerHex for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What may be done with a mapping, and whether writes are shared: `rw-p`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, JsonSchema)]
#[schemars(with = "String")]
pub struct Perms(u8);

impl Perms {
    const READ: u8 = 1;
    const WRITE: u8 = 2;
    const EXECUTE: u8 = 4;
    const SHARED: u8 = 8;

    /// As the kernel writes it: `r` or `-`, `w` or `-`, `x` or `-`, `p` or `s`.
    pub fn from_text(text: [u8; 4]) -> Option<Perms> {
        let bit = |found: u8, set: u8, clear: u8, bit: u8| {
            if found == set { Some(bit) } else { (found == clear).then_some(0) }
        };
        Some(Perms(
            bit(text[0], b'r', b'-', Self::READ)?
                | bit(text[1], b'w', b'-', Self::WRITE)?
                | bit(text[2], b'x', b'-', Self::EXECUTE)?
                | bit(text[3], b's', b'p', Self::SHARED)?,
        ))
    }

    /// May be read.
    pub const fn read(self) -> bool {
        self.0 & Self::READ != 0
    }

    /// May be written.
    pub const fn write(self) -> bool {
        self.0 & Self::WRITE != 0
    }

    /// May be executed.
    pub const fn execute(self) -> bool {
        self.0 & Self::EXECUTE != 0
    }

    /// Writes are seen by others (`MAP_SHARED`).
    pub const fn shared(self) -> bool {
        self.0 & Self::SHARED != 0
    }

    /// Nothing may be done with it (`PROT_NONE`).
    pub const fn none(self) -> bool {
        self.0 & (Self::READ | Self::WRITE | Self::EXECUTE) == 0
    }
}

impl fmt::Display for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |on: bool, sign: char, off: char| if on { sign } else { off };
        write!(
            f,
            "{}{}{}{}",
            sign(self.read(), 'r', '-'),
            sign(self.write(), 'w', '-'),
            sign(self.execute(), 'x', '-'),
            sign(self.shared(), 's', 'p'),
        )
    }
}

impl fmt::Debug for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Perms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The device of a mapped file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Device {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// One mapping: addresses that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// First address.
    pub start: Address,
    /// First address after it. Equal to the start for a stack of one page on 2.6.36 to 4.11, where
    /// the guard page at its lower end is not printed.
    pub end: Address,
    /// What may be done with it.
    pub perms: Perms,
    /// Where in the file it begins, bytes. For anonymous mappings 0, or the start address before
    /// 2.6.28 or so.
    pub offset: u64,
    /// Device of the file; 0:0 when there is none.
    pub dev: Device,
    /// Inode of the file; 0 when there is none.
    pub inode: u64,
    /// What the kernel prints behind the inode, blanks and ` (deleted)` included, or nothing. A
    /// newline in a path is printed as `\012`, which a path may also contain as such.
    pub name: Name,
    /// What `smaps` says of it; `None` when only `maps` was read.
    pub shares: Option<Shares>,
    /// `VmFlags` of `smaps` (3.8), as written: two letters each, blanks between them; `None` when
    /// there was no such line.
    pub vmflags: Option<Box<str>>,
}

impl Mapping {
    /// How many addresses.
    pub fn size(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether it maps a file, rather than memory without a name in a file system. Shared anonymous
    /// memory has a file inside the kernel and counts as one here (`/dev/zero (deleted)`).
    pub fn is_file(&self) -> bool {
        self.inode != 0
    }

    /// The codes of `VmFlags`.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        self.vmflags.as_deref().unwrap_or_default().split_ascii_whitespace()
    }

    /// Whether `VmFlags` has this code; `None` when there was no such line.
    pub fn has_flag(&self, code: &str) -> Option<bool> {
        self.vmflags.as_ref()?;
        Some(self.flags().any(|c| c == code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_print_as_they_are_read() {
        for text in ["rwxp", "----", "r-xs", "---p", "--xp", "-w-s"] {
            let bytes: [u8; 4] = text.as_bytes().try_into().unwrap();
            let shown = Perms::from_text(bytes).map(|p| p.to_string());
            assert_eq!(shown.as_deref(), (text != "----").then_some(text));
        }
    }

    #[test]
    fn addresses_above_the_reach_of_floating_numbers_stay_exact() {
        let address = Address(0xffff_ffff_ff60_0000);
        assert_eq!(address.to_string(), "0xffffffffff600000");
    }
}
