//! What of which file is in the page cache.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use units::{PageSize, Pid};

use crate::{Kernel, Meminfo, Missing, Name};

/// The page cache, file by file, as far as it was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCache {
    /// The machine, for people; already escaped.
    pub origin: String,
    /// Seconds since the epoch, when it was asked.
    pub taken_at: Option<u64>,
    /// The kernel.
    pub kernel: Kernel,
    /// Size of a page.
    pub page_size: PageSize,
    /// How the kernel was asked.
    pub asked_by: AskedBy,
    /// The paths that were asked about; empty means: the files that processes hold.
    pub paths: Vec<Name>,
    /// Directories in which files of [`PageCache::files`] are; each once.
    pub directories: Vec<Name>,
    /// The files of which a page is in the cache, or of which the kernel remembers an evicted one;
    /// each inode once, however many names or mounts lead to it.
    pub files: Vec<CachedFile>,
    /// The processes that hold one of the files, ascending.
    pub holders: Vec<Holder>,
    /// Files that were asked about, each name once, whether there was something or not.
    pub asked: u64,
    /// Directories that were read.
    pub walked: u64,
    /// What was left alone, and why; by reason.
    pub left_alone: BTreeMap<LeftAlone, Examples>,
    /// Processes whose files could not be seen, for lack of permission.
    pub hidden_processes: u64,
    /// Names of the users that own a file or hold one.
    pub users: BTreeMap<u32, Name>,
    /// The machine's totals, read after the files.
    pub meminfo: Meminfo,
    /// What else could not be read.
    pub missing: Vec<Missing>,
}

/// How the kernel was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    /// `cachestat(2)`, Linux 6.5.
    Cachestat,
    /// `mincore(2)` over a mapping: cached pages alone are known.
    Mincore,
}

/// One file in the page cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFile {
    /// Its directory: a place in [`PageCache::directories`]; `None` for a file that is in none, such
    /// as a memfd.
    pub directory: Option<u32>,
    /// Its name there.
    pub name: Name,
    /// Its length in bytes.
    pub size: u64,
    /// User id of its owner.
    pub uid: u32,
    /// Names that are left on the disk; 0 means that it was deleted and something still holds it.
    pub links: u64,
    /// Where its pages go when memory is needed.
    pub backing: Backing,
    /// Its pages.
    pub pages: CachedPages,
    /// Who holds it.
    pub held_by: Vec<Hold>,
}

/// Where the pages of a file go when memory is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backing {
    /// Back to the filesystem: clean pages are simply dropped.
    Filesystem,
    /// Into swap, and nowhere else: tmpfs, memfd, shared memory.
    Swap,
    /// Nowhere: ramfs.
    Nothing,
}

/// Pages of a file. `None` is unknown: [`AskedBy::Mincore`] does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CachedPages {
    /// In the page cache.
    pub cached: u64,
    /// Of these, changed and not yet written.
    pub dirty: Option<u64>,
    /// Of these, being written.
    pub writeback: Option<u64>,
    /// Evicted since they were cached, and remembered; for shared memory: in swap.
    pub evicted: Option<u64>,
    /// Of the evicted, those evicted so lately that their return would count as thrashing.
    pub recently_evicted: Option<u64>,
}

/// A process that holds files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: Pid,
    /// Its name (`comm`).
    pub name: Option<Name>,
    /// Its user.
    pub uid: Option<u32>,
}

/// How a process holds a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// A place in [`PageCache::holders`].
    pub holder: u32,
    /// By an open file descriptor.
    pub open: bool,
    /// By a mapping.
    pub mapped: bool,
}

/// Why something was not asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftAlone {
    /// The kernel tells of a file's cache only to those who own it or may write it, or the file may
    /// not be opened.
    NotPermitted,
    /// A directory that may not be read.
    DirectoryNotPermitted,
    /// Another filesystem, mounted below a path that was asked about.
    OtherFilesystem,
    /// A filesystem on the network or in a process (FUSE): opening a file there can wait forever.
    Remote,
    /// An overlay below a path that was asked about: its pages are those of its layers.
    Overlay,
    /// A filesystem whose files the kernel makes up: there is no page cache behind them.
    MadeUp,
    /// hugetlbfs: its pages are those of the huge page pool.
    HugePages,
    /// A directory on which something would be mounted by walking into it.
    Automount,
    /// Neither a file nor a directory: a device, a pipe, a socket.
    NotAFile,
    /// A symbolic link among the paths that were asked about; links are not followed.
    SymbolicLink,
    /// A path that was asked about and is not there.
    Absent,
    /// A path of more than 4096 bytes.
    TooLong,
    /// It went away, or became something else, while it was looked at.
    Changed,
    /// So large that asking by `mincore` would keep the kernel busy for seconds.
    TooLarge,
    /// Any other error of the system.
    Failed,
}

/// How many there were of a kind, and the first few.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examples {
    /// How many.
    pub count: u64,
    /// The first few.
    pub first: Vec<Name>,
}

impl Examples {
    /// How many are kept.
    pub const MOST: usize = 3;

    /// One more.
    pub fn add(&mut self, example: impl FnOnce() -> Name) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < Self::MOST {
            self.first.push(example());
        }
    }

    /// Those of another list behind these.
    pub fn append(&mut self, other: Examples) {
        self.count = self.count.saturating_add(other.count);
        let room = Self::MOST.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
    }
}

impl PageCache {
    /// The path of a file.
    pub fn path(&self, file: &CachedFile) -> Name {
        match self.directory(file) {
            None => file.name.clone(),
            Some(dir) => {
                let mut path = dir.as_bytes().to_vec();
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                path.extend_from_slice(file.name.as_bytes());
                Name::new(path)
            }
        }
    }

    /// The directory of a file, if it is in one.
    pub fn directory(&self, file: &CachedFile) -> Option<&Name> {
        self.directories.get(usize::try_from(file.directory?).ok()?)
    }
}
