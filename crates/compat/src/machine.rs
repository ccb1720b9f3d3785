//! Where the programs find what they print: the files of a machine, and what surrounds a command.

use std::io::{self, Read, Seek};
use std::time::Duration;

use units::Pid;

/// A file of the machine that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcFile {
    /// `meminfo`.
    Meminfo,
    /// `PID/cmdline`.
    Cmdline(Pid),
    /// `PID/stat`.
    Stat(Pid),
    /// `PID/status`.
    Status(Pid),
    /// `PID/maps`. Where it is absent, the lines of `smaps` that are not about sizes stand for it.
    Maps(Pid),
    /// `PID/smaps`. Reading it walks page tables.
    Smaps(Pid),
}

/// The machine that is looked at: live or stored.
pub trait Machine {
    /// The processes, in any order.
    fn pids(&mut self) -> io::Result<Vec<Pid>>;

    /// Reads a file and hands it out in pieces of any size, in order. The programs here hold no large
    /// file whole. What was handed out before an error is the start of the file.
    fn read(&mut self, file: ProcFile, piece: &mut dyn FnMut(&[u8])) -> io::Result<()>;

    /// The user id that owns the directory of the process; `None` when that is not known.
    fn owner(&mut self, pid: Pid) -> Option<u32>;

    /// The name of a user, as the machine calls it.
    fn user_name(&mut self, uid: u32) -> Option<Vec<u8>>;
}

/// A stored file that can be read at any place.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// What surrounds a command on the computer that runs it.
pub trait Host {
    /// Another machine, named by `smem -S`. The error is a sentence.
    fn source(&mut self, spec: &str) -> Result<Box<dyn Machine>, String>;

    /// A file that the user names: the kernel image of `smem -K`, the rc file of `pmap -C`.
    fn file(&mut self, path: &str) -> io::Result<Box<dyn ReadSeek>>;

    /// The home directory, where `pmap -c` looks for its rc file.
    fn home(&self) -> Option<String>;

    /// Columns of the terminal that standard input is, if it is one.
    fn columns(&self) -> Option<usize>;

    /// Whether the locale's characters are UTF-8.
    fn utf8(&self) -> bool;

    /// Waits between two rounds of `free -s`.
    fn sleep(&mut self, time: Duration);
}

/// A machine of which every file has the same text, for tests.
#[cfg(test)]
pub(crate) struct OneFile(pub(crate) Vec<u8>);

#[cfg(test)]
impl Machine for OneFile {
    fn pids(&mut self) -> io::Result<Vec<Pid>> {
        Ok(vec![Pid::new(1)])
    }

    fn read(&mut self, _: ProcFile, piece: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.0.chunks(7).for_each(piece);
        Ok(())
    }

    fn owner(&mut self, _: Pid) -> Option<u32> {
        None
    }

    fn user_name(&mut self, _: u32) -> Option<Vec<u8>> {
        None
    }
}
