//! Files, open files, and the memory objects that are files inside the kernel.

use crate::frames::{Frame, MOST, file_base};
use crate::page::{PAGE, page_up};
use crate::range_map::RangeSet;
use crate::read_ahead::Window;
use crate::store::Store;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// On a disk.
    Disk,
    /// On a tmpfs.
    Tmpfs,
    /// Made by `memfd_create`.
    Memfd,
    /// Behind a shared anonymous mapping.
    SharedAnon,
    /// A SysV segment.
    SysV,
    /// Huge pages of the pool.
    Hugetlb,
}

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// As `maps` prints it.
    pub(crate) name: String,
    pub(crate) device: (u32, u32),
    pub(crate) inode: u64,
    /// Bytes.
    pub(crate) len: u64,
    pub(crate) kind: FileKind,
    /// Pages promised at creation; `None`: each page is promised when it is made.
    pub(crate) promised: Option<u64>,
    /// Pages of a disk's file that have a place on the disk; the others are holes.
    pub(crate) blocks: RangeSet,
    /// Open files of it.
    pub(crate) opens: u32,
    /// Whether it has a name that outlives its open files.
    pub(crate) linked: bool,
}

impl File {
    /// Whether its pages are shared memory.
    pub(crate) fn is_shmem(&self) -> bool {
        !matches!(self.kind, FileKind::Disk | FileKind::Hugetlb)
    }

    /// Pages up to its end.
    pub(crate) fn pages(&self) -> u64 {
        (page_up(self.len).unwrap_or(u64::MAX) / PAGE).min(MOST)
    }
}

/// An open file (`struct file`).
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) file: usize,
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// `FMODE_NOREUSE`: what is used through it counts as used no longer than it is mapped.
    pub(crate) no_reuse: bool,
    /// What reads of it read ahead.
    pub(crate) window: Window,
    /// Descriptors and mappings that hold it.
    pub(crate) refs: u32,
}

impl Store {
    /// Adds a file.
    pub(crate) fn add_file(&mut self, file: File) -> usize {
        self.files.push(file);
        self.files.len() - 1
    }

    /// Opens a file; nobody holds it yet.
    pub(crate) fn add_open(&mut self, file: usize, read: bool, write: bool) -> usize {
        self.files[file].opens += 1;
        self.opens.push(Open {
            file,
            read,
            write,
            no_reuse: false,
            window: Window::default(),
            refs: 0,
        });
        self.opens.len() - 1
    }

    pub(crate) fn hold(&mut self, open: usize) {
        self.opens[open].refs += 1;
    }

    /// Lets an open file go; with its last user goes what is nameless.
    pub(crate) fn release_open(&mut self, open: usize) {
        let entry = &mut self.opens[open];
        entry.refs = entry.refs.saturating_sub(1);
        if entry.refs > 0 {
            return;
        }
        let file = entry.file;
        self.files[file].opens = self.files[file].opens.saturating_sub(1);
        self.free_if_unused(file);
    }

    /// Frees a file that nobody can reach any more.
    pub(crate) fn free_if_unused(&mut self, file: usize) {
        if self.files[file].opens > 0 || self.files[file].linked {
            return;
        }
        self.drop_huge_file(file);
        self.drop_pages(file, 0, u64::MAX >> 24);
        if let Some(pages) = self.files[file].promised.take() {
            self.forget(pages);
        }
    }

    /// Whether a page of a file is in memory, and for how many pages on.
    pub(crate) fn cached(&self, file: usize, page: u64) -> Option<(u64, Frame)> {
        (page < MOST).then(|| self.frames.map.get(file_base(file) + page)).flatten()
    }

    /// How many pages from `page` on are not in memory, up to `most`.
    pub(crate) fn uncached(&self, file: usize, page: u64, most: u64) -> u64 {
        let at = file_base(file) + page;
        let next = self.frames.map.next_used(at).unwrap_or(u64::MAX);
        (next - at).min(most)
    }

