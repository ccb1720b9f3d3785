//! One machine at one moment, from any source.

mod groups;
mod machine;
mod page_size;
mod reader;
mod tasks;

use facts::{FreeBlocks, IoRange, Name, Snapshot};

use crate::{About, Place, Tree};
use reader::{Need, Reader};

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
    let (about, mut snapshot) = begin(tree);
    let mut reader = Reader::new(tree, about.complete);
    machine::read(&mut reader, &mut snapshot, about.page_size);
    let memory = groups::Hierarchy::find(&mut reader, &mut snapshot);
    tasks::read(&mut reader, &mut snapshot, want, memory, about.live);
    groups::read(&mut reader, &mut snapshot, want, memory);
    machine::users(&mut reader, &mut snapshot);
    snapshot.missing = reader.into_missing();
    snapshot
}

/// Reads the machine without its processes and groups.
pub fn machine(tree: &mut dyn Tree) -> Snapshot {
    let (about, mut snapshot) = begin(tree);
    let mut reader = Reader::new(tree, about.complete);
    machine::read(&mut reader, &mut snapshot, about.page_size);
    snapshot.missing = reader.into_missing();
    snapshot
}

/// The machine's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Physical {
    /// The machine without its processes and groups.
    pub snapshot: Snapshot,
    /// `/proc/iomem`; `None` when it could not be read.
    pub iomem: Option<Vec<IoRange>>,
    /// `/proc/buddyinfo`; `None` when it could not be read.
    pub buddyinfo: Option<Vec<FreeBlocks>>,
}

/// Reads the machine's memory.
pub fn physical(tree: &mut dyn Tree) -> Physical {
    let mut snapshot = machine(tree);
    let mut reader = Reader::new(tree, true);
    let file = Place::Machine;
    let iomem = reader.read(file("iomem"), Need::Always, proctext::iomem);
    let buddyinfo = reader.read(file("buddyinfo"), Need::Always, proctext::buddyinfo);
    snapshot.missing.append(&mut reader.missing);
    Physical { snapshot, iomem, buddyinfo }
}

/// Reads what the machine is: its kernel and the size of its pages. A source that does not tell
/// the latter is read as [`machine()`] does, to compute it.
pub fn identity(tree: &mut dyn Tree) -> Snapshot {
    let (about, mut snapshot) = begin(tree);
    let Some(page_size) = about.page_size else {
        let mut snapshot = machine(tree);
        // Nobody asked for what else that reads.
        snapshot.missing = tree.problems().to_vec();
        return snapshot;
    };
    snapshot.page_size = page_size;
    snapshot.page_size_known = true;
    let mut reader = Reader::new(tree, about.complete);
    snapshot.kernel = machine::kernel(&mut reader);
    snapshot.missing = reader.into_missing();
    snapshot
}

/// What the source says without being read.
fn begin(tree: &mut dyn Tree) -> (About, Snapshot) {
    let about = tree.about();
    let mut snapshot = Snapshot::unknown(about.origin.clone());
    snapshot.machine.clone_from(&about.machine);
    snapshot.taken_at = about.taken_at;
    snapshot.viewpoint.euid = about.euid;
    snapshot.viewpoint.first_pid_namespace = about.first_pid_namespace;
    snapshot.viewpoint.cut = about.cut;
    if let Some(hz) = about.user_hz {
        snapshot.user_hz = hz;
    }
    (about, snapshot)
}

#[cfg(test)]
mod tests;
