//! What a program does to memory without asking.

use std::fmt;

/// How memory is accessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// A load of one byte.
    Read,
    /// A store of one byte.
    Write,
    /// An instruction is fetched: the program jumps there.
    Execute,
}

/// What is written. It matters to KSM, zram and zswap, and to nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Content {
    /// One byte of every touched page becomes 1 (the rest stays as it was).
    #[default]
    OneByte,
    /// Every byte of the page becomes this one.
    Byte(u8),
    /// Every page gets bytes that no other page has, from this seed.
    Random(u64),
}

/// Accesses to some pages, in rising order of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Touch {
    /// Address of the first access.
    pub addr: u64,
    /// How many accesses.
    pub count: u64,
    /// Bytes between two accesses: the page size touches every page.
    pub stride: u64,
    /// How.
    pub access: Access,
    /// What is written, when it is.
    pub content: Content,
}

/// A signal that an access got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Its number: 11 SIGSEGV, 7 SIGBUS, 4 SIGILL, 9 SIGKILL.
    pub signal: u8,
    /// `si_code`: 1 `SEGV_MAPERR`, 2 `SEGV_ACCERR` or `BUS_ADRERR`, 128 `SI_KERNEL`.
    pub code: i32,
    /// `si_addr`.
    pub address: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (self.signal, self.code) {
            (11, 1) => "SIGSEGV SEGV_MAPERR",
            (11, 2) => "SIGSEGV SEGV_ACCERR",
            (11, 4) => "SIGSEGV SEGV_PKUERR",
            (11, 128) => "SIGSEGV SI_KERNEL",
            (7, 2) => "SIGBUS BUS_ADRERR",
            (7, 4) => "SIGBUS BUS_MCEERR_AR",
            (4, 2) => "SIGILL ILL_ILLOPN",
            (signal, code) => {
                return write!(f, "signal {signal} code {code} at {:#x}", self.address);
            }
        };
        write!(f, "{name} at {:#x}", self.address)
    }
}

/// Why accesses ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The access got a signal. The process goes on: its handler skips the rest of the touch.
    Signal(Fault),
    /// The process was killed (SIGKILL), by the OOM killer for one.
    Killed,
}

/// How far accesses came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Touched {
    /// How many accesses were done.
    pub done: u64,
    /// Why the next one was not; `None` when all were done.
    pub stopped: Option<Stop>,
}
