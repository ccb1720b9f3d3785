//! Which files fill the page cache.
//!
//! [`cache()`] sums up what a source found out, file by file, and holds it against what the kernel
//! counts. What the kernel counts as page cache is `Cached` and `Buffers` of `/proc/meminfo`: all
//! pages that belong to an inode, but not the swap cache (`meminfo_proc_show()` in
//! `fs/proc/meminfo.c`). Shared memory is in `Cached`, since it is files inside.

mod group;
mod report;

#[cfg(test)]
mod tests;

use facts::{AskedBy, Backing, CachedFile, Field, PageCache};
use units::{Bytes, Pages, Percent};

use crate::rank::SourceLine;
use group::{Groups, Sum};
pub use report::{
    Asked, By, CacheReport, CacheRow, FoundCache, HolderRow, LeftRow, MachineCache, MoreRows, Rest,
};

/// How the rows are made, chosen and sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// What a row stands for.
    pub by: By,
    /// With [`By::Directory`]: so many steps of the path, and what is below together.
    pub depth: Option<usize>,
    /// What decides the order.
    pub sort: SortBy,
    /// Rows at most.
    pub top: Option<usize>,
    /// Only rows with so much in the cache.
    pub min: Bytes,
}

impl Default for CacheOptions {
    fn default() -> CacheOptions {
        CacheOptions {
            by: By::File,
            depth: None,
            sort: SortBy::Cached,
            top: None,
            min: Bytes::ZERO,
        }
    }
}

/// What decides the order of rows: the largest first, the name from a to z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// What is in the cache.
    Cached,
    /// What is not yet written.
    Dirty,
    /// What was evicted and is remembered.
    Evicted,
    /// The length of the files.
    Size,
    /// How many files.
    Files,
    /// The name.
    Name,
}

/// Holders that are told of one file.
const HOLDERS: usize = 20;

/// Sums up and sorts.
pub fn cache(cache: &PageCache, options: &CacheOptions) -> CacheReport {
    let bytes = |field| cache.meminfo.get(field);
    let (buffers, shmem) = (bytes(Field::Buffers), bytes(Field::Shmem));
    let machine = MachineCache {
        ram: bytes(Field::MemTotal),
        page_cache: bytes(Field::Cached).zip(buffers).map(|(c, b)| c.saturating_add(b)),
        buffers,
        shmem,
    };
    let found = found(cache, machine.page_cache);
    let mut groups = Groups::new(cache, options);
    let all = groups.count();
    groups.choose(options);
    let rows: Vec<CacheRow> = groups.rows(machine.page_cache);
    let shown: Bytes = rows.iter().map(|row| row.cached).sum();
    CacheReport {
        schema: "oomph.cache/1",
        source: source(cache),
        asked: Asked {
            paths: cache.paths.clone(),
            by: cache.asked_by,
            files: cache.asked,
            directories: cache.walked,
        },
        rest: rest(&machine, &found),
        machine,
        found,
        by: options.by,
        more: MoreRows {
            rows: (all.rows).saturating_sub(rows.len() as u64),
            cached: all.cached.saturating_sub(shown),
        },
        rows,
        left_alone: cache
            .left_alone
            .iter()
            .map(|(&why, examples)| LeftRow {
                why,
                count: examples.count,
                first: examples.first.clone(),
            })
            .collect(),
        hidden_processes: cache.hidden_processes,
        notes: notes(cache, options),
        unread: cache.missing.clone(),
    }
}

fn source(cache: &PageCache) -> SourceLine {
    SourceLine {
        origin: cache.origin.clone(),
        kernel: cache.kernel.text.clone(),
        release: cache.kernel.release,
        taken_at: cache.taken_at,
        page_size: cache.page_size.bytes(),
        page_size_known: true,
    }
}

fn found(cache: &PageCache, page_cache: Option<Bytes>) -> FoundCache {
    let bytes = |pages| Pages::new(pages).to_bytes_saturating(cache.page_size);
    let mut sum = Sum::default();
    let (mut in_filesystems, mut in_shared_memory, mut in_ramfs) =
        (Bytes::ZERO, Bytes::ZERO, Bytes::ZERO);
    for file in &cache.files {
        sum.add(file, &bytes);
        let part = match file.backing {
            Backing::Filesystem => &mut in_filesystems,
            Backing::Swap => &mut in_shared_memory,
            Backing::Nothing => &mut in_ramfs,
        };
        *part = part.saturating_add(bytes(file.pages.cached));
    }
    // Where nothing was found nothing is unknown of it, but nothing is known about evictions either.
    let known = |part: Option<Bytes>| part.filter(|_| cache.asked_by == AskedBy::Cachestat);
    FoundCache {
        files: sum.files,
        cached: sum.cached,
        in_filesystems,
        in_shared_memory,
        in_ramfs,
        in_deleted: sum.deleted,
        dirty: known(sum.dirty),
        writeback: known(sum.writeback),
        evicted: known(sum.evicted),
        recently_evicted: known(sum.recently_evicted),
        share: page_cache.and_then(|all| Percent::of(sum.cached.get(), all.get())),
    }
}

fn rest(machine: &MachineCache, found: &FoundCache) -> Rest {
    let shared_memory = machine.shmem.map(|all| all.saturating_sub(found.in_shared_memory));
    let parts = machine
        .buffers
        .zip(shared_memory)
        .map(|(buffers, shared)| [found.cached, buffers, shared].into_iter().sum::<Bytes>());
    let both = machine.page_cache.zip(parts);
    Rest {
        block_devices: machine.buffers,
        shared_memory,
        elsewhere: both.map(|(all, parts)| all.saturating_sub(parts)),
        excess: both.map(|(all, parts)| parts.saturating_sub(all)),
    }
}

fn notes(cache: &PageCache, options: &CacheOptions) -> Vec<String> {
    let mut notes = Vec::new();
    if cache.asked_by == AskedBy::Mincore {
        notes.push(
            "This kernel has no cachestat (Linux 6.5), or a filter refuses it: files were asked \
             about by mincore, which tells only what is cached, and only of files of one's own."
                .to_owned(),
        );
    }
    if options.by == By::Process && cache.files.iter().any(|file| file.held_by.len() > 1) {
        notes.push(
            "A file that several processes hold counts for each of them, so the rows add up to more \
             than was found."
                .to_owned(),
        );
    }
    notes
}

/// The extension of a file: what follows the last dot, but numbers (`libc.so.6` is `so`).
fn extension(name: &[u8]) -> Option<&[u8]> {
    let mut rest = name;
    loop {
        let dot = rest.iter().rposition(|&b| b == b'.')?;
        let (head, tail) = (&rest[..dot], &rest[dot + 1..]);
        // A dot in front is how files are hidden.
        if head.is_empty() {
            return None;
        }
        if !tail.iter().all(u8::is_ascii_digit) {
            return Some(tail);
        }
        rest = head;
    }
}

/// The first `depth` steps of a path; a slash in front is no step.
fn at_depth(path: &[u8], depth: usize) -> &[u8] {
    let mut steps = 0;
    for (at, pair) in path.windows(2).enumerate() {
        if pair[0] != b'/' && pair[1] == b'/' {
            steps += 1;
            if steps == depth {
                return &path[..=at];
            }
        }
    }
    path
}

/// Whether a file was deleted while somebody holds it. Shared memory that never had a name is not
/// called so.
fn is_deleted(file: &CachedFile) -> bool {
    file.links == 0 && file.directory.is_some()
}
