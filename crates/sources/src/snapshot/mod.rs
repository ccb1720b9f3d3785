//! One machine at one moment, from any source.

mod groups;
mod machine;
mod page_size;
mod reader;
mod tasks;

use facts::{Name, Snapshot};

use crate::Tree;
use reader::Reader;

/// What a snapshot is for. Whatever is asked for here costs time on a live machine; `smaps` is
/// never read there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// How much of the kernel's own threads.
    pub kernel_threads: KernelThreads,
    /// Memory cgroups to be read whole, with their ancestors, beside those that have a limit and
    /// those that the reader is in.
    pub groups: Vec<Name>,
    /// Whether all memory cgroups are read whole.
    pub all_groups: bool,
}

/// How much is read of a kernel thread, which has no memory and is never killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelThreads {
    /// `stat`: that it is one, and its name.
    NameOnly,
    /// The same files as of any process.
    Whole,
}

impl Want {
    /// What `status` shows.
    pub fn status() -> Want {
        Want { kernel_threads: KernelThreads::NameOnly, groups: Vec::new(), all_groups: false }
    }

    /// What `rank` shows.
    pub fn rank() -> Want {
        Want { kernel_threads: KernelThreads::Whole, groups: Vec::new(), all_groups: false }
    }

    /// What `ledger` shows.
    pub fn ledger() -> Want {
        Want { kernel_threads: KernelThreads::NameOnly, groups: Vec::new(), all_groups: true }
    }
}

/// Reads a machine.
///
/// Never fails: what could not be read is unknown, and [`Snapshot::missing`] says why. The machine
/// goes on while it is read; the totals come first, because the processes take longest.
pub fn snapshot(tree: &mut dyn Tree, want: &Want) -> Snapshot {
    let about = tree.about();
    let mut snapshot = Snapshot::unknown(about.origin.clone());
    snapshot.machine.clone_from(&about.machine);
    snapshot.taken_at = about.taken_at;
    snapshot.viewpoint.euid = about.euid;
    snapshot.viewpoint.first_pid_namespace = about.first_pid_namespace;
    if let Some(hz) = about.user_hz {
        snapshot.user_hz = hz;
    }
    let mut reader = Reader::new(tree, about.complete);
    machine::read(&mut reader, &mut snapshot, about.page_size);
    let memory = groups::Hierarchy::find(&mut reader, &mut snapshot);
    tasks::read(&mut reader, &mut snapshot, want, memory, about.live);
    groups::read(&mut reader, &mut snapshot, want, memory);
    machine::users(&mut reader, &mut snapshot);
    snapshot.missing = reader.into_missing();
    snapshot
}

#[cfg(test)]
mod tests;
