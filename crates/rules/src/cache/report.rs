//! What the question "which files fill the page cache" is answered with.

use facts::{AskedBy, Backing, LeftAlone, Missing, Name};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Percent, Pid};

use crate::rank::SourceLine;

/// Which files fill the page cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CacheReport {
    /// Name and version of this format: `oomph.cache/1`.
    pub schema: &'static str,
    /// Which machine, and when.
    pub source: SourceLine,
    /// What was asked about.
    pub asked: Asked,
    /// The page cache as the kernel counts it.
    pub machine: MachineCache,
    /// What was found in files.
    pub found: FoundCache,
    /// What of the page cache was not found in files.
    pub rest: Rest,
    /// What a row stands for.
    pub by: By,
    /// The rows, sorted.
    pub rows: Vec<CacheRow>,
    /// Rows that were left out by `--top` or `--min`.
    pub more: MoreRows,
    /// What was not asked about, and why.
    pub left_alone: Vec<LeftRow>,
    /// Processes that may hold files, which could not be seen for lack of permission; their files
    /// lack a holder, and without paths are not found.
    pub hidden_processes: u64,
    /// What else a reader must know to trust the figures, one sentence each.
    pub notes: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Missing>,
}

/// What was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Asked {
    /// The paths; none means the files that processes hold.
    pub paths: Vec<Name>,
    /// How the kernel was asked. Files of an overlay are always asked about by `mincore`.
    pub by: AskedBy,
    /// Files that were asked about.
    pub files: u64,
    /// Directories that were read.
    pub directories: u64,
}

/// The page cache as the kernel counts it, bytes; `null` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MachineCache {
    /// `MemTotal`.
    pub ram: Option<Bytes>,
    /// `Cached` and `Buffers`: pages of files, shared memory and block devices.
    pub page_cache: Option<Bytes>,
    /// `Buffers`: pages of block devices, which hold the metadata of some filesystems.
    pub buffers: Option<Bytes>,
    /// `Shmem`: tmpfs and shared memory. Part of `Cached`, and goes into swap only.
    pub shmem: Option<Bytes>,
}

/// What was found in files, bytes; each inode once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FoundCache {
    /// Files with a page in the cache.
    pub files: u64,
    /// In the cache.
    pub cached: Bytes,
    /// Of this in files of filesystems, which the kernel drops when it needs memory.
    pub in_filesystems: Bytes,
    /// Of this in tmpfs, memfds and shared memory, which the kernel can only swap out.
    pub in_shared_memory: Bytes,
    /// Of this in ramfs, which the kernel can do nothing about.
    pub in_ramfs: Bytes,
    /// Of this in files that were deleted and are still held.
    pub in_deleted: Bytes,
    /// Of this changed and not yet written; `null` when asked by `mincore`.
    pub dirty: Option<Bytes>,
    /// Of this being written; `null` when asked by `mincore`.
    pub writeback: Option<Bytes>,
    /// Evicted and remembered; of shared memory: in swap. `null` when asked by `mincore`.
    pub evicted: Option<Bytes>,
    /// Of the evicted, so lately that their return would count as thrashing.
    pub recently_evicted: Option<Bytes>,
    /// Share of the machine's page cache that was found; `null` when that is unknown.
    pub share: Option<Percent>,
}

/// What of the machine's page cache was not found in files, bytes; `null` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rest {
    /// Pages of block devices.
    pub block_devices: Option<Bytes>,
    /// Shared memory that was not found.
    pub shared_memory: Option<Bytes>,
    /// All else: files that nobody was asked about.
    pub elsewhere: Option<Bytes>,
    /// By how much more was found than the kernel counts; the cache changes while it is looked at.
    pub excess: Option<Bytes>,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// One file.
    File,
    /// The files of one directory.
    Directory,
    /// The files that one process holds; a file of several processes counts for each.
    Process,
    /// The files of one extension: `.so.6` is `so`.
    Extension,
}

/// A row, bytes. `null` is unknown or does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CacheRow {
    /// The path of the file or of the directory, the name of the process, the extension. `null` for
    /// what is in no directory, held by nobody, without extension; and for a process of unknown name.
    pub name: Option<Name>,
    /// The process.
    pub pid: Option<Pid>,
    /// Files with a page in the cache.
    pub files: u64,
    /// In the cache.
    pub cached: Bytes,
    /// Of this, in files that no other process holds; for processes only.
    pub alone: Option<Bytes>,
    /// Share of the machine's page cache.
    pub share: Option<Percent>,
    /// Length of these files.
    pub size: Bytes,
    /// Changed and not yet written.
    pub dirty: Option<Bytes>,
    /// Being written.
    pub writeback: Option<Bytes>,
    /// Evicted and remembered; of shared memory: in swap.
    pub evicted: Option<Bytes>,
    /// Of the evicted, so lately that their return would count as thrashing.
    pub recently_evicted: Option<Bytes>,
    /// Where the pages go when memory is needed; `null` when it differs between the files.
    pub backing: Option<Backing>,
    /// Of `cached`, in files that were deleted and are still held.
    pub deleted: Bytes,
    /// User id of the owner of the file, or of the process.
    pub uid: Option<u32>,
    /// Name of that user.
    pub user: Option<Name>,
    /// How many processes hold the file; for files only.
    pub holders: Option<u64>,
    /// The first of them; for files only.
    pub held_by: Vec<HolderRow>,
}

/// A process that holds a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HolderRow {
    /// Process id.
    pub pid: Pid,
    /// Its name.
    pub name: Option<Name>,
    /// Whether by an open file descriptor.
    pub open: bool,
    /// Whether by a mapping.
    pub mapped: bool,
}

/// Rows that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MoreRows {
    /// How many.
    pub rows: u64,
    /// What is in the cache of them; files of several processes count for each.
    pub cached: Bytes,
}

/// What was not asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftRow {
    /// Why.
    pub why: LeftAlone,
    /// How many.
    pub count: u64,
    /// The first few.
    pub first: Vec<Name>,
}
