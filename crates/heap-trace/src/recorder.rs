//! What `oomph trace` needs: the library that records, and which programs it can be loaded into.

use std::fmt;

/// The library, an ELF file; empty where this program was built for another processor than
/// x86-64.
pub const PRELOAD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preload.so"));

/// The variable that tells the library which file to make.
pub const FILE_VARIABLE: &str = "OOMPH_TRACE_FILE";
/// The variable that tells it how many bytes that may have.
pub const LIMIT_VARIABLE: &str = "OOMPH_TRACE_LIMIT";

/// Bytes of the header of a trace.
const HEADER: u64 = 4096;
/// Bytes of a call.
const RECORD: u64 = 32;

/// What a program's file begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A program that glibc's loader loads.
    Glibc,
    /// A script, and the program that runs it.
    Script(String),
}

/// Why a program's calls cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is no program.
    NotElf,
    /// Its file ends early, or makes no sense.
    Damaged,
    /// It is of another kind of processor.
    OtherMachine,
    /// It brings its allocator along: nothing can be put before it.
    Static,
    /// Its loader is not glibc's, and so its allocator is another.
    OtherLoader(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::NotElf => f.write_str("it is neither an ELF file nor a script"),
            Unfit::Damaged => f.write_str("its ELF header is damaged"),
            Unfit::OtherMachine => f.write_str("it is not of a 64-bit x86 machine"),
            Unfit::Static => f.write_str(
                "it is linked statically, so that no library can be loaded before its allocator",
            ),
            Unfit::OtherLoader(loader) => {
                write!(f, "it is loaded by `{}`, which is not glibc's", loader.escape_debug())
            }
        }
    }
}

impl std::error::Error for Unfit {}

/// Looks at the file of a program.
///
/// # Errors
/// Why its calls cannot be recorded.
pub fn program(file: &[u8]) -> Result<Program, Unfit> {
    if let Some(rest) = file.strip_prefix(b"#!") {
        let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
        let mut words = line.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        let first = words.next().ok_or(Unfit::NotElf)?;
        // `#!/usr/bin/env NAME`, where `-S` and variables may come before the name.
        if first.ends_with(b"/env")
            && let Some(name) = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))
        {
            return Ok(Program::Script(text(name)));
        }
        return Ok(Program::Script(text(first)));
    }
    if !file.starts_with(b"\x7fELF") {
        return Err(Unfit::NotElf);
    }
    elf(file)
}

/// `elf(5)`: the program header of type `PT_INTERP` names the loader.
fn elf(file: &[u8]) -> Result<Program, Unfit> {
    const PT_INTERP: u64 = 3;
    const X86_64: u64 = 62;
    if number(file, 4, 1)? != 2 || number(file, 18, 2)? != X86_64 {
        return Err(Unfit::OtherMachine);
    }
    let (table, size, count) = (number(file, 32, 8)?, number(file, 54, 2)?, number(file, 56, 2)?);
    for entry in 0..count {
        let at =
            entry.checked_mul(size).and_then(|at| at.checked_add(table)).ok_or(Unfit::Damaged)?;
        if number(file, at, 4)? != PT_INTERP {
            continue;
        }
        let field = |offset| number(file, at.checked_add(offset).ok_or(Unfit::Damaged)?, 8);
        let name = bytes(file, field(8)?, field(32)?)?;
        let name = name.split(|b| *b == 0).next().unwrap_or_default();
        let base = name.rsplit(|b| *b == b'/').next().unwrap_or_default();
        if base.starts_with(b"ld-linux") || base.starts_with(b"ld-2.") {
            return Ok(Program::Glibc);
        }
        return Err(Unfit::OtherLoader(String::from_utf8_lossy(name).into_owned()));
    }
    Err(Unfit::Static)
}

fn bytes(file: &[u8], at: u64, len: u64) -> Result<&[u8], Unfit> {
    let at = usize::try_from(at).map_err(|_| Unfit::Damaged)?;
    let len = usize::try_from(len).map_err(|_| Unfit::Damaged)?;
    let end = at.checked_add(len).ok_or(Unfit::Damaged)?;
    file.get(at..end).ok_or(Unfit::Damaged)
}

fn number(file: &[u8], at: u64, len: u64) -> Result<u64, Unfit> {
    let mut number = [0; 8];
    let bytes = bytes(file, at, len)?;
    number[..bytes.len()].copy_from_slice(bytes);
    Ok(u64::from_le_bytes(number))
}

/// Bytes of a trace up to its last call, and how many calls these are; the file itself is as long
/// as the recorder made room for. `byte` reads one byte of the file.
///
/// # Errors
/// Those of `byte`.
pub fn length<E>(size: u64, mut byte: impl FnMut(u64) -> Result<u8, E>) -> Result<(u64, u64), E> {
    // Records are written one behind the other, and zeros follow.
    let (mut low, mut high) = (0, size.saturating_sub(HEADER) / RECORD);
    while low < high {
        let middle = low + (high - low) / 2;
        if byte(HEADER + middle * RECORD)? == 0 {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok((HEADER + low * RECORD, low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_trace_is_found_before_the_zeros() {
        for calls in [0, 1, 2, 31, 32] {
            let byte = |at: u64| Ok::<_, ()>(u8::from((at - HEADER) / RECORD < calls));
            let found = length(HEADER + 32 * RECORD, byte);
            assert_eq!(found, Ok((HEADER + calls * RECORD, calls)));
        }
    }

    #[test]
    fn scripts_are_run_by_what_their_first_line_names() {
        let script = |text: &str| program(text.as_bytes());
        assert_eq!(script("#!/bin/sh -e\nx"), Ok(Program::Script("/bin/sh".into())));
        assert_eq!(script("#! /usr/bin/env python3"), Ok(Program::Script("python3".into())));
        assert_eq!(script("#!/usr/bin/env -S A=1 perl -w\n"), Ok(Program::Script("perl".into())));
        assert_eq!(script("#!\n"), Err(Unfit::NotElf));
        assert_eq!(script("hello"), Err(Unfit::NotElf));
    }

    #[test]
    fn a_cut_header_is_damaged_wherever_it_is_cut() {
        let mut file = vec![0_u8; 200];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18] = 62;
        file[32] = 64;
        file[54] = 56;
        file[56] = 1;
        file[64] = 3;
        file[72] = 120;
        file[96] = 20;
        file[120..136].copy_from_slice(b"/lib/ld-linux.so");
        assert_eq!(program(&file), Ok(Program::Glibc));
        for end in 4..140 {
            assert_eq!(program(&file[..end]), Err(Unfit::Damaged), "{end}");
        }
        file[120..136].copy_from_slice(b"/lib/ld-musl.so\0");
        assert_eq!(program(&file), Err(Unfit::OtherLoader("/lib/ld-musl.so".into())));
        file[64] = 1;
        assert_eq!(program(&file), Err(Unfit::Static));
        file[18] = 183;
        assert_eq!(program(&file), Err(Unfit::OtherMachine));
    }
}
