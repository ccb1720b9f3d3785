//! `meminfo` as the programs read it: without asking whether a line is as it should be.

use std::io;

use crate::{Machine, ProcFile, text};

/// Most that is read of `meminfo`; the kernel prints about 1.5 KiB.
const MOST: usize = 64 * 1024;

/// The whole text.
pub(crate) fn read(machine: &mut dyn Machine) -> io::Result<Vec<u8>> {
    text::read(machine, ProcFile::Meminfo, MOST)
}
