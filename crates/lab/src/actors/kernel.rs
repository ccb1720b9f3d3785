//! The kernel that actors run on: this machine's, or one in a virtual machine.

use std::fmt::Debug;
use std::io;
use std::rc::Rc;

use world::Observation;

use crate::Files;

/// What the lab asks of a kernel in order to have actors on it. Descriptors and numbers of processes
/// are that kernel's.
pub(crate) trait Kernel: Debug {
    /// An open descriptor; it is closed when the value goes.
    type Handle: Debug;
    /// What is kept of one process between two looks at it.
    type Folder: Debug + Default;

    /// A pair of sockets that keep the bounds of messages.
    fn pair(&self) -> io::Result<(Self::Handle, Self::Handle)>;

    /// Sends one message, with a descriptor if there is one.
    fn send(
        &self,
        socket: &Self::Handle,
        bytes: &[u8],
        along: Option<&Self::Handle>,
    ) -> io::Result<()>;

    /// Receives one message; empty when the other end is closed.
    fn receive(&self, socket: &Self::Handle) -> io::Result<Vec<u8>>;

    /// Sends messages and waits for one answer to each before the next. Fewer answers than messages:
    /// the other end is closed.
    fn exchange(&self, socket: &Self::Handle, messages: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            match self.send(socket, message, None) {
                Ok(()) => {}
                Err(error) if gone(&error) => break,
                Err(error) => return Err(error),
            }
            let answer = self.receive(socket)?;
            if answer.is_empty() {
                break;
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// How a child ended, if it did; with `wait`, when it did.
    fn wait(&self, pid: i32, wait: bool) -> io::Result<Option<WaitStatus>>;

    /// Sends a signal to a child that has not been waited for.
    fn kill(&self, pid: i32, signal: i32);

    /// Writes to a file of `/proc` or of a cgroup.
    fn write(&self, path: &str, text: &str) -> io::Result<()>;

    /// Whether there is such a path.
    fn exists(&self, path: &str) -> bool;

    /// The hard limit that the lab's own process has there.
    fn hard_limit(&self, number: u32) -> u64;

    /// Whether the lab is root there.
    fn is_root(&self) -> bool;

    /// Where memory cgroups of the scenario are; `None`: nowhere.
    fn cgroups(&self) -> Option<Rc<str>>;

    /// The device of a swap area of the scenario's, by its index; `None`: swap is not the scenario's.
    fn swap_area(&self, _area: u8) -> Option<String> {
        None
    }

    /// Whether the kernel itself is no more.
    fn is_over(&self) -> bool {
        false
    }

    /// Whether an actor begins with an `oom_score_adj` that is not 0.
    fn protects_actors(&self) -> bool {
        false
    }

    /// How many accesses of a touch of `count` are asked for at once: all of them, or [`piece_of`] so many
    /// where one may die meanwhile.
    fn piece(&self, count: u64) -> u64 {
        count
    }

    /// Looks at a process.
    fn observe(&self, folder: &mut Self::Folder, pid: i32, files: Files)
    -> io::Result<Observation>;

    /// A file of `/proc`.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// Removes a segment of shared memory.
    fn remove_segment(&self, id: i32);

    /// Lets time pass.
    fn sleep(&self, nanoseconds: u64) -> io::Result<()>;
}

/// Whether the other end of a socket is closed.
pub(crate) fn gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET | libc::ENOTCONN))
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitStatus {
    Exit(i32),
    Signal(i32),
}

impl WaitStatus {
    /// What `wait4(2)` wrote.
    pub(crate) fn from_word(word: i32) -> WaitStatus {
        if libc::WIFSIGNALED(word) {
            WaitStatus::Signal(libc::WTERMSIG(word))
        } else {
            WaitStatus::Exit(libc::WEXITSTATUS(word))
        }
    }
}

/// A part of a touch of `count`, after each of which it is known how far one has come: 256 KiB of pages to
/// 2 MiB.
pub(crate) fn piece_of(count: u64) -> u64 {
    (count / 1024).clamp(64, 512)
}
