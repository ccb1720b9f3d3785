//! What every source can do: hand out files by name.

use std::cmp::Ordering;

use facts::{Mapping, Missing, Name};
use units::{PageSize, Pid};

use crate::{Place, ProcessPages, Refusal};

/// A machine's files: the live ones, a directory shaped like `/proc`, or a capture.
///
/// Everything above this trait is the same code for all of them.
pub trait Tree {
    /// Reads the whole of a file into `buf`, which is cleared first; on refusal it holds nothing of
    /// use.
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal>;

    /// Reads a file and hands it out in pieces, for files that are too large to hold. What was
    /// handed out before a refusal is not the whole.
    fn read_pieces(
        &mut self,
        place: Place<'_>,
        piece: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        let mut buf = Vec::new();
        self.read(place, &mut buf)?;
        piece(&buf);
        Ok(())
    }

    /// The path of a process's program (`/proc/PID/exe`), where the source tells it.
    fn program(&mut self, _pid: Pid) -> Option<Name> {
        None
    }

    /// The pages of a process. `Unsupported` when the source is not a running machine.
    fn pages(&mut self, _pid: Pid, _mappings: &[Mapping]) -> Result<ProcessPages, Refusal> {
        Err(Refusal::Unsupported)
    }

    /// The processes, ascending.
    fn pids(&mut self) -> Result<Vec<Pid>, Refusal>;

    /// Who owns the directory of a process: its effective user and group, or root when it is not
    /// dumpable. `Gone` when there is no such process; `Absent` when the source does not tell.
    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal>;

    /// What is known about the machine beside its files.
    fn about(&mut self) -> About;

    /// How the address spaces of two live processes compare: equal when they are one and the same,
    /// otherwise in an order that is arbitrary and the same as long as both live. `None` when
    /// nobody can tell.
    fn compare_address_spaces(&mut self, _a: Pid, _b: Pid) -> Option<Ordering> {
        None
    }

    /// What is wrong with the source itself.
    fn problems(&self) -> &[Missing] {
        &[]
    }
}

/// Owner of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// What is known about the machine beside its files. `None` is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Where it comes from, for people; already escaped.
    pub origin: String,
    /// Whether the files are a running kernel's, so that reading them costs that machine.
    pub live: bool,
    /// Whether a file that is not there was not there on the machine. False for captures that hold
    /// only some files.
    pub complete: bool,
    /// Whether the end of a capture is lacking, and processes with it.
    pub cut: bool,
    /// Size of a page.
    pub page_size: Option<PageSize>,
    /// Clock ticks a second in `/proc`.
    pub user_hz: Option<u32>,
    /// Machine, as `uname -m` prints it.
    pub machine: Option<Name>,
    /// Seconds since the epoch, when the files were read.
    pub taken_at: Option<u64>,
    /// Effective user id of the reader.
    pub euid: Option<u32>,
    /// Whether the reader was in the first pid namespace.
    pub first_pid_namespace: Option<bool>,
    /// Where the memory hierarchy is mounted.
    pub memory_mount: Option<Name>,
}
