//! What a log says, entry by entry.

use world::{Call, End, Errno};

/// A log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// In the order in which they ended, which is the order of the lines with their results.
    pub entries: Vec<Entry>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// How many lines there are.
    pub lines: usize,
    /// Whether a line says that a process runs in 32-bit mode.
    pub mode_32bit: bool,
}

/// A call, or what happened to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Line on which it began, from 1.
    pub line: usize,
    /// Line on which it ended; the same, unless it was `<unfinished ...>` in between.
    pub end: usize,
    /// The process or thread. 0 where the log names none.
    pub pid: u32,
    /// What it is.
    pub what: What,
    /// What came of it.
    pub outcome: Outcome,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A call about memory. `file` is what it maps, where the log says so.
    Memory {
        /// The call, as the kernel got it.
        call: Call,
        /// What the descriptor of an `mmap` is of.
        file: FileName,
    },
    /// `execve` or `execveat`, and the path it was given.
    Exec {
        /// As the log prints it, without quotes.
        path: String,
    },
    /// `fork`, `vfork`, `clone`, `clone3`: the result is the child.
    Spawn(Spawn),
    /// A descriptor for a path.
    Open {
        /// The path.
        path: String,
        /// Whether its pages are huge ones of a pool: `MFD_HUGETLB`.
        huge: bool,
        /// Whether it is a memfd that may be executed: not one with `MFD_NOEXEC_SEAL`.
        executable: bool,
    },
    /// `fchmod`.
    Mode {
        /// Of which descriptor.
        fd: i32,
        /// Whether somebody may execute it.
        executable: bool,
    },
    /// A memfd is sealed against being written to: what maps it may not become writable.
    Sealed {
        /// Its descriptor.
        fd: i32,
        /// Only because `F_SEAL_EXEC` implies it of what may be executed.
        implied: bool,
    },
    /// A descriptor is closed.
    Close {
        /// It.
        fd: i32,
    },
    /// `exit` or `exit_group`.
    Exiting,
    /// `+++ exited with 0 +++`, `+++ killed by SIGKILL +++`.
    Ended(End),
    /// `--- SIGCHLD … ---`.
    Signal {
        /// Its name.
        name: String,
    },
    /// A call that changes the address space in a way the model does not have (`io_setup`, `shmat`).
    Outside {
        /// Its name.
        name: String,
    },
    /// Any other call.
    Other {
        /// Its name.
        name: String,
    },
}

/// The file behind a descriptor, as far as the log tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FileName {
    /// No file.
    #[default]
    None,
    /// A descriptor without a name.
    Unnamed,
    /// What `-y` prints, or the path that was opened.
    Path(String),
}

/// How a child shares its parent's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spawn {
    /// It gets a copy.
    Copy,
    /// It uses the same (`CLONE_VM`), as a process of its own: `vfork`, `posix_spawn`.
    Shared,
    /// It is a thread.
    Thread,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It returned this.
    Value(u64),
    /// It failed.
    Error(Errno),
    /// `?`: it did not return, or was interrupted and will be restarted.
    Unknown,
}

/// A line, or a part of one, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its number, from 1.
    pub line: usize,
    /// What was expected.
    pub expected: &'static str,
    /// What was found, shortened.
    pub found: String,
}

impl Problem {
    /// With what was found, cut to a length that a line of a message holds.
    pub(crate) fn new(line: usize, expected: &'static str, found: &str) -> Problem {
        let mut short: String = found.chars().take(60).collect();
        if short.len() < found.len() {
            short.push('…');
        }
        Problem { line, expected, found: short }
    }
}
