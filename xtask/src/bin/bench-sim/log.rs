//! A log as strace writes it, of a program that does nothing but map and unmap.

use std::error::Error;
use std::fmt::Write;

use super::model::Model;
use super::trace::{self, Event};
use world::Call;

const SLOTS: usize = 1700;

/// A log of so many lines.
pub(super) fn write(lines: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut model = Model::start()?;
    let mut text =
        String::from("execve(\"/bin/bench\", [\"bench\"], 0x7ffe0000 /* 0 vars */) = 0\n");
    writeln!(text, "brk(NULL) = {:#x}", model.brk())?;
    let mut written = 2;
    let start = (0..SLOTS).map(Event::Map);
    for event in start.chain(trace::events(SLOTS, lines + lines / 4)) {
        if written == lines {
            break;
        }
        let Some((call, value)) = model.perform(event)? else { continue };
        match call {
            Call::Mmap { len, prot, flags, .. } => {
                writeln!(text, "mmap(NULL, {len}, {prot}, {flags}, -1, 0) = {value:#x}")?;
            }
            Call::Munmap { addr, len } => writeln!(text, "munmap({addr:#x}, {len}) = {value}")?,
            Call::Mprotect { addr, len, prot } => {
                writeln!(text, "mprotect({addr:#x}, {len}, {prot}) = {value}")?;
            }
            Call::Brk { addr } => writeln!(text, "brk({addr:#x}) = {value:#x}")?,
            other => return Err(format!("no line for {other:?}").into()),
        }
        written += 1;
    }
    Ok(text.into_bytes())
}

/// Each line on its own: the floor.
pub(super) fn copied(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

pub(super) fn count_lines(text: &[u8]) -> usize {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count()
}
