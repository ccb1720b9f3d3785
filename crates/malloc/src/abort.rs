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
    /// glibc prints the message on standard error as a line (without its end if it is the debugging library), maps a page to keep it for a debugger, and
    /// raises `SIGABRT`.
    Aborted,
    /// `SIGABRT` without a message: `MALLOC_CHECK_=2` up to 2.26.
    AbortedSilently,
    /// `SIGSEGV`: the memory is not mapped any more.
    Faulted,
    /// glibc does not notice; from here on the heap is broken, and anything may happen.
    Unnoticed,
}

/// A mistake that glibc noticed and let pass, because `MALLOC_CHECK_` was 0 or 1. The call did
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong; [`Rules::complaint`](crate::Rules::complaint) makes the line of it.
    pub message: String,
    /// The block it is about, as the program named it.
    pub addr: u64,
    /// Whether it was printed (level 1) or not (level 0).
    pub printed: bool,
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
