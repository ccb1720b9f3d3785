//! Plain tars, read tolerantly and written strictly.
//!
//! The reader is our own because the archives that matter are not clean: `smemcap` writes headers
//! with garbage in them and no end, captures are made on machines that are about to die and are cut
//! in the middle, and a capture that somebody mailed may be made to harm. It keeps offsets only and
//! reads a member when it is asked for, so the size of the archive does not matter.
//!
//! # What it follows
//! POSIX.1-1988 `ustar`, the v7 format before it, POSIX.1-2001 `pax` records (`path`, `size`, `uid`,
//! `gid`) and GNU's long names (`L`) and base-256 numbers.
//!
//! # What it leaves out
//! Links, devices, sparse members, several volumes, compression.

mod header;
mod index;
mod tree;
mod write;

pub(crate) use index::NotATar;
pub use tree::TarTree;
pub(crate) use write::{Entry, TarWriter};

/// Tars are made of these.
pub(crate) const BLOCK: usize = 512;

/// Rounded up to whole blocks; `None` on overflow.
fn padded(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(BLOCK as u64)
}

#[cfg(test)]
mod tests;
