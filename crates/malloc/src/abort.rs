//! How glibc ends a process whose heap it finds broken.

use std::fmt;

/// What becomes of a process that misused its heap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abort {
    /// glibc's own sentence, without a line end; if it says nothing, ours.
    pub message: String,
    /// What follows.
    pub end: End,
}

/// How a mistake shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// glibc prints the message on standard error, maps a page to keep it for a debugger, and
    /// raises `SIGABRT`.
    Aborted,
    /// `SIGSEGV`: the memory is not mapped any more.
    Faulted,
    /// glibc does not notice; from here on the heap is broken, and anything may happen.
    Unnoticed,
}

impl Abort {
    pub(crate) fn new(message: &str) -> Abort {
        Abort { message: message.to_owned(), end: End::Aborted }
    }

    pub(crate) fn faulted(message: &str) -> Abort {
        Abort { message: message.to_owned(), end: End::Faulted }
    }

    pub(crate) fn unnoticed(message: &str) -> Abort {
        Abort { message: message.to_owned(), end: End::Unnoticed }
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Abort {}
