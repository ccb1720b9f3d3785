//! Calls and results as text.

use world::{Call, Errno};

use crate::entry::Outcome;

/// A call as strace would print it.
pub(super) fn call(call: &Call) -> String {
    match call {
        Call::Mmap { addr, len, prot, flags, fd, offset } => {
            format!("mmap({}, {len}, {prot}, {flags}, {fd}, {offset:#x})", address(*addr))
        }
        Call::Munmap { addr, len } => format!("munmap({addr:#x}, {len})"),
        Call::Mprotect { addr, len, prot } => format!("mprotect({addr:#x}, {len}, {prot})"),
        Call::Mremap { addr, old_len, new_len, flags, new_addr } => {
            let target = if *new_addr == 0 { String::new() } else { format!(", {new_addr:#x}") };
            format!("mremap({addr:#x}, {old_len}, {new_len}, {flags}{target})")
        }
        Call::Madvise { addr, len, advice } => format!("madvise({addr:#x}, {len}, {advice})"),
        Call::Brk { addr } => format!("brk({})", address(*addr)),
        Call::Mlock { addr, len } => format!("mlock({addr:#x}, {len})"),
        Call::Mlock2 { addr, len, flags } => format!("mlock2({addr:#x}, {len}, {flags:#x})"),
        Call::Munlock { addr, len } => format!("munlock({addr:#x}, {len})"),
        Call::Mlockall { flags } => format!("mlockall({flags})"),
        Call::Munlockall => "munlockall()".to_owned(),
        Call::Msync { addr, len, flags } => format!("msync({addr:#x}, {len}, {flags})"),
        Call::Mincore { addr, len } => format!("mincore({addr:#x}, {len})"),
        Call::Setrlimit { resource, soft, hard } => {
            format!("prlimit64(0, {resource}, {{rlim_cur={soft}, rlim_max={hard}}})")
        }
        other => format!("{other:?}"),
    }
}

fn address(addr: u64) -> String {
    if addr == 0 { "NULL".to_owned() } else { format!("{addr:#x}") }
}

/// What the log says.
pub(super) fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value_text(value),
        Outcome::Error(error) => error.to_string(),
        Outcome::Unknown => "?".to_owned(),
    }
}

/// What the model says.
pub(super) fn answer(answer: Result<u64, Errno>) -> String {
    match answer {
        Ok(value) => value_text(value),
        Err(error) => error.to_string(),
    }
}

fn value_text(value: u64) -> String {
    if value < 4096 { value.to_string() } else { format!("{value:#x}") }
}