    /// Brings pages of a file into memory, whatever is left of it; false when shared memory gets no promise for them.
    pub(crate) fn fill(&mut self, file: usize, page: u64, count: u64, privileged: bool) -> bool {
        let base = file_base(file) + page;
        let missing = count - self.frames.map.count(base, base + count);
        if missing == 0 {
            return true;
        }
        let shmem = self.files[file].is_shmem();
        if shmem && self.files[file].promised.is_none() && !self.promise(missing, privileged, 0) {
            return false;
        }
        let frame = Frame { swapbacked: shmem, ..Frame::CACHE };
        let mut at = base;
        while at < base + count {
            if let Some((len, _)) = self.frames.map.get(at) {
                at += len;
            } else {
                let next = self.frames.map.next_used(at).unwrap_or(u64::MAX).min(base + count);
                let zone = self.frames.seize(next - at).zone;
                self.frames.add(at, next - at, Frame { zone, ..frame });
                at = next;
            }
        }
        true
    }

    /// Takes pages of a file out of memory; they must not be mapped.
    pub(crate) fn drop_pages(&mut self, file: usize, page: u64, count: u64) {
        let base = file_base(file);
        let end = page.saturating_add(count).min(1 << 40);
        self.dirty_blocks.take(base + page, base + end.max(page));
        let mut gone = self.frames.remove(base + page, base + end);
        gone += self.frames.free_slots(base + page, base + end);
        if let Some(physical) = self.frames.physical.as_deref_mut() {
            physical.shadows.remove(base + page, base + end);
        }
        let file = &self.files[file];
        if file.is_shmem() && file.promised.is_none() {
            self.forget(gone);
        }
    }

    /// Pages of a file are as they are on the disk.
    pub(crate) fn clean(&mut self, file: usize, page: u64, count: u64) {
        if self.files[file].is_shmem() {
            return;
        }
        let base = file_base(file);
        let end = page.saturating_add(count).min(MOST);
        let (first, count) = self.frames.whole(base + page, end.saturating_sub(page));
        self.frames.update(first, count, |frame| frame.dirty = false);
        self.dirty_blocks.take(first, first + count);
    }

    /// Pages that `write` puts into shared memory are marked as referenced.
    pub(crate) fn written(&mut self, file: usize, page: u64, count: u64) {
        let base = file_base(file) + page;
        self.frames.mark_dirty(base, count);
        self.frames.update(base, count, |frame| frame.uptodate = true);
        if self.files[file].is_shmem() {
            self.frames.accessed(base, count);
        } else {
            self.files[file].blocks.add(page, page + count);
            self.dirty_blocks_of(file, page, count);
        }
    }

    /// `ext4_block_zero_page_range()`: the part of a page that the end of a file, or of a hole, lies in
    /// is cleared. A page without a place on the disk is looked up, and that is all.
    pub(crate) fn clear_part(&mut self, file: usize, at: u64) {
        let page = at / PAGE;
        if at.is_multiple_of(PAGE) || page >= MOST {
            return;
        }
        let frame = file_base(file) + page;
        let known = &self.files[file];
        let cached = self.frames.map.get(frame).is_some();
        let shmem = known.is_shmem();
        let placed = shmem || known.blocks.any(page, page + 1);
        if placed {
            self.dirty_blocks_of(file, page, 1);
        }
        if cached {
            if placed {
                self.frames.mark_dirty(frame, 1);
            }
            if !shmem {
                self.frames.accessed(frame, 1);
            }
        } else if !shmem {
            // Its block is read and cleared, but the page as a whole is not known to be read.
            let zone = self.frames.seize(1).zone;
            let looked_up =
                Frame { uptodate: false, referenced: true, dirty: placed, zone, ..Frame::CACHE };
            self.frames.add(frame, 1, looked_up);
        }
    }
}
